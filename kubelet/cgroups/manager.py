"""The cgroups of this node's pods: the QoS tree at start, one cgroup per pod, gone when the pod is.

    kubepods ─┬─ pod<uid>              Guaranteed
              ├─ burstable/pod<uid>    shares = sum of its pods' requests
              └─ besteffort/pod<uid>   2 shares

The shares of the burstable tier follow every pod that comes or goes, so nothing is polled. With cgroupsPerQOS off,
nothing is made and pods get no parent (pkg/kubelet/cm/{pod,qos}_container_manager_linux.go).

With the systemd driver every cgroup is a slice: systemd starts, limits and stops it, and the kernel's files get the
same values and those that systemd has no words for.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Protocol

from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Pod
from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.names import CgroupDriver, CgroupName, from_path, pod_name, qos_names, root_name, to_path, uid_of
from kubelet.cgroups.slices import whole_percent
from kubelet.cgroups.systemd import SystemdSlices
from kubelet.cgroups.trees import CgroupTree, detect_tree, limits_in_force
from kubelet.cgroups.values import (
    DEFAULT_PERIOD,
    MIN_SHARES,
    CgroupValues,
    cpu_shares,
    grown,
    milli,
    overlaid,
    pod_values,
)
from kubelet.resources import BEST_EFFORT, BURSTABLE, pod_requests, qos_class

logger = logging.getLogger(__name__)

REMOVE_ATTEMPTS = 20
REMOVE_WAIT_SECONDS = 0.1
"""Killed processes need a moment before their cgroup can go."""
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class CgroupSettings:
    """Of KubeletConfiguration. `cfs_period` in microseconds; `pids_limit` -1 is none; `hugepage_sizes` in bytes."""

    per_qos: bool = True
    driver: CgroupDriver = CgroupDriver.CGROUPFS
    root: str = ""
    cfs_quota: bool = True
    cfs_period: int = DEFAULT_PERIOD
    pids_limit: int = -1
    hugepage_sizes: tuple[int, ...] = ()


class Slices(Protocol):
    """The units of the systemd driver, by the path of their cgroup. Idempotent. Raises CgroupError."""

    async def ensure(self, path: str, values: CgroupValues) -> None: ...

    async def update(self, path: str, values: CgroupValues) -> None: ...

    async def stop(self, path: str) -> None: ...


class PodCgroups:
    """`tree` is this machine's own by default, found at start, and so are the systemd driver's `slices`; `kill` sends a
    signal to a process."""

    def __init__(self, settings: CgroupSettings, tree: CgroupTree | None = None,
                 kill: Callable[[int, int], None] = os.kill, slices: Slices | None = None,
                 observe: Callable[[str, float], None] = lambda _operation, _seconds: None) -> None:
        self._observe = observe
        self._settings, self._given_tree, self._kill, self._slices = settings, tree, kill, slices
        self._root = root_name(settings.root)
        self._pods: dict[PodUID, CgroupName] = {}
        self._written: dict[PodUID, CgroupValues] = {}
        self._burstable: dict[PodUID, int] = {}
        self._shares_written = 0
        self._lock = asyncio.Lock()

    @property
    def per_qos(self) -> bool:
        """Whether pods have cgroups of their own at all."""
        return self._settings.per_qos

    @property
    def root(self) -> CgroupName:
        """Of all pods."""
        return self._root

    @property
    def pods_path(self) -> str:
        """Of all pods' cgroup, below a hierarchy; "" where pods have none."""
        return self._path(self._root) if self._settings.per_qos else ""

    @property
    def _tree(self) -> CgroupTree:
        if self._given_tree is None:
            self._given_tree = detect_tree()
        return self._given_tree

    async def start(self, pods_limit: CgroupValues | None = None, *, driver: CgroupDriver | None = None) -> None:
        """Make the QoS tree; `pods_limit` is what all pods together may use (node allocatable), `driver` what the
        runtime says that it uses, where it says so. To be called before any pod. Raises CgroupError."""
        if driver is not None:
            self._settings = replace(self._settings, driver=driver)
        if self._settings.driver is CgroupDriver.CGROUPFS:
            self._slices = None
        elif self._slices is None:
            self._slices = SystemdSlices(unified=self._tree.unified)
        if not self._settings.per_qos:
            return
        unbounded = dict.fromkeys(self._settings.hugepage_sizes, UNLIMITED)
        tiers = {self._root: pods_limit or CgroupValues(),
                 **{name: CgroupValues(shares=MIN_SHARES, hugepages=unbounded)
                    for name in qos_names(self._root).values()}}
        for name, values in tiers.items():
            await self._create(self._path(name), values)
        self._shares_written = MIN_SHARES
        self._pods = await asyncio.to_thread(self._on_disk)

    async def set_pods_limit(self, values: CgroupValues) -> None:
        """What all pods together may use has changed. Raises CgroupError."""
        if self._settings.per_qos:
            await self._update(self._path(self._root), values)

    async def limit_existing(self, name: str, values: CgroupValues) -> None:
        """Limit a cgroup that somebody else made, called as the driver calls it. Raises CgroupError."""
        path = self._path(from_path(name, self._settings.driver))
        if not await asyncio.to_thread(self._tree.exists, path):
            raise CgroupError(f"there is no cgroup {path} (in every hierarchy); make it, or name another")
        await self._update(path, values)

    def parent(self, pod: Pod) -> str:
        """CRI's cgroup_parent: the whole path with both drivers; runtimes take a slice's name from its end."""
        return self._path(pod_name(self._root, pod)) if self._settings.per_qos else ""

    async def ensure(self, pod: Pod) -> None:
        """Make the pod's cgroup unless it is there, and let it grow with what is allocated to the pod, for containers
        that are yet to start: those that run are resized in their turn. Upstream leaves it as it was made, and a pod
        that was resized before its container ran never starts on v1. Raises CgroupError."""
        if not self._settings.per_qos:
            return
        uid, name = pod_uid(pod), pod_name(self._root, pod)
        settings, values = self._settings, self.values(pod)
        if self._pods.get(uid) != name or not await asyncio.to_thread(self._tree.exists, self._path(name)):
            none = dict.fromkeys(settings.hugepage_sizes, 0)
            await self._create(self._path(name), replace(values, hugepages=none | values.hugepages))
            self._pods[uid], self._written[uid] = name, values
        else:
            if uid not in self._written:  # the agent before us made it
                self._written[uid] = await asyncio.to_thread(self._limits, self._path(name))
            if (more := grown(self._written[uid], values)) != CgroupValues():
                await self.apply(pod, more)
        if qos_class(pod) == BURSTABLE:
            self._burstable[uid] = milli(pod_requests(pod).get("cpu", Fraction(0)))
        await self._update_tiers()

    def values(self, pod: Pod) -> CgroupValues:
        """What a cgroup of this pod's size has."""
        settings = self._settings
        return pod_values(pod, cfs_quota=settings.cfs_quota, period=settings.cfs_period, pids=settings.pids_limit)

    async def apply(self, pod: Pod, values: CgroupValues) -> None:
        """Write these values, and no others, into the pod's cgroup: it is resized. Raises CgroupError."""
        if self._settings.per_qos:
            uid = pod_uid(pod)
            await self._update(self._path(pod_name(self._root, pod)), values)
            self._written[uid] = overlaid(self._written.get(uid, CgroupValues()), values)

    async def remove(self, uid: PodUID) -> None:
        """Kill what is left in the pod's cgroup and remove it. Idempotent. Raises CgroupError."""
        if not self._settings.per_qos:
            return
        for name in await asyncio.to_thread(self._names_of, uid):
            await self._remove(name)
        self._pods.pop(uid, None)
        self._written.pop(uid, None)
        self._burstable.pop(uid, None)
        await self._update_tiers()

    async def sweep(self, live: Callable[[], set[PodUID]]) -> set[PodUID]:
        """Remove the cgroups of pods that nobody knows any more; returns whose they were.

        `live` is asked before each removal, which kills what runs in the group: a pod may come at any time."""
        if not self._settings.per_qos:
            return set()
        removed: set[PodUID] = set()
        for uid in await asyncio.to_thread(self._on_disk):
            if uid in live():
                continue
            removed.add(uid)
            try:
                await self.remove(uid)
            except CgroupError as error:
                logger.warning("cannot remove the cgroup of a pod that is gone: %s pod_uid=%s", error, uid)
        return removed

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            self._observe(operation, time.monotonic() - begin)

    async def _remove(self, name: CgroupName) -> None:
        with self._timed("destroy"):
            await self._remove_at(self._path(name))

    async def _remove_at(self, path: str) -> None:
        for attempt in range(REMOVE_ATTEMPTS):
            try:
                await asyncio.to_thread(self._kill_all, path)
                if self._slices is not None:
                    await self._slices.stop(path)
                await asyncio.to_thread(self._tree.remove, path)
                return
            except CgroupError:
                if attempt + 1 == REMOVE_ATTEMPTS:
                    raise
                await asyncio.sleep(REMOVE_WAIT_SECONDS)

    def _limits(self, path: str) -> CgroupValues:
        return limits_in_force(self._tree.directories(path))

    async def _create(self, path: str, values: CgroupValues) -> None:
        """systemd first: a cgroup that it finds in its way is not a slice of its own."""
        with self._timed("create"):
            if self._slices is not None:
                values = whole_percent(values)
                await self._slices.ensure(path, values)
            await asyncio.to_thread(self._tree.create, path, values)

    async def _update(self, path: str, values: CgroupValues) -> None:
        with self._timed("update"):
            if self._slices is not None:
                values = whole_percent(values)
                await self._slices.update(path, values)
            await asyncio.to_thread(self._tree.update, path, values)

    def _kill_all(self, path: str) -> None:
        for pid in self._tree.processes(path):
            try:
                self._kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except OSError as error:
                raise CgroupError(f"cannot kill process {pid} in cgroup {path}: {error.strerror}") from error

    async def _update_tiers(self) -> None:
        """A tier's shares weigh its pods against those of the other tiers. A failure is only logged: the pod runs."""
        shares = cpu_shares(sum(self._burstable.values()))
        async with self._lock:
            if shares == self._shares_written:
                return
            try:
                await self._update(self._path(qos_names(self._root)[BURSTABLE]), CgroupValues(shares=shares))
            except CgroupError as error:
                logger.warning("cannot set the shares of the burstable pods: %s", error)
                return
            self._shares_written = shares

    def _path(self, name: CgroupName) -> str:
        return to_path(name, self._settings.driver)

    def _tiers(self) -> list[CgroupName]:
        tiers = qos_names(self._root)
        return [self._root, tiers[BURSTABLE], tiers[BEST_EFFORT]]

    def _names_of(self, uid: PodUID) -> list[CgroupName]:
        """Wherever the pod has a cgroup: an earlier run may have put it into another tier."""
        candidates = [(tier, (*tier, f"pod{uid}")) for tier in self._tiers()]
        return [name for tier, name in candidates
                if PurePosixPath(self._path(name)).name in self._tree.children(self._path(tier))]

    def _on_disk(self) -> dict[PodUID, CgroupName]:
        """Every pod cgroup that exists in any hierarchy."""
        found = {}
        for tier in self._tiers():
            for child in self._tree.children(self._path(tier)):
                name = from_path(f"{self._path(tier)}/{child}", self._settings.driver)
                if (uid := uid_of(name)) is not None:
                    found[uid] = name
        return found
