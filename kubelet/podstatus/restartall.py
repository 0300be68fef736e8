"""RestartAllContainers (KEP-5532): one container's exit may restart the whole pod in place, sandbox kept.

All containers are stopped and removed from the runtime, so their end has to be told from the last status.
Source: pkg/kubelet/container/helpers.go (ShouldAllContainersRestart, AllContainersRestartCleanedUp).
"""

from kubelet.api.types import Container, ContainerStatus, Pod, PodCondition, PodStatus
from kubelet.podstatus import conditions
from pleg.state import PodRuntimeStatus, RunState

RESTARTING_ALL_CONTAINERS = "RestartingAllContainers"
_ACTION = "RestartAllContainers"


def could_restart(pod: Pod) -> bool:
    """Whether any rule of the pod asks for it."""
    return any(
        rule.action == _ACTION
        for container in (*pod.spec.init_containers, *pod.spec.containers) for rule in container.restart_policy_rules
    )


def is_restarting(pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus) -> bool:
    """A restart has begun, or a container has just ended in a way that begins one."""
    before = conditions.find(previous.conditions, conditions.ALL_CONTAINERS_RESTARTING)
    if before is not None and before.status == "True":
        return True
    if not could_restart(pod):
        return False
    known = {status.name: status for status in (*previous.init_container_statuses, *previous.container_statuses)}
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        code = _exit_code(container, runtime, known.get(container.name))
        if code is not None and _rule_action(container, code) == _ACTION:
            return True
    return False


def _exit_code(container: Container, runtime: PodRuntimeStatus, previous: ContainerStatus | None) -> int | None:
    current = runtime.container(container.name)
    if current is None or current.state is not RunState.EXITED:
        return None
    if _rule_action(container, current.exit_code) == _ACTION:
        return current.exit_code
    terminated = previous.state.terminated if previous and previous.state else None
    return terminated.exit_code if terminated else current.exit_code


def _rule_action(container: Container, exit_code: int) -> str:
    """The action of the first rule that the exit code matches."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes and (exit_code in codes.values) == (codes.operator == "In"):
            return rule.action
    return ""


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
