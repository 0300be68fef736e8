"""What a pod asks of its network, in CNI's words: CNI_ARGS and the arguments of capabilities. Pure.

Source: CNI's CONVENTIONS.md (dynamic plugin specific fields); names and order of CNI_ARGS as the former dockershim
gave them, K8S_POD_UID as containerd does; the pod's annotations as containerd and CRI-O give them.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from dockershim.network.errors import NetworkError
from dockershim.network.model import PodNetwork

INGRESS_ANNOTATION = "kubernetes.io/ingress-bandwidth"
EGRESS_ANNOTATION = "kubernetes.io/egress-bandwidth"
IPS_ANNOTATION = "podwright.dev/pod-ips"
"""Comma-separated addresses, given only to plugins whose configuration opts in with the `ips` capability."""
MAC_ANNOTATION = "podwright.dev/pod-mac"
GUID_ANNOTATION = "podwright.dev/pod-infiniband-guid"
"""The same for `mac` (6 bytes in hexadecimal, separated by colons) and `infinibandGUID` (8)."""
ANNOTATIONS_CAPABILITY = "io.kubernetes.cri.pod-annotations"

_UNLIMITED_BURST_BITS = 2**31 - 1
_MIN_RATE, _MAX_RATE = 1_000, 10**15
_HARDWARE_ADDRESS = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2})+$", re.IGNORECASE)
_QUANTITY = re.compile(r"^(\d+(?:\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$")
_DECIMAL = {"": 0, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


class PodNetworkRequestError(NetworkError):
    """An annotation of the pod cannot be understood: asking again does not help."""

    retriable = False


def cni_args(pod: PodNetwork) -> tuple[tuple[str, str], ...]:
    return (
        ("IgnoreUnknown", "1"),
        ("K8S_POD_NAMESPACE", pod.namespace),
        ("K8S_POD_NAME", pod.name),
        ("K8S_POD_INFRA_CONTAINER_ID", pod.sandbox_id),
        ("K8S_POD_UID", pod.uid),
    )


def capability_args(pod: PodNetwork, pod_cidr: str) -> dict[str, Any]:
    """All that could be given; each plugin gets only what its `capabilities` name."""
    args: dict[str, Any] = {}
    mappings = [
        {
            "hostPort": mapping.host_port,
            "containerPort": mapping.container_port,
            "protocol": mapping.protocol.lower(),
            "hostIP": mapping.host_ip,
        }
        for mapping in pod.port_mappings
        if mapping.host_port > 0
    ]
    if mappings:
        args["portMappings"] = mappings
    if bandwidth := _bandwidth(pod.annotations):
        args["bandwidth"] = bandwidth
    if pod_cidr:
        args["ipRanges"] = [[{"subnet": cidr.strip()}] for cidr in pod_cidr.split(",")]
    if ips := pod.annotations.get(IPS_ANNOTATION):
        args["ips"] = _ips(ips)
    for annotation, capability, length in ((MAC_ANNOTATION, "mac", 6), (GUID_ANNOTATION, "infinibandGUID", 8)):
        if address := pod.annotations.get(annotation):
            args[capability] = _hardware_address(annotation, address, length)
    if pod.annotations:
        args[ANNOTATIONS_CAPABILITY] = dict(pod.annotations)
    if pod.dns is not None:
        dns = {"servers": pod.dns.servers, "searches": pod.dns.searches, "options": pod.dns.options}
        args["dns"] = {key: list(value) for key, value in dns.items() if value}
    if pod.cgroup_parent:
        args["cgroupPath"] = pod.cgroup_parent
    return args


def _bandwidth(annotations: Mapping[str, str]) -> dict[str, int]:
    result: dict[str, int] = {}
    for annotation, direction in ((INGRESS_ANNOTATION, "ingress"), (EGRESS_ANNOTATION, "egress")):
        text = annotations.get(annotation)
        if text is None:
            continue
        rate = _bits_per_second(text)
        if rate is None or not _MIN_RATE <= rate <= _MAX_RATE:
            raise PodNetworkRequestError(f"annotation {annotation}: {text!r} is not a rate between 1k and 1P bits/s")
        result[f"{direction}Rate"] = rate
        result[f"{direction}Burst"] = _UNLIMITED_BURST_BITS
    return result


def _bits_per_second(text: str) -> int | None:
    match = _QUANTITY.match(text.strip())
    if match is None:
        return None
    number, suffix = match[1], match[2] or ""
    if suffix in _BINARY:
        return int(float(number) * 2 ** _BINARY[suffix])
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return int(float(f"{number}e{exponent}")) if exponent < 30 else None


def _ips(text: str) -> list[str]:
    addresses = [part.strip() for part in text.split(",") if part.strip()]
    for address in addresses:
        try:
            ipaddress.ip_interface(address)
        except ValueError:
            raise PodNetworkRequestError(f"annotation {IPS_ANNOTATION}: {address!r} is not an IP address") from None
    return addresses


def _hardware_address(annotation: str, text: str, length: int) -> str:
    if not _HARDWARE_ADDRESS.match(text.strip()) or len(text.strip()) != 3 * length - 1:
        raise PodNetworkRequestError(f"annotation {annotation}: {text!r} is not {length} bytes such as 0a:58:…")
    return text.strip()
