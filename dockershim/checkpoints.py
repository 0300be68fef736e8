"""What the engine's labels cannot hold of a sandbox: that its network stands, and its addresses.

One JSON file per sandbox under `<root-directory>/sandboxes/`, written by temp + fsync + rename. A sandbox of ours
without one is half-made: its RunPodSandbox never ended. One of cri-dockerd's gets one when it is first seen.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dockershim.finished_writes import finish_in_thread

logger = logging.getLogger(__name__)

VERSION = 1


class SandboxCheckpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """`network_ready` turns false on StopPodSandbox, after the network has been torn down."""

    sandbox_id: str
    network_ready: bool
    ips: tuple[str, ...] = ()
    log_directory: str = ""
    version: int = VERSION


class CheckpointStore:
    """All checkpoints, in memory and on disk; memory is what reads are answered from."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, SandboxCheckpoint] = {}

    def get(self, sandbox_id: str) -> SandboxCheckpoint | None:
        return self._known.get(sandbox_id)

    async def load(self) -> None:
        self._known = await asyncio.to_thread(_load, self._directory)

    async def save(self, checkpoint: SandboxCheckpoint) -> None:
        await finish_in_thread(_write, self._directory, checkpoint)
        self._known[checkpoint.sandbox_id] = checkpoint

    async def remove(self, sandbox_id: str) -> None:
        """Also one whose `save` was cancelled after it had reached the disk."""
        self._known.pop(sandbox_id, None)
        await asyncio.to_thread(_path(self._directory, sandbox_id).unlink, missing_ok=True)

    async def keep_only(self, sandbox_ids: Iterable[str]) -> None:
        """Forget sandboxes that were removed behind our back."""
        for gone in self._known.keys() - set(sandbox_ids):
            await self.remove(gone)


def _path(directory: Path, sandbox_id: str) -> Path:
    return directory / f"{sandbox_id}.json"


def _write(directory: Path, checkpoint: SandboxCheckpoint) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = _path(directory, checkpoint.sandbox_id)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(checkpoint))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _load(directory: Path) -> dict[str, SandboxCheckpoint]:
    """A file that cannot be read is reported and passed over: its sandbox then counts as half-made."""
    found: dict[str, SandboxCheckpoint] = {}
    with contextlib.suppress(FileNotFoundError):
        for temporary in directory.glob("*.tmp"):
            temporary.unlink(missing_ok=True)
        for path in directory.glob("*.json"):
            try:
                checkpoint = msgspec.json.decode(path.read_bytes(), type=SandboxCheckpoint)
            except (OSError, msgspec.DecodeError) as error:
                logger.warning("checkpoint ignored path=%s error=%s", path, error)
                continue
            if checkpoint.version != VERSION:
                logger.warning("checkpoint ignored path=%s version=%d", path, checkpoint.version)
                continue
            found[checkpoint.sandbox_id] = checkpoint
    return found
