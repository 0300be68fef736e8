"""What pods have on the node's disks: volumes, container logs, and what else lies in their directories.

Trees are walked when somebody asks, in a thread, and what was found is told again for volumeStatsAggPeriod: walking
them is the expensive part of a summary. There is one walk at a time, and nobody waits long for it: a volume with
millions of files is told of when they have been counted. A negative period switches it off. Of a volume that is a file
system of its own, that file system's figures count; of one on the node's disk, what its tree takes.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelet import paths
from kubelet.api.meta import pod_uid
from kubelet.api.types import Pod, Volume
from kubelet.eviction.meter import measure
from kubelet.eviction.usage import Disk, is_ephemeral
from kubelet.metrics.storage import PodFigures
from kubelet.server.statsjson import Json, precise_time

logger = logging.getLogger(__name__)

WAIT_SECONDS = 3.0
"""How long whoever asks waits for a walk."""


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """`claim` is the name of the PersistentVolumeClaim, "" for none; `fs` is an FsStats."""

    name: str
    claim: str
    ephemeral: bool
    fs: Json


@dataclass(frozen=True, slots=True)
class PodDisk:
    volumes: tuple[VolumeUsage, ...] = ()
    logs: Mapping[str, Disk] = field(default_factory=dict)
    """Of containers that have any."""
    hosts_file: Disk = field(default_factory=Disk)


class PodStorage:
    def __init__(
        self, root_dir: Path, pod_logs: Path, period_seconds: float = 60.0, *, now: Callable[[], float] = time.time
    ) -> None:
        self._root, self._logs, self._period, self._now = root_dir, pod_logs, period_seconds, now
        self._known: dict[str, tuple[float, PodDisk]] = {}
        self._walk: asyncio.Future[None] | None = None

    async def of(self, pods: Iterable[Pod]) -> Mapping[str, PodDisk]:
        """By UID; empty when it is switched off, and without pods that are still being measured for the first time."""
        if self._period < 0:
            return {}
        current = {pod_uid(pod): pod for pod in pods}
        for uid in self._known.copy().keys() - current.keys():
            self._known.pop(uid, None)
        if self._walk is None or self._walk.done():
            due = [pod for uid, pod in current.items()
                   if uid not in self._known or self._now() - self._known[uid][0] >= self._period]
            if due:
                self._walk = asyncio.get_running_loop().run_in_executor(None, self._measure_all, due)
        if self._walk is not None:
            await asyncio.wait([self._walk], timeout=WAIT_SECONDS)
        return self.known()

    def known(self) -> Mapping[str, PodDisk]:
        """What was found last, without another look."""
        return {uid: disk for uid, (_, disk) in self._known.copy().items()}  # a walk may add to it meanwhile

    def _measure_all(self, pods: Iterable[Pod]) -> None:
        """In a thread; a pod whose files cannot be read, or that goes meanwhile, is tried again by the next walk."""
        for pod in pods:
            try:
                self._known[pod_uid(pod)] = self._now(), self._measure(pod)
            except OSError as error:
                logger.debug("The storage of a pod cannot be measured pod_uid=%s error=%s", pod_uid(pod), error)

    def _measure(self, pod: Pod) -> PodDisk:
        stamp, logs = precise_time(int(self._now() * 1e9)), paths.pod_log_dir(self._logs, pod)
        hosts = paths.pod_dir(self._root, pod_uid(pod)) / "etc-hosts"
        names = [container.name for container in (*pod.spec.init_containers, *pod.spec.containers)]
        return PodDisk(
            volumes=tuple(_volume(volume, pod, directory, stamp) for volume, directory in self._mounted(pod)),
            logs={name: measure(logs / name) for name in names if (logs / name).is_dir()},
            hosts_file=Disk(_blocks(hosts), 1) if hosts.is_file() else Disk(),
        )

    def _mounted(self, pod: Pod) -> Iterator[tuple[Volume, Path]]:
        """Volumes that have a directory of their pod: those of the host itself have none, and are not told of."""
        volumes = {volume.name: volume for volume in pod.spec.volumes}
        for directory in sorted(paths.volumes_dir(self._root, pod_uid(pod)).glob("*/*")):
            if (volume := volumes.get(directory.name)) is not None:
                yield volume, directory


def pod_figures(pods: Iterable[Pod], disks: Mapping[str, PodDisk]) -> list[PodFigures]:
    """As metrics show them; pods that were not measured are left out."""
    return [
        PodFigures(
            pod.metadata.namespace, pod.metadata.name, uid,
            {volume.claim: volume.fs for volume in disk.volumes if volume.claim},
            {container: logs.bytes for container, logs in disk.logs.items()})
        for pod in pods if (disk := disks.get(uid := pod_uid(pod))) is not None
    ]


def _volume(volume: Volume, pod: Pod, directory: Path, stamp: str) -> VolumeUsage:
    claim = volume.persistent_volume_claim.claim_name if volume.persistent_volume_claim else (
        f"{pod.metadata.name}-{volume.name}" if volume.ephemeral else "")
    fs = filesystem(directory, stamp)
    if not os.path.ismount(directory):
        used = measure(directory)
        fs |= {"usedBytes": used.bytes, "inodesUsed": used.inodes}
    return VolumeUsage(volume.name, claim, is_ephemeral(volume), fs)


def _blocks(file: Path) -> int:
    return file.stat().st_blocks * 512


def filesystem(path: Path, stamp: str) -> Json:
    """One statvfs: local file systems only, so it does not block for long."""
    try:
        found = os.statvfs(path)
    except OSError:
        return {"time": stamp}
    return {
        "time": stamp, "availableBytes": found.f_bavail * found.f_frsize,
        "capacityBytes": found.f_blocks * found.f_frsize,
        "usedBytes": (found.f_blocks - found.f_bfree) * found.f_frsize,
        "inodesFree": found.f_ffree, "inodes": found.f_files, "inodesUsed": found.f_files - found.f_ffree,
    }
