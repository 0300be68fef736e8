"""What `podwright run` changes on a machine outside its state directory, and how all of it goes away again.

    processes     those with our mark in their environment, and their descendants (containers lose their environment)
    mounts        below the state directory
    bridges       the pods' and the private engine's
    NAT rules     those whose comment names our CNI network; a plugin that was never asked to delete leaves them
    cgroups       the pods' subtree, in every hierarchy
    settings      IPv4 forwarding, switched on by the bridge plugin
    files         the links to our pods' logs; shims' sockets; what engines put at fixed places,
                  if it was not there before

A run removes them when it ends, and the next run does when that one was killed. Everything is found by a name that
only we use; nothing here touches another engine's, kubelet's or run's.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "PODWRIGHT_RUN"
"""The environment variable, holding a run's own random name, that every process of the run inherits."""
CNI_NETWORK = "podwright-run"
POD_BRIDGE = "podwright0"
ENGINE_BRIDGE = "podwright1"
CGROUP_ROOT = "podwright-run"
_CGROUPS = Path("/sys/fs/cgroup")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
LOG_LINKS = Path("/var/log/containers")
_FIXED_PLACES = tuple(map(Path, (
    "/etc/docker/key.json", "/etc/docker", "/run/docker/plugins", "/run/docker", "/run/containerd/s",
    "/run/containerd", "/run/cni/tuning", "/run/cni", str(LOG_LINKS),
)))  # fmt: skip
"""Inner ones before the directories that hold them."""
_BEFORE = "before.json"
_NAME = "run.name"
POD_LOGS = "logs"
"""The pods' log directory, in the state directory."""
_END_SECONDS = 10.0


def remember(state: Path, name: str) -> None:
    """Note in `state` the run's name and what `remove_leftovers` has to put back."""
    (state / _NAME).write_text(name)
    (state / _BEFORE).write_text(json.dumps({
        "forwarding": _FORWARDING.read_text().strip(),
        "absent": [str(path) for path in _FIXED_PLACES if not path.exists()],
    }))


def remove_leftovers(state: Path, keep_logs: bool = False) -> None:
    """End and remove everything of the run in `state`; a second call finds nothing."""
    _end_processes(_name(state))
    _unmount(state)
    for bridge in (POD_BRIDGE, ENGINE_BRIDGE):
        if Path("/sys/class/net", bridge).exists():
            _quietly("ip", "link", "delete", bridge)
    _delete_rules()
    _remove_cgroups()
    _remove_log_links(state)
    _remove_shim_sockets(state)
    _put_back(state)
    _remove_files(state, keep_logs)


def _name(state: Path) -> str:
    try:
        return (state / _NAME).read_text()
    except OSError:
        return ""


def _quietly(*command: str) -> str:
    """The command's output; empty when it fails or is not there: what it should remove may be gone already."""
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout
    except OSError:
        return ""


# Processes.


def _end_processes(name: str) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while name and (pids := _processes(name)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _processes(name: str) -> set[int]:
    """Living processes with our mark, and all that descend from them; never ourselves or one that we descend from."""
    parents = {pid: parent for pid, letter, parent in _process_table() if letter not in "ZX"}
    mark = f"{MARK}={name}".encode()
    found = {pid for pid in parents if _carries(pid, mark)}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    own = os.getpid()
    while own in parents:
        found.discard(own)
        own = parents[own]
    return found


def _process_table() -> Iterator[tuple[int, str, int]]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (name) state ppid …; the name may hold anything, even brackets.
                fields = (directory / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield int(directory.name), fields[0], int(fields[1])


def _carries(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


# Mounts, rules, cgroups, settings and files.


def _unmount(state: Path) -> None:
    """Until none is left: a table that changes while it is read may hide one."""
    deadline = time.monotonic() + _END_SECONDS
    while (mounts := _mounts(state)) and time.monotonic() < deadline:
        for mount in sorted(mounts, reverse=True):
            _quietly("umount", "--lazy", mount)


def _mounts(state: Path) -> list[str]:
    lines = Path("/proc/mounts").read_text().splitlines()
    return [mount for mount in (line.split()[1] for line in lines) if Path(mount).is_relative_to(state)]


def _delete_rules() -> None:
    for family in ("iptables", "ip6tables"):
        rules = _quietly(f"{family}-save", "-t", "nat").splitlines()
        for arguments, chain in cni_rules(rules, CNI_NETWORK):
            _quietly(family, "--wait", "10", "-t", "nat", "-D", *arguments)
            _quietly(family, "--wait", "10", "-t", "nat", "-F", chain)
            _quietly(family, "--wait", "10", "-t", "nat", "-X", chain)


def cni_rules(saved: list[str], network: str) -> list[tuple[list[str], str]]:
    """The jumps into chains of `network`'s pods, as arguments of `iptables -D`, and the chains' names.

    The plugins' comments hold `name: "<network>" id: "<container>"` (containernetworking/plugins, utils.FormatComment).
    """
    found = []
    for line in saved:
        words = shlex.split(line) if line.startswith("-A ") and network in line else []
        comment = words[words.index("--comment") + 1] if "--comment" in words[:-1] else ""
        chain = words[words.index("-j") + 1] if "-j" in words[:-1] else ""
        if f'name: "{network}" ' in comment and chain.startswith("CNI-"):
            found.append((words[1:], chain))
    return found


def _remove_cgroups() -> None:
    deadline = time.monotonic() + _END_SECONDS
    roots = [_CGROUPS / CGROUP_ROOT, *_CGROUPS.glob(f"*/{CGROUP_ROOT}")]
    while time.monotonic() < deadline:
        for root in roots:
            for directory, _, _ in os.walk(root, topdown=False):
                with contextlib.suppress(OSError):  # a process that was just killed may still be counted
                    Path(directory).rmdir()
        if not any(root.exists() for root in roots):
            return
        time.sleep(0.02)


def _remove_log_links(state: Path) -> None:
    for link in LOG_LINKS.iterdir() if LOG_LINKS.is_dir() else ():
        with contextlib.suppress(OSError):
            if link.is_symlink() and link.readlink().is_relative_to(state):
                link.unlink()


def _remove_shim_sockets(state: Path) -> None:
    """containerd's shims listen in /run/containerd/s, wherever its state is; it notes each address with its bundle."""
    for note in (state / "containerd-run").glob("io.containerd.runtime.v2.task/*/*/address"):
        with contextlib.suppress(OSError):
            Path(note.read_text().removeprefix("unix://")).unlink()


def _put_back(state: Path) -> None:
    try:
        before = json.loads((state / _BEFORE).read_text())
    except (OSError, ValueError):
        return
    if before["forwarding"] != _FORWARDING.read_text().strip():
        _FORWARDING.write_text(before["forwarding"])
    for path in map(Path, before["absent"]):
        with contextlib.suppress(OSError):  # a directory that somebody else uses by now stays
            path.rmdir() if path.is_dir() else path.unlink()
    with contextlib.suppress(OSError):
        (state / _BEFORE).unlink()


def _remove_files(state: Path, keep_logs: bool) -> None:
    """Remove what is in `state`, save the daemons' and the pods' logs if they are to be kept."""
    for entry in state.iterdir() if state.is_dir() else ():
        if keep_logs and (entry.suffix == ".log" or entry.name == POD_LOGS):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
