"""The loop: conditions, reclaim before pods, one pod a pass, critical ones never; and what the meter reads."""

import asyncio
import contextlib
import os

import pytest

from cri.errors import UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import (
    Container,
    EmptyDirVolumeSource,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Volume,
)
from kubelet.events import LogEventRecorder
from kubelet.eviction.manager import EvictionManager, EvictionSettings
from kubelet.eviction.meter import NodeMeter, measure, read_pids
from kubelet.eviction.signals import Layout, Observation, Signal
from kubelet.eviction.thresholds import Amount, Threshold, met
from kubelet.eviction.usage import Disk, PodUsage
from kubelet.node.conditions import Pressure

MEMORY = Threshold(Signal.MEMORY, Amount("100"))
SOFT = Threshold(Signal.MEMORY, Amount("200"), grace_seconds=30, soft=True)
DISK = Threshold(Signal.NODE_FS, Amount("100"))


def make(name, priority=0, grace=None, size_limit=None):
    volumes = (Volume(name="v", empty_dir=EmptyDirVolumeSource(size_limit=size_limit)),) if size_limit else ()
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=name),
        spec=PodSpec(
            containers=(Container(name="c", resources=ResourceRequirements()),), priority=priority,
            termination_grace_period_seconds=grace, volumes=volumes,
        ),
        status=PodStatus(phase="Running"),
    )


class Node:
    """A node whose figures the test sets; it is its own meter, collector, list of pods and ender of pods."""

    def __init__(self, *pods, layout=Layout.SHARED):
        self.pods, self.found_layout, self.now = list(pods), layout, 0.0
        self.seen = {signal: Observation(1000, 1000) for signal in Signal}
        self.used = {pod.metadata.uid: PodUsage() for pod in pods}
        self.did, self.ended, self.believed = [], [], ["Ready"]
        self.gives, self.one_ended, self.fails = {}, asyncio.Event(), None

    def is_short(self, signal, available=10):
        self.seen[signal] = Observation(1000, available)

    async def layout(self):
        return self.found_layout

    async def observe(self):
        return dict(self.seen)

    async def until_short_of_memory(self, thresholds, seconds):
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            if met(thresholds, self.seen):
                return

    async def usages(self, pods, *, one_by_one=False):
        if self.fails:
            raise self.fails
        self.did.append("measured one by one" if one_by_one else "measured")
        return {pod.metadata.uid: self.used[pod.metadata.uid] for pod in pods if pod.metadata.uid in self.used}

    async def delete_unused_containers(self):
        self._reclaim("containers")

    async def delete_unused_images(self):
        self._reclaim("images")

    def _reclaim(self, what):
        self.did.append(what)
        for signal, available in self.gives.get(what, {}).items():
            self.is_short(signal, available)

    def active(self):
        return list(self.pods)

    async def until_cleaned_up(self, pods):
        assert not [pod for pod in pods if pod in self.pods]

    async def end(self, pod, verdict, grace_seconds=None, *, evict=False):
        self.ended.append((pod.metadata.name, grace_seconds, evict, verdict))
        self.pods.remove(pod)
        self.one_ended.set()
        return True


class Bench:
    def __init__(self, node, *thresholds, **settings):
        self.node, self.recorder, self.changes, self.counted = node, LogEventRecorder(), [], []
        self.ages = []
        self.manager = EvictionManager(
            EvictionSettings(thresholds=thresholds, **settings), node, node, node, node, self.recorder,
            lambda: ObjectReference(kind="Node", name="n1", uid="n1"),
            on_pressure=lambda: self.changes.append(self.manager.pressure), on_evicted=self.counted.append,
            on_stats_age=lambda signal, seconds: self.ages.append((signal, seconds)),
            believed=lambda: node.believed, clock=lambda: node.now,
        )

    async def look(self, seconds=0.0):
        self.node.now += seconds
        return [pod.metadata.name for pod in await self.manager.synchronize()]

    def events(self):
        return [(event.ref.name, event.reason, event.message) for event in self.recorder.recent()]


async def test_a_node_with_enough_measures_no_pod_and_says_nothing():
    bench = Bench(Node(make("a")), MEMORY, DISK)
    assert await bench.look() == []
    assert (bench.node.did, bench.events(), bench.changes) == ([], [], [])


async def test_memory_pressure_ends_one_pod_a_pass_and_tells_everybody():
    node = Node(make("big", grace=40), make("small"))
    node.used = {"big": PodUsage(memory=500), "small": PodUsage(memory=5)}
    bench = Bench(node, MEMORY)
    node.is_short(Signal.MEMORY)
    assert await bench.look() == ["big"]
    assert bench.changes == [Pressure(memory=True)]
    name, grace, evict, verdict = node.ended[0]
    assert (name, grace, evict) == ("big", 1, True)
    message = "The node was low on resource: memory. Threshold quantity: 100, available: 10. "
    assert (verdict.phase, verdict.reason, verdict.message) == ("Failed", "Evicted", message)
    assert verdict.disruption_reason == "TerminationByKubelet"
    assert bench.events() == [
        ("n1", "EvictionThresholdMet", "Attempting to reclaim memory"), ("big", "Evicted", message)
    ]
    assert bench.counted == ["memory.available"]
    assert bench.ages == [("memory.available", 0.0)]
    assert await bench.look(10) == ["small"]


async def test_the_condition_goes_when_the_transition_period_is_over():
    node = Node()
    bench = Bench(node, MEMORY, transition_seconds=300)
    node.is_short(Signal.MEMORY)
    assert await bench.look() == []
    node.is_short(Signal.MEMORY, 900)
    await bench.look(299)
    assert bench.manager.pressure.memory
    await bench.look(1)
    assert not bench.manager.pressure.memory
    assert bench.changes == [Pressure(memory=True), Pressure()]


async def test_a_restart_shortens_no_transition():
    node = Node()
    node.believed = ["Ready", "DiskPressure"]
    bench = Bench(node, MEMORY, transition_seconds=300)
    assert bench.manager.pressure == Pressure(disk=True)
    await bench.look()
    await bench.look(299)
    assert (bench.manager.pressure, bench.changes) == (Pressure(disk=True), [])
    await bench.look(1)
    assert bench.changes == [Pressure()]
    node.believed = []
    node.is_short(Signal.MEMORY)
    await bench.look(1)
    assert bench.manager.pressure == Pressure(memory=True)


async def test_reclaim_that_is_enough_costs_no_pod():
    node = Node(make("a"))
    bench = Bench(node, DISK)
    node.is_short(Signal.NODE_FS)
    node.is_short(Signal.CONTAINER_FS)
    node.gives = {"images": {Signal.NODE_FS: 500, Signal.CONTAINER_FS: 500}}
    assert await bench.look() == []
    assert node.did == ["containers", "images"]
    assert bench.events() == [("n1", "EvictionThresholdMet", "Attempting to reclaim ephemeral-storage")]


async def test_reclaim_that_is_not_enough_is_followed_by_a_pod():
    node = Node(make("a"))
    bench = Bench(node, DISK)
    node.is_short(Signal.NODE_FS)
    assert await bench.look() == ["a"]
    assert node.did == ["containers", "images", "measured"]


async def test_another_threshold_in_its_grace_does_not_cost_a_pod_that_reclaim_has_saved():
    node = Node(make("a"))
    bench = Bench(node, DISK, SOFT)
    node.is_short(Signal.NODE_FS)
    node.is_short(Signal.CONTAINER_FS)
    node.is_short(Signal.MEMORY, 150)
    node.gives = {"containers": {Signal.NODE_FS: 500, Signal.CONTAINER_FS: 500}}
    assert await bench.look() == []


@pytest.mark.parametrize(("own", "most", "grace"), [(40, 10, 10), (5, 10, 5), (None, 10, 10), (40, 0, 0)])
async def test_soft_thresholds_leave_pods_their_time(own, most, grace):
    node = Node(make("a", grace=own))
    bench = Bench(node, SOFT, max_pod_grace_seconds=most)
    node.is_short(Signal.MEMORY, 150)
    assert await bench.look() == []
    assert await bench.look(30) == ["a"]
    assert node.ended[0][1] == grace


async def test_critical_pods_stay():
    node = Node(make("critical", priority=2_000_000_000), make("plain", priority=1))
    node.used = {"critical": PodUsage(memory=900), "plain": PodUsage(memory=1)}
    bench = Bench(node, MEMORY)
    node.is_short(Signal.MEMORY)
    assert await bench.look() == ["plain"]
    assert await bench.look(10) == []
    assert [pod.metadata.name for pod in node.pods] == ["critical"]


async def test_all_pods_over_their_own_limits_end_without_any_distress_of_the_node():
    node = Node(make("a", size_limit="10"), make("b", size_limit="10"), make("within", size_limit="10"), make("free"))
    node.used = {name: PodUsage(volumes={"v": Disk(size)}) for name, size in (("a", 11), ("b", 12), ("within", 10))}
    bench = Bench(node, MEMORY)
    assert await bench.look() == ["a", "b"]
    assert node.did == ["measured one by one"]
    assert bench.counted == ["emptydirfs.limit", "emptydirfs.limit"]
    name, grace, evict, verdict = node.ended[0]
    assert (name, grace, evict, verdict.disruption_reason) == ("a", 1, True, "")
    assert verdict.message == 'Usage of EmptyDir volume "v" exceeds the limit "10". '
    assert bench.changes == []


async def test_a_runtime_that_cannot_measure_pods_leaves_the_node_its_means(caplog):
    node = Node(make("high", priority=5, size_limit="10"), make("low", priority=1))
    node.fails = UnavailableError("unknown method ListPodSandboxStats")
    bench = Bench(node, MEMORY)
    assert await bench.look() == []
    node.is_short(Signal.MEMORY)
    assert await bench.look(10) == ["low"]
    assert caplog.text.count("unknown method ListPodSandboxStats") == 1


async def test_limits_may_be_left_to_others():
    node = Node(make("a", size_limit="10"))
    node.used = {"a": PodUsage(volumes={"v": Disk(11)})}
    assert await Bench(node, MEMORY, local_storage=False).look() == []


@pytest.mark.looptime
@pytest.mark.parametrize(("watched", "seconds"), [(False, 10), (True, 3)])
async def test_memory_may_be_watched_between_the_looks(watched, seconds):
    node = Node(make("a"))
    bench = Bench(node, MEMORY, watch_memory=watched)
    loop = asyncio.get_running_loop()
    task = loop.create_task(bench.manager.run())
    await asyncio.sleep(2.5)
    node.is_short(Signal.MEMORY)
    await node.one_ended.wait()
    assert seconds <= loop.time() < seconds + 0.5
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.looptime
async def test_a_defect_does_not_end_the_agent(caplog):
    node = Node(make("a"))
    bench = Bench(node, MEMORY)
    node.is_short(Signal.MEMORY)
    node.fails = ZeroDivisionError("a defect")
    task = asyncio.get_running_loop().create_task(bench.manager.run())
    await asyncio.sleep(15)
    assert "a defect" in caplog.text
    node.fails = None
    await node.one_ended.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# --- the meter ---


def host(tmp_path, *, v1=False, v2=False):
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal:       1000 kB\nMemFree:         300 kB\nInactive(file):  200 kB\nHugePages_Total:       0\n"
    )
    (tmp_path / "proc/loadavg").write_text("0.50 0.40 0.30 2/345 6789\n")
    (tmp_path / "proc/sys/kernel/pid_max").write_text("4194304\n")
    (tmp_path / "proc/sys/kernel/threads-max").write_text("1000\n")
    groups = tmp_path / ("sys/fs/cgroup/memory" if v1 else "sys/fs/cgroup")
    groups.mkdir(parents=True)
    if v1:
        (groups / "memory.usage_in_bytes").write_text("600000\n")
        (groups / "memory.stat").write_text("cache 5\ninactive_file 1\ntotal_inactive_file 100000\n")
    if v2:
        (groups / "memory.current").write_text("400000\n")
        (groups / "memory.stat").write_text("anon 5\ninactive_file 50000\n")
    return tmp_path


def test_process_ids_by_the_lower_limit(tmp_path):
    assert read_pids(host(tmp_path)) == Observation(1000, 655)


def test_a_walk_counts_blocks_once_and_follows_nothing(tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 100_000)
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_bytes(b"x" * 10_000)
    os.link(tree / "sub" / "file", tree / "again")
    (tree / "link").symlink_to(outside)
    found = measure(tree)
    assert found.inodes == 3
    assert 10_000 <= found.bytes < 100_000
    assert measure(tmp_path / "absent") == Disk()


class Images:
    def __init__(self, directory):
        self.asked, self.directory = 0, directory

    async def ImageFsInfo(self, request):
        self.asked += 1
        if self.directory is None:
            raise UnavailableError("not yet")
        usage = cri.FilesystemUsage(fs_id=cri.FilesystemIdentifier(mountpoint=str(self.directory)))
        return cri.ImageFsInfoResponse(image_filesystems=[usage], container_filesystems=[usage])


class Runtime:
    def __init__(self, *stats):
        self.stats, self.filters = stats, []

    async def ListPodSandboxStats(self, request):
        self.filters.append(dict(request.filter.label_selector))
        return cri.ListPodSandboxStatsResponse(stats=self.stats)


async def test_the_meter_sees_one_file_system_where_there_is_one(tmp_path):
    images = Images(None)
    meter = NodeMeter(Runtime(), images, tmp_path, tmp_path, host(tmp_path / "host"))
    with pytest.raises(UnavailableError):
        await meter.layout()
    images.directory = tmp_path
    assert await meter.layout() is Layout.SHARED
    seen = await meter.observe()
    assert images.asked == 2
    assert seen[Signal.NODE_FS] == seen[Signal.IMAGE_FS] == seen[Signal.CONTAINER_FS]
    assert seen[Signal.PID] == Observation(1000, 655)


async def test_the_meter_puts_a_pods_usage_together(tmp_path):
    pod = make("p", size_limit="1Mi")
    scratch = tmp_path / "pods/p/volumes/kubernetes.io~empty-dir/v"
    logs = tmp_path / "logs/ns_p_p/c"
    for directory in (scratch, logs):
        directory.mkdir(parents=True)
        (directory / "file").write_bytes(b"x" * 5000)

    def sandbox(attempt, memory):
        return cri.PodSandboxStats(
            attributes=cri.PodSandboxAttributes(
                metadata=cri.PodSandboxMetadata(attempt=attempt), labels={"io.kubernetes.pod.uid": "p"}
            ),
            linux=cri.LinuxPodSandboxStats(
                memory=cri.MemoryUsage(working_set_bytes=cri.UInt64Value(value=memory)),
                process=cri.ProcessUsage(process_count=cri.UInt64Value(value=7)),
                containers=[cri.ContainerStats(
                    attributes=cri.ContainerAttributes(metadata=cri.ContainerMetadata(name="c")),
                    memory=cri.MemoryUsage(working_set_bytes=cri.UInt64Value(value=9)),
                    writable_layer=cri.FilesystemUsage(
                        used_bytes=cri.UInt64Value(value=11), inodes_used=cri.UInt64Value(value=3)
                    ),
                )],
            ),
        )

    runtime = Runtime(sandbox(1, 100), sandbox(0, 50))
    meter = NodeMeter(runtime, Images(tmp_path), tmp_path, tmp_path / "logs")
    usage = (await meter.usages([pod], one_by_one=True))["p"]
    assert runtime.filters == [{"io.kubernetes.pod.uid": "p"}]
    assert (usage.memory, usage.processes) == (100, 7)
    container = usage.containers["c"]
    assert (container.memory, container.rootfs) == (9, Disk(11, 3))
    assert container.logs.bytes >= 5000
    assert usage.volumes["v"].bytes >= 5000
    assert usage.ephemeral_storage(pod) == 11 + container.logs.bytes + usage.volumes["v"].bytes
