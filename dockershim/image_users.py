"""The group that a user has in an image: what supplementary groups under the policy Strict need to be told.

    image's /etc/passwd ◀─ a container created of the image, never started, read and removed ─▶ `user:group`

The engine gives a process the groups of the image's /etc/group unless it is told `user:group` (moby/sys/user,
GetExecUser). The group that the user would have had is in the image's /etc/passwd, and the engine shows files of
containers only. What was read is kept: an image's files never change.
"""

import io
import logging
import posixpath
import secrets
import tarfile
from collections import OrderedDict

from cri.errors import InvalidArgumentError
from dockershim.engine import EngineClient, EngineError, EngineNotFoundError
from dockershim.ports import Cleanups, NameLocks

logger = logging.getLogger(__name__)

_PASSWD, _MAX_BYTES, _MAX_LINKS = "/etc/passwd", 1 << 20, 8
_CAPACITY = 64
_NAME_PREFIX = "podwright-look-"


def primary_group(passwd: bytes, user: str) -> int:
    """Of the first line with this name or number; 0 where there is none, as the engine has it."""
    for line in passwd.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 3 and user in (fields[0], fields[2]) and fields[3].isdigit():
            return int(fields[3])
    return 0


class ImageUsers:
    def __init__(self, engine: EngineClient, cleanups: Cleanups) -> None:
        self._engine, self._cleanups = engine, cleanups
        self._passwd: OrderedDict[str, bytes] = OrderedDict()
        self._locks = NameLocks()

    async def with_group(self, image: str, user: str) -> str:
        """`user:group` for a user without a group; an empty one is the image's own. Raises EngineError."""
        if ":" in user:
            return user
        inspect = await self._engine.inspect_image(image)
        user = user or str((inspect.get("Config") or {}).get("User") or "0")
        if ":" in user:
            return user
        return f"{user}:{primary_group(await self._read_passwd(inspect['Id']), user)}"

    async def _read_passwd(self, image_id: str) -> bytes:
        async with self._locks.hold(image_id):
            if image_id not in self._passwd:
                self._passwd[image_id] = await self._look(image_id)
                while len(self._passwd) > _CAPACITY:
                    self._passwd.popitem(last=False)
            self._passwd.move_to_end(image_id)
            return self._passwd[image_id]

    async def _look(self, image_id: str) -> bytes:
        body = {
            "Image": image_id,
            "Entrypoint": ["/"],  # never run, but the engine wants a command
            "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "none"}},
        }
        container_id = await self._engine.create_container(_NAME_PREFIX + secrets.token_hex(8), body)
        try:
            return await self._read(container_id, _PASSWD)
        finally:
            await self._cleanups.finish(self._remove(container_id))

    async def _read(self, container_id: str, path: str) -> bytes:
        """A file of a container, links followed; empty where it is absent."""
        for _ in range(_MAX_LINKS):
            try:
                archive = await self._engine.read_archive(container_id, path, _MAX_BYTES)
            except EngineNotFoundError:
                return b""
            with tarfile.open(fileobj=io.BytesIO(archive)) as entries:
                member = entries.next()
                if member is None:
                    return b""
                if not member.issym():
                    file = entries.extractfile(member)
                    return file.read() if file is not None else b""
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
        raise InvalidArgumentError(f"{_PASSWD} of the image is a chain of more than {_MAX_LINKS} links")

    async def _remove(self, container_id: str) -> None:
        try:
            await self._engine.remove_container(container_id, force=True)
        except EngineNotFoundError:
            return
        except EngineError as error:
            logger.warning("container made to look into an image stays container=%s error=%s", container_id, error)
