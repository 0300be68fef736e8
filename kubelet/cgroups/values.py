"""The arithmetic of cgroups: shares, quotas, weights, and the values of a pod's cgroup. Pure.

Units: cpu in millicores, quota and period in microseconds, memory in bytes.
Source: pkg/kubelet/cm/{helpers,cgroup_manager}_linux.go.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from kubelet.api.meta import is_sidecar
from kubelet.api.quantity import parse
from kubelet.api.types import Pod
from kubelet.resources import BEST_EFFORT, GUARANTEED, container_limits, pod_limits, pod_requests, qos_class

MIN_SHARES, MAX_SHARES = 2, 262_144
SHARES_PER_CPU = 1024
MIN_QUOTA = 1000
"""Microseconds: the kernel refuses less."""
DEFAULT_PERIOD = 100_000


def cpu_shares(millicores: int) -> int:
    return min(max(millicores * SHARES_PER_CPU // 1000, MIN_SHARES), MAX_SHARES)


def cpu_quota(millicores: int, period: int = DEFAULT_PERIOD) -> int:
    """0 means that there is no limit."""
    return max(millicores * period // 1000, MIN_QUOTA) if millicores else 0


def cpu_weight(shares: int) -> int:
    """Shares as cgroup v2 weight: a line through (2, 1) and (262144, 10000), which is what the kubelet draws for the
    cgroups that it makes (getCPUWeight). Newer runtimes use a curve for containers; only siblings are compared."""
    bounded = min(max(shares, MIN_SHARES), MAX_SHARES)
    return 1 + (bounded - MIN_SHARES) * 9999 // (MAX_SHARES - MIN_SHARES)


def milli(amount: Fraction) -> int:
    return math.ceil(amount * 1000)


def hugepage_size(resource: str) -> int:
    """`hugepages-2Mi` -> 2097152."""
    return math.ceil(parse(resource.removeprefix("hugepages-")))


def hugepage_name(size: int) -> str:
    """A page size as the kernel names its cgroup files: 2097152 -> `2MB`."""
    unit = 0
    while size >= 1024 and unit < 5:
        size //= 1024
        unit += 1
    return f"{size}{('B', 'KB', 'MB', 'GB', 'TB', 'PB')[unit]}"


@dataclass(frozen=True, slots=True)
class CgroupValues:
    """What is written into a cgroup; None leaves the kernel's default. `quota` -1 lifts the limit.

    `hugepages` maps page size in bytes to a limit in bytes."""

    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    memory: int | None = None
    pids: int | None = None
    hugepages: dict[int, int] = field(default_factory=dict)


def grown(old: CgroupValues, new: CgroupValues) -> CgroupValues:
    """What of `new` is more than `old`; of huge pages and process ids nothing ever is."""
    quota = old.quota is not None and old.quota != -1 and new.quota is not None \
        and (new.quota == -1 or new.quota > old.quota)
    memory = bool(old.memory and new.memory and new.memory > old.memory)
    return CgroupValues(
        shares=new.shares if (new.shares or 0) > (old.shares or 0) else None,
        quota=new.quota if quota else None, period=new.period if quota else None,
        memory=new.memory if memory else None,
    )


def overlaid(old: CgroupValues, new: CgroupValues) -> CgroupValues:
    """`old` after `new` has been written over it."""
    def newest(name: str) -> int | None:
        value: int | None = getattr(new, name)
        return getattr(old, name) if value is None else value
    written = {name: newest(name) for name in ("shares", "quota", "period", "memory", "pids")}
    return CgroupValues(**written, hugepages=old.hugepages | new.hugepages)


def limit_declared(pod: Pod, resource: str) -> bool:
    """Whether a limit of the pod as a whole is known: every container has one, or the pod itself."""
    if pod.spec.resources is not None and parse(pod.spec.resources.limits.get(resource, 0)):
        return True
    sidecars = Fraction(0)
    for container in pod.spec.init_containers:
        own = container_limits(container).get(resource, Fraction(0))
        sidecars += own if is_sidecar(container) else 0
        if not (sidecars if is_sidecar(container) else own + sidecars):
            return False
    return all(container_limits(container).get(resource) for container in pod.spec.containers)


def pod_values(pod: Pod, *, cfs_quota: bool = True, period: int = DEFAULT_PERIOD, pids: int = -1) -> CgroupValues:
    """The cgroup of a pod: limits only where they are known for all of its containers (ResourceConfigForPod)."""
    requests, limits = pod_requests(pod), pod_limits(pod)
    shares = cpu_shares(milli(requests.get("cpu", Fraction(0))))
    quota = cpu_quota(milli(limits.get("cpu", Fraction(0))), period) if cfs_quota else -1
    memory = math.ceil(limits.get("memory", Fraction(0)))
    hugepages = {hugepage_size(name): math.ceil(amount)
                 for name, amount in requests.items() if name.startswith("hugepages-")}
    pids_limit = pids if pids > 0 else None
    qos = qos_class(pod)
    if qos == BEST_EFFORT:
        return CgroupValues(shares=MIN_SHARES, pids=pids_limit, hugepages=hugepages)
    cpu_limited = qos == GUARANTEED or limit_declared(pod, "cpu")
    memory_limited = qos == GUARANTEED or limit_declared(pod, "memory")
    return CgroupValues(
        shares=shares, quota=quota if cpu_limited else None, period=period if cpu_limited else None,
        memory=memory if memory_limited else None, pids=pids_limit, hugepages=hugepages,
    )
