"""kubelet.explain: one row per reason why a pod is not ready."""

import pytest

from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodCondition,
    PodReadinessGate,
    PodSpec,
    PodStatus,
)
from kubelet.explain import ADVICE, EventView, ManifestProblem, NodeHealth, PullView, WorkerView, explain

NOW = 1_000_000.0


def stamp(seconds_ago: float) -> str:
    from kubelet.api.meta import format_time

    return format_time(NOW - seconds_ago)


def pod(status: PodStatus | None = None, *, annotations: dict[str, str] | None = None, deleted: str = "",
        finalizers: tuple[str, ...] = (), host_network: bool = False, gates: tuple[str, ...] = ()) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="u", annotations=annotations or {},
                            deletion_timestamp=deleted, finalizers=finalizers,
                            deletion_grace_period_seconds=30 if deleted else None),
        spec=PodSpec(containers=(Container(name="c"),), host_network=host_network,
                     readiness_gates=tuple(PodReadinessGate(condition_type=gate) for gate in gates)),
        status=status or PodStatus(phase="Pending"),
    )


def waiting(
    reason: str, message: str = "", *, restarts: int = 0, last: ContainerStateTerminated | None = None
) -> PodStatus:
    return PodStatus(phase="Pending", container_statuses=(ContainerStatus(
        name="c", image="example/app:1", image_id="", ready=False, restart_count=restarts,
        state=ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message)),
        last_state=ContainerState(terminated=last) if last else None),))


def running(*, ready: bool, started: bool | None = True, conditions: tuple[PodCondition, ...] = ()) -> PodStatus:
    return PodStatus(phase="Running", pod_ip="10.0.0.2", conditions=conditions, container_statuses=(ContainerStatus(
        name="c", image="example/app:1", image_id="", ready=ready, started=started, restart_count=0,
        state=ContainerState(running=ContainerStateRunning(started_at=stamp(40)))),))


READY = PodCondition(type="Ready", status="True", last_transition_time=stamp(10))


def test_a_ready_pod_waits_for_nothing():
    answer = explain(pod(running(ready=True, conditions=(READY,))), now=NOW)
    assert (answer.waits_for, answer.findings, answer.ready) == ("", (), True)
    assert answer.summary == "all containers run and are ready"


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                                    "ImageInspectError", "RegistryUnavailable", "CreateContainerConfigError",
                                    "CreateContainerError", "RunContainerError", "CrashLoopBackOff"])
def test_a_container_that_waits_names_its_reason_error_retry_and_remedy(reason: str):
    worker = WorkerView("u", "sync", next_retry_at=NOW + 20)
    answer = explain(pod(waiting(reason, "what the runtime said")), now=NOW, worker=worker)
    first = answer.findings[0]
    assert (first.subject, first.reason) == ("c", reason)
    assert "what the runtime said" in first.last_error
    assert answer.next_retry_at == NOW + 20
    assert answer.advice == ADVICE[reason]


def test_a_crash_names_the_exit_code_and_when():
    last = ContainerStateTerminated(exit_code=137, reason="OOMKilled", finished_at=stamp(7))
    answer = explain(pod(waiting("CrashLoopBackOff", "back-off 10s", restarts=3, last=last)), now=NOW)
    assert "restarted 3 times" in answer.waits_for
    assert answer.last_error == "exit code 137 (OOMKilled); back-off 10s"
    assert answer.since == NOW - 7


def test_the_worker_explains_what_statuses_do_not():
    message = 'MountVolume.SetUp failed for volume "x" : configmap "absent" not found'
    worker = WorkerView("u", "sync", doing="its volumes: x", since=NOW - 30, last_error=message, next_retry_at=NOW + 2)
    events = [EventView("Warning", "FailedMount", message, NOW - 3, count=4)]
    answer = explain(pod(waiting("ContainerCreating")), now=NOW, worker=worker, events=events)
    assert (answer.waits_for, answer.since, answer.last_error) == ("its volumes: x", NOW - 30, message)
    assert answer.findings[0].reason == "FailedMount"
    assert answer.advice == ADVICE["FailedMount"]
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
    events = [EventView("Warning", "Unhealthy", "Readiness probe failed: refused", NOW - 1,
                        field_path="spec.containers{c}")]
    answer = explain(pod(running(ready=False, started=started)), now=NOW, events=events)
    assert answer.waits_for == f"its {probe} probe to succeed"
    assert answer.last_error == "Readiness probe failed: refused"
    assert answer.since == NOW - 40


def test_a_readiness_gate_that_nobody_opened():
    status = running(ready=True, conditions=(PodCondition(type="Ready", status="False"),))
    answer = explain(pod(status, gates=("example.com/lb",)), now=NOW)
    assert answer.waits_for == "the readiness gate example.com/lb"


def test_a_terminating_pod_names_what_does_not_let_go():
    worker = WorkerView("u", "terminating", doing="unmounting volume data", since=NOW - 90, last_error="target is busy",
                        next_retry_at=NOW + 1)
    answer = explain(pod(running(ready=False), deleted=stamp(100)), now=NOW, worker=worker)
    assert answer.waits_for == "unmounting volume data (grace 30 s)"
    assert (answer.since, answer.last_error) == (NOW - 90, "target is busy")


def test_finalizers_after_the_end():
    answer = explain(pod(PodStatus(phase="Succeeded"), deleted=stamp(9), finalizers=("example.com/keep",)), now=NOW,
                     worker=WorkerView("u", "terminated"))
    assert answer.waits_for == "its finalizers to be removed"
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
