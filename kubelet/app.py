"""The agent from options to the end: makes it, runs every component in one task group, and stops it on demand.

    runtime (CRI) ─ pleg ─┐                       ┌─ statuses ─▶ API server
    sources ──────────────┼─▶ sync loop ─▶ workers┼─ executor ─▶ runtime
    probes ───────────────┘                       └─ volumes, images, cgroups, objects
    beside: node, lease, server, operator's socket, collection, log rotation, mirrors

Nothing here decides anything: a question that this module would have to answer belongs into a room.
"""

import asyncio
import contextlib
import importlib
import logging
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kubelet.agent import Agent, Clients
from kubelet.agentparts import ids_per_pod
from kubelet.apiclient import ApiError, KubeconfigError
from kubelet.certificates import (
    CertificateManager,
    ClientIdentity,
    IdentitySettings,
    RefusedError,
    RequestError,
    StoreError,
    client_identity,
    watch_validity,
)
from kubelet.cgroups import CgroupDriver, CgroupError
from kubelet.config import Options, enabled
from kubelet.containerspec import HostFacts, learn_host_facts
from kubelet.embedded import EmbeddedDockershim
from kubelet.images.providerconfig import ProviderConfigError
from kubelet.kernelflags import set_flags, warnings, wrong_flags
from kubelet.metrics import KubeletMetrics
from kubelet.mirrors import MirrorKeeper
from kubelet.node.capacity import overdrawn
from kubelet.notify import keep_watchdog_fed, notify, watchdog_seconds
from kubelet.oom import OomWatcher, apply_own_score
from kubelet.podresources.server import PodResourcesServer, Sources
from kubelet.userns import IdRange, SubidsError, kubelet_ids
from kubelet.userns.subids import checked
from kubelet.volumes.teardown import pods_on_disk

T = TypeVar("T")
logger = logging.getLogger(__name__)

TLS_READ_BYTES = 64 * 1024
"""What a TLS connection reads at once. asyncio's 256 KiB would be in use for each of a dozen connections."""

HEAD_START_SECONDS = 0.5
"""Pods go before the servers at the start; where none come, the servers wait this long."""
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
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in components(agent, embedded).items()]
            await _unless_stopped(_begun(agent), stop)
            if not stop.is_set():
                tasks += [group.create_task(work, name=name) for name, work in (await _servers(agent)).items()]
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


async def _begun(agent: Agent) -> None:
    """Until the first pods are taken up, or for as long as they may keep the servers waiting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEAD_START_SECONDS):
            await agent.loop.begun.wait()


async def _servers(agent: Agent) -> dict[str, Coroutine[Any, Any, None]]:
    """What answers others. Imported here, since it takes a third of all that the agent imports. Raises AgentError."""
    serving = await asyncio.to_thread(importlib.import_module, "kubelet.serving")
    try:
        work: dict[str, Coroutine[Any, Any, None]] = await serving.servers(agent)
    except serving.ServingError as error:
        raise AgentError(str(error)) from None
    return work


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


def components(agent: Agent, embedded: EmbeddedDockershim | None) -> dict[str, Coroutine[Any, Any, None]]:
    """Everything that runs for as long as the agent does, by name; the servers join it when pods are on their way."""
    running: dict[str, Coroutine[Any, Any, None]] = {
        **certificate_work(agent),
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
        "devices": agent.devices.run(),
        "watchdog": keep_watchdog_fed(agent.health_checks),
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


def certificate_work(agent: Agent) -> dict[str, Coroutine[Any, Any, None]]:
    """The manager of the certificate that this node has as a client."""
    identity = agent.clients.identity
    work: dict[str, Coroutine[Any, Any, None]] = {}
    if identity is not None and identity.manager is not None:
        work["client certificate"] = identity.manager.run()
        work["client certificate's validity"] = _until_invalid(identity.manager)
    return work


async def _until_invalid(manager: CertificateManager) -> None:
    await watch_validity(manager)
    raise AgentError("No valid client certificate is found and the server is responsive, exiting.")


async def _start_cgroups(agent: Agent) -> None:
    """With the driver of the runtime, once that answers."""
    await agent.runtime_facts.learn()
    driver = agent.runtime_facts.cgroup_driver
    await agent.cgroups.start(driver=CgroupDriver(driver) if driver else None)


def _load(agent: Agent) -> None:
    agent.pulled.load()
    agent.user_namespaces.load(pods_on_disk(agent.root_dir))


async def run_pods(agent: Agent) -> None:
    """The way of pods: begins when the runtime is there and what earlier runs left is known."""
    agent.root_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(_start_cgroups(agent), name="cgroups of pods")
        group.create_task(agent.volumes.recover(), name="volumes on disk")
        group.create_task(asyncio.to_thread(_load, agent), name="what earlier runs noted")
        group.create_task(agent.devices.load(), name="devices given")
        group.create_task(agent.node.known.wait(), name="the machine")
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


def _pod_resources_server(agent: Agent) -> PodResourcesServer:
    use_active = enabled("KubeletPodResourcesListUseActivePods", agent.options.config.feature_gates)
    return PodResourcesServer(agent.root_dir, Sources(
        agent.node_pods.active, agent.pods.pods, agent.pods.by_name, agent.devices, use_active,
        agent.metrics.pod_resources_request,
    ))
