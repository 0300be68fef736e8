"""The agent's components, made in the order in which they need each other. kubelet.app runs them.

Standalone (no kubeconfig) is the same agent without an API client: statuses and events stay on the node, objects of
the API server cannot be had and say so.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from cri.client import ImageClient, RuntimeClient
from kubelet import admission
from kubelet.api import quantity
from kubelet.api.meta import PodUID
from kubelet.api.types import Pod
from kubelet.apiclient import ApiClient
from kubelet.backoff import Backoff
from kubelet.config import Options
from kubelet.containerspec import NodeContext
from kubelet.events import ApiEventRecorder, EventRecorders, LogEventRecorder
from kubelet.executor.kill import Killer
from kubelet.executor.start import CrashBackoff, Starter
from kubelet.executor.sync import PodExecutor
from kubelet.images import ImageManager
from kubelet.mirrors import MirrorKeeper, NoMirrors
from kubelet.objects import ObjectManager, RuntimeClasses, Services
from kubelet.paths import CONTAINER_LOGS_DIR
from kubelet.podconfigs import PodConfigs
from kubelet.podmanager import PodManager
from kubelet.podstatus import StatusManager
from kubelet.podstatuses import PodStatuses
from kubelet.podsync import PodServices, PodSync
from kubelet.podworkers import PodUpdate, PodWorkers, UpdateKind
from kubelet.probing import CHECKPOINT_NAME, PodProbes
from kubelet.runtimefacts import RuntimeFacts
from kubelet.sources import ApiServerSource, DirectorySource, MirrorClient, PodConfig, PodSource, UrlSource
from kubelet.syncloop import SyncLoop
from kubelet.syscalls import LinuxSyscalls
from kubelet.timeline import Stage, Timeline
from kubelet.tokens import TokenManager
from kubelet.upkeep import Tidier, Upkeep, active_pods
from kubelet.volumes.content import ContentSource
from kubelet.volumes.manager import VolumeManager
from kubelet.zz_stub import Metrics, StubNode
from kubelet.zz_stub import StubCgroups as PodCgroups
from pleg import Pleg
from probes import ProbeResult

CRASH_BACKOFF_SECONDS = 10.0


@dataclass(slots=True)
class Clients:
    """Connections to the outside; `api` and its siblings are None on a standalone node."""

    runtime: RuntimeClient
    images: ImageClient
    api: ApiClient | None = None
    event_api: ApiClient | None = None
    heartbeat_api: ApiClient | None = None

    @classmethod
    async def connect(cls, options: Options, endpoint: str, metrics: Metrics) -> "Clients":
        """Raises KubeconfigError; neither the runtime nor the API server has to be there."""
        config, flags = options.config, options.flags
        timeout = float(config.runtime_request_timeout)
        clients = cls(
            RuntimeClient(endpoint, timeout, metrics.runtime_operation),
            ImageClient(config.image_service_endpoint or endpoint, timeout, metrics.runtime_operation),
        )
        if flags.kubeconfig:
            clients.api = await ApiClient.from_kubeconfig(
                flags.kubeconfig, qps=config.kube_api_qps, burst=config.kube_api_burst
            )
            clients.event_api = clients.api.limited(qps=config.event_record_qps, burst=config.event_burst)
            clients.heartbeat_api = clients.api.limited(qps=0, burst=0, timeout=10.0)
        return clients

    async def close(self) -> None:
        for api in (self.api, self.event_api, self.heartbeat_api):
            if api is not None:
                await api.close()
        await self.runtime.close()
        await self.images.close()


class Agent:
    """Every component, joined. Attributes are what kubelet.app runs and shows."""

    def __init__(self, options: Options, node_name: str, clients: Clients, metrics: Metrics) -> None:
        self.options, self.node_name, self.clients, self.metrics = options, node_name, clients, metrics
        self.root_dir = Path(options.flags.root_dir)
        self.started_at = time.time()
        self.timeline = Timeline()
        self.local_events = LogEventRecorder()
        self.api_events = ApiEventRecorder(clients.event_api, node_name) if clients.event_api else None
        self.recorder = EventRecorders(
            [self.local_events, self.api_events] if self.api_events else [self.local_events]
        )
        self.runtime_facts = RuntimeFacts(clients.runtime)
        self.pleg = Pleg(clients.runtime)
        self.pods = PodManager()
        self._make_node()
        self._make_pod_rooms()
        self._make_workers()
        self._make_loop()

    def _make_node(self) -> None:
        config, flags = self.options.config, self.options.flags
        self.node = StubNode()
        self.cgroups = PodCgroups(
            root=config.cgroup_root, driver=lambda: self.runtime_facts.cgroup_driver or config.cgroup_driver,
            enabled=config.cgroups_per_qos,
        )

    def _make_pod_rooms(self) -> None:
        """What pods are made of: objects, volumes, images, probes, statuses."""
        clients, config = self.clients, self.options.config
        self.objects = ObjectManager(clients.api, self._objects_changed)
        self.services = Services(clients.api) if clients.api else None
        self.runtime_classes = RuntimeClasses(clients.api)
        self.tokens = TokenManager(clients.api) if clients.api else None
        self.volumes = VolumeManager(
            self.root_dir, content=ContentSource(self.objects, self.tokens, self.node.allocatable),
            syscalls=LinuxSyscalls(), recorder=self.recorder,
        )
        self.images = ImageManager(
            clients.images, self.recorder, root_dir=self.root_dir, qps=config.registry_pull_qps,
            burst=config.registry_burst,
            parallel=1 if config.serialize_image_pulls else config.max_parallel_image_pulls,
        )
        self.probes = PodProbes(
            clients.runtime, self.recorder, checkpoint_path=self.root_dir / CHECKPOINT_NAME,
            host_ip=lambda: next(iter(self.node.host_ips()), ""), observe_attempt=self.metrics.probe_attempt,
        )
        self.status_manager = StatusManager(
            clients.api, self.pods,
            could_have_running_containers=lambda uid: self.workers.could_have_running_containers(uid),  # noqa: PLW0108 - made later
            acknowledged=lambda uid, at: self.timeline.mark(uid, Stage.STATUS_ACKNOWLEDGED, at),
        )
        self.statuses = PodStatuses(
            self.status_manager, self.probes.flags, self.node.host_ips, lambda: self.runtime_facts.name,
            self.timeline,
        )

    def _make_workers(self) -> None:
        """What acts on pods."""
        clients, config = self.clients, self.options.config
        killer = Killer(clients.runtime, self.recorder, time.monotonic)
        configs = PodConfigs(
            self._context, self.volumes, self.images, self.cgroups.parent, self.recorder, self.timeline,
            self.objects, self.services, self.runtime_classes,
        )
        starter = Starter(
            clients.runtime, configs, killer, self.recorder, self.timeline, Path(config.pod_logs_dir),
            CONTAINER_LOGS_DIR,
        )
        self.crash_backoff = Backoff(
            CRASH_BACKOFF_SECONDS, float(config.crash_loop_back_off.max_container_restart_period)
        )
        executor = PodExecutor(
            clients.runtime, configs, configs, starter, killer,
            CrashBackoff(self.crash_backoff, self.recorder, time.monotonic, time.time), self.recorder, self.timeline,
        )
        self.registered = asyncio.Event()
        self.mirrors: MirrorKeeper | NoMirrors = NoMirrors()
        if clients.api is not None:
            writer = MirrorClient(clients.api, self.node_name, self.node.uid)
            self.mirrors = MirrorKeeper(writer, self.pods, self.node.registered, self._is_terminated)
        self.pod_sync = PodSync(PodServices(
            pods=self.pods, cache=self.pleg.cache, executor=executor, killer=killer, statuses=self.statuses,
            volumes=self.volumes, references=self.objects, cgroups=self.cgroups, probes=self.probes,
            mirrors=self.mirrors, recorder=self.recorder, timeline=self.timeline, root_dir=self.root_dir,
            network_error=self.node.network_error,
        ))
        self.workers = PodWorkers(
            self.pod_sync, float(config.sync_frequency), nothing_runs=self._nothing_runs,
            on_finished=self._pod_finished,
        )

    def _make_loop(self) -> None:
        """Sources in front, housekeeping behind."""
        self.config = PodConfig(pod_sources(self), self.recorder)
        self.upkeep = Upkeep(
            self._admit, self.status_manager, self.recorder,
            self.mirrors, tidiers(self), time.time,
        )
        self.loop = SyncLoop(
            self.config, self.pods, self.workers, self.pleg, self.probes.results, self.upkeep, self.timeline,
            on_probe_result=self._probe_result, on_pod=self.status_manager.pod_changed,
        )

    # Who tells whom.

    def _is_terminated(self, uid: PodUID) -> bool:
        return self.workers.is_terminated(uid)

    def _nothing_runs(self, uid: PodUID) -> bool:
        runtime = self.pleg.cache.get(uid)
        return not runtime.running_containers and not any(sandbox.ready for sandbox in runtime.sandboxes)

    def _pod_finished(self, uid: PodUID) -> None:
        self.pod_sync.forget(uid)
        self.loop.request_housekeeping()

    def _objects_changed(self, uids: set[PodUID]) -> None:
        """A config map or secret changed: its volumes are written anew when their pods are synced."""
        self.volumes.wake(uids)
        for uid in uids:
            if (pod := self.pods.get(uid)) is not None and self.workers.knows(uid):
                self.workers.update(PodUpdate(UpdateKind.SYNC, pod))

    def _probe_result(self, result: ProbeResult) -> None:
        """Readiness is published at once, the rest waits for the pod's worker."""

    def _context(self) -> NodeContext:
        """The node as the translation to CRI sees it, now."""
        config, node = self.options.config, self.node.node()
        return NodeContext(
            node_name=self.node_name, root_dir=self.root_dir, node_ips=self.node.host_ips(),
            pod_logs_dir=Path(config.pod_logs_dir), cluster_dns=tuple(config.cluster_dns),
            cluster_domain=config.cluster_domain,
            resolv_conf=Path(config.resolv_conf) if config.resolv_conf else None,
            seccomp_default=config.seccomp_default, allocatable=node.status.allocatable,
            memory_capacity=quantity.value(node.status.capacity.get("memory", 1)),
            cpu_cfs_quota=config.cpu_cfs_quota, cpu_cfs_period=int(float(config.cpu_cfs_quota_period) * 1_000_000),
        )

    def _admit(self, pod: Pod) -> admission.Rejection | None:
        active = active_pods(self.pods.pods(), self.status_manager, self.workers)
        return admission.admit(pod, active, self.node.node())


def pod_sources(agent: Agent) -> list[PodSource]:
    """Where this node's pods come from, as configured."""
    config = agent.options.config
    sources: list[PodSource] = []
    if config.static_pod_path:
        sources.append(DirectorySource(
            config.static_pod_path, agent.node_name, period=float(config.file_check_frequency)
        ))
    if config.static_pod_url:
        sources.append(UrlSource(
            config.static_pod_url, agent.node_name, headers=config.static_pod_url_header,
            period=float(config.http_check_frequency),
        ))
    if agent.clients.api is not None:
        sources.append(ApiServerSource(agent.clients.api, agent.node_name))
    return sources


def tidiers(agent: Agent) -> list[Tidier]:
    """Who cleans up after pods that are gone."""
    async def forget(matter: set[PodUID]) -> None:
        agent.probes.retain(matter)
        agent.status_manager.retain(matter)

    async def volumes(matter: set[PodUID]) -> None:
        for uid in await agent.volumes.orphans(matter):
            await agent.volumes.unmount_pod(uid)
            await agent.volumes.remove_pod_dir(uid)

    return [Tidier("probes and statuses", forget), Tidier("volumes", volumes)]
