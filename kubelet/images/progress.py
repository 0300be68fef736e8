"""How far image pulls are: what the image manager has asked for, with the bytes that the runtime tells of.

CRI has no field for it. The dockershim tells it in the verbose part of its Status (`pulls`, JSON by image name); of
other runtimes it is only known since when they pull.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.explain import PullView

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 1.0
"""Whoever asks why a pod waits does not want to wait for the answer."""


class RuntimeStatus(Protocol):
    def Status(self, request: cri.StatusRequest, /) -> Awaitable[cri.StatusResponse]: ...


class PullProgress:
    """`under_way` gives the images that are being pulled, each with when that began (Unix seconds)."""

    def __init__(self, runtime: RuntimeStatus, under_way: Callable[[], Mapping[str, float]]) -> None:
        self._runtime, self._under_way = runtime, under_way
        self._told: dict[str, dict[str, Any]] = {}

    async def look(self) -> None:
        """Ask the runtime, if there is something to ask for."""
        self._told = {}
        if not self._under_way():
            return
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self._runtime.Status(cri.StatusRequest(verbose=True))
            self._told = msgspec.json.decode(answer.info.get("pulls") or "{}", type=dict[str, dict[str, Any]])
        except (CriError, TimeoutError, msgspec.DecodeError) as error:
            logger.debug("the runtime does not say how far its pulls are error=%s", error)

    def pulls(self) -> dict[str, PullView]:
        """By image name, as the runtime was asked for it."""
        found = {}
        for image, since in self._under_way().items():
            told = self._told.get(image, {})
            found[image] = PullView(
                since, int(told.get("currentBytes") or 0), int(told.get("totalBytes") or 0),
                float(told.get("bytesPerSecond") or 0),
            )
        return found
