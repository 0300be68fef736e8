"""What goes into a content volume: objects and fields of the pod as a set of files. Pure.

A payload maps a relative path to a FileEntry. Errors have the texts of pkg/volume/{configmap,secret,downwardapi}.
"""

import base64
import binascii
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubelet.api.meta import containers_of
from kubelet.api.types import ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Quantity, Secret
from kubelet.containerspec.fields import FieldError, field_value, resource_value
from kubelet.containerspec.security import run_as_user
from kubelet.volumes.types import VolumeError

DEFAULT_MODE = 0o644
TOKEN_MODE = 0o600


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: `mode` are permission bits, `owner` a user id or None for root."""

    data: bytes = field(repr=False)
    mode: int = DEFAULT_MODE
    owner: int | None = None


Payload = dict[str, FileEntry]


def config_map_payload(source: ConfigMap, items: Sequence[KeyToPath], mode: int, *, optional: bool) -> Payload:
    """Raises VolumeError for a key that is named and missing."""
    data = {key: text.encode("utf-8", "surrogateescape") for key, text in source.data.items()}
    data |= {key: _decode(encoded) for key, encoded in source.binary_data.items() if key not in data}
    return _select(data, items, mode, optional, "configmap references non-existent config key")


def secret_payload(source: Secret, items: Sequence[KeyToPath], mode: int, *, optional: bool) -> Payload:
    """Raises VolumeError for a key that is named and missing."""
    data = {key: _decode(encoded) for key, encoded in source.data.items()}
    return _select(data, items, mode, optional, "references non-existent secret key")


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded)
    except binascii.Error as error:
        raise VolumeError(f"the object holds a value that is not base64: {error}") from None


def _select(data: Mapping[str, bytes], items: Sequence[KeyToPath], mode: int, optional: bool, problem: str) -> Payload:
    if not items:
        return {key: FileEntry(value, mode) for key, value in data.items()}
    payload = {}
    for item in items:
        if item.key in data:
            payload[item.path] = FileEntry(data[item.key], item.mode if item.mode is not None else mode)
        elif not optional:
            raise VolumeError(f"{problem}: {item.key}")
    return payload


def downward_payload(
    pod: Pod, items: Sequence[DownwardAPIVolumeFile], mode: int, allocatable: Mapping[str, Quantity]
) -> Payload:
    """Raises VolumeError that names every field which cannot be had."""
    payload, problems = {}, []
    for item in items:
        text = ""
        try:
            if item.field_ref is not None:
                text = field_value(pod, item.field_ref.field_path)
            elif item.resource_field_ref is not None:
                text = resource_value(pod, item.resource_field_ref, None, allocatable)
        except FieldError as error:
            problems.append(str(error))
        payload[posixpath.normpath(item.path)] = FileEntry(
            text.encode("utf-8", "surrogateescape"), item.mode if item.mode is not None else mode)
    if problems:
        raise VolumeError(", ".join(problems))
    return payload


def fs_group(pod: Pod) -> int | None:
    return pod.spec.security_context.fs_group if pod.spec.security_context is not None else None


def fs_user(pod: Pod) -> int | None:
    """The user that every container runs as, when there is exactly one: it may own token files."""
    users = {run_as_user(pod, container) for _, container in containers_of(pod)}
    return users.pop() if len(users) == 1 else None


def token_mode(pod: Pod, default: int) -> int:
    """Tokens are for their user alone where the pod has one; fsGroup widens that to the group later."""
    return TOKEN_MODE if fs_user(pod) is not None or fs_group(pod) is not None else default


def used_volumes(pod: Pod) -> set[str]:
    """Names of the volumes that some container mounts; others are not set up at all."""
    used: set[str] = set()
    for _, container in containers_of(pod):
        used.update(mount.name for mount in container.volume_mounts)
        used.update(device.name for device in container.volume_devices)
        used.update(env.value_from.file_key_ref.volume_name for env in container.env
                    if env.value_from is not None and env.value_from.file_key_ref is not None)
    return used


def nested_mount_points(pod: Pod, volume: str) -> set[str]:
    """Directories that must exist in `volume` because another mount of the same container lies inside it; the runtime
    could not make them, since content volumes are read-only to it."""
    found: set[str] = set()
    for _, container in containers_of(pod):
        inside = [mount for mount in container.volume_mounts if mount.name == volume and not mount.sub_path]
        others = [mount for mount in container.volume_mounts if mount.name != volume]
        for outer in inside:
            base = outer.mount_path.rstrip("/") + "/"
            nested = sorted(posixpath.normpath(mount.mount_path) for mount in others
                            if posixpath.normpath(mount.mount_path).startswith(base))
            relative = [path.removeprefix(base) for path in nested]
            found.update(path for path in relative
                         if not any(path.startswith(shorter + "/") for shorter in relative))
    return found
