"""Directory (real inotify), URL (real HTTP), API server and mirrors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kubelet.api.types import ObjectMeta, Pod
from kubelet.apiclient import AlreadyExistsError, ForbiddenError, Listing, NotFoundError, WatchEvent
from kubelet.sources import ApiServerSource, DirectorySource, MirrorClient, PodSource, UrlSource
from kubelet.sources.directory import is_skipped
from kubelet.sources.manifest import Origin, read_pod


def manifest(name: str, image: str = "i") -> str:
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
            f"spec: {{containers: [{{name: c, image: {image}}}]}}\n")


class Seen:
    """The sets that a source publishes."""

    def __init__(self) -> None:
        self.sets: list[list[Pod]] = []
        self._news = asyncio.Event()

    def publish(self, pods: Sequence[Pod]) -> None:
        self.sets.append(list(pods))
        self._news.set()

    @property
    def names(self) -> list[str]:
        return [pod.metadata.name for pod in self.sets[-1]] if self.sets else ["nothing published"]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(source: PodSource) -> AsyncIterator[Seen]:
    seen = Seen()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(source.run(seen.publish))
        yield seen
        task.cancel()


def replace_file(directory: Path, name: str, text: str) -> None:
    """As careful writers do: beside, then renamed."""
    (directory / f".{name}.new").write_text(text)
    (directory / f".{name}.new").rename(directory / name)


async def test_a_directory_is_followed(tmp_path: Path) -> None:
    replace_file(tmp_path, "a.yaml", manifest("a"))
    async with running(DirectorySource(tmp_path, "n")) as seen:
        await seen.until(lambda: seen.names == ["a-n"])
        first = seen.sets[-1][0].metadata.uid
        (tmp_path / "b.json").write_text(manifest("b"))
        await seen.until(lambda: seen.names == ["a-n", "b-n"])
        replace_file(tmp_path, "a.yaml", manifest("a", "other"))
        await seen.until(lambda: seen.sets[-1][0].metadata.uid != first)
        (tmp_path / "b.json").unlink()
        await seen.until(lambda: seen.names == ["a-n"])
        (tmp_path / "away").mkdir()
        (tmp_path / "a.yaml").rename(tmp_path / "away" / "a.yaml")
        await seen.until(lambda: seen.names == [])


async def test_a_manifest_deleted_and_written_anew_goes_away_in_between(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    replace_file(tmp_path, "a.yaml", manifest("a"))
    replace_file(tmp_path, "b.yaml", manifest("b"))
    async with running(DirectorySource(tmp_path, "n")) as seen:
        await seen.until(lambda: seen.names == ["a-n", "b-n"])
        count = len(seen.sets)
        replace_file(tmp_path, "a.yaml", manifest("a"))  # by renaming onto it: only a change
        await seen.until(lambda: len(seen.sets) > count)
        assert all(len(pods) == 2 for pods in seen.sets[count:])
        count = len(seen.sets)
        path.unlink()
        path.write_text(manifest("a"))
        await seen.until(lambda: len(seen.sets) > count + 1 and seen.names == ["a-n", "b-n"])
        assert [pod.metadata.name for pod in seen.sets[count]] == ["b-n"]


async def test_a_manifest_moved_away_and_another_moved_in_goes_away_in_between(tmp_path: Path) -> None:
    """As kubeadm restarts a static pod whose manifest stays the same."""
    directory, backup = tmp_path / "manifests", tmp_path / "backup.yaml"
    directory.mkdir()
    path = directory / "a.yaml"
    replace_file(directory, "a.yaml", manifest("a"))
    async with running(DirectorySource(directory, "n")) as seen:
        await seen.until(lambda: seen.names == ["a-n"])
        first, count = seen.sets[-1][0], len(seen.sets)
        (tmp_path / "new.yaml").write_text(manifest("a"))
        path.rename(backup)
        (tmp_path / "new.yaml").rename(path)
        await seen.until(lambda: len(seen.sets) > count + 1 and seen.names == ["a-n"])
        assert seen.sets[count] == []
        assert seen.sets[-1][0].metadata.uid == first.metadata.uid


async def test_a_manifest_that_an_editor_moves_away_and_writes_broken_stays_in_force(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    replace_file(tmp_path, "a.yaml", manifest("a"))
    source = DirectorySource(tmp_path, "n", now=lambda: 5e9)
    async with running(source) as seen:
        await seen.until(lambda: seen.names == ["a-n"])
        count = len(seen.sets)
        path.rename(tmp_path / "a.yaml~")
        path.write_text("kind: [")
        await seen.until(lambda: bool(source.problems()))
        assert all(len(pods) == 1 for pods in seen.sets[count:])


async def test_a_bad_manifest_never_hides_the_good_ones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    replace_file(tmp_path, "good.yaml", manifest("good"))
    replace_file(tmp_path, "bad.yaml", "kind: [")
    replace_file(tmp_path, "twin.yaml", manifest("good"))
    (tmp_path / "below").mkdir()
    source = DirectorySource(tmp_path, "n", now=lambda: 5e9)
    async with running(source) as seen:
        await seen.until(lambda: "good-n" in seen.names)
        problems = {problem.location.rpartition("/")[2]: str(problem) for problem in source.problems()}
        assert set(problems) == {"bad.yaml", "twin.yaml", "below"}
        assert problems["bad.yaml"].startswith(f"{tmp_path}/bad.yaml: line 2, column 1: not valid YAML")
        assert problems["twin.yaml"] == (f"{tmp_path}/twin.yaml: metadata.name: names the pod default/good-n, as "
                                         f"{tmp_path}/good.yaml does; give it another name")
        count = len(seen.sets)
        (tmp_path / "good.yaml").touch()
        await seen.until(lambda: len(seen.sets) > count)
        assert caplog.text.count("bad.yaml") == 1
        replace_file(tmp_path, "bad.yaml", manifest("mended"))
        await seen.until(lambda: "mended-n" in seen.names)
        assert not any(problem.location.endswith("bad.yaml") for problem in source.problems())


async def test_a_manifest_that_turns_bad_leaves_its_pod_as_it_was(tmp_path: Path) -> None:
    replace_file(tmp_path, "a.yaml", manifest("a"))
    source = DirectorySource(tmp_path, "n", now=lambda: 5e9)
    async with running(source) as seen:
        await seen.until(lambda: seen.names == ["a-n"])
        pod = seen.sets[-1][0]
        replace_file(tmp_path, "a.yaml", manifest("a", "''"))
        await seen.until(lambda: bool(source.problems()))
        assert seen.sets[-1] == [pod]
        assert source.problems()[0].keeps_running
        assert source.problems()[0].pod is not None
        assert source.problems()[0].path == "spec.containers[0].image"


async def test_a_manifest_being_written_is_given_time(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path, "n")
    async with running(source) as seen:
        await seen.until(lambda: seen.names == [])
        text = manifest("slow")
        with (tmp_path / "slow.yaml").open("w") as file:
            file.write(text[:40])
            file.flush()
            count = len(seen.sets)
            await seen.until(lambda: len(seen.sets) > count)
            assert source.problems() == []
            file.write(text[40:])
        await seen.until(lambda: seen.names == ["slow-n"])


async def test_a_directory_may_come_later_and_go(tmp_path: Path) -> None:
    directory = tmp_path / "manifests"
    source = DirectorySource(directory, "n", period=0.05)
    async with running(source) as seen:
        await seen.until(lambda: seen.names == [])
        assert [str(problem) for problem in source.problems()] == [
            f"{directory}: does not exist; make it, or correct staticPodPath"]
        directory.mkdir()
        replace_file(directory, "a.yaml", manifest("a"))
        await seen.until(lambda: seen.names == ["a-n"])
        assert source.problems() == []
        (directory / "a.yaml").unlink()
        directory.rmdir()
        await seen.until(lambda: seen.names == [])
        directory.mkdir()
        replace_file(directory, "b.yaml", manifest("b"))
        await seen.until(lambda: seen.names == ["b-n"])


async def test_a_single_file(tmp_path: Path) -> None:
    replace_file(tmp_path, "one.yaml", manifest("one"))
    replace_file(tmp_path, "two.yaml", manifest("two"))
    async with running(DirectorySource(tmp_path / "one.yaml", "n")) as seen:
        await seen.until(lambda: seen.names == ["one-n"])
        replace_file(tmp_path, "one.yaml", manifest("uno"))
        await seen.until(lambda: seen.names == ["uno-n"])


@pytest.mark.parametrize(("name", "skipped"), [
    (".hidden", True), ("a.yaml~", True), (".a.yaml.swp", True), ("#a.yaml#", True), ("4913", True), ("a.swp", True),
    ("a.yaml", False), ("a.json", False), ("no-suffix", False), ("49134", False), ("a#b", False),
])
def test_leavings_of_editors(name: str, skipped: bool) -> None:
    assert is_skipped(name) is skipped


class Site:
    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.headers: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.headers = request.headers.getall("X-Key", [])
        return web.Response(status=self.status, body=self.body)


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    running_site = Site()
    app = web.Application()
    app.router.add_get("/pods", running_site.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    running_site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/pods"
    try:
        yield running_site
    finally:
        await runner.cleanup()


async def test_a_url_of_one_pod_then_a_list(caplog: pytest.LogCaptureFixture) -> None:
    async with site() as there:
        there.body = manifest("one").encode()
        source = UrlSource(there.url, "n", headers={"X-Key": ("a", "b")}, period=0.01)
        async with running(source) as seen:
            await seen.until(lambda: seen.names == ["one-n"])
            assert there.headers == ["a", "b"]
            there.body = b"apiVersion: v1\nkind: PodList\nitems:\n" + b"".join(
                b"- {metadata: {name: %s}, spec: {containers: [{name: c, image: %s}]}}\n" % item
                for item in ((b"x", b"i"), (b"bad", b"''"), (b"z", b"i")))
            await seen.until(lambda: seen.names == ["x-n", "z-n"])
            assert [str(problem) for problem in source.problems()] == [
                f"{there.url} items[1]: spec.containers[0].image: is missing; name an image"]
            there.status = 500
            async with asyncio.timeout(5):
                while "answered HTTP 500" not in caplog.text:  # noqa: ASYNC110  # nothing tells of it
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert caplog.text.count("answered HTTP 500") == 1
            assert seen.names == ["x-n", "z-n"]
            there.status, there.body = 200, b""
            await seen.until(lambda: seen.names == [])


async def test_a_url_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    source = UrlSource("http://127.0.0.1:1/pods", "n", period=0.01)
    async with running(source) as seen:
        async with asyncio.timeout(5):
            while not source.problems():  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)
        assert "cannot be read: Cannot connect" in str(source.problems()[0])
        assert seen.sets == []


class Api:
    """One list, one event, then silence; and a small store for mirrors."""

    def __init__(self) -> None:
        self.selector = ""
        self.stored: dict[str, Pod] = {}
        self.error: Exception | None = None

    async def newest_version(self, path: str, **params: str) -> str:
        return "1"

    async def list(self, path: str, cls: type[Any], **params: str) -> Listing[Any]:
        self.selector = params["fieldSelector"]
        return Listing((Pod(metadata=ObjectMeta(name="a")),), "1")

    async def watch(self, path: str, cls: type[Any], *, resource_version: str,
                    **params: str) -> AsyncIterator[WatchEvent[Any]]:
        await asyncio.Event().wait()
        yield

    async def get(self, path: str, cls: type[Any], **params: str) -> Any:
        return self.stored[path]

    async def create(self, path: str, body: Any, cls: type[Any]) -> Any:
        if self.error is not None:
            raise self.error
        self.stored[f"{path}/{body.metadata.name}"] = body
        return body

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        if self.error is not None:
            raise self.error
        del self.stored[path]


async def test_the_api_source_asks_for_its_own_pods_once_ready() -> None:
    api, ready = Api(), asyncio.Event()
    async with running(ApiServerSource(api, "node-1", ready=ready)) as seen:
        await asyncio.sleep(0)
        assert seen.sets == []
        ready.set()
        await seen.until(lambda: seen.names == ["a"])
        assert api.selector == "spec.nodeName=node-1"


async def test_mirrors() -> None:
    api, uid = Api(), ""
    mirrors = MirrorClient(api, "node-1", lambda: uid)
    static = read_pod(manifest("web").encode(), Origin("/m", is_file=True, node_name="node-1")).pod
    assert not await mirrors.create(static)
    uid = "node-uid"
    assert await mirrors.create(static)
    path = "/api/v1/namespaces/default/pods/web-node-1"
    created = api.stored[path]
    assert created.metadata.annotations["kubernetes.io/config.mirror"] == static.metadata.uid
    owner = created.metadata.owner_references[0]
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("Node", "node-1", "node-uid", True)
    api.error = AlreadyExistsError(409, "AlreadyExists", "")
    assert await mirrors.create(static)
    other = read_pod(manifest("web", "j").encode(), Origin("/m", is_file=True, node_name="node-1")).pod
    assert not await mirrors.create(other)
    for error in (NotFoundError(404, "NotFound", ""), ForbiddenError(403, "Forbidden", "no")):
        api.error = error
        assert not await mirrors.delete("web-node-1_default")
    api.error = None
    assert await mirrors.delete("web-node-1_default", "u")
    assert api.stored == {}
