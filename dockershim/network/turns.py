"""Who may act on pod networks at the same time: one operation per sandbox, GC alone, and the first ADD ahead of others.

With the first pod of a kind plugins make what all pods share, and not all can do that twice at a time: portmap 1.1 of
Debian fails when another one makes the same chain.

Source: CNI specification 1.1, "Lifecycle & Ordering".
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Hashable

PIONEER_SECONDS = 5.0
"""How long others wait for the first ADD of their kind: it may hang for a reason of its own."""


class Turns:
    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._changed = asyncio.Condition()
        self._running = 0
        self._alone = False
        self._trodden: set[Hashable] = set()
        self._pioneers: dict[Hashable, asyncio.Event] = {}

    @property
    def sandboxes(self) -> frozenset[str]:
        """Those on which something is done now, or waits to be."""
        return frozenset(self._locks)

    @contextlib.asynccontextmanager
    async def of_sandbox(self, sandbox_id: str) -> AsyncIterator[None]:
        """ADD, DEL and CHECK: after what is under way for the same sandbox, and not during a GC."""
        lock, users = self._locks.get(sandbox_id) or (asyncio.Lock(), 0)
        self._locks[sandbox_id] = (lock, users + 1)
        try:
            async with lock, self._beside_others():
                yield
        finally:
            lock, users = self._locks[sandbox_id]
            if users == 1:
                del self._locks[sandbox_id]
            else:
                self._locks[sandbox_id] = (lock, users - 1)

    @contextlib.asynccontextmanager
    async def behind_first(self, kind: Hashable) -> AsyncIterator[None]:
        """ADD: until one of this kind has gone well, they go one after the other."""
        while (ahead := self._pioneers.get(kind)) is not None and kind not in self._trodden:
            try:
                async with asyncio.timeout(PIONEER_SECONDS):
                    await ahead.wait()
            except TimeoutError:
                break
        if kind in self._trodden or kind in self._pioneers:
            yield
            return
        done = self._pioneers[kind] = asyncio.Event()
        try:
            yield
            self._trodden.add(kind)
        finally:
            del self._pioneers[kind]
            done.set()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """GC: once nothing else is under way. Pods are not kept waiting for its turn, only while it has it."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._running and not self._alone)
            self._alone = True
        try:
            yield
        finally:
            self._alone = False
            await self._tell()

    @contextlib.asynccontextmanager
    async def _beside_others(self) -> AsyncIterator[None]:
        while self._alone:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._alone)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
