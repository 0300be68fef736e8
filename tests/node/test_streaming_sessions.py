"""Exec, attach and port-forward over real engines, through the URLs that the CRI gives out."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from shim_under_test import ShimUnderTest, eventually

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.streaming import channels, portforward
from cri.streaming.connection import Connection
from cri.streaming.remotecommand import Kind
from cri.streaming.spdy import Session
from cri.streaming.tunnel import TunnelSession
from cri.v1 import api_pb2 as cri
from tests.streaming_peers import (
    RemoteClient,
    dial,
    exec_over_spdy,
    exec_over_websocket,
    spdy_headers,
    websocket_headers,
)

SLEEP = "while :; do sleep 1; done"
V4 = "v4.channel.k8s.io"


@pytest_asyncio.fixture
async def shim(engine_node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(engine_node) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def running(shim: ShimUnderTest) -> tuple[ShimUnderTest, str, str]:
    """A shim with a pod: its sandbox and its container."""
    pod = shim.pod()
    sandbox_id = await shim.run_pod(pod)
    return shim, sandbox_id, await shim.run_container(sandbox_id, pod, shim.container(SLEEP))


def netns(shim: ShimUnderTest) -> str:
    return f"/proc/{shim.node.pid}/ns/net"


async def exec_url(shim: ShimUnderTest, container_id: str, script: str, **fields: bool) -> str:
    wanted = {"stdin": True, "stdout": True, "stderr": True, **fields}
    request = cri.ExecRequest(container_id=container_id, cmd=["sh", "-c", script], **wanted)
    return (await shim.runtime.Exec(request)).url


async def exit_code(client: RemoteClient) -> int:
    status = json.loads(await client.read_all(Kind.ERROR))
    return 0 if status["status"] == "Success" else int(status["details"]["causes"][0]["message"])


@pytest.mark.parametrize("how", ["spdy", "websocket"])
async def test_a_command_hears_and_is_heard(running: tuple[ShimUnderTest, str, str], how: str) -> None:
    shim, _, container_id = running
    url = await exec_url(shim, container_id, "read line; echo out $line; echo err >&2; cat; exit 7")
    connect = (exec_over_spdy(url, V4, Kind.STDIN, Kind.STDOUT, Kind.STDERR, netns=netns(shim)) if how == "spdy"
               else exec_over_websocket(url, channels.V5, netns=netns(shim)))  # fmt: skip
    async with connect as client:
        await client.streams[Kind.STDIN].write(b"hello\nthe rest")
        client.streams[Kind.STDIN].end()
        assert await client.read_all(Kind.STDOUT) == b"out hello\nthe rest"
        assert await client.read_all(Kind.STDERR) == b"err\n"
        assert await exit_code(client) == 7


async def test_megabytes_both_ways(running: tuple[ShimUnderTest, str, str]) -> None:
    shim, _, container_id = running
    blob = bytes(range(256)) * 40_000
    url = await exec_url(shim, container_id, "cat", stderr=False)
    async with exec_over_spdy(url, V4, Kind.STDIN, Kind.STDOUT, netns=netns(shim)) as client:
        async with asyncio.TaskGroup() as group:
            back = group.create_task(client.read_all(Kind.STDOUT))
            await client.streams[Kind.STDIN].write(blob)
            client.streams[Kind.STDIN].end()
        assert hashlib.sha256(back.result()).digest() == hashlib.sha256(blob).digest()
        assert await exit_code(client) == 0


async def test_a_client_that_does_not_read_holds_the_command_back(running: tuple[ShimUnderTest, str, str]) -> None:
    shim, _, container_id = running

    def memory_kib() -> int:
        assert shim.process is not None
        status = Path(f"/proc/{shim.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    url = await exec_url(shim, container_id, "yes | head -c 300000000; echo written > /tmp/written", stdin=False)
    before = memory_kib()
    async with dial(url, spdy_headers(V4), netns=netns(shim)) as up:
        # A client of Kubernetes' kind, which has no windows: only the socket can hold its peer back.
        session = Session(client=True)
        session.output()
        for kind in (Kind.STDOUT, Kind.STDERR, Kind.ERROR):
            session.open({"streamType": kind.name.lower()})
        up.writer.write(session.output())
        await asyncio.sleep(3)
        assert memory_kib() - before < 20_000
        assert (await shim.exec(container_id, "cat /tmp/written")).exit_code == 1


@pytest.mark.parametrize("tty", [False, True])
async def test_a_command_dies_with_its_client(running: tuple[ShimUnderTest, str, str], tty: bool) -> None:
    shim, _, container_id = running
    script = "trap '' HUP INT TERM; sleep 4141 & setsid sleep 4242 & echo up; wait"
    url = await exec_url(shim, container_id, script, tty=tty, stderr=not tty)
    kinds = (Kind.STDIN, Kind.STDOUT, Kind.RESIZE) if tty else (Kind.STDIN, Kind.STDOUT, Kind.STDERR)

    async def alive() -> bool:
        listed = (await shim.exec(container_id, "ps -o args")).stdout.decode()
        return "sleep 4141" in listed or "sleep 4242" in listed

    async with exec_over_spdy(url, V4, *kinds, netns=netns(shim)) as client:
        assert await client.streams[Kind.STDOUT].read() in (b"up\n", b"up\r\n")
        assert await alive()

    async def gone() -> bool | None:
        return None if await alive() else True

    await eventually(gone, "the end of the command's processes", 10)


async def test_a_child_left_behind_does_not_keep_the_session(running: tuple[ShimUnderTest, str, str]) -> None:
    shim, _, container_id = running
    url = await exec_url(shim, container_id, "sleep 4343 & echo done; exit 4", stdin=False)
    async with (
        asyncio.timeout(10),
        exec_over_spdy(url, V4, Kind.STDOUT, Kind.STDERR, netns=netns(shim)) as client,
    ):
        assert await client.read_all(Kind.STDOUT) == b"done\n"
        assert await exit_code(client) == 4
    assert "sleep 4343" in (await shim.exec(container_id, "ps -o args")).stdout.decode()


async def test_a_terminal(running: tuple[ShimUnderTest, str, str]) -> None:
    """Its size follows, and every key arrives, also ctrl-p, with which Docker would detach."""
    shim, _, container_id = running
    script = "stty raw -echo; echo ready; head -c 3 | od -An -tx1; stty size; exit 5"
    url = await exec_url(shim, container_id, script, tty=True, stderr=False)
    async with exec_over_spdy(url, V4, Kind.STDIN, Kind.STDOUT, Kind.RESIZE, netns=netns(shim)) as client:
        await client.streams[Kind.RESIZE].write(b'{"Width":101,"Height":33}\n')
        assert (await client.streams[Kind.STDOUT].read()).startswith(b"ready")
        await asyncio.sleep(0.5)
        await client.streams[Kind.STDIN].write(b"\x10\x11\x10")
        output = await client.read_all(Kind.STDOUT)
        assert b"10 11 10" in output and b"33 101" in output
        assert await exit_code(client) == 5


async def test_a_command_that_cannot_start_is_told(running: tuple[ShimUnderTest, str, str]) -> None:
    shim, _, container_id = running
    request = cri.ExecRequest(container_id=container_id, cmd=["no-such-command"], stdout=True, stderr=True)
    url = (await shim.runtime.Exec(request)).url
    async with exec_over_spdy(url, V4, Kind.STDOUT, Kind.STDERR, netns=netns(shim)) as client:
        said = await client.read_all(Kind.STDOUT) + await client.read_all(Kind.STDERR)
        status = json.loads(await client.read_all(Kind.ERROR))
    assert status["status"] == "Failure"
    assert "no-such-command" in said.decode() + status["message"]


async def test_what_gets_no_url(running: tuple[ShimUnderTest, str, str]) -> None:
    shim, sandbox_id, container_id = running
    with pytest.raises(errors.NotFoundError):
        await exec_url(shim, "deadbeef", "true")
    with pytest.raises(errors.InvalidArgumentError):
        await exec_url(shim, container_id, "true", tty=True)
    with pytest.raises(errors.NotFoundError):
        await shim.runtime.PortForward(cri.PortForwardRequest(pod_sandbox_id="deadbeef"))
    await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=0))
    with pytest.raises(errors.FailedPreconditionError):
        await exec_url(shim, container_id, "true")
    await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    with pytest.raises(errors.FailedPreconditionError):
        await shim.runtime.PortForward(cri.PortForwardRequest(pod_sandbox_id=sandbox_id))


async def test_attach_reaches_the_first_process_and_leaves_it_alone(shim: ShimUnderTest) -> None:
    pod = shim.pod()
    sandbox_id = await shim.run_pod(pod)
    script = "while read line; do echo got $line; [ $line = end ] && exit 0; done; sleep 1000"
    container_id = await shim.run_container(sandbox_id, pod, shim.container(script, stdin=True))
    for word in ("one", "two"):
        request = cri.AttachRequest(container_id=container_id, stdin=True, stdout=True, stderr=True)
        url = (await shim.runtime.Attach(request)).url
        async with exec_over_spdy(url, V4, Kind.STDIN, Kind.STDOUT, Kind.STDERR, netns=netns(shim)) as client:
            await client.streams[Kind.STDIN].write(f"{word}\n".encode())
            assert await client.streams[Kind.STDOUT].read() == f"got {word}\n".encode()
        assert (await shim.status(container_id)).state == cri.CONTAINER_RUNNING
    url = (await shim.runtime.Attach(cri.AttachRequest(container_id=container_id, stdin=True, stdout=True))).url
    async with exec_over_websocket(url, channels.V4, netns=netns(shim)) as client:
        await client.streams[Kind.STDIN].write(b"end\n")
        assert await client.read_all(Kind.STDOUT) == b"got end\n"
        assert json.loads(await client.read_all(Kind.ERROR))["status"] == "Success"
    assert (await shim.exited(container_id)).exit_code == 0


# port-forward

SERVERS = "httpd -p 127.0.0.1:8080 -h /etc; httpd -f -p [::1]:9090 -h /etc"
"""One on IPv4's loopback, one on IPv6's."""


@pytest.mark.parametrize("network", [cri.POD, cri.NODE])
async def test_ports_of_a_pod(shim: ShimUnderTest, network: cri.NamespaceMode.ValueType) -> None:
    options = cri.NamespaceOption(network=network, pid=cri.CONTAINER)
    security = cri.LinuxSandboxSecurityContext(namespace_options=options)
    pod = shim.pod("ports")
    pod.linux.security_context.CopyFrom(security)
    sandbox_id = await shim.run_pod(pod)
    container = shim.container(SERVERS, linux=cri.LinuxContainerConfig(
        security_context=cri.LinuxContainerSecurityContext(namespace_options=options)))  # fmt: skip
    container_id = await shim.run_container(sandbox_id, pod, container)

    async def serves() -> bool | None:
        listening = await shim.exec(container_id, "netstat -ltn")
        return True if b"8080" in listening.stdout and b"9090" in listening.stdout else None

    await eventually(serves, "both servers")
    for headers, method, machine in (
        (spdy_headers(portforward.PROTOCOL), "POST", Session(client=True)),
        (websocket_headers(channels.PORT_FORWARD_TUNNEL), "GET", TunnelSession(client=True)),
    ):
        url = (await shim.runtime.PortForward(cri.PortForwardRequest(pod_sandbox_id=sandbox_id))).url
        async with dial(url, headers, method, netns=netns(shim)) as up:
            assert up.head.status == 101, up.text
            await _fetch_pages(Connection(up.reader, up.writer, machine, up.rest), sandbox_id)


async def _fetch_pages(connection: Connection, sandbox_id: str) -> None:
    """Fifty at a time, one over IPv6, and one that nobody serves."""

    async def fetch(number: int, port: int = 8080) -> None:
        data, error = _pair(connection, port, number)
        await data.write(b"GET /hostname HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := await data.read():
            answer += piece
        assert b"200 OK" in answer, answer
        assert await error.read() == b""

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(connection.run())
        async with asyncio.TaskGroup() as fetches:
            for number in range(50):
                fetches.create_task(fetch(number))
        await fetch(50, 9090)
        _, error = _pair(connection, 7, 51)
        said = (await error.read()).decode()
        assert f"error forwarding port 7 to pod {sandbox_id}" in said and "refused" in said
        reading.cancel()


def _pair(connection: Connection, port: int, request: int):  # type: ignore[no-untyped-def]
    headers = {"port": str(port), "requestID": str(request)}
    error = connection.open({**headers, "streamType": "error"})
    return connection.open({**headers, "streamType": "data"}), error
