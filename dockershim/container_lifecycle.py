"""StartContainer, StopContainer, RemoveContainer, UpdateContainerResources, ReopenContainerLog."""

import logging
import signal

from cri.errors import FailedPreconditionError
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_files, direct_signal, resources
from dockershim.engine import (
    EngineClient,
    EngineConflictError,
    EngineDeadlineError,
    EngineError,
    EngineNotFoundError,
)
from dockershim.facts import EngineFacts
from dockershim.inventory import Change, Inventory
from dockershim.ports import EngineState, LogPort
from dockershim.records import ContainerRecord

logger = logging.getLogger(__name__)


class ContainerLifecycle:
    def __init__(self, engine: EngineClient, state: EngineState, inventory: Inventory, logs: LogPort) -> None:
        self._engine, self._state, self._inventory, self._logs = engine, state, inventory, logs

    async def start(self, container_id: str) -> None:
        self._state.require()
        record = await self._find(container_id)
        try:
            await self._engine.start_container(record.id)
        finally:
            started = await self._refresh_quietly(record.id)
        if started is not None and started.extra_limits:
            await cgroup_files.apply(started.pid, cgroup_files.parse(started.extra_limits))
        if started is not None and started.is_running:
            self._inventory.tell_once(Change.STARTED, started)

    async def stop(self, container_id: str, grace_seconds: int) -> None:
        """Stop signal, SIGKILL after the grace; unknown and ended containers are stopped already."""
        facts = self._state.require()
        record = self._inventory.containers.get(container_id)
        identifier = record.id if record else container_id
        try:
            if record is not None and grace_seconds > 0 and self._send_stop_signal(record, facts):
                await self._await_end(identifier, grace_seconds)
            elif grace_seconds > 0:
                await self._engine.stop_container(identifier, grace_seconds)
            else:
                await self._kill(identifier)
        except EngineNotFoundError:
            return
        await self._inventory.refresh_unless(identifier, lambda known: not known.is_running)

    def _send_stop_signal(self, record: ContainerRecord, facts: EngineFacts) -> bool:
        """False where only the engine can: a paused container, a runtime of its own kind, a signal without a name."""
        sandbox = self._inventory.sandboxes.get(record.sandbox_id)
        name = cri.Signal.Name(record.status.stop_signal)
        if sandbox is None or record.paused or not record.is_running or name not in signal.Signals.__members__:
            return False
        if not direct_signal.is_possible(sandbox.runtime_handler, facts):
            return False
        return direct_signal.send(record.pid, record.id, signal.Signals[name])

    async def _await_end(self, container_id: str, grace_seconds: int) -> None:
        try:
            await self._engine.wait_container(container_id, timeout=grace_seconds)
        except EngineDeadlineError:
            await self._kill(container_id)

    async def _kill(self, container_id: str) -> None:
        try:
            await self._engine.kill_container(container_id)
        except EngineConflictError:
            return  # it does not run
        await self._engine.wait_container(container_id)

    async def remove(self, container_id: str) -> None:
        """Running or not; a container that is unknown is removed already."""
        self._state.require()
        record = self._inventory.containers.get(container_id)
        identifier = record.id if record else container_id
        try:
            await self._engine.remove_container(identifier, force=True)
        except EngineNotFoundError:
            logger.debug("container was gone already container=%s", identifier)
        except EngineConflictError:
            # Another remove of it is under way; the engine's word is not final before that one has ended.
            await self._wait_until_gone(identifier)
        await self._logs.detach(identifier)
        self._inventory.forget(identifier)

    async def _wait_until_gone(self, container_id: str) -> None:
        try:
            await self._engine.call("POST", f"/containers/{container_id}/wait", {"condition": "removed"})
        except EngineNotFoundError:
            return

    async def update(self, container_id: str, wanted: cri.LinuxContainerResources) -> None:
        self._state.require()
        record = await self._find(container_id)
        body = resources.update_resources(wanted)
        if body:
            await self._engine.update_container(record.id, body)
        extra = cgroup_files.extra_limits(wanted)
        if extra and record.is_running:
            await cgroup_files.apply(record.pid, extra)
        await self._inventory.refresh(record.id)

    async def reopen_log(self, container_id: str) -> None:
        self._state.require()
        record = await self._find(container_id)
        if not record.is_running:
            raise FailedPreconditionError(f"container {record.id} does not run: its log is complete")
        await self._logs.reopen(record.id, record.status.log_path or None)

    async def _find(self, container_id: str) -> ContainerRecord:
        known = self._inventory.containers.get(container_id)
        if known is not None:
            return known
        await self._inventory.refresh(container_id)
        return self._inventory.container(container_id)

    async def _refresh_quietly(self, container_id: str) -> ContainerRecord | None:
        try:
            record = await self._inventory.refresh_unless(container_id, lambda known: known.is_running)
        except EngineError as error:
            logger.warning("state after start is not known yet container=%s error=%s", container_id, error)
            return None
        return record if isinstance(record, ContainerRecord) else None
