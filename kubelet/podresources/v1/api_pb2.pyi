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
class AllocatableResourcesRequest(message.Message):
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
class AllocatableResourcesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DEVICES_FIELD_NUMBER: builtins.int
    CPU_IDS_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[ContainerDevices]:
        ...

    @builtins.property
    def cpu_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    @builtins.property
    def memory(self) -> containers.RepeatedCompositeFieldContainer[ContainerMemory]:
        ...

    def __init__(self, *, devices: abc.Iterable[ContainerDevices] | None=..., cpu_ids: abc.Iterable[builtins.int] | None=..., memory: abc.Iterable[ContainerMemory] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cpu_ids', b'cpu_ids', 'devices', b'devices', 'memory', b'memory']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

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
    CPU_IDS_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int
    DYNAMIC_RESOURCES_FIELD_NUMBER: builtins.int
    name: builtins.str

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[ContainerDevices]:
        ...

    @builtins.property
    def cpu_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    @builtins.property
    def memory(self) -> containers.RepeatedCompositeFieldContainer[ContainerMemory]:
        ...

    @builtins.property
    def dynamic_resources(self) -> containers.RepeatedCompositeFieldContainer[DynamicResource]:
        ...

    def __init__(self, *, name: builtins.str=..., devices: abc.Iterable[ContainerDevices] | None=..., cpu_ids: abc.Iterable[builtins.int] | None=..., memory: abc.Iterable[ContainerMemory] | None=..., dynamic_resources: abc.Iterable[DynamicResource] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cpu_ids', b'cpu_ids', 'devices', b'devices', 'dynamic_resources', b'dynamic_resources', 'memory', b'memory', 'name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerMemory(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    MEMORY_TYPE_FIELD_NUMBER: builtins.int
    SIZE_FIELD_NUMBER: builtins.int
    TOPOLOGY_FIELD_NUMBER: builtins.int
    memory_type: builtins.str
    size: builtins.int

    @builtins.property
    def topology(self) -> TopologyInfo:
        ...

    def __init__(self, *, memory_type: builtins.str=..., size: builtins.int=..., topology: TopologyInfo | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['topology', b'topology']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['memory_type', b'memory_type', 'size', b'size', 'topology', b'topology']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerDevices(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RESOURCE_NAME_FIELD_NUMBER: builtins.int
    DEVICE_IDS_FIELD_NUMBER: builtins.int
    TOPOLOGY_FIELD_NUMBER: builtins.int
    resource_name: builtins.str

    @builtins.property
    def device_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def topology(self) -> TopologyInfo:
        ...

    def __init__(self, *, resource_name: builtins.str=..., device_ids: abc.Iterable[builtins.str] | None=..., topology: TopologyInfo | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['topology', b'topology']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['device_ids', b'device_ids', 'resource_name', b'resource_name', 'topology', b'topology']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class TopologyInfo(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NODES_FIELD_NUMBER: builtins.int

    @builtins.property
    def nodes(self) -> containers.RepeatedCompositeFieldContainer[NUMANode]:
        ...

    def __init__(self, *, nodes: abc.Iterable[NUMANode] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['nodes', b'nodes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class NUMANode(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ID_FIELD_NUMBER: builtins.int
    ID: builtins.int

    def __init__(self, *, ID: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['ID', b'ID']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class DynamicResource(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CLAIM_NAME_FIELD_NUMBER: builtins.int
    CLAIM_NAMESPACE_FIELD_NUMBER: builtins.int
    CLAIM_RESOURCES_FIELD_NUMBER: builtins.int
    claim_name: builtins.str
    claim_namespace: builtins.str

    @builtins.property
    def claim_resources(self) -> containers.RepeatedCompositeFieldContainer[ClaimResource]:
        ...

    def __init__(self, *, claim_name: builtins.str=..., claim_namespace: builtins.str=..., claim_resources: abc.Iterable[ClaimResource] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['claim_name', b'claim_name', 'claim_namespace', b'claim_namespace', 'claim_resources', b'claim_resources']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ClaimResource(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CDI_DEVICES_FIELD_NUMBER: builtins.int
    DRIVER_NAME_FIELD_NUMBER: builtins.int
    POOL_NAME_FIELD_NUMBER: builtins.int
    DEVICE_NAME_FIELD_NUMBER: builtins.int
    SHARE_ID_FIELD_NUMBER: builtins.int
    driver_name: builtins.str
    pool_name: builtins.str
    device_name: builtins.str
    share_id: builtins.str

    @builtins.property
    def cdi_devices(self) -> containers.RepeatedCompositeFieldContainer[CDIDevice]:
        ...

    def __init__(self, *, cdi_devices: abc.Iterable[CDIDevice] | None=..., driver_name: builtins.str=..., pool_name: builtins.str=..., device_name: builtins.str=..., share_id: builtins.str | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['_share_id', b'_share_id', 'share_id', b'share_id']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['_share_id', b'_share_id', 'cdi_devices', b'cdi_devices', 'device_name', b'device_name', 'driver_name', b'driver_name', 'pool_name', b'pool_name', 'share_id', b'share_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...
    _WhichOneofReturnType__share_id: _TypeAlias = typing.Literal['share_id']
    _WhichOneofArgType__share_id: _TypeAlias = typing.Literal['_share_id', b'_share_id']

    def WhichOneof(self, oneof_group: _WhichOneofArgType__share_id) -> _WhichOneofReturnType__share_id | None:
        ...

@typing.final
class CDIDevice(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    name: builtins.str

    def __init__(self, *, name: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class GetPodResourcesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_NAME_FIELD_NUMBER: builtins.int
    POD_NAMESPACE_FIELD_NUMBER: builtins.int
    pod_name: builtins.str
    pod_namespace: builtins.str

    def __init__(self, *, pod_name: builtins.str=..., pod_namespace: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_name', b'pod_name', 'pod_namespace', b'pod_namespace']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class GetPodResourcesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_RESOURCES_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_resources(self) -> PodResources:
        ...

    def __init__(self, *, pod_resources: PodResources | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['pod_resources', b'pod_resources']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_resources', b'pod_resources']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...
