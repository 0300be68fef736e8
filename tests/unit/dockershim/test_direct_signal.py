"""Signals to a container's first process reach that one, or nobody."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockershim import direct_signal
from dockershim.facts import EngineFacts


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "100"]) as running:
        yield running
        running.kill()


def proc_with(directory: Path, pid: int, cgroup: str) -> Path:
    (directory / str(pid)).mkdir()
    (directory / str(pid) / "cgroup").write_text(cgroup)
    return directory


def test_the_process_of_the_container_gets_it(tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    proc = proc_with(tmp_path, process.pid, "1:cpu:/kubepods/podx/abc123\n")
    assert direct_signal.send(process.pid, "abc123", signal.SIGTERM, proc)
    assert process.wait() == -signal.SIGTERM


def test_a_pid_that_belongs_to_somebody_else_gets_nothing(tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    proc = proc_with(tmp_path, process.pid, "1:cpu:/system.slice/sshd\n")
    assert not direct_signal.send(process.pid, "abc123", signal.SIGKILL, proc)
    assert process.poll() is None


def test_a_process_that_is_gone_is_left_to_the_engine(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    assert not direct_signal.send(process.pid, "abc123", signal.SIGKILL)
    assert not direct_signal.send(os.getpid(), "no container of this process", signal.SIGKILL)


@pytest.mark.parametrize(
    ("handler", "default", "possible"),
    [("", "runc", True), ("crun", "kata", True), ("", "kata", False), ("kata", "runc", False)],
)
def test_only_containers_that_are_processes_of_this_kernel(handler: str, default: str, possible: bool) -> None:
    assert direct_signal.is_possible(handler, EngineFacts(default_runtime=default)) is possible
