"""A throw-away node with an engine and a dockershim on it, and pods made through CRI."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from conformance import builds, images
from conformance.shimbench import BUSYBOX
from conformance.throwaway import CHECKOUT, DOCKER_SOCKET, NodeError, NodeProcess, ThrowawayNode
from cri.client import RuntimeClient
from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient

READY_SECONDS = 60.0
T = TypeVar("T")


@dataclass
class Rig:
    """`shim` is the dockershim's process; `runtime` and `engine` are clients of it and of the engine below it."""

    node: ThrowawayNode
    shim: NodeProcess
    runtime: RuntimeClient
    engine: EngineClient
    _number: int = field(default=0)

    def next(self) -> int:
        self._number += 1
        return self._number

    async def pod(self) -> tuple[cri.PodSandboxConfig, str]:
        """A pod on the host's network, so that no plugin's time is measured: its configuration and its sandbox's id."""
        name = f"p{self.next()}"
        options = cri.NamespaceOption(network=cri.NODE)
        config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, namespace="bench", uid=name),
            log_directory=f"/var/log/pods/bench_{name}_{name}",
            dns_config=cri.DNSConfig(servers=["10.96.0.10"]),
            linux=cri.LinuxPodSandboxConfig(
                security_context=cri.LinuxSandboxSecurityContext(namespace_options=options),
                cgroup_parent=f"/kubepods/pod{name}",
            ),
        )
        made = await self.runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))
        return config, made.pod_sandbox_id

    async def create(self, sandbox_id: str, pod: cri.PodSandboxConfig, name: str, *command: str) -> str:
        options = cri.NamespaceOption(network=cri.NODE, pid=cri.CONTAINER)
        config = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name),
            image=cri.ImageSpec(image=BUSYBOX),
            command=command or ("sleep", "100000"),
            log_path=f"{name}/0.log",
            linux=cri.LinuxContainerConfig(
                security_context=cri.LinuxContainerSecurityContext(namespace_options=options)
            ),
        )
        request = cri.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=pod)
        return (await self.runtime.CreateContainer(request)).container_id

    async def start(self, container_id: str) -> None:
        await self.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))

    async def remove_pod(self, sandbox_id: str) -> None:
        await self.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))


@contextlib.asynccontextmanager
async def rig_on(engine: str) -> AsyncIterator[Rig]:
    """On Engine `engine` (20.10 or 29)."""
    if engine == "29":
        builds.ensure(["moby", "containerd", "runc"])
    async with ThrowawayNode(f"shimbench-{engine.replace('.', '-')}", engine=engine) as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, [images.busybox(BUSYBOX), images.pause()])
        async with _dockershim_on(node) as (shim, runtime):
            client = EngineClient(f"unix://{node.docker_socket}")
            yield Rig(node, shim, runtime, client)
            await client.close()


@contextlib.asynccontextmanager
async def _dockershim_on(node: ThrowawayNode) -> AsyncIterator[tuple[NodeProcess, RuntimeClient]]:
    socket = "/run/shimbench.sock"
    process = await node.spawn(
        [sys.executable, "-m", "dockershim", f"--container-runtime-endpoint=unix://{socket}",
         f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni"],
        env={"PYTHONPATH": str(CHECKOUT)}, name="dockershim",
    )  # fmt: skip
    client = RuntimeClient(f"unix://{node.path(socket)}", 60)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not await _ready(client):
            if time.monotonic() > deadline or process.returncode is not None:
                raise NodeError(f"the dockershim is not ready: {process.tail()}")
            await asyncio.sleep(0.1)
        yield process, client
    finally:
        await client.close()
        await process.stop()


async def _ready(client: RuntimeClient) -> bool:
    try:
        return (await client.Status(cri.StatusRequest())).status.conditions[0].status
    except CriError:
        return False


async def timed(call: Awaitable[T]) -> tuple[float, T]:
    begin = time.perf_counter()
    result = await call
    return time.perf_counter() - begin, result
