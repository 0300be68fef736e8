"""Small pieces of the agent: settings out of the configuration, facts for the collector, sources and clean-up. Each
translates between two rooms' words."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from nodegc import ContainerPolicy

from kubelet.allocation import ResourceStore
from kubelet.allocation.manager import Allocations
from kubelet.api import quantity
from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Pod, ServiceAccount
from kubelet.apiclient import ApiClient, paths
from kubelet.cgroups import CgroupDriver, CgroupSettings, PodCgroups
from kubelet.cgroups.allocatable import Enforcement
from kubelet.collection import GarbageCollection
from kubelet.config import KubeletConfiguration, KubeletFlags, Options
from kubelet.containerspec import HostFacts
from kubelet.devices.manager import DeviceManager
from kubelet.eviction import EvictionSettings, effective_hard, parse_thresholds
from kubelet.images.providerconfig import read_provider_config
from kubelet.images.providers import CredentialProviders
from kubelet.logs.rotation import RotationPolicy
from kubelet.metrics import KubeletMetrics
from kubelet.node import NodeSettings
from kubelet.node.declared import declared_features
from kubelet.podmanager import PodManager
from kubelet.podstatus import StatusManager
from kubelet.podworkers import PodWorkers, WorkPhase
from kubelet.probing import PodProbes
from kubelet.sources import ApiServerSource, DirectorySource, PodConfig, PodSource, UrlSource
from kubelet.termination import TerminationMessages
from kubelet.tokens import TokenManager
from kubelet.upkeep import Matter, Tidier, active_pods
from kubelet.userns import UserNamespaces
from kubelet.userns.subids import UNIT
from kubelet.volumes.manager import VolumeManager
from pleg.cache import PodCache


def node_settings(options: Options, node_name: str) -> NodeSettings:
    config, flags = options.config, options.flags
    return NodeSettings(
        node_name=node_name, hostname=node_name, root_dir=Path(flags.root_dir), node_ips=flags.node_ips,
        register_node=config.register_node, labels=flags.node_labels, taints=tuple(config.register_with_taints),
        provider_id=config.provider_id, external_cloud_provider=flags.cloud_provider == "external",
        controller_attach_detach=config.enable_controller_attach_detach, kubelet_port=config.port,
        max_pods=config.max_pods, pods_per_core=config.pods_per_core, kube_reserved=config.kube_reserved,
        system_reserved=config.system_reserved,
        eviction_hard=hard_thresholds(options),
        max_images=config.node_status_max_images, update_seconds=float(config.node_status_update_frequency),
        declared_features=declared_features(config), report_seconds=float(config.node_status_report_frequency),
        lease_seconds=config.node_lease_duration_seconds,
    )


def hard_thresholds(options: Options) -> Mapping[str, str]:
    return effective_hard(options.config, given="evictionHard" in options.given)


def eviction_settings(options: Options) -> EvictionSettings:
    config = options.config
    return EvictionSettings(
        thresholds=parse_thresholds(config, hard_thresholds(options)),
        transition_seconds=float(config.eviction_pressure_transition_period),
        max_pod_grace_seconds=config.eviction_max_pod_grace_period,
        local_storage=config.local_storage_capacity_isolation, watch_memory=config.kernel_memcg_notification,
    )


def rotation_policy(config: KubeletConfiguration) -> RotationPolicy:
    return RotationPolicy(quantity.value(config.container_log_max_size), config.container_log_max_files)


def ids_per_pod(config: KubeletConfiguration) -> int:
    return config.user_namespaces.ids_per_pod if config.user_namespaces is not None else UNIT


def credential_providers(
    options: Options, api: ApiClient | None, tokens: TokenManager | None, metrics: KubeletMetrics
) -> CredentialProviders | None:
    """The plugins that log in at registries, where some are configured. Blocking. Raises ProviderConfigError."""
    file, directory = options.flags.image_credential_provider_config, options.flags.image_credential_provider_bin_dir
    if not file and not directory:
        return None
    config = read_provider_config(file, directory)
    metrics.credential_provider_config(config.digest)

    async def account(namespace: str, name: str) -> ServiceAccount:
        assert api is not None  # noqa: S101  # nobody has an account without one
        return await api.get(paths.service_account(namespace, name), ServiceAccount)

    return CredentialProviders(
        config, tokens, account if api is not None else None, observe=metrics.credential_provider)


def container_policy(flags: KubeletFlags) -> ContainerPolicy:
    return ContainerPolicy(
        min_age=float(flags.minimum_container_ttl_duration),
        keep_per_container=flags.maximum_dead_containers_per_container, keep_in_all=flags.maximum_dead_containers,
    )


def cgroup_settings(config: KubeletConfiguration, host: HostFacts) -> CgroupSettings:
    return CgroupSettings(
        per_qos=config.cgroups_per_qos, driver=CgroupDriver(config.cgroup_driver), root=config.cgroup_root,
        cfs_quota=config.cpu_cfs_quota, cfs_period=int(float(config.cpu_cfs_quota_period) * 1_000_000),
        pids_limit=config.pod_pids_limit, hugepage_sizes=host.hugepage_sizes,
    )


def enforcement(config: KubeletConfiguration) -> Enforcement:
    return Enforcement(
        keys=tuple(config.enforce_node_allocatable), kube_reserved=config.kube_reserved,
        system_reserved=config.system_reserved, kube_cgroup=config.kube_reserved_cgroup,
        system_cgroup=config.system_reserved_cgroup,
    )


class NodePods:
    """The pods as those see them who end pods for the node's sake."""

    def __init__(
        self, pods: PodManager, statuses: StatusManager, workers: PodWorkers, allocations: Allocations
    ) -> None:
        self._pods, self._statuses, self._workers, self._allocations = pods, statuses, workers, allocations
        self._finished = asyncio.Event()

    def active(self) -> list[Pod]:
        """With what is allocated to them, whatever they ask for."""
        return [
            self._allocations.allocated(pod)
            for pod in active_pods(self._pods.pods(), self._statuses, self._workers)
        ]

    async def until_cleaned_up(self, pods: Iterable[Pod]) -> None:
        """Until their workers are done: volumes are unmounted and cgroups removed."""
        while not all(self._is_cleaned_up(pod) for pod in pods):
            self._finished.clear()
            await self._finished.wait()

    def pod_finished(self) -> None:
        """Some pod's worker is done."""
        self._finished.set()

    def _is_cleaned_up(self, pod: Pod) -> bool:
        worker = self._workers.view(pod_uid(pod))
        return worker is None or worker.work.phase is WorkPhase.FINISHED


class CollectionFacts:
    """What the collector may take: answers of the pod workers and of the pod manager."""

    def __init__(self, config: PodConfig, pods: PodManager, workers: PodWorkers, volumes: VolumeManager) -> None:
        self._config, self._pods, self._workers, self._volumes = config, pods, workers, volumes

    def all_sources_seen(self) -> bool:
        return self._config.all_sources_seen()

    def content_removable(self, uid: str) -> bool:
        """The pod is unknown, or deleted and terminated."""
        worker = self._workers.view(PodUID(uid))
        if worker is None:
            return self._pods.get(PodUID(uid)) is None
        return worker.work.phase.is_terminated and (worker.work.deleted or worker.work.evicted)

    def runtime_removable(self, uid: str) -> bool:
        worker = self._workers.view(PodUID(uid))
        if worker is None:
            return self._pods.get(PodUID(uid)) is None
        return worker.work.phase.is_terminated

    def known_uids(self) -> Collection[str]:
        return {pod_uid(pod) for pod in self._pods.pods()} | set(self._workers.uids())

    def pods_with_volumes(self) -> Collection[str]:
        return self._volumes.pods_with_volumes()

    def pods(self) -> Iterable[Pod]:
        return [pod for pod in self._pods.pods() if not self._workers.is_terminated(pod_uid(pod))]


def pod_sources(
    config: KubeletConfiguration, node_name: str, api: ApiClient | None, node_listed: asyncio.Event | None
) -> list[PodSource]:
    """Where this node's pods come from, as configured. Those of the API server come once its Node is `node_listed`:
    they are admitted by its labels."""
    sources: list[PodSource] = []
    if config.static_pod_path:
        sources.append(DirectorySource(config.static_pod_path, node_name, period=float(config.file_check_frequency)))
    if config.static_pod_url:
        sources.append(UrlSource(
            config.static_pod_url, node_name, headers=config.static_pod_url_header,
            period=float(config.http_check_frequency),
        ))
    if api is not None:
        sources.append(ApiServerSource(api, node_name, ready=node_listed))
    return sources


def tidiers(
    probes: PodProbes, statuses: StatusManager, messages: TerminationMessages, cache: PodCache,
    collection: GarbageCollection, volumes: VolumeManager, cgroups: PodCgroups, allocations: Allocations,
    actuated: ResourceStore, user_namespaces: UserNamespaces, devices: DeviceManager,
) -> list[Tidier]:
    """Who cleans up after pods that are gone, in this order."""
    async def forget(matter: Matter) -> None:
        probes.retain(matter())
        statuses.retain(matter())
        allocations.retain(matter())
        actuated.retain(matter())
        devices.retain_active()
        messages.retain({container.id for runtime in cache for container in runtime.containers})

    async def remove_containers(matter: Matter) -> None:
        now = matter()
        if any(status.uid not in now for status in cache):
            await collection.collect_containers()

    async def remove_volumes(matter: Matter) -> None:
        for uid in await volumes.orphans(matter):
            if uid not in matter():
                await volumes.unmount_pod(uid)
            if uid not in matter():
                await volumes.remove_pod_dir(uid)

    async def remove_cgroups(matter: Matter) -> None:
        await cgroups.sweep(matter)

    async def release_ids(matter: Matter) -> None:
        for uid in user_namespaces.holders():
            if uid not in matter():
                await asyncio.to_thread(user_namespaces.release, uid)

    return [
        Tidier("probes and statuses", forget), Tidier("containers", remove_containers),
        Tidier("volumes", remove_volumes), Tidier("cgroups", remove_cgroups),
        Tidier("user namespaces", release_ids),
    ]
