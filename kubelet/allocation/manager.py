"""Who gets what: allocations of admitted pods, and resizes that wait for room.

    admitted(pod)    the first allocation is the spec's; one from before a restart stays, and the spec is a resize
    changed(pod)     another size is asked for: tried at once
    retry()          something gave room, or three minutes have passed

Pending resizes are tried in this order: those that ask for no more, then by priority, QoS class, and how long they have
waited. Everything blocks nothing: decisions are made on the event loop, files are written by the store.
"""

import asyncio
import logging
from collections.abc import Callable, Collection

from kubelet.admission import Rejection
from kubelet.allocation.conditions import DEFERRED, INFEASIBLE, ResizeConditions
from kubelet.allocation.events import resize_message
from kubelet.allocation.resources import resources_of_pod, with_resources
from kubelet.allocation.store import ResourceStore
from kubelet.api.meta import PodUID, formatted, pod_reference, pod_uid
from kubelet.api.types import Pod
from kubelet.events import EventRecorder
from kubelet.resources import CPU, GUARANTEED, MEMORY, pod_requests, qos_class

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, RETRY_SECONDS = 30.0, 180.0


class Allocations:
    """`fits(pod)` tells why a pod of this size could not be admitted now; `wake(pod)` has its worker look at it."""

    def __init__(
        self, store: ResourceStore, conditions: ResizeConditions, recorder: EventRecorder,
        pod_of: Callable[[PodUID], Pod | None], fits: Callable[[Pod], Rejection | None], wake: Callable[[Pod], None],
    ) -> None:
        self._store, self.conditions, self._recorder = store, conditions, recorder
        self._pod_of, self._fits, self._wake = pod_of, fits, wake
        self._pending: list[PodUID] = []

    def allocated(self, pod: Pod) -> Pod:
        """The pod with what it may use now."""
        known = self._store.get(pod_uid(pod))
        return with_resources(pod, known) if known else pod

    def admitted(self, pod: Pod) -> None:
        """The node takes the pod. What its spec asks for beyond an earlier allocation is a pending resize."""
        uid = pod_uid(pod)
        self.conditions.adopt(pod, uid)
        if self._store.get(uid) is None:
            self._store.set(uid, resources_of_pod(pod))
        elif self.allocated(pod) is not pod:
            self._push(uid)
            self.retry()

    def changed(self, pod: Pod) -> None:
        """There is a new version of an admitted pod."""
        uid = pod_uid(pod)
        if self._store.get(uid) is None:
            return
        if self.allocated(pod) is not pod:
            self._push(uid)
            self.retry()
        else:
            self.conditions.clear_pending(uid)  # a resize that was taken back
            if uid in self._pending:
                self._pending.remove(uid)

    def retain(self, uids: Collection[PodUID]) -> None:
        """Forget all pods but these."""
        self._store.retain(uids)
        self.conditions.retain(uids)
        self._pending = [uid for uid in self._pending if uid in uids]

    async def run(self) -> None:
        """Try what is pending, now and then; write allocations down."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._store.run(), name="allocations")
            await asyncio.sleep(FIRST_RETRY_SECONDS)
            while True:
                self.retry()
                await asyncio.sleep(RETRY_SECONDS)

    async def save(self) -> None:
        await self._store.save()

    def _push(self, uid: PodUID) -> None:
        if uid not in self._pending:
            self._pending.append(uid)

    def retry(self) -> None:
        """Try everything that is pending, in order."""
        pods = [pod for pod in map(self._pod_of, self._pending) if pod is not None]
        waiting: list[PodUID] = []
        for pod in sorted(pods, key=self._rank):
            uid = pod_uid(pod)
            before = self.conditions.of(uid)
            allocated = self._try(pod)
            pending = self.conditions.pending(uid)
            if pending is not None and pending.reason == DEFERRED:
                waiting.append(uid)
            if allocated or self.conditions.of(uid) != before:
                self._wake(pod)
        self._pending = waiting

    def _rank(self, pod: Pod) -> tuple[bool, int, bool, str]:
        before, wanted = pod_requests(self.allocated(pod)), pod_requests(pod)
        more = any(wanted.get(name, 0) > before.get(name, 0) for name in (CPU, MEMORY))
        pending = self.conditions.pending(pod_uid(pod))
        since = pending.last_transition_time if pending and pending.last_transition_time else "~"  # new ones last
        return more, -(pod.spec.priority or 0), qos_class(pod) != GUARANTEED, since

    def _try(self, pod: Pod) -> bool:
        """Allocate what the spec asks for if it fits; else say why not. Returns whether it was allocated."""
        uid, generation = pod_uid(pod), pod.metadata.generation
        if self.allocated(pod) is pod:
            self.conditions.clear_pending(uid)
            return False
        rejection = self._fits(pod)
        if rejection is None:
            self._store.set(uid, resources_of_pod(pod))
            self.conditions.clear_pending(uid)
            self.conditions.clear_in_progress(uid)
            self.conditions.set_in_progress(uid, generation)
            self._event(pod, "Normal", "ResizeStarted", resize_message(pod, generation, "started"))
            return True
        reason = INFEASIBLE if rejection.reason == INFEASIBLE else DEFERRED
        if self.conditions.set_pending(uid, reason, rejection.message, generation):
            logger.info("Pod cannot be resized now pod=%s reason=%s message=%s", formatted(pod), reason,
                        rejection.message)
            message = resize_message(pod, generation, rejection.reason, rejection.message)
            self._event(pod, "Warning", f"Resize{reason}", message)
        return False

    def in_progress(self, pod: Pod, actuated: bool) -> None:
        """The pod's worker sees whether what is allocated has been given to all running containers."""
        uid = pod_uid(pod)
        if not actuated:
            self.conditions.set_in_progress(uid, pod.metadata.generation)
            return
        over = self.conditions.clear_in_progress(uid)
        if over is not None:
            message = resize_message(pod, over.observed_generation, "completed")
            self._event(pod, "Normal", "ResizeCompleted", message)
            self.retry()

    def failed(self, pod: Pod, error: str) -> None:
        """The runtime or the kernel did not take the new sizes; the worker will try again."""
        generation = pod.metadata.generation
        if self.conditions.set_in_progress(pod_uid(pod), generation, error):
            self._event(pod, "Warning", "ResizeError", resize_message(pod, generation, "error", error))

    def _event(self, pod: Pod, kind: str, reason: str, message: str) -> None:
        self._recorder.event(pod_reference(pod), kind, reason, message)
