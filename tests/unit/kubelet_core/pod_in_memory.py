"""One pod on a runtime in memory: the real plan, executor, killer, back-off and statuses, with nothing around them.

    pod = PodInMemory(spec, tmp_path)
    await pod.sync()            one step of a pod worker: status ▸ plan ▸ carry out ▸ status
    pod.runtime.exit("app", 1)  what a container does
    pod.status, pod.events()    what the API server gets to see

Time is the event loop's (looptime); wall time is the same clock.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import msgspec

from cri.client import NewSandbox, RuntimeClient
from cri.errors import CriError, NotFoundError
from cri.v1 import api_pb2 as cri
from kubelet.actions import PodActions, compute_pod_actions
from kubelet.api.types import Pod, PodStatus
from kubelet.backoff import Backoff
from kubelet.containerspec import container_hash
from kubelet.events import LogEventRecorder
from kubelet.executor.kill import Killer
from kubelet.executor.start import ContainerToStart, CrashBackoff, ImageOutcome, Instance, Sandbox, Starter
from kubelet.executor.sync import PodExecutor, SyncOutcome
from kubelet.images import PulledImage
from kubelet.podstatus import StatusContext, generate_pod_status, restartall
from kubelet.podstatus.context import ProbeFlags
from kubelet.podworkers import Interrupt
from kubelet.timeline import Timeline
from pleg.state import (
    ContainerID,
    ContainerStatus,
    PodRuntimeStatus,
    RunState,
    SandboxID,
    SandboxStatus,
    containers_newest_first,
    newest_first,
)

NANOSECONDS = 10**9


@dataclass
class MemoryRuntime:
    """The verbs of the runtime that an executor uses. `calls` tells them in order, containers by name."""

    sandboxes: dict[str, SandboxStatus] = field(default_factory=dict)
    containers: dict[str, ContainerStatus] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    broken: dict[str, CriError] = field(default_factory=dict)
    """By verb, or by verb and container name: "StartContainer app"."""
    tells_addresses: bool = True
    """With the answer to RunPodSandbox, so that nobody has to ask for them."""
    ignores_term: set[str] = field(default_factory=set)
    exit_codes_on_stop: dict[str, int] = field(default_factory=dict)
    on_start: Callable[[str], None] = lambda _: None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def now(self) -> int:
        return int(asyncio.get_running_loop().time() * NANOSECONDS)

    def newest(self, name: str) -> ContainerStatus:
        return next(c for c in containers_newest_first(self.containers.values()) if c.name == name)

    def exit(self, name: str, code: int = 0, reason: str = "") -> None:
        """The newest instance ends by itself."""
        self._end(self.newest(name), code, reason)

    def _end(self, found: ContainerStatus, code: int, reason: str = "") -> None:
        self.containers[found.id] = replace(
            found, state=RunState.EXITED, exit_code=code, finished_at=self.now(),
            reason=reason or ("Completed" if code == 0 else "Error"),
        )

    def reboot(self, *, forgets: bool = False) -> None:
        """The machine was switched off: nothing runs any more; `forgets`: the runtime lost its state as well."""
        if forgets:
            self.sandboxes.clear()
            self.containers.clear()
        for sandbox in list(self.sandboxes.values()):
            self.sandboxes[sandbox.id] = replace(sandbox, ready=False)
        for container in list(self.containers.values()):
            if container.state is RunState.RUNNING:
                self._end(container, 255, "Error")

    def status(self, pod: Pod) -> PodRuntimeStatus:
        return PodRuntimeStatus(
            pod.metadata.uid, pod.metadata.name, pod.metadata.namespace, newest_first(self.sandboxes.values()),
            containers_newest_first(self.containers.values()), observed_at=asyncio.get_running_loop().time(),
        )

    # -- the verbs --

    def _called(self, verb: str, name: str = "") -> None:
        call = f"{verb} {name}".strip()
        self.calls.append(call)
        error = self.broken.get(call) or self.broken.get(verb)
        if error is not None:
            raise error

    async def run_pod_sandbox(
        self, request: cri.RunPodSandboxRequest, on_created: Callable[[str], None]
    ) -> NewSandbox:
        self._called("RunPodSandbox")
        number = next(self._numbers)
        made = SandboxStatus(
            SandboxID(f"s{number}"), request.config.metadata.attempt, True, self.now() + number, (f"10.0.0.{number}",)
        )
        self.sandboxes[made.id] = made
        return NewSandbox(made.id, made.ips if self.tells_addresses else None)

    async def PodSandboxStatus(self, request: cri.PodSandboxStatusRequest, /) -> cri.PodSandboxStatusResponse:
        self._called("PodSandboxStatus")
        found = self.sandboxes[request.pod_sandbox_id]
        return cri.PodSandboxStatusResponse(status=cri.PodSandboxStatus(
            id=found.id, network=cri.PodSandboxNetworkStatus(ip=found.ips[0])
        ))

    async def CreateContainer(self, request: cri.CreateContainerRequest, /) -> cri.CreateContainerResponse:
        name, number = request.config.metadata.name, next(self._numbers)
        self._called("CreateContainer", name)
        made = ContainerStatus(
            ContainerID(f"{name}-{number}"), name, SandboxID(request.pod_sandbox_id), RunState.CREATED,
            created_at=self.now() + number, image=request.config.image.image, image_ref=request.config.image.image,
            restart_count=request.config.metadata.attempt, hash=request.config.annotations["hash"],
        )
        self.containers[made.id] = made
        return cri.CreateContainerResponse(container_id=made.id)

    async def StartContainer(self, request: cri.StartContainerRequest, /) -> cri.StartContainerResponse:
        found = self.containers[request.container_id]
        self._called("StartContainer", found.name)
        self.containers[found.id] = replace(found, state=RunState.RUNNING, started_at=self.now())
        self.on_start(found.name)
        return cri.StartContainerResponse()

    async def StopContainer(self, request: cri.StopContainerRequest, /) -> cri.StopContainerResponse:
        found = self._found(request.container_id)
        self._called("StopContainer", found.name)
        if not found.running:
            return cri.StopContainerResponse()
        if found.name in self.ignores_term:
            await asyncio.sleep(request.timeout)
            self._end(found, 137)
        else:
            self._end(found, self.exit_codes_on_stop.get(found.name, 143))
        return cri.StopContainerResponse()

    async def RemoveContainer(self, request: cri.RemoveContainerRequest, /) -> cri.RemoveContainerResponse:
        found = self._found(request.container_id)
        self._called("RemoveContainer", found.name)
        del self.containers[found.id]
        return cri.RemoveContainerResponse()

    async def StopPodSandbox(self, request: cri.StopPodSandboxRequest, /) -> cri.StopPodSandboxResponse:
        self._called("StopPodSandbox")
        self.sandboxes[request.pod_sandbox_id] = replace(self.sandboxes[request.pod_sandbox_id], ready=False)
        return cri.StopPodSandboxResponse()

    async def ExecSync(self, request: cri.ExecSyncRequest, /) -> cri.ExecSyncResponse:
        self._called("ExecSync", self._found(request.container_id).name)
        return cri.ExecSyncResponse()

    def _found(self, container_id: str) -> ContainerStatus:
        found = self.containers.get(container_id)
        if found is None:
            raise NotFoundError(f"no container {container_id}", "ContainerStatus")
        return found


class Configs:
    """As little of a CRI config as the runtime in memory looks at."""

    def sandbox(self, pod: Pod, attempt: int) -> cri.PodSandboxConfig:
        return cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=pod.metadata.name, uid=pod.metadata.uid, attempt=attempt)
        )

    async def runtime_handler(self, pod: Pod) -> str:
        return ""

    async def image(
        self, pod: Pod, item: ContainerToStart, sandbox: cri.PodSandboxConfig, handler: str
    ) -> ImageOutcome:
        return PulledImage(item.container.image, item.container.image)

    def is_told_of_starts(self, item: ContainerToStart) -> bool:
        return False

    async def container(
        self, pod: Pod, item: ContainerToStart, sandbox: Sandbox, instance: Instance, image: PulledImage,
        target_id: str,
    ) -> cri.ContainerConfig:
        return cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=item.container.name, attempt=instance.restart_count),
            image=cri.ImageSpec(image=item.container.image), annotations={"hash": container_hash(item.container)},
            log_path=f"{item.container.name}/{instance.restart_count}.log",
        )


@dataclass
class Probes:
    """What probes say: by container id; nothing said is None."""

    live: dict[str, bool] = field(default_factory=dict)
    started: dict[str, bool] = field(default_factory=dict)

    def liveness(self, container_id: str) -> bool | None:
        return self.live.get(container_id)

    def startup(self, container_id: str) -> bool | None:
        return self.started.get(container_id)


class PodInMemory:
    def __init__(self, pod: Pod, directory: Path) -> None:
        loop = asyncio.get_running_loop()
        self.pod, self.status, self.probes = pod, pod.status, Probes()
        self.runtime, self.recorder = MemoryRuntime(), LogEventRecorder(clock=loop.time)
        self.logs = directory / "pods"
        client, timeline = cast(RuntimeClient, self.runtime), Timeline()
        killer = Killer(client, self.recorder, loop.time)
        configs = Configs()
        starter = Starter(client, configs, killer, self.recorder, timeline, self.logs, directory / "containers")
        backoff = CrashBackoff(Backoff(10, 300), self.recorder, loop.time, loop.time)
        self.killer = killer
        self.user_namespaces: list[str] = []
        self.executor = PodExecutor(
            client, configs, configs, starter, killer, backoff, self.recorder, timeline, loop.time,
            on_user_namespace=lambda failed: self.user_namespaces.append("failed" if failed else "started"),
        )
        self.flags: dict[str, ProbeFlags] = {}
        self.history: list[PodStatus] = []
        self.reasons: dict[str, tuple[str, str]] = {}

    async def sync(self, **context: Any) -> tuple[PodActions, SyncOutcome]:
        """One step of the pod's worker."""
        self._say(**context)
        seen = self.runtime.status(self.pod)
        actions = compute_pod_actions(
            self.pod, seen, self.probes, restart_all=restartall.is_under_way(self.status)
        )
        outcome = await self.executor.carry_out(self.pod, seen, actions, Interrupt())
        self.reasons = outcome.reasons
        self._say(**context)
        return actions, outcome

    async def settle(self) -> None:
        """Steps until there is nothing more to do at once."""
        for _ in range(20):
            actions, outcome = await self.sync()
            if actions.empty or outcome.errors:
                return
        raise AssertionError(f"the pod does not come to rest: {self.runtime.calls}")

    def _say(self, **context: Any) -> None:
        facts: dict[str, Any] = {
            "now": asyncio.get_running_loop().time(), "host_ips": ("192.0.2.1",), "reasons": self.reasons,
            "flags": self.flags,
        } | context
        made = generate_pod_status(
            self.pod, self.runtime.status(self.pod), self.status, StatusContext(**facts)
        )
        if made != self.status:
            self.history.append(made)
        self.status = made

    def replace_spec(self, **changes: Any) -> None:
        self.pod = msgspec.structs.replace(self.pod, spec=msgspec.structs.replace(self.pod.spec, **changes))

    def events(self) -> list[str]:
        return [f"{event.reason}: {event.message}" for event in self.recorder.recent(self.pod.metadata.uid)]

    def condition(self, type_: str) -> str:
        return next((found.status for found in self.status.conditions if found.type == type_), "")

    def restarts(self) -> dict[str, int]:
        both = (*self.status.init_container_statuses, *self.status.container_statuses)
        return {status.name: status.restart_count for status in both}

    def states(self) -> dict[str, str]:
        """By container: running, waiting REASON, or terminated EXIT CODE."""
        both = (*self.status.init_container_statuses, *self.status.container_statuses)
        return {status.name: _state(status.state) for status in both}


def _state(state: Any) -> str:
    if state.running:
        return "running"
    if state.terminated:
        return f"terminated {state.terminated.exit_code}"
    return f"waiting {state.waiting.reason}" if state.waiting else ""
