"""Statuses on their way to an API server that is slow, in conflict, away, behind or set back.

The real client, reflector, source and status manager against a server on a socket."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from fake_api_server import FakeApiServer, serving, status

from kubelet.api.types import ContainerState, ContainerStateWaiting, ContainerStatus, Pod, PodStatus
from kubelet.apiclient import ApiClient, ClusterAccess, RetryDelay
from kubelet.podmanager import PodManager
from kubelet.podstatus import StatusManager
from kubelet.podstatus import manager as manager_module
from kubelet.sources import PodConfig, PodOp
from kubelet.sources.apiserver import ApiServerSource


def merge(old: Any, change: Any) -> Any:
    """A strategic merge, as far as the statuses of this file go: maps are merged, null deletes."""
    if not isinstance(change, dict):
        return change
    result = dict(old or {})
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class PodServer(FakeApiServer):
    """The pods' /status is patched as the real server does it; `pause` makes writes slow."""

    def __init__(self) -> None:
        super().__init__()
        self.pause = 0.0
        self.away = False
        self.in_flight: dict[str, int] = {}
        self.patches = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if request.method != "PATCH" or self.answers:
            return await super().handle(request)
        name = request.path.split("/")[-2]
        self.in_flight[name] = self.in_flight.get(name, 0) + 1
        assert self.in_flight[name] == 1, "one write in flight per pod"
        try:
            await asyncio.sleep(self.pause)
            if name not in self.pods:
                return status(404, "NotFound", f'pods "{name}" not found')
            body = msgspec.json.decode(await request.read())
            self.patches += 1
            merged = merge(self.pods[name].get("status", {}), body["status"])
            await self.put(name, "MODIFIED")
            self.pods[name]["status"] = merged
            return web.json_response(self.pods[name])
        finally:
            self.in_flight[name] -= 1

    def phase(self, name: str) -> str:
        return str(self.pods.get(name, {}).get("status", {}).get("phase", ""))


class Recorder:
    def event(self, *_: Any, **__: Any) -> None:
        """Nobody reads events here."""


class Node:
    """What of a node knows the API server: pods from the watch, statuses to it."""

    def __init__(self, client: ApiClient) -> None:
        self.pods = PodManager()
        self.source = ApiServerSource(client, "n")
        self.source._reflector._delay = RetryDelay(0.02, 0.1, random.Random(1))
        self.config = PodConfig([self.source], Recorder())
        self.manager = StatusManager(client, self.pods)
        self.seen: list[tuple[PodOp, str]] = []

    async def follow(self) -> None:
        while True:
            change = await self.config.changes.get()
            for pod in change.pods:
                self.seen.append((change.op, pod.metadata.name))
                if change.op is PodOp.REMOVE:
                    self.pods.remove(pod)
                else:
                    self.pods.put(pod)
                    self.manager.pod_changed(pod)

    def pod(self, name: str) -> Pod:
        return next(pod for pod in self.pods.pods() if pod.metadata.name == name)

    def say(self, name: str, phase: str = "Running", message: str = "") -> None:
        waiting = ContainerState(waiting=ContainerStateWaiting(reason="ErrImagePull", message=message))
        container = ContainerStatus(name="c", image="i", image_id="", ready=False, restart_count=0, state=waiting)
        self.manager.set(self.pod(name), PodStatus(phase=phase, container_statuses=(container,)))


@asynccontextmanager
async def node(server: PodServer) -> AsyncIterator[Node]:
    async with ApiClient(ClusterAccess("test", server.url), qps=0, timeout=5) as client:
        made = Node(client)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in (made.config.run(), made.follow(), made.manager.run())]
            yield made
            for task in tasks:
                task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # the server's state has no event
            await asyncio.sleep(0.01)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PodServer]:
    monkeypatch.setattr(manager_module, "PASS_SECONDS", 0.2)
    monkeypatch.setattr(manager_module, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(manager_module, "LAST_RETRY_SECONDS", 0.1)
    async with serving(PodServer()) as made:
        assert isinstance(made, PodServer)
        yield made


async def test_a_server_that_was_set_back_hears_everything_again(server: PodServer) -> None:
    await server.put("kept")
    backup = server.version, copy.deepcopy(server.pods)
    async with node(server) as agent:
        await until(lambda: len(agent.pods.pods()) == 1)
        await server.put("younger")
        await until(lambda: len(agent.pods.pods()) == 2)
        for name in ("kept", "younger"):
            agent.say(name)
        await until(lambda: server.phase("kept") == server.phase("younger") == "Running")
        await server.set_back(*backup)
        assert server.phase("kept") == ""
        await until(lambda: server.phase("kept") == "Running")
        await until(lambda: (PodOp.REMOVE, "younger") in agent.seen)
        agent.say("kept", message="news")
        await until(lambda: "news" in str(server.pods["kept"]["status"]))


async def test_a_slow_server_has_one_write_per_pod_and_gets_the_newest(server: PodServer) -> None:
    await server.put("a")
    server.pause = 0.1
    async with node(server) as agent:
        await until(lambda: len(agent.pods.pods()) == 1)
        for number in range(20):
            agent.say("a", message=f"word {number}")
            await asyncio.sleep(0.01)
        await until(lambda: "word 19" in str(server.pods["a"].get("status")))
        assert server.patches <= 5


async def test_conflicts_and_errors_are_tried_again_after_reading(server: PodServer) -> None:
    await server.put("a")
    async with node(server) as agent:
        await until(lambda: len(agent.pods.pods()) == 1)
        server.answers = [
            lambda _: status(409, "Conflict", "the object has been modified"),
            lambda request: web.json_response(server.pods["a"]) if request.method == "GET" else status(500, "", ""),
            lambda _: status(503, "ServiceUnavailable", "try later", Retry_After="0"),
        ]
        agent.say("a")
        await until(lambda: server.phase("a") == "Running")
        assert [request.method for request in server.requests if "/pods/a" in request.path].count("GET") >= 1


async def test_expired_watches_lose_nothing(server: PodServer) -> None:
    await server.put("stays")
    await server.put("goes")
    async with node(server) as agent:
        await until(lambda: len(agent.pods.pods()) == 2)
        server.pods.pop("goes")
        server.version += 10
        server.forget_history()
        await server.set_back(server.version, server.pods)
        server.forget_history()
        await until(lambda: [pod.metadata.name for pod in agent.pods.pods()] == ["stays"])
        agent.say("stays")
        await until(lambda: server.phase("stays") == "Running")


async def test_after_a_partition_the_newest_status_arrives_by_one_write(server: PodServer) -> None:
    """The server answers nothing useful for a long time, by the agent's measure: dozens of failed tries."""
    await server.put("a")
    async with node(server) as agent:
        await until(lambda: len(agent.pods.pods()) == 1)
        server.away = True
        await server.set_back(server.version, server.pods)
        for number in range(10):
            agent.say("a", message=f"word {number}")
            await asyncio.sleep(0.05)
        assert agent.manager.pending() == 1 and server.patches == 0
        server.away = False
        await until(lambda: agent.manager.pending() == 0)
        assert "word 9" in str(server.pods["a"]["status"])
        assert server.patches == 1

