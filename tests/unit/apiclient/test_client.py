"""Requests and watches over real HTTP."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web
from fake_api_server import PODS, FakeApiServer, line, serving, status

from kubelet.api.types import Node, Pod
from kubelet.apiclient import (
    JSON_MERGE,
    STRATEGIC_MERGE,
    AlreadyExistsError,
    ApiClient,
    ApiError,
    ClusterAccess,
    ConflictError,
    EventType,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
    WatchEvent,
)
from kubelet.apiclient.kubeconfig import ExecPlugin, Material
from kubelet.apiclient.paths import pod

POD = pod("default", "a")


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with serving() as running:
        yield running


@pytest.fixture
async def client(server: FakeApiServer) -> AsyncIterator[ApiClient]:
    async with ApiClient(ClusterAccess("test", server.url), timeout=5) as running:
        yield running


async def test_get_decodes_and_says_who_asks(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    found = await client.get(POD, Pod)
    assert found.spec.containers[0].image == "i"
    assert server.requests[-1].headers["User-Agent"].startswith("kubelet/v1.36.3 (linux/")


async def test_list_gives_the_version_to_watch_from(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    await server.put("b")
    listing = await client.list(PODS, Pod, fieldSelector="spec.nodeName=n")
    assert [item.metadata.name for item in listing.items] == ["a", "b"]
    assert listing.resource_version == "102"
    assert server.requests[-1].query["fieldSelector"] == "spec.nodeName=n"


async def test_one_unreadable_item_does_not_hide_the_others(
        server: FakeApiServer, client: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    await server.put("good")
    await server.put("odd", containers="none")
    assert [item.metadata.name for item in (await client.list(PODS, Pod)).items] == ["good"]
    assert "$.spec.containers" in caplog.text


async def test_a_list_in_pages_is_one_listing(server: FakeApiServer, client: ApiClient) -> None:
    page = lambda name, more: lambda _: web.json_response(  # noqa: E731
        {"metadata": {"resourceVersion": "5", "continue": more}, "items": [{"metadata": {"name": name}}]})
    server.answers += [page("a", "token"), page("b", "")]
    assert [item.metadata.name for item in (await client.list(PODS, Pod)).items] == ["a", "b"]
    assert server.requests[-1].query["continue"] == "token"


async def test_patches_carry_their_content_type(client: ApiClient) -> None:
    echo = await client.patch(POD, {"status": {"phase": None}}, Pod)
    assert echo.metadata.annotations == {"body": '{"status":{"phase":null}}', "type": STRATEGIC_MERGE}
    assert (await client.patch(POD, {}, Pod, JSON_MERGE)).metadata.annotations["type"] == JSON_MERGE


async def test_a_delete_meets_only_the_uid_it_means(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    with pytest.raises(ConflictError):
        await client.delete(POD, uid="another", grace_seconds=0)
    await client.delete(POD, uid="uid-a", grace_seconds=0)
    assert "a" not in server.pods


@pytest.mark.parametrize(("code", "reason", "expected"), [
    (401, "Unauthorized", UnauthorizedError), (403, "Forbidden", ForbiddenError), (404, "NotFound", NotFoundError),
    (409, "Conflict", ConflictError), (409, "AlreadyExists", AlreadyExistsError), (410, "Expired", GoneError),
    (422, "Invalid", InvalidError), (429, "TooManyRequests", TooManyRequestsError), (500, "InternalError", ServerError),
    (503, "ServiceUnavailable", ServerError), (400, "BadRequest", ApiError),
])
async def test_each_status_is_its_error(server: FakeApiServer, client: ApiClient, code: int, reason: str,
                                        expected: type[ApiError]) -> None:
    server.answers.append(lambda _: status(code, reason, "because"))
    with pytest.raises(ApiError) as caught:
        await client.get(POD, Pod)
    assert type(caught.value) is expected
    assert (caught.value.status, caught.value.reason, caught.value.message) == (code, reason, "because")


async def test_an_answer_of_something_else_than_an_api_server(server: FakeApiServer, client: ApiClient) -> None:
    server.answers.append(lambda _: web.Response(status=502, text="<html>\nbad gateway</html>"))
    with pytest.raises(ServerError, match=r"GET /api/v1/.*: HTTP 502: <html> bad gateway</html>"):
        await client.get(POD, Pod)


async def test_it_repeats_when_the_server_says_when(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    server.answers += [lambda _: status(429, "TooManyRequests", "later", Retry_After="0"),
                       lambda _: status(503, "ServiceUnavailable", "starting", Retry_After="0")]
    assert (await client.get(POD, Pod)).metadata.name == "a"
    assert len(server.requests) == 3


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with ApiClient(ClusterAccess("t", f"http://127.0.0.1:{taken.getsockname()[1]}"), timeout=5) as client:
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:\d+: .*Connect call failed") as caught:
                await client.get(POD, Pod)
    assert caught.value.may_pass
    assert "\n" not in str(caught.value)


async def test_a_server_that_never_answers() -> None:
    class Silent(FakeApiServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

    async with serving(Silent()) as server, ApiClient(ClusterAccess("t", server.url), timeout=0.05) as client:
        with pytest.raises(UnreachableError, match=r"no answer within 0.05 s"):
            await client.get(POD, Pod)
        with pytest.raises(UnreachableError, match="in time"):
            await anext(client.watch(PODS, Pod, resource_version="1"))


async def test_a_watch_follows_and_ends_when_closed(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    async with aclosing(client.watch(PODS, Pod, resource_version="100")) as events:
        first = await anext(events)
        await server.put("a", "MODIFIED", nodeName="n")
        second = await anext(events)
        await server.put("a", "DELETED")
        third = await anext(events)
    assert [event.type for event in (first, second, third)] == ["ADDED", "MODIFIED", "DELETED"]
    assert second.object is not None
    assert second.object.spec.node_name == "n"
    assert third.resource_version == "103"
    assert 300 <= int(server.requests[-1].query["timeoutSeconds"]) <= 600
    assert server.requests[-1].query["allowWatchBookmarks"] == "true"


async def test_a_bookmark_carries_a_version_only(server: FakeApiServer, client: ApiClient) -> None:
    server.bookmark_and_end = True
    events = [event async for event in client.watch(PODS, Pod, resource_version="100")]
    assert events == [WatchEvent(EventType.BOOKMARK, None, "777")]


async def test_gone_as_status_and_as_event(server: FakeApiServer, client: ApiClient) -> None:
    await server.put("a")
    server.forget_history()
    with pytest.raises(GoneError):
        await anext(client.watch(PODS, Pod, resource_version="5"))
    server.answers.append(lambda _: web.Response(body=line("ERROR", {
        "kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})))
    with pytest.raises(GoneError, match="too old"):
        await anext(client.watch(PODS, Pod, resource_version="101"))


async def test_a_watch_that_speaks_garbage(server: FakeApiServer, client: ApiClient) -> None:
    server.answers.append(lambda _: web.Response(body=b"<html>\n"))
    with pytest.raises(ServerError, match="not a watch event"):
        await anext(client.watch(PODS, Pod, resource_version="101"))


async def test_a_token_file_is_read_again(server: FakeApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    clock = [0.0]
    access = ClusterAccess("t", server.url, token=Material(file=token, where="tokenFile"))
    async with ApiClient(access, monotonic=lambda: clock[0]) as client:
        await server.put("a")
        await client.get(POD, Pod)
        token.write_text("two")
        await client.get(POD, Pod)
        clock[0] += 60
        await client.get(POD, Pod)
        token.write_text("")
        clock[0] += 60
        await client.get(POD, Pod)
    assert [request.headers["Authorization"] for request in server.requests] == [
        "Bearer one", "Bearer one", "Bearer two", "Bearer two"]


async def test_a_refused_token_is_read_again_at_once(server: FakeApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    access = ClusterAccess("t", server.url, token=Material(file=token, where="tokenFile"))
    async with ApiClient(access) as client:
        await server.put("a")
        await client.get(POD, Pod)
        token.write_text("two")
        server.answers.append(lambda _: status(401, "Unauthorized", "expired"))
        await client.get(POD, Pod)
    assert server.requests[-1].headers["Authorization"] == "Bearer two"


PLUGIN = """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
calls = open(sys.argv[1], "a"); calls.write("called\\n"); calls.close()
if sys.argv[2] == "fail": sys.exit("no session:\\nlog in first")
print(json.dumps({"kind": "ExecCredential", "apiVersion": info["apiVersion"],
                  "status": {"token": os.environ["PREFIX"] + info["spec"]["cluster"]["server"][:4],
                             "expirationTimestamp": "2999-01-01T00:00:00Z"}}))
"""


def plugin(tmp_path: Path, mode: str) -> ExecPlugin:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    return ExecPlugin(sys.executable, "client.authentication.k8s.io/v1", (
        str(tmp_path / "plugin.py"), str(tmp_path / "calls"), mode), (("PREFIX", "p-"),), provide_cluster_info=True)


async def test_an_exec_plugin_is_asked_once_per_token(server: FakeApiServer, tmp_path: Path) -> None:
    await server.put("a")
    async with ApiClient(ClusterAccess("t", server.url, exec_plugin=plugin(tmp_path, "ok"))) as client:
        await asyncio.gather(client.get(POD, Pod), client.get(POD, Pod))
        assert server.requests[-1].headers["Authorization"] == "Bearer p-http"
        assert (tmp_path / "calls").read_text() == "called\n"
        server.answers.append(lambda _: status(401, "Unauthorized", "revoked"))
        await client.get(POD, Pod)
        assert (tmp_path / "calls").read_text() == "called\n" * 2


async def test_a_failing_exec_plugin_is_quoted_and_not_hammered(server: FakeApiServer, tmp_path: Path) -> None:
    async with ApiClient(ClusterAccess("conf", server.url, exec_plugin=plugin(tmp_path, "fail"))) as client:
        for _ in range(3):
            with pytest.raises(UnauthorizedError, match=r"kubeconfig conf: .* ended with 1: no session: log in first"):
                await client.get(POD, Pod)
    assert (tmp_path / "calls").read_text() == "called\n"


async def test_a_missing_exec_plugin_says_how_to_get_it(server: FakeApiServer) -> None:
    absent = ExecPlugin("no-such-plugin", "client.authentication.k8s.io/v1", install_hint="ask your admin")
    async with ApiClient(ClusterAccess("t", server.url, exec_plugin=absent)) as client:
        with pytest.raises(UnauthorizedError, match="no-such-plugin is not found; ask your admin"):
            await client.get("/api/v1/nodes/n", Node)


async def test_a_proxy_is_used_where_named(server: FakeApiServer) -> None:
    server.answers.append(lambda _: web.json_response({"metadata": {"name": "via-proxy"}}))
    async with ApiClient(ClusterAccess("t", "http://apiserver.invalid", proxy_url=server.url)) as client:
        assert (await client.get("/api/v1/nodes/n", Node)).metadata.name == "via-proxy"
    assert server.requests[-1].headers["Host"] == "apiserver.invalid"


async def test_secrets_stay_out_of_the_logs(server: FakeApiServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    access = ClusterAccess("t", server.url, token=Material(inline=b"s3cret", where="token"), basic=("u", "s3cret"))
    async with ApiClient(access) as client:
        with pytest.raises(NotFoundError):
            await client.get(POD, Pod)
    assert "s3cret" not in caplog.text + repr(access)


async def test_each_request_is_told_with_its_status_or_that_there_was_none(server: FakeApiServer) -> None:
    told: list[tuple[str, str, str]] = []
    async with ApiClient(ClusterAccess("t", server.url)) as client:
        client.on_request = lambda method, host, code, _: told.append((method, host, code))
        await server.put("a")
        async with client.limited(qps=0, burst=0) as other:
            await other.get(POD, Pod)
        server.answers.append(lambda _: web.Response(status=500, body=b"{}"))
        with pytest.raises(ServerError):
            await client.get(POD, Pod)
    async with ApiClient(ClusterAccess("t", "http://127.0.0.1:1")) as client:
        client.on_request = lambda method, host, code, _: told.append((method, host, code))
        with pytest.raises(UnreachableError):
            await client.get(POD, Pod)
    host = server.url.removeprefix("http://")
    assert told == [("GET", host, "200"), ("GET", host, "500"), ("GET", "127.0.0.1:1", "<error>")]
