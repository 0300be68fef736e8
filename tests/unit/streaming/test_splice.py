"""Two connections made one: what arrives, who is held back, and how it ends."""

import asyncio
import contextlib
import socket

import pytest

from cri.streaming.splice import splice

BLOB = bytes(range(256)) * 16_384  # 4 MiB, more than sockets and buffers hold


@contextlib.asynccontextmanager
async def spliced(first: bytes = b""):
    """The far ends of client and server, and the task of the splice; `first` had been sent by the server."""
    pairs = [socket.socketpair(), socket.socketpair()]
    far = [await asyncio.open_unix_connection(sock=pair[0]) for pair in pairs]
    near = [await asyncio.open_unix_connection(sock=pair[1]) for pair in pairs]
    far[1][1].write(first)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(splice(*near))
        yield far[0], far[1], task
        task.cancel()
    for _, writer in (*far, *near):
        writer.close()


async def test_much_goes_both_ways_at_once():
    async with spliced() as (client, server, _), asyncio.TaskGroup() as group:
        for reader, writer in ((client[0], server[1]), (server[0], client[1])):
            writer.write(BLOB)
            group.create_task(reader.readexactly(len(BLOB))).add_done_callback(
                lambda done: done.result() == BLOB or pytest.fail("not what was sent"))


async def test_one_that_does_not_read_holds_the_other_back():
    async with spliced() as (client, server, _):
        server[1].transport.set_write_buffer_limits(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    server[1].write(BLOB[:65536])
                    await server[1].drain()
                    sent += 65536
        assert sent < 2 * len(BLOB)
        got = b""
        while len(got) < sent:
            got += await client[0].read(1 << 20)
        assert got[:65536] == BLOB[:65536]


async def test_what_the_server_said_arrives_before_the_end():
    async with spliced(first=b"early ") as (client, server, task):
        server[1].write(b"late")
        server[1].close()
        assert await client[0].read() == b"early late"
        client[1].close()
        await task


async def test_a_client_that_goes_ends_the_servers_connection():
    async with spliced() as (client, server, task):
        client[1].close()
        assert await server[0].read() == b""
        await task
