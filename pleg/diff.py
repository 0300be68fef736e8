"""What happened to a pod between two looks at it: the pure heart of PLEG.

    (old PodRuntimeStatus | None, new PodRuntimeStatus | None)  ─▶  [PodLifecycleEvent]

Sandboxes count as containers here: ready is running, not ready is exited. Per container, by its new state:

    new \\ old     absent            unknown           running           exited
    running       STARTED           STARTED           -                 STARTED
    exited        DIED              DIED              DIED              -
    unknown       CHANGED           -                 CHANGED           CHANGED
    absent        -                 DIED, REMOVED     DIED, REMOVED     REMOVED

Created and unknown containers are one state ("unknown"), as in pkg/kubelet/pleg/generic.go; nothing waits
for "created".
"""

from dataclasses import dataclass, replace
from enum import Enum

from pleg.state import PodRuntimeStatus, RunState, SandboxStatus


class EventKind(Enum):
    """What a pod worker is told. CHANGED is computed but not delivered: it is not reliable and nobody acts on it."""

    STARTED = "ContainerStarted"
    DIED = "ContainerDied"
    REMOVED = "ContainerRemoved"
    CHANGED = "ContainerChanged"
    SYNC = "PodSync"


class Liveness(Enum):
    """A container's or sandbox's state as far as lifecycle events tell states apart."""

    ABSENT = "non-existent"
    UNKNOWN = "unknown"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class PodLifecycleEvent:
    """`container_id` is a container's or a sandbox's id, and empty for SYNC."""

    uid: str
    kind: EventKind
    container_id: str = ""


_LIVENESS = {
    RunState.CREATED: Liveness.UNKNOWN,
    RunState.RUNNING: Liveness.RUNNING,
    RunState.EXITED: Liveness.EXITED,
    RunState.UNKNOWN: Liveness.UNKNOWN,
}

_ON_ARRIVAL = {
    Liveness.RUNNING: EventKind.STARTED,
    Liveness.EXITED: EventKind.DIED,
    Liveness.UNKNOWN: EventKind.CHANGED,
}


def liveness_by_id(status: PodRuntimeStatus | None) -> dict[str, Liveness]:
    """Every container's and sandbox's state; containers first, so that a pod's death is told from the inside out."""
    if status is None:
        return {}
    states: dict[str, Liveness] = {container.id: _LIVENESS[container.state] for container in status.containers}
    states.update(
        (sandbox.id, Liveness.RUNNING if sandbox.ready else Liveness.EXITED) for sandbox in status.sandboxes
    )
    return states


def diff(uid: str, old: PodRuntimeStatus | None, new: PodRuntimeStatus | None) -> list[PodLifecycleEvent]:
    """The events that lead from `old` to `new` (None: the runtime knows nothing of the pod)."""
    before, after = liveness_by_id(old), liveness_by_id(new)
    events: list[PodLifecycleEvent] = []
    for container_id in before | after:
        was, now = before.get(container_id, Liveness.ABSENT), after.get(container_id, Liveness.ABSENT)
        events.extend(PodLifecycleEvent(uid, kind, container_id) for kind in transition(was, now))
    return events


def transition(was: Liveness, now: Liveness) -> tuple[EventKind, ...]:
    """The table of the module's docstring, one cell."""
    if was is now:
        return ()
    if now is not Liveness.ABSENT:
        return (_ON_ARRIVAL[now],)
    return (EventKind.REMOVED,) if was is Liveness.EXITED else (EventKind.DIED, EventKind.REMOVED)


def keep_addresses(old: PodRuntimeStatus | None, new: PodRuntimeStatus) -> PodRuntimeStatus:
    """`new` with the addresses of sandboxes that stopped since: teardown races with looking, the API wants them still.

    A runtime's word about the address of a sandbox that is not ready is not taken (some clear it, some do not).
    """
    known = {sandbox.id: sandbox.ips for sandbox in old.sandboxes} if old else {}

    def with_address(sandbox: SandboxStatus) -> SandboxStatus:
        ips = sandbox.ips if sandbox.ready else known.get(sandbox.id, ())
        return sandbox if ips == sandbox.ips else replace(sandbox, ips=ips)

    return replace(new, sandboxes=tuple(with_address(sandbox) for sandbox in new.sandboxes))
