"""Port-forward: each pair of streams becomes a connection to a port on the pod's loopback.

The socket is made by a visit to the pod's network namespace and stays in it (`network.netns`): neither socat nor
nsenter is needed, and a forwarded connection costs no process.
"""

import asyncio
import contextlib
import logging
import os
import socket
from dataclasses import dataclass
from functools import partial

from cri.errors import CriError, FailedPreconditionError
from cri.streaming.connection import READ_BYTES, Connection, Stream, StreamClosedError
from cri.streaming.portforward import CREATION_SECONDS, BadStreamError, Pairing, port_prefix
from dockershim.inventory import Inventory
from dockershim.network.errors import NetworkError
from dockershim.network.netns import visit
from dockershim.records import SandboxRecord

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


@dataclass(frozen=True, slots=True)
class ForwardRequest:
    """A PortForward call; `ports` are those of a WebSocket client."""

    sandbox_id: str
    ports: tuple[int, ...] = ()


class PortForwarder:
    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def sandbox(self, sandbox_id: str) -> SandboxRecord:
        """A running sandbox. Raises NotFoundError, FailedPreconditionError."""
        record = self._inventory.sandbox(sandbox_id)
        if not record.is_running:
            raise FailedPreconditionError(f"sandbox {record.id} is not running")
        return record

    async def serve_spdy(self, request: ForwardRequest, connection: Connection) -> str:
        """Until the client goes; the reason."""
        pairing = Pairing()
        halves: dict[int, tuple[Stream, asyncio.TimerHandle]] = {}
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:

            def expire(stream: Stream) -> None:
                halves.pop(stream.id, None)
                if pairing.drop(stream.id):
                    logger.info("Port-forward client opened half a pair sandbox=%s", request.sandbox_id)
                    stream.reset()
                    connection.forget(stream)

            def on_open(stream: Stream) -> None:
                try:
                    pair = pairing.offer(stream.id, stream.headers)
                except BadStreamError as refusal:
                    logger.info("Port-forward stream refused sandbox=%s reason=%s", request.sandbox_id, refusal)
                    stream.reset()
                    connection.forget(stream)
                    return
                stream.accept()
                if pair is None:
                    halves[stream.id] = stream, loop.call_later(CREATION_SECONDS, expire, stream)
                    return
                other, timer = halves.pop(pair.data_stream if pair.error_stream == stream.id else pair.error_stream)
                timer.cancel()
                data, error = (stream, other) if pair.data_stream == stream.id else (other, stream)
                forwards.add(task := group.create_task(self._forward(request, connection, pair.port, data, error)))
                task.add_done_callback(forwards.discard)

            forwards: set[asyncio.Task[None]] = set()
            reason = await connection.run(on_open)
            for _, timer in halves.values():
                timer.cancel()
            for task in forwards:
                task.cancel()
        return reason

    async def serve_websocket(self, request: ForwardRequest, connection: Connection) -> str:
        """Until every port's connection has ended, or the client goes."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(connection.run())
            forwards = []
            for index, port in enumerate(request.ports):
                data, error = connection.stream(2 * index), connection.stream(2 * index + 1)
                forwards.append(group.create_task(self._prefixed(request, connection, port, data, error)))
            everything = group.create_task(asyncio.wait(forwards)) if forwards else running
            await asyncio.wait([running, everything], return_when=asyncio.FIRST_COMPLETED)
            for task in (*forwards, everything, running):
                task.cancel()
        return connection.gone

    async def _prefixed(
        self, request: ForwardRequest, connection: Connection, port: int, data: Stream, error: Stream
    ) -> None:
        with contextlib.suppress(StreamClosedError):
            await data.write(port_prefix(port))
            await error.write(port_prefix(port))
        await self._forward(request, connection, port, data, error)

    async def _forward(
        self, request: ForwardRequest, connection: Connection, port: int, data: Stream, error: Stream
    ) -> None:
        """One connection from begin to end. Never raises: the others go on."""
        try:
            try:
                reader, writer = await self._dial(request.sandbox_id, port)
            except (OSError, CriError, NetworkError) as failure:
                logger.info("Port cannot be forwarded sandbox=%s port=%d error=%s", request.sandbox_id, port, failure)
                await error.write(f"error forwarding port {port} to pod {request.sandbox_id}: {failure}".encode())
                error.end()
                data.reset()
                return
            await _join(data, error, reader, writer)
        except StreamClosedError:
            data.reset()
            error.reset()
        finally:
            connection.forget(data)
            connection.forget(error)

    async def _dial(self, sandbox_id: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError with a text for users, CriError, NetworkError."""
        record = self.sandbox(sandbox_id)
        failures = []
        for family, address in _LOOPBACK:
            make = partial(socket.socket, family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                sock = await visit(record.netns, make) if record.has_own_network else make()
            except OSError as error:  # a kernel without IPv6
                failures.append(str(error))
                continue
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(sock, (address, port))
                return await asyncio.open_connection(sock=sock, limit=READ_BYTES)
            except TimeoutError:
                failures.append(f"no answer from {address}:{port} within {CONNECT_SECONDS:.0f} s")
                sock.close()
            except OSError as error:
                failures.append(f"connect to {address}:{port}: {os.strerror(error.errno) if error.errno else error}")
                sock.close()
            except BaseException:
                sock.close()
                raise
        raise OSError("; ".join(failures))


async def _join(
    data: Stream, error: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Copy both ways, each with its own end. Raises StreamClosedError when the client drops the stream."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_to_pod(data, writer))
            group.create_task(_from_pod(data, error, reader))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        writer.transport.abort()


async def _to_pod(stream: Stream, writer: asyncio.StreamWriter) -> None:
    open_end = True
    while data := await stream.read():
        if open_end:
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                open_end = False  # the pod takes no more; what it still says goes to the client
    if open_end:
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.write_eof()


async def _from_pod(stream: Stream, error: Stream, reader: asyncio.StreamReader) -> None:
    """Its end is the end of the error stream too: a client may wait for that before it ends its own half."""
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            await stream.write(data)
    stream.end()
    error.end()
