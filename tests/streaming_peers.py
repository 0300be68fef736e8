"""Clients and small real servers for the tests of streaming."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from cri.streaming import channels, websocket
from cri.streaming.channels import ChannelSession
from cri.streaming.connection import Connection, Stream, StreamClosedError
from cri.streaming.http1 import Head, encode_request, parse_answer, split_head
from cri.streaming.remotecommand import Kind
from cri.streaming.spdy import Session
from dockershim.network.netns import visit


class Dialled:
    """A connection behind the answer to an upgrade."""

    def __init__(self, reader, writer, head: Head, rest: bytes) -> None:
        self.reader, self.writer, self.head, self.rest = reader, writer, head, rest

    @property
    def text(self) -> str:
        return self.rest.decode()


@contextlib.asynccontextmanager
async def dial(url: str, headers, method: str = "POST", netns: str = "") -> AsyncIterator[Dialled]:
    """`netns`: path of the network namespace in which the server is."""
    parts = urlsplit(url)
    sock = await visit(netns, socket.socket) if netns else socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        writer.write(encode_request(method, target, [("Host", "test"), ("Content-Length", "0"), *headers]))
        data = b""
        while (split := split_head(data)) is None:
            piece = await reader.read(65536)
            assert piece, "closed without an answer"
            data += piece
        head, rest = parse_answer(split[0]), split[1]
        if head.status != 101:
            length = int(head.get("content-length") or 0)
            while len(rest) < length:
                rest += await reader.read(65536)
        yield Dialled(reader, writer, head, rest)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def spdy_headers(*protocols: str):
    return [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"),
            *(("X-Stream-Protocol-Version", name) for name in protocols)]  # fmt: skip


def websocket_headers(*protocols: str):
    return [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", websocket.new_key()),
            ("Sec-WebSocket-Version", "13"), *([("Sec-WebSocket-Protocol", ", ".join(protocols))] if protocols else [])]


class RemoteClient:
    """An exec client over SPDY or WebSocket: `streams` by kind."""

    def __init__(self, connection: Connection, streams: dict[Kind, Stream]) -> None:
        self.connection, self.streams = connection, streams

    async def read_all(self, kind: Kind) -> bytes:
        """Until the stream's end, or where a protocol has none, the connection's."""
        parts = []
        with contextlib.suppress(StreamClosedError):
            while data := await self.streams[kind].read():
                parts.append(data)
        return b"".join(parts)


@contextlib.asynccontextmanager
async def exec_over_spdy(url, protocol, *kinds: Kind, netns="") -> AsyncIterator[RemoteClient]:
    async with dial(url, spdy_headers(protocol), netns=netns) as up:
        assert up.head.status == 101, up.text
        assert up.head.get("x-stream-protocol-version") == protocol
        connection = Connection(up.reader, up.writer, Session(client=True), up.rest)
        streams = {kind: connection.open({"streamType": kind.name.lower()}) for kind in (*kinds, Kind.ERROR)}
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            yield RemoteClient(connection, streams)
            running.cancel()


@contextlib.asynccontextmanager
async def exec_over_websocket(url, protocol, netns="") -> AsyncIterator[RemoteClient]:
    async with dial(url, websocket_headers(*([protocol] if protocol else [])), "GET", netns=netns) as up:
        assert up.head.status == 101, up.text
        assert up.head.get("sec-websocket-protocol") == protocol
        session = ChannelSession(channels.PROTOCOLS[protocol], (1, 2, 3), client=True)
        connection = Connection(up.reader, up.writer, session, up.rest)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            yield RemoteClient(connection, {kind: connection.stream(kind) for kind in Kind})
            running.cancel()
