"""The dockershim, put together: what depends on what, and what runs beside the server.

    gRPC ─▶ service ─▶ verbs (sandbox_*, container_*, exec_sync, images, stats) ─▶ engine, network, logs
                          │ read                                                     │ events
                          └────────────▶ inventory, checkpoints ◀────────────────────┘ ─▶ event hub ─▶ subscribers

The server answers before the engine does: until then every verb but Status is UNAVAILABLE, with the reason.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cri.errors import CriError
from cri.server import CriServer, Observer
from dockershim.activation import Relay
from dockershim.checkpoints import CheckpointStore, SandboxCheckpoint
from dockershim.container_checkpoint import ContainerCheckpointer
from dockershim.container_create import ContainerCreator
from dockershim.container_lifecycle import ContainerLifecycle
from dockershim.engine import EngineClient, EngineError, EngineUnavailableError, EventStream
from dockershim.engine_logs import EngineLogs, RunningLogs
from dockershim.errors import to_cri_error
from dockershim.event_hub import EventHub
from dockershim.exec_sync import ExecRunner
from dockershim.facts import facts_from, read_oom_score_adj_floor
from dockershim.image_cache import ImageCache
from dockershim.image_fs import DiskUsage
from dockershim.image_pull import SILENCE_SECONDS, ImagePuller
from dockershim.image_users import ImageUsers
from dockershim.images import Images
from dockershim.inventory import Inventory
from dockershim.logs import LogError, LogTarget
from dockershim.network import NetworkError, NetworkPlugin
from dockershim.pause.image import PauseImage
from dockershim.pinning import PinnedImages
from dockershim.pod_metrics import PodMetrics
from dockershim.ports import Cleanups, EngineState
from dockershim.records import SandboxRecord
from dockershim.runtime_info import RuntimeInfo
from dockershim.sandbox_files import SandboxFiles
from dockershim.sandbox_run import SandboxRunner, network_of
from dockershim.sandbox_stop import SandboxStopper
from dockershim.stats import Stats
from dockershim.status import StatusReader
from dockershim.streaming import StreamingServer
from dockershim.streaming.portforward import PortForwarder
from dockershim.streaming.remote import RemoteCommands

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 5.0
_TIDY_AGAIN_SECONDS, _TIDY_AGAIN_MAX_SECONDS = 15.0, 600.0
"""A log that does not drain must not hide for ever that its container ended."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flags decide."""

    listen: str
    """Path of the CRI socket."""
    docker_endpoint: str
    pause_image: str
    root_directory: Path
    pinned_images: tuple[str, ...] = ()
    """Beside the pause image."""
    pinned_image_labels: tuple[str, ...] = ()
    pull_silence_seconds: float = SILENCE_SECONDS
    inherited: socket.socket | None = None
    """Listens for us already; `listen` is then a path of our own behind it."""


class Dockershim:
    """Everything of one dockershim. `run` serves until cancelled."""

    def __init__(
        self,
        settings: Settings,
        network: NetworkPlugin,
        make_logs: Callable[[Path], RunningLogs],
        observe: Observer | None = None,
    ) -> None:
        """`make_logs(engine_root)` gives the container logs of an engine that keeps its files there."""
        self.network = network
        self._inherited = settings.inherited
        self._needs_tidying = asyncio.Event()
        self._engine_asked = asyncio.Event()
        self._logs = logs = EngineLogs(make_logs)
        self.engine = engine = EngineClient(settings.docker_endpoint)
        self.state = state = EngineState(f"the Docker engine at {settings.docker_endpoint} has not answered yet")
        self._cleanups = cleanups = Cleanups()
        self.checkpoints = checkpoints = CheckpointStore(settings.root_directory / "sandboxes")
        self._files = files = SandboxFiles(settings.root_directory / "files")
        self.image_cache = ImageCache(engine)
        self.inventory = inventory = Inventory(
            engine, self.image_cache, self._drain, self._let_go, str(files.directory),
            out_of_touch=self._out_of_touch,
        )
        self._stream = EventStream(engine, self._connected, inventory.on_event, self._disconnected)
        self.events = EventHub(inventory, checkpoints)
        self.puller = ImagePuller(engine, settings.pull_silence_seconds)
        self.pause = PauseImage(engine, self.puller, settings.pause_image)
        pinned = PinnedImages((settings.pause_image, *settings.pinned_images), settings.pinned_image_labels)
        self.images = Images(engine, state, self.image_cache, pinned)
        self.info = RuntimeInfo(engine, state, network, self.puller, settings.pause_image)
        self.containers = ContainerLifecycle(engine, state, inventory, logs)
        self.container_creator = ContainerCreator(
            engine, state, inventory, logs, files, ImageUsers(engine, cleanups), cleanups
        )
        self.sandbox_runner = SandboxRunner(
            engine, state, inventory, network, checkpoints, files, self.pause, cleanups, self._needs_tidying.set
        )
        self.sandbox_stopper = SandboxStopper(engine, state, inventory, network, checkpoints, files, self.containers)
        self.checkpointer = ContainerCheckpointer(
            engine, state, inventory, settings.root_directory / "container-checkpoints"
        )
        self.execs = ExecRunner(engine, state, inventory, cleanups)
        self.streaming = StreamingServer(
            RemoteCommands(engine, inventory, self.execs, cleanups), PortForwarder(inventory)
        )
        self.disk = DiskUsage(engine, state, self.image_cache, inventory)
        self.stats = Stats(state, inventory, self.disk)
        self.metrics = PodMetrics(state, inventory, self.disk)
        self.status = StatusReader(state, inventory, checkpoints, network)
        self.server = CriServer(settings.listen, to_cri_error, observe)

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve until `stop`; `ready` is called when the socket answers and the engine has answered, or has not.

        Raises OSError when the socket cannot be bound.
        """
        await self.checkpoints.load()
        await self.network.start()
        await self.streaming.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._cleanups.run()),
                group.create_task(self.inventory.run()),
                group.create_task(self.network.run()),
                group.create_task(self.checkpointer.run()),
                group.create_task(self._logs.run()),
                group.create_task(self._stream.run()),
                group.create_task(self._tidy_up()),
                group.create_task(self.streaming.run()),
            ]
            try:
                await self.server.start()
                if self._inherited is not None:
                    tasks.append(group.create_task(Relay(self._inherited, self.server.socket_path).run()))
                tasks.append(group.create_task(self._announce(ready)))
                await stop.wait()
            finally:
                self.events.close()
                await self.server.stop()
                for task in reversed(tasks):
                    task.cancel()
        if self.state.reason or self.inventory.containers:
            await self._logs.close()
        else:
            await self._logs.stop_process()  # there is nothing to log, and so nothing to leave behind
        await self.engine.close()

    async def _announce(self, ready: Callable[[], None]) -> None:
        """Once it is known how the engine is: what comes after this service finds it answering, or told why not."""
        await self._engine_asked.wait()
        ready()

    async def _drain(self, container_id: str) -> None:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._logs.drain(container_id)
        except (TimeoutError, LogError) as error:
            logger.warning("log may lack its end container=%s error=%s", container_id, error or "timed out")

    async def _let_go(self, container_id: str) -> None:
        """The verb that removed it may have been cancelled before it came to this, or there was none."""
        try:
            await self._logs.detach(container_id)
        except LogError as error:
            logger.warning("log of a removed container is followed on container=%s error=%s", container_id, error)

    # the engine comes and goes

    async def _connected(self) -> None:
        info = await self.engine.info()
        facts = facts_from(info, self.engine.api, read_oom_score_adj_floor())
        self.pause.forget()
        self.image_cache.changed()
        try:
            await self._logs.use(Path(facts.root_dir))
            await self.inventory.resync()
            await self._adopt()
            await self.checkpointer.recover()
            await self._logs.recover(
                [
                    LogTarget(record.id, record.status.log_path)
                    for record in self.inventory.containers.values()
                    if record.status.log_path
                ],
                self.inventory.unread,
            )
        except LogError as error:
            raise EngineUnavailableError(f"container logs cannot be followed: {error}") from error
        except OSError as error:
            raise EngineUnavailableError(f"own state cannot be kept: {error}") from error
        self.state.is_ready(facts)
        logger.info(
            "engine ready version=%s cgroup_driver=%s store=%s",
            self.engine.version.get("Version"), facts.cgroup_driver, facts.storage_driver,
        )
        self._needs_tidying.set()
        self._engine_asked.set()

    def _out_of_touch(self) -> None:
        self._stream.give_up()

    def _disconnected(self, error: EngineError) -> None:
        if not self.state.reason:
            logger.warning("engine is gone error=%s", error)
        self.state.is_gone(str(error))
        self._engine_asked.set()

    async def _adopt(self) -> None:
        """Sandboxes of cri-dockerd's get a checkpoint, with the addresses that the network knows. So do ours whose
        state was lost, or kept otherwise by an older version: a container that was started says that one was complete.

        Asking the network for a running sandbox makes it hold the sandbox's namespace again, which ended with the
        process before us: so that it can be torn down also when the pause has ended meanwhile.
        """
        await self.checkpoints.keep_only(self.inventory.may_be_sandboxes())
        await self._files.keep_only(self.inventory.may_be_sandboxes())
        for record in list(self.inventory.sandboxes.values()):
            if not record.is_running:
                continue
            ips = await self._addresses_of(record)
            used = [one for one in self.inventory.containers_of(record.id) if one.status.started_at]
            if self.checkpoints.get(record.id) is not None or (record.config_hash and not used):
                continue
            if record.config_hash and not record.resolv_conf_path:
                await self._files.restore(record.id, [one.pid for one in used if one.is_running])
            await self.checkpoints.save(SandboxCheckpoint(record.id, True, ips))
            pod = f"{record.metadata.namespace}/{record.metadata.name}"
            logger.info("sandbox adopted sandbox=%s pod=%s", record.id, pod)

    async def _addresses_of(self, record: SandboxRecord) -> tuple[str, ...]:
        if not record.has_own_network:
            return ()
        try:
            return await self.network.addresses(network_of(record))
        except NetworkError as error:
            logger.warning("addresses of a running sandbox are not known sandbox=%s error=%s", record.id, error)
            return ()

    async def _tidy_up(self) -> None:
        """After each connect, beside the serving: the pause image before the first pod asks for it, and networks whose
        sandbox was removed while we were away or has failed. What stays is tried again, ever more rarely.
        """
        delay = _TIDY_AGAIN_SECONDS
        while True:
            await self._needs_tidying.wait()
            self._needs_tidying.clear()
            try:
                await self.pause.ensure()
            except (EngineError, CriError) as error:
                logger.warning("pause image is not there yet error=%s", error)
            if await self._collect_networks():
                delay = _TIDY_AGAIN_SECONDS
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._needs_tidying.wait()
            delay = min(delay * 2, _TIDY_AGAIN_MAX_SECONDS)
            self._needs_tidying.set()

    async def _collect_networks(self) -> bool:
        """False when something stays. Sandboxes made meanwhile are in the inventory before their network is."""
        if self.state.reason:
            return True  # gone again: the next connect brings a list to trust
        try:
            return await self.network.collect_garbage(self.inventory.may_be_sandboxes())
        except NetworkError as error:
            logger.warning("leaked networks cannot be looked for error=%s", error)
            return False


