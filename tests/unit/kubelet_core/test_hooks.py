"""Lifecycle hooks against real servers: any answer will do, HTTPS falls back to HTTP, slowness is waited for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from cri.errors import UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import (
    Container,
    ContainerPort,
    ExecAction,
    HTTPGetAction,
    HTTPHeader,
    LifecycleHandler,
    ObjectMeta,
    Pod,
    SleepAction,
    TCPSocketAction,
)
from kubelet.events import LogEventRecorder
from kubelet.executor.hooks import HookError, run_hook

IP = "127.0.0.1"
POD = Pod(metadata=ObjectMeta(name="p", namespace="n", uid="u"))


def header(name: str, value: str) -> HTTPHeader:
    return HTTPHeader(name=name, value=value)


class Runtime:
    def __init__(self, answer: cri.ExecSyncResponse | Exception) -> None:
        self.answer, self.requests = answer, list[cri.ExecSyncRequest]()

    async def ExecSync(self, request: cri.ExecSyncRequest, /) -> cri.ExecSyncResponse:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Server:
    """Answers each request once `released` is set."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.requests, self.port = answer, list[str](), 0
        self.arrived, self.released = asyncio.Event(), asyncio.Event()
        self.released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            begin = await reader.readexactly(1)
            if begin != b"G":  # a TLS handshake
                writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            else:
                self.requests.append((begin + await reader.readuntil(b"\r\n\r\n")).decode())
                self.arrived.set()
                await self.released.wait()
                writer.write(self.answer)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def server(answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> AsyncIterator[Server]:
    made = Server(answer)
    listener = await asyncio.start_server(made.serve, IP, 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        await asyncio.sleep(0)


async def run(handler: LifecycleHandler, port: int = 0, runtime: Runtime | None = None) -> list[str]:
    """Runs the hook; returns the events that it made."""
    recorder = LogEventRecorder()
    container = Container(name="app", ports=(ContainerPort(name="hook", container_port=port or 1),))
    await run_hook(runtime or Runtime(cri.ExecSyncResponse()), recorder, POD, container, "id", handler, IP)
    return [f"{event.kind} {event.reason}: {event.message}{event.ref.field_path}" for event in recorder.recent("u")]


async def test_an_http_hook_asks_as_upstream_does() -> None:
    async with server() as one:
        action = HTTPGetAction(
            port="hook", path="/drain?now=1", http_headers=(header("X-Why", "stop"), header("host", "svc"))
        )
        assert await run(LifecycleHandler(http_get=action), one.port) == []
        assert one.requests == [
            "GET /drain?now=1 HTTP/1.1\r\nHost: svc\r\nUser-Agent: kube-lifecycle/1.36\r\nX-Why: stop\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        ]


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
async def test_any_answer_is_a_success(status: str) -> None:
    async with server(f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\ncut off".encode()) as one:
        await run(LifecycleHandler(http_get=HTTPGetAction(port=one.port)))


@pytest.mark.looptime
async def test_a_hook_that_takes_its_time_has_no_limit_of_its_own() -> None:
    await run(LifecycleHandler(sleep=SleepAction(seconds=3000)))


async def test_a_server_that_drains_is_waited_for() -> None:
    async with server() as one, asyncio.TaskGroup() as group:
        one.released.clear()
        hook = group.create_task(run(LifecycleHandler(http_get=HTTPGetAction(port=one.port))))
        await one.arrived.wait()
        assert not hook.done()
        one.released.set()


async def test_https_that_is_answered_in_plain_http_is_tried_again_without_the_credential() -> None:
    async with server() as one:
        action = HTTPGetAction(
            port=one.port, scheme="HTTPS", path="/x",
            http_headers=(header("authorization", "secret"), header("X-Keep", "1")),
        )
        events = await run(LifecycleHandler(http_get=action))
        assert events == [
            f"Warning LifecycleHTTPFallback: request to HTTPS lifecycle hook {IP}:{one.port} got HTTP response, "
            "retry with HTTP succeeded"
        ]
        assert "X-Keep: 1" in one.requests[0] and "secret" not in one.requests[0]


async def test_nobody_who_listens_fails_the_hook() -> None:
    async with server() as one:
        port = one.port
    for scheme in ("HTTP", "HTTPS"):
        with pytest.raises(HookError, match=r'^HTTP lifecycle hook \(/\) for Container "app" .*connection refused$'):
            await run(LifecycleHandler(http_get=HTTPGetAction(port=port, scheme=scheme, path="/")))


@pytest.mark.parametrize(
    ("handler", "answer", "text"),
    [
        (LifecycleHandler(exec=ExecAction(command=("no",))), cri.ExecSyncResponse(exit_code=3, stderr=b"not so"),
         r'^Exec lifecycle hook \(\[no\]\) for Container "app" in Pod "p_n\(u\)" failed - error: '
         r"command 'no' exited with 3: not so, message: \"not so\"$"),
        (LifecycleHandler(exec=ExecAction(command=("no",))), UnavailableError("the engine is gone", "ExecSync"),
         "error: rpc error: code = Unavailable desc = the engine is gone, message: \"\"$"),
        (LifecycleHandler(), None, "names neither exec, httpGet nor sleep"),
        (LifecycleHandler(tcp_socket=TCPSocketAction(port=80)), None, "tcpSocket is not supported in hooks"),
        (LifecycleHandler(http_get=HTTPGetAction(port="unheard")), None, "no port named 'unheard'"),
    ],
)
async def test_what_fails_says_how(
    handler: LifecycleHandler, answer: cri.ExecSyncResponse | Exception | None, text: str
) -> None:
    with pytest.raises(HookError, match=text):
        await run(handler, runtime=Runtime(answer or cri.ExecSyncResponse()))


async def test_a_command_runs_without_a_time_limit_in_its_container() -> None:
    runtime = Runtime(cri.ExecSyncResponse())
    await run(LifecycleHandler(exec=ExecAction(command=("sh", "-c", "bye"))), runtime=runtime)
    (request,) = runtime.requests
    assert (request.container_id, list(request.cmd), request.timeout) == ("id", ["sh", "-c", "bye"], 0)
