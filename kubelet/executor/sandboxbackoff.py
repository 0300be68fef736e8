"""When a sandbox that could not be made may be tried again: after one second, then twice as long each time, up to ten.

Each failed try makes the runtime tell of a sandbox that came and went, and that news wakes the pod's worker: without
a delay of their own, failing tries would follow each other as fast as the runtime answers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kubelet.api.meta import PodUID
from kubelet.backoff import Backoff

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class Delay:
    """What the last try failed of, and when (on the clock) the next one is due."""

    error: str
    until: float


class SandboxBackoff:
    """Delays by pod, for the pods whose last try failed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._backoff = Backoff(FIRST_SECONDS, LONGEST_SECONDS)
        self._failed: dict[PodUID, Delay] = {}

    def delay(self, uid: PodUID) -> Delay | None:
        """None when a sandbox may be made now."""
        failed = self._failed.get(uid)
        return failed if failed is not None and failed.until > self._clock() else None

    def failed(self, uid: PodUID, error: str) -> Delay:
        """Count a failure. Pods that have not failed for long are forgotten on the way."""
        now = self._clock()
        self._backoff.clean(now)
        self._failed = {pod: delay for pod, delay in self._failed.items() if now - delay.until < 2 * LONGEST_SECONDS}
        self._failed[uid] = Delay(error, now + self._backoff.next(uid, now, now))
        return self._failed[uid]

    def succeeded(self, uid: PodUID) -> None:
        self._backoff.reset(uid)
        self._failed.pop(uid, None)
