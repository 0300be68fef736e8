"""Image collection over the CRI: look, plan, remove, and say how it went.

    ListImages, ListContainers ─▶ ledger ─▶ plan_images ─▶ RemoveImage …       ImageFsInfo + statvfs ─▶ Disk
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from nodegc.images import Disk, Image, ImagePolicy, Sighting, Use, detect, plan_images
from nodegc.plan import Decision, Plan, removals

logger = logging.getLogger(__name__)

EVERYTHING = 1 << 62
"""More bytes than any disk has."""


class CriImages(Protocol):
    def ListImages(self, request: cri.ListImagesRequest, /) -> Awaitable[cri.ListImagesResponse]: ...
    def RemoveImage(self, request: cri.RemoveImageRequest, /) -> Awaitable[cri.RemoveImageResponse]: ...
    def ImageFsInfo(self, request: cri.ImageFsInfoRequest, /) -> Awaitable[cri.ImageFsInfoResponse]: ...


class CriContainers(Protocol):
    def ListContainers(self, request: cri.ListContainersRequest, /) -> Awaitable[cri.ListContainersResponse]: ...
    def ContainerStatus(self, request: cri.ContainerStatusRequest, /) -> Awaitable[cri.ContainerStatusResponse]: ...


class InvalidCapacityError(Exception):
    """The image file system says that it has no capacity at all."""

    def __init__(self) -> None:
        super().__init__("invalid capacity 0 on image filesystem")


@dataclass(slots=True)
class ImageResult:
    """How one collection went. `wanted` and `freed` in bytes; freed counts the sizes that the runtime gave."""

    plan: Plan
    disk: Disk
    wanted: int
    freed: int = 0
    removed: list[Decision] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def short(self) -> bool:
        """Not enough could be freed though nothing failed: the disk is full of something else."""
        return not self.errors and self.freed < self.wanted


class ImageCollector:
    def __init__(
        self, images: CriImages, containers: CriContainers, file_system: Callable[[str], tuple[int, int]], *,
        clock: Callable[[], float] = time.time, on_removed: Callable[[str], None] = lambda _cause: None,
    ) -> None:
        """`file_system(mount point)`: (capacity, available) in bytes. `on_removed("age" | "space")` is for metrics."""
        self._images, self._containers, self._file_system = images, containers, file_system
        self._clock, self._on_removed = clock, on_removed
        self._ledger: dict[str, Sighting] = {}
        self._watching_since = clock()

    async def watch(self, wanted_by_pods: frozenset[str] = frozenset()) -> None:
        """Note new and used images without collecting any. Raises CriError."""
        images, use = await self._look(wanted_by_pods)
        self._ledger = detect(self._ledger, images, use, self._clock())

    async def disk(self) -> Disk:
        """Raises CriError, OSError."""
        info = await self._images.ImageFsInfo(cri.ImageFsInfoRequest())
        if not info.image_filesystems:
            return Disk(0, 0)
        mount_point = info.image_filesystems[0].fs_id.mountpoint
        return Disk(*await asyncio.to_thread(self._file_system, mount_point))

    async def plan(
        self, policy: ImagePolicy, wanted_by_pods: frozenset[str] = frozenset(), *, everything: bool = False,
        without: frozenset[str] = frozenset(),
    ) -> ImageResult:
        """What a collection would do now. Raises CriError, OSError, InvalidCapacityError.

        `everything`: all unused images, however much space there is. `without`: ids that could not be removed just now.
        """
        images, use = await self._look(wanted_by_pods)
        disk = await self.disk()
        if disk.capacity == 0 and not everything:
            raise InvalidCapacityError
        wanted = disk.wanted_bytes(policy) if disk.used_percent >= policy.high_percent else 0
        free = EVERYTHING if everything else max(0, wanted)
        now = self._clock()
        self._ledger = detect(self._ledger, images, use, now)
        images = [image for image in images if image.id not in without]
        decisions = self._decide(images, use, policy, now, free)
        if removals(decisions):
            # Only now it matters which images containers mount as volumes; finding out costs a call per container.
            use = Use(use.containers, await self._image_volumes(), use.pods)
            decisions = self._decide(images, use, policy, now, free)
        return ImageResult(decisions, disk, 0 if everything else max(0, wanted))

    def _decide(self, images: list[Image], use: Use, policy: ImagePolicy, now: float, free: int) -> Plan:
        return plan_images(
            images, self._ledger, use, policy, now, watching_since=self._watching_since, free_bytes=free
        )

    async def collect(
        self, policy: ImagePolicy, wanted_by_pods: frozenset[str] = frozenset(), *, everything: bool = False
    ) -> ImageResult:
        """Carry a plan out; images that cannot be removed are replaced by the next in order. Raises as `plan` does."""
        result = await self.plan(policy, wanted_by_pods, everything=everything)
        handlers = {image.id: image.runtime_handler for image in (await self._look(wanted_by_pods))[0]}
        attempted: set[str] = set()
        todo = removals(result.plan)
        while todo:
            for decision in todo:
                attempted.add(decision.subject)
                await self._remove(decision, handlers.get(decision.subject, ""), result)
            if result.freed >= result.wanted or not result.errors:
                break
            again = await self.plan(policy, wanted_by_pods, without=frozenset(attempted))
            todo = removals(again.plan)
        return result

    async def _remove(self, decision: Decision, runtime_handler: str, result: ImageResult) -> None:
        spec = cri.ImageSpec(image=decision.subject, runtime_handler=runtime_handler)
        try:
            await self._images.RemoveImage(cri.RemoveImageRequest(image=spec))
        except CriError as error:
            logger.warning("image is not removed image=%s name=%s error=%s", decision.subject, decision.name, error)
            result.errors.append(f"{decision.name}: {error}")
            return
        logger.info(
            "image is removed image=%s name=%s size=%d reason=%s",
            decision.subject, decision.name, decision.size, decision.reason,
        )
        self._ledger.pop(decision.subject, None)
        self._on_removed(decision.reason.partition(":")[0])
        result.freed += decision.size
        result.removed.append(decision)

    async def _look(self, wanted_by_pods: frozenset[str]) -> tuple[list[Image], Use]:
        listed = await self._images.ListImages(cri.ListImagesRequest())
        containers = (await self._containers.ListContainers(cri.ListContainersRequest())).containers
        used = {
            reference for container in containers
            for reference in (container.image_id, container.image_ref, container.image.image) if reference
        }
        images = [
            Image(
                image.id, image.size, (*image.repo_tags, *image.repo_digests), image.pinned, image.spec.runtime_handler
            )
            for image in listed.images
        ]
        return images, Use(containers=frozenset(used), pods=wanted_by_pods)

    async def _image_volumes(self) -> frozenset[str]:
        found: set[str] = set()
        for container in (await self._containers.ListContainers(cri.ListContainersRequest())).containers:
            try:
                answer = await self._containers.ContainerStatus(cri.ContainerStatusRequest(container_id=container.id))
            except NotFoundError:
                continue
            found.update(mount.image.image for mount in answer.status.mounts if mount.image.image)
        return frozenset(found)
