from collections import abc as abc
from cri.v1 import api_pb2 as api_pb2
from grpc import aio as aio
import abc as abc_1
import grpc as grpc
import sys
import typing as typing
if sys.version_info >= (3, 11):
    from typing import Self as _Self
else:
    from typing_extensions import Self as _Self
_T = typing.TypeVar('_T')

class _MaybeAsyncIterator(abc.AsyncIterator[_T], abc.Iterator[_T], metaclass=abc_1.ABCMeta):
    ...

class _ServicerContext(grpc.ServicerContext, aio.ServicerContext):
    ...
GRPC_GENERATED_VERSION: str
GRPC_VERSION: str

class RuntimeServiceStub:

    @typing.overload
    def __new__(cls, channel: grpc.Channel) -> _Self:
        ...

    @typing.overload
    def __new__(cls, channel: aio.Channel) -> RuntimeServiceAsyncStub:
        ...
    Version: grpc.UnaryUnaryMultiCallable[api_pb2.VersionRequest, api_pb2.VersionResponse]
    RunPodSandbox: grpc.UnaryUnaryMultiCallable[api_pb2.RunPodSandboxRequest, api_pb2.RunPodSandboxResponse]
    StopPodSandbox: grpc.UnaryUnaryMultiCallable[api_pb2.StopPodSandboxRequest, api_pb2.StopPodSandboxResponse]
    RemovePodSandbox: grpc.UnaryUnaryMultiCallable[api_pb2.RemovePodSandboxRequest, api_pb2.RemovePodSandboxResponse]
    PodSandboxStatus: grpc.UnaryUnaryMultiCallable[api_pb2.PodSandboxStatusRequest, api_pb2.PodSandboxStatusResponse]
    ListPodSandbox: grpc.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxRequest, api_pb2.ListPodSandboxResponse]
    StreamPodSandboxes: grpc.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxesRequest, api_pb2.StreamPodSandboxesResponse]
    CreateContainer: grpc.UnaryUnaryMultiCallable[api_pb2.CreateContainerRequest, api_pb2.CreateContainerResponse]
    StartContainer: grpc.UnaryUnaryMultiCallable[api_pb2.StartContainerRequest, api_pb2.StartContainerResponse]
    StopContainer: grpc.UnaryUnaryMultiCallable[api_pb2.StopContainerRequest, api_pb2.StopContainerResponse]
    RemoveContainer: grpc.UnaryUnaryMultiCallable[api_pb2.RemoveContainerRequest, api_pb2.RemoveContainerResponse]
    ListContainers: grpc.UnaryUnaryMultiCallable[api_pb2.ListContainersRequest, api_pb2.ListContainersResponse]
    StreamContainers: grpc.UnaryStreamMultiCallable[api_pb2.StreamContainersRequest, api_pb2.StreamContainersResponse]
    ContainerStatus: grpc.UnaryUnaryMultiCallable[api_pb2.ContainerStatusRequest, api_pb2.ContainerStatusResponse]
    UpdateContainerResources: grpc.UnaryUnaryMultiCallable[api_pb2.UpdateContainerResourcesRequest, api_pb2.UpdateContainerResourcesResponse]
    ReopenContainerLog: grpc.UnaryUnaryMultiCallable[api_pb2.ReopenContainerLogRequest, api_pb2.ReopenContainerLogResponse]
    ExecSync: grpc.UnaryUnaryMultiCallable[api_pb2.ExecSyncRequest, api_pb2.ExecSyncResponse]
    Exec: grpc.UnaryUnaryMultiCallable[api_pb2.ExecRequest, api_pb2.ExecResponse]
    Attach: grpc.UnaryUnaryMultiCallable[api_pb2.AttachRequest, api_pb2.AttachResponse]
    PortForward: grpc.UnaryUnaryMultiCallable[api_pb2.PortForwardRequest, api_pb2.PortForwardResponse]
    ContainerStats: grpc.UnaryUnaryMultiCallable[api_pb2.ContainerStatsRequest, api_pb2.ContainerStatsResponse]
    ListContainerStats: grpc.UnaryUnaryMultiCallable[api_pb2.ListContainerStatsRequest, api_pb2.ListContainerStatsResponse]
    StreamContainerStats: grpc.UnaryStreamMultiCallable[api_pb2.StreamContainerStatsRequest, api_pb2.StreamContainerStatsResponse]
    PodSandboxStats: grpc.UnaryUnaryMultiCallable[api_pb2.PodSandboxStatsRequest, api_pb2.PodSandboxStatsResponse]
    ListPodSandboxStats: grpc.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxStatsRequest, api_pb2.ListPodSandboxStatsResponse]
    StreamPodSandboxStats: grpc.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxStatsRequest, api_pb2.StreamPodSandboxStatsResponse]
    UpdateRuntimeConfig: grpc.UnaryUnaryMultiCallable[api_pb2.UpdateRuntimeConfigRequest, api_pb2.UpdateRuntimeConfigResponse]
    Status: grpc.UnaryUnaryMultiCallable[api_pb2.StatusRequest, api_pb2.StatusResponse]
    CheckpointContainer: grpc.UnaryUnaryMultiCallable[api_pb2.CheckpointContainerRequest, api_pb2.CheckpointContainerResponse]
    GetContainerEvents: grpc.UnaryStreamMultiCallable[api_pb2.GetEventsRequest, api_pb2.ContainerEventResponse]
    ListMetricDescriptors: grpc.UnaryUnaryMultiCallable[api_pb2.ListMetricDescriptorsRequest, api_pb2.ListMetricDescriptorsResponse]
    ListPodSandboxMetrics: grpc.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxMetricsRequest, api_pb2.ListPodSandboxMetricsResponse]
    StreamPodSandboxMetrics: grpc.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxMetricsRequest, api_pb2.StreamPodSandboxMetricsResponse]
    RuntimeConfig: grpc.UnaryUnaryMultiCallable[api_pb2.RuntimeConfigRequest, api_pb2.RuntimeConfigResponse]
    UpdatePodSandboxResources: grpc.UnaryUnaryMultiCallable[api_pb2.UpdatePodSandboxResourcesRequest, api_pb2.UpdatePodSandboxResourcesResponse]

@typing.type_check_only
class RuntimeServiceAsyncStub(RuntimeServiceStub):

    def __init__(self, channel: aio.Channel) -> None:
        ...
    Version: aio.UnaryUnaryMultiCallable[api_pb2.VersionRequest, api_pb2.VersionResponse]
    RunPodSandbox: aio.UnaryUnaryMultiCallable[api_pb2.RunPodSandboxRequest, api_pb2.RunPodSandboxResponse]
    StopPodSandbox: aio.UnaryUnaryMultiCallable[api_pb2.StopPodSandboxRequest, api_pb2.StopPodSandboxResponse]
    RemovePodSandbox: aio.UnaryUnaryMultiCallable[api_pb2.RemovePodSandboxRequest, api_pb2.RemovePodSandboxResponse]
    PodSandboxStatus: aio.UnaryUnaryMultiCallable[api_pb2.PodSandboxStatusRequest, api_pb2.PodSandboxStatusResponse]
    ListPodSandbox: aio.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxRequest, api_pb2.ListPodSandboxResponse]
    StreamPodSandboxes: aio.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxesRequest, api_pb2.StreamPodSandboxesResponse]
    CreateContainer: aio.UnaryUnaryMultiCallable[api_pb2.CreateContainerRequest, api_pb2.CreateContainerResponse]
    StartContainer: aio.UnaryUnaryMultiCallable[api_pb2.StartContainerRequest, api_pb2.StartContainerResponse]
    StopContainer: aio.UnaryUnaryMultiCallable[api_pb2.StopContainerRequest, api_pb2.StopContainerResponse]
    RemoveContainer: aio.UnaryUnaryMultiCallable[api_pb2.RemoveContainerRequest, api_pb2.RemoveContainerResponse]
    ListContainers: aio.UnaryUnaryMultiCallable[api_pb2.ListContainersRequest, api_pb2.ListContainersResponse]
    StreamContainers: aio.UnaryStreamMultiCallable[api_pb2.StreamContainersRequest, api_pb2.StreamContainersResponse]
    ContainerStatus: aio.UnaryUnaryMultiCallable[api_pb2.ContainerStatusRequest, api_pb2.ContainerStatusResponse]
    UpdateContainerResources: aio.UnaryUnaryMultiCallable[api_pb2.UpdateContainerResourcesRequest, api_pb2.UpdateContainerResourcesResponse]
    ReopenContainerLog: aio.UnaryUnaryMultiCallable[api_pb2.ReopenContainerLogRequest, api_pb2.ReopenContainerLogResponse]
    ExecSync: aio.UnaryUnaryMultiCallable[api_pb2.ExecSyncRequest, api_pb2.ExecSyncResponse]
    Exec: aio.UnaryUnaryMultiCallable[api_pb2.ExecRequest, api_pb2.ExecResponse]
    Attach: aio.UnaryUnaryMultiCallable[api_pb2.AttachRequest, api_pb2.AttachResponse]
    PortForward: aio.UnaryUnaryMultiCallable[api_pb2.PortForwardRequest, api_pb2.PortForwardResponse]
    ContainerStats: aio.UnaryUnaryMultiCallable[api_pb2.ContainerStatsRequest, api_pb2.ContainerStatsResponse]
    ListContainerStats: aio.UnaryUnaryMultiCallable[api_pb2.ListContainerStatsRequest, api_pb2.ListContainerStatsResponse]
    StreamContainerStats: aio.UnaryStreamMultiCallable[api_pb2.StreamContainerStatsRequest, api_pb2.StreamContainerStatsResponse]
    PodSandboxStats: aio.UnaryUnaryMultiCallable[api_pb2.PodSandboxStatsRequest, api_pb2.PodSandboxStatsResponse]
    ListPodSandboxStats: aio.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxStatsRequest, api_pb2.ListPodSandboxStatsResponse]
    StreamPodSandboxStats: aio.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxStatsRequest, api_pb2.StreamPodSandboxStatsResponse]
    UpdateRuntimeConfig: aio.UnaryUnaryMultiCallable[api_pb2.UpdateRuntimeConfigRequest, api_pb2.UpdateRuntimeConfigResponse]
    Status: aio.UnaryUnaryMultiCallable[api_pb2.StatusRequest, api_pb2.StatusResponse]
    CheckpointContainer: aio.UnaryUnaryMultiCallable[api_pb2.CheckpointContainerRequest, api_pb2.CheckpointContainerResponse]
    GetContainerEvents: aio.UnaryStreamMultiCallable[api_pb2.GetEventsRequest, api_pb2.ContainerEventResponse]
    ListMetricDescriptors: aio.UnaryUnaryMultiCallable[api_pb2.ListMetricDescriptorsRequest, api_pb2.ListMetricDescriptorsResponse]
    ListPodSandboxMetrics: aio.UnaryUnaryMultiCallable[api_pb2.ListPodSandboxMetricsRequest, api_pb2.ListPodSandboxMetricsResponse]
    StreamPodSandboxMetrics: aio.UnaryStreamMultiCallable[api_pb2.StreamPodSandboxMetricsRequest, api_pb2.StreamPodSandboxMetricsResponse]
    RuntimeConfig: aio.UnaryUnaryMultiCallable[api_pb2.RuntimeConfigRequest, api_pb2.RuntimeConfigResponse]
    UpdatePodSandboxResources: aio.UnaryUnaryMultiCallable[api_pb2.UpdatePodSandboxResourcesRequest, api_pb2.UpdatePodSandboxResourcesResponse]

class RuntimeServiceServicer(metaclass=abc_1.ABCMeta):

    @abc_1.abstractmethod
    def Version(self, request: api_pb2.VersionRequest, context: _ServicerContext) -> typing.Union[api_pb2.VersionResponse, abc.Awaitable[api_pb2.VersionResponse]]:
        ...

    @abc_1.abstractmethod
    def RunPodSandbox(self, request: api_pb2.RunPodSandboxRequest, context: _ServicerContext) -> typing.Union[api_pb2.RunPodSandboxResponse, abc.Awaitable[api_pb2.RunPodSandboxResponse]]:
        ...

    @abc_1.abstractmethod
    def StopPodSandbox(self, request: api_pb2.StopPodSandboxRequest, context: _ServicerContext) -> typing.Union[api_pb2.StopPodSandboxResponse, abc.Awaitable[api_pb2.StopPodSandboxResponse]]:
        ...

    @abc_1.abstractmethod
    def RemovePodSandbox(self, request: api_pb2.RemovePodSandboxRequest, context: _ServicerContext) -> typing.Union[api_pb2.RemovePodSandboxResponse, abc.Awaitable[api_pb2.RemovePodSandboxResponse]]:
        ...

    @abc_1.abstractmethod
    def PodSandboxStatus(self, request: api_pb2.PodSandboxStatusRequest, context: _ServicerContext) -> typing.Union[api_pb2.PodSandboxStatusResponse, abc.Awaitable[api_pb2.PodSandboxStatusResponse]]:
        ...

    @abc_1.abstractmethod
    def ListPodSandbox(self, request: api_pb2.ListPodSandboxRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListPodSandboxResponse, abc.Awaitable[api_pb2.ListPodSandboxResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamPodSandboxes(self, request: api_pb2.StreamPodSandboxesRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamPodSandboxesResponse], abc.AsyncIterator[api_pb2.StreamPodSandboxesResponse]]:
        ...

    @abc_1.abstractmethod
    def CreateContainer(self, request: api_pb2.CreateContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.CreateContainerResponse, abc.Awaitable[api_pb2.CreateContainerResponse]]:
        ...

    @abc_1.abstractmethod
    def StartContainer(self, request: api_pb2.StartContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.StartContainerResponse, abc.Awaitable[api_pb2.StartContainerResponse]]:
        ...

    @abc_1.abstractmethod
    def StopContainer(self, request: api_pb2.StopContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.StopContainerResponse, abc.Awaitable[api_pb2.StopContainerResponse]]:
        ...

    @abc_1.abstractmethod
    def RemoveContainer(self, request: api_pb2.RemoveContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.RemoveContainerResponse, abc.Awaitable[api_pb2.RemoveContainerResponse]]:
        ...

    @abc_1.abstractmethod
    def ListContainers(self, request: api_pb2.ListContainersRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListContainersResponse, abc.Awaitable[api_pb2.ListContainersResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamContainers(self, request: api_pb2.StreamContainersRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamContainersResponse], abc.AsyncIterator[api_pb2.StreamContainersResponse]]:
        ...

    @abc_1.abstractmethod
    def ContainerStatus(self, request: api_pb2.ContainerStatusRequest, context: _ServicerContext) -> typing.Union[api_pb2.ContainerStatusResponse, abc.Awaitable[api_pb2.ContainerStatusResponse]]:
        ...

    @abc_1.abstractmethod
    def UpdateContainerResources(self, request: api_pb2.UpdateContainerResourcesRequest, context: _ServicerContext) -> typing.Union[api_pb2.UpdateContainerResourcesResponse, abc.Awaitable[api_pb2.UpdateContainerResourcesResponse]]:
        ...

    @abc_1.abstractmethod
    def ReopenContainerLog(self, request: api_pb2.ReopenContainerLogRequest, context: _ServicerContext) -> typing.Union[api_pb2.ReopenContainerLogResponse, abc.Awaitable[api_pb2.ReopenContainerLogResponse]]:
        ...

    @abc_1.abstractmethod
    def ExecSync(self, request: api_pb2.ExecSyncRequest, context: _ServicerContext) -> typing.Union[api_pb2.ExecSyncResponse, abc.Awaitable[api_pb2.ExecSyncResponse]]:
        ...

    @abc_1.abstractmethod
    def Exec(self, request: api_pb2.ExecRequest, context: _ServicerContext) -> typing.Union[api_pb2.ExecResponse, abc.Awaitable[api_pb2.ExecResponse]]:
        ...

    @abc_1.abstractmethod
    def Attach(self, request: api_pb2.AttachRequest, context: _ServicerContext) -> typing.Union[api_pb2.AttachResponse, abc.Awaitable[api_pb2.AttachResponse]]:
        ...

    @abc_1.abstractmethod
    def PortForward(self, request: api_pb2.PortForwardRequest, context: _ServicerContext) -> typing.Union[api_pb2.PortForwardResponse, abc.Awaitable[api_pb2.PortForwardResponse]]:
        ...

    @abc_1.abstractmethod
    def ContainerStats(self, request: api_pb2.ContainerStatsRequest, context: _ServicerContext) -> typing.Union[api_pb2.ContainerStatsResponse, abc.Awaitable[api_pb2.ContainerStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def ListContainerStats(self, request: api_pb2.ListContainerStatsRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListContainerStatsResponse, abc.Awaitable[api_pb2.ListContainerStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamContainerStats(self, request: api_pb2.StreamContainerStatsRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamContainerStatsResponse], abc.AsyncIterator[api_pb2.StreamContainerStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def PodSandboxStats(self, request: api_pb2.PodSandboxStatsRequest, context: _ServicerContext) -> typing.Union[api_pb2.PodSandboxStatsResponse, abc.Awaitable[api_pb2.PodSandboxStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def ListPodSandboxStats(self, request: api_pb2.ListPodSandboxStatsRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListPodSandboxStatsResponse, abc.Awaitable[api_pb2.ListPodSandboxStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamPodSandboxStats(self, request: api_pb2.StreamPodSandboxStatsRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamPodSandboxStatsResponse], abc.AsyncIterator[api_pb2.StreamPodSandboxStatsResponse]]:
        ...

    @abc_1.abstractmethod
    def UpdateRuntimeConfig(self, request: api_pb2.UpdateRuntimeConfigRequest, context: _ServicerContext) -> typing.Union[api_pb2.UpdateRuntimeConfigResponse, abc.Awaitable[api_pb2.UpdateRuntimeConfigResponse]]:
        ...

    @abc_1.abstractmethod
    def Status(self, request: api_pb2.StatusRequest, context: _ServicerContext) -> typing.Union[api_pb2.StatusResponse, abc.Awaitable[api_pb2.StatusResponse]]:
        ...

    @abc_1.abstractmethod
    def CheckpointContainer(self, request: api_pb2.CheckpointContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.CheckpointContainerResponse, abc.Awaitable[api_pb2.CheckpointContainerResponse]]:
        ...

    @abc_1.abstractmethod
    def GetContainerEvents(self, request: api_pb2.GetEventsRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.ContainerEventResponse], abc.AsyncIterator[api_pb2.ContainerEventResponse]]:
        ...

    @abc_1.abstractmethod
    def ListMetricDescriptors(self, request: api_pb2.ListMetricDescriptorsRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListMetricDescriptorsResponse, abc.Awaitable[api_pb2.ListMetricDescriptorsResponse]]:
        ...

    @abc_1.abstractmethod
    def ListPodSandboxMetrics(self, request: api_pb2.ListPodSandboxMetricsRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListPodSandboxMetricsResponse, abc.Awaitable[api_pb2.ListPodSandboxMetricsResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamPodSandboxMetrics(self, request: api_pb2.StreamPodSandboxMetricsRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamPodSandboxMetricsResponse], abc.AsyncIterator[api_pb2.StreamPodSandboxMetricsResponse]]:
        ...

    @abc_1.abstractmethod
    def RuntimeConfig(self, request: api_pb2.RuntimeConfigRequest, context: _ServicerContext) -> typing.Union[api_pb2.RuntimeConfigResponse, abc.Awaitable[api_pb2.RuntimeConfigResponse]]:
        ...

    @abc_1.abstractmethod
    def UpdatePodSandboxResources(self, request: api_pb2.UpdatePodSandboxResourcesRequest, context: _ServicerContext) -> typing.Union[api_pb2.UpdatePodSandboxResourcesResponse, abc.Awaitable[api_pb2.UpdatePodSandboxResourcesResponse]]:
        ...

def add_RuntimeServiceServicer_to_server(servicer: RuntimeServiceServicer, server: typing.Union[grpc.Server, aio.Server]) -> None:
    ...

class ImageServiceStub:

    @typing.overload
    def __new__(cls, channel: grpc.Channel) -> _Self:
        ...

    @typing.overload
    def __new__(cls, channel: aio.Channel) -> ImageServiceAsyncStub:
        ...
    ListImages: grpc.UnaryUnaryMultiCallable[api_pb2.ListImagesRequest, api_pb2.ListImagesResponse]
    StreamImages: grpc.UnaryStreamMultiCallable[api_pb2.StreamImagesRequest, api_pb2.StreamImagesResponse]
    ImageStatus: grpc.UnaryUnaryMultiCallable[api_pb2.ImageStatusRequest, api_pb2.ImageStatusResponse]
    PullImage: grpc.UnaryUnaryMultiCallable[api_pb2.PullImageRequest, api_pb2.PullImageResponse]
    RemoveImage: grpc.UnaryUnaryMultiCallable[api_pb2.RemoveImageRequest, api_pb2.RemoveImageResponse]
    ImageFsInfo: grpc.UnaryUnaryMultiCallable[api_pb2.ImageFsInfoRequest, api_pb2.ImageFsInfoResponse]

@typing.type_check_only
class ImageServiceAsyncStub(ImageServiceStub):

    def __init__(self, channel: aio.Channel) -> None:
        ...
    ListImages: aio.UnaryUnaryMultiCallable[api_pb2.ListImagesRequest, api_pb2.ListImagesResponse]
    StreamImages: aio.UnaryStreamMultiCallable[api_pb2.StreamImagesRequest, api_pb2.StreamImagesResponse]
    ImageStatus: aio.UnaryUnaryMultiCallable[api_pb2.ImageStatusRequest, api_pb2.ImageStatusResponse]
    PullImage: aio.UnaryUnaryMultiCallable[api_pb2.PullImageRequest, api_pb2.PullImageResponse]
    RemoveImage: aio.UnaryUnaryMultiCallable[api_pb2.RemoveImageRequest, api_pb2.RemoveImageResponse]
    ImageFsInfo: aio.UnaryUnaryMultiCallable[api_pb2.ImageFsInfoRequest, api_pb2.ImageFsInfoResponse]

class ImageServiceServicer(metaclass=abc_1.ABCMeta):

    @abc_1.abstractmethod
    def ListImages(self, request: api_pb2.ListImagesRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListImagesResponse, abc.Awaitable[api_pb2.ListImagesResponse]]:
        ...

    @abc_1.abstractmethod
    def StreamImages(self, request: api_pb2.StreamImagesRequest, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.StreamImagesResponse], abc.AsyncIterator[api_pb2.StreamImagesResponse]]:
        ...

    @abc_1.abstractmethod
    def ImageStatus(self, request: api_pb2.ImageStatusRequest, context: _ServicerContext) -> typing.Union[api_pb2.ImageStatusResponse, abc.Awaitable[api_pb2.ImageStatusResponse]]:
        ...

    @abc_1.abstractmethod
    def PullImage(self, request: api_pb2.PullImageRequest, context: _ServicerContext) -> typing.Union[api_pb2.PullImageResponse, abc.Awaitable[api_pb2.PullImageResponse]]:
        ...

    @abc_1.abstractmethod
    def RemoveImage(self, request: api_pb2.RemoveImageRequest, context: _ServicerContext) -> typing.Union[api_pb2.RemoveImageResponse, abc.Awaitable[api_pb2.RemoveImageResponse]]:
        ...

    @abc_1.abstractmethod
    def ImageFsInfo(self, request: api_pb2.ImageFsInfoRequest, context: _ServicerContext) -> typing.Union[api_pb2.ImageFsInfoResponse, abc.Awaitable[api_pb2.ImageFsInfoResponse]]:
        ...

def add_ImageServiceServicer_to_server(servicer: ImageServiceServicer, server: typing.Union[grpc.Server, aio.Server]) -> None:
    ...
