"""`make run` as a newcomer types it, in a node that has no engine: everything starts, shows itself, and goes again."""

import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from conformance.throwaway import CHECKOUT, ThrowawayNode

SET_UP_SECONDS = 10.0
"""The promise for a machine that is set up; starting a private engine is part of it."""

# Runs the command on a terminal of its own, ends it as Ctrl-C does after a while, and prints what the terminal showed.
ON_A_TERMINAL = """
import os, pty, select, signal, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown, interrupted, deadline = b"", False, time.monotonic() + 60
while time.monotonic() < deadline:
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        shown += chunk
        last = shown[-4000:]
        if not interrupted and b"Succeeded" in last and last.count(b"1/1") + last.count(b"2/2") >= 2:
            os.write(terminal, b"\\x03")
            interrupted = True
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
print("interrupted", interrupted)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest_asyncio.fixture
async def machine() -> AsyncIterator[ThrowawayNode]:
    """A node without an engine, as a machine on which only the packages are there. /var/lib is empty and its own."""
    async with ThrowawayNode("make-run", engine=None) as node:
        await node.run(["mkdir", node.scratch / "var-lib"])
        await node.run(["mount", "--bind", node.scratch / "var-lib", "/var/lib"])
        yield node


@pytest.fixture
def make(machine: ThrowawayNode) -> list[str]:
    """`make` with the virtual environment that the tests run in, which need not be the checkout's own."""
    programs = machine.path("/opt/podwright-bin")
    programs.mkdir()
    wrapper = programs / "podwright"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubelet.operator "$@"\n')
    wrapper.chmod(0o755)
    return ["make", "-C", str(CHECKOUT), "-o", ".venv/.ready", "BIN=/opt/podwright-bin", f"PYTHON={sys.executable}"]


async def test_without_a_terminal_it_shows_the_pods_and_the_page_and_ends(
    machine: ThrowawayNode, make: list[str]
) -> None:
    before = await state(machine)
    began = time.monotonic()
    done = await machine.run([*make, "run"], timeout=150, check=False)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr + done.stdout
    table = [line.split() for line in done.stdout.splitlines() if "-make-run" in line]
    rows = {row[1].removesuffix("-make-run"): row for row in table}
    assert set(rows) == {"web", "pipeline", "job"}, done.stdout
    assert "Succeeded" in rows["job"]
    assert "1/1" in rows["web"]
    assert "It works: this page comes from a pod." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert await state(machine) == before
    assert took < 2 * SET_UP_SECONDS, f"it took {took:.1f} s"  # twice: the machine of the tests is shared


async def test_in_a_terminal_it_shows_a_table_until_interrupted(machine: ThrowawayNode, make: list[str]) -> None:
    before = await state(machine)
    done = await machine.run([sys.executable, "-c", ON_A_TERMINAL, *make, "run"], timeout=150, check=False,
                             env={"TERM": "xterm", "COLUMNS": "140", "LINES": "40"})  # fmt: skip
    assert "interrupted True" in done.stdout, done.stdout[-3000:]
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
    for word in ("web-make-run", "pipeline-make-run", "job-make-run", "Running", "Succeeded"):
        assert word in shown
    assert "Traceback" not in shown
    assert await state(machine) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
async def test_ended_by_a_signal_it_leaves_nothing(
    machine: ThrowawayNode, make: list[str], number: signal.Signals
) -> None:
    """Also when half of it has started."""
    before = await state(machine)
    process = await machine.spawn(["/opt/podwright-bin/podwright", "run", str(CHECKOUT / "examples")], name="run")
    deadline = time.monotonic() + 30
    while "podwright0" not in (await machine.run(["ip", "-o", "link"])).stdout:
        assert process.returncode is None, process.tail()
        assert time.monotonic() < deadline, process.tail()
    process.signal(number)
    await process.wait(60)
    after = await state(machine)
    assert {k: set(after[k]) - set(before[k]) for k in after} == {k: set() for k in after}


async def test_a_folder_that_is_not_there_is_named(machine: ThrowawayNode, make: list[str]) -> None:
    done = await machine.run(["/opt/podwright-bin/podwright", "run", "/opt/absent"], check=False)
    assert done.returncode != 0
    assert "/opt/absent" in done.stderr
    assert "Traceback" not in done.stderr


async def state(machine: ThrowawayNode) -> dict[str, list[str]]:
    """What a run could leave behind: processes, devices, mounts, namespaces, rules, control groups, files."""
    names = (await machine.run(["ps", "-e", "-o", "comm="])).stdout.split()
    mounts = [line.split()[1] for line in Path(f"/proc/{machine.pid}/mounts").read_text().splitlines()]
    devices = (await machine.run(["sh", "-c", "ls /sys/class/net"])).stdout.split()
    rules = (await machine.run(["iptables-save"])).stdout.splitlines()
    groups = machine.path("/sys/fs/cgroup")
    places = ["/var/lib", "/var/log/pods", "/var/log/containers"]
    files = (await machine.run(["find", *places, "-maxdepth", "4"])).stdout.splitlines()
    return {
        "processes": sorted(n for n in names if n not in ("ps", "env", "sh", "nsenter")),
        "mounts": sorted(mounts),
        "devices": sorted(devices),
        "namespaces": sorted(p.name for d in ("/run/netns", "/run/docker/netns") for p in machine.path(d).glob("*")),
        "rules": sorted(r for r in rules if r.startswith("-A")),
        "groups": sorted(str(p.relative_to(groups)) for p in groups.glob("*/*") if p.is_dir()),
        "files": files,
    }  # fmt: skip
