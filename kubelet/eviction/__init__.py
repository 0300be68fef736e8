"""Eviction: pods end so that the node lives on.

    NodeMeter ──▶ observations ─▶ judge ─┬─▶ node conditions (MemoryPressure, DiskPressure, PIDPressure)
        │                                └─▶ thresholds to act on ─▶ reclaim of containers and images
        └─▶ pod usage ─▶ violated limits ─▶ their pods end                  └─ not enough ─▶ rank ─▶ one pod ends

What is measured, judged and ranked is pure and apart from who does it (manager). Source: pkg/kubelet/eviction.
"""

from kubelet.eviction.manager import EvictionManager, EvictionSettings
from kubelet.eviction.meter import NodeMeter
from kubelet.eviction.thresholds import DEFAULT_HARD, effective_hard, parse_thresholds

__all__ = [
    "DEFAULT_HARD", "EvictionManager", "EvictionSettings", "NodeMeter", "effective_hard", "parse_thresholds",
]
