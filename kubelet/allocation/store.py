"""Resources by pod UID, kept over restarts in upstream's checkpoint files, so that either kubelet reads the other's.

    {"data": "{\"entries\": {\"<uid>\": {\"ContainerResources\": {…}, \"PodLevelResources\": …}}}", "checksum": 1234}

`data` is JSON within JSON; the checksum is the FNV-1a hash of what Go's spew prints of it. A file that cannot be
understood is as good as none: pods are then taken for what their specs say.
"""

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

import msgspec

from kubelet.allocation.resources import PodResources
from kubelet.api.meta import PodUID
from kubelet.api.types import ResourceRequirements
from kubelet.fnv import fnv1a_32
from kubelet.wholefile import replace_file

logger = logging.getLogger(__name__)


class _File(msgspec.Struct, frozen=True):
    data: str
    checksum: int


class _Data(msgspec.Struct, frozen=True):
    entries: dict[str, PodResources] = {}


class ResourceStore:
    """Read at once; what `set` and `set_container` change is on disk after `save`, or a moment later while `run` runs.

    `path` None: in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._pods: dict[PodUID, PodResources] = _read(path) if path else {}
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()

    def get(self, uid: PodUID) -> PodResources | None:
        return self._pods.get(uid)

    def set(self, uid: PodUID, resources: PodResources) -> None:
        if self._pods.get(uid) != resources:
            self._pods[uid] = resources
            self._changed.set()

    def set_container(self, uid: PodUID, name: str, resources: ResourceRequirements) -> None:
        known = self._pods.get(uid) or PodResources()
        self.set(uid, msgspec.structs.replace(known, containers={**known.containers, name: resources}))

    def set_pod_level(self, uid: PodUID, resources: ResourceRequirements | None) -> None:
        self.set(uid, msgspec.structs.replace(self._pods.get(uid) or PodResources(), pod_level=resources))

    def remove(self, uid: PodUID) -> None:
        self.retain(self._pods.keys() - {uid})

    def retain(self, uids: Collection[PodUID]) -> None:
        """Forget all pods but these, on disk too: a static pod that comes back has the UID that it had."""
        kept = {uid: resources for uid, resources in self._pods.items() if uid in uids}
        if len(kept) != len(self._pods):
            self._pods = kept
            self._changed.set()

    async def save(self) -> None:
        """Everything said so far is on disk when this returns, or a warning says why not."""
        async with self._saving:
            if not self._changed.is_set():
                return
            self._changed.clear()
            if self._path is None:
                return
            try:
                await asyncio.to_thread(_write, self._path, dict(self._pods))
            except OSError as error:
                logger.warning("pod resources are not kept for the next start path=%s error=%s", self._path, error)

    async def run(self) -> None:
        """Save for ever."""
        while True:
            await self._changed.wait()
            await self.save()


def checksum(data: str) -> int:
    """checkpointmanager/checksum: a hash of the value as spew prints it, type first."""
    return fnv1a_32(f"(string){data}".encode())


def _read(path: Path) -> dict[PodUID, PodResources]:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        if checksum(file.data) != file.checksum:
            raise ValueError("its checksum does not match")
        entries = msgspec.json.decode(file.data, type=_Data).entries
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("pod resources of the last run are not usable path=%s error=%s", path, error)
        return {}
    return {PodUID(uid): resources for uid, resources in entries.items()}


def _write(path: Path, pods: dict[PodUID, PodResources]) -> None:
    data = msgspec.json.encode(_Data({str(uid): resources for uid, resources in pods.items()})).decode()
    content = msgspec.json.encode(_File(data, checksum(data)))
    replace_file(path, content)
