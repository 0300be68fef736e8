"""What the rest of the dockershim says to the network room, and what it hears back.

These types know nothing of CNI's JSON: a sandbox goes in, addresses come out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PortMapping:
    """One hostPort. `protocol` is `tcp`, `udp` or `sctp`; an empty `host_ip` means all addresses of the node."""

    protocol: str
    container_port: int
    host_port: int
    host_ip: str = ""


def ports_to_text(mappings: Iterable[PortMapping]) -> str:
    """`udp,15353,53,` per mapping, separated by spaces; the last part is the host's address."""
    return " ".join(f"{one.protocol},{one.host_port},{one.container_port},{one.host_ip}" for one in mappings)


def ports_from_text(text: str) -> tuple[PortMapping, ...]:
    """What is not as `ports_to_text` writes it is passed over."""
    found = []
    for word in text.split():
        protocol, host_port, container_port, host_ip = (*word.split(",", 3), "", "", "", "")[:4]
        if host_port.isdecimal() and container_port.isdecimal():
            found.append(PortMapping(protocol, int(container_port), int(host_port), host_ip))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DNSConfig:
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """One sandbox as CNI is told about it.

    `netns` is a path such as `/proc/<pid of pause>/ns/net`; it is empty once the pause process is gone, and
    everything but `NetworkPlugin.set_up` works without it. `ips` are those that it is known to have.
    """

    sandbox_id: str
    name: str
    namespace: str
    uid: str
    netns: str = ""
    port_mappings: tuple[PortMapping, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    dns: DNSConfig | None = None
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """An interface that a plugin reports. `sandbox` is the netns path, empty for an interface on the host."""

    name: str
    mac: str = ""
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class NetworkResult:
    """`ips` are without prefix length, the primary one first; `raw` is the CNI result as the last plugin gave it."""

    ips: tuple[str, ...]
    interfaces: tuple[NetworkInterface, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """CRI's NetworkReady condition. `reason` and `message` are empty when ready."""

    ready: bool
    reason: str = ""
    message: str = ""
