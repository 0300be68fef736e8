from collections import abc as abc
from grpc import aio as aio
from kubelet.podresources.v1alpha1 import api_pb2 as api_pb2
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

class PodResourcesListerStub:

    @typing.overload
    def __new__(cls, channel: grpc.Channel) -> _Self:
        ...

    @typing.overload
    def __new__(cls, channel: aio.Channel) -> PodResourcesListerAsyncStub:
        ...
    List: grpc.UnaryUnaryMultiCallable[api_pb2.ListPodResourcesRequest, api_pb2.ListPodResourcesResponse]

@typing.type_check_only
class PodResourcesListerAsyncStub(PodResourcesListerStub):

    def __init__(self, channel: aio.Channel) -> None:
        ...
    List: aio.UnaryUnaryMultiCallable[api_pb2.ListPodResourcesRequest, api_pb2.ListPodResourcesResponse]

class PodResourcesListerServicer(metaclass=abc_1.ABCMeta):

    @abc_1.abstractmethod
    def List(self, request: api_pb2.ListPodResourcesRequest, context: _ServicerContext) -> typing.Union[api_pb2.ListPodResourcesResponse, abc.Awaitable[api_pb2.ListPodResourcesResponse]]:
        ...

def add_PodResourcesListerServicer_to_server(servicer: PodResourcesListerServicer, server: typing.Union[grpc.Server, aio.Server]) -> None:
    ...
