"""The asyncio glue over real sockets: order, ends, memory that a slow reader cannot make grow."""

import asyncio
import contextlib
import socket

import pytest

from cri.streaming import connection as glue
from cri.streaming import spdy_frames as frames
from cri.streaming.connection import Connection, StreamClosedError
from cri.streaming.spdy import Session


async def sockets():
    near, far = socket.socketpair()
    return await asyncio.open_unix_connection(sock=near), await asyncio.open_unix_connection(sock=far)


@contextlib.asynccontextmanager
async def talking(on_open):
    """A client and a server that talk to each other."""
    near, far = await sockets()
    client = Connection(*near, Session(client=True))
    server = Connection(*far, Session(client=False))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.run()), group.create_task(server.run(on_open))]
        yield client, server, group
        for task in tasks:
            task.cancel()
    near[1].close()
    far[1].close()


async def test_bytes_and_ends_arrive_in_order():
    opened = asyncio.Queue()

    def on_open(stream):
        stream.accept()
        opened.put_nowait(stream)

    async with talking(on_open) as (client, _, group):
        near = client.open({"streamType": "data"})
        far = await opened.get()
        assert far.headers == {"streamtype": "data"}
        blob = bytes(range(256)) * 12_000

        async def send():
            await near.write(blob)
            near.end()

        group.create_task(send())
        received = b""
        while data := await far.read():
            received += data
        assert received == blob
        assert await far.read() == b""
        await far.write(b"answer")
        far.end()
        assert await near.read() == b"answer" and await near.read() == b""


async def test_what_came_before_the_connection_ended_is_still_read():
    near, far = await sockets()
    connection = Connection(*near, Session(client=False))
    peer = frames.FrameEncoder()
    opened = []
    far[1].write(b"".join(map(peer.encode, (
        frames.SynStream(1, {}), frames.SynStream(3, {}), frames.Data(1, b"last words"), frames.Data(3, b"cut"),
        frames.Data(1, b"", frames.FLAG_FIN), frames.GoAway(3)))))  # fmt: skip
    assert await connection.run(opened.append) == "closed by the peer"
    ended, cut = opened
    assert (await ended.read(), await ended.read()) == (b"last words", b"")
    assert await cut.read() == b"cut"
    with pytest.raises(StreamClosedError):
        await cut.read()
    with pytest.raises(StreamClosedError):
        await ended.write(b"x")
    near[1].close()
    far[1].close()


async def test_a_slow_reader_holds_back_a_peer_without_windows():
    near, far = await sockets()
    connection = Connection(*near, Session(client=False))
    opened = asyncio.Queue()

    def on_open(stream):
        stream.accept()
        opened.put_nowait(stream)

    peer = frames.FrameEncoder()
    total = 16 * 1024 * 1024
    async with asyncio.TaskGroup() as group:
        running = group.create_task(connection.run(on_open))

        async def flood():
            far[1].write(peer.encode(frames.SynStream(1, {})))
            for _ in range(total // 65536):
                far[1].write(peer.encode(frames.Data(1, b"x" * 65536)))
                await far[1].drain()

        flooding = group.create_task(flood())
        stream = await opened.get()
        for _ in range(1000):
            await asyncio.sleep(0)
        assert stream.is_over_limit
        assert not flooding.done()
        assert connection._held <= glue.STREAM_BYTES + glue.READ_BYTES
        received = 0
        while received < total:
            received += len(await stream.read())
            assert connection._held <= glue.STREAM_BYTES + glue.READ_BYTES
        running.cancel()
    assert connection._held == 0
    near[1].close()
    far[1].close()


async def test_a_peer_that_leaves_while_it_is_held_back_is_noticed(monkeypatch):
    monkeypatch.setattr(glue, "_HANGUP_SECONDS", 0.01)
    near, far = await sockets()
    connection = Connection(*near, Session(client=False))
    opened = []
    peer = frames.FrameEncoder()
    far[1].write(peer.encode(frames.SynStream(1, {})))
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        running = group.create_task(connection.run(opened.append))
        while not opened or not opened[0].is_over_limit:
            far[1].write(peer.encode(frames.Data(1, b"x" * 65536)))
            await asyncio.sleep(0)
        far[1].transport.abort()
        assert await running == "connection closed by the peer"
    assert opened[0].is_over_limit  # nobody has read it
    near[1].close()


async def test_a_writer_waits_for_the_peers_window_and_for_its_end():
    opened = asyncio.Queue()

    def on_open(stream):
        stream.accept()
        opened.put_nowait(stream)

    async with talking(on_open) as (client, _, group):
        near = client.open({})
        far = await opened.get()

        async def write():
            with pytest.raises(StreamClosedError):
                await near.write(b"x" * 10_000_000)

        writing = group.create_task(write())
        for _ in range(300):
            await asyncio.sleep(0)
        assert not writing.done() and far._held <= 512 * 1024
        far.reset()
        await writing


async def test_streams_that_nobody_expects_are_reset():
    async with talking(None) as (client, server, _):
        stream = client.open({})
        with pytest.raises(StreamClosedError, match="cancelled"):
            await stream.write(b"x")
        assert not server._streams


async def test_garbage_ends_the_connection_with_a_reason():
    near, far = await sockets()
    connection = Connection(*near, Session(client=False))
    far[1].write(b"\xff" * 100)
    assert (await connection.run()).startswith("SPDY: ")
    near[1].close()
    far[1].close()
