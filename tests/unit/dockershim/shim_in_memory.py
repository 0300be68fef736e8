"""A whole dockershim in memory, for tests of its verbs."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from fake_engine import FakeEngine
from fakes import MemoryLogs, MemoryNetwork

from cri.client import RuntimeClient
from cri.v1 import api_pb2 as cri
from dockershim.service import add_services
from dockershim.shim import Dockershim, Settings

PAUSE = "registry.k8s.io/pause:3.10.2"


class ShimInMemory:
    """A whole dockershim between a gRPC client and a FakeEngine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.engine = FakeEngine(directory / "docker.sock")
        self.engine.images[PAUSE] = {"Id": "sha256:" + "1" * 64, "RepoTags": [PAUSE]}
        self.network, self.logs = MemoryNetwork(), MemoryLogs()
        self.shim: Dockershim
        self.runtime: RuntimeClient

    def make(self) -> Dockershim:
        settings = Settings(
            listen=str(self.directory / "cri.sock"),
            docker_endpoint=f"unix://{self.engine.socket}",
            pause_image=PAUSE,
            root_directory=self.directory / "root",
        )
        self.shim = Dockershim(settings, self.network, lambda _: self.logs)
        add_services(self.shim)
        return self.shim

    async def until_ready(self) -> None:
        while self.shim.state.reason:  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.005)

    @staticmethod
    def pod(name: str = "p", attempt: int = 0) -> cri.PodSandboxConfig:
        return cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, namespace="ns", uid="uid", attempt=attempt),
            log_directory="/nowhere/logs",
            labels={"app": name},
        )

    async def run_pod(self, config: cri.PodSandboxConfig) -> str:
        return (await self.runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))).pod_sandbox_id

    async def create(self, sandbox_id: str, name: str = "c", mounts: Iterable[cri.Mount] = ()) -> str:
        config = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name), image=cri.ImageSpec(image="i"), log_path=f"{name}/0.log",
            mounts=mounts,
        )
        request = cri.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=self.pod())
        return (await self.runtime.CreateContainer(request)).container_id
