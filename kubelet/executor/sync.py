"""Carrying out a pod's plan: independent steps side by side, dependent ones as late as they must be.

      kill what has to go
      ├── images of the containers to start ──────────────┐
      └── sandbox (pause container, CNI) ── its addresses ─┴── containers: ephemeral, init, regular
                                                               (each waits only for a postStart before it)

Meaning and event texts follow kuberuntime_manager.go SyncPod; starting regular containers side by side does not change
what a pod can observe, since list order only promises that a postStart is over before the next container starts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cri.client import RuntimeClient
from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from kubelet.actions import KillReason, PodActions
from kubelet.api.meta import ContainerKind, formatted, is_sidecar, pod_reference, pod_uid
from kubelet.api.types import Pod
from kubelet.containerspec import ContainerConfigError
from kubelet.events import EventRecorder
from kubelet.executor.kill import Killer, KillError
from kubelet.executor.resize import ResizeError, Resizer
from kubelet.executor.sandboxbackoff import Delay, SandboxBackoff
from kubelet.executor.start import (
    ContainerToStart,
    CrashBackoff,
    EarlyContainer,
    ImageOutcome,
    Sandbox,
    Starter,
    StartError,
)
from kubelet.podworkers import Interrupt, SyncInterruptedError
from kubelet.timeline import Stage, Timeline
from pleg.state import ContainerID, PodRuntimeStatus, SandboxID, sandbox_from_cri

logger = logging.getLogger(__name__)


class SandboxConfigs(Protocol):
    """Makes the CRI's view of a pod, and finds the handler of its RuntimeClass; both raise ContainerConfigError."""

    async def runtime_handler(self, pod: Pod) -> str:
        """To be asked first: it also sees to it that the handler can do what the pod needs."""

    def sandbox(self, pod: Pod, attempt: int) -> cri.PodSandboxConfig: ...


class Images(Protocol):
    async def image(
        self, pod: Pod, item: ContainerToStart, sandbox: cri.PodSandboxConfig, handler: str
    ) -> ImageOutcome:
        """The container's image, pulled if its policy says so; why it cannot be had is returned, not raised."""


@dataclass(slots=True)
class SyncOutcome:
    """How it went: `reasons` are the waiting reasons of containers that were not started."""

    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    retry_at: float | None = None
    acted: bool = False
    killed: bool = False
    """Something was stopped, removed or resized, not only started."""
    started: list[ContainerID] = field(default_factory=list)
    resize_error: str = ""

    def container_failed(self, name: str, error: StartError) -> None:
        self.reasons[name] = (error.reason, error.message)
        self.errors.append(f'failed to "StartContainer" for "{name}" with {error.reason}: "{error.message}"')
        if error.retry_at is not None:
            self._retry_at(error.retry_at)

    def sandbox_failed(self, delay: Delay) -> None:
        self.errors.append(delay.error)
        self._retry_at(delay.until)

    def _retry_at(self, moment: float) -> None:
        self.retry_at = moment if self.retry_at is None else min(self.retry_at, moment)


@dataclass(frozen=True, slots=True)
class _Request:
    """What RunPodSandbox is asked for."""

    config: cri.PodSandboxConfig
    handler: str


class SandboxObserver(Protocol):
    def sandbox(self, handler: str, seconds: float, *, failed: bool) -> None:
        """One was asked for."""


class SandboxFailedError(Exception):
    """The pod has no sandbox to start containers in."""

    def __init__(self, delay: Delay) -> None:
        super().__init__(delay.error)
        self.delay = delay


class PodExecutor:
    def __init__(
        self, runtime: RuntimeClient, sandboxes: SandboxConfigs, images: Images, starter: Starter, killer: Killer,
        crash_backoff: CrashBackoff, recorder: EventRecorder, timeline: Timeline,
        clock: Callable[[], float] = time.monotonic, resizer: Resizer | None = None,
        on_user_namespace: Callable[[bool], None] = lambda _failed: None,
        observer: SandboxObserver | None = None,
    ) -> None:
        """Without a `resizer` containers keep the size with which they were started. `on_user_namespace(failed)`: a
        pod with a user namespace of its own is started, with or without success: for its two metrics."""
        self._runtime, self._sandboxes, self._images = runtime, sandboxes, images
        self._starter, self._killer, self._crash_backoff = starter, killer, crash_backoff
        self._recorder, self._timeline, self._resizer = recorder, timeline, resizer
        self._sandbox_backoff, self._on_user_namespace = SandboxBackoff(clock), on_user_namespace
        self._clock, self._observer = clock, observer

    async def carry_out(
        self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions, interrupt: Interrupt
    ) -> SyncOutcome:
        """Do what the plan says. Failures of containers are in the outcome; raises SyncInterruptedError."""
        outcome = SyncOutcome(
            acted=not actions.empty,
            killed=bool(
                actions.to_kill or actions.to_reset or actions.to_resize or actions.resize_pod
                or (actions.kill_pod and (runtime.sandboxes or runtime.containers))
            ),
        )
        if actions.create_sandbox and actions.sandbox_id:
            self._recorder.event(
                pod_reference(pod), "Normal", "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.",
            )
        try:
            await self._kill_first(pod, runtime, actions, interrupt)
        except (KillError, CriError) as error:
            outcome.errors.append(str(error))
            return outcome
        if actions.kill_pod and not actions.create_sandbox:
            return outcome
        if actions.create_sandbox:
            await self._purge_init_containers(pod, runtime)
        interrupt.check()
        if actions.create_sandbox and (delay := self._sandbox_backoff.delay(pod_uid(pod))):
            outcome.sandbox_failed(delay)
            return outcome
        if self._resizer is not None and (actions.to_resize or actions.resize_pod):
            try:
                await self._resizer.resize(pod, runtime, actions)
            except ResizeError as error:
                outcome.resize_error = str(error)
                outcome.errors.append(f'failed to "ResizePodInPlace" for "{formatted(pod)}" with '
                                      f'ResizePodInPlaceError: "{error}"')
        await self._start(pod, runtime, actions, outcome, interrupt)
        if actions.create_sandbox and pod.spec.host_users is False:
            self._on_user_namespace(bool(outcome.errors))
        return outcome

    async def _start(
        self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions, outcome: SyncOutcome, interrupt: Interrupt
    ) -> None:
        try:
            handler = await self._sandboxes.runtime_handler(pod)
            config = self._sandboxes.sandbox(pod, actions.attempt)
        except ContainerConfigError as error:
            outcome.sandbox_failed(self._sandbox_failed(pod, str(error)))
            return
        items = self._admitted(pod, actions, runtime, outcome)
        if items or actions.create_sandbox:
            await self._start_everything(pod, runtime, actions, _Request(config, handler), items, outcome, interrupt)

    # Before: what has to go.

    async def _kill_first(
        self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions, interrupt: Interrupt
    ) -> None:
        pod_ip = runtime.ips[0] if runtime.ips else ""
        if actions.kill_pod:
            await self._killer.kill_containers(pod, runtime.running_containers, None, interrupt, pod_ip)
            await self.stop_sandboxes(runtime)
            return
        for kill in actions.to_kill:
            status = runtime.container_by_id(kill.id)
            if status is None:
                continue
            async with interrupt.scope():
                await self._killer.kill_container(
                    pod, status, message=kill.message, reason=kill.reason, pod_ip=pod_ip
                )
        for reset in actions.to_reset:
            interrupt.check()
            status = runtime.container_by_id(reset.id)
            if status is not None and reset.kill:
                await self._killer.kill_container(
                    pod, status, message="killing", reason=KillReason.RESTART_ALL, grace_override=0, pod_ip=pod_ip
                )
            await self._runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=reset.id))

    async def stop_sandboxes(self, runtime: PodRuntimeStatus) -> None:
        """Stop every sandbox that the pod has, ready or not: a failed tear-down is repeated. Raises KillError."""
        failed: list[str] = []
        for sandbox in runtime.sandboxes:
            try:
                await self._runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox.id))
            except NotFoundError:
                continue
            except CriError as error:
                failed.append(
                    f'failed to "KillPodSandbox" for "{runtime.uid}" with KillPodSandboxError: "{error.as_status}"'
                )
        if failed:
            raise KillError(failed)

    async def _purge_init_containers(self, pod: Pod, runtime: PodRuntimeStatus) -> None:
        names = {container.name for container in pod.spec.init_containers}
        for status in runtime.containers:
            if status.name not in names or status.running:
                continue
            try:
                await self._runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=status.id))
            except CriError as error:
                logger.warning("Old init container was not removed id=%s err=%s", status.id, error)

    # Then: what is to run.

    def _admitted(
        self, pod: Pod, actions: PodActions, runtime: PodRuntimeStatus, outcome: SyncOutcome
    ) -> list[ContainerToStart]:
        """The containers to start now, in order; those in back-off are noted in the outcome instead."""
        wanted = [
            *(ContainerToStart(ContainerKind.EPHEMERAL, pod.spec.ephemeral_containers[index])
              for index in actions.ephemeral_to_start),
            *(ContainerToStart(ContainerKind.INIT, pod.spec.init_containers[index])
              for index in actions.init_to_start),
            *(ContainerToStart(ContainerKind.REGULAR, pod.spec.containers[index])
              for index in actions.regular_to_start),
        ]
        admitted = []
        for item in wanted:
            try:
                self._crash_backoff.admit(pod, item, runtime)
            except StartError as error:
                outcome.container_failed(item.container.name, error)
                if item.kind is ContainerKind.INIT and not is_sidecar(item.container):
                    break
                continue
            admitted.append(item)
        return admitted

    async def _start_everything(
        self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions, request: "_Request",
        items: list[ContainerToStart], outcome: SyncOutcome, interrupt: Interrupt,
    ) -> None:
        """Images and sandbox side by side, then the containers; the first of them are created while the sandbox comes
        up, where the runtime lets us. Raises SyncInterruptedError."""
        async with asyncio.TaskGroup() as group:
            images = {
                item.container.name: group.create_task(self._images.image(pod, item, request.config, request.handler))
                for item in items
            }
            early: dict[str, asyncio.Task[EarlyContainer | None]] = {}

            def create_early(sandbox_id: str) -> None:
                sandbox = Sandbox(SandboxID(sandbox_id), request.config, (), request.handler)
                for item in next(batches(items), []) if not interrupt.interrupted else []:
                    name = item.container.name
                    early[name] = group.create_task(
                        self._starter.create_early(pod, item, sandbox, runtime, images[name])
                    )

            try:
                sandbox = await self._sandbox(pod, runtime, actions, request, create_early)
                for batch in batches(items):
                    if not await self._start_batch(pod, runtime, sandbox, batch, images, early, outcome, interrupt):
                        break
            except SandboxFailedError as error:
                outcome.sandbox_failed(error.delay)
            finally:
                for image in images.values():
                    image.cancel()
                for creation in early.values():  # those that nobody took
                    await self._starter.discard(creation)
        interrupt.check()

    async def _sandbox(
        self, pod: Pod, runtime: PodRuntimeStatus, actions: PodActions, request: "_Request",
        on_created: Callable[[str], None],
    ) -> Sandbox:
        """The sandbox to start in: the one that is there, or a new one with its network set up."""
        if not actions.create_sandbox:
            assert actions.sandbox_id is not None  # noqa: S101 - a plan without a new sandbox names the old one
            return Sandbox(actions.sandbox_id, request.config, runtime.ips, request.handler)
        uid, begin, failed = pod_uid(pod), self._clock(), True
        try:
            with self._timeline.span(uid, Stage.SANDBOX):
                made = await self._runtime.run_pod_sandbox(
                    cri.RunPodSandboxRequest(config=request.config, runtime_handler=request.handler), on_created
                )
            failed = False
        except CriError as error:
            raise SandboxFailedError(self._sandbox_failed(pod, error.as_status)) from None
        finally:
            if self._observer is not None:
                self._observer.sandbox(request.handler, self._clock() - begin, failed=failed)
        sandbox_id = SandboxID(made.id)
        ips = await self._addresses(pod, sandbox_id) if made.ips is None else made.ips
        self._timeline.mark(uid, Stage.NETWORK)
        self._sandbox_backoff.succeeded(uid)
        return Sandbox(sandbox_id, request.config, ips, request.handler)

    async def _addresses(self, pod: Pod, sandbox_id: SandboxID) -> tuple[str, ...]:
        try:
            status = await self._runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))
        except CriError as error:
            self._recorder.event(
                pod_reference(pod), "Warning", "FailedPodSandBoxStatus",
                f"Unable to get pod sandbox status: {error.as_status}",
            )
            text = f"unable to get the status of sandbox {sandbox_id}: {error}"
            raise SandboxFailedError(self._sandbox_backoff.failed(pod_uid(pod), text)) from None
        return sandbox_from_cri(status.status).ips

    def _sandbox_failed(self, pod: Pod, message: str) -> Delay:
        """Tell of it in an event; returns the worker's error and when to try again."""
        self._recorder.event(
            pod_reference(pod), "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {message}"
        )
        text = f'failed to "CreatePodSandbox" for "{formatted(pod)}" with CreatePodSandboxError: "{message}"'
        return self._sandbox_backoff.failed(pod_uid(pod), text)

    async def _start_batch(
        self, pod: Pod, runtime: PodRuntimeStatus, sandbox: Sandbox, batch: Sequence[ContainerToStart],
        images: "dict[str, asyncio.Task[ImageOutcome]]", early: "dict[str, asyncio.Task[EarlyContainer | None]]",
        outcome: SyncOutcome, interrupt: Interrupt,
    ) -> bool:
        """Start containers side by side; False when nothing may be started after them."""
        go_on = True

        async def start_one(item: ContainerToStart) -> None:
            nonlocal go_on
            name = item.container.name
            try:
                outcome.started.append(await self._starter.start(
                    pod, item, sandbox, runtime, images[name], interrupt, early.pop(name, None)
                ))
            except StartError as error:
                outcome.container_failed(item.container.name, error)
                if item.kind is ContainerKind.INIT and not is_sidecar(item.container):
                    go_on = False
            except SyncInterruptedError:
                go_on = False

        async with asyncio.TaskGroup() as group:
            for item in batch:
                group.create_task(start_one(item))
        return go_on


def batches(items: Sequence[ContainerToStart]) -> Iterator[list[ContainerToStart]]:
    """Groups that may start side by side: init containers one by one, others up to the next postStart hook."""
    batch: list[ContainerToStart] = []
    for item in items:
        if item.kind is ContainerKind.INIT or (batch and batch[-1].kind is not item.kind):
            if batch:
                yield batch
            batch = []
        batch.append(item)
        has_hook = item.container.lifecycle is not None and item.container.lifecycle.post_start is not None
        if item.kind is ContainerKind.INIT or has_hook:
            yield batch
            batch = []
    if batch:
        yield batch
