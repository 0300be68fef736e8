"""One volume of a pod, from its description to a directory that containers can mount: the dispatch over types."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from kubelet import paths
from kubelet.api.meta import pod_uid
from kubelet.api.quantity import parse
from kubelet.api.types import EmptyDirVolumeSource, Pod, Volume
from kubelet.cgroups.values import pod_values
from kubelet.syscalls import Syscalls
from kubelet.volumes import plugins
from kubelet.volumes.content import ContentSource
from kubelet.volumes.hugepages import is_huge, page_size
from kubelet.volumes.payload import fs_group, nested_mount_points
from kubelet.volumes.types import MountedVolume, UnsupportedVolumeError

P = ParamSpec("P")
T = TypeVar("T")

_IN_MEMORY = {plugins.SECRET, plugins.DOWNWARD_API, plugins.PROJECTED}
"""Content that upstream keeps off the disk."""


class RunBlocking(Protocol):
    """Runs a blocking function away from the event loop; when cancelled, only after the function has ended."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


class VolumeSetup:
    """Sets up; keeps no state. `now` gives the time that names a content volume's generation."""

    def __init__(self, root_dir: Path, content: ContentSource, syscalls: Syscalls, run: RunBlocking,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._root, self._content, self._syscalls, self._run, self._now = root_dir, content, syscalls, run, now

    async def set_up(self, pod: Pod, volume: Volume) -> MountedVolume:
        """Idempotent; content volumes are brought up to date. Raises VolumeError, ObjectError, OSError."""
        if volume.host_path is not None:
            await self._run(plugins.check_host_path, volume.host_path)
            return MountedVolume(volume.name, plugins.HOST_PATH, Path(volume.host_path.path))
        if volume.image is not None:  # the runtime mounts it; its image is pulled with the containers'
            return MountedVolume(volume.name, plugins.IMAGE, Path(), read_only=True)
        if volume.empty_dir is not None:
            return await self._empty_dir(pod, volume, volume.empty_dir)
        plugin = content_plugin(volume)
        if not plugin:
            raise UnsupportedVolumeError(
                f'no volume plugin matched: volume "{volume.name}" is of type {volume_type(volume)}, which this agent '
                "does not mount yet")
        payload = await self._content.collect(pod, volume)
        directory = paths.volume_dir(self._root, pod_uid(pod), plugin, volume.name)
        await self._run(
            plugins.write_content, self._syscalls, directory, payload, in_memory=plugin in _IN_MEMORY,
            size=self._memory_limit(pod), group=fs_group(pod), nested=nested_mount_points(pod, volume.name),
            now=self._now())
        return MountedVolume(volume.name, plugin, directory, read_only=True, managed=True)

    async def _empty_dir(self, pod: Pod, volume: Volume, source: EmptyDirVolumeSource) -> MountedVolume:
        uid = pod_uid(pod)
        directory = paths.volume_dir(self._root, uid, plugins.EMPTY_DIR, volume.name)
        ready = paths.plugin_data_dir(self._root, uid, plugins.EMPTY_DIR, volume.name)
        size = self._memory_limit(pod)
        if source.size_limit is not None:
            wanted = math.ceil(parse(source.size_limit))
            size = wanted if wanted > 0 and (size is None or wanted <= size) else size
        huge_page = page_size(source.medium, pod) if is_huge(source.medium) else ""
        await self._run(plugins.set_up_empty_dir, self._syscalls, directory, ready, medium=source.medium, size=size,
                        group=fs_group(pod), huge_page=huge_page)
        return MountedVolume(volume.name, plugins.EMPTY_DIR, directory, managed=True)

    def _memory_limit(self, pod: Pod) -> int | None:
        """What a memory medium may take: the pod's limit, at most the node's allocatable; None when unknown."""
        allocatable = math.ceil(parse(self._content.allocatable().get("memory", 0)))
        limit = pod_values(pod).memory or 0
        if limit and (not allocatable or limit <= allocatable):
            return limit
        return allocatable or None


def content_plugin(volume: Volume) -> str:
    """The plugin of a content volume; "" for any other type."""
    sources = ((plugins.CONFIG_MAP, volume.config_map), (plugins.SECRET, volume.secret),
               (plugins.DOWNWARD_API, volume.downward_api), (plugins.PROJECTED, volume.projected))
    return next((plugin for plugin, source in sources if source is not None), "")


def volume_plugin(volume: Volume) -> str:
    """The plugin of a volume, "" for types that are not supported."""
    own = ((plugins.EMPTY_DIR, volume.empty_dir), (plugins.HOST_PATH, volume.host_path), (plugins.IMAGE, volume.image))
    return content_plugin(volume) or next((plugin for plugin, source in own if source is not None), "")


def volume_type(volume: Volume) -> str:
    """The field that is set, for messages."""
    return next((field for field in volume.__struct_fields__ if field != "name" and getattr(volume, field) is not None),
                "(none)")
