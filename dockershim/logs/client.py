"""The dockershim's side of container logs: it says which container logs where; the log process does the work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class LogError(Exception):
    """The log process refused or could not be reached; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class LogSetup:
    """What a container has to be created with: `HostConfig.LogConfig`'s Type and Config, and labels to add."""

    driver: str
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """A container that exists (running or not yet removed) and the absolute path of its CRI log; for `recover`."""

    container_id: str
    log_path: str


class ContainerLogs:
    """`state_dir` holds the log process's socket and checkpoints; `engine_root` is `docker info`'s DockerRootDir."""

    def __init__(self, state_dir: Path, engine_root: Path) -> None:
        self._state_dir = state_dir
        self._engine_root = engine_root

    async def start(self) -> None:
        """Adopt the running log process, or start one."""
        raise NotImplementedError

    async def run(self) -> None:
        """Keep the log process alive until cancelled; run it in the caller's TaskGroup."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the log process; it lives on, so that logs go on while the dockershim is away."""
        raise NotImplementedError

    async def prepare(self, container_key: str, log_path: str | None, tty: bool) -> LogSetup:
        """Before create. `log_path` is absolute (the sandbox's log directory joined), None where there is no log."""
        raise NotImplementedError

    async def attach(self, container_id: str, log_path: str) -> None:
        """After create, at any time before, while or after start: from now on the log is written. Idempotent."""
        raise NotImplementedError

    async def drain(self, container_id: str) -> None:
        """After a container's end, before saying that it exited: all that it wrote is in its log on return."""
        raise NotImplementedError

    async def reopen(self, container_id: str) -> None:
        """ReopenContainerLog: the file at the log path has been renamed; go on in a new one there."""
        raise NotImplementedError

    async def detach(self, container_id: str) -> None:
        """On remove of the container: forget it. Idempotent."""
        raise NotImplementedError

    async def recover(self, containers: Iterable[LogTarget]) -> None:
        """After a start: follow those that are not followed yet, forget those that do not exist any more."""
        raise NotImplementedError
