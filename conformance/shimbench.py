"""What the dockershim adds to the engine: its verbs beside the bare engine calls that do the same work.

    for each round:  RunPodSandbox │ create + start of a pause with the same body      (host network: no plugin's time)
                     CreateContainer │ create with the same body
                     StartContainer  │ start
    then:            ListContainers with 100 containers │ the engine's own list of them

A round does both sides of a pair one after the other, first one side and in the next round the other, so that what
else the machine does falls on both. The bare body is what the engine says of the dockershim's container: equal in all,
only another name. Medians of the ratios per round are told beside the medians: a busy machine spoils them least.

`python -m conformance.shimbench [--engine 20.10|29] [--rounds 20] [--containers 100]`; root, about two minutes.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from conformance import builds, images
from conformance.throwaway import CHECKOUT, DOCKER_SOCKET, NodeError, ThrowawayNode
from cri.client import RuntimeClient
from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from dockershim.engine import EngineClient

BUSYBOX = "localhost/podwright/busybox:1"
AIMS = {"RunPodSandbox": 1.15, "CreateContainer": 1.15, "StartContainer": 1.15, "ListContainers": None}
READY_SECONDS = 60.0
T = TypeVar("T")


@dataclass
class Pairs:
    """Seconds of both sides of one verb, round by round."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(a / b for a, b in zip(self.ours, self.bare, strict=True))


def table(results: dict[str, Pairs]) -> str:
    lines = ["| verb | dockershim, ms | bare engine calls, ms | ratio, median of pairs | aim |"]
    lines.append("|---|---|---|---|---|")
    for verb, pairs in results.items():
        ours, bare = (statistics.median(side) * 1000 for side in (pairs.ours, pairs.bare))
        aim = AIMS.get(verb)
        lines.append(f"| {verb} | {ours:.1f} | {bare:.1f} | {pairs.ratio:.2f}x | {f'≤ {aim}x' if aim else '–'} |")
    return "\n".join(lines)


class Bench:
    def __init__(self, runtime: RuntimeClient, engine: EngineClient) -> None:
        self.runtime, self.engine = runtime, engine
        self.results = {verb: Pairs() for verb in AIMS}
        self._number = 0

    async def rounds(self, count: int) -> None:
        await self._round(True)
        for pairs in self.results.values():  # the first is a warm-up
            pairs.ours.clear()
            pairs.bare.clear()
        for number in range(count):
            await self._round(ours_first=number % 2 == 0)

    async def _round(self, ours_first: bool) -> None:
        """The bare bodies come from a pod that was made before; what is timed is made of them, then removed."""
        pod, sandbox_id = await self._pod()
        template = await self._create(sandbox_id, pod, "template")
        bodies = [await self._body(one) for one in (sandbox_id, template)]
        made: list[str] = []
        ours_sandbox = ""
        containers: dict[bool, str] = {}
        for ours in (ours_first, not ours_first):
            if ours:
                seconds, (other, ours_sandbox) = await _timed(self._pod())
                self.results["RunPodSandbox"].ours.append(seconds)
            else:
                seconds, bare_id = await _timed(self._bare_run(bodies[0]))
                self.results["RunPodSandbox"].bare.append(seconds)
                made.append(bare_id)
        for ours in (ours_first, not ours_first):
            if ours:
                seconds, containers[True] = await _timed(self._create(ours_sandbox, other, "main"))
                self.results["CreateContainer"].ours.append(seconds)
            else:
                name = f"bare-{self._next()}"
                seconds, containers[False] = await _timed(self.engine.create_container(name, bodies[1]))
                self.results["CreateContainer"].bare.append(seconds)
        made.append(containers[False])
        for ours in (ours_first, not ours_first):
            if ours:
                request = cri.StartContainerRequest(container_id=containers[True])
                seconds, _ = await _timed(self.runtime.StartContainer(request))
                self.results["StartContainer"].ours.append(seconds)
            else:
                seconds, _ = await _timed(self.engine.start_container(containers[False]))
                self.results["StartContainer"].bare.append(seconds)
        for one in reversed(made):
            await self.engine.remove_container(one, force=True)
        for one in (sandbox_id, ours_sandbox):
            await self.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=one))

    async def lists(self, containers: int, count: int) -> None:
        pod, sandbox_id = await self._pod()
        for number in range(containers):
            await self._create(sandbox_id, pod, f"c{number}")
        pairs = self.results["ListContainers"]
        for _ in range(count):
            seconds, listed = await _timed(self.runtime.ListContainers(cri.ListContainersRequest()))
            if len(listed.containers) != containers:
                raise NodeError(f"{len(listed.containers)} of {containers} containers are listed")
            pairs.ours.append(seconds)
            seconds, _ = await _timed(self.engine.list_containers(label=["io.kubernetes.docker.type=container"]))
            pairs.bare.append(seconds)
        await self.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def _pod(self) -> tuple[cri.PodSandboxConfig, str]:
        name = f"p{self._next()}"
        options = cri.NamespaceOption(network=cri.NODE)
        config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, namespace="bench", uid=name),
            log_directory=f"/var/log/pods/bench_{name}_{name}",
            dns_config=cri.DNSConfig(servers=["10.96.0.10"]),
            linux=cri.LinuxPodSandboxConfig(
                security_context=cri.LinuxSandboxSecurityContext(namespace_options=options),
                cgroup_parent=f"/kubepods/pod{name}",
            ),
        )
        made = await self.runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))
        return config, made.pod_sandbox_id

    async def _create(self, sandbox_id: str, pod: cri.PodSandboxConfig, name: str) -> str:
        options = cri.NamespaceOption(network=cri.NODE, pid=cri.CONTAINER)
        config = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name),
            image=cri.ImageSpec(image=BUSYBOX),
            command=["sleep", "1000"],
            log_path=f"{name}/0.log",
            linux=cri.LinuxContainerConfig(
                security_context=cri.LinuxContainerSecurityContext(namespace_options=options)
            ),
        )
        request = cri.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=pod)
        return (await self.runtime.CreateContainer(request)).container_id

    async def _body(self, container_id: str) -> dict[str, object]:
        """A create body that makes the same container, unknown to the dockershim: without its labels."""
        inspect = await self.engine.inspect_container(container_id)
        labels = {f"bare.{key}": value for key, value in (inspect["Config"].get("Labels") or {}).items()}
        config = {key: value for key, value in inspect["Config"].items() if key not in ("Hostname", "Domainname")}
        return {**config, "Labels": labels, "HostConfig": inspect["HostConfig"]}

    async def _bare_run(self, body: dict[str, object]) -> str:
        container_id = await self.engine.create_container(f"bare-{self._next()}", body)
        await self.engine.start_container(container_id)
        return container_id

    def _next(self) -> int:
        self._number += 1
        return self._number


async def _timed(call: Awaitable[T]) -> tuple[float, T]:
    begin = time.perf_counter()
    result = await call
    return time.perf_counter() - begin, result


@contextlib.asynccontextmanager
async def dockershim_on(node: ThrowawayNode) -> AsyncIterator[RuntimeClient]:
    socket = "/run/shimbench.sock"
    process = await node.spawn(
        [sys.executable, "-m", "dockershim", f"--container-runtime-endpoint=unix://{socket}",
         f"--docker-endpoint=unix://{DOCKER_SOCKET}", "--cni-bin-dir=/usr/lib/cni"],
        env={"PYTHONPATH": str(CHECKOUT)},
    )
    client = RuntimeClient(f"unix://{node.path(socket)}", 60)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not await _ready(client):
            if time.monotonic() > deadline or process.returncode is not None:
                raise NodeError(f"the dockershim is not ready: {process.tail()}")
            await asyncio.sleep(0.1)
        yield client
    finally:
        await client.close()
        await process.stop()


async def _ready(client: RuntimeClient) -> bool:
    try:
        return (await client.Status(cri.StatusRequest())).status.conditions[0].status
    except CriError:
        return False


async def measure(engine: str, rounds: int, containers: int) -> str:
    if engine == "29":
        builds.ensure(["moby", "containerd", "runc"])
    async with ThrowawayNode(f"shimbench-{engine.replace('.', '-')}", engine=engine) as node:
        await node.write_cni()
        wanted = [images.busybox(BUSYBOX), images.pause()]
        await images.load_into_engine(node.docker_socket, wanted)
        async with dockershim_on(node) as runtime:
            client = EngineClient(f"unix://{node.docker_socket}")
            bench = Bench(runtime, client)
            await bench.rounds(rounds)
            await bench.lists(containers, rounds)
            await client.close()
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"Engine {engine}, {rounds} rounds, {containers} containers, load average {load}:\n\n{table(bench.results)}"


def main() -> int:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m conformance.shimbench", description=summary)
    parser.add_argument("--engine", choices=("20.10", "29"), default="20.10")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--containers", type=int, default=100)
    arguments = parser.parse_args()
    sys.stdout.write(asyncio.run(measure(arguments.engine, arguments.rounds, arguments.containers)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
