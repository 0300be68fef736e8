"""What an evicted pod says of its end: status message and event annotations, to the letter (helpers.go)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubelet.api.quantity import format_bytes, parse
from kubelet.api.types import Container, Pod, Quantity
from kubelet.eviction.signals import Observations, written
from kubelet.eviction.thresholds import Threshold
from kubelet.eviction.usage import ContainerUsage, PodUsage
from kubelet.resources import EPHEMERAL_STORAGE, MEMORY, canonical

REASON = "Evicted"


@dataclass(frozen=True, slots=True)
class Explanation:
    message: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def explain(
    resource: str, pod: Pod, usage: PodUsage | None, act: Sequence[Threshold], seen: Observations
) -> Explanation:
    """Why `pod` is evicted for want of `resource`; `act` are the thresholds that are acted upon."""
    message = f"The node was low on resource: {resource}. "
    cause = next((one for one in act if one.signal.resource == resource and one.signal in seen), None)
    if cause is not None:
        at = seen[cause.signal]
        message += (f"Threshold quantity: {cause.least.written(at.capacity)}, "
                    f"available: {written(resource, at.available)}. ")
    if usage is None:
        return Explanation(message)
    annotations: dict[str, str] = {}
    own = pod.spec.resources.requests.get(resource) if pod.spec.resources is not None else None
    if resource == MEMORY and own is not None:
        used = format_bytes(usage.memory)
        message += (f"Pod {pod.metadata.name} was using {used}, request is {canonical(own)}, has larger consumption of "
                    f"{resource}. ")
        annotations |= {"offending_pod": pod.metadata.name, "offending_pod_usage": used}
    offenders: dict[str, str] = {}
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        amount = _used(resource, usage.containers.get(container.name))
        request = _request(container, resource)
        if amount is not None and amount > parse(request):
            used = offenders[container.name] = format_bytes(amount)
            message += (f"Container {container.name} was using {used}, request is {canonical(request)}, has larger "
                        f"consumption of {resource}. ")
    annotations |= {
        "offending_containers": ",".join(offenders), "offending_containers_usage": ",".join(offenders.values()),
        "starved_resource": resource,
    }
    return Explanation(message, annotations)


def _request(container: Container, resource: str) -> Quantity:
    return container.resources.requests.get(resource, "0") if container.resources is not None else "0"


def _used(resource: str, usage: ContainerUsage | None) -> int | None:
    if usage is None:
        return None
    if resource == MEMORY:
        return usage.memory
    if resource == EPHEMERAL_STORAGE and usage.rootfs is not None and usage.logs is not None:
        return usage.rootfs.bytes + usage.logs.bytes
    return None
