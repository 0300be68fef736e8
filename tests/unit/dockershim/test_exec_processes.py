"""dockershim.exec_processes: real processes of this machine, ours."""

import os
import subprocess
import sys
import time
from pathlib import Path

from dockershim.exec_processes import kill_all, marked, new_mark, read_processes

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(100)
    os._exit(0)
os.wait()
time.sleep(100)
"""


def started(path: Path) -> int:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(path.read_text())


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while pid in read_processes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_daemon_is_found_by_its_mark_and_a_stranger_is_left_alone(tmp_path: Path) -> None:
    mark = new_mark()
    environment = {**os.environ, "PODWRIGHT_EXEC": mark.partition("=")[2]}
    command = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(tmp_path / "pid")], env=environment, start_new_session=True
    )
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(100)"], env={**os.environ, "PODWRIGHT_EXEC": "another"}
    )
    try:
        daemon = started(tmp_path / "pid")
        assert {command.pid, daemon} <= marked(mark, read_processes())
        assert stranger.pid not in marked(mark, read_processes())
        kill_all(command.pid, mark)
        assert command.wait(20) == -9 and gone(daemon)
        assert stranger.poll() is None
        kill_all(0, mark)  # nothing is left, and nothing else is hit
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_dead_are_no_processes() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.pid not in read_processes() and os.getpid() in read_processes()
    child.wait()
