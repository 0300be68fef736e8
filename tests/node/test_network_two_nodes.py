"""Two nodes on one wire, each with an engine, a dockershim and a pod subnet of its own: their pods reach each other
without translation, in both families, once by routes between the nodes and once through a VXLAN overlay.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_asyncio
from shim_under_test import ShimUnderTest, eventually

from conformance import builds
from conformance.throwaway import ThrowawayNode, bridge_conflist
from conformance.wire import OVERLAY_MTU, Station, Wire, overlay_commands, route_commands
from cri.v1 import api_pb2 as cri
from dockershim.network import netns

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATIONS = (
    Station(1, ("10.77.0.11/24", "fd00:77::11/64"), ("10.245.1.0/24", "fd00:245:1::/64")),
    Station(2, ("10.77.0.12/24", "fd00:77::12/64"), ("10.245.2.0/24", "fd00:245:2::/64")),
)
ENGINES = ("20.10", "29")
ETHERNET_MTU = 1500
TRANSFER = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256)) * 512
"""4 MiB."""


@dataclass
class Site:
    """One of the nodes."""

    station: Station
    node: ThrowawayNode
    shim: ShimUnderTest

    async def run(self, *commands: list[str]) -> None:
        for command in commands:
            await self.node.run(command)

    async def configure(self, mtu: int) -> None:
        """Pods made from now on have this MTU."""
        conflist = bridge_conflist("", f"mtu{mtu}", "cni0")
        bridge = conflist["plugins"][0]
        bridge |= {"ipMasq": False, "mtu": mtu}
        bridge["ipam"]["ranges"] = [[{"subnet": subnet}] for subnet in self.station.pod_subnets]
        bridge["ipam"]["routes"] = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
        directory = self.node.path("/etc/cni/net.d")
        await asyncio.to_thread((directory / "10-pods.conflist").write_text, json.dumps(conflist))

    async def pod(self, name: str, mtu: int) -> "Pod":
        """The configuration is followed, not loaded at a certain moment: made again until it has the wanted one."""
        number = 0

        async def made() -> Pod | None:
            nonlocal number
            sandbox_id = await self.shim.run_pod(self.shim.pod(name, attempt=(number := number + 1)))
            network = (await self.shim.sandbox_status(sandbox_id)).network
            pid = (await self.node.run(["docker", "inspect", "-f", "{{.State.Pid}}", sandbox_id])).stdout.strip()
            pod = Pod(self.node.path(f"/proc/{pid}/ns/net"), (network.ip, *(one.ip for one in network.additional_ips)))
            return pod if await pod.mtu() == mtu else None

        return await eventually(made, f"a pod with MTU {mtu}")


@dataclass
class Pod:
    namespace: Path
    ips: tuple[str, ...]

    async def inside(self, make):
        return await netns.visit(str(self.namespace), make)

    async def mtu(self) -> int:
        def look() -> int:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
                sock.connect(("198.51.100.1", 9))
                return sock.getsockopt(socket.IPPROTO_IP, 14)  # IP_MTU

        return await self.inside(look)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites() -> AsyncIterator[tuple[Site, ...]]:
    builds.ensure(["moby", "containerd", "runc"])
    async with Wire() as wire, contextlib.AsyncExitStack() as stack:
        async def start(station: Station, engine: str) -> Site:
            address, address6 = station.addresses
            name = f"two-nodes-{station.number}"
            node = await stack.enter_async_context(ThrowawayNode(name, engine, address=address, wire=wire))
            await node.run(["ip", "address", "add", address6, "dev", "eth0", "nodad"])
            site = Site(station, node, ShimUnderTest(node))
            await site.configure(ETHERNET_MTU)
            await stack.enter_async_context(site.shim)
            return site

        yield tuple([await start(station, engine) for station, engine in zip(STATIONS, ENGINES, strict=True)])


async def test_joined_by_routes(sites: tuple[Site, ...]) -> None:
    one, two = sites
    await one.run(*route_commands(two.station))
    await two.run(*route_commands(one.station))
    await check_pods(sites, ETHERNET_MTU)
    await one.run(*route_commands(two.station, "del"))
    await two.run(*route_commands(one.station, "del"))


async def test_joined_by_an_overlay(sites: tuple[Site, ...]) -> None:
    one, two = sites
    await one.run(*overlay_commands(one.station, [two.station]))
    await two.run(*overlay_commands(two.station, [one.station]))
    for site in sites:
        await site.configure(OVERLAY_MTU)
    await check_pods(sites, OVERLAY_MTU)


async def check_pods(sites: tuple[Site, ...], mtu: int) -> None:
    pods = [await site.pod(f"mtu{mtu}", mtu) for site in sites]
    for site, pod in zip(sites, pods, strict=True):
        # IPv4 first, each of the node's own share.
        assert len(pod.ips) == 2
        for ip, (_, subnet) in zip(pod.ips, site.station.pairs, strict=True):
            assert ip_address(ip) in subnet.network
    for client, server in (pods, reversed(pods)):
        for family in (0, 1):
            await check_stream(client, server, family)
            await check_datagrams(client, server, family, mtu)
    for site in sites:
        for sandbox in (await site.shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items:
            await site.shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id))


def kind_of(ip: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


async def check_stream(client: Pod, server: Pod, family: int) -> None:
    """Some megabytes there and back, by which too large an MTU would be noticed, between true addresses."""
    source, target = client.ips[family], server.ips[family]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername")[0])
        writer.write(await reader.readexactly(len(TRANSFER)))
        await writer.drain()
        writer.close()

    seen: list[str] = []
    listening = await server.inside(functools.partial(socket.create_server, (target, 0), family=kind_of(target)))
    async with asyncio.timeout(30), await asyncio.start_server(answer, sock=listening):
        sock = await client.inside(functools.partial(socket.socket, kind_of(target)))
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (target, listening.getsockname()[1]))
        assert sock.getpeername()[0] == target
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(TRANSFER)
        assert await reader.readexactly(len(TRANSFER)) == TRANSFER
        writer.close()
    assert seen == [source]


async def check_datagrams(client: Pod, server: Pod, family: int, mtu: int) -> None:
    """One that fills the MTU arrives in one piece; a larger one is refused where it is sent."""
    source, target = client.ips[family], server.ips[family]
    loop = asyncio.get_running_loop()
    full = mtu - (48 if ":" in target else 28)
    make = functools.partial(datagram_socket, kind_of(target))
    receiver, sender = await server.inside(make), await client.inside(make)
    with receiver, sender:
        receiver.bind((target, 0))
        where = receiver.getsockname()[:2]
        async with asyncio.timeout(10):
            await loop.sock_sendto(sender, b"x" * full, where)
            data, sent_from = await loop.sock_recvfrom(receiver, 65536)
            assert (len(data), sent_from[0]) == (full, source)
            await loop.sock_sendto(receiver, b"and back", sent_from[:2])
            assert (await loop.sock_recvfrom(sender, 100))[1][0] == target
        with pytest.raises(OSError, match="Message too long"):
            await loop.sock_sendto(sender, b"x" * (full + 1), where)


def datagram_socket(kind: socket.AddressFamily) -> socket.socket:
    """One that never sends fragments."""
    sock = socket.socket(kind, socket.SOCK_DGRAM)
    sock.setblocking(False)
    level, option = (socket.IPPROTO_IPV6, 23) if kind == socket.AF_INET6 else (socket.IPPROTO_IP, 10)
    sock.setsockopt(level, option, 2)  # IPV6_MTU_DISCOVER or IP_MTU_DISCOVER: DO
    return sock
