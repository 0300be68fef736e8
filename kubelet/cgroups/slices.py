"""Pods' cgroups as systemd's slices: unit names, and a cgroup's values as unit properties. Pure.

    /kubepods.slice/kubepods-burstable.slice  ->  unit kubepods-burstable.slice, child of kubepods.slice
    CgroupValues(shares=1024, memory=2**20)   ->  CPUWeight=39, MemoryMax=1048576

The properties are those that the container runtimes set (opencontainers/cgroups, systemd/v1.go and v2.go), so that
`systemctl show` tells the same of a pod whoever made its slice. What systemd has no property for (huge pages) stays
in the kernel's files alone. Property types: systemd's org.freedesktop.systemd1(5).
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from kubelet.cgroups.values import DEFAULT_PERIOD, CgroupValues, cpu_weight

ROOT_SLICE: Final = "-.slice"
INFINITY: Final = 2**64 - 1
QUOTA_STEP: Final = 10_000
"""Microseconds per second: systemd keeps a quota in whole percent of a CPU."""
QUOTA_PERIOD_SINCE: Final = 242
"""The systemd that learned CPUQuotaPeriodUSec."""


@dataclass(frozen=True, slots=True)
class Property:
    """A unit property; `signature` is D-Bus's type of the value."""

    name: str
    signature: str
    value: bool | int | str | tuple[str, ...]


def unit_of(path: str) -> str:
    """The slice whose cgroup is at `path`."""
    return PurePosixPath(path).name or ROOT_SLICE


def whole_percent(values: CgroupValues) -> CgroupValues:
    """The quota rounded up to what systemd can keep, so that it and the kernel's file say the same."""
    if not values.quota or values.quota < 0:
        return values
    period = values.period or DEFAULT_PERIOD
    return replace(values, quota=_per_second(values.quota, period) * period // 1_000_000)


def _per_second(quota: int, period: int) -> int:
    """Microseconds of CPU per second, a whole percent."""
    exact = quota * 1_000_000 // period
    return -(-exact // QUOTA_STEP) * QUOTA_STEP


def creation_properties(path: str, *, unified: bool) -> list[Property]:
    """Of the unit itself; `unified` is cgroup v2. Without accounting systemd may leave a controller off."""
    parent = PurePosixPath(path).parent.name or ROOT_SLICE
    accounting = ("Memory", "CPU", "IO" if unified else "BlockIO", "Tasks")
    return [
        Property("Description", "s", f"Kubernetes pods: {unit_of(path)}"),
        Property("Wants", "as", (parent,)),
        *(Property(f"{controller}Accounting", "b", True) for controller in accounting),
        Property("DefaultDependencies", "b", False),
    ]


def resource_properties(values: CgroupValues, *, unified: bool, version: int) -> list[Property]:
    """Those that are given; `version` is systemd's."""
    properties = []
    if values.memory:
        properties.append(Property("MemoryMax" if unified else "MemoryLimit", "t", values.memory))
    if values.shares is not None:
        properties.append(Property("CPUWeight", "t", cpu_weight(values.shares)) if unified
                          else Property("CPUShares", "t", values.shares))
    if values.period and version >= QUOTA_PERIOD_SINCE:
        properties.append(Property("CPUQuotaPeriodUSec", "t", values.period))
    if values.quota or values.period:
        quota = values.quota or -1
        per_second = _per_second(quota, values.period or DEFAULT_PERIOD) if quota > 0 else INFINITY
        properties.append(Property("CPUQuotaPerSecUSec", "t", per_second))
    if values.pids is not None:
        properties.append(Property("TasksMax", "t", INFINITY if values.pids < 0 else max(values.pids, 1)))
    return properties
