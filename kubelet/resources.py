"""What a pod asks for and may use: requests, limits and the QoS class that follows from them.

Sums are exact (Fractions of cores, bytes, pieces). A pod needs, of each resource, the larger of
  - its containers and sidecars together, and
  - any one init container together with the sidecars that start before it;
pod-level values replace the sums where they are given, and the runtime class' overhead comes on top.

Sources: component-helpers/resource/helpers.go (KEP-753, KEP-2837), pkg/apis/core/v1/helper/qos.
"""

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from kubelet.api.meta import is_sidecar
from kubelet.api.quantity import format_bytes, format_milli, parse
from kubelet.api.types import Container, Pod, Quantity, ResourceRequirements

Resources = dict[str, Fraction]
"""Amounts by resource name, in whole units: cores, bytes, pieces."""

CPU, MEMORY, EPHEMERAL_STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"
PIDS = "pid"
"""As kubeReserved and systemReserved call process ids; the Node does not show them."""
HUGEPAGES_PREFIX = "hugepages-"

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"

_DECIMAL = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9))


_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_extended_resource(name: str) -> bool:
    """A resource of somebody's own domain, as device plugins advertise them (IsExtendedResourceName)."""
    domain, slash, own = name.partition("/")
    if not slash or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    whole = f"requests.{domain}"  # its name in a quota has to be one, too
    return len(whole) <= 253 and bool(_DOMAIN.fullmatch(whole)) and bool(_NAME.fullmatch(own))


def read(quantities: Mapping[str, Quantity]) -> Resources:
    """The exact amounts. Raises InvalidQuantityError."""
    return {name: parse(quantity) for name, quantity in quantities.items()}


def write(resources: Mapping[str, Fraction]) -> dict[str, Quantity]:
    """Amounts as canonical quantities: cpu in millicores, bytes with binary suffixes, everything else as a count."""
    return {name: _written(name, amount) for name, amount in resources.items()}


def _written(name: str, amount: Fraction) -> str:
    if name == CPU:
        return format_milli(math.ceil(amount * 1000))
    if name in (MEMORY, EPHEMERAL_STORAGE) or name.startswith(HUGEPAGES_PREFIX):
        if amount.denominator != 1:  # "10m" of memory is allowed, and comes back so
            return _decimal(amount)
        return format_bytes(math.ceil(amount))
    return str(math.ceil(amount))


def canonical(quantity: Quantity) -> str:
    """`quantity` as the API server writes it back (`0.5` -> `500m`, `1024Mi` -> `1Gi`, `1000M` -> `1G`)."""
    amount = parse(quantity)
    text = str(quantity)
    if text.endswith("i") and abs(amount) >= 1024:
        return format_bytes(math.ceil(amount))
    if "e" in text.lower().rstrip("E") and not text.endswith("E"):
        return _exponent_form(amount)
    if amount == 0:
        return "0"
    return _decimal(amount)


def _decimal(amount: Fraction) -> str:
    for suffix, power in _DECIMAL:
        mantissa = amount / Fraction(10) ** power
        if mantissa.denominator == 1:
            return f"{mantissa}{suffix}"
    return f"{math.ceil(amount * 10**9)}n"


def _exponent_form(amount: Fraction) -> str:
    for _, power in _DECIMAL:
        mantissa = amount / Fraction(10) ** power
        if mantissa.denominator == 1:
            return f"{mantissa}e{power}" if power and amount else str(mantissa)
    return f"{math.ceil(amount * 10**9)}e-9"


def canonical_requirements(requirements: ResourceRequirements | None) -> ResourceRequirements:
    """The same with every quantity in canonical form, so that what we report equals what comes back."""
    if requirements is None:
        return ResourceRequirements()
    return ResourceRequirements(
        claims=requirements.claims,
        limits={name: canonical(amount) for name, amount in requirements.limits.items()},
        requests={name: canonical(amount) for name, amount in requirements.requests.items()},
    )


def container_requests(container: Container) -> Resources:
    return read(container.resources.requests) if container.resources else {}


def container_limits(container: Container) -> Resources:
    return read(container.resources.limits) if container.resources else {}


def pod_requests(pod: Pod, *, overhead: bool = True) -> Resources:
    """What the pod reserves; `overhead` False leaves out what its runtime class adds."""
    total = _aggregate(pod, container_requests)
    if pod.spec.resources:
        total |= {name: amount for name, amount in read(pod.spec.resources.requests).items() if _pod_level(name)}
    if overhead:
        _add(total, read(pod.spec.overhead))
    return total


def pod_limits(pod: Pod, *, overhead: bool = True) -> Resources:
    """What the pod may use; a resource that no container limits is absent, and gets no overhead either."""
    total = _aggregate(pod, container_limits)
    if pod.spec.resources:
        total |= {name: amount for name, amount in read(pod.spec.resources.limits).items() if _pod_level(name)}
    if overhead:
        for name, amount in read(pod.spec.overhead).items():
            if total.get(name):
                total[name] += amount
    return total


def _pod_level(name: str) -> bool:
    return name in (CPU, MEMORY) or name.startswith(HUGEPAGES_PREFIX)


def _aggregate(pod: Pod, of: Callable[[Container], Resources]) -> Resources:
    total: Resources = {}
    for container in pod.spec.containers:
        _add(total, of(container))
    sidecars: Resources = {}
    peak: Resources = {}
    for container in pod.spec.init_containers:
        if is_sidecar(container):
            _add(total, of(container))
            _add(sidecars, of(container))
            _raise_to(peak, sidecars)
        else:
            during = dict(sidecars)
            _add(during, of(container))
            _raise_to(peak, during)
    _raise_to(total, peak)
    return total


def _add(total: Resources, more: Mapping[str, Fraction]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def _raise_to(total: Resources, floor: Mapping[str, Fraction]) -> None:
    for name, amount in floor.items():
        total[name] = max(total.get(name, amount), amount)


def qos_class(pod: Pod) -> str:
    """The pod's QoS class: what the API server decided, or for a pod from elsewhere what follows from its resources."""
    return pod.status.qos_class or computed_qos_class(pod)


def computed_qos_class(pod: Pod) -> str:
    """Guaranteed: cpu and memory limited everywhere, requests equal to limits; BestEffort: nothing asked for at all."""
    holders = (
        [pod.spec.resources] if pod.spec.resources is not None
        else [container.resources for container in (*pod.spec.containers, *pod.spec.init_containers)]
    )
    requests: Resources = {}
    limits: Resources = {}
    limited_everywhere = True
    for holder in holders:
        holder_limits = _compute(holder.limits if holder else {})
        _add(requests, _compute(holder.requests if holder else {}))
        _add(limits, holder_limits)
        if pod.spec.resources is not None and not pod.spec.resources.limits:
            continue  # without pod-level limits the comparison below decides
        limited_everywhere &= {CPU, MEMORY} <= holder_limits.keys()
    if not requests and not limits:
        return BEST_EFFORT
    return GUARANTEED if limited_everywhere and requests == limits else BURSTABLE


def _compute(quantities: Mapping[str, Quantity]) -> Resources:
    return {name: amount for name, amount in read(quantities).items() if name in (CPU, MEMORY) and amount > 0}
