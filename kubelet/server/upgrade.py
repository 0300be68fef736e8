"""Taking a connection over from aiohttp: after this the bytes are ours, in both directions.

aiohttp knows WebSocket upgrades only, and of those only its own. A client that asked for an upgrade sends nothing until
it sees 101, so between the request and our answer there is nothing in aiohttp's parser to lose.
"""

import asyncio
import socket
from typing import Any

from aiohttp import web

_LIMIT_BYTES = 64 * 1024


class _TakenOver(asyncio.StreamReaderProtocol):
    """Also tells aiohttp's protocol that the connection has ended, so that it forgets it and ends the handler."""

    def __init__(self, reader: asyncio.StreamReader, before: asyncio.BaseProtocol) -> None:
        super().__init__(reader)
        self._before = before

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._before.connection_lost(exc)


class Hijacked(web.StreamResponse):
    """What a handler returns when there is nothing left to answer."""

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - aiohttp's interface
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """The connection is not aiohttp's any more."""


def take_over(request: web.Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The raw connection of a request. Raises ConnectionResetError when it has gone. Return `Hijacked` afterwards."""
    transport, before = request.transport, request.protocol
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LIMIT_BYTES, loop=loop)
    protocol = _TakenOver(reader, before)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if not transport.is_reading():
        transport.resume_reading()
    _keep_alive(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    """A client that vanished without a word is noticed by the kernel, here after about two minutes."""
    sock: Any = transport.get_extra_info("socket")
    if isinstance(getattr(sock, "family", None), socket.AddressFamily) and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
