"""What the engine runs for pods: one reading of it, and a model that is fed with its events.

`EngineModel` is pure. It says when a pod has two sandboxes at once, or a container twice, which no reading now and
then would catch; after a break of the event stream it is filled again by a reading.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

TYPE_LABEL, UID_LABEL = "io.kubernetes.docker.type", "io.kubernetes.pod.uid"
POD_LABEL, CONTAINER_LABEL = "io.kubernetes.pod.name", "io.kubernetes.container.name"
SANDBOX = "podsandbox"


@dataclass(frozen=True, slots=True)
class EngineContainer:
    """A container of a pod, as the engine lists it. `name`: the container's in its pod; "" for a sandbox."""

    id: str
    pod_uid: str
    pod: str
    name: str
    running: bool

    @property
    def is_sandbox(self) -> bool:
        return not self.name

    @property
    def role(self) -> tuple[str, str]:
        return self.pod_uid, self.name


def from_listing(entry: dict[str, Any]) -> EngineContainer:
    """An entry of GET /containers/json."""
    return _made(entry["Id"], entry.get("Labels") or {}, entry["State"] in ("running", "paused"))


def _made(container_id: str, labels: dict[str, str], running: bool) -> EngineContainer:
    name = "" if labels.get(TYPE_LABEL) == SANDBOX else labels.get(CONTAINER_LABEL, "?")
    return EngineContainer(container_id, labels.get(UID_LABEL, ""), labels.get(POD_LABEL, ""), name, running)


class EngineModel:
    """Which containers run, and who ran twice."""

    def __init__(self) -> None:
        self._running: dict[str, EngineContainer] = {}

    def refill(self, listed: Iterable[EngineContainer]) -> list[str]:
        """After the stream was away. Returns what is wrong."""
        self._running = {}
        return [problem for each in listed if each.running for problem in self._start(each)]

    def feed(self, event: dict[str, Any]) -> list[str]:
        """One event of GET /events. Returns what is wrong."""
        if event.get("Type") != "container":
            return []
        container_id, labels = event["Actor"]["ID"], event["Actor"].get("Attributes") or {}
        if event["Action"] in ("die", "destroy"):
            self._running.pop(container_id, None)
        elif event["Action"] == "start" and UID_LABEL in labels:
            return self._start(_made(container_id, labels, True))
        return []

    def _start(self, started: EngineContainer) -> list[str]:
        others = [other for other in self._running.values() if other.role == started.role and other.id != started.id]
        self._running[started.id] = started
        what = f"container {started.name}" if started.name else "sandbox"
        return [f"pod {started.pod} ({started.pod_uid}) runs its {what} twice: {other.id[:12]} and {started.id[:12]}"
                for other in others]


class Engine:
    """The engine behind a socket. An engine that is away gives an OSError or aiohttp.ClientError."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def containers(self) -> list[EngineContainer]:
        """All containers, running or not."""
        async with self._session(20) as session, session.get("http://engine/containers/json?all=1") as response:
            response.raise_for_status()
            return [from_listing(entry) for entry in await response.json(content_type=None)]

    async def pid(self, container_id: str) -> int:
        """The container's first process, as the node sees it; 0 when it does not run."""
        async with self._session(20) as session, session.get(f"http://engine/containers/{container_id}/json") as got:
            return int((await got.json(content_type=None)).get("State", {}).get("Pid", 0)) if got.status == 200 else 0

    async def kill(self, container_id: str) -> None:
        async with self._session(60) as session, session.post(f"http://engine/containers/{container_id}/kill") as got:
            await got.read()

    async def remove(self, container_id: str) -> None:
        url = f"http://engine/containers/{container_id}?force=1"
        async with self._session(60) as session, session.delete(url) as got:
            await got.read()

    async def events(self, connected: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
        """Events from now on; `connected` is set once none can be missed."""
        filters = json.dumps({"type": ["container"]})
        async with (
            self._session(None) as session,
            session.get("http://engine/events", params={"filters": filters}) as response,
        ):
            connected.set()
            async for line in response.content:
                yield json.loads(line)

    def _session(self, seconds: float | None) -> aiohttp.ClientSession:
        connector = aiohttp.UnixConnector(path=str(self._socket))
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=seconds))
