"""Metrics as Prometheus' text format 0.0.4, with the names exactly as they are.

prometheus_client ends every counter's name in `_total` and adds `_created` series; upstream has counters without that
ending (kubelet_evictions) and no such series, so families are written here, and plain counters are `PlainCounter`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


class PlainCounter(Collector):
    """A counter whose name has no `_total`; single-threaded."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), registry: CollectorRegistry | None = None
    ) -> None:
        self._name, self._documentation, self._labels = name, documentation, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}
        self._total: Callable[[], float] | None = None
        if registry is not None:
            registry.register(self)

    def follow(self, total: Callable[[], float]) -> None:
        """Somebody else counts: `total` is asked at each scrape. Without labels only."""
        self._total = total

    def inc(self, amount: float = 1.0, **labels: str) -> None:
        """Raises KeyError for a missing label."""
        key = tuple(labels[label] for label in self._labels)
        self._values[key] = self._values.get(key, 0.0) + amount

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._name, self._documentation, "counter")
        if self._total is not None:
            self._values[()] = self._total()
        for key, value in self._values.items():
            metric.add_sample(self._name, dict(zip(self._labels, key, strict=True)), value)
        yield metric

    def describe(self) -> Iterable[Metric]:
        return [Metric(self._name, self._documentation, "counter")]


def expose(*collectors: Collector) -> bytes:
    """Everything that `collectors` (registries, too) have now. A family without samples is left out."""
    lines: list[str] = []
    for collector in collectors:
        for metric in collector.collect():
            samples = [sample for sample in metric.samples if not _is_created(metric, sample)]
            if not samples:
                continue
            name, kind = _name_and_type(metric, samples)
            lines.append(f"# HELP {name} {_escape_help(metric.documentation)}")
            lines.append(f"# TYPE {name} {kind}")
            lines += [_line(sample) for sample in samples]
    lines.append("")
    return "\n".join(lines).encode()


def _is_created(metric: Metric, sample: Sample) -> bool:
    return sample.name == f"{metric.name}_created" and metric.type in ("counter", "histogram", "summary")


def _name_and_type(metric: Metric, samples: Sequence[Sample]) -> tuple[str, str]:
    if metric.type == "counter":
        return samples[0].name, "counter"
    if metric.type == "info":
        return f"{metric.name}_info", "gauge"
    return metric.name, "untyped" if metric.type == "unknown" else metric.type


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _label(key: str, text: str) -> str:
    if key == "le":
        return text.removesuffix(".0")  # a bucket's bound as Go writes it
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _line(sample: Sample) -> str:
    labels = ",".join([f'{key}="{_label(key, value)}"' for key, value in sorted(sample.labels.items())])
    where = f"{{{labels}}}" if labels else ""
    at = "" if sample.timestamp is None else f" {int(float(sample.timestamp) * 1000)}"
    return f"{sample.name}{where} {_number(sample.value)}{at}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
