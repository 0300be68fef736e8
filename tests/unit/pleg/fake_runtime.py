"""A CRI runtime in a few lines: pods in memory, served over a real Unix socket by grpc.aio, with an event stream.

What a test changes in `sandboxes` and `containers` is what the RPCs answer; `emit` puts an event on every open stream.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio

from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc
from pleg.state import POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL

END_OF_STREAM = None


class FakeRuntime(cri_grpc.RuntimeServiceServicer):
    def __init__(self, stream: bool = True) -> None:
        self.stream = stream
        self.sandboxes: dict[str, cri.PodSandboxStatus] = {}
        self.containers: dict[str, tuple[str, cri.ContainerStatus]] = {}
        self.calls: Counter[str] = Counter()
        self.stuck: set[str] = set()
        self.broken: set[str] = set()
        self.streams: list[asyncio.Queue[cri.ContainerEventResponse | None]] = []
        self._count = 0

    # --- what a test does ---

    def run_pod(self, uid: str, *names: str, attempt: int = 0) -> list[str]:
        """A ready sandbox and running containers; returns the ids, the sandbox's first."""
        self._count += 1
        sandbox_id = f"sandbox-{uid}-{self._count}"
        status = cri.PodSandboxStatus(id=sandbox_id, state=cri.SANDBOX_READY, created_at=self._count)
        status.metadata.CopyFrom(cri.PodSandboxMetadata(
            name=f"pod-{uid}", uid=uid, namespace="default", attempt=attempt,
        ))
        status.network.ip = "10.1.0.2"
        status.labels[POD_UID_LABEL] = uid
        self.sandboxes[sandbox_id] = status
        return [sandbox_id, *(self.add_container(sandbox_id, name) for name in names)]

    def add_container(self, sandbox_id: str, name: str, state: int = cri.CONTAINER_RUNNING) -> str:
        self._count += 1
        sandbox = self.sandboxes[sandbox_id]
        container_id = f"container-{name}-{self._count}"
        status = cri.ContainerStatus(id=container_id, state=state, created_at=self._count, started_at=self._count)
        status.metadata.name = name
        status.labels[POD_UID_LABEL] = sandbox.metadata.uid
        status.labels[POD_NAME_LABEL] = sandbox.metadata.name
        status.labels[POD_NAMESPACE_LABEL] = "default"
        self.containers[container_id] = sandbox_id, status
        return container_id

    def exit(self, container_id: str, code: int = 0) -> None:
        status = self.containers[container_id][1]
        status.state, status.exit_code = cri.CONTAINER_EXITED, code

    def stop_sandbox(self, sandbox_id: str) -> None:
        self.sandboxes[sandbox_id].state = cri.SANDBOX_NOTREADY
        self.sandboxes[sandbox_id].network.ip = ""

    def emit(self, container_id: str, kind: int, *, filled: bool = True, created_at: int | None = None) -> None:
        sandbox_id = self.containers[container_id][0] if container_id in self.containers else container_id
        event = cri.ContainerEventResponse(
            container_id=container_id, container_event_type=kind, created_at=created_at or time.time_ns()
        )
        if filled and sandbox_id in self.sandboxes:
            event.pod_sandbox_status.CopyFrom(self.sandboxes[sandbox_id])
            event.containers_statuses.extend(
                status for home, status in self.containers.values() if home == sandbox_id
            )
        for queue in self.streams:
            queue.put_nowait(event)

    def break_streams(self) -> None:
        for queue in self.streams:
            queue.put_nowait(END_OF_STREAM)

    # --- what the RPCs do ---

    async def ListPodSandbox(self, request: cri.ListPodSandboxRequest, context: Any) -> cri.ListPodSandboxResponse:
        self.calls["ListPodSandbox"] += 1
        await self._maybe_fail("ListPodSandbox", context)
        return cri.ListPodSandboxResponse(items=[
            cri.PodSandbox(
                id=one.id, metadata=one.metadata, state=one.state, created_at=one.created_at, labels=one.labels
            )
            for one in self.sandboxes.values() if matches(one.labels, request.filter.label_selector)
        ])

    async def ListContainers(self, request: cri.ListContainersRequest, context: Any) -> cri.ListContainersResponse:
        self.calls["ListContainers"] += 1
        await self._maybe_fail("ListContainers", context)
        return cri.ListContainersResponse(containers=[
            cri.Container(
                id=one.id, pod_sandbox_id=home, metadata=one.metadata, state=one.state, created_at=one.created_at,
                labels=one.labels,
            )
            for home, one in self.containers.values() if matches(one.labels, request.filter.label_selector)
        ])

    async def PodSandboxStatus(
        self, request: cri.PodSandboxStatusRequest, context: Any
    ) -> cri.PodSandboxStatusResponse:
        self.calls["PodSandboxStatus"] += 1
        await self._maybe_fail(request.pod_sandbox_id, context)
        if request.pod_sandbox_id not in self.sandboxes:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such sandbox")
        return cri.PodSandboxStatusResponse(status=self.sandboxes[request.pod_sandbox_id])

    async def ContainerStatus(self, request: cri.ContainerStatusRequest, context: Any) -> cri.ContainerStatusResponse:
        self.calls["ContainerStatus"] += 1
        await self._maybe_fail(request.container_id, context)
        if request.container_id not in self.containers:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such container")
        return cri.ContainerStatusResponse(status=self.containers[request.container_id][1])

    async def GetContainerEvents(
        self, request: cri.GetEventsRequest, context: Any
    ) -> AsyncIterator[cri.ContainerEventResponse]:
        self.calls["GetContainerEvents"] += 1
        if not self.stream:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "method GetContainerEvents not implemented")
        queue: asyncio.Queue[cri.ContainerEventResponse | None] = asyncio.Queue()
        self.streams.append(queue)
        try:
            while (event := await queue.get()) is not END_OF_STREAM:
                yield event
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the runtime restarts")
        finally:
            self.streams.remove(queue)

    async def _maybe_fail(self, subject: str, context: Any) -> None:
        if subject in self.stuck:
            await asyncio.Event().wait()
        if subject in self.broken:
            await context.abort(grpc.StatusCode.UNKNOWN, f"{subject} is broken")


def matches(labels: Any, selector: Any) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


async def serve(runtime: FakeRuntime, socket: Path) -> grpc.aio.Server:
    server = grpc.aio.server()
    cri_grpc.add_RuntimeServiceServicer_to_server(runtime, server)
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    return server
