"""The agent: makes every component from the options, joins them, and runs them in one task group until it is stopped.

    runtime (CRI) ─ pleg ─┐                       ┌─ statuses ─▶ API server
    sources ──────────────┼─▶ sync loop ─▶ workers┼─ executor ─▶ runtime
    probes ───────────────┘                       └─ volumes, images, cgroups, objects
    beside: node, server, operator's socket, collection, mirrors

Nothing here decides anything: a question that this module would have to answer belongs into a room.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from kubelet.agent import Agent
from kubelet.config import Options
from kubelet.embedded import EmbeddedDockershim
from kubelet.notify import keep_watchdog_fed, notify

logger = logging.getLogger(__name__)


class AgentError(Exception):
    """The agent cannot run; one line for the operator."""


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Run the agent until `stop`. Raises AgentError for what the operator has to mend first."""
    embedded = embedded_dockershim(options)
    agent = await Agent.make(
        options, node_name=node_name(options),
        endpoint=embedded.endpoint if embedded else options.config.container_runtime_endpoint,
    )
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in components(agent, embedded).items()]
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            logger.info("Stopping; running pods stay")
            await agent.statuses.flush(timeout=2.0)
            for task in tasks:
                task.cancel()
    finally:
        await agent.close()
