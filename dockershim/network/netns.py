"""Inside a network namespace: bring `lo` up, list addresses, open netlink sockets.

All of the network room's raw system calls are here. `setns` moves one thread, and a thread that cannot be moved back
would poison whatever runs on it next; so each visit is a thread of its own that ends with it (about 0.1 ms).
A socket made in a namespace stays in it, so the visit lasts no longer than making the socket.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import functools
import logging
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from dockershim.network import netlink
from dockershim.network.errors import NamespaceError

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MNT_DETACH = 0x1000, 2
_NS_GET_NSTYPE = 0xB703
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFREQ = struct.Struct("16sH22x")
_libc = ctypes.CDLL(None, use_errno=True)


class NamespacePins:
    """Keeps the network namespaces of sandboxes alive for their DEL: each is mounted on a file of `directory`.

    When a pause process dies, its namespace would go with it, and plugins cannot take down everything without it
    (`bridge` leaves its masquerading rules behind, which then apply to the next pod of that address). A descriptor
    alone would do for as long as we live; the mount also outlives our being killed, as when the machine's services
    end one after the other. It goes with its sandbox, and after a crash by `keep_only`; a reboot leaves an empty file.
    """

    def __init__(self, directory: Path | None = None) -> None:
        """Without a directory, by descriptors alone."""
        self._directory = directory
        self._held: dict[str, int] = {}

    def hold(self, sandbox_id: str, path: str) -> None:
        """Idempotent, and quiet when the namespace has gone already. A new namespace replaces the one held."""
        fd = _open(path) if path else None
        if fd is None:
            self._hold_again(sandbox_id)
            return
        held = self._held.get(sandbox_id)
        if held is not None and os.path.sameopenfile(held, fd):
            os.close(fd)
            return
        self.release(sandbox_id)
        self._held[sandbox_id] = fd
        self._mount(sandbox_id, fd)

    def path(self, sandbox_id: str, path: str) -> str:
        """One to the namespace held, however its processes fare; else `path` if that leads to one, or empty."""
        self._hold_again(sandbox_id)
        held = self._held.get(sandbox_id)
        if held is not None:
            return f"/proc/{os.getpid()}/fd/{held}"
        return path if path and os.path.exists(path) else ""  # noqa: PTH110 (Path.exists raises for others' processes)

    def release(self, sandbox_id: str) -> None:
        fd = self._held.pop(sandbox_id, None)
        if fd is not None:
            os.close(fd)
        if self._directory is not None:
            _unmount(self._directory / sandbox_id)

    def keep_only(self, sandbox_ids: Collection[str]) -> None:
        """Let go of what was left mounted for sandboxes that are no more."""
        if self._directory is None or not self._directory.is_dir():
            return
        for entry in self._directory.iterdir():
            if entry.name not in sandbox_ids:
                self.release(entry.name)

    def _hold_again(self, sandbox_id: str) -> None:
        """Take over what a process before us mounted."""
        if self._directory is None or sandbox_id in self._held:
            return
        mounted = self._directory / sandbox_id
        fd = _open(str(mounted)) if mounted.exists() else None
        if fd is not None and _is_namespace(fd):
            self._held[sandbox_id] = fd
        elif fd is not None:
            os.close(fd)

    def _mount(self, sandbox_id: str, fd: int) -> None:
        if self._directory is None:
            return
        target = self._directory / sandbox_id
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(mode=0o400)
            _call(_libc.mount, f"/proc/self/fd/{fd}".encode(), bytes(target), None, _MS_BIND, None)
        except OSError as error:
            logger.warning("network namespace is held by this process alone sandbox=%s error=%s", sandbox_id, error)


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _is_namespace(fd: int) -> bool:
    """Whether the file is a network namespace, not the empty file that one was mounted on before a reboot."""
    try:
        return fcntl.ioctl(fd, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError:
        return False


def _unmount(target: Path) -> None:
    while target.exists():
        if _libc.umount2(bytes(target), _MNT_DETACH) != 0:  # not mounted (any more)
            target.unlink(missing_ok=True)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


async def bring_up_loopback(netns: str) -> None:
    """NamespaceError when the namespace is gone."""
    await visit(netns, _loopback_up)


async def global_addresses(netns: str, ifname: str) -> tuple[str, ...]:
    """Addresses of an interface that the outside can use (scope global), IPv4 first; none if it does not exist."""
    return tuple(address.partition("/")[0] for address in await interface_addresses(netns, ifname))


async def interface_addresses(netns: str, ifname: str) -> tuple[str, ...]:
    """The same with prefix lengths."""
    return await visit(netns, lambda: _global_addresses(ifname))


@contextlib.asynccontextmanager
async def stand_in(ifname: str, addresses: Sequence[str]) -> AsyncIterator[str]:
    """The path of a new namespace with an interface that has these addresses (with prefix lengths)."""
    fd = await _in_thread(_unshare, functools.partial(_make_interface, ifname, addresses))
    try:
        yield f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


async def visit(netns: str, work: Callable[[], _T]) -> _T:
    """Run `work`, which must not take long, in the namespace at the path `netns`."""
    try:
        return await _in_thread(functools.partial(_enter, netns), work)
    except OSError as error:
        raise NamespaceError(f"network namespace {netns}: {error.strerror or error}") from None


async def _in_thread(move: Callable[[], None], work: Callable[[], _T]) -> _T:
    """Run `work` in a thread of its own that first moves to another namespace."""
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
        try:
            move()
            result = work()
        except Exception as raised:  # carried over to the caller's task, not handled here
            loop.call_soon_threadsafe(deliver, None, raised)
            return
        loop.call_soon_threadsafe(deliver, result, None)

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


def _unshare() -> None:
    _call(_libc.unshare, _CLONE_NEWNET)


def _make_interface(ifname: str, addresses: Sequence[str]) -> int:
    """In the thread's namespace, of which it returns a descriptor. A veth pair, since every kernel with pods has it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as sock:
        netlink.request(sock, netlink.veth_request(ifname, "peer"))
        for address in addresses:
            netlink.request(sock, netlink.address_request(socket.if_nametoindex(ifname), address))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


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
