import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from shim_in_memory import ShimInMemory

from cri.client import RuntimeClient


@pytest.fixture
def short_path() -> Iterator[Path]:
    """pytest's tmp_path is too long for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="shim") as directory:
        yield Path(directory)


@pytest_asyncio.fixture
async def world(short_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ShimInMemory]:
    """Parametrized indirectly by the engine's API version."""
    world = ShimInMemory(short_path)
    world.engine.api = getattr(request, "param", world.engine.api)
    stop = asyncio.Event()
    async with world.engine.serve(), asyncio.TaskGroup() as group:
        shim = world.make()
        ready = asyncio.Event()
        running = group.create_task(shim.run(ready.set, stop))
        await ready.wait()
        async with RuntimeClient(f"unix://{short_path}/cri.sock", 10) as world.runtime:
            await world.until_ready()
            yield world
        stop.set()
        await running
