"""The pod conditions that the kubelet owns, as functions of the spec, the container statuses and the phase.

    PodReadyToStartContainers  a sandbox with a network is there
    Initialized                init containers are done, sidecars started
    ContainersReady            every container and sidecar is ready
    Ready                      ContainersReady, and all readiness gates are True
    PodScheduled               always: the pod is here

Reasons and message forms: pkg/kubelet/status/generate.go. Transition times are set by `with_transition_times` alone.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kubelet.actions import sandbox_change
from kubelet.api.meta import format_time, is_sidecar
from kubelet.api.types import Container, ContainerStatus, Pod, PodCondition, PodStatus
from pleg.state import PodRuntimeStatus

READY, CONTAINERS_READY, INITIALIZED, SCHEDULED = "Ready", "ContainersReady", "Initialized", "PodScheduled"
READY_TO_START_CONTAINERS = "PodReadyToStartContainers"
DISRUPTION_TARGET = "DisruptionTarget"
RESIZE_PENDING, RESIZE_IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
ALL_CONTAINERS_RESTARTING = "AllContainersRestarting"

OWNED = frozenset({
    READY, CONTAINERS_READY, INITIALIZED, SCHEDULED, READY_TO_START_CONTAINERS, RESIZE_PENDING, RESIZE_IN_PROGRESS,
    ALL_CONTAINERS_RESTARTING,
})
"""Written by the kubelet alone; every other condition is somebody else's and only passed on."""
SHARED = frozenset({DISRUPTION_TARGET})
"""Written by the kubelet and by others; the kubelet sets it, and never takes it away."""


def is_terminal(phase: str) -> bool:
    return phase in ("Succeeded", "Failed")


def find(conditions: Iterable[PodCondition], type_: str) -> PodCondition | None:
    return next((condition for condition in conditions if condition.type == type_), None)


def replaced(conditions: Sequence[PodCondition], condition: PodCondition) -> tuple[PodCondition, ...]:
    """`conditions` with `condition` in the place of the one of its type, or at the end."""
    if find(conditions, condition.type) is None:
        return (*conditions, condition)
    return tuple(condition if old.type == condition.type else old for old in conditions)


def _condition(pod: Pod, type_: str, holds: bool, reason: str = "", message: str = "") -> PodCondition:
    return PodCondition(
        type=type_, status="True" if holds else "False", reason=reason, message=message,
        observed_generation=pod.metadata.generation or None,
    )


def scheduled(pod: Pod) -> PodCondition:
    return _condition(pod, SCHEDULED, True)


def ready_to_start_containers(pod: Pod, runtime: PodRuntimeStatus) -> PodCondition:
    return _condition(pod, READY_TO_START_CONTAINERS, not sandbox_change(pod, runtime.sandboxes).needed)


def containers_ready(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str) -> PodCondition:
    """`statuses`: by name, of init and regular containers; empty when nothing is known of any."""
    return _containers_ready(pod, statuses, phase, CONTAINERS_READY)


def _containers_ready(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: str, type_: str) -> PodCondition:
    if not statuses:
        return _condition(pod, type_, False, "UnknownContainerStatuses")
    counted = [container for container in pod.spec.init_containers if is_sidecar(container)]
    counted += pod.spec.containers
    unknown = [container.name for container in counted if container.name not in statuses]
    unready = [container.name for container in counted if container.name in statuses
               and not statuses[container.name].ready]
    if phase == "Failed" or (phase == "Succeeded" and not unknown):
        return _terminal(pod, type_, phase)
    message = _names(unknown, "unknown", unready, "unready")
    if message:
        return _condition(pod, type_, False, "ContainersNotReady", message)
    return _condition(pod, type_, True)


def _terminal(pod: Pod, type_: str, phase: str) -> PodCondition:
    return _condition(pod, type_, False, "PodFailed" if phase == "Failed" else "PodCompleted")


def not_ready_when_terminal(pod: Pod, status: PodStatus) -> PodStatus:
    """A pod that is over is never shown as ready (kubernetes#108594)."""
    if not is_terminal(status.phase):
        return status
    ready = [find(status.conditions, type_) for type_ in (CONTAINERS_READY, READY)]
    if not any(condition and condition.status == "True" for condition in ready):
        return status
    conditions = status.conditions
    for type_ in (CONTAINERS_READY, READY):
        conditions = replaced(conditions, _terminal(pod, type_, status.phase))
    return msgspec.structs.replace(status, conditions=conditions)


def pod_ready(
    pod: Pod, conditions: Sequence[PodCondition], statuses: Mapping[str, ContainerStatus], phase: str
) -> PodCondition:
    """`conditions`: those of others, among which the readiness gates are looked up."""
    condition = _containers_ready(pod, statuses, phase, READY)
    if condition.status != "True":
        return condition
    waiting = []
    for gate in pod.spec.readiness_gates:
        found = find(conditions, gate.condition_type)
        if found is None:
            waiting.append(f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.')
        elif found.status != "True":
            waiting.append(
                f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {found.status}'
            )
    if waiting:
        return _condition(pod, READY, False, "ReadinessGatesNotReady", ", ".join(waiting))
    return condition


def initialized(
    pod: Pod, previous: PodStatus, statuses: Mapping[str, ContainerStatus], phase: str
) -> PodCondition:
    """Once initialized, a pod stays so, whatever its sidecars do."""
    if not statuses and pod.spec.init_containers:
        return _condition(pod, INITIALIZED, False, "UnknownContainerStatuses")
    unknown = [container.name for container in pod.spec.init_containers if container.name not in statuses]
    incomplete = [container.name for container in pod.spec.init_containers if container.name in statuses
                  and not _is_initialized(container, statuses[container.name])]
    if phase == "Succeeded" and not unknown:
        return _condition(pod, INITIALIZED, True, "PodCompleted")
    message = _names(unknown, "unknown", incomplete, "incomplete")
    before = find(previous.conditions, INITIALIZED)
    if not message or _regular_container_started(pod, statuses) or (before and before.status == "True"):
        return _condition(pod, INITIALIZED, True)
    return _condition(pod, INITIALIZED, False, "ContainersNotInitialized", message)


def _is_initialized(container: Container, status: ContainerStatus) -> bool:
    return bool(status.started) if is_sidecar(container) else status.ready


def _regular_container_started(pod: Pod, statuses: Mapping[str, ContainerStatus]) -> bool:
    found = (statuses.get(container.name) for container in pod.spec.containers)
    return any(status and status.state and (status.state.running or status.state.terminated) for status in found)


def _names(first: Sequence[str], first_kind: str, second: Sequence[str], second_kind: str) -> str:
    """Go's way of printing string lists, since people and tests read these messages."""
    parts = [(first, first_kind), (second, second_kind)]
    return ", ".join(f"containers with {kind} status: [{' '.join(names)}]" for names, kind in parts if names)


def with_transition_times(status: PodStatus, previous: PodStatus, now: float) -> PodStatus:
    """Each condition of ours gets the time at which its status last changed: the previous one's, or now. Those of a
    resize come with the time at which their reason changed."""
    def timed(condition: PodCondition) -> PodCondition:
        if condition.type not in OWNED | SHARED or condition.type in (RESIZE_PENDING, RESIZE_IN_PROGRESS):
            return condition
        before = find(previous.conditions, condition.type)
        same = before is not None and before.status == condition.status and before.last_transition_time
        return msgspec.structs.replace(
            condition, last_transition_time=before.last_transition_time if before and same else format_time(now)
        )
    return msgspec.structs.replace(status, conditions=tuple(timed(condition) for condition in status.conditions))
