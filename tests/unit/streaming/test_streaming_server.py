"""The dockershim's streaming server, spoken to as kubectl and the API server do; a small command runs behind it."""

import asyncio
import contextlib
import json

import pytest

from cri.errors import InvalidArgumentError, NotFoundError, ResourceExhaustedError, UnavailableError
from cri.streaming import channels, portforward
from cri.streaming.channels import PROTOCOLS, ChannelSession
from cri.streaming.connection import Connection, StreamClosedError
from cri.streaming.remotecommand import SPDY_PROTOCOLS, Kind, Outcome, ResizeDecoder
from cri.streaming.spdy import Session
from cri.streaming.tunnel import TunnelSession
from cri.v1 import api_pb2 as cri
from dockershim.streaming import StreamingServer
from dockershim.streaming.portforward import PortForwarder
from dockershim.streaming.tokens import MAX_IN_FLIGHT, SECONDS, Tokens
from tests.streaming_peers import dial, exec_over_spdy, exec_over_websocket, spdy_headers, websocket_headers


class Commands:
    """In place of the engine: `cat` with a line on stderr and the exit code that it is given."""

    def __init__(self) -> None:
        self.requests, self.sizes = [], []
        self.cancelled, self.running = asyncio.Event(), asyncio.Event()
        self.outcome = Outcome(3)

    def container(self, container_id):
        if container_id == "none":
            raise NotFoundError("no such container")

    async def run(self, request, streams):
        self.requests.append(request)
        self.running.set()
        try:
            if Kind.STDERR in streams:
                await streams[Kind.STDERR].write(b"err")
            if Kind.STDIN in streams:
                while data := await streams[Kind.STDIN].read():
                    await streams[Kind.STDOUT].write(data)
                    if data.endswith(b"exit\n"):
                        break
            if Kind.RESIZE in streams:
                self.sizes += ResizeDecoder().feed(await streams[Kind.RESIZE].read())
        except (asyncio.CancelledError, StreamClosedError):
            self.cancelled.set()
            raise
        return self.outcome


class Sandbox:
    """A sandbox on the host's own network."""

    id, is_running, has_own_network, netns = "s1", True, False, ""


class Sandboxes:
    def sandbox(self, sandbox_id):
        if sandbox_id != "s1":
            raise NotFoundError("no such sandbox")
        return Sandbox


@contextlib.asynccontextmanager
async def serving(commands):
    server = StreamingServer(commands, PortForwarder(Sandboxes()))
    await server.start()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.run())
        yield server
        running.cancel()


@pytest.fixture
async def commands():
    return Commands()


@pytest.fixture
async def server(commands):
    async with serving(commands) as up:
        yield up


def exec_request(**fields):
    wanted = {"container_id": "c1", "cmd": ["cat"], "stdin": True, "stdout": True, "stderr": True, **fields}
    return cri.ExecRequest(**wanted)


@pytest.mark.parametrize("protocol", SPDY_PROTOCOLS)
async def test_exec_over_spdy(server, commands, protocol):
    url = server.exec(exec_request())
    assert url.startswith("http://127.0.0.1:") and len(url.rpartition("/")[2]) == 8
    async with exec_over_spdy(url, protocol, Kind.STDIN, Kind.STDOUT, Kind.STDERR) as client:
        blob = b"x" * 3_000_000
        async with asyncio.TaskGroup() as group:
            out = group.create_task(client.read_all(Kind.STDOUT))
            await client.streams[Kind.STDIN].write(blob)
            client.streams[Kind.STDIN].end()
        assert out.result() == blob
        assert await client.read_all(Kind.STDERR) == b"err"
        error = await client.read_all(Kind.ERROR)
    if protocol.startswith("v4"):
        assert json.loads(error)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    else:
        assert error == b"command terminated with non-zero exit code: exit code 3"
    assert commands.requests[0].command == ("cat",) and not commands.cancelled.is_set()


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
async def test_exec_over_websocket(server, commands, protocol):
    commands.outcome = Outcome(0)
    async with exec_over_websocket(server.exec(exec_request()), protocol) as client:
        await client.streams[Kind.STDIN].write(b"hello\0\xff exit\n")
        assert await client.read_all(Kind.STDOUT) == b"hello\0\xff exit\n"
        assert await client.read_all(Kind.STDERR) == b"err"
        error = await client.read_all(Kind.ERROR)
    assert error == b"" if protocol in ("", channels.V1, channels.V1_BASE64) else json.loads(error)["status"]


async def test_websocket_v5_closes_standard_input(server):
    async with exec_over_websocket(server.exec(exec_request()), channels.V5) as client:
        await client.streams[Kind.STDIN].write(b"all there is")
        client.streams[Kind.STDIN].end()
        assert await client.read_all(Kind.STDOUT) == b"all there is"


async def test_a_terminal_is_resized(server, commands):
    request = exec_request(tty=True, stderr=False, stdin=False)
    async with exec_over_spdy(server.exec(request), "v4.channel.k8s.io", Kind.STDOUT, Kind.RESIZE) as client:
        await client.streams[Kind.RESIZE].write(b'{"Width":80,"Height":24}\n')
        await client.read_all(Kind.ERROR)
    assert [(size.width, size.height) for size in commands.sizes] == [(80, 24)]


@pytest.mark.parametrize("how", ["spdy", "websocket"])
async def test_a_client_that_goes_away_ends_its_command(server, commands, how):
    url = server.exec(exec_request())
    if how == "spdy":
        async with exec_over_spdy(url, "v4.channel.k8s.io", Kind.STDIN, Kind.STDOUT, Kind.STDERR):
            await commands.running.wait()
    else:
        async with exec_over_websocket(url, channels.V5):
            await commands.running.wait()
    async with asyncio.timeout(5):
        await commands.cancelled.wait()


async def test_attach_has_no_command(server, commands):
    url = server.attach(cri.AttachRequest(container_id="c1", stdin=True, stdout=True))
    async with exec_over_spdy(url, "v4.channel.k8s.io", Kind.STDIN, Kind.STDOUT) as client:
        client.streams[Kind.STDIN].end()
        await client.read_all(Kind.ERROR)
    assert commands.requests[0].command == ()


async def test_a_url_is_good_once_and_for_its_verb(server):
    url = server.exec(exec_request())
    async with dial(url.replace("/exec/", "/attach/"), spdy_headers("v4.channel.k8s.io")) as up:
        assert up.head.status == 404
    async with dial(url, spdy_headers("v4.channel.k8s.io")) as up:
        assert up.head.status == 404
    async with dial(url.rpartition("/")[0] + "/", spdy_headers("v4.channel.k8s.io")) as up:
        assert up.head.status == 404


@pytest.mark.parametrize(("headers", "status", "said"), [
    ([], 400, "missing upgrade headers"),
    ([("Connection", "Upgrade"), ("Upgrade", "h2c")], 400, "missing upgrade headers"),
    (spdy_headers(), 400, "X-Stream-Protocol-Version"),
    (spdy_headers("v9.channel.k8s.io"), 403, "unable to negotiate"),
    (websocket_headers("v9.channel.k8s.io"), 403, "none of the WebSocket protocols"),
    (websocket_headers()[:2], 400, "not a WebSocket 13 handshake"),
])  # fmt: skip
async def test_upgrades_that_are_refused(server, headers, status, said):
    async with dial(server.exec(exec_request()), headers) as up:
        assert up.head.status == status and said in up.text
        if status == 403 and "negotiate" in said:
            assert "v4.channel.k8s.io" in up.head.tokens("x-accepted-stream-protocol-versions")
    async with dial(server.exec(exec_request()), headers, "PUT") as up:
        assert up.head.status == 405


async def test_requests_that_get_no_url(server):
    nothing = {"stdin": False, "stdout": False, "stderr": False}
    for fields in ({"container_id": ""}, {"tty": True}, {"cmd": []}, nothing):
        with pytest.raises(InvalidArgumentError):
            server.exec(exec_request(**fields))
    with pytest.raises(NotFoundError):
        server.exec(exec_request(container_id="none"))
    with pytest.raises(InvalidArgumentError):
        server.port_forward(cri.PortForwardRequest())
    with pytest.raises(InvalidArgumentError):
        server.port_forward(cri.PortForwardRequest(pod_sandbox_id="s1", port=[70000]))
    with pytest.raises(UnavailableError):
        StreamingServer(Commands(), PortForwarder(Sandboxes())).exec(exec_request())


async def test_garbage_harms_nobody_else(server):
    for wire in (b"\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"x" * 70_000, b""):
        port = int(server.exec(exec_request()).split(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(wire)
        writer.write_eof()
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
    url = server.exec(exec_request())
    async with dial(url, spdy_headers("v4.channel.k8s.io")) as up:
        up.writer.write(b"\xff" * 50)
        with contextlib.suppress(OSError):
            await up.reader.read()
    async with exec_over_websocket(server.exec(exec_request()), channels.V5) as client:
        client.streams[Kind.STDIN].end()
        assert await client.read_all(Kind.STDERR) == b"err"


def test_tokens_are_single_use_and_expire():
    now = 100.0
    tokens = Tokens(lambda: now)
    first, second = tokens.insert("a"), tokens.insert("b")
    assert first != second and len(first) == 8
    assert tokens.consume(first) == "a" and tokens.consume(first) is None
    now += SECONDS
    assert tokens.consume(second) is None
    for number in range(MAX_IN_FLIGHT):
        tokens.insert(number)
    with pytest.raises(ResourceExhaustedError):
        tokens.insert("one too many")
    now += SECONDS
    assert tokens.insert("again")


# port-forward


@pytest.fixture
async def echo():
    """The port of a server that repeats what it hears, in upper case, and half-closes when its client does."""

    async def answer(reader, writer):
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()
        writer.write_eof()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def read_all(stream):
    parts = []
    with contextlib.suppress(StreamClosedError):
        while data := await stream.read():
            parts.append(data)
    return b"".join(parts)


@contextlib.asynccontextmanager
async def forwarding(url, tunnelled=False):
    headers = websocket_headers(channels.PORT_FORWARD_TUNNEL) if tunnelled else spdy_headers(portforward.PROTOCOL)
    async with dial(url, headers, "GET" if tunnelled else "POST") as up:
        assert up.head.status == 101, up.text
        machine = TunnelSession(client=True) if tunnelled else Session(client=True)
        connection = Connection(up.reader, up.writer, machine, up.rest)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            yield connection
            running.cancel()


def pair(connection, port, request):
    headers = {"port": str(port), "requestID": str(request)}
    error = connection.open({**headers, "streamType": "error"})
    return connection.open({**headers, "streamType": "data"}), error


@pytest.mark.parametrize("tunnelled", [False, True])
async def test_many_connections_are_forwarded_over_one(server, echo, tunnelled):
    url = server.port_forward(cri.PortForwardRequest(pod_sandbox_id="s1"))
    async with forwarding(url, tunnelled) as connection:

        async def one(number):
            data, error = pair(connection, echo, number)
            error.end()
            async with asyncio.TaskGroup() as group:
                answer = group.create_task(read_all(data))
                for _ in range(10):
                    await data.write(f"hello {number} ".encode() * 100)
                data.end()
            assert answer.result() == f"HELLO {number} ".encode() * 1000
            assert await read_all(error) == b""

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(one(number))


async def test_a_port_where_nobody_listens_is_told_and_the_others_go_on(server, echo, unused_port):
    url = server.port_forward(cri.PortForwardRequest(pod_sandbox_id="s1"))
    async with forwarding(url) as connection:
        data, error = pair(connection, unused_port, 0)
        said = (await read_all(error)).decode()
        assert said.startswith(f"error forwarding port {unused_port} to pod s1: connect to 127.0.0.1")
        assert await read_all(data) == b""
        odd = connection.open({"port": "x", "streamType": "data"})
        with pytest.raises(StreamClosedError):
            await odd.write(b"x")
        data, error = pair(connection, echo, 1)
        await data.write(b"still there")
        data.end()
        assert await read_all(data) == b"STILL THERE"


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.parametrize("protocol", ["", channels.V4, channels.V4_BASE64])
async def test_forwarding_over_websocket(server, echo, unused_port, protocol):
    url = server.port_forward(cri.PortForwardRequest(pod_sandbox_id="s1", port=[echo, unused_port]))
    async with dial(url, websocket_headers(*([protocol] if protocol else [])), "GET") as up:
        session = ChannelSession(PROTOCOLS[protocol], (0, 1, 2, 3), client=True)
        connection = Connection(up.reader, up.writer, session, up.rest)
        data, error, no_data, refused = (connection.stream(number) for number in range(4))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            for stream, port in ((data, echo), (error, echo), (no_data, unused_port), (refused, unused_port)):
                assert await stream.read() == portforward.port_prefix(port)
            assert b"error forwarding port" in await refused.read()
            await data.write(b"hello")
            assert await data.read() == b"HELLO"
            running.cancel()
