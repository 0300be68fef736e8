"""The user's steps: a node image with our kubelet, `kind create cluster`, a pod network, `kind delete cluster`."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml

from conformance import builds
from conformance.kind.base import WHEELS, base_archive
from conformance.kubeadm.machine import cover_usr
from conformance.throwaway import NODE_PATH, Completed, NodeError, ThrowawayNode, bridge_conflist

HERE = Path(__file__).parent
NAME = "podwright"
NODES = (f"{NAME}-control-plane", f"{NAME}-worker")
BASE = "localhost/podwright/kind-base:1"
CONFIG = "/etc/kind.yaml"
KUBECONFIG = "/etc/kind.kubeconfig"
STEP_SECONDS = 600.0
IMAGE_CONFIG = (
    'ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]', "ENV container=docker", "STOPSIGNAL SIGRTMIN+3",
)  # fmt: skip
"""What kind's base image says besides files."""
_T = TypeVar("_T")
ENGINE_SETS = ("moby", "containerd", "runc")
# No package index: the wheel is built with what this environment has, the image's dependencies lie in it.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
OFFLINE_IMAGE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"/{WHEELS}"}


def cluster_config() -> dict[str, Any]:
    """The recipe's, without the pod network that only exists as an image, and on cgroup v1 if it has to be."""
    config: dict[str, Any] = yaml.safe_load((HERE / "cluster.yaml").read_text())
    kubelet = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "failCgroupV1": False}
    config["networking"] = {"disableDefaultCNI": True}
    config["kubeadmConfigPatches"] = [json.dumps(kubelet)]
    return config


class KindCluster:
    """An engine in a throw-away node, with kind's node image; an async context manager."""

    def __init__(self, name: str = "kind") -> None:
        self._name = name
        self.node = ThrowawayNode(
            name, "29", shared=[builds.cache_dir()], engine_args=["--iptables=true", "--ip6tables=true"]
        )

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(builds.ensure, ["kind", *ENGINE_SETS])
        archive = await asyncio.to_thread(base_archive)
        await self.node.start()
        try:
            await cover_usr(self.node)  # the engine makes /usr/lib/modules, which kind's nodes mount
            changes = [word for change in IMAGE_CONFIG for word in ("--change", change)]
            await self.run("docker", "import", *changes, archive, BASE, timeout=STEP_SECONDS)
            await self._build()
        except BaseException:
            await asyncio.shield(self.node.stop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.node.stop())

    async def _build(self) -> None:
        """The recipe's own script."""
        environment = {
            **os.environ, **OFFLINE, "PYTHON": sys.executable, "DOCKER_BUILDKIT": "0",
            "DOCKER_HOST": f"unix://{self.node.docker_socket}",
        }  # fmt: skip
        arguments = [f"--build-arg={name}={value}" for name, value in OFFLINE_IMAGE.items()]
        words = [str(HERE / "build.sh"), "--base", BASE, "--network=none", *arguments]
        build = await asyncio.create_subprocess_exec(
            *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told, _ = await build.communicate()
        if build.returncode:
            raise NodeError(f"{' '.join(words)} ended with {build.returncode}:\n{told.decode()[-4000:]}")

    # -- kind ----------------------------------------------------------------------------------------------------

    async def create(self) -> Completed:
        self.node.path(CONFIG).write_text(yaml.safe_dump(cluster_config()))
        done = await self.kind("create", "cluster", "--config", CONFIG, "--retain", check=False)
        if done.returncode:
            raise NodeError(f"kind create cluster: {done.stderr}\n{await self.journal()}")
        return done

    async def install_network(self) -> None:
        """What kind's own network does: a CNI configuration for each node's podCIDR, routes to the others."""
        nodes = {name: await self.until(partial(self._addresses, name), f"{name} has a podCIDR") for name in NODES}
        for name, (subnet, _) in nodes.items():
            conflist = json.dumps(bridge_conflist(subnet, NAME, "cni0"))
            await self.inside(name, "tee", f"/etc/cni/net.d/10-{NAME}.conflist", stdin=conflist)
            for other, (theirs, address) in nodes.items():
                if other != name:
                    await self.inside(name, "ip", "route", "replace", theirs, "via", address)

    async def _addresses(self, name: str) -> tuple[str, str] | None:
        node = json.loads((await self.kubectl("get", "node", name, "-o", "json")).stdout)
        subnet = node["spec"].get("podCIDR")
        addresses = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        return (subnet, addresses[0]) if subnet and addresses else None

    async def kind(self, *words: str | Path, check: bool = True) -> Completed:
        return await self.run(builds.path("kind"), *words, check=check, timeout=STEP_SECONDS)

    async def kubectl(self, *words: str, check: bool = True, stdin: str | None = None) -> Completed:
        """With the kubeconfig that kind wrote."""
        return await self.run(builds.path("kubectl"), *words, check=check, stdin=stdin)

    async def inside(
        self, name: str, *words: str, check: bool = True, timeout: float = 60.0, stdin: str | None = None
    ) -> Completed:
        """Run a command in a node of kind's."""
        keep = [] if stdin is None else ["--interactive"]
        return await self.run("docker", "exec", *keep, name, *words, check=check, timeout=timeout, stdin=stdin)

    async def run(
        self, *words: str | Path, check: bool = True, timeout: float = 60.0, stdin: str | None = None
    ) -> Completed:
        """Where the engine is."""
        environment = {"PATH": NODE_PATH, "KUBECONFIG": KUBECONFIG}
        return await self.node.run(words, env=environment, check=check, timeout=timeout, stdin=stdin)

    async def until(self, ask: Callable[[], Awaitable[_T | None]], what: str, timeout: float = 120.0) -> _T:
        deadline = time.monotonic() + timeout
        while not (answer := await ask()):
            if time.monotonic() > deadline:
                raise NodeError(f"not within {timeout:.0f} s: {what}\n{await self.journal()}")
            await asyncio.sleep(0.2)
        return answer

    async def journal(self) -> str:
        """The last lines of each node's kubelet."""
        words = ("journalctl", "--unit=kubelet", "--unit=containerd", "--no-pager", "--lines=40")
        told = [f"-- {name}:\n{(await self.inside(name, *words, check=False)).stdout}" for name in NODES]
        return "\n".join(told)
