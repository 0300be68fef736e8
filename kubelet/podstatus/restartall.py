"""RestartAllContainers (KEP-5532): one container's exit may restart the whole pod in place, sandbox kept.

All containers are stopped and removed from the runtime, so their end has to be told from the last status.
Source: pkg/kubelet/container/helpers.go (ShouldAllContainersRestart, AllContainersRestartCleanedUp).
"""

from kubelet.actions import RESTART_ALL_CONTAINERS, rule_action
from kubelet.api.types import Container, ContainerStatus, Pod, PodCondition, PodStatus
from kubelet.podstatus import conditions
from pleg.state import PodRuntimeStatus, RunState

RESTARTING_ALL_CONTAINERS = "RestartingAllContainers"


def could_restart(pod: Pod) -> bool:
    """Whether any rule of the pod asks for it."""
    return any(
        rule.action == RESTART_ALL_CONTAINERS
        for container in (*pod.spec.init_containers, *pod.spec.containers) for rule in container.restart_policy_rules
    )


def is_under_way(status: PodStatus) -> bool:
    """Whether this status says that a restart has begun and is not over."""
    found = conditions.find(status.conditions, conditions.ALL_CONTAINERS_RESTARTING)
    return found is not None and found.status == "True"


def is_restarting(pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus) -> bool:
    """A restart has begun, or a container has just ended in a way that begins one."""
    if is_under_way(previous):
        return True
    if not could_restart(pod):
        return False
    known = {status.name: status for status in (*previous.init_container_statuses, *previous.container_statuses)}
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        code = _exit_code(container, runtime, known.get(container.name))
        if code is not None and rule_action(container, code) == RESTART_ALL_CONTAINERS:
            return True
    return False


def _exit_code(container: Container, runtime: PodRuntimeStatus, previous: ContainerStatus | None) -> int | None:
    current = runtime.container(container.name)
    if current is None or current.state is not RunState.EXITED:
        return None
    if rule_action(container, current.exit_code) == RESTART_ALL_CONTAINERS:
        return current.exit_code
    terminated = previous.state.terminated if previous and previous.state else None
    return terminated.exit_code if terminated else current.exit_code


def condition(pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus, phase: str) -> PodCondition:
    type_ = conditions.ALL_CONTAINERS_RESTARTING
    if conditions.is_terminal(phase):
        return PodCondition(type=type_, status="False", reason="PodFailed" if phase == "Failed" else "PodCompleted")
    gone = not any(runtime.container(container.name) for container in (*pod.spec.containers, *pod.spec.init_containers))
    if gone or not is_restarting(pod, runtime, previous):
        return PodCondition(type=type_, status="False")
    return PodCondition(
        type=type_, status="True", reason="RestartAllContainersStarted",
        message="container exited with restart policy rule",
    )
