"""Running specs of the suite in a node, and hearing of each one's end while the rest still runs."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from conformance import builds
from conformance.node_e2e.node import BIN, NODE_NAME, WORK, SuiteNode
from conformance.node_e2e.results import Result, parse_report, spec_file, spec_name
from conformance.throwaway import NODE_PATH, NodeError, NodeProcess

REPORT = "report.json"
SUITE_TIMEOUT = "3h"
INTERRUPT_GRACE_SECONDS = 120.0
FOLLOW_SECONDS = 0.5

# What a spec's text says when the suite could not even start, for which no spec is to blame.
SET_UP_NODES = ("SynchronizedBeforeSuite", "BeforeSuite")


def list_specs(label_filter: str, focus: Sequence[str]) -> dict[str, str]:
    """The specs that a label filter and any of the regular expressions select: name to source file."""
    patterns = [re.compile(expression) for expression in focus]
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "list.json"
        result = subprocess.run(
            [
                str(builds.path("e2e_node.test")), "--ginkgo.dry-run", "--ginkgo.no-color",
                f"--ginkgo.label-filter={label_filter}", f"--ginkgo.json-report={report}",
            ],
            cwd=directory, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not report.exists():
            raise NodeError(f"the suite does not list its specs: {result.stdout[-2000:]} {result.stderr[-2000:]}")
        suites = json.loads(report.read_text())
    return {
        spec_name(spec): spec_file(spec)
        for suite in suites
        for spec in suite["SpecReports"]
        if spec["LeafNodeType"] == "It"
        and spec["State"] == "passed"
        and (not patterns or any(pattern.search(spec_name(spec)) for pattern in patterns))
    }


async def run_specs(
    suite_node: SuiteNode, names: Sequence[str], procs: int, logs: Path, heard: Callable[[Result], None]
) -> list[Result]:
    """Run exactly these specs, `procs` at a time. `heard` gets each outcome as it comes, the return value has all of
    them in full. On cancellation the suite is asked to end, and `heard` gets what its report has then."""
    node = suite_node.node
    command = [
        str(builds.path("ginkgo")), "-v", "--no-color", f"--procs={procs}", f"--timeout={SUITE_TIMEOUT}",
        f"--json-report={REPORT}", f"--output-dir={WORK}", *(f"--focus={focus_of(name)}" for name in names),
        f"{WORK}/e2e_node.test", "--", *_suite_flags(suite_node),
    ]  # fmt: skip
    process = await node.spawn(command, name="suite", env={"PATH": f"{BIN}:{NODE_PATH}"}, cwd=WORK)
    try:
        await _follow(process.log, process, SpecEnds(names), heard)
    except asyncio.CancelledError:
        process.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.shield(process.wait(INTERRUPT_GRACE_SECONDS))
        _collect(suite_node, logs)
        if (logs / REPORT).exists():
            for result in parse_report((logs / REPORT).read_text()):
                heard(result)
        raise
    _collect(suite_node, logs)
    report = logs / REPORT
    if not report.exists():
        raise NodeError(f"the suite left no report; the end of {logs / 'suite.log'}:\n{process.tail(40)}")
    if problem := set_up_problem(report.read_text()):
        raise NodeError(f"the suite did not start; logs are in {logs}:\n{problem}")
    return parse_report(report.read_text())


def focus_of(name: str) -> str:
    """A regular expression that ginkgo finds in this spec's text alone; some texts have blanks at their ends."""
    return r"\s+".join(map(re.escape, name.split())) + "$"


def _suite_flags(suite_node: SuiteNode) -> list[str]:
    return [
        f"--node-name={NODE_NAME}",
        f"--container-runtime-endpoint=unix://{suite_node.runtime_socket}",
        f"--k8s-bin-dir={BIN}",
        f"--report-dir={WORK}/report",
        f"--kubelet-config-file={WORK}/kubelet.json",
        f"--system-spec-file={WORK}/system-spec.json",
        "--prepull-images=false",
        "--dns-domain=cluster.local",
    ]


def _collect(suite_node: SuiteNode, logs: Path) -> None:
    """Save what the node would take with it: the report, the daemons' logs, the kubelet's and the API server's."""
    for path in [*suite_node.node.logs.glob("*.log"), *(suite_node.work / "report").glob("*.log")]:
        shutil.copy(path, logs / path.name)
    report = suite_node.work / REPORT
    if report.exists():
        shutil.copy(report, logs / REPORT)


def set_up_problem(report: str) -> str:
    """Why the suite's own set-up failed, or nothing if it did not."""
    for suite in json.loads(report):
        for spec in suite.get("SpecReports") or []:
            if spec["LeafNodeType"] in SET_UP_NODES and spec["State"] not in ("passed", "interrupted"):
                return str((spec.get("Failure") or {}).get("Message") or spec["State"])
    return ""


class SpecEnds:
    """Reads the ends of specs out of the suite's output as it grows; the report proper is written only at the end.

    ginkgo's `-v` says them as two lines: `• [2.3 seconds]`, or `• [FAILED] [2.3 seconds]` and the like, then the spec's
    text with its labels, with `[It]` somewhere in it if it did not pass. A serial run says the text when the spec
    begins, and again at its end only if it did not pass.
    """

    _FIRST = re.compile(r"[•S] (?:\[(?P<state>[A-Z ]+)\] )?\[(?P<seconds>[0-9.]+) seconds\]$")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {" ".join(name.split()): name for name in sorted(names, key=len, reverse=True)}
        self._state: str | None = None
        self._begun: str | None = None
        self._rest = ""

    def feed(self, text: str) -> list[Result]:
        *lines, self._rest = (self._rest + text).split("\n")
        return [result for line in lines if (result := self._line(line)) is not None]

    def _line(self, line: str) -> Result | None:
        if match := self._FIRST.match(line):
            self._state = (match["state"] or "passed").lower().replace(" ", "")
            return None
        state, self._state = self._state, None
        name = self._known(line) if line.startswith("[") else None
        if state is None:
            self._begun = name or self._begun
            return None
        name, self._begun = name or self._begun, None
        return Result(name, state, at=time.time()) if name else None

    def _known(self, line: str) -> str | None:
        said = " ".join(line.replace(" [It] ", " ").split())
        known = (name for text, name in self._names.items() if said == text or said.startswith(f"{text} ["))
        return next(known, None)


async def _follow(log: Path, process: NodeProcess, ends: SpecEnds, heard: Callable[[Result], None]) -> None:
    """Tell `heard` of each spec's end until the suite has ended."""
    with log.open(errors="replace") as output:
        while True:
            ended = process.returncode is not None
            for result in ends.feed(output.read()):
                heard(result)
            if ended:
                return
            await asyncio.sleep(FOLLOW_SECONDS)
