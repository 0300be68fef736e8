"""The table of `make streambench`, and how an exec's end is read."""

import json

import pytest

from conformance.streambench import BEGIN, END, report
from conformance.streambench.client import Command, exit_code
from conformance.streambench.measures import MEASURES
from conformance.throwaway import CHECKOUT, NodeError


def test_ratios_are_medians_of_pairs_and_throughput_aims_upwards() -> None:
    rows = [report.Row("round trip", is_latency=True), report.Row("output", is_latency=False)]
    ours = {"round trip": [2.0, 4.0, 30.0], "output": [50.0]}
    text = report.table(rows, ours, {"round trip": [1.0, 4.0, 10.0], "output": [100.0]})
    assert text.splitlines()[2:] == [
        "| round trip, median | 4.0 ms | 4.0 ms | 2.00x | ≤ 1.0x |",
        "| round trip, p90 | 30.0 ms | 10.0 ms | 3.00x | ≤ 1.0x |",
        "| output | 50 MB/s | 100 MB/s | 0.50x | ≥ 1.0x |",
    ]
    assert "| output | 50 MB/s | – | – | ≥ 1.0x |" in report.table(rows, ours, {})


def test_every_measure_has_a_name_of_its_own_and_the_spec_a_place_for_the_table() -> None:
    assert len({one.name for one in MEASURES}) == len(MEASURES)
    spec = (CHECKOUT / "SPEC.md").read_text()
    assert spec.index(BEGIN) < spec.index(END)


def test_the_exit_code_is_in_the_status() -> None:
    causes = [{"reason": "ExitCode", "message": "7"}]
    assert exit_code(json.dumps({"status": "Failure", "details": {"causes": causes}}).encode()) == 7
    assert exit_code(b'{"status": "Success"}') == 0
    with pytest.raises(NodeError, match="no such container"):
        exit_code(b'{"status": "Failure", "message": "no such container"}')


def test_a_command_is_quoted_word_by_word() -> None:
    command = Command("box", "main", ("sh", "-c", "echo > /tmp/a&b"), stdin=True)
    assert command.target.endswith(
        "/pods/box/exec?container=main&stdout=true&stderr=true&stdin=true"
        "&command=sh&command=-c&command=echo%20%3E%20%2Ftmp%2Fa%26b"
    )
