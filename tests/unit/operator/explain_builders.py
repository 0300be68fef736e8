"""Pods, statuses and times for the tests of kubelet.explain."""

from kubelet.api.meta import format_time
from kubelet.api.types import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodCondition,
    PodReadinessGate,
    PodSpec,
    PodStatus,
)

NOW = 1_000_000.0


def stamp(seconds_ago: float) -> str:
    return format_time(NOW - seconds_ago)


def pod(status: PodStatus | None = None, *, annotations: dict[str, str] | None = None, deleted: str = "",
        finalizers: tuple[str, ...] = (), host_network: bool = False, gates: tuple[str, ...] = ()) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="u", annotations=annotations or {},
                            deletion_timestamp=deleted, finalizers=finalizers,
                            deletion_grace_period_seconds=30 if deleted else None),
        spec=PodSpec(containers=(Container(name="c"),), host_network=host_network,
                     readiness_gates=tuple(PodReadinessGate(condition_type=gate) for gate in gates)),
        status=status or PodStatus(phase="Pending"),
    )


def waiting(
    reason: str, message: str = "", *, restarts: int = 0, last: ContainerStateTerminated | None = None
) -> PodStatus:
    return PodStatus(phase="Pending", container_statuses=(ContainerStatus(
        name="c", image="example/app:1", image_id="", ready=False, restart_count=restarts,
        state=ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message)),
        last_state=ContainerState(terminated=last) if last else None),))


def running(*, ready: bool, started: bool | None = True, conditions: tuple[PodCondition, ...] = ()) -> PodStatus:
    return PodStatus(phase="Running", pod_ip="10.0.0.2", conditions=conditions, container_statuses=(ContainerStatus(
        name="c", image="example/app:1", image_id="", ready=ready, started=started, restart_count=0,
        state=ContainerState(running=ContainerStateRunning(started_at=stamp(40)))),))
