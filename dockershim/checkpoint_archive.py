"""The archive of a container checkpoint, as CRI-O and containerd write it and checkpointctl reads it.

| name | content |
|---|---|
| checkpoint/ | CRIU's images |
| config.dump | id, name, image, runtime, times (checkpointctl's metadata.ContainerConfig) |
| spec.dump | the OCI runtime specification that the container was started with |
| status.dump | the container's CRI status, as JSON |
| rootfs-diff.tar | what the container has added to and changed in its image's files |
| deleted.files | JSON list of what it has removed of them |
| bind.mounts | JSON list of its mounts from outside, which the archive does not hold |
| stats-dump, dump.log | CRIU's figures and log, where the engine has kept them |
| container.log | its log so far |

Everything here blocks: it runs in a thread. `abandoned` ends it early, since a thread cannot be cancelled.
"""

import contextlib
import json
import os
import shutil
import stat
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dockershim.engine.errors import EngineFailedError
from dockershim.records import JSON, ContainerRecord

_BUFFER_BYTES = 1 << 20
_OPAQUE = "trusted.overlay.opaque"
_MAIN_FILES = ("stats-dump", "dump.log")
_UNFINISHED = ".unfinished"
"""In the work directory: names the file that is being written, for who finds it after we were killed."""


class AbandonedError(Exception):
    """Nobody waits for the archive any more."""


class _Exactly:
    """A file that may change under its reader: as many bytes as were announced, zeros where it has become shorter."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        return self._file.read(count).ljust(count, b"\0")


class _Writer:
    """A file that stops being written when it is abandoned."""

    def __init__(self, file: IO[bytes], abandoned: threading.Event) -> None:
        self._file, self._abandoned = file, abandoned

    def write(self, data: bytes) -> int:
        if self._abandoned.is_set():
            raise AbandonedError
        return self._file.write(data)


def write(
    record: ContainerRecord, inspect: JSON, runtime: str, work: Path, location: Path, abandoned: threading.Event
) -> None:
    """Pack `work` (with CRIU's images) and the container's facts into `location`, at once or not at all.

    Raises OSError, EngineError when the engine made no images, AbandonedError.
    """
    images = work / "checkpoint"
    if not images.is_dir() or not any(images.iterdir()):
        raise EngineFailedError(f"the Docker engine reported a checkpoint of container {record.id}, but made no images")
    deleted = _write_root_diff(Path(record.upper_dir), work / "rootfs-diff.tar", abandoned)
    _write_json(work / "config.dump", config_dump(record, inspect, runtime, time.time_ns()))
    _write_json(work / "spec.dump", read_spec(record.pid))
    _write_json(work / "status.dump", _status(record))
    _write_json(work / "bind.mounts", bind_mounts(inspect))
    if deleted:
        _write_json(work / "deleted.files", deleted)
    for name in _MAIN_FILES:
        if (images / name).is_file():
            (images / name).rename(work / name)
    temporary = location.with_name(f".{location.name}.tmp")
    (work / _UNFINISHED).write_text(str(temporary))
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb", opener=_private) as file:
            with _tar(file, abandoned) as archive:
                for entry in sorted((*work.glob("[!.]*"), *images.iterdir())):
                    _add(archive, entry, str(entry.relative_to(work)))
                if record.status.log_path and Path(record.status.log_path).is_file():
                    _add(archive, Path(record.status.log_path).resolve(), "container.log")
            file.flush()
            os.fsync(file.fileno())
        if abandoned.is_set():
            raise AbandonedError
        temporary.replace(location)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(work: Path) -> None:
    """Of a process that ended in the middle."""
    with contextlib.suppress(OSError):
        Path((work / _UNFINISHED).read_text()).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def config_dump(record: ContainerRecord, inspect: JSON, runtime: str, now_ns: int) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": str(inspect.get("Name") or "").removeprefix("/"),
        "rootfsImage": record.status.image.image,
        "rootfsImageRef": record.status.image_ref,
        "rootfsImageName": record.status.image.image,
        "runtime": runtime,
        "createdTime": inspect.get("Created") or "",
        "checkpointedTime": _rfc3339(now_ns),
        "restoredTime": "0001-01-01T00:00:00Z",
        "restored": False,
    }


def bind_mounts(inspect: JSON) -> list[dict[str, Any]]:
    """CRI-O's list: what a restore has to find at the same places."""
    found = []
    for mount in inspect.get("Mounts") or ():
        source = Path(mount.get("Source") or "")
        try:
            mode = source.stat().st_mode
        except OSError:
            continue  # a volume that went away under the container, or the content of an image
        found.append({
            "source": str(source),
            "destination": mount.get("Destination") or "",
            "file_type": "directory" if stat.S_ISDIR(mode) else "file",
            "permissions": stat.S_IMODE(mode),
        })
    return sorted(found, key=lambda mount: str(mount["destination"]))


def read_spec(pid: int, proc: Path = Path("/proc")) -> dict[str, Any]:
    """From the bundle, which is the current directory of the shim: the parent of the container's first process."""
    parent = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1]
    spec: dict[str, Any] = json.loads((proc / parent / "cwd/config.json").read_text())
    return spec


def _status(record: ContainerRecord) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict  # 2 MB that nothing else needs

    status: dict[str, Any] = MessageToDict(record.status, preserving_proto_field_name=True)
    return status


def _write_root_diff(upper: Path, target: Path, abandoned: threading.Event) -> list[str]:
    """The writable layer as a tar; returns what it hides of the image (whiteouts and opaque directories)."""
    deleted: list[str] = []
    with target.open("wb") as file, _tar(file, abandoned) as archive:
        for path in _below(upper):
            name = str(path.relative_to(upper))
            try:
                status = path.lstat()
                if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                    deleted.append(f"/{name}")
                    continue
                if stat.S_ISDIR(status.st_mode) and _is_opaque(path):
                    deleted.append(f"/{name}")
                _add(archive, path, name)
            except FileNotFoundError:
                continue  # the container runs on, and has removed it
    return deleted


def _below(directory: Path) -> Iterator[Path]:
    for root, directories, files in os.walk(directory):
        for name in sorted((*directories, *files)):
            yield Path(root) / name


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, _OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Not recursive. What a tar cannot hold (sockets) is left out."""
    info = archive.gettarinfo(path, name)
    if info is None:
        return
    if not info.isreg():
        archive.addfile(info)
        return
    with path.open("rb") as file:
        content: Any = _Exactly(file)
        archive.addfile(info, content)


def _tar(file: IO[bytes], abandoned: threading.Event) -> tarfile.TarFile:
    writer: Any = _Writer(file, abandoned)  # a stream needs nothing but write()
    return tarfile.open(fileobj=writer, mode="w|", bufsize=_BUFFER_BYTES)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False))


def _private(path: str, flags: int) -> int:
    """A checkpoint holds the container's memory, keys and all."""
    return os.open(path, flags, 0o600)


def _rfc3339(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"
