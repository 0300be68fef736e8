"""Takes a pod's volumes off the disk, and never the data behind a mount.

Order: subPath binds, then each volume's mounts, deepest first, then their directories. A directory is removed only
while the mount table shows nothing at or below it, and the walk itself enters no mount, not even a bind mount of the
same file system: one that appears in between makes the removal fail, it never makes it go on. Everything blocks and
may be repeated.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from kubelet import paths
from kubelet.api.meta import PodUID
from kubelet.syscalls import Mount, Syscalls, mounts_beneath
from kubelet.volumes.types import MountedVolume, VolumeError


def pods_on_disk(root: Path) -> list[PodUID]:
    """Pods that have a directory, whatever is in it."""
    directory = paths.pods_dir(root)
    if not directory.is_dir():
        return []
    return [PodUID(entry.name) for entry in directory.iterdir() if entry.is_dir()]


def volumes_on_disk(root: Path, uid: PodUID) -> dict[str, MountedVolume]:
    """The volumes whose directories are there; hostPath volumes have none."""
    directory = paths.volumes_dir(root, uid)
    found = {}
    if directory.is_dir():
        for plugin in directory.iterdir():
            name = plugin.name.replace("~", "/")
            for volume in plugin.iterdir() if plugin.is_dir() else ():
                found[volume.name] = MountedVolume(
                    volume.name, name, volume, read_only=not name.endswith("/empty-dir"), managed=True)
    return found


def tear_down_volumes(syscalls: Syscalls, root: Path, uid: PodUID) -> None:
    """Unmount and remove everything under volumes/ and volume-subpaths/. Raises VolumeError that says what is left;
    what could be taken down is gone then all the same."""
    problems = []
    subpaths, volumes = paths.subpaths_dir(root, uid), paths.volumes_dir(root, uid)
    for directory in (subpaths, volumes):  # a subPath bind keeps its volume busy
        try:
            unmount_beneath(syscalls, directory)
        except (OSError, VolumeError) as error:
            problems.append(f"{directory}: {error}")
    mounts = syscalls.mounts()
    for directory in (subpaths, *sorted(volumes.glob("*/*")), volumes):
        try:
            _remove_unmounted(syscalls, mounts, directory)
        except (OSError, VolumeError) as error:
            problems.append(f"{directory}: {error}")
    if problems:
        raise VolumeError("; ".join(problems))


def remove_pod_directory(syscalls: Syscalls, root: Path, uid: PodUID) -> None:
    """Remove the pod's whole directory. Raises VolumeError while anything is mounted in it or a volume is left."""
    directory = paths.pod_dir(root, uid)
    left = volumes_on_disk(root, uid)
    if left:
        raise VolumeError(f"orphaned pod {uid} found, but volume paths are still present on disk: "
                          f"{' '.join(str(volume.host_path) for volume in left.values())}")
    remove_tree(syscalls, directory)


def unmount_beneath(syscalls: Syscalls, directory: Path) -> None:
    """Unmount all that is mounted at or below `directory`, and make sure of it. Raises VolumeError, OSError."""
    found, failure = mounts_beneath(syscalls.mounts(), directory), None
    for mount in found:
        try:
            syscalls.unmount(Path(mount.mount_point))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):  # somebody else was faster
                failure = error
    if failure is not None:
        raise failure
    if found and (left := mounts_beneath(syscalls.mounts(), directory)):
        raise VolumeError(f"{left[0].mount_point} is still mounted")


def remove_tree(syscalls: Syscalls, directory: Path) -> None:
    """Remove `directory` with what is in it. Raises VolumeError when something is mounted there, OSError."""
    _remove_unmounted(syscalls, syscalls.mounts(), directory)


def _remove_unmounted(syscalls: Syscalls, mounts: list[Mount], directory: Path) -> None:
    if left := mounts_beneath(mounts, directory):
        raise VolumeError(f"not removed, {left[0].mount_point} is mounted there")
    if not os.path.lexists(directory):
        return
    parent = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _remove(syscalls, directory.name, parent)
    finally:
        os.close(parent)


def _remove(syscalls: Syscalls, name: str, parent: int) -> None:
    """Remove one entry of the open directory `parent`, never following a link or entering a mount."""
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    try:
        own = syscalls.open_beneath(parent, name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, cross_mounts=False)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise VolumeError(f"not removed, something is mounted at {name}") from error
        raise
    try:
        for entry in os.listdir(own):  # noqa: PTH208 - of an open directory
            with contextlib.suppress(FileNotFoundError):
                _remove(syscalls, entry, own)
    finally:
        os.close(own)
    os.rmdir(name, dir_fd=parent)
