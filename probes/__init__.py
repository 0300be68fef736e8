"""Liveness, readiness and startup probes of the node's containers; see probes.manager for the story."""

from probes.attempt import Prober, Target
from probes.manager import ContainerFacts, ProbeListener, ProbeManager, ProbeResult
from probes.spec import (
    Answer,
    BrokenHandler,
    ExecHandler,
    GrpcHandler,
    HttpHandler,
    Outcome,
    ProbeKind,
    ProbeSpec,
    TcpHandler,
    Verdict,
)

__all__ = [
    "Answer", "BrokenHandler", "ContainerFacts", "ExecHandler", "GrpcHandler", "HttpHandler", "Outcome", "ProbeKind",
    "ProbeListener", "ProbeManager", "ProbeResult", "ProbeSpec", "Prober", "Target", "TcpHandler", "Verdict",
]
