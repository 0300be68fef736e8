"""What the operator's socket answers, as plain JSON values made of the view: pure, one function per question."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import msgspec

from kubelet.api.meta import parse_time
from kubelet.api.types import Pod
from kubelet.explain import Explanation, Finding, ManifestProblem, explain
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
    raise UnknownPodError(
        f"no pod {query!r} on this node; there are: {names}. A pod that only the API server has was not given to this "
        "node: `kubectl get pod -o wide` names its node, and without one it waits for the scheduler (`kubectl describe "
        "pod` says why; its schedulingGates, if any, have to be removed first)"
    )


def explanation(view: OperatorView, pod: Pod, now: float, words: Mapping[str, str] | None = None) -> Explanation:
    return explain(
        pod, now=now, worker=view.worker(pod.metadata.uid), events=view.events(pod.metadata.uid),
        manifest_problems=view.manifest_problems(), health=view.node().health, pulls=view.pulls(), words=words,
        room=view.room(pod.metadata.uid),
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
    subject = answer.findings[0].subject if answer.waits_for else ""
    return f"{subject}: {answer.waits_for}" if subject else answer.waits_for


def _shown_phase(pod: Pod) -> str:
    """The phase, but Terminating for a pod that is being deleted, as kubectl shows it."""
    return "Terminating" if pod.metadata.deletion_timestamp else pod.status.phase or "Pending"


def explain_answer(view: OperatorView, pod: Pod, now: float, words: Mapping[str, str]) -> dict[str, Any]:
    """`words`: the last ones of the pod's containers."""
    answer: dict[str, Any] = msgspec.to_builtins(explanation(view, pod, now, words))
    return {"now": now, **answer}


def absence_answer(view: OperatorView, query: str, now: float) -> dict[str, Any] | None:
    """Why there is no pod called `query`: its manifest makes none. None where nothing is known of such a pod."""
    found = next((problem for problem in view.manifest_problems() if _is_of(problem, query)), None)
    if found is None:
        return None
    finding = Finding(
        f"a manifest that can be read ({found.where})", reason="InvalidManifest", since=found.since,
        last_error=found.problem, advice=f"correct {found.where}; it is read again by itself",
    )
    return {"now": now, **msgspec.to_builtins(Explanation(
        namespace="", name=query, uid="", phase="no pod", ready=False,
        summary=f"there is no such pod, because its manifest makes none; it waits for {finding.waits_for}",
        waits_for=finding.waits_for, since=finding.since, last_error=finding.last_error, next_retry_at=None,
        advice=finding.advice, findings=(finding,), events=(),
    ))}


def _is_of(problem: ManifestProblem, query: str) -> bool:
    path = PurePath(problem.where)
    return query.rpartition("/")[2] in (path.stem, path.name) or query == problem.where


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
