"""What is asked with and what is answered: plain frozen values. Times are Unix seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubelet.api.meta import parse_time
from kubelet.api.types import Pod, PodCondition
from kubelet.timeline import Stage


@dataclass(frozen=True, slots=True)
class StepView:
    """Something that a pod's worker is in the middle of. `subject`: the container it is about, or ""."""

    stage: Stage
    since: float
    subject: str = ""


@dataclass(frozen=True, slots=True)
class VolumeView:
    """A volume that is not up yet (or, `leaving`, not down yet) and is tried again by itself. `name` "": all."""

    name: str
    error: str
    since: float
    next_retry_at: float | None = None
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What a pod's worker does now. `phase`: sync, terminating or terminated; `doing`: in words, "" when idle.

    `since`: when `doing` (or the wait after `last_error`) began; `next_retry_at`: when it tries again by itself.
    `steps`: what it is in the middle of, in the order in which they began.
    """

    uid: str
    phase: str
    doing: str = ""
    since: float | None = None
    last_error: str = ""
    next_retry_at: float | None = None
    steps: tuple[StepView, ...] = ()
    volumes: tuple[VolumeView, ...] = ()


@dataclass(frozen=True, slots=True)
class EventView:
    """An event about a pod, as the recorder keeps them."""

    kind: str
    reason: str
    message: str
    last_seen: float
    count: int = 1
    field_path: str = ""
    first_seen: float | None = None

    def is_about(self, container: str) -> bool:
        return f"{{{container}}}" in self.field_path


@dataclass(frozen=True, slots=True)
class PullView:
    """An image that is being pulled; the bytes are 0 where the runtime does not tell them (yet)."""

    since: float
    current_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """A manifest that yields no pod, or only in part: `where` is the file or URL, `problem` says what to repair."""

    where: str
    problem: str
    since: float | None = None
    pod_uid: str = ""
    """The pod that goes on as an earlier version of the manifest says; "" where there is none."""


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """Errors that hold up every pod; "" where all is well. `api_error`: the API server cannot be reached."""

    runtime_error: str = ""
    runtime_since: float | None = None
    network_error: str = ""
    network_since: float | None = None
    api_error: str = ""
    api_since: float | None = None


@dataclass(frozen=True, slots=True)
class RoomView:
    """What a critical pod waits for that the node has no room for yet. `victims`: `namespace/name` of the pods that
    end for it and have not yet; `short_of`: resource names."""

    victims: tuple[str, ...]
    short_of: tuple[str, ...]
    since: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps the pod from being ready (or gone). `subject`: container name, or "" for the pod.

    `waits_for` is "" for a remark: what an operator should know though nothing is held up."""

    waits_for: str
    subject: str = ""
    reason: str = ""
    since: float | None = None
    last_error: str = ""
    next_retry_at: float | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`waits_for` is "" when the pod is as it should be; `findings` holds everything, gravest first."""

    namespace: str
    name: str
    uid: str
    phase: str
    ready: bool
    summary: str
    waits_for: str
    since: float | None
    last_error: str
    next_retry_at: float | None
    advice: str
    findings: tuple[Finding, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one pod: what the finders look at. `events`: the recent ones, newest first. `words`: by
    container, the last line of what its last ended instance wrote."""

    pod: Pod
    now: float
    worker: WorkerView | None = None
    events: Sequence[EventView] = ()
    problems: Sequence[ManifestProblem] = ()
    health: NodeHealth = field(default_factory=NodeHealth)
    words: Mapping[str, str] = field(default_factory=dict)
    pulls: Mapping[str, PullView] = field(default_factory=dict)
    """What this node pulls now, by image name with a tag or digest."""
    room: RoomView | None = None

    def event(self, *reasons: str, container: str = "", beginning: str = "") -> EventView | None:
        """The newest event of one of `reasons` (about `container`, and with a text that begins so, if given)."""
        return next((event for event in self.events if event.reason in reasons and event.message.startswith(beginning)
                     and (not container or event.is_about(container))), None)

    def condition(self, kind: str) -> PodCondition | None:
        return next((condition for condition in self.pod.status.conditions if condition.type == kind), None)

    def is_true(self, kind: str) -> bool:
        found = self.condition(kind)
        return found is not None and found.status == "True"

    @property
    def is_leaving(self) -> bool:
        return bool(self.pod.metadata.deletion_timestamp) or (self.worker is not None and self.worker.phase != "sync")

    @property
    def has_ended(self) -> bool:
        """Succeeded or Failed, and nothing of it is left to do here."""
        ended = self.pod.status.phase in ("Succeeded", "Failed") and not self.pod.metadata.deletion_timestamp
        return ended and (self.worker is None or (self.worker.phase != "terminating" and not self.worker.last_error))


def unix(text: str) -> float | None:
    """A time of the API; None where there is none."""
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None
