"""The agent's components, made in the order in which they need each other. kubelet.app runs them.

Standalone (no kubeconfig) is the same agent without an API client: statuses and events stay on the node, objects of
the API server cannot be had and say so.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cri.client import ImageClient, RuntimeClient
from cri.v1 import api_pb2 as cri
from kubelet import admission
from kubelet.agentparts import (
    CollectionFacts,
    NodePods,
    cgroup_settings,
    container_policy,
    credential_providers,
    enforcement,
    eviction_settings,
    ids_per_pod,
    node_settings,
    pod_sources,
    rotation_policy,
    tidiers,
)
from kubelet.allocation import ResourceStore
from kubelet.allocation.conditions import ResizeConditions
from kubelet.allocation.manager import Allocations
from kubelet.api import quantity
from kubelet.api.meta import ContainerKind, PodUID, is_static, parse_time, pod_uid
from kubelet.api.types import Node, Pod, Quantity, ResourceRequirements
from kubelet.apiclient import ApiClient, Reflector, paths
from kubelet.backoff import Backoff
from kubelet.certificates import ClientIdentity
from kubelet.cgroups import PodCgroups
from kubelet.cgroups.allocatable import AllocatableEnforcer
from kubelet.collection import GarbageCollection, Places, image_policy
from kubelet.config import Options, gates
from kubelet.containerspec import HostFacts, NodeContext
from kubelet.deviceadmission import DeviceAdmission, device_statuses, node_with_given, running_containers, uids
from kubelet.devices.manager import DeviceManager, Surroundings
from kubelet.events import ApiEventRecorder, EventRecorders, LogEventRecorder
from kubelet.eviction import EvictionManager, NodeMeter
from kubelet.executor.kill import Killer
from kubelet.executor.resize import Resizer
from kubelet.executor.start import ContainerToStart, CrashBackoff, Starter
from kubelet.executor.sync import PodExecutor
from kubelet.images import ImageManager, pulled
from kubelet.images.pulled import PulledImages
from kubelet.logs.manager import ContainerLogManager, RunningLog
from kubelet.metrics import KubeletMetrics, PodCounts
from kubelet.metrics.observers import RuntimeMetrics, WorkerMetrics
from kubelet.metrics.storage import TotalVolumes, VolumesNow
from kubelet.mirrors import MirrorKeeper, NoMirrors
from kubelet.node import HealthCheck, LeaseKeeper, NodeManager, NodeSurroundings, RuntimeHealth
from kubelet.nodeshutdown import STATE_FILE, Logind, ShutdownManager, shutdown_groups
from kubelet.objects import ObjectManager, RuntimeClasses, Services
from kubelet.paths import CONTAINER_LOGS_DIR
from kubelet.podconfigs import PodConfigs
from kubelet.podender import PodEnder
from kubelet.podmanager import PodManager
from kubelet.podstatus import StatusManager
from kubelet.podstatuses import PodStatuses
from kubelet.podsync import PodServices, PodSync
from kubelet.podworkers import PodUpdate, PodWorkers, UpdateKind
from kubelet.preemption import CannotMakeRoomError, Preemption, Preemptor, plan_preemption
from kubelet.probing import CHECKPOINT_NAME, PodProbes
from kubelet.runtimefacts import RuntimeFacts
from kubelet.sources import MirrorClient, PodConfig
from kubelet.syncloop import SyncLoop
from kubelet.syscalls import LinuxSyscalls
from kubelet.timeline import Stage, Timeline, adopted
from kubelet.tokens import TokenManager
from kubelet.upkeep import Upkeep
from kubelet.userns import IdRange, UserNamespaces
from kubelet.volumes.content import ContentSource
from kubelet.volumes.manager import VolumeManager
from kubelet.volumes.payload import used_volumes
from kubelet.volumes.setup import volume_plugin
from pleg import Pleg
from probes import ProbeKind, ProbeResult
from probes import Verdict as ProbeVerdict

CRASH_BACKOFF_SECONDS, REDUCED_CRASH_BACKOFF_SECONDS = 10.0, 1.0
SHUTDOWN_FLUSH_SECONDS = 2.0
"""How long a shutdown waits for the last statuses to reach the API server."""
ALLOCATED_FILE, ACTUATED_FILE = "allocated_pods_state", "actuated_pods_state"


@dataclass(slots=True)
class Clients:
    """Connections to the outside; `api` and its siblings are None on a standalone node."""

    runtime: RuntimeClient
    images: ImageClient
    api: ApiClient | None = None
    event_api: ApiClient | None = None
    heartbeat_api: ApiClient | None = None
    identity: ClientIdentity | None = None

    @classmethod
    async def connect(
        cls, options: Options, endpoint: str, metrics: KubeletMetrics, identity: ClientIdentity | None
    ) -> "Clients":
        """`identity` None: standalone. Raises KubeconfigError; nobody has to be there yet."""
        config = options.config
        timeout = float(config.runtime_request_timeout)
        clients = cls(
            RuntimeClient(endpoint, timeout, metrics.runtime_operation),
            ImageClient(config.image_service_endpoint or endpoint, timeout, metrics.runtime_operation),
            identity=identity,
        )
        if identity is not None:
            clients.api = identity.client(qps=config.kube_api_qps, burst=config.kube_api_burst)
            clients.api.on_request = metrics.api_request
            await clients.api.try_credentials()
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

    def __init__(
        self, options: Options, node_name: str, clients: Clients, metrics: KubeletMetrics, host: HostFacts,
        pod_ids: IdRange,
    ) -> None:
        """`pod_ids`: ids of the host for pods with user namespaces of their own."""
        self.host = host
        self.options, self.node_name, self.clients, self.metrics = options, node_name, clients, metrics
        self.runtime_metrics = RuntimeMetrics(metrics)
        self.root_dir = Path(options.flags.root_dir)
        self.user_namespaces = UserNamespaces(self.root_dir, pod_ids, ids_per_pod(options.config))
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
        self._make_devices()
        self._make_node()
        self._make_pod_rooms()
        self._make_workers()
        self._make_loop()
        metrics.count_at_scrape(self.pod_counts)
        self._observe_pleg()

    def _observe_pleg(self) -> None:
        metrics, stats = self.metrics, self.pleg.stats

        def relisted(seconds: float, interval: float | None) -> None:
            metrics.pleg_relist_duration_seconds.observe(seconds)
            if interval is not None:
                metrics.pleg_relist_interval_seconds.observe(interval)
            metrics.pleg_last_seen_seconds.set(stats.last_seen_seconds)

        metrics.pleg_discard_events.follow(lambda: stats.discarded_events)
        metrics.evented_pleg_connection_success_count.follow(lambda: stats.stream_connections)
        metrics.evented_pleg_connection_error_count.follow(lambda: stats.stream_errors)
        metrics.cgroup_version.set(2 if self.host.cgroup_v2 else 1)
        stats.on_relist = relisted
        stats.on_pod_relist = metrics.pleg_pod_relist_duration_seconds.observe
        stats.on_event_latency = metrics.evented_pleg_connection_latency_seconds.observe

    def _make_devices(self) -> None:
        metrics = self.metrics
        self.devices = DeviceManager(self.root_dir, Surroundings(
            active=lambda: uids(self.node_pods.active()),
            all_sources_seen=lambda: self.config.all_sources_seen(),  # noqa: PLW0108 - made later
            running=lambda uid: running_containers(self.pleg.cache, uid),
            changed=lambda: self.node.wake(),  # noqa: PLW0108 - made later
            health_changed=self._device_health_changed,
            registered=lambda resource: metrics.device_plugin_registration_total.labels(resource).inc(),
            allocated=lambda resource, seconds:
                metrics.device_plugin_alloc_duration_seconds.labels(resource).observe(seconds),
        ))

    def _make_node(self) -> None:
        """The node itself: what it is, how it does, and the cgroups that it lends to pods."""
        clients = self.clients
        self.health = RuntimeHealth(clients.runtime, checks=(HealthCheck("PLEG", self.pleg.healthy),))
        self.node_reflector = Reflector(
            clients.api, paths.NODES, Node, field_selector=f"metadata.name={self.node_name}",
            on_change=lambda: self.node.wake(),  # noqa: PLW0108 - made later
        ) if clients.api else None
        self.node = NodeManager(
            node_settings(self.options, self.node_name), self.health, self.recorder, client=clients.api,
            images=clients.images, surroundings=NodeSurroundings(
                listed=self._listed_node, volumes_in_use=lambda: self.volumes.volumes_in_use(),  # noqa: PLW0108 - made later
                pod_cidr_changed=self._pod_cidr_changed, pressure=lambda: self.eviction.pressure,
                errors=lambda: self.shutdown.errors(),  # noqa: PLW0108 - made later
                devices=self.devices.capacity, made_anew=lambda: self.devices.fresh,
            ),
            on_registered=self.metrics.node_startup_registration_duration_seconds.set,
            on_ready=self.metrics.node_ready,
        )
        self.lease = LeaseKeeper(
            clients.heartbeat_api, self.node_name, self.options.config.node_lease_duration_seconds,
            self.node.node_uid,
        )
        self.cgroups = PodCgroups(
            cgroup_settings(self.options.config, self.host), observe=self.runtime_metrics.cgroup)
        self.enforcer = AllocatableEnforcer(
            enforcement(self.options.config), self.cgroups, self.recorder, lambda: self.node.reference
        )

    def _listed_node(self) -> Node | None:
        return self.node_reflector.get(self.node_name) if self.node_reflector else None

    def _believed_conditions(self) -> list[str]:
        """Conditions that the API server's node has."""
        listed = self._listed_node()
        return [found.type for found in listed.status.conditions if found.status == "True"] if listed else []

    async def _pod_cidr_changed(self, cidr: str) -> None:
        await self.clients.runtime.UpdateRuntimeConfig(cri.UpdateRuntimeConfigRequest(
            runtime_config=cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr=cidr))
        ))

    def allocatable(self) -> Mapping[str, Quantity]:
        return self.node.node().status.allocatable

    def _make_pod_rooms(self) -> None:
        """What pods are made of: objects, volumes, images, probes, statuses."""
        clients, config = self.clients, self.options.config
        self.objects = ObjectManager(clients.api, self._objects_changed)
        self.services = Services(clients.api) if clients.api else None
        self.runtime_classes = RuntimeClasses(clients.api)
        self.tokens = TokenManager(clients.api) if clients.api else None
        self.volumes = VolumeManager(
            self.root_dir, content=ContentSource(self.objects, self.tokens, self.allocatable),
            syscalls=LinuxSyscalls(), recorder=self.recorder, observer=self.metrics.storage_operations,
        )
        self.metrics.show(TotalVolumes(self._volumes_now))
        self.metrics.set_features(gates.all_states(self.options.config.feature_gates))
        self.pulled = PulledImages(self.root_dir / pulled.FILE_NAME)
        self.actuated = ResourceStore(self.root_dir / ACTUATED_FILE)
        self.allocations = Allocations(
            ResourceStore(self.root_dir / ALLOCATED_FILE), ResizeConditions(time.time), self.recorder,
            self.pods.get, self._fits, self._wake,
        )
        self.images = ImageManager(
            clients.images, self.recorder, root_dir=self.root_dir, qps=config.registry_pull_qps,
            burst=config.registry_burst,
            parallel=1 if config.serialize_image_pulls else config.max_parallel_image_pulls,
            on_pulled=self.pulled.note, on_pull=self.runtime_metrics.pull,
            providers=credential_providers(self.options, clients.api, self.tokens, self.metrics),
        )
        self.probes = PodProbes(
            clients.runtime, self.recorder, checkpoint_path=self.root_dir / CHECKPOINT_NAME,
            host_ip=lambda: next(iter(self.node.host_ips()), ""), observe_attempt=self.metrics.probe_attempt,
        )
        self.status_manager = StatusManager(
            clients.api, self.pods,
            could_have_running_containers=lambda uid: self.workers.could_have_running_containers(uid),  # noqa: PLW0108 - made later
            acknowledged=self._acknowledged, on_synced=self.metrics.pod_status_sync_duration_seconds.observe,
            on_terminated=self.runtime_metrics.terminated,
        )
        self.statuses = PodStatuses(
            self.status_manager, self.probes.flags, self.node.host_ips, self._runtime_name, self.timeline,
            self._recursive_read_only, self.recorder, resize_conditions=self.allocations.conditions.of,
            actuated=self.actuated.get, stop_signals=gates.enabled("ContainerStopSignals", config.feature_gates),
            devices=partial(device_statuses, self.devices)
            if gates.enabled("ResourceHealthStatus", config.feature_gates) else lambda _: {},
        )

    def _make_workers(self) -> None:
        """What acts on pods."""
        clients, config = self.clients, self.options.config
        fallback = self.metrics.lifecycle_handler_http_fallbacks_total.inc
        killer = Killer(
            clients.runtime, self.recorder, time.monotonic, self.timeline, on_fallback=fallback,
            on_sleep_cut=self.metrics.sleep_action_terminated_early_total.inc,
        )
        self.configs = configs = PodConfigs(
            self._context, self.volumes, self.images, self.cgroups.parent, self.recorder, self.timeline,
            self.objects, self.services, self.runtime_classes, lambda: self.node.reference, self.user_namespaces,
            lambda: self.health.handlers, self.devices,
        )
        starter = Starter(
            clients.runtime, configs, killer, self.recorder, self.timeline, Path(config.pod_logs_dir),
            CONTAINER_LOGS_DIR, on_size=self._note_size, on_start=self.runtime_metrics.container,
            on_fallback=fallback,
        )
        reduced = gates.enabled("ReduceDefaultCrashLoopBackOffDecay", config.feature_gates)
        self.crash_backoff = Backoff(
            REDUCED_CRASH_BACKOFF_SECONDS if reduced else CRASH_BACKOFF_SECONDS,
            float(config.crash_loop_back_off.max_container_restart_period),
        )
        executor = PodExecutor(
            clients.runtime, configs, configs, starter, killer,
            CrashBackoff(self.crash_backoff, self.recorder, time.monotonic, time.time), self.recorder, self.timeline,
            resizer=Resizer(clients.runtime, self.cgroups, configs, self.actuated, self.allocations.save),
            on_user_namespace=self.metrics.user_namespace, observer=self.runtime_metrics,
        )
        self.mirrors: MirrorKeeper | NoMirrors = NoMirrors()
        if clients.api is not None:
            writer = MirrorClient(clients.api, self.node_name, self.node.node_uid)
            self.mirrors = MirrorKeeper(writer, self.pods, self.node.registered, self._is_terminated)
        self.pod_sync = PodSync(PodServices(
            pods=self.pods, cache=self.pleg.cache, executor=executor, killer=killer, statuses=self.statuses,
            volumes=self.volumes, references=self.objects, cgroups=self.cgroups, probes=self.probes,
            mirrors=self.mirrors, user_namespaces=self.user_namespaces, resizes=self.allocations,
            actuated=self.actuated, reinspect=self.pleg.request_reinspect, recorder=self.recorder,
            timeline=self.timeline, root_dir=self.root_dir,
            network_error=self.health.network_error,
        ))
        self.workers = PodWorkers(
            self.pod_sync, float(config.sync_frequency), nothing_runs=self._nothing_runs,
            on_finished=self._pod_finished, observer=WorkerMetrics(self.metrics),
        )

    def _make_loop(self) -> None:
        """Sources in front, housekeeping behind."""
        config, syscalls = self.options.config, LinuxSyscalls()
        listed = self.node_reflector.synced if self.node_reflector else None
        self.config = PodConfig(pod_sources(config, self.node_name, self.clients.api, listed), self.recorder)
        self.collection = GarbageCollection(
            self.clients.runtime, self.clients.images,
            CollectionFacts(self.config, self.pods, self.workers, self.volumes), self.recorder,
            node=lambda: self.node.reference,
            places=Places(self.root_dir, Path(config.pod_logs_dir), CONTAINER_LOGS_DIR),
            mount_points=lambda: [str(mount.mount_point) for mount in syscalls.mounts()],
            image_policy=image_policy(config, self.options.flags.image_gc_protect),
            pulled=self.pulled.ids if self.options.flags.image_gc_pulled_only else None,
            container_policy=container_policy(self.options.flags),
            on_image_removed=lambda cause: self.metrics.image_garbage_collected_total.labels(cause).inc(),
        )
        self.logs = ContainerLogManager(
            self._running_logs, self.clients.runtime, rotation_policy(config),
            interval_seconds=float(config.container_log_monitor_interval), workers=config.container_log_max_workers,
        )
        self.node_pods = NodePods(self.pods, self.status_manager, self.workers, self.allocations)
        self.ender = PodEnder(self.workers, self.recorder)
        self.eviction = EvictionManager(
            eviction_settings(self.options),
            NodeMeter(
                self.clients.runtime, self.clients.images, self.root_dir, Path(config.pod_logs_dir),
                pods_cgroup=lambda: self.cgroups.pods_path,
            ),
            self.collection, self.node_pods, self.ender, self.recorder, lambda: self.node.reference,
            on_pressure=self.node.wake, on_evicted=lambda signal: self.metrics.evictions.inc(eviction_signal=signal),
            believed=self._believed_conditions,
            on_stats_age=lambda signal, age: self.metrics.eviction_stats_age_seconds.labels(signal).observe(age),
        )
        preemptor = Preemptor(
            self.ender, self.recorder, lambda resource: self.metrics.preemptions.inc(preemption_signal=resource)
        )
        self.shutdown = ShutdownManager(
            shutdown_groups(config), Logind.connect, self.node_pods, self.ender, self.recorder,
            lambda: self.node.reference, state_file=self.root_dir / STATE_FILE,
            flush=lambda: self.status_manager.flush(SHUTDOWN_FLUSH_SECONDS), on_change=self.node.wake,
            on_record=self.metrics.shutdown_recorded,
        )
        self.upkeep = Upkeep(
            self._admit, preemptor, self.status_manager, self.recorder, self.mirrors,
            tidiers(
                self.probes, self.status_manager, self.statuses.messages, self.pleg.cache, self.collection,
                self.volumes, self.cgroups, self.allocations, self.actuated, self.user_namespaces, self.devices,
            ),
            time.time, on_rejected=lambda reason: self.metrics.admission_rejections_total.labels(reason).inc(),
            devices=DeviceAdmission(self.devices, self._refused_before_devices),
        )
        self.loop = SyncLoop(
            self.config, self.pods, self.workers, self.pleg, self.probes.results, self.upkeep, self.timeline,
            on_probe_result=self._probe_result, on_pod=self.status_manager.pod_changed,
            on_death=self.collection.container_died, allocations=self.allocations,
        )

    # Who tells whom.

    def _is_terminated(self, uid: PodUID) -> bool:
        return self.workers.is_terminated(uid)

    def _nothing_runs(self, uid: PodUID) -> bool:
        runtime = self.pleg.cache.get(uid)
        return not runtime.running_containers and not any(sandbox.ready for sandbox in runtime.sandboxes)

    def _pod_finished(self, uid: PodUID) -> None:
        self.pod_sync.forget(uid)
        self.images.forget(uid)
        self.allocations.retry()  # there is more room now
        if self.tokens is not None:
            self.tokens.forget(uid)
        self.node_pods.pod_finished()
        self.loop.request_housekeeping()

    def _objects_changed(self, uids: set[PodUID]) -> None:
        """A config map or secret changed: its volumes are written anew when their pods are synced."""
        self.volumes.wake(uids)
        for uid in uids:
            if (pod := self.pods.get(uid)) is not None and self.workers.knows(uid):
                self.workers.update(PodUpdate(UpdateKind.SYNC, pod))

    def _probe_result(self, result: ProbeResult) -> None:
        """Readiness and startup are published at once; what follows from them waits for the pod's worker."""
        uid, succeeded = PodUID(result.uid), result.verdict is ProbeVerdict.SUCCESS
        if result.kind is ProbeKind.READINESS:
            self.status_manager.set_container_flags(uid, self._qualified(result.container_id), ready=succeeded)
        elif result.kind is ProbeKind.STARTUP:
            self.status_manager.set_container_flags(uid, self._qualified(result.container_id), started=succeeded)

    def _qualified(self, container_id: str) -> str:
        """`docker://<id>`, as statuses name containers."""
        return f"{self._runtime_name()}://{container_id}"

    def _runtime_name(self) -> str:
        return self.health.runtime_name or self.runtime_facts.name

    def _acknowledged(self, uid: PodUID, at: float) -> None:
        before = self.timeline.snapshot(uid)
        self.timeline.mark(uid, Stage.STATUS_ACKNOWLEDGED, at)
        after, pod = self.timeline.snapshot(uid), self.pods.get(uid)
        if pod is None or after is None or not after.complete or after.adopted or (before and before.complete):
            return
        created = pod.metadata.creation_timestamp
        self.metrics.pod_started(after, parse_time(created) if created else self.started_at)

    def adopt_timelines(self) -> None:
        """Pods that ran before this agent: what can be told of their start."""
        for runtime in self.pleg.cache:
            if (pod := self.pods.get(PodUID(runtime.uid))) is not None and runtime.running_containers:
                self.timeline.adopt(adopted(pod, runtime))

    def pod_counts(self) -> PodCounts:
        """What a scrape of the metrics counts."""
        pods, workers = self.pods.pods(), self.workers
        active = [pod for pod in pods if not workers.is_terminated(pod_uid(pod))]
        return PodCounts(
            running_pods=self.pleg.running_pods(),
            containers=tuple(self.pleg.containers_by_state().items()),
            desired_static=sum(map(is_static, pods)), desired=sum(not is_static(pod) for pod in pods),
            active_static=sum(map(is_static, active)), active=sum(not is_static(pod) for pod in active),
            mirror=len(self.pods.mirrors()),
            ephemeral_containers=sum(len(pod.spec.ephemeral_containers) for pod in pods),
            working=tuple(workers.states(lambda uid: self.pods.get(uid) is not None).items()),
        )

    def health_checks(self) -> Mapping[str, str]:
        """What /healthz answers: name to error, empty when it passes."""
        quiet = time.monotonic() - self.loop.last_turn
        limit = max(2 * float(self.options.config.sync_frequency), 300.0)
        return {
            "ping": "", "log": "",
            "syncloop": f"sync Loop took longer than expected: {quiet:.0f}s" if quiet > limit else "",
            "device-plugin": self.devices.problem,
        }

    def _volumes_now(self) -> VolumesNow:
        wanted = [
            volume_plugin(volume) for pod in self.pods.pods() if not self.workers.termination_requested(pod_uid(pod))
            for volume in pod.spec.volumes if volume.name in used_volumes(pod)
        ]
        return VolumesNow(self.volumes.plugins(), [plugin for plugin in wanted if plugin])

    def _running_logs(self) -> list[RunningLog]:
        return [
            RunningLog(container.id, Path(container.log_path))
            for runtime in self.pleg.cache for container in runtime.running_containers if container.log_path
        ]

    def _context(self) -> NodeContext:
        """The node as the translation to CRI sees it, now."""
        config, node, host = self.options.config, self.node.node(), self.host
        return NodeContext(
            node_name=self.node_name, root_dir=self.root_dir, node_ips=self.node.host_ips(),
            pod_logs_dir=Path(config.pod_logs_dir), cluster_dns=tuple(config.cluster_dns),
            cluster_domain=config.cluster_domain,
            resolv_conf=Path(config.resolv_conf) if config.resolv_conf else None,
            seccomp_default=config.seccomp_default or self.options.flags.seccomp_default,
            allocatable=node.status.allocatable,
            memory_capacity=quantity.value(node.status.capacity.get("memory", 1)),
            stop_signals=gates.enabled("ContainerStopSignals", config.feature_gates),
            cpu_cfs_quota=config.cpu_cfs_quota, cpu_cfs_period=int(float(config.cpu_cfs_quota_period) * 1_000_000),
            cgroup_v2=host.cgroup_v2, single_process_oom_kill=config.single_process_oom_kill,
            swap_controller=host.swap_controller,
            limited_swap=config.memory_swap.swap_behavior == "LimitedSwap",
            swap_capacity=self.node.facts.swap if self.node.facts else 0, hugepage_sizes=host.hugepage_names,
            masked_paths=host.masked_paths, selinux_enabled=host.selinux_enabled,
            recursive_read_only_handlers=self._recursive_read_only_handlers(),
        )

    def _recursive_read_only_handlers(self) -> frozenset[str]:
        return frozenset(
            handler.name for handler in self.health.handlers
            if handler.features and handler.features.recursive_read_only_mounts
        )

    def _recursive_read_only(self, pod: Pod) -> bool:
        """Whether the pod's runtime can make mounts read-only all the way down."""
        handler = self.runtime_classes.known_handler(pod.spec.runtime_class_name)
        return handler in self._recursive_read_only_handlers()

    def _device_health_changed(self, owners: Collection[PodUID]) -> None:
        for uid in owners:
            if (pod := self.pods.get(uid)) is not None:
                self._wake(pod)

    def _wake(self, pod: Pod) -> None:
        if self.workers.knows(pod_uid(pod)):
            self.workers.update(PodUpdate(UpdateKind.SYNC, pod))

    def _note_size(self, pod: Pod, item: ContainerToStart) -> None:
        """A container is created with what is allocated to it."""
        if item.kind is not ContainerKind.EPHEMERAL:
            sizes = item.container.resources or ResourceRequirements()
            self.actuated.set_container(pod_uid(pod), item.container.name, sizes)

    def _fits(self, pod: Pod) -> admission.Rejection | None:
        """Why an admitted pod cannot have the size that it asks for now."""
        answer = self._ask_admission(pod, self.node_pods.active())
        return answer.shortages[0].rejection if isinstance(answer, admission.NeedsRoom) else answer

    def _admit(self, pod: Pod, later: Collection[PodUID]) -> admission.Rejection | Preemption | None:
        pod = self.allocations.allocated(pod)
        active = [other for other in self.node_pods.active() if pod_uid(other) not in later]
        answer = self._ask_admission(pod, active)
        if not isinstance(answer, admission.NeedsRoom):
            return answer
        try:
            return plan_preemption(pod, active, answer.shortages)
        except CannotMakeRoomError as error:
            return admission.Rejection("UnexpectedAdmissionError", str(error))

    def _ask_admission(self, pod: Pod, active: list[Pod]) -> admission.Rejection | admission.NeedsRoom | None:
        node = node_with_given(self.node.node(), self.devices, pod)
        return admission.admit(pod, active, node, self._node_state())

    def _refused_before_devices(self, pod: Pod) -> admission.Rejection | None:
        return admission.refused_before_devices(pod, self._node_state())

    def _node_state(self) -> admission.NodeState:
        facts = self.node.facts
        state = admission.NodeState(
            allowed_unsafe_sysctls=tuple(self.options.config.allowed_unsafe_sysctls), apparmor=self.host.apparmor,
            pod_level_resources=gates.enabled("PodLevelResources", self.options.config.feature_gates),
            pressure=self.eviction.pressure.names(), shutting_down=self.shutdown.shutting_down,
        )
        return replace(state, kernel=facts.kernel) if facts else state
