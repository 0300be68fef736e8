"""Images by id: what containers' statuses say of them, asked of the engine once."""

from collections import OrderedDict
from dataclasses import dataclass

from dockershim.engine import EngineClient, EngineError
from dockershim.records import JSON, ImageFacts

_CAPACITY = 512


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's `Config.User` and stop signal: they never change for an id."""

    user: str
    stop_signal: str


class ImageCache:
    """`changed` (an image event) drops the names; configurations stay, an id's never changes."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine
        self._facts: OrderedDict[str, ImageFacts] = OrderedDict()
        self._configs: OrderedDict[str, ImageConfig] = OrderedDict()
        self.generation = 0
        """Counts image changes, for those who keep something of their own."""

    def changed(self) -> None:
        self.generation += 1
        self._facts.clear()

    async def facts(self, image_id: str) -> ImageFacts | None:
        """None when the image is gone (a container may outlive its image's names) or the engine does not say."""
        known = self._facts.get(image_id)
        if known is not None or not image_id:
            return known
        try:
            image = await self._engine.inspect_image(image_id)
        except EngineError:
            return None
        self.remember(image_id, image)
        return self._facts.get(image_id)

    async def config(self, image_id: str) -> ImageConfig | None:
        if image_id not in self._configs:
            await self.facts(image_id)
            if image_id not in self._configs:
                try:
                    self.remember(image_id, await self._engine.inspect_image(image_id))
                except EngineError:
                    return None
        return self._configs.get(image_id)

    def remember(self, image_id: str, inspect: JSON) -> None:
        tags, digests = inspect.get("RepoTags") or (), inspect.get("RepoDigests") or ()
        config = inspect.get("Config") or {}
        self._facts[image_id] = ImageFacts(image_id, tuple(tags), digests[0] if digests else image_id)
        self._configs[image_id] = ImageConfig(config.get("User") or "", config.get("StopSignal") or "")
        for cache in (self._facts, self._configs):
            while len(cache) > _CAPACITY:
                cache.popitem(last=False)
