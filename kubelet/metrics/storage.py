"""Volumes in metrics: operations, how many there are, how full claims are, and what container logs take.

Names, labels and buckets: pkg/volume/util/metrics.go, volumemanager/metrics, metrics/collectors/{volume_stats,
log_metrics}.go.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600)
_VOLUME_STATS = (
    ("capacity_bytes", "Capacity of the volume", "capacityBytes"),
    ("available_bytes", "Bytes left in the volume", "availableBytes"),
    ("used_bytes", "Bytes used in the volume", "usedBytes"),
    ("inodes", "Inodes of the volume", "inodes"), ("inodes_free", "Inodes left in the volume", "inodesFree"),
    ("inodes_used", "Inodes used in the volume", "inodesUsed"),
)


class StorageOperations:
    """An observer for the volume manager."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations = Histogram(
            "storage_operation_duration_seconds", "Length of operations on volumes",
            ["volume_plugin", "operation_name", "status", "migrated"], buckets=_BUCKETS, registry=registry)
        self._total = Histogram(
            "volume_operation_total_seconds", "Length of operations on volumes, all their attempts together",
            ["plugin_name", "operation_name"], buckets=_BUCKETS, registry=registry)

    def __call__(self, plugin: str, operation: str, seconds: float, *, failed: bool) -> None:
        """One attempt: `operation` is volume_mount or volume_unmount."""
        status = "fail-unknown" if failed else "success"
        self._operations.labels(plugin, operation, status, "false").observe(seconds)

    def done(self, plugin: str, operation: str, seconds: float) -> None:
        """It has succeeded, so long after its first attempt began."""
        self._total.labels(plugin, operation).observe(seconds)


@dataclass(frozen=True, slots=True)
class VolumesNow:
    """By plugin, one entry per volume of a pod: those that are up, and those that pods want."""

    actual: Sequence[str] = ()
    desired: Sequence[str] = ()


class TotalVolumes(Collector):
    def __init__(self, now: Callable[[], VolumesNow]) -> None:
        self._now = now

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now, name = self._now(), "volume_manager_total_volumes"
        metric = Metric(name, "Volumes of this node's pods, as they are and as they are to be", "gauge")
        for state, plugins in (("actual_state_of_world", now.actual), ("desired_state_of_world", now.desired)):
            for plugin, number in sorted(Counter(plugins).items()):
                metric.add_sample(name, {"plugin_name": plugin, "state": state}, number)
        yield metric


@dataclass(frozen=True, slots=True)
class PodFigures:
    """`claims`: FsStats by the names of PersistentVolumeClaims; `logs`: bytes by container."""

    namespace: str
    name: str
    uid: str
    claims: Mapping[str, Mapping[str, object]]
    logs: Mapping[str, int]


class DiskFigures(Collector):
    """kubelet_volume_stats_* and kubelet_container_log_filesystem_used_bytes, as they were measured last."""

    def __init__(self, pods: Callable[[], Iterable[PodFigures]]) -> None:
        self._pods = pods

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        pods = list(self._pods())
        claims = {(pod.namespace, claim): figures for pod in pods for claim, figures in pod.claims.items()}
        for suffix, text, field in _VOLUME_STATS:
            metric = Metric(f"kubelet_volume_stats_{suffix}", text, "gauge")
            for (namespace, claim), figures in claims.items():
                value = figures.get(field)
                if isinstance(value, int):
                    metric.add_sample(metric.name, {"namespace": namespace, "persistentvolumeclaim": claim}, value)
            yield metric
        logs = Metric("kubelet_container_log_filesystem_used_bytes", "Bytes that a container's logs take", "gauge")
        for pod in pods:
            for container, used in pod.logs.items():
                logs.add_sample(logs.name, {
                    "uid": pod.uid, "namespace": pod.namespace, "pod": pod.name, "container": container}, used)
        yield logs
