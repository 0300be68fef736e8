"""The kernel's cgroup file systems: v1, one hierarchy per controller, and v2, one for all.

`writes_v1` and `writes_v2` are pure: values -> (file, text) in the order in which they must be written. The trees make,
fill, empty and remove the directories. Everything blocks; failures are CgroupError, naming the file.
"""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.values import CgroupValues, cpu_weight, hugepage_name

CGROUP_MOUNT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
"""Of v2, what pods need; those that the kernel has are switched on."""


class CgroupTree(Protocol):
    """One cgroup by its path below the mount, in every hierarchy at once; `unified` tells v2 from v1."""

    @property
    def unified(self) -> bool: ...

    def exists(self, path: str) -> bool: ...

    def directories(self, path: str) -> dict[str, Path]:
        """By controller; that of the unified hierarchy is under ""."""
        ...

    def create(self, path: str, values: CgroupValues) -> None: ...

    def update(self, path: str, values: CgroupValues) -> None: ...

    def children(self, path: str) -> list[str]: ...

    def processes(self, path: str) -> set[int]: ...

    def remove(self, path: str) -> None: ...


def writes_v1(values: CgroupValues) -> list[tuple[str, str, str]]:
    """(controller, file, text). The period goes before the quota, which is judged by it."""
    writes: list[tuple[str, str, int | None]] = [
        ("cpu", "cpu.shares", values.shares), ("cpu", "cpu.cfs_period_us", values.period),
        ("cpu", "cpu.cfs_quota_us", values.quota or None), ("memory", "memory.limit_in_bytes", values.memory or None),
        ("pids", "pids.max", values.pids)]
    writes += [("hugetlb", f"hugetlb.{hugepage_name(size)}.limit_in_bytes", limit)
               for size, limit in values.hugepages.items()]
    return [(controller, file, str(value)) for controller, file, value in writes if value is not None]


def writes_v2(values: CgroupValues) -> list[tuple[str, str]]:
    """(file, text)."""
    writes = []
    if values.shares is not None:
        writes.append(("cpu.weight", str(cpu_weight(values.shares))))
    if values.quota:
        quota = "max" if values.quota < 0 else str(values.quota)
        writes.append(("cpu.max", f"{quota} {values.period or 100_000}"))
    if values.memory:
        writes.append(("memory.max", str(values.memory)))
    if values.pids is not None:
        writes.append(("pids.max", str(values.pids)))
    return writes + [(f"hugetlb.{hugepage_name(size)}.max", str(limit)) for size, limit in values.hugepages.items()]


def limits_in_force(directories: Mapping[str, Path]) -> CgroupValues:
    """Of a cgroup, by its directories: what bounds processor and memory. None where that cannot be read."""
    def words(controller: str, file: str) -> list[str]:
        try:
            return (directories[controller] / file).read_text().split()
        except (KeyError, OSError):
            return []

    if "" in directories:
        cpu, memory = words("", "cpu.max"), words("", "memory.max")
    else:
        cpu, memory = words("cpu", "cpu.cfs_quota_us"), words("memory", "memory.limit_in_bytes")
    quota = (-1 if cpu[0] == "max" else int(cpu[0])) if cpu else None
    return CgroupValues(quota=quota, memory=int(memory[0]) if memory and memory[0] != "max" else None)


def detect_tree(mount: Path = CGROUP_MOUNT) -> "CgroupV1 | CgroupV2":
    """What this machine has. Raises CgroupError when it has neither."""
    if (mount / "cgroup.controllers").exists():
        return CgroupV2(mount)
    hierarchies = {entry.name: entry for entry in sorted(mount.iterdir())
                   if entry.name != "unified" and (entry / "cgroup.procs").exists()} if mount.is_dir() else {}
    if not hierarchies:
        raise CgroupError(f"no cgroup file system is mounted at {mount}")
    return CgroupV1(hierarchies)


def _write(file: Path, text: str) -> None:
    """Control files are never made by writing: one that is absent belongs to a controller that is off."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CgroupError(f"cannot write {text!r} to {file}: {error.strerror}") from error


def _inner(directory: str | Path) -> list[str]:
    """The names of the cgroups right below. A cgroup has dozens of files: what an entry is, is known without a look at
    each."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []  # it went away


def _all_below(directory: Path) -> list[str]:
    """The cgroups below at every depth, parents before their children."""
    found = [str(directory)]
    for path in found:
        found += [f"{path}/{name}" for name in _inner(path)]
    return found[1:]


def _processes_below(directory: Path) -> set[int]:
    found: set[int] = set()
    for path in (str(directory), *_all_below(directory)):
        with contextlib.suppress(OSError):  # the cgroup went away, or holds threads only
            found.update(int(line) for line in Path(path, "cgroup.procs").read_text().split())
    return found - {0}


def _remove_below(directory: Path) -> None:
    """Children before parents; what is gone already is fine. Raises CgroupError."""
    if not directory.is_dir():
        return
    for path in (*reversed(_all_below(directory)), str(directory)):
        try:
            Path(path).rmdir()
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise CgroupError(f"cannot remove cgroup {path}: {error.strerror}") from error


class CgroupV2:
    """The unified hierarchy."""

    unified = True

    def __init__(self, mount: Path) -> None:
        self.mount = mount

    def _directory(self, path: str) -> Path:
        return self.mount / path.lstrip("/")

    def directories(self, path: str) -> dict[str, Path]:
        return {"": self._directory(path)}

    def exists(self, path: str) -> bool:
        return self._directory(path).is_dir()

    def create(self, path: str, values: CgroupValues) -> None:
        current = self.mount
        for part in [part for part in path.split("/") if part]:
            self._switch_on(current)
            current = current / part
            try:
                current.mkdir(exist_ok=True)
            except OSError as error:
                raise CgroupError(f"cannot make cgroup {current}: {error.strerror}") from error
        self._switch_on(current)
        self.update(path, values)

    def _switch_on(self, directory: Path) -> None:
        """Give children the controllers. Those that are busy or absent stay off; writing a limit then tells."""
        try:
            available = set((directory / "cgroup.controllers").read_text().split())
            on = set((directory / "cgroup.subtree_control").read_text().split())
        except OSError as error:
            raise CgroupError(f"cannot read the controllers of {directory}: {error.strerror}") from error
        for controller in _CONTROLLERS:
            if controller in available - on:
                with contextlib.suppress(CgroupError):
                    _write(directory / "cgroup.subtree_control", f"+{controller}")

    def update(self, path: str, values: CgroupValues) -> None:
        directory = self._directory(path)
        for file, text in writes_v2(values):
            if file.startswith("hugetlb.") and not (directory / file).exists():
                continue  # the kernel has no such pages
            if file == "pids.max" and "pids" not in (self.mount / "cgroup.controllers").read_text().split():
                continue  # it counts no processes; upstream's kubelet goes on, too
            _write(directory / file, text)

    def children(self, path: str) -> list[str]:
        return _inner(self._directory(path))

    def processes(self, path: str) -> set[int]:
        return _processes_below(self._directory(path))

    def remove(self, path: str) -> None:
        _remove_below(self._directory(path))


class CgroupV1:
    """One directory tree per hierarchy; `hierarchies` maps names like `cpu` or `cpu,cpuacct` to mount points."""

    unified = False

    def __init__(self, hierarchies: dict[str, Path]) -> None:
        real = {name: path.resolve() for name, path in hierarchies.items()}
        self._by_controller = {controller: path for name, path in real.items() for controller in name.split(",")}
        self._mounts = sorted(set(real.values()))

    def directories(self, path: str) -> dict[str, Path]:
        return {controller: mount / path.lstrip("/") for controller, mount in self._by_controller.items()}

    def _directories(self, path: str) -> list[Path]:
        return [mount / path.lstrip("/") for mount in self._mounts]

    def exists(self, path: str) -> bool:
        return all(directory.is_dir() for directory in self._directories(path))

    def create(self, path: str, values: CgroupValues) -> None:
        for directory in self._directories(path):
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CgroupError(f"cannot make cgroup {directory}: {error.strerror}") from error
        self._fill_cpuset(path)
        self.update(path, values)

    def _fill_cpuset(self, path: str) -> None:
        """A new cpuset is empty, and nothing can run in it, unless its parent's sets are copied, from the top down."""
        mount = self._by_controller.get("cpuset")
        if mount is None:
            return
        current = mount
        for part in [part for part in path.split("/") if part]:
            parent, current = current, current / part
            for file in ("cpuset.cpus", "cpuset.mems"):
                if not (current / file).read_text().strip():
                    _write(current / file, (parent / file).read_text().strip())

    def update(self, path: str, values: CgroupValues) -> None:
        for controller, file, text in writes_v1(values):
            mount = self._by_controller.get(controller)
            target = mount / path.lstrip("/") / file if mount is not None else None
            if target is not None and (target.exists() or controller != "hugetlb"):
                _write(target, text)

    def children(self, path: str) -> list[str]:
        return sorted({name for directory in self._directories(path) for name in _inner(directory)})

    def processes(self, path: str) -> set[int]:
        return set().union(*(_processes_below(directory) for directory in self._directories(path)))

    def remove(self, path: str) -> None:
        for directory in self._directories(path):
            _remove_below(directory)
