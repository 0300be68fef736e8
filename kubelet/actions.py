"""What has to be done so that a pod is as its spec wants it: a pure function from (spec, runtime, probes) to a plan.

    compute_pod_actions(pod, runtime, verdicts) -> PodActions        executed by kubelet.executor

Meaning follows pkg/kubelet/kuberuntime (computePodActions, computeInitContainerActions) and container/helpers.go; the
plan is data with a reason per item, so that it can be explained, tested and shown before it is carried out.

A pod that is restarted in place (RestartAllContainers, KEP-5532) is planned in two steps: first all its containers
leave the runtime, the sandbox stays; then it is planned for as a pod of which nothing has run yet.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Protocol

from kubelet.allocation.resources import PodResources
from kubelet.api.meta import AnyContainer, is_sidecar
from kubelet.api.types import Container, Pod
from kubelet.containerspec import container_hash
from kubelet.resize import ContainerResize, plan_resizes, pod_level_differs
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus

RESTART_ALL_CONTAINERS = "RestartAllContainers"


class ProbeVerdicts(Protocol):
    """What probes last said of a running container; None while they have not said anything."""

    def liveness(self, container_id: str) -> bool | None: ...

    def startup(self, container_id: str) -> bool | None: ...


class KillReason(StrEnum):
    """Why a container is killed while its pod lives on (kuberuntime containerKillReason)."""

    NONE = ""
    LIVENESS = "LivenessProbe"
    STARTUP = "StartupProbe"
    UNKNOWN = "Unknown"
    RESTART_ALL = "RestartAllContainers"


@dataclass(frozen=True, slots=True)
class ContainerKill:
    """One container to kill. `message` is the Killing event's text."""

    id: ContainerID
    name: str
    message: str
    reason: KillReason = KillReason.NONE


@dataclass(frozen=True, slots=True)
class ContainerReset:
    """One container to take out of the runtime, its logs kept; `kill`: it has to be stopped first."""

    id: ContainerID
    name: str
    kill: bool


@dataclass(frozen=True, slots=True)
class PodActions:
    """The plan for one pod. `kill_pod` stops everything and the sandbox first; containers are indices into the spec.

    `to_reset` is in order: what made the pod restart goes last, so that the cause is known until all else has gone."""

    kill_pod: bool = False
    create_sandbox: bool = False
    sandbox_id: SandboxID | None = None
    attempt: int = 0
    init_to_start: tuple[int, ...] = ()
    regular_to_start: tuple[int, ...] = ()
    ephemeral_to_start: tuple[int, ...] = ()
    to_kill: tuple[ContainerKill, ...] = ()
    to_reset: tuple[ContainerReset, ...] = ()
    to_resize: tuple[ContainerResize, ...] = ()
    resize_pod: bool = False
    """The size of the pod as a whole changes: by a container that is restarted for it, or by its own resources."""
    why: str = ""

    @property
    def empty(self) -> bool:
        """Nothing to do: the pod is as it should be."""
        return not (
            self.kill_pod or self.create_sandbox or self.init_to_start or self.regular_to_start
            or self.ephemeral_to_start or self.to_kill or self.to_reset
            or self.to_resize or self.resize_pod
        )


@dataclass(slots=True)
class _Draft:
    """The plan while it is being made."""

    init: list[int] = field(default_factory=list)
    kills: dict[ContainerID, ContainerKill] = field(default_factory=dict)
    kill_pod: bool = False
    resizes: dict[ContainerID, ContainerResize] = field(default_factory=dict)
    """Of running containers; those that are killed anyway are left out of the plan."""
    resize_pod: bool = False


def compute_pod_actions(
    pod: Pod, runtime: PodRuntimeStatus, verdicts: ProbeVerdicts, *, restart_all: bool = False,
    actuated: PodResources | None = None,
) -> PodActions:
    """The plan for a pod that should be running. Deleted pods are not planned for: their worker kills them.

    `restart_all`: the pod's status says that all its containers are being restarted. `actuated`: what its containers
    were given, where that may differ from what `pod` says."""
    change = sandbox_change(pod, runtime.sandboxes)
    plan = PodActions(
        kill_pod=change.needed, create_sandbox=change.needed, sandbox_id=change.sandbox_id, attempt=change.attempt,
        why=change.why,
    )
    if restart_all:
        return replace(plan, to_reset=_resets(pod, runtime), why=change.why or "all containers are restarted")
    if change.needed:
        return _fresh_start(pod, runtime, plan)
    plan = replace(plan, ephemeral_to_start=tuple(
        index for index, container in enumerate(pod.spec.ephemeral_containers)
        if runtime.container(container.name) is None
    ))
    draft = _Draft()
    if actuated is not None:
        draft.resizes = {resize.id: resize for resize in plan_resizes(pod, runtime, actuated)}
        draft.resize_pod = pod_level_differs(pod, actuated)
    initialized = _plan_init_containers(pod, runtime, verdicts, draft)
    plan = replace(plan, init_to_start=tuple(draft.init), kill_pod=draft.kill_pod, to_kill=tuple(draft.kills.values()))
    if draft.kill_pod:
        return plan
    if initialized:
        plan = _plan_regular_containers(pod, runtime, verdicts, plan, draft)
    if plan.kill_pod:
        return plan
    resizes = tuple(resize for resize in draft.resizes.values() if resize.id not in draft.kills)
    return replace(plan, to_resize=resizes, resize_pod=draft.resize_pod)


def _restart_for_resize(status: ContainerStatus, draft: _Draft) -> bool:
    """Whether the container has to be started anew to be resized; then it is killed."""
    resize = draft.resizes.get(status.id)
    if resize is None or not resize.restart:
        return False
    draft.kills[status.id] = ContainerKill(
        status.id, status.name, f"Container {status.name} resize requires restart"
    )
    draft.resize_pod = True
    return True


@dataclass(frozen=True, slots=True)
class SandboxChange:
    needed: bool
    attempt: int
    sandbox_id: SandboxID | None
    why: str = ""


def sandbox_change(pod: Pod, sandboxes: tuple[SandboxStatus, ...]) -> SandboxChange:
    """Whether the pod needs a new sandbox (kuberuntime/util PodSandboxChanged). `sandboxes` are newest first."""
    if not sandboxes:
        return SandboxChange(True, 0, None, "the pod has no sandbox")
    newest = sandboxes[0]
    if sum(sandbox.ready for sandbox in sandboxes) > 1:
        return SandboxChange(True, newest.attempt + 1, newest.id, "more than one sandbox is ready")
    if not newest.ready:
        return SandboxChange(True, newest.attempt + 1, newest.id, "the sandbox is not running")
    host_network = bool(pod.spec.host_network)
    if newest.host_network != host_network:
        return SandboxChange(True, newest.attempt + 1, None, "the sandbox has another network mode")
    if not host_network and not newest.ips:
        return SandboxChange(True, newest.attempt + 1, newest.id, "the sandbox has no IP address")
    return SandboxChange(False, newest.attempt, newest.id)


def _fresh_start(pod: Pod, runtime: PodRuntimeStatus, plan: PodActions) -> PodActions:
    """A new sandbox starts everything anew: init containers first, then what has not succeeded for good."""
    if not restarts_on_failure(pod) and plan.attempt and runtime.containers:
        to_start = _never_started(pod, runtime)
        if not to_start:
            return replace(plan, create_sandbox=False, why="the pod ran and its restartPolicy is Never")
    else:
        to_start = tuple(
            index for index, container in enumerate(pod.spec.containers)
            if not (_policy(pod, container) == "OnFailure" and _succeeded(runtime.container(container.name)))
        )
    if not to_start and any(runtime.container(container.name) for container in pod.spec.containers):
        return replace(plan, create_sandbox=False, why="all containers have succeeded")
    if pod.spec.init_containers:
        return replace(plan, init_to_start=(0,))
    return replace(plan, regular_to_start=to_start)


def _never_started(pod: Pod, runtime: PodRuntimeStatus) -> tuple[int, ...]:
    """Regular containers of a pod that never restarts which are still owed their one start: the sandbox was lost after
    they had been created. Upstream leaves such a pod Pending for good. Without a sandbox nothing that ran is told from
    what was never made, so containers that are not there count only while none has started."""
    failed = (runtime.container(container.name) for container in pod.spec.init_containers)
    if any(status is not None and status.state is RunState.EXITED and status.exit_code for status in failed):
        return ()
    states = {
        container.name: {found.state for found in runtime.containers if found.name == container.name}
        for container in pod.spec.containers
    }
    nothing_ran = all(seen <= {RunState.CREATED} for seen in states.values())
    return tuple(
        index for index, container in enumerate(pod.spec.containers)
        if states[container.name] == {RunState.CREATED} or (nothing_ran and not states[container.name])
    )


def _resets(pod: Pod, runtime: PodRuntimeStatus) -> tuple[ContainerReset, ...]:
    """Every instance of every container but ephemeral ones: regular before init ones, the causes after the others."""
    causes: list[ContainerReset] = []
    others: list[ContainerReset] = []
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        for status in (found for found in runtime.containers if found.name == container.name):
            ended = status.state is RunState.EXITED
            is_cause = ended and rule_action(container, status.exit_code) == RESTART_ALL_CONTAINERS
            (causes if is_cause else others).append(ContainerReset(status.id, status.name, kill=not ended))
    return (*others, *causes)


def _plan_regular_containers(
    pod: Pod, runtime: PodRuntimeStatus, verdicts: ProbeVerdicts, plan: PodActions, draft: _Draft
) -> PodActions:
    keep = 0
    start: list[int] = []
    for index, container in enumerate(pod.spec.containers):
        status = runtime.container(container.name)
        if status is None or not status.running:
            if should_restart(pod, container, status):
                start.append(index)
                if status is not None and status.state is RunState.UNKNOWN:
                    draft.kills[status.id] = _unknown_state_kill(status, "Container")
            continue
        verdict = _kill_verdict(container, status, verdicts)
        if verdict is None:
            if _restart_for_resize(status, draft):
                start.append(index)
            else:
                keep += 1
            continue
        message, reason, restart = verdict
        restart = restart or _policy(pod, container) != "Never"
        if restart:
            start.append(index)
            message += ", will be restarted"
        draft.kills[status.id] = ContainerKill(status.id, status.name, message, reason)
    plan = replace(plan, regular_to_start=tuple(start), to_kill=tuple(draft.kills.values()))
    if keep == 0 and not start:
        # Nothing is left to run: sidecars must not keep the pod alive.
        return replace(plan, kill_pod=True, init_to_start=(), why="no container is running or to be started")
    return plan


def _kill_verdict(
    container: Container, status: ContainerStatus, verdicts: ProbeVerdicts
) -> tuple[str, KillReason, bool] | None:
    """(message, reason, restart whatever the policy) when a running container has to go; None to keep it."""
    if definition_changed(container, status):
        return f"Container {container.name} definition changed", KillReason.NONE, True
    if verdicts.liveness(status.id) is False:
        return f"Container {container.name} failed liveness probe", KillReason.LIVENESS, False
    if verdicts.startup(status.id) is False:
        return f"Container {container.name} failed startup probe", KillReason.STARTUP, False
    return None


def _plan_init_containers(pod: Pod, runtime: PodRuntimeStatus, verdicts: ProbeVerdicts, draft: _Draft) -> bool:
    """Plan init containers and sidecars; True when regular containers may run.

    Walks backwards: the last init container that has a status tells how far the pod came, since those before it may
    have been collected. Sidecars before that point are kept running. What ran in an earlier sandbox tells nothing:
    after a reboot everything is run again (kubernetes#124002).
    """
    containers = pod.spec.init_containers
    if not containers:
        return True
    initialized = any(
        status.state in (RunState.CREATED, RunState.RUNNING)
        for status in (runtime.container(container.name) for container in pod.spec.containers) if status
    )
    reached = initialized
    for index in range(len(containers) - 1, -1, -1):
        container = containers[index]
        status = _in_this_sandbox(runtime, container.name)
        if status is None:
            if reached and is_sidecar(container):
                draft.init.append(index)
            continue
        if reached and not is_sidecar(container):
            continue
        step = _init_step(pod, index, status, verdicts, reached, draft)
        if step is _InitStep.POD_FAILED:
            draft.kill_pod, draft.init = True, []
            return False
        if step is _InitStep.LAST_DONE:
            initialized = True
        reached = True
    if not reached:
        draft.init.append(0)
    draft.init.reverse()
    return initialized


def _in_this_sandbox(runtime: PodRuntimeStatus, name: str) -> ContainerStatus | None:
    """The newest container of that name in the newest sandbox."""
    sandbox = runtime.sandboxes[0].id if runtime.sandboxes else None
    return next((found for found in runtime.containers if found.name == name and found.sandbox_id == sandbox), None)


class _InitStep(Enum):
    WAIT = "wait"
    LAST_DONE = "the last init container is done"
    POD_FAILED = "an init container failed for good"


def _init_step(
    pod: Pod, index: int, status: ContainerStatus, verdicts: ProbeVerdicts, reached: bool, draft: _Draft
) -> _InitStep:
    container = pod.spec.init_containers[index]
    sidecar = is_sidecar(container)
    match status.state:
        case RunState.CREATED:
            # Created and started in one step: one that stays created failed to start.
            draft.init.append(index)
            return _InitStep.WAIT
        case RunState.RUNNING:
            return _running_sidecar_step(pod, index, status, verdicts, reached, draft) if sidecar else _InitStep.WAIT
        case RunState.EXITED if sidecar:
            draft.init.append(index)
            return _InitStep.WAIT
        case RunState.EXITED if status.exit_code == 0:
            return _next_init(pod, index, reached, draft)
        case RunState.EXITED:
            if not should_restart(pod, container, status):
                return _InitStep.POD_FAILED
            draft.init.append(index)
            return _InitStep.WAIT
        case RunState.UNKNOWN:
            if not sidecar and _policy(pod, container) == "Never":
                return _InitStep.POD_FAILED
            draft.kills[status.id] = _unknown_state_kill(status, "Init container")
            draft.init.append(index)
            return _InitStep.WAIT


def _running_sidecar_step(
    pod: Pod, index: int, status: ContainerStatus, verdicts: ProbeVerdicts, reached: bool, draft: _Draft
) -> _InitStep:
    """A running sidecar lets the next one start once its startup probe has succeeded, and is restarted on failure."""
    container = pod.spec.init_containers[index]
    name = f"Init container {container.name}"
    if container.startup_probe is not None:
        startup = verdicts.startup(status.id)
        if startup is False:
            draft.kills[status.id] = ContainerKill(
                status.id, status.name, f"{name} failed startup probe", KillReason.STARTUP
            )
            draft.init.append(index)
        if startup is not True:
            return _InitStep.WAIT
    step = _next_init(pod, index, reached, draft)
    if definition_changed(container, status):
        draft.kills[status.id] = ContainerKill(status.id, status.name, f"{name} definition changed")
        draft.init.append(index)
    elif container.liveness_probe is not None and verdicts.liveness(status.id) is False:
        draft.kills[status.id] = ContainerKill(
            status.id, status.name, f"{name} failed liveness probe", KillReason.LIVENESS
        )
        draft.init.append(index)
    elif _restart_for_resize(status, draft):
        draft.init.append(index)
    return step


def _next_init(pod: Pod, index: int, reached: bool, draft: _Draft) -> _InitStep:
    if index == len(pod.spec.init_containers) - 1:
        return _InitStep.LAST_DONE
    if not reached:
        draft.init.append(index + 1)
    return _InitStep.WAIT


def _unknown_state_kill(status: ContainerStatus, what: str) -> ContainerKill:
    return ContainerKill(
        status.id, status.name, f'{what} is in "unknown" state, try killing it before restart', KillReason.UNKNOWN
    )


def definition_changed(container: AnyContainer, status: ContainerStatus) -> bool:
    """Only the name and the image count (HashContainer); a runtime that lost the hash is not held against us."""
    return bool(status.hash) and status.hash != container_hash(container)


def should_restart(pod: Pod, container: Container, status: ContainerStatus | None) -> bool:
    """Whether a container that is not running has to be started (ShouldContainerBeRestarted, ContainerRestartRules)."""
    if pod.metadata.deletion_timestamp:
        return False
    if status is None:
        return True
    match status.state:
        case RunState.RUNNING:
            return False
        case RunState.CREATED | RunState.UNKNOWN:
            return True
        case RunState.EXITED:
            return restarts_after(pod, container, status.exit_code)


def restarts_after(pod: Pod, container: Container, exit_code: int) -> bool:
    """Whether an exit with this code leads to a restart: rules first, then the container's policy, then the pod's."""
    if rule_action(container, exit_code) in ("Restart", RESTART_ALL_CONTAINERS):
        return True
    match _policy(pod, container):
        case "Never":
            return False
        case "OnFailure":
            return exit_code != 0
    return True


def rule_action(container: Container, exit_code: int) -> str:
    """What the first of the container's restart rules that this exit code matches asks for; empty for none."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes and codes.operator in ("In", "NotIn") and (exit_code in codes.values) == (codes.operator == "In"):
            return rule.action
    return ""


def restarts_on_failure(pod: Pod) -> bool:
    return pod.spec.restart_policy != "Never"


def _policy(pod: Pod, container: Container) -> str:
    return container.restart_policy or pod.spec.restart_policy or "Always"


def _succeeded(status: ContainerStatus | None) -> bool:
    return status is not None and status.state is RunState.EXITED and status.exit_code == 0
