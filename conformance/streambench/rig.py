"""Both sides of the comparison: a worker each, with the pods that are talked to, and kubectl towards them."""

import asyncio
import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance import apiclient, builds
from conformance.cluster import Cluster
from conformance.streambench import client
from conformance.throwaway import NodeError

SIDES = {"ours": "podwright", "peer": "upstream-containerd"}
BUSYBOX = "localhost/podwright/busybox:1"
MEGABYTES = 100
LINE_BYTES = 200
FOLLOWED_MEGABYTES = 40
CONNECTIONS, CONNECTION_MEGABYTES = 50, 2
ECHO_PORT, FROM_POD_PORT, TO_POD_PORT, PART_PORT = 7001, 7002, 7003, 7004
LAST_LINE = b"the last line\n"
SPDY_ONLY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
READ_BYTES = 1 << 20
COMMAND_SECONDS = 120.0

# What is written and sent lies in files beforehand: no side waits for a command that makes it.
_BOX = f"""
yes {"x" * (LINE_BYTES - 1)} | head -c {FOLLOWED_MEGABYTES}000000 > /tmp/lines
head -c {MEGABYTES}000000 /dev/zero > /tmp/blob; head -c {CONNECTION_MEGABYTES}000000 /dev/zero > /tmp/part
nc -ll -p {ECHO_PORT} -e cat &
nc -ll -p {FROM_POD_PORT} -e cat /tmp/blob &
nc -ll -p {TO_POD_PORT} -e sh -c 'dd of=/dev/null bs=100000 count={MEGABYTES}0 iflag=fullblock 2>/dev/null; echo all' &
nc -ll -p {PART_PORT} -e sh -c 'echo here; read go; exec cat /tmp/part' &
mkfifo /tmp/go; printf "{LAST_LINE.decode().strip()}\\n"
while read go < /tmp/go; do cat /tmp/lines; printf "{LAST_LINE.decode().strip()}\\n"; done
"""
_TALKER = f"""
yes {"x" * (LINE_BYTES - 1)} | head -c {MEGABYTES}000000; printf "{LAST_LINE.decode().strip()}\\n"; sleep 100000
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Bytes that a process has put out, and the seconds from the first of them to the last."""

    count: int
    seconds: float

    @property
    def megabytes_per_second(self) -> float:
        return self.count / 1e6 / self.seconds


@dataclass
class Side:
    """One worker; `samples` are what has been measured on it, in the order of the rounds, by measure name."""

    name: str
    cluster: Cluster
    access: client.Access
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def box(self) -> str:
        return f"box-{self.name}"

    @property
    def talker(self) -> str:
        return f"talker-{self.name}"

    @property
    def scratch(self) -> Path:
        return self.cluster.node.scratch

    def note(self, name: str, value: float) -> None:
        self.samples.setdefault(name, []).append(value)

    def command(self, *words: str, stdin: bool = False) -> client.Command:
        return client.Command(self.box, "main", words, stdin)

    @contextlib.contextmanager
    def kubectl(self, *words: str, spdy: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        """The real one, with a pipe as its output. Killed at the end of the block, and where it takes endlessly."""
        env = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig),
               "KUBECACHEDIR": str(self.scratch / "kubectl"), **(SPDY_ONLY if spdy else {})}  # fmt: skip
        process = subprocess.Popen(
            [builds.path("kubectl"), *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            bufsize=0, pipesize=READ_BYTES,
        )  # fmt: skip
        limit = threading.Timer(COMMAND_SECONDS, process.kill)
        limit.start()
        try:
            with process:
                yield process
                process.kill()
        finally:
            limit.cancel()
            process.kill()

    def deliver(self, process: subprocess.Popen[bytes], until: bytes = b"") -> Delivered:
        """Read what kubectl puts out, all or as far as `until`. Blocks. Raises NodeError when it ends otherwise."""
        assert process.stdout is not None
        count, first, tail = 0, 0.0, b""
        while piece := process.stdout.read(READ_BYTES):
            first = first or time.perf_counter()
            count += len(piece)
            tail = (tail + piece[-len(LAST_LINE):])[-len(LAST_LINE):]
            if until and tail == until:
                break
        seconds = time.perf_counter() - first
        if (until and tail != until) or (not until and process.wait()):
            raise NodeError(f"kubectl of {self.name} ended after {count} bytes")
        return Delivered(count, seconds)


async def make_pods(cluster: Cluster, sides: Sequence[Side], nodes: Mapping[str, str]) -> None:
    """Until the pods run, and have written what is to be read from them."""
    for side in sides:
        pods = [_pod(side.box, nodes[side.name], _BOX), _pod(side.talker, nodes[side.name], _TALKER)]
        await cluster.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, pods)))
    names = [f"pod/{name}" for side in sides for name in (side.box, side.talker)]
    await cluster.kubectl("wait", "--for=condition=Ready", *names, "--timeout=60s")
    for side in sides:
        for pod in (side.box, side.talker):
            await asyncio.to_thread(_until_written, side, pod)


def _until_written(side: Side, pod: str) -> None:
    with side.kubectl("logs", "-f", "--tail=1", pod) as process:
        side.deliver(process, LAST_LINE)


def _pod(name: str, node: str, script: str) -> dict[str, object]:
    container = {"name": "main", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container],
            "automountServiceAccountToken": False}  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@contextlib.asynccontextmanager
async def running(names: Sequence[str]) -> AsyncIterator[list[Side]]:
    """The cluster with a worker and its pods per side. Log files hold what is written: nothing is rotated."""
    async with Cluster("streams", None, multi_node=True, cluster_dns=False) as cluster:
        nodes = {}
        for name in names:
            node = await cluster.add_node(f"streams-{name}", SIDES[name],
                                          kubelet_config={"containerLogMaxSize": "10Gi"})
            nodes[name] = node.name
        await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        access = client.Access(*apiclient.identity(cluster.kubeconfig))
        sides = [Side(name, cluster, access) for name in names]
        await make_pods(cluster, sides, nodes)
        yield sides
