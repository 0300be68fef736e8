"""Starting one container: image, config, create, start, log link, postStart (kuberuntime_container.go startContainer).

Every failure is a StartError with the waiting reason and the message that the container's status will show.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cri.client import RuntimeClient
from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.actions import KillReason
from kubelet.api.meta import (
    AnyContainer,
    ContainerKind,
    container_field_path,
    formatted,
    pod_reference,
    pod_uid,
)
from kubelet.api.types import Pod
from kubelet.backoff import Backoff
from kubelet.containerspec import ContainerConfigError, container_hash
from kubelet.events import EventRecorder
from kubelet.executor.hooks import HookError, run_hook
from kubelet.executor.kill import Killer
from kubelet.images import ImageError, PulledImage
from kubelet.paths import legacy_symlink, pod_log_dir
from kubelet.podworkers import Interrupt, SyncInterruptedError
from kubelet.timeline import Stage, Timeline
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID

logger = logging.getLogger(__name__)

ADDRESS_TO_COME = ("0.0.0.0",)
"""In the hosts file of a container that is created before its pod has an address."""
LOOK_FOR_IMAGE_SECONDS = 0.05
"""An image that is not there by then has to be pulled, which takes longer than the sandbox does."""

ImageOutcome = PulledImage | ImageError
"""What a container's image came to."""


class StartError(Exception):
    """A container was not started. `reason` is its waiting reason; `retry_at` (monotonic) when that is known."""

    def __init__(self, reason: str, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.retry_at = reason, message, retry_at


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox that containers are started in."""

    id: SandboxID
    config: cri.PodSandboxConfig
    ips: tuple[str, ...]
    handler: str = ""


@dataclass(frozen=True, slots=True)
class ContainerToStart:
    kind: ContainerKind
    container: AnyContainer


@dataclass(frozen=True, slots=True)
class Instance:
    """Which of a container's instances is started; `message_id` names the file of its termination message."""

    restart_count: int
    message_id: str


@dataclass(frozen=True, slots=True)
class EarlyContainer:
    """A container that was created before its sandbox was up, for what it was thought to be. Times are Unix seconds."""

    id: ContainerID
    instance: Instance
    config: cri.ContainerConfig
    began: float
    ended: float


class ContainerConfigs(Protocol):
    """Makes the CRI's view of a container; raises ContainerConfigError."""

    async def container(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, instance: Instance, image: PulledImage,
        target_id: str,
    ) -> cri.ContainerConfig: ...

    def is_told_of_starts(self, item: ContainerToStart) -> bool:
        """Whether making the config tells somebody outside that the container is about to start: once for each."""


class CrashBackoff:
    """CrashLoopBackOff: when a container that ended may be started again."""

    def __init__(
        self, backoff: Backoff, recorder: EventRecorder, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._backoff, self._recorder, self._clock, self._wall = backoff, recorder, clock, wall

    def admit(self, pod: Pod, item: ContainerToStart, runtime: PodRuntimeStatus) -> None:
        """Count this start. Raises StartError (CrashLoopBackOff) while the last failure is too fresh."""
        name = item.container.name
        last = next((c for c in runtime.containers if c.name == name and c.state is RunState.EXITED), None)
        if last is None:
            return
        key = f"{pod.metadata.uid}/{name}/{container_hash(item.container)}"
        now, ended = self._wall(), last.finished_at / 1e9
        remaining = self._backoff.remaining(key, ended, now)
        if remaining <= 0:
            self._backoff.next(key, ended, now)
            return
        self._recorder.event(
            pod_reference(pod, container_field_path(item.kind, name)), "Warning", "BackOff",
            f"Back-off restarting failed container {name} in pod {formatted(pod)}",
        )
        delay = go_duration(self._backoff.delay(key))
        raise StartError(
            "CrashLoopBackOff", f"back-off {delay} restarting failed container={name} pod={formatted(pod)}",
            retry_at=self._clock() + remaining,
        )


def go_duration(seconds: float) -> str:
    """Whole seconds as Go prints a Duration: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


class Starter:
    def __init__(
        self, runtime: RuntimeClient, configs: ContainerConfigs, killer: Killer, recorder: EventRecorder,
        timeline: Timeline, pod_logs_dir: Path, legacy_logs_dir: Path,
        on_size: Callable[[Pod, ContainerToStart], None] = lambda _pod, _item: None,
        on_start: Callable[[ContainerKind, str], None] = lambda _kind, _code: None,
        on_fallback: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_size` hears of each container that is about to be created with the resources that it has in the spec,
        `on_start` of each that is to be started (""), and why it could not be; `on_fallback`: as of `run_hook`."""
        self._on_start, self._on_fallback = on_start, on_fallback
        self._runtime, self._configs, self._killer = runtime, configs, killer
        self._recorder, self._timeline = recorder, timeline
        self._pod_logs_dir, self._legacy_logs_dir, self._on_size = pod_logs_dir, legacy_logs_dir, on_size

    async def start(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, runtime: PodRuntimeStatus,
        image: "asyncio.Task[ImageOutcome]", interrupt: Interrupt,
        early: "asyncio.Task[EarlyContainer | None] | None" = None,
    ) -> ContainerID:
        """Start one container whose image is being made ready, and that perhaps has been created early. Raises
        StartError, SyncInterruptedError."""
        self._on_start(item.kind, "")
        try:
            return await self._start_step_by_step(pod, item, sandbox, runtime, image, interrupt, early)
        except StartError as error:
            self._on_start(item.kind, error.reason)
            raise

    async def _start_step_by_step(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, runtime: PodRuntimeStatus,
        image: "asyncio.Task[ImageOutcome]", interrupt: Interrupt, early: "asyncio.Task[EarlyContainer | None] | None",
    ) -> ContainerID:
        made: EarlyContainer | None = None
        try:
            pulled = await self._image(pod, item, image, interrupt)
            made = await early if early is not None else None
            instance = made.instance if made else await self._instance(pod, item.container, runtime)
            config = await self._config(pod, item, sandbox, instance, runtime, pulled)
            interrupt.check()
        except (StartError, SyncInterruptedError):
            if early is not None:
                await self.discard(early)
            raise
        container_id = await self._take(pod, item, made, config) or await self._create(pod, item, sandbox, config)
        await self._start(pod, item, container_id)
        log = Path(sandbox.config.log_directory, config.log_path)
        await asyncio.to_thread(self._link_log, pod, item.container.name, container_id, log)
        await self._post_start(pod, item, container_id, sandbox, interrupt)
        return container_id

    async def create_early(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, runtime: PodRuntimeStatus,
        image: "asyncio.Task[ImageOutcome]",
    ) -> EarlyContainer | None:
        """Create the container as it will be if its addresses matter to its hosts file alone, which `start` checks.

        None where that cannot be or does not work: then `start` does it all, and tells what is wrong."""
        await asyncio.wait([image], timeout=LOOK_FOR_IMAGE_SECONDS)
        if _names_its_addresses(item.container) or self._configs.is_told_of_starts(item):
            return None
        if not image.done() or image.cancelled():
            return None
        outcome = image.result()
        if isinstance(outcome, ImageError):
            return None
        began = time.time()
        guess = sandbox if pod.spec.host_network else replace(sandbox, ips=ADDRESS_TO_COME)
        try:
            instance = await self._instance(pod, item.container, runtime)
            config = await self._configs.container(pod, item, guess, instance, outcome, _target_id(item, runtime))
            self._on_size(pod, item)
            response = await self._runtime.CreateContainer(cri.CreateContainerRequest(
                pod_sandbox_id=sandbox.id, config=config, sandbox_config=sandbox.config,
            ))
        except (ContainerConfigError, CriError) as error:
            logger.debug("Container is not created early pod=%s container=%s err=%s", formatted(pod),
                         item.container.name, error)
            return None
        return EarlyContainer(ContainerID(response.container_id), instance, config, began, time.time())

    async def discard(self, early: "asyncio.Task[EarlyContainer | None]") -> None:
        """Remove a container that was created early and is not wanted after all."""
        await self._remove(await early)

    async def _remove(self, made: EarlyContainer | None) -> None:
        if made is None:
            return
        try:
            await self._runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=made.id))
        except CriError as error:
            logger.warning("Container that is not wanted stays until it is collected id=%s err=%s", made.id, error)

    async def _take(
        self, pod: Pod, item: ContainerToStart, made: EarlyContainer | None, config: cri.ContainerConfig
    ) -> ContainerID | None:
        """The container that was created early, if it is what it has to be; else it goes."""
        if made is None:
            return None
        if made.config != config:
            await self._remove(made)
            return None
        uid, name = pod_uid(pod), item.container.name
        self._timeline.begin(uid, Stage.CREATE, detail=name, at=made.began)
        self._timeline.end(uid, Stage.CREATE, detail=name, at=made.ended)
        self._event(pod, item, "Normal", "Created", "Container created")
        return made.id

    async def _image(
        self, pod: Pod, item: ContainerToStart, image: "asyncio.Task[ImageOutcome]", interrupt: Interrupt
    ) -> PulledImage:
        async with interrupt.scope():
            outcome = await image
        if isinstance(outcome, ImageError):
            self._event(pod, item, "Warning", "Failed", f"Error: {outcome.reason}")
            raise StartError(outcome.reason, str(outcome), outcome.retry_at)
        return outcome

    async def _config(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, instance: Instance, runtime: PodRuntimeStatus,
        image: PulledImage,
    ) -> cri.ContainerConfig:
        try:
            return await self._configs.container(pod, item, sandbox, instance, image, _target_id(item, runtime))
        except ContainerConfigError as error:
            self._event(pod, item, "Warning", "Failed", f"Error: {error}")
            raise StartError("CreateContainerConfigError", str(error)) from None

    async def _create(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, config: cri.ContainerConfig
    ) -> ContainerID:
        self._on_size(pod, item)
        try:
            with self._timeline.span(pod_uid(pod), Stage.CREATE, item.container.name):
                response = await self._runtime.CreateContainer(cri.CreateContainerRequest(
                    pod_sandbox_id=sandbox.id, config=config, sandbox_config=sandbox.config,
                ))
        except CriError as error:
            self._event(pod, item, "Warning", "Failed", f"Error: {error}")
            raise StartError("CreateContainerError", str(error)) from None
        self._event(pod, item, "Normal", "Created", "Container created")
        return ContainerID(response.container_id)

    async def _start(self, pod: Pod, item: ContainerToStart, container_id: ContainerID) -> None:
        try:
            with self._timeline.span(pod_uid(pod), Stage.START, item.container.name):
                await self._runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
        except CriError as error:
            # Without the container's id repeated failures are the same event.
            text = error.message.replace(container_id, item.container.name)
            self._event(pod, item, "Warning", "Failed", f"Error: {text}")
            raise StartError("RunContainerError", error.message) from None
        self._event(pod, item, "Normal", "Started", "Container started")

    async def _post_start(
        self, pod: Pod, item: ContainerToStart, container_id: ContainerID, sandbox: Sandbox, interrupt: Interrupt
    ) -> None:
        hook = item.container.lifecycle.post_start if item.container.lifecycle else None
        if hook is None:
            return
        pod_ip = sandbox.ips[0] if sandbox.ips else ""
        try:
            with self._timeline.span(pod_uid(pod), Stage.POST_START, item.container.name):
                async with interrupt.scope():
                    await run_hook(self._runtime, self._recorder, pod, item.container, container_id, hook, pod_ip,
                                   self._on_fallback)
        except HookError as error:
            logger.warning(
                "PostStart hook failed pod=%s container=%s err=%s", formatted(pod), item.container.name, error
            )
            self._event(pod, item, "Warning", "FailedPostStartHook", "PostStartHook failed")
            started = ContainerStatus(
                container_id, item.container.name, sandbox.id, RunState.RUNNING, created_at=0
            )
            try:
                await self._killer.kill_container(
                    pod, started, message="FailedPostStartHook", reason=KillReason.NONE, pod_ip=pod_ip
                )
            except CriError as kill_error:
                logger.warning("Container with a failed hook was not stopped id=%s err=%s", container_id, kill_error)
            raise StartError("PostStartHookError", str(error)) from None

    async def _instance(self, pod: Pod, container: AnyContainer, runtime: PodRuntimeStatus) -> Instance:
        """One more than the last known; from the log directory when the runtime has forgotten the container."""
        last = runtime.container(container.name)
        if last is not None:
            count = last.restart_count + 1
        else:
            directory = pod_log_dir(self._pod_logs_dir, pod) / container.name
            count = await asyncio.to_thread(restart_count_from_logs, directory)
        return Instance(count, secrets.token_hex(4))

    def _link_log(self, pod: Pod, container: str, container_id: str, log: Path) -> None:
        """/var/log/containers/<pod>_<ns>_<container>-<id>.log, which log collectors follow."""
        link = legacy_symlink(pod, container, container_id, self._legacy_logs_dir)
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(log)
        except OSError as error:
            logger.warning("Cannot link the container's log link=%s target=%s err=%s", link, log, error)

    def _event(self, pod: Pod, item: ContainerToStart, kind: str, reason: str, message: str) -> None:
        reference = pod_reference(pod, container_field_path(item.kind, item.container.name))
        self._recorder.event(reference, kind, reason, message)


def _names_its_addresses(container: AnyContainer) -> bool:
    """Whether the container's environment tells the pod's addresses, and so has to wait for them."""
    return any(
        variable.value_from is not None and variable.value_from.field_ref is not None
        and variable.value_from.field_ref.field_path in ("status.podIP", "status.podIPs")
        for variable in container.env
    )


def _target_id(item: ContainerToStart, runtime: PodRuntimeStatus) -> str:
    """The container whose process namespace an ephemeral container joins; empty for none."""
    name = getattr(item.container, "target_container_name", "")
    if not name:
        return ""
    target = runtime.container(name)
    if target is None:
        raise ContainerConfigError(f"unable to find target container {name}")
    return target.id


def restart_count_from_logs(directory: Path) -> int:
    """One more than the highest N of `N.log` and its rotated siblings; 0 for a new or unreadable directory."""
    counts: Sequence[int] = []
    try:
        counts = [
            int(prefix) for entry in directory.iterdir()
            if (prefix := entry.name.partition(".")[0]).isdigit()
        ]
    except OSError:
        return 0
    return max(counts, default=-1) + 1
