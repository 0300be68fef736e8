"""/metrics/cadvisor: the machine, and what CRI's statistics know of the series that dashboards draw from there.

The statistics stand in for a runtime that has no metrics of pods (`crimetrics`). Labels as upstream's: id (the cgroup,
which they do not tell: ""), name (the runtime's id), image, container ("" for the whole pod), pod, namespace. Series
that need cgroup files (throttling, fs reads, pressure) are not among them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import containers_of
from kubelet.api.types import Pod
from kubelet.node.machine import MachineFacts
from kubelet.server.stats import newest_containers
from kubelet.server.statsjson import NANOSECONDS
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


class MachineMetrics(Collector):
    """machine_* and cadvisor_version_info, with the names and labels of cAdvisor's metrics/prometheus_machine.go."""

    def __init__(self, machine: MachineFacts, *, failed: bool) -> None:
        """`failed`: containers could not be asked for."""
        self._machine, self._failed = machine, failed

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        machine = self._machine
        labels = {"boot_id": machine.boot_id, "machine_id": machine.machine_id, "system_uuid": machine.system_uuid}
        for name, text, value in (
            ("machine_cpu_cores", "Logical CPUs", machine.cpus),
            ("machine_cpu_physical_cores", "Physical CPU cores", psutil.cpu_count(logical=False) or machine.cpus),
            ("machine_cpu_sockets", "Processor packages", sockets()),
            ("machine_memory_bytes", "Memory of the machine", machine.memory),
            ("machine_swap_bytes", "Swap of the machine", machine.swap),
            ("machine_nvm_avg_power_budget_watts", "Power budget of memory that keeps its content", 0),
        ):
            yield _family(name, text, [(labels, value)])
        yield _family("machine_nvm_capacity", "Memory that keeps its content, by mode", [
            ({**labels, "mode": mode}, 0) for mode in ("app_direct_mode", "memory_mode")])
        yield _family("machine_scrape_error", "1 when the runtime could not be asked", [({}, float(self._failed))])
        yield _family("cadvisor_version_info", "Versions of the kernel and of the operating system", [({
            "cadvisorRevision": "", "cadvisorVersion": "", "dockerVersion": "",
            "kernelVersion": machine.kernel_version, "osVersion": machine.os_image}, 1)])


def sockets(host: Path = Path("/")) -> int:
    """Processor packages; 1 where the kernel does not tell."""
    files = (host / "sys/devices/system/cpu").glob("cpu[0-9]*/topology/physical_package_id")
    return len({file.read_text().strip() for file in files}) or 1


def _family(name: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Metric:
    metric = Metric(name, text, "gauge")
    for labels, value in samples:
        metric.add_sample(name, dict(labels), value)
    return metric


class CadvisorMetrics(Collector):
    """From CRI's statistics."""

    def __init__(self, stats: Sequence[cri.PodSandboxStats], pods: Sequence[Pod], now: float) -> None:
        self._stats, self._now = stats, now
        self._images = {
            (pod.metadata.uid, container.name): container.image for pod in pods for _, container in containers_of(pod)
        }
        self._families: dict[str, Metric] = {}

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        self._families = {}
        for stats in self._stats:
            self._add_pod(stats)
        return self._families.values()

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
