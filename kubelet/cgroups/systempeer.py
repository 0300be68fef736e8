"""systemd's own socket, for nodes that have systemd and no message bus: D-Bus between two, with nobody in the middle.

    AUTH EXTERNAL, BEGIN ─▶ OK ─▶ messages, as on a bus but for what a bus is asked itself (Hello, AddMatch)

Both lines go at once, as systemctl sends them: systemd forgets to look at a message that it has read together with the
BEGIN before it. Root may speak there, and hears every signal. kind's nodes are such: their image has no dbus-daemon.
Source: the D-Bus specification ("Authentication Protocol", "Message Format"), go-systemd dbus/dbus.go
(NewSystemdConnectionContext).
"""

import asyncio
import importlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

PRIVATE_SOCKET: Final = Path("/run/systemd/private")
_HEAD_BYTES: Final = 16
"""Of a message: up to and with the length of its header's fields."""


def whole_messages(received: bytearray) -> Iterator[bytes]:
    """The messages at the front of `received`, which loses them; a part of one stays."""
    while len(received) >= _HEAD_BYTES:
        order = "little" if received[:1] == b"l" else "big"
        body, fields = (int.from_bytes(received[at : at + 4], order) for at in (4, 12))  # type: ignore[arg-type]
        length = _HEAD_BYTES + fields + -fields % 8 + body
        if len(received) < length:
            return
        yield bytes(received[:length])
        del received[:length]


class Peer(asyncio.Protocol):
    """One connection, with as much of dbus_fast's MessageBus as `SystemBus` uses. `library` is the module dbus_fast."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._read = importlib.import_module("dbus_fast._private.unmarshaller").Unmarshaller
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._handlers: list[Callable[[Any], None]] = []
        self._serial = 0
        self.welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once systemd takes us for root; an OSError if it does not."""

    @property
    def connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def call(self, message: Any) -> Any:
        """Raises OSError, EOFError."""
        if self._transport is None or not self.connected:
            raise EOFError("the connection was closed")
        self._serial += 1
        message.serial = self._serial
        answer = self._answers[self._serial] = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(bytes(message._marshall(False)))
            return await answer
        finally:
            del self._answers[message.serial]

    def add_message_handler(self, handler: Callable[[Any], None]) -> None:
        self._handlers.append(handler)

    def disconnect(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % str(os.geteuid()).encode().hex().encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.welcome.done() and not self._greeted():
            return
        for raw in whole_messages(self._received):
            self._heard(self._read(io.BytesIO(raw)).unmarshall())

    def connection_lost(self, exc: Exception | None) -> None:
        error = exc if isinstance(exc, OSError) else EOFError("the connection was closed")
        for waiting in (self.welcome, *self._answers.values()):
            if not waiting.done():
                waiting.set_exception(error)

    def _greeted(self) -> bool:
        line, end, rest = bytes(self._received).partition(b"\r\n")
        if not end or self._transport is None:
            return False
        if not line.startswith(b"OK"):
            self.welcome.set_exception(PermissionError(f"it answered {line.decode(errors='replace')!r}"))
            self._transport.abort()
            return False
        self._received = bytearray(rest)
        self.welcome.set_result(None)
        return True

    def _heard(self, message: Any) -> None:
        kinds = self._library.MessageType
        if message.message_type in (kinds.METHOD_RETURN, kinds.ERROR):
            waiting = self._answers.get(message.reply_serial)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        else:
            for handler in self._handlers:
                handler(message)


async def connect(library: Any, socket: Path = PRIVATE_SOCKET) -> Peer:
    """Raises OSError, EOFError."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_unix_connection(lambda: Peer(library), str(socket))
    try:
        await peer.welcome
    except BaseException:
        peer.disconnect()
        raise
    return peer
