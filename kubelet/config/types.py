"""KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with upstream's defaults.

Every field has its effective value: what a file leaves out, or sets to a zero that means "default" (`0s`, `""`, and
`0` for the fields in ZERO_MEANS_DEFAULT), has the default. Sources: k8s.io/kubelet/config/v1beta1/types.go,
pkg/kubelet/apis/config/v1beta1/defaults.go.
"""

from typing import Any, cast

import msgspec

from kubelet.api.types import Quantity, Taint
from kubelet.config.duration import Duration

API_VERSION = "kubelet.config.k8s.io/v1beta1"
KIND = "KubeletConfiguration"


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all: immutable."""


class X509Authentication(_Config, frozen=True, kw_only=True, rename={"client_ca_file": "clientCAFile"}):
    client_ca_file: str = ""


class WebhookAuthentication(_Config, frozen=True, kw_only=True, rename={"cache_ttl": "cacheTTL"}):
    enabled: bool = True
    cache_ttl: Duration = Duration(120)


class AnonymousAuthentication(_Config, frozen=True, kw_only=True):
    enabled: bool = False


class Authentication(_Config, frozen=True, kw_only=True):
    x509: X509Authentication = X509Authentication()
    webhook: WebhookAuthentication = WebhookAuthentication()
    anonymous: AnonymousAuthentication = AnonymousAuthentication()


class WebhookAuthorization(_Config, frozen=True, kw_only=True, rename={
        "cache_authorized_ttl": "cacheAuthorizedTTL", "cache_unauthorized_ttl": "cacheUnauthorizedTTL"}):
    cache_authorized_ttl: Duration = Duration(300)
    cache_unauthorized_ttl: Duration = Duration(30)


class Authorization(_Config, frozen=True, kw_only=True):
    mode: str = "Webhook"
    webhook: WebhookAuthorization = WebhookAuthorization()


class MemorySwap(_Config, frozen=True, kw_only=True, rename="camel"):
    swap_behavior: str = ""


class CrashLoopBackOff(_Config, frozen=True, kw_only=True, rename="camel"):
    max_container_restart_period: Duration = Duration(300)


class MemoryReservation(_Config, frozen=True, kw_only=True, rename="camel"):
    numa_node: int = 0
    limits: dict[str, Quantity] = {}


class ShutdownGracePeriodByPodPriority(_Config, frozen=True, kw_only=True, rename="camel"):
    priority: int = 0
    shutdown_grace_period_seconds: int = 0


class UserNamespaces(_Config, frozen=True, kw_only=True, rename={"ids_per_pod": "idsPerPod"}):
    ids_per_pod: int = 65536


class Tracing(_Config, frozen=True, kw_only=True, rename="camel"):
    endpoint: str = ""
    sampling_rate_per_million: int = 0


class VModuleItem(_Config, frozen=True, kw_only=True, rename="camel"):
    file_pattern: str
    verbosity: int = 0


class OutputOptions(_Config, frozen=True, kw_only=True, rename="camel"):
    split_stream: bool = False
    info_buffer_size: Quantity = "0"


class LoggingFormats(_Config, frozen=True, kw_only=True):
    text: OutputOptions = OutputOptions()
    json: OutputOptions = OutputOptions()


class Logging(_Config, frozen=True, kw_only=True, rename="camel"):
    format: str = "text"
    flush_frequency: Duration = Duration(5)
    verbosity: int = 0
    vmodule: tuple[VModuleItem, ...] = ()
    options: LoggingFormats = LoggingFormats()


# Where the wire's name is not the attribute's in camel case.
_WIRE_NAMES = {
    "cluster_dns": "clusterDNS", "cpu_cfs_quota": "cpuCFSQuota", "cpu_cfs_quota_period": "cpuCFSQuotaPeriod",
    "cgroups_per_qos": "cgroupsPerQOS", "event_record_qps": "eventRecordQPS",
    "image_gc_high_threshold_percent": "imageGCHighThresholdPercent",
    "image_gc_low_threshold_percent": "imageGCLowThresholdPercent", "image_maximum_gc_age": "imageMaximumGCAge",
    "image_minimum_gc_age": "imageMinimumGCAge", "kube_api_burst": "kubeAPIBurst", "kube_api_qps": "kubeAPIQPS",
    "make_iptables_util_chains": "makeIPTablesUtilChains", "pod_cidr": "podCIDR", "provider_id": "providerID",
    "registry_pull_qps": "registryPullQPS", "reserved_system_cpus": "reservedSystemCPUs",
    "server_tls_bootstrap": "serverTLSBootstrap", "single_process_oom_kill": "singleProcessOOMKill",
    "static_pod_url": "staticPodURL", "static_pod_url_header": "staticPodURLHeader",
}


def _wire_name(name: str) -> str:
    if name in _WIRE_NAMES:
        return _WIRE_NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


class KubeletConfiguration(_Config, frozen=True, kw_only=True, rename=_wire_name):
    """The agent's configuration. None stands only where "unset" has a meaning of its own, given with the field."""

    # Server
    enable_server: bool = True
    address: str = "0.0.0.0"
    port: int = 10250
    read_only_port: int = 0
    healthz_port: int = 10248
    healthz_bind_address: str = "127.0.0.1"
    enable_debugging_handlers: bool = True
    enable_contention_profiling: bool = False
    enable_profiling_handler: bool = True
    enable_debug_flags_handler: bool = True
    enable_system_log_handler: bool = True
    enable_system_log_query: bool = False
    streaming_connection_idle_timeout: Duration = Duration(4 * 3600)
    show_hidden_metrics_for_version: str = ""
    # TLS
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    tls_cipher_suites: tuple[str, ...] = ()
    tls_curve_preferences: tuple[int, ...] = ()
    tls_min_version: str = ""
    rotate_certificates: bool = False
    server_tls_bootstrap: bool = False
    # Who may ask
    authentication: Authentication = Authentication()
    authorization: Authorization = Authorization()
    # Pod sources
    static_pod_path: str = ""
    static_pod_url: str = ""
    static_pod_url_header: dict[str, tuple[str, ...]] = {}
    file_check_frequency: Duration = Duration(20)
    http_check_frequency: Duration = Duration(20)
    sync_frequency: Duration = Duration(60)
    pod_cidr: str = ""
    pod_logs_dir: str = "/var/log/pods"
    # DNS and network
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    hairpin_mode: str = "promiscuous-bridge"
    make_iptables_util_chains: bool = True
    iptables_masquerade_bit: int = 14
    iptables_drop_bit: int = 15
    # API client
    kube_api_qps: int = 50
    kube_api_burst: int = 100
    content_type: str = "application/vnd.kubernetes.protobuf"
    event_record_qps: int = 50
    event_burst: int = 100
    # Node status
    node_status_update_frequency: Duration = Duration(10)
    node_status_report_frequency: Duration = Duration(300)
    node_lease_duration_seconds: int = 40
    node_status_max_images: int = 50
    register_node: bool = True
    register_with_taints: tuple[Taint, ...] = ()
    provider_id: str = ""
    enable_controller_attach_detach: bool = True
    # Capacity
    max_pods: int = 110
    pods_per_core: int = 0
    pod_pids_limit: int = -1
    max_open_files: int = 1_000_000
    system_reserved: dict[str, str] = {}
    kube_reserved: dict[str, str] = {}
    system_reserved_cgroup: str = ""
    kube_reserved_cgroup: str = ""
    enforce_node_allocatable: tuple[str, ...] = ("pods",)
    reserved_system_cpus: str = ""
    reserved_memory: tuple[MemoryReservation, ...] = ()
    qos_reserved: dict[str, str] = {}
    # cgroups
    cgroup_driver: str = "cgroupfs"
    cgroup_root: str = ""
    cgroups_per_qos: bool = True
    kubelet_cgroups: str = ""
    system_cgroups: str = ""
    fail_cgroup_v1: bool = True
    single_process_oom_kill: bool | None = None
    """None: false on cgroup v2, true on v1."""
    cpu_cfs_quota: bool = True
    cpu_cfs_quota_period: Duration = Duration(0.1)
    memory_throttling_factor: float = 0.9
    memory_reservation_policy: str = "None"
    oom_score_adj: int = -999
    # Managers
    cpu_manager_policy: str = "none"
    cpu_manager_policy_options: dict[str, str] = {}
    cpu_manager_reconcile_period: Duration = Duration(10)
    memory_manager_policy: str = "None"
    topology_manager_policy: str = "none"
    topology_manager_scope: str = "container"
    topology_manager_policy_options: dict[str, str] = {}
    # Images
    registry_pull_qps: int = 5
    registry_burst: int = 10
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int | None = None
    """None: no limit once pulls are not serialized."""
    image_minimum_gc_age: Duration = Duration(120)
    image_maximum_gc_age: Duration = Duration(0)
    image_gc_high_threshold_percent: int = 85
    image_gc_low_threshold_percent: int = 80
    image_pull_credentials_verification_policy: str = "NeverVerifyPreloadedImages"
    preloaded_images_verification_allowlist: tuple[str, ...] = ()
    # Eviction
    eviction_hard: dict[str, str] | None = None
    """None: the five defaults; else only what is listed, unless merge_default_eviction_settings."""
    eviction_soft: dict[str, str] = {}
    eviction_soft_grace_period: dict[str, str] = {}
    eviction_pressure_transition_period: Duration = Duration(300)
    eviction_max_pod_grace_period: int = 0
    eviction_minimum_reclaim: dict[str, str] = {}
    merge_default_eviction_settings: bool = False
    kernel_memcg_notification: bool = False
    local_storage_capacity_isolation: bool = True
    # Runtime
    container_runtime_endpoint: str = "unix:///run/containerd/containerd.sock"
    image_service_endpoint: str = ""
    runtime_request_timeout: Duration = Duration(120)
    # Container logs, and our own
    container_log_max_size: str = "10Mi"
    container_log_max_files: int = 5
    container_log_max_workers: int = 1
    container_log_monitor_interval: Duration = Duration(10)
    logging: Logging = Logging()
    # Volumes and referenced objects
    volume_stats_agg_period: Duration = Duration(60)
    volume_plugin_dir: str = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/"
    config_map_and_secret_change_detection_strategy: str = "Watch"  # noqa: S105  # no secret
    # Swap
    fail_swap_on: bool = True
    memory_swap: MemorySwap = MemorySwap()
    # Life and death of pods
    shutdown_grace_period: Duration = Duration(0)
    shutdown_grace_period_critical_pods: Duration = Duration(0)
    shutdown_grace_period_by_pod_priority: tuple[ShutdownGracePeriodByPodPriority, ...] = ()
    crash_loop_back_off: CrashLoopBackOff = CrashLoopBackOff()
    run_once: bool = False
    # Security
    seccomp_default: bool = False
    protect_kernel_defaults: bool = False
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    user_namespaces: UserNamespaces | None = None
    # The rest
    feature_gates: dict[str, bool] = {}
    tracing: Tracing | None = None


ZERO_MEANS_DEFAULT = frozenset({
    "address", "port", "registryBurst", "eventBurst", "healthzBindAddress", "nodeLeaseDurationSeconds", "cgroupDriver",
    "cpuManagerPolicy", "memoryManagerPolicy", "topologyManagerPolicy", "topologyManagerScope", "hairpinMode",
    "maxPods", "maxOpenFiles", "contentType", "kubeAPIBurst", "containerLogMaxSize",
    "configMapAndSecretChangeDetectionStrategy", "volumePluginDir", "memoryReservationPolicy",
    "containerRuntimeEndpoint", "podLogsDir", "imagePullCredentialsVerificationPolicy",
})
"""Fields that are no pointers upstream, so that their zero cannot be told from absence."""

ZERO_DURATION_IS_LITERAL = frozenset({"cpuCFSQuotaPeriod", "containerLogMonitorInterval", "maxContainerRestartPeriod"})
"""Durations that are pointers upstream: here `0s` is what was asked for (and refused by validation)."""


def decode_hook(cls: type, value: Any) -> Any:
    """For msgspec.convert: durations from text."""
    if cls is Duration:
        if isinstance(value, Duration):
            return value
        if isinstance(value, str):
            return Duration.parse(value)
        raise ValueError(f"{value!r} is not a duration; write text like 30s or 5m")
    raise NotImplementedError(cls)


def encode_hook(value: Any) -> Any:
    """For msgspec.to_builtins: durations as text."""
    if isinstance(value, Duration):
        return str(value)
    raise NotImplementedError(type(value))


def to_plain(config: KubeletConfiguration) -> dict[str, Any]:
    """The configuration as it would stand in a file, every field written out."""
    return cast(dict[str, Any], msgspec.to_builtins(config, enc_hook=encode_hook))
