"""Keeps the logs of running containers within their size: looks every ten seconds, and sooner where a log grows fast.

A log that fills up faster than the interval would grow far beyond its limit (kubernetes#110630), so the next look
comes when the fastest one is expected to reach it, but never more often than once a second.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from kubelet.logs.rotation import RotationPolicy, execute, plan_rotation

logger = logging.getLogger(__name__)

MINIMUM_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunningLog:
    """A running container and the file that its runtime writes its log to."""

    container_id: str
    path: Path


class Reopener(Protocol):
    """The part of a CRI client that rotation needs."""

    async def ReopenContainerLog(
        self, request: cri.ReopenContainerLogRequest, /
    ) -> cri.ReopenContainerLogResponse: ...


class ContainerLogManager:
    """`running_logs` lists the logs of running containers from memory; it is asked at every look."""

    def __init__(
        self, running_logs: Callable[[], Sequence[RunningLog]], runtime: Reopener, policy: RotationPolicy, *,
        interval_seconds: float = 10.0, workers: int = 1, now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._running_logs, self._runtime, self._policy = running_logs, runtime, policy
        self._interval, self._now = interval_seconds, now
        self._workers = asyncio.Semaphore(max(1, workers))
        self._sizes: dict[str, int] = {}
        self._complained: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        pause = self._interval
        while True:
            await asyncio.sleep(pause)
            pause = await self.look(pause)

    async def look(self, elapsed_seconds: float) -> float:
        """Rotates what is due; returns the seconds until the next look. `elapsed_seconds`: since the last one."""
        logs = tuple(self._running_logs())
        sizes = await asyncio.to_thread(_sizes, logs)
        due = [log for log in logs if self._policy.due(sizes.get(log.container_id, -1))]
        missing = [log for log in logs if log.container_id not in sizes]
        async with asyncio.TaskGroup() as group:
            for log in due:
                group.create_task(self._guarded(log, self._rotate))
            for log in missing:
                group.create_task(self._guarded(log, self._reopen))
        pause = self._next_pause(sizes, elapsed_seconds)
        rotated = {log.container_id for log in due}
        self._sizes = {key: 0 if key in rotated else size for key, size in sizes.items()}
        return pause

    def _next_pause(self, sizes: dict[str, int], elapsed_seconds: float) -> float:
        pause = self._interval
        if self._policy.max_bytes < 0 or elapsed_seconds <= 0:
            return pause
        for key, size in sizes.items():
            growth = (size - self._sizes.get(key, size)) / elapsed_seconds
            room = self._policy.max_bytes - (size if size < self._policy.max_bytes else 0)
            if growth > 0:
                pause = min(pause, room / growth)
        return max(pause, min(MINIMUM_INTERVAL_SECONDS, self._interval))

    async def _guarded(self, log: RunningLog, action: Callable[[RunningLog], object]) -> None:
        async with self._workers:
            try:
                await action(log)  # type: ignore[misc]
                self._complained.discard(log.container_id)
            except NotFoundError:
                logger.debug("The container ended before its log was rotated container=%s", log.container_id)
            except (CriError, OSError) as error:
                if log.container_id not in self._complained:
                    logger.error("Cannot rotate a container's log file=%s container=%s error=%s",
                                 log.path, log.container_id, error)
                self._complained.add(log.container_id)

    async def _rotate(self, log: RunningLog) -> None:
        siblings = await asyncio.to_thread(_siblings, log.path)
        steps = plan_rotation(log.path.name, siblings, self._policy.max_files, self._now())

        async def reopen() -> None:
            await self._reopen(log)

        await execute(log.path.parent, steps, reopen, asyncio.to_thread)
        logger.info("Rotated a container's log file=%s as=%s container=%s",
                    log.path, steps[-1].target, log.container_id)

    async def _reopen(self, log: RunningLog) -> None:
        await self._runtime.ReopenContainerLog(cri.ReopenContainerLogRequest(container_id=log.container_id))


def _sizes(logs: Sequence[RunningLog]) -> dict[str, int]:
    """Sizes by container id; a log whose file is missing has no entry."""
    found = {}
    for log in logs:
        try:
            found[log.container_id] = log.path.stat().st_size
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.warning("Cannot look at a container's log file=%s error=%s", log.path, error)
            found[log.container_id] = 0
    return found


def _siblings(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir() if entry.name.startswith(f"{path.name}.")]
