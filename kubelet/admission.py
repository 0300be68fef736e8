"""The node's last word on a pod: whether it can run here, and if not, with which reason and message.

    pressure ▸ sysctls ▸ (devices) ▸ pod OS ▸ supplemental groups policy ▸ resources ▸ node affinity ▸ node name
             ▸ host ports ▸ NoExecute taints ▸ AppArmor ▸ features ▸ shutdown      the first that objects says why

Devices are given in between by kubelet.devices, to a pod for which `refused_before_devices` has no objection.
A critical pod that lacks nothing but resources is not rejected: others give way to it (kubelet.preemption).
A pure function of the pod, the other pods and the node. Texts: pkg/kubelet/lifecycle/predicate.go, handlers.go,
sysctl/allowlist.go, eviction/eviction_manager.go; the checks shared with the scheduler: pkg/scheduler AdmissionCheck.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kubelet.api.meta import ContainerKind, containers_of, is_critical, is_sidecar, is_static
from kubelet.api.types import (
    ContainerPort,
    Node,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    Taint,
    Toleration,
)
from kubelet.node.declared import needed_features
from kubelet.resources import (
    BEST_EFFORT,
    CPU,
    EPHEMERAL_STORAGE,
    MEMORY,
    PODS,
    is_extended_resource,
    pod_requests,
    qos_class,
    read,
)

OS_LABEL = "kubernetes.io/os"
THIS_OS = "linux"
MEMORY_PRESSURE = "MemoryPressure"
ANY_ADDRESS = "0.0.0.0"

SAFE_SYSCTLS: Mapping[str, tuple[int, int]] = {
    "kernel.shm_rmid_forced": (0, 0), "net.ipv4.ip_local_port_range": (0, 0), "net.ipv4.tcp_syncookies": (0, 0),
    "net.ipv4.ping_group_range": (0, 0), "net.ipv4.ip_unprivileged_port_start": (0, 0),
    "net.ipv4.ip_local_reserved_ports": (3, 16), "net.ipv4.tcp_keepalive_time": (4, 5),
    "net.ipv4.tcp_fin_timeout": (4, 6), "net.ipv4.tcp_keepalive_intvl": (4, 5),
    "net.ipv4.tcp_keepalive_probes": (4, 5), "net.ipv4.tcp_rmem": (4, 15), "net.ipv4.tcp_wmem": (4, 15),
}
"""Sysctls that every pod may set, with the kernel since which they are a namespace's own (sysctl/safe_sysctls.go)."""

_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the node does not take a pod. The status' message is this one with `Pod was rejected: ` before it."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """What the node has too little of for a pod: cores, bytes, pieces."""

    resource: str
    requested: Fraction
    used: Fraction
    capacity: Fraction

    @property
    def missing(self) -> Fraction:
        return self.requested - (self.capacity - self.used)

    @property
    def rejection(self) -> Rejection:
        scale = 1000 if self.resource == CPU else 1
        requested, used, capacity = (
            math.ceil(amount * scale) for amount in (self.requested, self.used, self.capacity)
        )
        return Rejection(
            f"OutOf{self.resource}",
            f"Node didn't have enough resource: {self.resource}, requested: {requested}, used: {used}, "
            f"capacity: {capacity}",
        )


@dataclass(frozen=True, slots=True)
class NeedsRoom:
    """A critical pod that could run here if others gave way."""

    shortages: tuple[Shortage, ...]


@dataclass(frozen=True, slots=True)
class NodeState:
    """What admission asks of the node besides its API object."""

    pressure: tuple[str, ...] = ()
    """Node conditions that are True and that eviction sets: MemoryPressure, DiskPressure, PIDPressure."""
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    """From the configuration; a name, or a prefix that ends in `*`."""
    kernel: tuple[int, int] = (5, 0)
    apparmor: bool = True
    shutting_down: bool = False
    pod_level_resources: bool = True
    """The feature gate PodLevelResources."""


def refused_before_devices(pod: Pod, state: NodeState) -> Rejection | None:
    """The objections for which no device plugin has to be asked first."""
    return _under_pressure(pod, state) or _sysctls(pod, state)


def admit(
    pod: Pod, active_pods: Iterable[Pod], node: Node, state: NodeState | None = None
) -> Rejection | NeedsRoom | None:
    """None if `pod` may run beside `active_pods` (those admitted and not yet over; `pod` itself is skipped)."""
    state = state or NodeState()
    others = [other for other in active_pods if other.metadata.uid != pod.metadata.uid]
    shortages = tuple(find_shortages(pod, others, node))
    critical = is_critical(pod)
    checks: tuple[Callable[[], Rejection | None], ...] = (
        lambda: _under_pressure(pod, state),
        lambda: _sysctls(pod, state),
        lambda: _operating_system(pod),
        lambda: _supplemental_groups(pod, node),
        lambda: shortages[0].rejection if shortages and not critical else None,
        lambda: _node_affinity(pod, node),
        lambda: _node_name(pod, node),
        lambda: _host_ports(pod, others),
        lambda: _taints(pod, node),
        lambda: _apparmor(pod, state),
        lambda: _features(pod, node, state),
        lambda: _shutdown(state),
    )
    rejection = next((rejection for check in checks if (rejection := check()) is not None), None)
    return rejection or (NeedsRoom(shortages) if shortages else None)


def _under_pressure(pod: Pod, state: NodeState) -> Rejection | None:
    if not state.pressure or is_critical(pod) or pod.status.start_time:
        return None  # one with a start time was taken before: a restart of the agent refuses nobody, eviction ranks all
    if state.pressure == (MEMORY_PRESSURE,):
        taint = Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
        if qos_class(pod) != BEST_EFFORT or _tolerated(taint, pod.spec.tolerations):
            return None
    return Rejection("Evicted", f"The node had condition: [{' '.join(state.pressure)}]. ")


def _sysctls(pod: Pod, state: NodeState) -> Rejection | None:
    context = pod.spec.security_context
    for sysctl in context.sysctls if context else ():
        problem = _sysctl_problem(sysctl.name, pod, state)
        if problem:
            return Rejection("SysctlForbidden", f"forbidden sysctl: {problem}")
    return None


def _sysctl_problem(name: str, pod: Pod, state: NodeState) -> str:
    name = _normalized_sysctl(name)
    safe = name in SAFE_SYSCTLS and state.kernel >= SAFE_SYSCTLS[name]
    allowed = (_normalized_sysctl(pattern) for pattern in state.allowed_unsafe_sysctls)
    if not safe and not any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in allowed
    ):
        return f'"{name}" not allowlisted'
    if name.startswith("net.") and pod.spec.host_network:
        return f'"{name}" not allowed with host Net enabled'
    if name.startswith(_IPC_SYSCTLS) and pod.spec.host_ipc:
        return f'"{name}" not allowed with host IPC enabled'
    return ""


def _normalized_sysctl(name: str) -> str:
    """Slashes may stand for dots, and then dots for slashes, as sysctl(8) reads them."""
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def _operating_system(pod: Pod) -> Rejection | None:
    wanted = pod.metadata.labels.get(OS_LABEL)
    if wanted is not None and wanted != THIS_OS:
        return Rejection(
            "PodOSSelectorNodeLabelDoesNotMatch",
            f"Failed to admit pod as the `{OS_LABEL}` label doesn't match node label",
        )
    if pod.spec.os is not None and pod.spec.os.name != THIS_OS:
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    return None


def _supplemental_groups(pod: Pod, node: Node) -> Rejection | None:
    context, features = pod.spec.security_context, node.status.features
    if context is None or context.supplemental_groups_policy != "Strict":
        return None
    if features is not None and features.supplemental_groups_policy:
        return None
    return Rejection(
        "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
    )


def find_shortages(pod: Pod, others: Sequence[Pod], node: Node) -> Iterator[Shortage]:
    """What the node has too little of: pods, cpu, memory, ephemeral storage, then everything else by name.

    Extended resources that the node does not know at all are not its to refuse (cluster-level resources).
    """
    allocatable = read(node.status.allocatable)
    slots = int(allocatable.get(PODS, Fraction(0)))
    if len(others) + 1 > slots:
        yield Shortage(PODS, Fraction(1), Fraction(len(others)), Fraction(slots))
    used: dict[str, Fraction] = {}
    for other in others:
        for name, amount in pod_requests(other).items():
            used[name] = used.get(name, Fraction(0)) + amount
    requests = pod_requests(pod)
    first = (CPU, MEMORY, EPHEMERAL_STORAGE)
    for name in (*first, *sorted(requests.keys() - set(first))):
        wanted = requests.get(name, Fraction(0))
        if name not in allocatable and is_extended_resource(name):
            continue
        taken, capacity = used.get(name, Fraction(0)), allocatable.get(name, Fraction(0))
        if wanted > 0 and wanted > capacity - taken:
            yield Shortage(name, wanted, taken, capacity)


def _predicate(name: str, description: str) -> Rejection:
    return Rejection(name, f"Predicate {name} failed: {description}")


def _node_affinity(pod: Pod, node: Node) -> Rejection | None:
    labels = node.metadata.labels
    matches = all(labels.get(key) == value for key, value in pod.spec.node_selector.items())
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if matches and required is not None:
        matches = any(_term_matches(term, node) for term in required.node_selector_terms)
    return None if matches else _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_requirement_holds(requirement, node.metadata.labels) for requirement in term.match_expressions) \
        and all(_requirement_holds(requirement, fields) for requirement in term.match_fields)


def _requirement_holds(requirement: NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    value = values.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement.operator, value, requirement.values[0] if requirement.values else None)
    return False


def _compares(operator: str, value: str | None, bound: str | None) -> bool:
    """Whole numbers only; what is none does not match."""
    try:
        number, limit = int(value or ""), int(bound or "")
    except ValueError:
        return False
    return number > limit if operator == "Gt" else number < limit


def _node_name(pod: Pod, node: Node) -> Rejection | None:
    if not pod.spec.node_name or pod.spec.node_name == node.metadata.name:
        return None
    return _predicate("NodeName", "node(s) didn't match the requested node name")


def _host_ports(pod: Pod, others: Sequence[Pod]) -> Rejection | None:
    taken = {port for other in others for port in _ports(other)}
    for address, protocol, number in _ports(pod):
        for other_address, other_protocol, other_number in taken:
            if (protocol, number) == (other_protocol, other_number) and (
                ANY_ADDRESS in (address, other_address) or address == other_address
            ):
                return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    return None


def _ports(pod: Pod) -> Iterator[tuple[str, str, int]]:
    """(address, protocol, port) of each host port of regular containers and sidecars."""
    for kind, container in containers_of(pod):
        if kind is ContainerKind.EPHEMERAL or (kind is ContainerKind.INIT and not is_sidecar(container)):
            continue
        for port in container.ports:
            number = _host_port(pod, port)
            if number:
                yield port.host_ip or ANY_ADDRESS, port.protocol or "TCP", number


def _host_port(pod: Pod, port: ContainerPort) -> int:
    return port.host_port or (port.container_port if pod.spec.host_network else 0)


def _taints(pod: Pod, node: Node) -> Rejection | None:
    if is_static(pod):
        return None
    for taint in node.spec.taints:
        if taint.effect == "NoExecute" and not _tolerated(taint, pod.spec.tolerations):
            return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def _tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(_tolerates(toleration, taint) for toleration in tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
    return False


def _apparmor(pod: Pod, state: NodeState) -> Rejection | None:
    if pod.status.phase not in ("", "Pending"):
        return None  # it runs already: nothing is changed under its feet
    profiles = [
        security.app_armor_profile for security in (
            pod.spec.security_context, *(container.security_context for _, container in containers_of(pod))
        ) if security is not None and security.app_armor_profile is not None
    ]
    enforced = [profile for profile in profiles if profile.type != "Unconfined"]
    if enforced and not state.apparmor:
        return Rejection("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    for profile in enforced:
        if profile.type == "Localhost" and not profile.localhost_profile.strip():
            return Rejection("AppArmor", 'Cannot enforce AppArmor: invalid empty AppArmor profile name: ""')
    return None


def _features(pod: Pod, node: Node, state: NodeState) -> Rejection | None:
    own = pod.spec.resources
    if own is not None and (own.requests or own.limits) and not state.pod_level_resources:
        return Rejection("PodLevelResourcesNotSupported", "PodLevelResources feature gate is disabled")
    missing = [name for name in needed_features(pod) if name not in node.status.declared_features]
    if missing:
        return Rejection(
            "PodFeatureUnsupported", f"Pod requires node features that are not available: {', '.join(missing)}"
        )
    return None


def _shutdown(state: NodeState) -> Rejection | None:
    if not state.shutting_down:
        return None
    return Rejection("NodeShutdown", "Pod was rejected as the node is shutting down.")

