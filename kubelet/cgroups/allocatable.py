"""What the node keeps for itself, enforced: limits on all pods together, and on the cgroups of the machine's daemons.

    pods                          kubepods: capacity − kube − system (eviction's share is eviction's own business)
    system-reserved, kube-reserved     the cgroup that the configuration names: what is reserved is also all it gets
    …-compressible                the same, for CPU alone

A named cgroup that is not there, or refuses, is the operator's to mend: CgroupError. kubepods is tried again every
minute: pods that are there already may use more than they shall, until eviction has seen to it. Without enforcement
kubepods gets the whole machine, since the kernel's own default is the weight of one CPU
(pkg/kubelet/cm/node_container_manager_linux.go).
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from kubelet.api.quantity import parse
from kubelet.api.types import ObjectReference
from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.manager import PodCgroups
from kubelet.cgroups.values import CgroupValues, cpu_shares, hugepage_size, milli
from kubelet.events import EventRecorder
from kubelet.resources import CPU, HUGEPAGES_PREFIX, MEMORY, PIDS

RETRY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Of KubeletConfiguration: `keys` as in enforceNodeAllocatable, cgroups and amounts as written there."""

    keys: tuple[str, ...] = ("pods",)
    kube_reserved: Mapping[str, str] = field(default_factory=dict)
    system_reserved: Mapping[str, str] = field(default_factory=dict)
    kube_cgroup: str = ""
    system_cgroup: str = ""


@dataclass(frozen=True, slots=True)
class ReservedLimit:
    """One cgroup of the machine's daemons to limit; `title` as events call it."""

    title: str
    cgroup: str
    values: CgroupValues


def cgroup_values(resources: Mapping[str, Fraction], *, compressible: bool = False) -> CgroupValues:
    """Resources as limits; `compressible`: only what costs nobody its life."""
    shares = cpu_shares(milli(resources[CPU])) if CPU in resources else None
    if compressible:
        return CgroupValues(shares=shares)
    return CgroupValues(
        shares=shares, memory=math.ceil(resources[MEMORY]) if MEMORY in resources else None,
        pids=math.ceil(resources[PIDS]) if PIDS in resources else None,
        hugepages={hugepage_size(name): math.ceil(amount) for name, amount in resources.items()
                   if name.startswith(HUGEPAGES_PREFIX)},
    )


def pods_limit(capacity: Mapping[str, Fraction], settings: Enforcement) -> CgroupValues:
    """Of kubepods; `capacity` is the node's, process ids among it."""
    if "pods" not in settings.keys:
        return cgroup_values(capacity)
    reserved = (settings.kube_reserved, settings.system_reserved)
    return cgroup_values({
        name: max(amount - sum(parse(one[name]) for one in reserved if name in one), Fraction(0))
        for name, amount in capacity.items()
    })


def reserved_limits(settings: Enforcement) -> list[ReservedLimit]:
    """In upstream's order: a later one overrules the earlier."""
    return [
        ReservedLimit(
            f"{part.title()} Reserved{' Compressible' if compressible else ''}", cgroup,
            cgroup_values({name: parse(amount) for name, amount in amounts.items()}, compressible=compressible),
        )
        for compressible in (False, True)
        for part, cgroup, amounts in (
            ("system", settings.system_cgroup, settings.system_reserved),
            ("kube", settings.kube_cgroup, settings.kube_reserved),
        )
        if f"{part}-reserved{'-compressible' if compressible else ''}" in settings.keys
    ]


class AllocatableEnforcer:
    """`node`: what events point to."""

    def __init__(
        self, settings: Enforcement, cgroups: PodCgroups, recorder: EventRecorder, node: Callable[[], ObjectReference],
        *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings, self._cgroups, self._recorder, self._node = settings, cgroups, recorder, node
        self._sleep = sleep

    async def limit_reserved(self) -> None:
        """Limit the daemons' cgroups, before any pod. Raises CgroupError."""
        for limit in reserved_limits(self._settings):
            try:
                await self._cgroups.limit_existing(limit.cgroup, limit.values)
            except CgroupError as error:
                message = f'Failed to enforce {limit.title} Cgroup Limits on "{limit.cgroup}": {error}'
                self._event("Warning", "FailedNodeAllocatableEnforcement", message)
                raise CgroupError(message) from error
            part = limit.title.removesuffix(" Compressible").lower()
            self._event("Normal", "NodeAllocatableEnforced", f"Updated limits on {part} cgroup {limit.cgroup}")

    async def limit_pods(self, capacity: Mapping[str, Fraction]) -> None:
        """Limit kubepods; returns once that is done."""
        if not self._cgroups.per_qos:
            return
        values = pods_limit(capacity, self._settings)
        while True:
            try:
                await self._cgroups.set_pods_limit(values)
            except CgroupError as error:
                root = json.dumps(self._cgroups.root).replace(", ", " ")  # as Go writes a list of strings
                self._event("Warning", "FailedNodeAllocatableEnforcement",
                            f"Failed to update Node Allocatable Limits {root}: {error}")
                await self._sleep(RETRY_SECONDS)
            else:
                self._event("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")
                return

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._recorder.event(self._node(), kind, reason, message)
