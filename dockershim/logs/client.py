"""The dockershim's side of container logs: it says which container logs where; the log process does the work.

The log process is started in a session of its own and found again by its socket, so it outlives us: a restart of the
dockershim does not stop the logs, and whoever comes next adopts it. When it dies, `run` starts another, which continues
by its checkpoints; requests that were under way are sent again.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from dockershim.logs import protocol
from dockershim.logs.protocol import Request, Response

logger = logging.getLogger(__name__)

REQUEST_DEADLINE_SECONDS = 30.0
START_DEADLINE_SECONDS = 10.0
_RESTART_PAUSE_SECONDS = 0.2
_CONNECT_PAUSE_SECONDS = 0.02
_RECEIVE_BYTES = 65536
NO_ROTATION_BYTES = "8t"
"""The kubelet rotates the CRI file; the engine's own file shrinks as it is read and must not be cut off by size."""


class LogError(Exception):
    """The log process refused or could not be reached; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class LogSetup:
    """What a container has to be created with: `HostConfig.LogConfig`'s Type and Config, and labels to add."""

    driver: str
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """A container that exists (running or not yet removed) and the absolute path of its CRI log; for `recover`."""

    container_id: str
    log_path: str


class ContainerLogs:
    """`state_dir` holds the log process's socket and checkpoints; `engine_root` is `docker info`'s DockerRootDir."""

    def __init__(self, state_dir: Path, engine_root: Path) -> None:
        self._state_dir = state_dir
        self._engine_root = engine_root
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Response]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._connected = asyncio.Event()
        self._targets: dict[str, str] = {}
        self._child_pid = 0

    async def start(self) -> None:
        """Adopt the running log process, or start one. LogError when that fails."""
        await self._connect()

    async def run(self) -> None:
        """Hear the log process, and keep one alive, until cancelled; run it in the caller's TaskGroup."""
        while True:
            try:
                if not self._connected.is_set():
                    await self._connect()
                await self._listen()
                logger.warning("log process gone: starting another state=%s", self._state_dir)
            except LogError as error:
                logger.warning("no log process: containers' logs wait error=%s", error)
            await asyncio.sleep(_RESTART_PAUSE_SECONDS)

    async def close(self) -> None:
        """Let go of the log process; it lives on, so that logs go on while the dockershim is away."""
        self._disconnect()

    async def stop_process(self) -> None:
        """End the log process too (an uninstall, a test); the next one continues where it stopped."""
        self._disconnect()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._state_dir / protocol.SOCKET_NAME)
                writer.write(protocol.encode(Request(next(self._ids), protocol.STOP)))
                await reader.read()
                writer.close()
        if self._child_pid:
            with contextlib.suppress(ChildProcessError):
                await asyncio.to_thread(os.waitpid, self._child_pid, 0)
            self._child_pid = 0

    async def prepare(self, container_key: str, log_path: str | None, tty: bool) -> LogSetup:
        """Before create. `log_path` is absolute (the sandbox's log directory joined), None where there is no log.

        Every option that the engine could fill in from its own defaults is given, so that those do not matter. The
        record is the same with a terminal and without, so `tty` changes nothing.
        """
        del container_key, tty
        if not log_path:
            return LogSetup("none")
        options = {"max-size": NO_ROTATION_BYTES, "max-file": "2", "compress": "false", "mode": "blocking"}
        return LogSetup("json-file", options)

    async def attach(self, container_id: str, log_path: str | None) -> None:
        """After create, at any time before, while or after start: from now on the log is written. Idempotent.

        LogError when the file cannot be made at `log_path`.
        """
        if log_path:
            await self._follow(container_id, log_path, release=True)

    async def drain(self, container_id: str) -> None:
        """After a container's end, before saying that it exited: all that it wrote is in its log on return."""
        if container_id in self._targets:
            await self._call(protocol.DRAIN, container_id)

    async def reopen(self, container_id: str, log_path: str | None = None) -> None:
        """ReopenContainerLog: the file at the log path has been renamed; go on in a new one there.

        A container of cri-dockerd's has a link to the engine's file at its log path (`log_path` says where): what it
        has written until now stays readable through the renamed link, what follows goes into a CRI file of ours.
        """
        if container_id not in self._targets and log_path:
            source = self._source(container_id)
            if not await asyncio.to_thread(source.exists):
                raise LogError(f"container {container_id}: its engine log is not a json-file, so it cannot be rotated")
            await self._follow(container_id, log_path, release=False, from_end=True)
            return
        await self._call(protocol.REOPEN, container_id)

    async def detach(self, container_id: str) -> None:
        """On remove of the container: forget it. Idempotent."""
        self._targets.pop(container_id, None)
        await self._call(protocol.FORGET, container_id)

    async def recover(self, containers: Iterable[LogTarget], unread: Collection[str] = ()) -> None:
        """After a start: follow those that are not followed yet, forget those that do not exist any more. `unread`
        exist too, and nothing else is known of them: they stay as they are.

        A log path that is a link is cri-dockerd's: it is left alone, the kubelet reads the engine's file through it.
        """
        followed = set((await self._call(protocol.LIST)).containers)
        wanted = {target.container_id: target.log_path for target in containers if target.log_path}
        for container_id in followed - set(wanted) - set(unread):
            await self.detach(container_id)
        for container_id, log_path in wanted.items():
            if container_id in followed:
                self._targets[container_id] = log_path
            elif not await asyncio.to_thread(Path(log_path).is_symlink):
                try:
                    await self.attach(container_id, log_path)
                except LogError as error:
                    logger.warning("container log not followed container=%s error=%s", container_id, error)

    # the wire

    def _source(self, container_id: str) -> Path:
        return self._engine_root / "containers" / container_id / f"{container_id}-json.log"

    async def _follow(self, container_id: str, log_path: str, *, release: bool, from_end: bool = False) -> None:
        source = str(self._source(container_id))
        await self._call(
            protocol.FOLLOW, container_id, source=source, target=log_path, release=release, from_end=from_end
        )
        self._targets[container_id] = log_path

    async def _call(
        self,
        op: str,
        container_id: str = "",
        *,
        source: str = "",
        target: str = "",
        release: bool = True,
        from_end: bool = False,
    ) -> Response:
        request = Request(next(self._ids), op, container_id, source, target, release, from_end)
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_SECONDS):
                response = await self._send_until_answered(request)
        except TimeoutError:
            raise LogError(f"{op} {container_id}: no answer from the log process in {self._state_dir}") from None
        if response.error:
            raise LogError(response.error)
        return response

    async def _send_until_answered(self, request: Request) -> Response:
        while True:
            await self._connected.wait()
            if self._writer is None:
                continue
            answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            self._pending[request.id] = answer
            try:
                self._writer.write(protocol.encode(request))
                return await answer
            except ConnectionError:
                continue
            finally:
                self._pending.pop(request.id, None)

    async def _listen(self) -> None:
        """Hand out answers until the process hangs up."""
        reader = self._reader
        if reader is None:
            return
        decoder = protocol.Decoder(Response)
        try:
            while data := await reader.read(_RECEIVE_BYTES):
                for response in decoder.feed(data):
                    answer = self._pending.get(response.id)
                    if answer is not None and not answer.done():
                        answer.set_result(response)
                    elif response.notice:
                        logger.warning("log process: %s", response.notice)
        except ConnectionError:
            pass
        finally:
            self._disconnect()

    def _disconnect(self) -> None:
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError())

    async def _connect(self) -> None:
        """To the process that is there, else to one that we start."""
        path = self._state_dir / protocol.SOCKET_NAME
        try:
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                while True:
                    try:
                        self._reader, self._writer = await asyncio.open_unix_connection(path)
                    except (FileNotFoundError, ConnectionRefusedError):
                        self._ensure_child()
                        await asyncio.sleep(_CONNECT_PAUSE_SECONDS)
                    else:
                        if await self._speaks_our_version():
                            self._connected.set()
                            return
        except TimeoutError:
            log = self._state_dir / "process.log"
            raise LogError(f"the log process does not come up within {START_DEADLINE_SECONDS:g} s: see {log}") from None
        except OSError as error:
            raise LogError(f"{path}: {error.strerror}") from error

    async def _speaks_our_version(self) -> bool:
        """One of another version of ours is asked to stop: the next one continues where it did."""
        if self._reader is None or self._writer is None:
            return False
        self._writer.write(protocol.encode(Request(next(self._ids), protocol.LIST)))
        line = await self._reader.readline()
        try:
            version = protocol.version_of(line)
        except msgspec.MsgspecError:
            version = None
        if version == protocol.VERSION:
            return True
        if line:
            logger.info("log process of another version replaced version=%s ours=%d", version, protocol.VERSION)
            self._writer.write(protocol.encode(Request(next(self._ids), protocol.STOP)))
            await self._reader.read()
        self._disconnect()
        return False

    def _ensure_child(self) -> None:
        """Start the process, unless one that we started is still on its way. Another's makes ours end by itself."""
        if self._child_pid and not _has_ended(self._child_pid):
            return
        self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = str(self._state_dir / "process.log")
        self._child_pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "dockershim.logs", str(self._state_dir)],
            {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )


def _has_ended(pid: int) -> bool:
    """Of a child of ours; collects its status."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True
