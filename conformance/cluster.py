"""A real cluster on this machine, inside throw-away nodes: for `make cluster`, for tests, for measurements.

    async with Cluster("demo", node_agent="podwright") as cluster:     # agents.py lists the kinds; None: no worker
        await cluster.kubectl("apply", "-f", "-", stdin=manifest)
        await cluster.restart_agent("kubelet", signal.SIGKILL)

The first node carries the control plane and, unless `node_agent` is None, a worker beside it. `add_node` joins further
nodes over a `Wire`. kubectl runs on the host, over a point-to-point link into the first node.

`python -m conformance.cluster up` leaves such a cluster running and says how to use it; `down` removes every trace.
"""

import argparse
import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conformance import builds, control_plane, images
from conformance.agents import AGENTS, NodeAgent
from conformance.apiclient import ApiClient
from conformance.control_plane import ControlPlane
from conformance.throwaway import Completed, NodeError, NodeProcess, ThrowawayNode
from conformance.wire import Wire

MANIFESTS = Path(__file__).with_name("manifests")
READY_TIMEOUT_SECONDS = 120.0
DEFAULT_NAME = "cluster"


def default_images() -> list[images.Image]:
    """What a cluster's nodes have without a registry."""
    return [
        images.busybox("docker.io/library/busybox:stable", "localhost/podwright/busybox:1"),
        images.web(),
        images.pause(),
        images.coredns(),
    ]


class Cluster:
    """A cluster; see the module's text. `name` is the first node's. An async context manager."""

    def __init__(
        self,
        name: str,
        node_agent: str | None = "podwright",
        *,
        engine: str = "20.10",
        engine_args: Sequence[str] = (),
        multi_node: bool = False,
        detached: bool = False,
        cluster_dns: bool = True,
        controller_manager: Mapping[str, str] | None = None,
        **agent_options: Any,
    ) -> None:
        self.name = name
        self.nodes: dict[str, ThrowawayNode] = {}
        self.agents: dict[str, NodeAgent] = {}
        self._kind = node_agent
        self._engine = engine
        self._engine_args = engine_args
        self._wire = Wire() if multi_node else None
        self._detached = detached
        self._cluster_dns = cluster_dns
        self._controller_manager = controller_manager
        self._agent_options = agent_options
        self._stack = AsyncExitStack()
        self._control_plane: ControlPlane | None = None

    # -- facts ---------------------------------------------------------------------------------------------------

    @property
    def node(self) -> ThrowawayNode:
        return self.nodes[self.name]

    @property
    def agent(self) -> NodeAgent:
        return self.agents[self.name]

    @property
    def control_plane(self) -> ControlPlane:
        if self._control_plane is None:
            raise NodeError(f"cluster {self.name} is not running")
        return self._control_plane

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig that works on the host."""
        return self.control_plane.admin_kubeconfig

    def client(self) -> ApiClient:
        return ApiClient(self.kubeconfig)

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await asyncio.shield(self._stack.aclose())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stack.aclose())

    async def _start(self) -> None:
        agent = AGENTS[self._kind] if self._kind else None
        await asyncio.to_thread(builds.ensure, [*control_plane.PROGRAMS, "kubectl", "coredns"])
        if agent:
            await asyncio.to_thread(builds.ensure, agent.programs)
        if self._engine == "29":
            await asyncio.to_thread(builds.ensure, ["moby", "containerd", "runc"])
        if self._wire is not None:
            await self._stack.enter_async_context(self._wire)
        node = ThrowawayNode(
            self.name,
            self._engine if agent and agent.runtime == "docker" else None,
            wire=self._wire,
            host_link=True,
            engine_args=self._engine_args,
            detached=self._detached,
            shared=[builds.cache_dir()],
        )
        await self._stack.enter_async_context(node)
        self.nodes[self.name] = node
        self._control_plane = ControlPlane(node, self._controller_manager)
        await self._control_plane.start()
        if self._cluster_dns:
            await self.kubectl("apply", "-f", str(MANIFESTS / "coredns.yaml"))
        if agent:
            await self._join(node, agent.name, self._agent_options)
            await self.wait_node_ready(node.name)

    async def add_node(
        self, name: str, node_agent: str, *, engine: str = "20.10", **agent_options: Any
    ) -> ThrowawayNode:
        """Join a further node, of any kind, and wait until it is Ready. The cluster must be `multi_node`."""
        if self._wire is None:
            raise NodeError(f"cluster {self.name} was made without multi_node, so no node can join it")
        kind = AGENTS[node_agent]
        await asyncio.to_thread(builds.ensure, kind.programs)
        index = len(self.nodes)
        node = ThrowawayNode(
            name,
            engine if kind.runtime == "docker" else None,
            address=f"10.77.0.{10 + index}/24",
            wire=self._wire,
            shared=[builds.cache_dir()],
        )
        await self._stack.enter_async_context(node)
        self.nodes[name] = node
        await self._join(node, node_agent, {"pod_subnet": f"10.244.{index}.0/24", **agent_options})
        for other_index, other in enumerate(self.nodes.values()):
            if other is not node:
                await other.run(["ip", "route", "add", f"10.244.{index}.0/24", "via", node.ip])
                await node.run(["ip", "route", "add", f"10.244.{other_index}.0/24", "via", other.ip])
        await self.wait_node_ready(name)
        return node

    async def _join(self, node: ThrowawayNode, kind: str, options: dict[str, Any]) -> None:
        agent = NodeAgent(AGENTS[kind], node, self.control_plane, **options)
        self.agents[node.name] = agent
        await agent.start(await asyncio.to_thread(default_images))

    # -- work ----------------------------------------------------------------------------------------------------

    async def kubectl(
        self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 120.0
    ) -> Completed:
        """Run kubectl on the host as the cluster's administrator. Raises NodeError if it fails and `check` is set."""
        process = await asyncio.create_subprocess_exec(
            str(builds.path("kubectl")), *words,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.node.scratch / "kubectl")},
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(None if stdin is None else stdin.encode())
        except BaseException as error:
            process.kill()
            await process.communicate()
            if isinstance(error, TimeoutError):
                raise NodeError(f"`kubectl {shlex.join(words)}` did not end within {timeout} s") from None
            raise
        done = Completed(("kubectl", *words), process.returncode or 0, out.decode(), err.decode())
        if check and done.returncode:
            raise NodeError(f"`kubectl {shlex.join(words)}` ended with {done.returncode}: {done.stderr.strip()}")
        return done

    async def restart_agent(self, name: str, number: signal.Signals = signal.SIGTERM) -> NodeProcess:
        """End one process of the first node's agent by a signal, wait for its end, start it again."""
        return await self.agent.restart(name, number)

    async def wait_node_ready(self, name: str, timeout: float = READY_TIMEOUT_SECONDS) -> None:
        """Until the node's Ready condition is True; an agent's process that ends meanwhile is an error at once."""
        deadline = time.monotonic() + timeout
        async with self.client() as client:
            while True:
                nodes = (await client.get("/api/v1/nodes"))["items"]
                conditions = [
                    c for n in nodes if n["metadata"]["name"] == name for c in n["status"].get("conditions", [])
                ]
                if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                    return
                for process in self.agents[name].processes.values():
                    if process.returncode is not None:
                        raise NodeError(f"{process.name} ended with {process.returncode}:\n{process.tail()}")
                if time.monotonic() > deadline:
                    said = [c["message"] for c in conditions if c["type"] == "Ready"]
                    tail = self.agents[name].processes["kubelet"].tail()
                    raise NodeError(f"node {name} is not Ready after {timeout:.0f} s: {said}\n{tail}")
                await asyncio.sleep(0.1)


# -- make cluster ----------------------------------------------------------------------------------------------------


async def up(name: str, node_agent: str | None, engine: str) -> None:
    """Start a cluster that stays, and say how to use it."""
    missing = [program for program in builds.SETS if not _is_built(program)]
    if missing:
        print(f"building {', '.join(missing)} (once, some minutes; cached in {builds.cache_dir()})", flush=True)
    started = time.monotonic()
    cluster = Cluster(name, node_agent, engine=engine, detached=True)
    await cluster.__aenter__()
    wrapper = write_kubectl_wrapper(cluster.kubeconfig, cluster.node.scratch)
    print(f"The cluster is up after {time.monotonic() - started:.0f} s. Its state and logs: {cluster.node.scratch}")
    print(f"\n  {wrapper} get pods -A -o wide")
    print(f"  export KUBECONFIG={cluster.kubeconfig}; kubectl get nodes     # with a kubectl of your own")
    print(f"  {sys.executable} -m conformance.cluster shell     # a shell inside the node")
    print("\n`make cluster-down` removes every trace of it.")


def write_kubectl_wrapper(kubeconfig: Path, scratch: Path) -> Path:
    """A kubectl for people, in the node's scratch directory."""
    words = [builds.path("kubectl"), "--kubeconfig", kubeconfig, "--cache-dir", scratch / "kubectl-cache"]
    wrapper = scratch / "bin" / "kubectl"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


async def down(name: str) -> None:
    """End the cluster of that name, or remove what a crashed one left."""
    try:
        node = ThrowawayNode.attach(name)
    except NodeError:
        node = ThrowawayNode(name)
        print(f"no cluster named {name} is running")
    await node.stop()


async def shell(name: str, command: Sequence[str]) -> int:
    node = ThrowawayNode.attach(name)
    return await node.run_interactive(command or ["bash"])


def _is_built(build_set: str) -> bool:
    try:
        builds.path(builds.SETS[build_set].programs[0])
    except builds.BuildError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.cluster", description="A cluster on this machine.")
    parser.add_argument("--name", default=DEFAULT_NAME)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up_parser = verbs.add_parser("up", help="start it and leave it running")
    up_parser.add_argument("--node-agent", choices=[*AGENTS, "none"], default="podwright")
    up_parser.add_argument("--engine", choices=("20.10", "29"), default="20.10")
    verbs.add_parser("down", help="end it and remove every trace")
    shell_parser = verbs.add_parser("shell", help="run a command, by default a shell, inside its node")
    shell_parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        if options.verb == "up":
            kind = None if options.node_agent == "none" else options.node_agent
            asyncio.run(up(options.name, kind, options.engine))
        elif options.verb == "down":
            asyncio.run(down(options.name))
        else:
            return asyncio.run(shell(options.name, options.command))
    except (NodeError, builds.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
