"""Every reason of the contract's table 1.7 that the node itself decides, with its text."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.admission import NodeState, Rejection, admit
from kubelet.api.types import (
    Affinity,
    AppArmorProfile,
    Container,
    ContainerPort,
    ContainerRestartRule,
    Node,
    NodeAffinity,
    NodeFeatures,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodOS,
    PodSecurityContext,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    SecurityContext,
    Sysctl,
    Taint,
    Toleration,
)
from kubelet.config import KubeletConfiguration
from kubelet.node.declared import declared_features

ALLOCATABLE = {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "10Gi", "pods": "3"}


def node(allocatable=None, labels=None, taints=(), strict=False):
    return Node(
        metadata=ObjectMeta(name="n1", labels=labels or {"kubernetes.io/os": "linux", "zone": "a", "size": "5"}),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(
            allocatable=allocatable or ALLOCATABLE, features=NodeFeatures(supplemental_groups_policy=strict)
        ),
    )


def pod(uid="u1", requests=None, ports=(), meta=None, status=None, **spec):
    container = Container(name="c", ports=ports, resources=ResourceRequirements(requests=requests or {}))
    spec = {"containers": (container,)} | spec
    return Pod(
        metadata=ObjectMeta(**({"name": uid, "namespace": "ns", "uid": uid} | (meta or {}))), spec=PodSpec(**spec),
        status=status or PodStatus(phase="Pending"),
    )


STATIC = {"annotations": {"kubernetes.io/config.source": "file"}}


def resource_text(name, requested, used, capacity):
    return f"Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"


@pytest.mark.parametrize(("requests", "others", "expected"), [
    ({"cpu": "1"}, [{"cpu": "1"}], None),
    ({"cpu": "1500m"}, [{"cpu": "600m"}], ("OutOfcpu", resource_text("cpu", 1500, 600, 2000))),
    ({"memory": "1Gi"}, [{"memory": "1Mi"}], ("OutOfmemory", resource_text("memory", 2**30, 2**20, 2**30))),
    ({"ephemeral-storage": "11Gi"}, [],
     ("OutOfephemeral-storage", resource_text("ephemeral-storage", 11 * 2**30, 0, 10 * 2**30))),
    ({}, [{}, {}, {}], ("OutOfpods", resource_text("pods", 1, 3, 3))),
    ({"hugepages-2Mi": "2Mi"}, [], ("OutOfhugepages-2Mi", resource_text("hugepages-2Mi", 2 * 2**20, 0, 0))),
    ({"example.com/unknown": "5"}, [], None),
    ({"cpu": "0"}, [{"cpu": "2"}], None),
])
def test_resources(requests, others, expected):
    active = [pod(f"o{index}", other) for index, other in enumerate(others)]
    assert admit(pod(requests=requests), active, node()) == (Rejection(*expected) if expected else None)


def test_extended_resources_that_the_node_has_are_counted():
    has_two = node(ALLOCATABLE | {"example.com/gpu": "2"})
    assert admit(pod(requests={"example.com/gpu": "2"}), [], has_two) is None
    rejection = admit(pod(requests={"example.com/gpu": "3"}), [], has_two)
    assert rejection == Rejection("OutOfexample.com/gpu", resource_text("example.com/gpu", 3, 0, 2))


def test_a_pod_does_not_compete_with_itself():
    of = pod(requests={"cpu": "2"})
    assert admit(of, [of], node()) is None


def affinity(*terms):
    return Affinity(node_affinity=NodeAffinity(
        required_during_scheduling_ignored_during_execution=NodeSelector(node_selector_terms=terms)
    ))


def term(key, operator, *values, field=False):
    requirement = (NodeSelectorRequirement(key=key, operator=operator, values=values),)
    return NodeSelectorTerm(match_fields=requirement) if field else NodeSelectorTerm(match_expressions=requirement)


AFFINITY = Rejection("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")


@pytest.mark.parametrize(("spec", "fits"), [
    ({"node_selector": {"zone": "a"}}, True), ({"node_selector": {"zone": "b"}}, False),
    ({"affinity": affinity(term("zone", "In", "a", "b"))}, True),
    ({"affinity": affinity(term("zone", "In", "b"))}, False),
    ({"affinity": affinity(term("zone", "NotIn", "a"))}, False),
    ({"affinity": affinity(term("x", "NotIn", "a"))}, True),
    ({"affinity": affinity(term("zone", "Exists"))}, True), ({"affinity": affinity(term("x", "Exists"))}, False),
    ({"affinity": affinity(term("x", "DoesNotExist"))}, True),
    ({"affinity": affinity(term("size", "Gt", "4"))}, True), ({"affinity": affinity(term("size", "Lt", "5"))}, False),
    ({"affinity": affinity(term("zone", "Gt", "4"))}, False),
    ({"affinity": affinity(term("zone", "In", "b"), term("zone", "In", "a"))}, True),
    ({"affinity": affinity(NodeSelectorTerm())}, False),
    ({"affinity": affinity(term("metadata.name", "In", "n1", field=True))}, True),
    ({"affinity": affinity(term("metadata.name", "In", "n2", field=True))}, False),
])
def test_node_affinity(spec, fits):
    assert admit(pod(**spec), [], node()) == (None if fits else AFFINITY)


def test_node_name():
    assert admit(pod(node_name="n1"), [], node()) is None
    assert admit(pod(node_name="n2"), [], node()) == Rejection(
        "NodeName", "Predicate NodeName failed: node(s) didn't match the requested node name"
    )


def port(number, protocol="TCP", ip=""):
    return ContainerPort(container_port=number, host_port=number, protocol=protocol, host_ip=ip)


@pytest.mark.parametrize(("mine", "theirs", "fits"), [
    (port(80), port(80), False), (port(80), port(81), True), (port(80), port(80, "UDP"), True),
    (port(80, ip="10.0.0.1"), port(80, ip="10.0.0.2"), True), (port(80, ip="10.0.0.1"), port(80), False),
    (port(80), port(80, ip="10.0.0.1"), False), (ContainerPort(container_port=80), port(80), True),
])
def test_host_ports(mine, theirs, fits):
    rejection = admit(pod(ports=(mine,)), [pod("o", ports=(theirs,))], node())
    assert rejection == (None if fits else Rejection(
        "NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    ))


TAINT = Taint(key="k", value="v", effect="NoExecute")


@pytest.mark.parametrize(("tolerations", "meta", "fits"), [
    ((), None, False), ((Toleration(key="k", value="v"),), None, True),
    ((Toleration(key="k", value="x"),), None, False), ((Toleration(operator="Exists"),), None, True),
    ((Toleration(key="k", operator="Exists", effect="NoSchedule"),), None, False), ((), STATIC, True),
])
def test_taints(tolerations, meta, fits):
    rejection = admit(pod(tolerations=tolerations, meta=meta), [], node(taints=(TAINT,)))
    assert rejection == (None if fits else Rejection(
        "TaintToleration", "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"
    ))


def test_only_no_execute_taints_matter():
    assert admit(pod(), [], node(taints=(Taint(key="k", effect="NoSchedule"),))) is None


def test_operating_system():
    assert admit(pod(os=PodOS(name="windows")), [], node()).reason == "PodOSNotSupported"
    assert admit(pod(os=PodOS(name="linux")), [], node()) is None
    rejection = admit(pod(meta={"labels": {"kubernetes.io/os": "windows"}}), [], node())
    assert rejection == Rejection(
        "PodOSSelectorNodeLabelDoesNotMatch",
        "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    )


def test_supplemental_groups_policy():
    strict = pod(security_context=PodSecurityContext(supplemental_groups_policy="Strict"))
    assert admit(strict, [], node(strict=True)) is None
    assert admit(strict, [], node()) == Rejection(
        "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
    )


@pytest.mark.parametrize(("name", "state", "spec", "problem"), [
    ("net.ipv4.tcp_syncookies", NodeState(), {}, ""),
    ("net/ipv4/tcp_syncookies", NodeState(), {}, ""),
    ("net.ipv4.tcp_rmem", NodeState(kernel=(4, 14)), {}, '"net.ipv4.tcp_rmem" not allowlisted'),
    ("kernel.msgmax", NodeState(), {}, '"kernel.msgmax" not allowlisted'),
    ("kernel.msgmax", NodeState(allowed_unsafe_sysctls=("kernel.msg*",)), {}, ""),
    ("kernel.msgmax", NodeState(allowed_unsafe_sysctls=("kernel.msgmax",)), {"host_ipc": True},
     '"kernel.msgmax" not allowed with host IPC enabled'),
    ("net.ipv4.tcp_syncookies", NodeState(), {"host_network": True},
     '"net.ipv4.tcp_syncookies" not allowed with host Net enabled'),
])
def test_sysctls(name, state, spec, problem):
    of = pod(security_context=PodSecurityContext(sysctls=(Sysctl(name=name, value="1"),)), **spec)
    expected = Rejection("SysctlForbidden", f"forbidden sysctl: {problem}") if problem else None
    assert admit(of, [], node(), state) == expected


@pytest.mark.parametrize(("pressure", "of", "fits"), [
    (("MemoryPressure",), pod(), False),
    (("MemoryPressure",), pod(requests={"cpu": "1m"}), True),
    (("MemoryPressure",), pod(tolerations=(Toleration(key="node.kubernetes.io/memory-pressure", operator="Exists"),)),
     True),
    (("DiskPressure",), pod(requests={"cpu": "1m"}), False),
    (("DiskPressure",), pod(meta=STATIC), True),
    (("DiskPressure",), pod(priority=2_000_000_000), True),
    (("MemoryPressure", "PIDPressure"), pod(requests={"cpu": "1m"}), False),
])
def test_pressure(pressure, of, fits):
    expected = None if fits else Rejection("Evicted", f"The node had condition: [{' '.join(pressure)}]. ")
    assert admit(of, [], node(), NodeState(pressure=pressure)) == expected


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_pressure_refuses_nobody_whom_the_node_took_before(phase):
    known = pod(status=PodStatus(phase=phase, start_time="2026-01-01T00:00:00Z"))
    assert admit(known, [], node(), NodeState(pressure=("DiskPressure",))) is None


def test_apparmor():
    profile = AppArmorProfile(type="RuntimeDefault")
    of = pod(security_context=PodSecurityContext(app_armor_profile=profile))
    assert admit(of, [], node()) is None
    assert admit(of, [], node(), NodeState(apparmor=False)) == Rejection(
        "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host"
    )
    unconfined = pod(security_context=PodSecurityContext(app_armor_profile=AppArmorProfile(type="Unconfined")))
    assert admit(unconfined, [], node(), NodeState(apparmor=False)) is None
    empty = Container(name="c", security_context=SecurityContext(app_armor_profile=AppArmorProfile(type="Localhost")))
    assert admit(pod(containers=(empty,)), [], node()).reason == "AppArmor"
    runs = msgspec.structs.replace(of, status=PodStatus(phase="Running"))
    assert admit(runs, [], node(), NodeState(apparmor=False)) is None


def test_shutdown():
    assert admit(pod(), [], node(), NodeState(shutting_down=True)) == Rejection(
        "NodeShutdown", "Pod was rejected as the node is shutting down."
    )


@given(st.lists(st.integers(1, 1500), max_size=8))
def test_what_is_admitted_never_exceeds_the_node(requests):
    admitted = []
    for index, milli in enumerate(requests):
        each = pod(f"u{index}", {"cpu": f"{milli}m"})
        if admit(each, admitted, node()) is None:
            admitted.append(each)
    assert len(admitted) <= 3
    assert sum(int(each.spec.containers[0].resources.requests["cpu"][:-1]) for each in admitted) <= 2000


RESTART_ALL = ContainerRestartRule(action="RestartAllContainers")
UNSUPPORTED = "Pod requires node features that are not available: "


@pytest.mark.parametrize(("spec", "declared", "expected"), [
    ({}, (), None),
    ({"containers": (Container(name="c", restart_policy_rules=(RESTART_ALL,)),)}, (),
     UNSUPPORTED + "RestartAllContainersOnContainerExits"),
    ({"init_containers": (Container(name="i", restart_policy_rules=(RESTART_ALL,)),)},
     ("RestartAllContainersOnContainerExits",), None),
    ({"host_network": True, "host_users": False}, (), UNSUPPORTED + "UserNamespacesHostNetworkSupport"),
    ({"host_network": True, "host_users": True}, (), None),
])
def test_features_that_pods_need(spec, declared, expected):
    has = node()
    has = msgspec.structs.replace(has, status=msgspec.structs.replace(has.status, declared_features=declared))
    rejection = Rejection("PodFeatureUnsupported", expected) if expected else None
    assert admit(pod(**spec), [], has) == rejection


@pytest.mark.parametrize(("resources", "enabled", "rejected"), [
    (None, False, False), (ResourceRequirements(), False, False),
    (ResourceRequirements(requests={"cpu": "1"}), False, True),
    (ResourceRequirements(limits={"cpu": "1"}), True, False),
])
def test_resources_of_pods_may_be_switched_off(resources, enabled, rejected):
    answer = admit(pod(resources=resources), [], node(), NodeState(pod_level_resources=enabled))
    assert answer == (
        Rejection("PodLevelResourcesNotSupported", "PodLevelResources feature gate is disabled") if rejected else None
    )


RESIZES = ("InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers")


@pytest.mark.parametrize(("gates", "declared"), [
    ({}, ("ExtendWebSocketsToKubelet", *RESIZES, "RestartAllContainersOnContainerExits")),
    ({"RestartAllContainersOnContainerExits": False}, ("ExtendWebSocketsToKubelet", *RESIZES)),
    ({"NodeDeclaredFeatures": False}, ()),
])
def test_what_the_node_declares(gates, declared):
    assert declared_features(msgspec.structs.replace(KubeletConfiguration(), feature_gates=gates)) == declared
