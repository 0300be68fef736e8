"""What device plugins offer: resources, their devices and health, and what the node says of them. No I/O.

A resource is known from the first list of its devices (or from the checkpoint) until its endpoint has been stopped for
the grace period; from then on the node tells capacity 0 of it, which sets it apart from resources of the cluster.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kubelet.devices.endpoint import GRACE_SECONDS, TABLE, EndpointEvent, EndpointState

HEALTHY = "Healthy"


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    health: str = HEALTHY
    numa_nodes: tuple[int, ...] = ()

    @property
    def healthy(self) -> bool:
        return self.health == HEALTHY


@dataclass(frozen=True, slots=True)
class PluginOptions:
    pre_start_required: bool = False
    preferred_allocation: bool = False


@dataclass(frozen=True, slots=True)
class DeviceCapacity:
    """Numbers of devices by resource, for the node's status. `removed`: resources that have just been forgotten."""

    capacity: Mapping[str, int] = field(default_factory=dict)
    allocatable: Mapping[str, int] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Offer:
    state: EndpointState = EndpointState.ABSENT
    options: PluginOptions = field(default_factory=PluginOptions)
    stopped_at: float = 0.0
    listed: bool = False
    """Whether its devices were told of, now or in an earlier life; until then nobody may allocate of it."""
    gone: bool = False
    """Whether its plugin went: the node tells of the resource even if it never listed a device."""
    awaited: bool = False
    """It is known from an earlier life alone: its plugin may be about to come back."""
    healthy: frozenset[str] = frozenset()
    unhealthy: frozenset[str] = frozenset()


class Inventory:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._offers: dict[str, _Offer] = {}
        self._devices: dict[str, dict[str, Device]] = {}

    # What is learned.

    def restored(self, resource: str) -> None:
        """The checkpoint tells of it: capacity is 0 until its plugin registers again."""
        offer = self._step(resource, EndpointEvent.RESTORED)
        offer.listed, offer.awaited, offer.stopped_at = True, True, self._clock()

    def connected(self, resource: str, options: PluginOptions) -> None:
        self._step(resource, EndpointEvent.CONNECTED).options = options

    def listed(self, resource: str, devices: Iterable[Device]) -> frozenset[str]:
        """A new list of all devices; returns the ids of those whose health is news."""
        offer = self._offers.setdefault(resource, _Offer())
        old = self._devices.get(resource, {})
        new = {device.id: device for device in devices}
        self._devices[resource] = new
        offer.listed, offer.awaited = True, False
        offer.healthy = frozenset(device.id for device in new.values() if device.healthy)
        offer.unhealthy = frozenset(new) - offer.healthy
        return frozenset(
            device.id for device in new.values() if device.id not in old or old[device.id].health != device.health
        )

    def disconnected(self, resource: str) -> None:
        """Its plugin has gone: none of its devices may be given to anybody."""
        if resource not in self._offers:
            return
        offer = self._step(resource, EndpointEvent.DISCONNECTED)
        offer.stopped_at, offer.gone, offer.awaited = self._clock(), True, False
        offer.unhealthy, offer.healthy = offer.unhealthy | offer.healthy, frozenset()

    def _step(self, resource: str, event: EndpointEvent) -> _Offer:
        offer = self._offers.setdefault(resource, _Offer())
        offer.state = TABLE[offer.state, event]
        return offer

    # What is asked.

    def state(self, resource: str) -> EndpointState:
        offer = self._offers.get(resource)
        return offer.state if offer else EndpointState.ABSENT

    def options(self, resource: str) -> PluginOptions:
        offer = self._offers.get(resource)
        return offer.options if offer else PluginOptions()

    def healthy(self, resource: str) -> frozenset[str] | None:
        """The devices that may be given away; None for a resource that is not registered."""
        offer = self._offers.get(resource)
        return offer.healthy if offer and offer.listed else None

    def awaits(self, resource: str) -> bool:
        """Whether its plugin, of an earlier life, has not told its devices in this one yet."""
        offer = self._offers.get(resource)
        return offer is not None and offer.awaited

    def device(self, resource: str, device_id: str) -> Device | None:
        return self._devices.get(resource, {}).get(device_id)

    def registered(self) -> dict[str, frozenset[str]]:
        """Resources with their healthy devices, as the checkpoint keeps them."""
        return {resource: offer.healthy for resource, offer in self._offers.items() if offer.listed}

    def capacity(self) -> DeviceCapacity:
        """What the node has; forgets resources whose endpoints have been stopped for too long."""
        now = self._clock()
        removed = frozenset(
            resource for resource, offer in self._offers.items()
            if offer.state is EndpointState.STOPPED and now - offer.stopped_at > GRACE_SECONDS
        )
        for resource in removed:
            if self._step(resource, EndpointEvent.GRACE_OVER).state is EndpointState.ABSENT:
                del self._offers[resource]
        told = {resource: offer for resource, offer in self._offers.items() if offer.listed or offer.gone}
        return DeviceCapacity(
            {resource: len(offer.healthy) + len(offer.unhealthy) for resource, offer in told.items()},
            {resource: len(offer.healthy) for resource, offer in told.items()}, removed,
        )
