"""What is wrong with containers: those that wait, that crash, that are restarted, that do not get ready."""

from collections.abc import Iterator

from kubelet.api.meta import is_sidecar
from kubelet.api.types import ContainerStateTerminated, ContainerStatus
from kubelet.explain.advice import BY_REASON, advice, crash_advice
from kubelet.explain.facts import Case, EventView, Finding, unix
from kubelet.explain.images import is_of_image, of_pulls

_NOT_YET = ("", "ContainerCreating", "PodInitializing")
"""Waiting reasons that only say that it is not this container's turn."""
_UNSTABLE_SECONDS = 600.0
"""A container that was restarted less than this ago is worth a word, though it runs (upstream's back-off reset)."""


def of_waiting(case: Case) -> Iterator[Finding]:
    """Containers that wait with a reason of their own."""
    status = case.pod.status
    pulled = {finding.subject for finding in of_pulls(case)}
    for each in (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses):
        waiting = each.state.waiting if each.state else None
        if waiting is None or waiting.reason in _NOT_YET:
            continue
        if each.name in pulled and is_of_image(waiting.reason):
            continue  # it is tried again right now, which that finding tells
        if waiting.reason == "CrashLoopBackOff":
            yield _crash(case, each)
            continue
        yield Finding(
            _what_for(waiting.reason, each), subject=each.name, reason=waiting.reason, since=_failing_since(case, each),
            last_error=waiting.message, next_retry_at=_retry(case),
            advice=advice(waiting.reason, waiting.message),
        )


def _what_for(reason: str, status: ContainerStatus) -> str:
    if is_of_image(reason):
        return f"its image {status.image} ({reason})"
    if reason == "PostStartHookError":
        return "its postStart hook to succeed"
    if reason == "CreateContainerConfigError":
        return "what its spec refers to (CreateContainerConfigError)"
    return f"the runtime to start it ({reason})"


def _retry(case: Case) -> float | None:
    return case.worker.next_retry_at if case.worker else None


def _failing_since(case: Case, status: ContainerStatus) -> float | None:
    """When the first of the recent warnings about it came; else when the last run ended."""
    failed = [event.first_seen or event.last_seen for event in case.events
              if event.kind == "Warning" and event.is_about(status.name)]
    last = status.last_state.terminated if status.last_state else None
    return min(failed, default=unix(last.finished_at) if last else None)


def _crash(case: Case, status: ContainerStatus) -> Finding:
    last = status.last_state.terminated if status.last_state else None
    why, error, what_to_do = _death(case, status, last)
    return Finding(
        f"its back-off: {why}; restarted {_times(status.restart_count)}", subject=status.name,
        reason="CrashLoopBackOff", since=unix(last.finished_at) if last else None, last_error=error,
        next_retry_at=_retry(case), advice=what_to_do,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _death(case: Case, status: ContainerStatus, last: ContainerStateTerminated | None) -> tuple[str, str, str]:
    """Why the container ended last, what there is to show for it, and what to do about it."""
    if last is None:
        return "it ended", "", BY_REASON["CrashLoopBackOff"]
    probe = _killed_for_probe(case, status.name, last)
    if probe is not None:
        kind, said = probe
        return (f"its {kind} probe fails", said.message if said else f"failed {kind} probe",
                advice("Unhealthy", said.message if said else ""))
    own = last.message.strip() or case.words.get(status.name, "")
    said_last = f': it said "{own}"' if own else ""
    error = f"exit code {last.exit_code} ({last.reason or 'Error'}){said_last}"
    if last.reason in ("ContainerCannotRun", "StartError"):
        return "it cannot be started", f"{last.reason}: {own}", advice("RunContainerError", own)
    if last.reason == "OOMKilled":
        return "it ran out of memory (OOMKilled)", error, crash_advice(last.exit_code, last.reason, own)
    if last.exit_code == 0:
        return "its command ended (exit code 0)", error, crash_advice(0, last.reason, own)
    return f"it crashed (exit code {last.exit_code})", error, crash_advice(last.exit_code, last.reason, own)


def _killed_for_probe(
    case: Case, name: str, last: ContainerStateTerminated
) -> tuple[str, EventView | None] | None:
    """The probe for which the last instance was killed, and what the probe said; None if it ended otherwise."""
    ended = unix(last.finished_at) or 0.0
    for kind in ("liveness", "startup"):
        text = f"Container {name} failed {kind} probe"
        killing = case.event("Killing", container=name, beginning=text)
        if killing is not None and ended and killing.last_seen >= ended - _UNSTABLE_SECONDS:
            return kind, case.event("Unhealthy", "ProbeError", container=name, beginning=kind.capitalize())
    return None


def of_init_containers(case: Case) -> Iterator[Finding]:
    """The init container or sidecar whose end or start the rest waits for, where it runs as it should."""
    if case.is_true("Initialized"):
        return
    sidecars = {container.name for container in case.pod.spec.init_containers if is_sidecar(container)}
    for status in case.pod.status.init_container_statuses:
        running = status.state.running if status.state else None
        if running is None or (status.name in sidecars and status.started):
            continue
        if status.name in sidecars:
            yield _unready(case, status, "startup", "the sidecar's")
            return
        yield Finding("this init container to end: it runs, and the containers after it wait", subject=status.name,
                      reason="PodInitializing", since=unix(running.started_at),
                      last_error=case.words.get(status.name, ""),
                      advice="its log (`kubectl logs POD -c INIT-CONTAINER`) says what it is waiting for")
        return


def of_readiness(case: Case) -> Iterator[Finding]:
    """Containers that run and are not ready, and those that are ready but do not stay up."""
    for status in case.pod.status.container_statuses:
        running = status.state.running if status.state else None
        if running is None:
            continue
        if not status.ready:
            if not _in_hook(case, status.name):
                yield _unready(case, status, "startup" if status.started is False else "readiness", "its")
        else:
            yield from _unstable(case, status)
    for gate in case.pod.spec.readiness_gates:
        if not case.is_true(gate.condition_type):
            found = case.condition(gate.condition_type)
            pod = case.pod.status
            yield Finding(f"the readiness gate {gate.condition_type}", reason="ReadinessGatesNotReady",
                          since=unix(found.last_transition_time) if found else unix(pod.start_time),
                          last_error=found.message if found else "nobody has set this condition yet",
                          advice=f"the controller that owns the condition {gate.condition_type} has to set it to True")


def _in_hook(case: Case, name: str) -> bool:
    """Its postStart hook runs: that is told by the worker's step."""
    return any(step.subject == name for step in case.worker.steps) if case.worker else False


def _unready(case: Case, status: ContainerStatus, probe: str, whose: str) -> Finding:
    running = status.state.running if status.state else None
    unhealthy = case.event("Unhealthy", "ProbeError", container=status.name, beginning=probe.capitalize())
    told = unhealthy.message if unhealthy else "it has not been answered yet"
    return Finding(f"{whose} {probe} probe to succeed", subject=status.name, reason="Unhealthy" if unhealthy else "",
                   since=unix(running.started_at) if running else None, last_error=told,
                   advice=advice("Unhealthy", unhealthy.message) if unhealthy else "")


def _unstable(case: Case, status: ContainerStatus) -> Iterator[Finding]:
    last = status.last_state.terminated if status.last_state else None
    ended = unix(last.finished_at) if last else None
    if not status.restart_count or last is None or ended is None or case.now - ended > _UNSTABLE_SECONDS:
        return
    why, error, what_to_do = _death(case, status, last)
    yield Finding("", subject=status.name, reason="Restarted", since=ended,
                  last_error=f"it runs, but {why}; restarted {_times(status.restart_count)}; {error}",
                  advice=what_to_do)
