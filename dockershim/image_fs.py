"""ImageFsInfo: what images and writable layers take, from cheap sources.

The engine's disk usage call walks its store, so it is made again only after images have changed, and never twice at
once. Writable layers are walked by ourselves, not more often than their cost allows.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient, EngineError
from dockershim.image_cache import ImageCache
from dockershim.inventory import Inventory
from dockershim.ports import EngineState

logger = logging.getLogger(__name__)

_IMAGES_TTL_SECONDS, _LAYER_TTL_SECONDS = 600.0, 60.0
_COST_FACTOR = 100.0
"""A walk that took one second is not repeated for a hundred."""
_TYPED_DISK_USAGE_API = (1, 42)


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes on disk and inodes of a directory tree."""

    used_bytes: int
    inodes: int
    until: float = 0.0
    """Monotonic time to measure again."""


def walk(directory: str) -> Usage:
    """Disk usage without following links or leaving the file system; what vanishes meanwhile is not counted."""
    used, inodes = 0, 0
    pending = [directory]
    while pending:
        try:
            entries = os.scandir(pending.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                used += status.st_blocks * 512
                inodes += 1
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return Usage(used, inodes)


class DiskUsage:
    def __init__(
        self,
        engine: EngineClient,
        state: EngineState,
        images: ImageCache,
        inventory: Inventory,
        clock: Callable[[], float] = time.monotonic,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine, self._state, self._images, self._inventory = engine, state, images, inventory
        self._clock, self._clock_ns = clock, clock_ns
        self._layers_size, self._layers_until, self._layers_generation = 0, 0.0, -1
        self._layers_lock, self._walk_lock = asyncio.Lock(), asyncio.Lock()
        self._writable: dict[str, Usage] = {}

    async def image_fs_info(self) -> cri.ImageFsInfoResponse:
        """Both kinds: the kubelet's eviction manager does not run without container file systems."""
        facts = self._state.require()
        used_by_images = await self._images_bytes()
        used_by_containers, container_inodes = 0, 0
        for container in list(self._inventory.containers.values()):
            usage = await self.writable_layer(container.id)
            if usage is not None:
                used_by_containers += usage.used_bytes
                container_inodes += usage.inodes
        inodes = await asyncio.to_thread(_inodes_used, facts.root_dir)

        def entry(used: int, inodes_used: int) -> cri.FilesystemUsage:
            return cri.FilesystemUsage(
                timestamp=self._clock_ns(),
                fs_id=cri.FilesystemIdentifier(mountpoint=facts.root_dir),
                used_bytes=cri.UInt64Value(value=used),
                inodes_used=cri.UInt64Value(value=inodes_used),
            )

        return cri.ImageFsInfoResponse(
            image_filesystems=[entry(used_by_images, inodes)],
            container_filesystems=[entry(used_by_containers, container_inodes)],
        )

    async def writable_layer(self, container_id: str) -> Usage | None:
        """None where the engine's store does not say where the layer is."""
        record = self._inventory.containers.get(container_id)
        if record is None or not record.upper_dir:
            return None
        known = self._writable.get(container_id)
        if known is not None and self._clock() < known.until:
            return known
        async with self._walk_lock:
            begin = self._clock()
            usage = await asyncio.to_thread(walk, record.upper_dir)
            cost = self._clock() - begin
        until = self._clock() + max(_LAYER_TTL_SECONDS, cost * _COST_FACTOR)
        for gone in self._writable.keys() - self._inventory.containers.keys():
            del self._writable[gone]
        self._writable[container_id] = Usage(usage.used_bytes, usage.inodes, until)
        return self._writable[container_id]

    async def _images_bytes(self) -> int:
        async with self._layers_lock:
            fresh = self._layers_generation == self._images.generation and self._clock() < self._layers_until
            if fresh:
                return self._layers_size
            generation = self._images.generation
            query = {"type": "image"} if self._engine.api >= _TYPED_DISK_USAGE_API else None
            try:
                answer = await self._engine.call("GET", "/system/df", query)
            except EngineError as error:
                if self._layers_generation < 0:
                    raise
                logger.warning("image usage is not known anew, the last one is told error=%s", error)
                return self._layers_size
            size = answer.get("LayersSize") or (answer.get("ImageUsage") or {}).get("TotalSize") or 0
            self._layers_size, self._layers_generation = int(size), generation
            self._layers_until = self._clock() + _IMAGES_TTL_SECONDS
            return self._layers_size


def _inodes_used(directory: str) -> int:
    """Of the whole file system, as cAdvisor reports it; 0 where the engine's directory is not ours to see."""
    if not Path(directory).exists():
        return 0
    status = os.statvfs(directory)
    return status.f_files - status.f_ffree
