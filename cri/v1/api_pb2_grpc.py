import grpc
import warnings
from cri.v1 import api_pb2 as cri_dot_v1_dot_api__pb2
GRPC_GENERATED_VERSION = '1.85.1'
GRPC_VERSION = grpc.__version__
_version_not_supported = False
try:
    from grpc._utilities import first_version_is_lower
    _version_not_supported = first_version_is_lower(GRPC_VERSION, GRPC_GENERATED_VERSION)
except ImportError:
    _version_not_supported = True
if _version_not_supported:
    raise RuntimeError(f'The grpc package installed is at version {GRPC_VERSION},' + ' but the generated code in cri/v1/api_pb2_grpc.py depends on' + f' grpcio>={GRPC_GENERATED_VERSION}.' + f' Please upgrade your grpc module to grpcio>={GRPC_GENERATED_VERSION}' + f' or downgrade your generated code using grpcio-tools<={GRPC_VERSION}.')

class RuntimeServiceStub:

    def __init__(self, channel):
        self.Version = channel.unary_unary('/runtime.v1.RuntimeService/Version', request_serializer=cri_dot_v1_dot_api__pb2.VersionRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.VersionResponse.FromString, _registered_method=True)
        self.RunPodSandbox = channel.unary_unary('/runtime.v1.RuntimeService/RunPodSandbox', request_serializer=cri_dot_v1_dot_api__pb2.RunPodSandboxRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.RunPodSandboxResponse.FromString, _registered_method=True)
        self.StopPodSandbox = channel.unary_unary('/runtime.v1.RuntimeService/StopPodSandbox', request_serializer=cri_dot_v1_dot_api__pb2.StopPodSandboxRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StopPodSandboxResponse.FromString, _registered_method=True)
        self.RemovePodSandbox = channel.unary_unary('/runtime.v1.RuntimeService/RemovePodSandbox', request_serializer=cri_dot_v1_dot_api__pb2.RemovePodSandboxRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.RemovePodSandboxResponse.FromString, _registered_method=True)
        self.PodSandboxStatus = channel.unary_unary('/runtime.v1.RuntimeService/PodSandboxStatus', request_serializer=cri_dot_v1_dot_api__pb2.PodSandboxStatusRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.PodSandboxStatusResponse.FromString, _registered_method=True)
        self.ListPodSandbox = channel.unary_unary('/runtime.v1.RuntimeService/ListPodSandbox', request_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxResponse.FromString, _registered_method=True)
        self.StreamPodSandboxes = channel.unary_stream('/runtime.v1.RuntimeService/StreamPodSandboxes', request_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxesRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxesResponse.FromString, _registered_method=True)
        self.CreateContainer = channel.unary_unary('/runtime.v1.RuntimeService/CreateContainer', request_serializer=cri_dot_v1_dot_api__pb2.CreateContainerRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.CreateContainerResponse.FromString, _registered_method=True)
        self.StartContainer = channel.unary_unary('/runtime.v1.RuntimeService/StartContainer', request_serializer=cri_dot_v1_dot_api__pb2.StartContainerRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StartContainerResponse.FromString, _registered_method=True)
        self.StopContainer = channel.unary_unary('/runtime.v1.RuntimeService/StopContainer', request_serializer=cri_dot_v1_dot_api__pb2.StopContainerRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StopContainerResponse.FromString, _registered_method=True)
        self.RemoveContainer = channel.unary_unary('/runtime.v1.RuntimeService/RemoveContainer', request_serializer=cri_dot_v1_dot_api__pb2.RemoveContainerRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.RemoveContainerResponse.FromString, _registered_method=True)
        self.ListContainers = channel.unary_unary('/runtime.v1.RuntimeService/ListContainers', request_serializer=cri_dot_v1_dot_api__pb2.ListContainersRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListContainersResponse.FromString, _registered_method=True)
        self.StreamContainers = channel.unary_stream('/runtime.v1.RuntimeService/StreamContainers', request_serializer=cri_dot_v1_dot_api__pb2.StreamContainersRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamContainersResponse.FromString, _registered_method=True)
        self.ContainerStatus = channel.unary_unary('/runtime.v1.RuntimeService/ContainerStatus', request_serializer=cri_dot_v1_dot_api__pb2.ContainerStatusRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ContainerStatusResponse.FromString, _registered_method=True)
        self.UpdateContainerResources = channel.unary_unary('/runtime.v1.RuntimeService/UpdateContainerResources', request_serializer=cri_dot_v1_dot_api__pb2.UpdateContainerResourcesRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.UpdateContainerResourcesResponse.FromString, _registered_method=True)
        self.ReopenContainerLog = channel.unary_unary('/runtime.v1.RuntimeService/ReopenContainerLog', request_serializer=cri_dot_v1_dot_api__pb2.ReopenContainerLogRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ReopenContainerLogResponse.FromString, _registered_method=True)
        self.ExecSync = channel.unary_unary('/runtime.v1.RuntimeService/ExecSync', request_serializer=cri_dot_v1_dot_api__pb2.ExecSyncRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ExecSyncResponse.FromString, _registered_method=True)
        self.Exec = channel.unary_unary('/runtime.v1.RuntimeService/Exec', request_serializer=cri_dot_v1_dot_api__pb2.ExecRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ExecResponse.FromString, _registered_method=True)
        self.Attach = channel.unary_unary('/runtime.v1.RuntimeService/Attach', request_serializer=cri_dot_v1_dot_api__pb2.AttachRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.AttachResponse.FromString, _registered_method=True)
        self.PortForward = channel.unary_unary('/runtime.v1.RuntimeService/PortForward', request_serializer=cri_dot_v1_dot_api__pb2.PortForwardRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.PortForwardResponse.FromString, _registered_method=True)
        self.ContainerStats = channel.unary_unary('/runtime.v1.RuntimeService/ContainerStats', request_serializer=cri_dot_v1_dot_api__pb2.ContainerStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ContainerStatsResponse.FromString, _registered_method=True)
        self.ListContainerStats = channel.unary_unary('/runtime.v1.RuntimeService/ListContainerStats', request_serializer=cri_dot_v1_dot_api__pb2.ListContainerStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListContainerStatsResponse.FromString, _registered_method=True)
        self.StreamContainerStats = channel.unary_stream('/runtime.v1.RuntimeService/StreamContainerStats', request_serializer=cri_dot_v1_dot_api__pb2.StreamContainerStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamContainerStatsResponse.FromString, _registered_method=True)
        self.PodSandboxStats = channel.unary_unary('/runtime.v1.RuntimeService/PodSandboxStats', request_serializer=cri_dot_v1_dot_api__pb2.PodSandboxStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.PodSandboxStatsResponse.FromString, _registered_method=True)
        self.ListPodSandboxStats = channel.unary_unary('/runtime.v1.RuntimeService/ListPodSandboxStats', request_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxStatsResponse.FromString, _registered_method=True)
        self.StreamPodSandboxStats = channel.unary_stream('/runtime.v1.RuntimeService/StreamPodSandboxStats', request_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsResponse.FromString, _registered_method=True)
        self.UpdateRuntimeConfig = channel.unary_unary('/runtime.v1.RuntimeService/UpdateRuntimeConfig', request_serializer=cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigResponse.FromString, _registered_method=True)
        self.Status = channel.unary_unary('/runtime.v1.RuntimeService/Status', request_serializer=cri_dot_v1_dot_api__pb2.StatusRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StatusResponse.FromString, _registered_method=True)
        self.CheckpointContainer = channel.unary_unary('/runtime.v1.RuntimeService/CheckpointContainer', request_serializer=cri_dot_v1_dot_api__pb2.CheckpointContainerRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.CheckpointContainerResponse.FromString, _registered_method=True)
        self.GetContainerEvents = channel.unary_stream('/runtime.v1.RuntimeService/GetContainerEvents', request_serializer=cri_dot_v1_dot_api__pb2.GetEventsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ContainerEventResponse.FromString, _registered_method=True)
        self.ListMetricDescriptors = channel.unary_unary('/runtime.v1.RuntimeService/ListMetricDescriptors', request_serializer=cri_dot_v1_dot_api__pb2.ListMetricDescriptorsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListMetricDescriptorsResponse.FromString, _registered_method=True)
        self.ListPodSandboxMetrics = channel.unary_unary('/runtime.v1.RuntimeService/ListPodSandboxMetrics', request_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsResponse.FromString, _registered_method=True)
        self.StreamPodSandboxMetrics = channel.unary_stream('/runtime.v1.RuntimeService/StreamPodSandboxMetrics', request_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsResponse.FromString, _registered_method=True)
        self.RuntimeConfig = channel.unary_unary('/runtime.v1.RuntimeService/RuntimeConfig', request_serializer=cri_dot_v1_dot_api__pb2.RuntimeConfigRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.RuntimeConfigResponse.FromString, _registered_method=True)
        self.UpdatePodSandboxResources = channel.unary_unary('/runtime.v1.RuntimeService/UpdatePodSandboxResources', request_serializer=cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesResponse.FromString, _registered_method=True)

class RuntimeServiceServicer:

    def Version(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def RunPodSandbox(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StopPodSandbox(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def RemovePodSandbox(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def PodSandboxStatus(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListPodSandbox(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamPodSandboxes(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def CreateContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StartContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StopContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def RemoveContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListContainers(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamContainers(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ContainerStatus(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def UpdateContainerResources(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ReopenContainerLog(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ExecSync(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def Exec(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def Attach(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def PortForward(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ContainerStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListContainerStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamContainerStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def PodSandboxStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListPodSandboxStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamPodSandboxStats(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def UpdateRuntimeConfig(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def Status(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def CheckpointContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def GetContainerEvents(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListMetricDescriptors(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListPodSandboxMetrics(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamPodSandboxMetrics(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def RuntimeConfig(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def UpdatePodSandboxResources(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

def add_RuntimeServiceServicer_to_server(servicer, server):
    rpc_method_handlers = {'Version': grpc.unary_unary_rpc_method_handler(servicer.Version, request_deserializer=cri_dot_v1_dot_api__pb2.VersionRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.VersionResponse.SerializeToString), 'RunPodSandbox': grpc.unary_unary_rpc_method_handler(servicer.RunPodSandbox, request_deserializer=cri_dot_v1_dot_api__pb2.RunPodSandboxRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.RunPodSandboxResponse.SerializeToString), 'StopPodSandbox': grpc.unary_unary_rpc_method_handler(servicer.StopPodSandbox, request_deserializer=cri_dot_v1_dot_api__pb2.StopPodSandboxRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StopPodSandboxResponse.SerializeToString), 'RemovePodSandbox': grpc.unary_unary_rpc_method_handler(servicer.RemovePodSandbox, request_deserializer=cri_dot_v1_dot_api__pb2.RemovePodSandboxRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.RemovePodSandboxResponse.SerializeToString), 'PodSandboxStatus': grpc.unary_unary_rpc_method_handler(servicer.PodSandboxStatus, request_deserializer=cri_dot_v1_dot_api__pb2.PodSandboxStatusRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.PodSandboxStatusResponse.SerializeToString), 'ListPodSandbox': grpc.unary_unary_rpc_method_handler(servicer.ListPodSandbox, request_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxResponse.SerializeToString), 'StreamPodSandboxes': grpc.unary_stream_rpc_method_handler(servicer.StreamPodSandboxes, request_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxesRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxesResponse.SerializeToString), 'CreateContainer': grpc.unary_unary_rpc_method_handler(servicer.CreateContainer, request_deserializer=cri_dot_v1_dot_api__pb2.CreateContainerRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.CreateContainerResponse.SerializeToString), 'StartContainer': grpc.unary_unary_rpc_method_handler(servicer.StartContainer, request_deserializer=cri_dot_v1_dot_api__pb2.StartContainerRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StartContainerResponse.SerializeToString), 'StopContainer': grpc.unary_unary_rpc_method_handler(servicer.StopContainer, request_deserializer=cri_dot_v1_dot_api__pb2.StopContainerRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StopContainerResponse.SerializeToString), 'RemoveContainer': grpc.unary_unary_rpc_method_handler(servicer.RemoveContainer, request_deserializer=cri_dot_v1_dot_api__pb2.RemoveContainerRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.RemoveContainerResponse.SerializeToString), 'ListContainers': grpc.unary_unary_rpc_method_handler(servicer.ListContainers, request_deserializer=cri_dot_v1_dot_api__pb2.ListContainersRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListContainersResponse.SerializeToString), 'StreamContainers': grpc.unary_stream_rpc_method_handler(servicer.StreamContainers, request_deserializer=cri_dot_v1_dot_api__pb2.StreamContainersRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamContainersResponse.SerializeToString), 'ContainerStatus': grpc.unary_unary_rpc_method_handler(servicer.ContainerStatus, request_deserializer=cri_dot_v1_dot_api__pb2.ContainerStatusRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ContainerStatusResponse.SerializeToString), 'UpdateContainerResources': grpc.unary_unary_rpc_method_handler(servicer.UpdateContainerResources, request_deserializer=cri_dot_v1_dot_api__pb2.UpdateContainerResourcesRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.UpdateContainerResourcesResponse.SerializeToString), 'ReopenContainerLog': grpc.unary_unary_rpc_method_handler(servicer.ReopenContainerLog, request_deserializer=cri_dot_v1_dot_api__pb2.ReopenContainerLogRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ReopenContainerLogResponse.SerializeToString), 'ExecSync': grpc.unary_unary_rpc_method_handler(servicer.ExecSync, request_deserializer=cri_dot_v1_dot_api__pb2.ExecSyncRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ExecSyncResponse.SerializeToString), 'Exec': grpc.unary_unary_rpc_method_handler(servicer.Exec, request_deserializer=cri_dot_v1_dot_api__pb2.ExecRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ExecResponse.SerializeToString), 'Attach': grpc.unary_unary_rpc_method_handler(servicer.Attach, request_deserializer=cri_dot_v1_dot_api__pb2.AttachRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.AttachResponse.SerializeToString), 'PortForward': grpc.unary_unary_rpc_method_handler(servicer.PortForward, request_deserializer=cri_dot_v1_dot_api__pb2.PortForwardRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.PortForwardResponse.SerializeToString), 'ContainerStats': grpc.unary_unary_rpc_method_handler(servicer.ContainerStats, request_deserializer=cri_dot_v1_dot_api__pb2.ContainerStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ContainerStatsResponse.SerializeToString), 'ListContainerStats': grpc.unary_unary_rpc_method_handler(servicer.ListContainerStats, request_deserializer=cri_dot_v1_dot_api__pb2.ListContainerStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListContainerStatsResponse.SerializeToString), 'StreamContainerStats': grpc.unary_stream_rpc_method_handler(servicer.StreamContainerStats, request_deserializer=cri_dot_v1_dot_api__pb2.StreamContainerStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamContainerStatsResponse.SerializeToString), 'PodSandboxStats': grpc.unary_unary_rpc_method_handler(servicer.PodSandboxStats, request_deserializer=cri_dot_v1_dot_api__pb2.PodSandboxStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.PodSandboxStatsResponse.SerializeToString), 'ListPodSandboxStats': grpc.unary_unary_rpc_method_handler(servicer.ListPodSandboxStats, request_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxStatsResponse.SerializeToString), 'StreamPodSandboxStats': grpc.unary_stream_rpc_method_handler(servicer.StreamPodSandboxStats, request_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsResponse.SerializeToString), 'UpdateRuntimeConfig': grpc.unary_unary_rpc_method_handler(servicer.UpdateRuntimeConfig, request_deserializer=cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigResponse.SerializeToString), 'Status': grpc.unary_unary_rpc_method_handler(servicer.Status, request_deserializer=cri_dot_v1_dot_api__pb2.StatusRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StatusResponse.SerializeToString), 'CheckpointContainer': grpc.unary_unary_rpc_method_handler(servicer.CheckpointContainer, request_deserializer=cri_dot_v1_dot_api__pb2.CheckpointContainerRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.CheckpointContainerResponse.SerializeToString), 'GetContainerEvents': grpc.unary_stream_rpc_method_handler(servicer.GetContainerEvents, request_deserializer=cri_dot_v1_dot_api__pb2.GetEventsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ContainerEventResponse.SerializeToString), 'ListMetricDescriptors': grpc.unary_unary_rpc_method_handler(servicer.ListMetricDescriptors, request_deserializer=cri_dot_v1_dot_api__pb2.ListMetricDescriptorsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListMetricDescriptorsResponse.SerializeToString), 'ListPodSandboxMetrics': grpc.unary_unary_rpc_method_handler(servicer.ListPodSandboxMetrics, request_deserializer=cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsResponse.SerializeToString), 'StreamPodSandboxMetrics': grpc.unary_stream_rpc_method_handler(servicer.StreamPodSandboxMetrics, request_deserializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsResponse.SerializeToString), 'RuntimeConfig': grpc.unary_unary_rpc_method_handler(servicer.RuntimeConfig, request_deserializer=cri_dot_v1_dot_api__pb2.RuntimeConfigRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.RuntimeConfigResponse.SerializeToString), 'UpdatePodSandboxResources': grpc.unary_unary_rpc_method_handler(servicer.UpdatePodSandboxResources, request_deserializer=cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesResponse.SerializeToString)}
    generic_handler = grpc.method_handlers_generic_handler('runtime.v1.RuntimeService', rpc_method_handlers)
    server.add_generic_rpc_handlers((generic_handler,))
    server.add_registered_method_handlers('runtime.v1.RuntimeService', rpc_method_handlers)

class RuntimeService:

    @staticmethod
    def Version(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/Version', cri_dot_v1_dot_api__pb2.VersionRequest.SerializeToString, cri_dot_v1_dot_api__pb2.VersionResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def RunPodSandbox(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/RunPodSandbox', cri_dot_v1_dot_api__pb2.RunPodSandboxRequest.SerializeToString, cri_dot_v1_dot_api__pb2.RunPodSandboxResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StopPodSandbox(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/StopPodSandbox', cri_dot_v1_dot_api__pb2.StopPodSandboxRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StopPodSandboxResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def RemovePodSandbox(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/RemovePodSandbox', cri_dot_v1_dot_api__pb2.RemovePodSandboxRequest.SerializeToString, cri_dot_v1_dot_api__pb2.RemovePodSandboxResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def PodSandboxStatus(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/PodSandboxStatus', cri_dot_v1_dot_api__pb2.PodSandboxStatusRequest.SerializeToString, cri_dot_v1_dot_api__pb2.PodSandboxStatusResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListPodSandbox(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListPodSandbox', cri_dot_v1_dot_api__pb2.ListPodSandboxRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListPodSandboxResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamPodSandboxes(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/StreamPodSandboxes', cri_dot_v1_dot_api__pb2.StreamPodSandboxesRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamPodSandboxesResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def CreateContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/CreateContainer', cri_dot_v1_dot_api__pb2.CreateContainerRequest.SerializeToString, cri_dot_v1_dot_api__pb2.CreateContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StartContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/StartContainer', cri_dot_v1_dot_api__pb2.StartContainerRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StartContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StopContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/StopContainer', cri_dot_v1_dot_api__pb2.StopContainerRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StopContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def RemoveContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/RemoveContainer', cri_dot_v1_dot_api__pb2.RemoveContainerRequest.SerializeToString, cri_dot_v1_dot_api__pb2.RemoveContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListContainers(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListContainers', cri_dot_v1_dot_api__pb2.ListContainersRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListContainersResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamContainers(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/StreamContainers', cri_dot_v1_dot_api__pb2.StreamContainersRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamContainersResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ContainerStatus(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ContainerStatus', cri_dot_v1_dot_api__pb2.ContainerStatusRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ContainerStatusResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def UpdateContainerResources(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/UpdateContainerResources', cri_dot_v1_dot_api__pb2.UpdateContainerResourcesRequest.SerializeToString, cri_dot_v1_dot_api__pb2.UpdateContainerResourcesResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ReopenContainerLog(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ReopenContainerLog', cri_dot_v1_dot_api__pb2.ReopenContainerLogRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ReopenContainerLogResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ExecSync(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ExecSync', cri_dot_v1_dot_api__pb2.ExecSyncRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ExecSyncResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def Exec(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/Exec', cri_dot_v1_dot_api__pb2.ExecRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ExecResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def Attach(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/Attach', cri_dot_v1_dot_api__pb2.AttachRequest.SerializeToString, cri_dot_v1_dot_api__pb2.AttachResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def PortForward(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/PortForward', cri_dot_v1_dot_api__pb2.PortForwardRequest.SerializeToString, cri_dot_v1_dot_api__pb2.PortForwardResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ContainerStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ContainerStats', cri_dot_v1_dot_api__pb2.ContainerStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ContainerStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListContainerStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListContainerStats', cri_dot_v1_dot_api__pb2.ListContainerStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListContainerStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamContainerStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/StreamContainerStats', cri_dot_v1_dot_api__pb2.StreamContainerStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamContainerStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def PodSandboxStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/PodSandboxStats', cri_dot_v1_dot_api__pb2.PodSandboxStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.PodSandboxStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListPodSandboxStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListPodSandboxStats', cri_dot_v1_dot_api__pb2.ListPodSandboxStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListPodSandboxStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamPodSandboxStats(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/StreamPodSandboxStats', cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamPodSandboxStatsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def UpdateRuntimeConfig(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/UpdateRuntimeConfig', cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigRequest.SerializeToString, cri_dot_v1_dot_api__pb2.UpdateRuntimeConfigResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def Status(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/Status', cri_dot_v1_dot_api__pb2.StatusRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StatusResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def CheckpointContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/CheckpointContainer', cri_dot_v1_dot_api__pb2.CheckpointContainerRequest.SerializeToString, cri_dot_v1_dot_api__pb2.CheckpointContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def GetContainerEvents(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/GetContainerEvents', cri_dot_v1_dot_api__pb2.GetEventsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ContainerEventResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListMetricDescriptors(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListMetricDescriptors', cri_dot_v1_dot_api__pb2.ListMetricDescriptorsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListMetricDescriptorsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListPodSandboxMetrics(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/ListPodSandboxMetrics', cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListPodSandboxMetricsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamPodSandboxMetrics(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.RuntimeService/StreamPodSandboxMetrics', cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamPodSandboxMetricsResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def RuntimeConfig(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/RuntimeConfig', cri_dot_v1_dot_api__pb2.RuntimeConfigRequest.SerializeToString, cri_dot_v1_dot_api__pb2.RuntimeConfigResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def UpdatePodSandboxResources(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.RuntimeService/UpdatePodSandboxResources', cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesRequest.SerializeToString, cri_dot_v1_dot_api__pb2.UpdatePodSandboxResourcesResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

class ImageServiceStub:

    def __init__(self, channel):
        self.ListImages = channel.unary_unary('/runtime.v1.ImageService/ListImages', request_serializer=cri_dot_v1_dot_api__pb2.ListImagesRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ListImagesResponse.FromString, _registered_method=True)
        self.StreamImages = channel.unary_stream('/runtime.v1.ImageService/StreamImages', request_serializer=cri_dot_v1_dot_api__pb2.StreamImagesRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.StreamImagesResponse.FromString, _registered_method=True)
        self.ImageStatus = channel.unary_unary('/runtime.v1.ImageService/ImageStatus', request_serializer=cri_dot_v1_dot_api__pb2.ImageStatusRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ImageStatusResponse.FromString, _registered_method=True)
        self.PullImage = channel.unary_unary('/runtime.v1.ImageService/PullImage', request_serializer=cri_dot_v1_dot_api__pb2.PullImageRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.PullImageResponse.FromString, _registered_method=True)
        self.RemoveImage = channel.unary_unary('/runtime.v1.ImageService/RemoveImage', request_serializer=cri_dot_v1_dot_api__pb2.RemoveImageRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.RemoveImageResponse.FromString, _registered_method=True)
        self.ImageFsInfo = channel.unary_unary('/runtime.v1.ImageService/ImageFsInfo', request_serializer=cri_dot_v1_dot_api__pb2.ImageFsInfoRequest.SerializeToString, response_deserializer=cri_dot_v1_dot_api__pb2.ImageFsInfoResponse.FromString, _registered_method=True)

class ImageServiceServicer:

    def ListImages(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def StreamImages(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ImageStatus(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def PullImage(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def RemoveImage(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ImageFsInfo(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

def add_ImageServiceServicer_to_server(servicer, server):
    rpc_method_handlers = {'ListImages': grpc.unary_unary_rpc_method_handler(servicer.ListImages, request_deserializer=cri_dot_v1_dot_api__pb2.ListImagesRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ListImagesResponse.SerializeToString), 'StreamImages': grpc.unary_stream_rpc_method_handler(servicer.StreamImages, request_deserializer=cri_dot_v1_dot_api__pb2.StreamImagesRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.StreamImagesResponse.SerializeToString), 'ImageStatus': grpc.unary_unary_rpc_method_handler(servicer.ImageStatus, request_deserializer=cri_dot_v1_dot_api__pb2.ImageStatusRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ImageStatusResponse.SerializeToString), 'PullImage': grpc.unary_unary_rpc_method_handler(servicer.PullImage, request_deserializer=cri_dot_v1_dot_api__pb2.PullImageRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.PullImageResponse.SerializeToString), 'RemoveImage': grpc.unary_unary_rpc_method_handler(servicer.RemoveImage, request_deserializer=cri_dot_v1_dot_api__pb2.RemoveImageRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.RemoveImageResponse.SerializeToString), 'ImageFsInfo': grpc.unary_unary_rpc_method_handler(servicer.ImageFsInfo, request_deserializer=cri_dot_v1_dot_api__pb2.ImageFsInfoRequest.FromString, response_serializer=cri_dot_v1_dot_api__pb2.ImageFsInfoResponse.SerializeToString)}
    generic_handler = grpc.method_handlers_generic_handler('runtime.v1.ImageService', rpc_method_handlers)
    server.add_generic_rpc_handlers((generic_handler,))
    server.add_registered_method_handlers('runtime.v1.ImageService', rpc_method_handlers)

class ImageService:

    @staticmethod
    def ListImages(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.ImageService/ListImages', cri_dot_v1_dot_api__pb2.ListImagesRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ListImagesResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def StreamImages(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/runtime.v1.ImageService/StreamImages', cri_dot_v1_dot_api__pb2.StreamImagesRequest.SerializeToString, cri_dot_v1_dot_api__pb2.StreamImagesResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ImageStatus(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.ImageService/ImageStatus', cri_dot_v1_dot_api__pb2.ImageStatusRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ImageStatusResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def PullImage(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.ImageService/PullImage', cri_dot_v1_dot_api__pb2.PullImageRequest.SerializeToString, cri_dot_v1_dot_api__pb2.PullImageResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def RemoveImage(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.ImageService/RemoveImage', cri_dot_v1_dot_api__pb2.RemoveImageRequest.SerializeToString, cri_dot_v1_dot_api__pb2.RemoveImageResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ImageFsInfo(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/runtime.v1.ImageService/ImageFsInfo', cri_dot_v1_dot_api__pb2.ImageFsInfoRequest.SerializeToString, cri_dot_v1_dot_api__pb2.ImageFsInfoResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)
