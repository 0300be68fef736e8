"""Makes sure that the engine has the pause image: as configured, pulled, or the built-in one under the same name."""

import asyncio
import logging

from cri.errors import CriError, FailedPreconditionError
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.engine.credentials import credentials_for
from dockershim.image_pull import ImagePuller, split_reference

logger = logging.getLogger(__name__)

PULL_SECONDS = 5.0
"""A pull that has not ended by then gives way to the built-in pause: pods must not wait for a registry's timeout."""


class PauseImage:
    """`ensure` is called for each sandbox; it asks the engine once and again only after `forget`."""

    def __init__(
        self, engine: EngineClient, puller: ImagePuller, name: str, pull_seconds: float = PULL_SECONDS
    ) -> None:
        self.name = name
        self._engine, self._puller, self._pull_seconds = engine, puller, pull_seconds
        self._is_there = False
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """An image was removed, or the engine is another one."""
        self._is_there = False

    async def ensure(self) -> str:
        """The image's name, once the engine has it. Raises CriError or EngineError."""
        if self._is_there:
            return self.name
        async with self._lock:
            if not self._is_there:
                await self._provide()
                self._is_there = True
        return self.name

    async def _provide(self) -> None:
        try:
            await self._engine.inspect_image(self.name)
            return
        except EngineNotFoundError:
            pass
        try:
            async with asyncio.timeout(self._pull_seconds):
                await self._puller.pull(self.name, await self._auth())
            return
        except TimeoutError:
            reason = f"not there after {self._pull_seconds:.0f} s"
        except (EngineError, CriError) as error:
            reason = str(error)
        logger.warning("pause image cannot be pulled, the built-in one is used image=%s reason=%s", self.name, reason)
        await self._load()

    async def _auth(self) -> cri.AuthConfig:
        """The kubelet pulls no pause image, so nobody but the node's Docker configuration has credentials for it."""
        found = await credentials_for(split_reference(self.name)[0])
        if not (found.username or found.identity_token):
            return cri.AuthConfig()
        return cri.AuthConfig(
            username=found.username,
            password=found.password,
            identity_token=found.identity_token,
            server_address=found.server_address,
        )

    async def _load(self) -> None:
        from dockershim.pause import load  # rarely needed, and tarfile is not small

        repository, tag = split_reference(self.name)
        if ":" in tag:
            raise FailedPreconditionError(
                f"pause image {self.name} is named by digest and cannot be pulled: load it into the engine, or set "
                "--pod-infra-container-image to a name with a tag"
            )
        try:
            program = await asyncio.to_thread(load.read_program)
        except load.PauseMissingError as error:
            raise FailedPreconditionError(str(error)) from error
        archive = load.image_archive(f"{repository}:{tag}", program)
        async with self._engine.stream(
            "POST", "/images/load", {"quiet": 1}, body=archive, headers={"Content-Type": "application/x-tar"}
        ) as (_, connection):
            await connection.body()
        await self._engine.inspect_image(self.name)
