"""Writes a set of files so that a reader sees either all of the old set or all of the new one.

    volume/..2026_01_02_03_04_05.k3j2/   the files, in a directory of their own
    volume/..data -> ..2026_…            switched by one rename
    volume/key    -> ..data/key          what containers open; never changes while the key exists

The layout is upstream's (pkg/volume/util/atomic_writer.go), so either agent can update what the other wrote. Whatever
a crash leaves behind (a half-written directory, a link that was not renamed yet) the next write removes. Blocks.
"""

import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kubelet.volumes.payload import Payload
from kubelet.volumes.types import VolumeError

DATA = "..data"
_NEW_DATA = "..data_tmp"
MAX_FILE_NAME, MAX_PATH = 255, 4096


def clean_payload(payload: Payload) -> Payload:
    """The payload with normal paths. Raises VolumeError for a path that leaves the volume or hides its workings."""
    for path in payload:
        parts = path.split("/")
        if not path:
            raise VolumeError('invalid path: must not be empty: ""')
        if path.startswith("/"):
            raise VolumeError(f"invalid path: must be relative path: {path}")
        if len(path) > MAX_PATH:
            raise VolumeError(f"invalid path: must be less than or equal to {MAX_PATH} characters")
        if ".." in parts:
            raise VolumeError(f"invalid path: must not contain '..': {path}")
        if any(len(part) > MAX_FILE_NAME for part in parts):
            raise VolumeError(f"invalid path: filenames must be less than or equal to {MAX_FILE_NAME} characters")
        if parts[0].startswith(".."):
            raise VolumeError(f"invalid path: must not start with '..': {path}")
    return {posixpath.normpath(path): entry for path, entry in payload.items()}


def write_atomically(
    directory: Path, payload: Payload, now: datetime, before_switch: Callable[[], None] = lambda: None
) -> bool:
    """Make `payload` what `directory` shows; False when it shows that already. `now` (UTC) names the new generation,
    `before_switch` runs when its files are written and not yet visible. Raises OSError, VolumeError."""
    payload = clean_payload(payload)
    old = _current(directory)
    _remove_leftovers(directory, old)
    changed = old is None or not _shows(old, payload)
    if changed:
        new = Path(tempfile.mkdtemp(prefix=now.strftime("..%Y_%m_%d_%H_%M_%S."), dir=directory))
        try:
            new.chmod(0o755)
            _write_files(new, payload)
            before_switch()
            (directory / _NEW_DATA).symlink_to(new.name)
            (directory / _NEW_DATA).rename(directory / DATA)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    _update_links(directory, payload)
    if changed and old is not None:
        shutil.rmtree(old)
    return changed


def _current(directory: Path) -> Path | None:
    """The generation that `..data` points to; None where there is none, or where it is gone."""
    try:
        generation = directory / (directory / DATA).readlink()
    except FileNotFoundError:
        return None
    return generation if generation.is_dir() else None


def _remove_leftovers(directory: Path, current: Path | None) -> None:
    (directory / _NEW_DATA).unlink(missing_ok=True)
    for entry in directory.iterdir():
        if entry.name.startswith("..2") and entry != current and entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)


def _shows(generation: Path, payload: Payload) -> bool:
    """Whether the generation holds exactly these files with these contents."""
    files = {str(path.relative_to(generation)) for path in generation.rglob("*") if not path.is_dir()}
    return files == payload.keys() and all(
        (generation / path).read_bytes() == entry.data for path, entry in payload.items())


def _write_files(generation: Path, payload: Payload) -> None:
    for path, entry in payload.items():
        file = generation / path
        _make_parents(generation, file.parent)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, entry.mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(entry.data)
            os.fchmod(descriptor, entry.mode)  # the umask took bits away
            if entry.owner is not None:
                os.fchown(descriptor, entry.owner, -1)


def _make_parents(generation: Path, directory: Path) -> None:
    if directory == generation or directory.is_dir():
        return
    _make_parents(generation, directory.parent)
    directory.mkdir()
    directory.chmod(0o755)


def _update_links(directory: Path, payload: Payload) -> None:
    """A link per first path component; the ones that lead nowhere any more go."""
    owners = {path.split("/")[0]: entry.owner for path, entry in payload.items()}
    for name, owner in owners.items():
        link = directory / name
        if not os.path.lexists(link):  # a directory here is the mount point of another volume
            link.symlink_to(f"{DATA}/{name}")
            if owner is not None:
                os.lchown(link, owner, -1)
    for entry in directory.iterdir():
        if entry.name not in owners and entry.is_symlink() and entry.readlink() == Path(DATA, entry.name):
            entry.unlink()
