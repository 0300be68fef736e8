"""ListImages, ImageStatus, RemoveImage."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cri.errors import InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.image_cache import ImageCache, ImageConfig
from dockershim.pinning import PinnedImages
from dockershim.ports import EngineState, NameLocks
from dockershim.records import is_image_id

_NONE = "<none>"
_SHORT_ID = re.compile(r"[0-9a-f]{4,63}")


def to_image(
    image_id: str, tags: Iterable[str], digests: Iterable[str], size: int, config: ImageConfig | None, pinned: bool
) -> cri.Image:
    """`uid` for a numeric user, `username` else: the kubelet checks runAsNonRoot by them."""
    image = cri.Image(
        id=image_id,
        # containerd's store of the engine tells an image that was pulled by its digest as a tag of that name.
        repo_tags=[tag for tag in tags if not tag.startswith(_NONE) and "@" not in tag],
        repo_digests=[digest for digest in digests if not digest.startswith(_NONE)],
        size=size,
        spec=cri.ImageSpec(image=image_id),
        pinned=pinned,
    )
    user = (config.user if config else "").partition(":")[0]
    if user.isdigit():
        image.uid.value = int(user)
    elif user:
        image.username = user
    elif config is not None:
        image.uid.value = 0
    return image


class Images:
    def __init__(self, engine: EngineClient, state: EngineState, cache: ImageCache, pinned: PinnedImages) -> None:
        self._engine, self._state, self._cache, self._pinned = engine, state, cache, pinned
        self._removals = NameLocks()

    async def list_images(self, name: str = "") -> list[cri.Image]:
        self._state.require()
        if name:
            found = await self.status(name)
            return [found] if found is not None else []
        listed = await self._engine.list_images()
        configs = await asyncio.gather(*(self._cache.config(item["Id"]) for item in listed))
        return [
            to_image(
                item["Id"], item.get("RepoTags") or (), item.get("RepoDigests") or (), int(item.get("Size") or 0),
                config, self._is_pinned(item, item.get("Labels")),
            )
            for item, config in zip(listed, configs, strict=True)
        ]

    async def status(self, name: str) -> cri.Image | None:
        """None when there is no such image."""
        inspect = await self._inspect(name)
        if inspect is None:
            return None
        self._cache.remember(inspect["Id"], inspect)
        labels = (inspect.get("Config") or {}).get("Labels")
        return to_image(
            inspect["Id"], inspect.get("RepoTags") or (), inspect.get("RepoDigests") or (),
            int(inspect.get("Size") or 0), await self._cache.config(inspect["Id"]), self._is_pinned(inspect, labels),
        )

    async def remove(self, name: str) -> None:
        """The image with all its names, by any of them; also when another call does the same meanwhile."""
        inspect = await self._inspect(name)
        if inspect is None:
            return
        async with self._removals.hold(inspect["Id"]):
            await self._remove_all_names(inspect["Id"])

    async def _remove_all_names(self, image_id: str) -> None:
        """Under the image's lock: who returns has seen the image gone, not only the name that it looked for."""
        inspect = await self._inspect(image_id)
        if inspect is None:
            return
        names = [tag for tag in inspect.get("RepoTags") or () if not tag.startswith(_NONE)]
        names += [digest for digest in inspect.get("RepoDigests") or () if not digest.startswith(_NONE)]
        for each in names or [inspect["Id"]]:
            try:
                await self._engine.remove_image(each)
            except EngineNotFoundError:
                continue
            except EngineError:
                if await self._is_there(each):
                    raise
        self._cache.changed()

    async def _is_there(self, name: str) -> bool:
        """Two removals at once make the engine fail in ways of its own (20.10: 500), though the image is gone."""
        try:
            await self._engine.inspect_image(name)
        except EngineNotFoundError:
            return False
        return True

    async def _inspect(self, name: str) -> dict[str, Any] | None:
        self._state.require()
        if not name:
            raise InvalidArgumentError("image name is empty")
        try:
            inspect = await self._engine.inspect_image(name)
        except EngineNotFoundError:
            return None
        if _SHORT_ID.fullmatch(name) and not is_image_id(name) and not _has_name(inspect, name):
            return None  # the engine took a name such as `deed` for the beginning of an id
        return inspect

    def _is_pinned(self, image: Mapping[str, Any], labels: Mapping[str, str] | None) -> bool:
        names = [*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())]
        return self._pinned.has(names, labels or {})


def _has_name(inspect: dict[str, Any], name: str) -> bool:
    return f"{name}:latest" in (inspect.get("RepoTags") or ())
