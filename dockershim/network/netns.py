"""Inside a network namespace: bring `lo` up, list addresses, open netlink sockets.

All of the network room's raw system calls are here. `setns` moves one thread, and a thread that cannot be moved back
would poison whatever runs on it next; so each visit is a thread of its own that ends with it (about 0.1 ms).
A socket made in a namespace stays in it, so the visit lasts no longer than making the socket.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from typing import TypeVar

from dockershim.network import netlink
from dockershim.network.errors import NamespaceError

_T = TypeVar("_T")

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFREQ = struct.Struct("16sH22x")
_libc = ctypes.CDLL(None, use_errno=True)


class NamespacePins:
    """Keeps the network namespaces of sandboxes alive for their DEL, by an open descriptor each.

    When a pause process dies by itself, its namespace would go with it, and plugins cannot take down everything
    without it (`bridge` 1.1 leaves its masquerading rules behind). Nothing is mounted, so nothing can be left behind.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def hold(self, sandbox_id: str, path: str) -> None:
        """Idempotent, and quiet when the namespace has gone already. A new namespace replaces the one held."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        held = self._held.get(sandbox_id)
        if held is not None and os.path.sameopenfile(held, fd):
            os.close(fd)
            return
        self.release(sandbox_id)
        self._held[sandbox_id] = fd

    def path(self, sandbox_id: str, path: str) -> str:
        """One to the namespace held, however its processes fare; else `path` if that leads to one, or empty."""
        held = self._held.get(sandbox_id)
        if held is not None:
            return f"/proc/{os.getpid()}/fd/{held}"
        return path if path and os.path.exists(path) else ""  # noqa: PTH110 (Path.exists raises for others' processes)

    def release(self, sandbox_id: str) -> None:
        fd = self._held.pop(sandbox_id, None)
        if fd is not None:
            os.close(fd)


async def bring_up_loopback(netns: str) -> None:
    """NamespaceError when the namespace is gone."""
    await visit(netns, _loopback_up)


async def global_addresses(netns: str, ifname: str) -> tuple[str, ...]:
    """Addresses of an interface that the outside can use (scope global), IPv4 first; none if it does not exist."""
    return tuple(address.partition("/")[0] for address in await interface_addresses(netns, ifname))


async def interface_addresses(netns: str, ifname: str) -> tuple[str, ...]:
    """The same with prefix lengths."""
    return await visit(netns, lambda: _global_addresses(ifname))


async def visit(netns: str, work: Callable[[], _T]) -> _T:
    """Run `work`, which must not take long, in the namespace at the path `netns`."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def deliver(result: _T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # a visit without an error has a result

    def run() -> None:
        result, error = None, None
        try:
            _enter(netns)
            result = work()
        except OSError as raised:
            error = NamespaceError(f"network namespace {netns}: {raised.strerror or raised}")
        except Exception as raised:  # carried over to the caller's task, not handled here
            loop.call_soon_threadsafe(deliver, None, raised)
            return
        loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="netns-visit", daemon=True).start()
    return await done


def _enter(netns: str) -> None:
    fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        name, flags = _IFREQ.unpack(answer)
        if not flags & _IFF_UP:
            fcntl.ioctl(sock, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))


def _global_addresses(ifname: str) -> tuple[str, ...]:
    try:
        index = socket.if_nametoindex(ifname)
    except OSError:
        return ()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as sock:
        messages = netlink.dump(sock, netlink.address_dump_request())
    return netlink.global_addresses(messages, index)
