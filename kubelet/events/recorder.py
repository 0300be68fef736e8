"""Who takes events: the protocol, the recorder that keeps the last ones in memory, and several recorders as one."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from kubelet.api.types import ObjectReference

logger = logging.getLogger(__name__)

EventKind = Literal["Normal", "Warning"] | str
"""`Normal` or `Warning`; other words are passed on, as the API does."""

KEPT_EVENTS = 2000
"""Over all objects of the node; a pod that starts without trouble makes five."""


class EventRecorder(Protocol):
    def event(
        self, ref: ObjectReference, kind: EventKind, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Tell people that `reason` happened to what `ref` points to. Never blocks, never raises."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event as kept in memory; `count` repetitions between `first_time` and `last_time` (Unix seconds)."""

    ref: ObjectReference
    kind: str
    reason: str
    message: str
    first_time: float
    last_time: float
    count: int = 1


class LogEventRecorder:
    """Writes each event to the log once and keeps the last ones; a repeated event only counts up."""

    def __init__(self, kept: int = KEPT_EVENTS, clock: Callable[[], float] = time.time) -> None:
        self._events: deque[RecordedEvent] = deque(maxlen=kept)
        self._clock = clock

    def event(
        self, ref: ObjectReference, kind: EventKind, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,  # noqa: ARG002  # part of the protocol; only the API shows them
    ) -> None:
        now = self._clock()
        for index in range(len(self._events) - 1, max(-1, len(self._events) - 50), -1):
            known = self._events[index]
            if (known.reason, known.message, known.kind) == (reason, message, kind) and _same(known.ref, ref):
                del self._events[index]
                self._events.append(replace(known, last_time=now, count=known.count + 1))
                logger.debug("Event again reason=%s object=%s count=%d", reason, _name(ref), known.count + 1)
                return
        self._events.append(RecordedEvent(ref, kind, reason, message, now, now))
        log = logger.warning if kind == "Warning" else logger.info
        log("Event: %s object=%s kind=%s reason=%s fieldPath=%s", message, _name(ref), kind, reason, ref.field_path)

    def recent(self, uid: str = "") -> list[RecordedEvent]:
        """What is known of the object with this UID, oldest first; of everything, without one."""
        return [event for event in self._events if not uid or event.ref.uid == uid]


def _same(one: ObjectReference, other: ObjectReference) -> bool:
    return (one.uid, one.kind, one.namespace, one.name, one.field_path) == \
        (other.uid, other.kind, other.namespace, other.name, other.field_path)


def _name(ref: ObjectReference) -> str:
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}" if ref.namespace else f"{ref.kind.lower()}/{ref.name}"


class EventRecorders:
    """Several recorders as one."""

    def __init__(self, recorders: Sequence[EventRecorder]) -> None:
        self._recorders = tuple(recorders)

    def event(
        self, ref: ObjectReference, kind: EventKind, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        for recorder in self._recorders:
            recorder.event(ref, kind, reason, message, annotations)
