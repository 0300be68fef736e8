"""Listing the suite's specs, and running them in a node.

The suite's programs run as upstream built them, but for one string: the digest that a spec pulls an image by is one
that only upstream's registry has an image for. In the copy that runs it is the digest of an image of ours.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conformance import builds
from conformance.critest import images
from conformance.critest.node import WORK, CritestNode
from conformance.images import packed
from conformance.node_e2e.results import Result, parse_report, spec_file, spec_name
from conformance.node_e2e.suite import focus_of
from conformance.throwaway import NODE_PATH, NodeError

PROGRAM = "critest.test"
SUITE_TIMEOUT_SECONDS = 1800.0
UPSTREAM_DIGEST = b"sha256:9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf"

# Measurements, and a plug-in interface of containerd and CRI-O (Node Resource Interface) that is no part of CRI.
NOT_SELECTED = (r"benchmark", r"\[k8s\.io\] NRI ")

# The same specs once more, by the other protocol that clients stream with.
WEBSOCKET = ("--websocket-exec", "--websocket-attach", "--websocket-portforward")
STREAMING = r"^\[k8s\.io\] Streaming "
WEBSOCKET_SUFFIX = " (WebSocket)"


def list_specs(focus: Sequence[str] = ()) -> dict[str, str]:
    """The validation specs that any of the regular expressions selects, all by default: name to source file."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "list.json"
        flags = ["--ginkgo.dry-run", "--ginkgo.no-color", f"--ginkgo.json-report={report}", *_select(focus, "ginkgo.")]
        result = subprocess.run(
            [str(builds.path(PROGRAM)), *flags], cwd=directory, capture_output=True, text=True, check=False
        )
        if not report.exists():
            raise NodeError(f"the suite does not list its specs: {result.stdout[-2000:]} {result.stderr[-2000:]}")
        suites = json.loads(report.read_text())
    return {
        spec_name(spec): spec_file(spec)
        for suite in suites
        for spec in suite["SpecReports"]
        if spec["LeafNodeType"] == "It" and spec["State"] == "passed"
    }


def all_specs(focus: Sequence[str] = ()) -> dict[str, str]:
    """Those, and under names of their own the streaming specs over the other protocol."""
    specs = list_specs(focus)
    again = {name + WEBSOCKET_SUFFIX: file for name, file in specs.items() if re.search(STREAMING, name)}
    return {**specs, **again}


async def run_suite(critest: CritestNode, focus: Sequence[str], procs: int, logs: Path) -> list[Result]:
    """Run what is selected, then the streaming specs among it over the other protocol."""
    results = await _run(critest, focus, procs, logs)
    streaming = [focus_of(result.name) for result in results if re.search(STREAMING, result.name)]
    if not streaming:
        return results
    again = await _run(critest, streaming, procs, logs, WEBSOCKET)
    return [*results, *(replace(result, name=result.name + WEBSOCKET_SUFFIX) for result in again)]


async def _run(
    critest: CritestNode, focus: Sequence[str], procs: int, logs: Path, flags: Sequence[str] = ()
) -> list[Result]:
    """`procs` specs at a time, serial ones alone. Reports and logs are left in `logs`."""
    _place_program(critest)
    name = "critest-websocket" if flags else "critest"
    report = f"{name}.json"
    command = [
        str(builds.path("ginkgo")), "-v", "--no-color", f"--procs={procs}", f"--json-report={report}",
        f"--junit-report={name}.xml", f"--output-dir={WORK}", *_select(focus), f"{WORK}/{PROGRAM}", "--",
        f"--runtime-endpoint=unix://{critest.side.socket}", *flags,
    ]  # fmt: skip
    process = await critest.node.spawn(command, name=name, env={"PATH": NODE_PATH}, cwd=WORK)
    try:
        await process.wait(SUITE_TIMEOUT_SECONDS)
    finally:
        critest.collect(logs)
    if not (logs / report).exists():
        raise NodeError(f"the suite left no report; the end of {logs / name}.log:\n{process.tail(40)}")
    return parse_report((logs / report).read_text())


def _place_program(critest: CritestNode) -> None:
    program = critest.work / PROGRAM
    if not program.exists():
        program.write_bytes(retargeted(builds.path(PROGRAM).read_bytes(), packed(images.digest_image()).digest))
        program.chmod(0o755)


def retargeted(program: bytes, digest: str) -> bytes:
    """The suite's program with another digest in upstream's one's place. Raises NodeError if that is not in it."""
    if UPSTREAM_DIGEST not in program or len(digest) != len(UPSTREAM_DIGEST):
        raise NodeError(f"{PROGRAM} does not name {UPSTREAM_DIGEST.decode()}: has its version changed? see {__file__}")
    return program.replace(UPSTREAM_DIGEST, digest.encode())


def _select(focus: Sequence[str], prefix: str = "") -> list[str]:
    return [
        *(f"--{prefix}skip={expression}" for expression in NOT_SELECTED),
        *(f"--{prefix}focus={expression}" for expression in focus),
    ]
