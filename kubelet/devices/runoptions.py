"""What a container is given for its devices: the answers of their plugins, put together (deviceRunContainerOptions).

Of two plugins that set the same variable, path or annotation, the first counts, in the order of their resources' names.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from kubelet.devices.ledger import Allocation

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceMount:
    container_path: str
    host_path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class DeviceNode:
    container_path: str
    host_path: str
    permissions: str = ""


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    envs: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[DeviceMount, ...] = ()
    devices: tuple[DeviceNode, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    cdi_devices: tuple[str, ...] = ()


NO_DEVICES = DeviceOptions()


def device_options(allocations: Mapping[str, Allocation]) -> DeviceOptions:
    """`allocations` by resource. An answer that cannot be read is left out, and said so."""
    if not allocations:
        return NO_DEVICES
    from google.protobuf.message import DecodeError

    from kubelet.devices.v1beta1 import api_pb2 as api

    envs: dict[str, str] = {}
    mounts: dict[str, DeviceMount] = {}
    nodes: dict[str, DeviceNode] = {}
    annotations: dict[str, str] = {}
    names: dict[str, None] = {}
    for resource, allocation in sorted(allocations.items()):
        try:
            answer = api.ContainerAllocateResponse.FromString(allocation.response)
        except DecodeError as error:
            logger.error("a device plugin's answer cannot be read resource=%s error=%s", resource, error)
            continue
        _add(envs, dict(answer.envs), "environment variable")
        _add(nodes, {
            device.container_path: DeviceNode(device.container_path, device.host_path, device.permissions)
            for device in reversed(answer.devices)
        }, "device")
        _add(mounts, {
            mount.container_path: DeviceMount(mount.container_path, mount.host_path, mount.read_only)
            for mount in reversed(answer.mounts)
        }, "mount")
        _add(annotations, dict(answer.annotations), "annotation")
        names |= dict.fromkeys(device.name for device in answer.cdi_devices)
    return DeviceOptions(
        envs, tuple(sorted(mounts.values(), key=lambda mount: mount.container_path)),
        tuple(sorted(nodes.values(), key=lambda node: node.container_path)), annotations, tuple(names),
    )


def _add(known: dict[str, T], new: Mapping[str, T], what: str) -> None:
    for name, value in new.items():
        if known.setdefault(name, value) != value:
            logger.error("device plugins disagree about %s %s: expected=%s got=%s", what, name, known[name], value)
