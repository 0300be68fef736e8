import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cri import errors
from cri.client import RuntimeClient
from cri.server import CriServer, SocketInUseError, prepare_socket_path
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cri") as path:  # pytest's own is too long for a socket
        yield Path(path)


class Service(cri_grpc.RuntimeServiceServicer):
    """Version raises what it is told; ExecSync waits and says if it was cancelled; events come in threes."""

    raises: Exception | None = None

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def Version(self, request: cri.VersionRequest, context: Any) -> cri.VersionResponse:
        if self.raises:
            raise self.raises
        return cri.VersionResponse(runtime_name="test")

    async def ExecSync(self, request: cri.ExecSyncRequest, context: Any) -> cri.ExecSyncResponse:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return cri.ExecSyncResponse()

    async def GetContainerEvents(
        self, request: cri.GetEventsRequest, context: Any
    ) -> AsyncIterator[cri.ContainerEventResponse]:
        for number in range(3):
            yield cri.ContainerEventResponse(created_at=number)
        if self.raises:
            raise self.raises


def partial_service() -> Service:
    """A service without the rest of the RPCs: those answer UNIMPLEMENTED."""
    Service.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    return Service()


def translate(error: Exception) -> errors.CriError | None:
    if isinstance(error, errors.CriError):
        return error
    return errors.UnavailableError("the engine is away") if isinstance(error, ConnectionError) else None


class Server:
    def __init__(self, directory: Path) -> None:
        self.service = partial_service()
        self.seen: list[tuple[str, errors.CriError | None]] = []
        self.server = CriServer(str(directory / "s.sock"), translate, lambda name, _, error: self.observe(name, error))
        cri_grpc.add_RuntimeServiceServicer_to_server(self.service, self.server.grpc)

    def observe(self, name: str, error: errors.CriError | None) -> None:
        self.seen.append((name, error))


@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (errors.NotFoundError("no such thing"), errors.NotFoundError, "no such thing"),
        (errors.AlreadyExistsError("there"), errors.AlreadyExistsError, "there"),
        (errors.InvalidArgumentError("bad"), errors.InvalidArgumentError, "bad"),
        (errors.DeadlineExceededError("late"), errors.DeadlineExceededError, "late"),
        (ConnectionResetError(), errors.UnavailableError, "the engine is away"),
        (NotImplementedError(), errors.UnimplementedError, "Version is not implemented"),
        (KeyError("surprise"), errors.InternalError, "KeyError: 'surprise'"),
    ],
)
async def test_errors_become_statuses(directory: Path, raised: Exception, expected: type, text: str) -> None:
    world = Server(directory)
    await world.server.start()
    async with RuntimeClient(str(world.server.socket_path), 5) as client:
        assert (await client.Version(cri.VersionRequest())).runtime_name == "test"
        world.service.raises = raised
        with pytest.raises(expected, match=text):
            await client.Version(cri.VersionRequest())
        with pytest.raises(expected):
            async for _ in client.events():
                pass
    await world.server.stop()
    assert [name for name, _ in world.seen] == ["Version", "Version", "GetContainerEvents"]
    assert world.seen[0][1] is None and isinstance(world.seen[1][1], expected)
    assert not world.server.socket_path.exists()


async def test_streams_and_what_is_missing(directory: Path) -> None:
    world = Server(directory)
    await world.server.start()
    async with RuntimeClient(str(world.server.socket_path), 0.2) as client:
        assert [event.created_at async for event in client.events()] == [0, 1, 2]
        with pytest.raises(errors.UnimplementedError):
            await client.ListContainers(cri.ListContainersRequest())
    await world.server.stop()


async def test_a_deadline_cancels_the_handler(directory: Path) -> None:
    world = Server(directory)
    await world.server.start()
    async with RuntimeClient(str(world.server.socket_path), -0.8) as client:
        with pytest.raises(errors.DeadlineExceededError):
            await client.ExecSync(cri.ExecSyncRequest(timeout=1))
        async with asyncio.timeout(5):
            await world.service.cancelled.wait()
    await world.server.stop()


def test_a_stale_socket_is_removed_and_nothing_else(directory: Path) -> None:
    path = directory / "deep/s.sock"
    prepare_socket_path(path)  # makes the directory
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(SocketInUseError, match="in use by a running server"):
            prepare_socket_path(path)
    prepare_socket_path(path)
    assert not path.exists()
    path.write_text("a file")
    with pytest.raises(OSError, match="is not a socket"):
        prepare_socket_path(path)
    assert path.read_text() == "a file"


async def test_a_slow_machine_has_time_to_connect(directory: Path) -> None:
    """An attempt to connect may last longer than the pause between attempts: the first call must not fail of it."""
    world, front = Server(directory), directory / "f.sock"
    await world.server.start()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accept_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        behind = await asyncio.open_unix_connection(str(world.server.socket_path))
        await asyncio.gather(relay(reader, behind[1]), relay(behind[0], writer))

    async with await asyncio.start_unix_server(accept_late, front) as slow:
        async with RuntimeClient(str(front), 20) as client:
            assert (await client.Version(cri.VersionRequest())).runtime_name == "test"
        await world.server.stop()
        slow.close()


async def test_a_runtime_that_is_away_is_found_soon_after_it_is_back(directory: Path) -> None:
    world = Server(directory)
    async with RuntimeClient(str(world.server.socket_path), 20) as client:
        with pytest.raises(errors.UnavailableError):
            await client.Version(cri.VersionRequest())
        await world.server.start()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await client.Version(cri.VersionRequest())).runtime_name == "test"
                    break
                except errors.UnavailableError:
                    await asyncio.sleep(0.05)
    await world.server.stop()
