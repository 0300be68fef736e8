"""The stats RPCs: cgroup files, /proc/<pid>/net/dev and the writable layer, read when somebody asks and never else."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cri import cgroup_stats
from cri.cgroup_stats import CgroupStats, Pressure
from cri.errors import NotFoundError
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_files
from dockershim.image_fs import DiskUsage, Usage
from dockershim.inventory import Inventory
from dockershim.ports import EngineState
from dockershim.records import ContainerRecord, SandboxRecord

_MIN_RATE_NS = 1_000_000_000
"""Two samples closer than this give no usable rate; the rate of before is told again."""
_DEFAULT_INTERFACE = "eth0"


@dataclass(frozen=True, slots=True)
class _CpuSample:
    time_ns: int
    cpu_ns: int
    nano_cores: int | None


class Stats:
    def __init__(
        self,
        state: EngineState,
        inventory: Inventory,
        disk: DiskUsage,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._state, self._inventory, self._disk, self._clock_ns = state, inventory, disk, clock_ns
        self._samples: dict[str, _CpuSample] = {}

    async def container(self, container_id: str) -> cri.ContainerStats:
        self._state.require()
        record = self._inventory.container(container_id)
        return await self._container(record)

    async def containers(self, wanted: cri.ContainerStatsFilter) -> list[cri.ContainerStats]:
        """Running containers, as upstream's runtimes list them."""
        self._state.require()
        self._forget_gone()
        return [
            await self._container(record)
            for record in list(self._inventory.containers.values())
            if record.is_running
            and record.id.startswith(wanted.id)
            and record.sandbox_id.startswith(wanted.pod_sandbox_id)
            and _has_labels(record.status.labels, wanted.label_selector)
        ]

    async def sandbox(self, sandbox_id: str) -> cri.PodSandboxStats:
        self._state.require()
        record = self._inventory.sandbox(sandbox_id)
        if not record.is_running:
            raise NotFoundError(f"pod sandbox {record.id} is not running, so it has no stats")
        return await self._sandbox(record)

    async def sandboxes(self, wanted: cri.PodSandboxStatsFilter) -> list[cri.PodSandboxStats]:
        self._state.require()
        self._forget_gone()
        return [
            await self._sandbox(record)
            for record in list(self._inventory.sandboxes.values())
            if record.is_running
            and record.id.startswith(wanted.id)
            and _has_labels(record.labels, wanted.label_selector)
        ]

    async def _container(self, record: ContainerRecord) -> cri.ContainerStats:
        status = record.status
        stats = cri.ContainerStats(
            attributes=cri.ContainerAttributes(
                id=record.id, metadata=status.metadata, labels=status.labels, annotations=status.annotations
            )
        )
        if record.pid:
            read = await asyncio.to_thread(_read_cgroup, record.pid)
            self._fill(stats, record.id, read)
        layer = await self._disk.writable_layer(record.id)
        if layer is not None:
            stats.writable_layer.CopyFrom(self._layer(layer))
        return stats

    async def _sandbox(self, record: SandboxRecord) -> cri.PodSandboxStats:
        """The pod's own cgroup where the pause has a parent of its pod's, which the kubelet always gives."""
        read, network = await asyncio.to_thread(_read_pod, record)
        containers = [
            await self._container(container)
            for container in self._inventory.containers_of(record.id)
            if container.is_running
        ]
        whole = cri.ContainerStats()
        self._fill(whole, record.id, read)
        stats = cri.PodSandboxStats(
            attributes=cri.PodSandboxAttributes(
                id=record.id, metadata=record.metadata, labels=record.labels, annotations=record.annotations
            ),
            linux=cri.LinuxPodSandboxStats(
                cpu=whole.cpu, memory=whole.memory, containers=containers,
                network=_network(network, self._clock_ns()) if record.has_own_network else None,
            ),
        )
        if whole.HasField("io"):
            stats.linux.io.CopyFrom(whole.io)
        if read.processes is not None:
            stats.linux.process.timestamp = self._clock_ns()
            stats.linux.process.process_count.value = read.processes
        return stats

    def _fill(self, stats: cri.ContainerStats, key: str, read: CgroupStats) -> None:
        now = self._clock_ns()
        stats.cpu.timestamp = stats.memory.timestamp = stats.swap.timestamp = now
        if read.cpu_ns is not None:
            stats.cpu.usage_core_nano_seconds.value = read.cpu_ns
            rate = self._rate(key, now, read.cpu_ns)
            if rate is not None:
                stats.cpu.usage_nano_cores.value = rate
        memory = stats.memory
        for target, value in (
            (memory.usage_bytes, read.usage), (memory.working_set_bytes, read.working_set),
            (memory.rss_bytes, read.rss),
            (memory.page_faults, read.page_faults), (memory.major_page_faults, read.major_page_faults),
            (stats.swap.swap_usage_bytes, read.swap),
        ):
            if value is not None:
                target.value = value
        if read.limit is not None and read.working_set is not None:
            memory.available_bytes.value = max(read.limit - read.working_set, 0)
        if read.swap_limit is not None and read.swap is not None:
            stats.swap.swap_available_bytes.value = max(read.swap_limit - read.swap, 0)
        for kind, psi in (("cpu", stats.cpu.psi), ("memory", memory.psi), ("io", stats.io.psi)):
            if kind in read.pressure:
                _fill_pressure(psi, read.pressure[kind])
        if "io" in read.pressure:
            stats.io.timestamp = now

    def _rate(self, key: str, now: int, cpu_ns: int) -> int | None:
        """Cores in use times 10^9, since the sample before."""
        before = self._samples.get(key)
        if before is not None and now - before.time_ns < _MIN_RATE_NS:
            return before.nano_cores
        rate = None
        if before is not None and cpu_ns >= before.cpu_ns:
            rate = (cpu_ns - before.cpu_ns) * 1_000_000_000 // (now - before.time_ns)
        self._samples[key] = _CpuSample(now, cpu_ns, rate)
        return rate

    def _layer(self, layer: Usage) -> cri.FilesystemUsage:
        return cri.FilesystemUsage(
            timestamp=self._clock_ns(),
            fs_id=cri.FilesystemIdentifier(mountpoint=self._state.require().root_dir),
            used_bytes=cri.UInt64Value(value=layer.used_bytes),
            inodes_used=cri.UInt64Value(value=layer.inodes),
        )

    def _forget_gone(self) -> None:
        for gone in self._samples.keys() - self._inventory.containers.keys() - self._inventory.sandboxes.keys():
            del self._samples[gone]


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def _fill_pressure(target: cri.PsiStats, lines: Mapping[str, Pressure]) -> None:
    for kind, message in (("some", target.Some), ("full", target.Full)):
        if kind in lines:
            line = lines[kind]
            message.Total, message.Avg10, message.Avg60, message.Avg300 = (
                line.total_ns, line.avg10, line.avg60, line.avg300,
            )


def _read_cgroup(pid: int) -> CgroupStats:
    return cgroup_stats.read(cgroup_files.paths(pid))


def _read_pod(record: SandboxRecord) -> tuple[CgroupStats, list[cri.NetworkInterfaceUsage]]:
    groups = cgroup_files.paths(record.pid)
    if record.cgroup_parent:
        groups = {controller: path.parent for controller, path in groups.items()}
    return cgroup_stats.read(groups), parse_net_dev(_read_text(Path(f"/proc/{record.pid}/net/dev")))


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def parse_net_dev(text: str) -> list[cri.NetworkInterfaceUsage]:
    """/proc/<pid>/net/dev without `lo`: received bytes and errors are columns 0 and 2, sent ones 8 and 10."""
    found = []
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        fields = rest.split()
        if not colon or name.strip() == "lo" or len(fields) < 11:
            continue
        found.append(
            cri.NetworkInterfaceUsage(
                name=name.strip(),
                rx_bytes=cri.UInt64Value(value=int(fields[0])),
                rx_errors=cri.UInt64Value(value=int(fields[2])),
                tx_bytes=cri.UInt64Value(value=int(fields[8])),
                tx_errors=cri.UInt64Value(value=int(fields[10])),
            )
        )
    return found


def _network(interfaces: Iterable[cri.NetworkInterfaceUsage], now: int) -> cri.NetworkUsage:
    usage = cri.NetworkUsage(timestamp=now)
    for interface in interfaces:
        if interface.name == _DEFAULT_INTERFACE:
            usage.default_interface.CopyFrom(interface)
        else:
            usage.interfaces.append(interface)
    return usage
