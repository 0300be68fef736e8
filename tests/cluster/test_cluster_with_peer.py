"""The cluster itself works, shown with agents that are not ours: what fails here is not our kubelet's fault."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from conformance.cluster import Cluster
from conformance.throwaway import ThrowawayNode

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}
      containers:
        - name: web
          image: localhost/podwright/web:1
          readinessProbe: {httpGet: {port: 80, path: /hostname}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: client, image: "localhost/podwright/busybox:1", command: [sleep, "100000"]}]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def peer_cluster() -> AsyncIterator[Cluster]:
    async with Cluster("peer-test", "upstream-containerd", multi_node=True) as cluster:
        await cluster.add_node("peer-test-2", "upstream-containerd")
        yield cluster


async def test_services_and_names_reach_pods_on_all_nodes(peer_cluster: Cluster) -> None:
    await peer_cluster.kubectl("apply", "-f", "-", stdin=WEB)
    await peer_cluster.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    await peer_cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=90s")
    await peer_cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    pods = await peer_cluster.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert set(pods.stdout.split()) == {"peer-test", "peer-test-2"}
    fetch = "for i in $(seq 24); do wget -qO- http://web.default.svc.cluster.local/hostname; done"
    names = await peer_cluster.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}")
    heard: set[str] = set()
    async with asyncio.timeout(60):  # kube-proxy writes rules for an endpoint when it has heard of it
        while heard != set(names.stdout.split()):
            heard |= set((await peer_cluster.kubectl("exec", "client", "--", "sh", "-c", fetch)).stdout.split())


async def test_versions_are_those_of_the_release(peer_cluster: Cluster) -> None:
    version = await peer_cluster.kubectl("version")
    assert "Server Version: v1.36.3" in version.stdout
    nodes = await peer_cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}")
    assert set(nodes.stdout.split()) == {"v1.36.3"}


async def test_node_credentials_are_held_to_their_own_node(peer_cluster: Cluster) -> None:
    as_node = ("--as=system:node:peer-test-2", "--as-group=system:nodes")
    read = await peer_cluster.kubectl("get", "node", "peer-test", *as_node, check=False)
    assert "only its own Node object" in read.stderr  # the Node authorizer
    label = "node-restriction.kubernetes.io/forged=yes"
    write = await peer_cluster.kubectl("label", "node", "peer-test-2", label, *as_node, check=False)
    assert "is not allowed to modify labels" in write.stderr  # NodeRestriction


async def test_agent_restarts_without_harm(peer_cluster: Cluster) -> None:
    before = peer_cluster.agent.processes["kubelet"].pid
    after = await peer_cluster.restart_agent("kubelet")
    assert after.pid != before
    await peer_cluster.wait_node_ready("peer-test")


async def test_nothing_is_left_of_a_cluster() -> None:
    async with Cluster("trace-test", None, cluster_dns=False) as cluster:
        scratch = cluster.node.scratch
        assert _exists(scratch)
    assert not _exists(scratch)
    node = ThrowawayNode("trace-test", engine=None)
    assert not [p for p in _groups() if p.name == node.cgroup_name]
    assert not _exists(Path("/sys/class/net") / node._host_device)


def _exists(path: Path) -> bool:
    return path.exists()


def _groups() -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob("podwright-*"))
