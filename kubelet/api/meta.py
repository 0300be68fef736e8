"""What the agent asks of a Pod's metadata: identity, where it came from, its containers, its times.

Annotation and label names: pkg/kubelet/types/pod_update.go, pkg/kubelet/types/labels.go.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

from kubelet.api.types import Container, EphemeralContainer, ObjectReference, Pod

PodUID = NewType("PodUID", str)

CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_HASH = "kubernetes.io/config.hash"
CONFIG_MIRROR = "kubernetes.io/config.mirror"
CONFIG_SEEN = "kubernetes.io/config.seen"

SYSTEM_CRITICAL_PRIORITY = 2_000_000_000


class Source(StrEnum):
    """Where a pod comes from; the value of its config.source annotation."""

    API = "api"
    FILE = "file"
    HTTP = "http"


class ContainerKind(StrEnum):
    """The three lists of a PodSpec that hold containers; the value is the field's wire name."""

    INIT = "initContainers"
    REGULAR = "containers"
    EPHEMERAL = "ephemeralContainers"


AnyContainer = Container | EphemeralContainer


def pod_uid(pod: Pod) -> PodUID:
    return PodUID(pod.metadata.uid)


def pod_key(pod: Pod) -> str:
    """`namespace/name`, as logs and people name a pod."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def full_name(pod: Pod) -> str:
    """`name_namespace`, the key that ties a static pod to its mirror (kubecontainer.GetPodFullName)."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}"


def formatted(pod: Pod) -> str:
    """`name_namespace(uid)`, as back-off messages name a pod (util/format)."""
    return f"{full_name(pod)}({pod.metadata.uid})"


def pod_source(pod: Pod) -> Source:
    """The source in the pod's annotation; a pod without one came from the API server."""
    return Source(pod.metadata.annotations.get(CONFIG_SOURCE, Source.API))


def is_static(pod: Pod) -> bool:
    """From a file or a URL: this node owns it, the API server only mirrors it."""
    return pod_source(pod) is not Source.API


def is_mirror(pod: Pod) -> bool:
    """The API server's copy of a static pod."""
    return CONFIG_MIRROR in pod.metadata.annotations


def is_of_version(mirror: Pod, static: Pod) -> bool:
    """Whether a mirror shows this version of the static pod, and not one whose manifest was another."""
    return mirror.metadata.annotations.get(CONFIG_MIRROR) == static.metadata.annotations.get(CONFIG_HASH)


def is_critical(pod: Pod) -> bool:
    """Static, mirror, or of a system-critical priority (types.IsCriticalPod)."""
    return is_static(pod) or is_mirror(pod) or (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY


def is_sidecar(container: AnyContainer) -> bool:
    """A restartable init container (KEP-753); only meaningful for members of `initContainers`."""
    return container.restart_policy == "Always"


def containers_of(pod: Pod) -> Iterator[tuple[ContainerKind, AnyContainer]]:
    """Every container of the pod: init, then regular, then ephemeral ones, each in its list's order."""
    for container in pod.spec.init_containers:
        yield ContainerKind.INIT, container
    for container in pod.spec.containers:
        yield ContainerKind.REGULAR, container
    for ephemeral in pod.spec.ephemeral_containers:
        yield ContainerKind.EPHEMERAL, ephemeral


def find_container(pod: Pod, name: str) -> tuple[ContainerKind, AnyContainer] | None:
    return next((found for found in containers_of(pod) if found[1].name == name), None)


def container_field_path(kind: ContainerKind, name: str) -> str:
    """`spec.containers{name}`: the fieldPath of events about a container."""
    return f"spec.{kind.value}{{{name}}}"


def pod_reference(pod: Pod, field_path: str = "") -> ObjectReference:
    """What events about `pod` point to."""
    return ObjectReference(
        api_version="v1", kind="Pod", name=pod.metadata.name, namespace=pod.metadata.namespace, uid=pod.metadata.uid,
        resource_version=pod.metadata.resource_version, field_path=field_path,
    )


def format_time(seconds: float) -> str:
    """Unix seconds as metav1.Time writes them: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(seconds: float) -> str:
    """Unix seconds as metav1.MicroTime writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """An RFC 3339 time as Unix seconds. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
