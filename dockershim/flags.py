"""Command line of the dockershim: cri-dockerd's flags where they mean the same, in Go's (pflag's) style.

`--x=y`, `--x y`, `--x=false`, `-v 4`, `-v=4`; `--` ends the flags. A list may be given at once (`a,b`) or flag by flag.
Pure: `parse(argv, environ)` gives `Flags` or FlagError. Source: cri-dockerd config/options.go, cmd/server.go.
"""

import re
from collections.abc import Callable, Mapping, Sequence
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
    pod_infra_container_image: str = "registry.k8s.io/pause:3.10.2"
    root_directory: str = "/var/lib/dockershim"
    image_pull_progress_deadline: float = 600.0
    """Seconds."""
    pinned_images: tuple[str, ...] = ()
    pinned_image_labels: tuple[str, ...] = ()
    pod_cidr: str = ""
    network_plugin: str = "cni"
    log_level: str = "info"
    v: int = 0
    version: bool = False
    buildinfo: bool = False
    help: bool = False


_HELP = {
    "container-runtime-endpoint": "unix socket to serve CRI v1 on; fd:// is the one that systemd listens on for us",
    "docker-endpoint": "Docker Engine to run pods on: unix:///path or tcp://host:port; $DOCKER_HOST if not given",
    "cni-conf-dir": "directory of CNI configurations; watched",
    "cni-bin-dir": "comma-separated directories of CNI plugins",
    "cni-cache-dir": "directory where CNI results are kept",
    "pod-infra-container-image": "image of the pause container; a built-in one replaces it where it cannot be pulled",
    "root-directory": "directory of the dockershim's own state; also --cri-dockerd-root-directory",
    "image-pull-progress-deadline": "a pull that has not moved for so long is given up",
    "pinned-images": "images that garbage collection leaves alone: repo:tag, repo@digest, repo, or a prefix and *",
    "pinned-image-labels": "the same for images with such a label: key, or key=value",
    "pod-cidr": "addresses of pods, for CNI configurations that want it and nodes without a control plane",
    "network-plugin": "cni, the only one",
    "log-level": "debug, info, warning or error",
    "v": "log verbosity as klog counts it: 4 and more is debug",
    "version": "print the version and exit",
    "buildinfo": "print the versions of the program and of what it runs on, and exit",
    "help": "print this and exit",
}
_IGNORED = {
    # cri-dockerd's flags that change nothing here: an existing unit file keeps working, with a line that says so.
    "runtime-request-timeout": "a call has as long as its caller gives it",
    "network-plugin-mtu": "the MTU is the CNI configuration's",
    "runtime-cgroups": "the service manager places the process",
    "hairpin-mode": "hairpin is the CNI configuration's",
    "ipv6-dual-stack": "addresses of both families are always reported",
    "streaming-bind-addr": "streaming is bound to loopback",
    "log-format": "the format is text",
    "logtostderr": "logs go to stderr",
    "alsologtostderr": "logs go to stderr",
    "stderrthreshold": "logs go to stderr",
}
_SHORT = {"v": "v", "h": "help"}
_ALIASES = {"cri-dockerd-root-directory": "root-directory"}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


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


def _seconds(name: str, text: str) -> float:
    """Of Go's `1m30s`."""
    if text != "0" and (not text or _DURATION.sub("", text)):
        raise FlagError(f"--{name}={text}: not a duration, use for example 90s or 10m")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION.findall(text))


def _list(_: str, text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_PARSERS: dict[type, Callable[[str, str], Any]] = {
    bool: _boolean, int: _integer, str: _text, float: _seconds, tuple: _list,
}
_TYPES: dict[str, type] = {name: type(getattr(Flags(), name.replace("-", "_"))) for name in _HELP}


def parse(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[Flags, list[str]]:
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
        name = _ALIASES.get(name, name)
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
        field, value = name.replace("-", "_"), _PARSERS[kind](name, text)
        values[field] = (*values.get(field, ()), *value) if kind is tuple else value
    if rest:
        raise FlagError(f"{rest[0]!r} is not a flag; the dockershim takes flags only, see --help")
    if not values.get("docker_endpoint"):
        values["docker_endpoint"] = (environ or {}).get("DOCKER_HOST") or Flags().docker_endpoint
    if not values.get("network_plugin", "cni"):
        values["network_plugin"] = "cni"  # cri-dockerd's own unit file says `--network-plugin=`
        remarks.append("flag --network-plugin is empty: pods get their network from CNI")
    flags = Flags(**values)
    if flags.network_plugin != "cni":
        raise FlagError(f"--network-plugin={flags.network_plugin}: only cni is there")
    if flags.image_pull_progress_deadline <= 0:
        raise FlagError("--image-pull-progress-deadline: a pull needs some time; use for example 10m")
    return flags, remarks


def usage() -> str:
    lines = ["dockershim: a CRI v1 server that runs pods on Docker Engine", "", "Flags:"]
    defaults = Flags()
    for name, text in sorted(_HELP.items()):
        default = getattr(defaults, name.replace("-", "_"))
        default = f"{default:g}s" if isinstance(default, float) else default
        shown = "" if default in ("", False, 0, ()) else f" (default {default})"
        lines.append(f"  --{name:30} {text}{shown}")
    return "\n".join(lines)
