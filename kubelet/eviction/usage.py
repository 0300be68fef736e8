"""What pods use, as far as eviction asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kubelet.api.types import Pod, Volume


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes and inodes in use."""

    bytes: int = 0
    inodes: int = 0

    def __add__(self, other: "Disk") -> "Disk":
        return Disk(self.bytes + other.bytes, self.inodes + other.inodes)


def total(disks: Iterable[Disk | None]) -> Disk:
    return sum((disk for disk in disks if disk is not None), Disk())


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """`memory` is the working set; None: not known."""

    memory: int | None = None
    rootfs: Disk | None = None
    logs: Disk | None = None


@dataclass(frozen=True, slots=True)
class PodUsage:
    """Containers and volumes by name; of volumes only local ones are measured."""

    memory: int = 0
    processes: int = 0
    containers: Mapping[str, ContainerUsage] = field(default_factory=dict)
    volumes: Mapping[str, Disk] = field(default_factory=dict)

    def rootfs(self) -> Disk:
        return total(container.rootfs for container in self.containers.values())

    def logs(self) -> Disk:
        return total(container.logs for container in self.containers.values())

    def local_volumes(self, pod: Pod) -> Disk:
        return total(self.volumes.get(volume.name) for volume in pod.spec.volumes if is_ephemeral(volume))

    def ephemeral_storage(self, pod: Pod) -> int:
        """Bytes that count against the pod's limit."""
        return (self.rootfs() + self.logs() + self.local_volumes(pod)).bytes


Usages = Mapping[str, PodUsage]
"""By pod UID."""


def is_ephemeral(volume: Volume) -> bool:
    """On the node's disk and gone with the pod (volume/util IsLocalEphemeralVolume)."""
    return volume.config_map is not None or (volume.empty_dir is not None and volume.empty_dir.medium == "")
