"""Verdicts kept over a restart of the agent, so that no ready container turns unready because its prober was away.

    {"version": 1, "containers": {"<container id>": {"uid": "…", "verdicts": {"Readiness": "Success"}}}}

The container id is the key: a container that was replaced meanwhile is a new one. A file that cannot be read or
understood is as good as none: then what the API server says of the pod is believed (kubelet.probing), or the initial
values.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from probes.spec import ProbeKind, Verdict

logger = logging.getLogger(__name__)

VERSION = 1
_WRITING = threading.Lock()
"""An agent that ends writes while a write of before may still be under way in its thread."""


class ContainerVerdicts(msgspec.Struct, frozen=True):
    uid: str
    verdicts: dict[ProbeKind, Verdict]


class _File(msgspec.Struct, frozen=True):
    version: int
    containers: dict[str, ContainerVerdicts]


def load(path: Path) -> dict[str, ContainerVerdicts]:
    """For the agent's start."""
    with contextlib.suppress(OSError):
        _temporary(path).unlink()
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("probe results of the last run are not usable path=%s error=%s", path, error)
        return {}
    if content.version != VERSION:
        logger.warning("probe results are of another version path=%s version=%d", path, content.version)
        return {}
    return content.containers


def save(path: Path, containers: Mapping[str, ContainerVerdicts]) -> None:
    """Replace the file whole, or leave it as it was. Raises OSError."""
    encoded = msgspec.json.encode(_File(VERSION, dict(containers)))
    temporary = _temporary(path)
    with _WRITING:
        try:
            _write(temporary, encoded)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _temporary(path: Path) -> Path:
    """Always the same, so that what an agent that was killed leaves of it goes with the next."""
    return path.with_name(f".{path.name}.tmp")


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
