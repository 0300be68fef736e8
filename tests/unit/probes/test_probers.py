"""The probers against real servers on loopback, HTTP ones written by hand so that they can misbehave."""

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc.aio
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cri.errors import DeadlineExceededError, NotFoundError
from cri.v1 import api_pb2 as cri
from probes import (
    Answer,
    BrokenHandler,
    ExecHandler,
    GrpcHandler,
    HttpHandler,
    Outcome,
    ProbeKind,
    Prober,
    ProbeSpec,
    Target,
    TcpHandler,
)
from probes.execsync import probe_exec
from probes.grpchealth import probe_grpc
from probes.httpget import canonical, probe_http, probe_url, target
from probes.tcpsocket import probe_tcp

IP = "127.0.0.1"
Respond = Callable[[str], bytes | Awaitable[bytes]]


class Server:
    """Answers each connection's first request with what `respond` makes of it; keeps the requests."""

    def __init__(self, respond: Respond) -> None:
        self.respond, self.requests, self.port = respond, list[str](), 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(request)
            answer = self.respond(request)
            writer.write(answer if isinstance(answer, bytes) else await answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def http_server(respond: Respond, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(respond)
    listener = await asyncio.start_server(server.serve, IP, 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await asyncio.sleep(0.01)


def response(status: str = "200 OK", body: bytes = b"ok", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode() + body


async def get(server: Server, path: str = "/healthz", timeout: float = 5.0, **values: object) -> Answer:
    return await probe_http(HttpHandler(server.port, path, **values), IP, timeout)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((IP, 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(("status", "outcome", "output"), [
    ("200 OK", Outcome.SUCCESS, "ok"),
    ("204 No Content", Outcome.SUCCESS, ""),
    ("299 X", Outcome.SUCCESS, "ok"),
    ("304 Not Modified", Outcome.WARNING, "Probe terminated redirects, Response body: "),
    ("302 Found", Outcome.WARNING, "Probe terminated redirects, Response body: ok"),
    ("400 Bad Request", Outcome.FAILURE, "HTTP probe failed with statuscode: 400"),
    ("500 Internal Server Error", Outcome.FAILURE, "HTTP probe failed with statuscode: 500"),
])
async def test_http_status(status: str, outcome: Outcome, output: str) -> None:
    async with http_server(lambda _: response(status)) as server:
        assert await get(server) == Answer(outcome, output)


async def test_http_request_as_upstream_sends_it() -> None:
    async with http_server(lambda _: response()) as server:
        await get(server, "/a b?x=1&y=%20#fragment")
        assert server.requests == [
            f"GET /a%20b?x=1&y=%20 HTTP/1.1\r\nHost: {IP}:{server.port}\r\nUser-Agent: kube-probe/1.36\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        ]


async def test_http_headers_of_the_pod() -> None:
    headers = (
        ("host", "example.test"), ("x-one", "1"), ("X-One", "2"), ("accept", ""), ("User-Agent", "mine"),
        ("Content-Length", "7"),
    )
    async with http_server(lambda _: response()) as server:
        await get(server, headers=headers)
        assert server.requests == [
            "GET /healthz HTTP/1.1\r\nHost: example.test\r\nUser-Agent: mine\r\nX-One: 1\r\nX-One: 2\r\n"
            "Connection: close\r\n\r\n"
        ]
        answer = await get(server, headers=(("X-Bad", "a\r\nInjected: b"),))
        assert answer.outcome is Outcome.FAILURE
        assert len(server.requests) == 1


async def test_http_follows_redirects_within_the_host() -> None:
    def respond(request: str) -> bytes:
        return response("302 Found", b"", "Location: /final") if "/healthz" in request else response(body=b"there")

    async with http_server(respond) as server:
        assert await get(server, headers=(("Host", "h.test"),)) == Answer(Outcome.SUCCESS, "there")
        assert "GET /final HTTP/1.1\r\nHost: h.test\r\n" in server.requests[1]
        assert f"Referer: http://{IP}:{server.port}/healthz" in server.requests[1]


async def test_http_redirect_to_another_host_is_a_warning() -> None:
    async with http_server(lambda _: response("301 Moved", b"gone", "Location: http://example.test/")) as server:
        assert await get(server) == Answer(Outcome.WARNING, "Probe terminated redirects, Response body: gone")


async def test_http_ten_redirects_are_enough() -> None:
    async with http_server(lambda _: response("302 Found", b"", "Location: /healthz")) as server:
        answer = await get(server)
        assert answer.output == f'Get "http://{IP}:{server.port}/healthz": stopped after 10 redirects'
        assert len(server.requests) == 10


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_http_reads_ten_kibibytes_of_a_body_at_most(framing: str) -> None:
    body = b"x" * 100_000

    def respond(_: str) -> bytes:
        match framing:
            case "length":
                return response(body=body)
            case "chunked":
                chunks = b"".join(b"%x\r\n%b\r\n" % (4096, body[:4096]) for _ in range(20)) + b"0\r\n\r\n"
                return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
            case _:
                return b"HTTP/1.0 200 OK\r\n\r\n" + body

    async with http_server(respond) as server:
        answer = await get(server)
        assert (answer.outcome, len(answer.output), set(answer.output)) == (Outcome.SUCCESS, 10 * 1024, {"x"})


async def test_http_small_bodies_by_every_framing() -> None:
    answers = iter([
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(body=b"abcde"),
    ])
    async with http_server(lambda _: next(answers)) as server:
        assert [(await get(server)).output for _ in range(3)] == ["abcde"] * 3


async def test_http_a_body_that_breaks_off_is_an_error() -> None:
    async with http_server(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc") as server:
        assert await get(server) == Answer(Outcome.FAILURE, error="unexpected EOF")


async def test_http_refused_and_garbled() -> None:
    port = free_port()
    answer = await probe_http(HttpHandler(port, "/x"), IP, 5)
    assert answer.output == f'Get "http://{IP}:{port}/x": dial tcp {IP}:{port}: connect: connection refused'
    async with http_server(lambda _: b"SSH-2.0-x\r\n") as server:
        assert 'malformed HTTP response "SSH-2.0-x"' in (await get(server)).output
    async with http_server(lambda _: b"") as server:
        assert (await get(server)).output == f'Get "http://{IP}:{server.port}/healthz": EOF'


async def test_http_timeouts() -> None:
    async def never() -> bytes:
        await asyncio.sleep(30)
        return b""

    async with http_server(lambda _: never()) as server:
        assert await get(server, timeout=0.05) == Answer(
            Outcome.FAILURE,
            f'Get "http://{IP}:{server.port}/healthz": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
            timed_out=True,
        )
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


@pytest.fixture(scope="module")
def server_context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "someone-else")])
    expired = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(expired).not_valid_after(expired + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_https_takes_any_certificate(server_context: ssl.SSLContext) -> None:
    async with http_server(lambda _: response(body=b"secret"), server_context) as server:
        assert await get(server, scheme="https") == Answer(Outcome.SUCCESS, "secret")


async def test_https_to_a_plain_server_says_so() -> None:
    async with http_server(lambda _: response("400 Bad Request")) as server:
        listener = await asyncio.start_server(
            lambda reader, writer: (writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n"), writer.close()), IP, 0
        )
        server.port = listener.sockets[0].getsockname()[1]
        answer = await get(server, scheme="https")
        assert answer.output.endswith("http: server gave HTTP response to HTTPS client")
        listener.close()


@pytest.mark.parametrize(("path", "host", "expected"), [
    ("", "", "http://10.0.0.1:80/"), ("x", "", "http://10.0.0.1:80/x"), ("/a?b=c", "h", "http://h:80/a?b=c"),
    ("/%zz", "fd00::1", "http://[fd00::1]:80/%zz"),
])
def test_probe_urls(path: str, host: str, expected: str) -> None:
    assert probe_url(HttpHandler(80, path, host=host), "10.0.0.1").geturl() == expected


def test_targets_and_header_names() -> None:
    assert target(probe_url(HttpHandler(80, "/%zz/ü"), "h")) == "/%25zz/%C3%BC"
    assert target(probe_url(HttpHandler(80, "/a%20b"), "h")) == "/a%20b"
    assert [canonical(name) for name in ("x-a-b", "HOST", "a b")] == ["X-A-B", "Host", "a b"]


async def test_tcp() -> None:
    async with http_server(lambda _: b"") as server:
        assert await probe_tcp(IP, server.port, 5) == Answer(Outcome.SUCCESS)
    port = free_port()
    assert await probe_tcp(IP, port, 5) == Answer(
        Outcome.FAILURE, f"dial tcp {IP}:{port}: connect: connection refused"
    )
    answer = await probe_tcp("no-such-host.invalid", 1, 5)
    assert answer.output == "dial tcp: lookup no-such-host.invalid: no such host"


async def test_tcp_timeout() -> None:
    """A listener whose backlog is full drops the SYN."""
    with socket.socket() as full:
        full.bind((IP, 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((IP, port))
            answer = await probe_tcp(IP, port, 0.1)
            assert answer == Answer(Outcome.FAILURE, f"dial tcp {IP}:{port}: i/o timeout", timed_out=True)


@contextlib.asynccontextmanager
async def grpc_server(with_health: bool = True) -> AsyncIterator[int]:
    server = grpc.aio.server()
    if with_health:
        servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        await servicer.set("bad", health_pb2.HealthCheckResponse.NOT_SERVING)
    port = server.add_insecure_port(f"{IP}:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def test_grpc_health() -> None:
    async with grpc_server() as port:
        assert await probe_grpc(IP, port, "", 5) == Answer(Outcome.SUCCESS, "service healthy")
        assert (await probe_grpc(IP, port, "bad", 5)).output == 'service unhealthy (responded with "NOT_SERVING")'
        assert (await probe_grpc(IP, port, "none", 5)).output.startswith(
            "error: health rpc probe failed: rpc error: code = NotFound desc = "
        )


async def test_grpc_without_health_and_without_a_server() -> None:
    async with grpc_server(with_health=False) as port:
        assert "does not implement the grpc health protocol" in (await probe_grpc(IP, port, "", 5)).output
    port = free_port()
    assert await probe_grpc(IP, port, "", 0.2) == Answer(
        Outcome.FAILURE,
        f'timeout: failed to connect service "{IP}:{port}" within 200ms: context deadline exceeded', timed_out=True,
    )


class Commands:
    """Answers ExecSync."""

    def __init__(self, *answers: cri.ExecSyncResponse | Exception) -> None:
        self.answers, self.requests = list(answers), list[cri.ExecSyncRequest]()

    async def ExecSync(self, request: cri.ExecSyncRequest, /) -> cri.ExecSyncResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_exec() -> None:
    good = Commands(cri.ExecSyncResponse(stdout=b"o" * 20_000, stderr=b"e"))
    answer = await probe_exec(good, "c1", ["cat", "/ok"], 3)
    assert (answer.outcome, len(answer.output)) == (Outcome.SUCCESS, 10 * 1024)
    assert good.requests == [cri.ExecSyncRequest(container_id="c1", cmd=["cat", "/ok"], timeout=3)]
    bad = Commands(cri.ExecSyncResponse(stdout=b"out", stderr=b"err", exit_code=2))
    assert await probe_exec(bad, "c1", ["x"], 1) == Answer(Outcome.FAILURE, "outerr")
    slow = Commands(DeadlineExceededError("took too long"))
    assert await probe_exec(slow, "c1", ["sleep", "9"], 1) == Answer(
        Outcome.FAILURE, 'command timed out: "sleep 9" timed out after 1s', timed_out=True
    )
    gone = Commands(NotFoundError("no such container"))
    assert await probe_exec(gone, "c1", ["x"], 1) == Answer(
        Outcome.UNKNOWN, error="rpc error: code = NotFound desc = no such container"
    )


def spec(handler: object, timeout: float = 1.0) -> ProbeSpec:
    return ProbeSpec(ProbeKind.LIVENESS, handler, timeout=timeout)  # type: ignore[arg-type]


async def test_errors_are_tried_three_times_and_failures_once() -> None:
    error, failure = NotFoundError("gone"), cri.ExecSyncResponse(exit_code=1)
    for answers, tries in (((error,), 3), ((failure,), 1), ((error, failure), 2)):
        commands = Commands(*answers)
        await Prober(commands)(spec(ExecHandler(("x",))), Target("c1", IP))
        assert len(commands.requests) == tries


async def test_every_handler_is_carried_out() -> None:
    prober = Prober(Commands(cri.ExecSyncResponse()))
    async with http_server(lambda _: response()) as server, grpc_server() as port:
        for handler in (
            HttpHandler(server.port), TcpHandler(server.port), TcpHandler(server.port, IP), GrpcHandler(port),
            ExecHandler(("x",)),
        ):
            assert (await prober(spec(handler, 5), Target("c1", IP))).outcome is Outcome.SUCCESS
    answer = await prober(spec(BrokenHandler("no such port")), Target("c1", IP))
    assert answer == Answer(Outcome.UNKNOWN, error="no such port")


async def test_a_timeout_while_the_agent_was_starved_is_inconclusive(caplog: pytest.LogCaptureFixture) -> None:
    import time

    async def never() -> bytes:
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)  # what a busy node does to us
        await asyncio.sleep(30)
        return b""

    async with http_server(lambda _: never()) as server:
        handler = HttpHandler(server.port)
        answer = await Prober(Commands())(spec(handler, 0.2), Target("c1", IP))
        assert answer.outcome is Outcome.UNKNOWN
        assert answer.error.startswith("inconclusive: the agent itself was late by ")
        assert "too busy" in caplog.text
        assert len(server.requests) == 3
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
