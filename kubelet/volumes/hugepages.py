"""The page size of an emptyDir on huge pages: what the medium says, among what the pod asks for. Pure.

    HugePages          the one size that the pod's containers request
    HugePages-<size>   that size, which some container has to request

Source: pkg/volume/emptydir getPageSizeMountOption.
"""

from kubelet.api.quantity import InvalidQuantityError, format_bytes, value
from kubelet.api.types import Pod
from kubelet.resources import HUGEPAGES_PREFIX
from kubelet.volumes.types import UnsupportedVolumeError

MEDIUM = "HugePages"


def is_huge(medium: str) -> bool:
    return medium == MEDIUM or medium.startswith(f"{MEDIUM}-")


def page_size(medium: str, pod: Pod) -> str:
    """As hugetlbfs' mount option `pagesize` takes it: `2Mi`. Raises UnsupportedVolumeError."""
    holders = [container.resources for container in (*pod.spec.containers, *pod.spec.init_containers)]
    requested = {
        value(name.removeprefix(HUGEPAGES_PREFIX))
        for holder in (pod.spec.resources, *holders) if holder is not None
        for name in (*holder.requests, *holder.limits) if name.startswith(HUGEPAGES_PREFIX)
    }
    if medium == MEDIUM:
        if len(requested) > 1:
            raise UnsupportedVolumeError(
                f"medium: {medium} can't be used if container requests multiple huge page sizes")
        wanted = next(iter(requested), 0)
    else:
        try:
            wanted = value(medium.removeprefix(f"{MEDIUM}-"))
        except InvalidQuantityError as error:
            raise UnsupportedVolumeError(f"medium {medium}: {error}") from None
    if wanted not in requested:
        raise UnsupportedVolumeError(
            f"medium {medium}: hugePages storage requested, but there is no resource request for huge pages")
    return format_bytes(wanted)
