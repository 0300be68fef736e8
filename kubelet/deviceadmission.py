"""Devices as pods meet them: at admission, in the node that admits them, in their statuses."""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from cri.errors import CriError
from kubelet.admission import Rejection
from kubelet.api import quantity
from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Node, Pod, ResourceHealth, ResourceStatus
from kubelet.devices.manager import DeviceManager
from pleg.cache import PodCache


class DeviceAdmission:
    """Upkeep's DeviceAdmission."""

    def __init__(self, devices: DeviceManager, refused_before: Callable[[Pod], Rejection | None]) -> None:
        """`refused_before`: objections that need no plugin to be asked."""
        self._devices, self._refused_before = devices, refused_before

    def needs(self, pod: Pod) -> bool:
        return self._devices.concerns(pod)

    async def give(self, pod: Pod) -> Rejection | None:
        if (refusal := self._refused_before(pod)) is not None:
            return refusal
        problem = await self._devices.admit(pod)
        return Rejection("UnexpectedAdmissionError", problem) if problem else None


def node_with_given(node: Node, devices: DeviceManager, pod: Pod) -> Node:
    """The node as a pod that has its devices is admitted to: it has at least what is in use of them."""
    given = devices.given(pod_uid(pod))
    if not given:
        return node
    allocatable = dict(node.status.allocatable)
    for resource, number in given.items():
        if quantity.value(allocatable.get(resource, "0")) < number:
            allocatable[resource] = str(number)
    return msgspec.structs.replace(node, status=msgspec.structs.replace(node.status, allocatable=allocatable))


def device_statuses(devices: DeviceManager, pod: Pod) -> Mapping[str, tuple[ResourceStatus, ...]]:
    """The health of the devices of each regular container that has some."""
    return {
        container.name: tuple(
            ResourceStatus(name=resource, resources=tuple(
                ResourceHealth(resource_id=device, health="Healthy" if healthy else "Unhealthy")
                for device, healthy in health.items()
            ))
            for resource, health in of_container.items()
        )
        for container in pod.spec.containers if (of_container := devices.health(pod_uid(pod), container.name))
    }


async def running_containers(cache: PodCache, uid: PodUID) -> Collection[str]:
    """By name; none while the runtime cannot be asked."""
    try:
        status = await cache.get_newer_than(uid, float("-inf"))
    except CriError:
        return ()
    return {container.name for container in status.running_containers}


def uids(pods: Iterable[Pod]) -> set[PodUID]:
    return {pod_uid(pod) for pod in pods}
