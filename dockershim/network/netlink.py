"""The few netlink messages that a node's network needs, by hand: importing a netlink library costs the dockershim
20 MB and 0.1 s, these cost nothing.

Sans I/O but for `dump` and `request`, which are the exchange itself on a socket that the caller has opened.
Source: rtnetlink(7), linux/netfilter/nfnetlink_conntrack.h.
"""

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR = struct.Struct("=i")

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_RECEIVE_BYTES = 1 << 16

_RTM_NEWLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 20, 22
_NLM_F_CREATE = 0x600  # and not one that is there
_IFINFOMSG = struct.Struct("=BxHiII")  # family, device type, index, flags, mask
_IFLA_IFNAME, _IFLA_LINKINFO = 3, 18
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_F_NODAD = 0x2
_IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface index
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_SCOPE_GLOBAL = 0

_CT_GET, _CT_DELETE = (1 << 8) | 1, (1 << 8) | 2  # NFNL_SUBSYS_CTNETLINK
_NFGENMSG = struct.Struct("=BBH")  # family, version, resource id
_CTA_TUPLE_ORIG, _CTA_ZONE = 1, 18
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_CTA_IP_V4_DST, _CTA_IP_V6_DST = 2, 4
_CTA_PROTO_NUM, _CTA_PROTO_DST_PORT = 1, 3


def dump(sock: socket.socket, message: bytes) -> list[tuple[int, bytes]]:
    """All messages of a dump as (type, payload); OSError when the kernel refuses."""
    sock.send(message)
    return list(_receive(sock))


def request(sock: socket.socket, message: bytes) -> None:
    """A request that is answered by an acknowledgement; OSError when the kernel refuses."""
    sock.send(message)
    for _ in _receive(sock):
        pass


def split_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of one datagram as (type, payload)."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, data[offset + _HEADER.size : offset + length]
        offset += _aligned(length)


def split_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a payload as (type without flags, value)."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def address_dump_request() -> bytes:
    return _message(_RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0))


def global_addresses(messages: Iterable[tuple[int, bytes]], index: int) -> tuple[str, ...]:
    """Of RTM_NEWADDR messages: the addresses of scope global on interface `index` with prefix lengths, IPv4 first."""
    found = []
    for _kind, payload in messages:
        _family, prefix, _flags, scope, of_index = _IFADDRMSG.unpack_from(payload)
        if of_index != index or scope != _SCOPE_GLOBAL:
            continue
        attributes = dict(split_attributes(payload[_IFADDRMSG.size :]))
        raw = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        if raw:
            found.append(ipaddress.ip_interface((raw, prefix)))
    return tuple(str(address) for address in sorted(found, key=lambda address: address.version))


def veth_request(name: str, peer: str) -> bytes:
    """Make a pair of devices, both down."""
    described = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    other = attribute(_VETH_INFO_PEER | _NESTED, described + attribute(_IFLA_IFNAME, _text(peer)))
    kind = attribute(_IFLA_INFO_KIND, _text("veth")) + attribute(_IFLA_INFO_DATA | _NESTED, other)
    body = described + attribute(_IFLA_IFNAME, _text(name)) + attribute(_IFLA_LINKINFO | _NESTED, kind)
    return _message(_RTM_NEWLINK, _NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE, body)


def address_request(index: int, address: str) -> bytes:
    """Give interface `index` an address with prefix length, usable at once."""
    interface = ipaddress.ip_interface(address)
    family = socket.AF_INET6 if interface.version == 6 else socket.AF_INET
    body = _IFADDRMSG.pack(family, interface.network.prefixlen, _IFA_F_NODAD, _SCOPE_GLOBAL, index)
    body += attribute(_IFA_LOCAL, interface.ip.packed) + attribute(_IFA_ADDRESS, interface.ip.packed)
    return _message(_RTM_NEWADDR, _NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE, body)


def conntrack_dump_request(family: int) -> bytes:
    return _message(_CT_GET, _NLM_F_REQUEST | _NLM_F_DUMP, _NFGENMSG.pack(family, 0, 0))


def conntrack_deletions(
    messages: Iterable[tuple[int, bytes]], family: int, targets: frozenset[tuple[str, int]]
) -> list[bytes]:
    """Delete requests for those of the dumped UDP connections that were made to one of `targets`.

    A target is (address or "" for any, port): what the client sent to, before any translation.
    """
    deletions = []
    for _kind, payload in messages:
        attributes = dict(split_attributes(payload[_NFGENMSG.size :]))
        original = attributes.get(_CTA_TUPLE_ORIG, b"")
        destination = _udp_destination(original)
        if destination is None or not targets & {destination, ("", destination[1])}:
            continue
        body = _NFGENMSG.pack(family, 0, 0) + attribute(_CTA_TUPLE_ORIG | _NESTED, original)
        if _CTA_ZONE in attributes:
            body += attribute(_CTA_ZONE, attributes[_CTA_ZONE])
        deletions.append(_message(_CT_DELETE, _NLM_F_REQUEST | _NLM_F_ACK, body))
    return deletions


def _udp_destination(tuple_attributes: bytes) -> tuple[str, int] | None:
    parts = dict(split_attributes(tuple_attributes))
    protocol = dict(split_attributes(parts.get(_CTA_TUPLE_PROTO, b"")))
    if protocol.get(_CTA_PROTO_NUM) != bytes([socket.IPPROTO_UDP]):
        return None
    addresses = dict(split_attributes(parts.get(_CTA_TUPLE_IP, b"")))
    raw = addresses.get(_CTA_IP_V4_DST) or addresses.get(_CTA_IP_V6_DST)
    port = protocol.get(_CTA_PROTO_DST_PORT)
    if raw is None or port is None:
        return None
    return str(ipaddress.ip_address(raw)), int.from_bytes(port, "big")


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _message(kind: int, flags: int, payload: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, 1, 0) + payload


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _receive(sock: socket.socket) -> Iterator[tuple[int, bytes]]:
    while True:
        for kind, payload in split_messages(sock.recv(_RECEIVE_BYTES)):
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                number = -_ERROR.unpack_from(payload)[0]
                if number:
                    raise OSError(number, os.strerror(number))
                return
            yield kind, payload
