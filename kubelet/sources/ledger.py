"""What each manifest of a source was last read as: its pod, or why it makes none.

A manifest that turns bad does not stop its pod: the last good version stays in force until the manifest is mended or
gone. Each problem is logged once per content. Pure but for the log.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubelet.api.meta import full_name, pod_uid
from kubelet.api.types import Pod
from kubelet.sources.manifest import Manifest, ManifestError
from kubelet.sources.mux import ManifestProblem

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    pod: Pod | None
    problem: ManifestProblem | None = None


class Ledger:
    """The manifests of one source by location."""

    def __init__(self, read: Callable[[str, bytes], Manifest], now: Callable[[], float]) -> None:
        self._read, self._now = read, now
        self._entries: dict[str, _Entry] = {}
        self._names: dict[str, ManifestProblem] = {}

    def update(self, contents: Mapping[str, bytes]) -> list[Pod]:
        """All pods that the manifests, in their order, make; those of unchanged content are not read again."""
        self._entries = {location: self._entry(location, content) for location, content in contents.items()}
        pods = [entry.pod for entry in self._entries.values() if entry.pod is not None]
        self._note_names()
        return pods

    def fails(self, location: str, content: bytes) -> bool:
        """Whether `content` is new and makes no pod: perhaps because it is not written to its end yet."""
        entry = self._entries.get(location)
        if entry is not None and entry.content == content:
            return False
        try:
            self._read(location, content)
        except ManifestError:
            return True
        return False

    def content(self, location: str) -> bytes | None:
        """What was last read at `location`."""
        entry = self._entries.get(location)
        return entry.content if entry else None

    def contents(self) -> dict[str, bytes]:
        """What was last read, by location."""
        return {location: entry.content for location, entry in self._entries.items()}

    def problems(self) -> list[ManifestProblem]:
        broken = [entry.problem for entry in self._entries.values() if entry.problem is not None]
        return [*broken, *self._names.values()]

    def _entry(self, location: str, content: bytes) -> _Entry:
        known = self._entries.get(location)
        if known is not None and known.content == content:
            return known
        try:
            manifest = self._read(location, content)
        except ManifestError as error:
            pod = known.pod if known else None
            problem = ManifestProblem(
                location, error.path, error.problem, self._now(), keeps_running=pod is not None,
                pod=pod_uid(pod) if pod else None,
            )
            logger.error("manifest %s%s", problem, "; its pod goes on as it was" if pod else "")
            return _Entry(content, pod, problem)
        for remark in manifest.remarks:
            logger.warning("manifest %s: %s", location, remark)
        if known is not None and known.problem is not None:
            logger.info("manifest %s is good again", location)
        return _Entry(content, manifest.pod)

    def _note_names(self) -> None:
        """Of manifests that name the same pod the first one counts (the mux leaves the others out)."""
        owners: dict[str, str] = {}
        noted: dict[str, ManifestProblem] = {}
        for location, entry in self._entries.items():
            if entry.pod is None:
                continue
            owner = owners.setdefault(full_name(entry.pod), location)
            if owner != location:
                meta = entry.pod.metadata
                text = f"names the pod {meta.namespace}/{meta.name}, as {owner} does; give it another name"
                known = self._names.get(location)
                if known is None or known.problem != text:
                    known = ManifestProblem(location, "metadata.name", text, self._now())
                    logger.error("manifest %s", known)
                noted[location] = known
        self._names = noted
