"""kubelet.explain: one row per reason why a pod is not ready."""

import msgspec
import pytest
from explain_builders import NOW, pod, running, stamp, waiting

from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ObjectMeta,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
)
from kubelet.explain import (
    EventView,
    ManifestProblem,
    NodeHealth,
    PullView,
    StepView,
    VolumeView,
    WorkerView,
    explain,
)
from kubelet.explain.advice import BY_REASON
from kubelet.timeline import Stage


def test_a_crash_is_told_once_though_the_worker_failed_of_it_too():
    last = ContainerStateTerminated(exit_code=3, reason="Error", finished_at=stamp(7))
    message = "back-off 10s restarting failed container=c pod=web_default(u)"
    failed = f'failed to "StartContainer" for "c" with CrashLoopBackOff: "{message}"'
    worker = WorkerView("u", "sync", last_error=failed, next_retry_at=NOW + 3)
    answer = explain(pod(waiting("CrashLoopBackOff", message, restarts=3, last=last)), now=NOW, worker=worker,
                     words={"c": "cannot open config"})
    assert [finding.reason for finding in answer.findings] == ["CrashLoopBackOff"]
    assert answer.last_error == 'exit code 3 (Error): it said "cannot open config"'
    assert answer.next_retry_at == NOW + 3


READY = PodCondition(type="Ready", status="True", last_transition_time=stamp(10))


def test_a_ready_pod_waits_for_nothing():
    answer = explain(pod(running(ready=True, conditions=(READY,))), now=NOW)
    assert (answer.waits_for, answer.findings, answer.ready) == ("", (), True)
    assert answer.summary == "all containers run and are ready"


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                                    "ImageInspectError", "RegistryUnavailable", "CreateContainerConfigError",
                                    "CreateContainerError", "RunContainerError"])
def test_a_container_that_waits_names_its_reason_error_retry_and_remedy(reason: str):
    worker = WorkerView("u", "sync", next_retry_at=NOW + 20)
    answer = explain(pod(waiting(reason, "what the runtime said")), now=NOW, worker=worker)
    first = answer.findings[0]
    assert (first.subject, first.reason) == ("c", reason)
    assert "what the runtime said" in first.last_error
    assert answer.next_retry_at == NOW + 20
    assert answer.advice == BY_REASON[reason]


def test_a_crash_names_the_exit_code_and_when():
    last = ContainerStateTerminated(exit_code=137, reason="OOMKilled", finished_at=stamp(7))
    answer = explain(pod(waiting("CrashLoopBackOff", "back-off 10s", restarts=3, last=last)), now=NOW)
    assert "it ran out of memory (OOMKilled); restarted 3 times" in answer.waits_for
    assert answer.last_error == "exit code 137 (OOMKilled)"
    assert answer.since == NOW - 7


def test_the_worker_explains_what_statuses_do_not():
    message = 'MountVolume.SetUp failed for volume "x" : configmap "absent" not found'
    worker = WorkerView("u", "sync", doing="mounting volumes", since=NOW - 30,
                        volumes=(VolumeView("x", message, NOW - 30, NOW + 2),),
                        steps=(StepView(Stage.VOLUMES, NOW - 31),))
    answer = explain(pod(waiting("ContainerCreating")), now=NOW, worker=worker)
    assert (answer.waits_for, answer.since, answer.last_error) == ("its volume x to be mounted", NOW - 30, message)
    assert [finding.reason for finding in answer.findings] == ["FailedMount"]
    assert "create the ConfigMap or Secret" in answer.advice
    assert answer.next_retry_at == NOW + 2


def test_the_runtime_comes_before_what_it_causes():
    health = NodeHealth(runtime_error="connection refused", runtime_since=NOW - 5)
    answer = explain(pod(waiting("CreateContainerError", "x")), now=NOW, health=health)
    assert [finding.reason for finding in answer.findings] == ["RuntimeNotReady", "CreateContainerError"]
    assert answer.waits_for == "the container runtime"


@pytest.mark.parametrize(("host_network", "found"), [(False, True), (True, False)])
def test_network_matters_to_pods_that_need_an_address(host_network: bool, found: bool):
    health = NodeHealth(network_error="cni config uninitialized")
    answer = explain(pod(host_network=host_network), now=NOW, health=health)
    assert ("NetworkNotReady" in [finding.reason for finding in answer.findings]) is found


@pytest.mark.parametrize(("started", "probe"), [(False, "startup"), (True, "readiness"), (None, "readiness")])
def test_an_unready_container_waits_for_its_probe(started: bool | None, probe: str):
    events = [EventView("Warning", "Unhealthy", f"{kind} probe failed: refused", NOW - age,
                        field_path="spec.containers{c}") for age, kind in ((1, "Liveness"), (2, probe.capitalize()))]
    answer = explain(pod(running(ready=False, started=started)), now=NOW, events=events)
    assert answer.waits_for == f"its {probe} probe to succeed"
    assert answer.last_error == f"{probe.capitalize()} probe failed: refused"
    assert answer.since == NOW - 40


def test_a_readiness_gate_that_nobody_opened():
    status = running(ready=True, conditions=(PodCondition(type="Ready", status="False"),))
    answer = explain(pod(status, gates=("example.com/lb",)), now=NOW)
    assert answer.waits_for == "the readiness gate example.com/lb"
    assert "example.com/lb" in answer.advice


def test_a_terminating_pod_names_what_does_not_let_go():
    worker = WorkerView("u", "terminated", doing="unmounting volumes", since=NOW - 90,
                        volumes=(VolumeView("", "target is busy", NOW - 90, NOW + 1, leaving=True),))
    answer = explain(pod(running(ready=False), deleted=stamp(100)), now=NOW, worker=worker)
    assert answer.waits_for == "its volumes to be unmounted"
    assert (answer.since, answer.last_error, answer.next_retry_at) == (NOW - 90, "target is busy", NOW + 1)
    assert "fuser" in answer.advice


def test_a_terminating_pod_names_the_container_that_does_not_end():
    worker = WorkerView("u", "terminating", doing="stopping containers", since=NOW - 9,
                        steps=(StepView(Stage.STOP, NOW - 8, "c"),))
    first = explain(pod(running(ready=False), deleted=stamp(9)), now=NOW, worker=worker).findings[0]
    assert (first.subject, first.since) == ("c", NOW - 8)
    assert "after its stop signal; at the end of its grace period of 30 s it is killed" in first.waits_for


def test_a_container_that_runs_again_is_a_remark_not_a_wait():
    last = ContainerStateTerminated(exit_code=1, reason="Error", finished_at=stamp(7))
    status = running(ready=True, conditions=(READY,))
    again = msgspec.structs.replace(status.container_statuses[0], restart_count=2,
                                    last_state=ContainerState(terminated=last))
    answer = explain(pod(msgspec.structs.replace(status, container_statuses=(again,))), now=NOW)
    assert (answer.waits_for, [finding.reason for finding in answer.findings]) == ("", ["Restarted"])
    assert "it crashed (exit code 1); restarted 2 times" in answer.findings[0].last_error


def test_finalizers_after_the_end():
    answer = explain(pod(PodStatus(phase="Succeeded"), deleted=stamp(9), finalizers=("example.com/keep",)), now=NOW,
                     worker=WorkerView("u", "terminated"))
    assert answer.waits_for == "its finalizers to be removed: nothing of it runs any more"
    assert "example.com/keep" in answer.last_error


def test_an_ended_pod_waits_for_nothing_and_a_rejected_one_says_why():
    done = explain(pod(PodStatus(phase="Succeeded")), now=NOW)
    assert (done.waits_for, done.findings) == ("", ())
    assert "ended (Succeeded)" in done.summary
    rejected = explain(pod(PodStatus(phase="Failed", reason="OutOfcpu", message="Pod was rejected: no cpu")), now=NOW)
    assert rejected.findings[0].reason == "OutOfcpu"


@pytest.mark.parametrize(("uid", "found"), [("its", True), ("", False), ("another", False)])
def test_manifest_problems_concern_the_pod_that_goes_on(uid: str, found: bool):
    of_pod = pod().metadata.uid if uid == "its" else uid
    problem = ManifestProblem("/etc/kubernetes/manifests/web.yaml", "not valid YAML: line 3", pod_uid=of_pod)
    answer = explain(pod(annotations={"kubernetes.io/config.source": "file"}), now=NOW, manifest_problems=[problem])
    assert ("InvalidManifest" in [finding.reason for finding in answer.findings]) is found


def test_old_events_explain_nothing_and_new_ones_come_first():
    events = [EventView("Normal", "Old", "x", NOW - 7200), EventView("Normal", "A", "x", NOW - 9),
              EventView("Normal", "B", "x", NOW - 2)]
    assert [event.reason for event in explain(pod(), now=NOW, events=events).events] == ["B", "A"]


@pytest.mark.parametrize(
    ("pull", "said"),
    [
        (PullView(5.0), "its image example/app:1, which is being pulled"),
        (PullView(5.0, 1 << 20, 4 << 20, 1 << 19),
         "its image example/app:1, which is being pulled: 1.0 MiB of 4.0 MiB, 0.5 MiB/s"),
        (PullView(5.0, 4 << 20, 4 << 20, 1 << 19),
         "its image example/app:1, which is being pulled: 4.0 MiB of 4.0 MiB have come, it is being unpacked"),
    ],
)
def test_a_pull_is_told_with_its_progress(pull, said):
    waits = waiting("ContainerCreating")
    one = Pod(metadata=ObjectMeta(name="web", namespace="default", uid="u"),
              spec=PodSpec(containers=(Container(name="c", image="example/app:1"),)), status=waits)
    answer = explain(one, now=NOW, pulls={"example/app:1": pull}, worker=WorkerView("u", "sync", "starting containers"))
    assert (answer.waits_for, answer.since, answer.findings[0].subject) == (said, 5.0, "c")
    assert explain(one, now=NOW, pulls={"other:1": pull}).waits_for == ""
    up = Pod(metadata=one.metadata, spec=one.spec, status=running(ready=True, conditions=(READY,)))
    assert explain(up, now=NOW, pulls={"example/app:1": pull}).waits_for == ""
