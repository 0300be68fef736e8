from collections import abc as abc
from grpc import aio as aio
from kubelet.devices.v1beta1 import api_pb2 as api_pb2
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

class RegistrationStub:

    @typing.overload
    def __new__(cls, channel: grpc.Channel) -> _Self:
        ...

    @typing.overload
    def __new__(cls, channel: aio.Channel) -> RegistrationAsyncStub:
        ...
    Register: grpc.UnaryUnaryMultiCallable[api_pb2.RegisterRequest, api_pb2.Empty]

@typing.type_check_only
class RegistrationAsyncStub(RegistrationStub):

    def __init__(self, channel: aio.Channel) -> None:
        ...
    Register: aio.UnaryUnaryMultiCallable[api_pb2.RegisterRequest, api_pb2.Empty]

class RegistrationServicer(metaclass=abc_1.ABCMeta):

    @abc_1.abstractmethod
    def Register(self, request: api_pb2.RegisterRequest, context: _ServicerContext) -> typing.Union[api_pb2.Empty, abc.Awaitable[api_pb2.Empty]]:
        ...

def add_RegistrationServicer_to_server(servicer: RegistrationServicer, server: typing.Union[grpc.Server, aio.Server]) -> None:
    ...

class DevicePluginStub:

    @typing.overload
    def __new__(cls, channel: grpc.Channel) -> _Self:
        ...

    @typing.overload
    def __new__(cls, channel: aio.Channel) -> DevicePluginAsyncStub:
        ...
    GetDevicePluginOptions: grpc.UnaryUnaryMultiCallable[api_pb2.Empty, api_pb2.DevicePluginOptions]
    ListAndWatch: grpc.UnaryStreamMultiCallable[api_pb2.Empty, api_pb2.ListAndWatchResponse]
    GetPreferredAllocation: grpc.UnaryUnaryMultiCallable[api_pb2.PreferredAllocationRequest, api_pb2.PreferredAllocationResponse]
    Allocate: grpc.UnaryUnaryMultiCallable[api_pb2.AllocateRequest, api_pb2.AllocateResponse]
    PreStartContainer: grpc.UnaryUnaryMultiCallable[api_pb2.PreStartContainerRequest, api_pb2.PreStartContainerResponse]

@typing.type_check_only
class DevicePluginAsyncStub(DevicePluginStub):

    def __init__(self, channel: aio.Channel) -> None:
        ...
    GetDevicePluginOptions: aio.UnaryUnaryMultiCallable[api_pb2.Empty, api_pb2.DevicePluginOptions]
    ListAndWatch: aio.UnaryStreamMultiCallable[api_pb2.Empty, api_pb2.ListAndWatchResponse]
    GetPreferredAllocation: aio.UnaryUnaryMultiCallable[api_pb2.PreferredAllocationRequest, api_pb2.PreferredAllocationResponse]
    Allocate: aio.UnaryUnaryMultiCallable[api_pb2.AllocateRequest, api_pb2.AllocateResponse]
    PreStartContainer: aio.UnaryUnaryMultiCallable[api_pb2.PreStartContainerRequest, api_pb2.PreStartContainerResponse]

class DevicePluginServicer(metaclass=abc_1.ABCMeta):

    @abc_1.abstractmethod
    def GetDevicePluginOptions(self, request: api_pb2.Empty, context: _ServicerContext) -> typing.Union[api_pb2.DevicePluginOptions, abc.Awaitable[api_pb2.DevicePluginOptions]]:
        ...

    @abc_1.abstractmethod
    def ListAndWatch(self, request: api_pb2.Empty, context: _ServicerContext) -> typing.Union[abc.Iterator[api_pb2.ListAndWatchResponse], abc.AsyncIterator[api_pb2.ListAndWatchResponse]]:
        ...

    @abc_1.abstractmethod
    def GetPreferredAllocation(self, request: api_pb2.PreferredAllocationRequest, context: _ServicerContext) -> typing.Union[api_pb2.PreferredAllocationResponse, abc.Awaitable[api_pb2.PreferredAllocationResponse]]:
        ...

    @abc_1.abstractmethod
    def Allocate(self, request: api_pb2.AllocateRequest, context: _ServicerContext) -> typing.Union[api_pb2.AllocateResponse, abc.Awaitable[api_pb2.AllocateResponse]]:
        ...

    @abc_1.abstractmethod
    def PreStartContainer(self, request: api_pb2.PreStartContainerRequest, context: _ServicerContext) -> typing.Union[api_pb2.PreStartContainerResponse, abc.Awaitable[api_pb2.PreStartContainerResponse]]:
        ...

def add_DevicePluginServicer_to_server(servicer: DevicePluginServicer, server: typing.Union[grpc.Server, aio.Server]) -> None:
    ...
