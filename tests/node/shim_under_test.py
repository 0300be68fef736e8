"""A dockershim in a throw-away node, and shorthands for what tests ask of it."""

import asyncio
import contextlib
import itertools
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from conformance import builds, images
from conformance.throwaway import CHECKOUT, DOCKER_SOCKET, NodeProcess, ThrowawayNode
from cri.client import ImageClient, RuntimeClient
from cri.errors import CriError, UnavailableError
from cri.v1 import api_pb2 as cri

BUSYBOX = "localhost/podwright/busybox:1"
STORES: dict[str, tuple[str, tuple[str, ...]]] = {
    "20.10-graph": ("20.10", ()),
    "29-graph": ("29", ()),
    "29-containerd": ("29", ("--storage-driver=overlayfs", "--feature=containerd-snapshotter=true")),
}
"""Engine and its arguments; images and writable layers are kept by a graph driver or by containerd."""
T = TypeVar("T")
_numbers = itertools.count(1)


class ShimUnderTest:
    """One dockershim of its own state directory; several may run on one engine after each other."""

    def __init__(self, node: ThrowawayNode, *flags: str) -> None:
        self.node = node
        self.number = next(_numbers)
        self.root = f"/var/lib/dockershim/t{os.getpid()}-{self.number}"
        self.socket = f"/run/shim-{os.getpid()}-{self.number}.sock"
        self.flags = flags
        self.process: NodeProcess | None = None
        self.runtime: RuntimeClient
        self.images: ImageClient

    async def __aenter__(self) -> Self:
        await self.start()
        endpoint = f"unix://{self.node.path(self.socket)}"
        self.runtime, self.images = RuntimeClient(endpoint, 60), ImageClient(endpoint, 60)
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self.process is None or self.process.returncode is not None:
                await self.start()
            await self.ready()
            for sandbox in await self._sandboxes():
                await self.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id))
        finally:
            await self.runtime.close()
            await self.images.close()
            await self.stop()
            for pid in await self.log_processes():
                os.kill(pid, 15)
            await asyncio.to_thread(shutil.rmtree, self.node.path(self.root), ignore_errors=True)

    async def _sandboxes(self) -> Sequence[cri.PodSandbox]:
        """A connection that a restarted dockershim has closed may be noticed by the first call on it only."""
        try:
            return (await self.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
        except UnavailableError:
            await self.ready()
            return (await self.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items

    async def start(self) -> None:
        self.process = await self.node.spawn(
            [
                sys.executable, "-m", "dockershim", f"--container-runtime-endpoint=unix://{self.socket}",
                f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni",
                f"--root-directory={self.root}", "-v=4", *self.flags,
            ],
            name=f"dockershim-{self.number}",
            env={"PYTHONPATH": str(CHECKOUT)},
        )

    async def stop(self) -> int:
        assert self.process is not None
        return await self.process.stop()

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def log_processes(self) -> list[int]:
        """Host pids of the log process of this state directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"dockershim.logs" in words and f"{self.root}/logs".encode() in words:
                    found.append(int(entry.name))
        return found

    async def ready(self, wanted: bool = True) -> cri.RuntimeCondition:
        async def condition() -> cri.RuntimeCondition | None:
            try:
                status = (await self.runtime.Status(cri.StatusRequest())).status
            except CriError:
                return None
            return status.conditions[0] if status.conditions[0].status is wanted else None

        return await eventually(condition, what=f"RuntimeReady={wanted}; {self.process and self.process.tail()}")

    # pods

    def pod(self, name: str = "pod", attempt: int = 0, **fields: object) -> cri.PodSandboxConfig:
        uid = f"uid-{os.getpid()}-{self.number}-{name}"
        return cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, namespace="test", uid=uid, attempt=attempt),
            hostname=name,
            log_directory=f"/var/log/pods/test_{name}_{uid}",
            dns_config=cri.DNSConfig(servers=["10.96.0.10"], searches=["test.svc"], options=["ndots:5"]),
            labels={"io.kubernetes.pod.name": name, "io.kubernetes.pod.uid": uid},
            annotations={"example.org/note": "kept"},
            linux=cri.LinuxPodSandboxConfig(cgroup_parent=f"/kubepods/pod{uid}"),
            **fields,  # type: ignore[arg-type]
        )

    @staticmethod
    def container(script: str, name: str = "main", attempt: int = 0, **fields: object) -> cri.ContainerConfig:
        fields.setdefault(
            "linux", cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(
                namespace_options=cri.NamespaceOption(pid=cri.CONTAINER)))
        )
        return cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name, attempt=attempt),
            image=cri.ImageSpec(image=BUSYBOX),
            command=["/bin/sh", "-c", script],
            log_path=f"{name}/{attempt}.log",
            labels={"io.kubernetes.container.name": name},
            **fields,  # type: ignore[arg-type]
        )

    async def run_pod(self, config: cri.PodSandboxConfig) -> str:
        return (await self.runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))).pod_sandbox_id

    async def create(self, sandbox_id: str, pod: cri.PodSandboxConfig, config: cri.ContainerConfig) -> str:
        request = cri.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=pod)
        return (await self.runtime.CreateContainer(request)).container_id

    async def start_container(self, container_id: str) -> None:
        await self.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))

    async def run_container(self, sandbox_id: str, pod: cri.PodSandboxConfig, config: cri.ContainerConfig) -> str:
        container_id = await self.create(sandbox_id, pod, config)
        await self.start_container(container_id)
        return container_id

    async def exec(self, container_id: str, script: str, timeout: int = 10) -> cri.ExecSyncResponse:
        request = cri.ExecSyncRequest(container_id=container_id, cmd=["/bin/sh", "-c", script], timeout=timeout)
        return await self.runtime.ExecSync(request)

    async def status(self, container_id: str) -> cri.ContainerStatus:
        return (await self.runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))).status

    async def sandbox_status(self, sandbox_id: str) -> cri.PodSandboxStatus:
        return (await self.runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))).status

    async def exited(self, container_id: str) -> cri.ContainerStatus:
        async def ended() -> cri.ContainerStatus | None:
            status = await self.status(container_id)
            return status if status.state == cri.CONTAINER_EXITED else None

        return await eventually(ended, what=f"end of container {container_id}")

    def log(self, path: str) -> str:
        return self.node.path(path).read_text()


@contextlib.asynccontextmanager
async def node_with_store(store: str, name: str) -> AsyncIterator[ThrowawayNode]:
    """A node with an engine of STORES, a pod network and the test images."""
    engine, arguments = STORES[store]
    if engine == "29":
        builds.ensure(["moby", "containerd", "runc"])
    async with ThrowawayNode(f"{name}-{store.replace('.', '-')}", engine=engine, engine_args=arguments) as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, images.node_images())
        yield node


async def eventually(probe: Callable[[], Awaitable[T | None]], what: str, seconds: float = 30.0) -> T:
    deadline = time.monotonic() + seconds
    while True:
        found = await probe()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds} s: {what}")
        await asyncio.sleep(0.05)
