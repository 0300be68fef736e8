"""What the machine and its daemons use: the root cgroup, the pods' cgroup, and the processes of agent and runtime.

Daemons of systemd have a cgroup of their own, `NAME.service`; elsewhere what their processes use is summed up.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import psutil

from cri.cgroup_stats import CgroupStats, parse_flat, parse_pressure
from cri.cgroup_stats import read as read_cgroup
from kubelet.cgroups import CgroupError, CgroupTree, detect_tree
from kubelet.eviction.memory import MemoryFiles, read_table
from kubelet.eviction.signals import Signal

RUNTIMES = frozenset({"dockerd", "containerd", "crio"})
LOOK_SECONDS = 60.0
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Measured:
    """`started`: Unix time."""

    stats: CgroupStats
    started: float


class NodeUsage:
    """`pods_cgroup` tells the path of all pods' cgroup, "" for none. Its methods block."""

    def __init__(
        self, pods_cgroup: Callable[[], str] = lambda: "", *, tree: CgroupTree | None = None, host: Path = Path("/"),
    ) -> None:
        self._pods_cgroup, self._given, self._host = pods_cgroup, tree, host
        self._known: list[int] = []
        self._look_again_at = 0.0

    @property
    def _tree(self) -> CgroupTree | None:
        if self._given is None:
            try:
                self._given = detect_tree(self._host / "sys/fs/cgroup")
            except CgroupError:
                return None
        return self._given

    def machine(self) -> CgroupStats:
        """Of the root cgroup; what that does not tell (on v2, at the machine's own root) is taken from /proc.

        `limit` is the machine's memory, and the working set is the one that eviction goes by."""
        found = self._cgroup("/") or CgroupStats()
        memory, proc = MemoryFiles(self._host).observe()[Signal.MEMORY], self._host / "proc"
        faults = parse_flat(_text(proc / "vmstat"))
        info = {name: number << 10 for name, number in read_table(proc / "meminfo").items()}
        pressure = found.pressure or {
            kind: lines for kind in ("cpu", "memory", "io")
            if (lines := parse_pressure(_text(proc / "pressure" / kind)))}
        return replace(
            found, limit=memory.capacity, working_set=memory.capacity - memory.available, pressure=pressure,
            cpu_ns=_machine_cpu() if found.cpu_ns is None else found.cpu_ns,
            usage=info["MemTotal"] - info["MemFree"] if found.usage is None else found.usage,
            rss=info.get("AnonPages", 0) if found.rss is None else found.rss,
            page_faults=faults.get("pgfault") if found.page_faults is None else found.page_faults,
            major_page_faults=faults.get("pgmajfault") if found.major_page_faults is None else found.major_page_faults,
            swap=info.get("SwapTotal", 0) - info.get("SwapFree", 0), swap_limit=info.get("SwapTotal", 0),
        )

    def system_containers(self) -> dict[str, Measured]:
        """By their names in the summary; those that there are not are left out."""
        own = self._daemon([os.getpid()])
        runtime = self._daemon(self._runtimes())
        pods = self._named(self._pods_cgroup())
        return {name: found for name, found in (("kubelet", own), ("runtime", runtime), ("pods", pods))
                if found is not None}

    def _runtimes(self) -> list[int]:
        """A look at all processes takes tens of milliseconds: one a minute, and when one of them has gone."""
        if self._known and all(_comm(self._host, pid) in RUNTIMES for pid in self._known):
            return self._known
        if time.monotonic() >= self._look_again_at:
            self._known = [int(entry.name) for entry in (self._host / "proc").iterdir()
                           if entry.name.isdigit() and _comm(self._host, int(entry.name)) in RUNTIMES]
            self._look_again_at = time.monotonic() + LOOK_SECONDS
        return self._known

    def _daemon(self, pids: list[int]) -> Measured | None:
        services = {path for pid in pids if (path := self._service_of(pid))}
        if len(services) == 1:
            found = self._named(services.pop())
            if found is not None:
                return replace(found, stats=replace(found.stats, limit=None))
        return processes(pids, self._host)

    def _service_of(self, pid: int) -> str:
        for line in _text(self._host / "proc" / str(pid) / "cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "name=systemd") and PurePosixPath(path).name.endswith(".service"):
                return path
        return ""

    def _named(self, path: str) -> Measured | None:
        stats = self._cgroup(path) if path else None
        tree = self._tree
        if stats is None or tree is None or stats.cpu_ns is None:
            return None
        directory = next(iter(tree.directories(path).values()))
        try:
            return Measured(stats, directory.stat().st_mtime)
        except OSError:
            return None

    def _cgroup(self, path: str) -> CgroupStats | None:
        return read_cgroup(self._tree.directories(path)) if self._tree is not None else None


def processes(pids: Iterable[int], host: Path = Path("/")) -> Measured | None:
    """The sum of what is known of `pids`, from proc_pid_stat(5); None when none of them is there."""
    known = [fields for pid in pids if (fields := _fields(host, pid))]
    if not known:
        return None
    resident = sum(fields[21] for fields in known) * _PAGE
    lines = _text(host / "proc/stat").splitlines()
    boot = next((int(line.split()[1]) for line in lines if line.startswith("btime ")), 0)
    return Measured(CgroupStats(
        cpu_ns=sum(fields[11] + fields[12] for fields in known) * 10**9 // _TICK,
        usage=resident, working_set=resident, rss=resident,
        page_faults=sum(fields[7] + fields[9] for fields in known),
        major_page_faults=sum(fields[9] for fields in known),
    ), boot + min(fields[19] for fields in known) / _TICK)


def _fields(host: Path, pid: int) -> list[int]:
    """The numbers behind the command's name, state first (as 0)."""
    text = _text(host / "proc" / str(pid) / "stat")
    return [0, *map(int, text.rpartition(")")[2].split()[1:])] if text else []


def _comm(host: Path, pid: int) -> str:
    return _text(host / "proc" / str(pid) / "comm").strip()


def _machine_cpu() -> int:
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")
    return int(sum(busy for name, busy in times.items() if name not in idle) * 1e9)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
