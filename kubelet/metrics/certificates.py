"""kubelet_certificate_manager_* and their siblings: registered by an agent that renews certificates itself.

Names and buckets: cmd/kubelet/app/server.go, pkg/kubelet/certificate/kubelet.go.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kubelet.metrics.exposition import PlainCounter

_HOUR, _DAY = 3600, 86400
_AGES = (60, _HOUR, 4 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, 180 * _DAY, 360 * _DAY, 4 * 360 * _DAY)


@dataclass(frozen=True, slots=True)
class CertificateMetrics:
    """What a certificate manager reports to (kubelet.certificates.manager.RotationMetrics)."""

    failures: PlainCounter
    ages: Histogram | None = None

    def failed(self) -> None:
        self.failures.inc()

    def rotated(self, age_seconds: float) -> None:
        if self.ages is not None:
            self.ages.observe(age_seconds)


def client_certificate_metrics(registry: CollectorRegistry) -> CertificateMetrics:
    return CertificateMetrics(PlainCounter(
        "kubelet_certificate_manager_client_expiration_renew_errors", "Failed renewals of the client certificate", (),
        registry))


def serving_certificate_metrics(registry: CollectorRegistry) -> CertificateMetrics:
    failures = PlainCounter(
        "kubelet_server_expiration_renew_errors", "Failed renewals of the serving certificate", (), registry)
    return CertificateMetrics(failures, Histogram(
        "kubelet_certificate_manager_server_rotation_seconds", "Age of serving certificates when they were replaced",
        buckets=_AGES, registry=registry))


class TimeToLive(Collector):
    """kubelet_certificate_manager_<kind>_ttl_seconds, +Inf without a certificate; `kind` is client or server."""

    def __init__(self, kind: str, ttl_seconds: Callable[[], float]) -> None:
        self._kind, self._ttl_seconds = kind, ttl_seconds

    def collect(self) -> Iterator[Metric]:
        name = f"kubelet_certificate_manager_{self._kind}_ttl_seconds"
        metric = Metric(name, f"Life left to the {self._kind}'s certificate", "gauge")
        metric.add_sample(name, {}, self._ttl_seconds())
        yield metric

    def describe(self) -> Iterable[Metric]:
        return []
