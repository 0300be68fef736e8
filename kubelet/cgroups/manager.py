"""The cgroups of this node's pods: the QoS tree at start, one cgroup per pod, gone when the pod is.

    kubepods ─┬─ pod<uid>              Guaranteed
              ├─ burstable/pod<uid>    shares = sum of its pods' requests
              └─ besteffort/pod<uid>   2 shares

The shares of the burstable tier follow every pod that comes or goes, so nothing is polled. With cgroupsPerQOS off,
nothing is made and pods get no parent (pkg/kubelet/cm/{pod,qos}_container_manager_linux.go).
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Pod
from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.names import CgroupDriver, CgroupName, from_path, pod_name, qos_names, root_name, to_path, uid_of
from kubelet.cgroups.trees import CgroupTree
from kubelet.cgroups.values import DEFAULT_PERIOD, MIN_SHARES, CgroupValues, cpu_shares, milli, pod_values
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


class PodCgroups:
    """`kill` sends a signal to a process; injected, so that tests kill nobody."""

    def __init__(self, tree: CgroupTree, settings: CgroupSettings,
                 kill: Callable[[int, int], None] = os.kill) -> None:
        self._tree, self._settings, self._kill = tree, settings, kill
        self._root = root_name(settings.root)
        self._pods: dict[PodUID, CgroupName] = {}
        self._burstable: dict[PodUID, int] = {}
        self._shares_written = 0
        self._lock = asyncio.Lock()

    async def start(self, pods_limit: CgroupValues | None = None) -> None:
        """Make the QoS tree; `pods_limit` is what all pods together may use (node allocatable). Raises CgroupError."""
        if not self._settings.per_qos:
            return
        if self._settings.driver is not CgroupDriver.CGROUPFS:
            raise CgroupError('cgroupDriver "systemd" is not served by this agent yet: set cgroupDriver: cgroupfs here '
                              "and in the runtime")
        unbounded = dict.fromkeys(self._settings.hugepage_sizes, UNLIMITED)
        tiers = {self._root: pods_limit or CgroupValues(),
                 **{name: CgroupValues(shares=MIN_SHARES, hugepages=unbounded)
                    for name in qos_names(self._root).values()}}
        for name, values in tiers.items():
            await asyncio.to_thread(self._tree.create, self._path(name), values)
        self._shares_written = MIN_SHARES
        self._pods = await asyncio.to_thread(self._on_disk)

    async def set_pods_limit(self, values: CgroupValues) -> None:
        """What all pods together may use has changed. Raises CgroupError."""
        if self._settings.per_qos:
            await asyncio.to_thread(self._tree.update, self._path(self._root), values)

    def parent(self, pod: Pod) -> str:
        """CRI's cgroup_parent."""
        return self._path(pod_name(self._root, pod)) if self._settings.per_qos else ""

    async def ensure(self, pod: Pod) -> None:
        """Make the pod's cgroup unless it is there. Raises CgroupError."""
        if not self._settings.per_qos:
            return
        uid, name = pod_uid(pod), pod_name(self._root, pod)
        settings = self._settings
        if self._pods.get(uid) != name or not await asyncio.to_thread(self._tree.exists, self._path(name)):
            values = pod_values(pod, cfs_quota=settings.cfs_quota, period=settings.cfs_period, pids=settings.pids_limit)
            await asyncio.to_thread(self._tree.create, self._path(name), values)
            self._pods[uid] = name
        if qos_class(pod) == BURSTABLE:
            self._burstable[uid] = milli(pod_requests(pod).get("cpu", Fraction(0)))
        await self._update_tiers()

    async def remove(self, uid: PodUID) -> None:
        """Kill what is left in the pod's cgroup and remove it. Idempotent. Raises CgroupError."""
        if not self._settings.per_qos:
            return
        for name in await asyncio.to_thread(self._names_of, uid):
            await self._remove(name)
        self._pods.pop(uid, None)
        self._burstable.pop(uid, None)
        await self._update_tiers()

    async def sweep(self, live: set[PodUID]) -> set[PodUID]:
        """Remove the cgroups of pods that nobody knows any more; returns whose they were."""
        if not self._settings.per_qos:
            return set()
        orphans = {uid: name for uid, name in (await asyncio.to_thread(self._on_disk)).items() if uid not in live}
        for uid in orphans:
            try:
                await self.remove(uid)
            except CgroupError as error:
                logger.warning("cannot remove the cgroup of a pod that is gone: %s pod_uid=%s", error, uid)
        return set(orphans)

    async def _remove(self, name: CgroupName) -> None:
        path = self._path(name)
        for attempt in range(REMOVE_ATTEMPTS):
            try:
                await asyncio.to_thread(self._kill_and_remove, path)
                return
            except CgroupError:
                if attempt + 1 == REMOVE_ATTEMPTS:
                    raise
                await asyncio.sleep(REMOVE_WAIT_SECONDS)

    def _kill_and_remove(self, path: str) -> None:
        for pid in self._tree.processes(path):
            try:
                self._kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except OSError as error:
                raise CgroupError(f"cannot kill process {pid} in cgroup {path}: {error.strerror}") from error
        self._tree.remove(path)

    async def _update_tiers(self) -> None:
        """A tier's shares weigh its pods against those of the other tiers. A failure is only logged: the pod runs."""
        shares = cpu_shares(sum(self._burstable.values()))
        async with self._lock:
            if shares == self._shares_written:
                return
            try:
                await asyncio.to_thread(self._tree.update, self._path(qos_names(self._root)[BURSTABLE]),
                                        CgroupValues(shares=shares))
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
