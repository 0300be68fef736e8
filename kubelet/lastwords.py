"""The last line that a pod's containers wrote before they ended: what people want to know first of a crash."""

from collections.abc import Mapping
from pathlib import Path

from kubelet.termination import log_tail
from pleg.state import PodRuntimeStatus, RunState

LONGEST_LINE = 300


def log_paths(runtime: PodRuntimeStatus) -> dict[str, Path]:
    """By container name the log of its last ended instance; of the one that runs where none has ended."""
    paths: dict[str, Path] = {}
    for wanted in (RunState.EXITED, RunState.RUNNING):
        for container in runtime.containers:  # newest first
            if container.state is wanted and container.log_path and container.name not in paths:
                paths[container.name] = Path(container.log_path)
    return paths


def last_words(paths: Mapping[str, Path]) -> dict[str, str]:
    """Blocks while files are read. A container that said nothing, or whose log is gone, is left out."""
    return {name: line for name, path in paths.items() if path.is_file() and (line := _last_line(log_tail(path)))}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:LONGEST_LINE] if lines else ""
