"""The network between throw-away nodes: a bridge in a network namespace of its own, so that the host sees nothing.

Each node's `eth0` is one end of a veth pair; the other end is a port of the wire's bridge, or, for a node on its own,
a device `uplink0` beside it that leads nowhere but keeps the link up and the default route valid.
"""

import asyncio
import subprocess
from types import TracebackType
from typing import Self

# Frames that cross the wire belong to no node: its own namespace filters nothing, which is the kernel's default there.
BRIDGE = "wire"


class Wire:
    """An Ethernet segment. Ends with the process that made it."""

    def __init__(self) -> None:
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError("the wire is not up")
        return self._popen.pid

    async def __aenter__(self) -> Self:
        script = (
            f"ip link add {BRIDGE} type bridge && ip link set {BRIDGE} up && echo up && exec sleep infinity >/dev/null"
        )
        self._popen = subprocess.Popen(  # noqa: ASYNC220 - returns at once, and is reaped on whichever loop ends it
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        with self._popen.stdout as stdout:
            if stdout.readline() != b"up\n":
                raise RuntimeError("the bridge of the wire could not be made; is the kernel module `bridge` there?")
        return self

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


def lonely_commands() -> list[list[str]]:
    """The commands, run inside a node without a wire, that make an `eth0` whose link is up and which leads nowhere."""
    return [
        ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "uplink0"],
        ["ip", "link", "set", "uplink0", "up"],
    ]
