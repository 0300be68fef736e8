"""Speaks to the API server: one aiohttp session, bytes in and out, errors as one tree.

Answers are decoded with msgspec straight from the bytes. Every request but a watch has a total deadline; a watch has
none of its own: the server ends it after a random 5-10 minutes (`timeoutSeconds`), TCP keep-alive notices a dead
peer within about half a minute, and a read deadline past the server's own end catches what even that misses.
"""

import asyncio
import logging
import platform
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from kubelet.api.codec import InvalidObjectError, decode, encode
from kubelet.api.types import DeleteOptions, ListMeta, Preconditions
from kubelet.apiclient.credentials import Credentials, RotatedCertificate
from kubelet.apiclient.errors import (
    ApiError,
    UnauthorizedError,
    UnreachableError,
    error_from_answer,
)
from kubelet.apiclient.kubeconfig import ClusterAccess, read
from kubelet.apiclient.throttle import TokenBucket
from kubelet.apiclient.watch import LineSplitter, WatchEvent, decode_event
from kubelet.version import KUBERNETES_VERSION, PODWRIGHT_VERSION

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
logger = logging.getLogger(__name__)

JSON = "application/json"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

MAX_RETRIES = 10
"""Of a request that the server asked to repeat (429 or 5xx with Retry-After), as client-go."""
WATCH_SECONDS = (300, 600)
WATCH_GRACE_SECONDS = 30.0
LIST_PAGE = 500
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def user_agent() -> str:
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return f"kubelet/{KUBERNETES_VERSION} (linux/{architecture}) podwright/{PODWRIGHT_VERSION}"


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list and the version that a watch goes on from."""

    items: tuple[T, ...]
    resource_version: str


class _RawList(msgspec.Struct):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] | None = None


class ApiClient:
    """One identity at one API server. Create it inside the event loop that uses it, and close it.

    All calls raise ApiError (see kubelet.apiclient.errors), KubeconfigError when a file that the kubeconfig names
    cannot be used, and InvalidObjectError for an answer of another shape than `cls`."""

    def __init__(self, access: ClusterAccess, *, qps: float = 50, burst: int = 100, timeout: float = 30.0,
                 rotated: RotatedCertificate | None = None, monotonic: Callable[[], float] = time.monotonic,
                 rng: random.Random | None = None) -> None:
        self.access = access
        self.timeout = timeout
        self._rotated = rotated
        self._credentials = Credentials(access, rotated=rotated, monotonic=monotonic)
        self._bucket = TokenBucket(qps, burst, monotonic)
        self._rng = rng or random.Random()  # noqa: S311  # spreads load, guards nothing
        self._proxy = access.proxy_url or _proxy_from_environment(access.server)
        self._session: aiohttp.ClientSession | None = None
        self.on_request: Callable[[str, str, str, float], None] | None = None
        """Hears of each request whose answer's head has come, or none: method, host, status or `<error>`, seconds."""

    @classmethod
    async def from_kubeconfig(cls, path: str | Path, *, qps: float = 50, burst: int = 100,
                              timeout: float = 30.0) -> "ApiClient":
        """A client for the kubeconfig's current context. Its files are tried at once, so that a bad one is one clear
        KubeconfigError now and not a puzzle later; the server may be down."""
        client = cls(await asyncio.to_thread(read, Path(path)), qps=qps, burst=burst, timeout=timeout)
        await client.try_credentials()
        return client

    async def try_credentials(self) -> None:
        """Reads every file that the access names. Raises KubeconfigError."""
        if self.access.exec_plugin is None and self._rotated is None:
            await self._credentials.tls()
            await self._credentials.headers()

    def limited(self, *, qps: float, burst: int, timeout: float | None = None) -> "ApiClient":
        """A client of the same identity with a rate limit of its own (events, heartbeats). qps 0: no limit."""
        client = ApiClient(self.access, qps=qps, burst=burst, timeout=timeout or self.timeout, rotated=self._rotated)
        client.on_request = self.on_request
        return client

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> "ApiClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def get(self, path: str, cls: type[T], **params: str) -> T:
        return decode(await self._request("GET", path, params=params), cls, path)

    async def get_raw(self, path: str, **params: str) -> bytes:
        """The answer's bytes, e.g. of /version or /readyz."""
        return await self._request("GET", path, params=params)

    async def list(self, path: str, cls: type[T], **params: str) -> Listing[T]:
        """All items, page by page where the server pages. An item that cannot be read is logged and left out, so
        that one odd object does not hide all others."""
        items: list[T] = []
        query = dict(params)
        await self._credentials.available()
        while True:
            page = decode(await self._request("GET", path, params=query), _RawList, path)
            for raw in page.items or ():
                try:
                    items.append(decode(bytes(raw), cls, path))
                except InvalidObjectError as error:
                    logger.warning("leaving out an object that cannot be read: %s", error)
            if not page.metadata.continue_:
                return Listing(tuple(items), page.metadata.resource_version)
            query = {**params, "limit": params.get("limit", str(LIST_PAGE)), "continue": page.metadata.continue_}

    async def newest_version(self, path: str, **params: str) -> str:
        """The version that the server's storage is at now, by the smallest list that there is."""
        return decode(await self._request("GET", path, params={**params, "limit": "1"}), _RawList,
                      path).metadata.resource_version

    async def create(self, path: str, body: Any, cls: type[T]) -> T:
        return decode(await self._request("POST", path, body=encode(body)), cls, path)

    async def replace(self, path: str, body: Any, cls: type[T]) -> T:
        return decode(await self._request("PUT", path, body=encode(body)), cls, path)

    async def patch(self, path: str, body: Any, cls: type[T], content_type: str = STRATEGIC_MERGE) -> T:
        """`body` is the patch: a dict or list (nulls delete, as the content type says) or bytes."""
        data = body if isinstance(body, bytes) else encode(body)
        return decode(await self._request("PATCH", path, body=data, content_type=content_type), cls, path)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        """Deletes the object; with `uid`, only if it still is that one (else ConflictError)."""
        options = DeleteOptions(api_version="v1", kind="DeleteOptions", grace_period_seconds=grace_seconds,
                                preconditions=Preconditions(uid=uid) if uid else None)
        await self._request("DELETE", path, body=encode(options))

    async def watch(self, path: str, cls: type[T], *, resource_version: str,
                    **params: str) -> AsyncIterator[WatchEvent[T]]:
        """Changes after `resource_version`, until the server ends the watch; bookmarks included.

        Raises GoneError when the version is too old. Close the iterator (contextlib.aclosing) to end it early."""
        seconds = params.pop("timeoutSeconds", "") or str(self._rng.randint(*WATCH_SECONDS))
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": seconds, **params}
        if resource_version:
            query["resourceVersion"] = resource_version
        await self._credentials.available()
        try:
            response = await self._send("GET", path, query, None, JSON, deadline=self.timeout,
                                        read_deadline=float(seconds) + WATCH_GRACE_SECONDS)
        except UnauthorizedError:
            self._credentials.refused()
            raise
        try:
            _keep_alive(response)
            lines = LineSplitter()
            async for chunk in _chunks(response, path):
                for line in lines.feed(chunk):
                    event = decode_event(line, cls, path)
                    if event is not None:
                        yield event
        finally:
            # Not released: what the server still sends must not reach the next request of this connection.
            response.close()

    async def _request(self, method: str, path: str, *, params: Mapping[str, str] | None = None,
                       body: bytes | None = None, content_type: str = JSON) -> bytes:
        """One answer's body, within `self.timeout` in all; repeats when the server asks for it."""
        try:
            async with asyncio.timeout(self.timeout):
                for attempt in range(MAX_RETRIES + 1):
                    try:
                        response = await self._send(method, path, params or {}, body, content_type, deadline=None,
                                                    read_deadline=None)
                        async with response:
                            return await _body(response, path)
                    except UnauthorizedError:
                        if attempt > 0 or not self._credentials.refused():
                            raise
                    except ApiError as error:
                        if error.retry_after is None or attempt == MAX_RETRIES:
                            raise
                        await asyncio.sleep(error.retry_after)
        except TimeoutError:
            raise UnreachableError(f"{method} {self._host}{path}: no answer within {self.timeout:g} s",
                                   "Timeout") from None
        raise AssertionError("the loop above returns or raises")

    @property
    def _host(self) -> str:
        return self.access.server

    async def _send(self, method: str, path: str, params: Mapping[str, str], body: bytes | None, content_type: str, *,
                    deadline: float | None, read_deadline: float | None) -> "aiohttp.ClientResponse":
        """The response once its head has arrived with success; else the error in it."""
        import aiohttp

        await self._bucket.acquire()
        headers = await self._credentials.headers()
        if body is not None:
            headers["Content-Type"] = content_type
        context = await self._credentials.tls()
        what, begin, code = f"{method} {path}", time.monotonic(), "<error>"
        try:
            async with asyncio.timeout(deadline):
                response = await self._open_session().request(
                    method, self.access.server + path, params=dict(params), data=body, headers=headers,
                    ssl=context if context is not None else True,
                    server_hostname=self.access.tls_server_name or None, proxy=self._proxy, allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeout, sock_read=read_deadline),
                )
                code = str(response.status)
                if response.status < 300:
                    return response
                async with response:
                    answer = await response.content.read(1 << 20)
        except TimeoutError:
            raise UnreachableError(f"{what}: no answer from {self._host} in time", "Timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(f"{what}: {self._host}: {_cause(error)}") from None
        finally:
            if self.on_request is not None:
                host = self.access.server.partition("://")[2].partition("/")[0]
                self.on_request(method, host, code, time.monotonic() - begin)
        raise error_from_answer(response.status, answer, what=what, now=time.time(),
                                retry_after=response.headers.get("Retry-After", ""))

    def _open_session(self) -> "aiohttp.ClientSession":
        if self._session is None:
            import aiohttp

            # A watch holds a connection, and each referenced configMap and secret has a watch: no cap on connections.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30), auto_decompress=True,
                headers={"User-Agent": user_agent(), "Accept": JSON}, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _body(response: "aiohttp.ClientResponse", path: str) -> bytes:
    import aiohttp

    try:
        return await response.read()
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(f"{path}: the answer broke off: {_cause(error)}") from None


async def _chunks(response: "aiohttp.ClientResponse", path: str) -> AsyncIterator[bytes]:
    import aiohttp

    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except TimeoutError:
        raise UnreachableError(f"watch {path}: silent past its end, taken as dead", "Timeout") from None
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(f"watch {path}: the connection broke: {_cause(error)}") from None


def _keep_alive(response: "aiohttp.ClientResponse") -> None:
    """Lets the kernel notice within about 30 s that the server or the network has gone."""
    transport = response.connection.transport if response.connection is not None else None
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        peer.setsockopt(socket.IPPROTO_TCP, option, value)


def _cause(error: BaseException) -> str:
    # aiohttp shows the TLS context as an object where the operating system has said what is wrong.
    text = " ".join(str(getattr(error, "os_error", error)).split())
    return text or type(error).__name__


def _proxy_from_environment(server: str) -> str | None:
    """HTTPS_PROXY/HTTP_PROXY/NO_PROXY, as Go's clients honour them; none for loopback."""
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    parts = urlsplit(server)
    host = parts.hostname or ""
    proxies = getproxies_environment()
    if host in ("localhost", "127.0.0.1", "::1") or proxy_bypass_environment(host, proxies):
        return None
    return proxies.get(parts.scheme)


