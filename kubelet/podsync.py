"""What a pod worker does with its pod: the three steps SyncPod, SyncTerminatingPod and SyncTerminatedPod.

    sync         status ▸ network gate ▸ references ▸ cgroup ▸ mirror ▸ volumes ▸ probes ▸ plan ▸ carry out ▸ status
    terminating  status ▸ liveness and startup probes stop ▸ kill ▸ nothing runs? ▸ final status
    terminated   status ▸ volumes ▸ references ▸ cgroup ▸ API object

The order is upstream's (pkg/kubelet/kubelet.go), since events, conditions and a pod's own view depend on it. What is
known only here: a status is written again right after something was done, instead of waiting for the next event.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cri.errors import CriError
from kubelet.actions import ProbeVerdicts, compute_pod_actions
from kubelet.allocation import PodResources, ResourceStore
from kubelet.api.meta import PodUID, formatted, is_static, parse_time, pod_reference, pod_uid
from kubelet.api.types import Pod, PodStatus, ResourceRequirements
from kubelet.cgroups import CgroupError
from kubelet.events import EventRecorder
from kubelet.executor.kill import Killer, KillError
from kubelet.executor.sync import PodExecutor, SyncOutcome
from kubelet.paths import pod_dir
from kubelet.podmanager import PodManager
from kubelet.podstatus import restartall
from kubelet.podworkers import Interrupt, PodSyncError, PodWork, Synced, UpdateKind, Verdict
from kubelet.resize import is_actuated
from kubelet.timeline import Stage, Timeline
from kubelet.volumes import MountError
from pleg.cache import Entry, PodCache
from pleg.state import PodRuntimeStatus, RunState

logger = logging.getLogger(__name__)

DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"
NETWORK_RETRY_SECONDS = 1.0
Reasons = dict[str, tuple[str, str]]


class Statuses(Protocol):
    """Makes and keeps the statuses of pods."""

    async def generate(
        self, pod: Pod, runtime: PodRuntimeStatus, reasons: Reasons, *, terminated: bool, verdict: Verdict | None
    ) -> PodStatus: ...

    def set(self, pod: Pod, status: PodStatus) -> None: ...

    def get(self, uid: PodUID) -> PodStatus | None: ...

    def finish(self, pod: Pod) -> None:
        """The pod is over: its final status, and after it the deletion from the API server."""


class Volumes(Protocol):
    async def mount_pod(self, pod: Pod) -> None: ...

    async def unmount_pod(self, uid: PodUID) -> None: ...


class References(Protocol):
    """The secrets and config maps that pods name."""

    def register_pod(self, pod: Pod) -> None: ...

    def unregister_pod(self, pod: Pod) -> None: ...


class Cgroups(Protocol):
    async def ensure(self, pod: Pod) -> None: ...

    async def remove(self, uid: PodUID) -> None: ...


class UserNamespaces(Protocol):
    def release(self, uid: PodUID) -> None:
        """The pod's ids may be given to another; blocking."""


class Probes(ProbeVerdicts, Protocol):
    def add_pod(self, pod: Pod) -> None: ...

    def update(self, pod: Pod, runtime: PodRuntimeStatus) -> None: ...

    def stop_liveness_and_startup(self, uid: PodUID) -> None: ...

    def remove_pod(self, uid: PodUID) -> None: ...


class Resizes(Protocol):
    """What pods may use, and how their resizes go."""

    def allocated(self, pod: Pod) -> Pod: ...

    def in_progress(self, pod: Pod, actuated: bool) -> None: ...

    def failed(self, pod: Pod, error: str) -> None: ...


class Mirrors(Protocol):
    def reconcile(self, pod: Pod) -> None:
        """See to it, in its own time, that the API server has a mirror of this static pod as it is now."""


@dataclass(frozen=True, slots=True)
class PodServices:
    """Everything that the steps call; wired in kubelet.app."""

    pods: PodManager
    cache: PodCache
    executor: PodExecutor
    killer: Killer
    statuses: Statuses
    volumes: Volumes
    references: References
    cgroups: Cgroups
    probes: Probes
    mirrors: Mirrors
    user_namespaces: UserNamespaces
    resizes: Resizes
    actuated: ResourceStore
    reinspect: Callable[[str], None]
    """Asks for a close look at a pod's containers: their size changes without an event."""
    recorder: EventRecorder
    timeline: Timeline
    root_dir: Path
    network_error: Callable[[], str]
    """Why pods cannot be given a network now; empty when they can."""


@dataclass(slots=True)
class _Memory:
    """What a pod's worker remembers from one step to the next."""

    acted_at: float = 0.0
    reasons: Reasons = field(default_factory=dict)


class PodSync:
    """The PodSyncer of the pod workers."""

    def __init__(self, services: PodServices, clock: Callable[[], float] = time.monotonic) -> None:
        self._do, self._clock = services, clock
        self._memory: dict[PodUID, _Memory] = {}
        self.steps: dict[PodUID, str] = {}
        """What each busy worker is doing now, in words; read by explain."""

    def forget(self, uid: PodUID) -> None:
        self._memory.pop(uid, None)
        self.steps.pop(uid, None)

    # SyncPod.

    async def sync_pod(self, work: PodWork, kind: UpdateKind, interrupt: Interrupt) -> Synced:  # noqa: ARG002
        pod, uid = self._do.resizes.allocated(work.pod), pod_uid(work.pod)
        try:
            return await self._sync(pod, uid, interrupt)
        finally:
            self.steps.pop(uid, None)

    async def _sync(self, pod: Pod, uid: PodUID, interrupt: Interrupt) -> Synced:
        do, memory = self._do, self._memory.setdefault(uid, _Memory())
        runtime = await self._runtime_status(pod, memory, interrupt)
        do.probes.update(pod, runtime)
        actuated = self._note_sizes(pod, uid, runtime)
        verdict = self._deadline_verdict(pod, runtime)
        status = await do.statuses.generate(pod, runtime, memory.reasons, terminated=False, verdict=verdict)
        do.statuses.set(pod, status)
        if status.phase in ("Failed", "Succeeded"):
            return Synced(terminal=True)
        self._require_network(pod)
        await self._prepare(pod, uid, interrupt)
        self._step(uid, "starting containers")
        do.probes.add_pod(pod)
        actions = compute_pod_actions(
            pod, runtime, do.probes, restart_all=restartall.is_under_way(status), actuated=actuated
        )
        interrupt.check()
        acted_at = memory.acted_at
        try:
            outcome = await do.executor.carry_out(pod, runtime, actions, interrupt)
        finally:
            if not actions.empty:
                memory.acted_at = self._clock()
        if is_told_of(do.cache.entry(uid), outcome):
            memory.acted_at = acted_at
        memory.reasons = outcome.reasons
        if actions.to_resize or actions.resize_pod:
            do.reinspect(uid)
        if outcome.resize_error:
            do.resizes.failed(pod, outcome.resize_error)
        if outcome.acted or outcome.errors:
            await self._publish_outcome(pod, memory, interrupt)
        if outcome.errors:
            raise PodSyncError("; ".join(outcome.errors), outcome.retry_at)
        if actions.to_reset:
            return Synced(again_in=0.0)  # all containers have gone: start them
        return Synced(again_in=self._seconds_to_deadline(pod))

    def _note_sizes(self, pod: Pod, uid: PodUID, runtime: PodRuntimeStatus) -> PodResources:
        """What the pod's containers were given; of those that ran before it was recorded, what is allocated."""
        known = self._do.actuated.get(uid)
        if known is None:
            known = PodResources(pod_level=pod.spec.resources)
            if pod.spec.resources is not None:
                self._do.actuated.set_pod_level(uid, pod.spec.resources)
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            status = runtime.container(container.name)
            if status is not None and status.running and container.name not in known.containers:
                self._do.actuated.set_container(uid, container.name, container.resources or ResourceRequirements())
        given = self._do.actuated.get(uid) or known
        self._do.resizes.in_progress(pod, is_actuated(pod, runtime, given))
        return given

    async def _runtime_status(self, pod: Pod, memory: _Memory, interrupt: Interrupt) -> PodRuntimeStatus:
        """The runtime's view of the pod, newer than what was last done to it."""
        self._step(pod_uid(pod), "reading the pod's state from the runtime")
        async with interrupt.scope():
            try:
                return await self._do.cache.get_newer_than(pod_uid(pod), memory.acted_at)
            except CriError as error:
                self._do.recorder.event(
                    pod_reference(pod), "Warning", "FailedSync", f"error determining status: {error}"
                )
                raise PodSyncError(f"cannot read the pod's state from the runtime: {error}") from None

    def _deadline_verdict(self, pod: Pod, runtime: PodRuntimeStatus) -> Verdict | None:
        """activeDeadlineSeconds, counted from the status' startTime."""
        left = self._seconds_to_deadline(pod)
        if left is None or left > 0:
            return None
        if runtime.running_containers or not runtime.containers:
            self._do.recorder.event(pod_reference(pod), "Normal", "DeadlineExceeded", DEADLINE_MESSAGE)
        return Verdict("Failed", "DeadlineExceeded", DEADLINE_MESSAGE)

    def _seconds_to_deadline(self, pod: Pod) -> float | None:
        current = self._do.statuses.get(pod_uid(pod)) or pod.status
        if pod.spec.active_deadline_seconds is None or not current.start_time:
            return None
        return max(0.0, parse_time(current.start_time) + pod.spec.active_deadline_seconds - time.time())

    def _require_network(self, pod: Pod) -> None:
        error = self._do.network_error()
        if not error or pod.spec.host_network:
            return
        message = f"network is not ready: {error}"
        self._do.recorder.event(pod_reference(pod), "Warning", "NetworkNotReady", message)
        raise PodSyncError(message, self._clock() + NETWORK_RETRY_SECONDS)

    async def _prepare(self, pod: Pod, uid: PodUID, interrupt: Interrupt) -> None:
        """All that has to be there before the sandbox: references, cgroup, mirror, directories, volumes."""
        do = self._do
        do.references.register_pod(pod)
        try:
            await do.cgroups.ensure(pod)
        except CgroupError as error:
            message = f"unable to ensure pod container exists: {error}"
            do.recorder.event(pod_reference(pod), "Warning", "FailedCreatePodContainer", message)
            raise PodSyncError(message) from None
        if is_static(pod):
            do.mirrors.reconcile(pod)
        try:
            await asyncio.to_thread(_make_directories, pod_dir(do.root_dir, uid))
        except OSError as error:
            message = f"error making pod data directories: {error}"
            do.recorder.event(pod_reference(pod), "Warning", "Failed", message)
            raise PodSyncError(message) from None
        self._step(uid, "mounting volumes")
        try:
            async with interrupt.scope():
                with do.timeline.span(uid, Stage.VOLUMES):
                    await do.volumes.mount_pod(pod)
        except MountError as error:
            do.recorder.event(
                pod_reference(pod), "Warning", "FailedMount", f"Unable to attach or mount volumes: {error}"
            )
            raise PodSyncError(f"unable to attach or mount volumes: {error}", None) from None

    async def _publish_outcome(self, pod: Pod, memory: _Memory, interrupt: Interrupt) -> None:
        """The status as it is after what was just done."""
        runtime = await self._runtime_status(pod, memory, interrupt)
        self._do.probes.update(pod, runtime)
        self._note_sizes(pod, pod_uid(pod), runtime)
        self._do.statuses.set(
            pod, await self._do.statuses.generate(pod, runtime, memory.reasons, terminated=False, verdict=None)
        )

    # SyncTerminatingPod.

    async def sync_terminating(self, work: PodWork, interrupt: Interrupt) -> None:
        pod, uid, do = self._do.resizes.allocated(work.pod), pod_uid(work.pod), self._do
        memory = self._memory.setdefault(uid, _Memory())
        runtime = await self._runtime_status(pod, memory, interrupt)
        if not work.runtime_only:
            status = await do.statuses.generate(pod, runtime, memory.reasons, terminated=False, verdict=work.verdict)
            do.statuses.set(pod, status)
            do.probes.stop_liveness_and_startup(uid)
        self._step(uid, "stopping containers")
        try:
            await self._kill(pod, runtime, work.grace_seconds, interrupt)
        finally:
            memory.acted_at = self._clock()
        do.probes.remove_pod(uid)
        stopped = await self._runtime_status(pod, memory, interrupt)
        if stopped.running_containers:
            names = ", ".join(container.name for container in stopped.running_containers)
            raise PodSyncError(f"containers are still running after they were stopped: {names}")
        if not work.runtime_only:
            do.statuses.set(pod, await do.statuses.generate(pod, stopped, {}, terminated=True, verdict=work.verdict))
        self.steps.pop(uid, None)

    async def _kill(self, pod: Pod, runtime: PodRuntimeStatus, grace: int | None, interrupt: Interrupt) -> None:
        pod_ip = runtime.ips[0] if runtime.ips else ""
        try:
            await self._do.killer.kill_containers(pod, runtime.running_containers, grace, interrupt, pod_ip)
            await self._do.executor.stop_sandboxes(runtime)
        except KillError as error:
            self._do.recorder.event(pod_reference(pod), "Warning", "FailedKillPod", f"error killing pod: {error}")
            raise PodSyncError(f"error killing pod: {error}") from None

    # SyncTerminatedPod.

    async def sync_terminated(self, work: PodWork) -> None:
        pod, uid, do = self._do.resizes.allocated(work.pod), pod_uid(work.pod), self._do
        memory = self._memory.setdefault(uid, _Memory())
        runtime = await self._runtime_status(pod, memory, Interrupt())
        do.statuses.set(pod, await do.statuses.generate(pod, runtime, {}, terminated=True, verdict=work.verdict))
        self._step(uid, "unmounting volumes")
        try:
            await do.volumes.unmount_pod(uid)
        except MountError as error:
            raise PodSyncError(f"volumes are not unmounted yet: {error}", None) from None
        do.references.unregister_pod(pod)
        self._step(uid, "removing the pod's cgroup")
        try:
            await do.cgroups.remove(uid)
        except CgroupError as error:
            raise PodSyncError(f"the pod's cgroup is not removed yet: {error}") from None
        await asyncio.to_thread(do.user_namespaces.release, uid)
        do.statuses.finish(pod)
        logger.info("Pod has ended and is cleaned up pod=%s", formatted(pod))
        self.steps.pop(uid, None)

    def _step(self, uid: PodUID, what: str) -> None:
        self.steps[uid] = what


def is_told_of(entry: Entry | None, outcome: SyncOutcome) -> bool:
    """Whether the runtime's events have told already of all that was done, so that nobody needs to look."""
    if entry is None or entry.error is not None or outcome.killed or outcome.errors or not outcome.started:
        return False
    seen = [entry.status.container_by_id(container_id) for container_id in outcome.started]
    return all(container is not None and container.state is not RunState.CREATED for container in seen)


def _make_directories(directory: Path) -> None:
    """The pod's own directory and the two that plugins expect in it."""
    for path in (directory, directory / "volumes", directory / "plugins"):
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
