"""How fast a container's output reaches its CRI file, beside what the engine alone makes of it.

A container writes lines of 200 bytes as fast as it can, started by the engine itself; the time ends with the last line
in the file that the kubelet gave. Beside it the same container with the engine's json-file driver alone, whose file
nobody follows: what is left between the two is ours.
"""

import asyncio
import statistics
from dataclasses import dataclass, field

from conformance.shimbench import BUSYBOX
from conformance.shimbench.rig import Rig, timed
from conformance.throwaway import NodeError
from cri.v1 import api_pb2 as cri

LINE_BYTES = 200
MEGABYTES = 200
POLL_SECONDS = 0.01
TIMEOUT_SECONDS = 300.0


@dataclass
class Throughput:
    """Seconds, round by round: until the container's log was complete, and until the bare container ended."""

    complete: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def megabytes_per_second(self) -> float:
        return MEGABYTES / statistics.median(self.complete)

    @property
    def bare_megabytes_per_second(self) -> float:
        return MEGABYTES / statistics.median(self.bare)


def _writer() -> tuple[str, ...]:
    return ("sh", "-c", f"yes {'x' * (LINE_BYTES - 1)} | head -c {MEGABYTES * 1_000_000}")


async def measure(rig: Rig, rounds: int) -> Throughput:
    result = Throughput()
    for number in range(rounds):
        for ours in (number % 2 == 0, number % 2 == 1):
            await (_ours(rig, result) if ours else _bare(rig, result))
    return result


async def _ours(rig: Rig, result: Throughput) -> None:
    pod, sandbox_id = await rig.pod()
    container_id = await rig.create(sandbox_id, pod, "writer", *_writer())
    log = rig.node.path(f"{pod.log_directory}/writer/0.log")
    request = cri.ContainerStatusRequest(container_id=container_id)

    async def until_complete() -> None:
        """The dockershim says that a container has ended when all that it wrote is in its log."""
        await rig.engine.start_container(container_id)
        while (await rig.runtime.ContainerStatus(request)).status.state != cri.CONTAINER_EXITED:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    async with asyncio.timeout(TIMEOUT_SECONDS):
        seconds, _ = await timed(until_complete())
    result.complete.append(seconds)
    lines = await asyncio.to_thread(lambda: log.read_bytes().count(b"\n"))
    if lines != MEGABYTES * 1_000_000 // LINE_BYTES:
        raise NodeError(f"{lines} of {MEGABYTES * 1_000_000 // LINE_BYTES} lines are in {log}")
    await rig.remove_pod(sandbox_id)


async def _bare(rig: Rig, result: Throughput) -> None:
    host = {"NetworkMode": "none", "LogConfig": {"Type": "json-file", "Config": {}}}
    body = {"Image": BUSYBOX, "Cmd": list(_writer()), "HostConfig": host}
    container_id = await rig.engine.create_container(f"bare-writer-{rig.next()}", body)
    seconds, _ = await timed(_run(rig, container_id))
    result.bare.append(seconds)
    await rig.engine.remove_container(container_id, force=True)


async def _run(rig: Rig, container_id: str) -> None:
    await rig.engine.start_container(container_id)
    await rig.engine.wait_container(container_id, timeout=TIMEOUT_SECONDS)
