"""Garbage collection of the node: when the room `nodegc` works, with which policy, and what people are told.

    every minute     dead containers, empty sandboxes, logs and links, orphaned pod directories     ContainerGCFailed
    every 5 minutes  images                              ImageGCFailed, FreeDiskSpaceFailed, InvalidDiskCapacity
    a container died its predecessors of the same name beyond the one that is kept
    on demand        plan() for `podwright gc plan`; everything unused, when eviction needs space

Source: pkg/kubelet/kubelet.go (StartGarbageCollection), images/image_gc_manager.go, pod_container_deletor.go.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from nodegc import (
    CollectionError,
    ContainerCollector,
    ContainerPolicy,
    CriImages,
    CriRuntime,
    Disk,
    ImageCollector,
    ImagePolicy,
    ImageResult,
    InvalidCapacityError,
    Plan,
    PodFates,
)
from nodegc.disk import MountPoints, statvfs_bytes
from nodegc.images import shortfall_message

from cri.errors import CriError
from kubelet.api.meta import containers_of
from kubelet.api.types import ObjectReference, Pod
from kubelet.config import KubeletConfiguration
from kubelet.events import EventRecorder
from kubelet.paths import CONTAINER_LOGS_DIR, POD_LOGS_DIR, pods_dir

logger = logging.getLogger(__name__)

CONTAINER_PERIOD_SECONDS = 60.0
IMAGE_PERIOD_SECONDS = 300.0
DEATHS_REMEMBERED = 50
"""Deaths that wait for their predecessors' removal; more are left to the next pass (pod_container_deletor)."""


class PodFacts(Protocol):
    """What the sync loop and the pod workers know."""

    def all_sources_seen(self) -> bool: ...

    def content_removable(self, uid: str) -> bool:
        """The pod is unknown, or deleted and terminated (ShouldPodContentBeRemoved)."""

    def runtime_removable(self, uid: str) -> bool:
        """No container of the pod will run again (ShouldPodRuntimeBeRemoved)."""

    def known_uids(self) -> Collection[str]:
        """Pods that exist, are being worked on, or may have something running."""

    def pods_with_volumes(self) -> Collection[str]:
        """Pods whose volumes are not all taken down yet."""

    def pods(self) -> Iterable[Pod]:
        """Pods bound to this node that have not ended."""


@dataclass(frozen=True, slots=True)
class Places:
    """Directories that pods leave things in."""

    root_dir: Path
    pod_logs: Path = POD_LOGS_DIR
    container_logs: Path = CONTAINER_LOGS_DIR


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the next passes would do, and by which measure. `disk` is None when it cannot be measured."""

    plan: Plan
    policy: ImagePolicy
    disk: Disk | None = None
    wanted_bytes: int = 0
    problems: tuple[str, ...] = ()
    """Why a part of the plan is missing."""


@dataclass(slots=True)
class OrphanCount:
    """For kubelet_orphan_pod_cleaned_volumes and …_errors: of the last pass."""

    found: int = 0
    stuck: int = 0


def image_policy(config: KubeletConfiguration, protect: Iterable[str] = ()) -> ImagePolicy:
    """`protect`: shell patterns of image names that are never collected, such as side-loaded ones."""
    return ImagePolicy(
        config.image_gc_high_threshold_percent, config.image_gc_low_threshold_percent,
        float(config.image_minimum_gc_age), float(config.image_maximum_gc_age), tuple(protect),
    )


class GarbageCollection:
    """Run `run`; tell it of deaths; ask it for plans."""

    def __init__(
        self, runtime: CriRuntime, images: CriImages, facts: PodFacts, recorder: EventRecorder, *,
        node: Callable[[], ObjectReference], places: Places, mount_points: MountPoints,
        image_policy: ImagePolicy, container_policy: ContainerPolicy | None = None,
        on_image_removed: Callable[[str], None] = lambda _cause: None,
        pulled: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        """`on_image_removed("age" | "space")`: for kubelet_image_garbage_collected_total. `pulled`: ids of the only
        images that may be collected; None: all."""
        self._facts, self._recorder, self._node = facts, recorder, node
        self._base_image_policy, self._pulled = image_policy, pulled
        self._container_policy = container_policy or ContainerPolicy()
        self._containers = ContainerCollector(
            runtime, pod_logs=places.pod_logs, container_logs=places.container_logs, pods=pods_dir(places.root_dir),
            mount_points=mount_points,
        )
        self._images = ImageCollector(images, runtime, statvfs_bytes, on_removed=on_image_removed)
        self._deaths: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue(DEATHS_REMEMBERED)
        self._image_failures = 0
        self.orphans = OrphanCount()

    @property
    def _image_policy(self) -> ImagePolicy:
        return replace(self._base_image_policy, only=self._pulled()) if self._pulled else self._base_image_policy

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(CONTAINER_PERIOD_SECONDS, self.collect_containers), name="container gc")
            group.create_task(self._follow_deaths(), name="dead containers")
            if self._image_policy.enabled:
                group.create_task(self._every(IMAGE_PERIOD_SECONDS, self.collect_images), name="image gc")

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()
            await asyncio.sleep(seconds)

    # --- containers, logs, directories ---

    async def collect_containers(self) -> None:
        """One pass; failures become an event."""
        try:
            await self._containers.collect(self._container_policy, self._fates())
        except CollectionError as error:
            logger.error("container garbage collection failed error=%s", error)
            self._warn("ContainerGCFailed", str(error))
        await self.collect_pod_directories()

    async def collect_pod_directories(self) -> None:
        """Orphaned ones; housekeeping may ask for it as well."""
        facts = self._facts
        try:
            removed, stuck = await self._containers.collect_pod_directories(
                facts.known_uids(), facts.pods_with_volumes(), facts.all_sources_seen()
            )
        except OSError as error:
            logger.error("orphaned pod directories cannot be looked for error=%s", error)
            return
        self.orphans = OrphanCount(len(removed) + stuck, stuck)

    def container_died(self, uid: str, container_id: str, *, keep_none: bool = False) -> None:
        """Have the dead predecessors removed. `keep_none`: the pod has ended and is being deleted."""
        try:
            self._deaths.put_nowait((uid, container_id, keep_none))
        except asyncio.QueueFull:
            logger.info("too many dead containers at once, the next pass removes them pod_uid=%s", uid)

    async def _follow_deaths(self) -> None:
        while True:
            uid, container_id, keep_none = await self._deaths.get()
            keep = self._container_policy.keep_per_container
            if keep < 0 and not keep_none:
                continue
            try:
                await self._containers.collect_after_death(uid, container_id, keep, keep_none=keep_none)
            except CriError as error:
                logger.warning("dead containers of a pod cannot be listed pod_uid=%s error=%s", uid, error)

    def _fates(self) -> PodFates:
        return PodFates(
            self._facts.content_removable, self._facts.runtime_removable, self._facts.all_sources_seen()
        )

    # --- images ---

    async def collect_images(self) -> None:
        """One pass. The first failure is only logged: just after the start there may be no statistics yet."""
        problem = await self._collect_images()
        if not problem:
            self._image_failures = 0
            return
        self._image_failures += 1
        if self._image_failures > 1:
            logger.error("image garbage collection failed several times in a row error=%s", problem)
            self._warn("ImageGCFailed", problem)
        else:
            logger.error("image garbage collection failed once error=%s", problem)

    async def _collect_images(self) -> str:
        try:
            result = await self._images.collect(self._image_policy, self._wanted_images())
        except InvalidCapacityError as error:
            self._warn("InvalidDiskCapacity", str(error))
            return str(error)
        except (CriError, OSError) as error:
            return str(error)
        if result.errors:
            return (
                f"wanted to free {result.wanted} bytes, but freed {result.freed} bytes space with errors in image "
                f"deletion: [{', '.join(result.errors)}]"
            )
        if result.short:
            message = shortfall_message(result.disk, result.freed)
            self._warn("FreeDiskSpaceFailed", message)
            return message
        return ""

    def _wanted_images(self) -> frozenset[str]:
        """As pods name them and as runtimes list them (docker.io/library/x:latest)."""
        named = {name for pod in self._facts.pods() for name in images_of(pod)}
        return frozenset(named | {normalized_image(name) for name in named})

    # --- on demand ---

    async def prospect(self) -> Prospect:
        """All that the next passes would decide, with reasons; nothing is touched."""
        facts, policy, problems = self._facts, self._image_policy, list[str]()
        plan: Plan = ()
        try:
            plan += await self._containers.plan(self._container_policy, self._fates())
            plan += await self._containers.plan_pod_directories(
                facts.known_uids(), facts.pods_with_volumes(), facts.all_sources_seen()
            )
        except (CriError, OSError) as error:
            problems.append(f"containers and what they leave: {error}")
        try:
            images = await self._images.plan(policy, self._wanted_images())
        except (CriError, OSError, InvalidCapacityError) as error:
            return Prospect(plan, policy, problems=(*problems, f"images: {error}"))
        return Prospect((*plan, *images.plan), policy, images.disk, images.wanted, tuple(problems))

    async def delete_unused_containers(self) -> None:
        """Also the last dead ones of pods that have ended. Raises CollectionError."""
        await self._containers.collect(self._container_policy, self._fates(), also_ended_pods=True)

    async def delete_unused_images(self) -> ImageResult:
        """All images that nothing uses. Raises CriError, OSError."""
        return await self._images.collect(self._image_policy, self._wanted_images(), everything=True)

    def _warn(self, reason: str, message: str) -> None:
        self._recorder.event(self._node(), "Warning", reason, message)


def images_of(pod: Pod) -> set[str]:
    """Every image that the pod's containers and volumes name."""
    names = {container.image for _, container in containers_of(pod)}
    names |= {volume.image.reference for volume in pod.spec.volumes if volume.image}
    return names - {""}


def normalized_image(name: str) -> str:
    """busybox → docker.io/library/busybox:latest, as runtimes of the containerd family list it."""
    repository, at, digest = name.partition("@")
    path, colon, tag = repository.rpartition(":")
    if not colon or "/" in tag:
        path, tag = repository, "" if at else "latest"
    first, slash, _ = path.partition("/")
    if not slash:
        path = f"docker.io/library/{path}"
    elif "." not in first and ":" not in first and first != "localhost":
        path = f"docker.io/{path}"
    return f"{path}:{tag}{at}{digest}" if tag else f"{path}{at}{digest}"
