"""Pod networks: CNI plugins, their configuration and cache, network namespaces.

`CNINetwork` is what the sandbox verbs use; `NetworkPlugin` is the part of it that they need.
"""

from collections.abc import Collection
from typing import Protocol

from dockershim.network.errors import (
    NetworkConfigError,
    NetworkError,
    NetworkErrorCode,
    NetworkNotReadyError,
    PluginDeadlineError,
    PluginError,
)
from dockershim.network.model import (
    DNSConfig,
    NetworkInterface,
    NetworkResult,
    NetworkStatus,
    PodNetwork,
    PortMapping,
    ports_from_text,
    ports_to_text,
)
from dockershim.network.plugin import CNINetwork

__all__ = [
    "CNINetwork",
    "DNSConfig",
    "NetworkConfigError",
    "NetworkError",
    "NetworkErrorCode",
    "NetworkInterface",
    "NetworkNotReadyError",
    "NetworkPlugin",
    "NetworkResult",
    "NetworkStatus",
    "PluginDeadlineError",
    "PluginError",
    "PodNetwork",
    "PortMapping",
    "ports_from_text",
    "ports_to_text",
]


class NetworkPlugin(Protocol):
    """What sandboxes need of a pod network; `CNINetwork` is the real one."""

    async def start(self) -> None: ...
    async def run(self) -> None: ...
    async def set_up(self, pod: PodNetwork) -> NetworkResult: ...
    async def tear_down(self, pod: PodNetwork) -> None: ...
    async def status(self) -> NetworkStatus: ...
    async def check(self, pod: PodNetwork) -> None: ...
    async def addresses(self, pod: PodNetwork) -> tuple[str, ...]: ...
    async def collect_garbage(self, live_sandbox_ids: Collection[str]) -> bool: ...
    async def set_pod_cidr(self, cidr: str) -> None: ...
