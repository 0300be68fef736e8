"""What is known of past ADDs, on disk: `<cache dir>/results/<network>-<sandbox>-<interface>`.

The format is libcni's `cniCacheV1`, byte for byte understood by cri-dockerd, containerd and others and theirs by us,
because DEL of a pod that somebody else has started needs the configuration and the result of its ADD. Before that
format, the file was the bare result; those are read too.

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
    """`config` is the network's list as JSON (empty in files of the old format), `path` where it was read from."""

    network: str
    attachment: Attachment
    config: bytes
    result: Mapping[str, Any]
    path: Path | None = None


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
    return CachedAttachment(record.network_name, attachment, config, record.result or {}, path)


def _decode_bare_result(data: bytes, path: Path) -> CachedAttachment:
    """The name is the only place where the old format says whose it is; ids have no `-`, names of networks may."""
    try:
        result = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CacheError(f"{path}: {error}") from None
    parts = path.name.rsplit("-", 2)
    if "cniVersion" not in result or len(parts) != 3:
        raise CacheError(f"{path}: neither a {KIND} record nor a CNI result")
    network, container_id, ifname = parts
    return CachedAttachment(network, Attachment(container_id, ifname=ifname), b"", result, path)


class ResultCache:
    def __init__(self, cache_dir: Path) -> None:
        self._results = cache_dir / "results"

    def save(self, cached: CachedAttachment) -> None:
        """Written aside and renamed, so that a reader or a crash never sees half of it."""
        attachment = cached.attachment
        name = f"{cached.network}-{attachment.container_id}-{attachment.ifname}"
        temporary = self._results / f".{name}.tmp"
        try:
            self._results.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(encode(cached))
            temporary.rename(self._results / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise CacheError(f"cannot record the network of a sandbox in {self._results}: {error.strerror}") from error

    def of_sandbox(self, sandbox_id: str) -> list[CachedAttachment]:
        """Every readable attachment of a sandbox, whichever network it was made with."""
        return self._load(lambda name: f"-{sandbox_id}-" in name)

    def all(self) -> list[CachedAttachment]:
        return self._load(lambda _name: True)

    def forget(self, cached: CachedAttachment) -> None:
        if cached.path is not None:
            cached.path.unlink(missing_ok=True)

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
                logger.warning("CNI cache record ignored error=%s", error)
        return found
