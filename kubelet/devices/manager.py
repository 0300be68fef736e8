"""The device manager: what plugins offer, who has it, and the calls between (pkg/kubelet/cm/devicemanager/manager.go).

A pod is given its devices before it is admitted, container by container, and keeps them over restarts of its containers
and of this agent until it ends. While a plugin is asked for devices these are set aside, so that pods that are admitted
side by side never get the same ones.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubelet.api import quantity
from kubelet.api.meta import AnyContainer, PodUID, is_sidecar, pod_key, pod_uid
from kubelet.api.types import Pod, Quantity
from kubelet.devices import checkpoint as disk
from kubelet.devices.allocation import AllocationError, AskPlugin, Request, Settled, View, choose
from kubelet.devices.endpoint import GRACE_SECONDS, EndpointState
from kubelet.devices.inventory import Device, DeviceCapacity, Inventory
from kubelet.devices.ledger import WITHOUT_TOPOLOGY, Allocation, Entry, Ledger, reusable
from kubelet.devices.registration import Registration, RegistrationError, RegistrationServer, check
from kubelet.devices.runoptions import NO_DEVICES, DeviceOptions, device_options

if TYPE_CHECKING:  # loaded when the first plugin registers
    from kubelet.devices.plugin import Plugin

logger = logging.getLogger(__name__)

DIRECTORY = "device-plugins"
RETURN_SECONDS = 30.0
"""After a start, pods wait so long for plugins that were there before. Upstream refuses them for good, and after a
reboot it is a matter of luck whether a pod or the plugin's own comes first (kubernetes issue 125579)."""


class DeviceError(Exception):
    """A container cannot be started with its devices now."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the manager asks of other rooms, and whom it tells."""

    active: Callable[[], Collection[PodUID]]
    """Pods that use the node's resources: only they keep devices."""
    all_sources_seen: Callable[[], bool]
    running: Callable[[PodUID], Awaitable[Collection[str]]]
    """The containers of a pod that run now."""
    changed: Callable[[], None] = lambda: None
    """What the node offers has changed."""
    health_changed: Callable[[Collection[PodUID]], None] = lambda _: None
    """The health of devices that these pods have has changed."""
    registered: Callable[[str], None] = lambda _: None
    allocated: Callable[[str, float], None] = lambda _resource, _seconds: None


@dataclass(frozen=True, slots=True)
class DeviceWait:
    """A call of a plugin that a pod's admission waits for, since then (Unix seconds)."""

    what: str
    since: float


class DeviceManager:
    def __init__(
        self, root_dir: Path, around: Surroundings, clock: Callable[[], float] = time.monotonic,
        return_seconds: float = RETURN_SECONDS,
    ) -> None:
        self._around, self._return_seconds, self._began = around, return_seconds, 0.0
        self.directory = root_dir / DIRECTORY
        self._file = self.directory / disk.FILE_NAME
        self.fresh = not self.directory.is_dir() or not any(self.directory.iterdir())
        """Nothing is left of an earlier life: whatever the API server's node offers is not there any more."""
        self._inventory, self._ledger = Inventory(clock), Ledger()
        self._server = RegistrationServer(self.directory, self.register)
        self._plugins: dict[str, Plugin] = {}
        self._newcomers: asyncio.Queue[tuple[str, Plugin]] = asyncio.Queue()
        self._reserved: dict[str, set[str]] = {}
        self._dirty = asyncio.Event()
        self._saving = asyncio.Lock()
        self._loaded, self._news = asyncio.Event(), asyncio.Event()
        self._waits: dict[PodUID, DeviceWait] = {}

    @property
    def problem(self) -> str:
        """Why no plugin can register; empty when they can."""
        return self._server.problem

    @property
    def settled(self) -> asyncio.Event:
        """Set once plugins can register, or cannot."""
        return self._server.settled

    # Life.

    async def load(self) -> None:
        """Who had what before this start. A checkpoint that cannot be used counts as none, as upstream has it."""
        try:
            found = await asyncio.to_thread(disk.read, self._file)
        except (disk.CheckpointError, OSError) as error:
            logger.error("Continue after failing to read checkpoint file. Device allocation info may NOT be up-to-date "
                         "path=%s error=%s", self._file, error)
            found = None
        for entry in found.entries if found else ():
            self._ledger.put(entry)
        for resource in found.registered if found else ():
            self._inventory.restored(resource)
        self._began = asyncio.get_running_loop().time()
        self._loaded.set()

    async def run(self) -> None:
        """Serve plugins until cancelled, once `load` is done."""
        await self._loaded.wait()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._server.run(), name="device plugin registration")
                group.create_task(self._save_changes(), name="device checkpoint")
                if self._inventory.registered():
                    group.create_task(self._after_grace(), name="device plugins that do not come back")
                while True:
                    resource, plugin = await self._newcomers.get()
                    group.create_task(self._follow(resource, plugin), name=f"device plugin {resource}")
        finally:
            await self.save()

    async def _save_changes(self) -> None:
        while True:
            await self._dirty.wait()
            await self.save()

    async def save(self) -> None:
        """What was given so far is on disk when this returns, or an error says why not."""
        async with self._saving:
            if not self._dirty.is_set():
                return
            self._dirty.clear()
            now = disk.Checkpoint(tuple(self._ledger.entries()), self._inventory.registered())
            writing = asyncio.get_running_loop().run_in_executor(None, disk.write, self._file, now)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])  # nobody may write beside it
                raise
            except OSError as error:
                logger.error('failed to write checkpoint file "%s": %s', disk.FILE_NAME, error)

    async def _after_grace(self) -> None:
        """The node's status is to tell, without delay, of resources that are forgotten."""
        await asyncio.sleep(GRACE_SECONDS + 0.1)
        self._around.changed()

    # Plugins.

    async def register(self, registration: Registration) -> None:
        """A plugin offers its resource. Raises RegistrationError."""
        from kubelet.devices.plugin import Plugin, PluginError

        resource = registration.resource
        logger.info("Device plugin registers resource=%s endpoint=%s", resource, registration.endpoint)
        self._around.registered(resource)
        check(registration)
        plugin = Plugin(resource, self.directory / registration.endpoint.lstrip("/"))
        try:
            options = await plugin.connect()
        except PluginError as error:
            await plugin.close()
            raise RegistrationError(str(error)) from None
        replaced, self._plugins[resource] = self._plugins.get(resource), plugin
        self._inventory.connected(resource, options)
        self._newcomers.put_nowait((resource, plugin))
        if replaced is not None:
            await replaced.close()

    async def _follow(self, resource: str, plugin: "Plugin") -> None:
        """Take its lists of devices until its stream ends; it is not asked again then, but has to register anew."""
        from kubelet.devices.plugin import PluginError

        error = "the stream has ended"
        try:
            async for devices in plugin.devices():
                if self._plugins.get(resource) is not plugin:
                    break
                self._listed(resource, devices)
        except PluginError as failure:
            error = str(failure)
        finally:
            await plugin.close()
        if self._plugins.get(resource) is not plugin:
            return
        logger.error("ListAndWatch ended unexpectedly for device plugin resource=%s error=%s", resource, error)
        del self._plugins[resource]
        self._inventory.disconnected(resource)
        self._offers_changed()
        await self._after_grace()

    def _listed(self, resource: str, devices: list[Device]) -> None:
        news = self._inventory.listed(resource, devices)
        logger.info("Device plugin tells its devices resource=%s devices=%d healthy=%d",
                    resource, len(devices), len(self._inventory.healthy(resource) or ()))
        self._offers_changed()
        if owners := self._ledger.owners(resource, news):
            self._around.health_changed(owners)

    def _offers_changed(self) -> None:
        self._dirty.set()
        self._news.set()
        self._news = asyncio.Event()
        self._around.changed()

    def capacity(self) -> DeviceCapacity:
        """What the node's status says of devices."""
        found = self._inventory.capacity()
        if found.removed:
            self._dirty.set()
        return found

    # Pods.

    def concerns(self, pod: Pod) -> bool:
        """Whether the pod asks for something that plugins offer (or offered)."""
        return any(
            self._is_known(resource) for container in (*pod.spec.init_containers, *pod.spec.containers)
            for resource, _ in _limits(container)
        )

    def _is_known(self, resource: str) -> bool:
        return self._inventory.healthy(resource) is not None or resource in self._ledger.in_use()

    def given(self, uid: PodUID) -> Mapping[str, int]:
        """Numbers of devices in use by resource, if the pod has any: its node has at least these, whatever has become
        of the plugins, or pods that run could not be admitted again (sanitizeNodeAllocatable)."""
        if not self._ledger.has(uid):
            return {}
        return {resource: len(devices) for resource, devices in self._ledger.in_use().items()}

    async def admit(self, pod: Pod) -> str:
        """Give the pod's containers their devices; why not, or "" if all is well."""
        uid = pod_uid(pod)
        try:
            running = set(await self._around.running(uid))
            if any(container.name in running for container in pod.spec.containers):
                # Its init containers have ended: there is nothing to give them.
                running |= {container.name for container in pod.spec.init_containers if not is_sidecar(container)}
            for container in (*pod.spec.init_containers, *pod.spec.containers):
                await self._allocate(pod, container, running=container.name in running)
        except AllocationError as error:
            return f"Allocate failed due to {error}, which is unexpected"
        finally:
            await self.save()
        return ""

    def retain_active(self) -> None:
        """Free what pods have that are over; without every source's word none is known to be."""
        if self._around.all_sources_seen() and self._ledger.retain(set(self._around.active())):
            self._dirty.set()

    async def _allocate(self, pod: Pod, container: AnyContainer, *, running: bool = False) -> None:
        """Raises AllocationError."""
        for resource, count in _limits(container):
            if not self._is_known(resource) or _is_claimed(pod, container, resource):
                continue
            if count and not running:
                await self._until_back(pod, resource)
            self.retain_active()
            request = Request(pod.metadata.uid, container.name, resource, count)
            decision = choose(request, self._view(pod, request, running=running))
            if isinstance(decision, AskPlugin):
                preferred = await self._ask_preference(pod, request, decision)
                decision = choose(request, self._view(pod, request, running=running), preferred)
            if isinstance(decision, Settled) and decision.devices:
                await self._ask_allocation(pod, request, decision.devices)

    async def _until_back(self, pod: Pod, resource: str) -> None:
        """Until a plugin of an earlier life has told its devices, or has had the time to."""
        if not self._inventory.awaits(resource):
            return
        with self._waiting(pod, f"the device plugin of {resource} to register again"), \
                contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._began + self._return_seconds):
                while self._inventory.awaits(resource):
                    await self._news.wait()

    def _view(self, pod: Pod, request: Request, *, running: bool) -> View:
        resource = request.resource
        in_use = self._ledger.in_use().get(resource, frozenset()) | self._reserved.get(resource, set())
        return View(
            self._inventory.healthy(resource), frozenset(in_use),
            self._ledger.ids(pod_uid(pod), request.container, resource), reusable(pod, self._ledger, resource),
            running, self._inventory.options(resource).preferred_allocation,
        )

    async def _ask_preference(self, pod: Pod, request: Request, question: AskPlugin) -> frozenset[str]:
        from kubelet.devices.plugin import PluginError

        with self._waiting(pod, f"the device plugin of {request.resource} to say which devices it prefers"):
            try:
                plugin = self._callable(request.resource)
                return await plugin.preferred(question.available, question.must_include, question.size)
            except (PluginError, AllocationError) as error:
                raise AllocationError(
                    f"device plugin GetPreferredAllocation rpc failed with err: {error}"
                ) from None

    async def _ask_allocation(self, pod: Pod, request: Request, devices: frozenset[str]) -> None:
        from kubelet.devices.plugin import PluginError

        resource, began = request.resource, time.monotonic()
        reserved = self._reserved.setdefault(resource, set())
        mine = devices - reserved
        reserved |= mine
        try:
            with self._waiting(pod, f"the device plugin of {resource} to allocate {len(devices)} of its devices"):
                response = await self._callable(resource).allocate(devices)
        except PluginError as error:
            raise AllocationError(str(error)) from None
        finally:
            reserved -= mine
            self._around.allocated(resource, time.monotonic() - began)
        logger.info("Devices are given pod=%s container=%s resource=%s devices=%s",
                    pod_key(pod), request.container, resource, ",".join(sorted(devices)))
        self._ledger.put(Entry(
            pod_uid(pod), request.container, resource, Allocation(self._by_node(resource, devices), response)
        ))
        self._dirty.set()

    def _callable(self, resource: str) -> "Plugin":
        """Raises AllocationError for a resource whose plugin is not there."""
        match self._inventory.state(resource):
            case EndpointState.ABSENT:
                raise AllocationError(f"unknown Device Plugin {resource}")
            case EndpointState.STOPPED:
                raise AllocationError(f"endpoint {resource} has been stopped")
            case EndpointState.RUNNING:
                return self._plugins[resource]

    def _by_node(self, resource: str, devices: frozenset[str]) -> dict[int, tuple[str, ...]]:
        by_node: dict[int, tuple[str, ...]] = {}
        for device_id in sorted(devices):
            device = self._inventory.device(resource, device_id)
            for node in (device.numa_nodes if device else ()) or (WITHOUT_TOPOLOGY,):
                by_node[node] = (*by_node.get(node, ()), device_id)
        return by_node

    @contextlib.contextmanager
    def _waiting(self, pod: Pod, what: str) -> Iterator[None]:
        uid = pod_uid(pod)
        self._waits[uid] = DeviceWait(what, time.time())
        try:
            yield
        finally:
            self._waits.pop(uid, None)

    def wait(self, uid: PodUID) -> DeviceWait | None:
        """What the pod's admission waits for."""
        return self._waits.get(uid)

    # Containers.

    def uses_devices(self, container: AnyContainer) -> bool:
        return any(count and self._is_known(resource) for resource, count in _limits(container))

    async def options(self, pod: Pod, container: AnyContainer) -> DeviceOptions:
        """What the container is started with; the plugins are told that it is about to be. Raises DeviceError."""
        if not self.uses_devices(container):
            return NO_DEVICES
        uid, missing = pod_uid(pod), False
        for resource, count in _limits(container):
            if not count or not self._is_known(resource):
                continue
            await self._pre_start(uid, container.name, resource)
            missing = missing or self._ledger.ids(uid, container.name, resource) is None
        if missing and uid in self._around.active():
            try:
                await self._allocate(pod, container)
            except AllocationError as error:
                raise DeviceError(str(error)) from None
            await self.save()
        return device_options(self._ledger.of(uid, container.name))

    async def _pre_start(self, uid: PodUID, container: str, resource: str) -> None:
        if self._inventory.state(resource) is EndpointState.ABSENT:
            raise DeviceError(f"endpoint not found in cache for a registered resource: {resource}")
        if not self._inventory.options(resource).pre_start_required:
            return
        from kubelet.devices.plugin import PluginError

        devices = self._ledger.ids(uid, container, resource)
        if devices is None:
            raise DeviceError(
                f"no devices found allocated in local cache for pod {uid}, container {container}, resource {resource}"
            )
        try:
            await self._callable(resource).pre_start(devices)
        except (PluginError, AllocationError) as error:
            raise DeviceError(f"device plugin PreStartContainer rpc failed with err: {error}") from None

    def devices_of(self, uid: PodUID, container: str) -> dict[str, list[Device]]:
        """With the NUMA nodes that they were given for, by resource."""
        found: dict[str, list[Device]] = {}
        for resource, allocation in self._ledger.of(uid, container).items():
            nodes: dict[str, tuple[int, ...]] = dict.fromkeys(sorted(allocation.ids), ())
            for node, ids in allocation.by_node.items():
                if node != WITHOUT_TOPOLOGY:
                    nodes |= {device_id: (*nodes[device_id], node) for device_id in ids}
            found[resource] = [Device(device_id, numa_nodes=given) for device_id, given in nodes.items()]
        return found

    def allocatable_devices(self) -> dict[str, list[Device]]:
        """All that are healthy, in use or not, by resource."""
        return {
            resource: [device for device_id in sorted(healthy)
                       if (device := self._inventory.device(resource, device_id)) is not None]
            for resource, healthy in self._inventory.registered().items()
        }

    def health(self, uid: PodUID, container: str) -> Mapping[str, Mapping[str, bool]]:
        """Whether each device of a container is healthy, by resource and id; one that is not told of counts as so."""
        return {
            resource: {
                device_id: device is None or device.healthy
                for device_id in sorted(allocation.ids) for device in [self._inventory.device(resource, device_id)]
            }
            for resource, allocation in sorted(self._ledger.of(uid, container).items())
        }


def _is_claimed(pod: Pod, container: AnyContainer, resource: str) -> bool:
    """Whether a resource claim stands for the resource (gate DRAExtendedResource): its driver gives it then."""
    claim = pod.status.extended_resource_claim_status
    return claim is not None and any(
        (mapping.container_name, mapping.resource_name) == (container.name, resource)
        for mapping in claim.request_mappings
    )


def _limits(container: AnyContainer) -> list[tuple[str, int]]:
    """What a container may use at most; of extended resources that is what it asks for."""
    limits: Mapping[str, Quantity] = container.resources.limits if container.resources else {}
    return [(resource, quantity.value(amount)) for resource, amount in sorted(limits.items()) if "/" in resource]
