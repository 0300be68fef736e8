"""What a container left as its last words: the termination message file, or the tail of its log.

Sizes and rules follow kuberuntime_container.go getTerminationMessage and readLastStringFromContainerLogs. A message is
read once per container: nothing changes after its end.
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from cri.logformat import parse_line
from pleg.state import (
    TERMINATION_MESSAGE_PATH_ANNOTATION,
    TERMINATION_MESSAGE_POLICY_ANNOTATION,
    ContainerStatus,
    PodRuntimeStatus,
    RunState,
)

MAX_FILE_BYTES = 4096
MAX_LOG_BYTES = 2048
MAX_LOG_LINES = 80
_LOG_READ_BYTES = 64 * 1024


class TerminationMessages:
    """Messages by container id, for the containers that are still known."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    async def of(self, runtime: PodRuntimeStatus) -> dict[str, str]:
        """The messages of the pod's ended containers; files are read in a thread, and only those not read yet."""
        ended = [container for container in runtime.containers if container.state is RunState.EXITED]
        new = [container for container in ended if container.id not in self._known]
        if new:
            self._known.update(await asyncio.to_thread(_read_all, new))
        return {container.id: self._known[container.id] for container in ended if self._known[container.id]}

    def retain(self, container_ids: set[str]) -> None:
        """Forget the containers that are gone."""
        self._known = {key: text for key, text in self._known.items() if key in container_ids}


def _read_all(containers: Iterable[ContainerStatus]) -> dict[str, str]:
    return {container.id: termination_message(container) for container in containers}


def termination_message(container: ContainerStatus) -> str:
    """The message, with the runtime's own in front of it; a file that cannot be read is told about in its place."""
    text = _own_message(container)
    return f"{container.message}: {text}" if container.message and text else container.message or text


def _own_message(container: ContainerStatus) -> str:
    fall_back = (
        container.annotations.get(TERMINATION_MESSAGE_POLICY_ANNOTATION) == "FallbackToLogsOnError"
        and container.exit_code != 0 and container.reason != "ContainerCannotRun"
    )
    path = container.annotations.get(TERMINATION_MESSAGE_PATH_ANNOTATION, "")
    host_path = next((mount.host_path for mount in container.mounts if path and mount.container_path == path), None)
    if host_path is not None:
        try:
            text = _tail(Path(host_path), MAX_FILE_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        except OSError as error:
            return f"Error on reading termination log {host_path}: {error.strerror}"
        if text:
            return text
    return log_tail(Path(container.log_path)) if fall_back and container.log_path else ""


def log_tail(log: Path) -> str:
    """The last 80 lines of a CRI log, 2048 bytes at most."""
    try:
        data = _tail(log, _LOG_READ_BYTES)
    except OSError as error:
        return f"Error reading termination message from logs: {error.strerror}"
    lines: list[bytes] = []
    partial = b""
    for raw in data.split(b"\n"):
        record = parse_line(raw)
        if record is None:
            continue
        partial += record.text
        if not record.partial:
            lines.append(partial + b"\n")
            partial = b""
    if partial:
        lines.append(partial)
    return b"".join(lines[-MAX_LOG_LINES:])[-MAX_LOG_BYTES:].decode("utf-8", "replace")


def _tail(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - limit))
        return file.read(limit)
