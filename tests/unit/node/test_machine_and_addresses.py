"""Reading the machine, counting what it has, choosing its address."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.quantity import parse
from kubelet.node import MachineFacts, NodeSettings, read_machine
from kubelet.node.addresses import (
    NetworkFacts,
    NoNodeAddressError,
    ipv4_default_interfaces,
    ipv6_default_interfaces,
    node_addresses,
    read_network,
)
from kubelet.node.capacity import node_capacity, overdrawn, written
from kubelet.node.machine import go_architecture, read_hugepages, read_os_image

GIB = 2**30


def settings(**fields):
    return NodeSettings(**({"node_name": "n1", "hostname": "n1", "root_dir": Path("/var/lib/kubelet")} | fields))


def facts(**fields):
    return MachineFacts(**({"cpus": 4, "memory": 8 * GIB, "ephemeral_storage": 100 * GIB} | fields))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_pid_limits(host):
    write(host / "proc/sys/kernel/pid_max", "32768\n")
    write(host / "proc/sys/kernel/threads-max", "4096\n")


def test_a_made_up_machine(tmp_path):
    write(tmp_path / "etc/machine-id", "abc\n")
    write(tmp_path / "sys/class/dmi/id/product_uuid", "UUID-1\n")
    write(tmp_path / "proc/sys/kernel/random/boot_id", "boot-1\n")
    write(tmp_path / "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    write(tmp_path / "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n")
    write_pid_limits(tmp_path)
    found = read_machine(tmp_path / "not/made/yet", tmp_path)
    assert found.max_pids == 4096
    assert (found.machine_id, found.system_uuid, found.boot_id) == ("abc", "UUID-1", "boot-1")
    assert found.os_image == "Debian GNU/Linux 12 (bookworm)"
    assert found.hugepages == {2 * 2**20: 3}
    assert found.cpus > 0
    assert found.memory > 0
    assert found.ephemeral_storage > 0


def test_missing_files_are_no_error(tmp_path):
    assert read_os_image(tmp_path) == "Linux"
    assert read_hugepages(tmp_path) == {}


def test_system_uuid_falls_back_to_the_machine_id(tmp_path):
    write(tmp_path / "etc/machine-id", "abc\n")
    write_pid_limits(tmp_path)
    assert read_machine(tmp_path, tmp_path).system_uuid == "abc"


@pytest.mark.parametrize(("version", "expected"), [
    ("6.1.0-18-amd64", (6, 1)), ("5.15.153.1-microsoft-standard-WSL2", (5, 15)), ("weird", (0, 0)),
])
def test_kernel(version, expected):
    assert facts(kernel_version=version).kernel == expected


def test_more_is_reserved_than_there_is():
    few = facts(max_pids=1000)
    wanted = settings(kube_reserved={"cpu": "3", "pid": "2000"}, system_reserved={"cpu": "1500m"}, eviction_hard={})
    assert overdrawn(node_capacity(few, wanted), wanted) == (
        'invalid Node Allocatable configuration. Resource "cpu" has a reservation of 4500m but capacity of 4. '
        'Expected capacity >= reservation. Resource "pid" has a reservation of 2000 but capacity of 1000. '
        "Expected capacity >= reservation."
    )
    all_of_it = settings(kube_reserved={"cpu": "4"}, eviction_hard={"memory.available": "8Gi"})
    assert overdrawn(node_capacity(few, all_of_it), all_of_it) == ""


def test_architecture():
    assert (go_architecture("x86_64"), go_architecture("aarch64"), go_architecture("vax")) == ("amd64", "arm64", "vax")


@pytest.mark.parametrize(("fields", "machine", "capacity", "allocatable"), [
    ({}, {}, {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"},
     {"cpu": "4", "memory": "8092Mi", "pods": "110", "ephemeral-storage": "90Gi"}),
    ({"eviction_hard": {}}, {}, None, {"memory": "8Gi", "ephemeral-storage": "100Gi"}),
    ({"kube_reserved": {"cpu": "500m", "memory": "1Gi"}, "system_reserved": {"cpu": "250m", "pid": "100"},
      "eviction_hard": {}}, {}, None, {"cpu": "3250m", "memory": "7Gi"}),
    ({"eviction_hard": {"memory.available": "25%", "nodefs.available": "1Gi", "nodefs.inodesFree": "5%"}}, {}, None,
     {"memory": "6Gi", "ephemeral-storage": "99Gi"}),
    ({"eviction_hard": {}}, {"hugepages": {2 * 2**20: 512}}, {"hugepages-2Mi": "1Gi"},
     {"memory": "7Gi", "hugepages-2Mi": "1Gi"}),
    ({"kube_reserved": {"memory": "100Gi"}}, {}, None, {"memory": "0"}),
    ({"pods_per_core": 10}, {}, {"pods": "40"}, {"pods": "40"}),
    ({"pods_per_core": 100}, {}, {"pods": "110"}, {"pods": "110"}),
])
def test_capacity_and_allocatable(fields, machine, capacity, allocatable):
    has, gives = written(facts(**machine), settings(**fields))
    assert (capacity or {}).items() <= has.items()
    assert allocatable.items() <= gives.items()


@given(st.integers(1, 64), st.integers(2**20, 2**40), st.integers(0, 2000), st.integers(0, 2**41))
def test_allocatable_is_between_nothing_and_capacity(cpus, memory, reserved_cpu, reserved_memory):
    has, gives = written(facts(cpus=cpus, memory=memory), settings(
        kube_reserved={"cpu": f"{reserved_cpu}m", "memory": str(reserved_memory)}
    ))
    assert all(0 <= parse(gives[name]) <= parse(has[name]) for name in has)


# Addresses.

def network(resolved=(), routes=("eth0",), routes6=(), **interfaces):
    interfaces = interfaces or {"lo": ("127.0.0.1",), "eth0": ("192.0.2.2", "fe80::1", "2001:db8::2")}
    return NetworkFacts(
        {name: tuple(ip_address(ip) for ip in ips) for name, ips in interfaces.items()}, {4: routes, 6: routes6},
        tuple(ip_address(ip) for ip in resolved),
    )


@pytest.mark.parametrize(("found", "node_ips", "expected"), [
    (network(), (), ["192.0.2.2"]),
    (network(), ("192.0.2.2",), ["192.0.2.2"]),
    (network(), ("192.0.2.2", "2001:db8::2"), ["192.0.2.2", "2001:db8::2"]),
    (network(routes6=("eth0",)), ("::",), ["2001:db8::2"]),
    (network(resolved=("127.0.1.1",)), (), ["192.0.2.2"]),
    (network(resolved=("198.51.100.7",), eth0=("192.0.2.2",), eth1=("198.51.100.7",)), (), ["198.51.100.7"]),
    (network(resolved=("2001:db8::2", "192.0.2.2")), (), ["192.0.2.2"]),
    (network(routes=("down0", "eth0")), (), ["192.0.2.2"]),
    (network(routes=(), routes6=("eth0",)), (), ["2001:db8::2"]),
])
def test_node_addresses(found, node_ips, expected):
    addresses = node_addresses(found, node_ips, "n1")
    assert [(address.type, address.address) for address in addresses] == \
        [("InternalIP", ip) for ip in expected] + [("Hostname", "n1")]


@pytest.mark.parametrize(("node_ip", "problem"), [
    ("127.0.0.1", "failed to validate nodeIP: nodeIP can't be loopback address"),
    ("224.0.0.1", "failed to validate nodeIP: nodeIP can't be a multicast address"),
    ("fe80::1", "failed to validate nodeIP: nodeIP can't be a link-local unicast address"),
    ("192.0.2.9", 'failed to validate nodeIP: node IP: "192.0.2.9" not found in the host\'s network interfaces'),
])
def test_wrong_node_ips(node_ip, problem):
    with pytest.raises(NoNodeAddressError) as raised:
        node_addresses(network(), (node_ip,), "n1")
    assert str(raised.value) == problem


def test_no_address_says_what_to_do():
    with pytest.raises(NoNodeAddressError, match="set --node-ip"):
        node_addresses(network(routes=()), (), "n1")


def test_default_routes_of_proc():
    ipv4 = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth1 00000000 010200C0 0003 0 0 200 00000000 0 0 0
eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0
eth2 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
down 00000000 010200C0 0002 0 0 1 00000000 0 0 0"""
    assert ipv4_default_interfaces(ipv4.splitlines()) == ("eth0", "eth1")
    zero = "0" * 32
    ipv6 = f"""{zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo"""
    assert ipv6_default_interfaces(ipv6.splitlines()) == ("eth0",)


def test_this_machine_can_be_read():
    assert "lo" in read_network("localhost").interfaces
