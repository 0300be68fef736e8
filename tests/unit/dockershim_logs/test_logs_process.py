"""The log process and the dockershim's side of it, together: real processes and files, no engine, no root."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from dockershim.logs import ContainerLogs, LogError, LogTarget, protocol
from dockershim.logs.protocol import Decoder, Request, Response, encode


@pytest.fixture
def directory():
    """Short, because a unix socket's path may have 107 characters only."""
    path = Path(tempfile.mkdtemp(prefix="pwl", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@contextlib.asynccontextmanager
async def shim(directory, stop=True):
    logs = ContainerLogs(directory / "state", directory / "engine")
    await logs.start()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(logs.run())
        try:
            yield logs
        finally:
            task.cancel()
            if stop:
                await logs.stop_process()


def emit(directory, container_id, *texts):
    path = directory / "engine" / "containers" / container_id / f"{container_id}-json.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for text in texts:
            file.write(json.dumps({"log": f"{text}\n", "time": "2026-11-21T06:05:35Z"}) + "\n")


def texts(path):
    return [line.split(" ", 3)[3] for line in path.read_text().splitlines()]


async def soon(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (a file of another process: nobody tells us)
            await asyncio.sleep(0.01)


async def test_life_of_a_log(directory):
    target = directory / "pods" / "web" / "0.log"
    async with shim(directory) as logs:
        setup = await logs.prepare("k", str(target), False)
        assert (setup.driver, setup.options["max-file"]) == ("json-file", "2")
        assert (await logs.prepare("k", None, False)).driver == "none"
        (directory / "engine" / "containers" / "c1").mkdir(parents=True)
        await logs.attach("c1", str(target))
        await logs.attach("c1", str(target))
        assert target.read_bytes() == b""
        emit(directory, "c1", "a", "b")
        await soon(lambda: texts(target) == ["a", "b"])
        emit(directory, "c1", "c")
        await logs.drain("c1")
        assert texts(target) == ["a", "b", "c"]
        target.rename(target.with_suffix(".old"))
        emit(directory, "c1", "d")
        await logs.reopen("c1")
        emit(directory, "c1", "e")
        await logs.drain("c1")
        assert texts(target.with_suffix(".old")) + texts(target) == ["a", "b", "c", "d", "e"]
        await logs.detach("c1")
        await logs.detach("c1")
        with pytest.raises(LogError, match="container c1 is not followed"):
            await logs.reopen("c1")
        assert list((directory / "state" / "containers").iterdir()) == []


async def test_killed_process_is_replaced_and_requests_are_sent_again(directory):
    target = directory / "0.log"
    async with shim(directory) as logs:
        emit(directory, "c1", "a")
        await logs.attach("c1", str(target))
        os.kill(logs._child_pid, signal.SIGKILL)
        emit(directory, "c1", "b")
        await logs.drain("c1")
        assert texts(target) == ["a", "b"]


async def test_next_dockershim_adopts_the_process_and_forgets_the_removed(directory):
    target = directory / "0.log"
    async with shim(directory, stop=False) as logs:
        emit(directory, "c1", "a")
        await logs.attach("c1", str(target))
        await logs.attach("c2", str(directory / "other.log"))
        pid = logs._child_pid
    emit(directory, "c1", "b")
    async with shim(directory) as logs:
        assert logs._child_pid == 0
        emit(directory, "c3", "x")
        await logs.recover([LogTarget("c1", str(target)), LogTarget("c3", str(directory / "third.log"))])
        await logs.drain("c1")
        await logs.drain("c3")
        assert texts(target) == ["a", "b"]
        assert texts(directory / "third.log") == ["x"]
        with pytest.raises(LogError):
            await logs.reopen("c2")
    assert (await asyncio.to_thread(os.waitpid, pid, 0))[1] == 0


async def test_process_ends_with_its_last_client_when_there_is_nothing_to_follow(directory):
    async with shim(directory, stop=False) as logs:
        await logs.attach("c1", str(directory / "0.log"))
        await logs.detach("c1")
        pid = logs._child_pid
    async with asyncio.timeout(10):
        assert (await asyncio.to_thread(os.waitpid, pid, 0))[1] == 0


async def test_process_of_another_version_is_replaced(directory):
    state = directory / "state"
    state.mkdir()
    stopped = asyncio.Event()

    async def old(reader, writer):
        for answer in (encode(Response(1)), b""):
            if not await reader.readline():
                break
            writer.write(answer)
        (state / protocol.SOCKET_NAME).unlink()
        stopped.set()
        writer.close()

    async with await asyncio.start_unix_server(old, state / protocol.SOCKET_NAME) as server:
        del server
        async with shim(directory) as logs:
            assert stopped.is_set()
            await logs.attach("c1", str(directory / "0.log"))


async def test_second_process_leaves_the_first_alone(directory):
    async with shim(directory) as logs:
        await logs.attach("c1", str(directory / "0.log"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dockershim.logs", str(directory / "state"), cwd=Path(__file__).parents[3]
        )
        assert await process.wait() == 3
        await logs.drain("c1")


async def test_garbage_on_the_socket_costs_only_its_sender(directory):
    async with shim(directory) as logs:
        reader, writer = await asyncio.open_unix_connection(directory / "state" / protocol.SOCKET_NAME)
        writer.write(b"GET / HTTP/1.1\n\n")
        assert await reader.read() == b""
        writer.close()
        await logs.attach("c1", str(directory / "0.log"))


def test_messages_in_any_pieces():
    messages = [Request(1, "follow", "c", "/s", "/t"), Request(2, "drain", "c")]
    data = b"".join(map(encode, messages))
    for size in (1, 7, len(data)):
        decoder = Decoder(Request)
        got = [message for start in range(0, len(data), size) for message in decoder.feed(data[start : start + size])]
        assert got == messages
