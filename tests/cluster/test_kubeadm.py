"""kubeadm's own way from `init` to `reset`, on machines whose kubelet and container runtime are ours."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import yaml
from cryptography import x509

from conformance.apiclient import ApiClient, ApiError
from conformance.builds import KUBERNETES_VERSION
from conformance.control_plane import API_PORT
from conformance.kubeadm.cluster import IGNORE, KUBELET_PATCH, KubeadmCluster
from conformance.kubeadm.machine import PACKAGED_UNITS, Machine

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
KUBELET_WORDS = [
    "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
    "--kubeconfig=/etc/kubernetes/kubelet.conf",
    "--config=/var/lib/kubelet/config.yaml",
]
WORKER = "worker-of-kubeadm"
API_CERTIFICATE = "/etc/kubernetes/pki/apiserver.crt"
NEXT_VERSION = "v1.36.4"
WEB = "localhost/podwright/web:1"


async def test_kubeadm_makes_upgrades_and_resets_a_cluster() -> None:
    async with KubeadmCluster("kubeadm-test") as cluster, asyncio.TaskGroup() as group:
        first = await cluster.add_machine()
        coming = group.create_task(cluster.add_machine(WORKER, PACKAGED_UNITS / "kubelet.service"))
        await initialised(cluster, first)
        await cluster.install_network(first)
        second = await coming
        await joined(cluster, second)
        await cluster.install_network(second)
        async with cluster.client() as client:
            await pods_reach_each_other(cluster, client, first, second)
            await upgraded(cluster, client, first, second)
            await a_manifest_goes_and_comes_back(client, first)
        await power_lost(cluster, first)
        for machine in (second, first):
            await reset(cluster, machine)


async def initialised(cluster: KubeadmCluster, first: Machine) -> None:
    """`kubeadm init`: the control plane runs as static pods under our kubelet, started by kubeadm's unit."""
    done = await cluster.init()
    assert "Your Kubernetes control-plane has initialized successfully!" in done.stdout
    assert "sandbox image" not in done.stderr
    assert "RuntimeConfig" not in done.stderr
    assert await kubelet_words(first) == [*KUBELET_WORDS, "--node-labels=podwright.invalid/made-by=kubeadm"]
    async with cluster.client() as client:
        for name in CONTROL_PLANE:
            await until(lambda name=name: pod_ready(client, "kube-system", f"{name}-{first.node_name}"))
        node = await client.get(f"/api/v1/nodes/{first.node_name}")
    assert node["status"]["allocatable"]["pods"] == str(KUBELET_PATCH["maxPods"])  # by --patches
    assert node["metadata"]["labels"]["podwright.invalid/made-by"] == "kubeadm"
    assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("docker://")
    # kubeadm has pointed the kubelet at the certificate that it rotates from now on.
    user = yaml.safe_load(first.node.path("/etc/kubernetes/kubelet.conf").read_text())["users"][0]["user"]
    current = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    assert user == dict.fromkeys(("client-certificate", "client-key"), current)
    subject = (await certificate(first, current)).subject.rfc4514_string()
    assert set(subject.split(",")) == {f"CN=system:node:{first.node_name}", "O=system:nodes"}


async def joined(cluster: KubeadmCluster, second: Machine) -> None:
    """`kubeadm join`: the kubelet gets its certificate by TLS bootstrap, and runs under the name that it was given."""
    done = await cluster.join(second)
    assert "This node has joined the cluster" in done.stdout
    assert await kubelet_words(second) == [*KUBELET_WORDS, f"--hostname-override={WORKER}"]
    assert not second.node.path("/etc/kubernetes/bootstrap-kubelet.conf").exists()
    assert second.node.path("/etc/kubernetes/kubelet.conf").exists()


async def pods_reach_each_other(
    cluster: KubeadmCluster, client: ApiClient, first: Machine, second: Machine
) -> None:
    """A pod on each node, by address, by Service and by name; kubeadm's add-ons carry that."""
    await client.create("/api/v1/namespaces/default/services", {
        "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    })  # fmt: skip
    for machine in (first, second):
        for pod in (web_pod(machine.node_name), client_pod(machine.node_name)):
            await client.create("/api/v1/namespaces/default/pods", pod)
    names = [f"{kind}-{machine.node_name}" for kind in ("web", "client") for machine in (first, second)]
    await asyncio.gather(
        cluster.kubectl("-n", "kube-system", "rollout", "status", "daemonset/kube-proxy", "--timeout=60s"),
        cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s"),
        *(until(lambda name=name: pod_ready(client, "default", name)) for name in names),
    )
    answers = {f"web-{machine.node_name}\n" for machine in (first, second)}
    for machine, other in ((first, second), (second, first)):
        address = (await client.get(f"/api/v1/namespaces/default/pods/web-{other.node_name}"))["status"]["podIP"]
        fetch = ["exec", f"client-{machine.node_name}", "--", "wget", "-qO-"]
        assert (await cluster.kubectl(*fetch, f"http://{address}/hostname")).stdout == f"web-{other.node_name}\n"

        async def answered(words: list[str] = fetch) -> bool:  # kube-proxy hears of a ready pod after we do
            return (await cluster.kubectl(*words, "http://web/hostname", check=False)).stdout in answers

        await until(answered)


async def upgraded(cluster: KubeadmCluster, client: ApiClient, first: Machine, second: Machine) -> None:
    """`kubeadm upgrade` on both: a change of the control plane replaces its static pod and no other, the kubelet's
    configuration keeps its patches, the certificates on disk are new."""
    before = await container_ids(client, first)
    done = await cluster.upgrade_node(second)
    assert "The kubelet configuration for this node was successfully upgraded!" in done.stdout
    await second.run("systemctl", "restart", "kubelet")
    config = (await client.get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config"))["data"]
    settings = yaml.safe_load(config["ClusterConfiguration"])
    settings["scheduler"] = {"extraArgs": [{"name": "v", "value": "1"}]}
    await cluster.kubectl(
        "-n", "kube-system", "patch", "configmap", "kubeadm-config", "--type=merge",
        "-p", json.dumps({"data": {"ClusterConfiguration": json.dumps(settings)}}),
    )  # fmt: skip
    plan = (await first.run("kubeadm", "upgrade", "plan", NEXT_VERSION, IGNORE)).stdout
    assert ["kubelet", WORKER, KUBERNETES_VERSION, NEXT_VERSION] in [line.split() for line in plan.splitlines()]
    changes = (await first.run("kubeadm", "upgrade", "diff", KUBERNETES_VERSION)).stdout
    assert [line for line in changes.splitlines() if line.startswith(("+ ", "- "))] == ["+    - --v=1"]

    serial = (await certificate(first, API_CERTIFICATE)).serial_number
    done = await cluster.upgrade_apply()
    assert f'SUCCESS! A control plane node of your cluster was upgraded to "{KUBERNETES_VERSION}"' in done.stdout
    await first.run("kubeadm", "certs", "renew", "all")
    assert (await certificate(first, API_CERTIFICATE)).serial_number != serial
    after = await container_ids(client, first)
    assert {name for name in before if before[name] != after[name]} == {f"kube-scheduler-{first.node_name}"}
    assert yaml.safe_load(first.node.path("/var/lib/kubelet/config.yaml").read_text())["maxPods"] == 77


async def a_manifest_goes_and_comes_back(client: ApiClient, first: Machine) -> None:
    """The documented way to let a static pod read renewed certificates: unchanged, and yet started anew."""
    name = f"kube-controller-manager-{first.node_name}"
    before = (await container_ids(client, first))[name]
    manifest = first.node.path("/etc/kubernetes/manifests/kube-controller-manager.yaml")
    aside = manifest.rename(first.node.path("/etc/kubernetes/kube-controller-manager.yaml"))

    async def gone() -> bool:
        pods = (await client.get("/api/v1/namespaces/kube-system/pods"))["items"]
        return name not in {pod["metadata"]["name"] for pod in pods}

    await until(gone)
    aside.rename(manifest)
    await until(lambda: pod_ready(client, "kube-system", name))
    assert (await container_ids(client, first))[name] != before


async def power_lost(cluster: KubeadmCluster, first: Machine) -> None:
    """A machine that loses power comes back by itself, its API server with the renewed certificate."""
    async with cluster.client() as client:
        before = await container_ids(client, first)
    await first.lose_power()
    await first.boot()
    async with cluster.client() as client:

        async def back() -> bool:
            try:
                after = await container_ids(client, first)
                ready = [await pod_ready(client, "kube-system", name) for name in before]
            except (OSError, aiohttp.ClientError, ApiError):
                return False
            return all(ready) and not set(before.values()) & set(after.values())

        await until(back)
    _, host_link = first.node.host_link_addresses
    served = await asyncio.to_thread(ssl.get_server_certificate, (host_link, API_PORT))
    on_disk = (await certificate(first, API_CERTIFICATE)).serial_number
    assert x509.load_pem_x509_certificate(served.encode()).serial_number == on_disk


async def reset(cluster: KubeadmCluster, machine: Machine) -> None:
    """`kubeadm reset` leaves nothing of the cluster on the machine."""
    await cluster.reset(machine)
    assert (await machine.run("docker", "ps", "--all", "--quiet")).stdout == ""
    mounts = (await machine.run("cat", "/proc/mounts")).stdout.splitlines()
    assert not [line for line in mounts if line.split()[1].startswith("/var/lib/kubelet/")]
    assert list(machine.node.path("/var/lib/kubelet").iterdir()) == []
    assert not [p for p in machine.node.path("/etc/kubernetes").rglob("*") if p.is_file()]
    assert (await machine.run("systemctl", "is-active", "kubelet", check=False)).stdout == "inactive\n"
    links = json.loads((await machine.run("ip", "-json", "link", "show", "type", "veth")).stdout)
    assert not [link for link in links if link.get("master") == "cni0"]
    leases = machine.node.path("/var/lib/cni/networks/podwright")
    assert not [path.name for path in leases.glob("*.*.*.*")]


# -- asking ----------------------------------------------------------------------------------------------------------


async def kubelet_words(machine: Machine) -> list[str]:
    """The arguments of the kubelet that runs, as the kernel has them."""
    pid = (await machine.run("pgrep", "-f", "-o", "python.* -m kubelet")).stdout.strip()
    words = (await machine.run("cat", f"/proc/{pid}/cmdline")).stdout.rstrip("\0").split("\0")
    return words[words.index("kubelet") + 1 :]


async def certificate(machine: Machine, path: str) -> x509.Certificate:
    """Read inside the machine, whose links are its own."""
    return x509.load_pem_x509_certificate((await machine.run("cat", path)).stdout.encode())


async def pod_ready(client: ApiClient, namespace: str, name: str) -> bool:
    pods = (await client.get(f"/api/v1/namespaces/{namespace}/pods"))["items"]
    conditions = [c for pod in pods if pod["metadata"]["name"] == name for c in pod["status"].get("conditions", ())]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def container_ids(client: ApiClient, first: Machine) -> dict[str, str]:
    """The container of each pod of the control plane."""
    names = [f"{name}-{first.node_name}" for name in CONTROL_PLANE]
    pods = [await client.get(f"/api/v1/namespaces/kube-system/pods/{name}") for name in names]
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["containerID"] for pod in pods}


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await ask():  # noqa: ASYNC110 - several things are asked, each its own way
            await asyncio.sleep(0.1)


def web_pod(node_name: str) -> dict[str, Any]:
    """Serves its own name."""
    return _pod(f"web-{node_name}", node_name, {"app": "web"}, {})


def client_pod(node_name: str) -> dict[str, Any]:
    return _pod(f"client-{node_name}", node_name, {}, {"command": ["sleep", "100000"]})


def _pod(name: str, node_name: str, labels: dict[str, str], container: dict[str, Any]) -> dict[str, Any]:
    """May run on the control plane."""
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "nodeName": node_name, "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": WEB, "imagePullPolicy": "IfNotPresent", **container}],
        },
    }  # fmt: skip
