"""The pod statuses that the kubelet publishes: `generate` makes them (pure), `manager` sends them."""

from kubelet.podstatus.context import ProbeFlags, StatusContext
from kubelet.podstatus.generate import family_mismatch, generate_pod_status, rejected_status, with_container_flag
from kubelet.podstatus.manager import KnownPods, StatusClient, StatusManager

__all__ = [
    "KnownPods", "ProbeFlags", "StatusClient", "StatusContext", "StatusManager", "family_mismatch",
    "generate_pod_status", "rejected_status", "with_container_flag",
]
