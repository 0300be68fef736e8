"""A pod's status, from its spec, the runtime's state, what was said before, and what the rest of the agent knows.

    container statuses ─▶ phase ─▶ reason and message ─▶ conditions ─▶ IPs

Pure; upstream's generateAPIPodStatus and convertStatusToAPIStatus (pkg/kubelet/kubelet_pods.go). What no status of ours
ever does: leave a terminal phase, be ready while the pod is over, or lose another writer's condition.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from kubelet.actions import sandbox_change
from kubelet.allocation import with_resources
from kubelet.api.meta import ContainerKind, format_time
from kubelet.api.types import ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus, ResourceRequirements
from kubelet.podstatus import conditions, restartall
from kubelet.podstatus.containers import container_statuses
from kubelet.podstatus.context import StatusContext
from kubelet.podstatus.phase import pod_phase
from kubelet.resources import pod_limits, pod_requests, qos_class, write
from pleg.state import PodRuntimeStatus

REJECTION_PREFIX = "Pod was rejected: "


def generate_pod_status(
    pod: Pod, runtime: PodRuntimeStatus | None, previous: PodStatus, context: StatusContext
) -> PodStatus:
    """The status to publish. `previous` is the last one generated here, or the API's if there is none."""
    runtime = runtime or PodRuntimeStatus(pod.metadata.uid, pod.metadata.name, pod.metadata.namespace)
    restarting = restartall.is_restarting(pod, runtime, previous)
    init, regular, ephemeral = (
        container_statuses(kind, pod, runtime, previous, context, restarting=restarting) for kind in ContainerKind
    )
    by_name = {status.name: status for status in (*init, *regular)}
    computed = pod_phase(
        pod, by_name, terminated=context.pod_terminated, ran_before=_regular_container_active(pod, runtime)
    )
    phase, reason, message = _phase_and_reason(pod, previous, context, computed)
    ips = _pod_ips(pod, runtime, previous, context.host_ips)
    status = PodStatus(
        phase=phase, reason=reason, message=message,
        init_container_statuses=init, container_statuses=regular, ephemeral_container_statuses=ephemeral,
        conditions=_conditions(pod, runtime, previous, context, by_name, phase),
        host_ip=context.host_ips[0] if context.host_ips else previous.host_ip,
        host_ips=tuple(HostIP(ip=ip) for ip in context.host_ips[:2]) or previous.host_ips,
        pod_ip=ips[0] if ips else "", pod_ips=tuple(PodIP(ip=ip) for ip in ips),
        qos_class=qos_class(pod), start_time=previous.start_time or format_time(context.now),
        observed_generation=pod.metadata.generation or None,
        resources=_pod_level_resources(pod, phase, context), allocated_resources=write(pod_requests(pod)),
        resource_claim_statuses=pod.status.resource_claim_statuses,
        extended_resource_claim_status=pod.status.extended_resource_claim_status,
        node_allocatable_resource_claim_statuses=pod.status.node_allocatable_resource_claim_statuses,
    )
    return conditions.with_transition_times(status, previous, context.now)


def family_mismatch(reported: str, host_ips: Sequence[str]) -> str:
    """What to tell where a pod's status has a host IP of another family than the node's; empty where it has not."""
    if not reported or not host_ips or _version(reported) == _version(host_ips[0]):
        return ""
    return (
        f"Kubelet detected an IPv{_version(reported)} node IP ({reported}), but the cloud provider selected an "
        f"IPv{_version(host_ips[0])} node IP ({host_ips[0]}); pass an explicit `--node-ip` to kubelet to fix this."
    )


def rejected_status(pod: Pod, reason: str, message: str, now: float) -> PodStatus:
    """The status of a pod that the node does not take: it never ran, and never will."""
    status = PodStatus(
        phase="Failed", reason=reason, message=REJECTION_PREFIX + message, qos_class=qos_class(pod),
        start_time=pod.status.start_time or format_time(now), observed_generation=pod.metadata.generation or None,
        conditions=(*_of_others(pod), conditions.scheduled(pod)),
        resource_claim_statuses=pod.status.resource_claim_statuses,
    )
    return conditions.with_transition_times(status, pod.status, now)


def _regular_container_active(pod: Pod, runtime: PodRuntimeStatus) -> bool:
    """Whether a regular container was made in the sandbox that is in use now."""
    newest = runtime.sandboxes[0] if runtime.sandboxes else None
    if newest is None or not newest.ready:
        return False
    names = {container.name for container in pod.spec.containers}
    return any(found.name in names and found.sandbox_id == newest.id for found in runtime.containers)


def _phase_and_reason(pod: Pod, previous: PodStatus, context: StatusContext, computed: str) -> tuple[str, str, str]:
    # Nobody leaves a terminal phase: what was said of it stands. As long as the API server has not heard of it, the
    # node may have a better reason for the failure (a preemption became an eviction).
    verdict = context.verdict
    open_ended = not any(conditions.is_terminal(phase) for phase in (pod.status.phase, previous.phase))
    if verdict and (open_ended or (verdict.phase == previous.phase and not conditions.is_terminal(pod.status.phase))):
        # Containers that end well when they are told to do not make the pod one that has succeeded by itself.
        done = verdict.keeps_success and computed == "Succeeded" and not context.pod_terminated
        phase = "Succeeded" if done else verdict.phase
        return phase, verdict.reason, verdict.message
    for known in (previous, pod.status):
        if conditions.is_terminal(known.phase):
            return known.phase, known.reason or pod.status.reason, known.message or pod.status.message
    if computed == previous.phase:
        # The reason belongs to the phase.
        return computed, previous.reason or pod.status.reason, previous.message or pod.status.message
    return computed, "", ""


def _conditions(
    pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus, context: StatusContext,
    by_name: Mapping[str, ContainerStatus], phase: str,
) -> tuple[PodCondition, ...]:
    made = _of_others(pod)
    if not context.pod_terminated:
        made += context.resize_conditions
    disruption = _disruption(pod, previous, context)
    if disruption is not None:
        made = conditions.replaced(made, disruption)
    made += (
        conditions.ready_to_start_containers(pod, runtime),
        conditions.initialized(pod, previous, by_name, phase),
        conditions.pod_ready(pod, made, by_name, phase),
        conditions.containers_ready(pod, by_name, phase),
        conditions.scheduled(pod),
    )
    if restartall.could_restart(pod):
        made += (restartall.condition(pod, runtime, previous, phase),)
    return made


def _of_others(pod: Pod) -> tuple[PodCondition, ...]:
    return tuple(condition for condition in pod.status.conditions if condition.type not in conditions.OWNED)


def _disruption(pod: Pod, previous: PodStatus, context: StatusContext) -> PodCondition | None:
    """DisruptionTarget of a pod that the node ends for its own sake; once set it stays, with the last reason."""
    if context.verdict is None or not context.verdict.disruption_reason:
        return conditions.find(previous.conditions, conditions.DISRUPTION_TARGET)
    return PodCondition(
        type=conditions.DISRUPTION_TARGET, status="True", reason=context.verdict.disruption_reason,
        message=context.verdict.disruption_message or context.verdict.message,
        observed_generation=pod.metadata.generation or None,
    )


def _pod_ips(
    pod: Pod, runtime: PodRuntimeStatus, previous: PodStatus, host_ips: Sequence[str]
) -> tuple[str, ...]:
    """At most one address per family, the node's primary family first.

    A pod without a sandbox keeps the addresses it had (users look at them after its end); one on the host's network has
    the node's, which never change but for a second family that is added.
    """
    before = tuple(ip.ip for ip in previous.pod_ips)
    if pod.spec.host_network:
        return _host_network_ips(before, host_ips)
    found = _by_family(runtime.ips, host_ips)
    if not found and (conditions.is_terminal(previous.phase) or sandbox_change(pod, runtime.sandboxes).needed):
        return before
    return found


def _host_network_ips(before: tuple[str, ...], host_ips: Sequence[str]) -> tuple[str, ...]:
    ips = before or tuple(host_ips[:1])
    if len(host_ips) == 2 and len(ips) == 1 and _version(ips[0]) != _version(host_ips[1]):
        ips += (host_ips[1],)
    return ips


def _by_family(ips: Sequence[str], host_ips: Sequence[str]) -> tuple[str, ...]:
    parsed = [address for address in map(_parsed, ips) if address is not None]
    primary = _version(host_ips[0]) if host_ips else 4
    chosen = (
        next((address for address in parsed if address.version == version), None)
        for version in (primary, 10 - primary)
    )
    return tuple(str(address) for address in chosen if address is not None)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _version(ip: str) -> int:
    address = _parsed(ip)
    return address.version if address else 4


def _pod_level_resources(pod: Pod, phase: str, context: StatusContext) -> ResourceRequirements:
    """What the pod as a whole has: of one that runs what it was given last, which a resize may not have changed yet."""
    if phase == "Running" and context.actuated is not None:
        pod = with_resources(pod, context.actuated)
    return ResourceRequirements(
        claims=pod.spec.resources.claims if pod.spec.resources else (),
        limits=write(pod_limits(pod)), requests=write(pod_requests(pod)),
    )


def with_container_flag(
    pod: Pod, status: PodStatus, container_id: str, now: float, *, ready: bool | None = None,
    started: bool | None = None,
) -> PodStatus:
    """`status` after a probe's verdict on one container; unchanged if the container is not in it."""
    def changed(containers: tuple[ContainerStatus, ...]) -> tuple[ContainerStatus, ...]:
        return tuple(
            msgspec.structs.replace(
                container, ready=container.ready if ready is None else ready,
                started=container.started if started is None else started,
            ) if container.container_id == container_id else container
            for container in containers
        )
    init, regular = changed(status.init_container_statuses), changed(status.container_statuses)
    by_name = {container.name: container for container in (*init, *regular)}
    made = conditions.replaced(
        status.conditions, conditions.pod_ready(pod, status.conditions, by_name, status.phase)
    )
    made = conditions.replaced(made, conditions.containers_ready(pod, by_name, status.phase))
    new = msgspec.structs.replace(
        status, init_container_statuses=init, container_statuses=regular, conditions=made
    )
    return conditions.with_transition_times(new, status, now)
