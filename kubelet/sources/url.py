"""Static pods from a URL: a pod or a list of pods, asked for every 20 seconds.

While the URL cannot be read, what it said last stays in force. Source: pkg/kubelet/config/http.go.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from kubelet.api.meta import Source
from kubelet.sources.ledger import Ledger
from kubelet.sources.manifest import MAX_BYTES, Manifest, ManifestError, Origin, decode_pod, read_document
from kubelet.sources.mux import ManifestProblem, Publish

if TYPE_CHECKING:
    import aiohttp

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 20.0
TIMEOUT_SECONDS = 10.0


def split(data: bytes, location: str) -> dict[str, bytes]:
    """The manifests in an answer: one pod, or the items of a PodList, each with its own location. Pure.

    Raises ManifestError when it is neither."""
    value = read_document(data, location)
    if value.get("kind") != "PodList":
        return {location: msgspec.json.encode(value)}
    items = value.get("items") or []
    if not isinstance(items, list):
        raise ManifestError("items", "is no list; write a list of pods")
    found: dict[str, bytes] = {}
    for index, item in enumerate(items):
        # Items of a list may leave out what the list's kind says already.
        whole = {"apiVersion": "v1", "kind": "Pod", **item} if isinstance(item, dict) else item
        found[f"{location} items[{index}]"] = msgspec.json.encode(whole)
    return found


class UrlSource:
    """The pods that a URL names."""

    source = Source.HTTP

    def __init__(self, url: str, node_name: str, *, headers: Mapping[str, Sequence[str]] | None = None,
                 period: float = PERIOD_SECONDS, now: Callable[[], float] = time.time) -> None:
        self._url, self._period, self._now = url, period, now
        self._headers = [(name, value) for name, values in (headers or {}).items() for value in values]
        self._origin = Origin(url, is_file=False, node_name=node_name)
        self._ledger = Ledger(self._read, now)
        self._last: bytes | None = None
        self._problem: ManifestProblem | None = None

    def problems(self) -> list[ManifestProblem]:
        return [*([self._problem] if self._problem else []), *self._ledger.problems()]

    async def run(self, publish: Publish) -> None:
        """Asks, publishes, sleeps; until cancelled."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            while True:
                await self._ask(session, publish)
                await asyncio.sleep(self._period)

    def _read(self, _location: str, content: bytes) -> Manifest:
        return decode_pod(msgspec.json.decode(content), self._origin)

    async def _ask(self, session: "aiohttp.ClientSession", publish: Publish) -> None:
        import aiohttp

        try:
            async with session.get(self._url) as answer:
                if answer.status != 200:
                    raise ManifestError("", f"answered HTTP {answer.status}; 200 is needed")
                data = await _body(answer)
            if data == self._last and self._problem is None:
                return
            pods = self._ledger.update(split(data, self._url) if data.strip() else {})
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._note(ManifestError("", f"cannot be read: {' '.join(str(error).split()) or type(error).__name__}"))
        except TimeoutError:
            self._note(ManifestError("", f"gave no answer within {TIMEOUT_SECONDS:g} s"))
        except ManifestError as error:
            self._note(error)
        else:
            if self._problem is not None:
                logger.info("manifest URL can be read again url=%s", self._url)
            self._last, self._problem = data, None
            publish(pods)

    def _note(self, error: ManifestError) -> None:
        if self._problem is None or (self._problem.path, self._problem.problem) != (error.path, error.problem):
            self._problem = ManifestProblem(self._url, error.path, error.problem, self._now(),
                                            keeps_running=self._last is not None)
            logger.error("manifest URL %s", self._problem)


async def _body(answer: "aiohttp.ClientResponse") -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            raise ManifestError("", f"is larger than {MAX_BYTES >> 20} MiB")
    return b"".join(parts)
