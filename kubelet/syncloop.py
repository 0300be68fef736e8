"""The sync loop: everything that somebody learned about a pod becomes one message to that pod's worker.

    sources ──▶ changes ─┐
    pleg ─────▶ events ──┼──▶ SyncLoop ──▶ PodWorkers.update
    probes ───▶ results ─┤
    housekeeping ────────┘   (orphans, leftovers, mirrors of vanished static pods)

It never touches the runtime itself. Order of handling within one batch of changes is that of the pods' creation, so
that admission on a full node favours the older pods (pkg/kubelet/kubelet.go syncLoopIteration, HandlePod*).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kubelet.admission import Rejection
from kubelet.api.meta import PodUID, full_name, is_mirror, pod_key, pod_uid
from kubelet.api.types import Pod
from kubelet.orphans import pod_from_runtime
from kubelet.podmanager import PodManager
from kubelet.podworkers import PodUpdate, PodWorkers, UpdateKind
from kubelet.preemption import Preemption
from kubelet.sources import PodChange, PodOp
from kubelet.timeline import Stage, Timeline
from pleg import EventKind, PodLifecycleEvent
from pleg.cache import PodCache
from probes import ProbeResult

logger = logging.getLogger(__name__)
T = TypeVar("T")

HOUSEKEEPING_SECONDS = 2.0
"""Least time between two passes that something asked for."""
CALM_SECONDS, LOOK_FOR_CALM_SECONDS = 5.0, 0.1
"""Tidying up waits this long, at most, for pods that are starting or ending: they go first. It looks that often."""
HOUSEKEEPING_SAFETY_SECONDS = 60.0
"""A pass is made this often even if nobody asked for one."""


class PodConfig(Protocol):
    changes: "asyncio.Queue[PodChange]"

    def all_sources_seen(self) -> bool: ...


class RuntimeView(Protocol):
    """What PLEG knows."""

    events: "asyncio.Queue[PodLifecycleEvent]"
    cache: PodCache


class Upkeep(Protocol):
    """What the rest of the agent has to forget or tidy when pods go; it asks which pods matter when it acts."""

    def reject(self, pod: Pod, rejection: Rejection) -> None: ...

    def admit(self, pod: Pod, later: Collection[PodUID] = ()) -> Rejection | Preemption | None:
        """`later` are pods that are not admitted yet and have to stand behind this one."""

    def needs_devices(self, pod: Pod) -> bool:
        """Whether device plugins have to be asked before the pod can be admitted."""

    async def give_devices(self, pod: Pod) -> Rejection | None: ...

    async def make_room(self, preemption: Preemption) -> None:
        """End the pods that have to give way to a critical one."""

    async def tidy(self, matter: Callable[[], set[PodUID]]) -> None: ...

    async def delete_mirrors(self, mirrors: list[Pod]) -> None: ...


class Allocations(Protocol):
    """What admitted pods may use of the node."""

    def admitted(self, pod: Pod) -> None: ...

    def changed(self, pod: Pod) -> None: ...


@dataclass(frozen=True, slots=True)
class RoomWait:
    """A critical pod waits, since then (monotonic), for the end of the pods that give way to it."""

    preemption: Preemption
    since: float


class SyncLoop:
    def __init__(
        self, config: PodConfig, pods: PodManager, workers: PodWorkers, runtime: RuntimeView,
        probe_results: "asyncio.Queue[ProbeResult]", upkeep: Upkeep, timeline: Timeline,
        on_probe_result: Callable[[ProbeResult], None], on_pod: Callable[[Pod], None],
        on_death: Callable[[str, str], None], allocations: Allocations,
    ) -> None:
        """Those who hear first: `on_probe_result` of each verdict, `on_pod` of each new version of a pod or mirror,
        `on_death` of each container that ended (pod UID, container id)."""
        self._config, self._pods, self._workers, self._runtime = config, pods, workers, runtime
        self._probe_results, self._upkeep, self._timeline = probe_results, upkeep, timeline
        self._on_probe_result, self._on_pod, self._on_death = on_probe_result, on_pod, on_death
        self._allocations = allocations
        self._untidy = asyncio.Event()
        self._preemptions: asyncio.Queue[Preemption] = asyncio.Queue()
        self._for_devices: asyncio.Queue[Pod] = asyncio.Queue()
        self._not_admitted: dict[PodUID, RoomWait | None] = {}
        """Critical pods whose victims are ending, and (None) pods whose devices are being allocated; they count as
        active, so that nobody takes the room made for them."""
        self.begun = asyncio.Event()
        """Set with the first message: the way of pods is open."""
        self.last_turn = time.monotonic()
        """Monotonic time of the last message handled; the healthz check `syncloop` reads it."""

    def room_wait(self, uid: PodUID) -> "RoomWait | None":
        """What a critical pod that others end for waits for."""
        return self._not_admitted.get(uid)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(self._config.changes, self._handle_change), name="pod changes")
            group.create_task(self._pump(self._runtime.events, self._handle_event), name="pod lifecycle events")
            group.create_task(self._pump(self._probe_results, self._handle_probe), name="probe results")
            group.create_task(self._keep_house(), name="housekeeping")
            group.create_task(self._preempt(group), name="preemptions")
            group.create_task(self._await_devices(group), name="admissions with devices")

    async def _pump(self, queue: "asyncio.Queue[T]", handle: "Callable[[T], Awaitable[None]]") -> None:
        while True:
            message = await queue.get()
            self.last_turn = time.monotonic()
            try:
                await handle(message)
                self.begun.set()
            except Exception:
                # A defect that one pod's news brings out must not stop the news of all others.
                logger.exception("Handling a message failed unexpectedly message=%s", type(message).__name__)

    # Changes of what should run.

    async def _handle_change(self, change: PodChange) -> None:
        for pod in sorted(change.pods, key=lambda pod: pod.metadata.creation_timestamp):
            logger.info("Pod %s source=%s pod=%s uid=%s", change.op.name, change.source, pod_key(pod), pod.metadata.uid)
            match change.op:
                case PodOp.ADD:
                    self._added(pod)
                case PodOp.UPDATE | PodOp.DELETE:
                    self._changed(pod)
                case PodOp.REMOVE:
                    self._removed(pod)
                case PodOp.RECONCILE:
                    self._reconciled(pod)
        if not change.pods:
            self._untidy.set()

    def _put(self, pod: Pod) -> None:
        self._pods.put(pod)
        self._on_pod(pod)

    def _added(self, pod: Pod) -> None:
        self._put(pod)
        if is_mirror(pod):
            self._mirror_changed(pod)
            return
        uid = pod_uid(pod)
        self._timeline.mark(uid, Stage.SEEN)
        if not self._workers.termination_requested(uid) and not pod.metadata.deletion_timestamp:
            if pod.status.phase in ("Failed", "Succeeded"):
                self._admitted(pod)  # it is over: its worker only has to see to its end
            elif self._upkeep.needs_devices(pod):
                self._not_admitted[uid] = None
                self._for_devices.put_nowait(pod)
            else:
                self._admit(pod)
            return
        self._admitted(pod)

    def _admit(self, pod: Pod) -> None:
        uid = pod_uid(pod)
        answer = self._upkeep.admit(pod, self._came_later(uid))
        if answer is not None and not isinstance(answer, Rejection):
            self._not_admitted[uid] = RoomWait(answer, time.monotonic())
            self._preemptions.put_nowait(answer)
            return
        self._not_admitted.pop(uid, None)
        if answer is not None:
            self._upkeep.reject(pod, answer)
        else:
            self._admitted(pod)

    def _came_later(self, uid: PodUID) -> frozenset[PodUID]:
        """Pods that wait and came after this one: they have taken nothing yet that it could lack."""
        waiting = list(self._not_admitted)
        return frozenset(waiting[waiting.index(uid) + 1:]) if uid in self._not_admitted else frozenset()

    def _admitted(self, pod: Pod) -> None:
        self._timeline.mark(pod_uid(pod), Stage.ADMITTED)
        if not pod.metadata.deletion_timestamp:
            self._allocations.admitted(pod)
        self._workers.update(PodUpdate(UpdateKind.CREATE, pod))

    async def _await_devices(self, group: asyncio.TaskGroup) -> None:
        while True:
            pod = await self._for_devices.get()
            group.create_task(self._give_devices(pod), name=f"devices for {pod_key(pod)}")

    async def _give_devices(self, pod: Pod) -> None:
        """Admission goes on when the plugins have answered, unless the pod has gone by then. A plugin that hangs holds
        up nobody else."""
        uid, refusal = pod_uid(pod), None
        try:
            refusal = await self._upkeep.give_devices(pod)
        except Exception:
            # As with messages: a defect in one pod's way must not stop all others'.
            logger.exception("Allocating devices failed unexpectedly pod=%s", pod_key(pod))
        current = self._pods.get(uid)
        if uid not in self._not_admitted or current is None:
            return
        if refusal is not None:
            self._not_admitted.pop(uid)
            self._upkeep.reject(current, refusal)
        else:
            self._admit(current)

    async def _preempt(self, group: asyncio.TaskGroup) -> None:
        while True:
            preemption = await self._preemptions.get()
            group.create_task(self._make_room(preemption), name=f"room for {pod_key(preemption.pod)}")

    async def _make_room(self, preemption: Preemption) -> None:
        """The critical pod starts once its victims have ended, unless it has gone by then."""
        uid = pod_uid(preemption.pod)
        try:
            await self._upkeep.make_room(preemption)
        except Exception:
            # As with messages: a defect in one pod's way must not stop all others'.
            logger.exception("Making room failed unexpectedly pod=%s", pod_key(preemption.pod))
        pod = self._pods.get(uid)
        if uid in self._not_admitted and pod is not None:
            self._admitted(pod)
        self._not_admitted.pop(uid, None)

    def _changed(self, pod: Pod) -> None:
        self._put(pod)
        if is_mirror(pod):
            self._mirror_changed(pod)
            return
        if pod.metadata.deletion_timestamp:
            self._not_admitted.pop(pod_uid(pod), None)
        elif pod_uid(pod) in self._not_admitted:
            return
        if not self._workers.termination_requested(pod_uid(pod)) and not pod.metadata.deletion_timestamp:
            self._allocations.changed(pod)
        self._workers.update(PodUpdate(UpdateKind.UPDATE, pod))

    def _removed(self, pod: Pod) -> None:
        self._pods.remove(pod)
        self._not_admitted.pop(pod_uid(pod), None)
        self._untidy.set()
        if is_mirror(pod):
            self._mirror_changed(pod)
        elif self._workers.knows(pod_uid(pod)):
            self._workers.update(PodUpdate(UpdateKind.KILL, pod))

    def _reconciled(self, pod: Pod) -> None:
        """Only the status differs from ours: a readiness gate may have changed, or somebody overwrote it."""
        self._put(pod)
        if not is_mirror(pod) and self._workers.knows(pod_uid(pod)):
            self._workers.update(PodUpdate(UpdateKind.SYNC, pod))

    def _mirror_changed(self, mirror: Pod) -> None:
        """A mirror never acts by itself: its static pod's worker looks at it."""
        static = self._pods.static_of(mirror)
        if static is not None:
            self._workers.update(PodUpdate(UpdateKind.UPDATE, static))
        else:
            self._untidy.set()

    # News of what runs.

    async def _handle_event(self, event: PodLifecycleEvent) -> None:
        if event.kind is EventKind.DIED and event.container_id:
            self._on_death(event.uid, event.container_id)
        pod = self._pods.get(PodUID(event.uid))
        if pod is not None:
            self._sync(pod)
        elif not self._workers.knows(PodUID(event.uid)):
            self._untidy.set()

    async def _handle_probe(self, result: ProbeResult) -> None:
        self._on_probe_result(result)
        pod = self._pods.get(PodUID(result.uid))
        if pod is not None:
            self._sync(pod)

    def _sync(self, pod: Pod) -> None:
        if pod_uid(pod) not in self._not_admitted:
            self._workers.update(PodUpdate(UpdateKind.SYNC, pod))

    # Housekeeping.

    def request_housekeeping(self) -> None:
        """Something ended: look for what it left behind soon."""
        self._untidy.set()

    async def _keep_house(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HOUSEKEEPING_SAFETY_SECONDS):
                    await self._untidy.wait()
            except TimeoutError:
                pass
            await self._wait_for_calm()
            self._untidy.clear()
            self.last_turn = time.monotonic()
            if self._config.all_sources_seen():
                await self._tidy()
                await asyncio.sleep(HOUSEKEEPING_SECONDS)
            else:
                # Without every source's word a pod that is not wanted cannot be told from one not heard of yet.
                await asyncio.sleep(HOUSEKEEPING_SECONDS)
                self._untidy.set()

    async def _wait_for_calm(self) -> None:
        """Removing containers costs the engine as much as starting or stopping them, and nobody waits for it."""
        for _ in range(round(CALM_SECONDS / LOOK_FOR_CALM_SECONDS)):
            if not self._workers.busy():
                return
            await asyncio.sleep(LOOK_FOR_CALM_SECONDS)

    async def _tidy(self) -> None:
        """Kill what nobody wants, forget what is over, and let everybody clean up after pods that are gone."""
        wanted = {pod_uid(pod) for pod in self._pods.pods()}
        for restarted in self._workers.forget_gone(wanted):
            if (pod := self._pods.get(pod_uid(restarted))) is not None:
                self._added(pod)
        for uid in self._workers.uids():
            worker = self._workers.view(uid)
            if uid not in wanted and worker and not worker.work.phase.termination_requested:
                self._workers.update(PodUpdate(UpdateKind.KILL, worker.work.pod))
        self._kill_orphans(wanted)
        await self._upkeep.tidy(self._matter)
        await self._upkeep.delete_mirrors([
            mirror for mirror in self._pods.orphaned_mirrors()
            if not self._workers.static_is_terminating(full_name(mirror))
        ])

    def _matter(self) -> set[PodUID]:
        """Pods that are wanted or may have something running."""
        running = {uid for uid in self._workers.uids() if self._workers.could_have_running_containers(uid)}
        return running | {pod_uid(pod) for pod in self._pods.pods()}

    def _kill_orphans(self, wanted: set[PodUID]) -> None:
        for status in self._runtime.cache:
            uid = PodUID(status.uid)
            if uid in wanted or self._workers.knows(uid):
                continue
            if not status.running_containers and not any(sandbox.ready for sandbox in status.sandboxes):
                continue
            orphan = pod_from_runtime(status)
            logger.info("Pod is not wanted and will be stopped pod=%s uid=%s", pod_key(orphan), uid)
            self._workers.update(PodUpdate(UpdateKind.KILL, orphan, runtime_only=True))
