"""What cgroups are called: a tuple of parts, written as each driver wants it. Pure.

    ("kubepods", "burstable", "pod1-2")
        cgroupfs  /kubepods/burstable/pod1-2
        systemd   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice

Source: pkg/kubelet/cm/cgroup_manager_linux.go.
"""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Pod
from kubelet.resources import BEST_EFFORT, BURSTABLE, qos_class

CgroupName = tuple[str, ...]

PODS_CGROUP: Final = "kubepods"
_POD_PREFIX: Final = "pod"
_SLICE: Final = ".slice"


class CgroupDriver(StrEnum):
    """Value as in KubeletConfiguration.cgroupDriver and CRI's RuntimeConfig."""

    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


def root_name(cgroup_root: str) -> CgroupName:
    """The parent of all pods; `cgroup_root` is the configured root, "" or "/" for the top."""
    return (*[part for part in cgroup_root.split("/") if part], PODS_CGROUP)


def qos_names(root: CgroupName) -> dict[str, CgroupName]:
    """QoS class -> its cgroup; Guaranteed pods stand directly below the root."""
    return {BURSTABLE: (*root, "burstable"), BEST_EFFORT: (*root, "besteffort")}


def pod_name(root: CgroupName, pod: Pod) -> CgroupName:
    return (*qos_names(root).get(qos_class(pod), root), f"{_POD_PREFIX}{pod_uid(pod)}")


def uid_of(name: CgroupName) -> PodUID | None:
    """The pod that a cgroup below a QoS cgroup belongs to."""
    return PodUID(name[-1].removeprefix(_POD_PREFIX)) if name and name[-1].startswith(_POD_PREFIX) else None


def to_path(name: CgroupName, driver: CgroupDriver) -> str:
    """The absolute path below a hierarchy's mount point."""
    if driver is CgroupDriver.CGROUPFS:
        return "/" + "/".join(name)
    escaped = [part.replace("-", "_") for part in name]
    return "/" + "/".join("-".join(escaped[: length + 1]) + _SLICE for length in range(len(escaped)))


def from_path(path: str, driver: CgroupDriver) -> CgroupName:
    """The reverse of `to_path`."""
    if driver is CgroupDriver.CGROUPFS:
        return tuple(part for part in path.split("/") if part)
    last = PurePosixPath(path).name.removesuffix(_SLICE)
    return tuple(part.replace("_", "-") for part in last.split("-")) if last else ()
