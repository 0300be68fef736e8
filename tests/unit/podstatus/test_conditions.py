"""Conditions: reasons and messages word by word, and the times they keep."""

import msgspec
import pytest
from podstatus_builders import (
    NOW,
    NOW_TEXT,
    condition,
    container,
    exited,
    generate,
    pod,
    running,
    runtime,
    sandbox,
    sidecar,
)

from kubelet.api.types import PodCondition, PodReadinessGate, PodStatus
from kubelet.podstatus import ProbeFlags, with_container_flag
from kubelet.podstatus.conditions import containers_ready, initialized
from kubelet.podworkers import Verdict

UNREADY = ProbeFlags(started=True, ready=False)


def test_a_ready_pod():
    status = generate(pod(), runtime(running()))
    for type_ in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        assert condition(status, type_) == ("True", "", "")
    assert {found.observed_generation for found in status.conditions} == {3}
    assert {found.last_transition_time for found in status.conditions} == {NOW_TEXT}


@pytest.mark.parametrize(("of", "seen", "expected"), [
    (pod(container("b"), container("a")), runtime(),
     ("False", "ContainersNotReady", "containers with unready status: [b a]")),
    (pod(policy="Never"), runtime(exited(code=1)), ("False", "PodFailed", "")),
    (pod(policy="Never"), runtime(exited(code=0)), ("False", "PodCompleted", "")),
    (pod(init=(sidecar(),)), runtime(running("side"), running()), ("True", "", "")),
])
def test_containers_ready(of, seen, expected):
    status = generate(of, seen)
    assert condition(status, "ContainersReady") == expected
    assert condition(status, "Ready") == expected


def test_where_nothing_is_known_of_any_container():
    of = pod(init=(container("init"),))
    for found in (containers_ready(of, {}, "Pending"), initialized(of, PodStatus(), {}, "Pending")):
        assert (found.status, found.reason, found.message) == ("False", "UnknownContainerStatuses", "")


def test_an_unready_sidecar_holds_up_readiness():
    status = generate(pod(init=(sidecar(),)), runtime(running("side"), running()), flags={"side": UNREADY})
    assert condition(status, "Ready") == ("False", "ContainersNotReady", "containers with unready status: [side]")


@pytest.mark.parametrize(("others", "expected"), [
    ((), ("False", "ReadinessGatesNotReady",
          'corresponding condition of pod readiness gate "x/gate" does not exist.')),
    ((PodCondition(type="x/gate", status="False"),),
     ("False", "ReadinessGatesNotReady", 'the status of pod readiness gate "x/gate" is not "True", but False')),
    ((PodCondition(type="x/gate", status="True"),), ("True", "", "")),
])
def test_readiness_gates(others, expected):
    of = pod(readiness_gates=(PodReadinessGate(condition_type="x/gate"),), status=PodStatus(conditions=others))
    status = generate(of, runtime(running()))
    assert condition(status, "Ready") == expected
    assert condition(status, "ContainersReady") == ("True", "", "")


@pytest.mark.parametrize(("seen", "expected"), [
    (runtime(), ("False", "ContainersNotInitialized", "containers with incomplete status: [i s]")),
    (runtime(exited("i", 0)), ("False", "ContainersNotInitialized", "containers with incomplete status: [s]")),
    (runtime(exited("i", 0), running("s")), ("True", "", "")),
    (runtime(exited("s", 1), running()), ("True", "", "")),
])
def test_initialized(seen, expected):
    assert condition(generate(pod(init=(container("i"), sidecar("s"))), seen), "Initialized") == expected


def test_initialized_stays_true():
    of = pod(init=(container("i"),))
    before = generate(of, runtime(exited("i", 0), running()))
    after = generate(of, runtime(running("i", at=1_700_001_000, restart_count=1)), before)
    assert condition(after, "Initialized")[0] == "True"


def test_initialized_of_a_completed_pod():
    status = generate(pod(init=(container("i"),), policy="Never"), runtime(exited("i", 0), exited()))
    assert condition(status, "Initialized") == ("True", "PodCompleted", "")


@pytest.mark.parametrize(("sandboxes", "expected"), [
    ((), "False"), ((sandbox(ready=False),), "False"), ((sandbox(ips=()),), "False"), ((sandbox(),), "True"),
    ((sandbox(), sandbox(id="s2")), "False"), ((sandbox(host_network=True),), "False"),
])
def test_ready_to_start_containers(sandboxes, expected):
    status = generate(pod(), runtime(sandboxes=sandboxes))
    assert condition(status, "PodReadyToStartContainers")[0] == expected


def test_times_change_only_with_the_status():
    before = generate(pod(), runtime())
    later = generate(pod(), runtime(running()), before, now=NOW + 60)
    times = {found.type: found.last_transition_time for found in later.conditions}
    assert times["Ready"] == "2023-11-14T22:14:20Z"
    assert times["PodScheduled"] == NOW_TEXT


def test_others_conditions_are_passed_on_and_never_ours():
    theirs = PodCondition(type="example.com/x", status="True", reason="r", last_transition_time="2020-01-01T00:00:00Z")
    stale = PodCondition(type="Ready", status="True")
    status = generate(pod(status=PodStatus(conditions=(theirs, stale))), runtime())
    assert theirs in status.conditions
    assert [found.type for found in status.conditions].count("Ready") == 1
    assert condition(status, "Ready")[0] == "False"


def test_an_evicted_pod_gets_disruption_target_once():
    verdict = Verdict("Failed", "Evicted", "The node was low on resource: memory. ", "TerminationByKubelet")
    status = generate(pod(), runtime(running()), verdict=verdict)
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", verdict.message)
    assert condition(status, "DisruptionTarget") == ("True", "TerminationByKubelet", verdict.message)
    assert condition(status, "Ready") == ("False", "PodFailed", "")
    again = generate(pod(), runtime(), status, pod_terminated=True)
    assert condition(again, "DisruptionTarget")[0] == "True"


def test_a_probes_verdict_changes_readiness_at_once():
    status = generate(pod(), runtime(running()), flags={"app": UNREADY})
    now_ready = with_container_flag(pod(), status, "docker://app-0", NOW + 1, ready=True)
    assert condition(now_ready, "Ready")[0] == "True"
    assert now_ready.container_statuses[0].ready
    assert with_container_flag(pod(), status, "docker://other", NOW + 1, ready=True) == status


def test_a_shutdown_fails_pods_but_for_those_that_had_succeeded():
    verdict = Verdict(reason="Terminated", message="down", disruption_reason="TerminationByKubelet",
                      disruption_message="why", keeps_success=True)
    ended = runtime(exited())
    once = pod(policy="Never")
    stopped = generate(once, runtime(running()), verdict=verdict)
    assert stopped.phase == "Failed"
    assert condition(stopped, "DisruptionTarget") == ("True", "TerminationByKubelet", "why")
    # The API server was still told that it runs; that it ended well when it was told to changes nothing.
    told = msgspec.structs.replace(stopped, phase="Running")
    assert generate(once, ended, told, verdict=verdict, pod_terminated=True).phase == "Failed"
    assert generate(once, ended, verdict=verdict).phase == "Succeeded"
