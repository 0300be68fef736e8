"""The kubelet's own metrics: one object per agent, with upstream's names, types, labels and buckets.

    metrics = KubeletMetrics()
    metrics.started_pods_total.inc()
    RuntimeClient(endpoint, observe=metrics.runtime_operation)

Source of names: pkg/kubelet/metrics/metrics.go, server/metrics/metrics.go, prober/prober_manager.go. What only a scrape
can tell (numbers of pods and containers) is asked for at the scrape, through `set_counts`.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cri.errors import CriError
from kubelet.api.types import Pod
from kubelet.metrics.certificates import (
    CertificateMetrics,
    TimeToLive,
    client_certificate_metrics,
    serving_certificate_metrics,
)
from kubelet.metrics.exposition import CONTENT_TYPE, PlainCounter, expose
from kubelet.metrics.operations import operation_type
from kubelet.metrics.storage import StorageOperations
from kubelet.timeline import PodTimeline, start_durations
from kubelet.version import KUBERNETES_VERSION

__all__ = ["CONTENT_TYPE", "KubeletMetrics", "PodCounts", "expose", "image_size_bucket"]

_DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_POD_START_BUCKETS = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800,
                      2700, 3600)
_PULL_BUCKETS = (1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_STATUS_BUCKETS = (0.010, 0.050, 0.100, 0.500, 1, 5, 10, 20, 30, 45, 60)
_CLIENT_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_RUNTIME_BUCKETS = tuple(0.005 * 2.5**power for power in range(14))
_CONTAINERS_BUCKETS = (1, 2, 4, 8, 16)
_MEGABYTE, _GIGABYTE = 1024**2, 1024**3
_IMAGE_SIZES = (
    (100 * _GIGABYTE, "GT100GB"), (60 * _GIGABYTE, "60GB-100GB"), (40 * _GIGABYTE, "40GB-60GB"),
    (30 * _GIGABYTE, "30GB-40GB"), (20 * _GIGABYTE, "20GB-30GB"), (10 * _GIGABYTE, "10GB-20GB"),
    (5 * _GIGABYTE, "5GB-10GB"), (_GIGABYTE, "1GB-5GB"), (500 * _MEGABYTE, "500MB-1GB"),
    (100 * _MEGABYTE, "100MB-500MB"), (10 * _MEGABYTE, "10MB-100MB"), (0, "0-10MB"),
)
_HTTP_LABELS = ("method", "path", "server_type", "long_running")
_PROBE_LABELS = ("probe_type", "container", "pod", "namespace")


def image_size_bucket(size_bytes: int) -> str:
    """The label of kubelet_image_pull_duration_seconds for an image of that size; 0 means that it is not known."""
    if size_bytes <= 0:
        return "N/A"
    return next(label for lower, label in _IMAGE_SIZES if size_bytes > lower)


@dataclass(frozen=True, slots=True)
class PodCounts:
    """What a scrape counts: containers by CRI state (created, running, exited, unknown), pods by static or not."""

    running_pods: int = 0
    containers: tuple[tuple[str, int], ...] = ()
    desired_static: int = 0
    desired: int = 0
    active_static: int = 0
    active: int = 0
    mirror: int = 0
    ephemeral_containers: int = 0
    working: tuple[tuple[tuple[str, str, str], int], ...] = ()
    """By (lifecycle: sync, terminating or terminated; config: desired, orphan or runtime_only; static: true or "")."""


class KubeletMetrics:
    """Attributes are the metrics, named without their `kubelet_`; they are updated from the event loop alone."""

    def __init__(self, node_name: str = "") -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.probes = CollectorRegistry(auto_describe=False)
        self._describe_pods()
        self._describe_runtime()
        self._describe_pleg_and_node()
        self._describe_server()
        self._describe_probes()
        self.storage_operations = StorageOperations(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_Tasks())
        _build_info(self.registry)
        if node_name:
            self.set_node_name(node_name)

    def set_node_name(self, node_name: str) -> None:
        self.node_name.clear()
        self.node_name.labels(node_name).set(1)

    def count_at_scrape(self, counts: Callable[[], PodCounts]) -> None:
        """`counts` is asked whenever the metrics are read; it must not block."""
        self.registry.register(_Counts(counts))

    def show(self, *collectors: Collector) -> None:
        """More that is asked for whenever the metrics are read; it must not block."""
        for collector in collectors:
            self.registry.register(collector)

    def set_features(self, states: Mapping[str, tuple[bool, str]]) -> None:
        """kubernetes_feature_enabled: each gate's state and stage."""
        for name, (enabled, stage) in states.items():
            self.feature_enabled.labels(name, stage).set(enabled)

    @cached_property
    def client_certificate(self) -> CertificateMetrics:
        """Of an agent that renews its client certificate."""
        return client_certificate_metrics(self.registry)

    @cached_property
    def serving_certificate(self) -> CertificateMetrics:
        """Of an agent whose serving certificate the cluster signs."""
        return serving_certificate_metrics(self.registry)

    def follow_certificate(self, kind: str, ttl_seconds: Callable[[], float]) -> None:
        """`kind` is client or server."""
        self.registry.register(TimeToLive(kind, ttl_seconds))

    def user_namespace(self, failed: bool) -> None:
        """A pod with a user namespace of its own is started: an attempt, and its failure if it fails."""
        self.started_user_namespaced_pods_total.inc()
        if failed:
            self.started_user_namespaced_pods_errors_total.inc()

    def credential_provider(self, plugin: str, seconds: float, failed: bool) -> None:
        """A credential provider plugin has run."""
        self.credential_provider_plugin_duration.labels(plugin).observe(seconds)
        if failed:
            self.credential_provider_plugin_errors_total.labels(plugin).inc()

    def credential_provider_config(self, digest: str) -> None:
        """The file or directory with credential provider plugins that was read."""
        self._gauge("kubelet_credential_provider_config_info", "The credential provider configuration in force",
                    ["hash"]).labels(digest).set(1)

    def runtime_operation(self, method: str, seconds: float, error: CriError | None) -> None:
        """An observer for cri.client: kubelet_runtime_operations_*."""
        kind = operation_type(method)
        self.runtime_operations_total.labels(kind).inc()
        self.runtime_operations_duration_seconds.labels(kind).observe(seconds)
        if error is not None:
            self.runtime_operations_errors_total.labels(kind).inc()

    def probe_attempt(self, pod: Pod, container: str, kind: str, result: str, seconds: float) -> None:
        """An observer for probes: `kind` Liveness, Readiness or Startup; `result` successful, failed or unknown."""
        name, namespace = pod.metadata.name, pod.metadata.namespace
        self.prober_probe_total.labels(kind, result, container, name, namespace, pod.metadata.uid).inc()
        self.prober_probe_duration_seconds.labels(kind, container, name, namespace).observe(seconds)

    def forget_pod(self, uid: str) -> None:
        """Probe series of a pod that is gone; what shares its name with another pod's goes, too, and comes back."""
        gone = [labels for labels in self.prober_probe_total._metrics if labels[-1] == uid]
        for labels in gone:
            self.prober_probe_total.remove(*labels)
            kind, _, container, name, namespace, _ = labels
            with contextlib.suppress(KeyError):
                self.prober_probe_duration_seconds.remove(kind, container, name, namespace)

    def node_ready(self) -> None:
        """The node is ready for the first time since this agent began."""
        self.node_startup_duration_seconds.set(time.time() - psutil.boot_time())

    def shutdown_recorded(self, start: float, end: float) -> None:
        """Unix seconds, 0: not yet."""
        self.graceful_shutdown_start_time_seconds.set(start)
        self.graceful_shutdown_end_time_seconds.set(end)

    def pod_started(self, timeline: PodTimeline, created_at: float) -> None:
        """Once per pod, when its readiness was acknowledged: the three histograms of its start."""
        durations = start_durations(timeline, created_at)
        for histogram, seconds in (
            (self.pod_start_duration_seconds, durations.kubelet),
            (self.pod_start_sli_duration_seconds, durations.sli),
            (self.pod_start_total_duration_seconds, durations.total),
        ):
            if seconds is not None:
                histogram.observe(seconds)

    def pod_resources_request(self, version: str, method: str, failed: bool) -> None:
        """An answered request to the podresources API; of v1alpha1 only the total is counted."""
        self.pod_resources_endpoint_requests_total.labels(version).inc()
        if version == "v1":
            self.pod_resources_endpoint[method, "requests"].inc(server_api_version=version)
            if failed:
                self.pod_resources_endpoint[method, "errors"].inc(server_api_version=version)

    def api_request(self, verb: str, host: str, code: str, seconds: float) -> None:
        """One request to the API server: `code` is the HTTP status, or "<error>" when there was no answer."""
        self.rest_client_requests_total.labels(code, verb, host).inc()
        self.rest_client_request_duration_seconds.labels(verb, host).observe(seconds)

    def expose(self) -> bytes:
        return expose(self.registry)

    def expose_probes(self) -> bytes:
        return expose(self.probes)

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = _DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=tuple(buckets), registry=self.registry)

    def _describe_pods(self) -> None:
        counter, histogram = self._counter, self._histogram
        self.containers_per_pod_count = histogram(
            "kubelet_containers_per_pod_count", "Regular containers of the pods that came to this node",
            buckets=_CONTAINERS_BUCKETS)
        self.pod_start_duration_seconds = histogram(
            "kubelet_pod_start_duration_seconds", "From first seeing a pod to its status showing it started",
            buckets=_POD_START_BUCKETS)
        self.pod_start_sli_duration_seconds = histogram(
            "kubelet_pod_start_sli_duration_seconds", "From a pod's creation to running, without its image pulls",
            buckets=_POD_START_BUCKETS)
        self.pod_start_total_duration_seconds = histogram(
            "kubelet_pod_start_total_duration_seconds", "From a pod's creation to running, image pulls included",
            buckets=_POD_START_BUCKETS)
        self.credential_provider_plugin_duration = histogram(
            "kubelet_credential_provider_plugin_duration", "Length of a run of a credential provider plugin",
            ["plugin_name"])
        self.credential_provider_plugin_errors_total = counter(
            "kubelet_credential_provider_plugin_errors_total", "Runs of credential provider plugins that failed",
            ["plugin_name"])
        self.pod_worker_duration_seconds = histogram(
            "kubelet_pod_worker_duration_seconds", "Length of one pass over a pod, by the kind of its cause",
            ["operation_type"])
        self.pod_worker_start_duration_seconds = histogram(
            "kubelet_pod_worker_start_duration_seconds", "From first seeing a pod to the start of its worker")
        self.pod_status_sync_duration_seconds = histogram(
            "kubelet_pod_status_sync_duration_seconds", "From a change of a pod's status to its acknowledgement",
            buckets=_STATUS_BUCKETS)
        self.started_pods_total = counter("kubelet_started_pods_total", "Sandboxes that were asked for")
        self.started_user_namespaced_pods_total = counter(
            "kubelet_started_user_namespaced_pods_total", "Pods with user namespaces that were started")
        self.started_user_namespaced_pods_errors_total = counter(
            "kubelet_started_user_namespaced_pods_errors_total", "Pods with user namespaces that failed to start")
        self.started_pods_errors_total = counter(
            "kubelet_started_pods_errors_total", "Sandboxes that could not be made")
        self.started_containers_total = counter(
            "kubelet_started_containers_total", "Containers that were asked for", ["container_type"])
        self.started_containers_errors_total = counter(
            "kubelet_started_containers_errors_total", "Containers that could not be started",
            ["container_type", "code"])
        self.terminated_containers_total = counter(
            "kubelet_terminated_containers_total", "Containers that ended", ["container_type", "exit_code", "reason"])
        self.restarted_pods_total = counter(
            "kubelet_restarted_pods_total", "Pods that came back with a UID that had ended before", ["static"])
        self.orphaned_runtime_pods_total = counter(
            "kubelet_orphaned_runtime_pods_total", "Pods found in the runtime that no source knows")
        self.admission_rejections_total = counter(
            "kubelet_admission_rejections_total", "Pods that this node rejected", ["reason"])
        self.evictions = PlainCounter(
            "kubelet_evictions", "Pods evicted to free what the signal measures", ["eviction_signal"], self.registry)
        self.eviction_stats_age_seconds = self._histogram(
            "kubelet_eviction_stats_age_seconds", "Age of the figures that an eviction was decided by",
            ["eviction_signal"])
        self.preemptions = PlainCounter(
            "kubelet_preemptions", "Pods ended to admit a critical one", ["preemption_signal"], self.registry)
        self.graceful_shutdown_start_time_seconds = self._gauge(
            "kubelet_graceful_shutdown_start_time_seconds", "When the last graceful shutdown began, in Unix seconds")
        self.graceful_shutdown_end_time_seconds = self._gauge(
            "kubelet_graceful_shutdown_end_time_seconds", "When the last graceful shutdown was done, in Unix seconds")
        self.pod_resources_endpoint_requests_total = counter(
            "kubelet_pod_resources_endpoint_requests_total", "Requests to the podresources API",
            ["server_api_version"])
        self.pod_resources_endpoint = {
            (name, kind): PlainCounter(
                f"kubelet_pod_resources_endpoint_{kind}_{suffix}",
                f"{name} requests to the podresources API{' that failed' if kind == 'errors' else ''}",
                ["server_api_version"], self.registry,
            )
            for name, suffix in (("List", "list"), ("Get", "get"), ("GetAllocatableResources", "get_allocatable"))
            for kind in ("requests", "errors")
        }
        self.device_plugin_registration_total = counter(
            "kubelet_device_plugin_registration_total", "Registrations of device plugins", ["resource_name"])
        self.device_plugin_alloc_duration_seconds = histogram(
            "kubelet_device_plugin_alloc_duration_seconds", "Length of device plugins' Allocate calls",
            ["resource_name"])
        self.sleep_action_terminated_early_total = counter(
            "kubelet_sleep_action_terminated_early_total", "Sleep hooks cut short by the end of the grace period")
        self.lifecycle_handler_http_fallbacks_total = counter(
            "kubelet_lifecycle_handler_http_fallbacks_total", "HTTPS hooks that were answered in plain HTTP")

    def _describe_runtime(self) -> None:
        counter, histogram = self._counter, self._histogram
        self.runtime_operations_total = counter(
            "kubelet_runtime_operations_total", "Calls of the container runtime", ["operation_type"])
        self.runtime_operations_errors_total = counter(
            "kubelet_runtime_operations_errors_total", "Calls of the container runtime that failed", ["operation_type"])
        self.runtime_operations_duration_seconds = histogram(
            "kubelet_runtime_operations_duration_seconds", "Length of calls of the container runtime",
            ["operation_type"], _RUNTIME_BUCKETS)
        self.run_podsandbox_duration_seconds = histogram(
            "kubelet_run_podsandbox_duration_seconds", "Length of making a sandbox, its network included",
            ["runtime_handler"])
        self.run_podsandbox_errors_total = counter(
            "kubelet_run_podsandbox_errors_total", "Sandboxes that the runtime failed to make", ["runtime_handler"])
        self.image_pull_duration_seconds = histogram(
            "kubelet_image_pull_duration_seconds", "Length of image pulls", ["image_size_in_bytes"], _PULL_BUCKETS)
        self.image_garbage_collected_total = counter(
            "kubelet_image_garbage_collected_total", "Images removed because of disk usage (space) or age", ["reason"])
        self.cgroup_manager_duration_seconds = histogram(
            "kubelet_cgroup_manager_duration_seconds", "Length of operations on pod cgroups", ["operation_type"])

    def _describe_pleg_and_node(self) -> None:
        gauge, histogram = self._gauge, self._histogram
        self.pleg_relist_duration_seconds = histogram(
            "kubelet_pleg_relist_duration_seconds", "Length of looking at all pods in the runtime")
        self.pleg_relist_interval_seconds = histogram(
            "kubelet_pleg_relist_interval_seconds", "Time between two looks at all pods in the runtime",
            buckets=(*_DEFAULT_BUCKETS, 30, 60, 120, 300, 600))
        self.pleg_pod_relist_duration_seconds = histogram(
            "kubelet_pleg_pod_relist_duration_seconds", "Length of looking at one pod in the runtime")
        self.pleg_last_seen_seconds = gauge(
            "kubelet_pleg_last_seen_seconds", "When the runtime's state was last seen to be current, Unix time")
        self.pleg_discard_events = PlainCounter(
            "kubelet_pleg_discard_events", "Pod lifecycle events thrown away because nobody took them", (),
            self.registry)
        self.evented_pleg_connection_error_count = PlainCounter(
            "kubelet_evented_pleg_connection_error_count", "Event streams of the runtime that broke", (), self.registry)
        self.evented_pleg_connection_success_count = PlainCounter(
            "kubelet_evented_pleg_connection_success_count", "Event streams of the runtime that were opened", (),
            self.registry)
        self.evented_pleg_connection_latency_seconds = histogram(
            "kubelet_evented_pleg_connection_latency_seconds", "From an event in the runtime to its arrival here")
        self.feature_enabled = gauge(
            "kubernetes_feature_enabled", "Feature gates: 1 where on, 0 where off", ["name", "stage"])
        self.node_name = gauge("kubelet_node_name", "The node's name, as a label", ["node"])
        self.cgroup_version = gauge("kubelet_cgroup_version", "Version of the node's cgroup hierarchy, 1 or 2")
        self.node_startup_duration_seconds = gauge(
            "kubelet_node_startup_duration_seconds", "From the node's boot to its readiness")
        self.node_startup_registration_duration_seconds = gauge(
            "kubelet_node_startup_registration_duration_seconds", "Length of the node's registration")
        self.rest_client_requests_total = self._counter(
            "rest_client_requests_total", "Requests to the API server", ["code", "method", "host"])
        self.rest_client_request_duration_seconds = histogram(
            "rest_client_request_duration_seconds", "Length of requests to the API server", ["verb", "host"],
            _CLIENT_BUCKETS)

    def _describe_server(self) -> None:
        self.http_requests_total = self._counter(
            "kubelet_http_requests_total", "Requests to this agent's HTTP servers", _HTTP_LABELS)
        self.http_requests_duration_seconds = self._histogram(
            "kubelet_http_requests_duration_seconds", "Length of requests to this agent's HTTP servers", _HTTP_LABELS)
        self.http_inflight_requests = self._gauge(
            "kubelet_http_inflight_requests", "Requests that this agent's HTTP servers work on", _HTTP_LABELS)
        self.websocket_streaming_requests_total = self._counter(
            "kubelet_websocket_streaming_requests_total", "exec, attach and port-forward by WebSocket", ["subresource"])

    def _describe_probes(self) -> None:
        Gauge("process_start_time_seconds", "Start time of the process, Unix time", registry=self.probes).set(
            psutil.Process().create_time())
        self.prober_probe_total = Counter(
            "prober_probe_total", "Probes by their result",
            ["probe_type", "result", "container", "pod", "namespace", "pod_uid"], registry=self.probes)
        self.prober_probe_duration_seconds = Histogram(
            "prober_probe_duration_seconds", "Length of probes", _PROBE_LABELS, registry=self.probes,
            buckets=_DEFAULT_BUCKETS)


class _Counts(Collector):
    """The gauges that are counted at a scrape."""

    def __init__(self, counts: Callable[[], PodCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        counts = self._counts()
        by_static = (("", counts.desired), ("true", counts.desired_static))
        active = (("", counts.active), ("true", counts.active_static))
        yield _gauge_of("kubelet_running_pods", "Pods with a running sandbox", [({}, counts.running_pods)])
        yield _gauge_of("kubelet_running_containers", "Containers in the runtime, by state",
                        [({"container_state": state}, number) for state, number in counts.containers])
        yield _gauge_of("kubelet_desired_pods", "Pods that this node's sources name",
                        [({"static": static}, number) for static, number in by_static])
        yield _gauge_of("kubelet_active_pods", "Pods that are not known to have ended",
                        [({"static": static}, number) for static, number in active])
        yield _gauge_of("kubelet_working_pods", "Pods that have a worker, by what it is about", [
            ({"lifecycle": lifecycle, "config": config, "static": static}, number)
            for (lifecycle, config, static), number in counts.working])
        yield _gauge_of("kubelet_mirror_pods", "Static pods that the API server shows", [({}, counts.mirror)])
        yield _gauge_of("kubelet_managed_ephemeral_containers", "Ephemeral containers in this node's pods",
                        [({}, counts.ephemeral_containers)])

    def describe(self) -> Iterable[Metric]:
        return []


class _Tasks(Collector):
    """go_goroutines, which dashboards draw: here it counts the event loop's tasks."""

    def collect(self) -> Iterator[Metric]:
        try:
            number = len(asyncio.all_tasks())
        except RuntimeError:  # collected outside the event loop: there is nothing to count
            return
        yield _gauge_of("go_goroutines", "Tasks of the event loop (the upstream agent: goroutines)", [({}, number)])

    def describe(self) -> Iterable[Metric]:
        return []


def _gauge_of(name: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> Metric:
    metric = Metric(name, text, "gauge")
    for labels, value in samples:
        metric.add_sample(name, labels, value)
    return metric


def _build_info(registry: CollectorRegistry) -> None:
    major, minor, *_ = KUBERNETES_VERSION.removeprefix("v").split(".")
    labels = {
        "major": major, "minor": minor, "git_version": KUBERNETES_VERSION, "git_commit": "", "git_tree_state": "clean",
        "build_date": "", "go_version": "", "compiler": sys.implementation.name,
        "platform": f"{sys.platform}/{_architecture()}",
    }
    Gauge("kubernetes_build_info", "The Kubernetes release that this agent stands for", tuple(labels),
          registry=registry).labels(**labels).set(1)


def _architecture() -> str:
    import platform

    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
