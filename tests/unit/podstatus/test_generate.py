"""The whole status: phase with reason, addresses, times, and what holds for any input."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from podstatus_builders import (
    NOW,
    NOW_TEXT,
    condition,
    container,
    created,
    exited,
    generate,
    lost,
    pod,
    running,
    runtime,
    sandbox,
    sidecar,
)

from kubelet.api import codec
from kubelet.api.types import HostIP, PodCondition, PodIP, PodStatus, ResourceRequirements
from kubelet.podstatus import ProbeFlags, family_mismatch, rejected_status
from kubelet.podstatus.conditions import OWNED, find, is_terminal
from kubelet.podworkers import Verdict


def test_a_running_pods_status_is_whole():
    status = generate(pod(), runtime(running()))
    assert (status.phase, status.qos_class, status.start_time, status.observed_generation) == \
        ("Running", "BestEffort", NOW_TEXT, 3)
    assert (status.pod_ip, status.pod_ips) == ("10.0.0.5", (PodIP(ip="10.0.0.5"),))
    assert (status.host_ip, status.host_ips) == ("192.0.2.1", (HostIP(ip="192.0.2.1"),))


def test_start_time_is_kept():
    before = PodStatus(phase="Running", start_time="2020-01-01T00:00:00Z")
    assert generate(pod(), runtime(running()), before).start_time == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(("found", "hosts", "expected"), [
    (("10.0.0.5", "fd00::5"), ("192.0.2.1", "2001:db8::1"), ("10.0.0.5", "fd00::5")),
    (("10.0.0.5", "fd00::5"), ("2001:db8::1", "192.0.2.1"), ("fd00::5", "10.0.0.5")),
    (("fd00:0:0::5", "10.0.0.5", "10.0.0.6"), (), ("10.0.0.5", "fd00::5")),
    (("fd00::5",), ("192.0.2.1",), ("fd00::5",)),
    (("garbage",), ("192.0.2.1",), ()),
])
def test_pod_ips_follow_the_nodes_families(found, hosts, expected):
    status = generate(pod(), runtime(running(), sandboxes=(sandbox(ips=found),)), host_ips=hosts)
    assert tuple(ip.ip for ip in status.pod_ips) == expected


def test_a_pod_that_is_over_keeps_its_address():
    before = generate(pod(policy="Never"), runtime(running()))
    after = generate(pod(policy="Never"), runtime(exited(), sandboxes=(sandbox(ready=False, ips=()),)), before)
    assert (after.phase, after.pod_ip) == ("Succeeded", "10.0.0.5")


def test_host_network_pods_have_the_nodes_addresses():
    of = pod(host_network=True)
    seen = runtime(running(), sandboxes=(sandbox(ips=(), host_network=True),))
    first = generate(of, seen)
    assert first.pod_ip == "192.0.2.1"
    dual = generate(of, seen, first, host_ips=("192.0.2.1", "2001:db8::1"))
    assert [ip.ip for ip in dual.pod_ips] == ["192.0.2.1", "2001:db8::1"]
    assert generate(of, seen, dual, host_ips=("192.0.2.9", "2001:db8::1")).pod_ip == "192.0.2.1"


def test_a_deadline_fails_the_pod_with_its_reason():
    verdict = Verdict("Failed", "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
    status = generate(pod(), runtime(running()), verdict=verdict)
    assert (status.phase, status.reason, status.message) == ("Failed", verdict.reason, verdict.message)
    after = generate(pod(), runtime(exited(code=143)), status, pod_terminated=True)
    assert (after.phase, after.reason, after.message) == ("Failed", verdict.reason, verdict.message)


def test_a_preemption_may_become_an_eviction_until_the_api_server_has_heard_of_it():
    preempted = Verdict("Failed", "Preempting", "Preempted in order to admit critical pod", "PreemptionByScheduler")
    evicted = Verdict("Failed", "Evicted", "The node was low on resource: memory. ", "TerminationByKubelet")
    first = generate(pod(), runtime(running()), verdict=preempted)
    second = generate(pod(), runtime(running()), first, verdict=evicted)
    assert (second.phase, second.reason) == ("Failed", "Evicted")
    assert condition(second, "DisruptionTarget") == ("True", "TerminationByKubelet", evicted.message)
    told = generate(pod(status=first), runtime(running()), first, verdict=evicted)
    assert told.reason == "Preempting"


def test_a_reason_goes_with_its_phase():
    before = PodStatus(phase="Pending", reason="Waiting", message="for something")
    assert generate(pod(), runtime(), before).reason == "Waiting"
    assert generate(pod(), runtime(running()), before).reason == ""


@pytest.mark.parametrize("where", ["previous", "api"])
def test_terminal_phases_stay(where):
    over = PodStatus(phase="Failed", reason="Evicted", message="low")
    of = pod(policy="Never", status=over if where == "api" else PodStatus(phase="Running"))
    previous = over if where == "previous" else PodStatus(phase="Running")
    for seen in (runtime(running()), runtime(exited()), runtime()):
        status = generate(of, seen, previous, verdict=Verdict("Succeeded"))
        assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", "low")


def test_rejected_status():
    theirs = PodCondition(type="example.com/x", status="True")
    of = pod(status=PodStatus(phase="Pending", conditions=(theirs, PodCondition(type="Ready", status="True"))))
    status = rejected_status(of, "OutOfcpu", "Node didn't have enough resource: cpu", NOW)
    assert (status.phase, status.reason) == ("Failed", "OutOfcpu")
    assert status.message == "Pod was rejected: Node didn't have enough resource: cpu"
    assert (status.start_time, status.qos_class) == (NOW_TEXT, "BestEffort")
    assert theirs in status.conditions
    assert find(status.conditions, "Ready") is None


def test_pod_level_resources_are_sums():
    of = pod(
        container("a", resources=ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"})),
        container("b", resources=ResourceRequirements(requests={"cpu": "1"}, limits={"cpu": "2"})),
    )
    status = generate(of, runtime())
    assert status.allocated_resources == {"cpu": "1100m", "memory": "64Mi"}
    assert status.resources.limits == {"cpu": "2"}


def test_the_same_facts_give_the_same_status():
    of, seen = pod(init=(container("i"), sidecar())), runtime(exited("i"), running("side"), running())
    first = generate(of, seen)
    assert generate(of, seen, first, now=NOW + 100) == first


# For any input.

_NAMES = ("i", "side", "app", "web")
_STATES = {
    "running": running, "ok": lambda name, **kw: exited(name, 0, **kw), "bad": lambda name, **kw: exited(name, 9, **kw),
    "created": created, "unknown": lost,
}


@st.composite
def runtimes(draw):
    found = []
    for name in _NAMES:
        for life in range(draw(st.integers(0, 3))):
            make = _STATES[draw(st.sampled_from(sorted(_STATES)))]
            found.append(make(name, at=1_700_000_000 + life, restart_count=life))
    sandboxes = tuple(draw(st.lists(st.builds(
        sandbox, ready=st.booleans(), ips=st.sampled_from([(), ("10.0.0.5",), ("fd00::1", "10.0.0.5")]),
        host_network=st.booleans(),
    ), max_size=2)))
    return runtime(*found, sandboxes=sandboxes)


pods = st.builds(
    lambda policy, init, deleted, static, host: pod(
        container("app"), container("web"), init=init, policy=policy, deleted=deleted, static=static,
        host_network=host,
    ),
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.sampled_from([(), (container("i"),), (sidecar(),), (container("i"), sidecar())]),
    st.booleans(), st.booleans(), st.booleans(),
)
contexts = st.fixed_dictionaries({
    "pod_terminated": st.booleans(),
    "flags": st.dictionaries(st.sampled_from(_NAMES), st.builds(ProbeFlags, st.booleans(), st.booleans())),
    "reasons": st.dictionaries(st.sampled_from(_NAMES), st.just(("ErrImagePull", "no"))),
    "verdict": st.sampled_from([None, Verdict("Failed", "Evicted", "low", "TerminationByKubelet")]),
    "host_ips": st.sampled_from([(), ("192.0.2.1",), ("2001:db8::1", "192.0.2.1")]),
})


@given(pods, st.lists(st.tuples(runtimes(), contexts), min_size=1, max_size=5))
def test_invariants_of_every_history(of, steps):
    previous = of.status
    for index, (seen, context) in enumerate(steps):
        status = generate(of, seen, previous, now=NOW + index, **context)
        assert status.phase in ("Pending", "Running", "Succeeded", "Failed")
        if is_terminal(previous.phase):
            verdict = context["verdict"]
            says = verdict if verdict and verdict.phase == previous.phase else previous
            assert (status.phase, status.reason, status.message) == (previous.phase, says.reason, says.message)
        ready = condition(status, "Ready")[0] == "True"
        if ready:
            assert condition(status, "ContainersReady")[0] == "True"
            assert all(found.ready and found.state.running for found in status.container_statuses)
        if is_terminal(status.phase):
            assert not ready
        every = (*status.init_container_statuses, *status.container_statuses)
        assert [found.name for found in status.init_container_statuses] == \
            [found.name for found in of.spec.init_containers]
        assert {found.name for found in status.container_statuses} == {"app", "web"}
        for found in every:
            states = (found.state.running, found.state.waiting, found.state.terminated)
            assert sum(state is not None for state in states) == 1
            assert not found.ready or found.state.running or found.state.terminated.exit_code == 0
        types = [found.type for found in status.conditions]
        assert len(types) == len(set(types))
        for found in status.conditions:
            before = find(previous.conditions, found.type)
            if found.type in OWNED and before and before.status == found.status:
                assert found.last_transition_time == before.last_transition_time
        before_inited = find(previous.conditions, "Initialized")
        if before_inited and before_inited.status == "True":
            assert condition(status, "Initialized")[0] == "True"
        assert status.start_time == (previous.start_time or status.start_time)
        if previous.phase == "Running" and not of.spec.init_containers:
            assert status.phase != "Pending"
        families = [ip.ip.count(":") > 0 for ip in status.pod_ips]
        assert len(families) == len(set(families))
        assert codec.decode(codec.encode(status), PodStatus) == msgspec.convert(
            msgspec.to_builtins(status), PodStatus
        )
        previous = status


@given(pods, runtimes(), contexts)
def test_generation_is_idempotent_once_settled(of, seen, context):
    first = generate(of, seen, **context)
    second = generate(of, seen, first, **context)
    third = generate(of, seen, second, **context)
    assert third.phase == second.phase
    assert [found.state for found in third.container_statuses] == [found.state for found in second.container_statuses]


@pytest.mark.parametrize(("reported", "host_ips", "text"), [
    ("", ("192.0.2.1",), ""), ("192.0.2.9", (), ""), ("192.0.2.9", ("192.0.2.1", "2001:db8::1"), ""),
    ("2001:db8::9", ("192.0.2.1", "2001:db8::1"),
     "Kubelet detected an IPv6 node IP (2001:db8::9), but the cloud provider selected an IPv4 node IP (192.0.2.1); "
     "pass an explicit `--node-ip` to kubelet to fix this."),
    ("192.0.2.9", ("2001:db8::1",),
     "Kubelet detected an IPv4 node IP (192.0.2.9), but the cloud provider selected an IPv6 node IP (2001:db8::1); "
     "pass an explicit `--node-ip` to kubelet to fix this."),
])
def test_a_node_whose_address_family_has_changed_says_so(reported, host_ips, text):
    assert family_mismatch(reported, host_ips) == text
