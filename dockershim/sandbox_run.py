"""RunPodSandbox: a pause container with its network up, or an error and nothing left.

    pause image ─▶ create ─┬─▶ start ───────────────────┬─▶ inspect (pid) ─▶ network set-up ─▶ checkpoint ─▶ READY
                     │     └─▶ resolv.conf ─▶ announce ─┘
                     └ name taken ─▶ the same request: adopt it · half-made or ended: replace it · another: refuse

A sandbox that is announced takes containers while it comes up: creating them needs its name, starting them its network.

Any failure, also the caller's going away, undoes what was done: network down, container removed.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from cri.errors import FailedPreconditionError
from cri.v1 import api_pb2 as cri
from dockershim import naming, sandbox_config, sandbox_view
from dockershim.checkpoints import CheckpointStore, SandboxCheckpoint
from dockershim.engine import EngineClient, EngineConflictError, EngineError, EngineNotFoundError
from dockershim.errors import ContainerExistsError
from dockershim.inventory import Change, Inventory
from dockershim.network import NetworkError, NetworkPlugin, PodNetwork
from dockershim.pause.image import PauseImage
from dockershim.ports import Cleanups, EngineState, NameLocks
from dockershim.records import SandboxRecord
from dockershim.sandbox_files import SandboxFiles

logger = logging.getLogger(__name__)

_CREATE_ATTEMPTS = 3


class SandboxRunner:
    def __init__(
        self,
        engine: EngineClient,
        state: EngineState,
        inventory: Inventory,
        network: NetworkPlugin,
        checkpoints: CheckpointStore,
        files: SandboxFiles,
        pause: PauseImage,
        cleanups: Cleanups,
        leaked: Callable[[], None],
    ) -> None:
        """`leaked` is told when a sandbox is gone and its network is not."""
        self._engine, self._state, self._inventory = engine, state, inventory
        self._network, self._checkpoints, self._files = network, checkpoints, files
        self._pause, self._cleanups, self._leaked = pause, cleanups, leaked
        self._names = NameLocks()

    async def run(
        self, config: cri.PodSandboxConfig, handler: str, announce: Callable[[str], Awaitable[None]]
    ) -> str:
        """The sandbox's id. `announce` is told it when containers may be created. Raises CriError, EngineError or
        NetworkError."""
        facts = self._state.require()
        sandbox_config.check(config)
        name = naming.sandbox_name(config.metadata)
        async with self._names.hold(name):
            image = await self._pause.ensure()
            body = sandbox_config.create_body(config, handler, image, facts)
            sandbox_id = await self._create(name, body, naming.config_hash(config, handler))
            if self._is_complete(sandbox_id):
                return sandbox_id
            try:
                record = await self._bring_up(sandbox_id, config, announce)
            except BaseException:
                await self._cleanups.finish(self._undo(sandbox_id, config))
                raise
            finally:
                self._inventory.coming_up.discard(sandbox_id)
        for change in (Change.CREATED, Change.STARTED):
            self._inventory.tell(change, record)
        return sandbox_id

    def _is_complete(self, sandbox_id: str) -> bool:
        record = self._inventory.sandboxes.get(sandbox_id)
        return record is not None and (
            sandbox_view.state(record, self._checkpoints.get(sandbox_id)) == cri.SANDBOX_READY
        )

    async def _create(self, name: str, body: dict[str, object], config_hash: str) -> str:
        """The id of a new container, or of one that the same request made before."""
        for attempt in range(_CREATE_ATTEMPTS):
            try:
                return await self._engine.create_container(name, body)
            except EngineConflictError as conflict:
                if attempt == _CREATE_ATTEMPTS - 1:
                    raise
                adopted = await self._settle_conflict(name, config_hash)
                if adopted == "":
                    # The engine holds the name for a container that it cannot show: an old bug of its own.
                    name = f"{name.rsplit('_', 1)[0] if attempt else name}_{secrets.token_hex(4)}"
                    logger.warning("engine keeps a name for nothing, another is used name=%s error=%s", name, conflict)
                elif adopted:
                    logger.info("sandbox of an earlier call adopted name=%s sandbox=%s", name, adopted)
                    return adopted
            except asyncio.CancelledError:
                await self._cleanups.finish(self._remove_quietly(name))
                raise
        raise AssertionError("unreachable: the last attempt raises")

    async def _settle_conflict(self, name: str, config_hash: str) -> str | None:
        """An id to adopt, None when the way is free now, "" when the engine does not have what it names."""
        try:
            inspect = await self._engine.inspect_container(name)
        except EngineNotFoundError:
            return ""
        record = await self._inventory.refresh(inspect["Id"])
        if not isinstance(record, SandboxRecord):
            raise ContainerExistsError(f"the name {name} is taken by a container that is no pod sandbox")
        if self._is_complete(record.id):
            if record.config_hash == config_hash:
                return record.id
            raise ContainerExistsError(f"pod sandbox {record.id} with the same metadata runs already (name {name})")
        logger.info("half-made or ended sandbox replaced name=%s sandbox=%s", name, record.id)
        await self._network.tear_down(network_of(record, self._checkpoints.get(record.id)))
        await self._remove_quietly(record.id)
        await self._checkpoints.remove(record.id)
        await self._files.remove(record.id)
        self._inventory.forget(record.id)
        return None

    async def _bring_up(
        self, sandbox_id: str, config: cri.PodSandboxConfig, announce: Callable[[str], Awaitable[None]]
    ) -> SandboxRecord:
        resolv_conf = sandbox_config.resolv_conf(config.dns_config)
        async with asyncio.TaskGroup() as group:
            announcing = group.create_task(self._announce(sandbox_id, resolv_conf, announce))
            failure = await self._start(sandbox_id)
        if failure is not None:
            raise failure
        record = await self._inventory.refresh_unless(sandbox_id, lambda known: known.is_running)
        if not isinstance(record, SandboxRecord) or not record.is_running:
            raise FailedPreconditionError(f"the pause container {sandbox_id} ended at once; check the pause image")
        if not announcing.result():
            await self._write_resolv_conf(record, resolv_conf)
        ips: tuple[str, ...] = ()
        if record.has_own_network:
            ips = (await self._network.set_up(sandbox_config.pod_network(sandbox_id, record.netns, config))).ips
        await self._checkpoints.save(SandboxCheckpoint(sandbox_id, True, ips, config.log_directory))
        return record

    async def _start(self, sandbox_id: str) -> EngineError | None:
        try:
            await self._engine.start_container(sandbox_id)
        except EngineError as error:
            return error
        return None

    async def _announce(self, sandbox_id: str, resolv_conf: str, announce: Callable[[str], Awaitable[None]]) -> bool:
        """While the pause starts. False when that has to be over first, because the engine makes the pod's files."""
        try:
            record = await self._inventory.refresh_unless(sandbox_id, lambda _: True)
        except EngineError:
            return False  # the start says what is wrong
        if not isinstance(record, SandboxRecord) or record.resolv_conf_path or not record.has_own_network:
            return False
        await self._write_resolv_conf(record, resolv_conf)
        self._inventory.coming_up.add(sandbox_id)
        await announce(sandbox_id)
        return True

    async def _write_resolv_conf(self, record: SandboxRecord, content: str) -> None:
        """Where the engine has a file that it mounts into every container of the sandbox, rewrite that in place."""
        if not record.resolv_conf_path:
            await self._files.write(record.id, content)
        elif content:
            await asyncio.to_thread(Path(record.resolv_conf_path).write_text, content)

    async def _undo(self, sandbox_id: str, config: cri.PodSandboxConfig) -> None:
        record = self._inventory.sandboxes.get(sandbox_id)
        has_leaked = False
        if record is not None and record.has_own_network:
            try:
                await self._network.tear_down(sandbox_config.pod_network(sandbox_id, record.netns, config))
            except NetworkError as error:
                logger.warning("network of a failed sandbox stays sandbox=%s error=%s", sandbox_id, error)
                has_leaked = True
        await self._remove_quietly(sandbox_id)
        await self._checkpoints.remove(sandbox_id)
        await self._files.remove(sandbox_id)
        self._inventory.drop(sandbox_id)
        if has_leaked:
            self._leaked()

    async def _remove_quietly(self, name_or_id: str) -> None:
        try:
            await self._engine.remove_container(name_or_id, force=True)
        except EngineNotFoundError:
            pass
        except EngineError as error:
            logger.warning("failed sandbox stays container=%s error=%s", name_or_id, error)


def network_of(record: SandboxRecord, checkpoint: SandboxCheckpoint | None = None) -> PodNetwork:
    return PodNetwork(
        sandbox_id=record.id,
        name=record.metadata.name,
        namespace=record.metadata.namespace,
        uid=record.metadata.uid,
        netns=record.netns,
        port_mappings=record.port_mappings,
        annotations=dict(record.annotations),
        labels=dict(record.labels),
        cgroup_parent=record.cgroup_parent,
        ips=checkpoint.ips if checkpoint else (),
    )
