"""Which running containers have another size than is allocated to them, and what follows: an update, or a restart.

    plan_resizes(pod, runtime, actuated) ─▶ [ContainerResize]        carried out by kubelet.executor.resize

`pod` is the pod with what is allocated to it; `actuated` what its containers were given last. Only cpu and memory
count; containers that do not run get their size when they are started. Pure; upstream: kuberuntime
computePodResizeAction.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from kubelet.allocation.resources import PodResources
from kubelet.api.quantity import parse
from kubelet.api.types import Container, Pod, ResourceRequirements
from pleg.state import ContainerID, PodRuntimeStatus

CPU, MEMORY = "cpu", "memory"
_NONE = ResourceRequirements()


@dataclass(frozen=True, slots=True)
class Sizes:
    """Millicores and bytes; 0 where nothing is asked for."""

    cpu_request: int = 0
    cpu_limit: int = 0
    memory_request: int = 0
    memory_limit: int = 0

    def of(self, resource: str) -> tuple[int, int]:
        """(request, limit)"""
        if resource == CPU:
            return self.cpu_request, self.cpu_limit
        return self.memory_request, self.memory_limit

    def requirements(self) -> ResourceRequirements:
        return ResourceRequirements(
            requests=_quantities(self.cpu_request, self.memory_request),
            limits=_quantities(self.cpu_limit, self.memory_limit),
        )


def _quantities(cpu: int, memory: int) -> dict[str, str | int | float]:
    both = {CPU: f"{cpu}m" if cpu else "", MEMORY: str(memory) if memory else ""}
    return {name: text for name, text in both.items() if text}


def sizes_of(requirements: ResourceRequirements | None, pod_level: ResourceRequirements | None) -> Sizes:
    """A limit that the container does not set is the pod's."""
    own, above = requirements or _NONE, pod_level or _NONE

    def limit(name: str) -> Fraction:
        return parse(own.limits.get(name) or above.limits.get(name, 0))

    return Sizes(
        math.ceil(parse(own.requests.get(CPU, 0)) * 1000), math.ceil(limit(CPU) * 1000),
        math.ceil(parse(own.requests.get(MEMORY, 0))), math.ceil(limit(MEMORY)),
    )


@dataclass(frozen=True, slots=True)
class ContainerResize:
    """One running container to be given another size; `restart`: its resize policy wants it started anew for that."""

    id: ContainerID
    name: str
    current: Sizes
    wanted: Sizes
    restart: bool

    def changes(self, resource: str) -> bool:
        return self.current.of(resource) != self.wanted.of(resource)

    def grows(self, resource: str) -> bool:
        """By the limit, or by the request where the limit stays."""
        (request, limit), (new_request, new_limit) = self.current.of(resource), self.wanted.of(resource)
        return new_limit > limit if new_limit != limit else new_request > request


def plan_resizes(pod: Pod, runtime: PodRuntimeStatus, actuated: PodResources) -> Iterator[ContainerResize]:
    """In the order of the spec, init containers first. A container of which nothing was recorded is as it should be."""
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        status, given = runtime.container(container.name), actuated.containers.get(container.name)
        if status is None or not status.running or given is None:
            continue
        current = sizes_of(given, actuated.pod_level)
        wanted = sizes_of(container.resources, pod.spec.resources)
        if current != wanted:
            restart = any(
                _restarts(container, resource) for resource in (CPU, MEMORY)
                if current.of(resource) != wanted.of(resource)
            )
            yield ContainerResize(status.id, container.name, current, wanted, restart)


def is_actuated(pod: Pod, runtime: PodRuntimeStatus, actuated: PodResources) -> bool:
    """Whether every running container, and the pod as a whole, has been given what is allocated."""
    if next(plan_resizes(pod, runtime, actuated), None) is not None:
        return False
    return not pod_level_differs(pod, actuated)


def pod_level_differs(pod: Pod, actuated: PodResources) -> bool:
    """Resources of the pod's own that it has not been given; a pod that had none may be given some."""
    if pod.spec.resources is None:
        return False
    return sizes_of(pod.spec.resources, None) != sizes_of(actuated.pod_level, None)


def _restarts(container: Container, resource: str) -> bool:
    return any(
        policy.resource_name == resource and policy.restart_policy == "RestartContainer"
        for policy in container.resize_policy
    )
