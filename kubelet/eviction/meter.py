"""What there is of memory, disk and process ids, and what pods use of it: the I/O of eviction.

A look at the node costs three statvfs and a few small files. Pods are measured only when somebody asks: their memory,
processes and writable layers come from the runtime, logs and local volumes are walked here, one tree at a time in a
thread. A walk follows no link and enters no other file system.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cri.v1 import api_pb2 as cri
from kubelet import paths
from kubelet.api.meta import pod_uid
from kubelet.api.types import Pod, Volume
from kubelet.eviction.memory import MemoryFiles, until_short
from kubelet.eviction.signals import Layout, Observation, Observations, Signal
from kubelet.eviction.thresholds import Threshold
from kubelet.eviction.usage import ContainerUsage, Disk, PodUsage, is_ephemeral
from kubelet.node.machine import read_max_pids
from kubelet.volumes.plugins import CONFIG_MAP, EMPTY_DIR
from pleg.state import POD_UID_LABEL

BLOCK_BYTES = 512
"""The unit of st_blocks, whatever the file system's own is (stat(2))."""


class StatsRuntime(Protocol):
    """The part of cri.client.RuntimeClient that measures pods."""

    def ListPodSandboxStats(
        self, request: cri.ListPodSandboxStatsRequest, /
    ) -> Awaitable[cri.ListPodSandboxStatsResponse]: ...


class ImageFileSystems(Protocol):
    """The part of cri.client.ImageClient that knows where images are."""

    def ImageFsInfo(self, request: cri.ImageFsInfoRequest, /) -> Awaitable[cri.ImageFsInfoResponse]: ...


@dataclass(frozen=True, slots=True)
class Disks:
    """Mount points by role, and which of them are one file system."""

    node: Path
    images: Path
    containers: Path
    layout: Layout


class NodeMeter:
    def __init__(
        self, runtime: StatsRuntime, images: ImageFileSystems, root_dir: Path, pod_logs: Path, host: Path = Path("/"),
        pods_cgroup: Callable[[], str] = lambda: "",
    ) -> None:
        """`host`: where /proc and /sys are found. `pods_cgroup`: the path of the cgroup of all pods, "" without one."""
        self._pods_cgroup = pods_cgroup
        self._runtime, self._images, self._root, self._logs, self._host = runtime, images, root_dir, pod_logs, host
        self._disks: Disks | None = None

    async def layout(self) -> Layout:
        """Raises CriError, OSError."""
        return (await self._known_disks()).layout

    async def observe(self) -> Observations:
        """Raises CriError, OSError."""
        disks = await self._known_disks()
        return await asyncio.to_thread(self._observe, disks)

    async def until_short_of_memory(self, thresholds: Sequence[Threshold], seconds: float) -> None:
        """As soon as one of them is met, and after `seconds` in any case."""
        await until_short(self._memory(), thresholds, seconds)

    def _memory(self) -> MemoryFiles:
        return MemoryFiles(self._host, self._pods_cgroup())

    async def _known_disks(self) -> Disks:
        """Where a runtime keeps images and containers does not change while it lives: asked once."""
        if self._disks is None:
            info = await self._images.ImageFsInfo(cri.ImageFsInfoRequest())
            images = _mount_point(info.image_filesystems)
            containers = _mount_point(info.container_filesystems) or images
            self._disks = await asyncio.to_thread(_disks, self._root, images or self._root, containers or self._root)
        return self._disks

    def _observe(self, disks: Disks) -> Observations:
        seen: dict[Signal, Observation] = dict(self._memory().observe())
        for directory, available, inodes in (
            (disks.node, Signal.NODE_FS, Signal.NODE_FS_INODES),
            (disks.images, Signal.IMAGE_FS, Signal.IMAGE_FS_INODES),
            (disks.containers, Signal.CONTAINER_FS, Signal.CONTAINER_FS_INODES),
        ):
            found = os.statvfs(directory)
            seen[available] = Observation(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
            if found.f_files:  # some file systems (btrfs) make inodes as they need them, and say 0
                seen[inodes] = Observation(found.f_files, found.f_ffree)
        seen[Signal.PID] = read_pids(self._host)
        return seen

    async def usages(self, pods: Iterable[Pod], *, one_by_one: bool = False) -> dict[str, PodUsage]:
        """By UID, of those pods that the runtime knows of. `one_by_one`: only these are asked for, not all of the
        node. Raises CriError, OSError."""
        found: dict[str, PodUsage] = {}
        wanted = {pod.metadata.uid: pod for pod in pods}
        for selector in ([{POD_UID_LABEL: uid} for uid in wanted] if one_by_one else [{}]):
            answer = await self._runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest(
                filter=cri.PodSandboxStatsFilter(label_selector=selector)
            ))
            for stats in sorted(answer.stats, key=lambda one: one.attributes.metadata.attempt):
                uid = stats.attributes.labels.get(POD_UID_LABEL) or stats.attributes.metadata.uid
                if (pod := wanted.get(uid)) is not None:
                    found[uid] = await asyncio.to_thread(self._usage, pod, stats)
        return found

    def _usage(self, pod: Pod, stats: cri.PodSandboxStats) -> PodUsage:
        linux, logs = stats.linux, paths.pod_log_dir(self._logs, pod)
        containers: dict[str, ContainerUsage] = {}
        for one in sorted(linux.containers, key=lambda found: found.attributes.metadata.attempt):
            name = one.attributes.metadata.name
            layer = Disk(one.writable_layer.used_bytes.value, one.writable_layer.inodes_used.value)
            containers[name] = ContainerUsage(
                memory=one.memory.working_set_bytes.value if one.HasField("memory") else None,
                rootfs=layer if one.HasField("writable_layer") else None,
                logs=measure(logs / name),
            )
        return PodUsage(
            memory=linux.memory.working_set_bytes.value, processes=linux.process.process_count.value,
            containers=containers,
            volumes={
                volume.name: measure(directory) for volume in pod.spec.volumes
                if (directory := self._directory(pod, volume)) is not None
            },
        )

    def _directory(self, pod: Pod, volume: Volume) -> Path | None:
        """Of a volume whose contents count; a hostPath's are the host's own, and are not walked."""
        if not is_ephemeral(volume):
            return None
        plugin = CONFIG_MAP if volume.config_map is not None else EMPTY_DIR
        return paths.volume_dir(self._root, pod_uid(pod), plugin, volume.name)


def _mount_point(usages: Iterable[cri.FilesystemUsage]) -> Path | None:
    found = next(iter(usages), None)
    return Path(found.fs_id.mountpoint) if found is not None and found.fs_id.mountpoint else None


def _disks(node: Path, images: Path, containers: Path) -> Disks:
    devices = [path.stat().st_dev for path in (node, images, containers)]
    layout = Layout.SHARED
    if devices[1] != devices[0]:
        layout = Layout.IMAGES if devices[2] == devices[1] else Layout.SPLIT
    return Disks(node, images, containers, layout)


def measure(directory: Path) -> Disk:
    """What a tree takes on its file system; nothing where there is none. Files with several links count once."""
    counted: set[int] = set()
    used = Disk()
    try:
        device = os.lstat(directory).st_dev
    except OSError:
        return used
    pending = [str(directory)]
    blocks = inodes = 0
    while pending:
        # What vanishes meanwhile takes nothing any more.
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if status.st_dev != device or status.st_ino in counted:
                    continue
                if status.st_nlink > 1:
                    counted.add(status.st_ino)
                blocks, inodes = blocks + status.st_blocks, inodes + 1
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return Disk(blocks * BLOCK_BYTES, inodes)


def read_pids(host: Path = Path("/")) -> Observation:
    """Threads count: the kernel gives each an id."""
    limit = read_max_pids(host)
    running = int((host / "proc/loadavg").read_text().split()[3].partition("/")[2])
    return Observation(limit, limit - running)
