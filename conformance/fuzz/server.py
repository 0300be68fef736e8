"""Requests from a grammar to the kubelet's whole HTTP server, over sockets: paths, methods, query strings, headers,
upgrades and broken heads, mixed. No answer may be a defect's 500, no connection may hang, and the process may not grow.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from conformance.fuzz.targets import PARAMETERS
from kubelet.api.types import Container, ObjectMeta, Pod, PodSpec
from kubelet.metrics import KubeletMetrics
from kubelet.server import routes
from kubelet.server.authentication import Authenticator
from kubelet.server.authorization import AlwaysAllow
from kubelet.server.handlers import Handlers
from kubelet.server.server import KubeletServer
from kubelet.server.settings import ServerSettings

CONNECTIONS = 4
ANSWER_SECONDS = 20.0
MAX_GROWTH_BYTES = 48 << 20
DEFECT = b"Internal Server Error"
_METHODS = ("GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW", "get", "")
_VALUES = ("", "1", "true", "-1", "0", "99999999999999999999", "%00", "%ff", "a" * 300, "2024-01-01T00:00:00Z", "/..")
_HEADERS: Mapping[str, Sequence[str]] = {
    "Upgrade": ("SPDY/3.1", "websocket", "h2c", ""), "Connection": ("Upgrade", "close", "keep-alive", "x"),
    "X-Stream-Protocol-Version": ("v4.channel.k8s.io", "none", ""),
    "Sec-WebSocket-Key": ("dGhlIHNhbXBsZSBub25jZQ==", "x"), "Sec-WebSocket-Version": ("13", "x"),
    "Sec-WebSocket-Protocol": ("v5.channel.k8s.io", "SPDY/3.1+portforward.k8s.io"),
    "Accept": ("*/*", "application/json;v=v1beta1;g=config.k8s.io;as=Flagz", ";;;"), "Accept-Encoding": ("gzip", "x"),
    "Authorization": ("Bearer x", "Bearer", "Basic eDp5", "\x80"), "Content-Length": ("0", "3", "-1", "x"),
    "Transfer-Encoding": ("chunked", "gzip"), "Content-Type": ("application/x-www-form-urlencoded", "x"),
    "X": ("y" * 2000,),
}  # fmt: skip


class ServerDefectError(Exception):
    """What the server did and should not have; the message ends with the request."""


@dataclass
class _Node:
    """One pod without containers that ran."""

    known: list[Pod] = field(default_factory=lambda: [Pod(
        api_version="v1", kind="Pod", metadata=ObjectMeta(name="web", namespace="default", uid="u"),
        spec=PodSpec(containers=(Container(name="c", image="i"),)))])

    def pods(self) -> Sequence[Pod]:
        return self.known

    def pod_by_name(self, namespace: str, name: str) -> Pod | None:
        return self.known[0] if (namespace, name) == ("default", "web") else None

    async def running_pods(self) -> Sequence[Pod]:
        return self.known

    async def log_path(self, pod: Pod, container_id: str) -> Path | None:  # noqa: ARG002 - nothing has run
        return None

    async def is_running(self, container_id: str) -> bool:  # noqa: ARG002 - nothing has run
        return False

    def checks(self) -> Mapping[str, str]:
        return {"ping": "", "log": "", "syncloop": ""}

    def configz(self) -> Mapping[str, Any]:
        return {"kind": "KubeletConfiguration"}

    def flags(self) -> Mapping[str, str]:
        return {"port": "10250"}


@asynccontextmanager
async def serving(log_root: Path) -> AsyncIterator[int]:
    """The port of a server whose callers may do everything."""
    node = _Node()
    settings = ServerSettings("node", address="127.0.0.1", port=0, healthz_port=0, log_root=log_root,
                              enable_system_log_query=True)
    metrics = KubeletMetrics("node")
    handlers = Handlers(settings, node, node, node, metrics)
    server = KubeletServer(settings, handlers, Authenticator(None, anonymous=True), AlwaysAllow(), metrics, None)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.started.wait()
        yield server.bound_ports["main"]
        task.cancel()


def request(rng: random.Random) -> bytes:
    """One request, right or wrong."""
    route = rng.choice(routes.ROUTES)
    known = {"{namespace}": "default", "{pod}": "web", "{container}": "c", "{uid}": "u", "{check}": "ping", "{*}": "x"}
    if route.handler is routes.Handler.PPROF:
        known["{*}"] = rng.choice(("heap", "cmdline", "nothing", ""))
    segments = [known.get(part, part) if rng.random() < 0.9 else _text(rng) for part in route.segments]
    target = "/" + "/".join(segments) + ("/" if rng.random() < 0.2 else "")
    pairs = [f"{rng.choice(PARAMETERS)}={rng.choice(_VALUES) if rng.random() < 0.7 else _text(rng)}"
             for _ in range(rng.randrange(5))]
    pairs = [pair for pair in pairs if not pair.startswith("follow")]
    query = f"?{'&'.join(pairs)}" if pairs else ""
    lines = [f"{rng.choice(_METHODS)} {target}{query} HTTP/1.1", "Host: node"]
    lines += [f"{name}: {rng.choice(_HEADERS[name])}" for name in rng.sample(sorted(_HEADERS), rng.randrange(5))]
    data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if rng.random() < 0.2:
        spoiled = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        data = bytes(spoiled)
    return data + (rng.randbytes(rng.randrange(64)) if rng.random() < 0.3 else b"")


def _text(rng: random.Random) -> str:
    return quote(rng.randbytes(rng.randrange(12)), safe="")


async def run(seconds: float, seed: int, log_root: Path, inputs: int = 0) -> int:
    """How many requests were sent: `inputs` of them, or for `seconds` where that is 0. Raises ServerDefectError."""
    process, rng = psutil.Process(), random.Random(seed)
    done, before = 0, 0
    async with serving(log_root) as port:
        begin = time.monotonic()

        def share() -> float:
            return done / inputs if inputs else (time.monotonic() - begin) / seconds

        async def client(own: random.Random) -> None:
            nonlocal done, before
            while share() < 1:
                await _ask(port, request(own))
                done += 1
                if not before and share() >= 1 / 3:  # by then everything is warm
                    before = process.memory_info().rss

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(client(random.Random(rng.random())))
        grown = process.memory_info().rss - before
        left = [task.get_name() for task in asyncio.all_tasks()]
    if grown > MAX_GROWTH_BYTES:
        raise ServerDefectError(f"the process grew by {grown >> 20} MB over {done} requests")
    if len(left) > 20 + CONNECTIONS:
        raise ServerDefectError(f"{len(left)} tasks are left after {done} requests: {left}")
    return done


async def _ask(port: int, data: bytes) -> None:
    """Sends one request and hangs up after the answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(data)
            writer.write_eof()
            answer = await reader.read(4096)
    except TimeoutError:
        raise ServerDefectError(f"no answer within {ANSWER_SECONDS:g} s: {data!r}") from None
    except ConnectionError:
        return
    finally:
        writer.close()
    if DEFECT in answer:
        raise ServerDefectError(f"a handler failed: {data!r}")
