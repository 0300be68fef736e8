"""What the translation of a Pod to CRI needs to know of the node: one frozen value, built by the application."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubelet import paths
from kubelet.api.types import Quantity


@dataclass(frozen=True, slots=True)
class NodeContext:
    """Facts of the node. Addresses are text without port; memory in bytes; `cpu_cfs_period` in microseconds.

    `resolv_conf` is the file that pods inherit from; None is `--resolv-conf ""`: no host resolver at all.
    `allocatable` is Node.status.allocatable (may be empty until the node is known).
    `recursive_read_only_handlers` and `supplemental_groups_policy` are what the runtime says that it can do.
    """

    node_name: str
    root_dir: Path
    node_ips: tuple[str, ...] = ()
    pod_logs_dir: Path = paths.POD_LOGS_DIR
    host_hosts_file: Path = Path("/etc/hosts")
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: Path | None = Path("/etc/resolv.conf")
    seccomp_default: bool = False
    allocatable: Mapping[str, Quantity] = field(default_factory=dict)
    memory_capacity: int = 1
    cpu_cfs_quota: bool = True
    cpu_cfs_period: int = 100_000
    cgroup_v2: bool = False
    single_process_oom_kill: bool | None = None
    swap_controller: bool = False
    limited_swap: bool = False
    """memorySwap.swapBehavior: LimitedSwap; otherwise no container swaps."""
    swap_capacity: int = 0
    hugepage_sizes: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] = ()
    recursive_read_only_handlers: frozenset[str] = frozenset()
    selinux_enabled: bool = False
    stop_signals: bool = False
    """Whether containers may name the signal that stops them (gate ContainerStopSignals)."""

    @property
    def seccomp_dir(self) -> Path:
        return self.root_dir / "seccomp"
