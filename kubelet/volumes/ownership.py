"""fsGroup: gives a volume to a group (pkg/volume/volume_linux.go). Blocks; cost is one visit per file."""

import logging
import os
import stat
from pathlib import Path

logger = logging.getLogger(__name__)

_READ_WRITE, _READ_ONLY, _EXECUTE = 0o660, 0o440, 0o110


def needs_change(root: Path, group: int, *, read_only: bool) -> bool:
    """fsGroupChangePolicy OnRootMismatch: whether the root does not yet have what a change would give it."""
    found = root.stat()
    wanted = (_READ_ONLY if read_only else _READ_WRITE) | _EXECUTE
    return (found.st_gid != group or not stat.S_ISDIR(found.st_mode) or found.st_mode & wanted != wanted
            or not found.st_mode & stat.S_ISGID)


def set_group(root: Path, group: int, *, read_only: bool, only_on_mismatch: bool = False) -> int:
    """Group, group permissions and setgid of everything in `root`, the root itself last, so that an interrupted run
    is seen as unfinished by OnRootMismatch. Returns the number of files visited."""
    if only_on_mismatch and not needs_change(root, group, read_only=read_only):
        return 0
    count = 0
    for _, directories, names, descriptor in os.fwalk(root, topdown=False):
        links = [name for name in directories if _is_link(name, descriptor)]
        for name in (*names, *links, "."):
            _change(name, group, read_only, descriptor)
            count += 1
    return count


def _is_link(name: str, directory: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def _change(name: str, group: int, read_only: bool, directory: int) -> None:
    """Failures are logged and passed over, as upstream does: some file systems know no owners."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        os.chown(name, -1, group, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            return  # a link has no mode of its own, and its target is visited by itself
        mode = stat.S_IMODE(found.st_mode) | (_READ_ONLY if read_only else _READ_WRITE)
        if stat.S_ISDIR(found.st_mode):
            mode |= stat.S_ISGID | _EXECUTE
        os.chmod(name, mode, dir_fd=directory)
    except OSError as error:
        logger.warning("cannot give a file of a volume to its fsGroup: %s group=%d", error, group)
