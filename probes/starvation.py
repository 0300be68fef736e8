"""Was it the container that was slow, or were we? Measures how late the event loop runs, while probes are under way.

A node under load stalls the agent as well: then a timeout says nothing about the container, and restarting it would
make the load worse (kubernetes#89898). While at least one measure is open, a timer asks to be called every 50 ms and
adds up how much later it is called. No measure open, no timer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 0.05
_NOISE_SECONDS = 0.01
"""Lateness of a single beat below this is a healthy loop's."""


class Lateness:
    """One open measure: `seconds` is by how much the loop has been late since it was opened."""

    def __init__(self, meter: "StarvationMeter") -> None:
        self._meter, self._begin = meter, meter.late_so_far()

    @property
    def seconds(self) -> float:
        return self._meter.late_so_far() - self._begin


class StarvationMeter:
    def __init__(self) -> None:
        self._open = 0
        self._late = 0.0
        self._expected = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def measure(self) -> Iterator[Lateness]:
        self._open += 1
        if self._timer is None:
            self._schedule()
        try:
            yield Lateness(self)
        finally:
            self._open -= 1
            if not self._open and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def late_so_far(self) -> float:
        """The sum of all lateness; counts the beat that should have come by now, too."""
        if self._timer is None:
            return self._late
        overdue = asyncio.get_running_loop().time() - self._expected
        return self._late + (overdue if overdue > _NOISE_SECONDS else 0.0)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._expected = loop.time() + BEAT_SECONDS
        self._timer = loop.call_at(self._expected, self._beat)

    def _beat(self) -> None:
        self._late = self.late_so_far()
        self._schedule()


def starved(late_seconds: float, timeout: float) -> bool:
    """Whether a probe that had `timeout` seconds lost so many of them to us that its timeout is inconclusive."""
    return late_seconds > max(0.1, timeout / 4)
