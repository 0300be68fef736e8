"""--lock-file: one kubelet at a time; with --exit-on-lock-contention the one that runs makes room for the next.

Whoever opens the file, wants the lock: a self-hosted kubelet is replaced that way. Source: pkg/util/flock,
cmd/kubelet/app/server.go (watchForLockfileContention).
"""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


@asynccontextmanager
async def locked(file: Path, stop: asyncio.Event, *, exit_on_contention: bool) -> AsyncIterator[None]:
    """Waits for the lock and holds it; with `exit_on_contention`, `stop` is set once somebody else opens the file.

    Raises OSError when the file cannot be made."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        await _acquire(descriptor, file)
        if not exit_on_contention:
            yield
            return
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(file, stop), name="lock file")
            yield
            watching.cancel()
    finally:
        os.close(descriptor)


async def _acquire(descriptor: int, file: Path) -> None:
    told = False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if not told:
            logger.info("Waiting for another kubelet to release the lock file=%s", file)
            told = True
        await asyncio.sleep(POLL_SECONDS)


async def _watch(file: Path, stop: asyncio.Event) -> None:
    from asyncinotify import Inotify, Mask

    with Inotify() as inotify:
        inotify.add_watch(file, Mask.OPEN | Mask.DELETE_SELF)
        await inotify.get()
    logger.info("Another process wants the lock, this kubelet makes room file=%s", file)
    stop.set()
