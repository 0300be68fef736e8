"""exec, attach and portForward: ask the runtime for a URL, then stand between the client and the runtime.

| the client speaks | towards the runtime |
|---|---|
| SPDY/3.1, or WebSocket up to v4 | the same, byte for byte |
| WebSocket `v5.channel.k8s.io` (exec, attach) | the same; to a runtime without it SPDY v4, channel by channel |
| WebSocket `SPDY/3.1+portforward.k8s.io` | the same; to a runtime without it the SPDY that is inside the messages |

What a runtime does not speak it says once, by refusing the upgrade, and is not asked for again. Any CRI runtime will
do: the URL may name any host and scheme; one without a scheme is taken as http.
Upstream: pkg/kubelet/server/server.go, apiserver/pkg/util/proxy.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from cri.errors import CriError, NotFoundError, ResourceExhaustedError
from cri.streaming import channels, portforward, websocket
from cri.streaming.channels import ChannelSession, TunnelCodec
from cri.streaming.connection import READ_BYTES, Connection, Stream, StreamClosedError, close_gently
from cri.streaming.http1 import (
    PROTOCOL_VERSION,
    SPDY,
    Head,
    HeadError,
    encode_answer,
    encode_request,
    parse_answer,
    split_head,
)
from cri.streaming.mux import GoingAway, SessionFailed, StreamData
from cri.streaming.remotecommand import FROM_CLIENT, SPDY_V4, Kind, Options, Outcome, encode_outcome
from cri.streaming.spdy import Session
from cri.streaming.splice import Pipe, splice
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import find_container
from kubelet.api.types import Pod
from kubelet.server.container_logs import running_container
from kubelet.server.upgrade import Hijacked, take_over

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_HEAD_SECONDS = 30.0
_TOKEN_SECONDS = 60
"""Retry-After when the runtime has too many requests under way: one token's life."""
_MAX_ANSWER_BYTES = 64 * 1024
_UID_LABEL, _CONTAINER_LABEL = "io.kubernetes.pod.uid", "io.kubernetes.container.name"
_PROTOCOL_HEADER = "sec-websocket-protocol"
_FORWARDED = ("sec-websocket-key", "sec-websocket-version", _PROTOCOL_HEADER, "sec-websocket-extensions",
              "origin", PROTOCOL_VERSION)  # fmt: skip

UrlCall = Callable[[], Awaitable[str]]
"""Asks the runtime for a streaming URL, which is good for one connection."""


class StreamingRuntime(Protocol):
    """The part of the CRI that finds what runs and gives out streaming URLs (cri.client.RuntimeClient)."""

    async def ListContainers(self, request: cri.ListContainersRequest, /) -> cri.ListContainersResponse: ...
    async def ListPodSandbox(self, request: cri.ListPodSandboxRequest, /) -> cri.ListPodSandboxResponse: ...
    async def Exec(self, request: cri.ExecRequest, /) -> cri.ExecResponse: ...
    async def Attach(self, request: cri.AttachRequest, /) -> cri.AttachResponse: ...
    async def PortForward(self, request: cri.PortForwardRequest, /) -> cri.PortForwardResponse: ...


class StreamingRefusedError(Exception):
    """An answer instead of an upgrade."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, dict(headers or {})


class _RuntimeRefusedError(StreamingRefusedError):
    """The runtime's streaming server answered the upgrade otherwise than with it."""


@dataclass(frozen=True, slots=True)
class _Upgraded:
    """A runtime that answered 101, and what it sent behind that."""

    head: Head
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes


def remote_options(query: Mapping[str, Sequence[str]]) -> Options:
    """Raises StreamingRefusedError (400) when no stream is asked for. With a terminal there is no stderr."""
    stdin, stdout, stderr, tty = (
        any(value in ("1", "true") for value in query.get(name, ())[:1]) for name in ("input", "output", "error", "tty")
    )
    options = Options(stdin, stdout, stderr and not tty, tty)
    if not (options.stdin or options.stdout or options.stderr):
        raise StreamingRefusedError(400, "you must specify at least 1 of stdin, stdout, stderr")
    return options


class StreamingProxy:
    """Requests were let through and their pod was found before they come here."""

    def __init__(
        self, runtime: StreamingRuntime, on_websocket: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_websocket` hears of WebSocket v5 and tunnel sessions: exec, attach, portforward."""
        self._runtime, self._on_websocket = runtime, on_websocket
        self._not_spoken: set[str] = set()
        """WebSocket protocols that the runtime has refused."""

    async def exec(self, request: web.Request, pod: Pod, container: str, options: Options) -> web.StreamResponse:
        command = request.query.getall("command", [])
        if not command:
            raise StreamingRefusedError(400, "you must specify a command")

        async def ask(container_id: str) -> str:
            return (await self._runtime.Exec(cri.ExecRequest(
                container_id=container_id, cmd=command, tty=options.tty,
                stdin=options.stdin, stdout=options.stdout, stderr=options.stderr,
            ))).url  # fmt: skip

        url = partial(self._remote_url, pod, container, ask)
        return await self._remote(request, url, options, "exec")

    async def attach(self, request: web.Request, pod: Pod, container: str, options: Options) -> web.StreamResponse:
        """Whether there is a terminal was settled when the container was made; the caller's word on it does not count.

        One that asks for a stderr beside a terminal is refused by the runtime.
        """
        found = find_container(pod, container)
        has_terminal = found is not None and bool(found[1].tty)

        async def ask(container_id: str) -> str:
            return (await self._runtime.Attach(cri.AttachRequest(
                container_id=container_id, tty=has_terminal,
                stdin=options.stdin, stdout=options.stdout, stderr=options.stderr,
            ))).url  # fmt: skip

        url = partial(self._remote_url, pod, container, ask)
        return await self._remote(request, url, replace(options, tty=has_terminal), "attach")

    async def port_forward(self, request: web.Request, pod: Pod, ports: Sequence[int]) -> web.StreamResponse:
        with _refusals():
            call = cri.PortForwardRequest(pod_sandbox_id=await self._ready_sandbox(pod), port=ports)

        async def url() -> str:
            with _refusals():
                return (await self._runtime.PortForward(call)).url

        if not is_tunnel(request):
            return await self._through(request, await url())
        self._on_websocket("portforward")
        through = await self._spoken_through(request, url, channels.PORT_FORWARD_TUNNEL)
        return through or await self._tunnel(request, await url())

    async def _remote_url(self, pod: Pod, container: str, ask: Callable[[str], Awaitable[str]]) -> str:
        """`ask` for the container of the pod's status first; that may be a moment behind, so a refusal is no answer."""
        with _refusals():
            if known := running_container(pod, container):
                try:
                    return await ask(known)
                except CriError as error:
                    logger.debug("The runtime is asked what runs container=%s error=%s", known, error)
            return await ask(await self._running_container(pod, container))

    async def _running_container(self, pod: Pod, container: str) -> str:
        wanted = cri.ContainerFilter(
            state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING),
            label_selector={_UID_LABEL: pod.metadata.uid, _CONTAINER_LABEL: container},
        )
        found = (await self._runtime.ListContainers(cri.ListContainersRequest(filter=wanted))).containers
        if not found:
            raise StreamingRefusedError(500, f'container not found ("{container}")')
        return max(found, key=lambda one: one.created_at).id

    async def _ready_sandbox(self, pod: Pod) -> str:
        wanted = cri.PodSandboxFilter(
            state=cri.PodSandboxStateValue(state=cri.SANDBOX_READY), label_selector={_UID_LABEL: pod.metadata.uid}
        )
        found = (await self._runtime.ListPodSandbox(cri.ListPodSandboxRequest(filter=wanted))).items
        if not found:
            raise StreamingRefusedError(500, f"failed to find sandbox of pod {pod.metadata.namespace}/"
                                             f"{pod.metadata.name}: it does not run")
        return max(found, key=lambda one: one.created_at).id

    async def _remote(
        self, request: web.Request, url: UrlCall, options: Options, subresource: str
    ) -> web.StreamResponse:
        if not is_websocket(request) or channels.V5 not in _websocket_protocols(request):
            return await self._through(request, await url())
        self._on_websocket(subresource)
        through = await self._spoken_through(request, url, channels.V5)
        return through or await self._translate(request, await url(), options)

    async def _spoken_through(self, request: web.Request, url: UrlCall, protocol: str) -> web.StreamResponse | None:
        """`_through` in this one WebSocket protocol; None, with nothing begun, when the runtime does not speak it."""
        if protocol in self._not_spoken:
            return None
        try:
            return await self._through(request, await url(), protocol)
        except _RuntimeRefusedError as refusal:
            if not request.headers.get("Sec-WebSocket-Key") or request.headers.get("Sec-WebSocket-Version") != "13":
                raise
            logger.info("The runtime's streaming server does not speak a protocol, which is translated from now on "
                        "protocol=%s answer=%s", protocol, refusal)
            self._not_spoken.add(protocol)
            return None

    async def _through(self, request: web.Request, url: str, protocol: str = "") -> web.StreamResponse:
        """Byte for byte, whatever it is; with `protocol`, only when the runtime agrees to that."""
        upgrade = request.headers.get("Upgrade", "")
        if not upgrade:
            raise StreamingRefusedError(400, "Upgrade request required")
        headers = [(name, value) for name in _FORWARDED for value in request.headers.getall(name, [])]
        if protocol:
            headers = [(name, value) for name, value in headers if name != _PROTOCOL_HEADER]
            headers.append((_PROTOCOL_HEADER, protocol))
        async with _upgrade(url, request.method, upgrade, headers) as runtime:
            if protocol:
                _check_agreed(runtime.head, protocol)
            client = take_over(request)
            kept = [(name, value) for name, values in runtime.head.headers.items() for value in values]
            client[1].write(encode_answer(101, kept) + runtime.rest)
            await splice(client, (runtime.reader, runtime.writer))
        return Hijacked()

    async def _tunnel(self, request: web.Request, url: str) -> web.StreamResponse:
        """SPDY inside WebSocket messages: unpack one way, pack the other."""
        spdy = [(PROTOCOL_VERSION, name) for name in portforward.PROTOCOLS]
        async with _upgrade(url, "POST", SPDY, spdy) as runtime:
            reader, writer = _take_over_websocket(request, channels.PORT_FORWARD_TUNNEL)
            codec = TunnelCodec(client=False)
            codec.send(runtime.rest)
            async with asyncio.TaskGroup() as group:
                ways = (group.create_task(_unpack(codec, reader, writer, runtime.writer)),
                        group.create_task(_pack(codec, runtime.reader, writer)))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
            codec.close()
            writer.write(codec.output())
            await close_gently(reader, writer)
        return Hijacked()

    async def _translate(self, request: web.Request, url: str, options: Options) -> web.StreamResponse:
        """WebSocket v5 on the client's side, SPDY v4 on the runtime's."""
        async with _upgrade(url, "POST", SPDY, [(PROTOCOL_VERSION, SPDY_V4)]) as runtime:
            reader, writer = _take_over_websocket(request, channels.V5)
            client = Connection(reader, writer, ChannelSession(channels.PROTOCOLS[channels.V5], FROM_CLIENT))
            behind = Connection(runtime.reader, runtime.writer, Session(client=True), runtime.rest)
            await _translate(client, behind, options)
        return Hijacked()


def is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def is_tunnel(request: web.Request) -> bool:
    return is_websocket(request) and channels.PORT_FORWARD_TUNNEL in _websocket_protocols(request)


def forwarded_ports(request: web.Request) -> tuple[int, ...]:
    """Those that a WebSocket client must name; SPDY clients name them later. Raises StreamingRefusedError (400)."""
    if not is_websocket(request) or is_tunnel(request):
        return ()
    try:
        return portforward.parse_ports(request.query.getall("port", []))
    except ValueError as error:
        raise StreamingRefusedError(400, str(error)) from None


def _websocket_protocols(request: web.Request) -> list[str]:
    values = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for value in values for name in value.split(",")]


def _take_over_websocket(request: web.Request, protocol: str) -> Pipe:
    """Answers 101. Raises StreamingRefusedError for what is not a WebSocket handshake."""
    key = request.headers.get("Sec-WebSocket-Key", "")
    if not key or request.headers.get("Sec-WebSocket-Version") != "13":
        raise StreamingRefusedError(400, "not a WebSocket 13 handshake", {"Sec-WebSocket-Version": "13"})
    reader, writer = take_over(request)
    writer.write(encode_answer(101, [
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", websocket.accept_key(key)),
        ("Sec-WebSocket-Protocol", protocol),
    ]))  # fmt: skip
    return reader, writer


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """The runtime's errors as HTTP answers, as upstream maps them."""
    try:
        yield
    except NotFoundError as error:
        raise StreamingRefusedError(404, error.message) from error
    except ResourceExhaustedError as error:
        raise StreamingRefusedError(429, error.message, {"Retry-After": str(_TOKEN_SECONDS)}) from error
    except CriError as error:
        raise StreamingRefusedError(500, error.message) from error


# the runtime's side


@contextlib.asynccontextmanager
async def _upgrade(
    url: str, method: str, protocol: str, headers: Sequence[tuple[str, str]]
) -> AsyncIterator[_Upgraded]:
    """Connect to the runtime's streaming URL and switch protocols. Raises StreamingRefusedError with its answer."""
    reader, writer, host, target = await _connect(url)
    try:
        try:
            writer.write(encode_request(method, target, [
                ("Host", host), ("Connection", "Upgrade"), ("Upgrade", protocol), ("Content-Length", "0"), *headers,
            ]))  # fmt: skip
            async with asyncio.timeout(_HEAD_SECONDS):
                head, rest = await _read_head(reader)
                if head.status != 101:
                    text = await _rest_of_body(reader, rest, head)
                    raise _RuntimeRefusedError(head.status, text)
        except (OSError, EOFError, HeadError, TimeoutError) as error:
            raise StreamingRefusedError(500, f"the runtime's streaming server failed: {error or 'timed out'}") from None
        yield _Upgraded(head, reader, writer, rest)
    finally:
        writer.close()  # what was written still goes out


def _check_agreed(head: Head, protocol: str) -> None:
    """Raises _RuntimeRefusedError for another protocol than WebSocket, StreamingRefusedError for another one in it.

    Who upgraded without the subprotocol may have begun the command, which is not to run twice.
    """
    if head.upgrade != "websocket":
        raise _RuntimeRefusedError(500, f"upgraded to {head.upgrade!r}")
    if (agreed := head.get(_PROTOCOL_HEADER)) != protocol:
        raise StreamingRefusedError(500, f"the runtime's streaming server upgraded to {agreed!r}, not to {protocol!r}")


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str, str]:
    """Connection, its Host header and the request's target."""
    parts = urlsplit(url if "://" in url else f"http://{url.removeprefix('//')}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    context = None
    if parts.scheme == "https":
        # The runtime's own certificate, which nobody signed; the token in the URL is what is trusted, as upstream does.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        port = parts.port or (443 if context else 80)
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context, limit=READ_BYTES)
    except (OSError, ValueError, TimeoutError) as error:
        where = f"{parts.scheme}://{parts.netloc}"
        raise StreamingRefusedError(
            500, f"cannot connect to the runtime's streaming server at {where}: {error or 'timed out'}"
        ) from None
    return reader, writer, parts.netloc, target


async def _read_head(reader: asyncio.StreamReader) -> tuple[Head, bytes]:
    data = bytearray()
    while True:
        piece = await reader.read(READ_BYTES)
        if not piece:
            raise EOFError("closed without an answer")
        data += piece
        split = split_head(data)
        if split is not None:
            return parse_answer(split[0]), split[1]


async def _rest_of_body(reader: asyncio.StreamReader, body: bytes, head: Head) -> str:
    length = head.get("content-length")
    wanted = min(int(length), _MAX_ANSWER_BYTES) if length.isascii() and length.isdigit() else 0
    while len(body) < wanted and (piece := await reader.read(READ_BYTES)):
        body += piece
    return body[:wanted].decode("utf-8", "replace")


# between the two


async def _unpack(
    codec: TunnelCodec, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, runtime: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            for event in codec.feed(data):
                match event:
                    case StreamData(_, content):
                        runtime.write(content)
                    case GoingAway() | SessionFailed():
                        return
            writer.write(codec.output())  # answers to pings
            await runtime.drain()


async def _pack(codec: TunnelCodec, runtime: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await runtime.read(READ_BYTES):
            codec.send(data)
            writer.write(codec.output())
            await writer.drain()


async def _translate(client: Connection, runtime: Connection, options: Options) -> None:
    """Until the command's outcome has been passed on, or the client goes."""
    wanted = {Kind.ERROR: True, Kind.STDIN: options.stdin, Kind.STDOUT: options.stdout, Kind.STDERR: options.stderr,
              Kind.RESIZE: options.tty}
    kinds = [kind for kind, is_wanted in wanted.items() if is_wanted]
    fronts = {kind: client.stream(kind) for kind in kinds}
    backs = {kind: runtime.open({"streamType": kind.name.lower()}) for kind in kinds}
    client.machine.send(next(kind for kind in (Kind.STDOUT, Kind.STDERR, Kind.ERROR) if kind in fronts), b"")
    async with asyncio.TaskGroup() as group:
        client_run, runtime_run = group.create_task(client.run()), group.create_task(runtime.run())
        inputs = [group.create_task(_copy_stream(fronts[kind], backs[kind])) for kind in kinds if kind in FROM_CLIENT]
        outputs = [
            group.create_task(_copy_output(backs[kind], fronts[kind], kind))
            for kind in kinds if kind not in FROM_CLIENT
        ]
        outcome = group.create_task(asyncio.wait(outputs))
        await asyncio.wait([client_run, outcome], return_when=asyncio.FIRST_COMPLETED)
        for task in (client_run, runtime_run, outcome, *inputs, *outputs):
            task.cancel()
    runtime.machine.close()
    runtime.flush()
    await client.close()


async def _copy_stream(source: Stream, target: Stream) -> None:
    with contextlib.suppress(StreamClosedError):
        while data := await source.read():
            await target.write(data)
        target.end()


async def _copy_output(source: Stream, target: Stream, kind: Kind) -> None:
    """Go's servers end a session by resetting its streams; a runtime that goes away without an outcome is one too."""
    said_something = False
    try:
        while data := await source.read():
            await target.write(data)
            said_something = True
    except StreamClosedError as error:
        if kind is Kind.ERROR and not said_something:
            lost = Outcome(None, f"the connection to the container runtime was lost: {error}")
            with contextlib.suppress(StreamClosedError):
                await target.write(encode_outcome(lost, as_status=True))
