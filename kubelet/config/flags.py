"""Every flag of the kubelet: its kind, and where its value goes.

Most flags are old names of configuration fields and say so when used; the table below gives name, kind and the
field's path. The others belong to the process and land in KubeletFlags. Sources: cmd/kubelet/app/options/options.go,
globalflags_linux.go, component-base/logs/api/v1/options.go.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from kubelet.config.duration import Duration


class Kind(StrEnum):
    """How a flag's text is read (pflag's and component-base/cli/flag's value types)."""

    STRING = "string"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    DURATION = "duration"
    STRINGS = "strings"
    REPEATED = "repeated"
    MAP = "map"
    MAP_BOOL = "mapbool"
    MAP_ONE = "mapone"
    """`key=value`, once per flag: the value may hold commas."""
    MAP_LESS = "mapless"
    """`signal<quantity`."""
    LABELS = "labels"
    HEADERS = "headers"
    IP = "ip"
    TAINTS = "taints"
    RESERVED_MEMORY = "reservedmemory"
    VMODULE = "vmodule"
    VERSION = "version"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class KubeletFlags:
    """Settings that exist as flags only."""

    config: str = ""
    config_dir: str = ""
    kubeconfig: str = ""
    """Empty: standalone, no API server."""
    bootstrap_kubeconfig: str = ""
    hostname_override: str = ""
    node_ip: str = ""
    root_dir: str = "/var/lib/kubelet"
    cert_dir: str = "/var/lib/kubelet/pki"
    cloud_provider: str = ""
    node_labels: dict[str, str] = field(default_factory=dict)
    seccomp_default: bool = False
    lock_file: str = ""
    exit_on_lock_contention: bool = False
    minimum_container_ttl_duration: Duration = Duration(0)  # noqa: RUF009  # immutable
    maximum_dead_containers_per_container: int = 1
    maximum_dead_containers: int = -1
    runtime_cgroups: str = ""
    image_credential_provider_config: str = ""
    image_credential_provider_bin_dir: str = ""
    experimental_mounter_path: str = ""
    experimental_allocatable_ignore_eviction: bool = False
    housekeeping_interval: Duration = Duration(10)  # noqa: RUF009  # immutable
    dockershim_flag: list[str] = field(default_factory=list)
    """Flags of the embedded dockershim; ours alone."""
    image_gc_protect: list[str] = field(default_factory=list)
    image_gc_pulled_only: bool = False
    """Both ours alone: which unused images are never collected."""
    pod_infra_container_image: str = ""
    """Of old kubeadm-flags.env files; handed to the embedded dockershim."""

    @property
    def node_ips(self) -> tuple[str, ...]:
        """The addresses of --node-ip; `0.0.0.0` and `::` only choose the family."""
        return tuple(part.strip() for part in self.node_ip.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `path` leads into the configuration; empty for members of KubeletFlags."""

    name: str
    kind: Kind
    path: tuple[str, ...] = ()
    shorthand: str = ""
    help: str = ""
    deprecated: str = ""
    default: str = ""

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


_CONFIG_FLAGS = """
address                                  ip              address
allowed-unsafe-sysctls                   strings         allowedUnsafeSysctls
anonymous-auth                           bool            authentication.anonymous.enabled
authentication-token-webhook             bool            authentication.webhook.enabled
authentication-token-webhook-cache-ttl   duration        authentication.webhook.cacheTTL
authorization-mode                       string          authorization.mode
authorization-webhook-cache-authorized-ttl   duration    authorization.webhook.cacheAuthorizedTTL
authorization-webhook-cache-unauthorized-ttl duration    authorization.webhook.cacheUnauthorizedTTL
cgroup-driver                            string          cgroupDriver
cgroup-root                              string          cgroupRoot
cgroups-per-qos                          bool            cgroupsPerQOS
client-ca-file                           string          authentication.x509.clientCAFile
cluster-dns                              strings         clusterDNS
cluster-domain                           string          clusterDomain
container-log-max-files                  int32           containerLogMaxFiles
container-log-max-size                   string          containerLogMaxSize
container-runtime-endpoint               string          containerRuntimeEndpoint
contention-profiling                     bool            enableContentionProfiling
cpu-cfs-quota                            bool            cpuCFSQuota
cpu-cfs-quota-period                     duration        cpuCFSQuotaPeriod
cpu-manager-policy                       string          cpuManagerPolicy
cpu-manager-policy-options               mapone          cpuManagerPolicyOptions
cpu-manager-reconcile-period             duration        cpuManagerReconcilePeriod
enable-controller-attach-detach          bool            enableControllerAttachDetach
enable-debugging-handlers                bool            enableDebuggingHandlers
enable-server                            bool            enableServer
enforce-node-allocatable                 strings         enforceNodeAllocatable
event-burst                              int32           eventBurst
event-qps                                int32           eventRecordQPS
eviction-hard                            mapless         evictionHard
eviction-max-pod-grace-period            int32           evictionMaxPodGracePeriod
eviction-minimum-reclaim                 map             evictionMinimumReclaim
eviction-pressure-transition-period      duration        evictionPressureTransitionPeriod
eviction-soft                            mapless         evictionSoft
eviction-soft-grace-period               map             evictionSoftGracePeriod
fail-cgroupv1                            bool            failCgroupV1
fail-swap-on                             bool            failSwapOn
feature-gates                            mapbool         featureGates
file-check-frequency                     duration        fileCheckFrequency
hairpin-mode                             string          hairpinMode
healthz-bind-address                     ip              healthzBindAddress
healthz-port                             int32           healthzPort
http-check-frequency                     duration        httpCheckFrequency
image-gc-high-threshold                  int32           imageGCHighThresholdPercent
image-gc-low-threshold                   int32           imageGCLowThresholdPercent
image-service-endpoint                   string          imageServiceEndpoint
kernel-memcg-notification                bool            kernelMemcgNotification
kube-api-burst                           int32           kubeAPIBurst
kube-api-content-type                    string          contentType
kube-api-qps                             int32           kubeAPIQPS
kubelet-cgroups                          string          kubeletCgroups
kube-reserved                            map             kubeReserved
kube-reserved-cgroup                     string          kubeReservedCgroup
local-storage-capacity-isolation         bool            localStorageCapacityIsolation
log-flush-frequency                      duration        logging.flushFrequency
logging-format                           string          logging.format
log-json-info-buffer-size                string          logging.options.json.infoBufferSize
log-json-split-stream                    bool            logging.options.json.splitStream
log-text-info-buffer-size                string          logging.options.text.infoBufferSize
log-text-split-stream                    bool            logging.options.text.splitStream
make-iptables-util-chains                bool            makeIPTablesUtilChains
manifest-url                             string          staticPodURL
manifest-url-header                      headers         staticPodURLHeader
max-open-files                           int64           maxOpenFiles
max-pods                                 int32           maxPods
memory-manager-policy                    string          memoryManagerPolicy
minimum-image-ttl-duration               duration        imageMinimumGCAge
node-status-max-images                   int32           nodeStatusMaxImages
node-status-update-frequency             duration        nodeStatusUpdateFrequency
oom-score-adj                            int32           oomScoreAdj
pod-cidr                                 string          podCIDR
pod-manifest-path                        string          staticPodPath
pod-max-pids                             int64           podPidsLimit
pods-per-core                            int32           podsPerCore
port                                     int32           port
protect-kernel-defaults                  bool            protectKernelDefaults
provider-id                              string          providerID
qos-reserved                             map             qosReserved
read-only-port                           int32           readOnlyPort
register-node                            bool            registerNode
register-with-taints                     taints          registerWithTaints
registry-burst                           int32           registryBurst
registry-qps                             int32           registryPullQPS
reserved-cpus                            string          reservedSystemCPUs
reserved-memory                          reservedmemory  reservedMemory
resolv-conf                              string          resolvConf
rotate-certificates                      bool            rotateCertificates
rotate-server-certificates               bool            serverTLSBootstrap
runonce                                  bool            runOnce
runtime-request-timeout                  duration        runtimeRequestTimeout
serialize-image-pulls                    bool            serializeImagePulls
streaming-connection-idle-timeout        duration        streamingConnectionIdleTimeout
sync-frequency                           duration        syncFrequency
system-cgroups                           string          systemCgroups
system-reserved                          map             systemReserved
system-reserved-cgroup                   string          systemReservedCgroup
tls-cert-file                            string          tlsCertFile
tls-cipher-suites                        strings         tlsCipherSuites
tls-min-version                          string          tlsMinVersion
tls-private-key-file                     string          tlsPrivateKeyFile
topology-manager-policy                  string          topologyManagerPolicy
topology-manager-policy-options          map             topologyManagerPolicyOptions
topology-manager-scope                   string          topologyManagerScope
v                                        int32           logging.verbosity
vmodule                                  vmodule         logging.vmodule
volume-plugin-dir                        string          volumePluginDir
volume-stats-agg-period                  duration        volumeStatsAggPeriod
"""

NOT_DEPRECATED = frozenset({"v", "vmodule", "log-flush-frequency", "provider-id", "fail-cgroupv1"})
_IN_CONFIG = "set it in the file that --config names"
_REPLACED_BY_EVICTION = "use --eviction-hard or --eviction-soft"
_WITHDRAWN = "it will go away"

_PROCESS_FLAGS = (
    Flag("config", Kind.STRING, help="the file with the KubeletConfiguration; flags win over it"),
    Flag("config-dir", Kind.STRING, help="a directory of *.conf files, merged over --config in lexical order"),
    Flag("kubeconfig", Kind.STRING, help="how to reach the API server; without it the node is on its own (standalone)"),
    Flag("bootstrap-kubeconfig", Kind.STRING,
         help="used once to ask for a client certificate when --kubeconfig does not exist yet"),
    Flag("hostname-override", Kind.STRING, help="the node's name instead of the host's"),
    Flag("node-ip", Kind.STRING, help="the node's address, or an IPv4 and an IPv6 one with a comma; 0.0.0.0 and :: "
                                      "choose the family only"),
    Flag("root-dir", Kind.STRING, help="where pods' directories and the agent's state are kept",
         default="/var/lib/kubelet"),
    Flag("cert-dir", Kind.STRING, help="where certificates are kept", default="/var/lib/kubelet/pki"),
    Flag("cloud-provider", Kind.STRING, help="external: a cloud controller sets the node's addresses; else empty"),
    Flag("node-labels", Kind.LABELS, help="labels of the node at registration: key=value,..."),
    Flag("seccomp-default", Kind.BOOL, help="RuntimeDefault seccomp for containers that name no profile"),
    Flag("lock-file", Kind.STRING, help="a file locked while the agent runs"),
    Flag("exit-on-lock-contention", Kind.BOOL, help="end when another process opens the lock file"),
    Flag("runtime-cgroups", Kind.STRING, help="the cgroup of the container runtime"),
    Flag("image-credential-provider-config", Kind.STRING, help="credential plugins' configuration, file or directory"),
    Flag("image-credential-provider-bin-dir", Kind.STRING, help="where credential plugins are"),
    Flag("housekeeping-interval", Kind.DURATION, help="how often containers' usage is read", default="10s"),
    Flag("minimum-container-ttl-duration", Kind.DURATION, help="age before a dead container may be removed",
         deprecated=_REPLACED_BY_EVICTION, default="0s"),
    Flag("maximum-dead-containers-per-container", Kind.INT32, help="dead containers kept for each container",
         deprecated=_REPLACED_BY_EVICTION, default="1"),
    Flag("maximum-dead-containers", Kind.INT32, help="dead containers kept on the node; negative: no limit",
         deprecated=_REPLACED_BY_EVICTION, default="-1"),
    Flag("experimental-mounter-path", Kind.STRING, help="a mount program", deprecated=_WITHDRAWN),
    Flag("experimental-allocatable-ignore-eviction", Kind.BOOL,
         help="do not take hard eviction thresholds off the node's allocatable", deprecated=_WITHDRAWN),
    Flag("dockershim-flag", Kind.REPEATED, help="a flag for the embedded dockershim; may be given several times"),
    Flag("image-gc-protect", Kind.REPEATED,
         help="images that are never collected: a pattern of names, like 'example.com/base/*'; may be given several "
              "times"),
    Flag("image-gc-pulled-only", Kind.BOOL,
         help="collect only images that this kubelet has pulled, never side-loaded ones"),
    Flag("pod-infra-container-image", Kind.STRING, help="the pause image of the embedded dockershim",
         deprecated="the container runtime's own setting counts"),
    Flag("version", Kind.VERSION, help="print the version and quit"),
    Flag("help", Kind.BOOL, shorthand="h", help="print this and quit"),
)

# cAdvisor's, registered upstream by mistake: taken and without effect.
_IGNORED = """application-metrics-count-limit boot-id-file container-hints containerd containerd-namespace
enable-load-reader event-storage-age-limit event-storage-event-limit global-housekeeping-interval log-cadvisor-usage
machine-id-file storage-driver-user storage-driver-password storage-driver-host storage-driver-db storage-driver-table
storage-driver-secure storage-driver-buffer-duration"""

REMOVED = {
    "network-plugin": "1.24", "cni-conf-dir": "1.24", "cni-bin-dir": "1.24", "cni-cache-dir": "1.24",
    "docker-endpoint": "1.24", "image-pull-progress-deadline": "1.24", "network-plugin-mtu": "1.24",
    "experimental-dockershim-root-directory": "1.24", "container-runtime": "1.27", "master-service-namespace": "1.27",
    "keep-terminated-pod-volumes": "1.31", "iptables-masquerade-bit": "1.28", "iptables-drop-bit": "1.28",
    "cloud-config": "1.35", "register-schedulable": "1.25", "dynamic-config-dir": "1.24", "logtostderr": "1.26",
    "alsologtostderr": "1.26", "log-dir": "1.26", "log-file": "1.26", "stderrthreshold": "1.26",
    "non-masquerade-cidr": "1.24", "experimental-bootstrap-kubeconfig": "1.21", "require-kubeconfig": "1.10",
    "api-servers": "1.8", "allow-privileged": "1.15",
}
"""Names in old unit files, with the version that has dropped them (the latest known to be without)."""


def _table() -> dict[str, Flag]:
    flags = {flag.name: flag for flag in _PROCESS_FLAGS}
    for row in _CONFIG_FLAGS.strip().splitlines():
        name, kind, path = row.split()
        flags[name] = Flag(name, Kind(kind), tuple(path.split(".")), shorthand="v" if name == "v" else "",
                           help=f"sets {path} of the configuration",
                           deprecated="" if name in NOT_DEPRECATED else _IN_CONFIG)
    for name in _IGNORED.split():
        flags[name] = Flag(name, Kind.IGNORED, help="without effect", deprecated=_WITHDRAWN)
    return dict(sorted(flags.items()))


FLAGS = _table()
SHORTHANDS = {flag.shorthand: flag for flag in FLAGS.values() if flag.shorthand}
