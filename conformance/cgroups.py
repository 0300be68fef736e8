"""A control group of one's own in every hierarchy of the host, v1 or v2, and its removal.

A throw-away node is rooted in such a group: with a cgroup namespace on top, the engine and the kubelet inside see it
as `/`, create their `kubepods` and `docker` groups in it, and cannot see or touch the host's.

Paths are host paths. Nothing here needs more than the files under /sys/fs/cgroup (see cgroups(7)).
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
REMOVAL_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy: `controllers` as mount(8) names them ("" for v2), and the group we run in."""

    controllers: str
    own_group: Path


def parse_hierarchies(proc_self_cgroup: str, root: Path = CGROUP_ROOT) -> list[Hierarchy]:
    """The hierarchies to make a node's groups in, from the text of /proc/self/cgroup.

    On a v1 or hybrid host these are the v1 hierarchies (the unified one is left out: engines do not use it there); on a
    pure v2 host the one with no controllers in its name. A path that does not exist below the mount, as in a container
    without a cgroup namespace, falls back to the mount's root.
    """
    v1: list[Hierarchy] = []
    v2: list[Hierarchy] = []
    for line in proc_self_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        name = controllers.removeprefix("name=")
        mount = root / name if name else root
        if not (mount / "cgroup.procs").exists():
            continue
        own = mount / path.lstrip("/")
        found = Hierarchy(name, own if own.is_dir() else mount)
        (v1 if name else v2).append(found)
    return v1 or v2


@dataclass(frozen=True, slots=True)
class NodeCgroups:
    """The groups of one node. `is_v2` decides how they are mounted inside and where processes may stand."""

    hierarchies: tuple[Hierarchy, ...]
    name: str

    @property
    def is_v2(self) -> bool:
        return self.hierarchies[0].controllers == ""

    @property
    def v1_names(self) -> list[str]:
        return [h.controllers for h in self.hierarchies if h.controllers]

    @property
    def roots(self) -> list[Path]:
        """What the node sees as `/`, one per hierarchy."""
        return [h.own_group / self.name for h in self.hierarchies]

    @property
    def process_groups(self) -> list[Path]:
        """Where the node's own daemons stand. v2 forbids processes in a group whose children have controllers."""
        return [root / "init" for root in self.roots] if self.is_v2 else self.roots

    def create(self) -> None:
        for hierarchy, root in zip(self.hierarchies, self.roots, strict=True):
            root.mkdir(exist_ok=True)
            if "cpuset" in hierarchy.controllers.split(","):
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    (root / setting).write_text((hierarchy.own_group / setting).read_text())
        for group in self.process_groups:
            group.mkdir(exist_ok=True)

    def delegate(self) -> None:
        """On v2, pass every controller that the node's root has on to its children; nothing to do on v1."""
        if not self.is_v2:
            return
        (root,) = self.roots
        controllers = (root / "cgroup.controllers").read_text().split()
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in controllers))

    def thaw(self) -> None:
        """Let frozen processes go on: on v1 not even SIGKILL ends them, and a node with a frozen container stays."""
        for root in self.roots:
            for name, running in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                for state in root.rglob(name):
                    with contextlib.suppress(OSError):  # the root of a hierarchy has none; a group may just go away
                        state.write_text(running)

    def remove(self) -> None:
        """Remove the groups, children first. Processes that are still dying get a few seconds to leave."""
        deadline = time.monotonic() + REMOVAL_TIMEOUT_SECONDS
        for root in self.roots:
            while root.exists() and not _remove_tree(root):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"control group {root} still has processes: {_processes(root)}")
                time.sleep(0.02)


def own_cgroups(name: str) -> NodeCgroups:
    hierarchies = parse_hierarchies(Path("/proc/self/cgroup").read_text())
    if not hierarchies:
        raise RuntimeError(f"no cgroup hierarchy is mounted below {CGROUP_ROOT}; mount cgroup v1 or v2 there")
    return NodeCgroups(tuple(hierarchies), name)


def _remove_tree(root: Path) -> bool:
    try:
        for group in sorted(root.rglob("*/"), key=lambda p: len(p.parts), reverse=True):
            if group.is_dir():
                group.rmdir()
        root.rmdir()
    except FileNotFoundError:
        return not root.exists()
    except OSError:  # EBUSY while a process is leaving
        return False
    return True


def _processes(root: Path) -> list[str]:
    return [line for procs in root.rglob("cgroup.procs") for line in procs.read_text().split()]
