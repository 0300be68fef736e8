"""The node's addresses: those of --node-ip, else what its name resolves to, else the default route's.

Reading is blocking and done in a thread, never on the way of a heartbeat; choosing is pure.
Sources: pkg/kubelet/nodestatus/setters.go NodeAddress, apimachinery/pkg/util/net/interface.go.
"""

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import psutil

from kubelet.api.types import NodeAddress

Address = IPv4Address | IPv6Address
_ROUTE_UP_GATEWAY = 0x3


class NoNodeAddressError(Exception):
    """The node has no address to give; the text says what was tried."""


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """`interfaces`: name to addresses. `default_interfaces`: those of default routes, best metric first, by family."""

    interfaces: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    default_interfaces: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    resolved: tuple[Address, ...] = ()
    """What the node's name resolves to."""


def node_addresses(facts: NetworkFacts, node_ips: Sequence[str], hostname: str) -> tuple[NodeAddress, ...]:
    """InternalIP (one, or two for dual stack) and Hostname. Raises NoNodeAddressError."""
    wanted = [ip_address(ip) for ip in node_ips]
    given = [address for address in wanted if not address.is_unspecified]
    for address in given:
        problem = _problem(address, facts)
        if problem:
            raise NoNodeAddressError(f"failed to validate nodeIP: {problem}")
    chosen = given[:2] or [_chosen(facts, 6 if wanted and wanted[0].version == 6 else 4, hostname)]
    return (*(NodeAddress(type="InternalIP", address=str(address)) for address in chosen),
            NodeAddress(type="Hostname", address=hostname))


def _problem(address: Address, facts: NetworkFacts) -> str:
    """Why an address cannot be the node's; empty if it can (validateNodeIP)."""
    if address.is_loopback:
        return "nodeIP can't be loopback address"
    if address.is_multicast:
        return "nodeIP can't be a multicast address"
    if address.is_link_local:
        return "nodeIP can't be a link-local unicast address"
    if address.is_unspecified:
        return "nodeIP can't be an all zeros address"
    if not any(address in addresses for addresses in facts.interfaces.values()):
        return f'node IP: "{address}" not found in the host\'s network interfaces'
    return ""


def _chosen(facts: NetworkFacts, version: int, hostname: str) -> Address:
    try:
        return ip_address(hostname)
    except ValueError:
        pass
    usable = [address for address in facts.resolved if not _problem(address, facts)]
    usable.sort(key=lambda address: address.version != version)
    if usable:
        return usable[0]
    for family in (version, 10 - version):
        for name in facts.default_interfaces.get(family, ()):
            for address in facts.interfaces.get(name, ()):
                if address.version == family and not _problem(address, facts):
                    return address
    raise NoNodeAddressError(
        f"can't get ip address of node {hostname}: its name resolves to no address of this machine, and no default "
        "route leads over an interface with one; set --node-ip"
    )


def read_network(name: str, host: Path = Path("/")) -> NetworkFacts:
    """The facts, with `name` resolved. Blocking, for as long as the resolver takes."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    resolved = dict.fromkeys(_parsed(str(entry[4][0])) for entry in found)
    return NetworkFacts(
        _interfaces(), {
            4: ipv4_default_interfaces(_lines(host / "proc/net/route")),
            6: ipv6_default_interfaces(_lines(host / "proc/net/ipv6_route")),
        }, tuple(address for address in resolved if address is not None),
    )


def _interfaces() -> dict[str, tuple[Address, ...]]:
    return {
        name: tuple(
            address for entry in entries if entry.family in (socket.AF_INET, socket.AF_INET6)
            if (address := _parsed(entry.address)) is not None
        )
        for name, entries in psutil.net_if_addrs().items()
    }


def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def ipv4_default_interfaces(lines: Iterable[str]) -> tuple[str, ...]:
    """Interfaces of /proc/net/route's default routes (destination and mask zero, up), best metric first."""
    routes = []
    for line in lines:
        parts = line.split()
        if len(parts) < 8 or parts[1] != "00000000" or parts[7] != "00000000":
            continue
        if int(parts[3], 16) & 1:
            routes.append((int(parts[6]), parts[0]))
    return tuple(name for _, name in sorted(routes))


def ipv6_default_interfaces(lines: Iterable[str]) -> tuple[str, ...]:
    """Interfaces of /proc/net/ipv6_route's default routes that have a gateway and are up."""
    routes = []
    for line in lines:
        parts = line.split()
        if len(parts) < 10 or parts[0] != "0" * 32 or parts[1] != "00" or parts[9] == "lo":
            continue
        if int(parts[8], 16) & _ROUTE_UP_GATEWAY == _ROUTE_UP_GATEWAY:
            routes.append((struct.unpack(">I", bytes.fromhex(parts[5]))[0], parts[9]))
    return tuple(name for _, name in sorted(routes))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
