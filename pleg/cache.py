"""The last known state of every pod, and waiting for a state that is new enough.

    writers: relist, single-pod rounds, stream events  ─▶  PodCache  ─▶  get(uid), await get_newer_than(uid, t)

Each entry says when it was true: `observed_at`, the monotonic time at which the look at the runtime *began*, so
everything that the runtime had done by then is in it, and `settled_at`, when that look ended: between the two nobody
can tell. `get_newer_than` never waits for something to happen to the pod: it asks for a look of its own (`request`),
and takes whichever answer comes first. A look that failed fails the waiters: they hang no longer than a look may take.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cri.errors import CriError
from pleg.state import PodRuntimeStatus


@dataclass(frozen=True, slots=True)
class Entry:
    """`error` is the failure of the newest look, after which `status` is only the last that is known."""

    status: PodRuntimeStatus
    observed_at: float
    settled_at: float
    error: CriError | None = None


_REMEMBER_GONE_SECONDS = 60.0
"""How late an event of a pod that has gone may come and still be known as late."""


@dataclass(slots=True)
class _Waiter:
    newer_than: float
    answer: asyncio.Future[PodRuntimeStatus]


class PodCache:
    """Written by PLEG alone; read by everybody."""

    def __init__(self, request: Callable[[str], None], clock: Callable[[], float]) -> None:
        """`request(uid)` starts a look at one pod that begins after the call and ends in `store`, `drop` or `fail`."""
        self._request = request
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._gone: dict[str, tuple[float, float]] = {}
        self._unsettled: set[str] = set()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._absent_at = float("-inf")
        """A pod without an entry was known to be absent at this time: the begin of the last complete list."""

    def get(self, uid: str) -> PodRuntimeStatus:
        """The last known state; an empty one when the runtime has nothing of that pod."""
        entry = self._entries.get(uid)
        return entry.status if entry else PodRuntimeStatus(uid, "", "", observed_at=self._absent_at)

    def entry(self, uid: str) -> Entry | None:
        return self._entries.get(uid)

    def last_look(self, uid: str) -> tuple[float, float] | None:
        """(observed_at, settled_at) of the newest look at the pod, also when it found nothing."""
        entry = self._entries.get(uid)
        return (entry.observed_at, entry.settled_at) if entry else self._gone.get(uid)

    def uids(self) -> frozenset[str]:
        return frozenset(self._entries)

    def __iter__(self) -> Iterator[PodRuntimeStatus]:
        return iter([entry.status for entry in self._entries.values()])

    async def get_newer_than(self, uid: str, newer_than: float) -> PodRuntimeStatus:
        """The pod's state as it was at some moment after `newer_than` (monotonic seconds).

        Raises CriError when the runtime could not be asked, or did not answer for this pod in time.
        """
        entry = self._entries.get(uid)
        if entry and entry.error is None and entry.observed_at > newer_than:
            return entry.status
        if entry is None and self._absent_at > newer_than and uid not in self._unsettled:
            return self.get(uid)
        waiter = _Waiter(newer_than, asyncio.get_running_loop().create_future())
        waiters = self._waiters.setdefault(uid, [])
        waiters.append(waiter)
        self._request(uid)  # the look begins later, so it answers even if the clock reads the same then
        try:
            return await waiter.answer
        finally:
            waiters.remove(waiter)
            if not waiters and self._waiters.get(uid) is waiters:
                del self._waiters[uid]

    def store(self, status: PodRuntimeStatus, settled_at: float) -> None:
        self._entries[status.uid] = Entry(status, status.observed_at, settled_at)
        self._unsettled.discard(status.uid)
        self._gone.pop(status.uid, None)
        self._answer(status.uid, status, status.observed_at)

    def confirm(self, uid: str, observed_at: float, settled_at: float) -> None:
        """The pod's state was still the same at `observed_at`."""
        entry = self._entries[uid]
        self.store(replace(entry.status, observed_at=observed_at), settled_at)

    def unsettle(self, uid: str) -> None:
        """The pod has been seen in a list, but not looked at yet: `complete` may not call it absent."""
        if uid not in self._entries:
            self._unsettled.add(uid)

    def drop(self, uid: str, observed_at: float, settled_at: float) -> None:
        """The runtime had nothing of the pod at `observed_at`."""
        self._entries.pop(uid, None)
        self._unsettled.discard(uid)
        self._gone[uid] = observed_at, settled_at
        self._answer(uid, PodRuntimeStatus(uid, "", "", observed_at=observed_at), observed_at)

    def fail(self, uid: str, error: CriError, asked_at: float) -> None:
        """A look that began at `asked_at` did not succeed; its pod keeps what was known."""
        entry = self._entries.get(uid)
        if entry and entry.observed_at <= asked_at:
            self._entries[uid] = Entry(entry.status, entry.observed_at, entry.settled_at, error)
        for waiter in self._waiters.get(uid, ()):
            if asked_at >= waiter.newer_than and not waiter.answer.done():
                waiter.answer.set_exception(error)

    def complete(self, observed_at: float) -> None:
        """A whole list that began at `observed_at` has been worked in: pods that have no entry were absent then."""
        self._absent_at = max(self._absent_at, observed_at)
        self._gone = {
            uid: look for uid, look in self._gone.items() if look[1] > observed_at - _REMEMBER_GONE_SECONDS
        }
        for uid in self._waiters.keys() - self._entries.keys() - self._unsettled:
            self._answer(uid, self.get(uid), observed_at)

    def _answer(self, uid: str, status: PodRuntimeStatus, observed_at: float) -> None:
        for waiter in self._waiters.get(uid, ()):
            if observed_at >= waiter.newer_than and not waiter.answer.done():
                waiter.answer.set_result(status)
