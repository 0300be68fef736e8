"""Resources of CRI in the engine's terms. Pure. Memory in bytes, CPU quota and period in microseconds."""

import logging
from typing import Any

from cri.v1 import api_pb2 as cri
from dockershim.facts import EngineFacts

logger = logging.getLogger(__name__)

SANDBOX_OOM_SCORE_ADJ = -998
"""The pause goes last of the pod's processes, but before the engine and the kubelet (pkg/kubelet/qos)."""
SANDBOX_CPU_SHARES = 2

JSON = dict[str, Any]


class _OncePerValue:
    """Says that values are clamped, once per process and floor."""

    def __init__(self) -> None:
        self._said: set[int] = set()

    def say(self, floor: int, wanted: int) -> None:
        if floor not in self._said:
            self._said.add(floor)
            logger.warning(
                "oom_score_adj is clamped, nobody here may lower it (no CAP_SYS_RESOURCE) wanted=%d used=%d",
                wanted,
                floor,
            )


_clamped = _OncePerValue()


def oom_score_adj(wanted: int, facts: EngineFacts) -> int:
    floor = facts.oom_score_adj_floor
    if floor is None or wanted >= floor:
        return wanted
    _clamped.say(floor, wanted)
    return floor


def cgroup_parent(path: str, facts: EngineFacts) -> str:
    """The systemd driver takes the slice's name, which is the last element of the path that CRI gives."""
    return path.rstrip("/").rpartition("/")[2] if facts.cgroup_driver == "systemd" else path


def create_resources(resources: cri.LinuxContainerResources, facts: EngineFacts) -> JSON:
    return {**update_resources(resources), "OomScoreAdj": oom_score_adj(int(resources.oom_score_adj), facts)}


def update_resources(resources: cri.LinuxContainerResources) -> JSON:
    """Body of the engine's update call too; zero means unchanged there and unlimited at creation.

    The swap limit is memory and swap together. Without one a container gets no swap, as the kubelet's default
    (NoSwap) wants it. On cgroup v2 kubelets give swap alone, by the kernel's name of it.
    """
    memory, swap = resources.memory_limit_in_bytes, resources.unified.get("memory.swap.max", "")
    both = memory + int(swap) if memory and swap.isdecimal() else memory
    body: JSON = {
        "CpuPeriod": resources.cpu_period,
        "CpuQuota": resources.cpu_quota,
        "CpuShares": resources.cpu_shares,
        "CpusetCpus": resources.cpuset_cpus,
        "CpusetMems": resources.cpuset_mems,
        "Memory": memory,
        "MemorySwap": resources.memory_swap_limit_in_bytes or both,
    }
    return {key: value for key, value in body.items() if value}
