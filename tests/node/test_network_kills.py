"""Crowds of pods, callers that go away, and a dockershim that is killed: nothing stays behind. Needs root."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from network_host import PLUGINS, PORTMAP, Host, Pods, end

from dockershim.network import NetworkError, PodNetwork, PortMapping, orphans

CLEAN = (set(), [], set(), set())
CROWD = 16
WORKER = Path(__file__).with_name("network_worker.py")
GATE = """echo $CNI_COMMAND >>{path}/reached
if [ $CNI_COMMAND = {verb} ] && [ -e {path}/closed ]; then {wait}; fi
if [ $CNI_COMMAND = ADD ]; then passed; fi"""
"""A plugin that takes its time at one verb while there is a file `closed`."""


def chain(host: Host) -> list[dict[str, object]]:
    return [host.bridge(), PORTMAP, {"type": "firewall"}, {"type": "gate"}]


async def test_a_crowd_whose_callers_go_away(host: Host, pods: Pods) -> None:
    """Each is set up and torn down, and half of the calls are cancelled at some moment; whoever called calls again."""
    chance = random.Random(7)
    host.configure(*chain(host)[:3])
    network = await host.network()
    crowd = [pods(port_mappings=(PortMapping("tcp", 80, 20000 + i),)) for i in range(CROWD)]

    async def call(act, pod: PodNetwork) -> bool:
        """Whether the caller has stayed until the end."""
        seconds = chance.choice([60.0, chance.uniform(0.0, 2.0)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await act(pod)
                return True
        return False

    async def live(pod: PodNetwork) -> None:
        is_up = await call(network.set_up, pod) or await call(network.set_up, pod)
        if is_up:
            assert await network.addresses(pod)
        while not await call(network.tear_down, pod):
            pass

    await asyncio.gather(*map(live, crowd))
    assert not network._begun and not network._turns.sandboxes and not network._pins._held
    assert await network.collect_garbage([])
    assert host.left == CLEAN


class Victim:
    """A worker that is killed while a plugin is at work for each of its pods."""

    def __init__(self, host: Host, crowd: list[PodNetwork]) -> None:
        self.host, self.crowd = host, crowd

    def _reached(self, verb: str) -> int:
        file = self.host.path / "reached"
        return file.read_text().split().count(verb) if file.exists() else 0

    async def run(self, verb: str) -> int:
        process = self._start(verb)
        return await asyncio.to_thread(process.wait)

    async def kill_at(self, verb: str) -> None:
        (self.host.path / "closed").touch()
        already = self._reached(verb)
        process = self._start(verb)
        async with asyncio.timeout(60):
            while self._reached(verb) < already + len(self.crowd):
                assert process.poll() is None
                await asyncio.sleep(0.02)
        process.kill()
        process.wait()

    def _start(self, verb: str) -> "subprocess.Popen[bytes]":
        path = self.host.path
        order = {
            "verb": verb, "conf_dir": str(path / "net.d"), "bin_dirs": [str(path / "bin"), str(PLUGINS)],
            "cache_dir": str(path / "cache"),
            "pods": [
                {"id": pod.sandbox_id, "netns": pod.netns, "port": pod.port_mappings[0].host_port}
                for pod in self.crowd
            ],
        }  # fmt: skip
        checkout = Path(__file__).parents[2]
        command = [sys.executable, str(WORKER), json.dumps(order)]
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(checkout)})


@pytest.mark.parametrize(
    ("verb", "wait"), [("ADD", "trap '' TERM; sleep 600; sleep 600"), ("DEL", "sleep 1")], ids=["ADD", "DEL"]
)
async def test_killed_in_the_middle(
    host: Host, pods: Pods, monkeypatch: pytest.MonkeyPatch, verb: str, wait: str
) -> None:
    """The plugins that it leaves behind go on for a while or for ever. Its successor tears down what it is asked to."""
    monkeypatch.setattr(orphans.end, "__defaults__", (1.0,))
    host.script("gate", GATE.format(path=host.path, verb=verb, wait=wait))
    host.configure(*chain(host))
    crowd = [pods(port_mappings=(PortMapping("tcp", 80, 20000 + i),)) for i in range(3)]
    victim = Victim(host, crowd)
    if verb == "DEL":
        assert await victim.run("ADD") == 0
    await victim.kill_at(verb)
    (host.path / "closed").unlink()
    assert len(host.records) == len(crowd)
    successor = await host.network()
    # The engine says who they are, as long as their pause containers run.
    await asyncio.gather(*(successor.tear_down(replace(pod, port_mappings=())) for pod in crowd))
    if verb == "DEL":
        for pod in crowd:  # the first DEL goes on beside the second, and does no harm
            await orphans.end(pod.sandbox_id)
    assert not any(orphans._find(pod.sandbox_id) for pod in crowd)
    assert host.left == CLEAN


async def test_killed_in_the_middle_and_the_sandboxes_gone_too(host: Host, pods: Pods) -> None:
    """As after a power cut: only the cache tells of them, and of one only the name of its record."""
    host.script("gate", GATE.format(path=host.path, verb="ADD", wait="sleep 600"))
    host.configure(host.bridge(ipMasq=False), PORTMAP, {"type": "gate"})
    crowd = [pods(port_mappings=(PortMapping("tcp", 80, 20000 + i),)) for i in range(3)]
    victim = Victim(host, crowd)
    await victim.kill_at("ADD")
    for pod, process in zip(crowd, pods.processes, strict=True):
        for pidfd in orphans._find(pod.sandbox_id):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        end(process)
    host.configure(host.bridge(ipMasq=False), PORTMAP)
    cut = host.path / "cache" / "results" / f"pods-{crowd[0].sandbox_id}-eth0"
    cut.write_bytes(b"")
    successor = await host.network()
    # The engine still has the first: a stopped container whose labels tell its host ports.
    await successor.tear_down(replace(crowd[0], netns=""))
    assert await successor.collect_garbage([])
    await links_gone(host)
    assert host.left == CLEAN


async def links_gone(host: Host) -> None:
    """The kernel takes its time over a namespace that nobody holds any more."""
    async with asyncio.timeout(20):
        while host.links - {"pwbr0"}:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("lost", ["the namespace", "the cache", "both"])
async def test_tear_down_with_what_is_left(host: Host, pods: Pods, lost: str) -> None:
    """After a reboot there is no namespace, after an accident no cache; then the engine's labels and the sandbox's
    checkpoint have to do."""
    host.configure(host.bridge("10.88.0.0/24", "fd00:88::/64"), PORTMAP, {"type": "firewall"})
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080), PortMapping("udp", 53, 15353)))
    pod = replace(pod, ips=(await network.set_up(pod)).ips)
    for sandbox_id in list(network._pins._held):
        network._pins.release(sandbox_id)  # as its end does
    if lost != "the namespace":
        shutil.rmtree(host.path / "cache")
        with pytest.raises(NetworkError, match="there is no record"):
            await network.check(pod)
    if lost != "the cache":
        end(pods.processes[0])
        pod = replace(pod, netns="")
    successor = await host.network()
    await successor.tear_down(pod)
    await links_gone(host)
    assert host.left == CLEAN


async def test_a_caller_that_insists_on_going_leaves_it_to_the_next_collection(host: Host, pods: Pods) -> None:
    """The first cancellation ends the ADD, the second waits for the DEL, the third ends that too; the record stays."""
    host.script("gate", f"echo $CNI_COMMAND >>{host.path}/reached; if [ -e {host.path}/closed ]; then sleep 600; fi")
    host.configure(host.bridge(), {"type": "gate"})
    (host.path / "closed").touch()
    network = await host.network()
    pod = pods()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(network.set_up(pod))
        for verb in ("ADD", "DEL"):
            async with asyncio.timeout(20):
                reached = host.path / "reached"
                while not reached.exists() or verb not in reached.read_text():  # noqa: ASYNC110 (another process)
                    await asyncio.sleep(0.02)
            task.cancel()
        await asyncio.sleep(0)
        task.cancel()
    assert not orphans._find(pod.sandbox_id)
    assert host.records
    (host.path / "closed").unlink()
    await network.collect_garbage([])
    assert host.left == CLEAN
