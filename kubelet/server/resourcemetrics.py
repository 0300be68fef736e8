"""/metrics/resource: what metrics-server reads, out of a stats summary.

Names and labels: pkg/kubelet/metrics/collectors/resource_metrics.go.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kubelet.server.statsjson import NANOSECONDS, Json


class ResourceMetrics(Collector):
    """/metrics/resource from a summary; None: it could not be had. metrics-server reads exactly these."""

    def __init__(self, summary: Json | None) -> None:
        self._summary = summary

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        if self._summary is not None:
            yield from self._families(self._summary)
        error = 1.0 if self._summary is None else 0.0
        for name in ("resource_scrape_error", "scrape_error"):
            metric = Metric(name, "1 when the usage of containers could not be had, else 0", "gauge")
            metric.add_sample(name, {}, error)
            yield metric

    def _families(self, summary: Json) -> Iterable[Metric]:
        families: dict[str, Metric] = {}

        def add(name: str, kind: str, text: str, labels: dict[str, str], section: Json | None, field: str,
                scale: float = 1.0) -> None:
            if section is None or section.get(field) is None:
                return
            metric = families.setdefault(name, Metric(name, text, kind))
            metric.add_sample(name, labels, section[field] / scale, timestamp=_seconds(section["time"]))

        def usage(prefix: str, whom: str, labels: dict[str, str], stats: Json) -> None:
            add(f"{prefix}_cpu_usage_seconds_total", "counter", f"CPU time used by the {whom}", labels,
                stats.get("cpu"), "usageCoreNanoSeconds", NANOSECONDS)
            add(f"{prefix}_memory_working_set_bytes", "gauge", f"Working set of the {whom}", labels,
                stats.get("memory"), "workingSetBytes")
            add(f"{prefix}_swap_usage_bytes", "gauge", f"Swap used by the {whom}", labels, stats.get("swap"),
                "swapUsageBytes")
            if prefix == "container":
                add("container_swap_limit_bytes", "gauge", "Swap that the container may use", labels,
                    _with_swap_limit(stats.get("swap")), "limit")

        usage("node", "node", {}, summary["node"])
        for pod in summary["pods"]:
            labels = {"pod": pod["podRef"]["name"], "namespace": pod["podRef"]["namespace"]}
            for container in pod["containers"]:
                own = {**labels, "container": container["name"]}
                usage("container", "container", own, container)
                if "startTime" in container:
                    start = families.setdefault("container_start_time_seconds", Metric(
                        "container_start_time_seconds", "When the container started, Unix time", "gauge"))
                    start.add_sample("container_start_time_seconds", own, _seconds(container["startTime"]))
            usage("pod", "pod", labels, pod)
        yield from families.values()


def _with_swap_limit(swap: Json | None) -> Json | None:
    if swap is None or "swapAvailableBytes" not in swap:
        return None
    return {**swap, "limit": swap["swapAvailableBytes"] + swap.get("swapUsageBytes", 0)}


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()
