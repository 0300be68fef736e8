"""exec, attach and portForward through the kubelet's server; behind it is the dockershim's streaming server."""

import asyncio
import contextlib
import gc
import json
import re

import pytest
from aiohttp.web_protocol import RequestHandler
from msgspec.structs import replace
from test_streaming_server import Commands, Sandboxes, pair, read_all

from cri.errors import NotFoundError, ResourceExhaustedError, UnknownError
from cri.streaming import channels, portforward
from cri.streaming.channels import PROTOCOLS, ChannelSession, TunnelCodec
from cri.streaming.connection import Connection
from cri.streaming.mux import StreamOpened
from cri.streaming.remotecommand import Kind, Outcome
from cri.streaming.spdy import Session
from cri.streaming.splice import splice
from cri.v1 import api_pb2 as cri
from dockershim.streaming import StreamingServer
from dockershim.streaming.portforward import PortForwarder
from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from kubelet.metrics import KubeletMetrics
from kubelet.server.authentication import Authenticator
from kubelet.server.authorization import AlwaysAllow
from kubelet.server.handlers import Handlers
from kubelet.server.server import KubeletServer
from kubelet.server.settings import ServerSettings
from kubelet.server.streaming import StreamingProxy
from tests.streaming_peers import Dialled, dial, exec_over_spdy, exec_over_websocket, spdy_headers, websocket_headers

POD = Pod(
    api_version="v1", kind="Pod", metadata=ObjectMeta(name="web", namespace="default", uid="u1"),
    spec=PodSpec(containers=(Container(name="c", image="x"), Container(name="t", image="x", tty=True, stdin=True))),
)


class Node:
    def pods(self):
        return [POD]

    def pod_by_name(self, namespace, name):
        return POD if (namespace, name) == ("default", "web") else None

    def checks(self):
        return {}


class Runtime:
    """The CRI of a runtime with one running pod; URLs are those of a real streaming server."""

    def __init__(self, streaming) -> None:
        self.streaming, self.failure, self.calls, self.url = streaming, None, [], None
        self.port = 0
        """Of another server that the URLs name."""

    async def ListContainers(self, request):
        labels = dict(request.filter.label_selector)
        known = labels["io.kubernetes.container.name"] in ("c", "t") and labels["io.kubernetes.pod.uid"] == "u1"
        assert request.filter.state.state == cri.CONTAINER_RUNNING
        older = cri.Container(id="old", created_at=1)
        return cri.ListContainersResponse(containers=[older, cri.Container(id="c1", created_at=2)] if known else [])

    async def ListPodSandbox(self, request):
        return cri.ListPodSandboxResponse(items=[cri.PodSandbox(id="s1", created_at=1)])

    async def Exec(self, request):
        return cri.ExecResponse(url=self._url(request, self.streaming.exec))

    async def Attach(self, request):
        return cri.AttachResponse(url=self._url(request, self.streaming.attach))

    async def PortForward(self, request):
        return cri.PortForwardResponse(url=self._url(request, self.streaming.port_forward))

    def _url(self, request, get):
        self.calls.append(request)
        if self.failure is not None:
            raise self.failure
        url = self.url if self.url is not None else get(request)
        return re.sub(r":\d+/", f":{self.port}/", url) if self.port else url


class Up:
    def __init__(self, base, runtime, commands, websockets, server_task) -> None:
        self.base, self.runtime, self.commands = base, runtime, commands
        self.websockets, self.server_task = websockets, server_task

    def exec(self, query="command=cat&input=1&output=1&error=1", container="c"):
        return f"{self.base}/exec/default/web/{container}?{query}"


@pytest.fixture
async def up():
    commands = Commands()
    streaming = StreamingServer(commands, PortForwarder(Sandboxes()))
    await streaming.start()
    runtime, node = Runtime(streaming), Node()
    settings = ServerSettings(node_name="n", address="127.0.0.1", port=0, healthz_port=0)
    metrics, websockets = KubeletMetrics("n"), list[str]()
    handlers = Handlers(settings, node, node, node, metrics, streaming=StreamingProxy(
        runtime, websockets.append))
    server = KubeletServer(settings, handlers, Authenticator(None, anonymous=True), AlwaysAllow(), metrics, None)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(streaming.run()), group.create_task(server.run())]
        await server.started.wait()
        yield Up(f"http://127.0.0.1:{server.bound_ports['main']}", runtime, commands, websockets, tasks[1])
        for task in tasks:
            task.cancel()


@pytest.fixture
async def echo():
    async def answer(reader, writer):
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v3.channel.k8s.io", "channel.k8s.io"])
async def test_spdy_passes_through(up, protocol):
    async with exec_over_spdy(up.exec(), protocol, Kind.STDIN, Kind.STDOUT, Kind.STDERR) as client:
        blob = b"x" * 2_000_000
        async with asyncio.TaskGroup() as group:
            out = group.create_task(client.read_all(Kind.STDOUT))
            await client.streams[Kind.STDIN].write(blob)
            client.streams[Kind.STDIN].end()
        assert out.result() == blob
        assert b"3" in await client.read_all(Kind.ERROR)
    assert up.runtime.calls == [cri.ExecRequest(container_id="c1", cmd=["cat"], stdin=True, stdout=True, stderr=True)]


@pytest.mark.parametrize("protocol", [channels.V5, channels.V4, channels.V4_BASE64, channels.V1, ""])
async def test_websockets_are_translated_or_pass_through(up, protocol):
    async with exec_over_websocket(up.exec(), protocol) as client:
        await client.streams[Kind.STDIN].write(b"hello exit\n")
        assert await client.read_all(Kind.STDOUT) == b"hello exit\n"
        assert await client.read_all(Kind.STDERR) == b"err"
        error = await client.read_all(Kind.ERROR)
    if protocol in (channels.V5, channels.V4, channels.V4_BASE64):
        assert json.loads(error)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert len(up.runtime.calls) == 1
    assert up.websockets == (["exec"] if protocol == channels.V5 else [])


async def test_v5_closes_standard_input_and_carries_much(up):
    up.commands.outcome = Outcome(0)
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        blob = bytes(range(256)) * 10_000
        async with asyncio.TaskGroup() as group:
            out = group.create_task(client.read_all(Kind.STDOUT))
            await client.streams[Kind.STDIN].write(blob)
            client.streams[Kind.STDIN].end()
        assert out.result() == blob
        assert json.loads(await client.read_all(Kind.ERROR))["status"] == "Success"


async def test_a_terminal_has_no_stderr_and_is_resized(up):
    query = "command=sh&output=1&error=true&tty=1"
    async with exec_over_websocket(up.exec(query), channels.V5) as client:
        await client.streams[Kind.RESIZE].write(b'{"Width":80,"Height":24}')
        await client.read_all(Kind.ERROR)
    assert up.runtime.calls == [cri.ExecRequest(container_id="c1", cmd=["sh"], stdout=True, tty=True)]
    assert [(size.width, size.height) for size in up.commands.sizes] == [(80, 24)]


@pytest.mark.parametrize("how", ["spdy", "v5"])
async def test_a_client_that_goes_away_ends_its_command(up, how):
    if how == "spdy":
        async with exec_over_spdy(up.exec(), "v4.channel.k8s.io", Kind.STDIN, Kind.STDOUT, Kind.STDERR):
            await up.commands.running.wait()
    else:
        async with exec_over_websocket(up.exec(), channels.V5):
            await up.commands.running.wait()
    async with asyncio.timeout(5):
        await up.commands.cancelled.wait()


async def test_the_terminal_of_an_attach_is_the_containers(up):
    url = f"{up.base}/attach/default/web/u1/t?input=1&output=1"
    async with exec_over_spdy(url, "v4.channel.k8s.io", Kind.STDIN, Kind.STDOUT, Kind.RESIZE) as client:
        client.streams[Kind.STDIN].end()
        client.streams[Kind.RESIZE].end()
        await client.read_all(Kind.ERROR)
    assert up.runtime.calls == [cri.AttachRequest(container_id="c1", stdin=True, stdout=True, tty=True)]
    async with dial(f"{up.base}/attach/default/web/t?output=1&error=1", spdy_headers("v4.channel.k8s.io")) as refused:
        assert refused.head.status == 500 and "tty and stderr" in refused.text


async def test_ports_over_spdy(up, echo):
    url = f"{up.base}/portForward/default/web"
    async with dial(url, spdy_headers(portforward.PROTOCOL)) as dialled:
        assert dialled.head.status == 101
        await _forward_some(Connection(dialled.reader, dialled.writer, Session(client=True), dialled.rest), echo)


async def _forward_some(connection, port):
    async def one(number):
        data, _ = pair(connection, port, number)
        await data.write(f"hello {number}".encode() * 1000)
        data.end()
        assert await read_all(data) == f"HELLO {number}".encode() * 1000

    async with asyncio.TaskGroup() as group:
        running = group.create_task(connection.run())
        async with asyncio.TaskGroup() as ones:
            for number in range(20):
                ones.create_task(one(number))
        running.cancel()


async def test_ports_through_a_tunnel(up, echo):
    """kubectl's way: SPDY in WebSocket messages."""
    url = f"{up.base}/portForward/default/web"
    async with dial(url, websocket_headers(channels.PORT_FORWARD_TUNNEL), "GET") as dialled:
        assert dialled.head.get("sec-websocket-protocol") == channels.PORT_FORWARD_TUNNEL
        async with _untunnelled(dialled) as (reader, writer):
            await _forward_some(Connection(reader, writer, Session(client=True)), echo)


@contextlib.asynccontextmanager
async def _untunnelled(dialled: Dialled):
    """A socket on which the tunnel's contents can be read and written."""
    import socket

    near, far = socket.socketpair()
    inner, outer = await asyncio.open_unix_connection(sock=near), await asyncio.open_unix_connection(sock=far)
    codec = TunnelCodec(client=True)

    async def pack():
        while data := await outer[0].read(65536):
            codec.send(data)
            dialled.writer.write(codec.output())

    async def unpack():
        while data := await dialled.reader.read(65536):
            for event in codec.feed(data):
                outer[1].write(event.data)

    async with asyncio.TaskGroup() as group:
        ways = [group.create_task(pack()), group.create_task(unpack())]
        yield inner
        for way in ways:
            way.cancel()
    inner[1].close()
    outer[1].close()


async def test_ports_over_websocket_channels(up, echo):
    async with dial(f"{up.base}/portForward/default/web?port={echo}", websocket_headers(channels.V4), "GET") as dialled:
        assert dialled.head.status == 101
        session = ChannelSession(PROTOCOLS[channels.V4], (0, 1), client=True)
        connection = Connection(dialled.reader, dialled.writer, session, dialled.rest)
        data = connection.stream(0)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            assert await data.read() == portforward.port_prefix(echo)
            await data.write(b"hello")
            assert await data.read() == b"HELLO"
            running.cancel()


@pytest.mark.parametrize(("path", "headers", "status", "said"), [
    ("/exec/default/web/c?output=1", spdy_headers("v4.channel.k8s.io"), 400, "must specify a command"),
    ("/exec/default/web/c?command=x", spdy_headers("v4.channel.k8s.io"), 400, "at least 1 of stdin, stdout, stderr"),
    ("/exec/default/web/c?command=x&error=1&tty=1", spdy_headers("v4.channel.k8s.io"), 400, "at least 1 of"),
    ("/exec/default/web/c?command=x&output=0", spdy_headers("v4.channel.k8s.io"), 400, "at least 1 of"),
    ("/attach/default/web/c", spdy_headers("v4.channel.k8s.io"), 400, "at least 1 of"),
    ("/exec/default/web/c?command=x&output=1", [], 400, "Upgrade request required"),
    ("/exec/default/web/c?command=x&output=1", spdy_headers("v9.channel.k8s.io"), 403, "unable to negotiate"),
    ("/exec/default/none/c?command=x&output=1", spdy_headers("v4.channel.k8s.io"), 404, "pod does not exist"),
    ("/exec/default/web/u2/c?command=x&output=1", spdy_headers("v4.channel.k8s.io"), 404, "pod does not exist"),
    ("/exec/default/web/d?command=x&output=1", spdy_headers("v4.channel.k8s.io"), 500, 'container not found ("d")'),
    ("/portForward/default/none", spdy_headers(portforward.PROTOCOL), 404, "pod does not exist"),
    ("/portForward/default/web", websocket_headers(channels.V4), 400, '"port" is required'),
    ("/portForward/default/web?port=x", websocket_headers(channels.V4), 400, "unable to parse"),
])  # fmt: skip
async def test_what_is_refused(up, path, headers, status, said):
    async with dial(up.base + path, headers) as refused:
        assert refused.head.status == status, refused.text
        assert said in refused.text
    # the server goes on
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        client.streams[Kind.STDIN].end()
        assert await client.read_all(Kind.STDERR) == b"err"


@pytest.mark.parametrize(("failure", "status"), [
    (NotFoundError("no such container"), 404), (ResourceExhaustedError("too many"), 429), (UnknownError("?"), 500),
])  # fmt: skip
async def test_the_runtimes_refusals(up, failure, status):
    up.runtime.failure = failure
    async with dial(up.exec(), spdy_headers("v4.channel.k8s.io")) as refused:
        assert refused.head.status == status and refused.text == failure.message
        assert refused.head.get("retry-after") == ("60" if status == 429 else "")


async def test_a_url_without_a_scheme_is_http(up):
    request = cri.ExecRequest(container_id="c1", cmd=["cat"], stdin=True, stdout=True, stderr=True)
    up.runtime.url = up.runtime.streaming.exec(request).removeprefix("http:")
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        client.streams[Kind.STDIN].end()
        assert await client.read_all(Kind.STDERR) == b"err"


async def test_a_streaming_server_that_is_not_there(up):
    for url in ("http://127.0.0.1:1/exec/x", "http://127.0.0.1:x/exec"):
        up.runtime.url = url
        async with dial(up.exec(), spdy_headers("v4.channel.k8s.io")) as refused:
            assert refused.head.status == 500 and "cannot connect to the runtime's streaming server" in refused.text


async def test_a_streaming_server_that_breaks_off(up):
    async def answer(reader, writer):
        await reader.read(65536)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    up.runtime.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/x"
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        status = json.loads(await client.read_all(Kind.ERROR))
    assert status["reason"] == "InternalError" and "container runtime was lost" in status["message"]
    server.close()
    await server.wait_closed()


async def test_a_runtime_that_ends_a_session_by_resets(up):
    """As moby/spdystream does: the outcome is written, then every stream is reset."""

    async def answer(reader, writer):
        if b"websocket" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return writer.close()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        session, opened = Session(client=False), {}
        while len(opened) < 4:
            for event in session.feed(await reader.read(65536)):
                if isinstance(event, StreamOpened):
                    opened[event.headers["streamtype"]] = event.stream_id
                    session.accept(event.stream_id)
        session.send(opened["stdout"], b"output")
        session.send(opened["error"], b'{"status":"Success"}')
        for stream_id in opened.values():
            session.reset(stream_id)
        session.close()
        writer.write(session.output())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    up.runtime.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/x"
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        assert await client.read_all(Kind.STDOUT) == b"output"
        assert await client.read_all(Kind.ERROR) == b'{"status":"Success"}'
    server.close()
    await server.wait_closed()


async def test_the_container_of_the_status_is_asked_first_and_the_one_that_runs_after_a_refusal(up, monkeypatch):
    """The runtime knows c1 only: a status that is behind costs a call, one that is not saves the list."""

    async def session(container_id):
        up.runtime.calls.clear()
        running = ContainerState(running=ContainerStateRunning())
        known = ContainerStatus(name="c", image="x", image_id="", ready=True, restart_count=0, state=running,
                                container_id=f"docker://{container_id}")
        status = PodStatus(container_statuses=(known,))
        monkeypatch.setattr(Node, "pod_by_name", lambda *_: replace(POD, status=status))
        async with exec_over_websocket(up.exec(), channels.V5) as client:
            client.streams[Kind.STDIN].end()
            assert await client.read_all(Kind.STDERR) == b"err"
        return [call.container_id for call in up.runtime.calls]

    assert await session("none") == ["none", "c1"]
    monkeypatch.setattr(up.runtime, "ListContainers", None)
    assert await session("c1") == ["c1"]


@pytest.mark.parametrize("dialect", [channels.V5, channels.PORT_FORWARD_TUNNEL])
async def test_a_runtime_that_speaks_a_protocol_is_told_so_and_one_that_does_not_is_asked_once(up, echo, dialect):
    """What passes through is one call of the runtime; a refusal is a second one, and remembered."""
    proxied = up.runtime.streaming
    refused = []

    async def relay(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if dialect.encode() in head:
            refused.append(head)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return writer.close()
        behind = await asyncio.open_connection("127.0.0.1", int(proxied._base.rpartition(":")[2]))
        behind[1].write(head)
        await splice((reader, writer), behind)
        behind[1].close()

    async def session():
        if dialect == channels.V5:
            async with exec_over_websocket(up.exec(), channels.V5) as client:
                client.streams[Kind.STDIN].end()
                assert await client.read_all(Kind.STDERR) == b"err"
            return
        async with dial(f"{up.base}/portForward/default/web", websocket_headers(dialect), "GET") as dialled:
            assert dialled.head.get("sec-websocket-protocol") == dialect
            async with _untunnelled(dialled) as (reader, writer):
                await _forward_some(Connection(reader, writer, Session(client=True)), echo)

    await session()
    assert len(up.runtime.calls) == 1
    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    up.runtime.port = server.sockets[0].getsockname()[1]
    await session()
    assert (len(up.runtime.calls), len(refused)) == (3, 1)
    await session()
    assert (len(up.runtime.calls), len(refused)) == (4, 1)
    server.close()
    await server.wait_closed()


async def test_a_command_that_may_have_begun_in_another_protocol_is_not_begun_again(up):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    up.runtime.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/x"
    async with dial(up.exec(), websocket_headers(channels.V5), "GET") as refused:
        assert refused.head.status == 500 and "not to 'v5.channel.k8s.io'" in refused.text
    assert len(up.runtime.calls) == 1
    server.close()
    await server.wait_closed()


async def test_sessions_leave_nothing_behind(up, echo):
    before = len(asyncio.all_tasks())
    for _ in range(3):
        async with exec_over_spdy(up.exec(), "v4.channel.k8s.io", Kind.STDIN, Kind.STDOUT, Kind.STDERR):
            await up.commands.running.wait()
        async with exec_over_websocket(up.exec(), channels.V5) as client:
            client.streams[Kind.STDIN].end()
            await client.read_all(Kind.ERROR)
        async with dial(f"{up.base}/portForward/default/web", spdy_headers(portforward.PROTOCOL)) as dialled:
            connection = Connection(dialled.reader, dialled.writer, Session(client=True), dialled.rest)
            data, _ = pair(connection, echo, 1)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(connection.run())
                await data.write(b"x")
                assert await data.read() == b"X"
                running.cancel()
    async with asyncio.timeout(5):
        for _ in range(400):
            if len(asyncio.all_tasks()) == before and not _aiohttp_connections():
                break
            await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == before and not _aiohttp_connections()


def _aiohttp_connections():
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, RequestHandler) and one.transport is not None]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("kubelet.server.server.IDLE_SECONDS", 0.2)


async def test_idle_sessions_outlive_the_time_that_idle_connections_have(impatient, up, echo):
    """streamingConnectionIdleTimeout has no effect, and that of HTTP connections is not for streams."""
    host, _, port = up.base.removeprefix("http://").partition(":")
    async with exec_over_websocket(up.exec(), channels.V5) as client, \
            dial(f"{up.base}/portForward/default/web", spdy_headers(portforward.PROTOCOL)) as dialled:
        connection = Connection(dialled.reader, dialled.writer, Session(client=True), dialled.rest)
        data, _ = pair(connection, echo, 1)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
            async with asyncio.timeout(10):
                assert (await reader.read()).startswith(b"HTTP/1.1 200")  # to its end: it was idle for too long
            writer.close()
            await data.write(b"x")
            assert await data.read() == b"X"
            running.cancel()
        await client.streams[Kind.STDIN].write(b"still here exit\n")
        assert await client.read_all(Kind.STDOUT) == b"still here exit\n"


async def test_a_server_that_ends_ends_its_sessions_and_their_commands(up):
    async with exec_over_websocket(up.exec(), channels.V5) as client:
        await up.commands.running.wait()
        up.server_task.cancel()
        async with asyncio.timeout(10):
            await client.read_all(Kind.STDOUT)
            await asyncio.wait([up.server_task])
            await up.commands.cancelled.wait()
