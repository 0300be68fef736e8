"""CNI network configurations: from the bytes of a file to a checked `NetworkConf`, nothing read or run here.

A `.conflist` (or `.json`) holds a list of plugins; a single-plugin `.conf` is taken up as a list of one. Files are
tried in lexical order and the first that is valid is the pod network; those before it that are broken are reported,
each with its place, and do not keep the others from being used.

A list may offer several versions of CNI (`cniVersions`); it is read in the newest that is known here, and `in_version`
gives it in another.

Source: CNI specification 1.1 section 1; the loading order is that of the former dockershim and cri-dockerd.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dockershim.network.errors import NetworkConfigError

CONF_SUFFIXES = (".conf", ".conflist", ".json")
NEWEST_VERSION = (1, 1, 0)
_IMPLIED_VERSION = "0.1.0"
"""The specification's: a configuration without `cniVersion` is of the first one."""


@dataclass(frozen=True, slots=True)
class PluginConf:
    """One plugin of a list: `conf` is its JSON object as written, `capabilities` those that it opts in to."""

    type: str
    capabilities: frozenset[str]
    conf: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NetworkConf:
    """A network as a list of plugins; `raw` is the list's JSON, which is what the cache keeps for DEL.

    `offered` are the versions that it may be used in and that are known here, the newest first."""

    name: str
    cni_version: str
    plugins: tuple[PluginConf, ...]
    raw: bytes
    offered: tuple[str, ...] = ()
    disable_check: bool = False
    disable_gc: bool = False
    inline_only: bool = False
    path: str = ""

    def at_least(self, version: tuple[int, int, int]) -> bool:
        return parse_version(self.cni_version) >= version

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset().union(*(plugin.capabilities for plugin in self.plugins))


def parse_version(text: str) -> tuple[int, int, int]:
    """`1.0.0` → `(1, 0, 0)`; ValueError for anything else that CNI would not take either."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"invalid CNI version {text!r}")
    major, minor, patch = (*map(int, parts), 0, 0)[:3]
    return (major, minor, patch)


def is_network_file(name: str) -> bool:
    return name.endswith(CONF_SUFFIXES) and not name.startswith(".")


def parse_network(data: bytes, path: str) -> NetworkConf:
    """Read one configuration file; NetworkConfigError with the place in it when it cannot be used."""
    content = _object(data, path)
    if "plugins" not in content and "type" in content:
        content = {**_pick(content, "name", "cniVersion"), "plugins": [content]}
        data = json.dumps(content).encode()
    return _network(content, data, path)


def parse_plugin(data: bytes, path: str) -> PluginConf:
    """Read a plugin file of a list whose plugins lie in a directory of the network's name (CNI 1.1)."""
    return _plugin(_object(data, path), path, "")


def with_plugins(network: NetworkConf, more: tuple[PluginConf, ...]) -> NetworkConf:
    """`network` and the plugins found beside it, in one list that stands for itself in the cache."""
    plugins = network.plugins + more
    content = {
        **json.loads(network.raw),
        "plugins": [dict(plugin.conf) for plugin in plugins],
        "loadOnlyInlinedPlugins": True,
    }
    return replace(network, plugins=plugins, raw=json.dumps(content).encode(), inline_only=True)


def in_version(network: NetworkConf, version: str) -> NetworkConf:
    """`network` in one of the versions that it offers and no other, so that DEL, which reads `raw`, uses the same."""
    if network.offered == (version,):
        return network
    content = {key: value for key, value in json.loads(network.raw).items() if key != "cniVersions"}
    raw = json.dumps(content | {"cniVersion": version}).encode()
    return replace(network, cni_version=version, offered=(version,), raw=raw)


def _object(data: bytes, path: str) -> dict[str, Any]:
    try:
        content = json.loads(data.decode())
    except json.JSONDecodeError as error:
        raise NetworkConfigError(path, f"line {error.lineno} column {error.colno}", error.msg) from None
    except UnicodeDecodeError as error:
        raise NetworkConfigError(path, f"byte {error.start}", "not UTF-8 text") from None
    except RecursionError:
        raise NetworkConfigError(path, "", "nested too deeply") from None
    if not isinstance(content, dict):
        raise NetworkConfigError(path, "", f"expected a JSON object, found {_kind(content)}")
    return content


def _network(content: dict[str, Any], data: bytes, path: str) -> NetworkConf:
    name = _string(content, "name", path)
    if not _is_network_name(name):
        raise NetworkConfigError(path, "name", f"{name!r} has characters other than letters, digits, '_', '.' and '-'")
    inline_only = _bool(content, "loadOnlyInlinedPlugins", path)
    raw_plugins = content.get("plugins", [])
    if not isinstance(raw_plugins, list):
        raise NetworkConfigError(path, "plugins", f"expected a list, found {_kind(raw_plugins)}")
    if inline_only and not raw_plugins:
        raise NetworkConfigError(path, "plugins", "no plugins in the list")
    offered = _offered_versions(content, path)
    return NetworkConf(
        name=name,
        cni_version=offered[0],
        offered=offered,
        plugins=tuple(_plugin(plugin, path, f"plugins[{i}]") for i, plugin in enumerate(raw_plugins)),
        raw=data,
        disable_check=_bool(content, "disableCheck", path),
        disable_gc=_bool(content, "disableGC", path),
        inline_only=inline_only,
        path=path,
    )


def _plugin(content: Any, path: str, where: str) -> PluginConf:
    if not isinstance(content, dict):
        raise NetworkConfigError(path, where, f"expected an object, found {_kind(content)}")
    prefix = f"{where}." if where else ""
    kind = content.get("type")
    if not isinstance(kind, str) or not kind:
        raise NetworkConfigError(path, f"{prefix}type", "missing: it names the plugin's executable")
    if "/" in kind:
        raise NetworkConfigError(path, f"{prefix}type", f"{kind!r} must be a file name, not a path")
    capabilities = content.get("capabilities") or {}
    if not isinstance(capabilities, dict):
        raise NetworkConfigError(path, f"{prefix}capabilities", f"expected an object, found {_kind(capabilities)}")
    return PluginConf(kind, frozenset(key for key, on in capabilities.items() if on is True), content)


def _offered_versions(content: dict[str, Any], path: str) -> tuple[str, ...]:
    """`cniVersion` and those of `cniVersions`, as far as this implementation knows them, the newest first."""
    version = _string(content, "cniVersion", path, default=_IMPLIED_VERSION)
    offered = content.get("cniVersions", [])
    if not isinstance(offered, list) or not all(isinstance(item, str) for item in offered):
        raise NetworkConfigError(path, "cniVersions", "expected a list of strings")
    candidates = [version, *offered]
    try:
        known = [item for item in candidates if parse_version(item) <= NEWEST_VERSION]
    except ValueError as error:
        raise NetworkConfigError(path, "cniVersions" if offered else "cniVersion", str(error)) from None
    if not known:
        newest = ".".join(map(str, NEWEST_VERSION))
        raise NetworkConfigError(path, "cniVersion", f"{version} is newer than {newest}, the newest that is known here")
    return tuple(sorted(dict.fromkeys(known), key=parse_version, reverse=True))


def _string(content: dict[str, Any], key: str, path: str, default: str = "") -> str:
    value = content.get(key, default)
    if not isinstance(value, str):
        raise NetworkConfigError(path, key, f"expected a string, found {_kind(value)}")
    if not value and not default:
        raise NetworkConfigError(path, key, "missing")
    return str(value or default)


def _bool(content: dict[str, Any], key: str, path: str) -> bool:
    value = content.get(key, False)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise NetworkConfigError(path, key, f"expected true or false, found {_kind(value)}")
    return value


def _pick(content: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: content[key] for key in keys if key in content}


def _is_network_name(name: str) -> bool:
    """The specification's pattern; it also keeps a name from leaving the cache directory."""
    return name[0].isalnum() and all(c.isascii() and (c.isalnum() or c in "_.-") for c in name)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")
