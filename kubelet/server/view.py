"""What the servers ask of the kubelet. Everything answers from memory, but for what is marked as asking the runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cri.v1 import api_pb2 as cri
from kubelet.api.types import Pod


class NodeView(Protocol):
    """Pods are the static and API pods of this node (no mirrors), each with its current status filled in."""

    def pods(self) -> Sequence[Pod]: ...

    def pod_by_name(self, namespace: str, name: str) -> Pod | None: ...

    async def running_pods(self) -> Sequence[Pod]:
        """What the runtime runs, as pods with names, UIDs, and containers' names and images only. Asks the runtime."""
        ...

    async def log_path(self, pod: Pod, container_id: str) -> Path | None:
        """The log file of one container instance (`container_id` without its `docker://`); None when unknown."""
        ...

    async def is_running(self, container_id: str) -> bool:
        """Whether the container still runs; True when the runtime cannot be asked."""
        ...


class HealthView(Protocol):
    """Health checks by name, in their order; a check returns the reason of its failure, "" when it passes."""

    def checks(self) -> Mapping[str, str]: ...


class ConfigView(Protocol):
    def configz(self) -> Mapping[str, Any]:
        """The effective KubeletConfiguration as JSON values, with apiVersion and kind, defaults filled in."""
        ...

    def flags(self) -> Mapping[str, str]:
        """Every flag and its effective value."""
        ...


class StatsRuntime(Protocol):
    """The parts of the CRI that are asked directly (cri.client.RuntimeClient)."""

    async def ListPodSandboxStats(
        self, request: cri.ListPodSandboxStatsRequest, /
    ) -> cri.ListPodSandboxStatsResponse: ...

    async def ListMetricDescriptors(
        self, request: cri.ListMetricDescriptorsRequest, /
    ) -> cri.ListMetricDescriptorsResponse: ...

    async def ListPodSandboxMetrics(
        self, request: cri.ListPodSandboxMetricsRequest, /
    ) -> cri.ListPodSandboxMetricsResponse: ...

    async def ExecSync(self, request: cri.ExecSyncRequest, /) -> cri.ExecSyncResponse: ...

    async def CheckpointContainer(
        self, request: cri.CheckpointContainerRequest, /
    ) -> cri.CheckpointContainerResponse: ...


class StatsImages(Protocol):
    async def ImageFsInfo(self, request: cri.ImageFsInfoRequest, /) -> cri.ImageFsInfoResponse: ...
