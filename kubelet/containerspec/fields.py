"""Values that the downward API offers, for env vars and for volumes alike.

`field_value` reads a field of the pod (pkg/fieldpath), `resource_value` a request or limit of a container
(pkg/api/v1/resource). Both raise FieldError with upstream's text.
"""

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from kubelet.api.meta import AnyContainer
from kubelet.api.quantity import parse
from kubelet.api.types import Pod, Quantity, ResourceFieldSelector

_SUBSCRIPTED = re.compile(r"^(.+?)\['(.*)'\]$", re.DOTALL)
_QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DEFAULTED = ("cpu", "memory", "ephemeral-storage")
"""Limits that fall back to what the pod or the node allows; huge pages are never overcommitted, so they do not."""


class FieldError(ValueError):
    """A reference that names nothing; `str(error)` is the user's text."""


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as a file: sorted `key="value"` lines, values quoted as Go quotes them."""
    return "\n".join(f"{key}={quote(values[key])}" for key in sorted(values))


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
            '"': '\\"', "\\": "\\\\"}


def quote(text: str) -> str:
    """strconv.Quote: printable characters as they are, the others escaped."""
    return '"' + "".join(_ESCAPES.get(char) or (char if _printable(char) else _escape(char)) for char in text) + '"'


def _printable(char: str) -> bool:
    """strconv.IsPrint: as Python's, where the plain space is the only space."""
    return char.isprintable()


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def field_value(pod: Pod, field_path: str) -> str:
    """Metadata fields: the ones that a volume may use. Raises FieldError."""
    meta = pod.metadata
    if match := _SUBSCRIPTED.match(field_path):
        path, key = match.groups()
        if path == "metadata.annotations":
            _check_key(field_path, key.lower())
            return meta.annotations.get(key, "")
        if path == "metadata.labels":
            _check_key(field_path, key)
            return meta.labels.get(key, "")
        raise FieldError(f'fieldPath "{field_path}" does not support subscript')
    match field_path:
        case "metadata.annotations":
            return format_map(meta.annotations)
        case "metadata.labels":
            return format_map(meta.labels)
        case "metadata.name":
            return meta.name
        case "metadata.namespace":
            return meta.namespace
        case "metadata.uid":
            return meta.uid
    raise FieldError(f"unsupported fieldPath: {field_path}")


def _check_key(field_path: str, key: str) -> None:
    """A subscript must be a qualified name: [prefix/]name."""
    prefix, slash, name = key.rpartition("/")
    valid = _QUALIFIED_NAME.fullmatch(name) and (not slash or (len(prefix) <= 253 and _PREFIX.fullmatch(prefix)))
    if not valid:
        raise FieldError(f"invalid key subscript in {field_path}: {key!r} is not a qualified name")


def runtime_field_value(pod: Pod, field_path: str, pod_ips: Sequence[str], node_ips: Sequence[str]) -> str:
    """As `field_value`, with the fields that only env vars may use: node, service account, addresses."""
    match field_path:
        case "spec.nodeName":
            return pod.spec.node_name
        case "spec.serviceAccountName":
            return pod.spec.service_account_name
        case "status.hostIP":
            return node_ips[0] if node_ips else ""
        case "status.hostIPs":
            return ",".join(node_ips)
        case "status.podIP":
            return pod_ips[0] if pod_ips else ""
        case "status.podIPs":
            return ",".join(pod_ips)
    return field_value(pod, field_path)


def order_ips(pod_ips: Sequence[str], node_ips: Sequence[str]) -> tuple[str, ...]:
    """Pod IPs with the node's own family first (kubelet_pods.go sortPodIPs): at most one of each family."""
    wants_v6 = bool(node_ips) and ":" in node_ips[0]
    first = next((ip for ip in pod_ips if (":" in ip) == wants_v6), "")
    second = next((ip for ip in pod_ips if (":" in ip) != wants_v6), "")
    return tuple(ip for ip in (first, second) if ip)


def resource_value(
    pod: Pod, selector: ResourceFieldSelector, container: AnyContainer | None, allocatable: Mapping[str, Quantity]
) -> str:
    """The request or limit in units of the divisor, rounded up. A limit that is not set falls back to the pod's, then
    to the node's allocatable. `container` is the one that asks; the selector may name another. Raises FieldError."""
    if selector.container_name:
        container = next((each for each in (*pod.spec.containers, *pod.spec.init_containers)
                          if each.name == selector.container_name), None)
    if container is None:
        raise FieldError(f"container {selector.container_name} not found")
    side, _, resource = selector.resource.partition(".")
    if side not in ("limits", "requests") or not (resource in _DEFAULTED or resource.startswith("hugepages-")):
        raise FieldError(f"unsupported container resource : {selector.resource}")
    given = container.resources.limits if container.resources and side == "limits" else (
        container.resources.requests if container.resources else {})
    amount = parse(given.get(resource, 0))
    if side == "limits" and not amount and resource in _DEFAULTED:
        amount = _fallback(pod, resource, allocatable)
    divisor = parse(selector.divisor) if selector.divisor is not None else Fraction(0)
    return str(_in_units(amount, divisor or Fraction(1), milli=resource == "cpu"))


def _fallback(pod: Pod, resource: str, allocatable: Mapping[str, Quantity]) -> Fraction:
    pod_limits = pod.spec.resources.limits if pod.spec.resources else {}
    if resource in pod_limits and resource in allocatable and resource != "ephemeral-storage":
        return parse(pod_limits[resource]) or parse(allocatable[resource])
    return parse(allocatable.get(resource, 0))


def _in_units(amount: Fraction, divisor: Fraction, *, milli: bool) -> int:
    """Both are rounded up to whole (milli)units before the division, as upstream does."""
    scale = 1000 if milli else 1
    return math.ceil(Fraction(math.ceil(amount * scale), math.ceil(divisor * scale)))
