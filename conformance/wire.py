"""The network between throw-away nodes: a bridge in a network namespace of its own, so that the host sees nothing.

Each node's `eth0` is one end of a veth pair; the other end is a port of the wire's bridge, or, for a node on its own,
a device `uplink0` beside it that leads nowhere but keeps the link up and the default route valid.
"""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from types import TracebackType
from typing import Self

# Frames that cross the wire belong to no node: its own namespace filters nothing, which is the kernel's default there.
BRIDGE = "wire"


class Wire:
    """An Ethernet segment. Ends with the process that made it; a `detached` one with the node that it is tied to."""

    def __init__(self, *, detached: bool = False) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self._detached = detached

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError("the wire is not up")
        return self._popen.pid

    async def __aenter__(self) -> Self:
        rest = "read -r pid && exec tail --pid=$pid -f /dev/null" if self._detached else "exec sleep infinity"
        script = f"ip link add {BRIDGE} type bridge && ip link set {BRIDGE} up && echo up && {rest} >/dev/null"
        die_with_us = [] if self._detached else ["setpriv", "--pdeathsig", "KILL"]
        self._popen = subprocess.Popen(  # noqa: ASYNC220 - returns at once, and is reaped on whichever loop ends it
            [*die_with_us, "unshare", "--net", "sh", "-c", script],
            stdin=subprocess.PIPE if self._detached else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        with self._popen.stdout as stdout:
            if stdout.readline() != b"up\n":
                raise RuntimeError("the bridge of the wire could not be made; is the kernel module `bridge` there?")
        return self

    def tie(self, node_pid: int) -> None:
        """Let a detached wire last as long as this process (a host pid); untied, it ends with the one that made it."""
        if self._popen is None or self._popen.stdin is None:
            raise RuntimeError("only a detached wire that is up can be tied to a node")
        with self._popen.stdin as stdin:
            stdin.write(f"{node_pid}\n".encode())

    async def plug(self, node_pid: int) -> None:
        """Give the network namespace of a process (a host pid) an `eth0` that is a port of this wire."""
        port = f"port{node_pid}"
        script = (
            f"ip link add {port} type veth peer name eth0 netns {node_pid}"
            f" && ip link set {port} master {BRIDGE} && ip link set {port} up"
        )
        process = await asyncio.create_subprocess_exec("nsenter", "-t", str(self.pid), "-n", "sh", "-c", script)
        if await process.wait():
            raise RuntimeError(f"no port of the wire could be made for process {node_pid}; `ip link` said why above")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._popen is not None:
            self._popen.kill()
            await asyncio.to_thread(self._popen.wait)
            self._popen = None


def uplink_commands(address: str, gateway: str) -> list[list[str]]:
    """The commands, run inside a node that has an `eth0`, which give it `address` (with prefix length) and a default
    route through `gateway`, whether or not anybody answers there."""
    return [
        ["ip", "address", "add", address, "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        ["ip", "route", "add", "default", "via", gateway],
    ]


@dataclass(frozen=True, slots=True)
class Station:
    """A node as the others of its wire know it: addresses of `eth0`, and its share of the pod network, per family."""

    number: int
    addresses: Sequence[str]
    pod_subnets: Sequence[str]

    @property
    def pairs(self) -> list[tuple[IPv4Interface | IPv6Interface, IPv4Interface | IPv6Interface]]:
        return [(ip_interface(a), ip_interface(b)) for a, b in zip(self.addresses, self.pod_subnets, strict=True)]

    @property
    def overlay_mac(self) -> str:
        return f"02:77:00:00:00:{self.number:02x}"


OVERLAY, OVERLAY_MTU = "overlay0", 1450
"""A VXLAN over IPv4 takes 50 bytes of what Ethernet carries."""


def route_commands(peer: Station, action: str = "add") -> list[list[str]]:
    """Run inside a node: pods of `peer` are reached by its address on the wire."""
    return [["ip", "route", action, str(subnet), "via", str(address.ip)] for address, subnet in peer.pairs]


def overlay_commands(own: Station, peers: Sequence[Station]) -> list[list[str]]:
    """Run inside a node: pods of `peers` are reached through VXLAN, laid out as flannel does it. Nothing is learnt: the
    route names a gateway in the overlay, the gateway has a fixed Ethernet address, and that an address on the wire."""
    address, _ = own.pairs[0]
    commands = [
        ["ip", "link", "add", OVERLAY, "address", own.overlay_mac, "type", "vxlan", "id", "77", "dstport", "8472",
         "local", str(address.ip), "dev", "eth0", "nolearning"],
        ["ip", "link", "set", OVERLAY, "up", "mtu", str(OVERLAY_MTU)],
        *(["ip", "address", "add", f"{subnet.network.network_address}/{subnet.max_prefixlen}", "dev", OVERLAY]
          for _, subnet in own.pairs),
    ]  # fmt: skip
    for peer in peers:
        on_wire, _ = peer.pairs[0]
        commands.append(["bridge", "fdb", "append", peer.overlay_mac, "dev", OVERLAY, "dst", str(on_wire.ip)])
        for _, subnet in peer.pairs:
            gateway = str(subnet.network.network_address)
            commands.append(["ip", "neigh", "add", gateway, "lladdr", peer.overlay_mac, "dev", OVERLAY])
            commands.append(["ip", "route", "add", str(subnet), "via", gateway, "dev", OVERLAY, "onlink"])
    return commands


def lonely_commands() -> list[list[str]]:
    """The commands, run inside a node without a wire, that make an `eth0` whose link is up and which leads nowhere."""
    return [
        ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "uplink0"],
        ["ip", "link", "set", "uplink0", "up"],
    ]
