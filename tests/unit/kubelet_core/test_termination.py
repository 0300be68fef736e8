"""A container's last words, by policy, file and log."""

from dataclasses import replace
from pathlib import Path

import pytest

from cri.logformat import encode_line
from kubelet.termination import MAX_LOG_BYTES, TerminationMessages, log_tail, termination_message
from pleg.state import (
    ContainerID,
    ContainerMount,
    ContainerStatus,
    PodRuntimeStatus,
    RunState,
    SandboxID,
)

PATH = "/dev/termination-log"


def ended(host_file: Path | None, *, policy: str = "File", exit_code: int = 1, log: Path | None = None,
          reason: str = "Error", message: str = "") -> ContainerStatus:
    mounts = (ContainerMount(PATH, str(host_file), False, False),) if host_file else ()
    return ContainerStatus(
        ContainerID("id"), "c", SandboxID("s"), RunState.EXITED, created_at=1, exit_code=exit_code, reason=reason,
        message=message, mounts=mounts, log_path=str(log) if log else "",
        annotations={
            "io.kubernetes.container.terminationMessagePath": PATH,
            "io.kubernetes.container.terminationMessagePolicy": policy,
        },
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(encode_line(index, "stdout", f"line {index}".encode(), False) for index in range(100)))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "message"
    path.write_text("")
    return path


def test_the_file_wins(file: Path, log: Path) -> None:
    file.write_text("DONE")
    assert termination_message(ended(file, policy="FallbackToLogsOnError", log=log)) == "DONE"


def test_only_the_end_of_a_long_file_counts(file: Path) -> None:
    file.write_text("x" * 5000 + "end")
    message = termination_message(ended(file))
    assert len(message) == 4096
    assert message.endswith("end")


@pytest.mark.parametrize(
    ("policy", "exit_code", "reason", "falls_back"),
    [
        ("FallbackToLogsOnError", 1, "Error", True),
        ("FallbackToLogsOnError", 0, "Completed", False),
        ("FallbackToLogsOnError", 127, "ContainerCannotRun", False),
        ("File", 1, "Error", False),
    ],
)
def test_when_the_log_stands_in(
    file: Path, log: Path, policy: str, exit_code: int, reason: str, falls_back: bool
) -> None:
    message = termination_message(ended(file, policy=policy, exit_code=exit_code, reason=reason, log=log))
    assert message == ("".join(f"line {index}\n" for index in range(20, 100)) if falls_back else "")


def test_a_missing_file_or_mount_falls_back_too(tmp_path: Path, log: Path) -> None:
    for host_file in (tmp_path / "absent", None):
        assert "line 99" in termination_message(ended(host_file, policy="FallbackToLogsOnError", log=log))


def test_the_runtimes_own_message_comes_first(file: Path) -> None:
    file.write_text("why")
    assert termination_message(ended(file, message="OCI error")) == "OCI error: why"
    file.write_text("")
    assert termination_message(ended(file, message="OCI error")) == "OCI error"


def test_an_unreadable_file_is_told_about(tmp_path: Path) -> None:
    assert termination_message(ended(tmp_path)) == f"Error on reading termination log {tmp_path}: Is a directory"


def test_the_log_tail_is_bounded_and_joins_partial_lines(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(encode_line(1, "stdout", b"a" * 3000, True) + encode_line(2, "stdout", b"end", False))
    tail = log_tail(log)
    assert len(tail) == MAX_LOG_BYTES
    assert tail.endswith("aend\n")


async def test_messages_are_read_once(file: Path) -> None:
    file.write_text("first")
    messages = TerminationMessages()
    runtime = PodRuntimeStatus("u", "p", "n", containers=(ended(file),))
    assert await messages.of(runtime) == {"id": "first"}
    file.write_text("second")
    assert await messages.of(runtime) == {"id": "first"}
    messages.retain(set())
    assert await messages.of(runtime) == {"id": "second"}
    running = replace(ended(file), state=RunState.RUNNING)
    assert await messages.of(replace(runtime, containers=(running,))) == {}
