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
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from aiohttp import web

from conformance import builds
from conformance.node_e2e.node import BIN, WORK, SuiteNode
from conformance.node_e2e.results import Result, parse_report, spec_file, spec_name
from conformance.throwaway import NODE_PATH, NodeError, NodeProcess

NODE_NAME = "e2e-node"
REPORT = "report.json"
SUITE_TIMEOUT = "3h"
INTERRUPT_GRACE_SECONDS = 120.0

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
    them in full. An interrupt (SIGINT) ends the suite in its own way, with the results so far."""
    node = suite_node.node
    async with _listener(node.host_link_addresses[0], heard) as url:
        command = [
            str(builds.path("ginkgo")), "--no-color", f"--procs={procs}", f"--timeout={SUITE_TIMEOUT}",
            "--keep-going", f"--json-report={REPORT}", f"--output-dir={WORK}", "--poll-progress-after=0",
            *(f"--focus={re.escape(name)}$" for name in names),
            f"{WORK}/e2e_node.test", "--", *_suite_flags(suite_node, url),
        ]  # fmt: skip
        env = {"PATH": f"{BIN}:{NODE_PATH}"}
        process = await node.spawn(command, name="suite", env=env, cwd=WORK)
        try:
            await _ended(process)
        finally:
            _collect(suite_node, logs)
    report = logs / REPORT
    if not report.exists():
        raise NodeError(f"the suite left no report; the end of {logs / 'suite.log'}:\n{process.tail(40)}")
    if problem := set_up_problem(report.read_text()):
        raise NodeError(f"the suite did not start; logs are in {logs}:\n{problem}")
    return parse_report(report.read_text())


def _suite_flags(suite_node: SuiteNode, progress_url: str) -> list[str]:
    return [
        f"--node-name={NODE_NAME}",
        f"--container-runtime-endpoint=unix://{suite_node.runtime_socket}",
        f"--k8s-bin-dir={BIN}",
        f"--report-dir={WORK}/report",
        f"--kubelet-config-file={WORK}/kubelet.json",
        f"--system-spec-file={WORK}/system-spec.json",
        f"--progress-report-url={progress_url}",
        "--prepull-images=false",
        "--dns-domain=cluster.local",
    ]


async def _ended(process: NodeProcess) -> None:
    """Until the suite has ended; on cancellation it is asked to end and given time to write its report."""
    try:
        await process.wait()
    except asyncio.CancelledError:
        process.signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.shield(process.wait(INTERRUPT_GRACE_SECONDS))
        raise


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


def parse_progress(message: str) -> Result | None:
    """A result from a line of the suite's progress reports, `PASSED name` or `FAILED name`; others are not results."""
    word, _, name = message.partition(" ")
    state = {"PASSED": "passed", "FAILED": "failed"}.get(word)
    return Result(name, state, at=time.time()) if state and name else None


@contextlib.asynccontextmanager
async def _listener(address: str, heard: Callable[[Result], None]) -> AsyncIterator[str]:
    """A URL that takes the suite's progress reports."""

    async def post(request: web.Request) -> web.Response:
        result = parse_progress((await request.json()).get("msg", ""))
        if result is not None:
            heard(result)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://{address}:{port}/"
    finally:
        await runner.cleanup()
