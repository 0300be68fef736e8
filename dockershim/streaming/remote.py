"""Exec and attach: between a client's streams and the engine's raw connection.

    client stdin  ─▶ engine connection; a half-close is passed on
    engine output ─▶ client stdout, stderr; a slow client holds the engine back, and so the command
    client resize ─▶ the engine's resize call

A command whose client goes away is killed with all of its processes; a container that one was attached to goes on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from urllib.parse import quote

from cri.errors import CriError, FailedPreconditionError
from cri.streaming.connection import Stream, StreamClosedError
from cri.streaming.remotecommand import SUCCESS, Kind, Options, Outcome, ResizeDecoder, TerminalSize
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient, EngineError
from dockershim.engine.connection import Connection as EngineConnection
from dockershim.engine.http1 import Data, EndOfMessage
from dockershim.engine.multiplex import STDERR, FrameDecoder
from dockershim.exec_sync import ExecRunner
from dockershim.inventory import Inventory
from dockershim.ports import Cleanups
from dockershim.records import ContainerRecord

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 1.0
"""How long output is awaited after the command has ended: a child left behind may hold the pipe open for ever."""
_RESIZE_TRIES, _RESIZE_SECONDS = 10, 0.1
"""A terminal can be resized once its process runs, which is a moment after the engine accepted the exec."""
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
_NO_DETACH_KEYS = ",".join(["ctrl-^"] * 16)
"""Else the engine swallows ctrl-p, which half of all shells' users press for the last command."""

Streams = dict[Kind, Stream]


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """An Exec or Attach call; `command` is empty for attach."""

    container_id: str
    options: Options
    command: tuple[str, ...] = ()


def exec_request(request: cri.ExecRequest) -> RemoteRequest:
    options = Options(request.stdin, request.stdout, request.stderr, request.tty)
    return RemoteRequest(request.container_id, options, tuple(request.cmd))


def attach_request(request: cri.AttachRequest) -> RemoteRequest:
    return RemoteRequest(request.container_id, Options(request.stdin, request.stdout, request.stderr, request.tty))


class RemoteCommands:
    def __init__(self, engine: EngineClient, inventory: Inventory, execs: ExecRunner, cleanups: Cleanups) -> None:
        self._engine, self._inventory, self._execs, self._cleanups = engine, inventory, execs, cleanups

    def container(self, container_id: str) -> ContainerRecord:
        """A running container. Raises NotFoundError, FailedPreconditionError."""
        record = self._inventory.container(container_id)
        if not record.is_running:
            raise FailedPreconditionError(f"container {record.id} is not running")
        return record

    async def run(self, request: RemoteRequest, streams: Streams) -> Outcome:
        """How it ended, to be told to the client. Cancelled when the client has gone."""
        try:
            if request.command:
                return await self._exec(request, streams)
            return await self._attach(request, streams)
        except (EngineError, CriError) as error:
            verb = "executing command in" if request.command else "attaching to"
            return Outcome(None, f"error {verb} container: {error}")

    async def _exec(self, request: RemoteRequest, streams: Streams) -> Outcome:
        container, options = self.container(request.container_id), request.options
        exec_id = await self._engine.create_exec(container.id, {
            "AttachStdin": options.stdin, "AttachStdout": options.stdout, "AttachStderr": options.stderr,
            "Tty": options.tty, "Cmd": list(request.command), "Privileged": False, "DetachKeys": _NO_DETACH_KEYS,
        })  # fmt: skip
        ended = self._inventory.expect_exec_end(exec_id)
        try:
            async with (
                self._engine.stream(
                    "POST", f"/exec/{exec_id}/start", body={"Detach": False, "Tty": options.tty}, headers=_UPGRADE
                ) as (_, connection),
                asyncio.TaskGroup() as group,
            ):
                inputs = self._copy_inputs(group, connection, streams, f"/exec/{exec_id}/resize")
                await _copy_output(connection, streams, options.tty, ended)
                code = await self._execs.exit_code(exec_id, ended)
                for task in inputs:
                    task.cancel()
        except asyncio.CancelledError:
            logger.info("Client of an exec has gone, its command is killed container=%s exec=%s", container.id, exec_id)
            await self._cleanups.finish(self._execs.kill(exec_id))
            raise
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            ended.cancel()
        return Outcome(code, f"error executing command {list(request.command)!r}, exit code {code}" if code else "")

    async def _attach(self, request: RemoteRequest, streams: Streams) -> Outcome:
        container, options = self.container(request.container_id), request.options
        query = {"stream": 1, "stdin": int(options.stdin), "stdout": int(options.stdout),
                 "stderr": int(options.stderr), "detachKeys": _NO_DETACH_KEYS}
        path = f"/containers/{quote(container.id)}"
        try:
            async with (
                self._engine.stream("POST", f"{path}/attach", query, headers=_UPGRADE) as (_, connection),
                asyncio.TaskGroup() as group,
            ):
                inputs = self._copy_inputs(group, connection, streams, f"{path}/resize")
                await _copy_output(connection, streams, container.tty, None)
                for task in inputs:
                    task.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return SUCCESS

    def _copy_inputs(
        self, group: asyncio.TaskGroup, connection: EngineConnection, streams: Streams, resize_path: str
    ) -> list[asyncio.Task[None]]:
        tasks = []
        if Kind.STDIN in streams:
            tasks.append(group.create_task(_copy_stdin(streams[Kind.STDIN], connection.writer)))
        if Kind.RESIZE in streams:
            tasks.append(group.create_task(self._copy_sizes(streams[Kind.RESIZE], resize_path)))
        return tasks

    async def _copy_sizes(self, stream: Stream, path: str) -> None:
        decoder = ResizeDecoder()
        try:
            while data := await stream.read():
                sizes = decoder.feed(data)
                if sizes:
                    await self._resize(path, sizes[-1])
        except StreamClosedError:
            return

    async def _resize(self, path: str, size: TerminalSize) -> None:
        for attempt in range(_RESIZE_TRIES):
            try:
                await self._engine.call("POST", path, {"h": size.height, "w": size.width})
                return
            except EngineError as error:
                if attempt == _RESIZE_TRIES - 1:
                    logger.warning("Terminal was not resized path=%s error=%s", path, error)
            await asyncio.sleep(_RESIZE_SECONDS)


async def _copy_stdin(stream: Stream, writer: asyncio.StreamWriter) -> None:
    """Until the client has sent all, then half-close; what the command does not take any more is dropped.

    A client that has gone is no end of input: the command would take what it has for the whole.
    """
    open_end = True
    try:
        while data := await stream.read():
            if open_end:
                open_end = await _write(writer, data)
    except StreamClosedError:
        open_end = open_end and stream.is_connected
    if open_end and not writer.is_closing() and writer.can_write_eof():
        try:
            writer.write_eof()
        except OSError as error:
            logger.debug("Input could not be closed error=%s", error)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> bool:
    try:
        writer.write(data)
        await writer.drain()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _callback(future: asyncio.Future[int] | None, call: Callable[[object], None]) -> Iterator[None]:
    """Within the block, `call` is called when `future` is done."""
    if future is not None:
        future.add_done_callback(call)
    try:
        yield
    finally:
        if future is not None:
            future.remove_done_callback(call)


async def _copy_output(
    connection: EngineConnection, streams: Streams, is_raw: bool, ended: asyncio.Future[int] | None
) -> None:
    """Until the engine closes, or `ended` is some time ago and nothing more comes."""
    loop = asyncio.get_running_loop()
    decoder = FrameDecoder()
    try:
        async with asyncio.timeout(None) as limit:
            reading = True

            def set_limit(_: object = None) -> None:
                limit.reschedule(loop.time() + _DRAIN_SECONDS if reading else None)

            with _callback(ended, set_limit):
                while True:
                    reading = True
                    if ended is not None and ended.done():
                        set_limit()
                    event = await connection.next_event()
                    reading = False
                    limit.reschedule(None)
                    if isinstance(event, EndOfMessage):
                        return
                    if isinstance(event, Data):
                        pieces = [(0, event.data)] if is_raw else decoder.feed(event.data)
                        for source, run in groupby(pieces, key=itemgetter(0)):
                            data = b"".join([piece for _, piece in run])
                            await _deliver(streams, Kind.STDERR if source == STDERR else Kind.STDOUT, data)
    except TimeoutError:
        logger.debug("A command left its output open to others")


async def _deliver(streams: Streams, kind: Kind, data: bytes) -> None:
    stream = streams.get(kind)
    if stream is not None:
        try:
            await stream.write(data)
        except StreamClosedError:
            del streams[kind]  # the client does not want it; the command may go on
