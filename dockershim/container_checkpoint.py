"""CheckpointContainer: a running container's processes and files in one archive; the container runs on.

    engine: POST …/checkpoints ─▶ CRIU's images ─┐
    writable layer ─▶ rootfs-diff.tar, deleted ──┼─▶ location.tmp ─▶ rename to `location`
    inspect, bundle, status, log ────────────────┘

The engine has to be experimental and CRIU on its host. It freezes the container for as long as CRIU reads it and lets
it go on before its files are packed: a file that changes in that moment is newer than the memory. Once begun, the
engine does not stop for a caller that went away, so we await its end also then, and what it has made goes away. A
container that an engine left frozen, because we or it were killed meanwhile, is let go at the next connect.
"""

import asyncio
import logging
import os
import shutil
import threading
from pathlib import Path

from cri.errors import DeadlineExceededError, FailedPreconditionError, InvalidArgumentError, UnimplementedError
from dockershim import checkpoint_archive
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.facts import EngineFacts
from dockershim.inventory import Inventory
from dockershim.ports import EngineState
from dockershim.records import ContainerRecord

logger = logging.getLogger(__name__)

IMAGES = "checkpoint"
"""The folder of CRIU's images, in the archive and, while they are made, in the work directory."""
_MORE_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ContainerCheckpointer:
    """`directory` holds the work of calls under way, by container id; what an earlier process left there is removed."""

    def __init__(self, engine: EngineClient, state: EngineState, inventory: Inventory, directory: Path) -> None:
        self._engine, self._state, self._inventory = engine, state, inventory
        self._directory = directory
        self._group: asyncio.TaskGroup | None = None
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Own the engine calls that outlive their callers, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def recover(self) -> None:
        """After a connect: undo what was under way when we or the engine ended, without keeping anybody waiting."""
        for name in await asyncio.to_thread(_names_in, self._directory):
            if name not in self._busy and self._group is not None:
                self._busy.add(name)
                self._group.create_task(self._undo(name))

    async def _undo(self, name: str) -> None:
        try:
            await self._let_go(name)
            await asyncio.to_thread(checkpoint_archive.remove_leftovers, self._directory / name)
        finally:
            self._busy.discard(name)

    async def checkpoint(self, container_id: str, location: str, seconds: int) -> None:
        """`seconds` 0 is no limit. Raises CriError or EngineError; then `location` is as it was."""
        facts = self._state.require()
        record = self._inventory.container(container_id)
        if record.id in self._busy or self._group is None:
            raise FailedPreconditionError(f"an earlier checkpoint of container {record.id} is still under way")
        _check(facts, record, location)
        self._busy.add(record.id)
        work = self._directory / record.id
        abandoned = threading.Event()
        dump = self._group.create_task(self._dump(record, work, abandoned))
        try:
            async with asyncio.timeout(seconds or None):
                failure = await asyncio.shield(dump)
                if failure is not None:
                    raise _explained(failure)
                await self._pack(record, work, Path(location), abandoned)
        except TimeoutError:
            text = f"checkpoint of container {record.id} did not end within {seconds} s"
            raise DeadlineExceededError(text) from None
        finally:
            abandoned.set()
            if dump.done():
                self._busy.discard(record.id)
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, work, ignore_errors=True))
        logger.info("container checkpointed container=%s location=%s", record.id, location)

    async def _dump(self, record: ContainerRecord, work: Path, abandoned: threading.Event) -> Exception | None:
        """Have CRIU's images made; clears up by itself when nobody waits any more. Failures are returned: nobody may
        be there to take them."""
        body = {"CheckpointID": IMAGES, "CheckpointDir": str(work), "Exit": False}
        failure: Exception | None = None
        try:
            await asyncio.to_thread(work.mkdir, parents=True, mode=0o700)
            await self._engine.call("POST", f"/containers/{record.id}/checkpoints", body=body, timeout=None)
        except (EngineError, OSError) as error:
            failure = error
            await self._let_go(record.id)
        if abandoned.is_set():
            self._busy.discard(record.id)
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return failure

    async def _pack(self, record: ContainerRecord, work: Path, location: Path, abandoned: threading.Event) -> None:
        inspect = await self._engine.inspect_container(record.id)
        sandbox = self._inventory.sandboxes.get(record.sandbox_id)
        runtime = (sandbox.runtime_handler if sandbox else "") or self._state.require().default_runtime
        await asyncio.to_thread(checkpoint_archive.write, record, inspect, runtime, work, location, abandoned)

    async def _let_go(self, container_id: str) -> None:
        """Unpause what the engine has frozen for a checkpoint that failed."""
        try:
            inspect = await self._engine.inspect_container(container_id)
            if inspect["State"].get("Paused"):
                await self._engine.call("POST", f"/containers/{container_id}/unpause")
                logger.info("container was left frozen by a checkpoint, it goes on container=%s", container_id)
        except EngineNotFoundError:
            return
        except EngineError as error:
            logger.warning("container may be frozen after a checkpoint container=%s error=%s", container_id, error)


def _check(facts: EngineFacts, record: ContainerRecord, location: str) -> None:
    if not facts.experimental:
        raise UnimplementedError(
            'container checkpoints need an experimental Docker engine: put "experimental": true into its daemon.json, '
            "and CRIU on the host"
        )
    if not location.startswith("/"):
        raise InvalidArgumentError(f"checkpoint: location {location!r} is not an absolute path")
    if not Path(location).parent.is_dir():
        raise FailedPreconditionError(f"checkpoint: there is no directory for {location}")
    if not record.is_running or record.paused:
        raise FailedPreconditionError(f"container {record.id} does not run: only running containers are checkpointed")
    if not record.upper_dir:
        raise UnimplementedError(
            f"container checkpoints need a storage driver whose layers are overlays, not {facts.storage_driver!r}"
        )


def _explained(failure: Exception) -> Exception:
    """An engine says that CRIU failed in words of its own; that there is none is a fact of the host."""
    path = f"{os.environ.get('PATH', '')}:{_MORE_PATHS}"
    if isinstance(failure, EngineError) and shutil.which("criu", path=path) is None:
        return UnimplementedError(f"container checkpoints need CRIU (the program `criu`) on this host: {failure}")
    return failure


def _names_in(directory: Path) -> list[str]:
    try:
        return [entry.name for entry in directory.iterdir()]
    except FileNotFoundError:
        return []

