"""What is measured: each function takes one sample on one side and notes it under a name of MEASURES."""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from conformance.streambench import client
from conformance.streambench.rig import (
    CONNECTION_MEGABYTES,
    CONNECTIONS,
    ECHO_PORT,
    FROM_POD_PORT,
    LAST_LINE,
    MEGABYTES,
    PART_PORT,
    READ_BYTES,
    TO_POD_PORT,
    Side,
)
from conformance.throwaway import NodeError
from cri.streaming.remotecommand import Kind

KEYS = 20
"""Round trips of one sample."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One row. With `is_latency` less is better and p90 is told too; else MB/s, and more is better."""

    name: str
    is_latency: bool
    take: Callable[[Side, str], Awaitable[None]]


async def _exec_true(side: Side, protocol: str, name: str) -> None:
    began = time.perf_counter()
    code = await client.run(side.access, side.command("true"), protocol)
    side.note(name, (time.perf_counter() - began) * 1000)
    if code:
        raise NodeError(f"`true` ended with {code} on {side.name}")


async def _keys(side: Side, protocol: str, name: str) -> None:
    """A key and its echo, many times in one session."""
    async with client.session(side.access, side.command("cat", stdin=True), protocol) as streams:
        for number in range(KEYS + 1):
            began = time.perf_counter()
            await streams[Kind.STDIN].write(b"k")
            while not await streams[Kind.STDOUT].read():
                raise NodeError(f"`cat` ended on {side.name}")
            if number:  # before the first the command starts
                side.note(name, (time.perf_counter() - began) * 1000)


async def _output(side: Side, name: str, expected: int, *words: str, spdy: bool = False) -> None:
    def run() -> None:
        with side.kubectl(*words, spdy=spdy) as process:
            got = side.deliver(process)
        if got.count != expected:
            raise NodeError(f"{got.count} of {expected} bytes came from {side.name}: kubectl {' '.join(words)}")
        side.note(name, got.megabytes_per_second)

    await asyncio.to_thread(run)


async def _follow(side: Side, name: str) -> None:
    """The follower has shown the last line before the container begins to write."""
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> None:
        with side.kubectl("logs", "-f", "--tail=1", side.box) as process:
            side.deliver(process, LAST_LINE)
            loop.call_soon_threadsafe(began.set)
            side.note(name, side.deliver(process, LAST_LINE).megabytes_per_second)

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(run))
        await began.wait()
        await client.run(side.access, side.command("sh", "-c", "echo > /tmp/go"), "WebSocket")


async def _copy_to(side: Side, name: str) -> None:
    source = side.scratch / "blob"
    if not source.exists():
        await asyncio.to_thread(source.write_bytes, bytes(MEGABYTES * 1_000_000))
    await _whole(side, name, "cp", str(source), f"{side.box}:/tmp/copy")


async def _copy_from(side: Side, name: str) -> None:
    target = side.scratch / f"copy-of-{side.name}"
    await _whole(side, name, "cp", f"{side.box}:/tmp/blob", str(target))
    if target.stat().st_size != MEGABYTES * 1_000_000:
        raise NodeError(f"{target} has {target.stat().st_size} bytes")
    target.unlink()


async def _whole(side: Side, name: str, *words: str) -> None:
    def run() -> None:
        began = time.perf_counter()
        with side.kubectl(*words) as process:
            side.deliver(process)
        side.note(name, MEGABYTES / (time.perf_counter() - began))

    await asyncio.to_thread(run)


# port-forward


@contextlib.contextmanager
def _forwarding(side: Side, port: int, spdy: bool = False) -> Iterator[int]:
    """The local port. Blocks."""
    with side.kubectl("port-forward", f"pod/{side.box}", f":{port}", spdy=spdy) as process:
        assert process.stdout is not None
        said = process.stdout.read(READ_BYTES).decode()
        found = re.search(r"127\.0\.0\.1:(\d+) ->", said)
        if not found:
            raise NodeError(f"kubectl port-forward to {side.name} said {said!r}")
        yield int(found[1])


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def _receive_all(sock: socket.socket) -> int:
    buffer, count = bytearray(READ_BYTES), 0
    while got := sock.recv_into(buffer):
        count += got
    return count


async def _from_pod(side: Side, name: str, *, spdy: bool = False) -> None:
    def run() -> None:
        with _forwarding(side, FROM_POD_PORT, spdy) as port, _connected(port) as sock:
            sock.recv(1)
            began = time.perf_counter()
            count = _receive_all(sock) + 1
            side.note(name, count / 1e6 / (time.perf_counter() - began))
        if count != MEGABYTES * 1_000_000:
            raise NodeError(f"{count} bytes came through the port of {side.name}")

    await asyncio.to_thread(run)


async def _to_pod(side: Side, name: str) -> None:
    def run() -> None:
        blob = bytes(MEGABYTES * 1_000_000)
        with _forwarding(side, TO_POD_PORT) as port, _connected(port) as sock:
            began = time.perf_counter()
            sock.sendall(blob)
            if sock.recv(16) != b"all\n":
                raise NodeError(f"the pod of {side.name} did not get all")
            side.note(name, MEGABYTES / (time.perf_counter() - began))

    await asyncio.to_thread(run)


async def _requests(side: Side, name: str) -> None:
    def run() -> None:
        with _forwarding(side, ECHO_PORT) as port, _connected(port) as sock:
            for number in range(KEYS + 1):
                began = time.perf_counter()
                sock.sendall(b"r" * 64)
                left = 64
                while left:
                    left -= len(sock.recv(left))
                if number:  # before the first the connection is made
                    side.note(name, (time.perf_counter() - began) * 1000)

    await asyncio.to_thread(run)


async def _many(side: Side, name: str) -> None:
    """Made one after the other, since the pod's server takes few at once; then each asks for its share."""

    def fetch(sock: socket.socket) -> int:
        sock.sendall(b"go\n")
        return _receive_all(sock)

    def run() -> None:
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(_forwarding(side, PART_PORT))
            pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
            socks = []
            for _ in range(CONNECTIONS):
                socks.append(stack.enter_context(_connected(port)))
                if socks[-1].recv(16) != b"here\n":
                    raise NodeError(f"a connection to the pod of {side.name} was not made")
            began = time.perf_counter()
            counts = list(pool.map(fetch, socks))
            side.note(name, sum(counts) / 1e6 / (time.perf_counter() - began))
        if counts != [CONNECTION_MEGABYTES * 1_000_000] * CONNECTIONS:
            raise NodeError(f"the connections to {side.name} brought {counts}")

    await asyncio.to_thread(run)


def _logs(side: Side, name: str) -> Awaitable[None]:
    return _output(side, name, MEGABYTES * 1_000_000 + len(LAST_LINE), "logs", side.talker)


def _cat(side: Side, name: str, *, spdy: bool = False) -> Awaitable[None]:
    return _output(side, name, MEGABYTES * 1_000_000, "exec", side.box, "--", "cat", "/tmp/blob", spdy=spdy)


MEASURES = (
    Measure("exec `true` over WebSocket", True, lambda side, name: _exec_true(side, "WebSocket", name)),
    Measure("exec `true` over SPDY", True, lambda side, name: _exec_true(side, "SPDY", name)),
    Measure("exec: a key and its echo, WebSocket", True, lambda side, name: _keys(side, "WebSocket", name)),
    Measure("exec: a key and its echo, SPDY", True, lambda side, name: _keys(side, "SPDY", name)),
    Measure("exec: output, WebSocket", False, _cat),
    Measure("exec: output, SPDY", False, lambda side, name: _cat(side, name, spdy=True)),
    Measure("logs: 200-byte lines", False, _logs),
    Measure("logs -f: a container that writes as fast as it can", False, _follow),
    Measure("port-forward: a request of 64 bytes and its answer", True, _requests),
    Measure("port-forward: from the pod, WebSocket", False, _from_pod),
    Measure("port-forward: from the pod, SPDY", False, lambda side, name: _from_pod(side, name, spdy=True)),
    Measure("port-forward: to the pod", False, _to_pod),
    Measure(f"port-forward: {CONNECTIONS} connections at once, from the pod", False, _many),
    Measure("cp to the pod", False, _copy_to),
    Measure("cp from the pod", False, _copy_from),
)
