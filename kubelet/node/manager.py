"""Registers the node and keeps its status true.

    facts (read in threads) ─┐
    RuntimeHealth.changed ───┼─▶ wake ─▶ compute ─▶ PATCH nodes/<name>/status, if it says anything new or is old
    every 10 s ──────────────┘
A change of health is posted at once, not at the next tick. Nothing is posted before the runtime was asked, and a node
that was ready is given the time of a start before it is called not ready: a restart of the agent must not be seen.
Without a client (standalone) the node is only kept.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import ContainerImage, Node, NodeAddress, ObjectReference
from kubelet.apiclient import AlreadyExistsError, ApiError, ForbiddenError, paths
from kubelet.devices.inventory import DeviceCapacity
from kubelet.events import EventRecorder
from kubelet.node.addresses import NetworkFacts, NoNodeAddressError, node_addresses, read_network
from kubelet.node.capacity import node_capacity
from kubelet.node.conditions import Pressure, is_ready
from kubelet.node.health import RuntimeHealth
from kubelet.node.machine import MachineFacts, read_machine
from kubelet.node.settings import NodeSettings
from kubelet.node.status import (
    NodeEvent,
    StatusInputs,
    has_wrong_labels,
    initial_node,
    node_images,
    node_patch,
    node_status,
    reconciled,
    same_but_for_heartbeat,
    without_devices,
)
from kubelet.resources import Resources

logger = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_REGISTRATION_RETRY_SECONDS, LAST_REGISTRATION_RETRY_SECONDS = 0.1, 7.0
STATUS_TRIES = 5
UPDATE_JITTER = 0.04
START_GRACE_SECONDS = 30.0
MACHINE_SECONDS, NETWORK_SECONDS, NO_ADDRESS_SECONDS, IMAGES_SECONDS = 300.0, 60.0, 2.0, 30.0


class NodeClient(Protocol):
    """The part of ApiClient that the node needs; best one of its own, apart from the pods' traffic."""

    async def get(self, path: str, cls: type[T]) -> T: ...

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...

    async def patch(self, path: str, body: Any, cls: type[T]) -> T: ...


class ImageLister(Protocol):
    """The part of cri.client.ImageClient that the node needs."""

    @property
    def ListImages(self) -> Callable[[cri.ListImagesRequest], Awaitable[cri.ListImagesResponse]]: ...


async def _ignore(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class NodeSurroundings:
    """What other rooms tell the node. `listed` is the API server's node as a reflector has it, if there is one."""

    pressure: Callable[[], Pressure] = Pressure
    volumes_in_use: Callable[[], tuple[str, ...] | None] = lambda: None
    errors: Callable[[], tuple[str, ...]] = lambda: ()
    """Further reasons for not being ready: storage, shutdown."""
    devices: Callable[[], DeviceCapacity] = DeviceCapacity
    made_anew: Callable[[], bool] = lambda: False
    """Nothing is left of the devices that a node of this name offered before."""
    listed: Callable[[], Node | None] = lambda: None
    pod_cidr_changed: Callable[[str], Awaitable[None]] = _ignore
    """Told of the node's podCIDRs, comma-separated, when they come or change; may raise CriError."""


class NodeManager:
    def __init__(
        self, settings: NodeSettings, health: RuntimeHealth, recorder: EventRecorder, *,
        client: NodeClient | None = None, images: ImageLister | None = None,
        surroundings: NodeSurroundings | None = None, clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        read_facts: Callable[[Path], MachineFacts] = read_machine,
        read_network_facts: Callable[[str], NetworkFacts] = read_network,
        on_registered: Callable[[float], None] = lambda _seconds: None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_registered` hears how long the registration took, `on_ready` of the first time that the node is ready."""
        self._on_registered, self._on_ready = on_registered, on_ready
        self._settings, self._health, self._recorder, self._client = settings, health, recorder, client
        self._image_lister, self._around = images, surroundings or NodeSurroundings()
        self._clock, self._jitter, self._read_facts, self._read_network = clock, jitter, read_facts, read_network_facts
        self.reference = ObjectReference(
            api_version="v1", kind="Node", name=settings.node_name, uid=settings.node_name
        )
        """What events about the node point to; its UID is its name, as everybody expects who looks for them."""
        self._facts: MachineFacts | None = None
        self._addresses: tuple[NodeAddress, ...] = ()
        self._images: tuple[ContainerImage, ...] = ()
        self._address_problem = self._pod_cidr = ""
        self._unschedulable = False
        self._node: Node = initial_node(settings, "")
        self._wake = asyncio.Event()
        self._addresses_known = asyncio.Event()
        self.known = asyncio.Event()
        """Set once capacity and the other facts of the machine are known: admission needs them."""
        self._started_at = 0.0
        self._been_ready = False
        self._last_report: float | None = None
        self._report_delay = 0.0
        self.registered = asyncio.Event()
        """Set once the API server has the node; standalone: once the node is made."""

    # What others read.

    def node(self) -> Node:
        """The node: the API server's labels and spec where there is one, and the status as last computed."""
        listed, own_uid = self._around.listed(), self._node.metadata.uid
        if listed is None or (own_uid and listed.metadata.uid not in ("", own_uid)):
            return self._node
        return msgspec.structs.replace(listed, status=self._node.status)

    def node_uid(self) -> str:
        """The UID in the API server; empty before registration and standalone."""
        return self._node.metadata.uid

    def host_ips(self) -> tuple[str, ...]:
        """The node's addresses, one per family, the primary first; empty while none is known."""
        return tuple(address.address for address in self._node.status.addresses or self._addresses
                     if address.type == "InternalIP")

    @property
    def facts(self) -> MachineFacts | None:
        return self._facts

    @property
    def settings(self) -> NodeSettings:
        return self._settings

    def capacity(self) -> Resources:
        """Of the machine, to be asked once the node is `known`."""
        assert self._facts is not None  # noqa: S101  # known is set then
        return node_capacity(self._facts, self._settings)

    @property
    def ready(self) -> bool:
        return is_ready(self._node.status.conditions)

    @property
    def address_problem(self) -> str:
        """Why the node has no address; empty when it has one."""
        return self._address_problem

    def wake(self) -> None:
        """Something that the status tells of has changed."""
        self._wake.set()

    # Life.

    async def run(self) -> None:
        self._started_at = asyncio.get_running_loop().time()
        self._health.changed = self.wake
        self._event("Normal", "Starting", "Starting kubelet.")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_facts(), name="machine facts")
            group.create_task(self._keep_addresses(), name="node addresses")
            group.create_task(self._keep_images(), name="node images")
            group.create_task(self._keep_status(), name="node status")

    async def _keep_facts(self) -> None:
        while True:
            try:
                facts = await asyncio.to_thread(self._read_facts, self._settings.root_dir)
            except OSError as error:
                logger.warning("Machine facts cannot be read: %s", error)
            else:
                if facts != self._facts:
                    self._facts = facts
                    self.wake()
                if not self.known.is_set():
                    # Registration may take its time, and pods are admitted by what the node has from here on: those
                    # that run already would be refused by a node that has nothing yet.
                    self._node = self._initial()[0]
                self.known.set()
            await asyncio.sleep(MACHINE_SECONDS if self._facts else 1.0)

    async def _keep_addresses(self) -> None:
        while True:
            facts = await asyncio.to_thread(self._read_network, self._settings.node_name)
            try:
                addresses = node_addresses(facts, self._settings.node_ips, self._settings.hostname)
                problem = ""
            except NoNodeAddressError as error:
                addresses, problem = self._addresses, str(error)
            if problem and problem != self._address_problem:
                logger.error("Node has no address: %s", problem)
            self._address_problem = problem
            if addresses != self._addresses:
                self._addresses = addresses
                self.wake()
            self._addresses_known.set()
            await asyncio.sleep(NO_ADDRESS_SECONDS if problem else NETWORK_SECONDS)

    async def _keep_images(self) -> None:
        if self._image_lister is None:
            return
        while True:
            try:
                listed = await self._image_lister.ListImages(cri.ListImagesRequest())
                self._images = node_images(listed.images, self._settings.max_images)
            except CriError as error:
                logger.debug("Images cannot be listed for the node's status: %s", error)
            await asyncio.sleep(IMAGES_SECONDS)

    async def _keep_status(self) -> None:
        await self.known.wait()
        try:
            async with asyncio.timeout(START_GRACE_SECONDS):
                await self._health.checked.wait()
                await self._addresses_known.wait()
        except TimeoutError:
            logger.warning("Node is registered without what is not known yet: runtime=%s address=%s",
                           self._health.checked.is_set(), self._addresses_known.is_set())
        await self.register()
        while True:
            self._wake.clear()
            await self.sync()
            try:
                async with asyncio.timeout(self._settings.update_seconds * (1 + UPDATE_JITTER * self._jitter())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    # Registration.

    async def register(self) -> None:
        """Make the API server have the node; tries until it does. Standalone: make the node."""
        delay, failures, begin = FIRST_REGISTRATION_RETRY_SECONDS, 0, self._clock()
        while True:
            try:
                self._adopt(await self._registered())
            except ApiError as error:
                failures += 1
                if failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … time
                    logger.error("Node is not registered yet node=%s failures=%d: %s",
                                 self._settings.node_name, failures, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_REGISTRATION_RETRY_SECONDS)
            else:
                logger.info("Node is registered node=%s uid=%s", self._settings.node_name, self.node_uid())
                self._on_registered(max(0.0, self._clock() - begin))
                self.registered.set()
                return

    def _initial(self) -> tuple[Node, tuple[NodeEvent, ...]]:
        node = initial_node(self._settings, self._facts.architecture if self._facts else "")
        result = node_status(self._settings, node.status, self._inputs(), self._clock())
        return msgspec.structs.replace(node, status=result.status), result.events

    async def _registered(self) -> Node:
        node, events = self._initial()
        path = paths.node(self._settings.node_name)
        if self._client is not None and not self._settings.register_node:
            return await self._client.get(path, Node)
        try:
            made = node if self._client is None else await self._client.create(paths.NODES, node, Node)
            self._last_report = self._clock()
            for event in events:
                self._event(event.kind, event.reason, event.message)
            if is_ready(node.status.conditions):
                self._event("Normal", "NodeReady", f"Node {self._settings.node_name} status is now: NodeReady")
            return made
        except (AlreadyExistsError, ForbiddenError):
            # Forbidden: these credentials may not create nodes, but somebody may have made it.
            assert self._client is not None  # noqa: S101  # it refused
            existing = await self._client.get(path, Node)
        wanted = reconciled(existing, self._settings, self._facts.architecture if self._facts else "")
        if self._around.made_anew():
            wanted = msgspec.structs.replace(wanted, status=without_devices(wanted.status))
        body = node_patch(existing, wanted)
        if not body:
            return existing
        logger.info("Node was registered before and is set right node=%s", self._settings.node_name)
        return await self._client.patch(f"{path}/status", body, Node)

    def _adopt(self, node: Node) -> None:
        self._node = node
        self._unschedulable = bool(node.spec.unschedulable)

    # Status.

    def _inputs(self) -> StatusInputs:
        around, health = self._around, self._health
        return StatusInputs(
            facts=self._facts, addresses=self._addresses, runtime_version=health.version,
            runtime_handlers=health.handlers, features=health.features, images=self._images,
            volumes_in_use=around.volumes_in_use(), pressure=around.pressure(),
            errors=(*health.errors(), *around.errors()), devices=around.devices(),
        )

    async def sync(self) -> None:
        """Compute the status and post it if it is news, or if the last report is five minutes old."""
        await self._follow_spec()
        for attempt in range(STATUS_TRIES):
            try:
                await self._sync_once(reread=attempt > 0)
            except ApiError as error:
                logger.warning("Node status is not posted yet try=%d: %s", attempt + 1, error)
            else:
                return

    async def _sync_once(self, *, reread: bool) -> None:
        if reread and self._client is not None:
            self._adopt(await self._client.get(paths.node(self._settings.node_name), Node))
        old = self._base()
        now = self._clock()
        result = node_status(self._settings, old.status, self._inputs(), now)
        new = msgspec.structs.replace(old, status=result.status)
        if self._facts is not None and has_wrong_labels(old, self._facts.architecture):
            new = reconciled(new, self._settings, self._facts.architecture)
        if is_ready(old.status.conditions) and not is_ready(new.status.conditions) and self._starting:
            logger.debug("Node is not called NotReady while the agent starts errors=%s", self._health.errors())
            return
        if not self._been_ready and is_ready(new.status.conditions):
            self._been_ready = True
            self._on_ready()
        changed = old.metadata != new.metadata or not same_but_for_heartbeat(old.status, new.status)
        if not changed and not self._report_due(now):
            return
        if self._client is not None:
            answer = await self._client.patch(
                f"{paths.node(self._settings.node_name)}/status", node_patch(old, new), Node
            )
            self._node = answer
        else:
            self._node = new
        # Spread the reports of nodes that changed together over the time to come.
        self._report_delay = self._settings.report_seconds * (self._jitter() - 0.5) if changed else 0.0
        self._last_report = now
        for event in result.events:
            self._event(event.kind, event.reason, event.message)

    @property
    def _starting(self) -> bool:
        """Whether what is not well yet may still be the agent's own start."""
        return not self._been_ready and asyncio.get_running_loop().time() - self._started_at < START_GRACE_SECONDS

    def _base(self) -> Node:
        """The node to build on: the newer of the listed one and the answer to our last write."""
        listed = self._around.listed()
        if listed is None:
            return self._node
        mine, theirs = self._node.metadata.resource_version, listed.metadata.resource_version
        if listed.metadata.uid != self._node.metadata.uid:
            return listed
        return listed if mine.isdigit() and theirs.isdigit() and int(theirs) > int(mine) else self._node

    def _report_due(self, now: float) -> bool:
        return self._last_report is None or \
            now - self._last_report >= self._settings.report_seconds + self._report_delay

    async def _follow_spec(self) -> None:
        """What others decide about the node: whether it takes pods, and which addresses its pods get."""
        spec = self.node().spec
        unschedulable = bool(spec.unschedulable)
        if unschedulable != self._unschedulable:
            self._unschedulable = unschedulable
            reason = "NodeNotSchedulable" if unschedulable else "NodeSchedulable"
            self._event("Normal", reason, f"Node {self._settings.node_name} status is now: {reason}")
        pod_cidr = ",".join(spec.pod_cidrs) or spec.pod_cidr
        if pod_cidr and pod_cidr != self._pod_cidr:
            try:
                await self._around.pod_cidr_changed(pod_cidr)
                self._pod_cidr = pod_cidr
            except CriError as error:
                logger.warning("Pod CIDR is not given to the runtime yet pod_cidr=%s: %s", pod_cidr, error)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._recorder.event(self.reference, kind, reason, message)
