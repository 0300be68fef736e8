"""/metrics/cadvisor: what the CRI's statistics know of the series that dashboards draw from there.

Labels as upstream's: id (the cgroup, which the CRI does not tell: ""), name (the runtime's id), image, container (""
for the whole pod), pod, namespace. Series that need cgroup files (throttling, fs reads, pressure) are not here.
"""

from collections.abc import Iterable, Mapping, Sequence

import psutil
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import containers_of
from kubelet.api.types import Pod
from kubelet.server.stats import NANOSECONDS, newest_containers
from pleg.state import CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL

_MEMORY = (
    ("container_memory_working_set_bytes", "Working set", "working_set_bytes"),
    ("container_memory_usage_bytes", "Memory in use, caches included", "usage_bytes"),
    ("container_memory_rss", "Anonymous memory", "rss_bytes"),
)
_NETWORK = (
    ("container_network_receive_bytes_total", "Bytes received", "rx_bytes"),
    ("container_network_receive_errors_total", "Errors while receiving", "rx_errors"),
    ("container_network_transmit_bytes_total", "Bytes sent", "tx_bytes"),
    ("container_network_transmit_errors_total", "Errors while sending", "tx_errors"),
)


class CadvisorMetrics(Collector):
    """`stats` None: the runtime could not be asked; then only the machine is known."""

    def __init__(self, stats: Sequence[cri.PodSandboxStats] | None, pods: Sequence[Pod], now: float) -> None:
        self._stats, self._now = stats, now
        self._images = {
            (pod.metadata.uid, container.name): container.image for pod in pods for _, container in containers_of(pod)
        }
        self._families: dict[str, Metric] = {}

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        self._families = {}
        for stats in self._stats or ():
            self._add_pod(stats)
        yield from self._families.values()
        cores = psutil.cpu_count(logical=False)
        yield _single("machine_cpu_cores", "Logical CPUs", psutil.cpu_count() or 1)
        yield _single("machine_cpu_physical_cores", "Physical CPU cores", cores or psutil.cpu_count() or 1)
        yield _single("machine_memory_bytes", "Memory of the machine", psutil.virtual_memory().total)
        yield _single("machine_swap_bytes", "Swap of the machine", psutil.swap_memory().total)
        yield _single("machine_scrape_error", "1 when the runtime could not be asked", float(self._stats is None))

    def _add_pod(self, stats: cri.PodSandboxStats) -> None:
        attributes, linux = stats.attributes, stats.linux
        uid = attributes.labels.get(POD_UID_LABEL) or attributes.metadata.uid
        labels = {
            "id": "", "name": attributes.id, "image": "", "container": "",
            "pod": attributes.labels.get(POD_NAME_LABEL) or attributes.metadata.name,
            "namespace": attributes.labels.get(POD_NAMESPACE_LABEL) or attributes.metadata.namespace,
        }
        self._add_usage(labels, linux)
        for interface in linux.network.interfaces or ([linux.network.default_interface] if linux.HasField("network")
                                                      else []):
            for name, text, field in _NETWORK:
                self._add(name, "counter", text, {**labels, "interface": interface.name},
                          getattr(interface, field).value, linux.network.timestamp)
        for container in newest_containers(linux.containers):
            name = container.attributes.labels.get(CONTAINER_NAME_LABEL) or container.attributes.metadata.name
            own = {**labels, "name": container.attributes.id, "container": name,
                   "image": self._images.get((uid, name), "")}
            self._add_usage(own, container)
            self._add("container_last_seen", "gauge", "When the container was last seen, Unix time", own,
                      int(self._now), 0)

    def _add_usage(self, labels: Mapping[str, str], stats: cri.LinuxPodSandboxStats | cri.ContainerStats) -> None:
        if stats.HasField("cpu"):
            self._add("container_cpu_usage_seconds_total", "counter", "CPU time used", {**labels, "cpu": "total"},
                      stats.cpu.usage_core_nano_seconds.value / NANOSECONDS, stats.cpu.timestamp)
        if stats.HasField("memory"):
            for name, text, field in _MEMORY:
                if stats.memory.HasField(field):  # type: ignore[arg-type]
                    self._add(name, "gauge", text, labels, getattr(stats.memory, field).value, stats.memory.timestamp)

    def _add(
        self, name: str, kind: str, text: str, labels: Mapping[str, str], value: float, timestamp_ns: int
    ) -> None:
        metric = self._families.setdefault(name, Metric(name, text, kind))
        metric.add_sample(name, dict(labels), value, timestamp=timestamp_ns / NANOSECONDS if timestamp_ns else None)


def _single(name: str, text: str, value: float) -> Metric:
    metric = Metric(name, text, "gauge")
    metric.add_sample(name, {}, value)
    return metric
