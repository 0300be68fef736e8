"""Netlink messages by hand: built, split and understood."""

import ipaddress
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from dockershim.network import netlink
from dockershim.network.conntrack import udp_targets
from dockershim.network.model import PortMapping
from dockershim.network.netlink import attribute


def new_address(index, address, scope=0):
    raw = ipaddress.ip_address(address).packed
    return 20, struct.pack("=BBBBI", 2, 24, 0, scope, index) + attribute(2, raw)


def test_global_addresses_of_one_interface_ipv4_first():
    messages = [
        new_address(1, "127.0.0.1", scope=254),
        new_address(2, "fe80::1", scope=253),
        new_address(2, "fd00::5"),
        new_address(2, "10.0.0.5"),
        new_address(3, "10.0.0.9"),
    ]
    assert netlink.global_addresses(messages, 2) == ("10.0.0.5/24", "fd00::5/24")


def connection(destination, port, protocol=17, zone=None):
    address = ipaddress.ip_address(destination)
    ip = attribute(0x8001, attribute(2 if address.version == 4 else 4, address.packed))
    proto = attribute(0x8002, attribute(1, bytes([protocol])) + attribute(3, port.to_bytes(2, "big")))
    body = struct.pack("=BBH", 2, 0, 0) + attribute(0x8001, ip + proto)
    return 256, body + (attribute(18, zone) if zone else b"")


def test_only_udp_to_the_host_port_is_forgotten():
    messages = [
        connection("192.0.2.1", 5353),
        connection("192.0.2.1", 5353, protocol=6),
        connection("192.0.2.2", 5353, zone=b"\0\7"),
        connection("192.0.2.1", 9),
    ]
    anywhere = netlink.conntrack_deletions(messages, socket.AF_INET, frozenset({("", 5353)}))
    assert len(anywhere) == 2
    ((kind, payload),) = netlink.split_messages(anywhere[1])
    assert kind == (1 << 8) | 2
    assert dict(netlink.split_attributes(payload[4:]))[18] == b"\0\7"
    one = netlink.conntrack_deletions(messages, socket.AF_INET, frozenset({("192.0.2.1", 5353)}))
    assert len(one) == 1


def test_targets_are_udp_mappings_with_a_host_port():
    mappings = (
        PortMapping("UDP", 53, 5353),
        PortMapping("udp", 54, 5354, "192.0.2.1"),
        PortMapping("udp", 55, 5355, "0.0.0.0"),
        PortMapping("tcp", 80, 8080),
        PortMapping("udp", 56, 0),
    )
    assert udp_targets(mappings) == {("", 5353), ("192.0.2.1", 5354), ("", 5355)}


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=20))))
def test_attributes_are_read_as_written(attributes):
    data = b"".join(attribute(kind, value) for kind, value in attributes)
    assert list(netlink.split_attributes(data)) == attributes


@given(st.binary(max_size=200))
def test_any_bytes_are_split_without_end(data):
    assert len(list(netlink.split_messages(data))) <= len(data) // 16
    assert len(list(netlink.split_attributes(data))) <= len(data) // 4 + 1
