"""The user's steps: `kubeadm init`, a pod network, `kubeadm join`, and at the end `kubeadm reset`."""

import asyncio
import json
import shlex
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from conformance import builds, images
from conformance.apiclient import ApiClient
from conformance.control_plane import API_PORT, POD_CIDR, SERVICE_CIDR, write_private
from conformance.kubeadm import images as kubeadm_images
from conformance.kubeadm.machine import DISTRIBUTION_UNIT, Machine
from conformance.throwaway import Completed, NodeError
from conformance.wire import Wire

ADMIN_CONF = "/etc/kubernetes/admin.conf"
CONFIG = "/etc/kubeadm/kubeadm.yaml"
PATCHES = "/etc/kubeadm/patches"
"""kubeadm's patches of the control-plane machine: what of the cluster's configuration is different there."""
KUBELET_PATCH = {"maxPods": 77}
STEP_TIMEOUT_SECONDS = 300.0
READY_TIMEOUT_SECONDS = 120.0

ENGINE_SETS = ("moby", "containerd", "runc")
IGNORED_CHECKS = ("SystemVerification",)
"""Preflight checks that fail because of the machine and not of the node: cgroup v1, and a kernel that shows no
configuration."""
IGNORE = f"--ignore-preflight-errors={','.join(IGNORED_CHECKS)}"


class KubeadmCluster:
    """A control-plane machine, and those that join it; an async context manager."""

    def __init__(self, name: str = "kubeadm", *, detached: bool = False, engine: str = "29") -> None:
        self.machines: list[Machine] = []
        self._name, self._detached, self._engine = name, detached, engine
        self._wire = Wire(detached=detached)
        self._stack = AsyncExitStack()
        self._preload: list[images.Image] = []

    @property
    def first(self) -> Machine:
        return self.machines[0]

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig that works on the host."""
        return self.first.node.scratch / "admin.conf"

    def client(self) -> ApiClient:
        return ApiClient(self.kubeconfig)

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(
                builds.ensure, [*kubeadm_images.PROGRAMS, "kubeadm", *(ENGINE_SETS if self._engine == "29" else ())]
            )
            await self._stack.enter_async_context(self._wire)
        except BaseException:
            await asyncio.shield(self._stack.aclose())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stack.aclose())

    async def add_machine(self, node_name: str = "", kubelet_unit: Path = DISTRIBUTION_UNIT) -> Machine:
        """One more machine on the wire, ready for kubeadm; the first is the control plane's."""
        index = len(self.machines)
        machine = Machine(
            f"{self._name}-{index + 1}", self._wire, f"10.77.0.{10 + index}/24", node_name=node_name,
            kubelet_unit=kubelet_unit, host_link=not index, detached=self._detached, engine=self._engine,
        )  # fmt: skip
        self.machines.append(machine)
        await self._stack.enter_async_context(machine.node)
        if self._detached and not index:
            self._wire.tie(machine.node.pid)
        await machine.prepare(await asyncio.to_thread(self._images, control_plane=not index))
        return machine

    def _images(self, *, control_plane: bool) -> list[images.Image]:
        everywhere = ("kube-proxy", "coredns", "pause")
        wanted = [n for n in kubeadm_images.names() if control_plane or n.rpartition(":")[0].endswith(everywhere)]
        return [*kubeadm_images.make(wanted), *images.node_images()[:2]]

    # -- kubeadm -------------------------------------------------------------------------------------------------

    async def init(self) -> Completed:
        """`kubeadm init` on the first machine."""
        machine = self.first
        _, host_link = machine.node.host_link_addresses
        documents = init_configuration(machine.node.ip, host_link)
        patches = machine.node.path(PATCHES)
        patches.mkdir(parents=True)
        machine.node.path(CONFIG).write_text("\n---\n".join(json.dumps(d, indent=2) for d in documents))
        (patches / "kubeletconfiguration+merge.json").write_text(json.dumps(KUBELET_PATCH))
        done = await machine.run("kubeadm", "init", f"--config={CONFIG}", timeout=STEP_TIMEOUT_SECONDS)
        admin = yaml.safe_load(machine.node.path(ADMIN_CONF).read_text())
        admin["clusters"][0]["cluster"]["server"] = f"https://{host_link}:{API_PORT}"
        write_private(self.kubeconfig, json.dumps(admin))
        return done

    async def join(self, machine: Machine) -> Completed:
        """`kubeadm join` with the words that the control plane gives out, and the node's own name."""
        command = (await self.first.run("kubeadm", "token", "create", "--print-join-command")).stdout
        words = [*shlex.split(command), f"--node-name={machine.node_name}", IGNORE]
        return await machine.run(*words, timeout=STEP_TIMEOUT_SECONDS)

    async def upgrade_node(self, machine: Machine) -> Completed:
        """`kubeadm upgrade node`: what the cluster's configuration has become, for this machine."""
        return await machine.run("kubeadm", "upgrade", "node", IGNORE, timeout=STEP_TIMEOUT_SECONDS)

    async def upgrade_apply(self) -> Completed:
        """`kubeadm upgrade apply` on the control plane, to the version that it has: what has changed is swapped."""
        words = ["kubeadm", "upgrade", "apply", builds.KUBERNETES_VERSION, "--yes", "--force", f"--patches={PATCHES}"]
        return await self.first.run(*words, IGNORE, timeout=STEP_TIMEOUT_SECONDS)

    async def reset(self, machine: Machine) -> Completed:
        return await machine.run("kubeadm", "reset", "--force", "--cleanup-tmp-dir", timeout=STEP_TIMEOUT_SECONDS)

    async def install_network(self, machine: Machine) -> None:
        """What a network add-on does: once the node has its podCIDR, a CNI configuration, and routes to the others."""
        async with self.client() as client:
            name = machine.node_name
            subnet = await self._until(lambda: _pod_cidr(client, name), f"{name} has a podCIDR")
            await machine.node.write_cni(subnet)
            for other in self.machines:
                theirs = "" if other is machine else await _pod_cidr(client, other.node_name)
                if theirs:  # one that has not joined yet gets its routes when it does
                    await machine.run("ip", "route", "replace", theirs, "via", other.node.ip)
                    await other.run("ip", "route", "replace", subnet, "via", machine.node.ip)
            await self._until(lambda: _ready(client, name), f"{name} is Ready")

    async def kubectl(self, *words: str, check: bool = True, stdin: str | None = None) -> Completed:
        """kubectl on the control-plane machine, with the kubeconfig that kubeadm wrote."""
        return await self.first.run("kubectl", f"--kubeconfig={ADMIN_CONF}", *words, check=check, stdin=stdin)

    async def _until(self, ask: Any, what: str, timeout: float = READY_TIMEOUT_SECONDS) -> Any:
        deadline = time.monotonic() + timeout
        while not (answer := await ask()):
            if time.monotonic() > deadline:
                logs = "\n".join(f"-- kubelet of {m.node.name}:\n{m.log_tail('kubelet')}" for m in self.machines)
                raise NodeError(f"not within {timeout:.0f} s: {what}\n{logs}")
            await asyncio.sleep(0.1)
        return answer


def init_configuration(address: str, host_link: str) -> list[dict[str, object]]:
    """kubeadm's defaults but for names and addresses, for speed, and for what the test machine lacks."""
    return [
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": address},
            "patches": {"directory": PATCHES},
            "nodeRegistration": {
                "ignorePreflightErrors": list(IGNORED_CHECKS),
                "kubeletExtraArgs": [{"name": "node-labels", "value": "podwright.invalid/made-by=kubeadm"}],
            },
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": builds.KUBERNETES_VERSION,
            "networking": {"podSubnet": POD_CIDR, "serviceSubnet": SERVICE_CIDR},
            "apiServer": {"certSANs": [host_link]},
            "encryptionAlgorithm": "ECDSA-P256",
            "etcd": {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            # The table's size belongs to the whole kernel and cannot be set from a network namespace.
            "conntrack": {"maxPerCore": 0, "min": 0},
        },
    ]


async def _pod_cidr(client: ApiClient, name: str) -> str:
    return str((await _node(client, name)).get("spec", {}).get("podCIDR", ""))


async def _ready(client: ApiClient, name: str) -> bool:
    conditions = (await _node(client, name)).get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def _node(client: ApiClient, name: str) -> dict[str, Any]:
    nodes = (await client.get("/api/v1/nodes"))["items"]
    return next((node for node in nodes if node["metadata"]["name"] == name), {})
