"""/stats/summary and /metrics/resource: the node from /proc, pods and containers from the CRI.

Shape: k8s.io/kubelet/pkg/apis/stats/v1alpha1 (contract 3.4). Numbers are what the runtime says; where it gives no
usageNanoCores, it is the rate between two samples at least ten seconds apart.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import format_time
from kubelet.api.types import Pod
from kubelet.server.view import StatsImages, StatsRuntime
from pleg.state import CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL

Json = dict[str, Any]
NANOSECONDS = 10**9
RATE_SECONDS = 10


class Rates:
    """usageNanoCores per cgroup from its cumulative CPU time: between samples at least RATE_SECONDS apart."""

    def __init__(self) -> None:
        self._samples: dict[str, tuple[int, int, int | None]] = {}

    def rate(self, key: str, time_ns: int, usage_ns: int) -> int | None:
        """Nanocores in use, None until two samples are known."""
        known = self._samples.get(key)
        if known is None or usage_ns < known[1] or time_ns < known[0]:
            self._samples[key] = (time_ns, usage_ns, None)
            return None
        elapsed = time_ns - known[0]
        if elapsed < RATE_SECONDS * NANOSECONDS:
            return known[2]
        rate = (usage_ns - known[1]) * NANOSECONDS // elapsed
        self._samples[key] = (time_ns, usage_ns, rate)
        return rate

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all but `keys`."""
        self._samples = {key: self._samples[key] for key in keys if key in self._samples}


class StatsProvider:
    """Asks the runtime at each call; callers are rare (metrics-server: every 15 s). Raises what the clients raise.

    `pods` gives the pods with their status, which knows when things started; the CRI's statistics do not.
    """

    def __init__(
        self, node_name: str, runtime: StatsRuntime, images: StatsImages, root_dir: Path,
        pods: Callable[[], Sequence[Pod]], *, now: Callable[[], float] = time.time,
    ) -> None:
        self._node_name, self._runtime, self._images, self._root_dir = node_name, runtime, images, root_dir
        self._pods, self._rates, self._now = pods, Rates(), now

    async def summary(self, *, only_cpu_and_memory: bool = False) -> Json:
        answer = await self._runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest())
        started = {pod.metadata.uid: StartTimes.of(pod) for pod in self._pods()}
        pods = [self._pod(stats, started, only_cpu_and_memory) for stats in newest_sandboxes(answer.stats)]
        self._rates.keep(["node", *_rate_keys(pods)])
        node = self._node()
        if not only_cpu_and_memory:
            node |= await self._filesystems()
        return {"node": node, "pods": pods}

    def _node(self) -> Json:
        now = self._now()
        stamp = precise_time(int(now * NANOSECONDS))
        usage = int(sum(busy for name, busy in psutil.cpu_times()._asdict().items()
                        if name not in ("idle", "iowait", "guest", "guest_nice")) * NANOSECONDS)
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        working_set = memory.total - memory.available
        return {
            "nodeName": self._node_name, "systemContainers": self._system_containers(),
            "startTime": format_time(psutil.boot_time()),
            "cpu": _without_none({
                "time": stamp, "usageNanoCores": self._rates.rate("node", int(now * NANOSECONDS), usage),
                "usageCoreNanoSeconds": usage}),
            "memory": {"time": stamp, "availableBytes": memory.available, "usageBytes": memory.total - memory.free,
                       "workingSetBytes": working_set, "rssBytes": _anonymous_bytes(), "pageFaults": 0,
                       "majorPageFaults": 0},
            "swap": {"time": stamp, "swapAvailableBytes": swap.free, "swapUsageBytes": swap.used},
        }

    def _system_containers(self) -> list[Json]:
        """The agent itself, under the name that dashboards know."""
        process = psutil.Process(os.getpid())
        times, stamp = process.cpu_times(), precise_time(int(self._now() * NANOSECONDS))
        rss = process.memory_info().rss
        return [{
            "name": "kubelet", "startTime": format_time(process.create_time()),
            "cpu": {"time": stamp, "usageCoreNanoSeconds": int((times.user + times.system) * NANOSECONDS)},
            "memory": {"time": stamp, "usageBytes": rss, "workingSetBytes": rss, "rssBytes": rss},
        }]

    async def _filesystems(self) -> Json:
        """What takes statvfs and a call: left out where only CPU and memory were asked for."""
        stamp = precise_time(int(self._now() * NANOSECONDS))
        answer = await self._images.ImageFsInfo(cri.ImageFsInfoRequest())
        found: Json = {
            "fs": filesystem(self._root_dir, stamp), "network": _node_network(stamp),
            "rlimit": {"time": stamp, "maxpid": _number_in("/proc/sys/kernel/pid_max"),
                       "curproc": sum(entry.name.isdigit() for entry in os.scandir("/proc"))},
        }
        runtime = {}
        for name, usages in (("imageFs", answer.image_filesystems), ("containerFs", answer.container_filesystems)):
            for usage in usages[:1]:
                runtime[name] = filesystem(Path(usage.fs_id.mountpoint), stamp) | {
                    "usedBytes": usage.used_bytes.value, "inodesUsed": usage.inodes_used.value}
        if "imageFs" in runtime:
            runtime.setdefault("containerFs", runtime["imageFs"])
        return found | ({"runtime": runtime} if runtime else {})

    def _pod(
        self, stats: cri.PodSandboxStats, started: "Mapping[str, StartTimes]", only_cpu_and_memory: bool
    ) -> Json:
        attributes, linux = stats.attributes, stats.linux
        uid = attributes.labels.get(POD_UID_LABEL) or attributes.metadata.uid
        times = started.get(uid, StartTimes())
        containers = [self._container(uid, container, times, only_cpu_and_memory)
                      for container in newest_containers(linux.containers)]
        pod: Json = {
            "podRef": {"name": attributes.labels.get(POD_NAME_LABEL) or attributes.metadata.name,
                       "namespace": attributes.labels.get(POD_NAMESPACE_LABEL) or attributes.metadata.namespace,
                       "uid": uid},
            "startTime": times.pod,
            "containers": containers,
            "cpu": self._cpu(uid, linux.cpu) if linux.HasField("cpu") else None,
            "memory": _memory(linux.memory) if linux.HasField("memory") else None,
        }
        if not only_cpu_and_memory:
            pod["network"] = _network(linux.network) if linux.HasField("network") else None
            pod["ephemeral-storage"] = _sum_of_filesystems(containers)
            if linux.HasField("process"):
                pod["process_stats"] = {"process_count": linux.process.process_count.value}
        return _without_none(pod)

    def _container(
        self, uid: str, stats: cri.ContainerStats, times: "StartTimes", only_cpu_and_memory: bool
    ) -> Json:
        name = stats.attributes.labels.get(CONTAINER_NAME_LABEL) or stats.attributes.metadata.name
        container = {
            "name": name, "startTime": times.containers.get(name),
            "cpu": self._cpu(f"{uid}/{name}", stats.cpu) if stats.HasField("cpu") else None,
            "memory": _memory(stats.memory) if stats.HasField("memory") else None,
            "swap": _swap(stats.swap) if stats.HasField("swap") else None,
        }
        if not only_cpu_and_memory and stats.HasField("writable_layer"):
            layer = stats.writable_layer
            container["rootfs"] = {"time": precise_time(layer.timestamp), "usedBytes": layer.used_bytes.value,
                                   "inodesUsed": layer.inodes_used.value}
        return _without_none(container)

    def _cpu(self, key: str, usage: cri.CpuUsage) -> Json:
        total = usage.usage_core_nano_seconds.value
        rate = usage.usage_nano_cores.value if usage.HasField("usage_nano_cores") else (
            self._rates.rate(key, usage.timestamp, total))
        return _without_none({"time": precise_time(usage.timestamp), "usageNanoCores": rate,
                              "usageCoreNanoSeconds": total})


@dataclass(frozen=True, slots=True)
class StartTimes:
    """When a pod and its containers started, as RFC 3339; None and missing: not known."""

    pod: str | None = None
    containers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, pod: Pod) -> "StartTimes":
        statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses,
                    *pod.status.ephemeral_container_statuses)
        return cls(pod.status.start_time or None, {
            status.name: status.state.running.started_at for status in statuses
            if status.state and status.state.running and status.state.running.started_at})


def newest_sandboxes(stats: Iterable[cri.PodSandboxStats]) -> list[cri.PodSandboxStats]:
    """One per pod: a restarted sandbox's predecessor says nothing about now."""
    newest: dict[str, cri.PodSandboxStats] = {}
    for found in stats:
        key = found.attributes.labels.get(POD_UID_LABEL) or found.attributes.metadata.uid
        known = newest.get(key)
        if known is None or found.attributes.metadata.attempt >= known.attributes.metadata.attempt:
            newest[key] = found
    return list(newest.values())


def newest_containers(stats: Iterable[cri.ContainerStats]) -> list[cri.ContainerStats]:
    newest: dict[str, cri.ContainerStats] = {}
    for found in stats:
        known = newest.get(found.attributes.metadata.name)
        if known is None or found.attributes.metadata.attempt >= known.attributes.metadata.attempt:
            newest[found.attributes.metadata.name] = found
    return list(newest.values())


def precise_time(time_ns: int) -> str:
    """RFC 3339 in whole seconds of UTC, as metav1.Time; runtimes without a stamp give 0: now."""
    return format_time(time_ns / NANOSECONDS if time_ns else time.time())


def _rate_keys(pods: Iterable[Json]) -> list[str]:
    return [key for pod in pods for key in (
        pod["podRef"]["uid"], *(f"{pod['podRef']['uid']}/{container['name']}" for container in pod["containers"]))]


def _memory(usage: cri.MemoryUsage) -> Json:
    fields: tuple[tuple[str, Any], ...] = (
        ("availableBytes", "available_bytes"), ("usageBytes", "usage_bytes"),
        ("workingSetBytes", "working_set_bytes"), ("rssBytes", "rss_bytes"), ("pageFaults", "page_faults"),
        ("majorPageFaults", "major_page_faults"),
    )
    return {"time": precise_time(usage.timestamp)} | {
        name: getattr(usage, member).value for name, member in fields if usage.HasField(member)}


def _swap(usage: cri.SwapUsage) -> Json:
    return {"time": precise_time(usage.timestamp), "swapAvailableBytes": usage.swap_available_bytes.value,
            "swapUsageBytes": usage.swap_usage_bytes.value}


def _network(usage: cri.NetworkUsage) -> Json:
    default = _interface(usage.default_interface)
    others = [_interface(interface) for interface in usage.interfaces]
    return {"time": precise_time(usage.timestamp), **default, "interfaces": others or [default]}


def _interface(usage: cri.NetworkInterfaceUsage) -> Json:
    return {"name": usage.name, "rxBytes": usage.rx_bytes.value, "rxErrors": usage.rx_errors.value,
            "txBytes": usage.tx_bytes.value, "txErrors": usage.tx_errors.value}


def _node_network(stamp: str) -> Json:
    interfaces = [
        {"name": name, "rxBytes": count.bytes_recv, "rxErrors": count.errin, "txBytes": count.bytes_sent,
         "txErrors": count.errout}
        for name, count in psutil.net_io_counters(pernic=True).items() if name != "lo"
    ]
    return {"time": stamp, **(interfaces[0] if interfaces else {"name": ""}), "interfaces": interfaces}


def _sum_of_filesystems(containers: Iterable[Mapping[str, Any]]) -> Json | None:
    layers = [container["rootfs"] for container in containers if "rootfs" in container]
    if not layers:
        return None
    return {"time": layers[0]["time"], "usedBytes": sum(layer["usedBytes"] for layer in layers),
            "inodesUsed": sum(layer["inodesUsed"] for layer in layers)}


def filesystem(path: Path, stamp: str) -> Json:
    """One statvfs: local file systems only, so it does not block for long."""
    try:
        found = os.statvfs(path)
    except OSError:
        return {"time": stamp}
    return {
        "time": stamp, "availableBytes": found.f_bavail * found.f_frsize,
        "capacityBytes": found.f_blocks * found.f_frsize,
        "usedBytes": (found.f_blocks - found.f_bfree) * found.f_frsize,
        "inodesFree": found.f_ffree, "inodes": found.f_files, "inodesUsed": found.f_files - found.f_ffree,
    }


def _anonymous_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("AnonPages:"):
                return int(line.split()[1]) * 1024
    return 0


def _number_in(path: str) -> int:
    return int(Path(path).read_text(encoding="ascii").strip())


def _without_none(values: Json) -> Json:
    return {key: value for key, value in values.items() if value is not None}


class ResourceMetrics(Collector):
    """/metrics/resource from a summary; None: it could not be had. metrics-server reads exactly these."""

    def __init__(self, summary: Json | None) -> None:
        self._summary = summary

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        if self._summary is not None:
            yield from self._families(self._summary)
        error = 1.0 if self._summary is None else 0.0
        for name in ("resource_scrape_error", "scrape_error"):
            metric = Metric(name, "1 when the usage of containers could not be had, else 0", "gauge")
            metric.add_sample(name, {}, error)
            yield metric

    def _families(self, summary: Json) -> Iterable[Metric]:
        families: dict[str, Metric] = {}

        def add(name: str, kind: str, text: str, labels: dict[str, str], section: Json | None, field: str,
                scale: float = 1.0) -> None:
            if section is None or section.get(field) is None:
                return
            metric = families.setdefault(name, Metric(name, text, kind))
            metric.add_sample(name, labels, section[field] / scale, timestamp=_seconds(section["time"]))

        def usage(prefix: str, whom: str, labels: dict[str, str], stats: Json) -> None:
            add(f"{prefix}_cpu_usage_seconds_total", "counter", f"CPU time used by the {whom}", labels,
                stats.get("cpu"), "usageCoreNanoSeconds", NANOSECONDS)
            add(f"{prefix}_memory_working_set_bytes", "gauge", f"Working set of the {whom}", labels,
                stats.get("memory"), "workingSetBytes")
            add(f"{prefix}_swap_usage_bytes", "gauge", f"Swap used by the {whom}", labels, stats.get("swap"),
                "swapUsageBytes")

        usage("node", "node", {}, summary["node"])
        for pod in summary["pods"]:
            labels = {"pod": pod["podRef"]["name"], "namespace": pod["podRef"]["namespace"]}
            for container in pod["containers"]:
                own = {**labels, "container": container["name"]}
                usage("container", "container", own, container)
                if "startTime" in container:
                    start = families.setdefault("container_start_time_seconds", Metric(
                        "container_start_time_seconds", "When the container started, Unix time", "gauge"))
                    start.add_sample("container_start_time_seconds", own, _seconds(container["startTime"]))
            usage("pod", "pod", labels, pod)
        yield from families.values()


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()
