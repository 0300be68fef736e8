"""What the node has and what of it pods may use: allocatable = capacity − kube − system − hard eviction.

Pure. Sources: pkg/kubelet/cadvisor CapacityFromMachineInfo, pkg/kubelet/nodestatus MachineInfo,
pkg/kubelet/cm/node_container_manager_linux.go.
"""

import math
from collections.abc import Mapping
from fractions import Fraction

from kubelet.api.quantity import InvalidQuantityError, format_bytes, parse
from kubelet.api.types import Quantity
from kubelet.node.machine import MachineFacts
from kubelet.node.settings import DEFAULT_EVICTION_HARD, NodeSettings
from kubelet.resources import CPU, EPHEMERAL_STORAGE, HUGEPAGES_PREFIX, MEMORY, PIDS, PODS, Resources, write

REQUIRED = (CPU, MEMORY, PODS, EPHEMERAL_STORAGE)
_EVICTION_RESOURCES = {"memory.available": MEMORY, "nodefs.available": EPHEMERAL_STORAGE}


def node_capacity(facts: MachineFacts, settings: NodeSettings) -> Resources:
    """All that can be reserved; process ids are among it, though the Node does not show them."""
    pods = settings.max_pods
    if settings.pods_per_core > 0:
        pods = min(facts.cpus * settings.pods_per_core, pods)
    capacity: Resources = {
        CPU: Fraction(facts.cpus), MEMORY: Fraction(facts.memory), PODS: Fraction(pods),
        EPHEMERAL_STORAGE: Fraction(facts.ephemeral_storage), PIDS: Fraction(facts.max_pids),
    }
    for size, number in facts.hugepages.items():
        capacity[HUGEPAGES_PREFIX + format_bytes(size)] = Fraction(size * number)
    return capacity


def reservations(capacity: Mapping[str, Fraction], settings: NodeSettings) -> Resources:
    """What is kept from pods. Raises InvalidQuantityError for a setting that is no quantity."""
    reserved: Resources = {}
    for source in (settings.kube_reserved, settings.system_reserved):
        for name, amount in source.items():
            if name in capacity:
                reserved[name] = reserved.get(name, Fraction(0)) + parse(amount)
    thresholds = DEFAULT_EVICTION_HARD if settings.eviction_hard is None else settings.eviction_hard
    for signal, threshold in thresholds.items():
        resource = _EVICTION_RESOURCES.get(signal)
        if resource is not None and threshold != "100%":  # which switches it off, as 0% does
            kept = _threshold(threshold, capacity[resource])
            reserved[resource] = reserved.get(resource, Fraction(0)) + kept
    return reserved


def overdrawn(capacity: Mapping[str, Fraction], settings: NodeSettings) -> str:
    """What is to be kept from pods although there is not as much; empty if there is. Upstream's words."""
    kept = {name: amount for name, amount in sorted(reservations(capacity, settings).items())
            if amount > capacity[name]}
    had, reserved = write({name: capacity[name] for name in kept}), write(kept)
    return " ".join([
        "invalid Node Allocatable configuration.",
        *(f'Resource "{name}" has a reservation of {reserved[name]} but capacity of {had[name]}. '
          "Expected capacity >= reservation." for name in kept),
    ]) if kept else ""


def _threshold(text: str, capacity: Fraction) -> Fraction:
    if not text.endswith("%"):
        return parse(text)
    try:
        share = Fraction(text[:-1]) / 100
    except ValueError:
        raise InvalidQuantityError(f"{text!r} is not a threshold: write a quantity or a percentage") from None
    return Fraction(math.floor(capacity * share))


def node_allocatable(capacity: Mapping[str, Fraction], settings: NodeSettings) -> Resources:
    """Never negative; memory that is set aside as huge pages is not memory for pods."""
    reserved = reservations(capacity, settings)
    allocatable = {
        name: max(amount - reserved.get(name, Fraction(0)), Fraction(0)) for name, amount in capacity.items()
    }
    hugepages = sum((amount for name, amount in capacity.items() if name.startswith(HUGEPAGES_PREFIX)), Fraction(0))
    allocatable[MEMORY] = max(allocatable[MEMORY] - hugepages, Fraction(0))
    return allocatable


def written(facts: MachineFacts, settings: NodeSettings) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """(capacity, allocatable) as the Node says them: memory in Ki, as everybody's eyes are used to."""
    capacity = node_capacity(facts, settings)
    del capacity[PIDS]
    return write(capacity), write(node_allocatable(capacity, settings))
