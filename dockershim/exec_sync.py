"""ExecSync: run a command in a container, collect what it says, report how it ended.

On a timeout all processes of the command are killed and the call fails with DeadlineExceeded, which the kubelet counts
as a failed probe. Output beyond the cap is read and dropped, so that the command never blocks on us.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from cri.client import MAX_MESSAGE_BYTES
from cri.errors import DeadlineExceededError, FailedPreconditionError, InternalError, InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim import exec_processes
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.engine.multiplex import STDERR, FrameDecoder
from dockershim.inventory import Inventory
from dockershim.ports import Cleanups, EngineState

logger = logging.getLogger(__name__)

OUTPUT_CAP_BYTES = MAX_MESSAGE_BYTES - 4096
"""Of both streams together: the answer must fit into one message of the client's limit; upstream cuts silently too."""
_DRAIN_SECONDS = 1.0
"""How long output is awaited after the command has ended: a child left behind may hold the pipe open for ever."""
_END_SECONDS = 10.0
"""How long the engine may take to say how an ended command ended."""
_BEGIN_SECONDS, _BEGIN_POLL_SECONDS = 5.0, 0.05
"""How long a command may take to begin after it was given up, and how often that is looked at."""
_STREAM_HEADERS = {"Connection": "Upgrade", "Upgrade": "tcp"}


@dataclass(slots=True)
class _Output:
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        target = self.stderr if stream == STDERR else self.stdout
        room = OUTPUT_CAP_BYTES - len(self.stdout) - len(self.stderr)
        target += data[: max(room, 0)]


class ExecRunner:
    def __init__(self, engine: EngineClient, state: EngineState, inventory: Inventory, cleanups: Cleanups) -> None:
        self._engine, self._state, self._inventory, self._cleanups = engine, state, inventory, cleanups

    async def exec_sync(self, container_id: str, command: list[str], timeout: float | None) -> cri.ExecSyncResponse:
        """`timeout` None is for ever. Raises DeadlineExceededError, NotFoundError, FailedPreconditionError."""
        self._state.require()
        if not command:
            raise InvalidArgumentError("exec without a command")
        record = self._inventory.container(container_id)
        if not record.is_running:
            raise FailedPreconditionError(f"container {record.id} is not running")
        mark = exec_processes.new_mark()
        exec_id = await self._engine.create_exec(
            record.id,
            {"AttachStdout": True, "AttachStderr": True, "Cmd": command, "Privileged": False, "Env": [mark]},
        )
        output = _Output()
        try:
            async with asyncio.timeout(timeout):
                exit_code = await self._run(exec_id, output)
        except TimeoutError:
            await self._cleanups.finish(self.kill(exec_id, mark))
            raise DeadlineExceededError(f"command {command!r} timed out after {timeout:g} s and was killed") from None
        except asyncio.CancelledError:
            await self._cleanups.finish(self.kill(exec_id, mark))
            raise
        return cri.ExecSyncResponse(stdout=bytes(output.stdout), stderr=bytes(output.stderr), exit_code=exit_code)

    async def _run(self, exec_id: str, output: _Output) -> int:
        ended = self._inventory.expect_exec_end(exec_id)
        try:
            async with self._engine.stream(
                "POST", f"/exec/{exec_id}/start", body={"Detach": False, "Tty": False}, headers=_STREAM_HEADERS,
                head_timeout=None,
            ) as (_, connection):
                decoder = FrameDecoder()

                async def read() -> None:
                    async for chunk in connection.chunks():
                        for stream, data in decoder.feed(chunk):
                            output.add(stream, data)

                async with asyncio.TaskGroup() as group:
                    reading = group.create_task(read())
                    waited: list[asyncio.Future[Any]] = [reading, ended]
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                    if not reading.done():
                        await asyncio.wait([reading], timeout=_DRAIN_SECONDS)
                        reading.cancel()
            return await self.exit_code(exec_id, ended)
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        finally:
            ended.cancel()

    async def exit_code(self, exec_id: str, ended: asyncio.Future[int]) -> int:
        """Of an exec whose output has ended. Raises EngineError, InternalError."""
        if ended.done():
            return ended.result()
        inspect = await self._engine.inspect_exec(exec_id)
        if not inspect.get("Running") and inspect.get("ExitCode") is not None:
            return int(inspect["ExitCode"])
        # Its output is closed and it runs on, or the event is on its way.
        await asyncio.wait([ended], timeout=_END_SECONDS)
        if ended.done():
            return ended.result()
        while True:
            inspect = await self._engine.inspect_exec(exec_id)
            if not inspect.get("Running"):
                break
            await asyncio.sleep(0.5)
        if inspect.get("ExitCode") is None:
            raise InternalError(f"the Docker engine does not know how exec {exec_id} ended")
        return int(inspect["ExitCode"])

    async def _begun(self, exec_id: str) -> dict[str, Any]:
        """The exec when it has a process, or had one: a busy engine starts a command after its caller has gone."""
        deadline = asyncio.get_running_loop().time() + _BEGIN_SECONDS
        while True:
            inspect = await self._engine.inspect_exec(exec_id)
            has_begun = inspect.get("Pid") or inspect.get("ExitCode") is not None
            if has_begun or asyncio.get_running_loop().time() >= deadline:
                return inspect
            await asyncio.sleep(_BEGIN_POLL_SECONDS)

    async def kill(self, exec_id: str, mark: str = "") -> None:
        """End an exec with all of its processes, also those that only its mark tells of. With a runtime that has a
        kernel of its own, only what stands for the command on this one is ended."""
        try:
            inspect = await self._begun(exec_id)
        except EngineNotFoundError:
            return
        except EngineError as error:
            logger.warning("exec that timed out may run on exec=%s error=%s", exec_id, error)
            return
        pid = int(inspect.get("Pid") or 0) if inspect.get("Running") else 0
        if pid or mark:
            await asyncio.to_thread(exec_processes.kill_all, pid, mark)
