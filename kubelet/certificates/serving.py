"""What the serving certificate names: this node, at the addresses that its Node object shows. Pure."""

from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from kubelet.api.types import NodeAddress
from kubelet.certificates.request import Template, node_template

SERVING_PREFIX = "kubelet-server"


def serving_template(node_name: str, addresses: Iterable[NodeAddress], *, dns_only: bool) -> Template | None:
    """None while the node has no IP address (with `dns_only`: no address at all): nothing can be certified then."""
    names, ips = set[str](), set[str]()
    for address in addresses:
        text, kind = address.address, address.type
        ip = _ip(text)
        if ip and kind in ("Hostname", "ExternalIP", "InternalIP"):
            ips.add(ip)
        elif text and kind in ("Hostname", "ExternalDNS", "InternalDNS"):
            names.add(text)
    if not ips and not (dns_only and names):
        return None
    return msgspec.structs.replace(
        node_template(node_name), dns_names=tuple(sorted(names)), ip_addresses=tuple(sorted(ips)))


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
