"""What the agents are allowed to cost, measured: `python -m conformance.budgets` (`make budgets`) writes it to SPEC.md.

In a throw-away node with Engine 20.10 and no API server, over 50 static pods:

    start-up    from the start of the kubelet's process to the first pod that its sync loop takes up; the dockershim
                runs already. The median of several restarts, which adopt the pods and change nothing.
    memory      resident set of the kubelet, of the dockershim and of its log process with 50 pods running

Exits 1 when a budget is exceeded.
"""

import asyncio
import datetime
import json
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from conformance import images, specfile
from conformance.bench.usage import log_process, resident_bytes
from conformance.throwaway import DOCKER_SOCKET, NodeError, NodeProcess, ThrowawayNode

BEGIN, END = specfile.markers("budgets", "make budgets")
PODS = 50
RESTARTS = 5
READY_TIMEOUT_SECONDS = 300.0
SETTLE_SECONDS = 10.0
BUSYBOX = f"{images.DEFAULT_REPOSITORY}/busybox:1"
SHIM_SOCKET = "/run/dockershim.sock"
MANIFESTS = "/etc/kubernetes/manifests"
CONFIG = "/etc/kubernetes/kubelet.json"
_FIRST_POD = re.compile(r"^I(\d{2})(\d{2}) (\d+):(\d+):(\d+)\.(\d{6}) .*Pod ADD ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise: measured `value` in `unit` stays at or below `limit`; without a limit it is told, not promised."""

    name: str
    unit: str
    limit: float | None


BUDGETS = (
    Budget("kubelet: process start to first pod synced", "s", 0.5),
    Budget("kubelet: memory with 50 pods", "MB", 90),
    Budget("dockershim: memory with 50 pods", "MB", 60),
    Budget("log process: memory with 50 pods", "MB", None),
)


def table(values: Mapping[str, float]) -> str:
    lines = ["| what | measured | promised |", "|---|---|---|"]
    for budget in BUDGETS:
        promise = "–" if budget.limit is None else f"≤ {budget.limit:g} {budget.unit}"
        digits = 2 if budget.unit == "s" else 0
        lines.append(f"| {budget.name} | {values[budget.name]:.{digits}f} {budget.unit} | {promise} |")
    return "\n".join(lines)


def exceeded(values: Mapping[str, float]) -> list[str]:
    return [b.name for b in BUDGETS if b.limit is not None and values[b.name] > b.limit]


async def measure() -> dict[str, float]:
    async with ThrowawayNode("budgets") as node:
        await node.write_cni("10.244.0.0/22")
        await images.load_into_engine(node.docker_socket, [images.busybox(), images.pause()])
        _write_pods(node)
        shim = await node.spawn([
            sys.executable, "-m", "dockershim", f"--container-runtime-endpoint=unix://{SHIM_SOCKET}",
            f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni",
        ], name="dockershim")  # fmt: skip
        kubelet, _ = await _start_kubelet(node)
        await _until_running(node, kubelet)
        starts = []
        for _ in range(RESTARTS):
            await kubelet.stop()
            kubelet, seconds = await _start_kubelet(node)
            starts.append(seconds)
        await _until_running(node, kubelet)
        await asyncio.sleep(SETTLE_SECONDS)
        return {
            BUDGETS[0].name: statistics.median(starts),
            BUDGETS[1].name: resident_bytes(kubelet.pid) / 1e6,
            BUDGETS[2].name: resident_bytes(shim.pid) / 1e6,
            BUDGETS[3].name: resident_bytes(log_process(shim.pid)) / 1e6,
        }


def _write_pods(node: ThrowawayNode) -> None:
    node.path(CONFIG).write_text(json.dumps({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "staticPodPath": MANIFESTS,
        "containerRuntimeEndpoint": f"unix://{SHIM_SOCKET}", "failSwapOn": False, "failCgroupV1": False,
        "authentication": {"webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
    }))  # fmt: skip
    node.path(MANIFESTS).mkdir()
    for number in range(PODS):
        node.path(f"{MANIFESTS}/idle-{number}.json").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"idle-{number}", "namespace": "default"},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": BUSYBOX, "command": ["sleep", "1000000"]}],
            },
        }))  # fmt: skip


async def _start_kubelet(node: ThrowawayNode) -> tuple[NodeProcess, float]:
    """The process, and the seconds until it took up its first pod."""
    log = node.logs / f"kubelet-{time.monotonic_ns()}.log"
    began = time.time()
    process = await node.spawn([sys.executable, "-m", "kubelet", f"--config={CONFIG}"], name="kubelet", log=log)
    deadline = time.monotonic() + 60
    while (found := _FIRST_POD.search(log.read_text(errors="replace"))) is None:
        if process.returncode is not None or time.monotonic() > deadline:
            raise NodeError(f"the kubelet took up no pod:\n{process.tail(60)}")
        await asyncio.sleep(0.05)
    month, day, hour, minute, second, micro = map(int, found.groups())
    year = datetime.datetime.fromtimestamp(began).year
    return process, datetime.datetime(year, month, day, hour, minute, second, micro).timestamp() - began


async def _until_running(node: ThrowawayNode, kubelet: NodeProcess) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while True:
        done = await node.run([sys.executable, "-m", "kubelet.operator", "pods", "-o", "json"], check=False)
        pods = json.loads(done.stdout)["pods"] if done.returncode == 0 else []
        if sum(1 for pod in pods if pod["isReady"]) == PODS:
            return
        if kubelet.returncode is not None or time.monotonic() > deadline:
            raise NodeError(f"not all of {PODS} pods run:\n{kubelet.tail(60)}")
        await asyncio.sleep(1)


def main() -> int:
    values = asyncio.run(measure())
    about = (
        f"Measured by `make budgets` on {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}."
    )
    print(table(values))
    specfile.write(BEGIN, END, f"{about}\n\n{table(values)}")
    if too_much := exceeded(values):
        print("over budget: " + "; ".join(too_much), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
