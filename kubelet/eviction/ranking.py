"""Who ends first when a resource runs short, and how the node makes do without that. Pure.

    memory, disk   over its requests ▸ lower priority ▸ more above its requests
    pids           lower priority ▸ more processes

A pod of which nothing is known goes before all others: it may be the cause. Source: pkg/kubelet/eviction/helpers.go.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from kubelet.api.types import Pod
from kubelet.eviction.signals import INODES, PIDS, Layout, Signal
from kubelet.eviction.usage import Disk, PodUsage, Usages, total
from kubelet.resources import EPHEMERAL_STORAGE, MEMORY, pod_requests


class Part(Enum):
    """Of a pod's disk usage."""

    ROOTFS = auto()
    LOGS = auto()
    VOLUMES = auto()


class Reclaim(Enum):
    """What can be given back without ending a pod."""

    CONTAINERS = auto()
    IMAGES = auto()


_NODE = (Signal.NODE_FS, Signal.NODE_FS_INODES)
_IMAGE = (Signal.IMAGE_FS, Signal.IMAGE_FS_INODES)
_CONTAINER = (Signal.CONTAINER_FS, Signal.CONTAINER_FS_INODES)


@dataclass(frozen=True, slots=True)
class Remedy:
    """For a disk signal: whose usage counts, and what is reclaimed first."""

    parts: tuple[Part, ...]
    reclaim: tuple[Reclaim, ...]


_EVERYTHING = Remedy((Part.ROOTFS, Part.LOGS, Part.VOLUMES), (Reclaim.CONTAINERS, Reclaim.IMAGES))
_REMEDIES: dict[Layout, dict[tuple[Signal, ...], Remedy]] = {
    Layout.SHARED: {(*_NODE, *_IMAGE, *_CONTAINER): _EVERYTHING},
    Layout.IMAGES: {
        _NODE: Remedy((Part.LOGS, Part.VOLUMES), ()),
        (*_IMAGE, *_CONTAINER): Remedy((Part.ROOTFS,), (Reclaim.CONTAINERS, Reclaim.IMAGES)),
    },
    Layout.SPLIT: {
        (*_NODE, *_CONTAINER): Remedy((Part.ROOTFS, Part.LOGS, Part.VOLUMES), (Reclaim.CONTAINERS,)),
        _IMAGE: Remedy((), (Reclaim.IMAGES,)),
    },
}


def remedy(signal: Signal, layout: Layout) -> Remedy:
    """Nothing can be given back of memory and process ids."""
    return next((found for signals, found in _REMEDIES[layout].items() if signal in signals), Remedy((), ()))


def rank(pods: Iterable[Pod], usages: Usages, signal: Signal, layout: Layout) -> list[Pod]:
    """The pods in the order in which they are evicted."""
    if signal.resource == PIDS:
        def key(pod: Pod) -> tuple[object, ...]:
            usage = usages.get(pod.metadata.uid)
            # Priority first, even before pods of which nothing is known.
            return _priority(pod), usage is not None, -(usage.processes if usage else 0)
        return sorted(pods, key=key)
    measure = _measure(signal, layout)

    def by_usage(pod: Pod) -> tuple[object, ...]:
        usage = usages.get(pod.metadata.uid)
        if usage is None:
            return (False, False, _priority(pod), Fraction(0))
        used, requests = Fraction(measure(pod, usage)), pod_requests(pod)
        above = used > requests.get(signal.resource, Fraction(0))
        # Inodes cannot be asked for; upstream sets them against the storage that was.
        counted = requests.get(EPHEMERAL_STORAGE if signal.resource == INODES else signal.resource, Fraction(0))
        return True, not above, _priority(pod), counted - used
    return sorted(pods, key=by_usage)


def _priority(pod: Pod) -> int:
    return pod.spec.priority or 0


def _measure(signal: Signal, layout: Layout) -> Callable[[Pod, PodUsage], int]:
    if signal.resource == MEMORY:
        return lambda _, usage: usage.memory
    parts = remedy(signal, layout).parts

    def used(pod: Pod, usage: PodUsage) -> int:
        disk = disk_usage(pod, usage, parts)
        return disk.inodes if signal.resource == INODES else disk.bytes
    return used


def disk_usage(pod: Pod, usage: PodUsage, parts: Iterable[Part]) -> Disk:
    of: dict[Part, Callable[[], Disk]] = {
        Part.ROOTFS: usage.rootfs, Part.LOGS: usage.logs,
        Part.VOLUMES: lambda: usage.local_volumes(pod),
    }
    return total(of[part]() for part in parts)
