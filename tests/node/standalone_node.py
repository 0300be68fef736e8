"""A kubelet without an API server in a throw-away node: manifests from a directory, the dockershim as its child."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from conformance.throwaway import DOCKER_SOCKET, NodeProcess, ThrowawayNode

Json = dict[str, Any]
CONFIG = "/etc/kubernetes/kubelet.yaml"
MANIFESTS = "/etc/kubernetes/manifests"
ROOT = "/var/lib/kubelet"
BUSYBOX = "localhost/podwright/busybox:1"
WAIT = "trap 'exit 0' TERM; sleep 100000 & wait"


def configuration(**changes: object) -> Json:
    config: Json = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "staticPodPath": MANIFESTS,
        "fileCheckFrequency": "1s",
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "authentication": {"webhook": {"enabled": False}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
    }
    return {**config, **changes}


def manifest(name: str, script: str = WAIT, **spec: object) -> Json:
    container = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", script]}
    metadata = {"name": name, "namespace": "default"}
    body = {"terminationGracePeriodSeconds": 1, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


class Standalone:
    """The kubelet of a node, its manifests, and what it runs as the engine and the operator's command see it."""

    def __init__(self, node: ThrowawayNode) -> None:
        self.node = node
        self._process: NodeProcess | None = None
        node.path(MANIFESTS).mkdir(exist_ok=True)

    @property
    def process(self) -> NodeProcess:
        assert self._process is not None, "the kubelet has not been started"
        return self._process

    def write(self, file_name: str, content: Json | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        self.node.path(f"{MANIFESTS}/{file_name}").write_text(text)

    def remove(self, file_name: str) -> None:
        self.node.path(f"{MANIFESTS}/{file_name}").unlink()

    async def start(self, *flags: str, **changes: object) -> NodeProcess:
        self.node.path(CONFIG).write_text(json.dumps(configuration(**changes)))
        shim = [f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni"]
        words = [sys.executable, "-m", "kubelet", f"--config={CONFIG}", *(f"--dockershim-flag={f}" for f in shim)]
        self._process = await self.node.spawn([*words, *flags], name="kubelet")
        return self._process

    def log(self) -> list[str]:
        return self.process.log.read_text(errors="replace").splitlines()

    async def pods(self) -> dict[str, Json]:
        """What `podwright pods` says, by pod name without the node's at its end; empty before it can be asked."""
        done = await self.node.run([sys.executable, "-m", "kubelet.operator", "pods", "-o", "json"], check=False)
        rows = json.loads(done.stdout)["pods"] if done.returncode == 0 else []
        return {row["name"].removesuffix(f"-{self.node.name}"): row for row in rows}

    async def containers(self, pod: str) -> list[str]:
        """The ids of a pod's running containers, its sandbox among them."""
        label = f"label=io.kubernetes.pod.name={pod}-{self.node.name}"
        return (await self.node.run(["docker", "ps", "-q", "--no-trunc", "--filter", label])).stdout.split()

    async def until(self, wanted: Callable[[dict[str, Json]], bool], timeout: float = 40.0) -> dict[str, Json]:
        """Until the pods are as wanted; the operator's socket offers no watch. Fails with what the kubelet said."""
        deadline = time.monotonic() + timeout
        while not wanted(pods := await self.pods()):
            if self.process.returncode is not None or time.monotonic() > deadline:
                raise AssertionError(f"the pods are {json.dumps(pods, indent=1)}\n{self.process.tail(60)}")
            await asyncio.sleep(0.1)
        return pods

    async def until_ready(self, *names: str, timeout: float = 40.0) -> dict[str, Json]:
        return await self.until(lambda pods: all(pods.get(name, {}).get("isReady") for name in names), timeout)

    async def until_logged(self, *parts: str, timeout: float = 20.0) -> str:
        """The first line of the log that has all the parts in it."""
        deadline = time.monotonic() + timeout
        while not (found := [line for line in self.log() if all(part in line for part in parts)]):
            if time.monotonic() > deadline:
                raise AssertionError(f"no line with {parts} in the log:\n{self.process.tail(60)}")
            await asyncio.sleep(0.05)
        return found[0]
