"""The `resources` of a container status: what a running container really has, where the runtime says so.

Values below what the kernel can tell apart keep the spec's figure, or a resize would never look done
(pkg/kubelet/kubelet_pods.go convertContainerStatusResources).
"""

import math
from collections.abc import Mapping

from kubelet.api.quantity import format_bytes, format_milli, milli_value, parse
from kubelet.api.types import Container, ContainerStatus, Quantity, ResourceRequirements
from kubelet.resources import CPU, MEMORY, canonical, canonical_requirements
from pleg.state import ContainerResources
from pleg.state import ContainerStatus as RuntimeContainer

MIN_SHARES = 2
SHARES_PER_CPU = 1024
MIN_MILLI_CPU_LIMIT = 10


def allocated_of(container: Container) -> dict[str, Quantity]:
    """What the node has set aside: the requests, as no resize is under way."""
    if container.resources is None:
        return {}
    return {name: canonical(amount) for name, amount in container.resources.requests.items()}


def resources_of(
    container: Container, found: RuntimeContainer, old: ContainerStatus | None, container_id: str,
    given: ResourceRequirements | None = None,
) -> ResourceRequirements:
    """The spec's figures for a container that does not run; the runtime's, where it has them, for one that does.

    No runtime knows of memory requests: `given` is what the container was given last, as far as it was recorded."""
    spec = canonical_requirements(container.resources)
    if not found.running:
        return spec
    same = old is not None and old.container_id == container_id and old.state is not None \
        and old.state.running is not None
    before = (old.resources if old and same else None) or ResourceRequirements()
    limits = dict(spec.limits)
    requests = dict(spec.requests)
    actual = found.resources
    if limits:
        _report(limits, CPU, _cpu_limit(actual, limits), before.limits)
        _report(limits, MEMORY, _memory_limit(actual), before.limits)
    if requests:
        _report(requests, CPU, _cpu_request(actual, requests), before.requests)
        _report(requests, MEMORY, _memory_request(given), before.requests)
    return ResourceRequirements(claims=spec.claims, limits=limits, requests=requests)


def _report(
    into: dict[str, Quantity], name: str, actual: Quantity | None, before: Mapping[str, Quantity]
) -> None:
    if actual is not None:
        if name not in into or parse(into[name]) != parse(actual):
            into[name] = actual
    elif name in before and name in into:
        into[name] = before[name]


def _cpu_limit(actual: ContainerResources | None, limits: Mapping[str, Quantity]) -> Quantity | None:
    if actual is None or not actual.cpu_quota or not actual.cpu_period or actual.cpu_quota <= 0:
        return None
    milli = actual.cpu_quota * 1000 // actual.cpu_period
    spec = milli_value(limits.get(CPU, 0))
    if milli <= MIN_MILLI_CPU_LIMIT and spec <= MIN_MILLI_CPU_LIMIT:
        return limits.get(CPU)
    return format_milli(milli)


def _memory_limit(actual: ContainerResources | None) -> Quantity | None:
    if actual is None or not actual.memory_limit or actual.memory_limit <= 0:
        return None
    return format_bytes(actual.memory_limit)


def _memory_request(given: ResourceRequirements | None) -> Quantity | None:
    amount = given.requests.get(MEMORY) if given else None
    return format_bytes(math.ceil(parse(amount))) if amount else None


def _cpu_request(actual: ContainerResources | None, requests: Mapping[str, Quantity]) -> Quantity | None:
    """Shares are 1024 per core, rounded down: figures that give the same shares are the same."""
    if actual is None or not actual.cpu_shares:
        return None
    spec = milli_value(requests.get(CPU, 0))
    if max(spec * SHARES_PER_CPU // 1000, MIN_SHARES) == actual.cpu_shares:
        return requests.get(CPU)
    milli = -(-actual.cpu_shares * 1000 // SHARES_PER_CPU)
    if milli <= MIN_SHARES and spec <= MIN_SHARES:
        return requests.get(CPU)
    return format_milli(milli)
