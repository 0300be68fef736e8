"""Bind-mounts the subPath of a volume so that no container can lead the kubelet out of the volume.

A container may replace any part of a path by a link while it is being looked up. So the path is opened once, beneath
the volume, and what is bind-mounted is that open file (`/proc/self/fd/<n>`), not its name
(pkg/volume/util/subpath/subpath_linux.go; CVE-2017-1002101, CVE-2021-25741). Everything here blocks.
"""

import errno
import os
import stat
from pathlib import Path

from kubelet.syscalls import MountFlag, Syscalls, is_beneath
from kubelet.volumes.types import VolumeError

_MODE_MASK = 0o7777
"""Permissions and setgid: what a new directory takes over from its volume."""


def bind_subpath(syscalls: Syscalls, volume: Path, subpath: str, target: Path) -> Path:
    """Mount `volume`/`subpath` at `target` and return the target; directories that are missing are made.

    Idempotent: what is mounted there already stays if it is the same file. Raises OSError, VolumeError."""
    base = os.open(volume, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        source = _open_or_make(syscalls, base, volume, subpath)
    finally:
        os.close(base)
    try:
        wanted = os.fstat(source)
        if _is_mounted(syscalls, target):
            there = target.lstat()
            if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino):
                return target
            syscalls.unmount(target)
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if stat.S_ISDIR(wanted.st_mode):
            target.mkdir(mode=0o750, exist_ok=True)
        else:
            target.touch(mode=0o640)  # a file is enough for sockets and devices too
        syscalls.mount(f"/proc/self/fd/{source}", target, flags=MountFlag.BIND)
    finally:
        os.close(source)
    return target


def _is_mounted(syscalls: Syscalls, target: Path) -> bool:
    return any(mount.mount_point == str(target) for mount in syscalls.mounts())


def _open_or_make(syscalls: Syscalls, base: int, volume: Path, subpath: str) -> int:
    try:
        return _open(syscalls, base, volume, subpath)
    except FileNotFoundError:
        make_beneath(syscalls, base, subpath, os.fstat(base).st_mode & _MODE_MASK)
        return _open(syscalls, base, volume, subpath)


def _open(syscalls: Syscalls, base: int, volume: Path, subpath: str) -> int:
    try:
        return syscalls.open_beneath(base, subpath, os.O_PATH)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.ELOOP):
            raise
    # An absolute link may still lead to a place inside the volume. Resolve it by name, then open what it was found to
    # be, again beneath the volume: a link that is put there in between is refused.
    real, real_volume = os.path.realpath(volume / subpath), os.path.realpath(volume)
    if not is_beneath(real, real_volume):
        raise VolumeError(f"subpath {subpath!r} not within volume path")
    return syscalls.open_beneath(base, os.path.relpath(real, real_volume), os.O_PATH)


def make_beneath(syscalls: Syscalls, base: int, subpath: str, mode: int) -> None:
    """Make the directories of `subpath` that are missing, each with `mode`, none outside the volume."""
    parts = [part for part in subpath.split("/") if part not in ("", ".")]
    current = os.dup(base)
    try:
        for number, part in enumerate(parts, start=1):
            try:
                following = syscalls.open_beneath(base, "/".join(parts[:number]), os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                os.mkdir(part, mode & 0o777, dir_fd=current)
                following = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
                os.fchmod(following, mode)  # the umask took bits away
            os.close(current)
            current = following
    finally:
        os.close(current)
