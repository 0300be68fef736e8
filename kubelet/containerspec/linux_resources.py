"""A container's resources in CRI terms (pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, pkg/kubelet/qos)."""

import math
from collections.abc import Mapping
from fractions import Fraction

import msgspec

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import AnyContainer, is_critical, is_sidecar
from kubelet.api.types import Pod, ResourceRequirements
from kubelet.cgroups.values import cpu_quota, cpu_shares, hugepage_name, hugepage_size, milli
from kubelet.containerspec.context import NodeContext
from kubelet.resources import (
    BEST_EFFORT,
    BURSTABLE,
    GUARANTEED,
    MEMORY,
    Resources,
    container_requests,
    pod_limits,
    pod_requests,
    qos_class,
    read,
)

GUARANTEED_SCORE = -997
BEST_EFFORT_SCORE = 1000
NODE_CRITICAL_CLASS = "system-node-critical"
_NOTHING = Fraction(0)


def is_node_critical(pod: Pod) -> bool:
    """Of the highest system priority: the last to be killed for memory (types.IsNodeCriticalPod)."""
    return is_critical(pod) and pod.spec.priority_class_name == NODE_CRITICAL_CLASS


def container_resources(pod: Pod, container: AnyContainer, context: NodeContext) -> cri.LinuxContainerResources:
    """Limits that the container does not set fall back to the pod's own (KEP-2837)."""
    own = container.resources or ResourceRequirements()
    requests, limits = read(own.requests), read(own.limits)
    pod_own = read(pod.spec.resources.limits) if pod.spec.resources is not None else {}
    resources = _linux(requests.get("cpu"), limits.get("cpu") or pod_own.get("cpu"),
                       limits.get("memory") or pod_own.get("memory"), context)
    resources.oom_score_adj = oom_score_adj(pod, container, context.memory_capacity)
    resources.hugepage_limits.extend(_hugepages({**pod_own, **limits}, context))
    if context.swap_controller:
        if context.cgroup_v2:
            resources.unified["memory.swap.max"] = str(swap_limit(pod, own, context))
        else:
            resources.memory_swap_limit_in_bytes = resources.memory_limit_in_bytes
    return resources


def swap_limit(pod: Pod, own: ResourceRequirements, context: NodeContext) -> int:
    """Bytes: with LimitedSwap the share of the node's swap that the container's memory request is of its memory. None
    for pods that are to be fast and for containers that may use no more than they asked for (KEP-2400)."""
    request, limit = read(own.requests).get(MEMORY, _NOTHING), read(own.limits).get(MEMORY, _NOTHING)
    if not context.limited_swap or is_critical(pod) or qos_class(pod) != BURSTABLE or request == limit:
        return 0
    bytes_asked_for = math.ceil(request)
    if bytes_asked_for > context.memory_capacity:
        return 0
    return int(bytes_asked_for / context.memory_capacity * context.swap_capacity)


def sandbox_resources(
    pod: Pod, context: NodeContext
) -> tuple[cri.LinuxContainerResources, cri.LinuxContainerResources]:
    """The sandbox's sums without overhead, and the overhead, which is both request and limit."""
    requests, limits = pod_requests(pod, overhead=False), pod_limits(pod, overhead=False)
    resources = _linux(requests.get("cpu"), limits.get("cpu"), limits.get("memory"), context)
    if not pod.spec.overhead:
        return resources, cri.LinuxContainerResources()
    overhead = read(pod.spec.overhead)
    cpu = overhead.get("cpu", _NOTHING)
    return resources, _linux(cpu, cpu, overhead.get("memory"), context)


def _linux(cpu_request: Fraction | None, cpu_limit: Fraction | None, memory_limit: Fraction | None,
           context: NodeContext) -> cri.LinuxContainerResources:
    """Without a request, cpu is shared by the limit."""
    shares_of = cpu_request if cpu_request is not None else cpu_limit or _NOTHING
    resources = cri.LinuxContainerResources(cpu_shares=cpu_shares(milli(shares_of)),
                                            memory_limit_in_bytes=math.ceil(memory_limit or 0))
    if context.cpu_cfs_quota:
        resources.cpu_quota = cpu_quota(milli(cpu_limit or _NOTHING), context.cpu_cfs_period)
        resources.cpu_period = context.cpu_cfs_period
    if context.cgroup_v2 and context.single_process_oom_kill is False:
        resources.unified["memory.oom.group"] = "1"
    return resources


def _hugepages(limits: Mapping[str, Fraction], context: NodeContext) -> list[cri.HugepageLimit]:
    """Every page size that the node has: what is not asked for is limited to nothing."""
    wanted = {hugepage_name(hugepage_size(name)): math.ceil(amount)
              for name, amount in limits.items() if name.startswith("hugepages-")}
    return [cri.HugepageLimit(page_size=size, limit=wanted.get(size, 0)) for size in context.hugepage_sizes]


def oom_score_adj(pod: Pod, container: AnyContainer, memory_capacity: int) -> int:
    """-997 for Guaranteed and node-critical, 1000 for BestEffort; between them the less memory a container asked for,
    the sooner it goes (3…999). A sidecar is never killed before the containers that it serves."""
    if is_node_critical(pod):
        return GUARANTEED_SCORE
    qos = qos_class(pod)
    if qos in (GUARANTEED, BEST_EFFORT):
        return GUARANTEED_SCORE if qos == GUARANTEED else BEST_EFFORT_SCORE
    unallocated = _unallocated_per_container(pod)
    own = read(container.resources.requests).get("memory", _NOTHING) if container.resources else _NOTHING
    score = _burstable_score(own + unallocated, memory_capacity)
    if is_sidecar(container) and container in pod.spec.init_containers and pod.spec.containers:
        smallest = min(_memory(container_requests(each)) for each in pod.spec.containers)
        score = min(score, _burstable_score(smallest + unallocated, memory_capacity))
    lowest = BEST_EFFORT_SCORE + GUARANTEED_SCORE
    return min(max(score, lowest), BEST_EFFORT_SCORE - 1)


def _burstable_score(memory: Fraction, capacity: int) -> int:
    return 1000 - 1000 * math.ceil(memory) // max(capacity, 1)


def _memory(amounts: Resources) -> Fraction:
    return amounts.get("memory", _NOTHING)


def _unallocated_per_container(pod: Pod) -> Fraction:
    """The pod's own memory request beyond its containers', in equal parts; 0 without pod-level requests."""
    own = _memory(read(pod.spec.resources.requests)) if pod.spec.resources is not None else _NOTHING
    if not own:
        return _NOTHING
    spare = math.ceil(own) - math.ceil(_memory(pod_requests(_without_pod_level(pod), overhead=False)))
    return Fraction(spare // max(len(pod.spec.containers) + len(pod.spec.init_containers), 1))


def _without_pod_level(pod: Pod) -> Pod:
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, resources=None))
