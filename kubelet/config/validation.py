"""The rules that a configuration must keep, each with the field's path and what to write instead. Pure.

Source: pkg/kubelet/apis/config/validation/validation.go, cmd/kubelet/app/options (node labels).
"""

import re
import ssl
from collections.abc import Callable, Iterator

from kubelet.api.quantity import InvalidQuantityError, parse
from kubelet.config import gates, tlsnames
from kubelet.config.duration import Duration
from kubelet.config.flags import KubeletFlags
from kubelet.config.types import KubeletConfiguration
from kubelet.version import KUBERNETES_VERSION

Problem = tuple[str, str]
"""(path, what is wrong and what to write)."""

_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ENFORCEMENTS = ("pods", "system-reserved", "system-reserved-compressible", "kube-reserved",
                 "kube-reserved-compressible", "none")
_CHOICES: dict[str, tuple[str, ...]] = {
    "topologyManagerPolicy": ("none", "best-effort", "restricted", "single-numa-node"),
    "topologyManagerScope": ("container", "pod"),
    "hairpinMode": ("promiscuous-bridge", "hairpin-veth", "none"),
    "imagePullCredentialsVerificationPolicy": (
        "NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages", "AlwaysVerify"),
    "memoryReservationPolicy": ("None", "TieredReservation"),
    "cgroupDriver": ("cgroupfs", "systemd"),
    "cpuManagerPolicy": ("none", "static"),
    "memoryManagerPolicy": ("None", "Static"),
    "configMapAndSecretChangeDetectionStrategy": ("Get", "Cache", "Watch"),
}
_PATHS_OF = {"topologyManagerPolicy": "topology_manager_policy", "topologyManagerScope": "topology_manager_scope",
             "hairpinMode": "hairpin_mode", "cgroupDriver": "cgroup_driver", "cpuManagerPolicy": "cpu_manager_policy",
             "imagePullCredentialsVerificationPolicy": "image_pull_credentials_verification_policy",
             "memoryReservationPolicy": "memory_reservation_policy", "memoryManagerPolicy": "memory_manager_policy",
             "configMapAndSecretChangeDetectionStrategy": "config_map_and_secret_change_detection_strategy"}

_UNSIGNED: dict[str, Callable[[KubeletConfiguration], float]] = {
    "eventBurst": lambda c: c.event_burst, "eventRecordQPS": lambda c: c.event_record_qps,
    "kubeAPIBurst": lambda c: c.kube_api_burst, "kubeAPIQPS": lambda c: c.kube_api_qps,
    "registryBurst": lambda c: c.registry_burst, "registryPullQPS": lambda c: c.registry_pull_qps,
    "maxOpenFiles": lambda c: c.max_open_files, "maxPods": lambda c: c.max_pods,
    "podsPerCore": lambda c: c.pods_per_core, "imageMinimumGCAge": lambda c: c.image_minimum_gc_age,
    "imageMaximumGCAge": lambda c: c.image_maximum_gc_age,
}
_RANGES: dict[str, tuple[Callable[[KubeletConfiguration], float], float, float]] = {
    "port": (lambda c: c.port, 1, 65535), "readOnlyPort": (lambda c: c.read_only_port, 0, 65535),
    "healthzPort": (lambda c: c.healthz_port, 0, 65535), "oomScoreAdj": (lambda c: c.oom_score_adj, -1000, 1000),
    "imageGCHighThresholdPercent": (lambda c: c.image_gc_high_threshold_percent, 0, 100),
    "imageGCLowThresholdPercent": (lambda c: c.image_gc_low_threshold_percent, 0, 100),
    "iptablesDropBit": (lambda c: c.iptables_drop_bit, 0, 31),
    "iptablesMasqueradeBit": (lambda c: c.iptables_masquerade_bit, 0, 31),
    "cpuCFSQuotaPeriod": (lambda c: c.cpu_cfs_quota_period, 0.001, 1),
    "crashLoopBackOff.maxContainerRestartPeriod":
        (lambda c: c.crash_loop_back_off.max_container_restart_period, 1, 300),
}


def problems(config: KubeletConfiguration) -> list[Problem]:
    """All broken rules, in a stable order."""
    checks = (_numbers, _choices, _images, _shutdown, _allocatable, _logs, _evictions, _tls, _rest, _gates)
    return [problem for check in checks for problem in check(config)]


def _numbers(config: KubeletConfiguration) -> Iterator[Problem]:
    for path, value in _UNSIGNED.items():
        if value(config) < 0:
            yield path, f"is {value(config)}; write 0 or more"
    for path, (value, low, high) in _RANGES.items():
        if not low <= value(config) <= high:
            unit = " (seconds)" if path in ("cpuCFSQuotaPeriod", "crashLoopBackOff.maxContainerRestartPeriod") else ""
            yield path, f"is {value(config)}; write a value from {low} to {high}{unit}"
    if config.node_lease_duration_seconds <= 0:
        yield "nodeLeaseDurationSeconds", f"is {config.node_lease_duration_seconds}; write a number above 0"
    if config.node_status_max_images < -1:
        yield "nodeStatusMaxImages", f"is {config.node_status_max_images}; write -1 (no limit) or more"
    if config.logging.flush_frequency <= 0:
        yield "logging.flushFrequency", f"is {config.logging.flush_frequency}; write a time above 0"
    if not 0 < config.memory_throttling_factor <= 1:
        yield "memoryThrottlingFactor", f"is {config.memory_throttling_factor}; write a number above 0, at most 1"


def _choices(config: KubeletConfiguration) -> Iterator[Problem]:
    for path, choices in _CHOICES.items():
        value = getattr(config, _PATHS_OF[path])
        if value not in choices:
            yield path, f"is {value!r}; write one of: {', '.join(choices)}"
    if config.authorization.mode not in ("AlwaysAllow", "Webhook"):
        yield "authorization.mode", f"is {config.authorization.mode!r}; write one of: AlwaysAllow, Webhook"
    if config.memory_swap.swap_behavior not in ("", "NoSwap", "LimitedSwap"):
        yield ("memorySwap.swapBehavior",
               f"is {config.memory_swap.swap_behavior!r}; write one of: NoSwap, LimitedSwap, or leave it out")
    if config.logging.format not in ("text", "json"):
        yield "logging.format", f"is {config.logging.format!r}; write one of: text, json"
    elif config.logging.vmodule and config.logging.format != "text":
        yield "logging.vmodule", f"is for the format text only, and logging.format is {config.logging.format}"
    for index, item in enumerate(config.logging.vmodule):
        if not item.file_pattern or any(sign in item.file_pattern for sign in "=,"):
            yield (f"logging.vmodule[{index}].filePattern",
                   f"is {item.file_pattern!r}; write a file's name without its ending, * and ? allowed")
    if not 0 <= config.logging.verbosity < 2**31:
        yield "logging.verbosity", f"is {config.logging.verbosity}; write a number from 0 to {2**31 - 1}"


def _images(config: KubeletConfiguration) -> Iterator[Problem]:
    low, high = config.image_gc_low_threshold_percent, config.image_gc_high_threshold_percent
    if low >= high:
        yield "imageGCLowThresholdPercent", f"is {low}; write less than imageGCHighThresholdPercent, which is {high}"
    if 0 < config.image_maximum_gc_age <= config.image_minimum_gc_age:
        yield ("imageMaximumGCAge", f"is {config.image_maximum_gc_age}; write more than imageMinimumGCAge, which is "
                                    f"{config.image_minimum_gc_age}")
    parallel = config.max_parallel_image_pulls
    if parallel is not None and parallel < 1:
        yield "maxParallelImagePulls", f"is {parallel}; write 1 or more"
    elif parallel is not None and parallel > 1 and config.serialize_image_pulls:
        yield "maxParallelImagePulls", f"is {parallel}, but serializeImagePulls is true; set that to false"
    policy = config.image_pull_credentials_verification_policy
    if config.preloaded_images_verification_allowlist and policy != "NeverVerifyAllowlistedImages":
        yield ("preloadedImagesVerificationAllowlist", "needs imagePullCredentialsVerificationPolicy: "
                                                       "NeverVerifyAllowlistedImages; set that or remove this")


def _shutdown(config: KubeletConfiguration) -> Iterator[Problem]:
    whole, critical = config.shutdown_grace_period, config.shutdown_grace_period_critical_pods
    if critical > whole:
        yield "shutdownGracePeriodCriticalPods", f"is {critical}; write at most shutdownGracePeriod, which is {whole}"
    for path, period in (("shutdownGracePeriod", whole), ("shutdownGracePeriodCriticalPods", critical)):
        if period < 0 or 0 < period < 1:
            yield path, f"is {period}; write 0s (off) or at least 1s"
    if config.shutdown_grace_period_by_pod_priority and (whole > 0 or critical > 0):
        yield "shutdownGracePeriodByPodPriority", "excludes shutdownGracePeriod; set only one of the two"


def _allocatable(config: KubeletConfiguration) -> Iterator[Problem]:
    path, enforced = "enforceNodeAllocatable", config.enforce_node_allocatable
    for item in dict.fromkeys(enforced):
        if enforced.count(item) > 1:
            yield path, f"names {item!r} twice; name it once"
        if item not in _ENFORCEMENTS:
            yield path, f"names {item!r}; use: {', '.join(_ENFORCEMENTS)}"
            continue
        if item == "none":
            if len(enforced) > 1:
                yield path, "names 'none' beside others; name it alone"
            continue
        if item.startswith("system-reserved") and not config.system_reserved_cgroup:
            yield "systemReservedCgroup", f"is empty, but enforceNodeAllocatable names {item!r}; name the cgroup"
        if item.startswith("kube-reserved") and not config.kube_reserved_cgroup:
            yield "kubeReservedCgroup", f"is empty, but enforceNodeAllocatable names {item!r}; name the cgroup"
        if not config.cgroups_per_qos:
            yield "cgroupsPerQOS", f"is false, but enforceNodeAllocatable names {item!r}; set that to none"
    for part in ("system-reserved", "kube-reserved"):
        if part in enforced and f"{part}-compressible" in enforced:
            yield path, f"names both {part!r} and '{part}-compressible'; name one"
    if config.reserved_system_cpus and (config.system_reserved_cgroup or config.kube_reserved_cgroup):
        yield "reservedSystemCPUs", "excludes systemReservedCgroup and kubeReservedCgroup; remove one side"
    if config.reserved_system_cpus and not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", config.reserved_system_cpus):
        yield "reservedSystemCPUs", f"is {config.reserved_system_cpus!r}; write CPU numbers like 0-3,8"
    if config.system_cgroups and not config.cgroup_root:
        yield "systemCgroups", "needs cgroupRoot; set that too"
    for name, reserved in (("systemReserved", config.system_reserved), ("kubeReserved", config.kube_reserved)):
        for resource, amount in reserved.items():
            if resource not in ("cpu", "memory", "ephemeral-storage", "pid"):
                yield f"{name}.{resource}", "cannot be reserved; use cpu, memory, ephemeral-storage or pid"
            yield from _quantity(f"{name}.{resource}", amount)
    yield from _reserved_memory(config)


def _quantity(path: str, text: object) -> Iterator[Problem]:
    try:
        if parse(str(text)) < 0:
            yield path, f"is {text}; write 0 or more"
    except InvalidQuantityError as error:
        yield path, str(error)


def _reserved_memory(config: KubeletConfiguration) -> Iterator[Problem]:
    seen: set[tuple[int, str]] = set()
    for index, item in enumerate(config.reserved_memory):
        for resource, amount in item.limits.items():
            path = f"reservedMemory[{index}].limits.{resource}"
            if resource != "memory" and not resource.startswith("hugepages-"):
                yield path, "cannot be reserved; use memory or hugepages-<size>"
            if (item.numa_node, resource) in seen:
                yield path, f"is given twice for NUMA node {item.numa_node}; give it once"
            seen.add((item.numa_node, resource))
            yield from _quantity(path, amount)


def _logs(config: KubeletConfiguration) -> Iterator[Problem]:
    if config.container_log_max_files <= 1:
        yield "containerLogMaxFiles", f"is {config.container_log_max_files}; write 2 or more"
    if config.container_log_max_workers < 1:
        yield "containerLogMaxWorkers", f"is {config.container_log_max_workers}; write 1 or more"
    if config.container_log_monitor_interval < 3:
        yield "containerLogMonitorInterval", f"is {config.container_log_monitor_interval}; write 3s or more"
    yield from _quantity("containerLogMaxSize", config.container_log_max_size)
    directory = config.pod_logs_dir
    if not directory.startswith("/") or "//" in directory or "/./" in directory or "/../" in directory \
            or (len(directory) > 1 and directory.endswith(("/", "/.", "/.."))):
        yield "podLogsDir", f"is {directory!r}; write an absolute path without . and .. parts"
    if not directory.isascii():
        yield "podLogsDir", f"is {directory!r}; use ASCII letters only, metrics carry it"


_SIGNALS = ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree",
            "containerfs.available", "containerfs.inodesFree", "allocatableMemory.available", "pid.available")


def _evictions(config: KubeletConfiguration) -> Iterator[Problem]:
    for name, thresholds in (("evictionHard", config.eviction_hard or {}), ("evictionSoft", config.eviction_soft),
                             ("evictionMinimumReclaim", config.eviction_minimum_reclaim)):
        for signal, amount in thresholds.items():
            path = f"{name}.{signal}"
            if signal not in _SIGNALS:
                yield path, f"is no eviction signal; use one of: {', '.join(_SIGNALS)}"
            elif not amount.endswith("%"):
                yield from _quantity(path, amount)
            elif not re.fullmatch(r"\d+(\.\d+)?%", amount) or not 0 <= float(amount[:-1]) <= 100:
                yield path, f"is {amount!r}; write a percentage from 0% to 100%"
    for signal in config.eviction_soft:
        if signal not in config.eviction_soft_grace_period:
            yield f"evictionSoftGracePeriod.{signal}", "is missing; every signal of evictionSoft needs a grace period"
    for signal, period in config.eviction_soft_grace_period.items():
        try:
            negative = Duration.parse(period) < 0
        except ValueError as error:
            yield f"evictionSoftGracePeriod.{signal}", str(error)
        else:
            if negative:
                yield f"evictionSoftGracePeriod.{signal}", f"is {period}; write 0s or more"


def _tls(config: KubeletConfiguration) -> Iterator[Problem]:
    several = hasattr(ssl.SSLContext, "set_groups")
    for path, problem in (
        ("tlsMinVersion", tlsnames.version_problem(config.tls_min_version)),
        ("tlsCipherSuites", tlsnames.cipher_problem(config.tls_cipher_suites)),
        ("tlsCurvePreferences", tlsnames.curve_problem(config.tls_curve_preferences, several=several)),
    ):
        if problem:
            yield path, problem


def _rest(config: KubeletConfiguration) -> Iterator[Problem]:
    major, minor, *_ = KUBERNETES_VERSION.removeprefix("v").split(".")
    before = f"{major}.{int(minor) - 1}"
    if config.show_hidden_metrics_for_version not in ("", before):
        yield ("showHiddenMetricsForVersion", f"is {config.show_hidden_metrics_for_version!r}; only the previous minor "
                                              f"version is allowed: write {before!r}, or leave it out")
    if config.run_once:
        yield "runOnce", "is true, a mode that is gone; remove it"
    for index, taint in enumerate(config.register_with_taints):
        if not taint.key or taint.effect not in _TAINT_EFFECTS:
            yield f"registerWithTaints[{index}]", f"needs a key and an effect of: {', '.join(_TAINT_EFFECTS)}"
        if taint.time_added:
            yield f"registerWithTaints[{index}].timeAdded", "cannot be set; remove it"
    if config.enable_system_log_query and not config.enable_system_log_handler:
        yield "enableSystemLogQuery", "needs enableSystemLogHandler; set that to true"
    if not config.container_runtime_endpoint:
        yield "containerRuntimeEndpoint", "is empty; name a socket like unix:///run/containerd/containerd.sock"
    for path, value in (("containerRuntimeEndpoint", config.container_runtime_endpoint),
                        ("imageServiceEndpoint", config.image_service_endpoint)):
        if value and not value.startswith(("unix://", "/", "tcp://")):
            yield path, f"is {value!r}; write unix:///path/to/socket"
    if config.user_namespaces is not None:
        count = config.user_namespaces.ids_per_pod
        if count <= 0 or count % 65536:
            yield "userNamespaces.idsPerPod", f"is {count}; write a multiple of 65536"
    if config.tracing is not None and not 0 <= config.tracing.sampling_rate_per_million <= 1_000_000:
        yield ("tracing.samplingRatePerMillion",
               f"is {config.tracing.sampling_rate_per_million}; write a number from 0 to 1000000")


def _gates(config: KubeletConfiguration) -> Iterator[Problem]:
    for gate, state in config.feature_gates.items():
        if gates.is_locked(gate) and state != gates.default(gate):
            yield f"featureGates.{gate}", f"is locked to {str(gates.default(gate)).lower()}; remove it"

    def off(gate: str) -> bool:
        return not gates.enabled(gate, config.feature_gates)

    if config.server_tls_bootstrap and off("RotateKubeletServerCertificate"):
        yield "serverTLSBootstrap", "needs the feature gate RotateKubeletServerCertificate; enable it"
    if config.cpu_cfs_quota_period != 0.1 and off("CustomCPUCFSQuotaPeriod"):
        yield "cpuCFSQuotaPeriod", "needs the feature gate CustomCPUCFSQuotaPeriod; enable it"
    if (config.shutdown_grace_period > 0 or config.shutdown_grace_period_critical_pods > 0) \
            and off("GracefulNodeShutdown"):
        yield "shutdownGracePeriod", "needs the feature gate GracefulNodeShutdown; enable it"
    if config.shutdown_grace_period_by_pod_priority and off("GracefulNodeShutdownBasedOnPodPriority"):
        yield ("shutdownGracePeriodByPodPriority",
               "needs the feature gate GracefulNodeShutdownBasedOnPodPriority; enable it")
    if config.memory_reservation_policy == "TieredReservation" and off("MemoryQoS"):
        yield "memoryReservationPolicy", "is TieredReservation, which needs the feature gate MemoryQoS; enable it"
    if config.qos_reserved and off("QOSReserved"):
        yield "qosReserved", "needs the feature gate QOSReserved; enable it"


_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_OWN_LABELS = frozenset({
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
})
_OWN_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")


def flag_problems(flags: KubeletFlags) -> list[Problem]:
    """Broken rules of the flags that are no configuration fields."""
    found: list[Problem] = []
    for key, value in flags.node_labels.items():
        namespace, _, name = key.rpartition("/")
        if not _NAME.fullmatch(name) or (namespace and len(namespace) > 253):
            found.append(("--node-labels", f"{key!r} is not a label's name; write [prefix/]name"))
        if value and not _NAME.fullmatch(value):
            found.append(("--node-labels", f"{value!r} is not a label's value (key {key})"))
        reserved = any(namespace == part or namespace.endswith(f".{part}") for part in ("kubernetes.io", "k8s.io"))
        own = any(namespace == part or namespace.endswith(f".{part}") for part in _OWN_NAMESPACES)
        if reserved and not own and key not in _OWN_LABELS:
            found.append(("--node-labels", f"{key!r} is not for a node to set on itself; use a prefix of "
                                           f"{' or '.join(_OWN_NAMESPACES)}, or one outside kubernetes.io"))
    if flags.exit_on_lock_contention and not flags.lock_file:
        found.append(("--exit-on-lock-contention", "needs --lock-file; set it"))
    if flags.cloud_provider not in ("", "external"):
        found.append(("--cloud-provider", f"is {flags.cloud_provider!r}; write external or nothing"))
    return found
