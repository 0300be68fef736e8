from collections import abc as abc
from google.protobuf import descriptor as descriptor
from google.protobuf import message as message
from google.protobuf.internal import containers as containers
from google.protobuf.internal import enum_type_wrapper as enum_type_wrapper
import builtins as builtins
import sys
import typing as typing
if sys.version_info >= (3, 11):
    from typing import TypeAlias as _TypeAlias, Never as _Never
else:
    from typing_extensions import TypeAlias as _TypeAlias, Never as _Never
if sys.version_info >= (3, 13):
    from warnings import deprecated as _deprecated
else:
    from typing_extensions import deprecated as _deprecated
DESCRIPTOR: descriptor.FileDescriptor

class _Protocol:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _ProtocolEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_Protocol.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    TCP: _Protocol.ValueType
    UDP: _Protocol.ValueType
    SCTP: _Protocol.ValueType

class Protocol(_Protocol, metaclass=_ProtocolEnumTypeWrapper):
    ...
TCP: Protocol.ValueType
UDP: Protocol.ValueType
SCTP: Protocol.ValueType

class _MountPropagation:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _MountPropagationEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_MountPropagation.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    PROPAGATION_PRIVATE: _MountPropagation.ValueType
    PROPAGATION_HOST_TO_CONTAINER: _MountPropagation.ValueType
    PROPAGATION_BIDIRECTIONAL: _MountPropagation.ValueType

class MountPropagation(_MountPropagation, metaclass=_MountPropagationEnumTypeWrapper):
    ...
PROPAGATION_PRIVATE: MountPropagation.ValueType
PROPAGATION_HOST_TO_CONTAINER: MountPropagation.ValueType
PROPAGATION_BIDIRECTIONAL: MountPropagation.ValueType

class _NamespaceMode:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _NamespaceModeEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_NamespaceMode.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    POD: _NamespaceMode.ValueType
    CONTAINER: _NamespaceMode.ValueType
    NODE: _NamespaceMode.ValueType
    TARGET: _NamespaceMode.ValueType

class NamespaceMode(_NamespaceMode, metaclass=_NamespaceModeEnumTypeWrapper):
    ...
POD: NamespaceMode.ValueType
CONTAINER: NamespaceMode.ValueType
NODE: NamespaceMode.ValueType
TARGET: NamespaceMode.ValueType

class _SupplementalGroupsPolicy:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _SupplementalGroupsPolicyEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_SupplementalGroupsPolicy.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    Merge: _SupplementalGroupsPolicy.ValueType
    Strict: _SupplementalGroupsPolicy.ValueType

class SupplementalGroupsPolicy(_SupplementalGroupsPolicy, metaclass=_SupplementalGroupsPolicyEnumTypeWrapper):
    ...
Merge: SupplementalGroupsPolicy.ValueType
Strict: SupplementalGroupsPolicy.ValueType

class _PodSandboxState:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _PodSandboxStateEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_PodSandboxState.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    SANDBOX_READY: _PodSandboxState.ValueType
    SANDBOX_NOTREADY: _PodSandboxState.ValueType

class PodSandboxState(_PodSandboxState, metaclass=_PodSandboxStateEnumTypeWrapper):
    ...
SANDBOX_READY: PodSandboxState.ValueType
SANDBOX_NOTREADY: PodSandboxState.ValueType

class _Signal:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _SignalEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_Signal.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    RUNTIME_DEFAULT: _Signal.ValueType
    SIGABRT: _Signal.ValueType
    SIGALRM: _Signal.ValueType
    SIGBUS: _Signal.ValueType
    SIGCHLD: _Signal.ValueType
    SIGCLD: _Signal.ValueType
    SIGCONT: _Signal.ValueType
    SIGFPE: _Signal.ValueType
    SIGHUP: _Signal.ValueType
    SIGILL: _Signal.ValueType
    SIGINT: _Signal.ValueType
    SIGIO: _Signal.ValueType
    SIGIOT: _Signal.ValueType
    SIGKILL: _Signal.ValueType
    SIGPIPE: _Signal.ValueType
    SIGPOLL: _Signal.ValueType
    SIGPROF: _Signal.ValueType
    SIGPWR: _Signal.ValueType
    SIGQUIT: _Signal.ValueType
    SIGSEGV: _Signal.ValueType
    SIGSTKFLT: _Signal.ValueType
    SIGSTOP: _Signal.ValueType
    SIGSYS: _Signal.ValueType
    SIGTERM: _Signal.ValueType
    SIGTRAP: _Signal.ValueType
    SIGTSTP: _Signal.ValueType
    SIGTTIN: _Signal.ValueType
    SIGTTOU: _Signal.ValueType
    SIGURG: _Signal.ValueType
    SIGUSR1: _Signal.ValueType
    SIGUSR2: _Signal.ValueType
    SIGVTALRM: _Signal.ValueType
    SIGWINCH: _Signal.ValueType
    SIGXCPU: _Signal.ValueType
    SIGXFSZ: _Signal.ValueType
    SIGRTMIN: _Signal.ValueType
    SIGRTMINPLUS1: _Signal.ValueType
    SIGRTMINPLUS2: _Signal.ValueType
    SIGRTMINPLUS3: _Signal.ValueType
    SIGRTMINPLUS4: _Signal.ValueType
    SIGRTMINPLUS5: _Signal.ValueType
    SIGRTMINPLUS6: _Signal.ValueType
    SIGRTMINPLUS7: _Signal.ValueType
    SIGRTMINPLUS8: _Signal.ValueType
    SIGRTMINPLUS9: _Signal.ValueType
    SIGRTMINPLUS10: _Signal.ValueType
    SIGRTMINPLUS11: _Signal.ValueType
    SIGRTMINPLUS12: _Signal.ValueType
    SIGRTMINPLUS13: _Signal.ValueType
    SIGRTMINPLUS14: _Signal.ValueType
    SIGRTMINPLUS15: _Signal.ValueType
    SIGRTMAXMINUS14: _Signal.ValueType
    SIGRTMAXMINUS13: _Signal.ValueType
    SIGRTMAXMINUS12: _Signal.ValueType
    SIGRTMAXMINUS11: _Signal.ValueType
    SIGRTMAXMINUS10: _Signal.ValueType
    SIGRTMAXMINUS9: _Signal.ValueType
    SIGRTMAXMINUS8: _Signal.ValueType
    SIGRTMAXMINUS7: _Signal.ValueType
    SIGRTMAXMINUS6: _Signal.ValueType
    SIGRTMAXMINUS5: _Signal.ValueType
    SIGRTMAXMINUS4: _Signal.ValueType
    SIGRTMAXMINUS3: _Signal.ValueType
    SIGRTMAXMINUS2: _Signal.ValueType
    SIGRTMAXMINUS1: _Signal.ValueType
    SIGRTMAX: _Signal.ValueType

class Signal(_Signal, metaclass=_SignalEnumTypeWrapper):
    ...
RUNTIME_DEFAULT: Signal.ValueType
SIGABRT: Signal.ValueType
SIGALRM: Signal.ValueType
SIGBUS: Signal.ValueType
SIGCHLD: Signal.ValueType
SIGCLD: Signal.ValueType
SIGCONT: Signal.ValueType
SIGFPE: Signal.ValueType
SIGHUP: Signal.ValueType
SIGILL: Signal.ValueType
SIGINT: Signal.ValueType
SIGIO: Signal.ValueType
SIGIOT: Signal.ValueType
SIGKILL: Signal.ValueType
SIGPIPE: Signal.ValueType
SIGPOLL: Signal.ValueType
SIGPROF: Signal.ValueType
SIGPWR: Signal.ValueType
SIGQUIT: Signal.ValueType
SIGSEGV: Signal.ValueType
SIGSTKFLT: Signal.ValueType
SIGSTOP: Signal.ValueType
SIGSYS: Signal.ValueType
SIGTERM: Signal.ValueType
SIGTRAP: Signal.ValueType
SIGTSTP: Signal.ValueType
SIGTTIN: Signal.ValueType
SIGTTOU: Signal.ValueType
SIGURG: Signal.ValueType
SIGUSR1: Signal.ValueType
SIGUSR2: Signal.ValueType
SIGVTALRM: Signal.ValueType
SIGWINCH: Signal.ValueType
SIGXCPU: Signal.ValueType
SIGXFSZ: Signal.ValueType
SIGRTMIN: Signal.ValueType
SIGRTMINPLUS1: Signal.ValueType
SIGRTMINPLUS2: Signal.ValueType
SIGRTMINPLUS3: Signal.ValueType
SIGRTMINPLUS4: Signal.ValueType
SIGRTMINPLUS5: Signal.ValueType
SIGRTMINPLUS6: Signal.ValueType
SIGRTMINPLUS7: Signal.ValueType
SIGRTMINPLUS8: Signal.ValueType
SIGRTMINPLUS9: Signal.ValueType
SIGRTMINPLUS10: Signal.ValueType
SIGRTMINPLUS11: Signal.ValueType
SIGRTMINPLUS12: Signal.ValueType
SIGRTMINPLUS13: Signal.ValueType
SIGRTMINPLUS14: Signal.ValueType
SIGRTMINPLUS15: Signal.ValueType
SIGRTMAXMINUS14: Signal.ValueType
SIGRTMAXMINUS13: Signal.ValueType
SIGRTMAXMINUS12: Signal.ValueType
SIGRTMAXMINUS11: Signal.ValueType
SIGRTMAXMINUS10: Signal.ValueType
SIGRTMAXMINUS9: Signal.ValueType
SIGRTMAXMINUS8: Signal.ValueType
SIGRTMAXMINUS7: Signal.ValueType
SIGRTMAXMINUS6: Signal.ValueType
SIGRTMAXMINUS5: Signal.ValueType
SIGRTMAXMINUS4: Signal.ValueType
SIGRTMAXMINUS3: Signal.ValueType
SIGRTMAXMINUS2: Signal.ValueType
SIGRTMAXMINUS1: Signal.ValueType
SIGRTMAX: Signal.ValueType

class _ContainerState:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _ContainerStateEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_ContainerState.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    CONTAINER_CREATED: _ContainerState.ValueType
    CONTAINER_RUNNING: _ContainerState.ValueType
    CONTAINER_EXITED: _ContainerState.ValueType
    CONTAINER_UNKNOWN: _ContainerState.ValueType

class ContainerState(_ContainerState, metaclass=_ContainerStateEnumTypeWrapper):
    ...
CONTAINER_CREATED: ContainerState.ValueType
CONTAINER_RUNNING: ContainerState.ValueType
CONTAINER_EXITED: ContainerState.ValueType
CONTAINER_UNKNOWN: ContainerState.ValueType

class _ContainerEventType:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _ContainerEventTypeEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_ContainerEventType.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    CONTAINER_CREATED_EVENT: _ContainerEventType.ValueType
    CONTAINER_STARTED_EVENT: _ContainerEventType.ValueType
    CONTAINER_STOPPED_EVENT: _ContainerEventType.ValueType
    CONTAINER_DELETED_EVENT: _ContainerEventType.ValueType

class ContainerEventType(_ContainerEventType, metaclass=_ContainerEventTypeEnumTypeWrapper):
    ...
CONTAINER_CREATED_EVENT: ContainerEventType.ValueType
CONTAINER_STARTED_EVENT: ContainerEventType.ValueType
CONTAINER_STOPPED_EVENT: ContainerEventType.ValueType
CONTAINER_DELETED_EVENT: ContainerEventType.ValueType

class _MetricType:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _MetricTypeEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_MetricType.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    COUNTER: _MetricType.ValueType
    GAUGE: _MetricType.ValueType

class MetricType(_MetricType, metaclass=_MetricTypeEnumTypeWrapper):
    ...
COUNTER: MetricType.ValueType
GAUGE: MetricType.ValueType

class _CgroupDriver:
    ValueType = typing.NewType('ValueType', builtins.int)
    V: _TypeAlias = ValueType

class _CgroupDriverEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[_CgroupDriver.ValueType], builtins.type):
    DESCRIPTOR: descriptor.EnumDescriptor
    SYSTEMD: _CgroupDriver.ValueType
    CGROUPFS: _CgroupDriver.ValueType

class CgroupDriver(_CgroupDriver, metaclass=_CgroupDriverEnumTypeWrapper):
    ...
SYSTEMD: CgroupDriver.ValueType
CGROUPFS: CgroupDriver.ValueType

@typing.final
class VersionRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VERSION_FIELD_NUMBER: builtins.int
    version: builtins.str

    def __init__(self, *, version: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['version', b'version']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class VersionResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VERSION_FIELD_NUMBER: builtins.int
    RUNTIME_NAME_FIELD_NUMBER: builtins.int
    RUNTIME_VERSION_FIELD_NUMBER: builtins.int
    RUNTIME_API_VERSION_FIELD_NUMBER: builtins.int
    version: builtins.str
    runtime_name: builtins.str
    runtime_version: builtins.str
    runtime_api_version: builtins.str

    def __init__(self, *, version: builtins.str=..., runtime_name: builtins.str=..., runtime_version: builtins.str=..., runtime_api_version: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['runtime_api_version', b'runtime_api_version', 'runtime_name', b'runtime_name', 'runtime_version', b'runtime_version', 'version', b'version']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class DNSConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    SERVERS_FIELD_NUMBER: builtins.int
    SEARCHES_FIELD_NUMBER: builtins.int
    OPTIONS_FIELD_NUMBER: builtins.int

    @builtins.property
    def servers(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def searches(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def options(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, servers: abc.Iterable[builtins.str] | None=..., searches: abc.Iterable[builtins.str] | None=..., options: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['options', b'options', 'searches', b'searches', 'servers', b'servers']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PortMapping(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    PROTOCOL_FIELD_NUMBER: builtins.int
    CONTAINER_PORT_FIELD_NUMBER: builtins.int
    HOST_PORT_FIELD_NUMBER: builtins.int
    HOST_IP_FIELD_NUMBER: builtins.int
    protocol: Protocol.ValueType
    container_port: builtins.int
    host_port: builtins.int
    host_ip: builtins.str

    def __init__(self, *, protocol: Protocol.ValueType=..., container_port: builtins.int=..., host_port: builtins.int=..., host_ip: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_port', b'container_port', 'host_ip', b'host_ip', 'host_port', b'host_port', 'protocol', b'protocol']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Mount(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_PATH_FIELD_NUMBER: builtins.int
    HOST_PATH_FIELD_NUMBER: builtins.int
    READONLY_FIELD_NUMBER: builtins.int
    SELINUX_RELABEL_FIELD_NUMBER: builtins.int
    PROPAGATION_FIELD_NUMBER: builtins.int
    UIDMAPPINGS_FIELD_NUMBER: builtins.int
    GIDMAPPINGS_FIELD_NUMBER: builtins.int
    RECURSIVE_READ_ONLY_FIELD_NUMBER: builtins.int
    IMAGE_FIELD_NUMBER: builtins.int
    IMAGE_SUB_PATH_FIELD_NUMBER: builtins.int
    container_path: builtins.str
    host_path: builtins.str
    readonly: builtins.bool
    selinux_relabel: builtins.bool
    propagation: MountPropagation.ValueType
    recursive_read_only: builtins.bool
    image_sub_path: builtins.str

    @builtins.property
    def uidMappings(self) -> containers.RepeatedCompositeFieldContainer[IDMapping]:
        ...

    @builtins.property
    def gidMappings(self) -> containers.RepeatedCompositeFieldContainer[IDMapping]:
        ...

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    def __init__(self, *, container_path: builtins.str=..., host_path: builtins.str=..., readonly: builtins.bool=..., selinux_relabel: builtins.bool=..., propagation: MountPropagation.ValueType=..., uidMappings: abc.Iterable[IDMapping] | None=..., gidMappings: abc.Iterable[IDMapping] | None=..., recursive_read_only: builtins.bool=..., image: ImageSpec | None=..., image_sub_path: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_path', b'container_path', 'gidMappings', b'gidMappings', 'host_path', b'host_path', 'image', b'image', 'image_sub_path', b'image_sub_path', 'propagation', b'propagation', 'readonly', b'readonly', 'recursive_read_only', b'recursive_read_only', 'selinux_relabel', b'selinux_relabel', 'uidMappings', b'uidMappings']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class IDMapping(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    HOST_ID_FIELD_NUMBER: builtins.int
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    LENGTH_FIELD_NUMBER: builtins.int
    host_id: builtins.int
    container_id: builtins.int
    length: builtins.int

    def __init__(self, *, host_id: builtins.int=..., container_id: builtins.int=..., length: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'host_id', b'host_id', 'length', b'length']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UserNamespace(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    MODE_FIELD_NUMBER: builtins.int
    UIDS_FIELD_NUMBER: builtins.int
    GIDS_FIELD_NUMBER: builtins.int
    mode: NamespaceMode.ValueType

    @builtins.property
    def uids(self) -> containers.RepeatedCompositeFieldContainer[IDMapping]:
        ...

    @builtins.property
    def gids(self) -> containers.RepeatedCompositeFieldContainer[IDMapping]:
        ...

    def __init__(self, *, mode: NamespaceMode.ValueType=..., uids: abc.Iterable[IDMapping] | None=..., gids: abc.Iterable[IDMapping] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['gids', b'gids', 'mode', b'mode', 'uids', b'uids']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class NamespaceOption(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NETWORK_FIELD_NUMBER: builtins.int
    PID_FIELD_NUMBER: builtins.int
    IPC_FIELD_NUMBER: builtins.int
    TARGET_ID_FIELD_NUMBER: builtins.int
    USERNS_OPTIONS_FIELD_NUMBER: builtins.int
    network: NamespaceMode.ValueType
    pid: NamespaceMode.ValueType
    ipc: NamespaceMode.ValueType
    target_id: builtins.str

    @builtins.property
    def userns_options(self) -> UserNamespace:
        ...

    def __init__(self, *, network: NamespaceMode.ValueType=..., pid: NamespaceMode.ValueType=..., ipc: NamespaceMode.ValueType=..., target_id: builtins.str=..., userns_options: UserNamespace | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['userns_options', b'userns_options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['ipc', b'ipc', 'network', b'network', 'pid', b'pid', 'target_id', b'target_id', 'userns_options', b'userns_options']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Int64Value(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VALUE_FIELD_NUMBER: builtins.int
    value: builtins.int

    def __init__(self, *, value: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['value', b'value']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxSandboxSecurityContext(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAMESPACE_OPTIONS_FIELD_NUMBER: builtins.int
    SELINUX_OPTIONS_FIELD_NUMBER: builtins.int
    RUN_AS_USER_FIELD_NUMBER: builtins.int
    RUN_AS_GROUP_FIELD_NUMBER: builtins.int
    READONLY_ROOTFS_FIELD_NUMBER: builtins.int
    SUPPLEMENTAL_GROUPS_FIELD_NUMBER: builtins.int
    SUPPLEMENTAL_GROUPS_POLICY_FIELD_NUMBER: builtins.int
    PRIVILEGED_FIELD_NUMBER: builtins.int
    SECCOMP_FIELD_NUMBER: builtins.int
    APPARMOR_FIELD_NUMBER: builtins.int
    SECCOMP_PROFILE_PATH_FIELD_NUMBER: builtins.int
    readonly_rootfs: builtins.bool
    supplemental_groups_policy: SupplementalGroupsPolicy.ValueType
    privileged: builtins.bool

    @builtins.property
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def seccomp_profile_path(self) -> builtins.str:
        ...

    @seccomp_profile_path.setter
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def seccomp_profile_path(self, value: builtins.str) -> None:
        ...

    @builtins.property
    def namespace_options(self) -> NamespaceOption:
        ...

    @builtins.property
    def selinux_options(self) -> SELinuxOption:
        ...

    @builtins.property
    def run_as_user(self) -> Int64Value:
        ...

    @builtins.property
    def run_as_group(self) -> Int64Value:
        ...

    @builtins.property
    def supplemental_groups(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    @builtins.property
    def seccomp(self) -> SecurityProfile:
        ...

    @builtins.property
    def apparmor(self) -> SecurityProfile:
        ...

    def __init__(self, *, namespace_options: NamespaceOption | None=..., selinux_options: SELinuxOption | None=..., run_as_user: Int64Value | None=..., run_as_group: Int64Value | None=..., readonly_rootfs: builtins.bool=..., supplemental_groups: abc.Iterable[builtins.int] | None=..., supplemental_groups_policy: SupplementalGroupsPolicy.ValueType=..., privileged: builtins.bool=..., seccomp: SecurityProfile | None=..., apparmor: SecurityProfile | None=..., seccomp_profile_path: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['apparmor', b'apparmor', 'namespace_options', b'namespace_options', 'run_as_group', b'run_as_group', 'run_as_user', b'run_as_user', 'seccomp', b'seccomp', 'selinux_options', b'selinux_options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['apparmor', b'apparmor', 'namespace_options', b'namespace_options', 'privileged', b'privileged', 'readonly_rootfs', b'readonly_rootfs', 'run_as_group', b'run_as_group', 'run_as_user', b'run_as_user', 'seccomp', b'seccomp', 'seccomp_profile_path', b'seccomp_profile_path', 'selinux_options', b'selinux_options', 'supplemental_groups', b'supplemental_groups', 'supplemental_groups_policy', b'supplemental_groups_policy']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class SecurityProfile(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    class _ProfileType:
        ValueType = typing.NewType('ValueType', builtins.int)
        V: _TypeAlias = ValueType

    class _ProfileTypeEnumTypeWrapper(enum_type_wrapper._EnumTypeWrapper[SecurityProfile._ProfileType.ValueType], builtins.type):
        DESCRIPTOR: descriptor.EnumDescriptor
        RuntimeDefault: SecurityProfile._ProfileType.ValueType
        Unconfined: SecurityProfile._ProfileType.ValueType
        Localhost: SecurityProfile._ProfileType.ValueType

    class ProfileType(_ProfileType, metaclass=_ProfileTypeEnumTypeWrapper):
        ...
    RuntimeDefault: SecurityProfile.ProfileType.ValueType
    Unconfined: SecurityProfile.ProfileType.ValueType
    Localhost: SecurityProfile.ProfileType.ValueType
    PROFILE_TYPE_FIELD_NUMBER: builtins.int
    LOCALHOST_REF_FIELD_NUMBER: builtins.int
    profile_type: SecurityProfile.ProfileType.ValueType
    localhost_ref: builtins.str

    def __init__(self, *, profile_type: SecurityProfile.ProfileType.ValueType=..., localhost_ref: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['localhost_ref', b'localhost_ref', 'profile_type', b'profile_type']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxPodSandboxConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class SysctlsEntry(message.Message):
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
    CGROUP_PARENT_FIELD_NUMBER: builtins.int
    SECURITY_CONTEXT_FIELD_NUMBER: builtins.int
    SYSCTLS_FIELD_NUMBER: builtins.int
    OVERHEAD_FIELD_NUMBER: builtins.int
    RESOURCES_FIELD_NUMBER: builtins.int
    cgroup_parent: builtins.str

    @builtins.property
    def security_context(self) -> LinuxSandboxSecurityContext:
        ...

    @builtins.property
    def sysctls(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def overhead(self) -> LinuxContainerResources:
        ...

    @builtins.property
    def resources(self) -> LinuxContainerResources:
        ...

    def __init__(self, *, cgroup_parent: builtins.str=..., security_context: LinuxSandboxSecurityContext | None=..., sysctls: abc.Mapping[builtins.str, builtins.str] | None=..., overhead: LinuxContainerResources | None=..., resources: LinuxContainerResources | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['overhead', b'overhead', 'resources', b'resources', 'security_context', b'security_context']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cgroup_parent', b'cgroup_parent', 'overhead', b'overhead', 'resources', b'resources', 'security_context', b'security_context', 'sysctls', b'sysctls']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxMetadata(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    UID_FIELD_NUMBER: builtins.int
    NAMESPACE_FIELD_NUMBER: builtins.int
    ATTEMPT_FIELD_NUMBER: builtins.int
    name: builtins.str
    uid: builtins.str
    namespace: builtins.str
    attempt: builtins.int

    def __init__(self, *, name: builtins.str=..., uid: builtins.str=..., namespace: builtins.str=..., attempt: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['attempt', b'attempt', 'name', b'name', 'namespace', b'namespace', 'uid', b'uid']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    METADATA_FIELD_NUMBER: builtins.int
    HOSTNAME_FIELD_NUMBER: builtins.int
    LOG_DIRECTORY_FIELD_NUMBER: builtins.int
    DNS_CONFIG_FIELD_NUMBER: builtins.int
    PORT_MAPPINGS_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    LINUX_FIELD_NUMBER: builtins.int
    WINDOWS_FIELD_NUMBER: builtins.int
    hostname: builtins.str
    log_directory: builtins.str

    @builtins.property
    def metadata(self) -> PodSandboxMetadata:
        ...

    @builtins.property
    def dns_config(self) -> DNSConfig:
        ...

    @builtins.property
    def port_mappings(self) -> containers.RepeatedCompositeFieldContainer[PortMapping]:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def linux(self) -> LinuxPodSandboxConfig:
        ...

    @builtins.property
    def windows(self) -> WindowsPodSandboxConfig:
        ...

    def __init__(self, *, metadata: PodSandboxMetadata | None=..., hostname: builtins.str=..., log_directory: builtins.str=..., dns_config: DNSConfig | None=..., port_mappings: abc.Iterable[PortMapping] | None=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., linux: LinuxPodSandboxConfig | None=..., windows: WindowsPodSandboxConfig | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['dns_config', b'dns_config', 'linux', b'linux', 'metadata', b'metadata', 'windows', b'windows']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'dns_config', b'dns_config', 'hostname', b'hostname', 'labels', b'labels', 'linux', b'linux', 'log_directory', b'log_directory', 'metadata', b'metadata', 'port_mappings', b'port_mappings', 'windows', b'windows']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RunPodSandboxRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONFIG_FIELD_NUMBER: builtins.int
    RUNTIME_HANDLER_FIELD_NUMBER: builtins.int
    runtime_handler: builtins.str

    @builtins.property
    def config(self) -> PodSandboxConfig:
        ...

    def __init__(self, *, config: PodSandboxConfig | None=..., runtime_handler: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['config', b'config']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['config', b'config', 'runtime_handler', b'runtime_handler']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RunPodSandboxResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    def __init__(self, *, pod_sandbox_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StopPodSandboxRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    def __init__(self, *, pod_sandbox_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StopPodSandboxResponse(message.Message):
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
class RemovePodSandboxRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    def __init__(self, *, pod_sandbox_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RemovePodSandboxResponse(message.Message):
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
class PodSandboxStatusRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    VERBOSE_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str
    verbose: builtins.bool

    def __init__(self, *, pod_sandbox_id: builtins.str=..., verbose: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id', 'verbose', b'verbose']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodIP(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IP_FIELD_NUMBER: builtins.int
    ip: builtins.str

    def __init__(self, *, ip: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['ip', b'ip']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxNetworkStatus(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IP_FIELD_NUMBER: builtins.int
    ADDITIONAL_IPS_FIELD_NUMBER: builtins.int
    ip: builtins.str

    @builtins.property
    def additional_ips(self) -> containers.RepeatedCompositeFieldContainer[PodIP]:
        ...

    def __init__(self, *, ip: builtins.str=..., additional_ips: abc.Iterable[PodIP] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['additional_ips', b'additional_ips', 'ip', b'ip']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Namespace(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    OPTIONS_FIELD_NUMBER: builtins.int

    @builtins.property
    def options(self) -> NamespaceOption:
        ...

    def __init__(self, *, options: NamespaceOption | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['options', b'options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['options', b'options']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxPodSandboxStatus(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAMESPACES_FIELD_NUMBER: builtins.int

    @builtins.property
    def namespaces(self) -> Namespace:
        ...

    def __init__(self, *, namespaces: Namespace | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['namespaces', b'namespaces']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['namespaces', b'namespaces']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStatus(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    CREATED_AT_FIELD_NUMBER: builtins.int
    NETWORK_FIELD_NUMBER: builtins.int
    LINUX_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    RUNTIME_HANDLER_FIELD_NUMBER: builtins.int
    id: builtins.str
    state: PodSandboxState.ValueType
    created_at: builtins.int
    runtime_handler: builtins.str

    @builtins.property
    def metadata(self) -> PodSandboxMetadata:
        ...

    @builtins.property
    def network(self) -> PodSandboxNetworkStatus:
        ...

    @builtins.property
    def linux(self) -> LinuxPodSandboxStatus:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., metadata: PodSandboxMetadata | None=..., state: PodSandboxState.ValueType=..., created_at: builtins.int=..., network: PodSandboxNetworkStatus | None=..., linux: LinuxPodSandboxStatus | None=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., runtime_handler: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['linux', b'linux', 'metadata', b'metadata', 'network', b'network']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'created_at', b'created_at', 'id', b'id', 'labels', b'labels', 'linux', b'linux', 'metadata', b'metadata', 'network', b'network', 'runtime_handler', b'runtime_handler', 'state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStatusResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class InfoEntry(message.Message):
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
    STATUS_FIELD_NUMBER: builtins.int
    INFO_FIELD_NUMBER: builtins.int
    CONTAINERS_STATUSES_FIELD_NUMBER: builtins.int
    TIMESTAMP_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def status(self) -> PodSandboxStatus:
        ...

    @builtins.property
    def info(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def containers_statuses(self) -> containers.RepeatedCompositeFieldContainer[ContainerStatus]:
        ...

    def __init__(self, *, status: PodSandboxStatus | None=..., info: abc.Mapping[builtins.str, builtins.str] | None=..., containers_statuses: abc.Iterable[ContainerStatus] | None=..., timestamp: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['status', b'status']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers_statuses', b'containers_statuses', 'info', b'info', 'status', b'status', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStateValue(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATE_FIELD_NUMBER: builtins.int
    state: PodSandboxState.ValueType

    def __init__(self, *, state: PodSandboxState.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxFilter(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelSelectorEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    LABEL_SELECTOR_FIELD_NUMBER: builtins.int
    id: builtins.str

    @builtins.property
    def state(self) -> PodSandboxStateValue:
        ...

    @builtins.property
    def label_selector(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., state: PodSandboxStateValue | None=..., label_selector: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['state', b'state']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['id', b'id', 'label_selector', b'label_selector', 'state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodSandboxRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> PodSandboxFilter:
        ...

    def __init__(self, *, filter: PodSandboxFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandbox(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    CREATED_AT_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    RUNTIME_HANDLER_FIELD_NUMBER: builtins.int
    id: builtins.str
    state: PodSandboxState.ValueType
    created_at: builtins.int
    runtime_handler: builtins.str

    @builtins.property
    def metadata(self) -> PodSandboxMetadata:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., metadata: PodSandboxMetadata | None=..., state: PodSandboxState.ValueType=..., created_at: builtins.int=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., runtime_handler: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['metadata', b'metadata']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'created_at', b'created_at', 'id', b'id', 'labels', b'labels', 'metadata', b'metadata', 'runtime_handler', b'runtime_handler', 'state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodSandboxResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ITEMS_FIELD_NUMBER: builtins.int

    @builtins.property
    def items(self) -> containers.RepeatedCompositeFieldContainer[PodSandbox]:
        ...

    def __init__(self, *, items: abc.Iterable[PodSandbox] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['items', b'items']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamPodSandboxesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> PodSandboxFilter:
        ...

    def __init__(self, *, filter: PodSandboxFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamPodSandboxesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOXES_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_sandboxes(self) -> containers.RepeatedCompositeFieldContainer[PodSandbox]:
        ...

    def __init__(self, *, pod_sandboxes: abc.Iterable[PodSandbox] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandboxes', b'pod_sandboxes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    def __init__(self, *, pod_sandbox_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def stats(self) -> PodSandboxStats:
        ...

    def __init__(self, *, stats: PodSandboxStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStatsFilter(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelSelectorEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    LABEL_SELECTOR_FIELD_NUMBER: builtins.int
    id: builtins.str

    @builtins.property
    def label_selector(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., label_selector: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['id', b'id', 'label_selector', b'label_selector']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodSandboxStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> PodSandboxStatsFilter:
        ...

    def __init__(self, *, filter: PodSandboxStatsFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodSandboxStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def stats(self) -> containers.RepeatedCompositeFieldContainer[PodSandboxStats]:
        ...

    def __init__(self, *, stats: abc.Iterable[PodSandboxStats] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamPodSandboxStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> PodSandboxStatsFilter:
        ...

    def __init__(self, *, filter: PodSandboxStatsFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamPodSandboxStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_sandbox_stats(self) -> containers.RepeatedCompositeFieldContainer[PodSandboxStats]:
        ...

    def __init__(self, *, pod_sandbox_stats: abc.Iterable[PodSandboxStats] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_stats', b'pod_sandbox_stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxAttributes(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    id: builtins.str

    @builtins.property
    def metadata(self) -> PodSandboxMetadata:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., metadata: PodSandboxMetadata | None=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['metadata', b'metadata']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'id', b'id', 'labels', b'labels', 'metadata', b'metadata']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ATTRIBUTES_FIELD_NUMBER: builtins.int
    LINUX_FIELD_NUMBER: builtins.int
    WINDOWS_FIELD_NUMBER: builtins.int

    @builtins.property
    def attributes(self) -> PodSandboxAttributes:
        ...

    @builtins.property
    def linux(self) -> LinuxPodSandboxStats:
        ...

    @builtins.property
    def windows(self) -> WindowsPodSandboxStats:
        ...

    def __init__(self, *, attributes: PodSandboxAttributes | None=..., linux: LinuxPodSandboxStats | None=..., windows: WindowsPodSandboxStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'linux', b'linux', 'windows', b'windows']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'linux', b'linux', 'windows', b'windows']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxPodSandboxStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CPU_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int
    NETWORK_FIELD_NUMBER: builtins.int
    PROCESS_FIELD_NUMBER: builtins.int
    CONTAINERS_FIELD_NUMBER: builtins.int
    IO_FIELD_NUMBER: builtins.int

    @builtins.property
    def cpu(self) -> CpuUsage:
        ...

    @builtins.property
    def memory(self) -> MemoryUsage:
        ...

    @builtins.property
    def network(self) -> NetworkUsage:
        ...

    @builtins.property
    def process(self) -> ProcessUsage:
        ...

    @builtins.property
    def containers(self) -> containers.RepeatedCompositeFieldContainer[ContainerStats]:
        ...

    @builtins.property
    def io(self) -> IoUsage:
        ...

    def __init__(self, *, cpu: CpuUsage | None=..., memory: MemoryUsage | None=..., network: NetworkUsage | None=..., process: ProcessUsage | None=..., containers: abc.Iterable[ContainerStats] | None=..., io: IoUsage | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['cpu', b'cpu', 'io', b'io', 'memory', b'memory', 'network', b'network', 'process', b'process']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers', b'containers', 'cpu', b'cpu', 'io', b'io', 'memory', b'memory', 'network', b'network', 'process', b'process']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsPodSandboxStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CPU_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int
    NETWORK_FIELD_NUMBER: builtins.int
    PROCESS_FIELD_NUMBER: builtins.int
    CONTAINERS_FIELD_NUMBER: builtins.int

    @builtins.property
    def cpu(self) -> WindowsCpuUsage:
        ...

    @builtins.property
    def memory(self) -> WindowsMemoryUsage:
        ...

    @builtins.property
    def network(self) -> WindowsNetworkUsage:
        ...

    @builtins.property
    def process(self) -> WindowsProcessUsage:
        ...

    @builtins.property
    def containers(self) -> containers.RepeatedCompositeFieldContainer[WindowsContainerStats]:
        ...

    def __init__(self, *, cpu: WindowsCpuUsage | None=..., memory: WindowsMemoryUsage | None=..., network: WindowsNetworkUsage | None=..., process: WindowsProcessUsage | None=..., containers: abc.Iterable[WindowsContainerStats] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['cpu', b'cpu', 'memory', b'memory', 'network', b'network', 'process', b'process']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers', b'containers', 'cpu', b'cpu', 'memory', b'memory', 'network', b'network', 'process', b'process']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class NetworkUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    DEFAULT_INTERFACE_FIELD_NUMBER: builtins.int
    INTERFACES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def default_interface(self) -> NetworkInterfaceUsage:
        ...

    @builtins.property
    def interfaces(self) -> containers.RepeatedCompositeFieldContainer[NetworkInterfaceUsage]:
        ...

    def __init__(self, *, timestamp: builtins.int=..., default_interface: NetworkInterfaceUsage | None=..., interfaces: abc.Iterable[NetworkInterfaceUsage] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['default_interface', b'default_interface']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['default_interface', b'default_interface', 'interfaces', b'interfaces', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsNetworkUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    DEFAULT_INTERFACE_FIELD_NUMBER: builtins.int
    INTERFACES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def default_interface(self) -> WindowsNetworkInterfaceUsage:
        ...

    @builtins.property
    def interfaces(self) -> containers.RepeatedCompositeFieldContainer[WindowsNetworkInterfaceUsage]:
        ...

    def __init__(self, *, timestamp: builtins.int=..., default_interface: WindowsNetworkInterfaceUsage | None=..., interfaces: abc.Iterable[WindowsNetworkInterfaceUsage] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['default_interface', b'default_interface']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['default_interface', b'default_interface', 'interfaces', b'interfaces', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class NetworkInterfaceUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    RX_BYTES_FIELD_NUMBER: builtins.int
    RX_ERRORS_FIELD_NUMBER: builtins.int
    TX_BYTES_FIELD_NUMBER: builtins.int
    TX_ERRORS_FIELD_NUMBER: builtins.int
    name: builtins.str

    @builtins.property
    def rx_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def rx_errors(self) -> UInt64Value:
        ...

    @builtins.property
    def tx_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def tx_errors(self) -> UInt64Value:
        ...

    def __init__(self, *, name: builtins.str=..., rx_bytes: UInt64Value | None=..., rx_errors: UInt64Value | None=..., tx_bytes: UInt64Value | None=..., tx_errors: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['rx_bytes', b'rx_bytes', 'rx_errors', b'rx_errors', 'tx_bytes', b'tx_bytes', 'tx_errors', b'tx_errors']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['name', b'name', 'rx_bytes', b'rx_bytes', 'rx_errors', b'rx_errors', 'tx_bytes', b'tx_bytes', 'tx_errors', b'tx_errors']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsNetworkInterfaceUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    RX_BYTES_FIELD_NUMBER: builtins.int
    RX_PACKETS_DROPPED_FIELD_NUMBER: builtins.int
    TX_BYTES_FIELD_NUMBER: builtins.int
    TX_PACKETS_DROPPED_FIELD_NUMBER: builtins.int
    name: builtins.str

    @builtins.property
    def rx_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def rx_packets_dropped(self) -> UInt64Value:
        ...

    @builtins.property
    def tx_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def tx_packets_dropped(self) -> UInt64Value:
        ...

    def __init__(self, *, name: builtins.str=..., rx_bytes: UInt64Value | None=..., rx_packets_dropped: UInt64Value | None=..., tx_bytes: UInt64Value | None=..., tx_packets_dropped: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['rx_bytes', b'rx_bytes', 'rx_packets_dropped', b'rx_packets_dropped', 'tx_bytes', b'tx_bytes', 'tx_packets_dropped', b'tx_packets_dropped']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['name', b'name', 'rx_bytes', b'rx_bytes', 'rx_packets_dropped', b'rx_packets_dropped', 'tx_bytes', b'tx_bytes', 'tx_packets_dropped', b'tx_packets_dropped']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ProcessUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    PROCESS_COUNT_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def process_count(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., process_count: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['process_count', b'process_count']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['process_count', b'process_count', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsProcessUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    PROCESS_COUNT_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def process_count(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., process_count: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['process_count', b'process_count']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['process_count', b'process_count', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageSpec(message.Message):
    DESCRIPTOR: descriptor.Descriptor

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
    IMAGE_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    USER_SPECIFIED_IMAGE_FIELD_NUMBER: builtins.int
    RUNTIME_HANDLER_FIELD_NUMBER: builtins.int
    IMAGE_REF_FIELD_NUMBER: builtins.int
    image: builtins.str
    user_specified_image: builtins.str
    runtime_handler: builtins.str
    image_ref: builtins.str

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, image: builtins.str=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., user_specified_image: builtins.str=..., runtime_handler: builtins.str=..., image_ref: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'image', b'image', 'image_ref', b'image_ref', 'runtime_handler', b'runtime_handler', 'user_specified_image', b'user_specified_image']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class KeyValue(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    KEY_FIELD_NUMBER: builtins.int
    VALUE_FIELD_NUMBER: builtins.int
    key: builtins.str
    value: builtins.bytes

    def __init__(self, *, key: builtins.str=..., value: builtins.bytes=...) -> None:
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
class LinuxContainerResources(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class UnifiedEntry(message.Message):
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
    CPU_PERIOD_FIELD_NUMBER: builtins.int
    CPU_QUOTA_FIELD_NUMBER: builtins.int
    CPU_SHARES_FIELD_NUMBER: builtins.int
    MEMORY_LIMIT_IN_BYTES_FIELD_NUMBER: builtins.int
    OOM_SCORE_ADJ_FIELD_NUMBER: builtins.int
    CPUSET_CPUS_FIELD_NUMBER: builtins.int
    CPUSET_MEMS_FIELD_NUMBER: builtins.int
    HUGEPAGE_LIMITS_FIELD_NUMBER: builtins.int
    UNIFIED_FIELD_NUMBER: builtins.int
    MEMORY_SWAP_LIMIT_IN_BYTES_FIELD_NUMBER: builtins.int
    cpu_period: builtins.int
    cpu_quota: builtins.int
    cpu_shares: builtins.int
    memory_limit_in_bytes: builtins.int
    oom_score_adj: builtins.int
    cpuset_cpus: builtins.str
    cpuset_mems: builtins.str
    memory_swap_limit_in_bytes: builtins.int

    @builtins.property
    def hugepage_limits(self) -> containers.RepeatedCompositeFieldContainer[HugepageLimit]:
        ...

    @builtins.property
    def unified(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, cpu_period: builtins.int=..., cpu_quota: builtins.int=..., cpu_shares: builtins.int=..., memory_limit_in_bytes: builtins.int=..., oom_score_adj: builtins.int=..., cpuset_cpus: builtins.str=..., cpuset_mems: builtins.str=..., hugepage_limits: abc.Iterable[HugepageLimit] | None=..., unified: abc.Mapping[builtins.str, builtins.str] | None=..., memory_swap_limit_in_bytes: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cpu_period', b'cpu_period', 'cpu_quota', b'cpu_quota', 'cpu_shares', b'cpu_shares', 'cpuset_cpus', b'cpuset_cpus', 'cpuset_mems', b'cpuset_mems', 'hugepage_limits', b'hugepage_limits', 'memory_limit_in_bytes', b'memory_limit_in_bytes', 'memory_swap_limit_in_bytes', b'memory_swap_limit_in_bytes', 'oom_score_adj', b'oom_score_adj', 'unified', b'unified']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class HugepageLimit(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    PAGE_SIZE_FIELD_NUMBER: builtins.int
    LIMIT_FIELD_NUMBER: builtins.int
    page_size: builtins.str
    limit: builtins.int

    def __init__(self, *, page_size: builtins.str=..., limit: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['limit', b'limit', 'page_size', b'page_size']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class SELinuxOption(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    USER_FIELD_NUMBER: builtins.int
    ROLE_FIELD_NUMBER: builtins.int
    TYPE_FIELD_NUMBER: builtins.int
    LEVEL_FIELD_NUMBER: builtins.int
    user: builtins.str
    role: builtins.str
    type: builtins.str
    level: builtins.str

    def __init__(self, *, user: builtins.str=..., role: builtins.str=..., type: builtins.str=..., level: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['level', b'level', 'role', b'role', 'type', b'type', 'user', b'user']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Capability(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ADD_CAPABILITIES_FIELD_NUMBER: builtins.int
    DROP_CAPABILITIES_FIELD_NUMBER: builtins.int
    ADD_AMBIENT_CAPABILITIES_FIELD_NUMBER: builtins.int

    @builtins.property
    def add_capabilities(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def drop_capabilities(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def add_ambient_capabilities(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, add_capabilities: abc.Iterable[builtins.str] | None=..., drop_capabilities: abc.Iterable[builtins.str] | None=..., add_ambient_capabilities: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['add_ambient_capabilities', b'add_ambient_capabilities', 'add_capabilities', b'add_capabilities', 'drop_capabilities', b'drop_capabilities']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxContainerSecurityContext(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CAPABILITIES_FIELD_NUMBER: builtins.int
    PRIVILEGED_FIELD_NUMBER: builtins.int
    NAMESPACE_OPTIONS_FIELD_NUMBER: builtins.int
    SELINUX_OPTIONS_FIELD_NUMBER: builtins.int
    RUN_AS_USER_FIELD_NUMBER: builtins.int
    RUN_AS_GROUP_FIELD_NUMBER: builtins.int
    RUN_AS_USERNAME_FIELD_NUMBER: builtins.int
    READONLY_ROOTFS_FIELD_NUMBER: builtins.int
    SUPPLEMENTAL_GROUPS_FIELD_NUMBER: builtins.int
    SUPPLEMENTAL_GROUPS_POLICY_FIELD_NUMBER: builtins.int
    NO_NEW_PRIVS_FIELD_NUMBER: builtins.int
    MASKED_PATHS_FIELD_NUMBER: builtins.int
    READONLY_PATHS_FIELD_NUMBER: builtins.int
    SECCOMP_FIELD_NUMBER: builtins.int
    APPARMOR_FIELD_NUMBER: builtins.int
    APPARMOR_PROFILE_FIELD_NUMBER: builtins.int
    SECCOMP_PROFILE_PATH_FIELD_NUMBER: builtins.int
    privileged: builtins.bool
    run_as_username: builtins.str
    readonly_rootfs: builtins.bool
    supplemental_groups_policy: SupplementalGroupsPolicy.ValueType
    no_new_privs: builtins.bool

    @builtins.property
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def apparmor_profile(self) -> builtins.str:
        ...

    @apparmor_profile.setter
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def apparmor_profile(self, value: builtins.str) -> None:
        ...

    @builtins.property
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def seccomp_profile_path(self) -> builtins.str:
        ...

    @seccomp_profile_path.setter
    @_deprecated('This field has been marked as deprecated using proto field options.')
    def seccomp_profile_path(self, value: builtins.str) -> None:
        ...

    @builtins.property
    def capabilities(self) -> Capability:
        ...

    @builtins.property
    def namespace_options(self) -> NamespaceOption:
        ...

    @builtins.property
    def selinux_options(self) -> SELinuxOption:
        ...

    @builtins.property
    def run_as_user(self) -> Int64Value:
        ...

    @builtins.property
    def run_as_group(self) -> Int64Value:
        ...

    @builtins.property
    def supplemental_groups(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    @builtins.property
    def masked_paths(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def readonly_paths(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def seccomp(self) -> SecurityProfile:
        ...

    @builtins.property
    def apparmor(self) -> SecurityProfile:
        ...

    def __init__(self, *, capabilities: Capability | None=..., privileged: builtins.bool=..., namespace_options: NamespaceOption | None=..., selinux_options: SELinuxOption | None=..., run_as_user: Int64Value | None=..., run_as_group: Int64Value | None=..., run_as_username: builtins.str=..., readonly_rootfs: builtins.bool=..., supplemental_groups: abc.Iterable[builtins.int] | None=..., supplemental_groups_policy: SupplementalGroupsPolicy.ValueType=..., no_new_privs: builtins.bool=..., masked_paths: abc.Iterable[builtins.str] | None=..., readonly_paths: abc.Iterable[builtins.str] | None=..., seccomp: SecurityProfile | None=..., apparmor: SecurityProfile | None=..., apparmor_profile: builtins.str=..., seccomp_profile_path: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['apparmor', b'apparmor', 'capabilities', b'capabilities', 'namespace_options', b'namespace_options', 'run_as_group', b'run_as_group', 'run_as_user', b'run_as_user', 'seccomp', b'seccomp', 'selinux_options', b'selinux_options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['apparmor', b'apparmor', 'apparmor_profile', b'apparmor_profile', 'capabilities', b'capabilities', 'masked_paths', b'masked_paths', 'namespace_options', b'namespace_options', 'no_new_privs', b'no_new_privs', 'privileged', b'privileged', 'readonly_paths', b'readonly_paths', 'readonly_rootfs', b'readonly_rootfs', 'run_as_group', b'run_as_group', 'run_as_user', b'run_as_user', 'run_as_username', b'run_as_username', 'seccomp', b'seccomp', 'seccomp_profile_path', b'seccomp_profile_path', 'selinux_options', b'selinux_options', 'supplemental_groups', b'supplemental_groups', 'supplemental_groups_policy', b'supplemental_groups_policy']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxContainerConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RESOURCES_FIELD_NUMBER: builtins.int
    SECURITY_CONTEXT_FIELD_NUMBER: builtins.int

    @builtins.property
    def resources(self) -> LinuxContainerResources:
        ...

    @builtins.property
    def security_context(self) -> LinuxContainerSecurityContext:
        ...

    def __init__(self, *, resources: LinuxContainerResources | None=..., security_context: LinuxContainerSecurityContext | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['resources', b'resources', 'security_context', b'security_context']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['resources', b'resources', 'security_context', b'security_context']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxContainerUser(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    UID_FIELD_NUMBER: builtins.int
    GID_FIELD_NUMBER: builtins.int
    SUPPLEMENTAL_GROUPS_FIELD_NUMBER: builtins.int
    uid: builtins.int
    gid: builtins.int

    @builtins.property
    def supplemental_groups(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    def __init__(self, *, uid: builtins.int=..., gid: builtins.int=..., supplemental_groups: abc.Iterable[builtins.int] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['gid', b'gid', 'supplemental_groups', b'supplemental_groups', 'uid', b'uid']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsNamespaceOption(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NETWORK_FIELD_NUMBER: builtins.int
    network: NamespaceMode.ValueType

    def __init__(self, *, network: NamespaceMode.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['network', b'network']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsSandboxSecurityContext(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RUN_AS_USERNAME_FIELD_NUMBER: builtins.int
    CREDENTIAL_SPEC_FIELD_NUMBER: builtins.int
    HOST_PROCESS_FIELD_NUMBER: builtins.int
    NAMESPACE_OPTIONS_FIELD_NUMBER: builtins.int
    run_as_username: builtins.str
    credential_spec: builtins.str
    host_process: builtins.bool

    @builtins.property
    def namespace_options(self) -> WindowsNamespaceOption:
        ...

    def __init__(self, *, run_as_username: builtins.str=..., credential_spec: builtins.str=..., host_process: builtins.bool=..., namespace_options: WindowsNamespaceOption | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['namespace_options', b'namespace_options']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['credential_spec', b'credential_spec', 'host_process', b'host_process', 'namespace_options', b'namespace_options', 'run_as_username', b'run_as_username']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsPodSandboxConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    SECURITY_CONTEXT_FIELD_NUMBER: builtins.int

    @builtins.property
    def security_context(self) -> WindowsSandboxSecurityContext:
        ...

    def __init__(self, *, security_context: WindowsSandboxSecurityContext | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['security_context', b'security_context']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['security_context', b'security_context']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsContainerSecurityContext(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RUN_AS_USERNAME_FIELD_NUMBER: builtins.int
    CREDENTIAL_SPEC_FIELD_NUMBER: builtins.int
    HOST_PROCESS_FIELD_NUMBER: builtins.int
    run_as_username: builtins.str
    credential_spec: builtins.str
    host_process: builtins.bool

    def __init__(self, *, run_as_username: builtins.str=..., credential_spec: builtins.str=..., host_process: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['credential_spec', b'credential_spec', 'host_process', b'host_process', 'run_as_username', b'run_as_username']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsContainerConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RESOURCES_FIELD_NUMBER: builtins.int
    SECURITY_CONTEXT_FIELD_NUMBER: builtins.int

    @builtins.property
    def resources(self) -> WindowsContainerResources:
        ...

    @builtins.property
    def security_context(self) -> WindowsContainerSecurityContext:
        ...

    def __init__(self, *, resources: WindowsContainerResources | None=..., security_context: WindowsContainerSecurityContext | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['resources', b'resources', 'security_context', b'security_context']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['resources', b'resources', 'security_context', b'security_context']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsContainerResources(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CPU_SHARES_FIELD_NUMBER: builtins.int
    CPU_COUNT_FIELD_NUMBER: builtins.int
    CPU_MAXIMUM_FIELD_NUMBER: builtins.int
    MEMORY_LIMIT_IN_BYTES_FIELD_NUMBER: builtins.int
    ROOTFS_SIZE_IN_BYTES_FIELD_NUMBER: builtins.int
    AFFINITY_CPUS_FIELD_NUMBER: builtins.int
    cpu_shares: builtins.int
    cpu_count: builtins.int
    cpu_maximum: builtins.int
    memory_limit_in_bytes: builtins.int
    rootfs_size_in_bytes: builtins.int

    @builtins.property
    def affinity_cpus(self) -> containers.RepeatedCompositeFieldContainer[WindowsCpuGroupAffinity]:
        ...

    def __init__(self, *, cpu_shares: builtins.int=..., cpu_count: builtins.int=..., cpu_maximum: builtins.int=..., memory_limit_in_bytes: builtins.int=..., rootfs_size_in_bytes: builtins.int=..., affinity_cpus: abc.Iterable[WindowsCpuGroupAffinity] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['affinity_cpus', b'affinity_cpus', 'cpu_count', b'cpu_count', 'cpu_maximum', b'cpu_maximum', 'cpu_shares', b'cpu_shares', 'memory_limit_in_bytes', b'memory_limit_in_bytes', 'rootfs_size_in_bytes', b'rootfs_size_in_bytes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsCpuGroupAffinity(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CPU_MASK_FIELD_NUMBER: builtins.int
    CPU_GROUP_FIELD_NUMBER: builtins.int
    cpu_mask: builtins.int
    cpu_group: builtins.int

    def __init__(self, *, cpu_mask: builtins.int=..., cpu_group: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cpu_group', b'cpu_group', 'cpu_mask', b'cpu_mask']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerMetadata(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    ATTEMPT_FIELD_NUMBER: builtins.int
    name: builtins.str
    attempt: builtins.int

    def __init__(self, *, name: builtins.str=..., attempt: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['attempt', b'attempt', 'name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Device(message.Message):
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
class ContainerConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    METADATA_FIELD_NUMBER: builtins.int
    IMAGE_FIELD_NUMBER: builtins.int
    COMMAND_FIELD_NUMBER: builtins.int
    ARGS_FIELD_NUMBER: builtins.int
    WORKING_DIR_FIELD_NUMBER: builtins.int
    ENVS_FIELD_NUMBER: builtins.int
    MOUNTS_FIELD_NUMBER: builtins.int
    DEVICES_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    LOG_PATH_FIELD_NUMBER: builtins.int
    STDIN_FIELD_NUMBER: builtins.int
    STDIN_ONCE_FIELD_NUMBER: builtins.int
    TTY_FIELD_NUMBER: builtins.int
    LINUX_FIELD_NUMBER: builtins.int
    WINDOWS_FIELD_NUMBER: builtins.int
    CDI_DEVICES_FIELD_NUMBER: builtins.int
    STOP_SIGNAL_FIELD_NUMBER: builtins.int
    working_dir: builtins.str
    log_path: builtins.str
    stdin: builtins.bool
    stdin_once: builtins.bool
    tty: builtins.bool
    stop_signal: Signal.ValueType

    @builtins.property
    def metadata(self) -> ContainerMetadata:
        ...

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    @builtins.property
    def command(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def args(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def envs(self) -> containers.RepeatedCompositeFieldContainer[KeyValue]:
        ...

    @builtins.property
    def mounts(self) -> containers.RepeatedCompositeFieldContainer[Mount]:
        ...

    @builtins.property
    def devices(self) -> containers.RepeatedCompositeFieldContainer[Device]:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def linux(self) -> LinuxContainerConfig:
        ...

    @builtins.property
    def windows(self) -> WindowsContainerConfig:
        ...

    @builtins.property
    def CDI_devices(self) -> containers.RepeatedCompositeFieldContainer[CDIDevice]:
        ...

    def __init__(self, *, metadata: ContainerMetadata | None=..., image: ImageSpec | None=..., command: abc.Iterable[builtins.str] | None=..., args: abc.Iterable[builtins.str] | None=..., working_dir: builtins.str=..., envs: abc.Iterable[KeyValue] | None=..., mounts: abc.Iterable[Mount] | None=..., devices: abc.Iterable[Device] | None=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., log_path: builtins.str=..., stdin: builtins.bool=..., stdin_once: builtins.bool=..., tty: builtins.bool=..., linux: LinuxContainerConfig | None=..., windows: WindowsContainerConfig | None=..., CDI_devices: abc.Iterable[CDIDevice] | None=..., stop_signal: Signal.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image', 'linux', b'linux', 'metadata', b'metadata', 'windows', b'windows']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['CDI_devices', b'CDI_devices', 'annotations', b'annotations', 'args', b'args', 'command', b'command', 'devices', b'devices', 'envs', b'envs', 'image', b'image', 'labels', b'labels', 'linux', b'linux', 'log_path', b'log_path', 'metadata', b'metadata', 'mounts', b'mounts', 'stdin', b'stdin', 'stdin_once', b'stdin_once', 'stop_signal', b'stop_signal', 'tty', b'tty', 'windows', b'windows', 'working_dir', b'working_dir']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class CreateContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    CONFIG_FIELD_NUMBER: builtins.int
    SANDBOX_CONFIG_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    @builtins.property
    def config(self) -> ContainerConfig:
        ...

    @builtins.property
    def sandbox_config(self) -> PodSandboxConfig:
        ...

    def __init__(self, *, pod_sandbox_id: builtins.str=..., config: ContainerConfig | None=..., sandbox_config: PodSandboxConfig | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['config', b'config', 'sandbox_config', b'sandbox_config']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['config', b'config', 'pod_sandbox_id', b'pod_sandbox_id', 'sandbox_config', b'sandbox_config']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class CreateContainerResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    def __init__(self, *, container_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StartContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    def __init__(self, *, container_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StartContainerResponse(message.Message):
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
class StopContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    TIMEOUT_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    timeout: builtins.int

    def __init__(self, *, container_id: builtins.str=..., timeout: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'timeout', b'timeout']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StopContainerResponse(message.Message):
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
class RemoveContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    def __init__(self, *, container_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RemoveContainerResponse(message.Message):
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
class ContainerStateValue(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATE_FIELD_NUMBER: builtins.int
    state: ContainerState.ValueType

    def __init__(self, *, state: ContainerState.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerFilter(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelSelectorEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    LABEL_SELECTOR_FIELD_NUMBER: builtins.int
    id: builtins.str
    pod_sandbox_id: builtins.str

    @builtins.property
    def state(self) -> ContainerStateValue:
        ...

    @builtins.property
    def label_selector(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., state: ContainerStateValue | None=..., pod_sandbox_id: builtins.str=..., label_selector: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['state', b'state']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['id', b'id', 'label_selector', b'label_selector', 'pod_sandbox_id', b'pod_sandbox_id', 'state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListContainersRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ContainerFilter:
        ...

    def __init__(self, *, filter: ContainerFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Container(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    IMAGE_FIELD_NUMBER: builtins.int
    IMAGE_REF_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    CREATED_AT_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    IMAGE_ID_FIELD_NUMBER: builtins.int
    id: builtins.str
    pod_sandbox_id: builtins.str
    image_ref: builtins.str
    state: ContainerState.ValueType
    created_at: builtins.int
    image_id: builtins.str

    @builtins.property
    def metadata(self) -> ContainerMetadata:
        ...

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., pod_sandbox_id: builtins.str=..., metadata: ContainerMetadata | None=..., image: ImageSpec | None=..., image_ref: builtins.str=..., state: ContainerState.ValueType=..., created_at: builtins.int=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., image_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image', 'metadata', b'metadata']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'created_at', b'created_at', 'id', b'id', 'image', b'image', 'image_id', b'image_id', 'image_ref', b'image_ref', 'labels', b'labels', 'metadata', b'metadata', 'pod_sandbox_id', b'pod_sandbox_id', 'state', b'state']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListContainersResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINERS_FIELD_NUMBER: builtins.int

    @builtins.property
    def containers(self) -> containers.RepeatedCompositeFieldContainer[Container]:
        ...

    def __init__(self, *, containers: abc.Iterable[Container] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers', b'containers']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamContainersRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ContainerFilter:
        ...

    def __init__(self, *, filter: ContainerFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamContainersResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINERS_FIELD_NUMBER: builtins.int

    @builtins.property
    def containers(self) -> containers.RepeatedCompositeFieldContainer[Container]:
        ...

    def __init__(self, *, containers: abc.Iterable[Container] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['containers', b'containers']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatusRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    VERBOSE_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    verbose: builtins.bool

    def __init__(self, *, container_id: builtins.str=..., verbose: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'verbose', b'verbose']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatus(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    STATE_FIELD_NUMBER: builtins.int
    CREATED_AT_FIELD_NUMBER: builtins.int
    STARTED_AT_FIELD_NUMBER: builtins.int
    FINISHED_AT_FIELD_NUMBER: builtins.int
    EXIT_CODE_FIELD_NUMBER: builtins.int
    IMAGE_FIELD_NUMBER: builtins.int
    IMAGE_REF_FIELD_NUMBER: builtins.int
    REASON_FIELD_NUMBER: builtins.int
    MESSAGE_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    MOUNTS_FIELD_NUMBER: builtins.int
    LOG_PATH_FIELD_NUMBER: builtins.int
    RESOURCES_FIELD_NUMBER: builtins.int
    IMAGE_ID_FIELD_NUMBER: builtins.int
    USER_FIELD_NUMBER: builtins.int
    STOP_SIGNAL_FIELD_NUMBER: builtins.int
    id: builtins.str
    state: ContainerState.ValueType
    created_at: builtins.int
    started_at: builtins.int
    finished_at: builtins.int
    exit_code: builtins.int
    image_ref: builtins.str
    reason: builtins.str
    message: builtins.str
    log_path: builtins.str
    image_id: builtins.str
    stop_signal: Signal.ValueType

    @builtins.property
    def metadata(self) -> ContainerMetadata:
        ...

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def mounts(self) -> containers.RepeatedCompositeFieldContainer[Mount]:
        ...

    @builtins.property
    def resources(self) -> ContainerResources:
        ...

    @builtins.property
    def user(self) -> ContainerUser:
        ...

    def __init__(self, *, id: builtins.str=..., metadata: ContainerMetadata | None=..., state: ContainerState.ValueType=..., created_at: builtins.int=..., started_at: builtins.int=..., finished_at: builtins.int=..., exit_code: builtins.int=..., image: ImageSpec | None=..., image_ref: builtins.str=..., reason: builtins.str=..., message: builtins.str=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=..., mounts: abc.Iterable[Mount] | None=..., log_path: builtins.str=..., resources: ContainerResources | None=..., image_id: builtins.str=..., user: ContainerUser | None=..., stop_signal: Signal.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image', 'metadata', b'metadata', 'resources', b'resources', 'user', b'user']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'created_at', b'created_at', 'exit_code', b'exit_code', 'finished_at', b'finished_at', 'id', b'id', 'image', b'image', 'image_id', b'image_id', 'image_ref', b'image_ref', 'labels', b'labels', 'log_path', b'log_path', 'message', b'message', 'metadata', b'metadata', 'mounts', b'mounts', 'reason', b'reason', 'resources', b'resources', 'started_at', b'started_at', 'state', b'state', 'stop_signal', b'stop_signal', 'user', b'user']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatusResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class InfoEntry(message.Message):
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
    STATUS_FIELD_NUMBER: builtins.int
    INFO_FIELD_NUMBER: builtins.int

    @builtins.property
    def status(self) -> ContainerStatus:
        ...

    @builtins.property
    def info(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, status: ContainerStatus | None=..., info: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['status', b'status']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['info', b'info', 'status', b'status']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerResources(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    LINUX_FIELD_NUMBER: builtins.int
    WINDOWS_FIELD_NUMBER: builtins.int

    @builtins.property
    def linux(self) -> LinuxContainerResources:
        ...

    @builtins.property
    def windows(self) -> WindowsContainerResources:
        ...

    def __init__(self, *, linux: LinuxContainerResources | None=..., windows: WindowsContainerResources | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['linux', b'linux', 'windows', b'windows']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['linux', b'linux', 'windows', b'windows']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerUser(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    LINUX_FIELD_NUMBER: builtins.int

    @builtins.property
    def linux(self) -> LinuxContainerUser:
        ...

    def __init__(self, *, linux: LinuxContainerUser | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['linux', b'linux']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['linux', b'linux']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdateContainerResourcesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor

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
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    LINUX_FIELD_NUMBER: builtins.int
    WINDOWS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    @builtins.property
    def linux(self) -> LinuxContainerResources:
        ...

    @builtins.property
    def windows(self) -> WindowsContainerResources:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, container_id: builtins.str=..., linux: LinuxContainerResources | None=..., windows: WindowsContainerResources | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['linux', b'linux', 'windows', b'windows']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'container_id', b'container_id', 'linux', b'linux', 'windows', b'windows']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdateContainerResourcesResponse(message.Message):
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
class ExecSyncRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    CMD_FIELD_NUMBER: builtins.int
    TIMEOUT_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    timeout: builtins.int

    @builtins.property
    def cmd(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, container_id: builtins.str=..., cmd: abc.Iterable[builtins.str] | None=..., timeout: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cmd', b'cmd', 'container_id', b'container_id', 'timeout', b'timeout']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ExecSyncResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STDOUT_FIELD_NUMBER: builtins.int
    STDERR_FIELD_NUMBER: builtins.int
    EXIT_CODE_FIELD_NUMBER: builtins.int
    stdout: builtins.bytes
    stderr: builtins.bytes
    exit_code: builtins.int

    def __init__(self, *, stdout: builtins.bytes=..., stderr: builtins.bytes=..., exit_code: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['exit_code', b'exit_code', 'stderr', b'stderr', 'stdout', b'stdout']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ExecRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    CMD_FIELD_NUMBER: builtins.int
    TTY_FIELD_NUMBER: builtins.int
    STDIN_FIELD_NUMBER: builtins.int
    STDOUT_FIELD_NUMBER: builtins.int
    STDERR_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    tty: builtins.bool
    stdin: builtins.bool
    stdout: builtins.bool
    stderr: builtins.bool

    @builtins.property
    def cmd(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, container_id: builtins.str=..., cmd: abc.Iterable[builtins.str] | None=..., tty: builtins.bool=..., stdin: builtins.bool=..., stdout: builtins.bool=..., stderr: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cmd', b'cmd', 'container_id', b'container_id', 'stderr', b'stderr', 'stdin', b'stdin', 'stdout', b'stdout', 'tty', b'tty']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ExecResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    URL_FIELD_NUMBER: builtins.int
    url: builtins.str

    def __init__(self, *, url: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['url', b'url']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class AttachRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    STDIN_FIELD_NUMBER: builtins.int
    TTY_FIELD_NUMBER: builtins.int
    STDOUT_FIELD_NUMBER: builtins.int
    STDERR_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    stdin: builtins.bool
    tty: builtins.bool
    stdout: builtins.bool
    stderr: builtins.bool

    def __init__(self, *, container_id: builtins.str=..., stdin: builtins.bool=..., tty: builtins.bool=..., stdout: builtins.bool=..., stderr: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'stderr', b'stderr', 'stdin', b'stdin', 'stdout', b'stdout', 'tty', b'tty']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class AttachResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    URL_FIELD_NUMBER: builtins.int
    url: builtins.str

    def __init__(self, *, url: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['url', b'url']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PortForwardRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    PORT_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    @builtins.property
    def port(self) -> containers.RepeatedScalarFieldContainer[builtins.int]:
        ...

    def __init__(self, *, pod_sandbox_id: builtins.str=..., port: abc.Iterable[builtins.int] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_id', b'pod_sandbox_id', 'port', b'port']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PortForwardResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    URL_FIELD_NUMBER: builtins.int
    url: builtins.str

    def __init__(self, *, url: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['url', b'url']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageFilter(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_FIELD_NUMBER: builtins.int

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    def __init__(self, *, image: ImageSpec | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListImagesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ImageFilter:
        ...

    def __init__(self, *, filter: ImageFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Image(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ID_FIELD_NUMBER: builtins.int
    REPO_TAGS_FIELD_NUMBER: builtins.int
    REPO_DIGESTS_FIELD_NUMBER: builtins.int
    SIZE_FIELD_NUMBER: builtins.int
    UID_FIELD_NUMBER: builtins.int
    USERNAME_FIELD_NUMBER: builtins.int
    SPEC_FIELD_NUMBER: builtins.int
    PINNED_FIELD_NUMBER: builtins.int
    id: builtins.str
    size: builtins.int
    username: builtins.str
    pinned: builtins.bool

    @builtins.property
    def repo_tags(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def repo_digests(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def uid(self) -> Int64Value:
        ...

    @builtins.property
    def spec(self) -> ImageSpec:
        ...

    def __init__(self, *, id: builtins.str=..., repo_tags: abc.Iterable[builtins.str] | None=..., repo_digests: abc.Iterable[builtins.str] | None=..., size: builtins.int=..., uid: Int64Value | None=..., username: builtins.str=..., spec: ImageSpec | None=..., pinned: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['spec', b'spec', 'uid', b'uid']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['id', b'id', 'pinned', b'pinned', 'repo_digests', b'repo_digests', 'repo_tags', b'repo_tags', 'size', b'size', 'spec', b'spec', 'uid', b'uid', 'username', b'username']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListImagesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGES_FIELD_NUMBER: builtins.int

    @builtins.property
    def images(self) -> containers.RepeatedCompositeFieldContainer[Image]:
        ...

    def __init__(self, *, images: abc.Iterable[Image] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['images', b'images']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamImagesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ImageFilter:
        ...

    def __init__(self, *, filter: ImageFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamImagesResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGES_FIELD_NUMBER: builtins.int

    @builtins.property
    def images(self) -> containers.RepeatedCompositeFieldContainer[Image]:
        ...

    def __init__(self, *, images: abc.Iterable[Image] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['images', b'images']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageStatusRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_FIELD_NUMBER: builtins.int
    VERBOSE_FIELD_NUMBER: builtins.int
    verbose: builtins.bool

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    def __init__(self, *, image: ImageSpec | None=..., verbose: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['image', b'image', 'verbose', b'verbose']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageStatusResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class InfoEntry(message.Message):
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
    IMAGE_FIELD_NUMBER: builtins.int
    INFO_FIELD_NUMBER: builtins.int

    @builtins.property
    def image(self) -> Image:
        ...

    @builtins.property
    def info(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, image: Image | None=..., info: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['image', b'image', 'info', b'info']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class AuthConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    USERNAME_FIELD_NUMBER: builtins.int
    PASSWORD_FIELD_NUMBER: builtins.int
    AUTH_FIELD_NUMBER: builtins.int
    SERVER_ADDRESS_FIELD_NUMBER: builtins.int
    IDENTITY_TOKEN_FIELD_NUMBER: builtins.int
    REGISTRY_TOKEN_FIELD_NUMBER: builtins.int
    username: builtins.str
    password: builtins.str
    auth: builtins.str
    server_address: builtins.str
    identity_token: builtins.str
    registry_token: builtins.str

    def __init__(self, *, username: builtins.str=..., password: builtins.str=..., auth: builtins.str=..., server_address: builtins.str=..., identity_token: builtins.str=..., registry_token: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['auth', b'auth', 'identity_token', b'identity_token', 'password', b'password', 'registry_token', b'registry_token', 'server_address', b'server_address', 'username', b'username']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PullImageRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_FIELD_NUMBER: builtins.int
    AUTH_FIELD_NUMBER: builtins.int
    SANDBOX_CONFIG_FIELD_NUMBER: builtins.int

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    @builtins.property
    def auth(self) -> AuthConfig:
        ...

    @builtins.property
    def sandbox_config(self) -> PodSandboxConfig:
        ...

    def __init__(self, *, image: ImageSpec | None=..., auth: AuthConfig | None=..., sandbox_config: PodSandboxConfig | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['auth', b'auth', 'image', b'image', 'sandbox_config', b'sandbox_config']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['auth', b'auth', 'image', b'image', 'sandbox_config', b'sandbox_config']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PullImageResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_REF_FIELD_NUMBER: builtins.int
    image_ref: builtins.str

    def __init__(self, *, image_ref: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['image_ref', b'image_ref']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RemoveImageRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_FIELD_NUMBER: builtins.int

    @builtins.property
    def image(self) -> ImageSpec:
        ...

    def __init__(self, *, image: ImageSpec | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['image', b'image']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RemoveImageResponse(message.Message):
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
class NetworkConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_CIDR_FIELD_NUMBER: builtins.int
    pod_cidr: builtins.str

    def __init__(self, *, pod_cidr: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_cidr', b'pod_cidr']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeConfig(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NETWORK_CONFIG_FIELD_NUMBER: builtins.int

    @builtins.property
    def network_config(self) -> NetworkConfig:
        ...

    def __init__(self, *, network_config: NetworkConfig | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['network_config', b'network_config']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['network_config', b'network_config']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdateRuntimeConfigRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RUNTIME_CONFIG_FIELD_NUMBER: builtins.int

    @builtins.property
    def runtime_config(self) -> RuntimeConfig:
        ...

    def __init__(self, *, runtime_config: RuntimeConfig | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['runtime_config', b'runtime_config']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['runtime_config', b'runtime_config']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdateRuntimeConfigResponse(message.Message):
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
class RuntimeCondition(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TYPE_FIELD_NUMBER: builtins.int
    STATUS_FIELD_NUMBER: builtins.int
    REASON_FIELD_NUMBER: builtins.int
    MESSAGE_FIELD_NUMBER: builtins.int
    type: builtins.str
    status: builtins.bool
    reason: builtins.str
    message: builtins.str

    def __init__(self, *, type: builtins.str=..., status: builtins.bool=..., reason: builtins.str=..., message: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['message', b'message', 'reason', b'reason', 'status', b'status', 'type', b'type']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeStatus(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONDITIONS_FIELD_NUMBER: builtins.int

    @builtins.property
    def conditions(self) -> containers.RepeatedCompositeFieldContainer[RuntimeCondition]:
        ...

    def __init__(self, *, conditions: abc.Iterable[RuntimeCondition] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['conditions', b'conditions']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StatusRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VERBOSE_FIELD_NUMBER: builtins.int
    verbose: builtins.bool

    def __init__(self, *, verbose: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['verbose', b'verbose']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeHandlerFeatures(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    RECURSIVE_READ_ONLY_MOUNTS_FIELD_NUMBER: builtins.int
    USER_NAMESPACES_FIELD_NUMBER: builtins.int
    recursive_read_only_mounts: builtins.bool
    user_namespaces: builtins.bool

    def __init__(self, *, recursive_read_only_mounts: builtins.bool=..., user_namespaces: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['recursive_read_only_mounts', b'recursive_read_only_mounts', 'user_namespaces', b'user_namespaces']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeHandler(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    FEATURES_FIELD_NUMBER: builtins.int
    name: builtins.str

    @builtins.property
    def features(self) -> RuntimeHandlerFeatures:
        ...

    def __init__(self, *, name: builtins.str=..., features: RuntimeHandlerFeatures | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['features', b'features']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['features', b'features', 'name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeFeatures(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    SUPPLEMENTAL_GROUPS_POLICY_FIELD_NUMBER: builtins.int
    USER_NAMESPACES_HOST_NETWORK_FIELD_NUMBER: builtins.int
    supplemental_groups_policy: builtins.bool
    user_namespaces_host_network: builtins.bool

    def __init__(self, *, supplemental_groups_policy: builtins.bool=..., user_namespaces_host_network: builtins.bool=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['supplemental_groups_policy', b'supplemental_groups_policy', 'user_namespaces_host_network', b'user_namespaces_host_network']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StatusResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class InfoEntry(message.Message):
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
    STATUS_FIELD_NUMBER: builtins.int
    INFO_FIELD_NUMBER: builtins.int
    RUNTIME_HANDLERS_FIELD_NUMBER: builtins.int
    FEATURES_FIELD_NUMBER: builtins.int

    @builtins.property
    def status(self) -> RuntimeStatus:
        ...

    @builtins.property
    def info(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def runtime_handlers(self) -> containers.RepeatedCompositeFieldContainer[RuntimeHandler]:
        ...

    @builtins.property
    def features(self) -> RuntimeFeatures:
        ...

    def __init__(self, *, status: RuntimeStatus | None=..., info: abc.Mapping[builtins.str, builtins.str] | None=..., runtime_handlers: abc.Iterable[RuntimeHandler] | None=..., features: RuntimeFeatures | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['features', b'features', 'status', b'status']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['features', b'features', 'info', b'info', 'runtime_handlers', b'runtime_handlers', 'status', b'status']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageFsInfoRequest(message.Message):
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
class UInt64Value(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    VALUE_FIELD_NUMBER: builtins.int
    value: builtins.int

    def __init__(self, *, value: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['value', b'value']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class FilesystemIdentifier(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    MOUNTPOINT_FIELD_NUMBER: builtins.int
    mountpoint: builtins.str

    def __init__(self, *, mountpoint: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['mountpoint', b'mountpoint']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class FilesystemUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    FS_ID_FIELD_NUMBER: builtins.int
    USED_BYTES_FIELD_NUMBER: builtins.int
    INODES_USED_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def fs_id(self) -> FilesystemIdentifier:
        ...

    @builtins.property
    def used_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def inodes_used(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., fs_id: FilesystemIdentifier | None=..., used_bytes: UInt64Value | None=..., inodes_used: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['fs_id', b'fs_id', 'inodes_used', b'inodes_used', 'used_bytes', b'used_bytes']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['fs_id', b'fs_id', 'inodes_used', b'inodes_used', 'timestamp', b'timestamp', 'used_bytes', b'used_bytes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsFilesystemUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    FS_ID_FIELD_NUMBER: builtins.int
    USED_BYTES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def fs_id(self) -> FilesystemIdentifier:
        ...

    @builtins.property
    def used_bytes(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., fs_id: FilesystemIdentifier | None=..., used_bytes: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['fs_id', b'fs_id', 'used_bytes', b'used_bytes']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['fs_id', b'fs_id', 'timestamp', b'timestamp', 'used_bytes', b'used_bytes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ImageFsInfoResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    IMAGE_FILESYSTEMS_FIELD_NUMBER: builtins.int
    CONTAINER_FILESYSTEMS_FIELD_NUMBER: builtins.int

    @builtins.property
    def image_filesystems(self) -> containers.RepeatedCompositeFieldContainer[FilesystemUsage]:
        ...

    @builtins.property
    def container_filesystems(self) -> containers.RepeatedCompositeFieldContainer[FilesystemUsage]:
        ...

    def __init__(self, *, image_filesystems: abc.Iterable[FilesystemUsage] | None=..., container_filesystems: abc.Iterable[FilesystemUsage] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_filesystems', b'container_filesystems', 'image_filesystems', b'image_filesystems']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    def __init__(self, *, container_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def stats(self) -> ContainerStats:
        ...

    def __init__(self, *, stats: ContainerStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListContainerStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ContainerStatsFilter:
        ...

    def __init__(self, *, filter: ContainerStatsFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStatsFilter(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelSelectorEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    LABEL_SELECTOR_FIELD_NUMBER: builtins.int
    id: builtins.str
    pod_sandbox_id: builtins.str

    @builtins.property
    def label_selector(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., pod_sandbox_id: builtins.str=..., label_selector: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['id', b'id', 'label_selector', b'label_selector', 'pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListContainerStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def stats(self) -> containers.RepeatedCompositeFieldContainer[ContainerStats]:
        ...

    def __init__(self, *, stats: abc.Iterable[ContainerStats] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['stats', b'stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamContainerStatsRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FILTER_FIELD_NUMBER: builtins.int

    @builtins.property
    def filter(self) -> ContainerStatsFilter:
        ...

    def __init__(self, *, filter: ContainerStatsFilter | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['filter', b'filter']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamContainerStatsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_STATS_FIELD_NUMBER: builtins.int

    @builtins.property
    def container_stats(self) -> containers.RepeatedCompositeFieldContainer[ContainerStats]:
        ...

    def __init__(self, *, container_stats: abc.Iterable[ContainerStats] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_stats', b'container_stats']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerAttributes(message.Message):
    DESCRIPTOR: descriptor.Descriptor

    @typing.final
    class LabelsEntry(message.Message):
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
    ID_FIELD_NUMBER: builtins.int
    METADATA_FIELD_NUMBER: builtins.int
    LABELS_FIELD_NUMBER: builtins.int
    ANNOTATIONS_FIELD_NUMBER: builtins.int
    id: builtins.str

    @builtins.property
    def metadata(self) -> ContainerMetadata:
        ...

    @builtins.property
    def labels(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    @builtins.property
    def annotations(self) -> containers.ScalarMap[builtins.str, builtins.str]:
        ...

    def __init__(self, *, id: builtins.str=..., metadata: ContainerMetadata | None=..., labels: abc.Mapping[builtins.str, builtins.str] | None=..., annotations: abc.Mapping[builtins.str, builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['metadata', b'metadata']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['annotations', b'annotations', 'id', b'id', 'labels', b'labels', 'metadata', b'metadata']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ATTRIBUTES_FIELD_NUMBER: builtins.int
    CPU_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int
    WRITABLE_LAYER_FIELD_NUMBER: builtins.int
    SWAP_FIELD_NUMBER: builtins.int
    IO_FIELD_NUMBER: builtins.int

    @builtins.property
    def attributes(self) -> ContainerAttributes:
        ...

    @builtins.property
    def cpu(self) -> CpuUsage:
        ...

    @builtins.property
    def memory(self) -> MemoryUsage:
        ...

    @builtins.property
    def writable_layer(self) -> FilesystemUsage:
        ...

    @builtins.property
    def swap(self) -> SwapUsage:
        ...

    @builtins.property
    def io(self) -> IoUsage:
        ...

    def __init__(self, *, attributes: ContainerAttributes | None=..., cpu: CpuUsage | None=..., memory: MemoryUsage | None=..., writable_layer: FilesystemUsage | None=..., swap: SwapUsage | None=..., io: IoUsage | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'cpu', b'cpu', 'io', b'io', 'memory', b'memory', 'swap', b'swap', 'writable_layer', b'writable_layer']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'cpu', b'cpu', 'io', b'io', 'memory', b'memory', 'swap', b'swap', 'writable_layer', b'writable_layer']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsContainerStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    ATTRIBUTES_FIELD_NUMBER: builtins.int
    CPU_FIELD_NUMBER: builtins.int
    MEMORY_FIELD_NUMBER: builtins.int
    WRITABLE_LAYER_FIELD_NUMBER: builtins.int

    @builtins.property
    def attributes(self) -> ContainerAttributes:
        ...

    @builtins.property
    def cpu(self) -> WindowsCpuUsage:
        ...

    @builtins.property
    def memory(self) -> WindowsMemoryUsage:
        ...

    @builtins.property
    def writable_layer(self) -> WindowsFilesystemUsage:
        ...

    def __init__(self, *, attributes: ContainerAttributes | None=..., cpu: WindowsCpuUsage | None=..., memory: WindowsMemoryUsage | None=..., writable_layer: WindowsFilesystemUsage | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'cpu', b'cpu', 'memory', b'memory', 'writable_layer', b'writable_layer']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['attributes', b'attributes', 'cpu', b'cpu', 'memory', b'memory', 'writable_layer', b'writable_layer']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PsiStats(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    FULL_FIELD_NUMBER: builtins.int
    SOME_FIELD_NUMBER: builtins.int

    @builtins.property
    def Full(self) -> PsiData:
        ...

    @builtins.property
    def Some(self) -> PsiData:
        ...

    def __init__(self, *, Full: PsiData | None=..., Some: PsiData | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['Full', b'Full', 'Some', b'Some']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['Full', b'Full', 'Some', b'Some']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PsiData(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TOTAL_FIELD_NUMBER: builtins.int
    AVG10_FIELD_NUMBER: builtins.int
    AVG60_FIELD_NUMBER: builtins.int
    AVG300_FIELD_NUMBER: builtins.int
    Total: builtins.int
    Avg10: builtins.float
    Avg60: builtins.float
    Avg300: builtins.float

    def __init__(self, *, Total: builtins.int=..., Avg10: builtins.float=..., Avg60: builtins.float=..., Avg300: builtins.float=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['Avg10', b'Avg10', 'Avg300', b'Avg300', 'Avg60', b'Avg60', 'Total', b'Total']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class CpuUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    USAGE_CORE_NANO_SECONDS_FIELD_NUMBER: builtins.int
    USAGE_NANO_CORES_FIELD_NUMBER: builtins.int
    PSI_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def usage_core_nano_seconds(self) -> UInt64Value:
        ...

    @builtins.property
    def usage_nano_cores(self) -> UInt64Value:
        ...

    @builtins.property
    def psi(self) -> PsiStats:
        ...

    def __init__(self, *, timestamp: builtins.int=..., usage_core_nano_seconds: UInt64Value | None=..., usage_nano_cores: UInt64Value | None=..., psi: PsiStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['psi', b'psi', 'usage_core_nano_seconds', b'usage_core_nano_seconds', 'usage_nano_cores', b'usage_nano_cores']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['psi', b'psi', 'timestamp', b'timestamp', 'usage_core_nano_seconds', b'usage_core_nano_seconds', 'usage_nano_cores', b'usage_nano_cores']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsCpuUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    USAGE_CORE_NANO_SECONDS_FIELD_NUMBER: builtins.int
    USAGE_NANO_CORES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def usage_core_nano_seconds(self) -> UInt64Value:
        ...

    @builtins.property
    def usage_nano_cores(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., usage_core_nano_seconds: UInt64Value | None=..., usage_nano_cores: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['usage_core_nano_seconds', b'usage_core_nano_seconds', 'usage_nano_cores', b'usage_nano_cores']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['timestamp', b'timestamp', 'usage_core_nano_seconds', b'usage_core_nano_seconds', 'usage_nano_cores', b'usage_nano_cores']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class MemoryUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    WORKING_SET_BYTES_FIELD_NUMBER: builtins.int
    AVAILABLE_BYTES_FIELD_NUMBER: builtins.int
    USAGE_BYTES_FIELD_NUMBER: builtins.int
    RSS_BYTES_FIELD_NUMBER: builtins.int
    PAGE_FAULTS_FIELD_NUMBER: builtins.int
    MAJOR_PAGE_FAULTS_FIELD_NUMBER: builtins.int
    PSI_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def working_set_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def available_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def usage_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def rss_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def page_faults(self) -> UInt64Value:
        ...

    @builtins.property
    def major_page_faults(self) -> UInt64Value:
        ...

    @builtins.property
    def psi(self) -> PsiStats:
        ...

    def __init__(self, *, timestamp: builtins.int=..., working_set_bytes: UInt64Value | None=..., available_bytes: UInt64Value | None=..., usage_bytes: UInt64Value | None=..., rss_bytes: UInt64Value | None=..., page_faults: UInt64Value | None=..., major_page_faults: UInt64Value | None=..., psi: PsiStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['available_bytes', b'available_bytes', 'major_page_faults', b'major_page_faults', 'page_faults', b'page_faults', 'psi', b'psi', 'rss_bytes', b'rss_bytes', 'usage_bytes', b'usage_bytes', 'working_set_bytes', b'working_set_bytes']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['available_bytes', b'available_bytes', 'major_page_faults', b'major_page_faults', 'page_faults', b'page_faults', 'psi', b'psi', 'rss_bytes', b'rss_bytes', 'timestamp', b'timestamp', 'usage_bytes', b'usage_bytes', 'working_set_bytes', b'working_set_bytes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class IoUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    PSI_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def psi(self) -> PsiStats:
        ...

    def __init__(self, *, timestamp: builtins.int=..., psi: PsiStats | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['psi', b'psi']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['psi', b'psi', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class SwapUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    SWAP_AVAILABLE_BYTES_FIELD_NUMBER: builtins.int
    SWAP_USAGE_BYTES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def swap_available_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def swap_usage_bytes(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., swap_available_bytes: UInt64Value | None=..., swap_usage_bytes: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['swap_available_bytes', b'swap_available_bytes', 'swap_usage_bytes', b'swap_usage_bytes']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['swap_available_bytes', b'swap_available_bytes', 'swap_usage_bytes', b'swap_usage_bytes', 'timestamp', b'timestamp']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class WindowsMemoryUsage(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    TIMESTAMP_FIELD_NUMBER: builtins.int
    WORKING_SET_BYTES_FIELD_NUMBER: builtins.int
    AVAILABLE_BYTES_FIELD_NUMBER: builtins.int
    PAGE_FAULTS_FIELD_NUMBER: builtins.int
    COMMIT_MEMORY_BYTES_FIELD_NUMBER: builtins.int
    timestamp: builtins.int

    @builtins.property
    def working_set_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def available_bytes(self) -> UInt64Value:
        ...

    @builtins.property
    def page_faults(self) -> UInt64Value:
        ...

    @builtins.property
    def commit_memory_bytes(self) -> UInt64Value:
        ...

    def __init__(self, *, timestamp: builtins.int=..., working_set_bytes: UInt64Value | None=..., available_bytes: UInt64Value | None=..., page_faults: UInt64Value | None=..., commit_memory_bytes: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['available_bytes', b'available_bytes', 'commit_memory_bytes', b'commit_memory_bytes', 'page_faults', b'page_faults', 'working_set_bytes', b'working_set_bytes']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['available_bytes', b'available_bytes', 'commit_memory_bytes', b'commit_memory_bytes', 'page_faults', b'page_faults', 'timestamp', b'timestamp', 'working_set_bytes', b'working_set_bytes']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ReopenContainerLogRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    def __init__(self, *, container_id: builtins.str=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ReopenContainerLogResponse(message.Message):
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
class CheckpointContainerRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    LOCATION_FIELD_NUMBER: builtins.int
    TIMEOUT_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    location: builtins.str
    timeout: builtins.int

    def __init__(self, *, container_id: builtins.str=..., location: builtins.str=..., timeout: builtins.int=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'location', b'location', 'timeout', b'timeout']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class CheckpointContainerResponse(message.Message):
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
class GetEventsRequest(message.Message):
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
class ContainerEventResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    CONTAINER_EVENT_TYPE_FIELD_NUMBER: builtins.int
    CREATED_AT_FIELD_NUMBER: builtins.int
    POD_SANDBOX_STATUS_FIELD_NUMBER: builtins.int
    CONTAINERS_STATUSES_FIELD_NUMBER: builtins.int
    container_id: builtins.str
    container_event_type: ContainerEventType.ValueType
    created_at: builtins.int

    @builtins.property
    def pod_sandbox_status(self) -> PodSandboxStatus:
        ...

    @builtins.property
    def containers_statuses(self) -> containers.RepeatedCompositeFieldContainer[ContainerStatus]:
        ...

    def __init__(self, *, container_id: builtins.str=..., container_event_type: ContainerEventType.ValueType=..., created_at: builtins.int=..., pod_sandbox_status: PodSandboxStatus | None=..., containers_statuses: abc.Iterable[ContainerStatus] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_status', b'pod_sandbox_status']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_event_type', b'container_event_type', 'container_id', b'container_id', 'containers_statuses', b'containers_statuses', 'created_at', b'created_at', 'pod_sandbox_status', b'pod_sandbox_status']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListMetricDescriptorsRequest(message.Message):
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
class ListMetricDescriptorsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    DESCRIPTORS_FIELD_NUMBER: builtins.int

    @builtins.property
    def descriptors(self) -> containers.RepeatedCompositeFieldContainer[MetricDescriptor]:
        ...

    def __init__(self, *, descriptors: abc.Iterable[MetricDescriptor] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['descriptors', b'descriptors']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class MetricDescriptor(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    HELP_FIELD_NUMBER: builtins.int
    LABEL_KEYS_FIELD_NUMBER: builtins.int
    name: builtins.str
    help: builtins.str

    @builtins.property
    def label_keys(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    def __init__(self, *, name: builtins.str=..., help: builtins.str=..., label_keys: abc.Iterable[builtins.str] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['help', b'help', 'label_keys', b'label_keys', 'name', b'name']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ListPodSandboxMetricsRequest(message.Message):
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
class ListPodSandboxMetricsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_METRICS_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_metrics(self) -> containers.RepeatedCompositeFieldContainer[PodSandboxMetrics]:
        ...

    def __init__(self, *, pod_metrics: abc.Iterable[PodSandboxMetrics] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_metrics', b'pod_metrics']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class StreamPodSandboxMetricsRequest(message.Message):
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
class StreamPodSandboxMetricsResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_METRICS_FIELD_NUMBER: builtins.int

    @builtins.property
    def pod_sandbox_metrics(self) -> containers.RepeatedCompositeFieldContainer[PodSandboxMetrics]:
        ...

    def __init__(self, *, pod_sandbox_metrics: abc.Iterable[PodSandboxMetrics] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['pod_sandbox_metrics', b'pod_sandbox_metrics']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class PodSandboxMetrics(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    METRICS_FIELD_NUMBER: builtins.int
    CONTAINER_METRICS_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    @builtins.property
    def metrics(self) -> containers.RepeatedCompositeFieldContainer[Metric]:
        ...

    @builtins.property
    def container_metrics(self) -> containers.RepeatedCompositeFieldContainer[ContainerMetrics]:
        ...

    def __init__(self, *, pod_sandbox_id: builtins.str=..., metrics: abc.Iterable[Metric] | None=..., container_metrics: abc.Iterable[ContainerMetrics] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_metrics', b'container_metrics', 'metrics', b'metrics', 'pod_sandbox_id', b'pod_sandbox_id']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class ContainerMetrics(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CONTAINER_ID_FIELD_NUMBER: builtins.int
    METRICS_FIELD_NUMBER: builtins.int
    container_id: builtins.str

    @builtins.property
    def metrics(self) -> containers.RepeatedCompositeFieldContainer[Metric]:
        ...

    def __init__(self, *, container_id: builtins.str=..., metrics: abc.Iterable[Metric] | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['container_id', b'container_id', 'metrics', b'metrics']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class Metric(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    NAME_FIELD_NUMBER: builtins.int
    TIMESTAMP_FIELD_NUMBER: builtins.int
    METRIC_TYPE_FIELD_NUMBER: builtins.int
    LABEL_VALUES_FIELD_NUMBER: builtins.int
    VALUE_FIELD_NUMBER: builtins.int
    name: builtins.str
    timestamp: builtins.int
    metric_type: MetricType.ValueType

    @builtins.property
    def label_values(self) -> containers.RepeatedScalarFieldContainer[builtins.str]:
        ...

    @builtins.property
    def value(self) -> UInt64Value:
        ...

    def __init__(self, *, name: builtins.str=..., timestamp: builtins.int=..., metric_type: MetricType.ValueType=..., label_values: abc.Iterable[builtins.str] | None=..., value: UInt64Value | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['value', b'value']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['label_values', b'label_values', 'metric_type', b'metric_type', 'name', b'name', 'timestamp', b'timestamp', 'value', b'value']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class RuntimeConfigRequest(message.Message):
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
class RuntimeConfigResponse(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    LINUX_FIELD_NUMBER: builtins.int

    @builtins.property
    def linux(self) -> LinuxRuntimeConfiguration:
        ...

    def __init__(self, *, linux: LinuxRuntimeConfiguration | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['linux', b'linux']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['linux', b'linux']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class LinuxRuntimeConfiguration(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    CGROUP_DRIVER_FIELD_NUMBER: builtins.int
    cgroup_driver: CgroupDriver.ValueType

    def __init__(self, *, cgroup_driver: CgroupDriver.ValueType=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = _Never

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['cgroup_driver', b'cgroup_driver']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdatePodSandboxResourcesRequest(message.Message):
    DESCRIPTOR: descriptor.Descriptor
    POD_SANDBOX_ID_FIELD_NUMBER: builtins.int
    OVERHEAD_FIELD_NUMBER: builtins.int
    RESOURCES_FIELD_NUMBER: builtins.int
    pod_sandbox_id: builtins.str

    @builtins.property
    def overhead(self) -> LinuxContainerResources:
        ...

    @builtins.property
    def resources(self) -> LinuxContainerResources:
        ...

    def __init__(self, *, pod_sandbox_id: builtins.str=..., overhead: LinuxContainerResources | None=..., resources: LinuxContainerResources | None=...) -> None:
        ...
    _HasFieldArgType: _TypeAlias = typing.Literal['overhead', b'overhead', 'resources', b'resources']

    def HasField(self, field_name: _HasFieldArgType) -> builtins.bool:
        ...
    _ClearFieldArgType: _TypeAlias = typing.Literal['overhead', b'overhead', 'pod_sandbox_id', b'pod_sandbox_id', 'resources', b'resources']

    def ClearField(self, field_name: _ClearFieldArgType) -> None:
        ...

    def WhichOneof(self, oneof_group: _Never) -> None:
        ...

@typing.final
class UpdatePodSandboxResourcesResponse(message.Message):
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
