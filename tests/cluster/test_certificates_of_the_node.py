"""A node that comes with a bootstrap token, in a cluster whose certificates live for a minute.

kube-controller-manager backdates by five minutes, so that 70 to 90 % of a life are over before it has begun, or within
24 seconds: rotation is seen at once, and more than once.
"""

import asyncio
import inspect
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
import yaml

from conformance.apiclient import ApiClient, Json
from conformance.cluster import Cluster

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT, SERVING = "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
PEER_OF_10250 = """
import socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/kubernetes/pki/ca.crt")
with socket.create_connection((sys.argv[1], 10250), 5) as raw, \
        context.wrap_socket(raw, server_hostname=sys.argv[2]) as peer:
    print(dict(part[0] for part in peer.getpeercert()["subject"])["commonName"])
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bootstrapped() -> AsyncIterator[Cluster]:
    async with Cluster(
        "certificate-test", "podwright", cluster_dns=False, tls_bootstrap=True,
        kubelet_config={"rotateCertificates": True, "serverTLSBootstrap": True},
        controller_manager={"cluster-signing-duration": "60s"},
    ) as cluster:
        yield cluster


async def until(wanted: Callable[[], Awaitable[bool] | bool], seconds: float) -> None:
    """Files and TLS peers tell nobody of their changes: they are looked at."""
    async with asyncio.timeout(seconds):
        while not (await found if inspect.isawaitable(found := wanted()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def pki(cluster: Cluster) -> Path:
    return cluster.node.path("/var/lib/kubelet/pki")


def target(link: Path) -> str:
    return str(link.readlink()) if link.is_symlink() else ""


async def requests(client: ApiClient, signer: str) -> list[Json]:
    found = await client.get(REQUESTS, fieldSelector=f"spec.signerName={signer}")
    return sorted(found["items"], key=lambda item: item["metadata"]["creationTimestamp"])


async def test_a_token_becomes_an_identity_that_renews_itself(bootstrapped: Cluster) -> None:
    """The node is Ready by now: it has got its first certificate."""
    name, link = bootstrapped.node.name, pki(bootstrapped) / "kubelet-client-current.pem"
    written = yaml.safe_load(bootstrapped.node.path("/etc/kubernetes/kubelet.conf").read_text())
    assert written["users"] == [{"name": "default-auth", "user": {
        "client-certificate": "/var/lib/kubelet/pki/kubelet-client-current.pem",
        "client-key": "/var/lib/kubelet/pki/kubelet-client-current.pem"}}]  # fmt: skip
    assert written["current-context"] == "default-context"
    async with bootstrapped.client() as client:
        first = (await requests(client, CLIENT))[0]
        assert first["spec"]["username"] == "system:bootstrap:abcdef"
        assert first["spec"]["usages"] == ["digital signature", "client auth"]
        seen = target(link)
        assert Path(seen).name.startswith("kubelet-client-2")
        await until(lambda: target(link) not in ("", seen), 60)
        renewed = (await requests(client, CLIENT))[1]
        assert renewed["spec"]["username"] == f"system:node:{name}"
        assert "system:nodes" in renewed["spec"]["groups"]
    refused = await bootstrapped.kubectl("get", "--raw", f"/api/v1/nodes/{name}/proxy/metrics", check=False)
    assert "remote error: tls: internal error" in refused.stderr  # nobody has approved its serving certificate


async def test_the_serving_certificate_waits_for_an_administrator_and_names_the_node(bootstrapped: Cluster) -> None:
    node = bootstrapped.node
    async with bootstrapped.client() as client:
        waiting = [item for item in await requests(client, SERVING) if "certificate" not in item.get("status", {})]
        assert waiting[-1]["spec"]["username"] == f"system:node:{node.name}"
        assert waiting[-1]["spec"]["usages"] == ["digital signature", "server auth"]
        await bootstrapped.kubectl("certificate", "approve", waiting[-1]["metadata"]["name"])
    await until(lambda: target(pki(bootstrapped) / "kubelet-server-current.pem") != "", 30)
    for server_name in (node.ip, node.name):
        answer = await until_ok(bootstrapped, [sys.executable, "-c", PEER_OF_10250, node.ip, server_name])
        assert answer.strip() == f"system:node:{node.name}"
    metrics = (await bootstrapped.kubectl("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/metrics")).stdout
    assert "kubelet_certificate_manager_client_ttl_seconds " in metrics
    assert "kubelet_certificate_manager_client_expiration_renew_errors 0" in metrics
    assert "kubelet_certificate_manager_server_ttl_seconds " in metrics
    assert "kubelet_server_expiration_renew_errors" in metrics


async def until_ok(cluster: Cluster, command: list[str]) -> str:
    """The server takes a new certificate from one connection to the next; until then nobody can verify it."""
    said = ""

    async def good() -> bool:
        nonlocal said
        done = await cluster.node.run(command, check=False)
        said = done.stdout
        return done.returncode == 0

    await until(good, 15)
    return said


async def test_a_node_that_lost_its_certificates_bootstraps_again(bootstrapped: Cluster) -> None:
    before = await renew_time(bootstrapped)
    process = bootstrapped.agent.processes["kubelet"]
    process.signal(signal.SIGTERM)
    await process.wait(30)
    shutil.rmtree(pki(bootstrapped))
    await bootstrapped.agent.start_process("kubelet")
    await until(lambda: target(pki(bootstrapped) / "kubelet-client-current.pem") != "", 30)
    async with bootstrapped.client() as client:
        bootstraps = [item for item in await requests(client, CLIENT)
                      if item["spec"]["username"] == "system:bootstrap:abcdef"]  # fmt: skip
    assert len(bootstraps) == 2
    await until(lambda: later(bootstrapped, before), 30)


async def renew_time(cluster: Cluster) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{cluster.node.name}"
    return str(json.loads((await cluster.kubectl("get", "--raw", path)).stdout)["spec"]["renewTime"])


async def later(cluster: Cluster, before: str) -> bool:
    return await renew_time(cluster) > before
