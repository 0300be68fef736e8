"""The kernel of this machine tells when pods' memory runs short. Needs root; works with either cgroup version."""

import asyncio
import secrets
import sys
from pathlib import Path

from kubelet.cgroups import CgroupValues, detect_tree
from kubelet.eviction.memory import MemoryFiles, until_short
from kubelet.eviction.signals import Observations, Signal
from kubelet.eviction.thresholds import Amount, Threshold

MIB = 2**20
GROWS = """import sys
sys.stdin.read(1)
kept = bytearray(80 * 2**20)
for page in range(0, len(kept), 4096):
    kept[page] = 1
print("grown", flush=True)
sys.stdin.read()
"""


async def test_growth_is_noticed_between_two_looks() -> None:
    tree, path = detect_tree(), f"/podwright-test-{secrets.token_hex(4)}"
    tree.create(path, CgroupValues(memory=128 * MIB))
    files = MemoryFiles(pods=path)
    threshold = Threshold(Signal.ALLOCATABLE_MEMORY, Amount("64Mi"))
    looks: list[int] = []

    def look() -> Observations:
        seen = files.observe()
        looks.append(seen[Signal.ALLOCATABLE_MEMORY].available)
        return seen

    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", GROWS, stdin=pipe, stdout=pipe)
    assert process.stdin is not None and process.stdout is not None
    try:
        for directory in list(Path("/sys/fs/cgroup").glob(f"*{path}")) or [Path(f"/sys/fs/cgroup{path}")]:
            (directory / "cgroup.procs").write_text(str(process.pid))
        assert files.observe()[Signal.ALLOCATABLE_MEMORY].capacity == 128 * MIB
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(until_short(files, [threshold], 60, look))
            process.stdin.write(b"x")
            assert await process.stdout.readline() == b"grown\n"
            assert await watch, "told before the minute is over"
        assert looks[-1] < 64 * MIB
        if files.notifies:
            assert len(looks) <= 2, "the kernel has told it, nobody looked each second"
            # What crossed the mark before is no news, and nothing else happens.
            assert not await until_short(files, [threshold], 0.2, look) and len(looks) <= 2
    finally:
        process.stdin.close()
        await process.wait()
        tree.remove(path)
