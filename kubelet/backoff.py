"""Exponential back-off per key, the way of client-go's util/flowcontrol.Backoff: crash loops and image pulls.

A key's delay doubles with each `next` up to the maximum. It starts over when the event that is judged lies more than
twice the maximum after the last one, which is how a container that ran for ten minutes earns a fresh start.
Times are seconds of whichever clock the caller uses throughout.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class _Entry:
    delay: float
    updated_at: float


class Backoff:
    """Delays of any number of keys. `clean` forgets the keys that no longer matter."""

    def __init__(self, initial: float, maximum: float) -> None:
        self.initial, self.maximum = min(initial, maximum), maximum
        self._entries: dict[str, _Entry] = {}

    def delay(self, key: str) -> float:
        """The delay that `next` set last; 0 for a key without failures."""
        entry = self._entries.get(key)
        return entry.delay if entry else 0.0

    def next(self, key: str, event_at: float, now: float) -> float:
        """Count a failure that happened at `event_at`; returns the delay from now on."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event_at):
            self._entries[key] = entry = _Entry(self.initial, now)
        else:
            entry.delay = min(entry.delay * 2, self.maximum)
            entry.updated_at = now
        return entry.delay

    def remaining(self, key: str, event_at: float, now: float) -> float:
        """Seconds until what failed at `event_at` may be tried again; 0 when it may be tried now."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event_at):
            return 0.0
        return max(0.0, entry.delay - (now - event_at))

    def remaining_since_update(self, key: str, now: float) -> float:
        """As `remaining`, counted from the last failure that `next` was told of."""
        entry = self._entries.get(key)
        return max(0.0, entry.delay - (now - entry.updated_at)) if entry else 0.0

    def reset(self, key: str) -> None:
        self._entries.pop(key, None)

    def clean(self, now: float) -> None:
        """Drop keys that have been quiet for longer than a reset takes."""
        for key in [key for key, entry in self._entries.items() if self._expired(entry, now)]:
            del self._entries[key]

    def _expired(self, entry: _Entry, at: float) -> bool:
        return at - entry.updated_at > 2 * self.maximum
