"""What kubelet.explain makes of causes that a test cannot bring about, or not on every machine: as pure tables.

The stuck states that can be had for real are in tests/cluster/test_explain_stuck.py.
"""

import pytest
from explain_builders import NOW, pod, running, stamp, waiting

from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from kubelet.explain import EventView, NodeHealth, PullView, RoomView, StepView, WorkerView, explain
from kubelet.explain.advice import BY_REASON, advice, crash_advice
from kubelet.timeline import Stage


@pytest.mark.parametrize(("reason", "error", "said"), [
    ("ErrImagePull", "tls: failed to verify certificate: x509: unknown authority", "cannot talk to the registry"),
    ("ErrImagePull", "dial tcp: lookup registry.example on 10.0.0.1:53: no such host", "cannot talk to the registry"),
    ("ImagePullBackOff", "pull access denied for app, repository does not exist", "other credentials"),
    ("ErrImagePull", "manifest for app:2 not found: manifest unknown", "no such image or tag"),
    ("ErrImagePull", "write /var/lib/docker/tmp/x: no space left on device", "free space"),
    ("RegistryUnavailable", "RegistryUnavailable: i/o timeout", "cannot talk to the registry"),
    ("CreateContainerConfigError", "container has runAsNonRoot and image has non-numeric user (app)", "runAsUser"),
    ("CreateContainerConfigError", 'secrets "s" is forbidden: User "system:node:n" cannot get', "refuses this node"),
    ("RunContainerError", "exec /app: exec format error", "another CPU architecture"),
    ("RunContainerError", 'exec: "app": executable file not found in $PATH', "no such command"),
    ("CreateContainerError", "failed to prepare subPath for volumeMount", "subPath"),
    ("FailedMount", "hostPath type check failed: /x is not a file", "make the host path"),
    ("FailedMount", 'object "ns"/"c" not registered', "create the ConfigMap or Secret"),
    ("FailedCreatePodSandBox", "failed to allocate for range 0: no IP addresses available in range set", "used up"),
    ("FailedCreatePodSandBox", 'failed to find plugin "calico" in path [/opt/cni/bin]', "install the CNI plugin"),
    ("FailedCreatePodSandBox", 'plugin type="calico" failed (add): unauthorized', "the CNI plugin refuses"),
    ("FailedCreatePodSandBox", "write sysctl key net.ipv4.x: no such file or directory", "sysctls"),
    ("FailedCreatePodSandBox", "Bind for 0.0.0.0:80 failed: port is already allocated", "host port"),
    ("FailedCreatePodSandBox", "context deadline exceeded", "hangs"),
    ("FailedCreatePodContainer", "cannot create /sys/fs/cgroup/x", "cgroupDriver"),
    ("OutOfmemory", "Node didn't have enough resource: memory", "lower the pod's requests"),
    ("OutOfpods", "Node didn't have enough resource: pods", "lower the pod's requests"),
    ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "answers with an error"),
    ("Unhealthy", 'Liveness probe failed: Get "http://10.0.0.2:80/": context deadline exceeded', "too slowly"),
    ("Failed", "error making pod data directories: No space left on device", "free space"),
    ("RuntimeNotReady", "the Docker engine has not answered", "start the container runtime"),
])
def test_errors_get_the_advice_that_fits_them(reason: str, error: str, said: str) -> None:
    assert said in advice(reason, error)


@pytest.mark.parametrize("reason", BY_REASON)
def test_an_unknown_error_gets_its_reasons_advice(reason: str) -> None:
    assert advice(reason, "something nobody has seen yet") == BY_REASON[reason]


@pytest.mark.parametrize(("code", "reason", "words", "said"), [
    (0, "Completed", "", "use a Job"), (126, "Error", "", "cannot be executed"), (127, "Error", "", "no such command"),
    (137, "OOMKilled", "", "memory limit"), (137, "Error", "", "SIGKILL"), (139, "Error", "", "SIGSEGV"),
    (143, "Error", "", "SIGTERM"), (1, "Error", "", "kubectl logs --previous"),
    (1, "Error", "open /x: Read-only file system", "readOnly"), (1, "Error", "bind: Address already in use", "port"),
    (1, "Error", "mkdir /x: Permission denied", "fsGroup"), (1, "Error", "No space left on device", "sizeLimit"),
])
def test_crashes_get_the_advice_that_fits_how_they_ended(code: int, reason: str, words: str, said: str) -> None:
    assert said in crash_advice(code, reason, words)


def _stepping(*steps: StepView, phase: str = "sync", error: str = "") -> WorkerView:
    return WorkerView("u", phase, "starting containers", NOW - 5, error, NOW + 1 if error else None, steps=steps)


@pytest.mark.parametrize(("stage", "subject", "waits_for"), [
    (Stage.SANDBOX, "", "its sandbox"), (Stage.CREATE, "c", "the runtime to create it"),
    (Stage.START, "c", "the runtime to start it"), (Stage.VOLUMES, "", "its volumes to be mounted"),
    (Stage.POST_START, "c", "its postStart hook to end"),
])
def test_a_step_that_hangs_is_named_with_advice_once_it_is_slow(stage: Stage, subject: str, waits_for: str) -> None:
    quick = explain(pod(waiting("ContainerCreating")), now=NOW, worker=_stepping(StepView(stage, NOW - 1, subject)))
    slow = explain(pod(waiting("ContainerCreating")), now=NOW, worker=_stepping(StepView(stage, NOW - 99, subject)))
    assert quick.waits_for.startswith(waits_for)
    assert (slow.since, slow.findings[0].subject) == (NOW - 99, subject)
    assert slow.advice or stage is Stage.VOLUMES
    assert not quick.advice or stage is Stage.POST_START


def test_a_pull_that_waits_for_another_one_says_for_which() -> None:
    one = Pod(metadata=ObjectMeta(name="web", namespace="default", uid="u"),
              spec=PodSpec(containers=(Container(name="c", image="example/app:1"),)),
              status=waiting("ErrImagePull", "manifest unknown"))
    answer = explain(one, now=NOW, pulls={"big:1": PullView(NOW - 60)},
                     worker=_stepping(StepView(Stage.PULL, NOW - 9, "c")))
    assert answer.waits_for == "its image example/app:1, which is pulled after big:1"
    assert (answer.since, answer.last_error) == (NOW - 9, "manifest unknown")
    assert "serializeImagePulls" in answer.advice
    assert [finding.reason for finding in answer.findings] == ["Pulling"]


def test_a_pod_that_waits_for_a_device_or_got_none_is_told_of_it() -> None:
    asking = WorkerView("u", "sync", doing="the device plugin of a.b/c to allocate 1 of its devices", since=NOW - 3)
    waits = explain(pod(PodStatus(phase="Pending")), now=NOW, worker=asking)
    assert (waits.waits_for, waits.since) == ("the device plugin of a.b/c to allocate 1 of its devices", NOW - 3)
    refused = explain(pod(PodStatus(
        phase="Failed", reason="UnexpectedAdmissionError", start_time="2026-01-01T00:00:00Z",
        message="Pod was rejected: Allocate failed due to unregistered device a.b/c, which is unexpected",
    )), now=NOW)
    assert refused.findings[0].reason == "UnexpectedAdmissionError" and "device plugin runs" in refused.advice


@pytest.mark.parametrize(("error", "reason"), [
    ('failed to "CreatePodSandbox" for "p" with CreatePodSandboxError: "no room"', "FailedCreatePodSandBox"),
    ("unable to attach or mount volumes: unmounted volumes=[x]: gone", "FailedMount"),
    ("unable to ensure pod container exists: no such hierarchy", "FailedCreatePodContainer"),
    ("error making pod data directories: [Errno 30] Read-only file system", "Failed"),
    ("cannot read the pod's state from the runtime: refused", "RuntimeNotReady"),
    ("something new", ""),
])
def test_a_workers_failure_has_a_reason_and_a_retry(error: str, reason: str) -> None:
    answer = explain(pod(waiting("ContainerCreating")), now=NOW, worker=_stepping(error=error))
    assert (answer.findings[0].reason, answer.next_retry_at, answer.since) == (reason, NOW + 1, NOW - 5)
    assert answer.last_error in error
    assert "CreatePodSandboxError" not in answer.last_error


def _init(name: str, state: ContainerState, **fields: object) -> PodStatus:
    status = ContainerStatus(name=name, image="i", image_id="", ready=False, restart_count=0, state=state, **fields)  # type: ignore[arg-type]
    regular = ContainerStatus(name="c", image="i", image_id="", ready=False, restart_count=0, state=ContainerState(
        waiting=ContainerStateWaiting(reason="PodInitializing")))
    return PodStatus(phase="Pending", init_container_statuses=(status,), container_statuses=(regular,))


def test_an_init_container_that_runs_is_what_the_others_wait_for() -> None:
    state = ContainerState(running=ContainerStateRunning(started_at=stamp(300)))
    answer = explain(pod(_init("first", state)), now=NOW, words={"first": "waiting for the database"})
    assert answer.waits_for.startswith("this init container to end")
    assert (answer.since, answer.last_error) == (NOW - 300, "waiting for the database")


def test_a_liveness_probe_is_named_as_what_kills_the_container() -> None:
    ended = ContainerStateTerminated(exit_code=137, reason="Error", finished_at=stamp(7))
    events = [
        EventView("Normal", "Killing", "Container c failed liveness probe, will be restarted", NOW - 8,
                  field_path="spec.containers{c}"),
        EventView("Warning", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", NOW - 9,
                  field_path="spec.containers{c}"),
    ]
    answer = explain(pod(waiting("CrashLoopBackOff", "back-off", restarts=4, last=ended)), now=NOW, events=events)
    assert "its liveness probe fails; restarted 4 times" in answer.waits_for
    assert answer.last_error == "Liveness probe failed: HTTP probe failed with statuscode: 500"
    assert "answers with an error" in answer.advice


def test_a_pod_that_has_ended_waits_for_the_api_server_to_hear_of_it() -> None:
    health = NodeHealth(api_error="refused", api_since=NOW - 50)
    worker = WorkerView("u", "terminated")
    answer = explain(pod(running(ready=False), deleted=stamp(60)), now=NOW, worker=worker, health=health)
    assert answer.waits_for == "the API server, to report that it has ended"
    assert (answer.since, answer.last_error) == (NOW - 50, "refused")


@pytest.mark.parametrize(("victims", "age", "waits_for", "advised"), [
    (("ns/low",), 3, "room on the node: ns/low ends for it", False),
    (("ns/low", "x/lower"), 60, "room on the node: 2 pods end for it (ns/low, x/lower)", True),
    ((), 60, "room on the node: it is admitted now", True),
])
def test_a_critical_pod_waits_for_those_that_give_way_to_it(
    victims: tuple[str, ...], age: float, waits_for: str, advised: bool
) -> None:
    room = RoomView(victims, ("cpu", "memory"), NOW - age)
    told = explain(pod(), now=NOW, room=room)
    assert (told.waits_for, told.since, told.last_error) == (waits_for, NOW - age, "short of cpu, memory")
    assert bool(told.advice) is advised
    assert told.findings[0].reason == "Preempting"
