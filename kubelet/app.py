"""The agent: makes every component from the options, joins them, and runs them in one task group until it is stopped.

    runtime (CRI) ─ pleg ─┐                       ┌─ statuses ─▶ API server
    sources ──────────────┼─▶ sync loop ─▶ workers┼─ executor ─▶ runtime
    probes ───────────────┘                       └─ volumes, images, cgroups, objects
    beside: node, server, operator's socket, collection, mirrors

Nothing here decides anything: a question that this module would have to answer belongs into a room.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kubelet.agent import Agent, Clients
from kubelet.apiclient import KubeconfigError
from kubelet.config import Options
from kubelet.embedded import EmbeddedDockershim
from kubelet.explain import NodeHealth
from kubelet.mirrors import MirrorKeeper
from kubelet.notify import keep_watchdog_fed, notify
from kubelet.operator.server import SOCKET_NAME, OperatorServer
from kubelet.views import AgentFacts, AgentOperatorView
from kubelet.zz_stub import Metrics

logger = logging.getLogger(__name__)


class AgentError(Exception):
    """The agent cannot run; one line for the operator."""


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Run the agent until `stop`. Raises AgentError for what the operator has to mend first."""
    embedded = embedded_dockershim(options)
    endpoint = embedded.endpoint if embedded else options.config.container_runtime_endpoint
    metrics = Metrics()
    try:
        clients = await Clients.connect(options, endpoint, metrics)
    except (KubeconfigError, ValueError) as error:
        raise AgentError(str(error)) from None
    agent = Agent(options, node_name(options), clients, metrics)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in components(agent, embedded).items()]
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            logger.info("Stopping; running pods stay")
            await agent.status_manager.flush(timeout=2.0)
            for task in tasks:
                task.cancel()
    finally:
        await clients.close()


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
    """Everything that runs for as long as the agent does, by name."""
    running: dict[str, Coroutine[Any, Any, None]] = {
        "pods": run_pods(agent),
        "pleg": agent.pleg.run(),
        "probes": agent.probes.run(),
        "statuses": agent.status_manager.run(),
        "objects": agent.objects.run(),
        "runtime classes": agent.runtime_classes.run(),
        "operator": operator_server(agent).run(),
        "watchdog": keep_watchdog_fed(lambda: not any(health_checks(agent).values())),
    }
    if embedded is not None:
        running["dockershim"] = embedded.run()
    if agent.services is not None:
        running["services"] = agent.services.run()
    if agent.api_events is not None:
        running["events"] = agent.api_events.run()
    if isinstance(agent.mirrors, MirrorKeeper):
        running["mirrors"] = agent.mirrors.run()
    return running


async def run_pods(agent: Agent) -> None:
    """The way of pods: begins when the runtime is there and what earlier runs left is known."""
    await agent.runtime_facts.learn()
    await agent.volumes.recover()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.workers.run(), name="pod workers")
        group.create_task(agent.config.run(), name="pod sources")
        group.create_task(agent.loop.run(), name="sync loop")


def health_checks(agent: Agent) -> dict[str, str]:
    """What /healthz answers: name to error, empty when it passes."""
    quiet = time.monotonic() - agent.loop.last_turn
    limit = max(2 * float(agent.options.config.sync_frequency), 300.0)
    return {
        "ping": "", "log": "",
        "syncloop": f"sync Loop took longer than expected: {quiet:.0f}s" if quiet > limit else "",
    }


def operator_server(agent: Agent) -> OperatorServer:
    facts = AgentFacts(
        agent.node_name, agent.clients.api is None, agent.clients.runtime.endpoint, agent.root_dir, agent.started_at
    )
    view = AgentOperatorView(
        facts, agent.pods, agent.status_manager, agent.workers, agent.pod_sync.steps, agent.config,
        agent.local_events, agent.node.node, lambda: NodeHealth(network_error=agent.node.network_error()),
        lambda: health_checks(agent), lambda: f"{agent.runtime_facts.name}://{agent.runtime_facts.version}",
    )
    return OperatorServer(agent.root_dir / SOCKET_NAME, view, agent.timeline)
