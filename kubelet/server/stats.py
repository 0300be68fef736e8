"""/stats/summary: the node from its cgroups and /proc, pods and containers from the CRI, volumes and logs from disk.

Shape: k8s.io/kubelet/pkg/apis/stats/v1alpha1 (contract 3.4). Numbers are what the runtime says; where it gives no
usageNanoCores, it is the rate between two samples at least ten seconds apart.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cri.cgroup_stats import CgroupStats
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import format_time
from kubelet.api.types import Pod
from kubelet.server.nodestats import NodeUsage
from kubelet.server.podstorage import PodDisk, PodStorage, filesystem
from kubelet.server.statsjson import (
    NANOSECONDS,
    Json,
    cri_cpu,
    cri_io,
    cri_memory,
    cri_network,
    cri_swap,
    of_cgroup,
    precise_time,
    swap_sum,
    without_none,
)
from kubelet.server.view import StatsImages, StatsRuntime
from pleg.state import CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL

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

    `pods` gives the pods with their status, which knows when things started; the CRI's statistics do not. Without
    `storage` nothing of volumes and logs is told.
    """

    def __init__(
        self, node_name: str, runtime: StatsRuntime, images: StatsImages, root_dir: Path,
        pods: Callable[[], Sequence[Pod]], *, usage: NodeUsage | None = None, storage: PodStorage | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._node_name, self._runtime, self._images, self._root_dir = node_name, runtime, images, root_dir
        self._pods, self._rates, self._now = pods, Rates(), now
        self._usage, self.storage = usage or NodeUsage(), storage

    def begin(self) -> None:
        """The node's first sample, so that whoever asks first finds a rate. Blocking."""
        self._node_usage()

    async def summary(self, *, only_cpu_and_memory: bool = False) -> Json:
        answer = await self._runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest())
        known = self._pods()
        started = {pod.metadata.uid: StartTimes.of(pod) for pod in known}
        pods = [self._pod(stats, started) for stats in newest_sandboxes(answer.stats)]
        node = await asyncio.to_thread(self._node)
        self._rates.keep([*_NODE_KEYS, *_rate_keys(pods)])
        if only_cpu_and_memory:
            return {"node": node, "pods": [_without_storage(pod) for pod in pods]}
        node |= await self._filesystems()
        await self._add_storage(pods, known, node)
        return {"node": node, "pods": pods}

    def _node(self) -> Json:
        return {
            "nodeName": self._node_name, "systemContainers": self._system_containers(),
            "startTime": format_time(psutil.boot_time()), **self._node_usage(),
        }

    def _node_usage(self) -> Json:
        return self._measured("node", self._usage.machine())

    def _measured(self, key: str, stats: CgroupStats) -> Json:
        now = int(self._now() * NANOSECONDS)
        rate = None if stats.cpu_ns is None else self._rates.rate(key, now, stats.cpu_ns)
        return of_cgroup(stats, precise_time(now), rate)

    def _system_containers(self) -> list[Json]:
        return [
            {"name": name, "startTime": format_time(found.started), **self._measured(f"system/{name}", found.stats)}
            for name, found in self._usage.system_containers().items()
        ]

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

    async def _add_storage(self, pods: Iterable[Json], known: Sequence[Pod], node: Json) -> None:
        """Volumes and logs, and the sizes of the file systems that they and writable layers are on."""
        disks = await self.storage.of(known) if self.storage is not None else {}
        layers = node.get("runtime", {}).get("containerFs", node["fs"])
        for pod in pods:
            disk = disks.get(pod["podRef"]["uid"], PodDisk())
            for container in pod["containers"]:
                if "rootfs" in container:
                    container["rootfs"] = _on(layers, container["rootfs"])
                if (logs := disk.logs.get(container["name"])) is not None:
                    container["logs"] = _on(node["fs"], {
                        "time": node["fs"]["time"], "usedBytes": logs.bytes, "inodesUsed": logs.inodes})
            volumes = [without_none({
                "name": volume.name, **volume.fs, "pvcRef": {
                    "name": volume.claim, "namespace": pod["podRef"]["namespace"]} if volume.claim else None})
                for volume in disk.volumes]
            if volumes:
                pod["volume"] = volumes
            local = [volume.fs for volume in disk.volumes if volume.ephemeral]
            pod["ephemeral-storage"] = _on(node["fs"], _sum_of([
                *(container[part] for container in pod["containers"] for part in ("rootfs", "logs")
                  if part in container), *local,
                {"usedBytes": disk.hosts_file.bytes, "inodesUsed": disk.hosts_file.inodes},
            ], node["fs"]["time"]))

    def _pod(self, stats: cri.PodSandboxStats, started: "Mapping[str, StartTimes]") -> Json:
        attributes, linux = stats.attributes, stats.linux
        uid = attributes.labels.get(POD_UID_LABEL) or attributes.metadata.uid
        times = started.get(uid, StartTimes())
        containers = [self._container(uid, container, times) for container in newest_containers(linux.containers)]
        return without_none({
            "podRef": {"name": attributes.labels.get(POD_NAME_LABEL) or attributes.metadata.name,
                       "namespace": attributes.labels.get(POD_NAMESPACE_LABEL) or attributes.metadata.namespace,
                       "uid": uid},
            "startTime": times.pod,
            "containers": containers,
            "cpu": self._cpu(uid, linux.cpu) if linux.HasField("cpu") else None,
            "memory": cri_memory(linux.memory) if linux.HasField("memory") else None,
            "io": cri_io(linux.io) if linux.HasField("io") else None,
            "swap": swap_sum(containers),
            "network": cri_network(linux.network) if linux.HasField("network") else None,
            "process_stats": {"process_count": linux.process.process_count.value}
            if linux.HasField("process") else None,
        })

    def _container(self, uid: str, stats: cri.ContainerStats, times: "StartTimes") -> Json:
        name = stats.attributes.labels.get(CONTAINER_NAME_LABEL) or stats.attributes.metadata.name
        layer = stats.writable_layer
        return without_none({
            "name": name, "startTime": times.containers.get(name),
            "cpu": self._cpu(f"{uid}/{name}", stats.cpu) if stats.HasField("cpu") else None,
            "memory": cri_memory(stats.memory) if stats.HasField("memory") else None,
            "io": cri_io(stats.io) if stats.HasField("io") else None,
            "swap": cri_swap(stats.swap) if stats.HasField("swap") else None,
            "rootfs": {"time": precise_time(layer.timestamp), "usedBytes": layer.used_bytes.value,
                       "inodesUsed": layer.inodes_used.value} if stats.HasField("writable_layer") else None,
        })

    def _cpu(self, key: str, usage: cri.CpuUsage) -> Json:
        rate = usage.usage_nano_cores.value if usage.HasField("usage_nano_cores") else (
            self._rates.rate(key, usage.timestamp, usage.usage_core_nano_seconds.value))
        return cri_cpu(usage, rate)


_NODE_KEYS = ("node", *(f"system/{name}" for name in ("kubelet", "runtime", "pods")))


def _without_storage(pod: Json) -> Json:
    containers = [{name: part for name, part in container.items() if name != "rootfs"}
                  for container in pod["containers"]]
    return {name: part for name, part in pod.items() if name not in ("network", "process_stats")} | {
        "containers": containers}


def _on(fs: Json, used: Json) -> Json:
    """`used` of the file system `fs`: its sizes, and what is used of it."""
    sizes: Json = {name: fs[name] for name in ("availableBytes", "capacityBytes", "inodesFree", "inodes") if name in fs}
    return {**sizes, **used}


def _sum_of(parts: Iterable[Mapping[str, Any]], stamp: str) -> Json:
    known = list(parts)
    return {"time": stamp, **{name: sum(part.get(name, 0) for part in known) for name in ("usedBytes", "inodesUsed")}}


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


def _rate_keys(pods: Iterable[Json]) -> list[str]:
    return [key for pod in pods for key in (
        pod["podRef"]["uid"], *(f"{pod['podRef']['uid']}/{container['name']}" for container in pod["containers"]))]


def _node_network(stamp: str) -> Json:
    interfaces = [
        {"name": name, "rxBytes": count.bytes_recv, "rxErrors": count.errin, "txBytes": count.bytes_sent,
         "txErrors": count.errout}
        for name, count in psutil.net_io_counters(pernic=True).items() if name != "lo"
    ]
    return {"time": stamp, **(interfaces[0] if interfaces else {"name": ""}), "interfaces": interfaces}


def _number_in(path: str) -> int:
    return int(Path(path).read_text(encoding="ascii").strip())
