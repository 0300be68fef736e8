"""Reads the facts of `leaks` from a throw-away node. Only that: what they mean is decided there."""

import asyncio
import contextlib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from conformance.soak.engine import Engine
from conformance.soak.leaks import Inventory
from conformance.throwaway import ThrowawayNode

_UID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_STATE = ("/var/lib/dockershim", "/var/lib/kubelet")
_OF_PODS = ("/pods/", "/containers/", "/netns/", "net:[")
"""What stands in the targets of descriptors that belong to pods."""
_DAEMONS = ("kubelet", "dockershim", "dockershim.logs")
_ESTABLISHED = "01"
_ENGINES_NAMESPACES = "run/docker/netns"


async def take(node: ThrowawayNode, engine: Engine) -> Inventory:
    """The facts now. The engine has to run."""
    containers = frozenset(f"{each.pod or '?'} {each.name or 'sandbox'} {each.id[:12]}" for each in
                           await engine.containers())
    links = (await node.run(["ip", "-o", "link", "show"])).stdout.splitlines()
    rules = (await node.run(["iptables-save"])).stdout.splitlines()
    return await asyncio.to_thread(_read, node, containers, links, rules)


def _read(node: ThrowawayNode, containers: frozenset[str], links: list[str], rules: list[str]) -> Inventory:
    root = node.root
    mounts = frozenset(_mounts(node.pid))
    return Inventory(
        containers=containers,
        network_namespaces=frozenset(_names(root, "run/netns"))
        | (namespaces_of_engine(_names(root, _ENGINES_NAMESPACES), mounts) - {f"{_ENGINES_NAMESPACES}/default"}),
        leases=frozenset(name for name in _names(root, "var/lib/cni/networks/podwright")
                         if not re.search(r"/(lock|last_reserved_ip\.\d+)$", name)),
        cni_results=frozenset(_names(root, "var/lib/cni/cache/results")),
        devices=frozenset(line.split(": ")[1].partition("@")[0] for line in links),
        firewall_rules=frozenset(rule for line in rules if (rule := _rule(line))),
        mounts=mounts,
        pod_directories=frozenset(_names(root, "var/lib/kubelet/pods")),
        log_directories=frozenset(_names(root, "var/log/pods", "var/log/containers")),
        control_groups=frozenset(_control_groups(root / "sys/fs/cgroup")),
        checkpoints=frozenset(_checkpoints(root)),
        open_files=frozenset(_open_files(root / "proc")),
        processes=tuple(sorted(line for _, line in processes(root / "proc") if not is_of_engine(line))),
        connections=frozenset(_connections(root / "proc", node.pid)),
    )


def _names(root: Path, *directories: str) -> Iterator[str]:
    for directory in directories:
        with contextlib.suppress(FileNotFoundError):
            for entry in (root / directory).iterdir():
                yield f"{directory}/{entry.name}"


def namespaces_of_engine(names: Iterable[str], mounts: Collection[str]) -> frozenset[str]:
    """Those that are namespaces. A restarted engine makes a file for each host-network container that it finds dead,
    and removes it a minute later if it lives that long (libnetwork, sandboxRestore): it holds nothing."""
    return frozenset(name for name in names if f"/{name}" in mounts)


def _rule(line: str) -> str:
    """A rule or chain of pods; "" for kube-proxy's, which follow the API's services, and for what is no rule."""
    if not line.startswith(("-A", ":")) or "KUBE-" in line:
        return ""
    return re.sub(r" \[\d+:\d+\]$", "", line)  # without a chain's counters


def _mounts(pid: int) -> Iterator[str]:
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        yield line.split()[4]


def _control_groups(top: Path) -> Iterator[str]:
    for directory, _, _ in os.walk(top):
        yield str(Path(directory).relative_to(top))


def _checkpoints(root: Path) -> Iterator[str]:
    """Files of the agents' state, but for volumes; and those that name a pod, with what they name."""
    for top in _STATE:
        for directory, subdirectories, files in os.walk(root / top.lstrip("/")):
            if "pods" in subdirectories:
                subdirectories.remove("pods")
            for path in (Path(directory, name) for name in files):
                shown = "/" + str(path.relative_to(root))
                yield shown
                with contextlib.suppress(OSError):
                    for uid in _UID.findall(path.read_bytes()) if path.is_file() else ():
                        yield f"{shown} names {uid.decode()}"


def processes(proc: Path) -> Iterator[tuple[int, str]]:
    """Process ids as the node sees them, with command lines; a zombie shows whose it is."""
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            line = b" ".join(words).decode(errors="replace")
            if state[0] == "Z":
                line = f"zombie of process {state[1]}"
            if line:
                yield int(entry.name), line


def is_of_engine(line: str) -> bool:
    """An engine that is killed in the middle of a start forgets its shim for that container for good: no process of the
    container, and nothing of ours. The processes of containers stand for themselves."""
    return "containerd-shim" in line.partition(" ")[0]


def daemon_of(line: str) -> str:
    """Which of our daemons this is the command line of; "" for none."""
    found = re.search(r" -m (\S+)", line)
    return found[1] if found and found[1] in _DAEMONS else ""


def _open_files(proc: Path) -> Iterator[str]:
    for pid, line in processes(proc):
        daemon = daemon_of(line)
        if not daemon:
            continue
        for descriptor in _descriptors(proc, pid):
            if any(word in descriptor for word in _OF_PODS):
                yield f"{daemon} holds {descriptor}"


def _descriptors(proc: Path, pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in (proc / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(entry)  # noqa: PTH115 - a target such as "net:[1]" is no path


def _connections(proc: Path, pid: int) -> Iterator[str]:
    """Standing TCP connections of the dockershim: it has none but for streams."""
    shims = [shim for shim, line in processes(proc) if daemon_of(line) == "dockershim"]
    held = [descriptor for shim in shims for descriptor in _descriptors(proc, shim)]
    inodes = {each.removeprefix("socket:[").removesuffix("]") for each in held if each.startswith("socket:")}
    for family in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == _ESTABLISHED and fields[9] in inodes:
                yield f"dockershim {fields[1]} to {fields[2]}"
