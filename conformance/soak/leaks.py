"""What a node has of pods, and what of it must not be there once all pods are gone. Pure.

    Inventory (facts, read by `inventory`) before any pod   ┐
    Inventory after all pods are gone                       ┴─▶ leaks: one line for each thing that stayed
"""

from collections import Counter
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Inventory:
    """Each field is a set of names of things, written so that a name tells what it is."""

    containers: frozenset[str] = frozenset()
    network_namespaces: frozenset[str] = frozenset()
    leases: frozenset[str] = frozenset()
    cni_results: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    firewall_rules: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()
    pod_directories: frozenset[str] = frozenset()
    log_directories: frozenset[str] = frozenset()
    control_groups: frozenset[str] = frozenset()
    checkpoints: frozenset[str] = frozenset()
    open_files: frozenset[str] = frozenset()
    """Files of pods that daemons still hold open."""
    processes: tuple[str, ...] = ()
    """Command lines, one for each process: here the number counts as well."""
    connections: frozenset[str] = frozenset()
    """Streams (exec, attach, logs, port-forward) that still stand."""


def leaks(before: Inventory, after: Inventory) -> list[str]:
    """What is there now and was not before."""
    found = []
    for each in fields(Inventory):
        kind = each.name.replace("_", " ")
        was, now = Counter(getattr(before, each.name)), Counter(getattr(after, each.name))
        found += [f"{kind}: {name}" for name in sorted((now - was).elements())]
    return found
