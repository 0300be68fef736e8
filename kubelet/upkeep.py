"""What the sync loop has others do: admission, rejection, tidying up after pods that are gone, mirrors of gone pods.

After a pod left the API server nothing of it may stay: its containers and sandboxes are removed from the runtime, its
log directory and links, its directory below the root (never behind a mount), its statuses, probes and cgroups. Most of
that is done at once here; the collector (kubelet.collection) is the safety net.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from cri.errors import CriError
from kubelet.admission import Rejection
from kubelet.api.meta import PodUID, formatted, full_name, pod_reference, pod_uid
from kubelet.api.types import Pod
from kubelet.cgroups import CgroupError
from kubelet.events import EventRecorder
from kubelet.podstatus import StatusManager, rejected_status
from kubelet.podworkers import PodWorkers
from kubelet.preemption import Preemption, Preemptor
from kubelet.volumes.types import MountError, VolumeError

logger = logging.getLogger(__name__)


Matter = Callable[[], set[PodUID]]
"""The pods that are wanted or may have something running, now."""


class Mirrors(Protocol):
    async def delete(self, full_name: str, uid: PodUID) -> None: ...


class DeviceAdmission(Protocol):
    def needs(self, pod: Pod) -> bool: ...

    async def give(self, pod: Pod) -> Rejection | None: ...


@dataclass(frozen=True, slots=True)
class Tidier:
    """One room's clean-up: it forgets or removes what belongs to no pod that still matters.

    Which pods matter is asked for each time before something is removed, never remembered over an await: a pod that
    comes meanwhile must not lose the volumes and the processes that its worker is just giving it.
    """

    name: str
    tidy: Callable[[Matter], Awaitable[None]]


class Upkeep:
    def __init__(
        self, admit: Callable[[Pod, Collection[PodUID]], Rejection | Preemption | None], preemptor: Preemptor,
        statuses: StatusManager, recorder: EventRecorder, mirrors: Mirrors | None, tidiers: Iterable[Tidier],
        wall: Callable[[], float],
        on_rejected: Callable[[str], None] = lambda _reason: None, devices: DeviceAdmission | None = None,
    ) -> None:
        """`on_rejected(reason)`: for kubelet_admission_rejections_total."""
        self._preemptor, self._on_rejected, self._devices = preemptor, on_rejected, devices
        self._admit, self._statuses, self._recorder, self._mirrors = admit, statuses, recorder, mirrors
        self._tidiers, self._wall = tuple(tidiers), wall

    def admit(self, pod: Pod, later: Collection[PodUID] = ()) -> Rejection | Preemption | None:
        return self._admit(pod, later)

    def needs_devices(self, pod: Pod) -> bool:
        return self._devices is not None and self._devices.needs(pod)

    async def give_devices(self, pod: Pod) -> Rejection | None:
        return await self._devices.give(pod) if self._devices is not None else None

    async def make_room(self, preemption: Preemption) -> None:
        await self._preemptor.make_room(preemption)

    def reject(self, pod: Pod, rejection: Rejection) -> None:
        """The node does not take the pod: it ends as Failed without ever having run."""
        logger.warning(
            "Pod is rejected pod=%s reason=%s message=%s", formatted(pod), rejection.reason, rejection.message
        )
        self._on_rejected(rejection.reason)
        self._recorder.event(pod_reference(pod), "Warning", rejection.reason, rejection.message)
        self._statuses.set(pod, rejected_status(pod, rejection.reason, rejection.message, self._wall()))

    async def tidy(self, matter: Matter) -> None:
        """Each room by itself: one that fails says so and is asked again, the others go on."""
        for tidier in self._tidiers:
            try:
                await tidier.tidy(matter)
            except (OSError, CriError, CgroupError, MountError, VolumeError) as error:
                logger.warning("Cleaning up after gone pods failed room=%s err=%s", tidier.name, error)

    async def delete_mirrors(self, mirrors: list[Pod]) -> None:
        if self._mirrors is None:
            return
        async with asyncio.TaskGroup() as group:
            for mirror in mirrors:
                group.create_task(self._mirrors.delete(full_name(mirror), pod_uid(mirror)))


def active_pods(pods: Iterable[Pod], statuses: StatusManager, workers: PodWorkers) -> list[Pod]:
    """Pods that use the node's resources: neither ended for good nor terminated (filterOutInactivePods)."""
    active = []
    for pod in pods:
        uid = pod_uid(pod)
        status = statuses.get(uid) or pod.status
        if workers.is_terminated(uid):
            continue
        if status.phase in ("Failed", "Succeeded") and not workers.could_have_running_containers(uid):
            continue
        active.append(pod)
    return active
