"""Container logs for the verbs: where the engine keeps its files is known only once it answers, so this stands before.

Until `use` has been called, calls fail with LogError; the verbs do not come so far, they need the engine too.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

from dockershim.logs import LogError, LogSetup, LogTarget
from dockershim.ports import LogPort


class RunningLogs(LogPort, Protocol):
    """Logs with a life of their own; `dockershim.logs.ContainerLogs` is the real one."""

    async def start(self) -> None: ...
    async def run(self) -> None: ...
    async def close(self) -> None: ...
    async def stop_process(self) -> None: ...


class EngineLogs:
    """A LogPort. `make(engine_root)` is called once per engine root."""

    def __init__(self, make: Callable[[Path], RunningLogs]) -> None:
        self._make = make
        self._logs: RunningLogs | None = None
        self._root: Path | None = None
        self._changed = asyncio.Event()

    async def use(self, engine_root: Path) -> None:
        """The engine has answered. Raises LogError when its logs cannot be followed."""
        if self._root == engine_root:
            return
        logs = self._make(engine_root)
        await logs.start()
        if self._logs is not None:
            await self._logs.close()
        self._logs, self._root = logs, engine_root
        self._changed.set()

    async def run(self) -> None:
        """Run the logs in use, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self._now().run())
                await self._changed.wait()
                running.cancel()

    async def close(self) -> None:
        if self._logs is not None:
            await self._logs.close()

    async def stop_process(self) -> None:
        """For a node without containers: what outlives us ends too."""
        if self._logs is not None:
            await self._logs.stop_process()

    async def prepare(self, container_key: str, log_path: str | None, tty: bool) -> LogSetup:
        return await self._now().prepare(container_key, log_path, tty)

    async def attach(self, container_id: str, log_path: str | None) -> None:
        await self._now().attach(container_id, log_path)

    async def drain(self, container_id: str) -> None:
        await self._now().drain(container_id)

    async def reopen(self, container_id: str, log_path: str | None = None) -> None:
        await self._now().reopen(container_id, log_path)

    async def detach(self, container_id: str) -> None:
        await self._now().detach(container_id)

    async def recover(self, containers: Iterable[LogTarget], unread: Collection[str]) -> None:
        await self._now().recover(containers, unread)

    def _now(self) -> RunningLogs:
        if self._logs is None:
            raise LogError("container logs are not ready: the Docker engine has not answered yet")
        return self._logs
