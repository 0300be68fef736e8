from collections import abc as abc
from google.protobuf import descriptor as descriptor
from google.protobuf import message as message
from google.protobuf.internal import containers as containers
import builtins as builtins
import sys
import typing as typing
if sys.version_info >= (3, 11):
    from typing import TypeAlias as _TypeAlias, Never as _Never
else:
    from typing_extensions import TypeAlias as _TypeAlias, Never as _Never
DESCRIPTOR: descriptor.FileDescriptor

@typing.final
class ListPodResourcesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    def __init__(self) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = _Never

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodResourcesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_RESOURCES_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_resources(self) -> containers.RepeatedCompositeFieldContainer[PodResources]:
        ...

    def __init__(self, *, pod_resources: abc.Iterable[PodResources] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_resources', b'pod_resources']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodResources(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    NAMESPACE_FIELD_NUMBER: builtins.int
    CONTAINERS_FIELD_NUMBER: builtins.int
    name: builtins.str
    namespace: builtins.str

    @builtins.property
    def containers(self) -> containers.RepeatedCompositeFieldContainer[ContainerResources]:
        ...

    def __init__(self, *, name: builtins.str=..., namespace: builtins.str=..., containers: abc.Iterable[ContainerResources] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers', b'containers', 'name', b'name', 'namespace', b'namespace']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerResources(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    DEVICES_FIELD_NUMBER: builtins.int
    name: builtins.str

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[ContainerDevices]:
        ...

    def __init__(self, *, name: builtins.str=..., devices: abc.Iterable[ContainerDevices] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['devices', b'devices', 'name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerDevices(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RESOURCE_NAME_FIELD_NUMBER: builtins.int
    DEVICE_IDS_FIELD_NUMBER: builtins.int
    resource_name: builtins.str

    @builtins.property
    def device_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, resource_name: builtins.str=..., device_ids: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['device_ids', b'device_ids', 'resource_name', b'resource_name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...
