"""The Node object as it should be, and the patch that makes it so. Pure.

Meaning: pkg/kubelet/kubelet_node_status.go (initialNode, updateNode), pkg/kubelet/nodestatus/setters.go,
component-helpers/node/util PatchNodeStatus.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cri.v1 import api_pb2 as cri
from kubelet.api.codec import to_plain
from kubelet.api.types import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeFeatures,
    NodeRuntimeHandler,
    NodeSpec,
    NodeStatus,
    NodeSwapStatus,
    NodeSystemInfo,
    ObjectMeta,
    Quantity,
    Taint,
)
from kubelet.devices.inventory import DeviceCapacity
from kubelet.node.capacity import REQUIRED, written
from kubelet.node.conditions import Pressure, node_conditions, same_but_for_heartbeats
from kubelet.node.machine import MachineFacts
from kubelet.node.settings import NodeSettings
from kubelet.podstatus.patch import field_patch
from kubelet.resources import is_extended_resource
from kubelet.version import KUBERNETES_VERSION

HOSTNAME_LABEL = "kubernetes.io/hostname"
OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
ARCH_LABELS = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
KEPT_LABELS = (
    HOSTNAME_LABEL, *OS_LABELS, *ARCH_LABELS, "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type",
)
"""Labels that are set right on a node that was registered before."""
ATTACH_DETACH_ANNOTATION = "volumes.kubernetes.io/controller-managed-attach-detach"
PROVIDED_IP_ANNOTATION = "alpha.kubernetes.io/provided-node-ip"
UNINITIALIZED_TAINT = Taint(key="node.cloudprovider.kubernetes.io/uninitialized", value="true", effect="NoSchedule")
MAX_IMAGE_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInputs:
    """All that a node's status is made of. `errors` are those that make it not ready."""

    facts: MachineFacts | None
    addresses: tuple[NodeAddress, ...] = ()
    runtime_version: str = "unknown://Unknown"
    runtime_handlers: tuple[NodeRuntimeHandler, ...] = ()
    features: NodeFeatures | None = None
    images: tuple[ContainerImage, ...] = ()
    volumes_in_use: tuple[str, ...] | None = None
    pressure: Pressure = field(default_factory=Pressure)
    errors: tuple[str, ...] = ()
    devices: DeviceCapacity = field(default_factory=DeviceCapacity)


@dataclass(frozen=True, slots=True)
class NodeEvent:
    kind: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StatusResult:
    status: NodeStatus
    events: tuple[NodeEvent, ...]


def node_status(settings: NodeSettings, previous: NodeStatus, inputs: StatusInputs, now: float) -> StatusResult:
    """The status at `now`; what the kubelet does not know of is kept as it was."""
    facts, name = inputs.facts, settings.node_name
    capacity, allocatable = dict(previous.capacity), dict(previous.allocatable)
    if facts is not None:
        own, usable = written(facts, settings)
        devices = inputs.devices
        # What was offered once is told of for ever, which sets it apart from resources of the cluster.
        others = {key: amount for key, amount in capacity.items() if "/" in key} \
            | dict.fromkeys(sorted(devices.removed), "0") | _counted(devices.capacity)
        capacity, allocatable = others | own, others | usable | _counted(devices.allocatable)
    missing = [resource for resource in REQUIRED if resource not in capacity]
    errors = inputs.errors
    if missing:
        errors += (f"missing node capacity for resources: {', '.join(missing)}",)
    conditions = node_conditions(previous.conditions, inputs.pressure, errors, now)
    events = [
        NodeEvent("Normal", reason, f"Node {name} status is now: {reason}") for reason in conditions.events
    ]
    known = previous.node_info
    if facts is not None and known is not None and known.boot_id not in ("", facts.boot_id):
        events.insert(0, NodeEvent(
            "Warning", "Rebooted", f"Node {name} has been rebooted, boot id: {facts.boot_id}"
        ))
    addresses = inputs.addresses or previous.addresses
    if settings.external_cloud_provider:
        # The cloud controller says the addresses; until then the name is all there is, unless one was given.
        by_name = (NodeAddress(type="Hostname", address=settings.hostname),)
        addresses = previous.addresses or (inputs.addresses if settings.node_ips else by_name)
    status = msgspec.structs.replace(
        previous, capacity=capacity, allocatable=allocatable, conditions=conditions.conditions, addresses=addresses,
        node_info=_system_info(facts, inputs.runtime_version) if facts else known,
        daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=settings.kubelet_port)),
        images=inputs.images, runtime_handlers=inputs.runtime_handlers,
        features=inputs.features or previous.features,
        declared_features=settings.declared_features or previous.declared_features,
        volumes_in_use=previous.volumes_in_use if inputs.volumes_in_use is None else inputs.volumes_in_use,
    )
    return StatusResult(status, tuple(events))


def _counted(devices: Mapping[str, int]) -> dict[str, Quantity]:
    return {resource: str(number) for resource, number in sorted(devices.items())}


def without_devices(status: NodeStatus) -> NodeStatus:
    """Of a node that was made anew: what an earlier one offered is not there until its plugins register."""
    def zeroed(amounts: Mapping[str, Quantity]) -> dict[str, Quantity]:
        return {name: "0" if is_extended_resource(name) else amount for name, amount in amounts.items()}

    return msgspec.structs.replace(status, capacity=zeroed(status.capacity), allocatable=zeroed(status.allocatable))


def _system_info(facts: MachineFacts, runtime_version: str) -> NodeSystemInfo:
    return NodeSystemInfo(
        machine_id=facts.machine_id, system_uuid=facts.system_uuid, boot_id=facts.boot_id,
        kernel_version=facts.kernel_version, os_image=facts.os_image, container_runtime_version=runtime_version,
        kubelet_version=KUBERNETES_VERSION, kube_proxy_version="", operating_system="linux",
        architecture=facts.architecture, swap=NodeSwapStatus(capacity=facts.swap) if facts.swap else None,
    )


def initial_node(settings: NodeSettings, architecture: str) -> Node:
    """The node as it is registered, without its status."""
    labels = {HOSTNAME_LABEL: settings.hostname}
    labels |= dict.fromkeys(OS_LABELS, "linux") | dict.fromkeys(ARCH_LABELS, architecture) | dict(settings.labels)
    taints = settings.taints + ((UNINITIALIZED_TAINT,) if settings.external_cloud_provider else ())
    return Node(
        api_version="v1", kind="Node",
        metadata=ObjectMeta(name=settings.node_name, labels=labels, annotations=_annotations(settings)),
        spec=NodeSpec(taints=taints, provider_id=settings.provider_id),
    )


def _annotations(settings: NodeSettings) -> dict[str, str]:
    annotations = {ATTACH_DETACH_ANNOTATION: "true"} if settings.controller_attach_detach else {}
    given = [ip for ip in settings.node_ips if ip not in ("0.0.0.0", "::")]
    if settings.external_cloud_provider and given:
        annotations[PROVIDED_IP_ANNOTATION] = ",".join(given)
    return annotations


def reconciled(existing: Node, settings: NodeSettings, architecture: str) -> Node:
    """A node that was there before, with the labels and annotations that are the kubelet's to say."""
    wanted = initial_node(settings, architecture).metadata
    labels = existing.metadata.labels | {key: wanted.labels[key] for key in KEPT_LABELS if key in wanted.labels}
    ours = (ATTACH_DETACH_ANNOTATION, PROVIDED_IP_ANNOTATION)
    annotations = {key: value for key, value in existing.metadata.annotations.items() if key not in ours}
    return msgspec.structs.replace(existing, metadata=msgspec.structs.replace(
        existing.metadata, labels=labels, annotations=annotations | wanted.annotations
    ))


def has_wrong_labels(node: Node, architecture: str) -> bool:
    """Whether somebody took away or changed the labels that selectors of every cluster rely on."""
    labels = node.metadata.labels
    return labels.get(OS_LABELS[0]) != "linux" or labels.get(ARCH_LABELS[0]) != architecture


def same_but_for_heartbeat(one: NodeStatus, other: NodeStatus) -> bool:
    """Whether two statuses say the same, leaving aside when they were said."""
    return same_but_for_heartbeats(one.conditions, other.conditions) and \
        msgspec.structs.replace(one, conditions=()) == msgspec.structs.replace(other, conditions=())


def node_patch(old: Node, new: Node) -> dict[str, Any]:
    """Strategic merge patch for `/status`; it may carry labels and annotations too. Empty if nothing differs."""
    body: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name in ("labels", "annotations"):
        metadata |= field_patch(name, {name: getattr(old.metadata, name)}, {name: getattr(new.metadata, name)})
    if metadata:
        body["metadata"] = metadata
    before, after = to_plain(old.status), to_plain(new.status)
    status: dict[str, Any] = {}
    for name in sorted((before.keys() | after.keys()) - {"conditions", "addresses"}):
        status |= field_patch(name, before, after)
    if before.get("addresses") != after.get("addresses"):
        # The server would merge by type, of which there may be two.
        status["addresses"] = [*after.get("addresses", []), {"$patch": "replace"}]
    conditions = _changed_conditions(old.status.conditions, new.status.conditions)
    if conditions:
        status["conditions"] = conditions
        status["$setElementOrder/conditions"] = [{"type": condition.type} for condition in new.status.conditions]
    if status:
        body["status"] = status
    return body


def _changed_conditions(old: Iterable[NodeCondition], new: Iterable[NodeCondition]) -> list[dict[str, Any]]:
    before = {condition.type: condition for condition in old}
    return [
        {"message": None, "reason": None} | to_plain(condition)
        for condition in new if before.get(condition.type) != condition
    ]


def node_images(images: Iterable[cri.Image], limit: int) -> tuple[ContainerImage, ...]:
    """The biggest images first, at most `limit` (-1: all) with at most five names each, digests before tags."""
    ordered: Sequence[cri.Image] = sorted(images, key=lambda image: (-image.size, image.id))
    return tuple(
        ContainerImage(names=(*image.repo_digests, *image.repo_tags)[:MAX_IMAGE_NAMES], size_bytes=image.size or None)
        for image in (ordered if limit < 0 else ordered[:limit])
    )
