"""Probes as the pod workers see them: Pods in, verdicts out; the machinery is the room `probes`.

    add_pod(pod)              Pod ─▶ ProbeSpecs (named ports, defaults, $(VAR)s of the command)  ─▶ ProbeManager
    update(pod, runtime)      PodRuntimeStatus ─▶ ContainerFacts                                 ─▶ ProbeManager
    flags(uid), liveness(id), startup(id)                                    ◀─ verdicts
    events Unhealthy, ProbeWarning on the container                          ◀─ attempts

Source: pkg/kubelet/prober; texts: contract 1.4.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubelet.api.meta import (
    AnyContainer,
    container_field_path,
    find_container,
    is_sidecar,
    pod_reference,
    pod_uid,
)
from kubelet.api.types import Container, ContainerStatus, IntOrString, Pod, Probe
from kubelet.containerspec.expansion import expand, keep_unknown
from kubelet.events import EventRecorder
from pleg.state import PodRuntimeStatus, RunState
from probes import (
    BrokenHandler,
    ContainerFacts,
    ExecHandler,
    GrpcHandler,
    HttpHandler,
    ProbeKind,
    ProbeManager,
    Prober,
    ProbeSpec,
    TcpHandler,
    Verdict,
)
from probes.execsync import ExecRuntime
from probes.manager import Attempt
from probes.spec import Handler

CHECKPOINT_NAME = "probe_results.json"


AttemptObserver = Callable[[Pod, str, ProbeKind, str, float], None]
"""Told of each attempt: pod, container name, kind, result (successful, failed, unknown), seconds."""


@dataclass(frozen=True, slots=True)
class ContainerFlags:
    """For the status of a container that has probes; both are False while it does not run."""

    started: bool
    ready: bool


class PodProbes:
    """The node's probes. Run `run`; read `results`: a message there means that the pod should be synced."""

    def __init__(
        self, runtime: ExecRuntime, recorder: EventRecorder, *, checkpoint_path: Path | None = None,
        observe_attempt: AttemptObserver = lambda *_: None, host_ip: Callable[[], str] = lambda: "",
        attempt: Attempt | None = None,
    ) -> None:
        """`host_ip`: where pods on the host's network are found. `attempt` replaces the real probers."""
        self._recorder, self._observe_attempt, self._host_ip = recorder, observe_attempt, host_ip
        self._pods: dict[str, Pod] = {}
        self.manager = ProbeManager(attempt or Prober(runtime), self, checkpoint_path=checkpoint_path)
        self.results = self.manager.results

    async def run(self) -> None:
        await self.manager.run()

    # --- what pod workers tell ---

    def add_pod(self, pod: Pod) -> None:
        """Take on the probes of a pod's containers; calling it again changes nothing."""
        uid = pod_uid(pod)
        self._pods[uid] = pod
        for container in probed_containers(pod):
            self.manager.add_container(uid, container.name, probe_specs(container))

    def update(self, pod: Pod, runtime: PodRuntimeStatus) -> None:
        """What the runtime says of the pod now. Probes begin with the update that shows their container running."""
        uid = pod_uid(pod)
        if uid not in self._pods:
            self.add_pod(pod)
        self._pods[uid] = pod
        for container in probed_containers(pod):
            self.manager.observe(uid, container.name, container_facts(pod, runtime, container.name, self._host_ip()))

    def stop_liveness_and_startup(self, uid: str) -> None:
        self.manager.stop_liveness_and_startup(uid)

    def remove_pod(self, uid: str) -> None:
        self._pods.pop(uid, None)
        self.manager.remove(uid)

    def retain(self, uids: Collection[str]) -> None:
        """Housekeeping: forget every pod but these, also what the last run remembered of others."""
        self._pods = {uid: pod for uid, pod in self._pods.items() if uid in uids}
        self.manager.retain(uids)

    # --- what they ask ---

    def flags(self, uid: str) -> Mapping[str, ContainerFlags]:
        """By container name; containers without a startup and a readiness probe are left out."""
        pod = self._pods.get(uid)
        if pod is None:
            return {}
        return {
            container.name: ContainerFlags(
                started=bool(self.manager.started(uid, container.name)),
                ready=bool(self.manager.ready(uid, container.name)),
            )
            for container in probed_containers(pod) if container.startup_probe or container.readiness_probe
        }

    def liveness(self, container_id: str) -> bool | None:
        return _truth(self.manager.verdict(container_id, ProbeKind.LIVENESS))

    def startup(self, container_id: str) -> bool | None:
        return _truth(self.manager.verdict(container_id, ProbeKind.STARTUP))

    # --- ProbeListener ---

    def event(self, uid: str, container: str, reason: str, message: str) -> None:
        pod = self._pods.get(uid)
        found = find_container(pod, container) if pod else None
        if pod is not None and found is not None:
            reference = pod_reference(pod, container_field_path(found[0], container))
            self._recorder.event(reference, "Warning", reason, message)

    def attempted(self, uid: str, container: str, kind: ProbeKind, result: str, seconds: float) -> None:
        if pod := self._pods.get(uid):
            self._observe_attempt(pod, container, kind, result, seconds)


def _truth(verdict: Verdict | None) -> bool | None:
    return None if verdict is None or verdict is Verdict.UNKNOWN else verdict is Verdict.SUCCESS


def probed_containers(pod: Pod) -> list[Container]:
    """Those whose probes count: regular containers and sidecars."""
    return [*pod.spec.containers, *(container for container in pod.spec.init_containers if is_sidecar(container))]


def probe_specs(container: Container) -> tuple[ProbeSpec, ...]:
    probes = (
        (ProbeKind.STARTUP, container.startup_probe),
        (ProbeKind.READINESS, container.readiness_probe),
        (ProbeKind.LIVENESS, container.liveness_probe),
    )
    return tuple(_spec(kind, probe, container) for kind, probe in probes if probe is not None)


def _spec(kind: ProbeKind, probe: Probe, container: Container) -> ProbeSpec:
    """Zero and absent mean the API's default, as for a static pod that no API server has completed."""
    return ProbeSpec(
        kind, _handler(probe, container),
        initial_delay=float(probe.initial_delay_seconds or 0), period=float(probe.period_seconds or 10),
        timeout=float(probe.timeout_seconds or 1), success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
    )


def _handler(probe: Probe, container: Container) -> Handler:
    try:
        if probe.exec is not None:
            static = keep_unknown({variable.name: variable.value for variable in container.env})
            return ExecHandler(tuple(expand(word, static) for word in probe.exec.command))
        if probe.http_get is not None:
            get = probe.http_get
            return HttpHandler(
                resolve_port(get.port, container), get.path or "/", get.scheme.lower() or "http", get.host,
                tuple((header.name, header.value) for header in get.http_headers),
            )
        if probe.tcp_socket is not None:
            return TcpHandler(resolve_port(probe.tcp_socket.port, container), probe.tcp_socket.host)
        if probe.grpc is not None:
            return GrpcHandler(probe.grpc.port, probe.grpc.service)
    except ValueError as error:
        return BrokenHandler(str(error))
    return BrokenHandler(f"missing probe handler for container {container.name}")


def resolve_port(port: IntOrString, container: AnyContainer) -> int:
    """A number, a number in a string, or the name of one of the container's ports. Raises ValueError."""
    number = port if isinstance(port, int) else next(
        (one.container_port for one in container.ports if one.name == port), None
    )
    if number is None:
        if not str(port).isdigit():
            raise ValueError(f"port {port} not found: container {container.name} names no such port")
        number = int(port)
    if not 0 < number < 65536:
        raise ValueError(f"invalid port number: {number}")
    return number


def container_facts(pod: Pod, runtime: PodRuntimeStatus, name: str, host_ip: str = "") -> ContainerFacts:
    """The newest container of that name; one that is created and not started yet is none so far."""
    container = runtime.container(name)
    if container is None or container.state is RunState.CREATED:
        return ContainerFacts("", False)
    if pod.spec.host_network:
        pod_ip = host_ip or pod.status.pod_ip
    else:
        pod_ip = runtime.ips[0] if runtime.ips else pod.status.pod_ip
    before = _status_before(pod, container.id)
    return ContainerFacts(
        container.id, container.running, container.started_at / 1e9, pod_ip,
        was_started=before.started if before else None, was_ready=before.ready if before else None,
    )


def _status_before(pod: Pod, container_id: str) -> ContainerStatus | None:
    """What the API server's copy of the pod says of this very container; container ids there are `runtime://id`."""
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        if status.container_id.partition("://")[2] == container_id:
            return status
    return None
