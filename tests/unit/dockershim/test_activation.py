"""dockershim.activation: sockets from systemd, and a gRPC server behind one."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from cri.client import RuntimeClient
from cri.errors import UnavailableError
from cri.server import CriServer
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc
from dockershim.activation import Relay, inherited_fds, listener_at, take_sockets
from dockershim.errors import to_cri_error


@pytest.mark.parametrize(
    ("environ", "numbers"),
    [
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, [3, 4]),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, []),
        ({"LISTEN_PID": "7"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, []),
        ({"LISTEN_FDS": "1"}, []),
        ({}, []),
    ],
)
def test_only_what_was_handed_to_this_process_is_taken(environ: dict[str, str], numbers: list[int]) -> None:
    assert list(inherited_fds(environ, 7)) == numbers


def test_a_socket_is_found_by_its_path_through_links(short_path: Path) -> None:
    (short_path / "run").mkdir()
    (short_path / "var").symlink_to(short_path / "run")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket() as other:
        listener.bind(str(short_path / "run/a.sock"))
        other.bind(("127.0.0.1", 0))
        assert listener_at([other, listener], str(short_path / "var/a.sock")) is listener
        assert listener_at([other, listener], str(short_path / "run/b.sock")) is None


def test_taken_sockets_are_not_for_children() -> None:
    first = 200
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "a:b:c", "PATH": "/bin"}
    with socket.socket() as listener, socket.socket() as idle:
        listener.listen()
        pipe = os.pipe()
        for number, fd in enumerate((listener.fileno(), pipe[0], idle.fileno())):
            os.dup2(fd, first + number, inheritable=True)
        (taken,) = take_sockets(environ, first)
        assert taken.getsockname() == listener.getsockname()
        assert not taken.get_inheritable()
        for closed in (first + 1, first + 2):
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(closed)
        assert environ == {"PATH": "/bin"} and take_sockets(environ, first) == []
        taken.close()
        for fd in pipe:
            os.close(fd)


class Service(cri_grpc.RuntimeServiceServicer):
    async def Version(self, request: cri.VersionRequest, context: object) -> cri.VersionResponse:
        return cri.VersionResponse(runtime_name=request.version[:20])


async def test_clients_queue_while_nobody_serves_and_big_messages_pass(short_path: Path) -> None:
    Service.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_path / "public.sock"))
    listener.listen()
    for _ in range(2):  # the second process finds the socket as the first one left it
        reader, writer = await asyncio.open_unix_connection(str(short_path / "public.sock"))
        server = CriServer(str(short_path / "inner.sock"), to_cri_error)
        cri_grpc.add_RuntimeServiceServicer_to_server(Service(), server.grpc)
        await server.start()
        async with RuntimeClient(f"unix://{short_path}/public.sock", 20) as client, asyncio.TaskGroup() as group:
            relay = group.create_task(Relay(listener, server.socket_path).run())
            assert await reader.readexactly(9)  # gRPC greets who came before it
            writer.close()
            answers = await asyncio.gather(*(ask(client, str(number) + "x" * 1_000_000) for number in range(8)))
            relay.cancel()
        assert answers == [str(number) for number in range(8)]
        await server.stop(0)
    listener.close()


async def ask(client: RuntimeClient, text: str) -> str:
    """The client gives a connection a tenth of a second, which a busy machine may not have."""
    async with asyncio.timeout(20):
        while True:
            try:
                return (await client.Version(cri.VersionRequest(version=text))).runtime_name[:1]
            except UnavailableError:
                await asyncio.sleep(0.05)


async def test_a_client_is_let_go_when_our_server_is_not_there(short_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_path / "public.sock"))
    listener.listen()
    async with asyncio.TaskGroup() as group:
        relay = group.create_task(Relay(listener, short_path / "nobody.sock").run())
        reader, writer = await asyncio.open_unix_connection(str(short_path / "public.sock"))
        assert await reader.read() == b""
        writer.close()
        relay.cancel()
    listener.close()
