"""The answer: all findings in the order of their weight, the first of them as what the pod waits for."""

from collections.abc import Iterator, Mapping, Sequence

from kubelet.api.types import Pod
from kubelet.explain import containers, images, node
from kubelet.explain import pod as whole
from kubelet.explain.facts import (
    Case,
    EventView,
    Explanation,
    Finding,
    ManifestProblem,
    NodeHealth,
    PullView,
    RoomView,
    WorkerView,
)

_RECENT_SECONDS = 3600.0
"""Events older than this explain nothing about now."""
_SHOWN_EVENTS = 10


def explain(
    pod: Pod,
    *,
    now: float,
    worker: WorkerView | None = None,
    events: Sequence[EventView] = (),
    manifest_problems: Sequence[ManifestProblem] = (),
    health: NodeHealth | None = None,
    words: Mapping[str, str] | None = None,
    pulls: Mapping[str, PullView] | None = None,
    room: RoomView | None = None,
) -> Explanation:
    """The answer for `pod`, whose `status` is the current one. `words`: each container's last ones, by its name;
    `pulls`: by image name with a tag or digest; `room`: of a critical pod that others end for."""
    recent = tuple(sorted((event for event in events if now - event.last_seen <= _RECENT_SECONDS),
                          key=lambda event: event.last_seen, reverse=True))
    case = Case(pod, now, worker, recent, manifest_problems, health or NodeHealth(), words or {}, pulls or {}, room)
    findings = tuple(_findings(case))
    first = next((finding for finding in findings if finding.waits_for), Finding(""))
    ready = case.is_true("Ready")
    return Explanation(
        namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid,
        phase=pod.status.phase or "Pending", ready=ready, summary=_summary(case, ready, first),
        waits_for=first.waits_for, since=first.since, last_error=first.last_error,
        next_retry_at=first.next_retry_at, advice=first.advice,
        findings=tuple(sorted(findings, key=lambda finding: not finding.waits_for)), events=recent[:_SHOWN_EVENTS],
    )


def _summary(case: Case, ready: bool, first: Finding) -> str:
    status = case.pod.status
    if first.waits_for:
        whom = f"container {first.subject} of the pod" if first.subject else "the pod"
        return f"{whom} waits for {first.waits_for}"
    if status.phase in ("Succeeded", "Failed"):
        tail = f": {status.reason or status.message}" if status.reason or status.message else ""
        return f"the pod has ended ({status.phase}{tail}); it waits for nothing"
    return "all containers run and are ready" if ready else "nothing holds the pod up; it is about to change"


def _findings(case: Case) -> Iterator[Finding]:
    if case.has_ended:
        yield from whole.of_rejection(case)
        return
    yield from node.of_manifests(case)
    yield from node.of_node(case)
    if case.is_leaving:
        yield from whole.of_termination(case)
        return
    told = [*whole.of_room(case), *whole.of_volumes(case), *images.of_pulls(case), *containers.of_waiting(case)]
    yield from told
    yield from whole.of_worker(case, told)
    yield from containers.of_init_containers(case)
    yield from containers.of_readiness(case)
    yield from node.of_api_server(case)
