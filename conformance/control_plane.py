"""etcd, kube-apiserver, kube-controller-manager, kube-scheduler: the real ones, in a throw-away node.

Flags and file names are kubeadm's where it has an opinion. Ready within seconds, because tests start it.
"""

import asyncio
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from conformance import builds
from conformance.apiclient import ApiClient
from conformance.pki import ClusterPki
from conformance.throwaway import NodeError, NodeProcess, ThrowawayNode

SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
CLUSTER_DNS_IP = "10.96.0.10"
CLUSTER_DOMAIN = "cluster.local"
POD_CIDR = "10.244.0.0/16"
API_PORT = 6443
READY_TIMEOUT_SECONDS = 90.0
PKI = "/etc/kubernetes/pki"

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

# kubeadm 1.36 gives the API server's kubelet client no group; without this, `kubectl logs` and `exec` are forbidden.
KUBELET_API_ADMIN = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "kube-apiserver-kubelet-client"},
    "subjects": [
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "kube-apiserver-kubelet-client"}
    ],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
}


class ControlPlane:
    """The control plane in `node`. `server` is its URL inside the cluster, `admin_kubeconfig` works on the host."""

    def __init__(self, node: ThrowawayNode, controller_manager: Mapping[str, str] | None = None) -> None:
        """`controller_manager`: flags of kube-controller-manager over the usual ones."""
        self.node = node
        self._controller_manager = controller_manager or {}
        self.server = f"https://{node.ip}:{API_PORT}"
        self.admin_kubeconfig = node.scratch / "admin.conf"
        self.processes: dict[str, NodeProcess] = {}
        self._pki: ClusterPki | None = None

    @property
    def pki(self) -> ClusterPki:
        if self._pki is None:
            raise NodeError("the control plane has not been started by this process; only it can issue certificates")
        return self._pki

    async def start(self) -> None:
        await self._write_files()
        await self._spawn("etcd", etcd_flags(self.node))
        await self._spawn("kube-apiserver", apiserver_flags(self.node))
        async with ApiClient(self.admin_kubeconfig) as client:
            await self._until_ready(client)
            await asyncio.gather(
                self._spawn("kube-controller-manager", {**controller_manager_flags(), **self._controller_manager}),
                self._spawn("kube-scheduler", scheduler_flags()),
                client.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", KUBELET_API_ADMIN),
            )

    async def back_up(self) -> Path:
        """A copy of what the cluster's storage holds; etcd is away for a moment meanwhile."""
        copy = self.node.scratch / "etcd-backup"
        await self.processes["etcd"].stop()
        await asyncio.to_thread(shutil.copytree, self._etcd_data, copy, dirs_exist_ok=True)
        await self._spawn("etcd", etcd_flags(self.node))
        return copy

    async def set_back(self, copy: Path) -> None:
        """Put a backup in the place of the cluster's storage, as after a disaster, and start the API server on it."""
        await self.processes["kube-apiserver"].stop(grace_seconds=2)
        await self.processes["etcd"].stop()
        await asyncio.to_thread(shutil.rmtree, self._etcd_data)
        await asyncio.to_thread(shutil.copytree, copy, self._etcd_data)
        await self._spawn("etcd", etcd_flags(self.node))
        await self._spawn("kube-apiserver", apiserver_flags(self.node))
        async with ApiClient(self.admin_kubeconfig) as client:
            await self._until_ready(client)

    @property
    def _etcd_data(self) -> Path:
        return self.node.path(etcd_flags(self.node)["data-dir"])

    async def _write_files(self) -> None:
        directory = self.node.path("/etc/kubernetes")
        self._pki = ClusterPki(directory / "pki")
        _, host_link = self.node.host_link_addresses
        names = [
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
            "localhost", "127.0.0.1", self.node.name, self.node.ip, host_link, KUBERNETES_SERVICE_IP,
        ]  # fmt: skip
        await asyncio.to_thread(self._pki.create, names)
        local = f"https://127.0.0.1:{API_PORT}"
        identities = {
            directory / "controller-manager.conf": (local, "system:kube-controller-manager", ()),
            directory / "scheduler.conf": (local, "system:kube-scheduler", ()),
            directory / "admin.conf": (self.server, "kubernetes-admin", ("system:masters",)),
            self.admin_kubeconfig: (f"https://{host_link}:{API_PORT}", "kubernetes-admin", ("system:masters",)),
        }
        for path, (server, user, organizations) in identities.items():
            write_private(path, self._pki.kubeconfig(server, user, organizations))

    async def _spawn(self, program: str, flags: dict[str, str]) -> None:
        words = [f"--{name}={value}" for name, value in flags.items()]
        self.processes[program] = await self.node.spawn([builds.path(program), *words], name=program)

    async def _until_ready(self, client: ApiClient) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not await client.is_ready():
            for process in self.processes.values():
                if process.returncode is not None:
                    raise NodeError(f"{process.name} ended with {process.returncode}; its log:\n{process.tail()}")
            if time.monotonic() > deadline:
                tail = self.processes["kube-apiserver"].tail()
                raise NodeError(f"kube-apiserver is not ready after {READY_TIMEOUT_SECONDS:.0f} s; its log:\n{tail}")
            await asyncio.sleep(0.05)


def etcd_flags(node: ThrowawayNode) -> dict[str, str]:
    return {
        "name": node.name,
        "data-dir": "/var/lib/etcd/data",
        "listen-client-urls": "http://127.0.0.1:2379",
        "advertise-client-urls": "http://127.0.0.1:2379",
        "listen-peer-urls": "http://127.0.0.1:2380",
        "initial-advertise-peer-urls": "http://127.0.0.1:2380",
        "initial-cluster": f"{node.name}=http://127.0.0.1:2380",
        "unsafe-no-fsync": "true",  # a cluster that lives for minutes need not survive a power cut
        "log-level": "warn",
    }


def apiserver_flags(node: ThrowawayNode) -> dict[str, str]:
    return {
        "advertise-address": node.ip,
        "secure-port": str(API_PORT),
        "etcd-servers": "http://127.0.0.1:2379",
        "service-cluster-ip-range": SERVICE_CIDR,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        "client-ca-file": f"{PKI}/ca.crt",
        "tls-cert-file": f"{PKI}/apiserver.crt",
        "tls-private-key-file": f"{PKI}/apiserver.key",
        "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "service-account-issuer": f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        "service-account-key-file": f"{PKI}/sa.pub",
        "service-account-signing-key-file": f"{PKI}/sa.key",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": f"{PKI}/front-proxy-client.crt",
        "proxy-client-key-file": f"{PKI}/front-proxy-client.key",
    }


def controller_manager_flags() -> dict[str, str]:
    conf = "/etc/kubernetes/controller-manager.conf"
    return {
        "kubeconfig": conf,
        "authentication-kubeconfig": conf,
        "authorization-kubeconfig": conf,
        "bind-address": "127.0.0.1",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": f"{PKI}/sa.key",
        "root-ca-file": f"{PKI}/ca.crt",
        "client-ca-file": f"{PKI}/ca.crt",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "cluster-signing-cert-file": f"{PKI}/ca.crt",
        "cluster-signing-key-file": f"{PKI}/ca.key",
        "leader-elect": "false",
    }


def scheduler_flags() -> dict[str, str]:
    conf = "/etc/kubernetes/scheduler.conf"
    return {
        "kubeconfig": conf,
        "authentication-kubeconfig": conf,
        "authorization-kubeconfig": conf,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
    }


def write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
