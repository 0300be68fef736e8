"""`podwright explain` names the true cause of each of many pods that are really stuck, all at once on one node.

The table is in stuck_pods.py. What is wrong with the whole node comes after it, because it holds up every pod.
"""

import asyncio
import json
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from kube import WAIT, Kube, is_ready, pod, shell, web
from stuck_pods import FOREVER, HOLDER_PORT, REGISTRY_PORT, Stuck, leaving, stuck_pods

from conformance.cluster import Cluster
from conformance.control_plane import API_PORT
from conformance.throwaway import CHECKOUT, bridge_conflist
from kubelet.operator.client import AskError, ask
from kubelet.operator.render import explain_text

NODE, NAMESPACE = "explain-test", "stuck"
SOCKET = "/var/lib/kubelet/podwright.sock"
PLUGIN = """#!{python} -S
import json, os, sys, time
name = os.environ.get("CNI_ARGS", "").partition("K8S_POD_NAME=")[2].partition(";")[0]
command = os.environ["CNI_COMMAND"]
config = json.load(sys.stdin)
if command == "ADD" and name == "cni-fails":
    print(json.dumps({{"cniVersion": "1.0.0", "code": 11, "msg": "the address pool is on fire"}}))
    sys.exit(1)
if command == "ADD" and name == "cni-hangs":
    time.sleep(10000)
if command == "VERSION":
    print(json.dumps({{"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]}}))
elif command == "ADD":
    print(json.dumps(config["prevResult"]))
"""
STATIC = "static-goes-on"


@dataclass(frozen=True, slots=True)
class Node:
    """The node with all its stuck pods."""

    cluster: Cluster
    kube: Kube
    socket: Path

    async def explain(self, name: str) -> dict[str, Any]:
        return await asyncio.to_thread(ask, str(self.socket), "explain", name)

    async def until(self, name: str, misses: Callable[[dict[str, Any]], list[str]], timeout: float = 60.0) -> None:
        """Until the answer for a pod lacks nothing; fails with the page that an operator would see."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer = await self.explain(name)
                lacking = misses(answer)
                page = explain_text(answer)
            except AskError as error:
                lacking, page = [str(error)], ""
            if not lacking:
                print(page)
                return
            assert time.monotonic() < deadline, "\n".join([*lacking, "", page])
            await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stuck_cluster() -> AsyncIterator[Cluster]:
    """A cluster of its own, with every pod of the table stuck or about to be."""
    config = {"serializeImagePulls": False}  # one that never ends must not hold up the others
    plugins = ["--cni-bin-dir=/usr/lib/cni,/opt/stuck"]
    async with Cluster(NODE, cluster_dns=False, dockershim_args=plugins, kubelet_config=config) as cluster:
        await _prepare(cluster)
        async with cluster.client() as client:
            kube = Kube(cluster, client, NAMESPACE)
            await kube.create()
            await _make(kube)
        yield cluster


@pytest_asyncio.fixture
async def node(stuck_cluster: Cluster) -> AsyncIterator[Node]:
    async with stuck_cluster.client() as client:
        yield Node(stuck_cluster, Kube(stuck_cluster, client, NAMESPACE), stuck_cluster.node.path(SOCKET))


async def _prepare(cluster: Cluster) -> None:
    """The plugin that fails and hangs, and the registry."""
    inside = cluster.node
    plugin = inside.path("/opt/stuck/stuck")
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN.format(python=sys.executable))
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    conflist: Any = bridge_conflist("10.244.0.0/24", "podwright", "cni0")
    conflist["plugins"].append({"type": "stuck"})
    inside.path("/etc/cni/net.d/10-podwright.conflist").write_text(json.dumps(conflist))
    registry = CHECKOUT / "tests" / "cluster" / "slow_registry.py"
    await inside.spawn([sys.executable, registry, str(REGISTRY_PORT)], name="registry")


async def _make(kube: Kube) -> None:
    table = stuck_pods(NODE)
    for name in ("vanishes", "unheard-of"):
        handler = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}
        await kube.client.create("/apis/node.k8s.io/v1/runtimeclasses", handler)
    holder = pod("holder", web(ports=[{"containerPort": 80, "hostPort": HOLDER_PORT}]), nodeName=NODE)
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "there"}, "data": {"key": "value"}}
    await kube.apply(config_map, holder)
    await kube.apply(*(each.manifest for each in table))
    await kube.client.delete("/apis/node.k8s.io/v1/runtimeclasses/vanishes")
    await _fill_disk(kube)
    for name in ("disk-full", "class-absent"):
        await kube.kubectl("patch", "pod", name, "--type=json", "-p",
                           '[{"op": "remove", "path": "/spec/schedulingGates"}]')
    manifests = kube.cluster.node.path("/etc/kubernetes/manifests")
    static = pod(STATIC, shell("main", WAIT)) | {"apiVersion": "v1", "kind": "Pod"}
    static["metadata"]["namespace"] = kube.namespace
    (manifests / f"{STATIC}.json").write_text(json.dumps(static))
    (manifests / "static-broken.yaml").write_text("kind: Pod\nmetadata: {name: [}\n")
    async with asyncio.TaskGroup() as group:
        for each in leaving():
            group.create_task(_delete_once_it_runs(kube, each))


async def _fill_disk(kube: Kube) -> None:
    """The pod's directory is a file system without a free inode."""
    uid = (await kube.get("pods/disk-full"))["metadata"]["uid"]
    directory = f"/var/lib/kubelet/pods/{uid}"
    await kube.cluster.node.run(["mkdir", "-p", directory])
    await kube.cluster.node.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "full", directory])


async def _delete_once_it_runs(kube: Kube, each: Stuck) -> None:
    seen = await kube.until_pod(each.name, is_ready, 90)
    if each.name == "busy":
        directory = f"/var/lib/kubelet/pods/{seen['metadata']['uid']}/volumes/kubernetes.io~empty-dir/data"
        await kube.cluster.node.spawn(["sleep", str(FOREVER)], name="holder", cwd=directory)
    await kube.delete(f"pods/{each.name}")


@pytest.mark.parametrize("stuck", stuck_pods(NODE), ids=lambda each: each.name)
async def test_the_true_cause_is_named(node: Node, stuck: Stuck) -> None:
    await node.until(stuck.name, lambda answer: stuck.misses(answer, time.time()))


async def test_a_manifest_that_never_made_a_pod(node: Node) -> None:
    wanted = Stuck(pod("x"), "a manifest that can be read .*static-broken.yaml", "not valid YAML", "correct")
    await node.until("static-broken", lambda answer: wanted.misses(answer, time.time()))


async def test_a_manifest_that_turned_bad_while_its_pod_goes_on(node: Node) -> None:
    await node.kube.until_pod(f"{STATIC}-{NODE}", is_ready)
    node.cluster.node.path(f"/etc/kubernetes/manifests/{STATIC}.json").write_text("{")
    wanted = Stuck(pod(STATIC), "a manifest that can be read", "not valid", "runs on as it was")
    await node.until(STATIC, lambda answer: wanted.misses(answer, time.time()))


async def test_a_pod_that_no_node_was_given(node: Node) -> None:
    gated = pod("gated", shell("main", WAIT), schedulingGates=[{"name": "tests.podwright/gate"}])
    await node.kube.apply(gated)
    with pytest.raises(AskError, match=r"not given to this node.*waits for the scheduler.*schedulingGates"):
        await node.explain("gated")


# What is wrong with the whole node.


async def _held_up(
    node: Node, name: str, wanted: Stuck, break_it: Callable[[], Awaitable[object]],
    mend: Callable[[], Awaitable[object]],
) -> None:
    """A pod that comes while something is broken says what; once that is mended it becomes ready."""
    await break_it()
    try:
        await node.kube.apply(pod(name, shell("main", WAIT), nodeName=NODE))
        await node.until(name, lambda answer: wanted.misses(answer, time.time()))
    finally:
        await mend()
    await node.kube.until_pod(name, is_ready)


async def test_no_network_configuration(node: Node) -> None:
    inside = node.cluster.node
    conflist, aside = "/etc/cni/net.d/10-podwright.conflist", "/etc/cni/aside"
    wanted = Stuck(pod("x"), "the node's network", "cni config|no networks found|not initialized|uninitialized",
                   "install a CNI configuration")
    await _held_up(node, "no-network", wanted, lambda: inside.run(["mv", conflist, aside]),
                   lambda: inside.run(["mv", aside, conflist]))


async def test_no_dockershim(node: Node) -> None:
    agent = node.cluster.agent

    async def kill() -> None:
        agent.processes["dockershim"].signal(signal.SIGKILL)
        await agent.processes["dockershim"].wait(30)

    wanted = Stuck(pod("x"), "the container runtime", "does not answer.*dockershim.sock|dockershim.sock",
                   "start the container runtime")
    await _held_up(node, "no-dockershim", wanted, kill, lambda: agent.start_process("dockershim"))


async def test_no_engine(node: Node) -> None:
    inside = node.cluster.node
    engine = inside.engine_process
    assert engine is not None
    wanted = Stuck(pod("x"), "the container runtime", "docker.sock", "start the container runtime")
    await _held_up(node, "no-engine", wanted, engine.stop, inside.start_engine)


async def test_no_api_server(node: Node) -> None:
    """A pod that runs is well, but the cluster does not hear of it."""
    inside = node.cluster.node
    way = ["-d", inside.ip, "-p", "tcp", "--dport", str(API_PORT)]
    rule = ["OUTPUT", *way, "-j", "REJECT", "--reject-with", "tcp-reset"]
    await node.kube.apply(pod("no-api", shell("main", WAIT)))
    await node.kube.until_pod("no-api", is_ready)
    await inside.run(["iptables", "-w", "-I", *rule])
    try:
        wanted = Stuck(pod("x"), "the API server, to report its status", "connect", "way to the API server")
        await node.until("no-api", lambda answer: wanted.misses(answer, time.time()))
    finally:
        await inside.run(["iptables", "-w", "-D", *rule])
