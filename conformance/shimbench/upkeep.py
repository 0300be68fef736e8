"""What the dockershim costs while 100 containers run and nothing happens."""

import asyncio
from dataclasses import dataclass

from conformance.bench import usage
from conformance.shimbench.rig import Rig

PER_POD = 10
IDLE_SECONDS = 60.0
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Resident bytes of the dockershim and of its log process, and processor seconds per second of both together."""

    shim_bytes: int
    log_process_bytes: int
    cpu: float


async def fill(rig: Rig, containers: int) -> list[str]:
    """That many running containers, in pods of ten; the sandboxes' ids."""
    sandboxes = []
    for first in range(0, containers, PER_POD):
        pod, sandbox_id = await rig.pod()
        sandboxes.append(sandbox_id)
        for number in range(first, min(first + PER_POD, containers)):
            await rig.start(await rig.create(sandbox_id, pod, f"c{number}"))
    return sandboxes


async def measure(rig: Rig) -> Upkeep:
    await asyncio.sleep(SETTLE_SECONDS)
    logs = usage.log_process(rig.node.pid)
    used = await usage.measure({"ours": {rig.shim.pid, logs}}, IDLE_SECONDS)
    return Upkeep(usage.resident_bytes(rig.shim.pid), usage.resident_bytes(logs), used["ours"].cpu)
