"""What a probe is, independent of Pods: where to ask, how often, and what an answer means.

Values and meaning follow core/v1 Probe and pkg/kubelet/prober; defaults are the API server's, for pods that never saw
one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

USER_AGENT = "kube-probe/1.36"
OUTPUT_LIMIT = 10 * 1024
"""Bytes of a response body or of a command's output that are looked at."""


class ProbeKind(StrEnum):
    """The value begins the probe's event texts and is its metric label."""

    LIVENESS = "Liveness"
    READINESS = "Readiness"
    STARTUP = "Startup"


class Verdict(StrEnum):
    """What a container's probes of one kind have come to, after thresholds (results.Result)."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    UNKNOWN = "Unknown"


INITIAL_VERDICT: Mapping[ProbeKind, Verdict] = {
    ProbeKind.READINESS: Verdict.FAILURE,
    ProbeKind.LIVENESS: Verdict.SUCCESS,
    ProbeKind.STARTUP: Verdict.UNKNOWN,
}


class Outcome(Enum):
    """What one attempt came to (probe.Result); the value appears in event texts."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt. With `error` set it is thrown away and tried again; `timed_out`: perhaps we were the slow ones."""

    outcome: Outcome
    output: str = ""
    error: str = ""
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ExecHandler:
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpHandler:
    """An empty `host` is the pod's IP. `path` may carry a query; headers are sent in this order, names as given."""

    port: int
    path: str = "/"
    scheme: str = "http"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TcpHandler:
    port: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class GrpcHandler:
    """grpc.health.v1 at the pod's IP, in plain text."""

    port: int
    service: str = ""


@dataclass(frozen=True, slots=True)
class BrokenHandler:
    """A probe that cannot be carried out as specified (no such port name, no handler); every attempt is this error."""

    error: str


Handler = ExecHandler | HttpHandler | TcpHandler | GrpcHandler | BrokenHandler


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Times in seconds."""

    kind: ProbeKind
    handler: Handler
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


def go_seconds(seconds: float) -> str:
    """A whole or fractional number of seconds as Go prints the duration: 1s, 1m30s, 0.5 s as 500ms."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
