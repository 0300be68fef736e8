"""The signals of eviction, what each measures, and the file systems that they may share."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from kubelet.api.quantity import format_bytes
from kubelet.resources import EPHEMERAL_STORAGE, MEMORY, canonical

INODES, PIDS = "inodes", "pids"


class Signal(StrEnum):
    """In the order in which they are acted upon: memory before all others."""

    MEMORY = "memory.available"
    ALLOCATABLE_MEMORY = "allocatableMemory.available"
    NODE_FS = "nodefs.available"
    NODE_FS_INODES = "nodefs.inodesFree"
    IMAGE_FS = "imagefs.available"
    IMAGE_FS_INODES = "imagefs.inodesFree"
    CONTAINER_FS = "containerfs.available"
    CONTAINER_FS_INODES = "containerfs.inodesFree"
    PID = "pid.available"

    @property
    def resource(self) -> str:
        """What runs short."""
        if self in (Signal.MEMORY, Signal.ALLOCATABLE_MEMORY):
            return MEMORY
        if self is Signal.PID:
            return PIDS
        return INODES if self.endswith("inodesFree") else EPHEMERAL_STORAGE

    @property
    def condition(self) -> str:
        """The node condition that tells of it."""
        return {MEMORY: "MemoryPressure", PIDS: "PIDPressure"}.get(self.resource, "DiskPressure")

    @property
    def rank(self) -> int:
        return list(Signal).index(self)


@dataclass(frozen=True, slots=True)
class Observation:
    """Bytes, inodes or process ids."""

    capacity: int
    available: int


Observations = Mapping[Signal, Observation]
"""A signal that could not be measured is absent."""


class Layout(Enum):
    """Which of nodefs, imagefs and containerfs are one file system."""

    SHARED = "one for all"
    IMAGES = "images and containers have one of their own"
    SPLIT = "images have one of their own, containers are on the node's"

    @property
    def has_image_fs(self) -> bool:
        return self is not Layout.SHARED


def written(resource: str, amount: int) -> str:
    """As upstream's messages write amounts: bytes in binary units, counts in decimal ones."""
    return canonical(str(amount)) if resource in (INODES, PIDS) else format_bytes(amount)
