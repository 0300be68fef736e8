"""One kubelet at a time, and the running one makes room when another comes."""

import asyncio
import fcntl
from pathlib import Path

from kubelet.lockfile import locked


async def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    file, order = tmp_path / "lock", []

    async def second() -> None:
        async with locked(file, asyncio.Event(), exit_on_contention=False):
            order.append("second")

    async with asyncio.TaskGroup() as group:
        async with locked(file, asyncio.Event(), exit_on_contention=False):
            task = group.create_task(second())
            await asyncio.sleep(0.05)
            order.append("first")
        await task
    assert order == ["first", "second"]
    with file.open() as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_contention_asks_the_holder_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with locked(tmp_path / "lock", stop, exit_on_contention=True):
        await asyncio.sleep(0.05)
        assert not stop.is_set()
        (tmp_path / "lock").read_bytes()
        await asyncio.wait_for(stop.wait(), 10)
