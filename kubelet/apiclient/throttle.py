"""Client-side rate limit (token bucket) and retry delays, as pure as can be: time and randomness come from outside."""

import asyncio
import random
import time
from collections.abc import Callable


class TokenBucket:
    """`qps` permits per second, `burst` of them at once; waiters are served in order. qps 0 or less: no limit."""

    def __init__(self, qps: float, burst: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._qps, self._burst, self._monotonic = qps, max(1, burst), monotonic
        self._level = float(self._burst)
        self._updated = monotonic()

    def reserve(self) -> float:
        """Takes a permit; how many seconds to wait before it may be used."""
        if self._qps <= 0:
            return 0.0
        now = self._monotonic()
        self._level = min(float(self._burst), self._level + (now - self._updated) * self._qps) - 1
        self._updated = now
        return max(0.0, -self._level / self._qps)

    async def acquire(self) -> None:
        delay = self.reserve()
        if delay > 0:
            await asyncio.sleep(delay)


class RetryDelay:
    """0.8 s doubling to 30 s, plus as much again at random (client-go's reflector: factor 2, jitter 1.0).

    The jitter keeps a thousand nodes from coming back at the same moment."""

    def __init__(self, first: float = 0.8, limit: float = 30.0, rng: random.Random | None = None) -> None:
        self._first, self._limit, self._next = first, limit, first
        self._rng = rng or random.Random()  # noqa: S311  # spreads load, guards nothing

    def reset(self) -> None:
        self._next = self._first

    def next(self) -> float:
        """Seconds to wait before the next try."""
        delay = self._next * (1 + self._rng.random())
        self._next = min(self._limit, self._next * 2)
        return delay
