"""Stopping containers: hooks, order and one absolute deadline for all of it.

    deadline = now + grace
    each container at once:   preStop ── (sidecars: wait for their turn) ── StopContainer(what is left, at least 2 s)

A preStop hook uses up the grace period instead of adding to it; sidecars stop after the regular containers, the last
declared first (kuberuntime_container.go killContainer, kuberuntime_termination_order.go). The deadline is kept as a
point in time, so that hooks and waiting are never paid for twice.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cri.client import RuntimeClient
from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from kubelet.actions import KillReason
from kubelet.api.meta import (
    AnyContainer,
    ContainerKind,
    container_field_path,
    find_container,
    formatted,
    is_sidecar,
    pod_reference,
    pod_uid,
)
from kubelet.api.types import Container, Pod
from kubelet.events import EventRecorder
from kubelet.executor.hooks import HookError, run_hook
from kubelet.podworkers import Interrupt
from kubelet.timeline import Stage, Timeline
from pleg.state import ContainerStatus

logger = logging.getLogger(__name__)

MINIMUM_STOP_SECONDS = 2


class KillError(Exception):
    """Containers or sandboxes that could not be stopped; the text names each, several of them in brackets."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")


@dataclass(slots=True)
class StopOrder:
    """Whose turn it is. A container's turn comes when all that stop before it have ended."""

    ended: dict[str, asyncio.Event] = field(default_factory=dict)
    before: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, pod: Pod, running: Sequence[str]) -> "StopOrder":
        """Regular containers at once; then sidecars from the last to the first; other init containers at once."""
        names = set(running)
        order = cls({name: asyncio.Event() for name in names})
        regular = tuple(container.name for container in pod.spec.containers if container.name in names)
        later = regular
        for container in reversed(pod.spec.init_containers):
            if not is_sidecar(container):
                continue
            order.before[container.name] = later
            if container.name in names:
                later = (*later, container.name)
        return order

    async def wait_turn(self, name: str) -> None:
        for earlier in self.before.get(name, ()):
            await self.ended[earlier].wait()


class Killer:
    def __init__(
        self, runtime: RuntimeClient, recorder: EventRecorder, clock: Callable[[], float],
        timeline: Timeline | None = None, on_fallback: Callable[[], None] = lambda: None,
        on_sleep_cut: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_fallback`: as of `run_hook`; `on_sleep_cut` hears of preStop sleeps that the grace period ended."""
        self._on_fallback, self._on_sleep_cut = on_fallback, on_sleep_cut
        self._runtime, self._recorder, self._clock = runtime, recorder, clock
        self._timeline = Timeline() if timeline is None else timeline

    async def kill_containers(
        self, pod: Pod, containers: Sequence[ContainerStatus], grace_override: int | None, interrupt: Interrupt,
        pod_ip: str,
    ) -> None:
        """Stop all of them side by side. Raises KillError when some could not be stopped, SyncInterruptedError."""
        order = StopOrder.of(pod, [container.name for container in containers])
        failed: list[str] = []

        async def kill_one(status: ContainerStatus) -> None:
            try:
                await self.kill_container(pod, status, grace_override=grace_override, pod_ip=pod_ip, order=order)
            except CriError as error:
                failed.append(
                    f'failed to "KillContainer" for "{status.name}" with KillContainerError: "{error.as_status}"'
                )
            finally:
                order.ended[status.name].set()

        async with interrupt.scope(), asyncio.TaskGroup() as group:
            for status in containers:
                group.create_task(kill_one(status))
        if failed:
            raise KillError(failed)

    async def kill_container(
        self, pod: Pod, status: ContainerStatus, *, pod_ip: str, message: str = "",
        reason: KillReason = KillReason.NONE, grace_override: int | None = None, order: StopOrder | None = None,
    ) -> None:
        """Stop one container; returns when it has ended or was gone already. Raises CriError.

        `message` is the Killing event's text, by default that the container is stopped; `reason` picks the grace.
        """
        found = find_container(pod, status.name)
        kind, container = found if found else (ContainerKind.REGULAR, Container(name=status.name))
        self._recorder.event(
            pod_reference(pod, container_field_path(kind, status.name)), "Normal", "Killing",
            message or f"Stopping container {status.name}",
        )
        grace = grace_override if grace_override is not None else grace_of(pod, container, reason)
        deadline = self._clock() + grace
        problem: CriError | None = None
        async with asyncio.TaskGroup() as group:
            hook: asyncio.Task[None] | None = None
            if grace > 0 and container.lifecycle and container.lifecycle.pre_stop:
                hook = group.create_task(self._pre_stop(pod, kind, container, status, pod_ip))
                await self._hook_end(hook, deadline, pod, container)
            if order is not None and grace > 0:
                try:
                    async with asyncio.timeout(max(0.0, deadline - self._clock())):
                        await order.wait_turn(status.name)
                except TimeoutError:
                    pass
            try:
                await self._stop(pod, status, deadline)
            except CriError as error:
                problem = error
            if hook is not None:
                hook.cancel()
        if problem is not None:
            raise problem

    async def _stop(self, pod: Pod, status: ContainerStatus, deadline: float) -> None:
        left = max(MINIMUM_STOP_SECONDS, math.ceil(deadline - self._clock()))
        logger.info(
            "Killing container with a grace period pod=%s container=%s id=%s grace_seconds=%d",
            formatted(pod), status.name, status.id, left,
        )
        with self._timeline.span(pod_uid(pod), Stage.STOP, status.name):
            try:
                await self._runtime.StopContainer(cri.StopContainerRequest(container_id=status.id, timeout=left))
            except NotFoundError:
                return

    async def _hook_end(
        self, hook: asyncio.Task[None], deadline: float, pod: Pod, container: AnyContainer
    ) -> None:
        """Until the hook has ended or its time is over. A late one runs on beside the stop: what it started in the
        container ends with the container, and may do so in the seconds that a stop always has."""
        await asyncio.wait([hook], timeout=max(0.0, deadline - self._clock()))
        if not hook.done():
            if container.lifecycle and container.lifecycle.pre_stop and container.lifecycle.pre_stop.sleep:
                self._on_sleep_cut()
            logger.warning(
                "PreStop hook did not end within the grace period pod=%s container=%s", formatted(pod), container.name
            )

    async def _pre_stop(
        self, pod: Pod, kind: ContainerKind, container: AnyContainer, status: ContainerStatus, pod_ip: str
    ) -> None:
        hook = container.lifecycle.pre_stop if container.lifecycle else None
        if hook is None:
            return
        try:
            with self._timeline.span(pod_uid(pod), Stage.PRE_STOP, container.name):
                await run_hook(
                    self._runtime, self._recorder, pod, container, status.id, hook, pod_ip, self._on_fallback)
        except HookError as error:
            logger.warning("PreStop hook failed pod=%s container=%s err=%s", formatted(pod), container.name, error)
            self._recorder.event(
                pod_reference(pod, container_field_path(kind, container.name)), "Warning", "FailedPreStopHook",
                "PreStopHook failed",
            )


def grace_of(pod: Pod, container: AnyContainer, reason: KillReason) -> int:
    """Seconds a container of a living pod gets to end (setTerminationGracePeriod)."""
    if pod.metadata.deletion_grace_period_seconds is not None:
        return pod.metadata.deletion_grace_period_seconds
    if pod.spec.termination_grace_period_seconds is None:
        return MINIMUM_STOP_SECONDS
    probe = {KillReason.STARTUP: container.startup_probe, KillReason.LIVENESS: container.liveness_probe}.get(reason)
    if probe is not None and probe.termination_grace_period_seconds is not None:
        return probe.termination_grace_period_seconds
    return pod.spec.termination_grace_period_seconds
