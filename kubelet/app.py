"""The agent from options to the end: makes it, runs every component in one task group, and stops it on demand.

    runtime (CRI) ─ pleg ─┐                       ┌─ statuses ─▶ API server
    sources ──────────────┼─▶ sync loop ─▶ workers┼─ executor ─▶ runtime
    probes ───────────────┘                       └─ volumes, images, cgroups, objects
    beside: node, lease, server, operator's socket, collection, log rotation, mirrors

Nothing here decides anything: a question that this module would have to answer belongs into a room.
"""

import asyncio
import logging
import socket
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from kubelet.agent import Agent, Clients
from kubelet.agentparts import ids_per_pod
from kubelet.apiclient import ApiClient, ApiError, KubeconfigError
from kubelet.certificates import (
    SERVING_PREFIX,
    SERVING_SIGNER,
    CertificateManager,
    ClientIdentity,
    IdentitySettings,
    PairStore,
    Purpose,
    RefusedError,
    RequestError,
    StoreError,
    client_identity,
    serving_template,
    watch_validity,
)
from kubelet.cgroups import CgroupDriver, CgroupError
from kubelet.config import Options, enabled, to_plain
from kubelet.containerspec import HostFacts, learn_host_facts
from kubelet.embedded import EmbeddedDockershim
from kubelet.explain import NodeHealth
from kubelet.images.progress import PullProgress
from kubelet.images.providerconfig import ProviderConfigError
from kubelet.kernelflags import set_flags, warnings, wrong_flags
from kubelet.metrics import KubeletMetrics
from kubelet.mirrors import MirrorKeeper
from kubelet.node.capacity import overdrawn
from kubelet.notify import keep_watchdog_fed, notify, watchdog_seconds
from kubelet.oom import OomWatcher, apply_own_score
from kubelet.operator.server import SOCKET_NAME, OperatorServer
from kubelet.podresources.server import PodResourcesServer, Sources
from kubelet.server.assembly import make_server
from kubelet.server.server import KubeletServer
from kubelet.server.tls import TLSError
from kubelet.userns import IdRange, SubidsError, kubelet_ids
from kubelet.userns.subids import checked
from kubelet.views import (
    AgentFacts,
    AgentOperatorView,
    AgentView,
    HealthChecks,
    OperatorRooms,
    SettingsView,
    unix_time,
)
from kubelet.volumes.teardown import pods_on_disk

T = TypeVar("T")
logger = logging.getLogger(__name__)

TLS_READ_BYTES = 64 * 1024
"""What a TLS connection reads at once. asyncio's 256 KiB would be in use for each of a dozen connections."""

FLUSH_SECONDS = 2.0
"""At the end, statuses that are under way get this long to reach the API server."""


class AgentError(Exception):
    """The agent cannot run; one line for the operator."""


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Run the agent until `stop`. Raises AgentError for what the operator has to mend first."""
    SSLProtocol.max_size = TLS_READ_BYTES
    try:
        watchdog_seconds()
    except ValueError as error:
        raise AgentError(f"configure watchdog: {error}") from None
    embedded = embedded_dockershim(options)
    name = node_name(options)
    metrics = KubeletMetrics(name)
    endpoint = embedded.endpoint if embedded else options.config.container_runtime_endpoint
    identity = await _unless_stopped(node_identity(options, name, metrics), stop)
    if stop.is_set():
        return
    try:
        clients = await Clients.connect(options, endpoint, metrics, identity)
    except (KubeconfigError, ValueError) as error:
        raise AgentError(str(error)) from None
    try:
        host = await asyncio.to_thread(learn_host_facts)
        await asyncio.to_thread(apply_own_score, options.config.oom_score_adj)
        check_host(options, host, await asyncio.to_thread(swap_areas))
        await asyncio.to_thread(settle_kernel, options)
        ids = await pod_ids(options)
        try:
            agent = Agent(options, name, clients, metrics, host, ids)
        except ProviderConfigError as error:
            raise AgentError(f"credential provider plugins: {error}") from None
        await _run(agent, embedded, stop)
    finally:
        await clients.close()


async def _run(agent: Agent, embedded: EmbeddedDockershim | None, stop: asyncio.Event) -> None:
    server = await _server(agent)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=name) for name, work in components(agent, embedded, server).items()
            ]
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            logger.info("Stopping; running pods stay")
            await agent.status_manager.flush(timeout=FLUSH_SECONDS)
            for task in tasks:
                task.cancel()
    except* (OSError, CgroupError, AgentError) as group_error:
        # Ports that are taken, cgroups that are not there: what only the operator can mend.
        raise AgentError("; ".join(str(error) for error in _leaves(group_error))) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """What `work` returns; None when the agent is told to stop before. Raises what `work` raises."""
    async def outcome() -> T | AgentError:
        try:
            return await work
        except AgentError as error:
            return error

    async with asyncio.TaskGroup() as group:
        working, stopped = group.create_task(outcome()), group.create_task(stop.wait())
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        ended = working.result() if working.done() else None
        working.cancel()
        stopped.cancel()
    if isinstance(ended, AgentError):
        raise ended
    return ended


async def node_identity(options: Options, name: str, metrics: KubeletMetrics) -> ClientIdentity | None:
    """How this node is known to the API server; None for a standalone node. Without rotateCertificates this waits for
    the first certificate. Raises AgentError."""
    config, flags = options.config, options.flags
    if options.standalone:
        return None
    if not flags.kubeconfig:
        raise AgentError("--bootstrap-kubeconfig needs --kubeconfig, the file that names the node's certificate later")
    settings = IdentitySettings(
        name, flags.kubeconfig, flags.bootstrap_kubeconfig, Path(flags.cert_dir), config.rotate_certificates)
    try:
        identity = await client_identity(settings, metrics.client_certificate)
    except (ApiError, KubeconfigError, StoreError, RefusedError, RequestError, OSError, ValueError) as error:
        raise AgentError(str(error)) from None
    if identity.manager is not None:
        metrics.follow_certificate("client", identity.manager.ttl_seconds)
    return identity


def check_host(options: Options, host: HostFacts, swap: Sequence[str]) -> None:
    """What upstream's kubelet refuses to run on unless told otherwise. Raises AgentError."""
    if options.config.fail_cgroup_v1 and not host.cgroup_v2:
        raise AgentError(
            "this host uses cgroup v1, which the configuration refuses: boot it with cgroup v2, or set "
            "failCgroupV1: false (--fail-cgroupv1=false)"
        )
    if options.config.fail_swap_on and swap:
        raise AgentError(
            f"running with swap on is not supported ({', '.join(swap)}): disable swap, or set failSwapOn: false "
            "(--fail-swap-on=false)"
        )


def settle_kernel(options: Options, sysctls: Path = Path("/proc/sys")) -> None:
    """Raises AgentError for kernel flags that are not as they should be, if they are to be left alone."""
    if options.config.protect_kernel_defaults:
        if wrong := wrong_flags(sysctls):
            raise AgentError(f"{'; '.join(wrong)}: set them by sysctl, or set protectKernelDefaults: false")
    elif not options.standalone:
        set_flags(sysctls)


async def pod_ids(options: Options) -> IdRange:
    """Ids of the host for pods with user namespaces. Raises AgentError."""
    per_pod = ids_per_pod(options.config)
    try:
        return checked(await asyncio.to_thread(kubelet_ids, per_pod), per_pod, options.config.max_pods)
    except SubidsError as error:
        raise AgentError(f"kubelet mappings: {error}") from None


def swap_areas(table: Path = Path("/proc/swaps")) -> list[str]:
    """Active swap files and partitions; none where the kernel has no swap at all."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    return [line.split()[0] for line in lines if line.split()]


def node_name(options: Options) -> str:
    """--hostname-override, or the host's name in lower case (nodeutil.GetHostname)."""
    name = (options.flags.hostname_override or socket.gethostname()).strip().lower()
    if not name:
        raise AgentError("this host has no name; set one, or give --hostname-override")
    return name


def embedded_dockershim(options: Options) -> EmbeddedDockershim | None:
    """Our own dockershim, unless a runtime is named."""
    if "containerRuntimeEndpoint" in options.given:
        return None
    flags = list(options.flags.dockershim_flag)
    if options.flags.pod_infra_container_image:
        flags.append(f"--pod-infra-container-image={options.flags.pod_infra_container_image}")
    return EmbeddedDockershim(Path(options.flags.root_dir) / "dockershim.sock", flags)


def components(
    agent: Agent, embedded: EmbeddedDockershim | None, server: KubeletServer
) -> dict[str, Coroutine[Any, Any, None]]:
    """Everything that runs for as long as the agent does, by name."""
    running: dict[str, Coroutine[Any, Any, None]] = {
        **certificate_work(agent, server),
        "pods": run_pods(agent),
        "pleg": agent.pleg.run(),
        "runtime health": agent.health.run(),
        "node": agent.node.run(),
        "lease": agent.lease.run(),
        "probes": agent.probes.run(),
        "statuses": agent.status_manager.run(),
        "objects": agent.objects.run(),
        "runtime classes": agent.runtime_classes.run(),
        "log rotation": agent.logs.run(),
        "kernel's kills": OomWatcher(agent.recorder, lambda: agent.node.reference).run(),
        "server": server.run(),
        "operator": _operator_server(agent).run(),
        "devices": agent.devices.run(),
        "watchdog": keep_watchdog_fed(lambda: health_checks(agent)),
    }
    if enabled("KubeletPodResourcesGet", agent.options.config.feature_gates):
        running["pod resources"] = _pod_resources_server(agent).run()
    if embedded is not None:
        running["dockershim"] = embedded.run()
    if agent.node_reflector is not None:
        running["node object"] = agent.node_reflector.run()
    if agent.services is not None:
        running["services"] = agent.services.run()
    if agent.api_events is not None:
        running["events"] = agent.api_events.run()
    if isinstance(agent.mirrors, MirrorKeeper):
        running["mirrors"] = agent.mirrors.run()
    return running


def certificate_work(agent: Agent, server: KubeletServer) -> dict[str, Coroutine[Any, Any, None]]:
    """The managers of the certificates that this node is to renew."""
    config, api, identity = agent.options.config, agent.clients.api, agent.clients.identity
    work: dict[str, Coroutine[Any, Any, None]] = {}
    if identity is not None and identity.manager is not None:
        work["client certificate"] = identity.manager.run()
        work["client certificate's validity"] = _until_invalid(identity.manager)
    if config.server_tls_bootstrap and config.enable_server and api is not None:
        work["serving certificate"] = _serving_certificate(agent, api, server)
    return work


async def _until_invalid(manager: CertificateManager) -> None:
    await watch_validity(manager)
    raise AgentError("No valid client certificate is found and the server is responsive, exiting.")


async def _serving_certificate(agent: Agent, api: ApiClient, server: KubeletServer) -> None:
    config, cert_dir = agent.options.config, Path(agent.options.flags.cert_dir)
    configured = (Path(config.tls_cert_file), Path(config.tls_private_key_file)) if config.tls_cert_file else None
    dns_only = enabled("AllowDNSOnlyNodeCSR", config.feature_gates)

    @asynccontextmanager
    async def connect(_: object) -> AsyncIterator[ApiClient]:
        yield api

    manager = CertificateManager(
        Purpose(SERVING_SIGNER, lambda: serving_template(
            agent.node_name, agent.node.node().status.addresses, dns_only=dns_only)),
        PairStore(SERVING_PREFIX, cert_dir, configured), connect, agent.metrics.serving_certificate,
        on_change=server.serving_certificate_changed,
    )
    agent.metrics.follow_certificate("server", manager.ttl_seconds)
    await manager.load(discard_broken=True)
    await manager.run()


async def run_pods(agent: Agent) -> None:
    """The way of pods: begins when the runtime is there and what earlier runs left is known."""
    agent.root_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    await asyncio.to_thread(agent.pulled.load)
    await agent.runtime_facts.learn()
    driver = agent.runtime_facts.cgroup_driver
    await agent.cgroups.start(driver=CgroupDriver(driver) if driver else None)
    await agent.volumes.recover()
    await asyncio.to_thread(agent.user_namespaces.load, await asyncio.to_thread(pods_on_disk, agent.root_dir))
    await agent.devices.load()
    await agent.node.known.wait()
    capacity = agent.node.capacity()
    if problem := overdrawn(capacity, agent.node.settings):
        raise AgentError(problem)
    await tell_warnings(agent)
    await agent.enforcer.limit_reserved()
    await agent.configs.check_host_dns()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.enforcer.limit_pods(capacity), name="node allocatable")
        group.create_task(agent.workers.run(), name="pod workers")
        group.create_task(agent.allocations.run(), name="allocations")
        group.create_task(agent.actuated.run(), name="actuated resources")
        group.create_task(agent.config.run(), name="pod sources")
        group.create_task(agent.loop.run(), name="sync loop")
        group.create_task(agent.collection.run(), name="collection")
        group.create_task(agent.eviction.run(), name="eviction")
        group.create_task(agent.shutdown.run(), name="node shutdown")


async def tell_warnings(agent: Agent) -> None:
    facts, swap = agent.node.facts, await asyncio.to_thread(swap_areas)
    for reason, message in warnings(swap, facts.kernel if facts else (0, 0), cgroup_v2=agent.host.cgroup_v2):
        agent.recorder.event(agent.node.reference, "Warning", reason, message)


def health_checks(agent: Agent) -> Mapping[str, str]:
    """What /healthz answers: name to error, empty when it passes."""
    quiet = time.monotonic() - agent.loop.last_turn
    limit = max(2 * float(agent.options.config.sync_frequency), 300.0)
    return {
        "ping": "", "log": "",
        "syncloop": f"sync Loop took longer than expected: {quiet:.0f}s" if quiet > limit else "",
        "device-plugin": agent.devices.problem,
    }


async def _server(agent: Agent) -> KubeletServer:
    """Raises AgentError."""
    options = agent.options
    try:
        return await make_server(
            options.config, options.flags, node_name=agent.node_name, hostname=agent.node_name,
            addresses=agent.node.host_ips(),
            node=AgentView(agent.pods, agent.status_manager, agent.pleg.cache, agent.clients.runtime),
            health=HealthChecks(lambda: health_checks(agent)), shown=SettingsView(options.config, options.flags),
            metrics=agent.metrics, runtime=agent.clients.runtime, images=agent.clients.images, api=agent.clients.api,
            pods_cgroup=lambda: agent.cgroups.pods_path,
        )
    except (TLSError, OSError) as error:
        raise AgentError(str(error)) from None


def _pod_resources_server(agent: Agent) -> PodResourcesServer:
    use_active = enabled("KubeletPodResourcesListUseActivePods", agent.options.config.feature_gates)
    return PodResourcesServer(agent.root_dir, Sources(
        agent.node_pods.active, agent.pods.pods, agent.pods.by_name, agent.devices, use_active,
        agent.metrics.pod_resources_request,
    ))


def _operator_server(agent: Agent) -> OperatorServer:
    facts = AgentFacts(
        agent.node_name, agent.clients.api is None, agent.clients.runtime.endpoint, agent.root_dir, agent.started_at
    )
    rooms = OperatorRooms(
        agent.pods, agent.status_manager, agent.workers, agent.pleg.cache, agent.pod_sync.steps, agent.config,
        agent.local_events, agent.timeline, agent.volumes,
        PullProgress(agent.clients.runtime, lambda: agent.images.under_way), agent.loop.room_wait,
        agent.devices.wait,
    )
    view = AgentOperatorView(
        facts, rooms, agent.node.node, lambda: _node_health(agent), lambda: health_checks(agent),
        lambda: agent.health.version, agent.collection.prospect,
    )
    return OperatorServer(
        agent.root_dir / SOCKET_NAME, view, agent.timeline, configuration=lambda: to_plain(agent.options.config))


def _node_health(agent: Agent) -> NodeHealth:
    health, lease, source = agent.health, agent.lease, agent.node_reflector
    api_error, api_since = lease.problem, lease.problem_since
    if not api_error and source is not None and source.problem:
        api_error, api_since = source.problem, unix_time(source.problem_since)
    return NodeHealth(
        runtime_error="; ".join(health.first_signs()), runtime_since=unix_time(health.ill_since),
        network_error=health.network_error(), network_since=unix_time(health.network_ill_since),
        api_error=api_error, api_since=api_since,
    )
