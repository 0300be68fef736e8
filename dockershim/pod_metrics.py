"""ListMetricDescriptors and ListPodSandboxMetrics: cAdvisor's metrics of pods and containers, read when asked for.

    pod: its cgroup (container "") and its network (container "POD") · container: its cgroup, processes, layer, limits

Nothing is kept between two calls, and nothing is asked of the engine: files of the kernel and the inventory say all.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cri import cgroup_stats
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_counters, cgroup_files, naming
from dockershim.image_fs import DiskUsage
from dockershim.inventory import Inventory
from dockershim.metric_families import FAMILIES, Samples, to_metrics
from dockershim.ports import EngineState
from dockershim.records import ContainerRecord, SandboxRecord

_NANO = 1_000_000_000
_POD_CONTAINER = "POD"


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system that writable layers are on."""

    device: str
    size_bytes: int
    inodes: int
    inodes_free: int


class PodMetrics:
    def __init__(
        self,
        state: EngineState,
        inventory: Inventory,
        disk: DiskUsage,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state, self._inventory, self._disk, self._clock = state, inventory, disk, clock

    def descriptors(self) -> list[cri.MetricDescriptor]:
        """Of what this machine has: clients take a family that no container ever has a value of for a fault."""
        has_hugepages = cgroup_files.has_controller("hugetlb")
        return [
            family.descriptor()
            for family in FAMILIES.values()
            if has_hugepages or not family.name.startswith("container_hugetlb_")
        ]

    async def pods(self) -> list[cri.PodSandboxMetrics]:
        """Of running sandboxes and their running containers."""
        facts = self._state.require()
        file_system = await asyncio.to_thread(_file_system, facts.root_dir)
        return [
            await self._pod(sandbox, file_system)
            for sandbox in list(self._inventory.sandboxes.values())
            if sandbox.is_running
        ]

    async def _pod(self, sandbox: SandboxRecord, file_system: FileSystem | None) -> cri.PodSandboxMetrics:
        pod = sandbox.metadata
        group_name, whole, network = await asyncio.to_thread(_read_pod, sandbox)
        now: Samples = {"container_last_seen": {(): int(self._clock())}}
        pause_name = naming.sandbox_name(pod)
        containers = [
            cri.ContainerMetrics(
                container_id=record.id, metrics=await self._container(record, sandbox, file_system, now)
            )
            for record in self._inventory.containers_of(sandbox.id)
            if record.is_running
        ]
        return cri.PodSandboxMetrics(
            pod_sandbox_id=sandbox.id,
            metrics=[
                *to_metrics({**whole, **now}, ("", group_name, "", "", pod.namespace, pod.name)),
                *to_metrics(network, (_POD_CONTAINER, group_name, "", pause_name, pod.namespace, pod.name)),
            ],
            container_metrics=containers,
        )

    async def _container(
        self, record: ContainerRecord, sandbox: SandboxRecord, file_system: FileSystem | None, now: Samples
    ) -> list[cri.Metric]:
        group_name, samples = await asyncio.to_thread(_read_container, record.pid)
        pod, status = sandbox.metadata, record.status
        samples = {**samples, **_spec(status), **now}
        layer = await self._disk.writable_layer(record.id)
        if file_system is not None:
            of_device = (file_system.device,)
            samples["container_fs_limit_bytes"] = {of_device: file_system.size_bytes}
            samples["container_fs_inodes_total"] = {of_device: file_system.inodes}
            samples["container_fs_inodes_free"] = {of_device: file_system.inodes_free}
            if layer is not None:
                samples["container_fs_usage_bytes"] = {of_device: layer.used_bytes}
        engine_name = naming.container_name(pod, status.metadata)
        return to_metrics(
            samples,
            (status.metadata.name, group_name, status.image.image, engine_name, pod.namespace, pod.name),
        )


def _spec(status: cri.ContainerStatus) -> Samples:
    """Limits as configured; the names cAdvisor has for them. Without a quota there is none to tell."""
    limits = status.resources.linux
    told = {
        "container_start_time_seconds": status.started_at // _NANO,
        "container_spec_cpu_period": limits.cpu_period or 100_000,
        "container_spec_cpu_shares": limits.cpu_shares or 1024,
        "container_spec_memory_limit_bytes": limits.memory_limit_in_bytes,
        "container_spec_memory_swap_limit_bytes": limits.memory_swap_limit_in_bytes,
        "container_spec_memory_reservation_limit_bytes": 0,
    }
    if limits.cpu_quota > 0:
        told["container_spec_cpu_quota"] = limits.cpu_quota
    return {name: {(): value} for name, value in told.items()}


def _read_pod(record: SandboxRecord) -> tuple[str, Samples, Samples]:
    groups, name = cgroup_files.paths(record.pid), cgroup_files.name(record.pid)
    if record.cgroup_parent:
        groups = {controller: path.parent for controller, path in groups.items()}
        name = name.rpartition("/")[0]
    network: Samples = {}
    if record.has_own_network:
        with contextlib.suppress(OSError):  # it has just ended
            network = cgroup_counters.network_samples(Path(f"/proc/{record.pid}/net/dev").read_text())
    return name, _read_group(groups), network


def _read_container(pid: int) -> tuple[str, Samples]:
    groups = cgroup_files.paths(pid)
    group = groups.get("memory") or groups.get("")
    return cgroup_files.name(pid), {**_read_group(groups), **cgroup_counters.read_processes(group, pid)}


def _read_group(groups: dict[str, Path]) -> Samples:
    return {
        **cgroup_counters.from_stats(cgroup_stats.read(groups)), **cgroup_counters.read(groups, device_name)
    }


@lru_cache(maxsize=256)
def device_name(number: str, sys_block: Path = Path("/sys/dev/block")) -> str:
    """`/dev/sda` for `8:0`; the number where the kernel does not tell."""
    try:
        lines = (sys_block / number / "uevent").read_text().splitlines()
    except OSError:
        return number
    return next((f"/dev/{line.removeprefix('DEVNAME=')}" for line in lines if line.startswith("DEVNAME=")), number)


def _file_system(directory: str) -> FileSystem | None:
    """None where the engine's directory is not ours to see."""
    try:
        device, status = Path(directory).stat().st_dev, os.statvfs(directory)
    except OSError:
        return None
    number = f"{os.major(device)}:{os.minor(device)}"
    return FileSystem(device_name(number), status.f_frsize * status.f_blocks, status.f_files, status.f_ffree)
