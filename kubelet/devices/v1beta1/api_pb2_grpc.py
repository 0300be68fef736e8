import grpc
import warnings
from kubelet.devices.v1beta1 import api_pb2 as kubelet_dot_devices_dot_v1beta1_dot_api__pb2
GRPC_GENERATED_VERSION = '1.85.1'
GRPC_VERSION = grpc.__version__
_version_not_supported = False
try:
    from grpc._utilities import first_version_is_lower
    _version_not_supported = first_version_is_lower(GRPC_VERSION, GRPC_GENERATED_VERSION)
except ImportError:
    _version_not_supported = True
if _version_not_supported:
    raise RuntimeError(f'The grpc package installed is at version {GRPC_VERSION},' + ' but the generated code in kubelet/devices/v1beta1/api_pb2_grpc.py depends on' + f' grpcio>={GRPC_GENERATED_VERSION}.' + f' Please upgrade your grpc module to grpcio>={GRPC_GENERATED_VERSION}' + f' or downgrade your generated code using grpcio-tools<={GRPC_VERSION}.')

class RegistrationStub:

    def __init__(self, channel):
        self.Register = channel.unary_unary('/v1beta1.Registration/Register', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.RegisterRequest.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.FromString, _registered_method=True)

class RegistrationServicer:

    def Register(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

def add_RegistrationServicer_to_server(servicer, server):
    rpc_method_handlers = {'Register': grpc.unary_unary_rpc_method_handler(servicer.Register, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.RegisterRequest.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.SerializeToString)}
    generic_handler = grpc.method_handlers_generic_handler('v1beta1.Registration', rpc_method_handlers)
    server.add_generic_rpc_handlers((generic_handler,))
    server.add_registered_method_handlers('v1beta1.Registration', rpc_method_handlers)

class Registration:

    @staticmethod
    def Register(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/v1beta1.Registration/Register', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.RegisterRequest.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

class DevicePluginStub:

    def __init__(self, channel):
        self.GetDevicePluginOptions = channel.unary_unary('/v1beta1.DevicePlugin/GetDevicePluginOptions', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.DevicePluginOptions.FromString, _registered_method=True)
        self.ListAndWatch = channel.unary_stream('/v1beta1.DevicePlugin/ListAndWatch', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.ListAndWatchResponse.FromString, _registered_method=True)
        self.GetPreferredAllocation = channel.unary_unary('/v1beta1.DevicePlugin/GetPreferredAllocation', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationRequest.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationResponse.FromString, _registered_method=True)
        self.Allocate = channel.unary_unary('/v1beta1.DevicePlugin/Allocate', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateRequest.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateResponse.FromString, _registered_method=True)
        self.PreStartContainer = channel.unary_unary('/v1beta1.DevicePlugin/PreStartContainer', request_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerRequest.SerializeToString, response_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerResponse.FromString, _registered_method=True)

class DevicePluginServicer:

    def GetDevicePluginOptions(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def ListAndWatch(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def GetPreferredAllocation(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def Allocate(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

    def PreStartContainer(self, request, context):
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details('Method not implemented!')
        raise NotImplementedError('Method not implemented!')

def add_DevicePluginServicer_to_server(servicer, server):
    rpc_method_handlers = {'GetDevicePluginOptions': grpc.unary_unary_rpc_method_handler(servicer.GetDevicePluginOptions, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.DevicePluginOptions.SerializeToString), 'ListAndWatch': grpc.unary_stream_rpc_method_handler(servicer.ListAndWatch, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.ListAndWatchResponse.SerializeToString), 'GetPreferredAllocation': grpc.unary_unary_rpc_method_handler(servicer.GetPreferredAllocation, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationRequest.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationResponse.SerializeToString), 'Allocate': grpc.unary_unary_rpc_method_handler(servicer.Allocate, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateRequest.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateResponse.SerializeToString), 'PreStartContainer': grpc.unary_unary_rpc_method_handler(servicer.PreStartContainer, request_deserializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerRequest.FromString, response_serializer=kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerResponse.SerializeToString)}
    generic_handler = grpc.method_handlers_generic_handler('v1beta1.DevicePlugin', rpc_method_handlers)
    server.add_generic_rpc_handlers((generic_handler,))
    server.add_registered_method_handlers('v1beta1.DevicePlugin', rpc_method_handlers)

class DevicePlugin:

    @staticmethod
    def GetDevicePluginOptions(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/v1beta1.DevicePlugin/GetDevicePluginOptions', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.DevicePluginOptions.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def ListAndWatch(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_stream(request, target, '/v1beta1.DevicePlugin/ListAndWatch', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.Empty.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.ListAndWatchResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def GetPreferredAllocation(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/v1beta1.DevicePlugin/GetPreferredAllocation', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationRequest.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreferredAllocationResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def Allocate(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/v1beta1.DevicePlugin/Allocate', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateRequest.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.AllocateResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)

    @staticmethod
    def PreStartContainer(request, target, options=(), channel_credentials=None, call_credentials=None, insecure=False, compression=None, wait_for_ready=None, timeout=None, metadata=None):
        return grpc.experimental.unary_unary(request, target, '/v1beta1.DevicePlugin/PreStartContainer', kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerRequest.SerializeToString, kubelet_dot_devices_dot_v1beta1_dot_api__pb2.PreStartContainerResponse.FromString, options, channel_credentials, insecure, call_credentials, compression, wait_for_ready, timeout, metadata, _registered_method=True)
