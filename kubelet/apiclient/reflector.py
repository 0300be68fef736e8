"""Keeps a local copy of a set of objects: lists once, then follows, and survives everything the server does.

    list ──ok──▶ watch ──ended by the server──▶ watch from the last version
     ▲             │
     ├── 410 ──────┤
     │             └─ unreachable, 5xx, … ──back-off──▶ is the server's version older than ours? ──no──▶ watch
     └────────────────────────────────── yes ───────────────────────┘

While the server is away the copy stays as it was: the node goes on with what it knows. A server that comes back with an
older version was restored from a backup: a watch from our version would stay silent until the server has caught up with
a past that no longer is, so everything is listed anew. Each distinct error is logged once, and its end is.
Source: client-go/tools/cache/reflector.go, which does not look for the past.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

from kubelet.api.codec import InvalidObjectError
from kubelet.api.types import ObjectMeta
from kubelet.apiclient.client import Listing
from kubelet.apiclient.errors import ApiError, GoneError
from kubelet.apiclient.kubeconfig import KubeconfigError
from kubelet.apiclient.throttle import RetryDelay
from kubelet.apiclient.watch import EventType, WatchEvent


class HasMetadata(Protocol):
    """An API object, as far as a reflector looks."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=HasMetadata)
logger = logging.getLogger(__name__)

SHORT_WATCH_SECONDS = 1.0
"""A watch that ends sooner without an event counts as a failure, or a broken server would be asked in a tight loop."""


class ListWatcher(Protocol):
    """What a reflector needs of the API client."""

    async def list(self, path: str, cls: type[T], **params: str) -> Listing[T]: ...

    async def newest_version(self, path: str, **params: str) -> str: ...

    def watch(self, path: str, cls: type[T], *, resource_version: str,
              **params: str) -> AsyncIterator[WatchEvent[T]]: ...


def key_of(item: HasMetadata) -> str:
    """`namespace/name`, or the name alone."""
    meta = item.metadata
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


class Reflector(Generic[T]):
    """The objects at `path` that match the selectors, as of now. `on_change` is called after every change."""

    def __init__(self, client: ListWatcher, path: str, cls: type[T], *, field_selector: str = "",
                 label_selector: str = "", on_change: Callable[[], None] | None = None,
                 delay: RetryDelay | None = None, monotonic: Callable[[], float] = time.monotonic,
                 rng: random.Random | None = None) -> None:
        self._client, self._path, self._cls = client, path, cls
        selectors = {"fieldSelector": field_selector, "labelSelector": label_selector}
        self._params = {name: value for name, value in selectors.items() if value}
        self._on_change = on_change or (lambda: None)
        self._delay = delay or RetryDelay(rng=rng)
        self._monotonic = monotonic
        self._store: dict[str, T] = {}
        self._version = ""
        self._listed = False
        self._fresh_list = False
        self._was_away = False
        self._problem = ""
        self.problem_since: float | None = None
        """Monotonic time of the first failure of a row; None while all is well."""
        self._told: set[str] = set()
        self.synced = asyncio.Event()

    @property
    def problem(self) -> str:
        """Why the copy may be old; empty while all is well."""
        return self._problem

    def get(self, key: str) -> T | None:
        return self._store.get(key)

    def items(self) -> list[T]:
        return list(self._store.values())

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        while True:
            try:
                if self._listed and self._was_away:
                    await self._look_for_a_past()
                self._was_away = False
                if not self._listed:
                    await self._list()
                await self._follow()
            except GoneError as error:
                logger.debug("listing again path=%s reason=%s", self._path, error)
                self._listed = False
            except (ApiError, KubeconfigError, InvalidObjectError) as error:
                if isinstance(error, ApiError) and _version_unknown(error):
                    self._listed, self._fresh_list = False, True
                self._was_away = not isinstance(error, _ShortWatchError)
                self._note(str(error))
                await asyncio.sleep(self._delay.next())

    async def _look_for_a_past(self) -> None:
        newest = await self._client.newest_version(self._path, **self._params)
        if newest.isdigit() and self._version.isdigit() and int(newest) < int(self._version):
            logger.warning("the API server is at an older version than we have seen, listing everything anew path=%s "
                           "server_version=%s our_version=%s", self._path, newest, self._version)
            self._listed, self._fresh_list = False, True

    async def _list(self) -> None:
        # Version 0: whatever the server's cache holds will do, unless it has just proved too old.
        version = {} if self._fresh_list else {"resourceVersion": "0"}
        listing = await self._client.list(self._path, self._cls, **self._params, **version)
        self._store = {key_of(item): item for item in listing.items}
        self._version, self._listed, self._fresh_list = listing.resource_version, True, False
        self._well()
        self.synced.set()
        self._on_change()

    async def _follow(self) -> None:
        begun, events = self._monotonic(), 0
        watch: Any = self._client.watch(self._path, self._cls, resource_version=self._version, **self._params)
        async with aclosing(watch):
            async for event in watch:
                events += 1
                self._well()
                self._apply(event)
        if not events and self._monotonic() - begun < SHORT_WATCH_SECONDS:
            raise _ShortWatchError(200, "ShortWatch", f"watch {self._path} ended at once without an event")

    def _apply(self, event: WatchEvent[T]) -> None:
        if event.resource_version:
            self._version = event.resource_version
        if event.object is None:
            return
        if event.type is EventType.DELETED:
            self._store.pop(key_of(event.object), None)
        else:
            self._store[key_of(event.object)] = event.object
        self._on_change()

    def _note(self, problem: str) -> None:
        self._problem = problem
        self.problem_since = self._monotonic() if self.problem_since is None else self.problem_since
        if problem not in self._told:
            logger.warning("cannot follow the API server, retrying path=%s error=%s", self._path, problem)
            self._told.add(problem)

    def _well(self) -> None:
        if self._problem:
            logger.info("following the API server again path=%s", self._path)
            self._problem, self.problem_since = "", None
            self._told.clear()
        self._delay.reset()


class _ShortWatchError(ApiError):
    """The server answers, and ends every watch at once."""


def _version_unknown(error: ApiError) -> bool:
    """The version asked for is newer than this server's cache (a lagging replica, or a restored etcd)."""
    return error.status == 504 and "resource version" in error.message.lower()
