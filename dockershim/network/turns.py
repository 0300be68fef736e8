"""Who may act on pod networks at the same time: one operation per sandbox, and GC alone.

Source: CNI specification 1.1, "Lifecycle & Ordering".
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._changed = asyncio.Condition()
        self._running = 0
        self._alone = False

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
