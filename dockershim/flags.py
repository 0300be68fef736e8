"""Command line of the dockershim: cri-dockerd's flags where they mean the same, in Go's (pflag's) style.

`--x=y`, `--x y`, `--x=false`, `-v 4`, `-v=4`; `--` ends the flags. Pure: `parse(argv)` gives `Flags` or FlagError.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


class FlagError(Exception):
    """A command line that cannot be used; the text is one line for the user."""


@dataclass(frozen=True, slots=True)
class Flags:
    container_runtime_endpoint: str = "unix:///var/run/cri-dockerd.sock"
    docker_endpoint: str = "unix:///var/run/docker.sock"
    cni_conf_dir: str = "/etc/cni/net.d"
    cni_bin_dir: str = "/opt/cni/bin"
    """Comma-separated."""
    cni_cache_dir: str = "/var/lib/cni/cache"
    pod_infra_container_image: str = "registry.k8s.io/pause:3.10.1"
    root_directory: str = "/var/lib/dockershim"
    pod_cidr: str = ""
    network_plugin: str = "cni"
    log_level: str = "info"
    v: int = 0
    version: bool = False
    help: bool = False


_HELP = {
    "container-runtime-endpoint": "unix socket to serve CRI v1 on",
    "docker-endpoint": "Docker Engine to run pods on: unix:///path or tcp://host:port",
    "cni-conf-dir": "directory of CNI configurations; watched",
    "cni-bin-dir": "comma-separated directories of CNI plugins",
    "cni-cache-dir": "directory where CNI results are kept",
    "pod-infra-container-image": "image of the pause container; a built-in one replaces it where it cannot be pulled",
    "root-directory": "directory of the dockershim's own state",
    "pod-cidr": "addresses of pods, for CNI configurations that want it and nodes without a control plane",
    "network-plugin": "cni, the only one",
    "log-level": "debug, info, warning or error",
    "v": "log verbosity as klog counts it: 4 and more is debug",
    "version": "print the version and exit",
    "help": "print this and exit",
}
_IGNORED = {
    # cri-dockerd's flags that change nothing here: an existing unit file keeps working, with a line that says so.
    "image-pull-progress-deadline": "a pull that moves is never cut off",
    "network-plugin-mtu": "the MTU is the CNI configuration's",
    "runtime-cgroups": "the service manager places the process",
    "hairpin-mode": "hairpin is the CNI configuration's",
    "ipv6-dual-stack": "addresses of both families are always reported",
    "streaming-bind-addr": "streaming is bound to loopback",
    "cri-dockerd-root-directory": "use --root-directory",
    "log-format": "the format is text",
    "logtostderr": "logs go to stderr",
    "alsologtostderr": "logs go to stderr",
    "stderrthreshold": "logs go to stderr",
}
_SHORT = {"v": "v", "h": "help"}


def _boolean(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise FlagError(f"--{name}={text}: not a boolean, use true or false")


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise FlagError(f"--{name}={text}: not a number") from None


def _text(_: str, text: str) -> str:
    return text


_PARSERS: dict[type, Callable[[str, str], Any]] = {bool: _boolean, int: _integer, str: _text}
_TYPES: dict[str, type] = {name: type(getattr(Flags(), name.replace("-", "_"))) for name in _HELP}


def parse(argv: Sequence[str]) -> tuple[Flags, list[str]]:
    """The flags, and remarks to log once logging is set up."""
    values: dict[str, Any] = {}
    remarks: list[str] = []
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            break
        if not argument.startswith("-") or argument == "-":
            raise FlagError(f"{argument!r} is not a flag; the dockershim takes flags only, see --help")
        name, equals, text = argument.lstrip("-").partition("=")
        name = _SHORT.get(name, name) if not argument.startswith("--") else name
        name = name.replace("_", "-")
        if name in _IGNORED:
            if not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
            remarks.append(f"flag --{name} has no effect: {_IGNORED[name]}")
            continue
        if name not in _TYPES:
            raise FlagError(f"unknown flag: --{name}; see --help for those there are")
        kind = _TYPES[name]
        if not equals:
            if kind is bool:
                text = "true"
            elif rest:
                text = rest.pop(0)
            else:
                raise FlagError(f"flag needs an argument: --{name}")
        values[name.replace("-", "_")] = _PARSERS[kind](name, text)
    if rest:
        raise FlagError(f"{rest[0]!r} is not a flag; the dockershim takes flags only, see --help")
    flags = Flags(**values)
    if flags.network_plugin != "cni":
        raise FlagError(f"--network-plugin={flags.network_plugin}: only cni is there")
    return flags, remarks


def usage() -> str:
    lines = ["dockershim: a CRI v1 server that runs pods on Docker Engine", "", "Flags:"]
    defaults = Flags()
    for name, text in sorted(_HELP.items()):
        default = getattr(defaults, name.replace("-", "_"))
        shown = "" if default in ("", False, 0) else f" (default {default})"
        lines.append(f"  --{name:30} {text}{shown}")
    return "\n".join(lines)
