"""What happens to a status between its making and its sending: cut to size, checked, merged with the API's.

Pure parts of pkg/kubelet/status/status_manager.go (normalizeStatus, checkContainerStateTransition, mergePodStatus,
TerminatePod).
"""

from collections.abc import Sequence

import msgspec

from kubelet.actions import restarts_after
from kubelet.api.meta import is_sidecar, is_static
from kubelet.api.types import Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus
from kubelet.podstatus import conditions, restartall
from kubelet.podstatus.containers import NO_STATE, STATUS_UNKNOWN, UNKNOWN_EXIT_CODE, last_termination, state_of

POD_TERMINATION_MESSAGE_BYTES = 12 * 1024
"""For all containers of a pod together; each gets an equal share."""

_LISTS = ("init_container_statuses", "container_statuses", "ephemeral_container_statuses")


def normalized(pod: Pod, status: PodStatus) -> PodStatus:
    """`status` as the API server would give it back: messages cut, empty states written out."""
    spec = pod.spec
    count = len(spec.containers) + len(spec.init_containers) + len(spec.ephemeral_containers)
    limit = POD_TERMINATION_MESSAGE_BYTES // max(count, 1)
    changes = {
        field: tuple(_normalized_container(container, limit) for container in getattr(status, field))
        for field in _LISTS
    }
    return msgspec.structs.replace(status, **changes)


def _normalized_container(status: ContainerStatus, limit: int) -> ContainerStatus:
    return msgspec.structs.replace(
        status, state=_cut(status.state, limit), last_state=_cut(status.last_state, limit)
    )


def _cut(state: ContainerState | None, limit: int) -> ContainerState:
    if state is None or state.terminated is None:
        return state or NO_STATE
    message = state.terminated.message.encode()
    if len(message) <= limit:
        return state
    short = message[:limit].decode(errors="ignore")
    return ContainerState(terminated=msgspec.structs.replace(state.terminated, message=short))


def illegal_transition(old: PodStatus, new: PodStatus, pod: Pod) -> str:
    """Why `new` cannot follow `old`: a container that has ended for good would live again. Empty when it can."""
    if pod.spec.restart_policy in ("", "Always") or restartall.could_restart(pod):
        return ""
    for kind, specs, before, after in (
        ("container", pod.spec.containers, old.container_statuses, new.container_statuses),
        ("init container", pod.spec.init_containers, old.init_container_statuses, new.init_container_statuses),
    ):
        name = _revived(pod, specs, before, after)
        if name:
            return f"terminated {kind} {name} attempted illegal transition to non-terminated state"
    return ""


def _revived(
    pod: Pod, specs: Sequence[Container], before: Sequence[ContainerStatus], after: Sequence[ContainerStatus]
) -> str:
    by_name = {container.name: container for container in specs}
    now = {status.name: status for status in after}
    for status in before:
        ended, spec, new = state_of(status).terminated, by_name.get(status.name), now.get(status.name)
        if ended is None or spec is None or new is None or is_sidecar(spec):
            continue
        if state_of(new).terminated is None and not restarts_after(pod, spec, ended.exit_code):
            return status.name
    return ""


def merged(pod: Pod, api: PodStatus, new: PodStatus, *, could_run: bool, now: float) -> PodStatus:
    """What to send: `new`, with other writers' parts as the API has them.

    While containers could run (`could_run`) the pod keeps its phase: a terminal one says that all it used is free.
    """
    ends = not conditions.is_terminal(api.phase) and conditions.is_terminal(new.phase)
    kept = tuple(condition for condition in api.conditions if condition.type not in conditions.OWNED)
    for condition in new.conditions:
        if condition.type in conditions.OWNED:
            kept = (*kept, condition)
        elif condition.type in conditions.SHARED and ends and not could_run:
            timed = conditions.with_transition_times(PodStatus(conditions=(condition,)), api, now)
            kept = conditions.replaced(kept, timed.conditions[0])
    result = msgspec.structs.replace(
        new, conditions=kept, resource_claim_statuses=api.resource_claim_statuses,
        extended_resource_claim_status=api.extended_resource_claim_status,
        node_allocatable_resource_claim_statuses=api.node_allocatable_resource_claim_statuses,
        nominated_node_name=api.nominated_node_name, resize=api.resize,
        # An agent that has just started meets its static pods before their mirrors, which know when they began.
        start_time=api.start_time if is_static(pod) and api.start_time else new.start_time,
    )
    if ends and could_run:
        result = msgspec.structs.replace(result, phase=api.phase, reason=api.reason, message=api.message)
    if conditions.is_terminal(api.phase) and result.phase != api.phase and not is_static(pod):
        # The server's word stands: nobody leaves a terminal phase, but for mirrors of static pods that live again.
        result = msgspec.structs.replace(result, phase=api.phase, reason=api.reason, message=api.message)
    over = conditions.not_ready_when_terminal(pod, result)
    return result if over is result else conditions.with_transition_times(over, result, now)


def same_for_us(one: PodStatus, other: PodStatus) -> bool:
    """Whether two statuses say the same, leaving aside what others write and when conditions changed."""
    return _ours(one) == _ours(other)


def _ours(status: PodStatus) -> tuple[PodStatus, frozenset[tuple[str, str, str, str]]]:
    ours = frozenset(
        (condition.type, condition.status, condition.reason, condition.message)
        for condition in status.conditions if condition.type in conditions.OWNED | conditions.SHARED
    )
    rest = msgspec.structs.replace(
        status, conditions=(), resource_claim_statuses=(), extended_resource_claim_status=None,
        node_allocatable_resource_claim_statuses=(), nominated_node_name="", resize="",
    )
    return rest, ours


def finished_status(pod: Pod, status: PodStatus) -> PodStatus:
    """The last status of a pod: what never told how it ended has failed, and the phase is terminal.

    Containers that never started because their init containers failed are left waiting.
    """
    regular = status.container_statuses
    if _has_initialized(pod, status):
        regular = tuple(_ended(container) for container in regular)
    tried = _tried(status.init_container_statuses)
    init = tuple(
        _ended(container) if index < tried else container
        for index, container in enumerate(status.init_container_statuses)
    )
    phase = status.phase
    if not is_static(pod) and not conditions.is_terminal(phase):
        phase = "Failed"
    return msgspec.structs.replace(status, container_statuses=regular, init_container_statuses=init, phase=phase)


def _ended(status: ContainerStatus) -> ContainerStatus:
    if state_of(status).terminated is not None:
        return status
    lost = ContainerStateTerminated(
        exit_code=UNKNOWN_EXIT_CODE, reason=STATUS_UNKNOWN,
        message="The container could not be located when the pod was terminated",
    )
    return msgspec.structs.replace(status, state=ContainerState(terminated=lost), ready=False, started=False)


def _has_initialized(pod: Pod, status: PodStatus) -> bool:
    """Whether there is evidence that regular containers may have started."""
    if not pod.spec.init_containers:
        return True
    if any(last_termination(found) or state_of(found).waiting is None for found in status.container_statuses):
        return True
    if not status.init_container_statuses:
        return False
    last, spec = status.init_container_statuses[-1], pod.spec.init_containers[-1]
    if is_sidecar(spec):
        return state_of(last).running is not None and bool(last.started)
    return any(ended is not None and ended.exit_code == 0 for ended in (last_termination(last),
                                                                        state_of(last).terminated))


def _tried(statuses: Sequence[ContainerStatus]) -> int:
    """How many init containers, from the first, have been tried; at least one."""
    for index in range(len(statuses) - 1, -1, -1):
        if state_of(statuses[index]).waiting is None or last_termination(statuses[index]) is not None:
            return index + 1
    return min(len(statuses), 1)
