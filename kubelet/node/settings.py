"""What of the configuration makes the Node object; frozen for the life of the agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelet.api.types import Taint

DEFAULT_EVICTION_HARD: Mapping[str, str] = {"memory.available": "100Mi", "nodefs.available": "10%"}
"""Of the hard eviction thresholds, those that count against allocatable (pkg/kubelet/eviction/defaults_linux.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Durations are seconds; amounts are quantities as written in the configuration."""

    node_name: str
    hostname: str
    """The Hostname address and the value of the hostname label; usually the node name."""
    root_dir: Path
    """Its file system's size is the node's ephemeral storage."""
    node_ips: tuple[str, ...] = ()
    """Of --node-ip; `0.0.0.0` or `::` choose a family only."""
    register_node: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    provider_id: str = ""
    external_cloud_provider: bool = False
    controller_attach_detach: bool = True
    kubelet_port: int = 10250
    max_pods: int = 110
    pods_per_core: int = 0
    kube_reserved: Mapping[str, str] = field(default_factory=dict)
    system_reserved: Mapping[str, str] = field(default_factory=dict)
    eviction_hard: Mapping[str, str] | None = None
    """Signal to threshold, as configured; None for the defaults."""
    max_images: int = 50
    """-1: all of them."""
    declared_features: tuple[str, ...] = ()
    update_seconds: float = 10.0
    report_seconds: float = 300.0
    lease_seconds: int = 40
