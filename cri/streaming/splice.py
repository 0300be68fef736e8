"""Two connections made one: what comes from either is written to the other at once, unread and without a task.

    client ◀──▶ leg ◀──▶ leg ◀──▶ runtime          a full side stops the reading of the other

Each piece costs one callback instead of two tasks' turns and three copies: that is what an exec's keystroke waits for.
"""

import asyncio
import contextlib
from typing import cast

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_HIGH_WATER_BYTES = 256 * 1024
_LINGER_SECONDS = 5.0


class _Leg(asyncio.Protocol):
    """Takes a connection over from its streams, which hear of its end all the same."""

    def __init__(self, transport: asyncio.Transport, target: asyncio.Transport, ended: asyncio.Event) -> None:
        self._transport, self._target, self._ended = transport, target, ended
        self._before = transport.get_protocol()
        self._finishing = False
        self._lost = asyncio.Event()
        self.is_over = False
        """Its peer says no more."""

    def data_received(self, data: bytes) -> None:
        if not self._target.is_closing():
            self._target.write(data)

    def eof_received(self) -> bool:
        """What the other side has said still goes out; TLS has no half-closed state."""
        self.is_over = True
        self._ended.set()
        return not self._finishing and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._before.connection_lost(exc)
        self.is_over = True
        self._lost.set()
        self._ended.set()

    def pause_writing(self) -> None:
        if not self._target.is_closing():
            self._target.pause_reading()

    def resume_writing(self) -> None:
        if not self._target.is_closing():
            self._target.resume_reading()

    async def finish(self) -> None:
        """Let the peer read to the end: closing with bytes unread would make the kernel reset the connection."""
        self._finishing = True
        if self.is_over or not self._transport.can_write_eof():  # as with TLS, whose own closing does the same
            self._transport.close()
        else:
            self._transport.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._lost.wait()
        self._transport.abort()


async def splice(client: Pipe, server: Pipe) -> None:
    """Until either side ends; the client then gets what the server has said, and its connection ends too."""
    ended = asyncio.Event()
    front, behind = _transport(client), _transport(server)
    legs = [_Leg(front, behind, ended), _Leg(behind, front, ended)]
    for leg, (reader, writer), target in zip(legs, (client, server), (behind, front), strict=True):
        writer.transport.set_protocol(leg)
        writer.transport.set_write_buffer_limits(_HIGH_WATER_BYTES)
        rest, is_over = _held(reader)
        if rest:
            target.write(rest)
        reader.feed_eof()
        if is_over or writer.transport.is_closing():
            leg.is_over = True
            ended.set()
    await ended.wait()
    if legs[0].is_over:
        behind.close()
    await legs[0].finish()


def _held(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """What had come before, and whether that was all; never waits."""
    parts = []
    while not reader.at_eof():
        step = reader.read(_HIGH_WATER_BYTES)
        try:
            step.send(None)
        except StopIteration as returned:
            parts.append(returned.value)
        else:  # it would wait
            step.close()
            return b"".join(parts), False
    return b"".join(parts), True


def _transport(pipe: Pipe) -> asyncio.Transport:
    return cast(asyncio.Transport, pipe[1].transport)
