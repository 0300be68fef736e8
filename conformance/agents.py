"""What makes a throw-away node a worker: kube-proxy, a container runtime and a kubelet, ours or upstream's.

| agent | kubelet | runtime |
|---|---|---|
| podwright | ours | our dockershim over the node's dockerd, as two processes |
| podwright-embedded | ours | the same, started by the kubelet as its child |
| podwright-containerd | ours | containerd (Go module) |
| upstream-docker | upstream (Go module) | our dockershim over the node's dockerd |
| upstream-containerd | upstream | containerd: the peer that we are measured against |
"""

import asyncio
import json
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from conformance import builds, images, tls_bootstrap
from conformance.apiclient import ApiClient
from conformance.control_plane import CLUSTER_DNS_IP, CLUSTER_DOMAIN, PKI, POD_CIDR, ControlPlane, write_private
from conformance.throwaway import DOCKER_SOCKET, NODE_PATH, NodeError, NodeProcess, ThrowawayNode

RUNTIME_TIMEOUT_SECONDS = 30.0
DOCKERSHIM_SOCKET = "/run/dockershim.sock"
CONTAINERD_SOCKET = images.CONTAINERD_SOCKET
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP_KUBECONFIG = "/etc/kubernetes/bootstrap-kubelet.conf"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2"


@dataclass(frozen=True, slots=True)
class AgentKind:
    """Which kubelet drives which runtime; `runtime` is docker or containerd."""

    name: str
    ours: bool
    runtime: str
    embedded: bool = False

    @property
    def programs(self) -> tuple[str, ...]:
        """The Go programs that it needs."""
        kubelet = () if self.ours else ("kubelet",)
        runtime = ("containerd", "containerd-shim-runc-v2", "ctr", "runc") if self.runtime == "containerd" else ()
        return ("kube-proxy", *kubelet, *runtime)


AGENTS = {
    kind.name: kind
    for kind in (
        AgentKind("podwright", ours=True, runtime="docker"),
        AgentKind("podwright-embedded", ours=True, runtime="docker", embedded=True),
        AgentKind("podwright-containerd", ours=True, runtime="containerd"),
        AgentKind("upstream-docker", ours=False, runtime="docker"),
        AgentKind("upstream-containerd", ours=False, runtime="containerd"),
    )
}


class NodeAgent:
    """The worker processes of one node: `processes` by name (kube-proxy, containerd or dockershim, kubelet).

    With `tls_bootstrap` the kubelet comes with a bootstrap token instead of a certificate."""

    def __init__(
        self,
        kind: AgentKind,
        node: ThrowawayNode,
        control_plane: ControlPlane,
        *,
        pod_subnet: str = "10.244.0.0/24",
        kubelet_config: dict[str, object] | None = None,
        kubelet_args: Sequence[str] = (),
        dockershim_args: Sequence[str] = (),
        tls_bootstrap: bool = False,
    ) -> None:
        self.kind = kind
        self.node = node
        self.processes: dict[str, NodeProcess] = {}
        self._control_plane = control_plane
        self._pod_subnet = pod_subnet
        self._kubelet_config = kubelet_config or {}
        self._kubelet_args = kubelet_args
        self._dockershim_args = dockershim_args
        self._tls_bootstrap = tls_bootstrap

    @property
    def runtime_endpoint(self) -> str:
        return CONTAINERD_SOCKET if self.kind.runtime == "containerd" else DOCKERSHIM_SOCKET

    async def start(self, preload: Sequence[images.Image]) -> None:
        """Write the configuration, load the images, start everything. Returns before the node is Ready."""
        await self.node.write_cni(self._pod_subnet)
        self._write_credentials()
        if self._tls_bootstrap:
            async with ApiClient(self._control_plane.admin_kubeconfig) as client:
                await tls_bootstrap.allow(client)
        await self._write_kubelet_config()
        await asyncio.gather(self._start_runtime(preload), self.start_process("kube-proxy"))
        if self.kind.runtime == "docker" and not self.kind.embedded:
            await self.start_process("dockershim")
        await self.start_process("kubelet")

    async def start_process(self, name: str) -> NodeProcess:
        """Start (again) one of kube-proxy, containerd, dockershim, kubelet."""
        command = {
            "kube-proxy": self._kube_proxy_command,
            "containerd": self._containerd_command,
            "dockershim": self._dockershim_command,
            "kubelet": self._kubelet_command,
        }[name]()
        env = {"PATH": f"{sys.prefix}/bin:{NODE_PATH}"}
        if name == "containerd":
            tools = [str(builds.path(tool).parent) for tool in ("containerd", "runc")]
            env = {"PATH": ":".join([*tools, NODE_PATH])}
        process = await self.node.spawn(command, name=name, env=env)
        self.processes[name] = process
        if name == "dockershim":
            await self._until_socket(DOCKERSHIM_SOCKET, process)
        return process

    async def restart(self, name: str, number: signal.Signals = signal.SIGTERM) -> NodeProcess:
        """End a process by a signal, wait until it has gone, start it again."""
        process = self.processes[name]
        process.signal(number)
        await process.wait(30)
        return await self.start_process(name)

    # -- configuration -------------------------------------------------------------------------------------------

    def _write_credentials(self) -> None:
        pki = self._control_plane.pki
        server = self._control_plane.server
        directory = self.node.path("/etc/kubernetes")
        (directory / "pki").mkdir(exist_ok=True)
        (directory / "pki" / "ca.crt").write_bytes((pki.directory / "ca.crt").read_bytes())
        if self._tls_bootstrap:
            bootstrap = tls_bootstrap.bootstrap_kubeconfig(server, (pki.directory / "ca.crt").read_bytes())
            write_private(self.node.path(BOOTSTRAP_KUBECONFIG), bootstrap)
        else:
            kubelet = pki.kubeconfig(server, f"system:node:{self.node.name}", ("system:nodes",))
            write_private(self.node.path(KUBELET_KUBECONFIG), kubelet)
        write_private(directory / "kube-proxy.conf", pki.kubeconfig(server, "system:kube-proxy"))
        (directory / "kube-proxy.json").write_text(json.dumps(kube_proxy_config(self.node.name)))

    async def _write_kubelet_config(self) -> None:
        target = self.node.path(KUBELET_CONFIG)
        config = {**kubelet_config(self.runtime_endpoint, self.kind.embedded), **self._kubelet_config}
        await asyncio.to_thread(target.write_text, json.dumps(config, indent=2))
        self.node.path("/etc/kubernetes/manifests").mkdir(exist_ok=True)

    # -- runtimes ------------------------------------------------------------------------------------------------

    async def _start_runtime(self, preload: Sequence[images.Image]) -> None:
        if self.kind.runtime == "docker":
            await images.load_into_engine(self.node.docker_socket, preload)
            return
        config = self.node.path("/etc/containerd/config.toml")
        config.write_text(containerd_config())
        process = await self.start_process("containerd")
        await self._until_socket(CONTAINERD_SOCKET, process)
        await images.load_into_containerd(self.node, preload)

    async def _until_socket(self, socket: str, process: NodeProcess) -> None:
        """Until somebody accepts connections on the socket: a file left by a killed process does not count."""
        deadline = time.monotonic() + RUNTIME_TIMEOUT_SECONDS
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(str(self.node.path(socket)))
            except OSError:
                if process.returncode is not None or time.monotonic() > deadline:
                    raise NodeError(f"{process.name} does not serve {socket}; its log:\n{process.tail()}") from None
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    # -- commands ------------------------------------------------------------------------------------------------

    def _kube_proxy_command(self) -> list[str]:
        return [str(builds.path("kube-proxy")), "--config=/etc/kubernetes/kube-proxy.json"]

    def _containerd_command(self) -> list[str]:
        return [str(builds.path("containerd")), "--config=/etc/containerd/config.toml", "--log-level=warn"]

    def _dockershim_command(self) -> list[str]:
        return [
            sys.executable, "-m", "dockershim",
            f"--container-runtime-endpoint=unix://{DOCKERSHIM_SOCKET}",
            f"--docker-endpoint=unix://{DOCKER_SOCKET}",
            "--cni-conf-dir=/etc/cni/net.d", "--cni-bin-dir=/usr/lib/cni", "--cni-cache-dir=/var/lib/cni/cache",
            "--root-directory=/var/lib/dockershim", f"--pod-infra-container-image={PAUSE_IMAGE}",
            *self._dockershim_args,
        ]  # fmt: skip

    def _kubelet_command(self) -> list[str]:
        program = [sys.executable, "-m", "kubelet"] if self.kind.ours else [str(builds.path("kubelet"))]
        bootstrap = [f"--bootstrap-kubeconfig={BOOTSTRAP_KUBECONFIG}"] if self._tls_bootstrap else []
        return [
            *program, f"--config={KUBELET_CONFIG}", f"--kubeconfig={KUBELET_KUBECONFIG}", *bootstrap,
            f"--node-ip={self.node.ip}", f"--hostname-override={self.node.name}", *self._kubelet_args,
        ]  # fmt: skip

    def __repr__(self) -> str:
        return f"NodeAgent({self.kind.name}, {shlex.join(self._kubelet_command())})"


def kubelet_config(socket: str, embedded: bool) -> dict[str, object]:
    """A worker's KubeletConfiguration as kubeadm writes it, with what a node without systemd and cgroup v2 needs."""
    config: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2m"},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [CLUSTER_DNS_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "oomScoreAdj": 0,  # the machines that tests run on may not lower it
        "resolvConf": "/etc/resolv.conf",
        "staticPodPath": "/etc/kubernetes/manifests",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
    if embedded:
        del config["containerRuntimeEndpoint"]
    return config


def kube_proxy_config(node_name: str) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/kube-proxy.conf"},
        "hostnameOverride": node_name,
        "mode": "iptables",
        "clusterCIDR": POD_CIDR,
        "detectLocalMode": "ClusterCIDR",
        "iptables": {"minSyncPeriod": "0s"},
        # The table's size belongs to the whole kernel and cannot be set from a network namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "oomScoreAdj": 0,
    }


def containerd_config() -> str:
    """containerd as the peer: defaults, CNI where our engine's nodes have it, and oom scores left where they may be."""
    return f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{builds.path("runc")}"
SystemdCgroup = false
"""
