"""kind itself, with the node image that our recipe builds: create, use, exchange the kubelet, restart, delete.

It takes three minutes, and some to make the image that kind's recipe begins with: run when PODWRIGHT_KIND=1 asks.
"""

import json
import os
from typing import Any

import pytest

from conformance.kind.cluster import NAME, NODES, OFFLINE_IMAGE, KindCluster
from conformance.kubeadm.machine import PACKAGED_UNITS
from conformance.throwaway import NodeError

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("PODWRIGHT_KIND") != "1", reason="kind's cluster takes minutes: set PODWRIGHT_KIND=1 to make it"
    ),
    pytest.mark.timeout(1800),
]
CONTROL_PLANE, WORKER = NODES
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
WEB = "localhost/podwright/web:1"
INSTALL = "/usr/share/podwright/install.sh"


async def test_kind_makes_a_cluster_of_our_kubelets() -> None:
    async with KindCluster("kind-test") as cluster:
        await cluster.create()
        await cluster.install_network()
        await cluster.until(lambda: nodes_ready(cluster), "both nodes are Ready")
        await kubelets_are_ours(cluster)
        await units_are_valid(cluster)
        await pods_reach_each_other(cluster)
        await pods_are_slices(cluster)
        await kubelet_is_exchanged(cluster)
        await nodes_restart(cluster)
        assert (await cluster.kind("get", "nodes", "--name", NAME)).stdout.split() == list(NODES)
        await cluster.kind("delete", "cluster", "--name", NAME)
        assert (await cluster.run("docker", "ps", "--all", "--quiet")).stdout == ""


async def kubelets_are_ours(cluster: KindCluster) -> None:
    """Started by kind's own unit and drop-ins; what kubeadm asked of them, mirrored pods and all, is there."""
    for name in NODES:
        main = (await cluster.inside(name, "systemctl", "show", "kubelet", "--property=MainPID")).stdout
        pid = main.strip().partition("=")[2]
        assert "/opt/podwright/" in (await cluster.inside(name, "cat", f"/proc/{pid}/cmdline")).stdout
        assert (await cluster.inside(name, "kubelet", "--version")).stdout == "Kubernetes v1.36.3\n"
        assert (await cluster.inside(name, "kubelet.upstream", "--version")).stdout == "Kubernetes v1.36.3\n"
        restarts = (await cluster.inside(name, "systemctl", "show", "kubelet", "--property=NRestarts")).stdout
        assert restarts == "NRestarts=0\n"
    expected = {f"{name}-{CONTROL_PLANE}" for name in STATIC_PODS}
    await cluster.until(lambda: pods_ready(cluster, "kube-system", expected), "the control plane's pods are ready")


async def units_are_valid(cluster: KindCluster) -> None:
    """The units of packaging/systemd, as systemd itself reads them."""
    files = [path for path in sorted(PACKAGED_UNITS.rglob("*")) if path.is_file()]
    for path in files:
        target = f"/tmp/units/{path.relative_to(PACKAGED_UNITS)}"
        write = 'mkdir -p "${1%/*}" && cat >"$1"'
        await cluster.inside(WORKER, "sh", "-c", write, "sh", target, stdin=path.read_text())
    units = [f"/tmp/units/{path.name}" for path in files if path.suffix in (".service", ".socket")]
    assert len(units) == 3
    done = await cluster.inside(WORKER, "systemd-analyze", "verify", "--man=no", *units, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "/tmp/units/" in line]) == (0, [])


async def pods_reach_each_other(cluster: KindCluster) -> None:
    """By address and, with kube-proxy and CoreDNS, by the name of a Service, from node to node."""
    pods = [pod(f"web-{name}", name, {"app": "web"}) for name in NODES]
    pods += [pod(f"client-{name}", name, {}, command=["sleep", "100000"]) for name in NODES]
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }  # fmt: skip
    manifest = {"apiVersion": "v1", "kind": "List", "items": [*pods, service]}
    await cluster.until(lambda: account_is_there(cluster), "the namespace has its service account")
    await cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    names = {each["metadata"]["name"] for each in pods}
    await cluster.until(lambda: pods_ready(cluster, "default", names), f"{names} are ready")
    for name, other in (NODES, NODES[::-1]):
        address = (await cluster.kubectl("get", "pod", f"web-{other}", "-o", "jsonpath={.status.podIP}")).stdout
        fetch = ["exec", f"client-{name}", "--", "wget", "-qO-"]
        assert (await cluster.kubectl(*fetch, f"http://{address}/hostname")).stdout == f"web-{other}\n"

        async def answered(words: list[str] = fetch) -> bool:
            said = (await cluster.kubectl(*words, "http://web/hostname", check=False)).stdout
            return said in {f"web-{each}\n" for each in NODES}

        await cluster.until(answered, f"the Service answers on {name}")


async def pods_are_slices(cluster: KindCluster) -> None:
    """kind's kubelets have the systemd driver and `cgroupRoot: /kubelet`, on nodes without a message bus."""
    uid = (await cluster.kubectl("get", "pod", f"web-{WORKER}", "-o", "jsonpath={.metadata.uid}")).stdout
    unit = f"kubelet-kubepods-besteffort-pod{uid.replace('-', '_')}.slice"
    assert (await cluster.inside(WORKER, "systemctl", "is-active", unit)).stdout == "active\n"
    assert (await cluster.inside(WORKER, "ls", "/run/dbus/system_bus_socket", check=False)).returncode != 0


async def kubelet_is_exchanged(cluster: KindCluster) -> None:
    """Installed anew while it runs, exchanged for the upstream kubelet, and back: no container notices."""
    before = await containers(cluster, WORKER)
    for words, ours in ((install(), True), ((INSTALL, "--uninstall"), False), (install(), True)):
        await cluster.inside(WORKER, *words, timeout=300)
        await cluster.inside(WORKER, "systemctl", "restart", "kubelet")
        await cluster.until(lambda: kubelet_answers(cluster, WORKER), f"the kubelet is healthy after {words}")
        runs = (await cluster.inside(WORKER, "ps", "-o", "args=", "-C", "kubelet")).stdout
        assert ("/opt/podwright/" in runs) is ours
        await cluster.until(lambda: nodes_ready(cluster), "both nodes are Ready")
        assert await containers(cluster, WORKER) == before


def install() -> tuple[str, ...]:
    return ("env", *(f"{name}={value}" for name, value in OFFLINE_IMAGE.items()), INSTALL)


async def nodes_restart(cluster: KindCluster) -> None:
    """As when the machine under kind's containers is started anew: all that was there comes back by itself."""
    before = {name: await containers(cluster, name) for name in NODES}
    await cluster.run("docker", "restart", *NODES, timeout=120)
    names = {f"{kind}-{name}" for kind in ("web", "client") for name in NODES}

    async def back() -> bool:
        try:
            static = await pods_ready(cluster, "kube-system", {f"{name}-{CONTROL_PLANE}" for name in STATIC_PODS})
            return static and await pods_ready(cluster, "default", names) and await nodes_ready(cluster)
        except NodeError:  # the API server is not there yet
            return False

    await cluster.until(back, "the cluster is back")
    for name in NODES:
        assert not before[name] & await containers(cluster, name)


# -- asking ----------------------------------------------------------------------------------------------------------


async def nodes_ready(cluster: KindCluster) -> bool:
    nodes = json.loads((await cluster.kubectl("get", "nodes", "-o", "json")).stdout)["items"]
    return len(nodes) == len(NODES) and all(is_ready(node) for node in nodes)


async def pods_ready(cluster: KindCluster, namespace: str, names: set[str]) -> bool:
    listed = await cluster.kubectl("get", "pods", "--namespace", namespace, "-o", "json")
    return names <= {each["metadata"]["name"] for each in json.loads(listed.stdout)["items"] if is_ready(each)}


def is_ready(item: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", ()))


async def account_is_there(cluster: KindCluster) -> bool:
    return (await cluster.kubectl("get", "serviceaccount", "default", check=False)).returncode == 0


async def kubelet_answers(cluster: KindCluster, name: str) -> bool:
    fetch = ["curl", "-s", "http://127.0.0.1:10248/healthz"]
    return (await cluster.inside(name, *fetch, check=False)).stdout.strip() == "ok"


async def containers(cluster: KindCluster, name: str) -> set[str]:
    """The ids of those that run."""
    return set((await cluster.inside(name, "crictl", "ps", "--quiet")).stdout.split())


def pod(name: str, node_name: str, labels: dict[str, str], **container: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {
            "nodeName": node_name, "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": WEB, "imagePullPolicy": "IfNotPresent", **container}],
        },
    }  # fmt: skip
