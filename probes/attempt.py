"""One probe, carried out: up to three tries, because an error is no answer, and no blame for our own slowness.

    ProbeSpec ─▶ exec | http | tcp | grpc ─▶ Answer ─▶ (error, or timed out while we were starved: again) ─▶ Answer
"""

import asyncio
import logging
from dataclasses import dataclass, replace

from probes.execsync import ExecRuntime, probe_exec
from probes.grpchealth import probe_grpc
from probes.httpget import probe_http
from probes.spec import (
    Answer,
    BrokenHandler,
    ExecHandler,
    GrpcHandler,
    HttpHandler,
    Outcome,
    ProbeSpec,
    TcpHandler,
)
from probes.starvation import StarvationMeter, starved
from probes.tcpsocket import probe_tcp

logger = logging.getLogger(__name__)

MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """The container that is probed, as far as a prober needs to know it."""

    container_id: str
    pod_ip: str


class Prober:
    """Carries probes out; `exec_limit` commands at a time, since each costs processes. `runtime` executes them."""

    def __init__(self, runtime: ExecRuntime, exec_limit: int = 16) -> None:
        self._runtime = runtime
        self._exec_slots = asyncio.Semaphore(exec_limit)
        self._meter = StarvationMeter()

    async def __call__(self, spec: ProbeSpec, target: Target) -> Answer:
        answer = Answer(Outcome.UNKNOWN)
        for _ in range(MAX_TRIES):
            with self._meter.measure() as lateness:
                answer = await self._try(spec, target)
                late = lateness.seconds
            if answer.timed_out and starved(late, spec.timeout):
                error = f"inconclusive: the agent itself was late by {late:.2f} s of the probe's {spec.timeout:g} s"
                logger.warning(
                    "a probe timed out while the node was too busy to run it kind=%s container_id=%s late_seconds=%.2f",
                    spec.kind.value, target.container_id, late,
                )
                answer = replace(answer, outcome=Outcome.UNKNOWN, error=error)
            if not answer.error:
                break
        return answer

    async def _try(self, spec: ProbeSpec, target: Target) -> Answer:
        match spec.handler:
            case ExecHandler(command):
                async with self._exec_slots:
                    return await probe_exec(self._runtime, target.container_id, command, spec.timeout)
            case HttpHandler() as handler:
                return await probe_http(handler, target.pod_ip, spec.timeout)
            case TcpHandler(port, host):
                return await probe_tcp(host or target.pod_ip, port, spec.timeout)
            case GrpcHandler(port, service):
                return await probe_grpc(target.pod_ip, port, service, spec.timeout)
            case BrokenHandler(error):
                return Answer(Outcome.UNKNOWN, error=error)
