"""Brings a pod's volumes up before its containers, keeps their contents current, takes them down after.

    mount_pod ─▶ per volume, side by side: collect (objects, tokens) ─▶ set up (bounded threads) ─▶ mounted
                        ▲                                   │ failed: event, back-off 500 ms … 2 m 2 s
                        └── an object changed (`wake`) ─────┘

Nothing is polled: a volume that waits for a config map is tried again when its back-off ends or when the object
changes. A pod's calls are serialised by a lock per pod; its worker is their only caller anyway.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from weakref import WeakValueDictionary

from kubelet.api.meta import PodUID, pod_key, pod_reference, pod_uid
from kubelet.api.types import Pod, Volume
from kubelet.events import EventRecorder
from kubelet.objects.errors import ObjectError
from kubelet.syscalls import Syscalls
from kubelet.volumes.content import ContentSource
from kubelet.volumes.payload import used_volumes
from kubelet.volumes.setup import RunBlocking, VolumeSetup, volume_plugin
from kubelet.volumes.teardown import pods_on_disk, remove_pod_directory, tear_down_volumes, volumes_on_disk
from kubelet.volumes.types import (
    MountedVolume,
    MountError,
    UnmountError,
    UnsupportedVolumeError,
    VolumeError,
    VolumeWait,
)

logger = logging.getLogger(__name__)

MOUNT_WAIT_SECONDS = 123.0
"""How long a pod's start waits for its volumes before it counts as failed (2 m 3 s)."""
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 122.0
UNMOUNT_WAIT_SECONDS = 30.0
THREADS = 4
MOUNT, UNMOUNT = "volume_mount", "volume_unmount"

P = ParamSpec("P")
T = TypeVar("T")


class VolumeObserver(Protocol):
    """Who counts operations (kubelet.metrics.storage.StorageOperations)."""

    def __call__(self, plugin: str, operation: str, seconds: float, *, failed: bool) -> None: ...

    def done(self, plugin: str, operation: str, seconds: float) -> None: ...


class FileWork:
    """A bounded pool for the disk work of volumes, so that one slow disk cannot take every thread of the process."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "volumes")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A thread cannot be cancelled: whoever is, waits for it, so that no tear-down overtakes a set-up."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise


class VolumeManager:
    """The volumes of all pods of this node. `syscalls` mounts; `content` collects objects, fields and tokens."""

    def __init__(self, root_dir: Path, *, content: ContentSource, syscalls: Syscalls,
                 recorder: EventRecorder | None = None, files: RunBlocking | None = None,
                 observer: VolumeObserver | None = None) -> None:
        self._root, self._syscalls, self._recorder, self._observer = root_dir, syscalls, recorder, observer
        self._files: RunBlocking = files or FileWork()
        self._setup = VolumeSetup(root_dir, content, syscalls, self._files)
        self._pods: dict[PodUID, dict[str, MountedVolume]] = {}
        self._locks: WeakValueDictionary[PodUID, asyncio.Lock] = WeakValueDictionary()
        self._wakes: dict[PodUID, asyncio.Event] = {}
        self._waits: dict[PodUID, dict[str, VolumeWait]] = {}

    async def recover(self) -> None:
        """Learn from the disk what earlier runs have set up, so that it is updated, reported and taken down."""
        for uid in await self._files(pods_on_disk, self._root):
            found = await self._files(volumes_on_disk, self._root, uid)
            if found:
                self._pods[uid] = found
        logger.info("volumes recovered pods=%d", len(self._pods))

    async def mount_pod(self, pod: Pod, *, wait: float = MOUNT_WAIT_SECONDS) -> None:
        """Set up every volume that a container mounts; for those that are up, bring their contents up to date.

        Raises MountError when one is not there after `wait` seconds. Idempotent."""
        uid, used = pod_uid(pod), used_volumes(pod)
        volumes = [volume for volume in pod.spec.volumes if volume.name in used]
        if not volumes:
            return
        causes: dict[str, str] = {}
        unsupported: list[str] = []

        async def bring_up(volume: Volume, deadline: float) -> None:
            try:
                await self._bring_up(pod, volume, deadline)
            except UnsupportedVolumeError as error:
                unsupported.append(volume.name)
                causes[volume.name] = str(error)
            except VolumeError as error:
                causes[volume.name] = str(error)
            finally:
                self._works(uid, volume.name)

        async with self._lock(uid):
            deadline = asyncio.get_running_loop().time() + wait
            async with asyncio.TaskGroup() as group:
                for volume in volumes:
                    group.create_task(bring_up(volume, deadline), name=f"volume {pod_key(pod)}/{volume.name}")
        if causes:
            missing = [volume.name for volume in volumes if volume.name in causes]
            raise MountError(missing, causes, unsupported)

    async def _bring_up(self, pod: Pod, volume: Volume, deadline: float) -> None:
        """Try until it works or the deadline is over; a volume that is up already is tried once."""
        uid, loop = pod_uid(pod), asyncio.get_running_loop()
        delay, begin = FIRST_DELAY_SECONDS, loop.time()
        while True:
            wake, tried = self._wakes.setdefault(uid, asyncio.Event()), loop.time()
            try:
                mounted = await self._setup.set_up(pod, volume)
            except (VolumeError, ObjectError, OSError) as error:
                self._observe(volume_plugin(volume), MOUNT, loop.time() - tried, failed=True)
                self._report(pod, volume, error)
                if volume.name in self._pods.get(uid, {}):
                    return  # it keeps what it has: an update can wait, a running pod cannot
                left = deadline - loop.time()
                if left <= 0 or isinstance(error, UnsupportedVolumeError):
                    raise error if isinstance(error, VolumeError) else VolumeError(str(error)) from error
                self._waits_for(uid, volume.name, error, loop.time() + min(delay, left))
                try:
                    async with asyncio.timeout(min(delay, left)):
                        await wake.wait()
                except TimeoutError:
                    delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            else:
                if volume.name not in self._pods.setdefault(uid, {}):  # else an update: no mount
                    self._observe(mounted.plugin, MOUNT, loop.time() - tried, failed=False)
                    if self._observer is not None:
                        self._observer.done(mounted.plugin, MOUNT, loop.time() - begin)
                self._pods[uid][volume.name] = mounted
                return

    def _observe(self, plugin: str, operation: str, seconds: float, *, failed: bool) -> None:
        if self._observer is not None:
            self._observer(plugin, operation, seconds, failed=failed)

    def _report(self, pod: Pod, volume: Volume, error: Exception) -> None:
        text = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
        logger.warning("%s pod=%s", text, pod_key(pod))
        if self._recorder is not None:
            self._recorder.event(pod_reference(pod), "Warning", "FailedMount", text)

    def wake(self, uids: Iterable[PodUID]) -> None:
        """Objects of these pods have changed: volumes that wait try again at once."""
        for uid in uids:
            if (event := self._wakes.pop(uid, None)) is not None:
                event.set()

    def waits(self, uid: PodUID) -> tuple[VolumeWait, ...]:
        """What keeps the pod's volumes from being up, or from being down."""
        return tuple(self._waits.get(uid, {}).values())

    def _waits_for(
        self, uid: PodUID, name: str, error: Exception, retry_at: float, *, leaving: bool = False
    ) -> None:
        waits = self._waits.setdefault(uid, {})
        since = waits[name].since if name in waits else asyncio.get_running_loop().time()
        waits[name] = VolumeWait(name, str(error), since, retry_at, leaving)

    def _works(self, uid: PodUID, name: str) -> None:
        waits = self._waits.get(uid, {})
        waits.pop(name, None)
        if not waits:
            self._waits.pop(uid, None)

    def mounted(self, uid: PodUID) -> Mapping[str, MountedVolume]:
        return dict(self._pods.get(uid, {}))

    async def unmount_pod(self, uid: PodUID, *, wait: float = UNMOUNT_WAIT_SECONDS) -> None:
        """Take all volumes of the pod down; its containers must have ended. Idempotent.

        A mount that is busy is tried again for `wait` seconds. Raises UnmountError with what is left."""
        loop = asyncio.get_running_loop()
        deadline, delay = loop.time() + wait, FIRST_DELAY_SECONDS
        async with self._lock(uid):
            while True:
                tried, plugins = loop.time(), [mounted.plugin for mounted in self._pods.get(uid, {}).values()]
                try:
                    await self._files(tear_down_volumes, self._syscalls, self._root, uid)
                    for plugin in plugins:
                        self._observe(plugin, UNMOUNT, loop.time() - tried, failed=False)
                    break
                except VolumeError as error:
                    for plugin in plugins:
                        self._observe(plugin, UNMOUNT, loop.time() - tried, failed=True)
                    if loop.time() + delay > deadline:
                        raise UnmountError(str(error)) from error
                    logger.warning("cannot take volumes down yet, trying again: %s pod_uid=%s", error, uid)
                    self._waits_for(uid, "", error, loop.time() + delay, leaving=True)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            self._pods.pop(uid, None)
            self._wakes.pop(uid, None)
            self._works(uid, "")

    async def remove_pod_dir(self, uid: PodUID) -> None:
        """Remove pods/<uid>. Raises UnmountError while a volume or a mount is left in it. Idempotent."""
        try:
            await self._files(remove_pod_directory, self._syscalls, self._root, uid)
        except (VolumeError, OSError) as error:
            raise UnmountError(str(error)) from error

    def plugins(self) -> list[str]:
        """One entry per volume that is up."""
        return [mounted.plugin for volumes in self._pods.values() for mounted in volumes.values()]

    async def orphans(self, known: Callable[[], set[PodUID]]) -> set[PodUID]:
        """Pods that have a directory here and that nobody knows any more; `known` is asked after the directories."""
        return set(await self._files(pods_on_disk, self._root)) - known()

    def pods_with_volumes(self) -> set[PodUID]:
        return {uid for uid, volumes in self._pods.items() if volumes}

    def volumes_in_use(self) -> tuple[str, ...]:
        """Attachable volumes for Node.status.volumesInUse; none of the types here can be attached."""
        return ()

    def _lock(self, uid: PodUID) -> asyncio.Lock:
        """One per pod, for as long as somebody holds or awaits it."""
        lock = self._locks.get(uid)
        if lock is None:
            lock = self._locks[uid] = asyncio.Lock()
        return lock
