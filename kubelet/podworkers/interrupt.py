"""Telling a running sync that it is outdated, without ever tearing a runtime call apart.

A sync is a row of steps. Those that only wait (volumes, image pulls, hooks, a long StopContainer) run inside `scope`
and end at once on `interrupt`; those that create something in the runtime run to their end, and `check` between them
stops the row. So a pod that is deleted while it starts leaves nothing half-made behind.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SyncInterruptedError(Exception):
    """The sync was overtaken by newer news of its pod; the worker starts over with those."""


class Interrupt:
    def __init__(self) -> None:
        self.interrupted = False
        self._scopes: set[asyncio.Timeout] = set()

    def interrupt(self) -> None:
        """End what waits, and let no further step begin."""
        self.interrupted = True
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)

    def check(self) -> None:
        """Raises SyncInterruptedError when the sync is outdated."""
        if self.interrupted:
            raise SyncInterruptedError

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[None]:
        """Waiting that ends with SyncInterruptedError on `interrupt`."""
        self.check()
        try:
            async with asyncio.timeout(None) as scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if scope.expired():
                raise SyncInterruptedError from None
            raise
