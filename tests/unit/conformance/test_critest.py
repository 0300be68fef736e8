"""The runner of upstream's CRI suite, as far as it needs no node: what it reads, expects, and writes."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from conformance.critest import report, suite
from conformance.critest.__main__ import summary, unexpected
from conformance.critest.node import NARROWED, SIDES
from conformance.critest.reasons import REASONS, reason
from conformance.node_e2e.results import Result
from conformance.throwaway import NodeError

APPARMOR = "[k8s.io] AppArmor runtime should support apparmor field should fail with an unloaded apparmor_profile"
STREAMING = "[k8s.io] Streaming runtime should support streaming interfaces runtime should support attach"
DIGEST = f"sha256:{'ab' * 32}"


def test_the_digest_is_replaced_wherever_the_program_names_it() -> None:
    upstream = suite.UPSTREAM_DIGEST
    program = b"\x7fELF gcr.io/x@" + upstream + b"\0 and " + upstream
    assert suite.retargeted(program, DIGEST) == program.replace(upstream, DIGEST.encode())


@pytest.mark.parametrize(("program", "digest"), [(b"\x7fELF", DIGEST), (suite.UPSTREAM_DIGEST, "sha256:short")])
def test_a_program_that_is_not_the_known_one_is_refused(program: bytes, digest: str) -> None:
    with pytest.raises(NodeError, match="has its version changed"):
        suite.retargeted(program, digest)


def test_streaming_specs_stand_twice_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "list_specs", lambda _: {STREAMING: "streaming.go", APPARMOR: "apparmor_linux.go"})
    assert list(suite.all_specs()) == [STREAMING, APPARMOR, f"{STREAMING} (WebSocket)"]


def test_what_has_to_pass_and_what_has_a_reason_not_to() -> None:
    results = [
        Result(STREAMING, "passed"),
        Result(APPARMOR, "skipped"),
        Result("[k8s.io] Networking a", "failed", message="networking.go:1: no"),
    ]
    assert [result.name for result in unexpected(results, "29")] == ["[k8s.io] Networking a"]
    assert unexpected([Result(APPARMOR, "failed")], "29"), "a known skip is no leave to fail"
    text = summary(results, "29")
    assert "networking.go:1: no" in text and "1 of 3 passed; 1 did not for no known reason" in text


def test_reasons_name_sides_that_there_are() -> None:
    for row in REASONS:
        re.compile(row.pattern)
        assert set(row.sides) <= set(SIDES) and row.state in ("skipped", "failed") and row.text
    assert reason(STREAMING, "29") is None


def test_the_page_counts_every_spec_and_says_why_some_do_not_pass() -> None:
    specs = {STREAMING: "streaming.go", APPARMOR: "apparmor_linux.go", "[k8s.io] Networking a|b": "networking.go"}
    outcomes = {
        "29": {
            STREAMING: Result(STREAMING, "passed"),
            APPARMOR: Result(APPARMOR, "skipped"),
            "[k8s.io] Networking a|b": Result("[k8s.io] Networking a|b", "timedout", message="x.go:1: no\n  route"),
        },
        "containerd": {APPARMOR: Result(APPARMOR, "skipped")},
    }
    text = report.render(specs, outcomes)
    assert "| passed | 1 | 0 |" in text and "| failed | 1 | 0 |" in text and "| not run | 0 | 2 |" in text
    assert "| Networking a&#124;b | Engine 29 | failed | x.go:1: no route |" in text
    both = "Engine 29, containerd, for comparison"
    assert f"| {both} | skipped | needs a kernel with AppArmor; the machine has none |" in text
    assert f"| {STREAMING.removeprefix('[k8s.io] ')} | ✓ | – |" in text


@pytest.mark.parametrize(
    ("words", "file", "wrap"),
    [
        (["--log", "l", "create", "--bundle", "{dir}", "id"], "config.json", True),
        (["exec", "--process", "{dir}/process.json", "id"], "process.json", False),
    ],
)
def test_runc_is_asked_only_for_capabilities_that_there_are(
    tmp_path: Path, words: list[str], file: str, wrap: bool
) -> None:
    real = tmp_path / "bin/runc"
    real.parent.mkdir()
    real.write_text('#!/bin/sh\necho "real: $@"\n')
    real.chmod(0o755)
    process = {"args": ["x"], "capabilities": {"bounding": ["CAP_NO_SUCH", "CAP_CHOWN"], "effective": ["CAP_NO_SUCH"]}}
    (tmp_path / file).write_text(json.dumps({"process": process} if wrap else process))
    words = [word.format(dir=tmp_path) for word in words]
    path = f"{NARROWED}:{real.parent}:/usr/bin:/bin"
    done = subprocess.run(
        [str(NARROWED / "runc"), *words], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"real: {' '.join(words)}\n"
    found = json.loads((tmp_path / file).read_text())
    kept = (found["process"] if wrap else found)["capabilities"]
    assert kept == {"bounding": ["CAP_CHOWN"], "effective": []}


def test_a_missing_runc_is_told(tmp_path: Path) -> None:
    command, env = [str(NARROWED / "runc"), "state", "id"], {"PATH": str(NARROWED)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "there is no other runc" in done.stderr
