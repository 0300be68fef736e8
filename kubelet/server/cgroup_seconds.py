"""CPU time and pressure of cgroups in fractions of seconds, by cAdvisor's names of them.

CRI's metrics are whole numbers. A rate over minutes of a pod that uses a hundredth of a core would be drawn in steps,
so what the kernel's files tell more precisely is read from there, for the cgroups that the runtime has named.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cri.cgroup_stats import parse_flat, parse_number, parse_pressure
from kubelet.cgroups import CgroupTree

HERTZ = 100
"""USER_HZ, the unit of cpuacct.stat: 100 everywhere."""
_PRESSURE = {"some": "waiting", "full": "stalled"}
_V1_FILES = (("cpuacct", "cpuacct.usage"), ("cpuacct", "cpuacct.stat"), ("cpu", "cpu.stat"))
_V2_FILES = ("cpu.stat", "cpu.pressure", "memory.pressure", "io.pressure")


def from_v1(files: Mapping[str, str | None]) -> dict[str, float]:
    times, quota = parse_flat(files.get("cpuacct.stat")), parse_flat(files.get("cpu.stat"))
    usage = parse_number(files.get("cpuacct.usage"))
    return _known({
        "container_cpu_usage_seconds_total": None if usage is None else usage / 1e9,
        "container_cpu_user_seconds_total": _scaled(times.get("user"), HERTZ),
        "container_cpu_system_seconds_total": _scaled(times.get("system"), HERTZ),
        "container_cpu_cfs_throttled_seconds_total": _scaled(quota.get("throttled_time"), 10**9),
    })


def from_v2(files: Mapping[str, str | None]) -> dict[str, float]:
    cpu = parse_flat(files.get("cpu.stat"))
    found = {
        f"container_cpu_{word}seconds_total": _scaled(cpu.get(f"{word.rstrip('_')}_usec"), 10**6)
        for word in ("usage_", "user_", "system_")
    }
    found["container_cpu_cfs_throttled_seconds_total"] = _scaled(cpu.get("throttled_usec"), 10**6)
    for kind in ("cpu", "memory", "io"):
        for line, pressure in parse_pressure(files.get(f"{kind}.pressure")).items():
            found[f"container_pressure_{kind}_{_PRESSURE[line]}_seconds_total"] = pressure.total_ns / 1e9
    return _known(found)


def read(tree: CgroupTree, paths: Iterable[str]) -> dict[str, dict[str, float]]:
    """By the cgroup's path; one that has gone has nothing. Blocking."""
    found = {}
    for path in set(paths) - {""}:
        groups = tree.directories(path)
        if tree.unified:
            found[path] = from_v2({name: _read(groups[""] / name) for name in _V2_FILES})
        else:
            found[path] = from_v1({name: _read(groups[part] / name) for part, name in _V1_FILES if part in groups})
    return found


def _scaled(value: int | None, unit: int) -> float | None:
    return None if value is None else value / unit


def _known(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
