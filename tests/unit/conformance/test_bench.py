"""What the measurements are computed from, and where the table goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench import pods, report, usage


def stat_line(pid: int, parent: int, name: str, ticks: tuple[int, int, int, int]) -> str:
    before = " ".join(["S", str(parent), *["0"] * 9])
    return f"{pid} ({name}) {before} {' '.join(map(str, ticks))} 20 0 1 0 100\n"


def test_stat_counts_own_time_and_that_of_ended_children() -> None:
    facts = usage.parse_stat(stat_line(7, 3, "containerd", (100, 50, 30, 20)))
    assert (facts.pid, facts.parent, facts.name) == (7, 3, "containerd")
    assert facts.cpu_seconds == pytest.approx(200 / usage.TICKS_PER_SECOND)


def test_stat_survives_any_process_name() -> None:
    facts = usage.parse_stat(stat_line(7, 3, "a) S (b c", (0, 0, 0, 0)))
    assert (facts.parent, facts.name) == (3, "a) S (b c")


def test_tree_takes_descendants_and_nobody_else() -> None:
    processes = [usage.parse_stat(stat_line(pid, parent, "x", (0, 0, 0, 0))) for pid, parent in
                 [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1)]]  # fmt: skip
    assert usage.tree([2], processes) == {2, 3, 4}
    assert usage.tree([99], processes) == set()


@given(st.lists(st.floats(0, 100), min_size=1))
def test_percentiles_are_values_in_order(values: list[float]) -> None:
    assert min(values) <= report.percentile(values, 0.5) <= report.percentile(values, 0.9) <= max(values)


def test_percentile_is_the_nearest_rank() -> None:
    assert report.percentile([5, 1, 4, 2, 3, 6, 7, 8, 9, 10], 0.9) == 9
    assert report.percentile([1.0], 0.9) == 1.0


def test_table_has_ratios_where_both_sides_were_run() -> None:
    name = report.MEASURES[0].name
    assert f"| {name} | 0.30 s | 0.60 s | 0.50x | ≤ 1.0x |" in report.table({name: 0.3}, {name: 0.6})
    assert f"| {name} | – | 0.60 s | – | ≤ 1.0x |" in report.table({}, {name: 0.6})


def test_block_is_replaced_in_place_and_only_it() -> None:
    old = f"# Numbers\n\nabove\n\n{report.block('old', 1)}\n\nbelow\n"
    new = report.replace_block(old, report.block("new", 2))
    assert new.startswith("# Numbers\n\nabove\n\n" + report.BEGIN)
    assert new.endswith(report.END + "\n\nbelow\n")
    assert "old" not in new
    assert report.replace_block(new, report.block("new", 2)) == new


def test_block_is_appended_where_there_is_none_and_a_torn_one_is_refused() -> None:
    assert report.replace_block("# Numbers\n", report.block("t", 1)).startswith("# Numbers\n\n## Side by side")
    with pytest.raises(ValueError, match="without"):
        report.replace_block(report.BEGIN, "new")


def test_rich_pod_has_what_the_promise_names() -> None:
    spec = pods.rich_pod("a", "node")["spec"]
    assert {next(k for k in v if k != "name") for v in spec["volumes"]} == {"configMap", "secret", "emptyDir"}
    assert len(spec["initContainers"]) == 1
    assert len(spec["containers"]) == 2
    assert "automountServiceAccountToken" not in spec


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
def test_ready_is_the_condition(status: str, ready: bool) -> None:
    assert pods.is_ready({"status": {"conditions": [{"type": "Ready", "status": status}]}}) is ready
    assert not pods.is_ready({})
