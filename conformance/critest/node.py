"""The node that the suite runs in: our dockershim over an engine, or containerd, and the registry that serves it."""

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from conformance import agents, builds, registry
from conformance.critest import images
from conformance.throwaway import DOCKER_SOCKET, NODE_PATH, NodeError, NodeProcess, ThrowawayNode
from cri.client import RuntimeClient
from cri.errors import CriError
from cri.v1 import api_pb2 as cri

WORK = "/var/lib/critest"
NARROWED = Path(__file__).with_name("narrowed")
"""A runc for runtimes that ask for capabilities that the machine lacks."""
CERTS = "/etc/containerd/certs.d"
READY_TIMEOUT_SECONDS, CALL_SECONDS = 60.0, 10.0
CONTAINERD_STORE = ("--storage-driver=overlayfs", "--feature=containerd-snapshotter=true")


@dataclass(frozen=True, slots=True)
class Side:
    """What is judged: our dockershim on an engine, or (no engine) containerd. `engine_args` go to dockerd."""

    name: str
    title: str
    engine: str | None = None
    engine_args: tuple[str, ...] = ()

    @property
    def socket(self) -> str:
        return agents.DOCKERSHIM_SOCKET if self.engine else agents.CONTAINERD_SOCKET

    @property
    def programs(self) -> tuple[str, ...]:
        """What must have been built."""
        runtime = {"20.10": (), "29": ("dockerd", "containerd", "runc"), None: ("containerd", "runc", "ctr")}
        return ("critest.test", "ginkgo", "nonewprivs", *runtime[self.engine])


SIDES = {
    side.name: side
    for side in (
        Side("20.10", "Engine 20.10", "20.10"),
        Side("29", "Engine 29", "29"),
        Side("29-containerd", "Engine 29, containerd's image store", "29", CONTAINERD_STORE),
        Side("containerd", "containerd, for comparison"),
    )
}


class CritestNode:
    """A throw-away node ready for the suite; an async context manager like the node within."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.node = ThrowawayNode(
            f"critest-{side.name}".replace(".", "-"),
            side.engine,
            shared=[builds.cache_dir()],
            engine_args=[*side.engine_args, *(f"--insecure-registry={host}" for host in images.HOSTS)],
            engine_tools=[NARROWED],
        )
        self.processes: dict[str, NodeProcess] = {}

    @property
    def work(self) -> Path:
        """The suite's directory, as the host sees it."""
        return self.node.path(WORK)

    async def __aenter__(self) -> "CritestNode":
        await self.node.start()
        try:
            await self._prepare()
        except BaseException:
            await asyncio.shield(self.node.stop())
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.shield(self.node.stop())

    async def _prepare(self) -> None:
        self.work.mkdir(parents=True)
        made = await asyncio.to_thread(images.all_images, agents.PAUSE_IMAGE)
        await self.node.write_cni()
        self.processes["registry"] = await registry.serve(self.node, made)
        if self.side.engine:
            await self._start_dockershim()
        else:
            registry.containerd_hosts(self.node, made, CERTS)
            await self._start_containerd()

    def collect(self, directory: Path) -> None:
        """Save what the node would take with it: its daemons' logs and the suite's reports."""
        for path in [*self.node.logs.glob("*.log"), *self.work.glob("critest*.json"), *self.work.glob("critest*.xml")]:
            shutil.copy(path, directory / path.name)

    # -- daemons -------------------------------------------------------------------------------------------------

    async def _start_dockershim(self) -> None:
        words = [
            sys.executable, "-m", "dockershim",
            f"--container-runtime-endpoint=unix://{self.side.socket}", f"--docker-endpoint=unix://{DOCKER_SOCKET}",
            "--cni-bin-dir=/usr/lib/cni", "--root-directory=/var/lib/dockershim", "-v=4",
        ]  # fmt: skip
        await self._serve(words, "dockershim")

    async def _start_containerd(self) -> None:
        registries = f'[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "{CERTS}"\n'
        config = self.node.path("/etc/containerd/config.toml")
        text = agents.containerd_config().replace(str(builds.path("runc")), str(NARROWED / "runc"))
        config.write_text(f"{text}\n{registries}")
        tools = [str(builds.path(tool).parent) for tool in ("containerd", "runc")]
        words = [str(builds.path("containerd")), "--config=/etc/containerd/config.toml", "--log-level=warn"]
        await self._serve(words, "containerd", {"PATH": ":".join([*tools, NODE_PATH])})

    async def _serve(self, words: list[str], name: str, env: dict[str, str] | None = None) -> None:
        """Start a runtime; returns when it says that it is ready."""
        process = self.processes[name] = await self.node.spawn(words, name=name, env=env)
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        async with RuntimeClient(f"unix://{self.node.path(self.side.socket)}", CALL_SECONDS) as runtime:
            while not await _is_ready(runtime):
                if process.returncode is not None or time.monotonic() > deadline:
                    raise NodeError(f"{name} is not ready at {self.side.socket}; its log:\n{process.tail()}")
                await asyncio.sleep(0.05)


async def _is_ready(runtime: RuntimeClient) -> bool:
    """The runtime and its network."""
    try:
        status = await runtime.Status(cri.StatusRequest())
    except CriError:
        return False
    return all(condition.status for condition in status.status.conditions)
