"""The table of a run: medians of both sides, and the median of the ratios of pairs, taken one after the other."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.bench.report import percentile

AIM_LATENCY, AIM_THROUGHPUT = "≤ 1.0x", "≥ 1.0x"
Samples = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A measure by name; `is_latency`: milliseconds, of which less is better, else MB/s, of which more is."""

    name: str
    is_latency: bool


def table(rows: Sequence[Row], ours: Samples, peer: Samples) -> str:
    """Of what has been measured on either side; a side without samples shows as a dash."""
    lines = ["| measure | ours | upstream on containerd | ratio | aim |", "|---|---|---|---|---|"]
    for row in rows:
        a, b = ours.get(row.name, ()), peer.get(row.name, ())
        if not a and not b:
            continue
        aim = AIM_LATENCY if row.is_latency else AIM_THROUGHPUT
        ratio = f"{pair_ratio(a, b):.2f}x" if a and b else "–"
        suffix = ", median" if row.is_latency else ""
        lines.append(f"| {row.name}{suffix} | {_median(a, row)} | {_median(b, row)} | {ratio} | {aim} |")
        if row.is_latency:
            ratio = f"{percentile(a, 0.9) / percentile(b, 0.9):.2f}x" if a and b else "–"
            lines.append(f"| {row.name}, p90 | {_p90(a)} | {_p90(b)} | {ratio} | {aim} |")
    return "\n".join(lines)


def pair_ratio(ours: Sequence[float], peer: Sequence[float]) -> float:
    """Pairs are by position; what one side has more is left out."""
    return statistics.median(a / b for a, b in zip(ours, peer, strict=False))


def _median(values: Sequence[float], row: Row) -> str:
    if not values:
        return "–"
    middle = statistics.median(values)
    return f"{middle:.1f} ms" if row.is_latency else f"{middle:.0f} MB/s"


def _p90(values: Sequence[float]) -> str:
    return f"{percentile(values, 0.9):.1f} ms" if values else "–"


def about(rounds: int, load: float) -> str:
    return (
        f"Measured by `make streambench` ({rounds} rounds, the two sides taking turns, through the API server) on "
        f"{os.cpu_count()} cores, load {load:.1f} at its start, Linux {platform.release().split('-')[0]}, Python "
        f"{platform.python_version()}. Ratios are medians of pairs."
    )
