"""Which container has which devices, as upstream keeps it on disk, so that either kubelet can follow the other.

    {"Data": {"PodDeviceEntries": [{"PodUID", "ContainerName", "ResourceName", "DeviceIDs": {"<NUMA node>": ["<id>"]},
              "AllocResp": "<base64>"}], "RegisteredDevices": {"<resource>": ["<id>"]}}, "Checksum": 1234}

The checksum is the FNV-1a hash of what Go's spew prints of Data, where a list that is null is not one that is empty.
Sources: cm/devicemanager/checkpoint/checkpoint.go, checkpointmanager/checksum, apimachinery/pkg/util/dump.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from kubelet.api.meta import PodUID
from kubelet.devices.ledger import Allocation, Entry
from kubelet.fnv import fnv1a_32
from kubelet.wholefile import replace_file

FILE_NAME = "kubelet_internal_checkpoint"


class CheckpointError(Exception):
    """The file cannot be used; nothing of it is."""


class _Entry(msgspec.Struct, frozen=True):
    pod_uid: str = msgspec.field(name="PodUID", default="")
    container_name: str = msgspec.field(name="ContainerName", default="")
    resource_name: str = msgspec.field(name="ResourceName", default="")
    device_ids: dict[int, list[str] | None] | None = msgspec.field(name="DeviceIDs", default=None)
    alloc_resp: bytes | None = msgspec.field(name="AllocResp", default=None)


class _Data(msgspec.Struct, frozen=True):
    entries: list[_Entry] | None = msgspec.field(name="PodDeviceEntries", default=None)
    registered: dict[str, list[str] | None] | None = msgspec.field(name="RegisteredDevices", default=None)


class _File(msgspec.Struct, frozen=True):
    data: _Data = msgspec.field(name="Data")
    checksum: int = msgspec.field(name="Checksum")


class Checkpoint(msgspec.Struct, frozen=True):
    entries: tuple[Entry, ...] = ()
    registered: Mapping[str, frozenset[str]] = {}


def encode(checkpoint: Checkpoint) -> bytes:
    entries = [
        _Entry(entry.pod, entry.container, entry.resource,
               {node: list(ids) for node, ids in entry.allocation.by_node.items()}, entry.allocation.response)
        for entry in checkpoint.entries
    ]
    data = _Data(entries or None, {resource: sorted(ids) for resource, ids in checkpoint.registered.items()})
    return msgspec.json.encode(_File(data, checksum(data)))


def decode(content: bytes) -> Checkpoint:
    """Raises CheckpointError."""
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, ValueError) as error:
        raise CheckpointError(f"it is no device checkpoint: {error}") from None
    if checksum(file.data) != file.checksum:
        raise CheckpointError("checkpoint is corrupted: its checksum does not match")
    return Checkpoint(
        tuple(
            Entry(PodUID(entry.pod_uid), entry.container_name, entry.resource_name, Allocation(
                {node: tuple(ids or ()) for node, ids in (entry.device_ids or {}).items()}, entry.alloc_resp or b"",
            ))
            for entry in file.data.entries or ()
        ),
        {resource: frozenset(ids or ()) for resource, ids in (file.data.registered or {}).items()},
    )


def checksum(data: _Data) -> int:
    return fnv1a_32(printed(data).encode())


def printed(data: _Data) -> str:
    """The value as spew prints it with %#v and sorted keys: types where they are not clear, lists without commas."""
    entries = "<nil>" if data.entries is None else _list(map(_printed_entry, data.entries))
    return (
        f"(checkpoint.checkpointData){{PodDeviceEntries:([]checkpoint.PodDevicesEntry){entries} "
        f"RegisteredDevices:(map[string][]string){_map(data.registered)}}}"
    )


def _printed_entry(entry: _Entry) -> str:
    answer = "<nil>" if entry.alloc_resp is None else _list(map(str, entry.alloc_resp))
    return (
        f"{{PodUID:(string){entry.pod_uid} ContainerName:(string){entry.container_name} "
        f"ResourceName:(string){entry.resource_name} DeviceIDs:(checkpoint.DevicesPerNUMA){_map(entry.device_ids)} "
        f"AllocResp:([]uint8){answer}}}"
    )


def _list(items: Iterable[str]) -> str:
    return f"[{' '.join(items)}]"


def _map(items: Mapping[int, Sequence[str] | None] | Mapping[str, Sequence[str] | None] | None) -> str:
    if items is None:
        return "<nil>"
    pairs: list[tuple[int | str, Sequence[str] | None]] = sorted(items.items(), key=_key)
    return "map" + _list(f"{key}:{'<nil>' if ids is None else _list(ids)}" for key, ids in pairs)


def _key(pair: tuple[int | str, object]) -> tuple[int, bytes]:
    """Numbers by value, text by its bytes, as Go sorts."""
    key = pair[0]
    return (key, b"") if isinstance(key, int) else (0, key.encode())


def read(path: Path) -> Checkpoint | None:
    """None where there is none. Raises CheckpointError, OSError; blocking."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return decode(content)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Raises OSError; blocking."""
    replace_file(path, encode(checkpoint))
