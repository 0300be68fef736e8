"""Calls to the Docker Engine API: version negotiation, deadlines, errors by status code.

    engine = EngineClient("unix:///var/run/docker.sock")
    container = await engine.inspect_container(container_id)

Every call is cancelled with its caller: the connection is closed and the engine drops what it can. JSON comes back as
plain dicts in the engine's own spelling; what the fields mean to CRI is known to the callers.
Reference: https://docs.docker.com/reference/api/engine/ (1.41 is Engine 20.10).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from dockershim.engine.connection import Connection, ConnectionPool
from dockershim.engine.errors import EngineDeadlineError, EngineFailedError, from_status
from dockershim.engine.http1 import Head

logger = logging.getLogger(__name__)

OLDEST_API, NEWEST_API = (1, 41), (1, 52)
CALL_SECONDS = 115.0
"""A little below the kubelet's default runtimeRequestTimeout, so that a caller hears our reason, not its own timer."""
JSON = dict[str, Any]
_encode, _decode = msgspec.json.encode, msgspec.json.decode


def _number(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


class EngineClient:
    """One engine. `version` is the engine's `GET /version` once it has answered, then refreshed by `negotiate`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.version: JSON = {}
        self._pool = ConnectionPool(endpoint)
        self._prefix = ""

    @property
    def api(self) -> tuple[int, int]:
        """The API version in use; (0, 0) before the first contact."""
        return _number(self._prefix.removeprefix("/v")) if self._prefix else (0, 0)

    async def negotiate(self) -> JSON:
        """Agree on the newest API version that both sides know. Raises EngineFailedError when there is none."""
        version: JSON = await self._json("GET", "/version", timeout=10.0)
        newest, oldest = _number(version["ApiVersion"]), _number(version.get("MinAPIVersion") or "1.12")
        chosen = min(newest, NEWEST_API)
        if chosen < max(oldest, OLDEST_API):
            raise EngineFailedError(
                f"Docker engine {version.get('Version')} at {self.endpoint} speaks API "
                f"{version.get('MinAPIVersion')} to {version['ApiVersion']}; 1.{OLDEST_API[1]} or newer is needed"
            )
        prefix = f"/v{chosen[0]}.{chosen[1]}"
        if prefix != self._prefix:
            logger.info("engine found version=%s api=%d.%d endpoint=%s", version.get("Version"), *chosen, self.endpoint)
        self.version, self._prefix = version, prefix
        return version

    def disconnected(self) -> None:
        """The engine went away: what answers next may be another one."""
        self._pool.forget_idle()
        self._prefix = ""

    async def close(self) -> None:
        self._pool.forget_idle()

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        timeout: float | None = CALL_SECONDS,
    ) -> Any:
        """The decoded JSON of the answer, None where it has none. Raises EngineError."""
        if not self._prefix:
            await self.negotiate()
        return await self._json(method, self._prefix + path + _query(query), body, timeout)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        head_timeout: float | None = CALL_SECONDS,
    ) -> AsyncIterator[tuple[Head, Connection]]:
        """A call whose body is read by the caller as it comes. `body` may be bytes (a tar) or anything JSON."""
        if not self._prefix:
            await self.negotiate()
        content = body if isinstance(body, bytes) or body is None else _encode(body)
        target = self._prefix + path + _query(query)
        async with contextlib.AsyncExitStack() as stack:
            with _deadline(head_timeout, f"{method} {path}"):
                async with asyncio.timeout(head_timeout):
                    head, connection = await stack.enter_async_context(
                        self._pool.request(method, target, content, headers)
                    )
            await _check(head, connection, f"{method} {path}")
            yield head, connection

    async def _json(self, method: str, target: str, body: object = None, timeout: float | None = CALL_SECONDS) -> Any:
        call = f"{method} {target.partition('?')[0]}"
        with _deadline(timeout, call):
            async with (
                asyncio.timeout(timeout),
                self._pool.request(method, target, None if body is None else _encode(body)) as (head, connection),
            ):
                await _check(head, connection, call)
                content = await connection.body() if not connection.at_end else b""
        return _decode(content) if content.strip() else None

    # containers

    async def create_container(self, name: str, body: JSON) -> str:
        """The new container's id. Raises EngineConflictError when the name is taken."""
        answer = await self.call("POST", "/containers/create", {"name": name}, body)
        for warning in answer.get("Warnings") or ():
            logger.debug("engine warns on create name=%s warning=%s", name, warning)
        return str(answer["Id"])

    async def start_container(self, container_id: str) -> None:
        await self.call("POST", f"/containers/{quote(container_id)}/start")

    async def stop_container(self, container_id: str, seconds: int) -> None:
        """Stop signal, then SIGKILL after `seconds`; returns when it has ended."""
        path = f"/containers/{quote(container_id)}/stop"
        await self.call("POST", path, {"t": seconds}, timeout=seconds + CALL_SECONDS)

    async def kill_container(self, container_id: str, signal: str = "SIGKILL") -> None:
        await self.call("POST", f"/containers/{quote(container_id)}/kill", {"signal": signal})

    async def wait_container(self, container_id: str, timeout: float | None = CALL_SECONDS) -> None:
        """Return when the container is not running."""
        await self.call("POST", f"/containers/{quote(container_id)}/wait", timeout=timeout)

    async def remove_container(self, container_id: str, force: bool = False) -> None:
        """With its anonymous volumes."""
        await self.call("DELETE", f"/containers/{quote(container_id)}", {"v": 1, "force": int(force)})

    async def inspect_container(self, container_id: str) -> JSON:
        container: JSON = await self.call("GET", f"/containers/{quote(container_id)}/json")
        return container

    async def list_containers(self, **filters: list[str]) -> list[JSON]:
        """All that match, running or not; `label=[...]` and other filters as the API names them."""
        found: list[JSON] = await self.call("GET", "/containers/json", {"all": 1, "filters": _filters(filters)})
        return found

    async def look_at(self, container_id: str, path: str) -> None:
        """Begin to read a file of a container, running or not. Raises EngineError where there is none.

        The engine tells why in the body, which an answer to HEAD has not.
        """
        async with self.stream("GET", f"/containers/{quote(container_id)}/archive", {"path": path}):
            return

    async def read_archive(self, container_id: str, path: str, limit: int) -> bytes:
        """A tar of a file of a container, running or not. Raises EngineError where there is none, or it is larger."""
        query = {"path": path}
        async with self.stream("GET", f"/containers/{quote(container_id)}/archive", query) as (_, connection):
            archive = bytearray()
            async for chunk in connection.chunks():
                archive += chunk
                if len(archive) > limit:
                    raise EngineFailedError(f"{path} of container {container_id} has more than {limit} bytes")
        return bytes(archive)

    async def update_container(self, container_id: str, body: JSON) -> None:
        await self.call("POST", f"/containers/{quote(container_id)}/update", body=body)

    # exec

    async def create_exec(self, container_id: str, body: JSON) -> str:
        return str((await self.call("POST", f"/containers/{quote(container_id)}/exec", body=body))["Id"])

    async def inspect_exec(self, exec_id: str) -> JSON:
        found: JSON = await self.call("GET", f"/exec/{quote(exec_id)}/json")
        return found

    # images and the rest

    async def inspect_image(self, name: str) -> JSON:
        image: JSON = await self.call("GET", f"/images/{quote(name, safe='/:@')}/json")
        return image

    async def list_images(self) -> list[JSON]:
        images: list[JSON] = await self.call("GET", "/images/json")
        return images

    async def remove_image(self, name: str, force: bool = False) -> None:
        await self.call("DELETE", f"/images/{quote(name, safe='/:@')}", {"force": int(force)})

    async def info(self) -> JSON:
        info: JSON = await self.call("GET", "/info", timeout=30.0)
        return info


def _query(query: Mapping[str, object] | None) -> str:
    return f"?{urlencode(query)}" if query else ""


def _filters(filters: Mapping[str, list[str]]) -> str:
    return _encode(filters).decode()


async def _check(head: Head, connection: Connection, call: str) -> None:
    """Raise for anything but success; 304 (already so) is success."""
    if head.status < 300 or head.status in (101, 304):
        return
    content = await connection.body() if not connection.at_end else b""
    try:
        message = str(_decode(content, type=dict[str, Any]).get("message") or "")
    except msgspec.DecodeError:
        message = content[:200].decode("utf-8", "replace").strip()
    raise from_status(head.status, message or f"HTTP status {head.status}", call)


@contextlib.contextmanager
def _deadline(seconds: float | None, call: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise EngineDeadlineError(f"the Docker engine did not answer {call} within {seconds} s", call) from None
