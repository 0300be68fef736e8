"""The local copy: complete after a list, current with the watch, and there while the server is not."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubelet.api.types import ObjectMeta, Pod
from kubelet.apiclient import EventType, GoneError, Listing, Reflector, RetryDelay, UnreachableError, WatchEvent
from kubelet.apiclient.errors import error_of
from kubelet.apiclient.watch import LineSplitter

pytestmark = pytest.mark.looptime


def pod(name: str, version: str) -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="ns", resource_version=version))


class Script:
    """A small API: lists and watches come from queues, a watch waits for ever once its events are out."""

    def __init__(self) -> None:
        self.lists: list[Any] = []
        self.watches: list[list[Any]] = []
        self.asked: list[str] = []
        self.newest = "1000000"

    async def newest_version(self, path: str, **params: str) -> str:
        self.asked.append("version")
        return self.newest

    async def list(self, path: str, cls: type[Any], **params: str) -> Listing[Any]:
        self.asked.append(f"list {params.get('resourceVersion', '-')}")
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch(self, path: str, cls: type[Any], *, resource_version: str,
                    **params: str) -> AsyncIterator[WatchEvent[Any]]:
        self.asked.append(f"watch {resource_version}")
        if not self.watches:
            await asyncio.Event().wait()
        for item in self.watches.pop(0):
            if isinstance(item, Exception):
                raise item
            if isinstance(item, float):
                await asyncio.sleep(item)
                continue
            yield item


def added(name: str, version: str) -> WatchEvent[Pod]:
    return WatchEvent(EventType.ADDED, pod(name, version), version)


async def run(script: Script, seconds: float = 1.0, changes: list[list[str]] | None = None) -> Reflector[Pod]:
    def changed() -> None:
        if changes is not None:
            changes.append(sorted(item.metadata.name for item in reflector.items()))

    loop = asyncio.get_running_loop()
    reflector = Reflector(script, "/api/v1/pods", Pod, on_change=changed, monotonic=loop.time,
                          delay=RetryDelay(rng=random.Random(1)))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await reflector.run()
    return reflector


async def test_it_lists_then_follows() -> None:
    script, changes = Script(), []
    script.lists = [Listing((pod("a", "5"),), "7")]
    script.watches = [[added("b", "8"), WatchEvent(EventType.DELETED, pod("a", "9"), "9"),
                       WatchEvent(EventType.BOOKMARK, None, "20"), 5.0]]
    reflector = await run(script, 10, changes)
    assert changes == [["a"], ["a", "b"], ["b"]]
    assert reflector.synced.is_set()
    assert reflector.get("ns/b") == pod("b", "8")
    assert script.asked == ["list 0", "watch 7", "watch 20"]


async def test_it_lists_again_when_its_version_is_gone() -> None:
    script, changes = Script(), []
    script.lists = [Listing((pod("a", "5"),), "7"), Listing((pod("c", "30"),), "31")]
    script.watches = [[GoneError(410, "Expired", "too old")]]
    await run(script, 1, changes)
    assert changes == [["a"], ["c"]]
    assert script.asked == ["list 0", "watch 7", "list 0", "watch 31"]


async def test_it_keeps_its_copy_and_logs_once_while_the_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    script = Script()
    script.lists = [Listing((pod("a", "5"),), "7")]
    away = UnreachableError("refused")
    script.watches = [[away], [UnreachableError("reset")], [away], [added("b", "8")]]
    reflector = await run(script, 30)
    assert [item.metadata.name for item in reflector.items()] == ["a", "b"]
    assert script.asked == ["list 0", "watch 7", *["version", "watch 7"] * 3, "watch 8"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
    assert reflector.problem == ""


async def test_a_first_list_that_fails_is_retried() -> None:
    script = Script()
    script.lists = [UnreachableError("refused"), UnreachableError("refused"), Listing((), "7")]
    reflector = await run(script, 10)
    assert reflector.synced.is_set()
    assert script.asked == ["list 0", "list 0", "list 0", "watch 7"]


async def test_a_version_from_the_future_is_forgotten() -> None:
    script = Script()
    script.lists = [Listing((), "900"), Listing((), "50")]
    script.watches = [[error_of(504, "Timeout", "Too large resource version: 900, current: 50")]]
    await run(script, 10)
    assert script.asked == ["list 0", "watch 900", "list -", "watch 50"]


async def test_a_server_that_was_set_back_is_listed_anew() -> None:
    script, changes = Script(), []
    script.lists = [Listing((pod("a", "899"),), "900"), Listing((pod("b", "40"),), "50")]
    script.watches = [[UnreachableError("reset")]]
    script.newest = "50"
    await run(script, 10, changes)
    assert script.asked == ["list 0", "watch 900", "version", "list -", "watch 50"]
    assert changes == [["a"], ["b"]]


async def test_a_watch_that_ends_at_once_is_not_asked_in_a_tight_loop() -> None:
    script = Script()
    script.lists = [Listing((), "7")]
    script.watches = [[] for _ in range(100)]
    await run(script, 10)
    assert len(script.asked) < 8


def test_the_delay_doubles_to_its_limit_and_is_spread() -> None:
    delay = RetryDelay(rng=random.Random(3))
    waits = [delay.next() for _ in range(10)]
    for wait, base in zip(waits, [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30, 30], strict=True):
        assert base <= wait <= 2 * base
    delay.reset()
    assert delay.next() < 1.6


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_whole_however_they_are_cut(size: int) -> None:
    data = b'{"a":1}\n\n{"bb":22}\n{"ccc":3}\nrest'
    splitter = LineSplitter()
    lines = [line for at in range(0, len(data), size) for line in splitter.feed(data[at:at + size])]
    assert lines == [b'{"a":1}', b'{"bb":22}', b'{"ccc":3}']
