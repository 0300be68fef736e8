"""A container's log as a stream of bytes from the event loop: what is there, then (follow) what comes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from kubelet.logs.options import LogOptions
from kubelet.logs.reader import LogReader
from kubelet.logs.watch import DirectoryWatcher

CHECK_SECONDS = 1.0
"""How often a follower looks whether the container still runs, and for changes that no event told of."""


async def stream_log(
    path: Path, options: LogOptions, *, still_running: Callable[[], Awaitable[bool]], watcher: DirectoryWatcher
) -> AsyncGenerator[bytes, None]:
    """The log at `path`. With `follow` it ends when the container does: `still_running` says False, and all is read.

    The first item is empty and comes once the log is open. Raises LogUnavailableError before it.
    """
    reader = LogReader(path, options)
    await asyncio.to_thread(reader.open)
    try:
        yield b""
        if not options.follow:
            while chunk := await asyncio.to_thread(reader.read):
                yield chunk
            if rest := await asyncio.to_thread(reader.finish):
                yield rest
            return
        with watcher.watching(reader.directory) as changed:
            async for chunk in _follow(reader, changed, still_running):
                yield chunk
    finally:
        reader.close()


async def _follow(
    reader: LogReader, changed: asyncio.Event, still_running: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    ended = False
    while True:
        changed.clear()
        while chunk := await asyncio.to_thread(reader.read):
            yield chunk
        if reader.done:
            return
        if await asyncio.to_thread(reader.advance):
            continue
        if ended:
            if rest := await asyncio.to_thread(reader.finish):
                yield rest
            return
        ended = not await still_running()
        if ended:
            continue  # what it wrote between the last look and its end
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await changed.wait()
        except TimeoutError:
            pass
