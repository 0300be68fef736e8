"""What the operator's socket asks of the agent, and the plain values that travel over it.

The CLI never imports this module (it reads JSON): keep the names of fields here and in `render` the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kubelet.api.types import Pod
from kubelet.explain import EventView, ManifestProblem, NodeHealth, PullView, RoomView, WorkerView


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The node in one page. `checks`: name of a health check to its error, "" when it passes."""

    node_name: str
    version: str
    started_at: float
    mode: str
    runtime: str
    runtime_endpoint: str
    root_dir: str
    pid: int
    health: NodeHealth = field(default_factory=NodeHealth)
    conditions: tuple[tuple[str, str, str], ...] = ()
    checks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectedItem:
    """One thing that garbage collection looked at. `size` in bytes, 0 where it is not known."""

    kind: str
    subject: str
    name: str
    remove: bool
    reason: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class CollectionView:
    """What the next passes of garbage collection would do. The image file system's figures are bytes and percent, None
    when it cannot be measured."""

    items: tuple[CollectedItem, ...]
    high_percent: int
    low_percent: int
    disk_capacity: int | None = None
    disk_used_percent: int | None = None
    wanted_bytes: int = 0
    problems: tuple[str, ...] = ()


class OperatorView(Protocol):
    """Answers from memory: none of these may wait for the runtime or the API server, but `look` and `collection`."""

    async def look(self) -> None:
        """Before a question is answered: ask how far image pulls are, if there are some; a second at most."""
        ...

    def pulls(self) -> Mapping[str, PullView]:
        """By image name, with the bytes of the last look."""
        ...

    async def collection(self) -> CollectionView:
        """What garbage collection would do now; asks the runtime, and touches nothing."""
        ...

    def node(self) -> NodeFacts: ...

    def pods(self) -> Sequence[Pod]:
        """The pods of this node with their current status."""
        ...

    def worker(self, uid: str) -> WorkerView | None: ...

    def room(self, uid: str) -> RoomView | None:
        """Of a critical pod that others end for."""
        ...

    def events(self, uid: str) -> Sequence[EventView]: ...

    def log_paths(self, uid: str) -> Mapping[str, Path]:
        """By container name the log that tells how its last instance ended."""
        ...

    def manifest_problems(self) -> Sequence[ManifestProblem]: ...
