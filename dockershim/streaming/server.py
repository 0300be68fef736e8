"""The HTTP server of streaming URLs: a token, an upgrade to SPDY/3.1 or WebSocket, then the streams.

    connection ─▶ head ─▶ token (404) ─▶ protocol (400, 403) ─▶ 101 ─▶ streams gathered ─▶ remote or portforward
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from cri.errors import InvalidArgumentError, UnavailableError
from cri.streaming import channels, portforward, remotecommand, websocket
from cri.streaming.channels import ChannelSession
from cri.streaming.connection import READ_BYTES, Connection, Stream, StreamClosedError, close_gently
from cri.streaming.http1 import (
    PROTOCOL_VERSION,
    SPDY,
    Head,
    HeadError,
    encode_answer,
    negotiate,
    parse_request,
    split_head,
)
from cri.streaming.mux import Machine
from cri.streaming.remotecommand import FROM_CLIENT, Kind
from cri.streaming.spdy import Session
from cri.streaming.tunnel import TunnelSession
from cri.v1 import api_pb2 as cri
from dockershim.streaming.portforward import ForwardRequest, PortForwarder
from dockershim.streaming.remote import RemoteCommands, RemoteRequest, Streams, attach_request, exec_request
from dockershim.streaming.tokens import Tokens

logger = logging.getLogger(__name__)

_HEAD_SECONDS = 10.0
_WEBSOCKET_FORWARD = (channels.PORT_FORWARD_TUNNEL, channels.V4, channels.V4_BASE64)
_WEBSOCKET_REMOTE = (channels.V5, channels.V4, channels.V4_BASE64, channels.V1, channels.V1_BASE64)
_STATUS_PROTOCOLS = (channels.V5, channels.V4, channels.V4_BASE64)

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]
"""A connection behind its HTTP head, and what has been read beyond it."""


OnOpen = Callable[[Stream], None]


class RefusedError(Exception):
    """An answer that is not an upgrade."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


class StreamingServer:
    """`start` binds, `run` serves until cancelled; in between and after, tokens are given out."""

    def __init__(self, remote: RemoteCommands, forwarder: PortForwarder, host: str = "127.0.0.1") -> None:
        self._remote, self._forwarder, self._host = remote, forwarder, host
        self._tokens: Tokens[tuple[str, RemoteRequest | ForwardRequest]] = Tokens()
        self._server: asyncio.Server | None = None
        self._group: asyncio.TaskGroup | None = None
        self._base = ""

    async def start(self) -> None:
        """Raises OSError when loopback has no free port."""
        self._server = await asyncio.start_server(self._connected, self._host, 0, start_serving=False, limit=READ_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        self._base = f"http://{self._host}:{port}"
        logger.info("Streaming server listens address=%s:%d", self._host, port)

    async def run(self) -> None:
        """After `start`."""
        server = self._server
        if server is None:
            raise RuntimeError("start the streaming server before it runs")
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await server.start_serving()
                await asyncio.Event().wait()
        finally:
            self._group = None
            server.close()

    # the CRI's side

    def exec(self, request: cri.ExecRequest) -> str:
        """URL for one exec. Raises InvalidArgumentError, NotFoundError, FailedPreconditionError, …"""
        if not request.cmd:
            raise InvalidArgumentError("exec without a command")
        return self._remote_url("exec", exec_request(request))

    def attach(self, request: cri.AttachRequest) -> str:
        return self._remote_url("attach", attach_request(request))

    def port_forward(self, request: cri.PortForwardRequest) -> str:
        if not request.pod_sandbox_id:
            raise InvalidArgumentError("missing required pod_sandbox_id")
        for port in request.port:
            if not 0 < port < 1 << 16:
                raise InvalidArgumentError(f"{port} is not a port")
        sandbox = self._forwarder.sandbox(request.pod_sandbox_id)
        return self._url("portforward", ForwardRequest(sandbox.id, tuple(request.port)))

    def _remote_url(self, verb: str, request: RemoteRequest) -> str:
        options = request.options
        if not request.container_id:
            raise InvalidArgumentError("missing required container_id")
        if options.tty and options.stderr:
            raise InvalidArgumentError("tty and stderr cannot both be true")
        if not (options.stdin or options.stdout or options.stderr):
            raise InvalidArgumentError("one of stdin, stdout, or stderr must be set")
        self._remote.container(request.container_id)
        return self._url(verb, request)

    def _url(self, verb: str, request: RemoteRequest | ForwardRequest) -> str:
        if not self._base:
            raise UnavailableError("the streaming server does not run yet")
        return f"{self._base}/{verb}/{self._tokens.insert((verb, request))}"

    # the client's side

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._group is None:
            writer.transport.abort()
        else:
            self._group.create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. Its failures are its own."""
        try:
            try:
                async with asyncio.timeout(_HEAD_SECONDS):
                    head, rest = await _read_head(reader)
                await self._answer(head, (reader, writer, rest))
            except RefusedError as refusal:
                writer.write(encode_answer(refusal.status, refusal.headers, refusal.text))
                await close_gently(reader, writer)
        except (OSError, EOFError, TimeoutError, StreamClosedError) as error:
            logger.info("Streaming connection lost error=%s", error or "timed out")
        except HeadError as error:
            logger.info("Streaming connection refused reason=%s", error)
        except Exception:
            # A defect met by one client must not end the streams of all others.
            logger.exception("A streaming connection could not be served")
        finally:
            writer.transport.abort()

    async def _answer(self, head: Head, peer: Peer) -> None:
        if head.method not in ("GET", "POST"):
            raise RefusedError(405, "405: Method Not Allowed")
        verb, _, token = head.target.partition("?")[0].strip("/").partition("/")
        known_verb, request = self._tokens.consume(token) or ("", None)
        if request is None or verb != known_verb:
            raise RefusedError(404, "404 page not found\n")
        is_websocket = head.upgrade == "websocket"
        if not is_websocket and head.upgrade != SPDY.lower():
            raise RefusedError(400, "unable to upgrade: missing upgrade headers in request")
        if isinstance(request, ForwardRequest):
            await self._serve_forward(request, head, peer, is_websocket)
        elif is_websocket:
            await self._serve_websocket(request, head, peer)
        else:
            await self._serve_spdy(request, head, peer)

    async def _serve_forward(self, request: ForwardRequest, head: Head, peer: Peer, is_websocket: bool) -> None:
        protocol = _accept_websocket(head, peer, _WEBSOCKET_FORWARD) if is_websocket else SPDY
        if protocol == channels.PORT_FORWARD_TUNNEL:
            connection = _connection(peer, TunnelSession(client=False))
            reason = await self._forwarder.serve_spdy(request, connection)
        elif is_websocket:
            readable = range(0, 2 * len(request.ports), 2)
            connection = _connection(peer, ChannelSession(channels.PROTOCOLS[protocol], readable))
            reason = await self._forwarder.serve_websocket(request, connection)
        else:
            _accept_spdy(head, peer, portforward.PROTOCOLS)
            connection = _connection(peer, Session(client=False))
            reason = await self._forwarder.serve_spdy(request, connection)
        logger.debug("Port-forward ended sandbox=%s reason=%s", request.sandbox_id, reason)
        await connection.close()

    async def _serve_websocket(self, request: RemoteRequest, head: Head, peer: Peer) -> None:
        protocol = _accept_websocket(head, peer, _WEBSOCKET_REMOTE)
        options = request.options
        connection = _connection(peer, ChannelSession(channels.PROTOCOLS[protocol], FROM_CLIENT))
        wanted = {Kind.STDIN: options.stdin, Kind.STDOUT: options.stdout, Kind.STDERR: options.stderr,
                  Kind.ERROR: True, Kind.RESIZE: options.tty}
        streams = {kind: connection.stream(kind) for kind, is_wanted in wanted.items() if is_wanted}
        first = next(kind for kind in (Kind.STDOUT, Kind.STDERR, Kind.ERROR) if kind in streams)
        connection.machine.send(first, b"")  # tells the client that the channels stand
        ready = asyncio.Event()
        ready.set()
        await self._run_remote(request, connection, streams, ready, None, protocol in _STATUS_PROTOCOLS)

    async def _serve_spdy(self, request: RemoteRequest, head: Head, peer: Peer) -> None:
        protocol = _accept_spdy(head, peer, remotecommand.SPDY_PROTOCOLS)
        gathering = remotecommand.Gathering(remotecommand.expected_kinds(request.options, protocol))
        connection = _connection(peer, Session(client=False))
        streams: Streams = {}
        ready = asyncio.Event()

        def on_open(stream: Stream) -> None:
            try:
                kind = gathering.offer(stream.id, stream.headers)
            except remotecommand.BadStreamError as error:
                logger.info("Stream refused container=%s reason=%s", request.container_id, error)
                stream.reset()
                connection.forget(stream)
                return
            stream.accept()
            streams[kind] = stream
            if gathering.is_complete:
                ready.set()

        is_status = protocol == remotecommand.SPDY_V4
        await self._run_remote(request, connection, streams, ready, on_open, is_status)

    async def _run_remote(
        self, request: RemoteRequest, connection: Connection, streams: Streams, ready: asyncio.Event,
        on_open: OnOpen | None, is_status: bool,
    ) -> None:
        """The session beside the reading of the client's bytes; whichever ends first ends the other."""
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(connection.run(on_open))
            session = group.create_task(self._session(request, streams, ready, is_status))
            await asyncio.wait([reading, session], return_when=asyncio.FIRST_COMPLETED)
            session.cancel()
            reading.cancel()
        await connection.close()

    async def _session(
        self, request: RemoteRequest, streams: Streams, ready: asyncio.Event, is_status: bool
    ) -> None:
        try:
            async with asyncio.timeout(remotecommand.CREATION_SECONDS):
                await ready.wait()
        except TimeoutError:
            logger.info("Client did not open its streams in time container=%s", request.container_id)
            return
        error = streams[Kind.ERROR]
        try:
            outcome = await self._remote.run(request, streams)
            text = remotecommand.encode_outcome(outcome, as_status=is_status)
            if text:
                await error.write(text)
        except StreamClosedError:
            return
        for stream in streams.values():
            stream.end()


async def _read_head(reader: asyncio.StreamReader) -> tuple[Head, bytes]:
    data = bytearray()
    while True:
        piece = await reader.read(16 * 1024)
        if not piece:
            raise EOFError("closed before a request")
        data += piece
        split = split_head(data)
        if split is not None:
            return parse_request(split[0]), split[1]


def _connection(peer: Peer, machine: Machine) -> Connection:
    reader, writer, rest = peer
    return Connection(reader, writer, machine, rest)


def _accept_spdy(head: Head, peer: Peer, known: tuple[str, ...]) -> str:
    """Answers 101 with the protocol agreed on. Raises RefusedError."""
    offered = head.tokens(PROTOCOL_VERSION)
    if not offered:
        raise RefusedError(400, "unable to upgrade: X-Stream-Protocol-Version is missing")
    protocol = negotiate(offered, known)
    if protocol is None:
        accepted = tuple(("X-Accepted-Stream-Protocol-Versions", name) for name in known)
        raise RefusedError(403, f"unable to upgrade: unable to negotiate protocol: client supports {list(offered)}, "
                                f"server accepts {list(known)}", accepted)
    _switch(peer, {"Upgrade": SPDY, "X-Stream-Protocol-Version": protocol})
    return protocol


def _accept_websocket(head: Head, peer: Peer, known: tuple[str, ...]) -> str:
    """Answers 101; "" when the client named no protocol. Raises RefusedError."""
    key = head.get("sec-websocket-key")
    if not key or head.get("sec-websocket-version") != "13":
        raise RefusedError(400, "not a WebSocket 13 handshake", (("Sec-WebSocket-Version", "13"),))
    offered = head.tokens("sec-websocket-protocol")
    protocol = negotiate(offered, known) if offered else ""
    if protocol is None:
        raise RefusedError(403, f"none of the WebSocket protocols {list(offered)} is known: {list(known)} are")
    extra = {"Sec-WebSocket-Protocol": protocol} if protocol else {}
    _switch(peer, {"Upgrade": "websocket", "Sec-WebSocket-Accept": websocket.accept_key(key), **extra})
    return protocol


def _switch(peer: Peer, headers: Mapping[str, str]) -> None:
    peer[1].write(encode_answer(101, [("Connection", "Upgrade"), *headers.items()]))
