"""The node that the suite runs in: an engine or containerd, its CRI, a registry, a systemd of sorts, a `kubelet`."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from conformance import agents, builds
from conformance.images import load_into_containerd, load_into_engine
from conformance.node_e2e import images
from conformance.throwaway import CHECKOUT, DOCKER_SOCKET, NODE_PATH, NodeError, NodeProcess, ThrowawayNode

NODE_NAME = "e2e-node"
WORK = "/var/lib/node-e2e"
BIN = f"{WORK}/bin"
SYSTEMD = Path(__file__).with_name("systemd.py")
REGISTRY_PORT = 80
SOCKET_TIMEOUT_SECONDS = 60.0
PUSH_TIMEOUT_SECONDS = 120.0

# A pod asks for this runtime by name where a RuntimeClass names its handler.
EXTRA_RUNTIME = "test-handler"

REGISTRY_CONFIG = f"""\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: 127.0.0.1:{REGISTRY_PORT}
"""

# Every kernel will do: the suite is here to judge kubelets.
SYSTEM_SPEC = {"os": "Linux", "kernelSpec": {"versions": [".*"]}}


@dataclass(frozen=True, slots=True)
class Side:
    """A kubelet on a runtime, by the names of `conformance.agents`; `engine` is which dockerd, if one."""

    agent: str
    engine: str = "29"

    @property
    def kind(self) -> agents.AgentKind:
        return agents.AGENTS[self.agent]

    @property
    def uses_engine(self) -> bool:
        return self.kind.runtime == "docker"

    @property
    def name(self) -> str:
        """The directory of its results."""
        return f"{self.agent}-{self.engine}" if self.uses_engine else self.agent

    @property
    def programs(self) -> tuple[str, ...]:
        """What must have been built."""
        engine = ("dockerd", "containerd", "runc") if self.uses_engine and self.engine == "29" else ()
        own = [program for program in self.kind.programs if program != "kube-proxy"]
        return ("ginkgo", "nonewprivs", "e2e_node.test", "agnhost", "sample-device-plugin", *own, *engine)


class SuiteNode:
    """A throw-away node, ready for the suite; an async context manager like the node within."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.node = ThrowawayNode(
            f"e2e-{side.name}".replace(".", "-"),
            side.engine if side.uses_engine else None,
            shared=[builds.cache_dir()],
            engine_args=[f"--add-runtime={EXTRA_RUNTIME}=runc"],
        )
        self.processes: dict[str, NodeProcess] = {}

    @property
    def runtime_socket(self) -> str:
        return agents.DOCKERSHIM_SOCKET if self.side.uses_engine else agents.CONTAINERD_SOCKET

    @property
    def work(self) -> Path:
        """The suite's directory, as the host sees it."""
        return self.node.path(WORK)

    async def __aenter__(self) -> "SuiteNode":
        await self.node.start()
        try:
            await self._prepare()
        except BaseException:
            await asyncio.shield(self.node.stop())
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.shield(self.node.stop())

    async def _prepare(self) -> None:
        self._write_files()
        await self.node.write_cni("10.100.0.0/16")
        await self._start_registry()
        made = await asyncio.to_thread(images.all_images)
        if self.side.uses_engine:
            await load_into_engine(self.node.docker_socket, made)
            await self._push([name for image in made for name in image.names])
            await self._start_dockershim()
        else:
            await self._start_containerd()
            await load_into_containerd(self.node, made)

    def _write_files(self) -> None:
        self.node.path(BIN).mkdir(parents=True)
        for name in ("systemd-run", "systemctl", "sudo"):
            self._write_program(name, f'exec {sys.executable} -I {SYSTEMD} {name} "$@"')
        self._write_program("kubelet", f'exec {self._kubelet_words()} "$@"')
        (self.work / "e2e_node.test").symlink_to(builds.path("e2e_node.test"))
        (self.work / "system-spec.json").write_text(json.dumps(SYSTEM_SPEC))
        (self.work / "kubelet.json").write_text(json.dumps(kubelet_config(), indent=2))
        (self.work / "registry.yml").write_text(REGISTRY_CONFIG)
        hosts = self.node.path("/etc/hosts")
        # The upstream kubelet looks its own name up before it registers, and waits for a DNS server to answer.
        hosts.write_text(f"{hosts.read_text()}{self.node.ip} {NODE_NAME}\n127.0.0.1 {images.REGISTRY}\n")

    def _write_program(self, name: str, line: str) -> None:
        program = self.node.path(BIN) / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def _kubelet_words(self) -> str:
        if not self.side.kind.ours:
            return str(builds.path("kubelet"))
        return f"env PYTHONPATH={CHECKOUT}:{CHECKOUT}/gc PYTHONDONTWRITEBYTECODE=1 {sys.executable} -m kubelet"

    # -- daemons -------------------------------------------------------------------------------------------------

    async def _start_registry(self) -> None:
        self.processes["registry"] = await self.node.spawn(["docker-registry", "serve", f"{WORK}/registry.yml"])
        await self._until_connected(("127.0.0.1", REGISTRY_PORT), self.processes["registry"])

    async def _push(self, names: list[str]) -> None:
        """Let pulls of the suite's images find them: side by side, as the engine shares their layers."""
        await asyncio.gather(
            *(self.node.run(["docker", "push", "--quiet", name], timeout=PUSH_TIMEOUT_SECONDS) for name in names)
        )

    async def _start_dockershim(self) -> None:
        words = [
            sys.executable, "-m", "dockershim",
            f"--container-runtime-endpoint=unix://{agents.DOCKERSHIM_SOCKET}",
            f"--docker-endpoint=unix://{DOCKER_SOCKET}",
            "--cni-conf-dir=/etc/cni/net.d", "--cni-bin-dir=/usr/lib/cni", "--cni-cache-dir=/var/lib/cni/cache",
            "--root-directory=/var/lib/dockershim", f"--pod-infra-container-image={images.PAUSE_IMAGE}",
        ]  # fmt: skip
        self.processes["dockershim"] = await self.node.spawn(words, name="dockershim")
        await self._until_connected(agents.DOCKERSHIM_SOCKET, self.processes["dockershim"])

    async def _start_containerd(self) -> None:
        hosts = self.node.path(f"/etc/containerd/certs.d/{images.REGISTRY}/hosts.toml")
        hosts.parent.mkdir(parents=True)
        hosts.write_text(f'[host."http://{images.REGISTRY}"]\n  capabilities = ["pull", "resolve"]\n')
        self.node.path("/etc/containerd/config.toml").write_text(containerd_config())
        tools = [str(builds.path(tool).parent) for tool in ("containerd", "runc")]
        self.processes["containerd"] = await self.node.spawn(
            [builds.path("containerd"), "--config=/etc/containerd/config.toml", "--log-level=warn"],
            name="containerd",
            env={"PATH": ":".join([*tools, NODE_PATH])},
        )
        await self._until_connected(agents.CONTAINERD_SOCKET, self.processes["containerd"])

    async def _until_connected(self, where: str | tuple[str, int], process: NodeProcess) -> None:
        """Until somebody accepts connections on a unix socket of the node, or on a TCP port of it."""
        deadline = time.monotonic() + SOCKET_TIMEOUT_SECONDS
        while not await self._accepts(where):
            if process.returncode is not None or time.monotonic() > deadline:
                raise NodeError(f"{process.name} does not serve {where}; its log:\n{process.tail()}")
            await asyncio.sleep(0.05)

    async def _accepts(self, where: str | tuple[str, int]) -> bool:
        try:
            if isinstance(where, str):
                _, writer = await asyncio.open_unix_connection(str(self.node.path(where)))
                writer.close()
                return True
        except OSError:
            return False
        done = await self.node.run(["bash", "-c", f"</dev/tcp/{where[0]}/{where[1]}"], check=False)
        return done.returncode == 0


def kubelet_config() -> dict[str, object]:
    """What upstream's own jobs give the suite's kubelet, and what cgroup v1 and a machine shared with others need."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "podCIDR": "10.100.0.0/24",
        "clusterDomain": "cluster.local",
        "volumeStatsAggPeriod": "10s",
        "fileCheckFrequency": "10s",
        "evictionPressureTransitionPeriod": "30s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "serializeImagePulls": False,
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,  # the machines that tests run on may not lower it
        "imageGCHighThresholdPercent": 100,
    }


def containerd_config() -> str:
    """The peer's, with the runtime handler and the registry that the specs look for."""
    runtime = '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes'
    return f"""{agents.containerd_config()}
{runtime}.{EXTRA_RUNTIME}]
runtime_type = "io.containerd.runc.v2"

{runtime}.{EXTRA_RUNTIME}.options]
BinaryName = "{builds.path("runc")}"
SystemdCgroup = false

[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
"""
