"""A mux machine on an asyncio connection: the glue between bytes and `Stream` objects.

    async with asyncio.TaskGroup() as group:
        connection = Connection(reader, writer, Session(client=False))
        group.create_task(connection.run(on_open))          # ends with the connection
        data = await stream.read()                          # b"" when the peer has sent all
        await stream.write(data)                            # waits while the peer is slow
    await connection.close()

Memory: what a peer sends ahead of its reader is held up to STREAM_BYTES per stream and CONNECTION_BYTES in all; then
nothing more is read from the connection. What we send waits for the peer's window and for the socket.
"""

import asyncio
import contextlib
import logging
import select
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from cri.streaming.mux import (
    Event,
    GoingAway,
    Machine,
    SessionFailed,
    StreamAccepted,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WindowOpened,
)

logger = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
STREAM_BYTES = 512 * 1024
CONNECTION_BYTES = 4 * 1024 * 1024
PING_SECONDS = 30.0
_HANGUP_SECONDS = 0.5
_LINGER_SECONDS = 5.0
_MAX_UNSENT_BYTES = 1024 * 1024
_POLLRDHUP = getattr(select, "POLLRDHUP", 0x2000)


class StreamClosedError(Exception):
    """The stream or its connection is gone."""


class Stream:
    """One byte stream, both ways. Any number of tasks may write, one may read."""

    def __init__(self, connection: "Connection", stream_id: int, headers: Mapping[str, str]) -> None:
        self.id, self.headers = stream_id, headers
        self._connection = connection
        self._inbox: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._failure = ""
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    async def read(self) -> bytes:
        """What has come, some pieces at once; empty at the end.

        Raises StreamClosedError when the stream was cut off, behind what came.
        """
        while not self._inbox:
            if self._ended:
                return b""
            if self._failure:
                raise StreamClosedError(self._failure)
            self._readable.clear()
            await self._readable.wait()
        data = self._inbox.popleft()
        if self._inbox and len(data) < READ_BYTES:
            pieces, size = [data], len(data)
            while self._inbox and size < READ_BYTES:
                pieces.append(self._inbox.popleft())
                size += len(pieces[-1])
            data = b"".join(pieces)
        self._held -= len(data)
        self._connection._taken(self, len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Raises StreamClosedError when nobody can receive it any more."""
        view = memoryview(data)
        while True:
            if self._failure:
                raise StreamClosedError(self._failure)
            room = self._connection.machine.sendable(self.id)
            if room or not data:
                self._connection.machine.send(self.id, bytes(view[:room]))
                view = view[room:]
                await self._connection.drain()
                if not view:
                    return
            else:
                self._writable.clear()
                await self._writable.wait()

    def end(self) -> None:
        """We write no more."""
        self._connection.machine.end(self.id)
        self._connection.flush()

    def reset(self) -> None:
        """Drop both halves; what was not read is thrown away."""
        self._connection.machine.reset(self.id)
        self._connection.flush()
        self._fail("reset by us")
        self._discard()

    def accept(self) -> None:
        self._connection.machine.accept(self.id)
        self._connection.flush()

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands; the stream itself may have been cut off."""
        return not self._connection.gone

    @property
    def is_over_limit(self) -> bool:
        return self._held > STREAM_BYTES

    def _receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self._held += len(data)
        self._readable.set()

    def _end(self) -> None:
        self._ended = True
        self._readable.set()

    def _fail(self, reason: str) -> None:
        if not self._failure:
            self._failure = reason
            self._readable.set()
            self._writable.set()

    def _discard(self) -> None:
        held, self._held = self._held, 0
        self._inbox.clear()
        self._connection._taken(self, held)


class Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, machine: Machine, received: bytes = b""
    ) -> None:
        """`received` came behind the HTTP head already."""
        self._reader, self._writer, self.machine = reader, writer, machine
        self._received = received
        self._streams: dict[int, Stream] = {}
        self._held = 0
        self._room = asyncio.Event()
        self._closing = False
        self.gone = ""
        """Why there is no connection any more."""

    def stream(self, stream_id: int, headers: Mapping[str, str] | None = None) -> Stream:
        """A stream that stands without being opened: a WebSocket channel."""
        return self._streams.setdefault(stream_id, Stream(self, stream_id, headers or {}))

    def open(self, headers: Mapping[str, str]) -> Stream:
        """A stream of ours; writing waits until the peer has accepted it."""
        stream = self.stream(self.machine.open(headers), headers)
        self.flush()
        return stream

    def forget(self, stream: Stream) -> None:
        """Nobody reads or writes this stream any more."""
        if self._streams.pop(stream.id, None) is not None:
            stream._fail("done with")
            stream._discard()

    async def run(self, on_open: Callable[[Stream], None] | None = None) -> str:
        """Read until the connection ends; the reason why. Every stream that still stands has then failed."""
        async with asyncio.TaskGroup() as group:
            pings = group.create_task(self._ping())
            try:
                self.flush()
                self.gone = await self._read(on_open)
            except (OSError, EOFError) as error:
                self.gone = str(error) or "connection lost"
            finally:
                pings.cancel()
                self.gone = self.gone or "closed"
                for stream in list(self._streams.values()):
                    stream._fail(self.gone)
        return self.gone

    async def _read(self, on_open: Callable[[Stream], None] | None) -> str:
        data = self._received
        self._received = b""
        while True:
            for event in self.machine.feed(data):
                over = self._handle(event, on_open)
                if over:
                    self.flush()
                    return over
            self.flush()
            if self._writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
                await self._writer.drain()
            while self._is_full():
                self._room.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), _HANGUP_SECONDS)
                if self._is_full() and self._peer_hung_up():
                    return "connection closed by the peer"
            data = await self._reader.read(READ_BYTES)
            if not data:
                return "connection closed by the peer"

    def _handle(self, event: Event, on_open: Callable[[Stream], None] | None) -> str:
        """The reason to stop reading; empty to go on."""
        match event:
            case GoingAway():
                return "closed by the peer"
            case SessionFailed(reason):
                logger.info("Streaming peer broke the protocol reason=%s", reason)
                return reason
            case StreamOpened(stream_id, headers):
                stream = self.stream(stream_id, headers)
                if on_open is None:
                    stream.reset()
                    self.forget(stream)
                else:
                    on_open(stream)
            case WindowOpened(0):
                for stream in self._streams.values():
                    stream._writable.set()
            case _:
                known = self._streams.get(event.stream_id)
                if known is not None:
                    self._handle_stream(event, known)
                elif isinstance(event, StreamData):
                    self.machine.consumed(event.stream_id, len(event.data))
        return ""

    def _handle_stream(self, event: Event, stream: Stream) -> None:
        match event:
            case StreamData(_, data):
                if stream._failure:
                    self.machine.consumed(stream.id, len(data))
                else:
                    self._held += len(data)
                    stream._receive(data)
            case StreamEnded():
                stream._end()
            case StreamReset(_, reason):
                stream._fail(f"stream reset by the peer: {reason}")
            case StreamAccepted() | WindowOpened():
                stream._writable.set()

    def _is_full(self) -> bool:
        return self._held > CONNECTION_BYTES or any(stream.is_over_limit for stream in self._streams.values())

    def _taken(self, stream: Stream, count: int) -> None:
        if count:
            self._held -= count
            self.machine.consumed(stream.id, count)
            self.flush()
            self._room.set()

    def _peer_hung_up(self) -> bool:
        """Whether the peer has closed, although we do not read now and asyncio therefore cannot tell."""
        sock = cast(socket.socket | None, self._writer.get_extra_info("socket"))
        if sock is None or sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), _POLLRDHUP)
        return bool(poll.poll(0))

    def flush(self) -> None:
        data = self.machine.output()
        if data and not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Raises StreamClosedError when the connection is gone."""
        self.flush()
        try:
            await self._writer.drain()
        except OSError as error:
            raise StreamClosedError(str(error) or "connection lost") from None

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            self.machine.ping()
            self.flush()

    async def close(self) -> None:
        """End in order: all that was written arrives, then the connection closes. At most some seconds."""
        self.machine.close()
        self.flush()
        await close_gently(self._reader, self._writer)


async def close_gently(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the peer read to the end: closing with bytes unread would make the kernel reset the connection."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            await writer.drain()
            if writer.can_write_eof():  # not with TLS, whose own closing does the same
                writer.write_eof()
                while await reader.read(READ_BYTES):
                    pass
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            await writer.wait_closed()
    if not writer.transport.is_closing() or writer.transport.get_write_buffer_size():
        writer.transport.abort()
