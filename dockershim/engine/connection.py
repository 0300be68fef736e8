"""Connections to the engine: the asyncio glue around `http1`, with idle ones kept for the next call."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from dockershim.engine.errors import EngineUnavailableError
from dockershim.engine.http1 import Data, EndOfMessage, Event, Head, HTTPSyntaxError, ResponseDecoder, encode_request

CONNECT_SECONDS = 5.0
_READ_BYTES = 256 * 1024
_MAX_IDLE = 8
_IDLE_SECONDS = 60.0
"""An idle connection is not trusted for longer: the engine may have been replaced behind the same socket path."""


class Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.idle_since = 0.0
        self._decoder = ResponseDecoder()
        self._pending: list[Event] = []

    async def send(self, request: bytes) -> Head:
        self._decoder, self._pending = ResponseDecoder(), []
        self.writer.write(request)
        await self.writer.drain()
        event = await self.next_event()
        if not isinstance(event, Head):
            raise HTTPSyntaxError("a response without a head")
        return event

    async def next_event(self) -> Event:
        while not self._pending:
            data = await self.reader.read(_READ_BYTES)
            self._pending = (self._decoder.feed(data) if data else self._decoder.eof())[::-1]
            if not data and not self._pending:
                raise HTTPSyntaxError("read behind the end of a response")
        return self._pending.pop()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The rest of the body as it comes."""
        while not isinstance(event := await self.next_event(), EndOfMessage):
            if isinstance(event, Data):
                yield event.data

    async def body(self) -> bytes:
        parts = [chunk async for chunk in self.chunks()]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self) -> None:
        """Close at once; the engine takes that as the caller having gone away."""
        self.writer.transport.abort()

    @property
    def at_end(self) -> bool:
        """The whole response has been read."""
        return self._decoder.is_done and not self._pending

    @property
    def is_usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()


class ConnectionPool:
    """Connections to one endpoint. There is no upper bound to those in use: a call that hangs delays only itself."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._unix_path, self._host, self._port = _split_endpoint(endpoint)
        self._idle: list[Connection] = []

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[Head, Connection]]:
        """Send a request; the caller reads the body within the block. Left unread, the connection is dropped.

        A connection that the engine had closed while it was idle is replaced once, unseen by the caller.
        """
        message = encode_request(method, target, body, headers)
        call = f"{method} {target.partition('?')[0]}"
        connection, reused = await self._take()
        try:
            try:
                head = await connection.send(message)
            except (OSError, HTTPSyntaxError):
                if not reused:
                    raise
                connection.abort()
                self.forget_idle()
                connection = await self._connect()
                head = await connection.send(message)
            yield head, connection
        except (OSError, HTTPSyntaxError, asyncio.IncompleteReadError) as error:
            connection.abort()
            raise EngineUnavailableError(f"Docker engine at {self.endpoint}: {error}", call) from error
        except BaseException:
            connection.abort()
            raise
        self._give_back(head, connection)

    def forget_idle(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    async def _take(self) -> tuple[Connection, bool]:
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and now - connection.idle_since < _IDLE_SECONDS:
                return connection, True
            connection.abort()
        return await self._connect(), False

    def _give_back(self, head: Head, connection: Connection) -> None:
        if head.keep_alive and connection.at_end and connection.is_usable and len(self._idle) < _MAX_IDLE:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.abort()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._unix_path:
                    reader, writer = await asyncio.open_unix_connection(self._unix_path, limit=1 << 20)
                else:
                    reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        except (OSError, TimeoutError) as error:
            detail = getattr(error, "strerror", None) or str(error) or f"no answer within {CONNECT_SECONDS:.0f} s"
            raise EngineUnavailableError(f"cannot connect to the Docker engine at {self.endpoint}: {detail}") from error
        return Connection(reader, writer)


def _split_endpoint(endpoint: str) -> tuple[str, str, int]:
    """Socket path, or host and port. Raises ValueError for anything else."""
    if endpoint.startswith("unix://"):
        return endpoint.removeprefix("unix://"), "", 0
    if endpoint.startswith("/"):
        return endpoint, "", 0
    if endpoint.startswith(("tcp://", "http://")):
        host, _, port = endpoint.partition("://")[2].rstrip("/").rpartition(":")
        if host and port.isdigit():
            return "", host.strip("[]"), int(port)
    raise ValueError(f"{endpoint!r} is not a Docker endpoint: use unix:///path/to/docker.sock or tcp://host:port")
