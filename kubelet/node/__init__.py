"""The node as the cluster sees it: registration, status, heartbeat.

    machine facts ─┐
    settings ──────┼─▶ status (pure) ─▶ NodeManager ─▶ register, PATCH nodes/status     LeaseKeeper ─▶ PUT lease
    RuntimeHealth ─┘                        └▶ events
"""

from kubelet.node.conditions import Pressure
from kubelet.node.health import HealthCheck, RuntimeHealth
from kubelet.node.lease import LeaseClient, LeaseKeeper
from kubelet.node.machine import MachineFacts, read_machine
from kubelet.node.manager import NodeClient, NodeManager, NodeSurroundings
from kubelet.node.settings import NodeSettings

__all__ = [
    "HealthCheck", "LeaseClient", "LeaseKeeper", "MachineFacts", "NodeClient", "NodeManager", "NodeSettings",
    "NodeSurroundings", "Pressure", "RuntimeHealth", "read_machine",
]
