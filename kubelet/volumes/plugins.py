"""Sets single volumes up on disk: emptyDir, hostPath, and the directory that content volumes are written to.

Every function blocks and may be called again on what it has already made. Layout and modes are upstream's
(pkg/volume/emptydir, pkg/volume/hostpath).
"""

import errno
import logging
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Final

from kubelet.api.types import HostPathVolumeSource
from kubelet.syscalls import Syscalls
from kubelet.volumes.atomic import write_atomically
from kubelet.volumes.ownership import set_group
from kubelet.volumes.payload import Payload
from kubelet.volumes.types import VolumeError

logger = logging.getLogger(__name__)

EMPTY_DIR: Final = "kubernetes.io/empty-dir"
HOST_PATH: Final = "kubernetes.io/host-path"
IMAGE: Final = "kubernetes.io/image"
CONFIG_MAP: Final = "kubernetes.io/configmap"
SECRET: Final = "kubernetes.io/secret"  # noqa: S105 - a plugin's name
DOWNWARD_API: Final = "kubernetes.io/downward-api"
PROJECTED: Final = "kubernetes.io/projected"
MODE: Final = 0o777
"""Of an emptyDir, and of the directory of a content volume: containers run as anybody."""


def make_directory(directory: Path) -> None:
    directory.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    directory.mkdir(mode=MODE, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) & MODE != MODE:
        directory.chmod(MODE)


def set_up_empty_dir(
    syscalls: Syscalls, directory: Path, ready: Path, *, medium: str, size: int | None, group: int | None,
    huge_page: str = "",
) -> None:
    """`ready` is the directory that notes that set-up was finished; `size` in bytes limits a memory medium,
    `huge_page` is the page size of a medium of huge pages.

    Raises VolumeError for a medium that is not offered, OSError."""
    if medium not in ("", "Memory") and not huge_page:
        raise VolumeError(f'unknown storage medium "{medium}": use "", "Memory", or one of huge pages')
    mark = ready / "ready"
    mounted = bool(medium) and syscalls.is_other_file_system(directory)
    if mark.exists() and (mounted if medium else directory.is_dir()):
        return
    make_directory(directory)
    if huge_page and not mounted:
        syscalls.mount("nodev", directory, "hugetlbfs", data=f"pagesize={huge_page}")
    elif medium == "Memory" and not mounted:
        mount_tmpfs(syscalls, directory, size)
    if group is not None:
        set_group(directory, group, read_only=False)
    ready.mkdir(mode=0o750, parents=True, exist_ok=True)
    mark.touch(mode=0o640)


def mount_tmpfs(syscalls: Syscalls, directory: Path, size: int | None) -> None:
    """Memory that never goes to swap where the kernel (6.4 and later) can promise that.

    Its root keeps the mode that the kernel gives it, which has the sticky bit beside MODE: containers see that."""
    options = [f"size={size}"] if size else []
    try:
        syscalls.mount("tmpfs", directory, "tmpfs", data=",".join([*options, "noswap"]))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        syscalls.mount("tmpfs", directory, "tmpfs", data=",".join(options))


def write_content(
    syscalls: Syscalls, directory: Path, payload: Payload, *, in_memory: bool, size: int | None, group: int | None,
    nested: set[str], now: datetime,
) -> bool:
    """Bring a content volume up to date; False when it was. `nested` are directories that other mounts need inside.

    Raises VolumeError, OSError."""
    make_directory(directory)
    if in_memory and not syscalls.is_other_file_system(directory):
        mount_tmpfs(syscalls, directory, size)
    for path in nested:
        # May be a path through `..data` links of a key with directories; then the payload has it already.
        (directory / path).mkdir(mode=0o755, parents=True, exist_ok=True)

    def own() -> None:
        if group is not None:
            set_group(directory, group, read_only=True)

    return write_atomically(directory, payload, now, own)


def check_host_path(source: HostPathVolumeSource) -> None:
    """What stands at the path against the type that is asked for; makes it for the OrCreate types. Raises VolumeError
    with upstream's text, OSError."""
    path = Path(source.path)
    match source.type:
        case "":
            return
        case "DirectoryOrCreate" if not os.path.lexists(path):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        case "FileOrCreate" if not os.path.lexists(path):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        case "DirectoryOrCreate" | "Directory":
            _expect(path, path.is_dir(), "a directory")
        case "FileOrCreate" | "File":
            _expect(path, path.is_file(), "a file")
        case "Socket":
            _expect(path, path.is_socket(), "a socket file")
        case "CharDevice":
            _expect(path, path.is_char_device(), "a character device")
        case "BlockDevice":
            _expect(path, path.is_block_device(), "a block device")
        case other:
            raise VolumeError(f"{other} is an invalid volume type")


def _expect(path: Path, matches: bool, what: str) -> None:
    if not matches:
        raise VolumeError(f"hostPath type check failed: {path} is not {what}")
