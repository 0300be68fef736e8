"""The node suite's runner, as far as it needs no node: what it reads, keeps, and writes."""

import json
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from conformance.node_e2e import busybox, report, suite, systemd
from conformance.node_e2e.__main__ import NODE_CONFORMANCE, arguments
from conformance.node_e2e.results import Result, Store, parse_report


def spec(name: str, state: str, **more: object) -> dict[str, object]:
    location = {"FileName": "k8s.io/kubernetes@v1.36.3/test/e2e/common/node/pods.go", "LineNumber": 7}
    return {
        "ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeText": name, "LeafNodeType": "It",
        "LeafNodeLocation": location, "State": state, "RunTime": 2_540_000_000, **more,
    }  # fmt: skip


def document(*specs: dict[str, object]) -> str:
    return json.dumps([{"SpecReports": specs}])


@pytest.mark.parametrize(("verb", "label"), [
    ("run", NODE_CONFORMANCE), ("list", NODE_CONFORMANCE), ("report", "NodeConformance"),
])
def test_each_verb_selects_what_its_help_says(verb: str, label: str) -> None:
    assert arguments().parse_args([verb]).label == label


def test_specs_that_a_filter_left_out_are_no_results() -> None:
    assert parse_report(document(spec("a", "skipped"), spec("b", "pending"), spec("i", "interrupted"))) == []
    by_itself = spec("c", "skipped", Failure={"Message": "only on Windows"})
    assert [(r.name, r.state) for r in parse_report(document(by_itself))] == [("[sig-node] Pods c", "skipped")]


def test_a_failure_keeps_its_place_and_words() -> None:
    failure = {"Message": "no pod", "Location": {"FileName": "/x/pods.go", "LineNumber": 12}}
    (result,) = parse_report(document(spec("fails", "timedout", Failure=failure)))
    assert (result.message, result.file, result.seconds) == ("pods.go:12: no pod", "e2e/common/node/pods.go", 2.5)
    assert not result.passed


def test_a_failed_set_up_is_told_from_failed_specs() -> None:
    set_up = {"LeafNodeType": "SynchronizedBeforeSuite", "State": "failed", "Failure": {"Message": "no kubelet"}}
    assert suite.set_up_problem(json.dumps([{"SpecReports": [set_up]}])) == "no kubelet"
    assert suite.set_up_problem(document(spec("fails", "failed"))) == ""


OUTPUT = """\
------------------------------
• [2.061 seconds]
[sig-node] Pods should run [NodeConformance] [sig-node, NodeConformance]
k8s.io/kubernetes/test/e2e/common/node/pods.go:134
------------------------------
• [FAILED] [0.286 seconds]
[sig-node] Pods [NodeConformance] [It] should run twice [sig-node, NodeConformance]
S [SKIPPED] [0.001 seconds]
[sig-node] Pods [It] should wait [sig-node]
• [TIMED OUT] [9.000 seconds]
[sig-node] A spec of another selection [sig-node]
"""


def test_ends_of_a_serial_run_are_heard() -> None:
    ends = suite.SpecEnds(["[a] one", "[a] two"])
    text = "[a] one [Serial]\nfile.go:1\n  STEP: x\n• [1.0 seconds]\n------\n[a] two [Serial]\n  STEP: y\n"
    assert [(r.name, r.state) for r in ends.feed(text)] == [("[a] one", "passed")]
    assert [(r.name, r.state) for r in ends.feed("• [FAILED] [2.0 seconds]\n[a] [It] two [Serial]\n")] == [
        ("[a] two", "failed")
    ]


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_ends_of_specs_are_heard_from_the_output(piece: int) -> None:
    names = ["Pods should run [NodeConformance]", "Pods [NodeConformance] should run twice", "Pods should wait"]
    ends = suite.SpecEnds(f"[sig-node] {name}" for name in names)
    heard = [r for at in range(0, len(OUTPUT), piece) for r in ends.feed(OUTPUT[at : at + piece])]
    assert [(r.name.removeprefix("[sig-node] "), r.state) for r in heard] == [
        (names[0], "passed"), (names[1], "failed"), (names[2], "skipped"),
    ]  # fmt: skip


def test_a_spec_is_found_by_its_text_alone_whatever_its_blanks() -> None:
    pattern = re.compile(suite.focus_of("[sig-node] Pods [Feature:X]  should (really) run"))
    assert pattern.search("E2eNode Suite [sig-node] Pods [Feature:X] should (really) run")
    assert not pattern.search("E2eNode Suite [sig-node] Pods [Feature:X] should (really) run twice")


def test_newer_results_replace_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODWRIGHT_STATE", str(tmp_path))
    store = Store("side")
    store.add([Result("a", "failed"), Result("b", "passed")])
    store.add([Result("a", "passed")])
    assert {name: r.state for name, r in Store("side").load().items()} == {"a": "passed", "b": "passed"}


def test_the_table_counts_every_spec_on_every_side_that_ran() -> None:
    specs = {"one": "e2e/x.go", "two": "e2e/x.go", "three | 3": "e2e/y.go"}
    outcomes = {
        "ours": {"one": Result("one", "passed"), "two": Result("two", "timedout")},
        "theirs": {name: Result(name, "passed") for name in specs},
        "absent": {},
    }
    text = report.render(specs, "All", outcomes)
    assert "| | ours | theirs |" in text
    assert "| passed | 1 | 3 |" in text and "| failed | 1 | 0 |" in text and "| not run | 1 | 0 |" in text
    assert "| two | ✗ | ✓ |" in text and "| three &#124; 3 | – | ✓ |" in text


def test_busybox_gets_its_changes_and_nothing_else() -> None:
    before = "# CONFIG_STATIC is not set\nCONFIG_TC=y\nCONFIG_TCPSVD=y\n# CONFIG_STATIC_LIBGCC is not set\n"
    assert busybox.changed(before).splitlines() == [
        "CONFIG_STATIC=y", "# CONFIG_TC is not set", "CONFIG_TCPSVD=y", "# CONFIG_STATIC_LIBGCC is not set",
    ]  # fmt: skip


def test_units_are_started_stopped_and_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(systemd, "UNITS", tmp_path / "units")
    log = tmp_path / "log"
    program = "import time; print('$up', flush=True); time.sleep(60)"
    words = ["-p", "Delegate=true", "-p", f"StandardError=append:{log}", "--unit=kubelet-1.service", "--slice=x.slice"]
    assert systemd.run([*words, "--remain-after-exit", sys.executable, "-c", program.replace("$", "$$")]) == 0
    unit = tmp_path / "units" / "kubelet-1.service"
    try:
        assert systemd.is_running(unit)
        first = (unit / "pid").read_text()
        assert systemd.control(["restart", "kubelet-1"]) == 0
        assert systemd.is_running(unit) and (unit / "pid").read_text() != first
        assert systemd.control(["list-units", "*kubelet*", "--state=running"]) == 0
        assert "kubelet-1.service" in capsys.readouterr().out
        deadline = time.monotonic() + 10
        while not (log.exists() and "$up" in log.read_text()) and time.monotonic() < deadline:
            pass
        assert "$up" in log.read_text()
        assert systemd.control(["stop", "kubelet-1.service"]) == 0
        assert not systemd.is_running(unit)
        assert systemd.control(["list-units", "*kubelet*", "--state=running"]) == 0
        assert capsys.readouterr().out == ""
    finally:
        systemd.send(unit, signal.SIGKILL)


def test_what_the_stand_ins_do_not_know_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "UNITS", tmp_path)
    (tmp_path / "a.service").mkdir()
    assert systemd.control(["isolate", "a.service"]) == 1
    assert systemd.control(["stop", "b.service"]) == 5
    assert systemd.run(["--scope", "true"]) == 1
