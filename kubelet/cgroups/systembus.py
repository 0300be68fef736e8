"""The system bus by `dbus-fast`, an optional extra that only nodes with the systemd driver need.

Beside systempeer and kubelet.nodeshutdown.logind the one module that knows that package, and imports it when the bus is
first used; what it hands out is the `Bus` of `systemd.py`. Where there is no bus, systemd is asked on its own socket.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kubelet.cgroups import systempeer
from kubelet.cgroups.bus import BusError, BusLost, JobRemoved
from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.slices import Property

_NAME: Final = "org.freedesktop.systemd1"
_PATH: Final = "/org/freedesktop/systemd1"
_MANAGER: Final = "org.freedesktop.systemd1.Manager"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"


class SystemBus:
    """`library` is the module dbus_fast, `connection` its asyncio MessageBus, connected, or a systempeer.Peer."""

    def __init__(self, library: Any, connection: Any) -> None:
        self._library, self._connection = library, connection

    @property
    def connected(self) -> bool:
        return bool(self._connection.connected)

    async def call(self, member: str, signature: str, *arguments: object) -> Sequence[object]:
        return await self._call(_NAME, _PATH, _MANAGER, member, signature, [self._wire(each) for each in arguments])

    async def version(self) -> str:
        (found,) = await self._call(_NAME, _PATH, _PROPERTIES, "Get", "ss", [_MANAGER, "Version"])
        return str(getattr(found, "value", found))

    async def hear_jobs(self, removed: JobRemoved) -> None:
        """From now on tell of every JobRemoved (id, job, unit, result)."""

        def heard(message: Any) -> None:
            if message.message_type is self._library.MessageType.SIGNAL and message.member == "JobRemoved":
                removed(message.body[1], message.body[3])

        self._connection.add_message_handler(heard)
        if isinstance(self._connection, systempeer.Peer):
            return
        rule = f"type='signal',sender='{_NAME}',interface='{_MANAGER}',member='JobRemoved'"
        await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                         [rule])

    def close(self) -> None:
        self._connection.disconnect()

    async def _call(self, destination: str, path: str, interface: str, member: str, signature: str,
                    body: list[Any]) -> Sequence[object]:
        message = self._library.Message(destination=destination, path=path, interface=interface, member=member,
                                        signature=signature, body=body)
        try:
            reply = await self._connection.call(message)
        except (OSError, EOFError) as error:
            raise BusLost(str(error) or type(error).__name__) from error
        if reply is None:
            raise BusLost("the connection was closed")
        if reply.message_type is self._library.MessageType.ERROR:
            raise BusError(reply.error_name, " ".join(str(each) for each in reply.body))
        return tuple(reply.body)

    def _wire(self, argument: object) -> object:
        """Lists of properties as a(sv)."""
        if not isinstance(argument, list):
            return argument
        return [[each.name, self._library.Variant(each.signature, _plain(each.value))]
                for each in argument if isinstance(each, Property)]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


async def connect(
    removed: JobRemoved, address: str | None = None, private_socket: Path = systempeer.PRIVATE_SOCKET
) -> SystemBus:
    """`address`: of the bus, None for the system's. Raises CgroupError without the package, BusLost without systemd."""
    try:
        library, asynchronous = importlib.import_module("dbus_fast"), importlib.import_module("dbus_fast.aio")
    except ImportError as error:
        raise CgroupError('cgroupDriver "systemd" needs the package dbus-fast, which is not installed: '
                          "pip install podwright[systemd]") from error
    try:
        connection = await asynchronous.MessageBus(bus_address=address, bus_type=library.BusType.SYSTEM).connect()
    except (OSError, EOFError, ValueError, library.errors.DBusFastError) as no_bus:
        try:
            connection = await systempeer.connect(library, private_socket)
        except (OSError, EOFError) as error:
            raise BusLost(f"no system bus: {no_bus}; nor does systemd answer at {private_socket}: {error}") from error
    bus = SystemBus(library, connection)
    await bus.hear_jobs(removed)
    return bus
