"""The responses of the podresources API, from pods and the devices they have. No I/O."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from kubelet.api.meta import AnyContainer, PodUID, is_sidecar, pod_uid
from kubelet.api.types import Pod
from kubelet.devices.inventory import Device
from kubelet.podresources.v1 import api_pb2 as v1
from kubelet.podresources.v1alpha1 import api_pb2 as v1alpha1

DevicesByResource = Mapping[str, Iterable[Device]]


class Devices(Protocol):
    def devices_of(self, uid: PodUID, container: str) -> DevicesByResource: ...

    def allocatable_devices(self) -> DevicesByResource: ...

    def retain_active(self) -> None:
        """Free what pods have that are over."""


def listed(pods: Iterable[Pod], devices: Devices) -> v1.ListPodResourcesResponse:
    return v1.ListPodResourcesResponse(pod_resources=[pod_resources(pod, devices) for pod in pods])


def allocatable(devices: Devices) -> v1.AllocatableResourcesResponse:
    return v1.AllocatableResourcesResponse(devices=_devices(devices.allocatable_devices()))


def pod_resources(pod: Pod, devices: Devices) -> v1.PodResources:
    """Sidecars and regular containers; init containers have ended."""
    sidecars = [container for container in pod.spec.init_containers if is_sidecar(container)]
    containers: list[AnyContainer] = [*sidecars, *pod.spec.containers]
    return v1.PodResources(name=pod.metadata.name, namespace=pod.metadata.namespace, containers=[
        v1.ContainerResources(name=found.name, devices=_devices(devices.devices_of(pod_uid(pod), found.name)))
        for found in containers
    ])


def _devices(by_resource: DevicesByResource) -> list[v1.ContainerDevices]:
    """One entry for each device and each NUMA node of it."""
    return [
        v1.ContainerDevices(
            resource_name=resource, device_ids=[device.id],
            topology=None if node is None else v1.TopologyInfo(nodes=[v1.NUMANode(ID=node)]),
        )
        for resource, devices in sorted(by_resource.items())
        for device in devices for node in (device.numa_nodes or (None,))
    ]


def listed_v1alpha1(pods: Iterable[Pod], devices: Devices) -> v1alpha1.ListPodResourcesResponse:
    """What the first clients know: regular containers, and devices without NUMA nodes."""
    return v1alpha1.ListPodResourcesResponse(pod_resources=[
        v1alpha1.PodResources(name=pod.metadata.name, namespace=pod.metadata.namespace, containers=[
            v1alpha1.ContainerResources(name=container.name, devices=[
                v1alpha1.ContainerDevices(resource_name=found.resource_name, device_ids=found.device_ids)
                for found in _devices(devices.devices_of(pod_uid(pod), container.name))
            ])
            for container in pod.spec.containers
        ])
        for pod in pods
    ])
