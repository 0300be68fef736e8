"""Looking at pods through the CRI: two lists say which pods changed, status calls say how, for those pods only.

    list_pods()          one ListPodSandbox + one ListContainers  ─▶  {uid: PodRecord}
    inspect(record, …)   PodSandboxStatus and ContainerStatus of what may have changed  ─▶  PodRuntimeStatus

A container that had exited stays as it was, and so does a sandbox that was not ready: they are never asked for again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from cri.errors import NotFoundError
from cri.v1 import api_pb2 as cri
from pleg.state import (
    POD_NAME_LABEL,
    POD_NAMESPACE_LABEL,
    POD_UID_LABEL,
    ContainerStatus,
    PodRuntimeStatus,
    RunState,
    SandboxStatus,
    container_from_cri,
    containers_newest_first,
    newest_first,
    sandbox_from_cri,
)

T = TypeVar("T")
U = TypeVar("U")


class Runtime(Protocol):
    """What PLEG asks of a CRI runtime; cri.client.RuntimeClient is one."""

    def ListPodSandbox(self, request: cri.ListPodSandboxRequest, /) -> Awaitable[cri.ListPodSandboxResponse]: ...
    def ListContainers(self, request: cri.ListContainersRequest, /) -> Awaitable[cri.ListContainersResponse]: ...
    def PodSandboxStatus(self, request: cri.PodSandboxStatusRequest, /) -> Awaitable[cri.PodSandboxStatusResponse]: ...
    def ContainerStatus(self, request: cri.ContainerStatusRequest, /) -> Awaitable[cri.ContainerStatusResponse]: ...
    def events(self) -> AsyncIterator[cri.ContainerEventResponse]: ...


@dataclass(frozen=True, slots=True)
class PodRecord:
    """One pod in the runtime's lists. sandboxes: id → ready; containers: id → (state, sandbox id)."""

    uid: str
    name: str
    namespace: str
    sandboxes: dict[str, bool]
    containers: dict[str, tuple[RunState, str]]

    def matches(self, status: PodRuntimeStatus) -> bool:
        """Whether lists can see no difference from what is known."""
        return len(self.sandboxes) == len(status.sandboxes) and len(self.containers) == len(status.containers) and all(
            self.sandboxes.get(sandbox.id) is sandbox.ready for sandbox in status.sandboxes
        ) and all(
            (listed := self.containers.get(container.id)) is not None and listed[0] is container.state
            for container in status.containers
        )


def records(
    sandboxes: Iterable[cri.PodSandbox], containers: Iterable[cri.Container]
) -> dict[str, PodRecord]:
    """The lists grouped by pod. What carries no pod UID was not started by a kubelet and is left alone."""
    pods: dict[str, PodRecord] = {}
    owner: dict[str, str] = {}
    for sandbox in sandboxes:
        metadata = sandbox.metadata
        uid = metadata.uid or sandbox.labels.get(POD_UID_LABEL, "")
        if not uid:
            continue
        owner[sandbox.id] = uid
        record = pods.setdefault(uid, PodRecord(uid, metadata.name, metadata.namespace, {}, {}))
        record.sandboxes[sandbox.id] = sandbox.state == cri.SANDBOX_READY
    for container in containers:
        labels = container.labels
        uid = labels.get(POD_UID_LABEL, "") or owner.get(container.pod_sandbox_id, "")
        if not uid:
            continue
        record = pods.setdefault(
            uid, PodRecord(uid, labels.get(POD_NAME_LABEL, ""), labels.get(POD_NAMESPACE_LABEL, ""), {}, {})
        )
        record.containers[container.id] = RunState(container.state), container.pod_sandbox_id
    return pods


async def list_pods(runtime: Runtime, uid: str = "") -> dict[str, PodRecord]:
    """All pods of the runtime, or the one with `uid`. Raises CriError."""
    selector = {POD_UID_LABEL: uid} if uid else {}
    sandboxes, containers = await _both(
        runtime.ListPodSandbox(
            cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter(label_selector=selector) if uid else None)
        ),
        runtime.ListContainers(
            cri.ListContainersRequest(filter=cri.ContainerFilter(label_selector=selector) if uid else None)
        ),
    )
    return records(sandboxes.items, containers.containers)


async def inspect(
    runtime: Runtime, record: PodRecord, known: PodRuntimeStatus | None, observed_at: float
) -> PodRuntimeStatus:
    """The full state of a listed pod. Raises CriError; what has gone since the list is left out."""

    async def sandbox(sandbox_id: str, ready: bool) -> SandboxStatus | None:
        old = next((one for one in known.sandboxes if one.id == sandbox_id), None) if known else None
        if old and not old.ready and not ready:
            return old
        try:
            answer = await runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))
        except NotFoundError:
            return None
        return sandbox_from_cri(answer.status)

    async def container(container_id: str, state: RunState, sandbox_id: str) -> ContainerStatus | None:
        old = known.container_by_id(container_id) if known else None
        if old and old.state is RunState.EXITED and state is RunState.EXITED:
            return old
        try:
            answer = await runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
        except NotFoundError:
            return None
        return container_from_cri(answer.status, sandbox_id)

    sandboxes, containers = await _both(
        _all(sandbox(sandbox_id, ready) for sandbox_id, ready in record.sandboxes.items()),
        _all(container(container_id, *seen) for container_id, seen in record.containers.items()),
    )
    return PodRuntimeStatus(
        record.uid, record.name, record.namespace,
        newest_first(one for one in sandboxes if one), containers_newest_first(one for one in containers if one),
        observed_at,
    )


def merge_event(
    known: PodRuntimeStatus | None, event: cri.ContainerEventResponse, observed_at: float
) -> PodRuntimeStatus:
    """`known` with one sandbox and its containers as an event states them.

    An event speaks of the containers of its own sandbox; those of the pod's earlier sandboxes stay as they were.
    """
    status = event.pod_sandbox_status
    sandbox = sandbox_from_cri(status)
    uid, name, namespace = status.metadata.uid, status.metadata.name, status.metadata.namespace
    base = known or PodRuntimeStatus(uid, name, namespace)
    others = tuple(one for one in base.sandboxes if one.id != sandbox.id)
    home: dict[str, str] = {container.id: container.sandbox_id for container in base.containers}
    stated = {
        one.id: container_from_cri(one, home.get(one.id, sandbox.id)) for one in event.containers_statuses
    }
    kept = (one for one in base.containers if one.id not in stated and one.sandbox_id != sandbox.id)
    return replace(
        base, name=name, namespace=namespace, observed_at=observed_at,
        sandboxes=newest_first((sandbox, *others)), containers=containers_newest_first((*stated.values(), *kept)),
    )


def without(known: PodRuntimeStatus, container_id: str, observed_at: float) -> PodRuntimeStatus:
    """`known` after the container, or the sandbox with all that was in it, has been removed."""
    return replace(
        known, observed_at=observed_at,
        sandboxes=tuple(one for one in known.sandboxes if one.id != container_id),
        containers=tuple(one for one in known.containers if container_id not in (one.id, one.sandbox_id)),
    )


def contradicts(event: cri.ContainerEventResponse) -> bool:
    """Whether the state that an event carries was read before the thing that it tells of happened."""
    states = {one.id: one.state for one in event.containers_statuses}
    sandbox = event.pod_sandbox_status
    states[sandbox.id] = cri.CONTAINER_RUNNING if sandbox.state == cri.SANDBOX_READY else cri.CONTAINER_EXITED
    state = states.get(event.container_id)
    match event.container_event_type:
        case cri.CONTAINER_STARTED_EVENT:
            return state is None or state == cri.CONTAINER_CREATED
        case cri.CONTAINER_STOPPED_EVENT:
            return state is None or state == cri.CONTAINER_RUNNING
        case _:
            return state is None


def tells_all(known: PodRuntimeStatus | None, event: cri.ContainerEventResponse) -> bool:
    """Whether an event and what is known are the whole pod. An event is silent of the pod's other sandboxes and of what
    was in them: who knows nothing yet may miss some, and those that are thought to be alive beside this one have ended
    without a word, as while the runtime was out of touch with its engine."""
    sandbox = event.pod_sandbox_status
    if known is None:
        return sandbox.metadata.attempt == 0
    others = (one for one in known.containers if one.sandbox_id != sandbox.id)
    return not any(one.running for one in others) \
        and not any(one.ready for one in known.sandboxes if one.id != sandbox.id)


async def _both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Both at once; the first error is raised when neither is under way any more."""
    one, two = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(two, BaseException):
        raise two
    return one, two


async def _all(looks: Iterable[Awaitable[T]]) -> list[T]:
    found: list[T] = []
    for result in await asyncio.gather(*looks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
