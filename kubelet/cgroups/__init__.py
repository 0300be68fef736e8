"""The cgroups of pods: what they are called, what is written into them, making and removing them.

    demand     what a pod asks for in all, QoS class (pure)
    values     shares, quotas, weights; the values of a pod's cgroup (pure)
"""

from kubelet.cgroups.errors import CgroupError

__all__ = ["CgroupError"]
