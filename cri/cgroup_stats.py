"""CPU and memory of one cgroup, v1 or v2: pure parsing of the kernel's files, and a reader. A runtime fills CRI's
statistics with it, and the kubelet those of its node.

Units: nanoseconds, bytes. The working set is usage less the file pages that nobody has used lately, as the kubelet's
eviction takes it. Files: Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_UNLIMITED = 1 << 62
"""cgroup v1 says "no limit" with a number near 2^63."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """One line of a PSI file: total in nanoseconds, averages in percent."""

    total_ns: int
    avg10: float
    avg60: float
    avg300: float


@dataclass(frozen=True, slots=True)
class CgroupStats:
    """`None` is "this kernel does not say"."""

    cpu_ns: int | None = None
    usage: int | None = None
    working_set: int | None = None
    rss: int | None = None
    page_faults: int | None = None
    major_page_faults: int | None = None
    limit: int | None = None
    swap: int | None = None
    swap_limit: int | None = None
    processes: int | None = None
    pressure: Mapping[str, Mapping[str, Pressure]] = field(default_factory=dict)
    """`cpu`, `memory`, `io` to `some` and `full`."""


def parse_flat(text: str | None) -> dict[str, int]:
    """`name value` lines."""
    found: dict[str, int] = {}
    for line in (text or "").splitlines():
        name, _, value = line.partition(" ")
        if value.isdigit():
            found[name] = int(value)
    return found


def parse_number(text: str | None) -> int | None:
    """None for `max`, for what v1 means as unlimited, and for no file."""
    stripped = (text or "").strip()
    if not stripped.isdigit():
        return None
    number = int(stripped)
    return None if number >= _UNLIMITED else number


def parse_pressure(text: str | None) -> dict[str, Pressure]:
    found: dict[str, Pressure] = {}
    for line in (text or "").splitlines():
        kind, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        found[kind] = Pressure(
            int(values["total"]) * 1000, float(values["avg10"]), float(values["avg60"]), float(values["avg300"])
        )
    return found


def from_v2(files: Mapping[str, str | None]) -> CgroupStats:
    cpu, memory = parse_flat(files.get("cpu.stat")), parse_flat(files.get("memory.stat"))
    usage = parse_number(files.get("memory.current"))
    pressure = {kind: parse_pressure(files.get(f"{kind}.pressure")) for kind in ("cpu", "memory", "io")}
    return CgroupStats(
        cpu_ns=cpu["usage_usec"] * 1000 if "usage_usec" in cpu else None,
        usage=usage,
        working_set=_working_set(usage, memory.get("inactive_file")),
        rss=memory.get("anon"),
        page_faults=memory.get("pgfault"),
        major_page_faults=memory.get("pgmajfault"),
        limit=parse_number(files.get("memory.max")),
        swap=parse_number(files.get("memory.swap.current")),
        swap_limit=parse_number(files.get("memory.swap.max")),
        processes=parse_number(files.get("pids.current")),
        pressure={kind: lines for kind, lines in pressure.items() if lines},
    )


def from_v1(files: Mapping[str, str | None]) -> CgroupStats:
    memory = parse_flat(files.get("memory.stat"))
    usage = parse_number(files.get("memory.usage_in_bytes"))
    return CgroupStats(
        cpu_ns=parse_number(files.get("cpuacct.usage")),
        usage=usage,
        working_set=_working_set(usage, memory.get("total_inactive_file", memory.get("inactive_file"))),
        rss=memory.get("total_rss", memory.get("rss")),
        page_faults=memory.get("total_pgfault", memory.get("pgfault")),
        major_page_faults=memory.get("total_pgmajfault", memory.get("pgmajfault")),
        limit=parse_number(files.get("memory.limit_in_bytes")),
        swap=memory.get("total_swap", memory.get("swap")),
        swap_limit=_v1_swap_limit(files),
        processes=parse_number(files.get("pids.current")),
    )


def _v1_swap_limit(files: Mapping[str, str | None]) -> int | None:
    """v1 limits memory and swap together."""
    both, memory = (
        parse_number(files.get(f"memory.{name}limit_in_bytes")) for name in ("memsw.", "")
    )
    return None if both is None or memory is None else max(both - memory, 0)


def _working_set(usage: int | None, inactive_file: int | None) -> int | None:
    return None if usage is None else max(usage - (inactive_file or 0), 0)


_V2_FILES = (
    "cpu.stat", "memory.stat", "memory.current", "memory.max", "memory.swap.current", "memory.swap.max",
    "pids.current", "cpu.pressure", "memory.pressure", "io.pressure",
)
_V1_FILES = (
    ("cpuacct", "cpuacct.usage"), ("memory", "memory.stat"), ("memory", "memory.usage_in_bytes"),
    ("memory", "memory.limit_in_bytes"), ("memory", "memory.memsw.limit_in_bytes"), ("pids", "pids.current"),
)


def read(groups: Mapping[str, Path]) -> CgroupStats:
    """`groups` is `cgroup_files.paths`: where v1 controllers are mounted they hold the truth, else v2."""
    if "memory" in groups or "cpuacct" in groups:
        return from_v1({name: _read(groups[part] / name) for part, name in _V1_FILES if part in groups})
    if "" in groups:
        return from_v2({name: _read(groups[""] / name) for name in _V2_FILES})
    return CgroupStats()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
