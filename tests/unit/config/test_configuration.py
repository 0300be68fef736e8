"""KubeletConfiguration files: names, defaults, zeroes, drop-ins, precedence, and what a bad one is told."""

from pathlib import Path

import msgspec
import pytest

from kubelet.config import ConfigError, Duration, KubeletConfiguration, enabled, load, to_plain
from kubelet.config.document import merge_patch

# JSON names of k8s.io/kubelet/config/v1beta1.KubeletConfiguration, v0.36.3.
UPSTREAM_FIELDS = """
    address allowedUnsafeSysctls authentication authorization cgroupDriver cgroupRoot cgroupsPerQOS clusterDNS
    clusterDomain configMapAndSecretChangeDetectionStrategy containerLogMaxFiles containerLogMaxSize
    containerLogMaxWorkers containerLogMonitorInterval containerRuntimeEndpoint contentType cpuCFSQuota
    cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod crashLoopBackOff
    enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers
    enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery enforceNodeAllocatable
    eventBurst eventRecordQPS evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim
    evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn featureGates
    fileCheckFrequency hairpinMode healthzBindAddress healthzPort httpCheckFrequency imageGCHighThresholdPercent
    imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge imagePullCredentialsVerificationPolicy
    imageServiceEndpoint iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS
    kubeReserved kubeReservedCgroup kubeletCgroups localStorageCapacityIsolation logging makeIPTablesUtilChains
    maxOpenFiles maxParallelImagePulls maxPods memoryManagerPolicy memoryReservationPolicy memorySwap
    memoryThrottlingFactor mergeDefaultEvictionSettings nodeLeaseDurationSeconds nodeStatusMaxImages
    nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podCIDR podLogsDir podPidsLimit podsPerCore
    port preloadedImagesVerificationAllowlist protectKernelDefaults providerID qosReserved readOnlyPort
    registerNode registerWithTaints registryBurst registryPullQPS reservedMemory reservedSystemCPUs resolvConf
    rotateCertificates runOnce runtimeRequestTimeout seccompDefault serializeImagePulls serverTLSBootstrap
    showHiddenMetricsForVersion shutdownGracePeriod shutdownGracePeriodByPodPriority
    shutdownGracePeriodCriticalPods singleProcessOOMKill staticPodPath staticPodURL staticPodURLHeader
    streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved systemReservedCgroup tlsCertFile
    tlsCipherSuites tlsCurvePreferences tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy
    topologyManagerPolicyOptions topologyManagerScope tracing userNamespaces volumePluginDir volumeStatsAggPeriod
""".split()  # noqa: SIM905
HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
KUBEADM = HEAD + """
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
authorization: {mode: Webhook, webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}}
cgroupDriver: systemd
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}, verbosity: 0}
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
"""


def write(directory: Path, text: str, name: str = "config.yaml") -> str:
    file = directory / name
    file.write_text(text)
    return str(file)


def test_every_field_of_upstream_is_there_under_its_name() -> None:
    ours = sorted(field.encode_name for field in msgspec.structs.fields(KubeletConfiguration))
    assert ours == sorted(UPSTREAM_FIELDS)
    assert len(UPSTREAM_FIELDS) == 125


def test_a_kubeadm_file_of_zeroes_is_the_defaults(tmp_path: Path) -> None:
    options = load(["--config", write(tmp_path, KUBEADM)])
    changed = {"authentication", "cgroupDriver", "clusterDNS", "clusterDomain", "rotateCertificates", "staticPodPath"}
    ours, defaults = to_plain(options.config), to_plain(KubeletConfiguration())
    assert {name for name in ours if ours[name] != defaults[name]} == changed
    assert options.config.authentication.webhook.cache_ttl == 120
    assert options.config.logging.flush_frequency == 5
    assert options.warnings == ()
    assert "containerRuntimeEndpoint" not in options.given
    assert "clusterDNS" in options.given
    assert options.config.read_only_port == 0


def test_a_zero_of_a_pointer_field_is_meant(tmp_path: Path) -> None:
    config = load(["--config", write(tmp_path, HEAD + "registryPullQPS: 0\nkubeAPIQPS: 0\nhealthzPort: 0\n"
                                                      "resolvConf: ''\nenforceNodeAllocatable: []\n")]).config
    assert (config.registry_pull_qps, config.kube_api_qps, config.healthz_port, config.resolv_conf) == (0, 0, 0, "")
    assert config.enforce_node_allocatable == ()


def test_fields_that_follow_others(tmp_path: Path) -> None:
    config = load(["--config", write(tmp_path, HEAD + "nodeStatusUpdateFrequency: 7s\nmaxParallelImagePulls: 4\n"
                                                      "podPidsLimit: -5\n")]).config
    assert config.node_status_report_frequency == 7
    assert config.serialize_image_pulls is False
    assert config.pod_pids_limit == -1


def test_json_is_taken_too(tmp_path: Path) -> None:
    text = '{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "maxPods": 7}'
    assert load(["--config", write(tmp_path, text, "config.json")]).config.max_pods == 7


def test_flags_over_dropins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "d" / "more").mkdir(parents=True)
    file = write(tmp_path, HEAD + "maxPods: 1\nport: 1111\nclusterDNS: [1.1.1.1]\n"
                                  "evictionHard: {memory.available: 1Mi}\n"
                                  "featureGates: {EnvFiles: false, PodLevelResources: false}\nclusterDomain: a\n")
    write(tmp_path / "d", HEAD + "maxPods: 2\nport: 2222\nclusterDomain: b", "10-first.conf")
    write(tmp_path / "d", HEAD + "maxPods: 3\nfeatureGates: {EnvFiles: true}\nclusterDomain: null\n"
                                 "evictionHard: {nodefs.available: 5%}\n", "20-second.conf")
    write(tmp_path / "d", "not read: at all", "30-other.yaml")
    write(tmp_path / "d" / "more", HEAD + "oomScoreAdj: -5", "40.conf")
    options = load(["--config", file, f"--config-dir={tmp_path / 'd'}", "--max-pods=4", "--cluster-dns=2.2.2.2",
                    "--feature-gates=HostnameOverride=false"])
    config = options.config
    assert (config.max_pods, config.port, config.cluster_dns, config.cluster_domain, config.oom_score_adj) == (
        4, 2222, ("2.2.2.2",), "", -5)
    assert config.eviction_hard == {"memory.available": "1Mi", "nodefs.available": "5%"}
    assert config.feature_gates == {"EnvFiles": True, "PodLevelResources": False, "HostnameOverride": False}
    assert [file.name for file in options.files] == ["config.yaml", "10-first.conf", "20-second.conf", "40.conf"]
    assert options.warnings == tuple(
        f"flag --{name} is deprecated: set it in the file that --config names"
        for name in ("max-pods", "cluster-dns", "feature-gates"))


def test_without_a_file_the_old_defaults_of_the_command_line_hold() -> None:
    options = load([])
    assert options.standalone
    assert options.config.authentication.anonymous.enabled
    assert not options.config.authentication.webhook.enabled
    assert options.config.authorization.mode == "AlwaysAllow"
    assert options.config.read_only_port == 10255


def test_an_unknown_field_warns_and_stops_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "maxpods: 5\nzzz: 1\nauthentication: {webhok: {}}\n"
                                  "registerWithTaints: [{key: a, effect: NoSchedule, vlaue: x}]\n")
    options = load(["--config", file])
    assert options.config.max_pods == 110
    assert options.warnings == (
        f"{file}:3: maxpods: unknown field, ignored; did you mean maxPods?",
        f"{file}:4: zzz: unknown field, ignored; remove it if it is a mistake",
        f"{file}:5: authentication.webhok: unknown field, ignored; did you mean webhook?",
        f"{file}:6: registerWithTaints[0].vlaue: unknown field, ignored; did you mean value?",
    )


@pytest.mark.parametrize(("text", "expected"), [
    ("", "holds no mapping"),
    ("maxPods: 5", "apiVersion: is missing; write apiVersion: kubelet.config.k8s.io/v1beta1"),
    ("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: Pod", "kind: is 'Pod'; write kind: KubeletConfiguration"),
    (HEAD + "a: b: c", "line 3, column 5: not valid YAML"),
    (HEAD + "maxPods: many", "maxPods: Expected `int`, got `str`"),
    (HEAD + "clusterDNS: 10.0.0.1", "clusterDNS: Expected `array`, got `str`"),
    (HEAD + "authentication: {webhook: {enabled: 'yes'}}", "authentication.webhook.enabled: Expected `bool`"),
    (HEAD + "syncFrequency: 5", "syncFrequency: 5 is not a duration; write text like 30s or 5m"),
    (HEAD + "syncFrequency: 5 minutes", "syncFrequency: '5 minutes' is not a duration"),
    (HEAD + "evictionHard: {memory.available: 5}", "evictionHard[memory.available]: Expected `str`, got `int`"),
    (HEAD + "imageGCHighThresholdPercent: 70", "imageGCLowThresholdPercent: is 80; write less than"),
    (HEAD + "port: 99999", "port: is 99999; write a value from 1 to 65535"),
    (HEAD + "evictionSoft: {memory.available: 1Gi}", "evictionSoftGracePeriod.memory.available: is missing"),
    (HEAD + "evictionHard: {memory.avail: 1Gi}", "evictionHard.memory.avail: is no eviction signal"),
    (HEAD + "evictionHard: {nodefs.available: 101%}", "evictionHard.nodefs.available: is '101%'"),
    (HEAD + "enforceNodeAllocatable: [kube-reserved]", "kubeReservedCgroup: is empty, but enforceNodeAllocatable"),
    (HEAD + "enforceNodeAllocatable: [pods, none]", "enforceNodeAllocatable: names 'none' beside others"),
    (HEAD + "cgroupsPerQOS: false", "cgroupsPerQOS: is false, but enforceNodeAllocatable names 'pods'"),
    (HEAD + "serializeImagePulls: true\nmaxParallelImagePulls: 3", "maxParallelImagePulls: is 3, but serialize"),
    (HEAD + "shutdownGracePeriod: 500ms", "shutdownGracePeriod: is 500ms; write 0s (off) or at least 1s"),
    (HEAD + "shutdownGracePeriod: 5s\nshutdownGracePeriodCriticalPods: 9s", "shutdownGracePeriodCriticalPods: is 9s"),
    (HEAD + "containerLogMonitorInterval: 0s", "containerLogMonitorInterval: is 0s; write 3s or more"),
    (HEAD + "containerLogMaxFiles: 1", "containerLogMaxFiles: is 1; write 2 or more"),
    (HEAD + "crashLoopBackOff: {maxContainerRestartPeriod: 10m}",
     "crashLoopBackOff.maxContainerRestartPeriod: is 10m0s"),
    (HEAD + "topologyManagerPolicy: best", "topologyManagerPolicy: is 'best'; write one of: none, best-effort"),
    (HEAD + "tlsMinVersion: TLS1.3", "tlsMinVersion: is 'TLS1.3'; write one of: VersionTLS10"),
    (HEAD + "tlsCipherSuites: [TLS_X]", "tlsCipherSuites: names TLS_X, not known here; known are: TLS_ECDHE"),
    (HEAD + "tlsCurvePreferences: [1]", "tlsCurvePreferences: names curve 1, not known here; known are: 23"),
    (HEAD + "tlsCurvePreferences: [29, 29]", "tlsCurvePreferences: names a curve twice; name it once"),
    (HEAD + "logging: {format: json, vmodule: [{filePattern: a, verbosity: 1}]}", "logging.vmodule: is for the format"),
    (HEAD + "logging: {vmodule: [{filePattern: 'a=b', verbosity: 1}]}", "logging.vmodule[0].filePattern: is 'a=b'"),
    (HEAD + "showHiddenMetricsForVersion: '1.34'", "showHiddenMetricsForVersion: is '1.34'; only the previous minor"),
    (HEAD + "logging: {flushFrequency: -1s}", "logging.flushFrequency: is -1s; write a time above 0"),
    (HEAD + "logging: {verbosity: -1}", "logging.verbosity: is -1; write a number from 0 to"),
    (HEAD + "runOnce: true", "runOnce: is true, a mode that is gone"),
    (HEAD + "featureGates: {NodeSwap: false}", "featureGates.NodeSwap: is locked to true; remove it"),
    (HEAD + "podLogsDir: var/log", "podLogsDir: is 'var/log'; write an absolute path"),
    (HEAD + "userNamespaces: {idsPerPod: 1000}", "userNamespaces.idsPerPod: is 1000; write a multiple of 65536"),
    (HEAD + "systemReserved: {cpu: lots}", "systemReserved.cpu: 'lots' is not a quantity"),
    (HEAD + "memorySwap: {swapBehavior: Swap}", "memorySwap.swapBehavior: is 'Swap'"),
    (HEAD + "cpuCFSQuotaPeriod: 2s", "cpuCFSQuotaPeriod: is 2s; write a value from 0.001 to 1 (seconds)"),
])
def test_a_bad_file_gets_one_line_with_file_and_path(tmp_path: Path, text: str, expected: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(["--config", file])
    assert str(caught.value).startswith(f"{file}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_bad_dropin_is_named_itself(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "maxPods: many", "10.conf")
    with pytest.raises(ConfigError, match="maxPods: Expected `int`, got `str`") as caught:
        load(["--config-dir", str(tmp_path)])
    assert caught.value.where == file


@pytest.mark.parametrize("arguments", [["--config", "/no/such"], ["--config-dir", "/no/such"], ["--config", "/etc"]])
def test_files_that_cannot_be_read(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"{arguments[1]}: .*check {arguments[0]}"):
        load(arguments)


def test_gates() -> None:
    assert enabled("EnvFiles", {})
    assert not enabled("EnvFiles", {"AllBeta": False})
    assert enabled("EnvFiles", {"AllBeta": False, "EnvFiles": True})
    assert enabled("EventedPLEG", {"AllAlpha": True})
    assert enabled("NodeSwap", {"AllBeta": False, "AllAlpha": False})
    assert not enabled("NoSuchGate", {})
    assert load(["--feature-gates=EnvFile=true"]).warnings == (
        "featureGates.EnvFile: unknown to Kubernetes v1.36.3, ignored; did you mean EnvFiles?",)


def test_merge_patches_as_in_rfc_7386() -> None:
    for target, patch, result in (
        ({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}), ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}), ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ):
        assert merge_patch(target, patch) == result


@pytest.mark.parametrize(("text", "seconds", "back"), [
    ("1h30m", 5400, "1h30m0s"), ("300ms", 0.3, "300ms"), ("0s", 0, "0s"), ("0", 0, "0s"), ("-1m", -60, "-1m0s"),
    ("1.5h", 5400, "1h30m0s"), ("90s", 90, "1m30s"), ("1m0.5s", 60.5, "1m0.5s"), ("100us", 1e-4, "100µs"),
])
def test_durations(text: str, seconds: float, back: str) -> None:
    assert Duration.parse(text) == seconds
    assert str(Duration.parse(text)) == back


@pytest.mark.parametrize("text", ["", "5", "5x", "s", "1h-5m", "--1s", "1 s", "."])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)
