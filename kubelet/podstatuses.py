"""The pod worker's view of statuses: facts from probes, runtime and node go in, a published status comes out."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from kubelet.allocation import PodResources
from kubelet.api.meta import PodUID, pod_reference, pod_uid
from kubelet.api.types import Pod, PodCondition, PodStatus, ResourceStatus
from kubelet.events import EventRecorder
from kubelet.podstatus import ProbeFlags, StatusContext, StatusManager, family_mismatch, generate_pod_status
from kubelet.podsync import Reasons
from kubelet.podworkers import Verdict
from kubelet.termination import TerminationMessages
from kubelet.timeline import Stage, Timeline
from pleg.state import PodRuntimeStatus


class Flags(Protocol):
    @property
    def started(self) -> bool: ...

    @property
    def ready(self) -> bool: ...


class PodStatuses:
    """Implements podsync's Statuses."""

    def __init__(
        self, manager: StatusManager, flags: Callable[[PodUID], Mapping[str, Flags]],
        host_ips: Callable[[], tuple[str, ...]], runtime_name: Callable[[], str], timeline: Timeline,
        recursive_read_only: Callable[[Pod], bool], recorder: EventRecorder,
        resize_conditions: Callable[[PodUID], tuple[PodCondition, ...]] = lambda _: (),
        actuated: Callable[[PodUID], PodResources | None] = lambda _: None, stop_signals: bool = False,
        devices: Callable[[Pod], Mapping[str, tuple[ResourceStatus, ...]]] = lambda _: {},
    ) -> None:
        self._manager, self._flags, self._host_ips = manager, flags, host_ips
        self._runtime_name, self._timeline = runtime_name, timeline
        self._recursive_read_only, self._resize_conditions = recursive_read_only, resize_conditions
        self._actuated, self._stop_signals, self._recorder = actuated, stop_signals, recorder
        self._devices = devices
        self.messages = TerminationMessages()

    async def generate(
        self, pod: Pod, runtime: PodRuntimeStatus, reasons: Reasons, *, terminated: bool, verdict: Verdict | None
    ) -> PodStatus:
        flags = {
            name: ProbeFlags(started=flag.started, ready=flag.ready)
            for name, flag in self._flags(pod_uid(pod)).items()
        }
        context = StatusContext(
            now=time.time(), host_ips=self._host_ips(), runtime_name=self._runtime_name(), flags=flags,
            reasons=reasons, termination_messages=await self.messages.of(runtime), pod_terminated=terminated,
            verdict=verdict, recursive_read_only=self._recursive_read_only(pod),
            resize_conditions=self._resize_conditions(pod_uid(pod)), actuated=self._actuated(pod_uid(pod)),
            stop_signals=self._stop_signals, devices=self._devices(pod),
        )
        if mismatch := family_mismatch(pod.status.host_ip, context.host_ips):
            self._recorder.event(pod_reference(pod), "Warning", "HostIPsIPFamilyMismatch", mismatch)
        return generate_pod_status(pod, runtime, self._manager.previous(pod), context)

    def set(self, pod: Pod, status: PodStatus) -> None:
        if any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions):
            self._timeline.mark(pod_uid(pod), Stage.READY)
        self._manager.set(pod, status)

    def get(self, uid: PodUID) -> PodStatus | None:
        return self._manager.get(uid)

    def finish(self, pod: Pod) -> None:
        self._manager.finish(pod)
