"""What the verbs need of the other parts, as small protocols, and the few things that all verbs share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable
from typing import Any, Protocol
from weakref import WeakValueDictionary

from cri.errors import UnavailableError
from dockershim.facts import EngineFacts
from dockershim.logs import LogSetup, LogTarget


class LogPort(Protocol):
    """Container logs; `dockershim.logs.ContainerLogs` is the real one and says what each call promises."""

    async def prepare(self, container_key: str, log_path: str | None, tty: bool) -> LogSetup: ...
    async def attach(self, container_id: str, log_path: str | None) -> None: ...
    async def drain(self, container_id: str) -> None: ...
    async def reopen(self, container_id: str, log_path: str | None = None) -> None: ...
    async def detach(self, container_id: str) -> None: ...
    async def recover(self, containers: Iterable[LogTarget], unread: Collection[str]) -> None: ...


class EngineState:
    """Whether the engine is there, and its facts; written by the shim's connect and disconnect."""

    def __init__(self, reason: str = "the Docker engine has not answered yet") -> None:
        self.reason = reason
        """Why the engine is not ready; empty when it is."""
        self._facts: EngineFacts | None = None

    def is_ready(self, facts: EngineFacts) -> None:
        self._facts, self.reason = facts, ""

    def is_gone(self, reason: str) -> None:
        self.reason = reason

    @property
    def known_facts(self) -> EngineFacts | None:
        """The last facts, also while the engine is away."""
        return self._facts

    def require(self) -> EngineFacts:
        """Raises UnavailableError while the engine is not there, so that nothing is answered from an old state."""
        if self.reason or self._facts is None:
            raise UnavailableError(self.reason)
        return self._facts


class NameLocks:
    """One lock per name, for as long as someone holds it: creates of one container go one after the other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        async with lock:
            yield


class Cleanups:
    """Runs what must end even when its caller is cancelled: rollbacks. Owned by the shim's task group."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled; then those under way still end: a cancellation that left the group would end them too."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            self._group = None
        raise asyncio.CancelledError

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`; it goes on when the waiting is cancelled."""
        if self._group is None:
            await work
        else:
            await asyncio.shield(self._group.create_task(work))
