"""The life of a pod on this node, as pure transitions. One state per UID, never backwards.

    (unseen) ──update──▶ SYNC ──deleted, evicted, removed, terminal phase──▶ TERMINATING
                          │ a sync found the pod terminal                        │ nothing runs any more
                          └──────────────────────────▶ TERMINATING               ▼
                                                            FINISHED ◀── TERMINATED
                                                 (volumes, cgroups and the API object are gone)

A pod that is first seen in a terminal phase with nothing running starts in TERMINATED. A runtime pod without a spec
(an orphan) is only ever TERMINATING. A static pod that still waits for its namesake to end when it is told to end
itself is FINISHED at once (`abandoned`): nobody may take its end for that of the one that runs.

Of several kills the shortest grace counts, and the word of the last one: a preemption may yet become an eviction.
Meaning and grace rules follow pkg/kubelet/pod_workers.go.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from kubelet.api.types import Pod

TERMINAL_PHASES = frozenset({"Failed", "Succeeded"})
MINIMUM_GRACE_SECONDS = 1
DEFAULT_GRACE_SECONDS = 30


class WorkPhase(Enum):
    SYNC = auto()
    TERMINATING = auto()
    TERMINATED = auto()
    FINISHED = auto()

    @property
    def termination_requested(self) -> bool:
        return self is not WorkPhase.SYNC

    @property
    def lifecycle(self) -> str:
        """As metrics call it."""
        return "terminated" if self.is_terminated else self.name.lower()

    @property
    def is_terminated(self) -> bool:
        """No container of the pod runs, and none ever will again."""
        return self in (WorkPhase.TERMINATED, WorkPhase.FINISHED)


class UpdateKind(Enum):
    CREATE = "create"
    UPDATE = "update"
    SYNC = "sync"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pod that is stopped by the node will say of itself (eviction, preemption, deadline, shutdown)."""

    phase: str = "Failed"
    reason: str = ""
    message: str = ""
    disruption_reason: str = ""
    """Reason of a DisruptionTarget condition; empty for none."""
    disruption_message: str = ""
    """The condition's message where it is not the pod's."""
    keeps_success: bool = False
    """A pod that has succeeded by then stays Succeeded."""


@dataclass(frozen=True, slots=True)
class KillOptions:
    evict: bool = False
    grace_seconds: int | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class PodUpdate:
    """News about a pod. `runtime_only` marks an orphan: `pod` is then rebuilt from the runtime's labels."""

    kind: UpdateKind
    pod: Pod
    kill: KillOptions | None = None
    runtime_only: bool = False


@dataclass(frozen=True, slots=True)
class PodWork:
    """What a worker knows of its pod and what it has to do."""

    pod: Pod
    phase: WorkPhase = WorkPhase.SYNC
    runtime_only: bool = False
    deleted: bool = False
    evicted: bool = False
    grace_seconds: int | None = None
    verdict: Verdict | None = None
    restart_requested: bool = False
    started: bool = False
    """At least one step has begun."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The work after an update. `interrupt`: what runs now is outdated. `wake`: there is something to do."""

    work: PodWork
    interrupt: bool = False
    wake: bool = True


def observe(work: PodWork | None, update: PodUpdate, nothing_runs: bool = False) -> Transition:
    """Apply one update. `nothing_runs`: the runtime is known to have nothing running for a pod seen first now."""
    if work is None:
        return _first_sight(update, nothing_runs)
    if work.phase.termination_requested and update.kind is UpdateKind.CREATE:
        return Transition(replace(work, restart_requested=True), wake=False)
    if work.phase is WorkPhase.FINISHED:
        return Transition(work, wake=False)
    if update.runtime_only:
        if work.phase.is_terminated:
            return Transition(work, wake=False)
        # The worker knows the real pod; what the runtime remembers of it adds nothing but the wish to kill it.
        update = replace(update, pod=work.pod)
    newer = replace(work, pod=update.pod)
    if work.phase is WorkPhase.SYNC:
        newer = _begin_termination(newer, update)
    if newer.phase is WorkPhase.TERMINATING:
        grace = effective_grace(newer.pod, work.grace_seconds, update.kill)
        shortened = work.grace_seconds is not None and grace != work.grace_seconds
        verdict = (update.kill.verdict if update.kill else None) or work.verdict
        newer = replace(newer, grace_seconds=grace, verdict=verdict)
        return Transition(newer, interrupt=shortened or work.phase is WorkPhase.SYNC)
    return Transition(newer)


def _first_sight(update: PodUpdate, nothing_runs: bool) -> Transition:
    work = PodWork(update.pod, runtime_only=update.runtime_only)
    if update.pod.status.phase in TERMINAL_PHASES and nothing_runs and not update.runtime_only:
        return Transition(replace(
            work, phase=WorkPhase.TERMINATED, deleted=bool(update.pod.metadata.deletion_timestamp)
        ))
    work = _begin_termination(work, update)
    if work.phase is WorkPhase.TERMINATING:
        work = replace(
            work, grace_seconds=effective_grace(work.pod, None, update.kill),
            verdict=update.kill.verdict if update.kill else None,
        )
    return Transition(work)


def _begin_termination(work: PodWork, update: PodUpdate) -> PodWork:
    if update.runtime_only or update.pod.metadata.deletion_timestamp:
        return replace(work, phase=WorkPhase.TERMINATING, deleted=True)
    if update.pod.status.phase in TERMINAL_PHASES:
        return replace(work, phase=WorkPhase.TERMINATING)
    if update.kind is UpdateKind.KILL:
        return replace(work, phase=WorkPhase.TERMINATING, evicted=bool(update.kill and update.kill.evict))
    return work


def effective_grace(pod: Pod, current: int | None, kill: KillOptions | None) -> int:
    """Seconds from the kill to SIGKILL: the least that anyone asked for, at least one; it only ever shrinks."""
    asked = [
        seconds for seconds in (
            current, pod.metadata.deletion_grace_period_seconds, kill.grace_seconds if kill else None
        ) if seconds is not None
    ]
    if not asked:
        own = pod.spec.termination_grace_period_seconds
        asked = [DEFAULT_GRACE_SECONDS if own is None else own]
    return max(MINIMUM_GRACE_SECONDS, min(asked))


def abandoned(work: PodWork, nothing_runs: bool) -> PodWork:
    """The work of a static pod that has to end before its turn has come. What runs of it all the same, from before a
    restart of the agent, is stopped as an orphan's would be."""
    if nothing_runs:
        return replace(work, phase=WorkPhase.FINISHED)
    return replace(work, started=True, runtime_only=True, deleted=True)


def sync_succeeded(work: PodWork, pod_is_terminal: bool) -> PodWork:
    """The work after the step of its phase has succeeded."""
    match work.phase:
        case WorkPhase.SYNC if pod_is_terminal:
            return replace(
                work, phase=WorkPhase.TERMINATING, grace_seconds=effective_grace(work.pod, work.grace_seconds, None)
            )
        case WorkPhase.TERMINATING if work.runtime_only:
            return replace(work, phase=WorkPhase.FINISHED)
        case WorkPhase.TERMINATING:
            return replace(work, phase=WorkPhase.TERMINATED)
        case WorkPhase.TERMINATED:
            return replace(work, phase=WorkPhase.FINISHED)
    return work
