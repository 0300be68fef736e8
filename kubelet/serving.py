"""What the agent answers with: the HTTP servers, the operator's socket, and the certificate that the cluster issues.

Imported when the first pods are on their way (kubelet.app): nothing of a pod's start waits for a web framework.
"""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubelet.agent import Agent
from kubelet.apiclient import ApiClient
from kubelet.certificates import (
    SERVING_PREFIX,
    SERVING_SIGNER,
    CertificateManager,
    PairStore,
    Purpose,
    serving_template,
)
from kubelet.config import enabled, to_plain
from kubelet.explain import NodeHealth
from kubelet.images.progress import PullProgress
from kubelet.operator.server import SOCKET_NAME, OperatorServer
from kubelet.server.assembly import make_server
from kubelet.server.server import KubeletServer
from kubelet.server.tls import TLSError
from kubelet.views import (
    AgentFacts,
    AgentOperatorView,
    AgentView,
    HealthChecks,
    OperatorRooms,
    SettingsView,
    unix_time,
)


class ServingError(Exception):
    """What the operator has to mend, in one line."""


async def servers(agent: Agent) -> dict[str, Coroutine[Any, Any, None]]:
    """Everything that serves for as long as the agent runs, by name. Raises ServingError."""
    config, api = agent.options.config, agent.clients.api
    server = await _server(agent)
    work = {"server": server.run(), "operator": _operator_server(agent).run()}
    if config.server_tls_bootstrap and config.enable_server and api is not None:
        work["serving certificate"] = _serving_certificate(agent, api, server)
    return work


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


async def _server(agent: Agent) -> KubeletServer:
    """Raises ServingError."""
    options = agent.options
    try:
        return await make_server(
            options.config, options.flags, node_name=agent.node_name, hostname=agent.node_name,
            addresses=agent.node.host_ips(),
            node=AgentView(agent.pods, agent.status_manager, agent.pleg.cache, agent.clients.runtime),
            health=HealthChecks(agent.health_checks), shown=SettingsView(options.config, options.flags),
            metrics=agent.metrics, runtime=agent.clients.runtime, images=agent.clients.images, api=agent.clients.api,
            pods_cgroup=lambda: agent.cgroups.pods_path,
        )
    except (TLSError, OSError) as error:
        raise ServingError(str(error)) from None


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
        facts, rooms, agent.node.node, lambda: _node_health(agent), agent.health_checks,
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
