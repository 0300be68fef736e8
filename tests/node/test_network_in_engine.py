"""Pod networks under a whole dockershim and a real engine: callers that give up, kills, and what is left of it all."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shim_under_test import ShimUnderTest, eventually

from conformance.throwaway import ThrowawayNode, bridge_conflist
from cri import errors
from cri.client import RuntimeClient
from cri.v1 import api_pb2 as cri

GATE = """#!/bin/sh
if [ $CNI_COMMAND = VERSION ]; then echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'; exit; fi
conf=$(cat)
if [ -e %(home)s/closed-$CNI_COMMAND ]; then echo $CNI_CONTAINERID >%(home)s/at-$CNI_COMMAND; sleep 600; fi
if [ $CNI_COMMAND = ADD ]; then printf '%%s' "$conf" | sed 's/.*"prevResult"://; s/}$//'; fi
"""
"""The last plugin of the chain: waits at a verb that is closed."""


class Gated:
    """A dockershim with a network of its own, in which a plugin can be made to hang."""

    def __init__(self, node: ThrowawayNode) -> None:
        self.node = node
        self.home = "/var/lib/cni/gated"
        self.shim = ShimUnderTest(
            node, f"--cni-conf-dir={self.home}/net.d", f"--cni-bin-dir=/usr/lib/cni,{self.home}/bin",
            f"--cni-cache-dir={self.home}/cache",
        )  # fmt: skip

    def path(self, name: str) -> Path:
        return self.node.path(f"{self.home}/{name}")

    def write(self) -> None:
        for name in ("net.d", "bin"):
            self.path(name).mkdir(parents=True, exist_ok=True)
        conflist = bridge_conflist("", "gated", "gated0")
        plugins = conflist["plugins"]
        assert isinstance(plugins, list)
        plugins[0]["ipam"] |= {
            "ranges": [[{"subnet": "10.97.0.0/24"}], [{"subnet": "fd00:97::/64"}]], "dataDir": f"{self.home}/ipam"
        }  # fmt: skip
        plugins += [{"type": "firewall"}, {"type": "gate"}]
        self.path("bin/gate").write_text(GATE % {"home": self.home})
        self.path("bin/gate").chmod(0o755)
        self.path("net.d/10-gated.conflist").write_text(json.dumps(conflist))

    def close(self, verb: str) -> None:
        self.path(f"closed-{verb}").touch()

    def open(self, verb: str) -> None:
        self.path(f"closed-{verb}").unlink()
        self.path(f"at-{verb}").unlink(missing_ok=True)

    async def someone_at(self, verb: str) -> str:
        """The sandbox for which the plugin hangs."""

        async def look() -> str | None:
            with contextlib.suppress(FileNotFoundError):
                return self.path(f"at-{verb}").read_text().strip() or None
            return None

        return await eventually(look, f"a plugin at {verb}")

    async def end_plugins(self) -> None:
        """Those that a killed dockershim has left, before its successor waits for them."""
        await self.node.run(["sh", "-c", "kill -9 $(grep -l -z CNI_CONTAINERID= /proc/[0-9]*/environ | cut -d/ -f3)"])

    async def left(self) -> list[str]:
        """What of pods is on the node: addresses, devices, rules, records, and plugins at work."""
        script = (
            f"cd {self.home}; ls ipam/gated 2>/dev/null | grep -v -e lock -e last; ls cache/results 2>/dev/null;"
            " ip -o link show master gated0 2>/dev/null;"
            " for save in iptables-save ip6tables-save; do $save | grep -e 10.97.0 -e fd00:97 -e 18097; done;"
            " grep -l -z CNI_CONTAINERID= /proc/[0-9]*/environ 2>/dev/null"
        )
        return (await self.node.run(["sh", "-c", script], check=False)).stdout.split("\n")[:-1]


@pytest.fixture
async def gated(engine_node: ThrowawayNode) -> AsyncIterator[Gated]:
    gated = Gated(engine_node)
    await asyncio.to_thread(gated.write)
    try:
        async with gated.shim:
            yield gated
    finally:
        await asyncio.to_thread(shutil.rmtree, gated.path(""))
        await engine_node.run(["ip", "link", "delete", "gated0"], check=False)


def with_host_port(shim: ShimUnderTest, name: str) -> cri.PodSandboxConfig:
    return shim.pod(name, port_mappings=[cri.PortMapping(protocol=cri.TCP, container_port=80, host_port=18097)])


async def test_killed_while_plugins_are_at_work(gated: Gated) -> None:
    """The kubelet asks its successor for the same, and gets it. The second time the cache is lost too: the engine's
    labels and the checkpoint have to do."""
    shim, pod = gated.shim, with_host_port(gated.shim, "killed")
    gated.close("ADD")
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(fails(shim.run_pod(pod)))
        half_made = await gated.someone_at("ADD")
        await shim.kill()
    assert calling.done()
    gated.open("ADD")
    await gated.end_plugins()
    await shim.start()
    await shim.ready()
    assert (await shim.sandbox_status(half_made)).state == cri.SANDBOX_NOTREADY
    sandbox_id = await shim.run_pod(pod)
    network = (await shim.sandbox_status(sandbox_id)).network
    assert network.ip.startswith("10.97.0.") and network.additional_ips[0].ip.startswith("fd00:97::")
    assert sum("--to-destination" in line for line in await gated.left()) == 2

    gated.close("DEL")
    async with asyncio.TaskGroup() as group:
        group.create_task(fails(stop(shim, sandbox_id)))
        assert await gated.someone_at("DEL") == sandbox_id
        await shim.kill()
    gated.open("DEL")
    await gated.end_plugins()
    await asyncio.to_thread(shutil.rmtree, gated.path("cache"))
    await shim.start()
    await shim.ready()
    await stop(shim, sandbox_id)
    assert await gated.left() == []


async def test_a_caller_that_gives_up_ends_the_plugin(gated: Gated) -> None:
    """With its deadline, and by going away; `lo` is up in both families in the pod that comes after it."""
    shim, pod = gated.shim, with_host_port(gated.shim, "late")
    gated.close("ADD")
    impatient = RuntimeClient(f"unix://{shim.node.path(shim.socket)}", 2)
    with pytest.raises(errors.DeadlineExceededError):
        await impatient.RunPodSandbox(cri.RunPodSandboxRequest(config=pod))
    await impatient.close()

    async def nothing() -> bool | None:
        sandboxes = (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
        return True if not await gated.left() and not sandboxes else None

    await eventually(nothing, "the end of the sandbox")
    gated.path("at-ADD").unlink()
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(shim.run_pod(pod))
        await gated.someone_at("ADD")
        calling.cancel()
    await eventually(nothing, "the end of the sandbox")
    gated.open("ADD")
    sandbox_id = await shim.run_pod(pod)
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=True)
    info = json.loads((await shim.runtime.PodSandboxStatus(request)).info["info"])
    assert "networkCheck" in info
    shown = await gated.node.run(["nsenter", f"--net={info['netns']}", "ip", "-br", "address", "show", "lo"])
    assert "127.0.0.1/8" in shown.stdout and "::1/128" in shown.stdout
    # A plugin that hangs does not keep the dockershim from ending in order, and is ended by it.
    gated.close("DEL")
    async with asyncio.TaskGroup() as group:
        group.create_task(fails(stop(shim, sandbox_id)))
        await gated.someone_at("DEL")
        assert await shim.stop() == 0
    gated.open("DEL")
    assert not [line for line in await gated.left() if line.startswith("/proc")]
    await shim.start()
    await shim.ready()
    await stop(shim, sandbox_id)
    assert await gated.left() == []


async def fails(call) -> None:
    with pytest.raises(errors.CriError):
        await call


async def stop(shim: ShimUnderTest, sandbox_id: str) -> None:
    await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
