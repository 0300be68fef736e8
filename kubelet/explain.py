"""Why a pod is not what it should be: one answer from what the rooms know, without asking anybody anything.

    pod + status + worker + events + node health ─▶ findings (all that is wrong, gravest first) ─▶ Explanation

The first finding is the answer: what the pod waits for, since when, the last error, the next retry, what to do.
Findings of the node (runtime gone, network not ready) come before the pod's own, because they explain them.
Pure: times are Unix seconds and `now` is given. Waiting reasons: the kubelet contract, section 1.5.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubelet.api.meta import parse_time
from kubelet.api.types import ContainerStatus, Pod, PodCondition

_RECENT_SECONDS = 3600.0
"""Events older than this explain nothing about now."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What a pod's worker does now. `phase`: sync, terminating or terminated; `doing`: in words, "" when idle.

    `since`: when `doing` (or the wait after `last_error`) began; `next_retry_at`: when it tries again by itself.
    """

    uid: str
    phase: str
    doing: str = ""
    since: float | None = None
    last_error: str = ""
    next_retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event about a pod, as the recorder keeps them."""

    kind: str
    reason: str
    message: str
    last_seen: float
    count: int = 1
    field_path: str = ""


@dataclass(frozen=True, slots=True)
class PullView:
    """An image that is being pulled; the bytes are 0 where the runtime does not tell them (yet)."""

    since: float
    current_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """A manifest that yields no pod, or only in part: `where` is the file or URL, `problem` says what to repair."""

    where: str
    problem: str
    since: float | None = None
    pod_uid: str = ""
    """The pod that goes on as an earlier version of the manifest says; "" where there is none."""


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """Errors that hold up every pod; "" where all is well. `api_error`: the API server cannot be reached."""

    runtime_error: str = ""
    runtime_since: float | None = None
    network_error: str = ""
    network_since: float | None = None
    api_error: str = ""
    api_since: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps the pod from being ready (or gone). `subject`: container name, or "" for the pod."""

    waits_for: str
    subject: str = ""
    reason: str = ""
    since: float | None = None
    last_error: str = ""
    next_retry_at: float | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`waits_for` is "" when the pod is as it should be; `findings` holds everything, gravest first."""

    namespace: str
    name: str
    uid: str
    phase: str
    ready: bool
    summary: str
    waits_for: str
    since: float | None
    last_error: str
    next_retry_at: float | None
    advice: str
    findings: tuple[Finding, ...]
    events: tuple[EventView, ...]


ADVICE = {
    "ErrImagePull": "check the image's name and tag, the registry's address and the pull secrets",
    "ImagePullBackOff": "check the image's name and tag, the registry's address and the pull secrets",
    "InvalidImageName": "correct spec.containers[].image: it is not a valid image reference",
    "ErrImageNeverPull": "load the image on this node, or change imagePullPolicy from Never",
    "ImageInspectError": "look at the runtime's log: it cannot read an image that it holds",
    "RegistryUnavailable": "check that this node reaches the registry (network, DNS, proxy, TLS)",
    "SignatureValidationFailed": "the image is not signed as the runtime's policy demands: sign it, or correct that",
    "CrashLoopBackOff": "read the last run's output with `kubectl logs --previous`, and its exit code above",
    "CreateContainerConfigError": "create the ConfigMap, Secret or key that the message names, or mark it optional",
    "CreateContainerError": "the runtime refused the container: correct what its message names",
    "RunContainerError": "the command could not be started: check command, args, mounts and the image's content",
    "PreStartHookError": "correct the container's hook",
    "PostStartHookError": "correct lifecycle.postStart: the container is killed while it fails",
    "FailedMount": "create the object or path that the message names; mounting is retried by itself",
    "FailedCreatePodSandBox": "look at the CNI plugin's message: address pool, configuration, or a missing plugin",
    "Unhealthy": "check the probe's address, port and timeout against what the container serves",
    "NetworkNotReady": "install a CNI configuration in the runtime's CNI directory (usually by the network add-on)",
    "RuntimeNotReady": "start the container runtime, or correct its endpoint",
    "Rejected": "free what the message names or lower the pod's demands; a rejected pod is not retried here",
}


def explain(
    pod: Pod,
    *,
    now: float,
    worker: WorkerView | None = None,
    events: Sequence[EventView] = (),
    manifest_problems: Sequence[ManifestProblem] = (),
    health: NodeHealth | None = None,
    pulls: Mapping[str, PullView] | None = None,
) -> Explanation:
    """The answer for `pod`, whose `status` is the current one; `pulls` are by image name with a tag or digest."""
    recent = tuple(sorted((event for event in events if now - event.last_seen <= _RECENT_SECONDS),
                          key=lambda event: event.last_seen, reverse=True))
    findings = tuple(_findings(pod, worker, recent, manifest_problems, health or NodeHealth(), pulls or {}))
    first = findings[0] if findings else Finding("")
    ready = _condition(pod, "Ready") is not None and _is_true(pod, "Ready")
    return Explanation(
        namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid,
        phase=pod.status.phase or "Pending", ready=ready, summary=_summary(pod, ready, first),
        waits_for=first.waits_for, since=first.since, last_error=first.last_error,
        next_retry_at=first.next_retry_at, advice=first.advice, findings=findings, events=recent[:10],
    )


def _summary(pod: Pod, ready: bool, first: Finding) -> str:
    phase = pod.status.phase or "Pending"
    if first.waits_for:
        whom = f"container {first.subject} of the pod" if first.subject else "the pod"
        return f"{whom} waits for {first.waits_for}"
    if phase in ("Succeeded", "Failed"):
        tail = f": {pod.status.reason or pod.status.message}" if pod.status.reason or pod.status.message else ""
        return f"the pod has ended ({phase}{tail}); it waits for nothing"
    return "all containers run and are ready" if ready else "nothing holds the pod up; it is about to change"


def _findings(
    pod: Pod, worker: WorkerView | None, events: Sequence[EventView], problems: Sequence[ManifestProblem],
    health: NodeHealth, pulls: Mapping[str, PullView],
) -> Iterator[Finding]:
    if _done(pod, worker):
        yield from _of_rejection(pod)
        return
    yield from _of_manifests(pod, problems)
    yield from _of_node(pod, health)
    if pod.metadata.deletion_timestamp or (worker and worker.phase != "sync"):
        yield _of_termination(pod, worker, events)
        return
    yield from _of_containers(pod, worker, events)
    yield from _of_pulls(pod, pulls)
    yield from _of_worker(worker, events)
    yield from _of_readiness(pod, events)


def _done(pod: Pod, worker: WorkerView | None) -> bool:
    ended = pod.status.phase in ("Succeeded", "Failed")
    return ended and not pod.metadata.deletion_timestamp and (worker is None or worker.phase != "terminating")


def _of_rejection(pod: Pod) -> Iterator[Finding]:
    if pod.status.phase == "Failed" and pod.status.message.startswith("Pod was rejected"):
        yield Finding("a node that admits it", reason=pod.status.reason, since=_time(pod.status.start_time),
                      last_error=pod.status.message, advice=ADVICE["Rejected"])


def _of_manifests(pod: Pod, problems: Sequence[ManifestProblem]) -> Iterator[Finding]:
    """A static pod whose file was edited into something unreadable keeps running as it was: say so."""
    for problem in problems:
        if not problem.pod_uid or problem.pod_uid != pod.metadata.uid:
            continue
        yield Finding(f"a manifest that can be read ({problem.where})", reason="InvalidManifest", since=problem.since,
                      last_error=problem.problem, advice=f"correct {problem.where}; it is read again by itself")


def _of_node(pod: Pod, health: NodeHealth) -> Iterator[Finding]:
    if health.runtime_error:
        yield Finding("the container runtime", reason="RuntimeNotReady", since=health.runtime_since,
                      last_error=health.runtime_error, advice=ADVICE["RuntimeNotReady"])
    if health.network_error and not pod.spec.host_network and not pod.status.pod_ip:
        yield Finding("the node's network", reason="NetworkNotReady", since=health.network_since,
                      last_error=health.network_error, advice=ADVICE["NetworkNotReady"])
    if health.api_error and pod.metadata.deletion_timestamp:
        yield Finding("the API server, to report that it has ended", reason="APIUnreachable", since=health.api_since,
                      last_error=health.api_error, advice="restore this node's way to the API server")


def _of_termination(pod: Pod, worker: WorkerView | None, events: Sequence[EventView]) -> Finding:
    failed = _event(events, "FailedKillPod", "FailedPreStopHook")
    if pod.metadata.finalizers and worker is not None and worker.phase == "terminated":
        names = ", ".join(pod.metadata.finalizers)
        return Finding("its finalizers to be removed", since=_time(pod.metadata.deletion_timestamp),
                       last_error=f"finalizers: {names}", advice="whoever set the finalizers has to remove them")
    doing = worker.doing if worker and worker.doing else "its containers to stop and its volumes to be unmounted"
    grace = pod.metadata.deletion_grace_period_seconds
    return Finding(
        f"{doing} (grace {grace} s)" if grace is not None else doing, reason="Terminating",
        since=worker.since if worker and worker.since is not None else _time(pod.metadata.deletion_timestamp),
        last_error=worker.last_error if worker and worker.last_error else (failed.message if failed else ""),
        next_retry_at=worker.next_retry_at if worker else None,
        advice="" if not (worker and worker.last_error) else "the last error names what does not let go",
    )


def _of_containers(pod: Pod, worker: WorkerView | None, events: Sequence[EventView]) -> Iterator[Finding]:
    """Containers that wait with a reason of their own; ContainerCreating and PodInitializing only mean "not yet"."""
    retry = worker.next_retry_at if worker else None
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses,
                *pod.status.ephemeral_container_statuses)
    for status in statuses:
        waiting = status.state.waiting if status.state else None
        if waiting is None or waiting.reason in ("", "ContainerCreating", "PodInitializing"):
            continue
        yield Finding(
            _what_for(waiting.reason, status), subject=status.name, reason=waiting.reason,
            since=_waiting_since(status, events), last_error=_container_error(status, waiting.message),
            next_retry_at=retry, advice=ADVICE.get(waiting.reason, ""),
        )


def _of_pulls(pod: Pod, pulls: Mapping[str, PullView]) -> Iterator[Finding]:
    """Images that come in just now, for containers that have not started."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses,
                *pod.status.ephemeral_container_statuses)
    started = {status.name for status in statuses if status.state and not status.state.waiting}
    spec = pod.spec
    wanted = [(container.name, container.image) for container in (*spec.init_containers, *spec.containers)]
    wanted += [(container.name, container.image) for container in spec.ephemeral_containers]
    for name, image in wanted:
        pull = _pull_of(image, pulls)
        if pull is not None and name not in started:
            yield Finding(f"its image {image}, which is being pulled{_progress_text(pull)}", subject=name,
                          reason="Pulling", since=pull.since)


def _pull_of(image: str, pulls: Mapping[str, PullView]) -> PullView | None:
    return pulls.get(image) or pulls.get(f"{image}:latest")


def _progress_text(pull: PullView) -> str:
    if not pull.total_bytes:
        return ""
    parts = f"{_mebibytes(pull.current_bytes)} of {_mebibytes(pull.total_bytes)}"
    if pull.current_bytes >= pull.total_bytes:
        return f": {parts} have come, it is being unpacked"
    return f": {parts}, {_mebibytes(pull.bytes_per_second)}/s"


def _mebibytes(count: float) -> str:
    return f"{count / 2**20:.1f} MiB"


def _what_for(reason: str, status: ContainerStatus) -> str:
    if "Image" in reason or reason in ("RegistryUnavailable", "SignatureValidationFailed"):
        return f"its image {status.image} ({reason})"
    if reason == "CrashLoopBackOff":
        return f"the back-off after a crash (restarted {status.restart_count} times)"
    return f"a container that can be started ({reason})"


def _container_error(status: ContainerStatus, message: str) -> str:
    last = status.last_state.terminated if status.last_state else None
    if last is None:
        return message
    said = f": {last.message.strip()}" if last.message.strip() else ""
    exit_text = f"exit code {last.exit_code} ({last.reason or 'Error'}){said}"
    return f"{exit_text}; {message}" if message else exit_text


def _waiting_since(status: ContainerStatus, events: Sequence[EventView]) -> float | None:
    last = status.last_state.terminated if status.last_state else None
    if last and last.finished_at:
        return _time(last.finished_at)
    about = f"{{{status.name}}}"
    failed = [event.last_seen for event in events if event.kind == "Warning" and about in event.field_path]
    return min(failed, default=None)


def _of_worker(worker: WorkerView | None, events: Sequence[EventView]) -> Iterator[Finding]:
    if worker is None:
        return
    mount = _event(events, "FailedMount", "FailedAttachVolume", "FailedMapVolume")
    sandbox = _event(events, "FailedCreatePodSandBox")
    cause = next((event for event in (mount, sandbox) if event and worker.last_error
                  and (event.message in worker.last_error or worker.last_error in event.message)), None)
    if worker.doing or worker.last_error:
        reason = cause.reason if cause else ""
        waits_for = worker.doing or "the next attempt"
        yield Finding(waits_for, reason=reason, since=worker.since, last_error=worker.last_error,
                      next_retry_at=worker.next_retry_at, advice=ADVICE.get(reason, ""))


def _of_readiness(pod: Pod, events: Sequence[EventView]) -> Iterator[Finding]:
    for status in pod.status.container_statuses:
        running = status.state.running if status.state else None
        if running is None or status.ready:
            continue
        unhealthy = _event(events, "Unhealthy", "ProbeError", container=status.name)
        probe = "startup" if status.started is False else "readiness"
        yield Finding(f"its {probe} probe to succeed", subject=status.name, reason="Unhealthy" if unhealthy else "",
                      since=_time(running.started_at), last_error=unhealthy.message if unhealthy else "",
                      advice=ADVICE["Unhealthy"] if unhealthy else "")
    for gate in pod.spec.readiness_gates:
        if not _is_true(pod, gate.condition_type):
            found = _condition(pod, gate.condition_type)
            yield Finding(f"the readiness gate {gate.condition_type}", reason="ReadinessGatesNotReady",
                          since=_time(found.last_transition_time) if found else None,
                          last_error=found.message if found else "",
                          advice="the controller that owns this condition has to set it to True")


def _event(events: Sequence[EventView], *reasons: str, container: str = "") -> EventView | None:
    """The newest event of one of `reasons` (about `container`, if given)."""
    return next((event for event in events if event.reason in reasons
                 and (not container or f"{{{container}}}" in event.field_path)), None)


def _condition(pod: Pod, kind: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == kind), None)


def _is_true(pod: Pod, kind: str) -> bool:
    found = _condition(pod, kind)
    return found is not None and found.status == "True"


def _time(text: str) -> float | None:
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None
