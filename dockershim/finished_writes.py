"""Writes in a thread, which nobody can stop: a caller that is cancelled waits for its end all the same.

A plain `asyncio.to_thread` leaves the thread behind when its caller is cancelled. Where the caller then undoes what it
did (a sandbox whose client has gone away), the write could come after the removal, and stay.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

P = ParamSpec("P")


async def finish_in_thread(write: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """`asyncio.to_thread`, but nothing of it goes on once this has ended, however it ends."""
    work = asyncio.get_running_loop().run_in_executor(None, partial(write, *args, **kwargs))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                continue
        if not work.cancelled():
            work.exception()  # the cancellation is what the caller hears of
        raise
