# ruff: noqa: ARG002 - gRPC gives every method a request and a context
"""The two CRI services: each RPC unpacks its request, calls the verb that does the work, packs the answer."""

from collections.abc import AsyncIterator
from typing import Any

from cri.client import SANDBOX_ID_METADATA, SANDBOX_IPS_METADATA
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc
from dockershim import container_view, sandbox_view
from dockershim.list_stream import batches
from dockershim.shim import Dockershim


def add_services(shim: Dockershim) -> None:
    """Let the server of this shim answer both services; before `shim.run`."""
    cri_grpc.add_RuntimeServiceServicer_to_server(RuntimeService(shim), shim.server.grpc)
    cri_grpc.add_ImageServiceServicer_to_server(ImageService(shim), shim.server.grpc)


class RuntimeService(cri_grpc.RuntimeServiceServicer):
    """RuntimeService. What is not here answers UNIMPLEMENTED, through the interceptor."""

    def __init__(self, shim: Dockershim) -> None:
        self._shim = shim

    async def Version(self, request: cri.VersionRequest, context: Any) -> cri.VersionResponse:
        return await self._shim.info.version()

    async def Status(self, request: cri.StatusRequest, context: Any) -> cri.StatusResponse:
        return await self._shim.info.status(request.verbose)

    async def RuntimeConfig(self, request: cri.RuntimeConfigRequest, context: Any) -> cri.RuntimeConfigResponse:
        return await self._shim.info.config()

    async def UpdateRuntimeConfig(
        self, request: cri.UpdateRuntimeConfigRequest, context: Any
    ) -> cri.UpdateRuntimeConfigResponse:
        cidr = request.runtime_config.network_config.pod_cidr
        if cidr:
            await self._shim.network.set_pod_cidr(cidr)
        return cri.UpdateRuntimeConfigResponse()

    # sandboxes

    async def RunPodSandbox(self, request: cri.RunPodSandboxRequest, context: Any) -> cri.RunPodSandboxResponse:
        async def announce(sandbox_id: str) -> None:
            await context.send_initial_metadata(((SANDBOX_ID_METADATA, sandbox_id),))

        sandbox_id = await self._shim.sandbox_runner.run(request.config, request.runtime_handler, announce)
        if (checkpoint := self._shim.checkpoints.get(sandbox_id)) is not None:
            context.set_trailing_metadata(((SANDBOX_IPS_METADATA, ",".join(checkpoint.ips)),))
        return cri.RunPodSandboxResponse(pod_sandbox_id=sandbox_id)

    async def StopPodSandbox(self, request: cri.StopPodSandboxRequest, context: Any) -> cri.StopPodSandboxResponse:
        await self._shim.sandbox_stopper.stop(request.pod_sandbox_id)
        return cri.StopPodSandboxResponse()

    async def RemovePodSandbox(
        self, request: cri.RemovePodSandboxRequest, context: Any
    ) -> cri.RemovePodSandboxResponse:
        await self._shim.sandbox_stopper.remove(request.pod_sandbox_id)
        return cri.RemovePodSandboxResponse()

    async def PodSandboxStatus(
        self, request: cri.PodSandboxStatusRequest, context: Any
    ) -> cri.PodSandboxStatusResponse:
        return await self._shim.status.sandbox(request.pod_sandbox_id, request.verbose)

    async def ListPodSandbox(self, request: cri.ListPodSandboxRequest, context: Any) -> cri.ListPodSandboxResponse:
        return cri.ListPodSandboxResponse(items=self._sandboxes(request.filter))

    async def StreamPodSandboxes(
        self, request: cri.StreamPodSandboxesRequest, context: Any
    ) -> AsyncIterator[cri.StreamPodSandboxesResponse]:
        for part in batches(self._sandboxes(request.filter)):
            yield cri.StreamPodSandboxesResponse(pod_sandboxes=part)

    def _sandboxes(self, wanted: cri.PodSandboxFilter) -> list[cri.PodSandbox]:
        self._shim.state.require()
        selected = wanted.label_selector  # before anything is made: a kubelet asks mostly for one pod of many
        items = (
            sandbox_view.to_item(record, self._shim.checkpoints.get(record.id))
            for record in self._shim.inventory.sandboxes.values()
            if all(record.labels.get(key) == value for key, value in selected.items())
        )
        return [item for item in items if sandbox_view.matches(item, wanted)]

    # containers

    async def CreateContainer(self, request: cri.CreateContainerRequest, context: Any) -> cri.CreateContainerResponse:
        return cri.CreateContainerResponse(container_id=await self._shim.container_creator.create(request))

    async def StartContainer(self, request: cri.StartContainerRequest, context: Any) -> cri.StartContainerResponse:
        await self._shim.containers.start(request.container_id)
        return cri.StartContainerResponse()

    async def StopContainer(self, request: cri.StopContainerRequest, context: Any) -> cri.StopContainerResponse:
        await self._shim.containers.stop(request.container_id, request.timeout)
        return cri.StopContainerResponse()

    async def RemoveContainer(self, request: cri.RemoveContainerRequest, context: Any) -> cri.RemoveContainerResponse:
        await self._shim.containers.remove(request.container_id)
        return cri.RemoveContainerResponse()

    async def ListContainers(self, request: cri.ListContainersRequest, context: Any) -> cri.ListContainersResponse:
        return cri.ListContainersResponse(containers=self._containers(request.filter))

    async def StreamContainers(
        self, request: cri.StreamContainersRequest, context: Any
    ) -> AsyncIterator[cri.StreamContainersResponse]:
        for part in batches(self._containers(request.filter)):
            yield cri.StreamContainersResponse(containers=part)

    def _containers(self, wanted: cri.ContainerFilter) -> list[cri.Container]:
        self._shim.state.require()
        records = self._shim.inventory.containers.values()
        return [container_view.to_item(record) for record in records if container_view.matches(record, wanted)]

    async def ContainerStatus(self, request: cri.ContainerStatusRequest, context: Any) -> cri.ContainerStatusResponse:
        return await self._shim.status.container(request.container_id, request.verbose)

    async def UpdateContainerResources(
        self, request: cri.UpdateContainerResourcesRequest, context: Any
    ) -> cri.UpdateContainerResourcesResponse:
        await self._shim.containers.update(request.container_id, request.linux)
        return cri.UpdateContainerResourcesResponse()

    async def UpdatePodSandboxResources(
        self, request: cri.UpdatePodSandboxResourcesRequest, context: Any
    ) -> cri.UpdatePodSandboxResourcesResponse:
        """Told for information: the kubelet sizes the pod's cgroup itself, and the pause has no limits of its own."""
        self._shim.state.require()
        self._shim.inventory.sandbox(request.pod_sandbox_id)
        return cri.UpdatePodSandboxResourcesResponse()

    async def ReopenContainerLog(
        self, request: cri.ReopenContainerLogRequest, context: Any
    ) -> cri.ReopenContainerLogResponse:
        await self._shim.containers.reopen_log(request.container_id)
        return cri.ReopenContainerLogResponse()

    async def ExecSync(self, request: cri.ExecSyncRequest, context: Any) -> cri.ExecSyncResponse:
        timeout = float(request.timeout) if request.timeout > 0 else None
        return await self._shim.execs.exec_sync(request.container_id, list(request.cmd), timeout)

    async def Exec(self, request: cri.ExecRequest, context: Any) -> cri.ExecResponse:
        self._shim.state.require()
        return cri.ExecResponse(url=self._shim.streaming.exec(request))

    async def Attach(self, request: cri.AttachRequest, context: Any) -> cri.AttachResponse:
        self._shim.state.require()
        return cri.AttachResponse(url=self._shim.streaming.attach(request))

    async def PortForward(self, request: cri.PortForwardRequest, context: Any) -> cri.PortForwardResponse:
        self._shim.state.require()
        return cri.PortForwardResponse(url=self._shim.streaming.port_forward(request))

    async def CheckpointContainer(
        self, request: cri.CheckpointContainerRequest, context: Any
    ) -> cri.CheckpointContainerResponse:
        await self._shim.checkpointer.checkpoint(request.container_id, request.location, request.timeout)
        return cri.CheckpointContainerResponse()

    # stats and events

    async def ContainerStats(self, request: cri.ContainerStatsRequest, context: Any) -> cri.ContainerStatsResponse:
        return cri.ContainerStatsResponse(stats=await self._shim.stats.container(request.container_id))

    async def ListContainerStats(
        self, request: cri.ListContainerStatsRequest, context: Any
    ) -> cri.ListContainerStatsResponse:
        return cri.ListContainerStatsResponse(stats=await self._shim.stats.containers(request.filter))

    async def StreamContainerStats(
        self, request: cri.StreamContainerStatsRequest, context: Any
    ) -> AsyncIterator[cri.StreamContainerStatsResponse]:
        for part in batches(await self._shim.stats.containers(request.filter)):
            yield cri.StreamContainerStatsResponse(container_stats=part)

    async def PodSandboxStats(self, request: cri.PodSandboxStatsRequest, context: Any) -> cri.PodSandboxStatsResponse:
        return cri.PodSandboxStatsResponse(stats=await self._shim.stats.sandbox(request.pod_sandbox_id))

    async def ListPodSandboxStats(
        self, request: cri.ListPodSandboxStatsRequest, context: Any
    ) -> cri.ListPodSandboxStatsResponse:
        return cri.ListPodSandboxStatsResponse(stats=await self._shim.stats.sandboxes(request.filter))

    async def StreamPodSandboxStats(
        self, request: cri.StreamPodSandboxStatsRequest, context: Any
    ) -> AsyncIterator[cri.StreamPodSandboxStatsResponse]:
        for part in batches(await self._shim.stats.sandboxes(request.filter)):
            yield cri.StreamPodSandboxStatsResponse(pod_sandbox_stats=part)

    async def ListMetricDescriptors(
        self, request: cri.ListMetricDescriptorsRequest, context: Any
    ) -> cri.ListMetricDescriptorsResponse:
        return cri.ListMetricDescriptorsResponse(descriptors=self._shim.metrics.descriptors())

    async def ListPodSandboxMetrics(
        self, request: cri.ListPodSandboxMetricsRequest, context: Any
    ) -> cri.ListPodSandboxMetricsResponse:
        return cri.ListPodSandboxMetricsResponse(pod_metrics=await self._shim.metrics.pods())

    async def StreamPodSandboxMetrics(
        self, request: cri.StreamPodSandboxMetricsRequest, context: Any
    ) -> AsyncIterator[cri.StreamPodSandboxMetricsResponse]:
        for part in batches(await self._shim.metrics.pods()):
            yield cri.StreamPodSandboxMetricsResponse(pod_sandbox_metrics=part)

    async def GetContainerEvents(
        self, request: cri.GetEventsRequest, context: Any
    ) -> AsyncIterator[cri.ContainerEventResponse]:
        async for event in self._shim.events.subscribe():
            yield event


class ImageService(cri_grpc.ImageServiceServicer):
    def __init__(self, shim: Dockershim) -> None:
        self._shim = shim

    async def ListImages(self, request: cri.ListImagesRequest, context: Any) -> cri.ListImagesResponse:
        return cri.ListImagesResponse(images=await self._shim.images.list_images(request.filter.image.image))

    async def StreamImages(
        self, request: cri.StreamImagesRequest, context: Any
    ) -> AsyncIterator[cri.StreamImagesResponse]:
        for part in batches(await self._shim.images.list_images(request.filter.image.image)):
            yield cri.StreamImagesResponse(images=part)

    async def ImageStatus(self, request: cri.ImageStatusRequest, context: Any) -> cri.ImageStatusResponse:
        return cri.ImageStatusResponse(image=await self._shim.images.status(request.image.image))

    async def PullImage(self, request: cri.PullImageRequest, context: Any) -> cri.PullImageResponse:
        self._shim.state.require()
        return cri.PullImageResponse(image_ref=await self._shim.puller.pull(request.image.image, request.auth))

    async def RemoveImage(self, request: cri.RemoveImageRequest, context: Any) -> cri.RemoveImageResponse:
        await self._shim.images.remove(request.image.image)
        self._shim.pause.forget()
        return cri.RemoveImageResponse()

    async def ImageFsInfo(self, request: cri.ImageFsInfoRequest, context: Any) -> cri.ImageFsInfoResponse:
        return await self._shim.disk.image_fs_info()
