"""Which config maps and secrets a pod refers to. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from kubelet.api.meta import AnyContainer, containers_of
from kubelet.api.types import Pod, Volume


class ObjectKind(StrEnum):
    """Value as upstream's managers name their resource in errors."""

    CONFIG_MAP = "configmap"
    SECRET = "secret"  # noqa: S105 - a kind


class ObjectKey(NamedTuple):
    kind: ObjectKind
    namespace: str
    name: str


def references_of(pod: Pod) -> set[ObjectKey]:
    """Objects named by volumes, by env of any container, and as pull secrets."""
    namespace = pod.metadata.namespace
    pairs = {(ObjectKind.SECRET, secret.name) for secret in pod.spec.image_pull_secrets}
    for volume in pod.spec.volumes:
        pairs.update(_of_volume(volume))
    for _, container in containers_of(pod):
        pairs.update(_of_container(container))
    return {ObjectKey(kind, namespace, name) for kind, name in pairs if name}


def _of_volume(volume: Volume) -> Iterator[tuple[ObjectKind, str]]:
    if volume.config_map is not None:
        yield ObjectKind.CONFIG_MAP, volume.config_map.name
    if volume.secret is not None:
        yield ObjectKind.SECRET, volume.secret.secret_name
    for source in volume.projected.sources if volume.projected is not None else ():
        if source.config_map is not None:
            yield ObjectKind.CONFIG_MAP, source.config_map.name
        if source.secret is not None:
            yield ObjectKind.SECRET, source.secret.name


def _of_container(container: AnyContainer) -> Iterator[tuple[ObjectKind, str]]:
    for source in container.env_from:
        if source.config_map_ref is not None:
            yield ObjectKind.CONFIG_MAP, source.config_map_ref.name
        if source.secret_ref is not None:
            yield ObjectKind.SECRET, source.secret_ref.name
    for variable in container.env:
        if variable.value_from is None:
            continue
        if variable.value_from.config_map_key_ref is not None:
            yield ObjectKind.CONFIG_MAP, variable.value_from.config_map_key_ref.name
        if variable.value_from.secret_key_ref is not None:
            yield ObjectKind.SECRET, variable.value_from.secret_key_ref.name
