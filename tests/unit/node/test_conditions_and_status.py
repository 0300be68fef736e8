"""Node conditions word by word, the status as a whole, and its patch."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_fakes import NOW, NOW_TEXT, merge

from cri.v1 import api_pb2 as cri
from kubelet.api import codec
from kubelet.api.types import Node, NodeAddress, NodeCondition, NodeStatus, ObjectMeta, Taint
from kubelet.devices.inventory import DeviceCapacity
from kubelet.node import MachineFacts, NodeSettings, Pressure
from kubelet.node.capacity import written
from kubelet.node.conditions import aggregate, is_ready, node_conditions
from kubelet.node.status import (
    StatusInputs,
    initial_node,
    node_images,
    node_patch,
    node_status,
    reconciled,
    same_but_for_heartbeat,
    without_devices,
)

FACTS = MachineFacts(
    cpus=2, memory=2**30, ephemeral_storage=2**34, boot_id="b1", machine_id="m", system_uuid="u",
    kernel_version="6.1.0", os_image="Debian", architecture="amd64",
)
ADDRESSES = (NodeAddress(type="InternalIP", address="192.0.2.2"), NodeAddress(type="Hostname", address="n1"))


def settings(**fields):
    return NodeSettings(**({"node_name": "n1", "hostname": "n1", "root_dir": Path("/r")} | fields))


def inputs(**fields):
    return StatusInputs(**({"facts": FACTS, "addresses": ADDRESSES, "runtime_version": "docker://20.10.24"} | fields))


@pytest.mark.parametrize(("errors", "expected"), [
    ((), ""), (("a",), "a"), (("a", "b"), "[a, b]"), (("a", "", "a", "b"), "[a, b]"),
])
def test_errors_are_joined_as_go_joins_them(errors, expected):
    assert aggregate(errors) == expected


@pytest.mark.parametrize(("pressure", "type_", "text"), [
    (Pressure(), "MemoryPressure", ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")),
    (Pressure(memory=True), "MemoryPressure",
     ("True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")),
    (Pressure(), "DiskPressure", ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure")),
    (Pressure(disk=True), "DiskPressure", ("True", "KubeletHasDiskPressure", "kubelet has disk pressure")),
    (Pressure(), "PIDPressure", ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available")),
    (Pressure(pid=True), "PIDPressure",
     ("True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available")),
])
def test_pressure_texts(pressure, type_, text):
    (found,) = [found for found in node_conditions((), pressure, (), NOW).conditions if found.type == type_]
    assert (found.status, found.reason, found.message) == text


def test_ready_is_last_and_says_all_errors():
    ready = node_conditions((), Pressure(), (), NOW).conditions[-1]
    assert (ready.type, ready.status, ready.reason, ready.message) == \
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    broken = node_conditions((), Pressure(), ("a", "b"), NOW).conditions[-1]
    assert (broken.status, broken.reason, broken.message) == ("False", "KubeletNotReady", "[a, b]")


def test_times_and_events_of_changes():
    first = node_conditions((), Pressure(), (), NOW)
    assert first.events == ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID")
    second = node_conditions(first.conditions, Pressure(), ("broken",), NOW + 60)
    assert second.events == ("NodeNotReady",)
    memory, ready = second.conditions[0], second.conditions[-1]
    assert (memory.last_transition_time, memory.last_heartbeat_time) == (NOW_TEXT, "2023-11-14T22:14:20Z")
    assert ready.last_transition_time == "2023-11-14T22:14:20Z"
    third = node_conditions(second.conditions, Pressure(), (), NOW + 120)
    assert third.events == ("NodeReady",)


def test_others_conditions_stay():
    theirs = NodeCondition(type="NetworkUnavailable", status="False")
    found = node_conditions((theirs,), Pressure(), (), NOW).conditions
    assert theirs in found
    assert found[-1].type == "Ready"


def test_the_whole_status():
    status = node_status(settings(), NodeStatus(), inputs(), NOW).status
    assert status.addresses == ADDRESSES
    assert status.daemon_endpoints.kubelet_endpoint.port == 10250
    assert status.node_info.container_runtime_version == "docker://20.10.24"
    assert (status.node_info.kubelet_version, status.node_info.operating_system) == ("v1.36.3", "linux")
    assert is_ready(status.conditions)
    assert status.capacity["cpu"] == "2"


def test_without_facts_the_node_lacks_capacity():
    status = node_status(settings(), NodeStatus(), inputs(facts=None), NOW).status
    assert status.conditions[-1].message == \
        "missing node capacity for resources: cpu, memory, pods, ephemeral-storage"


@pytest.mark.parametrize(("thresholds", "storage"), [
    ({}, 1000), ({"nodefs.available": "10%"}, 900), ({"nodefs.available": "100"}, 900),
    # Both switch the threshold off.
    ({"nodefs.available": "0%"}, 1000), ({"nodefs.available": "100%"}, 1000),
])
def test_what_eviction_keeps_is_not_allocatable(thresholds, storage):
    facts = replace(FACTS, ephemeral_storage=1000)
    assert written(facts, settings(eviction_hard=thresholds))[1]["ephemeral-storage"] == str(storage)


def test_what_others_advertise_is_kept():
    previous = NodeStatus(capacity={"example.com/gpu": "2", "hugepages-1Gi": "5Gi"})
    status = node_status(settings(), previous, inputs(), NOW).status
    assert status.capacity["example.com/gpu"] == status.allocatable["example.com/gpu"] == "2"
    assert "hugepages-1Gi" not in status.capacity


def test_a_reboot_is_told_once():
    before = node_status(settings(), NodeStatus(), inputs(), NOW).status
    rebooted = node_status(settings(), before, inputs(facts=msgspec_replace(FACTS, boot_id="b2")), NOW)
    (event,) = rebooted.events
    assert (event.kind, event.reason, event.message) == \
        ("Warning", "Rebooted", "Node n1 has been rebooted, boot id: b2")
    again = node_status(settings(), rebooted.status, inputs(facts=msgspec_replace(FACTS, boot_id="b2")), NOW)
    assert again.events == ()


def msgspec_replace(facts, **fields):
    import dataclasses

    return dataclasses.replace(facts, **fields)


def test_a_cloud_provider_says_the_addresses():
    cloud = settings(external_cloud_provider=True)
    first = node_status(cloud, NodeStatus(), inputs(), NOW).status
    assert [address.type for address in first.addresses] == ["Hostname"]
    given = NodeStatus(addresses=(NodeAddress(type="ExternalIP", address="203.0.113.1"),))
    assert node_status(cloud, given, inputs(), NOW).status.addresses == given.addresses
    node = initial_node(settings(external_cloud_provider=True, node_ips=("192.0.2.2",)), "amd64")
    assert node.metadata.annotations["alpha.kubernetes.io/provided-node-ip"] == "192.0.2.2"
    assert [taint.key for taint in node.spec.taints] == ["node.cloudprovider.kubernetes.io/uninitialized"]


def test_the_initial_node():
    node = initial_node(settings(
        labels={"zone": "a"}, taints=(Taint(key="k", effect="NoSchedule"),), provider_id="x://1"
    ), "arm64")
    assert node.metadata.labels == {
        "kubernetes.io/hostname": "n1", "kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64",
        "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "arm64", "zone": "a",
    }
    assert node.metadata.annotations == {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    assert (node.spec.taints[0].key, node.spec.provider_id) == ("k", "x://1")


def test_an_existing_nodes_labels_are_set_right_and_its_own_kept():
    existing = Node(metadata=ObjectMeta(
        name="n1", labels={"mine": "1", "kubernetes.io/arch": "vax"}, annotations={"theirs": "2"}
    ))
    node = reconciled(existing, settings(labels={"zone": "a"}), "amd64")
    assert node.metadata.labels["kubernetes.io/arch"] == "amd64"
    assert node.metadata.labels["mine"] == "1"
    assert "zone" not in node.metadata.labels
    assert node.metadata.annotations["theirs"] == "2"


def test_heartbeats_alone_are_no_change():
    one = node_status(settings(), NodeStatus(), inputs(), NOW).status
    other = node_status(settings(), one, inputs(), NOW + 10).status
    assert one != other
    assert same_but_for_heartbeat(one, other)
    assert not same_but_for_heartbeat(one, node_status(settings(), one, inputs(errors=("x",)), NOW).status)


def test_images_are_sorted_and_limited():
    images = [
        cri.Image(id="small", size=1, repo_tags=["a:1"]),
        cri.Image(id="big", size=9, repo_tags=[f"b:{number}" for number in range(9)], repo_digests=["b@sha256:1"]),
        cri.Image(id="middle", size=5),
    ]
    found = node_images(images, 2)
    assert [image.size_bytes for image in found] == [9, 5]
    assert found[0].names == ("b@sha256:1", "b:0", "b:1", "b:2", "b:3")
    assert len(node_images(images, -1)) == 3


nodes = st.builds(
    lambda errors, pressure, addresses, labels, extra: Node(
        metadata=ObjectMeta(name="n1", labels=labels),
        status=node_status(
            settings(), NodeStatus(capacity=extra), inputs(errors=errors, pressure=pressure, addresses=addresses), NOW
        ).status,
    ),
    st.sampled_from([(), ("x",), ("x", "y")]), st.builds(Pressure, st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from([ADDRESSES, ADDRESSES[:1], (ADDRESSES[0], ADDRESSES[0], ADDRESSES[1])]),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")),
    st.dictionaries(st.sampled_from(["example.com/a", "example.com/b"]), st.sampled_from("12")),
)


@given(nodes, nodes)
def test_applying_the_patch_gives_the_wanted_node(old, new):
    result = codec.convert(merge(codec.to_plain(old), node_patch(old, new)), Node)
    assert result.metadata.labels == new.metadata.labels
    by_type = {found.type: found for found in result.status.conditions}
    assert by_type == {found.type: found for found in new.status.conditions}
    assert msgspec.structs.replace(result.status, conditions=()) == msgspec.structs.replace(new.status, conditions=())
    assert node_patch(new, new) == {}


def test_devices_are_counted_and_those_that_went_stay_as_zero():
    before = NodeStatus(capacity={"example.com/patched": "5", "a.b/gone": "2"}, allocatable={"a.b/gone": "2"})
    devices = DeviceCapacity({"a.b/gpu": 2, "a.b/late": 0}, {"a.b/gpu": 1, "a.b/late": 0}, frozenset({"a.b/gone"}))
    status = node_status(settings(), before, inputs(devices=devices), NOW).status
    shown = {name: (amount, status.allocatable[name]) for name, amount in status.capacity.items() if "/" in name}
    assert shown == {"example.com/patched": ("5", "5"), "a.b/gone": ("0", "0"), "a.b/gpu": ("2", "1"),
                     "a.b/late": ("0", "0")}
    again = node_status(settings(), status, inputs(), NOW).status
    assert (again.capacity["a.b/gone"], again.allocatable["a.b/gone"]) == ("0", "0")


def test_a_node_made_anew_offers_none_of_the_old_ones_devices():
    old = NodeStatus(capacity={"cpu": "2", "a.b/gpu": "2", "hugepages-2Mi": "0", "x.kubernetes.io/y": "1"},
                     allocatable={"cpu": "2", "a.b/gpu": "1"})
    new = without_devices(old)
    assert new.capacity == {"cpu": "2", "a.b/gpu": "0", "hugepages-2Mi": "0", "x.kubernetes.io/y": "1"}
    assert new.allocatable == {"cpu": "2", "a.b/gpu": "0"}
