"""What a throw-away node promises to every other test: it is a machine of its own, and it leaves nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.throwaway import CHECKOUT, NodeError, ThrowawayNode
from conformance.wire import Wire


def traces(name: str) -> list[Path]:
    node = ThrowawayNode(name, engine=None)
    groups = list(Path("/sys/fs/cgroup").rglob(node.cgroup_name))
    return [p for p in [node.scratch, *groups] if p.exists()]


def exists(path: Path) -> bool:
    return path.exists()


def content(path: str) -> str:
    return Path(path).read_text()


def host_links() -> set[str]:
    return {line.split(":")[0] for line in Path("/proc/net/dev").read_text().splitlines()[2:]}


async def test_engine_runs_a_container_in_the_node(engine_node: ThrowawayNode) -> None:
    done = await engine_node.run(
        ["docker", "run", "--rm", "--network=none", "localhost/podwright/busybox:1", "echo", "hello"]
    )
    assert done.stdout == "hello\n"


async def test_writes_to_system_directories_stay_in_the_node() -> None:
    links = host_links()
    async with ThrowawayNode("traces", engine=None, host_link=True) as node:
        for top in ("/etc", "/var/lib", "/opt", "/run"):
            trace = Path(top, "podwright-trace")
            await node.run(["touch", trace])
            assert exists(node.path(trace))
            assert not exists(trace)
        await node.run(["sh", "-c", "echo 7 >/proc/sys/kernel/panic"])
        assert content("/proc/sys/kernel/panic") != "7\n"
        host_ip, _ = node.host_link_addresses
        await node.run(["busybox", "ping", "-c1", "-W", "2", host_ip])
    assert traces("traces") == []
    assert host_links() == links


async def test_a_process_is_signalled_by_its_host_pid_and_ends_with_the_node() -> None:
    async with ThrowawayNode("signals", engine=None) as node:
        script = "trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done"
        quick = await node.spawn(["sh", "-c", script], name="quick")
        slow = await node.spawn(["sleep", "infinity"], name="slow")
        assert await quick.stop() == 3
        assert quick.log.read_text() == "bye\n"
        assert slow.returncode is None
    assert slow.returncode == -signal.SIGKILL


async def test_orphans_are_reaped() -> None:
    async with ThrowawayNode("orphans", engine=None) as node:
        await node.run(["sh", "-c", "(sh -c 'exit 0' &) ; sleep 0.1"])
        states = (await node.run(["ps", "-e", "-o", "stat="])).stdout
        assert "Z" not in states


async def test_failures_say_what_was_run_and_what_it_said() -> None:
    async with ThrowawayNode("failures", engine=None) as node:
        with pytest.raises(NodeError, match=r"`ls /nowhere` ended with 2: .*No such file"):
            await node.run(["ls", "/nowhere"])
        with pytest.raises(NodeError, match=r"did not end within 0\.2 s"):
            await node.run(["sleep", "60"], timeout=0.2)
        with pytest.raises(NodeError, match="already running"):
            await ThrowawayNode("failures", engine=None).start()


async def test_nodes_on_a_wire_reach_each_other() -> None:
    async with (
        Wire() as wire,
        ThrowawayNode("wire-a", engine=None, wire=wire, address="10.77.0.10/24") as one,
        ThrowawayNode("wire-b", engine=None, wire=wire, address="10.77.0.11/24") as other,
    ):
        await one.run(["busybox", "ping", "-c1", "-W", "2", other.ip])


def test_a_node_dies_with_the_process_that_made_it() -> None:
    """However it dies: nothing runs on, and the next node of the name clears what stayed on disk."""
    command = [sys.executable, "-m", "conformance.throwaway", "crash", "--no-engine", "--", "sleep", "infinity"]
    maker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    deadline = time.monotonic() + 20
    while not (found := _attached("crash")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    maker.kill()
    maker.wait()
    while Path(f"/proc/{found.pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asyncio.run(_start_and_stop("crash"))
    assert traces("crash") == []


async def _start_and_stop(name: str) -> None:
    async with ThrowawayNode(name, engine=None):
        pass


def _attached(name: str) -> ThrowawayNode | None:
    try:
        return ThrowawayNode.attach(name)
    except NodeError:
        return None
