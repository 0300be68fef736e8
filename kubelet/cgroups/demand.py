"""What a pod asks for in all, and its QoS class: the sums that cgroup values are made of.

Rules: component-helpers/resource/helpers.go (KEP-753 for sidecars, KEP-2837 for pod-level resources). Amounts are
exact Fractions of cores and bytes.

    requests = max(sum of containers and sidecars,
                   max over init containers of (it + the sidecars before it)) + overhead
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from fractions import Fraction

from kubelet.api.meta import is_sidecar
from kubelet.api.quantity import parse
from kubelet.api.types import Container, Pod, Quantity

Amounts = dict[str, Fraction]
_QOS_RESOURCES = ("cpu", "memory")


class QosClass(StrEnum):
    """Value as in status.qosClass."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


def exact(amounts: Mapping[str, Quantity]) -> Amounts:
    return {name: parse(amount) for name, amount in amounts.items()}


def container_requests(container: Container) -> Amounts:
    return exact(container.resources.requests) if container.resources else {}


def container_limits(container: Container) -> Amounts:
    return exact(container.resources.limits) if container.resources else {}


def pod_level(resource: str) -> bool:
    """Whether spec.resources may name it."""
    return resource in _QOS_RESOURCES or resource.startswith("hugepages-")


def containers_requests(pod: Pod) -> Amounts:
    """Of the containers together, without what the pod itself says."""
    return _aggregate(pod, container_requests)


def pod_requests(pod: Pod, *, overhead: bool = True) -> Amounts:
    total = containers_requests(pod)
    if pod.spec.resources is not None:
        total.update({name: parse(amount) for name, amount in pod.spec.resources.requests.items() if pod_level(name)})
    if overhead:
        _add(total, exact(pod.spec.overhead))
    return total


def pod_limits(pod: Pod, *, overhead: bool = True) -> Amounts:
    """As requests; overhead counts only where there is a limit at all."""
    total = _aggregate(pod, container_limits)
    if pod.spec.resources is not None:
        total.update({name: parse(amount) for name, amount in pod.spec.resources.limits.items() if pod_level(name)})
    if overhead:
        _add(total, {name: amount for name, amount in exact(pod.spec.overhead).items() if total.get(name)})
    return total


def limit_declared(pod: Pod, resource: str) -> bool:
    """Whether a limit of the pod as a whole is known: every container has one, or the pod itself."""
    if pod.spec.resources is not None and parse(pod.spec.resources.limits.get(resource, 0)):
        return True
    sidecars = Fraction(0)
    for container in pod.spec.init_containers:
        own = container_limits(container).get(resource, Fraction(0))
        sidecars += own if is_sidecar(container) else 0
        if not (sidecars if is_sidecar(container) else own + sidecars):
            return False
    return all(container_limits(container).get(resource) for container in pod.spec.containers)


def qos_class(pod: Pod) -> QosClass:
    """From the spec alone, so that static pods have one before any status."""
    requests: Amounts = {}
    limits: Amounts = {}
    all_limited = True
    if pod.spec.resources is not None:
        sources = [(exact(pod.spec.resources.requests), exact(pod.spec.resources.limits))]
    else:
        sources = [(container_requests(container), container_limits(container))
                   for container in (*pod.spec.containers, *pod.spec.init_containers)]
    for asked, limited in sources:
        _add(requests, _positive(asked))
        _add(limits, _positive(limited))
        all_limited &= len(_positive(limited)) == len(_QOS_RESOURCES)
    if not requests and not limits:
        return QosClass.BEST_EFFORT
    return QosClass.GUARANTEED if all_limited and requests == limits else QosClass.BURSTABLE


def _positive(amounts: Amounts) -> Amounts:
    return {name: amounts[name] for name in _QOS_RESOURCES if amounts.get(name, 0) > 0}


def _aggregate(pod: Pod, amounts_of: Callable[[Container], Amounts]) -> Amounts:
    total: Amounts = {}
    for container in pod.spec.containers:
        _add(total, amounts_of(container))
    sidecars: Amounts = {}
    initial: Amounts = {}
    for container in pod.spec.init_containers:
        amounts = amounts_of(container)
        if is_sidecar(container):
            _add(total, amounts)
            _add(sidecars, amounts)
            _raise_to(initial, sidecars)
        else:
            together = dict(amounts)
            _add(together, sidecars)
            _raise_to(initial, together)
    _raise_to(total, initial)
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def _raise_to(total: Amounts, other: Amounts) -> None:
    for name, amount in other.items():
        total[name] = max(total.get(name, amount), amount)
