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
class DevicePluginOptions(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    PRE_START_REQUIRED_FIELD_NUMBER: builtins.int
    GET_PREFERRED_ALLOCATION_AVAILABLE_FIELD_NUMBER: builtins.int
    pre_start_required: builtins.bool
    get_preferred_allocation_available: builtins.bool

    def __init__(self, *, pre_start_required: builtins.bool=..., get_preferred_allocation_available: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['get_preferred_allocation_available', b'get_preferred_allocation_available', 'pre_start_required', b'pre_start_required']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RegisterRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VERSION_FIELD_NUMBER: builtins.int
    ENDPOINT_FIELD_NUMBER: builtins.int
    RESOURCE_NAME_FIELD_NUMBER: builtins.int
    OPTIONS_FIELD_NUMBER: builtins.int
    version: builtins.str
    endpoint: builtins.str
    resource_name: builtins.str

    @builtins.property
    def options(self) -> DevicePluginOptions:
        ...

    def __init__(self, *, version: builtins.str=..., endpoint: builtins.str=..., resource_name: builtins.str=..., options: DevicePluginOptions | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['options', b'options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['endpoint', b'endpoint', 'options', b'options', 'resource_name', b'resource_name', 'version', b'version']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Empty(message.Message):
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
class ListAndWatchResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DEVICES_FIELD_NUMBER: builtins.int

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[Device]:
        ...

    def __init__(self, *, devices: abc.Iterable[Device] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['devices', b'devices']

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
class Device(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ID_FIELD_NUMBER: builtins.int
    HEALTH_FIELD_NUMBER: builtins.int
    TOPOLOGY_FIELD_NUMBER: builtins.int
    ID: builtins.str
    health: builtins.str

    @builtins.property
    def topology(self) -> TopologyInfo:
        ...

    def __init__(self, *, ID: builtins.str=..., health: builtins.str=..., topology: TopologyInfo | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['topology', b'topology']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['ID', b'ID', 'health', b'health', 'topology', b'topology']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PreStartContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DEVICES_IDS_FIELD_NUMBER: builtins.int

    @builtins.property
    def devices_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, devices_ids: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['devices_ids', b'devices_ids']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PreStartContainerResponse(message.Message):
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
class PreferredAllocationRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_REQUESTS_FIELD_NUMBER: builtins.int

    @builtins.property
    def container_requests(self) -> containers.RepeatedCompositeFieldContainer[ContainerPreferredAllocationRequest]:
        ...

    def __init__(self, *, container_requests: abc.Iterable[ContainerPreferredAllocationRequest] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_requests', b'container_requests']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerPreferredAllocationRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    AVAILABLE_DEVICEIDS_FIELD_NUMBER: builtins.int
    MUST_INCLUDE_DEVICEIDS_FIELD_NUMBER: builtins.int
    ALLOCATION_SIZE_FIELD_NUMBER: builtins.int
    allocation_size: builtins.int

    @builtins.property
    def available_deviceIDs(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def must_include_deviceIDs(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, available_deviceIDs: abc.Iterable[builtins.str] | None=..., must_include_deviceIDs: abc.Iterable[builtins.str] | None=..., allocation_size: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['allocation_size', b'allocation_size', 'available_deviceIDs', b'available_deviceIDs', 'must_include_deviceIDs', b'must_include_deviceIDs']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PreferredAllocationResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_RESPONSES_FIELD_NUMBER: builtins.int

    @builtins.property
    def container_responses(self) -> containers.RepeatedCompositeFieldContainer[ContainerPreferredAllocationResponse]:
        ...

    def __init__(self, *, container_responses: abc.Iterable[ContainerPreferredAllocationResponse] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_responses', b'container_responses']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerPreferredAllocationResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DEVICEIDS_FIELD_NUMBER: builtins.int

    @builtins.property
    def deviceIDs(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, deviceIDs: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['deviceIDs', b'deviceIDs']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class AllocateRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_REQUESTS_FIELD_NUMBER: builtins.int

    @builtins.property
    def container_requests(self) -> containers.RepeatedCompositeFieldContainer[ContainerAllocateRequest]:
        ...

    def __init__(self, *, container_requests: abc.Iterable[ContainerAllocateRequest] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_requests', b'container_requests']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerAllocateRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DEVICES_IDS_FIELD_NUMBER: builtins.int

    @builtins.property
    def devices_ids(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, devices_ids: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['devices_ids', b'devices_ids']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
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
class AllocateResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_RESPONSES_FIELD_NUMBER: builtins.int

    @builtins.property
    def container_responses(self) -> containers.RepeatedCompositeFieldContainer[ContainerAllocateResponse]:
        ...

    def __init__(self, *, container_responses: abc.Iterable[ContainerAllocateResponse] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_responses', b'container_responses']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerAllocateResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class EnvsEntry(message.Message):
        DESCRIPTOR: descriptor.Descriptor
        KEY_FIELD_NUMBER: builtins.int
        VALUE_FIELD_NUMBER: builtins.int
        key: builtins.str
        value: builtins.str

        def __init__(self, *, key: builtins.str=..., value: builtins.str=...) -> None:
            ...
        _HasFieldArgType: _TypeAlias = _Never

        def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
            ...
        _ClearFieldArgType: _TypeAlias = typing.Literal['key', b'key', 'value', b'value']

        def ClearField(self, field_name: _ClearFieldArgType) -> None:
            ...

        def WhichOneof(self, oneof_group: _Never) -> None:
            ...

    @typing.final
    class AnnotationsEntry(message.Message):
        DESCRIPTOR: descriptor.Descriptor
        KEY_FIELD_NUMBER: builtins.int
        VALUE_FIELD_NUMBER: builtins.int
        key: builtins.str
        value: builtins.str

        def __init__(self, *, key: builtins.str=..., value: builtins.str=...) -> None:
            ...
        _HasFieldArgType: _TypeAlias = _Never

        def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
            ...
        _ClearFieldArgType: _TypeAlias = typing.Literal['key', b'key', 'value', b'value']

        def ClearField(self, field_name: _ClearFieldArgType) -> None:
            ...

        def WhichOneof(self, oneof_group: _Never) -> None:
            ...
    ENVS_FIELD_NUMBER: builtins.int
    MOUNTS_FIELD_NUMBER: builtins.int
    DEVICES_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    CDI_DEVICES_FIELD_NUMBER: builtins.int

    @builtins.property
    def envs(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def mounts(self) -> containers.RepeatedCompositeFieldContainer[Mount]:
        ...

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[DeviceSpec]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def cdi_devices(self) -> containers.RepeatedCompositeFieldContainer[CDIDevice]:
        ...

    def __init__(self, *, envs: abc.Mapping[builtins.str, builtins.str] | None=..., mounts: abc.Iterable[Mount] | None=..., devices: abc.Iterable[DeviceSpec] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., cdi_devices: abc.Iterable[CDIDevice] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'cdi_devices', b'cdi_devices', 'devices', b'devices', 'envs', b'envs', 'mounts', b'mounts']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Mount(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_PATH_FIELD_NUMBER: builtins.int
    HOST_PATH_FIELD_NUMBER: builtins.int
    READ_ONLY_FIELD_NUMBER: builtins.int
    container_path: builtins.str
    host_path: builtins.str
    read_only: builtins.bool

    def __init__(self, *, container_path: builtins.str=..., host_path: builtins.str=..., read_only: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_path', b'container_path', 'host_path', b'host_path', 'read_only', b'read_only']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class DeviceSpec(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_PATH_FIELD_NUMBER: builtins.int
    HOST_PATH_FIELD_NUMBER: builtins.int
    PERMISSIONS_FIELD_NUMBER: builtins.int
    container_path: builtins.str
    host_path: builtins.str
    permissions: builtins.str

    def __init__(self, *, container_path: builtins.str=..., host_path: builtins.str=..., permissions: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_path', b'container_path', 'host_path', b'host_path', 'permissions', b'permissions']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...
