"""The table of docs/conformance.md: every spec, ours beside the upstream kubelet on the same and on another runtime."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from conformance.builds import KUBERNETES_VERSION
from conformance.node_e2e.results import Result, Store
from conformance.throwaway import CHECKOUT

TARGET = "docs/conformance.md"
BEGIN, END = "<!-- generated: node suite -->", "<!-- end -->"

# Directory of results → column. A side whose last run was on the other engine counts through that one.
COLUMNS = {
    "ours on dockershim": ("podwright-29", "podwright-20.10"),
    "ours on containerd": ("podwright-containerd",),
    "upstream on dockershim": ("upstream-docker-29", "upstream-docker-20.10"),
    "upstream on containerd": ("upstream-containerd",),
}
MARKS = {"passed": "✓", "failed": "✗", "skipped": "skipped", "": "–"}


def write(specs: Mapping[str, str], label: str) -> None:
    """Replace the generated part of the page by one made from the results at hand."""
    outcomes = {column: _merged(sides) for column, sides in COLUMNS.items()}
    target = CHECKOUT / TARGET
    text = target.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    target.write_text(f"{before}{BEGIN}\n\n{render(specs, label, outcomes)}\n{END}{after}")
    print(f"wrote {target}")


def _merged(sides: tuple[str, ...]) -> dict[str, Result]:
    """The best outcome of each spec: one engine may lack what a spec needs of it."""
    merged: dict[str, Result] = {}
    for side in sides:
        for name, result in Store(side).load().items():
            if name not in merged or (result.passed and not merged[name].passed):
                merged[name] = result
    return merged


def render(specs: Mapping[str, str], label: str, outcomes: Mapping[str, Mapping[str, Result]]) -> str:
    """The generated part: totals, then one table per source file of upstream's."""
    columns = [column for column, results in outcomes.items() if any(name in results for name in specs)]
    lines = [f"`{label}` of Kubernetes {KUBERNETES_VERSION}: {len(specs)} specs.", ""]
    lines += [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    totals = {c: Counter(_state(outcomes[c], name) for name in specs) for c in columns}
    for state, title in (("passed", "passed"), ("failed", "failed"), ("skipped", "skipped by itself"), ("", "not run")):
        if any(total[state] for total in totals.values()):
            lines.append(f"| {title} | {' | '.join(str(totals[c][state]) for c in columns)} |")
    by_file: dict[str, list[str]] = defaultdict(list)
    for name, file in specs.items():
        by_file[file].append(name)
    for file in sorted(by_file):
        lines += ["", f"### {file}", "", f"| spec | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
        for name in sorted(by_file[file]):
            marks = " | ".join(MARKS[_state(outcomes[c], name)] for c in columns)
            lines.append(f"| {name.replace('|', '&#124;')} | {marks} |")
    return "\n".join(lines) + "\n"


def _state(results: Mapping[str, Result], name: str) -> str:
    """passed, failed, skipped, or nothing if it never ran; every way of not passing is a failure."""
    result = results.get(name)
    if result is None:
        return ""
    return result.state if result.state in ("passed", "skipped") else "failed"
