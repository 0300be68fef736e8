"""Every row of getPhase, as a table."""

import pytest
from podstatus_builders import container, created, exited, generate, pod, running, runtime, sandbox, sidecar

TWO = (container("a"), container("b"))


@pytest.mark.parametrize(("of", "seen", "phase"), [
    (pod(*TWO), None, "Pending"),
    (pod(*TWO), runtime(running("a")), "Pending"),
    (pod(*TWO), runtime(running("a"), created("b")), "Pending"),
    (pod(*TWO), runtime(running("a"), running("b")), "Running"),
    (pod(*TWO), runtime(running("a"), exited("b", 1)), "Running"),
    (pod(*TWO), runtime(exited("a", 0), exited("b", 1)), "Running"),
    (pod(*TWO, policy="Always"), runtime(exited("a", 0), exited("b", 0)), "Running"),
    (pod(*TWO, policy="Never"), runtime(exited("a", 0), exited("b", 0)), "Succeeded"),
    (pod(*TWO, policy="Never"), runtime(exited("a", 0), exited("b", 1)), "Failed"),
    (pod(*TWO, policy="OnFailure"), runtime(exited("a", 0), exited("b", 0)), "Succeeded"),
    (pod(*TWO, policy="OnFailure"), runtime(exited("a", 0), exited("b", 1)), "Running"),
    (pod(*TWO, policy="Never"), runtime(exited("a", 0), running("b")), "Running"),
    (pod(container("a", restart_policy="Never"), policy="Always"), runtime(exited("a", 3)), "Failed"),
    (pod(container("a", restart_policy="Always"), policy="Never"), runtime(exited("a", 3)), "Running"),
])
def test_phase_of_regular_containers(of, seen, phase):
    assert generate(of, seen).phase == phase


@pytest.mark.parametrize(("of", "seen", "phase"), [
    (pod(policy="Always"), runtime(exited(code=0)), "Succeeded"),
    (pod(policy="Always"), runtime(exited(code=137)), "Failed"),
    (pod(policy="OnFailure"), runtime(exited(code=2)), "Failed"),
    (pod(policy="Always", static=True), runtime(exited(code=0)), "Running"),
])
def test_phase_of_a_terminated_pod_ignores_its_restart_policy(of, seen, phase):
    assert generate(of, seen, pod_terminated=True).phase == phase


INIT = (container("i1"), container("i2"))


@pytest.mark.parametrize(("policy", "seen", "phase"), [
    ("Always", runtime(), "Pending"),
    ("Always", runtime(running("i1")), "Pending"),
    ("Always", runtime(exited("i1", 0)), "Pending"),
    ("Always", runtime(exited("i1", 1)), "Pending"),
    ("Never", runtime(exited("i1", 1)), "Failed"),
    ("OnFailure", runtime(exited("i1", 1)), "Pending"),
    ("Never", runtime(exited("i1", 0), exited("i2", 0)), "Pending"),
    ("Never", runtime(exited("i1", 0), exited("i2", 0), running()), "Running"),
    ("Never", runtime(exited("i1", 0), exited("i2", 0), exited()), "Succeeded"),
])
def test_phase_with_init_containers(policy, seen, phase):
    assert generate(pod(init=INIT, policy=policy), seen).phase == phase


@pytest.mark.parametrize(("seen", "phase"), [
    (runtime(running("side")), "Pending"),
    (runtime(running("side"), running("app")), "Running"),
    (runtime(exited("side", 1), running("app")), "Running"),
    (runtime(running("side"), exited("app", 0)), "Running"),
    (runtime(exited("side", 143), exited("app", 0)), "Succeeded"),
    (runtime(exited("side", 0), exited("app", 1)), "Failed"),
])
def test_phase_with_a_sidecar(seen, phase):
    assert generate(pod(init=(sidecar(),), policy="Never"), seen).phase == phase


def test_a_restarting_sidecar_does_not_put_a_pod_that_ran_back_to_pending():
    from kubelet.podstatus import ProbeFlags

    of = pod(init=(sidecar(),))
    flags = {"side": ProbeFlags(started=False, ready=False)}
    assert generate(of, runtime(running("side"), running("app")), flags=flags).phase == "Running"
    assert generate(of, runtime(running("side")), flags=flags).phase == "Pending"


def test_a_sandbox_that_is_gone_counts_for_nothing():
    of = pod(init=(container("i1"),))
    status = generate(of, runtime(exited("i1", 0), sandboxes=(sandbox(ready=False),)))
    assert status.phase == "Pending"
