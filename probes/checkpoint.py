"""Verdicts kept over a restart of the agent, so that no ready container turns unready because its prober was away.

    {"version": 1, "containers": {"<container id>": {"uid": "…", "verdicts": {"Readiness": "Success"}}}}

The container id is the key: a container that was replaced meanwhile is a new one. A file that cannot be read or
understood is as good as none: then what the API server says of the pod is believed (kubelet.probing), or the initial
values.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from probes.spec import ProbeKind, Verdict

logger = logging.getLogger(__name__)

VERSION = 1


class ContainerVerdicts(msgspec.Struct, frozen=True):
    uid: str
    verdicts: dict[ProbeKind, Verdict]


class _File(msgspec.Struct, frozen=True):
    version: int
    containers: dict[str, ContainerVerdicts]


def load(path: Path) -> dict[str, ContainerVerdicts]:
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
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
