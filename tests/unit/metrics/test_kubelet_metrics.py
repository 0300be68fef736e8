"""Names, types and labels that dashboards rely on (contract 3.3), as a scraper reads them."""

import math
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.parser import text_string_to_metric_families

import kubelet
from cri.errors import UnavailableError
from kubelet.api.meta import ContainerKind
from kubelet.api.types import Container, ObjectMeta, Pod, PodSpec
from kubelet.metrics import KubeletMetrics, PodCounts, expose, image_size_bucket
from kubelet.metrics.exposition import PlainCounter, _number
from kubelet.metrics.observers import RuntimeMetrics, WorkerMetrics
from kubelet.metrics.operations import operation_type
from kubelet.timeline import PodTimeline, Span, Stage


def scraped(text: bytes) -> dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]]:
    """Sample name to (type, labels to value)."""
    found: dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            _, values = found.setdefault(sample.name, (family.type, {}))
            values[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def types_in(text: bytes) -> dict[str, str]:
    return dict(line.split()[2:4] for line in text.decode().splitlines() if line.startswith("# TYPE"))


def test_counters_keep_their_exact_names_and_types():
    metrics = KubeletMetrics("node-1")
    metrics.started_pods_total.inc()
    metrics.evictions.inc(eviction_signal="memory.available")
    metrics.pleg_discard_events.inc()
    metrics.started_containers_total.labels("init_container").inc(2)
    text = metrics.expose()
    types = types_in(text)
    assert types["kubelet_started_pods_total"] == "counter"
    assert types["kubelet_evictions"] == "counter" and types["kubelet_pleg_discard_events"] == "counter"
    lines = text.decode().splitlines()
    assert 'kubelet_evictions{eviction_signal="memory.available"} 1' in lines
    assert "kubelet_pleg_discard_events 1" in lines
    assert 'kubelet_started_containers_total{container_type="init_container"} 2' in lines
    assert 'kubelet_node_name{node="node-1"} 1' in lines
    assert not [line for line in lines if "_created" in line]
    assert 'kubelet_pod_worker_start_duration_seconds_bucket{le="1"} 0' in lines


def test_runtime_calls_are_counted_by_upstreams_names():
    metrics = KubeletMetrics()
    metrics.runtime_operation("RunPodSandbox", 0.3, None)
    metrics.runtime_operation("RunPodSandbox", 0.3, UnavailableError("down"))
    values = scraped(metrics.expose())
    labels = (("operation_type", "run_podsandbox"),)
    assert values["kubelet_runtime_operations_total"][1][labels] == 2
    assert values["kubelet_runtime_operations_errors_total"][1][labels] == 1
    assert values["kubelet_runtime_operations_duration_seconds_count"][1][labels] == 2
    assert values["kubelet_runtime_operations_duration_seconds_sum"][1][labels] == pytest.approx(0.6)


@pytest.mark.parametrize(("method", "name"), [
    ("Version", "version"), ("ListContainers", "list_containers"), ("ContainerStatus", "container_status"),
    ("RunPodSandbox", "run_podsandbox"), ("PodSandboxStatus", "podsandbox_status"), ("ExecSync", "exec_sync"),
    ("UpdateContainerResources", "update_container"), ("ReopenContainerLog", "reopen_container_log"),
    ("PullImage", "pull_image"), ("ImageStatus", "image_status"), ("UpdateRuntimeConfig", "update_runtime_config"),
])
def test_operation_names(method, name):
    assert operation_type(method) == name


def test_counts_are_asked_for_at_each_scrape():
    metrics = KubeletMetrics()
    counts = PodCounts()
    metrics.count_at_scrape(lambda: counts)
    assert scraped(metrics.expose())["kubelet_running_pods"][1][()] == 0
    counts = PodCounts(running_pods=3, containers=(("running", 5), ("exited", 1)), desired_static=1, desired=4,
                       active_static=1, active=4, mirror=1, ephemeral_containers=2)
    values = scraped(metrics.expose())
    assert values["kubelet_running_pods"][1][()] == 3
    assert values["kubelet_running_containers"][1] == {
        (("container_state", "running"),): 5, (("container_state", "exited"),): 1}
    assert values["kubelet_desired_pods"][1] == {(("static", ""),): 4, (("static", "true"),): 1}
    assert values["kubelet_active_pods"][1] == {(("static", ""),): 4, (("static", "true"),): 1}
    assert values["kubelet_mirror_pods"][1][()] == 1 and values["kubelet_managed_ephemeral_containers"][1][()] == 2


async def test_process_client_and_build_metrics():
    metrics = KubeletMetrics()
    metrics.api_request("GET", "127.0.0.1:6443", "200", 0.01)
    values = scraped(metrics.expose())
    assert values["process_resident_memory_bytes"][1][()] > 1e6
    assert values["process_cpu_seconds_total"][1][()] > 0
    assert values["process_open_fds"][1][()] > 0
    assert values["go_goroutines"][1][()] >= 1
    ((labels, one),) = values["kubernetes_build_info"][1].items()
    assert one == 1 and ("git_version", "v1.36.3") in labels and ("major", "1") in labels and ("minor", "36") in labels
    assert values["rest_client_requests_total"][1] == {
        (("code", "200"), ("host", "127.0.0.1:6443"), ("method", "GET")): 1}


def test_probe_metrics_are_a_page_of_their_own():
    metrics = KubeletMetrics()
    pod = Pod(metadata=ObjectMeta(name="web", namespace="default", uid="u"))
    metrics.probe_attempt(pod, "c", "Readiness", "successful", 0.01)
    values = scraped(metrics.expose_probes())
    assert values["prober_probe_total"][1] == {(
        ("container", "c"), ("namespace", "default"), ("pod", "web"), ("pod_uid", "u"), ("probe_type", "Readiness"),
        ("result", "successful")): 1}
    assert values["prober_probe_duration_seconds_sum"][1] == {(
        ("container", "c"), ("namespace", "default"), ("pod", "web"), ("probe_type", "Readiness")): 0.01}
    assert not [name for name in scraped(metrics.expose()) if name.startswith("prober")]
    metrics.forget_pod("other")
    assert scraped(metrics.expose_probes())
    metrics.forget_pod("u")
    assert {*scraped(metrics.expose_probes())} == {"process_start_time_seconds"}


def test_a_start_is_observed_without_its_pulls_in_the_sli():
    metrics = KubeletMetrics()
    timeline = PodTimeline("u", (
        Span(Stage.SEEN, 10, 10), Span(Stage.PULL, 11, 14), Span(Stage.READY, 15, 15),
        Span(Stage.STATUS_ACKNOWLEDGED, 16, 16)), complete=True)
    metrics.pod_started(timeline, created_at=9)
    values = scraped(metrics.expose())
    sums = {name: values[f"kubelet_pod_start_{name}_seconds_sum"][1][()] for name in (
        "duration", "total_duration", "sli_duration")}
    assert sums == {"duration": 6, "total_duration": 7, "sli_duration": 4}
    metrics.pod_started(PodTimeline("v", adopted=True), created_at=9)
    assert scraped(metrics.expose())["kubelet_pod_start_duration_seconds_count"][1][()] == 1


def test_two_agents_in_one_process_do_not_share_metrics():
    one, other = KubeletMetrics(), KubeletMetrics()
    one.started_pods_total.inc()
    assert scraped(other.expose())["kubelet_started_pods_total"][1][()] == 0


def test_text_is_escaped_and_timestamps_are_milliseconds():
    registry = CollectorRegistry()
    Counter("x_total", "back\\slash\nline", ["l"], registry=registry).labels('quo"te\nline\\').inc()
    Gauge("g", "", registry=registry).set(math.inf)
    text = expose(registry).decode()
    assert "# HELP x_total back\\\\slash\\nline" in text
    assert 'x_total{l="quo\\"te\\nline\\\\"} 1' in text
    assert "g +Inf" in text
    plain = PlainCounter("n", "", ["a"])
    with pytest.raises(KeyError):
        plain.inc()
    assert expose(plain) == b""


@pytest.mark.parametrize(("value", "text"), [
    (0.0, "0"), (1.5, "1.5"), (math.nan, "NaN"), (-math.inf, "-Inf"), (1e20, "1e+20"), (12345678901.0, "12345678901"),
    (0.1, "0.1"),
])
def test_numbers(value, text):
    assert _number(value) == text


@pytest.mark.parametrize(("size", "bucket"), [
    (0, "N/A"), (1, "0-10MB"), (10 * 1024**2, "0-10MB"), (10 * 1024**2 + 1, "10MB-100MB"),
    (2 * 1024**3, "1GB-5GB"), (10**12, "GT100GB"),
])
def test_image_sizes(size, bucket):
    assert image_size_bucket(size) == bucket


def test_pods_with_user_namespaces_are_counted_by_tries_and_failures() -> None:
    metrics = KubeletMetrics()
    for failed in (False, True, False):
        metrics.user_namespace(failed)
    found = scraped(metrics.expose())
    assert found["kubelet_started_user_namespaced_pods_total"][1][()] == 3
    assert found["kubelet_started_user_namespaced_pods_errors_total"][1][()] == 1


def test_what_rooms_tell_is_counted():
    metrics = KubeletMetrics()
    workers, runtime = WorkerMetrics(metrics), RuntimeMetrics(metrics)
    workers.created(Pod(spec=PodSpec(containers=(Container(name="a"), Container(name="b")))))
    workers.started(0.1)
    workers.synced("create", 0.2)
    workers.restarted(static=True)
    workers.orphan()
    runtime.container(ContainerKind.INIT, "")
    runtime.container(ContainerKind.REGULAR, "CreateContainerError")
    runtime.terminated(ContainerKind.REGULAR, 137, "OOMKilled")
    runtime.sandbox("runsc", 0.5, failed=False)
    runtime.sandbox("", 0.5, failed=True)
    runtime.pull(600 << 20, 12.0)
    runtime.cgroup("create", 0.001)
    told = 3
    metrics.pleg_discard_events.follow(lambda: told)
    found = {name: values for name, (_, values) in scraped(metrics.expose()).items()}
    for name, labels, value in (
        ("containers_per_pod_count_sum", (), 2), ("pod_worker_start_duration_seconds_count", (), 1),
        ("pod_worker_duration_seconds_sum", (("operation_type", "create"),), 0.2),
        ("restarted_pods_total", (("static", "true"),), 1), ("orphaned_runtime_pods_total", (), 1),
        ("started_containers_total", (("container_type", "init_container"),), 1),
        ("started_containers_errors_total", (("code", "CreateContainerError"), ("container_type", "container")), 1),
        ("terminated_containers_total", (
            ("container_type", "container"), ("exit_code", "137"), ("reason", "OOMKilled")), 1),
        ("started_pods_total", (), 2), ("started_pods_errors_total", (), 1),
        ("run_podsandbox_duration_seconds_count", (("runtime_handler", "runsc"),), 1),
        ("run_podsandbox_errors_total", (("runtime_handler", ""),), 1),
        ("image_pull_duration_seconds_sum", (("image_size_in_bytes", "500MB-1GB"),), 12.0),
        ("cgroup_manager_duration_seconds_count", (("operation_type", "create"),), 1),
    ):
        assert found[f"kubelet_{name}"][labels] == pytest.approx(value), name
    assert "kubelet_pleg_discard_events 3" in metrics.expose().decode().splitlines()


def test_no_metric_is_shown_that_nobody_sets():
    """Each attribute of KubeletMetrics is used somewhere: in its own methods, by an observer, or by a room."""
    root = Path(kubelet.__file__).parent
    source = "\n".join(file.read_text() for file in sorted(root.rglob("*.py")))
    declared = set(re.findall(r"self\.(\w+) = (?:self\._)?(?:counter|gauge|histogram|PlainCounter)\(", source))
    used = r"(\.(inc|set|observe|labels|follow|clear)\b|,\s)"
    assert len(declared) > 40
    assert {name for name in declared if not re.search(rf"\b{name}{used}", source)} == set()
