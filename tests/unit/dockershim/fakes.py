"""Small real networks and logs for the dockershim's own tests."""

import asyncio
from collections.abc import Collection, Iterable

from dockershim.logs import LogSetup, LogTarget
from dockershim.network import NetworkError, NetworkResult, NetworkStatus, PodNetwork


class MemoryNetwork:
    """Hands out addresses 10.0.0.1, .2, …; remembers who has one. `broken` makes set-up fail, `gate` holds it."""

    def __init__(self) -> None:
        self.attached: dict[str, tuple[str, ...]] = {}
        self.broken: NetworkError | None = None
        self.tear_down_broken: NetworkError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.torn_down: list[str] = []
        self.held: set[str] = set()
        """Whose namespaces are kept open: of those that were set up here or asked for."""
        self.collected = 0
        self.is_clean = True
        """Whether a collection gets everything."""
        self.pod_cidr = ""
        self._next = 1

    async def start(self) -> None: ...
    async def run(self) -> None: ...

    async def set_up(self, pod: PodNetwork) -> NetworkResult:
        await self.gate.wait()
        if self.broken:
            raise self.broken
        if pod.sandbox_id not in self.attached:
            self.attached[pod.sandbox_id] = (f"10.0.0.{self._next}",)
            self._next += 1
        return NetworkResult(self.attached[pod.sandbox_id])

    async def tear_down(self, pod: PodNetwork) -> None:
        if self.tear_down_broken:
            raise self.tear_down_broken
        self.torn_down.append(pod.sandbox_id)
        self.attached.pop(pod.sandbox_id, None)

    async def status(self) -> NetworkStatus:
        return NetworkStatus(True)

    async def check(self, pod: PodNetwork) -> None:
        if pod.sandbox_id not in self.attached:
            raise NetworkError("no address")

    async def addresses(self, pod: PodNetwork) -> tuple[str, ...]:
        if pod.netns:
            self.held.add(pod.sandbox_id)
        return self.attached.get(pod.sandbox_id, ())

    async def collect_garbage(self, live_sandbox_ids: Collection[str]) -> bool:
        for gone in self.attached.keys() - set(live_sandbox_ids):
            del self.attached[gone]
        self.collected += 1
        return self.is_clean

    async def set_pod_cidr(self, cidr: str) -> None:
        self.pod_cidr = cidr


class MemoryLogs:
    """Remembers what is followed, and in which order logs were drained."""

    def __init__(self) -> None:
        self.followed: dict[str, str | None] = {}
        self.drained: list[str] = []

    async def start(self) -> None: ...
    async def run(self) -> None: ...
    async def close(self) -> None: ...
    async def stop_process(self) -> None: ...

    async def prepare(self, container_key: str, log_path: str | None, tty: bool) -> LogSetup:
        return LogSetup("json-file")

    async def attach(self, container_id: str, log_path: str | None) -> None:
        self.followed[container_id] = log_path

    async def drain(self, container_id: str) -> None:
        self.drained.append(container_id)

    async def reopen(self, container_id: str, log_path: str | None = None) -> None: ...

    async def detach(self, container_id: str) -> None:
        self.followed.pop(container_id, None)

    async def recover(self, containers: Iterable[LogTarget], unread: Collection[str]) -> None:
        kept = {container_id: path for container_id, path in self.followed.items() if container_id in unread}
        self.followed = kept | {target.container_id: target.log_path for target in containers}
