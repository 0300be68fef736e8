"""The pieces of a stats summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1), from CRI's messages and cgroup files. Pure.

What nobody has measured is left out; a zero is a figure.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from cri.cgroup_stats import CgroupStats, Pressure
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import format_time

Json = dict[str, Any]
NANOSECONDS = 10**9
_MEMORY = (
    ("availableBytes", "available_bytes"), ("usageBytes", "usage_bytes"), ("workingSetBytes", "working_set_bytes"),
    ("rssBytes", "rss_bytes"), ("pageFaults", "page_faults"), ("majorPageFaults", "major_page_faults"),
)
NO_PRESSURE = Pressure(0, 0.0, 0.0, 0.0)


def without_none(values: Json) -> Json:
    return {key: value for key, value in values.items() if value is not None}


def precise_time(time_ns: int) -> str:
    """RFC 3339 in whole seconds of UTC, as metav1.Time; runtimes without a stamp give 0: now."""
    return format_time(time_ns / NANOSECONDS if time_ns else time.time())


def cri_memory(usage: cri.MemoryUsage) -> Json:
    return {"time": precise_time(usage.timestamp)} | {
        name: getattr(usage, member).value for name, member in _MEMORY if usage.HasField(member)  # type: ignore[arg-type]
    } | _psi_of(usage)


def cri_cpu(usage: cri.CpuUsage, rate: int | None) -> Json:
    return without_none({
        "time": precise_time(usage.timestamp), "usageNanoCores": rate,
        "usageCoreNanoSeconds": usage.usage_core_nano_seconds.value}) | _psi_of(usage)


def cri_io(usage: cri.IoUsage) -> Json:
    return {"time": precise_time(usage.timestamp)} | _psi_of(usage)


def cri_swap(usage: cri.SwapUsage) -> Json:
    return {"time": precise_time(usage.timestamp), "swapAvailableBytes": usage.swap_available_bytes.value,
            "swapUsageBytes": usage.swap_usage_bytes.value}


def _psi_of(usage: cri.CpuUsage | cri.MemoryUsage | cri.IoUsage) -> Json:
    if not usage.HasField("psi"):
        return {}
    return {"psi": {name: {"total": data.Total, "avg10": data.Avg10, "avg60": data.Avg60, "avg300": data.Avg300}
                    for name, data in (("full", usage.psi.Full), ("some", usage.psi.Some))}}


def cri_network(usage: cri.NetworkUsage) -> Json:
    default = _interface(usage.default_interface)
    others = [_interface(interface) for interface in usage.interfaces]
    known = [default, *others] if usage.HasField("default_interface") else others
    return {"time": precise_time(usage.timestamp), **default, "interfaces": known}


def _interface(usage: cri.NetworkInterfaceUsage) -> Json:
    return {"name": usage.name, "rxBytes": usage.rx_bytes.value, "rxErrors": usage.rx_errors.value,
            "txBytes": usage.tx_bytes.value, "txErrors": usage.tx_errors.value}


def swap_sum(containers: Iterable[Mapping[str, Any]]) -> Json | None:
    """A pod's, which CRI does not tell."""
    known = [container["swap"] for container in containers if "swap" in container]
    if not known:
        return None
    return {"time": known[0]["time"], **{
        name: sum(one[name] for one in known) for name in ("swapAvailableBytes", "swapUsageBytes")}}


def of_cgroup(stats: CgroupStats, stamp: str, rate: int | None) -> Json:
    """cpu, memory, io and swap of one cgroup."""
    swap_left = None if stats.swap_limit is None or stats.swap is None else max(stats.swap_limit - stats.swap, 0)
    available = None
    if stats.limit is not None and stats.working_set is not None:
        available = max(stats.limit - stats.working_set, 0)
    found: Json = {
        "cpu": without_none({
            "time": stamp, "usageNanoCores": rate, "usageCoreNanoSeconds": stats.cpu_ns,
            "psi": _psi(stats, "cpu")}),
        "memory": without_none({
            "time": stamp, "availableBytes": available, "usageBytes": stats.usage,
            "workingSetBytes": stats.working_set, "rssBytes": stats.rss, "pageFaults": stats.page_faults,
            "majorPageFaults": stats.major_page_faults, "psi": _psi(stats, "memory")}),
    }
    if "io" in stats.pressure:
        found["io"] = {"time": stamp, "psi": _psi(stats, "io")}
    if stats.swap is not None:
        found["swap"] = without_none({"time": stamp, "swapAvailableBytes": swap_left, "swapUsageBytes": stats.swap})
    return found


def _psi(stats: CgroupStats, kind: str) -> Json | None:
    lines = stats.pressure.get(kind)
    if not lines:
        return None
    return {name: {"total": line.total_ns, "avg10": line.avg10, "avg60": line.avg60, "avg300": line.avg300}
            for name, line in ((name, lines.get(name, NO_PRESSURE)) for name in ("full", "some"))}
