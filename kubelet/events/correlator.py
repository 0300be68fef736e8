"""Which events the API server gets to see, and in what form (client-go/tools/record/events_cache.go).

    event ─▶ similar ones? ─▶ seen before? ─▶ too many of this object? ─▶ create | patch count | drop

  - Events that differ only in their message are similar: of the tenth one within ten minutes on, they are one event
    whose message begins with "(combined from similar events): ".
  - The same event again is a patch of count, time and message.
  - Each object gets 25 events per kind at once, and one more every five minutes.

Pure: time is passed in, and the three caches hold the 4096 keys used last.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from kubelet.api.meta import format_time
from kubelet.api.types import Event, ObjectMeta

V = TypeVar("V")

CACHE_ENTRIES = 4096
SIMILAR_EVENTS = 10
SIMILAR_SECONDS = 600.0
SPAM_BURST = 25
SPAM_REFILL_PER_SECOND = 1 / 300
COMBINED_PREFIX = "(combined from similar events): "

Key = tuple[str, ...]


class _LeastRecentlyUsed(Generic[V]):
    """A mapping that forgets the key that was used longest ago."""

    def __init__(self, size: int) -> None:
        self._items: OrderedDict[Key, V] = OrderedDict()
        self._size = size

    def get(self, key: Key) -> V | None:
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]

    def put(self, key: Key, value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._size:
            self._items.popitem(last=False)


@dataclass(slots=True)
class _Similar:
    messages: set[str] = field(default_factory=set)
    last_seen: float = 0.0


@dataclass(slots=True)
class _Allowance:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class _Known:
    """What the server has of an event."""

    name: str
    namespace: str
    count: int
    first_timestamp: str


@dataclass(frozen=True, slots=True)
class Correlated:
    """An event to write: `patch` it if the server has it under this name, create it otherwise."""

    event: Event
    patch: bool


class Correlator:
    def __init__(self, entries: int = CACHE_ENTRIES) -> None:
        self._similar: _LeastRecentlyUsed[_Similar] = _LeastRecentlyUsed(entries)
        self._known: _LeastRecentlyUsed[_Known] = _LeastRecentlyUsed(entries)
        self._allowances: _LeastRecentlyUsed[_Allowance] = _LeastRecentlyUsed(entries)

    def correlate(self, event: Event, now: float) -> Correlated | None:
        """What to write for `event` at `now` (Unix seconds); None when its object has had its share."""
        event, key = self._aggregate(event, now)
        known = self._known.get(key)
        if known is not None:
            event = msgspec.structs.replace(
                event, count=known.count + 1, first_timestamp=known.first_timestamp,
                metadata=msgspec.structs.replace(event.metadata, name=known.name, namespace=known.namespace),
            )
        self._remember(key, event)
        if not self._allowed(event, now):
            return None
        return Correlated(event, patch=known is not None)

    def acknowledge(self, event: Event) -> None:
        """The server's answer: its name and count are what later patches build on."""
        self._remember(_event_key(event), event)

    def _remember(self, key: Key, event: Event) -> None:
        self._known.put(key, _Known(
            event.metadata.name, event.metadata.namespace, event.count or 1, event.first_timestamp
        ))

    def _aggregate(self, event: Event, now: float) -> tuple[Event, Key]:
        key = _similar_key(event)
        similar = self._similar.get(key)
        if similar is None or now - similar.last_seen > SIMILAR_SECONDS:
            similar = _Similar()
        similar.messages.add(event.message)
        similar.last_seen = now
        self._similar.put(key, similar)
        if len(similar.messages) < SIMILAR_EVENTS:
            return event, _event_key(event)
        similar.messages.discard(next(iter(similar.messages)))
        combined = msgspec.structs.replace(
            event, message=COMBINED_PREFIX + event.message, count=1, first_timestamp=format_time(now),
            last_timestamp=format_time(now),
            metadata=ObjectMeta(name=event.metadata.name, namespace=event.metadata.namespace),
        )
        return combined, key

    def _allowed(self, event: Event, now: float) -> bool:
        key = _object_key(event)
        allowance = self._allowances.get(key)
        if allowance is None:
            allowance = _Allowance(SPAM_BURST, now)
            self._allowances.put(key, allowance)
        elapsed = max(now - allowance.at, 0.0)
        allowance.tokens = min(allowance.tokens + elapsed * SPAM_REFILL_PER_SECOND, SPAM_BURST)
        allowance.at = now
        if allowance.tokens < 1:
            return False
        allowance.tokens -= 1
        return True


def _object_key(event: Event) -> Key:
    source, ref = event.source, event.involved_object
    return (
        source.component if source else "", source.host if source else "", ref.kind, ref.namespace, ref.name, ref.uid,
        ref.api_version, event.type,
    )


def _similar_key(event: Event) -> Key:
    return (*_object_key(event), event.reason, event.reporting_component, event.reporting_instance)


def _event_key(event: Event) -> Key:
    return (*_object_key(event), event.involved_object.field_path, event.reason, event.message)
