"""CreateContainer: an app container joined to its sandbox, created and not started. Idempotent by its name.

    log set-up ─▶ create ─▶ attach its log ─▶ remember it
                    └ name taken ─▶ the same request, never started: adopt it · not running: replace it · else refuse
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from cri.errors import FailedPreconditionError, InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim import container_config, naming, security
from dockershim.engine import EngineClient, EngineConflictError, EngineError, EngineNotFoundError
from dockershim.errors import ContainerExistsError
from dockershim.facts import EngineFacts
from dockershim.image_users import ImageUsers
from dockershim.inventory import Inventory
from dockershim.logs import LogSetup
from dockershim.ports import Cleanups, EngineState, LogPort, NameLocks
from dockershim.records import ContainerRecord, SandboxRecord
from dockershim.sandbox_files import SandboxFiles

logger = logging.getLogger(__name__)

_CREATE_ATTEMPTS = 3


class ContainerCreator:
    def __init__(
        self,
        engine: EngineClient,
        state: EngineState,
        inventory: Inventory,
        logs: LogPort,
        files: SandboxFiles,
        users: ImageUsers,
        cleanups: Cleanups,
    ) -> None:
        self._engine, self._state, self._inventory = engine, state, inventory
        self._logs, self._files, self._users, self._cleanups = logs, files, users, cleanups
        self._names = NameLocks()

    async def create(self, request: cri.CreateContainerRequest) -> str:
        """The container's id. Raises CriError, EngineError or LogError."""
        facts = self._state.require()
        config = request.config
        sandbox = await self._sandbox(request.pod_sandbox_id)
        pod = request.sandbox_config.metadata if request.sandbox_config.HasField("metadata") else sandbox.metadata
        if not config.metadata.name:
            raise InvalidArgumentError("container config: metadata.name is empty")
        name = naming.container_name(pod, config.metadata)
        path = container_config.log_path(config, request.sandbox_config)
        async with self._names.hold(name):
            setup = await self._logs.prepare(name, path or None, config.tty)
            body = await asyncio.to_thread(self._body, config, sandbox, path, setup, facts)
            if security.leaves_out_the_images_groups(config.linux.security_context):
                body["User"] = await self._users.with_group(config.image.image, str(body["User"]))
            container_id = await self._create(name, body, naming.config_hash(config), sandbox.id)
            try:
                await self._check_sub_paths(container_id, config.mounts)
                await self._follow_and_remember(container_id, path)
            except BaseException:
                await self._cleanups.finish(self._undo(container_id))
                raise
        return container_id

    async def _check_sub_paths(self, container_id: str, mounts: Iterable[cri.Mount]) -> None:
        """The engine looks for an image volume's sub-path only when it mounts it, as it does to look at a file."""
        for mount in mounts:
            if mount.image_sub_path:
                try:
                    await self._engine.look_at(container_id, mount.container_path)
                except EngineError as error:
                    raise InvalidArgumentError(
                        f"ImageVolumeMountFailed: mount at {mount.container_path}: sub-path {mount.image_sub_path!r} "
                        f"of image {mount.image.image}: {error}"
                    ) from error

    async def _follow_and_remember(self, container_id: str, path: str) -> None:
        """Side by side: another process begins to follow the log while the engine is asked for what it has made."""
        attached, record = await asyncio.gather(
            self._logs.attach(container_id, path or None),
            self._inventory.refresh_unless(container_id, lambda _: True),
            return_exceptions=True,
        )
        for outcome in (attached, record):
            if isinstance(outcome, BaseException):
                raise outcome
        if record is None:
            raise FailedPreconditionError(f"container {container_id} was removed while it was created")

    def _body(
        self, config: cri.ContainerConfig, sandbox: SandboxRecord, path: str, setup: LogSetup, facts: EngineFacts
    ) -> dict[str, object]:
        """The create call's body; runs in a thread, since it looks at files."""
        _make_missing_sources(config.mounts)
        added = self._files.mounts(sandbox.id, {mount.container_path for mount in config.mounts})
        return container_config.create_body(config, sandbox, added, path, setup, facts, _read_profile)

    async def _sandbox(self, sandbox_id: str) -> SandboxRecord:
        record = self._inventory.sandbox(sandbox_id)
        if not record.is_running and record.id not in self._inventory.coming_up:
            raise FailedPreconditionError(f"pod sandbox {record.id} is not running")
        return record

    async def _create(self, name: str, body: dict[str, object], config_hash: str, sandbox_id: str) -> str:
        for attempt in range(_CREATE_ATTEMPTS):
            try:
                return await self._engine.create_container(name, body)
            except EngineConflictError:
                if attempt == _CREATE_ATTEMPTS - 1:
                    raise
                adopted = await self._settle_conflict(name, config_hash, sandbox_id)
                if adopted:
                    logger.info("container of an earlier call adopted name=%s container=%s", name, adopted)
                    return adopted
        raise AssertionError("unreachable: the last attempt raises")

    async def _settle_conflict(self, name: str, config_hash: str, sandbox_id: str) -> str | None:
        """An id to adopt, or None when the way is free now."""
        try:
            inspect = await self._engine.inspect_container(name)
        except EngineNotFoundError:
            return None
        record = await self._inventory.refresh(inspect["Id"])
        if not isinstance(record, ContainerRecord):
            raise ContainerExistsError(f"the name {name} is taken by a container that is not this pod's")
        same = record.config_hash == config_hash and record.sandbox_id == sandbox_id
        if same and record.status.state == cri.CONTAINER_CREATED:
            return record.id
        if record.is_running:
            raise ContainerExistsError(f"container {record.id} with the same metadata runs already (name {name})")
        logger.info("container of an earlier call replaced name=%s container=%s", name, record.id)
        await self._remove(record.id)
        self._inventory.forget(record.id)
        return None

    async def _undo(self, container_id: str) -> None:
        await self._remove(container_id)
        self._inventory.drop(container_id)

    async def _remove(self, container_id: str) -> None:
        try:
            await self._engine.remove_container(container_id, force=True)
        except EngineNotFoundError:
            logger.debug("container was gone already container=%s", container_id)
        except EngineError as error:
            logger.warning("failed container stays container=%s error=%s", container_id, error)
            return
        await self._logs.detach(container_id)


def _read_profile(path: str) -> bytes:
    return Path(path).read_bytes()


def _make_missing_sources(mounts: Iterable[cri.Mount]) -> None:
    """CRI expects a bind's absent source to be made as a directory, as containerd does; the engine refuses it."""
    for mount in mounts:
        source = Path(mount.host_path)
        if mount.host_path and not mount.image.image and not source.exists() and not source.is_symlink():
            source.mkdir(parents=True, exist_ok=True)
