"""PullImage: every form of AuthConfig, progress kept while it goes, a caller's cancellation reaches the engine.

A pull that moves is never cut off, however slow; one that stands still for a long time is. It moves when a byte came or
a layer entered another stage: an engine with containerd's store repeats where it stands ten times a second, so that
hearing from it says nothing.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cri.errors import DeadlineExceededError, InternalError, InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient, EngineNotFoundError
from dockershim.engine.connection import Connection

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 600.0
"""Extracting one huge layer is silent for minutes on a slow disk."""


_RATE_SECONDS = 5.0
"""The rate is that of about so long."""


@dataclass(slots=True)
class PullProgress:
    """Bytes of one pull, per layer what has come and what there is. Times are seconds, monotonic but `began_at`."""

    image: str
    began: float
    began_at: float = 0.0
    """Of the clock on the wall."""
    moved: float = 0.0
    bytes_per_second: float = 0.0
    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    _stages: dict[str, tuple[str, int]] = field(default_factory=dict)
    _mark: tuple[float, int] | None = None
    """Where the rate is counted from."""

    @property
    def current_bytes(self) -> int:
        return sum(current for current, _ in self.layers.values())

    @property
    def total_bytes(self) -> int:
        return sum(total for _, total in self.layers.values())

    def take(self, message: dict[str, Any], now: float) -> None:
        """One line of the engine's progress stream, heard at `now`."""
        detail, layer = message.get("progressDetail") or {}, str(message.get("id") or "")
        stage = (str(message.get("status") or ""), int(detail.get("current") or 0))
        if self._stages.get(layer) != stage:
            self._stages[layer], self.moved = stage, now
        if not layer:
            return
        if stage[0] == "Downloading" and "current" in detail:
            self.layers[layer] = (stage[1], int(detail.get("total") or 0))
            self._count(now)
        elif stage[0] in ("Download complete", "Pull complete") and layer in self.layers:
            total = self.layers[layer][1] or self.layers[layer][0]
            self.layers[layer] = (total, total)

    def _count(self, now: float) -> None:
        """The rate since the mark, which follows at some distance."""
        if self._mark is None:
            self._mark = (self.began, 0)
        since, before = self._mark
        if now > since:
            self.bytes_per_second = max(self.current_bytes - before, 0) / (now - since)
        if now - since >= _RATE_SECONDS:
            self._mark = (now, self.current_bytes)


def split_reference(image: str) -> tuple[str, str]:
    """Repository, and tag or digest; `latest` where there is neither (the engine would pull all tags)."""
    if not image or any(character.isspace() for character in image):
        raise InvalidArgumentError(f"{image!r} is not an image name")
    repository, at, digest = image.partition("@")
    if at:
        name, colon, tag = repository.rpartition(":")
        return (name if colon and "/" not in tag else repository), digest
    name, colon, tag = image.rpartition(":")
    if colon and "/" not in tag:
        return name, tag
    return image, "latest"


def auth_header(auth: cri.AuthConfig) -> dict[str, str]:
    """`X-Registry-Auth` for the engine. `auth` is base64 of `user:password`, used where those are empty."""
    username, password = auth.username, auth.password
    if auth.auth and not (username or password):
        try:
            username, _, password = base64.b64decode(auth.auth, validate=True).decode().strip("\0").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidArgumentError("image pull: auth.auth is not base64 of user:password") from None
    fields = {
        "username": username,
        "password": password,
        "serveraddress": auth.server_address,
        "identitytoken": auth.identity_token,
        "registrytoken": auth.registry_token,
    }
    present = {key: value for key, value in fields.items() if value}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(msgspec.json.encode(present)).decode()} if present else {}


class ImagePuller:
    def __init__(
        self,
        engine: EngineClient,
        silence_seconds: float = SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._silence_seconds = engine, silence_seconds
        self._clock, self._wall_clock = clock, wall_clock
        self.under_way: dict[str, PullProgress] = {}

    async def pull(self, image: str, auth: cri.AuthConfig) -> str:
        """The image's id. Raises EngineError, InvalidArgumentError, DeadlineExceededError."""
        repository, tag = split_reference(image)
        with self._progress(image) as progress:
            async with self._engine.stream(
                "POST", "/images/create", {"fromImage": repository, "tag": tag}, headers=auth_header(auth),
                head_timeout=self._silence_seconds,
            ) as (_, connection):
                await self._follow(connection, progress)
        separator = "@" if ":" in tag else ":"
        try:
            inspect = await self._engine.inspect_image(f"{repository}{separator}{tag}")
        except EngineNotFoundError as error:
            raise InternalError(f"image {image} is not there after it was pulled: {error}") from error
        seconds = self._clock() - progress.began
        logger.info("image pulled image=%s bytes=%d seconds=%.1f", image, progress.current_bytes, seconds)
        return str(inspect["Id"])

    async def _follow(self, connection: Connection, progress: PullProgress) -> None:
        rest = b""
        chunks = connection.chunks()
        while True:
            left = progress.moved + self._silence_seconds - self._clock()
            try:
                async with asyncio.timeout(max(left, 0.0)):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise DeadlineExceededError(
                    f"pull of {progress.image}: nothing came for {self._silence_seconds:.0f} s "
                    f"({progress.current_bytes} of {progress.total_bytes} bytes are there)"
                ) from None
            if chunk is None:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    self._hear(msgspec.json.decode(line), progress)

    def _hear(self, message: dict[str, Any], progress: PullProgress) -> None:
        if "error" in message or "errorDetail" in message:
            detail = (message.get("errorDetail") or {}).get("message") or message.get("error")
            raise InternalError(f"failed to pull image {progress.image}: {detail}")
        progress.take(message, self._clock())

    @contextlib.contextmanager
    def _progress(self, image: str) -> Iterator[PullProgress]:
        progress = PullProgress(image, self._clock(), self._wall_clock(), self._clock())
        self.under_way[image] = progress
        try:
            yield progress
        finally:
            if self.under_way.get(image) is progress:
                del self.under_way[image]
