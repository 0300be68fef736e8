"""exec through the API server without kubectl: one TLS connection, one upgrade, one session.

The protocols' client ends are those of `cri.streaming`, for both sides alike; they are tested against Go's.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from conformance.throwaway import NodeError
from cri.streaming import channels, websocket
from cri.streaming.channels import ChannelSession
from cri.streaming.connection import Connection, Stream
from cri.streaming.http1 import PROTOCOL_VERSION, SPDY, encode_request, parse_answer, split_head
from cri.streaming.remotecommand import SPDY_V4, Kind
from cri.streaming.spdy import Session

PROTOCOLS = ("WebSocket", "SPDY")


@dataclass(frozen=True, slots=True)
class Access:
    """An API server, and the identity towards it."""

    server: str
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run in a container of a pod of namespace default."""

    pod: str
    container: str
    words: Sequence[str]
    stdin: bool = False

    @property
    def target(self) -> str:
        streams = "&stdin=true" if self.stdin else ""
        words = "".join(f"&command={quote(word, safe='')}" for word in self.words)
        path = f"/api/v1/namespaces/default/pods/{self.pod}/exec"
        return f"{path}?container={self.container}&stdout=true&stderr=true{streams}{words}"


async def run(access: Access, command: Command, protocol: str) -> int:
    """The exit code, as soon as it is told."""
    async with session(access, command, protocol) as streams:
        return exit_code(await streams[Kind.ERROR].read())


def exit_code(status: bytes) -> int:
    """Of a Status as the error stream brings it. Raises NodeError for any other end than that of the command."""
    said = json.loads(status)
    if said["status"] == "Success":
        return 0
    causes = said.get("details", {}).get("causes", [])
    codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
    if not codes:
        raise NodeError(f"the command did not run: {said.get('message')}")
    return codes[0]


@contextlib.asynccontextmanager
async def session(access: Access, command: Command, protocol: str) -> AsyncIterator[dict[Kind, Stream]]:
    """A session of `protocol`, one of PROTOCOLS; its streams, of which stdin is there if the command wants it."""
    kinds = [Kind.ERROR, Kind.STDOUT, Kind.STDERR, *([Kind.STDIN] if command.stdin else [])]
    reader, writer = await _connect(access)
    try:
        if protocol == "SPDY":
            rest = await _upgrade(reader, writer, access, "POST", command.target, [
                ("Upgrade", SPDY), (PROTOCOL_VERSION, SPDY_V4)])  # fmt: skip
            connection = Connection(reader, writer, Session(client=True), rest)
            streams = {kind: connection.open({"streamType": kind.name.lower()}) for kind in kinds}
        else:
            rest = await _upgrade(reader, writer, access, "GET", command.target, [
                ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", websocket.new_key()), ("Sec-WebSocket-Protocol", channels.V5)])  # fmt: skip
            machine = ChannelSession(channels.PROTOCOLS[channels.V5], (1, 2, 3), client=True)
            connection = Connection(reader, writer, machine, rest)
            streams = {kind: connection.stream(kind) for kind in kinds}
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            try:
                yield streams
            finally:
                running.cancel()
    finally:
        writer.transport.abort()


async def _connect(access: Access) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(access.server)
    return await asyncio.open_connection(parts.hostname, parts.port, ssl=access.tls)


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, access: Access, method: str, target: str,
    headers: Sequence[tuple[str, str]],
) -> bytes:
    """What came behind the answer 101. Raises NodeError for any other answer."""
    host = urlsplit(access.server).netloc
    writer.write(encode_request(method, target, [
        ("Host", host), ("Connection", "Upgrade"), ("Content-Length", "0"), *headers]))  # fmt: skip
    data = b""
    while (split := split_head(data)) is None:
        piece = await reader.read(65536)
        if not piece:
            raise NodeError(f"the API server closed without an answer to {method} {target}")
        data += piece
    head = parse_answer(split[0])
    if head.status != 101:
        raise NodeError(f"the API server answered {head.status} to {method} {target}: {split[1].decode()}")
    return split[1]
