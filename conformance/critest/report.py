"""The tables of docs/critest.md: what does not pass and why, and every spec on each engine and on containerd."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from conformance.critest.node import SIDES
from conformance.critest.reasons import reason
from conformance.node_e2e.results import Result, Store
from conformance.throwaway import CHECKOUT

TARGET = "docs/critest.md"
BEGIN, END = "<!-- generated: critest -->", "<!-- end -->"
MARKS = {"passed": "✓", "failed": "✗", "skipped": "skipped", "": "–"}
TITLES = {"passed": "passed", "failed": "failed", "skipped": "skipped by itself", "": "not run"}

Outcomes = Mapping[str, Mapping[str, Result]]
"""Side to spec to result."""


def load() -> dict[str, dict[str, Result]]:
    return {name: results for name in SIDES if (results := Store(name, "critest").load())}


def write(specs: Mapping[str, str]) -> None:
    """Replace the generated part of the page by one made from the results at hand."""
    target = CHECKOUT / TARGET
    before, _, rest = target.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    target.write_text(f"{before}{BEGIN}\n\n{render(specs, load())}\n{END}{after}")
    print(f"wrote {target}")


def render(specs: Mapping[str, str], outcomes: Outcomes) -> str:
    """The generated part: totals, what does not pass, then one table per source file of upstream's."""
    heads = [SIDES[side].title for side in outcomes]
    rule = f"|---|{'---|' * len(heads)}"
    lines = [f"{len(specs)} specs.", "", f"| | {' | '.join(heads)} |", rule]
    totals = [Counter(_state(results, name) for name in specs) for results in outcomes.values()]
    for state, title in TITLES.items():
        if any(total[state] for total in totals):
            lines.append(f"| {title} | {' | '.join(str(total[state]) for total in totals)} |")
    lines += ["", "What does not pass:", "", "| spec | where | state | why |", "|---|---|---|---|"]
    lines += _not_passing(specs, outcomes)
    by_file: dict[str, list[str]] = defaultdict(list)
    for name, file in specs.items():
        by_file[file].append(name)
    for file in sorted(by_file):
        lines += ["", f"### {file}", "", f"| spec | {' | '.join(heads)} |", rule]
        for name in sorted(by_file[file]):
            marks = " | ".join(MARKS[_state(results, name)] for results in outcomes.values())
            lines.append(f"| {_cell(name)} | {marks} |")
    return "\n".join(lines) + "\n"


def _not_passing(specs: Mapping[str, str], outcomes: Outcomes) -> list[str]:
    """A row for each spec, state and reason; the sides that share them stand in one row."""
    sides_of: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name in sorted(specs):
        for side, results in outcomes.items():
            state = _state(results, name)
            if state in ("failed", "skipped"):
                known = reason(name, side)
                said = " ".join(results[name].message.split())[:200]
                sides_of[name, state, known.text if known else said].append(SIDES[side].title)
    return [
        f"| {_cell(name)} | {', '.join(sides)} | {state} | {why.replace('|', '&#124;')} |"
        for (name, state, why), sides in sides_of.items()
    ]


def _cell(name: str) -> str:
    return name.removeprefix("[k8s.io] ").replace("|", "&#124;")


def _state(results: Mapping[str, Result], name: str) -> str:
    """passed, failed, skipped, or nothing if it never ran; every way of not passing is a failure."""
    result = results.get(name)
    if result is None:
        return ""
    return result.state if result.state in ("passed", "skipped") else "failed"
