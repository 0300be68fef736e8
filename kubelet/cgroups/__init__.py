"""The cgroups of pods: what they are called, what is written into them, making and removing them.

    names      kubepods/burstable/pod<uid>, for both drivers (pure)
    values     shares, quotas, weights; the values of a pod's cgroup (pure)
    slices     values as systemd's unit properties (pure)   trees      the kernel's file systems, v1 and v2
    systemd    slices started and stopped over D-Bus        systembus  the connection, by dbus-fast
    bus        what a connection gives, and how it fails
    systempeer the same where there is no message bus
    manager    PodCgroups: start, ensure, remove, sweep
"""

from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.manager import CgroupSettings, PodCgroups
from kubelet.cgroups.names import CgroupDriver
from kubelet.cgroups.systemd import SystemdSlices
from kubelet.cgroups.trees import CgroupTree, CgroupV1, CgroupV2, detect_tree
from kubelet.cgroups.values import CgroupValues, cpu_quota, cpu_shares, cpu_weight

__all__ = [
    "CgroupDriver", "CgroupError", "CgroupSettings", "CgroupTree", "CgroupV1", "CgroupV2", "CgroupValues",
    "PodCgroups", "SystemdSlices", "cpu_quota", "cpu_shares", "cpu_weight", "detect_tree",
]
