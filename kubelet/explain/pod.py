"""What is wrong with a pod as a whole: its end, its volumes, its sandbox, what its worker is in the middle of."""

import re
from collections.abc import Iterator, Sequence

from kubelet.explain.advice import advice
from kubelet.explain.facts import Case, Finding, StepView, VolumeView, WorkerView, unix
from kubelet.explain.node import of_api_server
from kubelet.timeline import Stage

_STEPS: dict[Stage, str] = {
    Stage.VOLUMES: "its volumes to be mounted",
    Stage.SANDBOX: "its sandbox: the runtime and its network plugin make it",
    Stage.PULL: "its image to be pulled",
    Stage.CREATE: "the runtime to create it",
    Stage.START: "the runtime to start it",
    Stage.POST_START: "its postStart hook to end",
    Stage.PRE_STOP: "its preStop hook to end",
    Stage.STOP: "it to end after its stop signal",
}
_SLOW_SECONDS = 30.0
"""A step that lasts longer than this is worth advice."""
_BRIEF_SECONDS = 2.0
_SLOW_ADVICE: dict[Stage, str] = {
    Stage.SANDBOX: "it should take a second: the CNI plugin hangs; look at its daemon and the runtime's log",
    Stage.CREATE: "it should take a second: the engine is overloaded or hangs; look at its log",
    Stage.START: "it should take a second: the engine is overloaded or hangs; look at its log",
    Stage.POST_START: "the hook has no time limit of its own: see what its command waits for; nothing after it starts",
    Stage.PRE_STOP: "the hook may use up the grace period, then the container is killed; shorten the hook if it hangs",
    Stage.STOP: "the container ignores its stop signal; it is killed at the end of the grace period",
}
_REASONS = (
    # How a worker's errors begin, and the event's reason for it.
    ('failed to "CreatePodSandbox"', "FailedCreatePodSandBox", "its sandbox"),
    ("unable to attach or mount volumes", "FailedMount", "its volumes to be mounted"),
    ("network is not ready", "NetworkNotReady", "the node's network"),
    ("unable to ensure pod container exists", "FailedCreatePodContainer", "its cgroup"),
    ("error making pod data directories", "Failed", "its directory below the kubelet's root"),
    ("cannot read the pod's state from the runtime", "RuntimeNotReady", "the runtime to tell the pod's state"),
    ("error killing pod", "FailedKillPod", "its containers and its sandbox to stop"),
)
_SANDBOX_ERROR = re.compile(r'with CreatePodSandboxError: "(.*)"$', re.DOTALL)


def of_rejection(case: Case) -> Iterator[Finding]:
    status = case.pod.status
    if status.phase == "Failed" and status.message.startswith("Pod was rejected"):
        what_to_do = advice(status.reason, status.message) or advice("Rejected", "")
        yield Finding("a node that admits it", reason=status.reason, since=unix(status.start_time),
                      last_error=status.message, advice=what_to_do)


def of_room(case: Case) -> Iterator[Finding]:
    """A critical pod is admitted once the pods that give way to it have ended."""
    if (room := case.room) is None:
        return
    names, number = ", ".join(room.victims), len(room.victims)
    waits_for = "room on the node: " + (
        f"{names} ends for it" if number == 1 else f"{number} pods end for it ({names})" if number else
        "it is admitted now"
    )
    slow = case.now - room.since > _SLOW_SECONDS
    yield Finding(
        waits_for, reason="Preempting", since=room.since, last_error=f"short of {', '.join(room.short_of)}",
        advice="ask what holds the pods up that end: `podwright explain`" if slow else "",
    )


def of_termination(case: Case) -> Iterator[Finding]:
    pod, worker = case.pod, case.worker
    deleted_at = unix(pod.metadata.deletion_timestamp)
    if worker is not None and worker.phase == "terminated" and not worker.doing and not worker.last_error:
        yield from of_api_server(case)
        if pod.metadata.finalizers:
            names = ", ".join(pod.metadata.finalizers)
            yield Finding("its finalizers to be removed: nothing of it runs any more", reason="Finalizers",
                          since=deleted_at, last_error=f"finalizers: {names}",
                          advice="whoever set the finalizers has to remove them (or you, by `kubectl patch`)")
            return
    leaving = [volume for volume in worker.volumes if volume.leaving] if worker else []
    yield from (_volume(volume) for volume in leaving)
    steps = [step for step in worker.steps if step.stage in (Stage.PRE_STOP, Stage.STOP)] if worker else []
    yield from (_termination_step(case, step) for step in steps)
    if leaving or steps:
        return
    failed = case.event("FailedKillPod", "FailedPreStopHook")
    error = worker.last_error if worker and worker.last_error else (failed.message if failed else "")
    doing = worker.doing if worker and worker.doing else "its containers to stop and its volumes to be unmounted"
    known = _known(worker.last_error) if worker else None
    yield Finding(
        f"{known[1] if known else doing}{_grace(case)}", reason=known[0] if known else "Terminating",
        since=worker.since if worker and worker.since is not None else deleted_at, last_error=error,
        next_retry_at=worker.next_retry_at if worker else None,
        advice="the last error names what does not let go" if error else "",
    )


def _grace(case: Case) -> str:
    grace = case.pod.metadata.deletion_grace_period_seconds
    return f" (grace period {grace} s)" if grace is not None else ""


def _termination_step(case: Case, step: StepView) -> Finding:
    grace = case.pod.metadata.deletion_grace_period_seconds
    left = "" if grace is None else f"; at the end of its grace period of {grace} s it is killed"
    return Finding(f"{_STEPS[step.stage]}{left}", subject=step.subject, reason="Terminating", since=step.since,
                   advice=_SLOW_ADVICE[step.stage])


def of_volumes(case: Case) -> Iterator[Finding]:
    if case.worker is not None:
        yield from (_volume(volume) for volume in case.worker.volumes if not volume.leaving)


def _volume(volume: VolumeView) -> Finding:
    if volume.leaving:
        return Finding("its volumes to be unmounted", reason="Terminating", since=volume.since, last_error=volume.error,
                       next_retry_at=volume.next_retry_at,
                       advice="a process outside the pod holds a file or directory there (`fuser -vm PATH` names it)")
    return Finding(f"its volume {volume.name} to be mounted", reason="FailedMount", since=volume.since,
                   last_error=volume.error, next_retry_at=volume.next_retry_at,
                   advice=advice("FailedMount", volume.error))


def of_worker(case: Case, told: Sequence[Finding]) -> Iterator[Finding]:
    """What the worker failed at last, and what it is in the middle of, unless `told` says so already."""
    worker = case.worker
    if worker is None:
        return
    if worker.last_error and not any(finding.last_error and finding.last_error in worker.last_error
                                     for finding in told) and not _of_a_container(worker, told):
        yield _failure(worker)
    subjects = {finding.subject for finding in told if finding.subject}
    steps = [step for step in worker.steps if step.stage in _STEPS and step.subject not in subjects]
    if any(finding.reason == "FailedMount" for finding in told):
        steps = [step for step in steps if step.stage is not Stage.VOLUMES]
    # Each try passes through its steps anew: what has only just begun is no news beside what is known already.
    yield from (_step(case, step) for step in steps if not told or case.now - step.since > _BRIEF_SECONDS)
    if worker.doing and not steps and not told:
        yield Finding(worker.doing, since=worker.since)


def _of_a_container(worker: WorkerView, told: Sequence[Finding]) -> bool:
    return worker.last_error.startswith('failed to "StartContainer"') and any(finding.subject for finding in told)


def _known(error: str) -> tuple[str, str] | None:
    return next(((reason, what) for begin, reason, what in _REASONS if error.startswith(begin)), None)


def _failure(worker: WorkerView) -> Finding:
    reason, waits_for = _known(worker.last_error) or ("", "the next attempt")
    inner = _SANDBOX_ERROR.search(worker.last_error)
    error = inner[1] if inner else worker.last_error
    return Finding(waits_for, reason=reason, since=worker.since, last_error=error,
                   next_retry_at=worker.next_retry_at, advice=advice(reason, error))


def _step(case: Case, step: StepView) -> Finding:
    slow = case.now - step.since > _SLOW_SECONDS or step.stage is Stage.POST_START
    return Finding(_STEPS[step.stage], subject=step.subject, reason=str(step.stage), since=step.since,
                   advice=_SLOW_ADVICE.get(step.stage, "") if slow else "")
