"""Forget connections to the UDP host ports of a pod that is gone.

UDP has no end: while a client goes on sending, the kernel keeps translating its packets to the dead pod's address,
and the pod's successor behind the same host port never sees them.
"""

import errno
import socket

from dockershim.network import netlink
from dockershim.network.model import PortMapping

_NETLINK_NETFILTER = 12


def udp_targets(port_mappings: tuple[PortMapping, ...]) -> frozenset[tuple[str, int]]:
    """(host address or "", host port) of each UDP mapping."""
    anywhere = ("", "0.0.0.0", "::")
    return frozenset(
        ("" if mapping.host_ip in anywhere else mapping.host_ip, mapping.host_port)
        for mapping in port_mappings
        if mapping.protocol.lower() == "udp" and mapping.host_port > 0
    )


def flush(targets: frozenset[tuple[str, int]]) -> int:
    """Delete the entries and return how many there were. Blocks for as long as the table takes to list.

    OSError when the kernel has no connection tracking or does not let us.
    """
    deleted = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as sock:
        for family in (socket.AF_INET, socket.AF_INET6):
            messages = netlink.dump(sock, netlink.conntrack_dump_request(family))
            for deletion in netlink.conntrack_deletions(messages, family, targets):
                try:
                    netlink.request(sock, deletion)
                    deleted += 1
                except OSError as error:
                    if error.errno != errno.ENOENT:  # it may end between our listing and our asking
                        raise
    return deleted
