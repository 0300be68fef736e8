"""What the kernel of this machine logs of a process that it kills for want of memory is understood. Needs root."""

import asyncio
import os
import secrets
import sys
from pathlib import Path

from kubelet.cgroups import CgroupValues, detect_tree
from kubelet.oom.kmsg import OomKill, OomReader
from kubelet.oom.watcher import KMSG, RECORD_BYTES

MIB = 2**20
GREEDY = "import sys; sys.stdin.read(1); kept = [bytearray(b'x' * 2**20) for _ in range(200)]"


async def test_a_process_over_its_cgroups_limit_is_told_of_with_its_cgroup() -> None:
    tree, path = detect_tree(), f"/podwright-test-{secrets.token_hex(4)}"
    tree.create(f"{path}/inner", CgroupValues())
    tree.update(path, CgroupValues(memory=32 * MIB))
    log = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        victim = await asyncio.create_subprocess_exec(sys.executable, "-c", GREEDY, stdin=asyncio.subprocess.PIPE)
        directories = list(Path("/sys/fs/cgroup").glob(f"*{path}/inner")) or [Path(f"/sys/fs/cgroup{path}/inner")]
        for directory in directories:
            (directory / "cgroup.procs").write_text(str(victim.pid))
        await victim.communicate(b"x")
        assert victim.returncode == -9
        kills = await asyncio.to_thread(kills_in, log)
        (kill,) = [kill for kill in kills if kill.pid == victim.pid]
        assert kill.cgroup.endswith(f"{path}/inner") and kill.process.startswith("python")
    finally:
        os.close(log)
        tree.remove(path)


def kills_in(log: int) -> list[OomKill]:
    """All reports up to the end of the log: the kernel writes them before it kills."""
    reader, found = OomReader(), list[OomKill]()
    while True:
        try:
            record = os.read(log, RECORD_BYTES)
        except BlockingIOError:
            return found
        except BrokenPipeError:
            continue  # some were overwritten
        if (kill := reader.feed(record.decode(errors="replace"))) is not None:
            found.append(kill)
