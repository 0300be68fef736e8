"""An HTTP server that behaves like an API server for one resource, on a real socket in the test's own loop."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

PODS = "/api/v1/pods"


@dataclass
class FakeApiServer:
    """Pods by name, one global resource version, watches that replay what came after a version."""

    url: str = ""
    version: int = 100
    oldest: int = 0
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    requests: list[web.BaseRequest] = field(default_factory=list)
    answers: list[Callable[[web.Request], web.StreamResponse]] = field(default_factory=list)
    """Taken one per request before the ordinary behaviour."""
    bookmark_and_end: bool = False
    breaks: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def put(self, name: str, event: str = "ADDED", **spec: Any) -> None:
        async with self._changed:
            self.version += 1
            pod = {"kind": "Pod", "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}",
                                               "resourceVersion": str(self.version)},
                   "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
            if event == "DELETED":
                self.pods.pop(name, None)
            else:
                self.pods[name] = pod
            self.history.append((self.version, event, pod))
            self._changed.notify_all()

    async def set_back(self, version: int, pods: dict[str, dict[str, Any]]) -> None:
        """The storage is restored from a backup: versions and pods are what they were, and every watch breaks off."""
        async with self._changed:
            self.version, self.pods, self.history = version, pods, []
            self.breaks += 1
            self._changed.notify_all()

    def forget_history(self) -> None:
        """Every version before now is too old, as after etcd compaction."""
        self.history.clear()
        self.oldest = self.version

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)(request)
        if request.query.get("watch") == "true":
            return await self.watch(request)
        if request.method == "GET" and request.path == PODS:
            return web.json_response({"kind": "PodList", "metadata": {"resourceVersion": str(self.version)},
                                      "items": list(self.pods.values())})
        name = request.path.rsplit("/", 1)[-1]
        if request.method == "GET" and name in self.pods:
            return web.json_response(self.pods[name])
        if request.method == "DELETE" and name in self.pods:
            options = msgspec.json.decode(await request.read())
            wanted = options.get("preconditions", {}).get("uid")
            if wanted and wanted != self.pods[name]["metadata"]["uid"]:
                return status(409, "Conflict", f"the UID in the precondition ({wanted}) does not match")
            await self.put(name, "DELETED")
            return web.json_response({"kind": "Status", "status": "Success"})
        if request.method in ("PATCH", "POST", "PUT"):
            return web.json_response({"metadata": {"name": "echo", "annotations": {
                "body": (await request.read()).decode(), "type": request.headers["Content-Type"]}}})
        return status(404, "NotFound", f'pods "{name}" not found')

    async def watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query.get("resourceVersion", "0") or 0)
        if since and since < self.oldest:
            return status(410, "Expired", f"too old resource version: {since}")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        breaks = self.breaks
        while True:
            if self.breaks != breaks:
                assert request.transport is not None
                request.transport.abort()
                return response
            for version, event, pod in list(self.history):
                if version > since:
                    await response.write(line(event, pod))
                    since = version
            if self.bookmark_and_end:
                await response.write(line("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "777"}}))
                return response
            async with self._changed:
                await self._changed.wait()


def line(event: str, item: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": event, "object": item}) + b"\n"


def status(code: int, reason: str, message: str, **headers: str) -> web.Response:
    return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                              "reason": reason, "message": message}, status=code,
                             headers={name.replace("_", "-"): value for name, value in headers.items()})


@asynccontextmanager
async def serving(server: FakeApiServer | None = None,
                  tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeApiServer]:
    server = server or FakeApiServer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    address = runner.addresses[0]
    server.url = f"{'https' if tls else 'http'}://{address[0]}:{address[1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
