"""A pod's resources apart from the pod, and a pod with other resources than its spec's. Pure."""

from collections.abc import Mapping

import msgspec

from kubelet.api.quantity import parse
from kubelet.api.types import Container, Pod, ResourceRequirements

Requirements = ResourceRequirements
_NONE = ResourceRequirements()
RESIZABLE = ("cpu", "memory")


class PodResources(msgspec.Struct, frozen=True, kw_only=True):
    """By container name, init containers included, and the pod's own where it has any. The member names are those of
    upstream's checkpoint."""

    containers: dict[str, ResourceRequirements] = msgspec.field(name="ContainerResources", default_factory=dict)
    pod_level: ResourceRequirements | None = msgspec.field(name="PodLevelResources", default=None)


def resources_of_pod(pod: Pod) -> PodResources:
    return PodResources(
        containers={
            container.name: container.resources or _NONE
            for container in (*pod.spec.init_containers, *pod.spec.containers)
        },
        pod_level=pod.spec.resources,
    )


def with_resources(pod: Pod, resources: PodResources) -> Pod:
    """The pod with these resources; the same object when they are the spec's own."""
    def sized(containers: tuple[Container, ...]) -> tuple[Container, ...]:
        made = tuple(_sized(container, resources.containers.get(container.name)) for container in containers)
        return containers if all(new is old for new, old in zip(made, containers, strict=True)) else made

    spec = pod.spec
    regular, init = sized(spec.containers), sized(spec.init_containers)
    same_level = _same(spec.resources, resources.pod_level)
    if regular is spec.containers and init is spec.init_containers and same_level:
        return pod
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(
        spec, containers=regular, init_containers=init, resources=spec.resources if same_level else resources.pod_level,
    ))


def _sized(container: Container, resources: Requirements | None) -> Container:
    if resources is None or _same(container.resources, resources):
        return container
    return msgspec.structs.replace(container, resources=resources)


def _same(one: Requirements | None, other: Requirements | None) -> bool:
    """Equal amounts, however they are written; claims do not change."""
    one, other = one or _NONE, other or _NONE
    return _equal(one.requests, other.requests) and _equal(one.limits, other.limits)


def _equal(one: Mapping[str, str | int | float], other: Mapping[str, str | int | float]) -> bool:
    return one == other or (
        one.keys() == other.keys() and all(parse(one[name]) == parse(other[name]) for name in one)
    )
