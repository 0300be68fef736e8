"""What the HTTP servers and the operator's socket see of the agent: answers from memory, put together here.

Pods are shown as upstream's /pods shows them: the spec that is run, with the status as it is now.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cri.client import RuntimeClient
from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Node, Pod, PodStatus
from kubelet.collection import Prospect
from kubelet.config import KubeletConfiguration, KubeletFlags, effective_flags, to_plain
from kubelet.devices.manager import DeviceWait
from kubelet.events import LogEventRecorder
from kubelet.explain import (
    EventView,
    ManifestProblem,
    NodeHealth,
    PullView,
    RoomView,
    StepView,
    VolumeView,
    WorkerView,
)
from kubelet.images.progress import PullProgress
from kubelet.lastwords import log_paths
from kubelet.operator.view import CollectedItem, CollectionView, NodeFacts
from kubelet.orphans import pod_from_runtime
from kubelet.podmanager import PodManager
from kubelet.podworkers import PodWorkers, WorkPhase
from kubelet.sources import PodConfig
from kubelet.syncloop import RoomWait
from kubelet.timeline import Timeline
from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION
from kubelet.volumes import VolumeManager
from kubelet.volumes.types import VolumeWait
from pleg.cache import PodCache

_PHASES = {
    WorkPhase.SYNC: "sync", WorkPhase.TERMINATING: "terminating", WorkPhase.TERMINATED: "terminated",
    WorkPhase.FINISHED: "terminated",
}


class StatusSource(Protocol):
    def get(self, uid: PodUID) -> PodStatus | None: ...


def with_status(pods: Iterable[Pod], statuses: StatusSource) -> list[Pod]:
    """Each pod with its current status; the API's where none was made here yet."""
    return [
        msgspec.structs.replace(pod, status=status) if (status := statuses.get(pod_uid(pod))) is not None else pod
        for pod in pods
    ]


class AgentView:
    """The server's NodeView."""

    def __init__(
        self, pods: PodManager, statuses: StatusSource, cache: PodCache, runtime: RuntimeClient,
    ) -> None:
        self._pods, self._statuses, self._cache, self._runtime = pods, statuses, cache, runtime

    def pods(self) -> Sequence[Pod]:
        return with_status(self._pods.pods(), self._statuses)

    def pod_by_name(self, namespace: str, name: str) -> Pod | None:
        pod = self._pods.by_name(namespace, name)
        return with_status([pod], self._statuses)[0] if pod is not None else None

    async def running_pods(self) -> Sequence[Pod]:
        return [pod_from_runtime(runtime) for runtime in self._cache if runtime.running_containers]

    async def log_path(self, pod: Pod, container_id: str) -> Path | None:
        found = self._cache.get(pod_uid(pod)).container_by_id(container_id)
        if found is not None and found.log_path:
            return Path(found.log_path)
        try:
            response = await self._runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
        except CriError:
            return None
        return Path(response.status.log_path) if response.status.log_path else None

    async def is_running(self, container_id: str) -> bool:
        try:
            response = await self._runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
        except NotFoundError:
            return False
        except CriError:
            return True
        return response.status.state in (cri.CONTAINER_CREATED, cri.CONTAINER_RUNNING)


class SettingsView:
    """The server's ConfigView."""

    def __init__(self, config: KubeletConfiguration, flags: KubeletFlags) -> None:
        self._config, self._flags = config, flags

    def configz(self) -> Mapping[str, Any]:
        plain: dict[str, Any] = to_plain(self._config)
        return {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1"} | plain

    def flags(self) -> Mapping[str, str]:
        return effective_flags(self._config, self._flags)


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What does not change while the agent runs."""

    node_name: str
    standalone: bool
    runtime_endpoint: str
    root_dir: Path
    started_at: float


def collection_view(prospect: Prospect) -> CollectionView:
    disk, policy = prospect.disk, prospect.policy
    return CollectionView(
        items=tuple(
            CollectedItem(item.kind.value, item.subject, item.name, item.remove, item.reason, item.size)
            for item in prospect.plan
        ),
        high_percent=policy.high_percent, low_percent=policy.low_percent,
        disk_capacity=disk.capacity if disk else None, disk_used_percent=disk.used_percent if disk else None,
        wanted_bytes=prospect.wanted_bytes, problems=prospect.problems,
    )


@dataclass(frozen=True, slots=True)
class OperatorRooms:
    """The rooms that the operator's questions are answered from."""

    pods: PodManager
    statuses: StatusSource
    workers: PodWorkers
    cache: PodCache
    steps: Mapping[PodUID, str]
    config: PodConfig
    events: LogEventRecorder
    timeline: Timeline
    volumes: VolumeManager
    progress: PullProgress
    room_wait: Callable[[PodUID], RoomWait | None]
    device_wait: Callable[[PodUID], DeviceWait | None]


class AgentOperatorView:
    """The operator socket's OperatorView."""

    def __init__(
        self, facts: AgentFacts, rooms: OperatorRooms, node: Callable[[], Node], health: Callable[[], NodeHealth],
        checks: Callable[[], Mapping[str, str]], runtime_name: Callable[[], str],
        prospect: Callable[[], Awaitable[Prospect]],
    ) -> None:
        self._facts, self._rooms, self._node, self._prospect = facts, rooms, node, prospect
        self._health, self._checks, self._runtime_name = health, checks, runtime_name

    async def look(self) -> None:
        await self._rooms.progress.look()

    def pulls(self) -> Mapping[str, PullView]:
        return self._rooms.progress.pulls()

    async def collection(self) -> CollectionView:
        return collection_view(await self._prospect())

    def node(self) -> NodeFacts:
        facts = self._facts
        return NodeFacts(
            node_name=facts.node_name, version=f"{PODWRIGHT_VERSION} (Kubernetes {KUBERNETES_VERSION})",
            started_at=facts.started_at, mode="standalone" if facts.standalone else "cluster",
            runtime=self._runtime_name(), runtime_endpoint=facts.runtime_endpoint, root_dir=str(facts.root_dir),
            pid=os.getpid(), health=self._health(),
            conditions=tuple(
                (condition.type, condition.status, condition.message)
                for condition in self._node().status.conditions
            ),
            checks=dict(self._checks()),
        )

    def pods(self) -> Sequence[Pod]:
        """The wanted pods, and those that their source has dropped until their workers have taken everything down."""
        workers, wanted = self._rooms.workers, self._rooms.pods.pods()
        known = {pod_uid(pod) for pod in wanted}
        leaving = [
            worker.work.pod for uid in workers.uids()
            if uid not in known and (worker := workers.view(uid)) is not None
            and worker.work.phase is not WorkPhase.FINISHED
        ]
        return with_status([*wanted, *leaving], self._rooms.statuses)

    def worker(self, uid: str) -> WorkerView | None:
        worker = self._rooms.workers.view(PodUID(uid))
        if worker is None:
            wait = self._rooms.device_wait(PodUID(uid))
            return WorkerView(uid, "sync", doing=wait.what, since=wait.since) if wait is not None else None
        doing = self._rooms.steps.get(PodUID(uid), "") if worker.syncing_since is not None else ""
        failing_since = worker.failing_since if worker.last_error else None
        since = failing_since or (worker.syncing_since if doing else worker.phase_since)
        retry_at = unix_time(worker.due_at) or (time.time() if doing else None)  # it tries again right now
        return WorkerView(
            uid=uid, phase=_PHASES[worker.work.phase], doing=doing, since=unix_time(since),
            last_error=worker.last_error, next_retry_at=retry_at if worker.last_error else None,
            steps=tuple(StepView(span.stage, span.begin, span.detail) for span in self._rooms.timeline.under_way(uid)),
            volumes=tuple(_volume_view(wait) for wait in self._rooms.volumes.waits(PodUID(uid))),
        )

    def room(self, uid: str) -> RoomView | None:
        wait = self._rooms.room_wait(PodUID(uid))
        if wait is None:
            return None
        since, left = unix_time(wait.since), []
        assert since is not None  # noqa: S101 - it has begun
        for victim in wait.preemption.victims:
            worker = self._rooms.workers.view(pod_uid(victim))
            if worker is not None and worker.work.phase is not WorkPhase.FINISHED:
                left.append(f"{victim.metadata.namespace}/{victim.metadata.name}")
        return RoomView(tuple(left), tuple(shortage.resource for shortage in wait.preemption.shortages), since)

    def log_paths(self, uid: str) -> Mapping[str, Path]:
        return log_paths(self._rooms.cache.get(PodUID(uid)))

    def events(self, uid: str) -> Sequence[EventView]:
        return [
            EventView(
                kind=event.kind, reason=event.reason, message=event.message, last_seen=event.last_time,
                count=event.count, field_path=event.ref.field_path, first_seen=event.first_time,
            )
            for event in self._rooms.events.recent(uid)
        ]

    def manifest_problems(self) -> Sequence[ManifestProblem]:
        return [
            ManifestProblem(
                where=problem.location, since=problem.since, pod_uid=problem.pod or "",
                problem=f"{problem.path}: {problem.problem}" if problem.path else problem.problem,
            )
            for problem in self._rooms.config.problems()
        ]


def _volume_view(wait: VolumeWait) -> VolumeView:
    since = unix_time(wait.since)
    assert since is not None  # noqa: S101 - it has begun
    return VolumeView(wait.name, wait.error, since, unix_time(wait.retry_at), wait.leaving)


def unix_time(monotonic: float | None) -> float | None:
    """A moment of the monotonic clock as people count time."""
    return None if monotonic is None else monotonic + time.time() - time.monotonic()


class HealthChecks:
    """The server's HealthView."""

    def __init__(self, checks: Callable[[], Mapping[str, str]]) -> None:
        self._checks = checks

    def checks(self) -> Mapping[str, str]:
        return self._checks()
