"""StopPodSandbox and RemovePodSandbox: idempotent, also for sandboxes that are gone.

    stop:    kill what still runs in it ─┬─▶ network down (once) ─▶ checkpoint ─┬─▶ done
                                         └─▶ kill the pause ────────────────────┘
    remove:  stop ─▶ remove its containers ─▶ remove the pause ─▶ forget

The pause is killed while its network is taken down: the network holds the namespace open for as long as it needs it,
and each of the two takes some 50 ms. What fails in one does not stop the other; the caller repeats the whole.
"""

import asyncio
import logging
import signal

from dockershim import direct_signal
from dockershim.checkpoints import CheckpointStore, SandboxCheckpoint
from dockershim.container_lifecycle import ContainerLifecycle
from dockershim.engine import EngineClient, EngineDeadlineError, EngineNotFoundError
from dockershim.inventory import Inventory
from dockershim.network import NetworkPlugin
from dockershim.ports import EngineState
from dockershim.records import SandboxRecord
from dockershim.sandbox_files import SandboxFiles
from dockershim.sandbox_run import network_of

logger = logging.getLogger(__name__)

_NOTICE_SECONDS = 5.0
"""After SIGKILL; a busy engine takes tenths of a second."""


class SandboxStopper:
    def __init__(
        self,
        engine: EngineClient,
        state: EngineState,
        inventory: Inventory,
        network: NetworkPlugin,
        checkpoints: CheckpointStore,
        files: SandboxFiles,
        containers: ContainerLifecycle,
    ) -> None:
        self._engine, self._state, self._inventory = engine, state, inventory
        self._network, self._checkpoints, self._files, self._containers = network, checkpoints, files, containers

    async def stop(self, sandbox_id: str) -> None:
        record = await self._find(sandbox_id)
        if record is not None:
            await self._stop(record)

    async def remove(self, sandbox_id: str) -> None:
        record = await self._find(sandbox_id)
        if record is None:
            return
        await self._stop(record)
        await asyncio.gather(
            *(self._containers.remove(container.id) for container in self._inventory.containers_of(record.id))
        )
        try:
            await self._engine.remove_container(record.id, force=True)
        except EngineNotFoundError:
            logger.debug("sandbox was gone already sandbox=%s", record.id)
        self._inventory.forget(record.id)
        await self._checkpoints.remove(record.id)
        await self._files.remove(record.id)

    async def _find(self, sandbox_id: str) -> SandboxRecord | None:
        self._state.require()
        known = self._inventory.sandboxes.get(sandbox_id)
        found = await self._inventory.refresh(known.id if known else sandbox_id)
        return found if isinstance(found, SandboxRecord) else None

    async def _stop(self, record: SandboxRecord) -> None:
        running = [container for container in self._inventory.containers_of(record.id) if container.is_running]
        await asyncio.gather(*(self._containers.stop(container.id, 0) for container in running))
        ends = await asyncio.gather(self._network_down(record), self._kill_pause(record), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    async def _network_down(self, record: SandboxRecord) -> None:
        checkpoint = self._checkpoints.get(record.id)
        if checkpoint is not None and not checkpoint.network_ready:
            return
        if record.has_own_network:
            await self._network.tear_down(network_of(record, checkpoint))
        directory = checkpoint.log_directory if checkpoint else ""
        await self._checkpoints.save(SandboxCheckpoint(record.id, False, (), directory))
        if record.id not in self._inventory.sandboxes:  # another call has removed it meanwhile
            await self._checkpoints.remove(record.id)

    async def _kill_pause(self, record: SandboxRecord) -> None:
        """With SIGKILL: there is nothing in it that could end in an orderly way."""
        if not record.is_running:
            return
        if not direct_signal.is_possible(record.runtime_handler, self._state.require()) or not direct_signal.send(
            record.pid, record.id, signal.SIGKILL
        ):
            await self._containers.stop(record.id, 0)
            return
        try:
            await self._engine.wait_container(record.id, timeout=_NOTICE_SECONDS)
        except EngineDeadlineError:
            # Its containerd was away when the pause ended, and never tells; what the engine kills itself it looks at.
            logger.warning("engine does not notice the end of a sandbox, it is told to kill it sandbox=%s", record.id)
            await self._containers.stop(record.id, 0)
        except EngineNotFoundError:
            logger.debug("sandbox went away while it was stopped sandbox=%s", record.id)
        await self._inventory.refresh_unless(record.id, lambda known: not known.is_running)
