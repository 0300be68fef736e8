"""The answers of /healthz (apiserver/pkg/server/healthz/healthz.go), from the checks' results to status and text, and
what /metrics/slis counts of them (component-base/metrics/prometheus/slis).

A check's result is the reason of its failure, "" when it passes. Reasons are for those who may see a single check;
the list of all names the check only.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector


def healthz_answer(
    checks: Mapping[str, str], *, excluded: Sequence[str] = (), verbose: bool = False
) -> tuple[int, str]:
    """(HTTP status, body) of `/healthz`."""
    lines, failed = [], False
    for name, error in checks.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
        elif error:
            lines.append(f"[-]{name} failed: reason withheld")
            failed = True
        else:
            lines.append(f"[+]{name} ok")
    unknown = sorted({name for name in excluded if name not in checks})
    if unknown:
        quoted = ",".join(f'"{name}"' for name in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
    if failed:
        return 500, "\n".join([*lines, "healthz check failed", ""])
    return 200, "\n".join([*lines, "healthz check passed", ""]) if verbose else "ok"


def check_answer(checks: Mapping[str, str], name: str) -> tuple[int, str] | None:
    """(HTTP status, body) of `/healthz/<name>`; None when there is no such check."""
    error = checks.get(name)
    if error is None:
        return None
    return (500, f"internal server error: {error}\n") if error else (200, "ok")


class HealthcheckMetrics(Collector):
    """kubernetes_healthcheck: whether a check passes now; kubernetes_healthchecks_total: how those that were asked for
    ended."""

    def __init__(self, checks: Callable[[], Mapping[str, str]]) -> None:
        self._checks = checks
        self._asked: Counter[tuple[str, str]] = Counter()

    def observed(self, checks: Mapping[str, str]) -> Mapping[str, str]:
        """Counts the results that somebody is told, and returns them."""
        self._asked.update((name, "error" if error else "success") for name, error in checks.items())
        return checks

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = Metric("kubernetes_healthcheck", "Whether a health check passes", "gauge")
        for name, error in self._checks().items():
            now.add_sample("kubernetes_healthcheck", {"name": name, "type": "healthz"}, 0.0 if error else 1.0)
        yield now
        total = Metric("kubernetes_healthchecks", "Results of health checks that were asked for", "counter")
        for (name, status), number in sorted(self._asked.items()):
            total.add_sample(
                "kubernetes_healthchecks_total", {"name": name, "status": status, "type": "healthz"}, number)
        yield total
