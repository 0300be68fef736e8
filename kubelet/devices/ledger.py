"""Which container has which devices, and what their plugins said to give it (pod_devices.go). No I/O."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubelet.api.meta import PodUID, is_sidecar
from kubelet.api.types import Pod

WITHOUT_TOPOLOGY = -1
"""The NUMA node of devices that belong to none."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """One container's devices of one resource by NUMA node, and the plugin's answer: a ContainerAllocateResponse."""

    by_node: Mapping[int, tuple[str, ...]]
    response: bytes

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(device for devices in self.by_node.values() for device in devices)


@dataclass(frozen=True, slots=True)
class Entry:
    pod: PodUID
    container: str
    resource: str
    allocation: Allocation


class Ledger:
    def __init__(self) -> None:
        self._pods: dict[PodUID, dict[str, dict[str, Allocation]]] = {}

    def put(self, entry: Entry) -> None:
        self._pods.setdefault(entry.pod, {}).setdefault(entry.container, {})[entry.resource] = entry.allocation

    def retain(self, pods: Collection[PodUID]) -> bool:
        """Free what other pods have; whether there was anything."""
        kept = {uid: containers for uid, containers in self._pods.items() if uid in pods}
        freed = len(kept) != len(self._pods)
        self._pods = kept
        return freed

    def has(self, pod: PodUID) -> bool:
        return pod in self._pods

    def of(self, pod: PodUID, container: str) -> Mapping[str, Allocation]:
        """By resource."""
        return self._pods.get(pod, {}).get(container, {})

    def ids(self, pod: PodUID, container: str, resource: str) -> frozenset[str] | None:
        """None where the container was given nothing of the resource."""
        allocation = self.of(pod, container).get(resource)
        return allocation.ids if allocation else None

    def in_use(self) -> dict[str, frozenset[str]]:
        """By resource."""
        used: dict[str, set[str]] = {}
        for entry in self.entries():
            used.setdefault(entry.resource, set()).update(entry.allocation.ids)
        return {resource: frozenset(devices) for resource, devices in used.items()}

    def owners(self, resource: str, devices: Collection[str]) -> frozenset[PodUID]:
        return frozenset(
            entry.pod for entry in self.entries()
            if entry.resource == resource and not entry.allocation.ids.isdisjoint(devices)
        )

    def entries(self) -> Iterator[Entry]:
        for pod, containers in self._pods.items():
            for container, resources in containers.items():
                for resource, allocation in resources.items():
                    yield Entry(pod, container, resource, allocation)


def reusable(pod: Pod, ledger: Ledger, resource: str) -> frozenset[str]:
    """Devices of init containers, which have ended when those after them start; not those that a sidecar or a regular
    container has taken over: these keep theirs."""
    uid = PodUID(pod.metadata.uid)
    ended = [container.name for container in pod.spec.init_containers if not is_sidecar(container)]
    lasting = [container.name for container in (*pod.spec.init_containers, *pod.spec.containers)
               if container.name not in ended]
    return _all(ledger, uid, ended, resource) - _all(ledger, uid, lasting, resource)


def _all(ledger: Ledger, uid: PodUID, containers: Iterable[str], resource: str) -> frozenset[str]:
    return frozenset().union(*(ledger.ids(uid, name, resource) or () for name in containers))
