"""The system calls that Python does not have, in one place: mount, umount2, openat2, and the mount table.

Everything that mounts takes a `Syscalls`, so that a test can run it without root: `RecordingSyscalls` keeps a mount
table of its own and remembers what was asked. Failures are OSError with errno and path, as everywhere in Python.
"""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import Final, Protocol


class MountFlag(IntFlag):
    """mount(2) flags, linux/mount.h."""

    NONE = 0
    RDONLY = 0x1
    NOSUID = 0x2
    NODEV = 0x4
    NOEXEC = 0x8
    REMOUNT = 0x20
    BIND = 0x1000
    REC = 0x4000
    PRIVATE = 0x40000
    SLAVE = 0x80000
    SHARED = 0x100000


class UnmountFlag(IntFlag):
    """umount2(2) flags."""

    NONE = 0
    FORCE = 1
    DETACH = 2
    NOFOLLOW = 8


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo. `root` is the part of the file system that is mounted (bind mounts)."""

    mount_id: int
    parent_id: int
    device: str
    root: str
    mount_point: str
    options: str
    fs_type: str
    source: str


class Syscalls(Protocol):
    """What the kubelet asks of the kernel beyond Python's `os`."""

    def mount(self, source: str, target: Path, fs_type: str = "", flags: MountFlag = MountFlag.NONE,
              data: str = "") -> None: ...

    def unmount(self, target: Path, flags: UnmountFlag = UnmountFlag.NOFOLLOW) -> None: ...

    def mounts(self) -> list[Mount]: ...

    def is_other_file_system(self, directory: Path) -> bool:
        """Whether another file system than the parent's is mounted here (two stats; bind mounts may escape it)."""

    def open_beneath(self, directory: int, path: str, flags: int, *, cross_mounts: bool = True) -> int:
        """Open `path` below the directory descriptor. Raises OSError EXDEV when it would leave the directory, or,
        without `cross_mounts`, when anything is mounted on the way or there, bind mounts included."""


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts in `text` (proc(5)), in the kernel's order. Lines that are no mount lines are skipped."""
    found = []
    for line in text.splitlines():
        head, separator, tail = line.partition(" - ")
        left, right = head.split(), tail.split()
        if not separator or len(left) < 6 or len(right) < 2:
            continue
        found.append(Mount(
            mount_id=int(left[0]), parent_id=int(left[1]), device=left[2], root=_unescape(left[3]),
            mount_point=_unescape(left[4]), options=left[5], fs_type=right[0], source=_unescape(right[1]),
        ))
    return found


def _unescape(text: str) -> str:
    """mountinfo writes space, tab, newline and backslash as octal escapes."""
    if "\\" not in text:
        return text
    for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escaped, plain)
    return text


def is_beneath(path: str, directory: str) -> bool:
    """`path` is `directory` or lies in it; both absolute and clean."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def mounts_beneath(mounts: list[Mount], directory: Path) -> list[Mount]:
    """Mounts at or below `directory`, newest and deepest first: the order in which they can be unmounted."""
    inside = [mount for mount in mounts if is_beneath(mount.mount_point, str(directory))]
    return inside[::-1]


_SYS_OPENAT2: Final = 437
_RESOLVE_NO_XDEV: Final = 0x01
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_BENEATH: Final = 0x08
_OPENAT2_ATTEMPTS: Final = 128


class LinuxSyscalls:
    """The real ones, through libc."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, source: str, target: Path, fs_type: str = "", flags: MountFlag = MountFlag.NONE,
              data: str = "") -> None:
        arguments = (source.encode(), os.fsencode(target), fs_type.encode() or None)
        if self._libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None) != 0:
            _raise("mount", str(target))

    def unmount(self, target: Path, flags: UnmountFlag = UnmountFlag.NOFOLLOW) -> None:
        if self._libc.umount2(os.fsencode(target), ctypes.c_int(flags)) != 0:
            _raise("umount2", str(target))

    def mounts(self) -> list[Mount]:
        return parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))

    def is_other_file_system(self, directory: Path) -> bool:
        return os.path.ismount(directory)

    def open_beneath(self, directory: int, path: str, flags: int, *, cross_mounts: bool = True) -> int:
        """openat2 with RESOLVE_BENEATH; on kernels before 5.6, one component at a time without following links (there,
        only mounts of other file systems can be told)."""
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS | (0 if cross_mounts else _RESOLVE_NO_XDEV)
        how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, resolve)
        for _ in range(_OPENAT2_ATTEMPTS):
            descriptor: int = self._libc.syscall(
                ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(directory), os.fsencode(path), how, ctypes.c_size_t(len(how))
            )
            if descriptor >= 0:
                return descriptor
            number = ctypes.get_errno()
            if number == errno.ENOSYS:
                return open_step_by_step(directory, path, flags, cross_mounts=cross_mounts)
            if number != errno.EAGAIN:  # EAGAIN: a rename raced with the lookup of `..`
                raise OSError(number, os.strerror(number), path)
        raise OSError(errno.EAGAIN, "the path kept changing while it was opened", path)


def _raise(call: str, path: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}", path)


def open_step_by_step(directory: int, path: str, flags: int, *, cross_mounts: bool = True) -> int:
    """Open `path` below `directory`, refusing links and `..` anywhere (ELOOP, EXDEV): all that old kernels can do."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or path.startswith("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    current = os.dup(directory)
    try:
        for number, part in enumerate(parts, start=1):
            step = flags if number == len(parts) else os.O_PATH | os.O_DIRECTORY
            following = os.open(part, step | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
            os.close(current)
            current = following
        if not cross_mounts and os.fstat(current).st_dev != os.fstat(directory).st_dev:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    except OSError:
        os.close(current)
        raise
    return current


@dataclass
class RecordingSyscalls:
    """A double without privileges: keeps its own mount table, `calls` tells what was asked in which order.

    `failures` maps a target to the errno that unmounting or mounting it gives.
    """

    table: list[Mount] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def mount(self, source: str, target: Path, fs_type: str = "", flags: MountFlag = MountFlag.NONE,
              data: str = "") -> None:
        self.calls.append(("mount", source, str(target), fs_type, str(flags.value), data))
        self._fail(target)
        if not target.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
        number = len(self.calls)
        self.table.append(Mount(number, 1, "0:1", "/", str(target), "rw", fs_type or "none", source))

    def unmount(self, target: Path, flags: UnmountFlag = UnmountFlag.NOFOLLOW) -> None:
        self.calls.append(("unmount", str(target), str(flags.value)))
        self._fail(target)
        for index in reversed(range(len(self.table))):
            if self.table[index].mount_point == str(target):
                del self.table[index]
                return
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(target))

    def mounts(self) -> list[Mount]:
        return list(self.table)

    def is_other_file_system(self, directory: Path) -> bool:
        return any(mount.mount_point == str(directory) for mount in self.table)

    def open_beneath(self, directory: int, path: str, flags: int, *, cross_mounts: bool = True) -> int:
        """The real one: opening needs no privileges."""
        return LinuxSyscalls().open_beneath(directory, path, flags, cross_mounts=cross_mounts)

    def _fail(self, target: Path) -> None:
        if number := self.failures.get(str(target)):
            raise OSError(number, os.strerror(number), str(target))
