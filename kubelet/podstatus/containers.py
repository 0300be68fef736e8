"""Container statuses: the runtime's state of each container, told as the API tells it.

For each container of the spec, in this order:
  1. the default: waiting (ContainerCreating, or PodInitializing in a pod with init containers), or what was already
     known to have terminated;
  2. gone from the runtime although it ran: its end is unknown, which is said with exit code 137;
  3. the newest container of that name gives `state`, the one before it `lastState`, or else what was said of it;
  4. cannot be started now: waiting, with the executor's reason; how it last ended moves to `lastState`;
  5. probes decide `started` and `ready`.

Meaning: pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses, pkg/kubelet/prober UpdatePodStatus.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from kubelet.actions import should_restart
from kubelet.api.meta import AnyContainer, ContainerKind, format_time, is_sidecar
from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    EphemeralContainer,
    LinuxContainerUser,
    Pod,
    PodStatus,
    ResourceRequirements,
    VolumeMount,
    VolumeMountStatus,
)
from kubelet.podstatus.context import ProbeFlags, StatusContext
from kubelet.podstatus.reportedresources import allocated_of, resources_of
from kubelet.podstatus.restartall import RESTARTING_ALL_CONTAINERS
from pleg.state import ContainerStatus as RuntimeContainer
from pleg.state import PodRuntimeStatus, RunState

CONTAINER_CREATING, POD_INITIALIZING = "ContainerCreating", "PodInitializing"
STATUS_UNKNOWN = "ContainerStatusUnknown"
UNKNOWN_EXIT_CODE = 137
REMOVED_MESSAGE = "The container is removed because RestartAllContainers in place"
NO_STATE = ContainerState()
NANOSECONDS = 10**9
_LOST = ContainerStateTerminated(
    exit_code=UNKNOWN_EXIT_CODE, reason=STATUS_UNKNOWN,
    message="The container could not be located when the pod was deleted.  The container used to be Running",
)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is the same for all containers of a pod."""

    pod: Pod
    runtime: PodRuntimeStatus
    context: StatusContext
    restarting: bool


def state_of(status: ContainerStatus) -> ContainerState:
    return status.state or NO_STATE


def last_termination(status: ContainerStatus) -> ContainerStateTerminated | None:
    return status.last_state.terminated if status.last_state else None


def container_statuses(
    kind: ContainerKind, pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus, context: StatusContext, *,
    restarting: bool,
) -> tuple[ContainerStatus, ...]:
    """The statuses of one list of containers: init ones in the spec's order, the others by name."""
    containers, old = _lists(kind, pod, previous)
    scene = _Scene(pod, runtime, context, restarting)
    known = {status.name: status for status in old}
    statuses = [_status(scene, kind, container, known.get(container.name)) for container in containers]
    if kind is ContainerKind.REGULAR and context.devices:
        statuses = [
            msgspec.structs.replace(status, allocated_resources_status=context.devices.get(status.name, ()))
            for status in statuses
        ]
    return tuple(statuses) if kind is ContainerKind.INIT else tuple(sorted(statuses, key=lambda status: status.name))


def _lists(
    kind: ContainerKind, pod: Pod, previous: PodStatus
) -> tuple[Sequence[AnyContainer], tuple[ContainerStatus, ...]]:
    match kind:
        case ContainerKind.INIT:
            return pod.spec.init_containers, previous.init_container_statuses
        case ContainerKind.REGULAR:
            return pod.spec.containers, previous.container_statuses
        case ContainerKind.EPHEMERAL:
            return pod.spec.ephemeral_containers, previous.ephemeral_container_statuses


def _status(
    scene: _Scene, kind: ContainerKind, container: AnyContainer, old: ContainerStatus | None
) -> ContainerStatus:
    seen = [found for found in scene.runtime.containers if found.name == container.name]
    if seen:
        status = _from_runtime(scene, container, seen[0], old)
        # One that was created and never started tells nothing of how the container ended last.
        states = (state_of(_from_runtime(scene, container, found, old)) for found in seen[1:])
        ended = next((state for state in states if state.terminated), None)
        if ended is not None:
            status = msgspec.structs.replace(status, last_state=ended)
    else:
        status = _default(scene, container, old)
        if old is not None:
            status = _vanished(scene, status, old)
    status = _waiting_to_start(scene, kind, container, status, seen[0] if seen else None)
    return _with_probe_flags(kind, container, status, scene.context.flags.get(container.name))


# 1. Before the runtime knows anything.

def _default(scene: _Scene, container: AnyContainer, old: ContainerStatus | None) -> ContainerStatus:
    if old is not None and state_of(old).terminated is not None:
        return msgspec.structs.replace(old, last_state=old.last_state or NO_STATE)
    reason = POD_INITIALIZING if scene.pod.spec.init_containers else CONTAINER_CREATING
    return ContainerStatus(
        name=container.name, image=container.image, image_id="", ready=False,
        restart_count=old.restart_count if old else 0,
        state=ContainerState(waiting=ContainerStateWaiting(reason=reason)),
        last_state=(old.last_state if old else None) or NO_STATE,
        volume_mounts=_volume_mounts(container.volume_mounts, scene.context.recursive_read_only),
    )


def _volume_mounts(mounts: Iterable[VolumeMount], recursive_supported: bool) -> tuple[VolumeMountStatus, ...]:
    return tuple(
        VolumeMountStatus(
            name=mount.name, mount_path=mount.mount_path, read_only=mount.read_only or None,
            recursive_read_only=_recursive(mount, recursive_supported) if mount.read_only else "",
        )
        for mount in mounts
    )


def _recursive(mount: VolumeMount, supported: bool) -> str:
    """Whether a read-only mount is so at every depth (KEP-3857); a mode that cannot be had is reported as Disabled."""
    wanted = mount.recursive_read_only in ("Enabled", "IfPossible")
    private = mount.mount_propagation in ("", "None")
    return "Enabled" if wanted and private and supported else "Disabled"


# 2. It was there, and is gone.

def _vanished(scene: _Scene, status: ContainerStatus, old: ContainerStatus) -> ContainerStatus:
    before = state_of(old)
    if scene.restarting and before.waiting is None:
        removed = ContainerStateTerminated(
            exit_code=UNKNOWN_EXIT_CODE, reason=RESTARTING_ALL_CONTAINERS, message=REMOVED_MESSAGE
        )
        return msgspec.structs.replace(
            status, restart_count=old.restart_count + 1, last_state=ContainerState(terminated=removed),
            state=ContainerState(
                waiting=ContainerStateWaiting(reason=RESTARTING_ALL_CONTAINERS, message=REMOVED_MESSAGE)
            ),
        )
    if before.running is None or last_termination(status) is not None:
        return status
    # A pod that is not being deleted gets its container restarted.
    restarts = status.restart_count + (0 if scene.pod.metadata.deletion_timestamp else 1)
    return msgspec.structs.replace(status, last_state=ContainerState(terminated=_LOST), restart_count=restarts)


# 3. What the runtime says.

def _from_runtime(
    scene: _Scene, container: AnyContainer, found: RuntimeContainer, old: ContainerStatus | None
) -> ContainerStatus:
    container_id = f"{scene.context.runtime_name}://{found.id}"
    restarts, last = found.restart_count, None
    if old is not None:
        restarts = max(restarts, old.restart_count)
        terminated = state_of(old).terminated
        last = _last_end(scene, found, old, container_id)
        if found.running and terminated is not None and old.restart_count >= found.restart_count \
                and old.container_id != container_id:
            restarts = old.restart_count + 1
    state = _runtime_state(scene, found, container_id)
    if found.state is RunState.UNKNOWN and old is not None and state_of(old).running is not None:
        state = ContainerState(terminated=ContainerStateTerminated(
            exit_code=UNKNOWN_EXIT_CODE, reason=RESTARTING_ALL_CONTAINERS if scene.restarting else STATUS_UNKNOWN,
            message="The container could not be located when the pod was terminated",
        ))
        restarts = old.restart_count + 1
    elif found.state is RunState.UNKNOWN and old is not None and old.container_id == container_id \
            and state_of(old).terminated is not None:
        state = state_of(old)  # as was said when it was lost
    spec = container if isinstance(container, Container) else None
    return ContainerStatus(
        name=found.name, image=found.image, image_id=found.image_ref, container_id=container_id,
        restart_count=restarts, ready=False, state=state,
        last_state=ContainerState(terminated=last) if last else NO_STATE,
        started=old.started if old and found.running else None,
        volume_mounts=(old.volume_mounts if old else ())
        or _volume_mounts(container.volume_mounts, scene.context.recursive_read_only),
        resources=resources_of(spec, found, old, container_id, _given(scene, found.name))
        if spec else None,
        allocated_resources=allocated_of(spec) if spec else {},
        user=_user(found), stop_signal=found.stop_signal if scene.context.stop_signals else "",
    )


def _last_end(
    scene: _Scene, found: RuntimeContainer, old: ContainerStatus, container_id: str
) -> ContainerStateTerminated | None:
    """How the container last ended before this instance, by what was said of it before.

    An instance that was said to run and that the runtime knows no more has ended unseen: it was removed together with
    its end, or its engine was killed before it wrote down that it had started it. Upstream says nothing of such a one,
    and shows a pod that ran as Pending while its successor is not started yet.
    """
    another = old.container_id != container_id or found.state is RunState.CREATED
    told = _told_end(old, another)
    if told is not None or state_of(old).running is None:
        return told
    same = scene.runtime.container_by_id(old.container_id.partition("://")[2])
    return None if same is not None and same.state is not RunState.CREATED else _LOST


def _told_end(before: ContainerStatus, another: bool) -> ContainerStateTerminated | None:
    """How the last instance before this one is said to have ended; `another`: what is shown as the state was that."""
    return (state_of(before).terminated if another else None) or last_termination(before)


def with_past(status: PodStatus, before: PodStatus) -> PodStatus:
    """`status`, made without knowing what was said before, with what `before` tells of how containers ended."""
    def told(lists: tuple[ContainerStatus, ...], earlier: tuple[ContainerStatus, ...]) -> tuple[ContainerStatus, ...]:
        known = {one.name: one for one in earlier}
        return tuple(_with_past(one, known[one.name]) if one.name in known else one for one in lists)

    return msgspec.structs.replace(
        status,
        init_container_statuses=told(status.init_container_statuses, before.init_container_statuses),
        container_statuses=told(status.container_statuses, before.container_statuses),
        ephemeral_container_statuses=told(status.ephemeral_container_statuses, before.ephemeral_container_statuses),
    )


def _with_past(status: ContainerStatus, before: ContainerStatus) -> ContainerStatus:
    another = bool(status.container_id) and before.container_id != status.container_id
    lost = _LOST if another and state_of(before).running else None
    last = last_termination(status) or _told_end(before, another) or lost
    return msgspec.structs.replace(
        status, restart_count=max(status.restart_count, before.restart_count),
        last_state=ContainerState(terminated=last) if last else status.last_state,
    )


def _runtime_state(scene: _Scene, found: RuntimeContainer, container_id: str) -> ContainerState:
    match found.state:
        case RunState.RUNNING:
            return ContainerState(running=ContainerStateRunning(started_at=_time(found.started_at)))
        case RunState.EXITED:
            message = scene.context.termination_messages.get(found.id, found.message)
            return ContainerState(terminated=ContainerStateTerminated(
                exit_code=found.exit_code, reason=found.reason, message=message, container_id=container_id,
                started_at=_time(found.started_at), finished_at=_time(found.finished_at),
            ))
        case RunState.CREATED | RunState.UNKNOWN:
            return ContainerState(waiting=ContainerStateWaiting())


def _given(scene: _Scene, name: str) -> ResourceRequirements | None:
    return scene.context.actuated.containers.get(name) if scene.context.actuated else None


def _time(nanoseconds: int) -> str:
    return format_time(nanoseconds / NANOSECONDS)


def _user(found: RuntimeContainer) -> ContainerUser | None:
    if found.user is None:
        return None
    return ContainerUser(linux=LinuxContainerUser(
        uid=found.user.uid, gid=found.user.gid, supplemental_groups=found.user.supplemental_groups
    ))


# 4. What cannot be started.

def _waiting_to_start(
    scene: _Scene, kind: ContainerKind, container: AnyContainer, status: ContainerStatus,
    newest: RuntimeContainer | None,
) -> ContainerStatus:
    if kind is ContainerKind.INIT:
        if newest is not None and newest.state is RunState.EXITED and newest.exit_code == 0:
            return status
        if newest is None and not is_sidecar(container) and state_of(status).waiting and _regular_created(scene):
            return msgspec.structs.replace(status, state=ContainerState(terminated=ContainerStateTerminated(
                exit_code=0, reason="Completed",
                message="Unable to get init container status from container runtime and pod has been initialized, "
                        "treat it as exited normally",
            )))
    reason = scene.context.reasons.get(container.name)
    if reason is None or not _to_be_started(scene.pod, container, newest):
        return status
    ended = state_of(status).terminated
    return msgspec.structs.replace(
        status, state=ContainerState(waiting=ContainerStateWaiting(reason=reason[0], message=reason[1])),
        last_state=ContainerState(terminated=ended) if ended else status.last_state,
    )


def _to_be_started(pod: Pod, container: AnyContainer, newest: RuntimeContainer | None) -> bool:
    if isinstance(container, EphemeralContainer):
        return newest is None and not pod.metadata.deletion_timestamp
    return should_restart(pod, container, newest)


def _regular_created(scene: _Scene) -> bool:
    found = (scene.runtime.container(container.name) for container in scene.pod.spec.containers)
    return any(status is not None and status.state is not RunState.UNKNOWN for status in found)


# 5. Probes.

def _with_probe_flags(
    kind: ContainerKind, container: AnyContainer, status: ContainerStatus, flags: ProbeFlags | None
) -> ContainerStatus:
    if kind is ContainerKind.EPHEMERAL:
        return status
    running = state_of(status).running is not None
    started = running and (flags is None or flags.started)
    if kind is ContainerKind.INIT and not is_sidecar(container):
        ended = state_of(status).terminated
        return msgspec.structs.replace(status, started=started, ready=ended is not None and ended.exit_code == 0)
    ready = started and (flags is None or flags.ready)
    return msgspec.structs.replace(status, started=started, ready=ready)
