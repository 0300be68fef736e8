"""The table of a run, and its place in SPEC.md."""

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- bench:begin (written by `make bench`) -->"
END = "<!-- bench:end -->"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: its unit, and the ratio to the peer that we aim at, or None where we promise nothing."""

    name: str
    unit: str
    aim: float | None


MEASURES = (
    Measure("bare pod, create to Ready, median", "s", 1.0),
    Measure("bare pod, create to Ready, p90", "s", 1.0),
    Measure("bare pod, delete to gone, median", "s", 0.5),
    Measure("bare pod, delete to gone, p90", "s", 0.5),
    Measure("rich pod, create to Ready, median", "s", 1.0),
    Measure("rich pod, create to Ready, p90", "s", 1.0),
    Measure("rich pod, delete to gone, median", "s", 0.5),
    Measure("rich pod, delete to gone, p90", "s", 0.5),
    Measure("burst of 20 bare pods, create to last Ready", "s", 1.0),
    Measure("burst of 20 bare pods, delete to last gone", "s", 0.5),
    Measure("50 idle pods, agents' CPU", "ms/s", 1.0),
    Measure("50 idle pods, agents' memory", "MiB", 1.0),
    Measure("50 idle pods, engine's CPU", "ms/s", None),
    Measure("50 idle pods, engine's memory", "MiB", None),
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summarise(name: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{name}, median": statistics.median(values), f"{name}, p90": percentile(values, 0.9)}


def table(ours: Mapping[str, float], peer: Mapping[str, float]) -> str:
    """A Markdown table of the measures that either side has; a side that was not run shows as a dash."""
    lines = ["| measure | ours | upstream on containerd | ratio | aim |", "|---|---|---|---|---|"]
    for measure in MEASURES:
        a, b = ours.get(measure.name), peer.get(measure.name)
        if a is None and b is None:
            continue
        ratio = f"{a / b:.2f}x" if a is not None and b else "–"
        aim = f"≤ {measure.aim:.1f}x" if measure.aim is not None else "–"
        lines.append(f"| {measure.name} | {_value(a, measure)} | {_value(b, measure)} | {ratio} | {aim} |")
    return "\n".join(lines)


def block(text: str, rounds: int) -> str:
    """What stands between the markers: the table, and what it was measured on."""
    return (
        f"{BEGIN}\n"
        f"Measured by `make bench` ({rounds} rounds, the two sides taking turns) on {os.cpu_count()} cores, "
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.\n\n{text}\n{END}"
    )


def replace_block(document: str, new: str) -> str:
    """`document` with the text between the markers replaced; appended, with a heading, if there are no markers."""
    before, begin, rest = document.partition(BEGIN)
    if not begin:
        return f"{document.rstrip()}\n\n## Side by side with the upstream kubelet\n\n{new}\n".lstrip()
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is {BEGIN!r} without {END!r} after it")
    return before + new + after


def write(path: Path, new: str) -> None:
    path.write_text(replace_block(path.read_text() if path.exists() else "", new))


def _value(value: float | None, measure: Measure) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} {measure.unit}" if measure.unit == "s" else f"{value:.0f} {measure.unit}"
