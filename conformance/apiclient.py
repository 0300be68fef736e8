"""A client of the API server for tests and measurements: plain JSON over aiohttp, and a watch that stamps arrivals.

Deliberately not the agent's own client: what measures the agent should share no code with it.
"""

import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

Json = dict[str, Any]


class ApiError(RuntimeError):
    """An answer of the API server that is not a success; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch. `at` is time.monotonic() when its line had been read here."""

    kind: str
    object: Json
    at: float


def identity(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """The server of a kubeconfig, and the TLS with which its user is known there."""
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as chain:  # ssl reads client certificates from files only
        chain.write(base64.b64decode(user["client-certificate-data"]))
        chain.write(base64.b64decode(user["client-key-data"]))
        chain.flush()
        tls.load_cert_chain(chain.name)
    return cluster["server"], tls


class ApiClient:
    """Requests with the identity of a kubeconfig that has its certificates inside. An async context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        self._server, self._tls = identity(kubeconfig)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, **params: str) -> Json:
        return await self._request("GET", path, params=params)

    async def create(self, path: str, body: Json) -> Json:
        return await self._request("POST", path, body)

    async def patch(self, path: str, body: Json, content_type: str = "application/merge-patch+json") -> Json:
        return await self._request("PATCH", path, body, content_type=content_type)

    async def delete(self, path: str, body: Json | None = None) -> Json:
        return await self._request("DELETE", path, body)

    async def is_ready(self) -> bool:
        """Whether /readyz says ok; False as well while nobody listens."""
        try:
            async with self._open.get(f"{self._server}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def watch(self, path: str, resource_version: str, **params: str) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version` until the server or the caller ends the watch."""
        query = {"watch": "true", "resourceVersion": resource_version, **params}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self._open.get(f"{self._server}{path}", params=query, timeout=timeout) as response:
            if response.status != 200:
                raise ApiError(response.status, await response.text())
            buffer = b""
            async for chunk in response.content.iter_any():
                at = time.monotonic()
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    yield WatchEvent(event["type"], event["object"], at)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the API client is used outside its `async with`")
        return self._session

    async def _request(
        self, method: str, path: str, body: Json | None = None, params: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        headers = {"Content-Type": content_type}
        async with self._open.request(
            method, f"{self._server}{path}", json=body, params=params, headers=headers
        ) as response:
            answer: Json = await response.json(content_type=None)
            if response.status >= 400:
                raise ApiError(response.status, str(answer.get("message", answer)))
            return answer
