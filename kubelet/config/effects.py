"""Settings that are accepted and change nothing here, each with the reason; whoever sets one is told so at the start.

A setting that a room of the agent begins to read leaves this table: a test holds the table against the code.
"""

from collections.abc import Iterator

from kubelet.config.flags import KubeletFlags
from kubelet.config.leaves import leaves
from kubelet.config.types import KubeletConfiguration, to_plain

_GO = "this agent is no Go program"
_UPSTREAM = "nothing reads it any more, upstream's kubelet neither"
_PROXY = "kube-proxy makes its own iptables chains"
_NOT_HERE = "this agent does not do that"
_LOGS = "log lines are written at once, to standard error"

WITHOUT_EFFECT = {
    "configMapAndSecretChangeDetectionStrategy": "objects are watched",
    "cpuManagerPolicy": _NOT_HERE, "cpuManagerPolicyOptions": _NOT_HERE, "cpuManagerReconcilePeriod": _NOT_HERE,
    "enableContentionProfiling": _GO,
    "reservedSystemCPUs": _NOT_HERE, "reservedMemory": _NOT_HERE,
    "hairpinMode": "the CNI configuration decides", "iptablesDropBit": _UPSTREAM, "iptablesMasqueradeBit": _UPSTREAM,
    "makeIPTablesUtilChains": _PROXY,
    "imagePullCredentialsVerificationPolicy": _NOT_HERE, "preloadedImagesVerificationAllowlist": _NOT_HERE,
    "kubeletCgroups": _NOT_HERE, "systemCgroups": _NOT_HERE, "qosReserved": _NOT_HERE,
    "logging.flushFrequency": _LOGS, "logging.options.text.splitStream": _LOGS,
    "logging.options.text.infoBufferSize": _LOGS, "logging.options.json.splitStream": _LOGS,
    "logging.options.json.infoBufferSize": _LOGS,
    "memoryManagerPolicy": _NOT_HERE, "memoryReservationPolicy": _NOT_HERE, "memoryThrottlingFactor": _NOT_HERE,
    "runOnce": "a mode that is gone; true is refused", "showHiddenMetricsForVersion": "no metric is hidden",
    "streamingConnectionIdleTimeout": _UPSTREAM,
    "topologyManagerPolicy": _NOT_HERE, "topologyManagerPolicyOptions": _NOT_HERE, "topologyManagerScope": _NOT_HERE,
    "tracing": _NOT_HERE, "tracing.endpoint": _NOT_HERE, "tracing.samplingRatePerMillion": _NOT_HERE,
    "volumePluginDir": "there are no FlexVolumes here",
}
"""Configuration fields by path; a field that holds a map or a list stands for all of it."""

FLAGS_WITHOUT_EFFECT = {
    "runtime_cgroups": _NOT_HERE, "experimental_mounter_path": "the kernel mounts",
    "experimental_allocatable_ignore_eviction": _NOT_HERE, "housekeeping_interval": "usage is read on demand",
}
"""Flags that are no configuration fields, by attribute."""


def ineffective(config: KubeletConfiguration, flags: KubeletFlags | None = None) -> Iterator[tuple[str, str]]:
    """(path, what to know) of each setting that differs from its default and changes nothing."""
    plain, defaults = to_plain(config), to_plain(KubeletConfiguration())
    now, before = leaves(plain), leaves(defaults)
    for leaf, value in now.items():
        known = next((path for path in (".".join(leaf[:end]) for end in range(1, len(leaf) + 1))
                      if path in WITHOUT_EFFECT), None)
        if known is not None and value not in (None, [], {}) and before.get(leaf) != value:
            yield ".".join(leaf), f"has no effect: {WITHOUT_EFFECT[known]}"
    for attribute, reason in FLAGS_WITHOUT_EFFECT.items() if flags is not None else ():
        if getattr(flags, attribute) != getattr(KubeletFlags(), attribute):
            yield f"--{attribute.replace('_', '-')}", f"has no effect: {reason}"
