"""systemd-logind over the system bus: a delay lock on shutdown, how long it may last, and the news of one.

    InhibitDelayMaxUSec    how long logind waits for delay locks; too little is raised by a file of ours and a SIGHUP
    Inhibit                the lock is a file descriptor: closing it lets the machine go down
    PrepareForShutdown(b)  true: a shutdown begins; false: it was called off

Source: pkg/kubelet/nodeshutdown/systemd/inhibit_linux.go, org.freedesktop.login1(5). dbus-fast is an optional extra,
imported when the bus is first used; beside this module only two of kubelet.cgroups know it.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 25.0
OVERRIDE_FILE: Final = Path("/etc/systemd/logind.conf.d/99-kubelet.conf")
RELOAD_WAITS: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""logind takes its new configuration in its own time."""
_LOGIN, _LOGIN_PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
_LOGIN_MANAGER = "org.freedesktop.login1.Manager"
_SYSTEMD, _SYSTEMD_PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
_SIGHUP = 1


class LogindError(Exception):
    """The machine cannot be asked to wait: no bus, no logind, or it refuses; the text says what."""


class Logind:
    """One connection. `shutdowns` brings True and False as they are announced, None when the connection is lost."""

    def __init__(self, library: Any, connection: Any, override_file: Path) -> None:
        """`library` is the module dbus_fast and `connection` its asyncio MessageBus, connected."""
        self._library, self._connection, self._override_file = library, connection, override_file
        self._lock: int | None = None
        self.shutdowns: asyncio.Queue[bool | None] = asyncio.Queue()

    @classmethod
    async def connect(cls, address: str | None = None, override_file: Path = OVERRIDE_FILE) -> "Logind":
        """`address`: of the bus, None for the system's. Raises LogindError."""
        try:
            library, asynchronous = importlib.import_module("dbus_fast"), importlib.import_module("dbus_fast.aio")
        except ImportError:
            raise LogindError("graceful node shutdown needs the package dbus-fast, which is not installed: "
                              "pip install podwright[systemd]") from None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                connection = await asynchronous.MessageBus(
                    bus_address=address, bus_type=library.BusType.SYSTEM, negotiate_unix_fd=True
                ).connect()
        except (OSError, EOFError, ValueError, TimeoutError, library.errors.DBusFastError) as error:
            raise LogindError(f"no system bus: {error or type(error).__name__}") from None
        logind = cls(library, connection, override_file)
        await logind._listen()
        return logind

    async def run(self) -> None:
        """Until the connection is lost, which is told as None."""
        try:
            await self._connection.wait_for_disconnect()
        except (OSError, EOFError) as error:
            logger.debug("The system bus is gone error=%s", error)
        self.shutdowns.put_nowait(None)

    async def delay_seconds(self) -> float:
        """How long logind waits for locks. Raises LogindError."""
        (found,) = (await self._call(
            _LOGIN, _LOGIN_PATH, "org.freedesktop.DBus.Properties", "Get", "ss", [_LOGIN_MANAGER, "InhibitDelayMaxUSec"]
        )).body
        return int(found.value) / 1_000_000

    async def ensure_delay(self, seconds: float) -> None:
        """Have logind wait at least so long. Raises LogindError."""
        if await self.delay_seconds() >= seconds:
            return
        try:
            await asyncio.to_thread(self._override, seconds)
        except OSError as error:
            raise LogindError(f"cannot write {self._override_file}: {error.strerror}") from None
        await self._call(
            _SYSTEMD, _SYSTEMD_PATH, f"{_SYSTEMD}.Manager", "KillUnit", "ssi",
            ["systemd-logind.service", "all", _SIGHUP],
        )
        found = 0.0
        for wait in RELOAD_WAITS:
            await asyncio.sleep(wait)
            found = await self.delay_seconds()
            if found >= seconds:
                return
        raise LogindError(
            f"node shutdown manager was timed out after {len(RELOAD_WAITS)} attempts waiting for logind "
            f"InhibitDelayMaxSec to update to {seconds:.0f} s (ShutdownGracePeriod), current value is {found:.0f} s"
        )

    def _override(self, seconds: float) -> None:
        self._override_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._override_file.write_text(f"# Kubelet logind override\n[Login]\nInhibitDelayMaxSec={seconds:.0f}\n")
        self._override_file.chmod(0o644)

    async def inhibit(self) -> None:
        """Take the delay lock; one that is held is let go after. Raises LogindError."""
        reply = await self._call(
            _LOGIN, _LOGIN_PATH, _LOGIN_MANAGER, "Inhibit", "ssss",
            ["shutdown", "kubelet", "Kubelet needs time to handle node shutdown", "delay"],
        )
        index = int(reply.body[0])
        if index >= len(reply.unix_fds):
            raise LogindError("logind answered without a lock: the bus passes no file descriptors")
        self.release()
        self._lock = reply.unix_fds[index]

    @property
    def holds_lock(self) -> bool:
        return self._lock is not None

    def release(self) -> None:
        """Let the machine go down. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        self.release()
        self._connection.disconnect()

    async def _listen(self) -> None:
        def heard(message: Any) -> None:
            if message.message_type is self._library.MessageType.SIGNAL and message.member == "PrepareForShutdown" \
                    and message.interface == _LOGIN_MANAGER and message.body:
                self.shutdowns.put_nowait(bool(message.body[0]))

        self._connection.add_message_handler(heard)
        rule = f"type='signal',interface='{_LOGIN_MANAGER}',member='PrepareForShutdown',path='{_LOGIN_PATH}'"
        bus = "org.freedesktop.DBus"
        await self._call(bus, "/org/freedesktop/DBus", bus, "AddMatch", "s", [rule])

    async def _call(
        self, destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> Any:
        message = self._library.Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        try:
            async with asyncio.timeout(CALL_SECONDS):
                reply = await self._connection.call(message)
        except (OSError, EOFError, TimeoutError) as error:
            raise LogindError(f"{member}: {error or type(error).__name__}") from None
        if reply is None:
            raise LogindError(f"{member}: the connection was closed")
        if reply.message_type is self._library.MessageType.ERROR:
            raise LogindError(f"{member}: {reply.error_name}: {' '.join(str(each) for each in reply.body)}")
        return reply
