"""Reading what lies on the disk, and removing what a plan says: blocking code, run in a thread.

Nothing here follows a symbolic link or crosses into another file system, and no file below a pod's `volumes` is ever
deleted: a removal that meets one stops with an error.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from nodegc.directories import PodDirectory

MountPoints = Callable[[], Collection[str]]
"""All mount points of this mount namespace, absolute and clean (mountinfo)."""

_FILES_SHOWN = 3


class LeftoverError(OSError):
    """A pod directory that may not be removed, as it turned out: something is mounted or kept in it."""


def beneath(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def list_directory(directory: Path) -> list[Path]:
    """Its entries by name; none when it does not exist. Raises OSError."""
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []


def leads_somewhere(link: Path) -> bool:
    try:
        link.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno != errno.ELOOP
    return True


def read_pod_directories(pods: Path, skip: Collection[str], mount_points: MountPoints) -> list[PodDirectory]:
    """The directories <pods>/<uid> but those of `skip`, of which nobody needs to know more. Raises OSError."""
    found: list[PodDirectory] = []
    entries = [entry for entry in list_directory(pods) if entry.is_dir() and not entry.is_symlink()]
    unknown = [entry for entry in entries if entry.name not in skip]
    mounts = sorted(mount_points()) if unknown else []
    for entry in entries:
        if entry.name in skip:
            found.append(PodDirectory(str(entry), entry.name))
            continue
        inside = tuple(mount for mount in mounts if beneath(mount, str(entry)))
        files = () if inside else tuple(volume_files(entry))
        found.append(PodDirectory(str(entry), entry.name, inside, files))
    return found


def volume_files(pod: Path) -> Iterable[str]:
    """Some of what is kept in the pod's volumes; directories alone are nothing."""
    shown: list[str] = []
    for parent, directories, files in os.walk(pod / "volumes"):
        links = [name for name in directories if Path(parent, name).is_symlink()]
        shown += [str(Path(parent, name)) for name in (*files, *links)]
        if len(shown) >= _FILES_SHOWN:
            break
    return shown[:_FILES_SHOWN]


def remove_pod_directory(pod: Path, mount_points: MountPoints) -> None:
    """Remove an orphaned pod's directory if, looked at once more, nothing is mounted or kept in it.

    Raises LeftoverError or OSError; what was removed by then held nothing.
    """
    device = pod.lstat().st_dev
    if inside := [mount for mount in mount_points() if beneath(mount, str(pod))]:
        raise LeftoverError(errno.EBUSY, "something is mounted in it", inside[0])
    if kept := list(volume_files(pod)):
        raise LeftoverError(errno.ENOTEMPTY, "a volume holds files", kept[0])
    remove_empty_tree(pod / "volumes", device)
    remove_mount_targets(pod / "volume-subpaths", device)
    for entry in list_directory(pod):
        remove_tree(entry, device)
    pod.rmdir()


def remove_empty_tree(directory: Path, device: int) -> None:
    """Remove directories only; a file in the way is an error (rmdir refuses). Raises OSError."""
    if not _same_device(directory, device):
        return
    for entry in list_directory(directory):
        if entry.is_symlink() or not entry.is_dir():
            raise LeftoverError(errno.ENOTEMPTY, "a volume holds files", str(entry))
        remove_empty_tree(entry, device)
    directory.rmdir()


def remove_mount_targets(directory: Path, device: int) -> None:
    """Remove what subPath mounts were mounted on: directories and empty files. Raises OSError."""
    if not _same_device(directory, device):
        return
    for entry in list_directory(directory):
        information = entry.lstat()
        if stat.S_ISDIR(information.st_mode):
            remove_mount_targets(entry, device)
        elif stat.S_ISREG(information.st_mode) and information.st_size == 0:
            entry.unlink()
        else:
            raise LeftoverError(errno.ENOTEMPTY, "a subPath is not empty", str(entry))
    directory.rmdir()


def remove_tree(path: Path, device: int) -> None:
    """Remove all of it within one file system. Raises OSError."""
    if not _same_device(path, device):
        return
    if stat.S_ISDIR(path.lstat().st_mode):
        for entry in list_directory(path):
            remove_tree(entry, device)
        path.rmdir()
    else:
        path.unlink()


def _same_device(path: Path, device: int) -> bool:
    """False when it is not there. Raises LeftoverError when it is another file system's."""
    try:
        there = path.lstat().st_dev
    except FileNotFoundError:
        return False
    if there != device:
        raise LeftoverError(errno.EXDEV, "another file system is mounted there", str(path))
    return True


def remove_log_directory(directory: Path) -> None:
    """Raises OSError. Nobody mounts anything below a pod's logs."""
    shutil.rmtree(directory)


def remove_container_logs(log_path: str) -> None:
    """A container's log with its rotated ones (0.log, 0.log.20260101-000000, ….gz, ….tmp). Raises OSError."""
    log = Path(log_path)
    if not log.is_absolute():
        return
    for path in list_directory(log.parent):
        if path.name == log.name or path.name.startswith(f"{log.name}."):
            path.unlink(missing_ok=True)


def statvfs_bytes(mount_point: str) -> tuple[int, int]:
    """(capacity, available to everybody) of a file system. Raises OSError."""
    usage = os.statvfs(mount_point)
    return usage.f_blocks * usage.f_frsize, usage.f_bavail * usage.f_frsize
