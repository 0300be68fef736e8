"""The words of the volumes room: what is mounted, and how mounting fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MountedVolume:
    """One volume of a pod, ready for its containers. `managed` volumes are the kubelet's own files (ownership and
    SELinux labels are its business); `read_only` ones may not be written whatever the mount says."""

    name: str
    plugin: str
    host_path: Path
    read_only: bool = False
    managed: bool = False


@dataclass(frozen=True, slots=True)
class VolumeWait:
    """A volume that failed and is tried again by itself; `leaving` when it is taken down (`name` is then ""). Times
    are the event loop's, `retry_at` None while a try is under way."""

    name: str
    error: str
    since: float
    retry_at: float | None = None
    leaving: bool = False


class VolumeError(Exception):
    """One volume cannot be set up or taken down; `str(error)` is the cause in the user's words."""


class UnsupportedVolumeError(VolumeError):
    """No later try can succeed: a type, or a source, that this agent does not offer."""


class MountError(Exception):
    """Not all volumes of a pod are as they should be. `str(error)` is the FailedMount event's text after its prefix
    `Unable to attach or mount volumes: `; `causes` maps each missing volume to why."""

    def __init__(self, unmounted: Sequence[str], causes: Mapping[str, str], unprocessed: Sequence[str] = ()) -> None:
        self.unmounted, self.causes, self.unprocessed = tuple(unmounted), dict(causes), tuple(unprocessed)
        # Upstream writes the deadline as the cause here, and the real causes only as events of their own.
        super().__init__(
            f"unmounted volumes=[{' '.join(unmounted)}], unattached volumes=[], "
            f"failed to process volumes=[{' '.join(unprocessed)}]: {'; '.join(self.causes.values()) or 'timed out'}"
        )


class UnmountError(MountError):
    """Volumes of a pod that has ended are still there; `str(error)` says which and why."""

    def __init__(self, message: str) -> None:
        super().__init__((), {})
        self.args = (message,)
