"""cAdvisor's metrics out of kernel files, and the messages that lists are streamed in."""

import os
from pathlib import Path

import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shim_in_memory import ShimInMemory

from cri.cgroup_stats import CgroupStats, Pressure
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc
from dockershim import cgroup_counters, cgroup_files
from dockershim.list_stream import batches
from dockershim.metric_families import BASE_LABELS, FAMILIES, Samples, to_metrics
from dockershim.pod_metrics import device_name

V1 = {
    "cpuacct.stat": "user 250\nsystem 100\n",
    "cpu.stat": "nr_periods 7\nnr_throttled 3\nthrottled_time 2500000000\n",
    "memory.stat": "cache 1\npgfault 5\npgmajfault 1\ntotal_cache 4096\ntotal_mapped_file 100\ntotal_active_file 7\n"
    "total_inactive_file 8\ntotal_pgfault 50\ntotal_pgmajfault 2\n",
    "memory.failcnt": "4\n", "memory.max_usage_in_bytes": "9000\n", "memory.kmem.usage_in_bytes": "77\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "pids.max": "max\n", "pids.current": "6\n",
    "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 1\nTotal 12288\n",
    "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
}
V2 = {
    "cpu.stat": "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnr_periods 7\nnr_throttled 3\n"
    "throttled_usec 2500000\n",
    "memory.stat": "anon 1\nfile 4096\nkernel 77\nfile_mapped 100\nactive_file 7\ninactive_file 8\npgfault 50\n"
    "pgmajfault 2\n",
    "memory.peak": "9000\n", "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\n", "pids.max": "32\n",
    "pids.current": "6\n", "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
}
SAME_OF_BOTH: Samples = {
    "container_cpu_user_seconds_total": {(): 2},
    "container_cpu_system_seconds_total": {(): 1},
    "container_cpu_cfs_periods_total": {(): 7},
    "container_cpu_cfs_throttled_periods_total": {(): 3},
    "container_cpu_cfs_throttled_seconds_total": {(): 2},
    "container_memory_cache": {(): 4096},
    "container_memory_mapped_file": {(): 100},
    "container_memory_total_active_file_bytes": {(): 7},
    "container_memory_total_inactive_file_bytes": {(): 8},
    "container_memory_kernel_usage": {(): 77},
    "container_memory_failcnt": {(): 4},
    "container_memory_max_usage_bytes": {(): 9000},
    "container_oom_events_total": {(): 1},
    "container_threads": {(): 6},
    "container_fs_reads_bytes_total": {("/dev/sda",): 4096},
    "container_fs_reads_total": {("/dev/sda",): 1},
    "container_fs_writes_bytes_total": {("/dev/sda",): 8192},
    "container_fs_writes_total": {("/dev/sda",): 2},
    "container_blkio_device_usage_total": {("/dev/sda", "8", "0", "Read"): 4096, ("/dev/sda", "8", "0", "Write"): 8192},
}


def sda(number: str) -> str:
    return {"8:0": "/dev/sda"}[number]


def test_both_kernel_interfaces_tell_the_same() -> None:
    one, two = cgroup_counters.from_v1(V1, sda), cgroup_counters.from_v2(V2, sda)
    for name, values in SAME_OF_BOTH.items():
        assert one[name] == values, name
        assert two[name] == values, name
    assert one["container_threads_max"] == {(): 0} and two["container_threads_max"] == {(): 32}
    assert one["container_memory_failures_total"] == {
        ("pgfault", "container"): 5, ("pgmajfault", "container"): 1,
        ("pgfault", "hierarchy"): 50, ("pgmajfault", "hierarchy"): 2,
    }
    assert two["container_memory_failures_total"][("pgfault", "container")] == 50


def test_what_the_kernel_does_not_tell_is_left_out() -> None:
    assert cgroup_counters.from_v1({}, sda) == {} == cgroup_counters.from_v2({}, sda)
    no_quota = cgroup_counters.from_v2({"cpu.stat": "user_usec 1\nnr_periods 0\nthrottled_usec 0\n"}, sda)
    assert set(no_quota) == {"container_cpu_user_seconds_total"}
    assert cgroup_counters.from_stats(CgroupStats()) == {}


def test_pressure_and_usage() -> None:
    stats = CgroupStats(
        cpu_ns=2_900_000_000, usage=10, working_set=8, rss=6, swap=0,
        pressure={"io": {"some": Pressure(3_000_000_000, 0, 0, 0), "full": Pressure(1_999_999_999, 0, 0, 0)}},
    )
    assert cgroup_counters.from_stats(stats) == {
        "container_cpu_usage_seconds_total": {("total",): 2},
        "container_memory_usage_bytes": {(): 10}, "container_memory_working_set_bytes": {(): 8},
        "container_memory_rss": {(): 6}, "container_memory_swap": {(): 0},
        "container_pressure_io_waiting_seconds_total": {(): 3},
        "container_pressure_io_stalled_seconds_total": {(): 1},
    }


def test_network() -> None:
    text = (
        "Inter-| Receive | Transmit\n face |bytes packets errs drop ...\n"
        "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0: 100 2 3 4 0 0 0 0 200 5 6 7 0 0 0 0\n"
    )
    told = cgroup_counters.network_samples(text)
    assert {name.removeprefix("container_network_"): values for name, values in told.items()} == {
        "receive_bytes_total": {("eth0",): 100}, "receive_packets_total": {("eth0",): 2},
        "receive_errors_total": {("eth0",): 3}, "receive_packets_dropped_total": {("eth0",): 4},
        "transmit_bytes_total": {("eth0",): 200}, "transmit_packets_total": {("eth0",): 5},
        "transmit_errors_total": {("eth0",): 6}, "transmit_packets_dropped_total": {("eth0",): 7},
    }


def test_hugepages_and_processes_are_read(tmp_path: Path) -> None:
    for name, content in (
        ("hugetlb.2MB.current", "4194304"), ("hugetlb.2MB.rsvd.current", "0"), ("memory.peak", "5"),
        ("hugetlb.2MB.events", "max 3\n"),
        ("cgroup.procs", f"{os.getpid()}\n"),
    ):
        (tmp_path / name).write_text(content)
    samples = cgroup_counters.read({"": tmp_path}, sda)
    assert samples["container_hugetlb_usage_bytes"] == {("2MB",): 4 << 20}
    assert samples["container_hugetlb_failcnt"] == {("2MB",): 3}
    assert samples["container_memory_max_usage_bytes"] == {(): 5}
    mine = cgroup_counters.read_processes(tmp_path, os.getpid())
    assert mine["container_processes"] == {(): 1}
    assert mine["container_file_descriptors"][()] >= 3
    assert cgroup_counters.read_processes(None, 999_999_999) == {}


def test_names_of_groups_and_devices(tmp_path: Path) -> None:
    def process(pid: int, text: str) -> None:
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(text)

    process(1, "4:memory:/kubepods/a\n2:cpu,cpuacct:/other\n0::/unified\n")
    process(2, "0::/kubepods.slice/x.scope\n")
    assert cgroup_files.name(1, tmp_path) == "/kubepods/a"
    assert cgroup_files.name(2, tmp_path) == "/kubepods.slice/x.scope"
    assert cgroup_files.name(3, tmp_path) == ""
    (tmp_path / "8:0").mkdir()
    (tmp_path / "8:0/uevent").write_text("MAJOR=8\nMINOR=0\nDEVNAME=sda\n")
    assert device_name("8:0", tmp_path) == "/dev/sda"
    assert device_name("9:9", tmp_path) == "9:9"


@pytest.mark.parametrize("files", [V1, V2])
def test_every_sample_fits_its_descriptor(files: dict[str, str]) -> None:
    """Upstream's kubelet ignores a metric without descriptor and refuses one with a label too many or too few."""
    samples = cgroup_counters.from_v1(files, sda) if files is V1 else cgroup_counters.from_v2(files, sda)
    base = ("c", "/kubepods/x", "image", "k8s_c", "ns", "pod")
    for metric in to_metrics(samples, base):
        descriptor = FAMILIES[metric.name].descriptor()
        assert len(metric.label_values) == len(descriptor.label_keys)
        labels = dict(zip(descriptor.label_keys, metric.label_values, strict=True))
        assert tuple(labels[key] for key in BASE_LABELS) == base
        assert metric.timestamp == 0
        assert (metric.metric_type == cri.COUNTER) == (metric.name.endswith(("_total", "failcnt")))


@pytest.mark.parametrize("has_it", [True, False])
async def test_hugepages_are_described_where_the_machine_has_them(
    world: ShimInMemory, monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr(cgroup_files, "has_controller", lambda _: has_it)
    told = await world.runtime.ListMetricDescriptors(cri.ListMetricDescriptorsRequest())
    names = {descriptor.name for descriptor in told.descriptors}
    assert ("container_hugetlb_usage_bytes" in names) is has_it
    assert "container_memory_usage_bytes" in names and all(descriptor.help for descriptor in told.descriptors)


async def test_metrics_of_a_pod_in_memory(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    listed = await world.runtime.ListPodSandboxMetrics(cri.ListPodSandboxMetricsRequest())
    assert [len(pod.container_metrics) for pod in listed.pod_metrics] == [0]
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    async with grpc.aio.insecure_channel(f"unix://{world.directory}/cri.sock") as channel:
        stub = cri_grpc.RuntimeServiceStub(channel)
        streamed = stub.StreamPodSandboxMetrics(cri.StreamPodSandboxMetricsRequest())
        pods = [pod async for part in streamed for pod in part.pod_sandbox_metrics]
    assert [(pod.pod_sandbox_id, [one.container_id for one in pod.container_metrics]) for pod in pods] == [
        (sandbox_id, [container_id])
    ]
    told = await world.runtime.ListMetricDescriptors(cri.ListMetricDescriptorsRequest())
    keys = {descriptor.name: list(descriptor.label_keys) for descriptor in told.descriptors}
    metrics = {metric.name: metric for metric in pods[0].container_metrics[0].metrics}
    start = metrics["container_start_time_seconds"]
    labels = dict(zip(keys[start.name], start.label_values, strict=True))
    assert (labels["container"], labels["pod"], labels["namespace"]) == ("c", "p", "ns")
    assert labels["name"] == "k8s_c_p_ns_uid_0"


@given(st.lists(st.integers(0, 300)), st.integers(1, 500))
def test_streamed_lists_hold_each_item_once_in_bounded_messages(sizes: list[int], limit: int) -> None:
    items = [cri.Image(id="x" * size, size=number) for number, size in enumerate(sizes)]
    parts = list(batches(items, limit))
    assert [item for part in parts for item in part] == items
    assert all(part and (len(part) == 1 or sum(item.ByteSize() for item in part) <= limit) for part in parts)
