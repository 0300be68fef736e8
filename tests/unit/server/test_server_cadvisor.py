"""/metrics/cadvisor: the runtime's metrics of pods, in a form that Prometheus takes, with precise seconds."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cri.v1 import api_pb2 as cri
from kubelet.cgroups import CgroupV1, CgroupV2
from kubelet.server import cgroup_seconds
from kubelet.server.cadvisor import sockets
from kubelet.server.crimetrics import RuntimeMetrics, runtime_metrics

LABELS = ["container", "id", "image", "name", "namespace", "pod"]
POD = ["", "/kubepods/pod1", "", "", "default", "web"]
CONTAINER = ["c", "/kubepods/pod1/c1", "example/web:1", "k8s_c", "default", "web"]


def sample(name: str, value: int, labels: list[str], *extra: str, kind=cri.COUNTER, at: int = 0) -> cri.Metric:
    return cri.Metric(name=name, metric_type=kind, label_values=[*labels, *extra], value=cri.UInt64Value(value=value),
                      timestamp=at)


DESCRIPTORS = [
    cri.MetricDescriptor(name="container_cpu_usage_seconds_total", help="CPU", label_keys=[*LABELS, "cpu"]),
    cri.MetricDescriptor(name="container_memory_rss", help="RSS", label_keys=LABELS),
    cri.MetricDescriptor(name="container_oom_events_total", help="OOM", label_keys=LABELS),
]
PODS = [cri.PodSandboxMetrics(
    pod_sandbox_id="s1",
    metrics=[sample("container_cpu_usage_seconds_total", 5, POD, "total")],
    container_metrics=[cri.ContainerMetrics(container_id="c1", metrics=[
        sample("container_cpu_usage_seconds_total", 3, CONTAINER, "total"),
        sample("container_memory_rss", 4096, CONTAINER, kind=cri.GAUGE, at=1_767_225_700 * 10**9),
        sample("container_memory_rss", 1, ["too", "few"], kind=cri.GAUGE),
        sample("container_unheard_of", 1, CONTAINER),
    ])],
)]


async def test_the_runtimes_metrics_are_shown_as_prometheus_reads_them(serving, runtime):
    runtime.metrics = DESCRIPTORS, PODS
    async with serving(runtime=runtime) as up:
        status, text = await up.ask("/metrics/cadvisor")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    cpu = families["container_cpu_usage_seconds"]
    assert cpu.type == "counter"
    assert [(one.labels["container"], one.labels["cpu"], one.value) for one in cpu.samples] == [
        ("", "total", 5), ("c", "total", 3)]
    (rss,) = families["container_memory_rss"].samples
    assert (rss.value, rss.labels, rss.timestamp) == (4096, dict(zip(LABELS, CONTAINER, strict=True)), 1_767_225_700)
    assert "container_unheard_of" not in text and "container_oom_events_total" not in text
    assert {"machine_cpu_cores", "machine_cpu_physical_cores", "machine_cpu_sockets", "machine_memory_bytes",
            "machine_swap_bytes", "machine_nvm_capacity", "machine_nvm_avg_power_budget_watts", "machine_scrape_error",
            "cadvisor_version_info"} <= families.keys()
    assert set(families["machine_memory_bytes"].samples[0].labels) == {"boot_id", "machine_id", "system_uuid"}
    assert families["machine_scrape_error"].samples[0].value == 0


def value_of(metrics: RuntimeMetrics, container: str) -> float:
    (family,) = [found for found in metrics.collect() if found.name == "container_cpu_usage_seconds_total"]
    return next(one.value for one in family.samples if one.labels["container"] == container)


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_stat", ".stat").replace("_pressure", ".pressure").replace("_usage", ".usage")
         ).write_text(text)
    return directory


async def test_seconds_are_as_precise_as_the_kernels_files(runtime, tmp_path):
    runtime.metrics = DESCRIPTORS, PODS
    write(tmp_path / "kubepods/pod1/c1", cpu_stat="usage_usec 3141592\nuser_usec 2000000\n")
    metrics = await runtime_metrics(runtime, CgroupV2(tmp_path))
    assert metrics is not None
    assert (value_of(metrics, ""), value_of(metrics, "c")) == (5, 3.141592)


async def test_a_runtime_without_metrics_of_pods_has_none(runtime, tmp_path):
    assert await runtime_metrics(runtime, CgroupV2(tmp_path)) is None
    runtime.metrics = [], []
    assert await runtime_metrics(runtime, CgroupV2(tmp_path)) is None


def test_files_of_both_kinds_of_cgroups(tmp_path):
    v2 = tmp_path / "two"
    write(v2 / "a", cpu_stat="usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nthrottled_usec 250000\n",
          cpu_pressure="some avg10=1.00 avg60=0.00 avg300=0.00 total=750000\nfull avg10=0.00 avg60=0.00 avg300=0.00 "
                       "total=1\n", io_pressure="some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n")
    assert cgroup_seconds.read(CgroupV2(v2), ["/a", "", "/gone"]) == {"/gone": {}, "/a": {
        "container_cpu_usage_seconds_total": 1.5, "container_cpu_user_seconds_total": 1.0,
        "container_cpu_system_seconds_total": 0.5, "container_cpu_cfs_throttled_seconds_total": 0.25,
        "container_pressure_cpu_waiting_seconds_total": 0.75,
        "container_pressure_cpu_stalled_seconds_total": pytest.approx(0.000001),
        "container_pressure_io_waiting_seconds_total": 2.0}}
    v1 = tmp_path / "one"
    write(v1 / "cpu" / "a", cpu_stat="nr_periods 3\nnr_throttled 1\nthrottled_time 125000000\n")
    write(v1 / "cpuacct" / "a", cpuacct_usage="1234567890\n", cpuacct_stat="user 101\nsystem 7\n")
    tree = CgroupV1({"cpu": v1 / "cpu", "cpuacct": v1 / "cpuacct"})
    assert cgroup_seconds.read(tree, ["/a"])["/a"] == {
        "container_cpu_usage_seconds_total": 1.23456789, "container_cpu_user_seconds_total": 1.01,
        "container_cpu_system_seconds_total": 0.07, "container_cpu_cfs_throttled_seconds_total": 0.125}


def test_sockets_are_counted_by_their_packages(tmp_path):
    assert sockets(tmp_path) == 1
    for number, package in enumerate("0011"):
        write(tmp_path / f"sys/devices/system/cpu/cpu{number}/topology", physical_package_id=package)
    assert sockets(tmp_path) == 2
