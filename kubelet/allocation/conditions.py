"""PodResizePending and PodResizeInProgress: what a pod's status says of a resize that is not over.

Kept apart from the statuses, since they are set by the allocation and by the pod's worker, and read by every status.
Source: pkg/kubelet/status/status_manager.go (SetPodResizePendingCondition and its siblings).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from kubelet.api.meta import PodUID, format_time
from kubelet.api.types import Pod, PodCondition
from kubelet.podstatus.conditions import RESIZE_IN_PROGRESS, RESIZE_PENDING, find

DEFERRED, INFEASIBLE, ERROR = "Deferred", "Infeasible", "Error"


@dataclass(slots=True)
class _Conditions:
    pending: PodCondition | None = None
    in_progress: PodCondition | None = None


class ResizeConditions:
    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._pods: dict[PodUID, _Conditions] = {}

    def of(self, uid: PodUID) -> tuple[PodCondition, ...]:
        known = self._pods.get(uid) or _Conditions()
        return tuple(condition for condition in (known.pending, known.in_progress) if condition is not None)

    def pending(self, uid: PodUID) -> PodCondition | None:
        known = self._pods.get(uid)
        return known.pending if known else None

    def adopt(self, pod: Pod, uid: PodUID) -> None:
        """After a start of the agent: what the API server's status says of resizes is where we go on."""
        if uid not in self._pods:
            self._pods[uid] = _Conditions(
                find(pod.status.conditions, RESIZE_PENDING), find(pod.status.conditions, RESIZE_IN_PROGRESS)
            )

    def set_pending(self, uid: PodUID, reason: str, message: str, generation: int | None) -> bool:
        """True if that is news: another reason, or another generation of the pod."""
        known = self._pods.setdefault(uid, _Conditions())
        old, known.pending = known.pending, self._made(RESIZE_PENDING, known.pending, reason, message, generation)
        return old is None or (old.reason, old.observed_generation) != (reason, generation)

    def clear_pending(self, uid: PodUID) -> None:
        if known := self._pods.get(uid):
            known.pending = None

    def set_in_progress(self, uid: PodUID, generation: int | None, error: str = "") -> bool:
        """True if that is news. A condition that is there keeps its generation, and its error until it is cleared."""
        known = self._pods.setdefault(uid, _Conditions())
        old, reason, message = known.in_progress, ERROR if error else "", error
        if old is not None:
            generation = old.observed_generation
            if not error:
                reason, message = old.reason, old.message
        known.in_progress = self._made(RESIZE_IN_PROGRESS, old, reason, message, generation)
        return old is None or (old.reason, old.message) != (reason, message)

    def clear_in_progress(self, uid: PodUID) -> PodCondition | None:
        """Returns what there was."""
        known = self._pods.get(uid)
        if known is None:
            return None
        old, known.in_progress = known.in_progress, None
        return old

    def retain(self, uids: Collection[PodUID]) -> None:
        self._pods = {uid: known for uid, known in self._pods.items() if uid in uids}

    def _made(
        self, type_: str, old: PodCondition | None, reason: str, message: str, generation: int | None
    ) -> PodCondition:
        if old is not None and (old.reason, old.message, old.observed_generation) == (reason, message, generation):
            return old
        now = format_time(self._wall())
        made = PodCondition(
            type=type_, status="True", reason=reason, message=message, observed_generation=generation,
            last_probe_time=now, last_transition_time=now,
        )
        if old is not None and old.reason == reason:
            return msgspec.structs.replace(made, last_transition_time=old.last_transition_time)
        return made
