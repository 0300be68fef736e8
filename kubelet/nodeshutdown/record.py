"""The state file of shutdowns: when the last one began and when it was done, for the metrics after the next start.

Upstream's format, since either kubelet may read what the other wrote: times as Go writes them, the zero time for "not
yet".
"""

import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

STATE_FILE = "graceful_node_shutdown_state"
_ZERO = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class ShutdownRecord:
    """Unix seconds; 0: not yet."""

    start: float = 0.0
    end: float = 0.0

    def store(self, path: Path) -> None:
        """Blocking. A failure is logged: a shutdown does not wait for its record."""
        temporary = path.with_name(f".tmp-{path.name}")
        try:
            with temporary.open("w") as file:
                json.dump({"startTime": _written(self.start), "endTime": _written(self.end)}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            logger.error("Failed to store graceful shutdown state path=%s error=%s", path, error)


def load(path: Path) -> ShutdownRecord:
    """Blocking. What cannot be read counts as no shutdown."""
    try:
        found = json.loads(path.read_text())
        return ShutdownRecord(_read(found["startTime"]), _read(found["endTime"]))
    except FileNotFoundError:
        return ShutdownRecord()
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.error("Failed to load graceful shutdown state path=%s error=%s", path, error)
        return ShutdownRecord()


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else _ZERO


def _read(text: str) -> float:
    return 0.0 if text == _ZERO else datetime.fromisoformat(text).timestamp()
