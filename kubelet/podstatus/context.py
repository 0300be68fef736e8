"""What status generation is told besides the spec and the runtime's state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubelet.allocation import PodResources
from kubelet.api.types import PodCondition, ResourceStatus
from kubelet.podworkers.machine import Verdict


@dataclass(frozen=True, slots=True)
class ProbeFlags:
    """What probes say of a running container. Without a startup probe `started` is True, likewise `ready`."""

    started: bool
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusContext:
    """All maps but `termination_messages` are keyed by container name."""

    now: float
    """Unix seconds."""
    host_ips: tuple[str, ...] = ()
    """The node's addresses, at most one per family; the first one's family is the pods' primary family."""
    runtime_name: str = "docker"
    """As the runtime names itself in Version; the scheme of container ids."""
    flags: Mapping[str, ProbeFlags] = field(default_factory=dict)
    """Absent: the container has no readiness and no startup probe."""
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """(reason, message) of containers that could not be started or wait for their back-off."""
    termination_messages: Mapping[str, str] = field(default_factory=dict)
    """By container id: the full message of an ended container, made of the runtime's and the container's own words."""
    pod_terminated: bool = False
    """No container of the pod runs or will ever run again."""
    verdict: Verdict | None = None
    """Why the node ended this pod (eviction, deadline, preemption, shutdown)."""
    stop_signals: bool = False
    """Whether statuses tell the signal that stops a container (gate ContainerStopSignals)."""
    recursive_read_only: bool = False
    """Whether the pod's runtime handler can make read-only mounts recursively so."""
    actuated: PodResources | None = None
    """What running containers and the pod as a whole were given last."""
    resize_conditions: tuple[PodCondition, ...] = ()
    devices: Mapping[str, tuple[ResourceStatus, ...]] = field(default_factory=dict)
    """The health of the devices that regular containers have (gate ResourceHealthStatus)."""
