"""Pods that use more local storage than they may: emptyDir sizes, then the pod's limit, then containers'. Pure.

These are promises of the pod, not the node's distress: nothing is reclaimed first, and all that are over end in one
pass (eviction_manager.go localStorageEviction).
"""

import math
from dataclasses import dataclass

from kubelet.api.meta import containers_of
from kubelet.api.quantity import format_bytes, parse
from kubelet.api.types import Pod, Quantity
from kubelet.eviction.usage import Disk, PodUsage
from kubelet.resources import EPHEMERAL_STORAGE, canonical, pod_limits


@dataclass(frozen=True, slots=True)
class Violation:
    """`signal`: for the metric kubelet_evictions."""

    signal: str
    message: str


def has_limits(pod: Pod) -> bool:
    """Whether there is anything to look at."""
    return any(_size_limit(volume.empty_dir.size_limit) for volume in pod.spec.volumes if volume.empty_dir) or any(
        container.resources is not None and EPHEMERAL_STORAGE in container.resources.limits
        for _, container in containers_of(pod)
    )


def violation(pod: Pod, usage: PodUsage, *, dedicated_image_fs: bool) -> Violation | None:
    """`dedicated_image_fs`: containers' own layers are not on the node's file system then."""
    return _empty_dir(pod, usage) or _whole_pod(pod, usage) or _container(pod, usage, dedicated_image_fs)


def _size_limit(text: Quantity | None) -> int:
    return math.ceil(parse(text)) if text is not None else 0


def _empty_dir(pod: Pod, usage: PodUsage) -> Violation | None:
    for volume in pod.spec.volumes:
        source, used = volume.empty_dir, usage.volumes.get(volume.name)
        if source is None or source.size_limit is None or used is None:
            continue
        limit = _size_limit(source.size_limit)
        if 0 < limit < used.bytes:
            return Violation(
                "emptydirfs.limit",
                f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{canonical(source.size_limit)}". ',
            )
    return None


def _whole_pod(pod: Pod, usage: PodUsage) -> Violation | None:
    limit = pod_limits(pod, overhead=False).get(EPHEMERAL_STORAGE)
    if limit is None or usage.ephemeral_storage(pod) <= limit:
        return None
    given = [
        container.resources.limits[EPHEMERAL_STORAGE] for _, container in containers_of(pod)
        if container.resources is not None and EPHEMERAL_STORAGE in container.resources.limits
    ]
    text = canonical(given[0]) if len(given) == 1 else format_bytes(math.ceil(limit))
    return Violation(
        "ephemeralpodfs.limit", f"Pod ephemeral local storage usage exceeds the total limit of containers {text}. "
    )


def _container(pod: Pod, usage: PodUsage, dedicated_image_fs: bool) -> Violation | None:
    for container in pod.spec.containers:
        limit = container.resources.limits.get(EPHEMERAL_STORAGE) if container.resources is not None else None
        known = usage.containers.get(container.name)
        if limit is None or known is None or not parse(limit):
            continue
        used = (known.logs or Disk()) + (Disk() if dedicated_image_fs else known.rootfs or Disk())
        if used.bytes > parse(limit):
            return Violation(
                "ephemeralcontainerfs.limit",
                f'Container {container.name} exceeded its local ephemeral storage limit "{canonical(limit)}". ',
            )
    return None
