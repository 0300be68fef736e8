"""What the operator's socket answers, as plain JSON values made of the view: pure, one function per question."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kubelet.api.meta import parse_time
from kubelet.api.types import Pod
from kubelet.explain import Explanation, explain
from kubelet.operator.view import CollectionView, OperatorView
from kubelet.timeline import Timeline


class UnknownPodError(LookupError):
    """No pod of this node is meant by what the operator typed; the message says which there are."""


class AmbiguousPodError(LookupError):
    """Several pods are meant; the message lists them."""


def find_pod(pods: Sequence[Pod], query: str) -> Pod:
    """The pod called `query`: `namespace/name`, `name`, a UID, or a beginning of a name that only one pod has.

    Raises UnknownPodError and AmbiguousPodError.
    """
    ways = (
        lambda pod: query in (pod.metadata.uid, f"{pod.metadata.namespace}/{pod.metadata.name}"),
        lambda pod: query == pod.metadata.name,
        lambda pod: bool(query) and pod.metadata.name.startswith(query),
    )
    for means in ways:
        found = [pod for pod in pods if means(pod)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in found))
            raise AmbiguousPodError(f"{query!r} means several pods, name one of: {names}")
    names = ", ".join(sorted(f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in pods)[:20]) or "none"
    raise UnknownPodError(f"no pod {query!r} on this node; there are: {names}")


def explanation(view: OperatorView, pod: Pod, now: float) -> Explanation:
    return explain(
        pod, now=now, worker=view.worker(pod.metadata.uid), events=view.events(pod.metadata.uid),
        manifest_problems=view.manifest_problems(), health=view.node().health, pulls=view.pulls(),
    )


def status_answer(view: OperatorView, now: float) -> dict[str, Any]:
    pods = view.pods()
    phases: dict[str, int] = {}
    for pod in pods:
        phases[_shown_phase(pod)] = phases.get(_shown_phase(pod), 0) + 1
    facts = msgspec.to_builtins(view.node())
    return {
        "now": now, "node": facts, "podsByPhase": phases, "pods": len(pods),
        "manifestProblems": msgspec.to_builtins(tuple(view.manifest_problems())),
        "waiting": [row for row in pods_answer(view, now)["pods"] if row["waitsFor"]],
    }


def collection_answer(view: CollectionView, now: float) -> dict[str, Any]:
    """What would go first, in the order in which it would; then what stays."""
    items = sorted(view.items, key=lambda item: not item.remove)
    plain: dict[str, Any] = msgspec.to_builtins(view)
    return {"now": now, **plain, "items": msgspec.to_builtins(items)}


def pods_answer(view: OperatorView, now: float) -> dict[str, Any]:
    """One row per pod, sorted by namespace and name."""
    rows = [_row(view, pod, now) for pod in view.pods()]
    return {"now": now, "pods": sorted(rows, key=lambda row: (row["namespace"], row["name"]))}


def _row(view: OperatorView, pod: Pod, now: float) -> dict[str, Any]:
    answer = explanation(view, pod, now)
    sidecars = {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}
    counted = [*pod.status.container_statuses,
               *(status for status in pod.status.init_container_statuses if status.name in sidecars)]
    created = pod.metadata.creation_timestamp or pod.status.start_time
    return {
        "namespace": pod.metadata.namespace, "name": pod.metadata.name, "uid": pod.metadata.uid,
        "phase": _shown_phase(pod), "ready": sum(status.ready for status in counted),
        "containers": len(pod.spec.containers) + len(sidecars),
        "restarts": sum(status.restart_count for status in counted), "ip": pod.status.pod_ip,
        "createdAt": parse_time(created) if created else None, "isReady": answer.ready, "waitsFor": _waits_for(answer),
        "since": answer.since, "nextRetryAt": answer.next_retry_at, "lastError": answer.last_error,
    }


def _waits_for(answer: Explanation) -> str:
    subject = answer.findings[0].subject if answer.findings else ""
    return f"{subject}: {answer.waits_for}" if subject and answer.waits_for else answer.waits_for


def _shown_phase(pod: Pod) -> str:
    """The phase, but Terminating for a pod that is being deleted, as kubectl shows it."""
    return "Terminating" if pod.metadata.deletion_timestamp else pod.status.phase or "Pending"


def explain_answer(view: OperatorView, query: str, now: float) -> dict[str, Any]:
    """Raises UnknownPodError and AmbiguousPodError."""
    answer: dict[str, Any] = msgspec.to_builtins(explanation(view, find_pod(view.pods(), query), now))
    return {"now": now, **answer}


def timeline_answer(view: OperatorView, timeline: Timeline, query: str, now: float) -> dict[str, Any]:
    """Raises UnknownPodError and AmbiguousPodError."""
    pod = find_pod(view.pods(), query)
    known = timeline.snapshot(pod.metadata.uid)
    created = pod.metadata.creation_timestamp
    return {
        "now": now, "namespace": pod.metadata.namespace, "name": pod.metadata.name, "uid": pod.metadata.uid,
        "createdAt": parse_time(created) if created else None,
        "adopted": bool(known and known.adopted), "complete": bool(known and known.complete),
        "spans": msgspec.to_builtins(known.spans) if known else [],
    }
