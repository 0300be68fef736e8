"""What a node's agents and its engine cost while nothing happens: processor time and memory, from /proc.

*Agents* are the kubelet and, on our side, the dockershim, with their children. *Engine* is dockerd, containerd and the
shims. Memory is PSS (proc(5), smaps_rollup): a page that several processes share counts once between them, which is
what many identical shims need in order not to be counted many times.
"""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ENGINE_NAMES = frozenset({"dockerd", "containerd", "containerd-shim", "docker-proxy"})  # comm has 15 characters
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """From /proc/PID/stat. `cpu_seconds` includes children that were waited for, such as short-lived runc calls."""

    pid: int
    parent: int
    name: str
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds per second, and bytes."""

    cpu: float
    memory_bytes: int


def parse_stat(text: str) -> ProcessFacts:
    """One line of /proc/PID/stat (proc(5)); the name is in parentheses and may contain any character."""
    pid, _, rest = text.partition(" (")
    name, _, numbers = rest.rpartition(") ")
    fields = numbers.split()
    ticks = sum(int(f) for f in fields[11:15])  # utime, stime, cutime, cstime
    return ProcessFacts(int(pid), int(fields[1]), name, ticks / TICKS_PER_SECOND)


def tree(roots: Iterable[int], processes: Iterable[ProcessFacts]) -> set[int]:
    """The processes `roots` and all their descendants."""
    children: dict[int, list[int]] = {}
    known = set()
    for process in processes:
        known.add(process.pid)
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    todo = [root for root in roots if root in known]
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo.extend(children.get(pid, []))
    return found


def engine_processes(node_init: int, processes: Iterable[ProcessFacts]) -> set[int]:
    """The engine's processes of the node whose first process is `node_init`, told by name and pid namespace."""
    namespace = _pid_namespace(node_init)
    return {p.pid for p in processes if p.name in ENGINE_NAMES and _pid_namespace(p.pid) == namespace}


def snapshot() -> list[ProcessFacts]:
    facts: list[ProcessFacts] = []
    for directory in PROC.iterdir():
        if directory.name.isdigit():
            try:
                facts.append(parse_stat((directory / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return facts


def memory_bytes(pids: Iterable[int]) -> int:
    """The sum of the processes' PSS."""
    total = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def resident_bytes(pid: int) -> int:
    """VmRSS: what the process holds, shared pages included."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def log_process(node_process: int) -> int:
    """The dockershim's log process in the node of `node_process`, told by its command line. Raises LookupError."""
    namespace = _pid_namespace(node_process)
    for process in snapshot():
        try:
            words = (PROC / str(process.pid) / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if words[1:3] == ["-m", "dockershim.logs"] and _pid_namespace(process.pid) == namespace:
            return process.pid
    raise LookupError(f"no log process (dockershim.logs) in the node of process {node_process}")


async def measure(groups: dict[str, set[int]], seconds: float) -> dict[str, Usage]:
    """The usage of several sets of processes over the same span of time."""
    before, began = {p.pid: p.cpu_seconds for p in snapshot()}, time.monotonic()
    await asyncio.sleep(seconds)
    after, span = {p.pid: p.cpu_seconds for p in snapshot()}, time.monotonic() - began
    return {
        name: Usage(sum(after[p] - before[p] for p in pids if p in before and p in after) / span, memory_bytes(pids))
        for name, pids in groups.items()
    }


def _pid_namespace(pid: int) -> str:
    try:
        return str((PROC / str(pid) / "ns/pid").readlink())
    except (FileNotFoundError, ProcessLookupError):
        return ""
