"""What is known of past ADDs, on disk: `<cache dir>/results/<network>-<sandbox>-<interface>`.

The format is libcni's `cniCacheV1`, byte for byte understood by cri-dockerd, containerd and others and theirs by us,
because DEL of a pod that somebody else has started needs the configuration and the result of its ADD. Before that
format, the file was the bare result; those are read too. Of a file that cannot be read (a power cut leaves empty ones)
there is its name, which says whose it is.

A record is written before ADD, as `incomplete`, and again with the result after it: whoever is killed in between
leaves something to take down by.

All functions do file I/O of a few kilobytes and are meant to be called in a thread.
"""

import base64
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dockershim.network.errors import CacheError
from dockershim.network.invocation import Attachment

logger = logging.getLogger(__name__)

KIND = "cniCacheV1"


@dataclass(frozen=True, slots=True)
class CachedAttachment:
    """`config` is the network's list as JSON (empty where the file does not have it), `path` where it was read from.

    `incomplete`: the ADD has not ended, or it failed and was not undone; `result` is then what is known of it."""

    network: str
    attachment: Attachment
    config: bytes
    result: Mapping[str, Any]
    path: Path | None = None
    incomplete: bool = False


class _Record(msgspec.Struct, rename="camel", omit_defaults=True):
    kind: str
    container_id: str
    config: str | None
    if_name: str
    network_name: str
    netns: str = ""
    cni_args: list[tuple[str, str]] | None = None
    capability_args: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    incomplete: bool = False
    """Not libcni's, which passes over it."""


def encode(cached: CachedAttachment) -> bytes:
    attachment = cached.attachment
    return msgspec.json.encode(
        _Record(
            kind=KIND,
            container_id=attachment.container_id,
            config=base64.b64encode(cached.config).decode(),
            if_name=attachment.ifname,
            network_name=cached.network,
            netns=attachment.netns,
            cni_args=list(attachment.args),
            capability_args=dict(attachment.capability_args) or None,
            result=dict(cached.result) or None,
            incomplete=cached.incomplete,
        )
    )


def decode(data: bytes, path: Path) -> CachedAttachment:
    """CacheError when it is neither of the two formats."""
    try:
        record = msgspec.json.decode(data, type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_bare_result(data, path)
    if record.kind != KIND:
        raise CacheError(f"{path}: kind {record.kind!r} instead of {KIND!r}")
    try:
        config = base64.b64decode(record.config or "", validate=True)
    except ValueError as error:
        raise CacheError(f"{path}: config: {error}") from None
    attachment = Attachment(
        container_id=record.container_id,
        netns=record.netns,
        ifname=record.if_name,
        args=tuple(record.cni_args or ()),
        capability_args=record.capability_args or {},
    )
    result = record.result or {}
    return CachedAttachment(record.network_name, attachment, config, result, path, record.incomplete or not result)


def by_name(path: Path, result: Mapping[str, Any]) -> CachedAttachment | None:
    """What a file's name says: ids have no `-`, names of networks may. None for a file of somebody else."""
    parts = path.name.rsplit("-", 2)
    if len(parts) != 3:
        return None
    network, container_id, ifname = parts
    attachment = Attachment(container_id, ifname=ifname)
    return CachedAttachment(network, attachment, b"", result, path, incomplete=not result)


def _decode_bare_result(data: bytes, path: Path) -> CachedAttachment:
    try:
        result = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CacheError(f"{path}: {error}") from None
    found = by_name(path, result)
    if "cniVersion" not in result or found is None:
        raise CacheError(f"{path}: neither a {KIND} record nor a CNI result")
    return found


class ResultCache:
    def __init__(self, cache_dir: Path) -> None:
        self._results = cache_dir / "results"
        self._pod_cidr = cache_dir / "podwright-pod-cidr"

    def pod_cidr(self) -> str:
        """What `keep_pod_cidr` was told last; empty when there is none or it cannot be read."""
        try:
            return self._pod_cidr.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def keep_pod_cidr(self, cidr: str) -> None:
        temporary = self._pod_cidr.with_suffix(".tmp")
        try:
            temporary.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(f"{cidr}\n")
            temporary.rename(self._pod_cidr)
        except OSError as error:
            raise CacheError(f"cannot write {self._pod_cidr}: {error.strerror}") from error

    def save(self, cached: CachedAttachment) -> None:
        """Written aside and renamed, so that a reader or a crash never sees half of it."""
        path = self._path(cached)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            self._results.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(encode(cached))
            temporary.rename(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise CacheError(f"cannot record the network of a sandbox in {self._results}: {error.strerror}") from error

    def of_sandbox(self, sandbox_id: str) -> list[CachedAttachment]:
        """Every attachment of a sandbox, whichever network it was made with."""
        return self._load(lambda name: f"-{sandbox_id}-" in name)

    def all(self) -> list[CachedAttachment]:
        return self._load(lambda _name: True)

    def forget(self, cached: CachedAttachment) -> None:
        (cached.path or self._path(cached)).unlink(missing_ok=True)

    def _path(self, cached: CachedAttachment) -> Path:
        return self._results / f"{cached.network}-{cached.attachment.container_id}-{cached.attachment.ifname}"

    def _load(self, wanted: Callable[[str], bool]) -> list[CachedAttachment]:
        try:
            names = sorted(entry.name for entry in os.scandir(self._results) if not entry.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CacheError(f"cannot read {self._results}: {error.strerror}") from error
        found = []
        for name in filter(wanted, names):
            path = self._results / name
            try:
                found.append(decode(path.read_bytes(), path))
            except FileNotFoundError:
                continue  # forgotten by somebody else meanwhile
            except CacheError as error:
                logger.warning("CNI cache record cannot be read, its name has to do error=%s", error)
                if (named := by_name(path, {})) is not None:
                    found.append(named)
        return found
