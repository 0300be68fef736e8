"""The node conditions that the kubelet owns, and the events that their changes are worth.

Texts: pkg/kubelet/nodestatus/setters.go. Ready comes last, so that whoever reads the list finds the causes first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from kubelet.api.meta import format_time
from kubelet.api.types import NodeCondition

READY = "Ready"


@dataclass(frozen=True, slots=True)
class Pressure:
    """Which resources eviction finds short."""

    memory: bool = False
    disk: bool = False
    pid: bool = False

    def names(self) -> tuple[str, ...]:
        """The conditions that hold."""
        return tuple(type_ for type_, holds in self.by_type().items() if holds)

    def by_type(self) -> dict[str, bool]:
        return {"MemoryPressure": self.memory, "DiskPressure": self.disk, "PIDPressure": self.pid}


_TEXTS: dict[tuple[str, bool], tuple[str, str, str]] = {
    ("MemoryPressure", True): (
        "KubeletHasInsufficientMemory", "kubelet has insufficient memory available", "NodeHasInsufficientMemory"
    ),
    ("MemoryPressure", False): (
        "KubeletHasSufficientMemory", "kubelet has sufficient memory available", "NodeHasSufficientMemory"
    ),
    ("DiskPressure", True): ("KubeletHasDiskPressure", "kubelet has disk pressure", "NodeHasDiskPressure"),
    ("DiskPressure", False): ("KubeletHasNoDiskPressure", "kubelet has no disk pressure", "NodeHasNoDiskPressure"),
    ("PIDPressure", True): (
        "KubeletHasInsufficientPID", "kubelet has insufficient PID available", "NodeHasInsufficientPID"
    ),
    ("PIDPressure", False): (
        "KubeletHasSufficientPID", "kubelet has sufficient PID available", "NodeHasSufficientPID"
    ),
}
"""(condition, holds) to its reason, message and event."""


def aggregate(errors: Iterable[str]) -> str:
    """Several errors as one text: alone as it is, more in `[a, b]`, each once (apimachinery's Aggregate)."""
    distinct = list(dict.fromkeys(error for error in errors if error))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]" if distinct else ""


@dataclass(frozen=True, slots=True)
class ConditionsResult:
    """`events` are the reasons of changes, in their order."""

    conditions: tuple[NodeCondition, ...]
    events: tuple[str, ...]


def node_conditions(
    previous: Sequence[NodeCondition], pressure: Pressure, errors: Iterable[str], now: float
) -> ConditionsResult:
    """The node's conditions at `now`; those of others keep their place, ours keep their times while they hold.

    `errors` make the node not ready: of the runtime, the network, storage, missing capacity, a shutdown.
    """
    ours = dict.fromkeys((*pressure.by_type(), READY))
    made = [condition for condition in previous if condition.type not in ours]
    events: list[str] = []
    before = {condition.type: condition for condition in previous}
    for type_, holds in pressure.by_type().items():
        reason, message, event = _TEXTS[type_, holds]
        made.append(_timed(type_, holds, reason, message, before.get(type_), now))
        if type_ not in before or before[type_].status != made[-1].status:
            events.append(event)
    problem = aggregate(errors)
    reason, message = ("KubeletNotReady", problem) if problem else ("KubeletReady", "kubelet is posting ready status")
    ready = _timed(READY, not problem, reason, message, before.get(READY), now)
    if READY in before and before[READY].status != ready.status:
        events.append("NodeNotReady" if problem else "NodeReady")
    return ConditionsResult((*made, ready), tuple(events))


def _timed(
    type_: str, holds: bool, reason: str, message: str, before: NodeCondition | None, now: float
) -> NodeCondition:
    status, stamp = "True" if holds else "False", format_time(now)
    since = before.last_transition_time if before is not None and before.status == status else stamp
    return NodeCondition(
        type=type_, status=status, reason=reason, message=message, last_heartbeat_time=stamp,
        last_transition_time=since or stamp,
    )


def is_ready(conditions: Iterable[NodeCondition]) -> bool:
    return any(condition.type == READY and condition.status == "True" for condition in conditions)


def same_but_for_heartbeats(one: Sequence[NodeCondition], other: Sequence[NodeCondition]) -> bool:
    def plain(conditions: Sequence[NodeCondition]) -> list[NodeCondition]:
        return sorted(
            (msgspec.structs.replace(condition, last_heartbeat_time="") for condition in conditions),
            key=lambda condition: condition.type,
        )
    return plain(one) == plain(other)
