"""What the runtime says of one pod, as plain values: the state that PLEG compares and everybody else reads.

    CRI ListPodSandbox / ListContainers / *Status / GetContainerEvents  ─▶  PodRuntimeStatus  ─▶  actions, status

Field meanings follow pkg/kubelet/container (PodStatus, Status); times are Unix nanoseconds, 0 when unset.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NewType

from cri.v1 import api_pb2 as cri

SandboxID = NewType("SandboxID", str)
ContainerID = NewType("ContainerID", str)

# Labels and annotations by which a kubelet recognises what it started (pkg/kubelet/kuberuntime/labels.go).
POD_NAME_LABEL = "io.kubernetes.pod.name"
POD_NAMESPACE_LABEL = "io.kubernetes.pod.namespace"
POD_UID_LABEL = "io.kubernetes.pod.uid"
CONTAINER_NAME_LABEL = "io.kubernetes.container.name"
HASH_ANNOTATION = "io.kubernetes.container.hash"
RESTART_COUNT_ANNOTATION = "io.kubernetes.container.restartCount"
TERMINATION_MESSAGE_PATH_ANNOTATION = "io.kubernetes.container.terminationMessagePath"
TERMINATION_MESSAGE_POLICY_ANNOTATION = "io.kubernetes.container.terminationMessagePolicy"
PRE_STOP_HANDLER_ANNOTATION = "io.kubernetes.container.preStopHandler"
PORTS_ANNOTATION = "io.kubernetes.container.ports"
POD_TERMINATION_GRACE_ANNOTATION = "io.kubernetes.pod.terminationGracePeriod"
POD_DELETION_GRACE_ANNOTATION = "io.kubernetes.pod.deletionGracePeriod"

_EMPTY: Mapping[str, str] = MappingProxyType({})


class RunState(Enum):
    """A container's state (CRI ContainerState, same order)."""

    CREATED = cri.CONTAINER_CREATED
    RUNNING = cri.CONTAINER_RUNNING
    EXITED = cri.CONTAINER_EXITED
    UNKNOWN = cri.CONTAINER_UNKNOWN


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """One sandbox of a pod; `ips` is empty for pods on the host's network."""

    id: SandboxID
    attempt: int
    ready: bool
    created_at: int
    ips: tuple[str, ...] = ()
    host_network: bool = False
    runtime_handler: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    annotations: Mapping[str, str] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True)
class ContainerUser:
    uid: int
    gid: int
    supplemental_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerResources:
    """Actual limits of a running container; None where the runtime does not say."""

    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_shares: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class ContainerMount:
    container_path: str
    host_path: str
    readonly: bool
    recursive_read_only: bool


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One container of a pod, running or dead; a restarted container is several of these."""

    id: ContainerID
    name: str
    sandbox_id: SandboxID
    state: RunState
    created_at: int
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    image_id: str = ""
    restart_count: int = 0
    hash: str = ""
    log_path: str = ""
    stop_signal: str = ""
    user: ContainerUser | None = None
    resources: ContainerResources | None = None
    mounts: tuple[ContainerMount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    annotations: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    @property
    def running(self) -> bool:
        return self.state is RunState.RUNNING


@dataclass(frozen=True, slots=True)
class PodRuntimeStatus:
    """All that the runtime has of one pod. Sandboxes and containers are sorted newest first.

    `observed_at` is the monotonic time (seconds) at which this was true: a worker that acted at t waits for a
    status with observed_at > t. `ips` are those of the newest sandbox; once no sandbox is ready any more they are the
    last ones known, because a finished pod still reports the address that it had.
    """

    uid: str
    name: str
    namespace: str
    sandboxes: tuple[SandboxStatus, ...] = ()
    containers: tuple[ContainerStatus, ...] = ()
    observed_at: float = 0.0

    @property
    def ips(self) -> tuple[str, ...]:
        newest = self.sandboxes[0] if self.sandboxes else None
        if newest is None or (not newest.ready and any(sandbox.ready for sandbox in self.sandboxes)):
            return ()
        return newest.ips

    def container(self, name: str) -> ContainerStatus | None:
        """The newest container of that name."""
        return next((container for container in self.containers if container.name == name), None)

    def container_by_id(self, container_id: str) -> ContainerStatus | None:
        return next((container for container in self.containers if container.id == container_id), None)

    @property
    def running_containers(self) -> tuple[ContainerStatus, ...]:
        return tuple(container for container in self.containers if container.running)


def sandbox_from_cri(status: cri.PodSandboxStatus) -> SandboxStatus:
    network = status.network
    first = (network.ip,) if network.ip else ()
    return SandboxStatus(
        id=SandboxID(status.id), attempt=status.metadata.attempt, ready=status.state == cri.SANDBOX_READY,
        created_at=status.created_at, ips=first + tuple(ip.ip for ip in network.additional_ips),
        host_network=status.linux.namespaces.options.network == cri.NODE, runtime_handler=status.runtime_handler,
        labels=dict(status.labels), annotations=dict(status.annotations),
    )


def container_from_cri(status: cri.ContainerStatus, sandbox_id: str) -> ContainerStatus:
    annotations = dict(status.annotations)
    count = annotations.get(RESTART_COUNT_ANNOTATION, "")
    return ContainerStatus(
        id=ContainerID(status.id), name=status.metadata.name, sandbox_id=SandboxID(sandbox_id),
        state=RunState(status.state), created_at=status.created_at, started_at=status.started_at,
        finished_at=status.finished_at, exit_code=status.exit_code, reason=status.reason, message=status.message,
        image=status.image.user_specified_image or status.image.image, image_ref=status.image_ref,
        image_id=status.image_id,
        restart_count=int(count) if count.isdigit() else status.metadata.attempt,
        hash=annotations.get(HASH_ANNOTATION, ""), log_path=status.log_path,
        stop_signal=cri.Signal.Name(status.stop_signal) if status.stop_signal else "",
        user=_user_from_cri(status), resources=_resources_from_cri(status),
        mounts=tuple(
            ContainerMount(mount.container_path, mount.host_path, mount.readonly, mount.recursive_read_only)
            for mount in status.mounts
        ),
        labels=dict(status.labels), annotations=annotations,
    )


def _user_from_cri(status: cri.ContainerStatus) -> ContainerUser | None:
    if not status.HasField("user") or not status.user.HasField("linux"):
        return None
    linux = status.user.linux
    return ContainerUser(linux.uid, linux.gid, tuple(linux.supplemental_groups))


def _resources_from_cri(status: cri.ContainerStatus) -> ContainerResources | None:
    if not status.HasField("resources") or not status.resources.HasField("linux"):
        return None
    linux = status.resources.linux
    return ContainerResources(
        cpu_period=linux.cpu_period or None, cpu_quota=linux.cpu_quota or None, cpu_shares=linux.cpu_shares or None,
        memory_limit=linux.memory_limit_in_bytes or None,
    )


def newest_first(sandboxes: Iterable[SandboxStatus]) -> tuple[SandboxStatus, ...]:
    return tuple(sorted(sandboxes, key=lambda sandbox: sandbox.created_at, reverse=True))


def containers_newest_first(containers: Iterable[ContainerStatus]) -> tuple[ContainerStatus, ...]:
    return tuple(sorted(containers, key=lambda container: container.created_at, reverse=True))
