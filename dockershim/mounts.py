"""Mounts of CRI in the engine's terms. Pure."""

from collections.abc import Iterable
from typing import Any

from cri.errors import InvalidArgumentError, UnimplementedError
from cri.v1 import api_pb2 as cri
from dockershim.facts import EngineFacts

JSON = dict[str, Any]
_IMAGE_MOUNT_API, _NON_RECURSIVE_API = (1, 48), (1, 44)
_PROPAGATION = {cri.PROPAGATION_HOST_TO_CONTAINER: "rslave", cri.PROPAGATION_BIDIRECTIONAL: "rshared"}


def host_config(mounts: Iterable[cri.Mount], facts: EngineFacts) -> JSON:
    """`Mounts`, and `Binds` for those that need a relabel: the engine offers it nowhere else."""
    relabelled: list[str] = []
    others: list[JSON] = []
    for mount in mounts:
        if not mount.container_path:
            raise InvalidArgumentError(f"mount of {mount.host_path!r} has no container path")
        if mount.HasField("image") and mount.image.image:
            others.append(_image_mount(mount, facts))
        elif mount.selinux_relabel and facts.has("selinux"):
            relabelled.append(_bind_string(mount, facts))
        else:
            others.append(_bind_mount(mount, facts))
    return {"Mounts": others, "Binds": relabelled}


def _check_bind(mount: cri.Mount, facts: EngineFacts) -> None:
    if not mount.host_path.startswith("/"):
        raise InvalidArgumentError(f"mount at {mount.container_path}: host path {mount.host_path!r} is not absolute")
    if mount.uidMappings or mount.gidMappings:
        raise UnimplementedError(f"mount at {mount.container_path}: id-mapped mounts are not possible on Docker Engine")
    if not mount.recursive_read_only:
        return
    if not facts.recursive_read_only:
        raise InvalidArgumentError(
            f"RROUnsupported: mount at {mount.container_path}: recursive read-only mounts need Docker Engine 25 and "
            "Linux 5.12 or newer"
        )
    if not mount.readonly:
        raise InvalidArgumentError(f"mount at {mount.container_path}: recursiveReadOnly without readOnly")
    if mount.propagation != cri.PROPAGATION_PRIVATE:
        raise InvalidArgumentError(f"mount at {mount.container_path}: recursiveReadOnly needs private propagation")


def _bind_mount(mount: cri.Mount, facts: EngineFacts) -> JSON:
    _check_bind(mount, facts)
    options: JSON = {}
    if mount.propagation in _PROPAGATION:
        options["Propagation"] = _PROPAGATION[mount.propagation]
    if mount.recursive_read_only:
        options["ReadOnlyForceRecursive"] = True
        options["Propagation"] = "rprivate"
    elif mount.readonly and facts.api >= _NON_RECURSIVE_API:
        options["ReadOnlyNonRecursive"] = True  # else newer engines make submounts read-only too
    return {
        "Type": "bind",
        "Source": mount.host_path,
        "Target": mount.container_path,
        "ReadOnly": mount.readonly,
        **({"BindOptions": options} if options else {}),
    }


def _bind_string(mount: cri.Mount, facts: EngineFacts) -> str:
    _check_bind(mount, facts)
    if ":" in mount.host_path + mount.container_path:
        raise InvalidArgumentError(f"mount at {mount.container_path}: a colon in the path of a relabelled mount")
    options = ["z", *(["ro"] if mount.readonly else ())]
    if mount.propagation in _PROPAGATION:
        options.append(_PROPAGATION[mount.propagation])
    return f"{mount.host_path}:{mount.container_path}:{','.join(options)}"


def _image_mount(mount: cri.Mount, facts: EngineFacts) -> JSON:
    if not mount.readonly:
        raise InvalidArgumentError(f"mount at {mount.container_path}: an image volume without readOnly")
    if facts.api < _IMAGE_MOUNT_API:
        raise UnimplementedError(
            f"ImageVolumeMountFailed: mount at {mount.container_path}: image volumes need Docker Engine 28 or newer"
        )
    options = {"ImageOptions": {"Subpath": mount.image_sub_path}} if mount.image_sub_path else {}
    return {
        "Type": "image", "Source": mount.image.image, "Target": mount.container_path, "ReadOnly": True, **options,
    }
