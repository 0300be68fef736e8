"""What monitoring reads of a node, through a real API server and with Prometheus' own parser: families by their names,
types and labels, on the four pages of metrics. The names are what the upstream kubelet has, and
`PODWRIGHT_TEST_AGENT=upstream-containerd` holds this test against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kube import Kube, of_peer
from prometheus_client.parser import text_string_to_metric_families
from watched import raw, watched_pod

HTTP = ("method", "path", "server_type", "long_running")
OF_CONTAINER = ("container", "id", "image", "name", "namespace", "pod")


@dataclass(frozen=True, slots=True)
class Family:
    type: str
    labels: tuple[str, ...] = ()


def counter(*labels: str) -> Family:
    return Family("counter", labels)


def gauge(*labels: str) -> Family:
    return Family("gauge", labels)


def histogram(*labels: str) -> Family:
    return Family("histogram", labels)


PAGES: Mapping[str, Mapping[str, Family]] = {
    "metrics": {
        **{f"kubelet_{name}": family for name, family in {
            "running_pods": gauge(), "running_containers": gauge("container_state"), "desired_pods": gauge("static"),
            "active_pods": gauge("static"), "mirror_pods": gauge(), "node_name": gauge("node"),
            "working_pods": gauge("config", "lifecycle", "static"), "managed_ephemeral_containers": gauge(),
            "pod_start_duration_seconds": histogram(), "pod_start_sli_duration_seconds": histogram(),
            "pod_start_total_duration_seconds": histogram(), "pod_worker_start_duration_seconds": histogram(),
            "pod_worker_duration_seconds": histogram("operation_type"), "pod_status_sync_duration_seconds": histogram(),
            "pleg_relist_duration_seconds": histogram(), "pleg_relist_interval_seconds": histogram(),
            "pleg_last_seen_seconds": gauge(), "pleg_discard_events": counter(),
            "runtime_operations_total": counter("operation_type"),
            "runtime_operations_duration_seconds": histogram("operation_type"),
            "run_podsandbox_duration_seconds": histogram("runtime_handler"), "started_pods_total": counter(),
            "started_pods_errors_total": counter(), "started_containers_total": counter("container_type"),
            "orphaned_runtime_pods_total": counter(),
            "cgroup_manager_duration_seconds": histogram("operation_type"), "cgroup_version": gauge(),
            "containers_per_pod_count": histogram(), "lifecycle_handler_http_fallbacks_total": counter(),
            "sleep_action_terminated_early_total": counter(), "graceful_shutdown_start_time_seconds": gauge(),
            "graceful_shutdown_end_time_seconds": gauge(), "node_startup_duration_seconds": gauge(),
            "node_startup_registration_duration_seconds": gauge(), "http_requests_total": counter(*HTTP),
            "http_requests_duration_seconds": histogram(*HTTP), "http_inflight_requests": gauge(*HTTP),
            "container_log_filesystem_used_bytes": gauge("uid", "namespace", "pod", "container"),
        }.items()},
        "storage_operation_duration_seconds": histogram("volume_plugin", "operation_name", "status", "migrated"),
        "volume_manager_total_volumes": gauge("plugin_name", "state"),
        "volume_operation_total_seconds": histogram("plugin_name", "operation_name"),
        "process_cpu_seconds_total": counter(), "process_resident_memory_bytes": gauge(),
        "process_open_fds": gauge(), "process_start_time_seconds": gauge(), "go_goroutines": gauge(),
        "rest_client_requests_total": counter("code", "method", "host"),
        "rest_client_request_duration_seconds": histogram("verb", "host"),
        "kubernetes_build_info": gauge("major", "minor", "git_version", "platform"),
        "kubernetes_feature_enabled": gauge("name", "stage"),
    },
    "metrics/probes": {
        "prober_probe_total": counter("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
        "prober_probe_duration_seconds": histogram("probe_type", "container", "pod", "namespace"),
    },
    "metrics/resource": {
        "node_cpu_usage_seconds_total": counter(), "node_memory_working_set_bytes": gauge(),
        "pod_cpu_usage_seconds_total": counter("pod", "namespace"),
        "pod_memory_working_set_bytes": gauge("pod", "namespace"),
        "container_cpu_usage_seconds_total": counter("container", "pod", "namespace"),
        "container_memory_working_set_bytes": gauge("container", "pod", "namespace"),
        "container_start_time_seconds": gauge("container", "pod", "namespace"),
        "resource_scrape_error": gauge(),
    },
    "metrics/cadvisor": {
        **{f"container_{name}": Family(kind, (*OF_CONTAINER, *extra)) for kind, names in {
            "counter": {
                "cpu_usage_seconds_total": ("cpu",), "cpu_user_seconds_total": (), "cpu_system_seconds_total": (),
                "cpu_cfs_periods_total": (), "cpu_cfs_throttled_periods_total": (),
                "cpu_cfs_throttled_seconds_total": (), "memory_failcnt": (),
                "memory_failures_total": ("failure_type", "scope"), "oom_events_total": (),
                "network_receive_bytes_total": ("interface",), "network_receive_packets_total": ("interface",),
                "network_receive_errors_total": ("interface",),
                "network_receive_packets_dropped_total": ("interface",),
                "network_transmit_bytes_total": ("interface",), "network_transmit_packets_total": ("interface",),
                "network_transmit_errors_total": ("interface",),
                "network_transmit_packets_dropped_total": ("interface",),
            },
            "gauge": {
                "memory_usage_bytes": (), "memory_working_set_bytes": (), "memory_rss": (), "memory_cache": (),
                "memory_swap": (), "memory_mapped_file": (), "memory_max_usage_bytes": (), "processes": (),
                "threads": (), "threads_max": (), "sockets": (), "file_descriptors": (), "ulimits_soft": ("ulimit",),
                "spec_cpu_period": (), "spec_cpu_quota": (), "spec_cpu_shares": (), "spec_memory_limit_bytes": (),
                "spec_memory_reservation_limit_bytes": (), "spec_memory_swap_limit_bytes": (),
                "start_time_seconds": (), "last_seen": (),
            },
        }.items() for name, extra in names.items()},
        **{f"machine_{name}": gauge("boot_id", "machine_id", "system_uuid") for name in (
            "cpu_cores", "cpu_physical_cores", "cpu_sockets", "memory_bytes", "swap_bytes",
            "nvm_avg_power_budget_watts")},
        "machine_nvm_capacity": gauge("boot_id", "machine_id", "system_uuid", "mode"), "machine_scrape_error": gauge(),
        "cadvisor_version_info": gauge("kernelVersion", "osVersion"),
    },
}


async def test_families_are_those_that_dashboards_ask_for(kube: Kube) -> None:
    await watched_pod(kube)
    await raw(kube, "healthz")  # requests are counted when they are done
    wrong = []
    for path, wanted in PAGES.items():
        found = families(await raw(kube, path))
        for name, family in wanted.items():
            if name not in found:
                if not of_peer(kube.cluster):
                    wrong.append(f"{path}: {name} is missing")
            elif found[name].type != family.type or not set(family.labels) <= set(found[name].labels):
                wrong.append(f"{path}: {name} is {found[name]}, not {family}")
    assert wrong == []


def families(text: str) -> dict[str, Family]:
    """As Prometheus' parser reads them, by the names that are written."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if f"# TYPE {family.name}_total counter" in text else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = Family(family.type, tuple(sorted(labels)))
    return found
