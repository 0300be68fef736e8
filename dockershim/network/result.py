"""CNI results of every version of the specification, as `NetworkResult`. Pure."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from dockershim.network.model import NetworkInterface, NetworkResult


def to_network_result(raw: Mapping[str, Any]) -> NetworkResult:
    """Addresses of the sandbox in the order given, IPv4 before IPv6 (as containerd's default), duplicates dropped.

    From 0.3.0 a result has `ips` (each may name its interface by index; addresses of host interfaces are not the
    pod's); before, `ip4` and `ip6`. ValueError when an address is none.
    """
    interfaces = tuple(
        NetworkInterface(str(item.get("name", "")), str(item.get("mac", "")), str(item.get("sandbox", "")))
        for item in raw.get("interfaces") or ()
    )
    addresses = [str(item.get("address", "")) for item in raw.get("ips") or () if _in_sandbox(item, interfaces)]
    addresses += [str(raw[key].get("ip", "")) for key in ("ip4", "ip6") if isinstance(raw.get(key), dict)]
    parsed = dict.fromkeys(ipaddress.ip_interface(address).ip for address in addresses)
    ips = tuple(str(ip) for ip in sorted(parsed, key=lambda ip: ip.version))
    return NetworkResult(ips, interfaces, raw)


def addresses_with_prefix(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the sandbox in a result, as `10.0.0.2/24`; none when it cannot be read."""
    try:
        wanted = to_network_result(raw).ips
        listed = [item["address"] for item in raw.get("ips") or ()] + [
            raw[key]["ip"] for key in ("ip4", "ip6") if isinstance(raw.get(key), dict)
        ]
        return tuple(one for one in listed if str(ipaddress.ip_interface(one).ip) in wanted)
    except (ValueError, AttributeError, TypeError, KeyError):
        return ()


def to_raw_result(cni_version: str, ifname: str, netns: str, addresses: Sequence[str]) -> dict[str, Any]:
    """A result that says: this interface of the sandbox has these addresses (with prefix lengths); empty without any.

    As versions 0.3 to 1.x have it; 1.0 has dropped the family, which those before require."""
    if not addresses:
        return {}
    ips: list[dict[str, Any]] = [{"interface": 0, "address": address} for address in addresses]
    if not cni_version.startswith("1."):
        for item in ips:
            item["version"] = str(ipaddress.ip_interface(item["address"]).version)
    return {"cniVersion": cni_version, "interfaces": [{"name": ifname, "sandbox": netns}], "ips": ips}


def _in_sandbox(item: Mapping[str, Any], interfaces: tuple[NetworkInterface, ...]) -> bool:
    index = item.get("interface")
    if not isinstance(index, int) or not 0 <= index < len(interfaces):
        return True
    return bool(interfaces[index].sandbox)
