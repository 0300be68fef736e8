"""Where pods come from, made one stream of changes.

Each source publishes the full set of its pods; the difference to its last set is what happens:

    REMOVE     gone from its source                     UPDATE     its spec, labels or annotations changed
    ADD        new                                      DELETE     it got a deletionTimestamp
    RECONCILE  only its status changed (somebody else wrote it)

An empty ADD says that a source has been seen for the first time and has nothing. Source: pkg/kubelet/config/config.go.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from msgspec.structs import replace

from kubelet.api.meta import (
    CONFIG_MIRROR,
    CONFIG_SEEN,
    CONFIG_SOURCE,
    PodUID,
    Source,
    formatted,
    full_name,
    pod_reference,
    pod_uid,
)
from kubelet.api.types import ObjectReference, Pod

logger = logging.getLogger(__name__)

_LOCAL_ANNOTATIONS = (CONFIG_SOURCE, CONFIG_MIRROR, CONFIG_SEEN)


class PodOp(Enum):
    """What happened to pods of a source."""

    ADD = "ADD"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    REMOVE = "REMOVE"
    RECONCILE = "RECONCILE"


_TOLD_IN_ORDER = (PodOp.REMOVE, PodOp.ADD, PodOp.UPDATE, PodOp.DELETE, PodOp.RECONCILE)


@dataclass(frozen=True, slots=True)
class PodChange:
    """Pods of one source to which the same thing happened."""

    op: PodOp
    pods: tuple[Pod, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """A manifest that makes no pod, for people: one line of what is wrong where, since when (Unix seconds)."""

    location: str
    path: str
    problem: str
    since: float
    keeps_running: bool = False
    """An earlier, good version of the manifest stays in force."""
    pod: PodUID | None = None
    """The pod that goes on as that version says, where it is one."""

    @property
    def where(self) -> str:
        """File or URL, and the path to the field."""
        return f"{self.location}: {self.path}" if self.path else self.location

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


Publish = Callable[[Sequence[Pod]], None]


class PodSource(Protocol):
    """Publishes the full set of its pods whenever it changes, and at least once (also when empty)."""

    source: Source

    async def run(self, publish: Publish) -> None: ...

    def problems(self) -> list[ManifestProblem]: ...


class EventRecorder(Protocol):
    """What the mux needs of the event recorder."""

    def event(self, ref: ObjectReference, kind: str, reason: str, message: str,
              annotations: Mapping[str, str] | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A source's new state, the changes that lead to it in the order in which they are to be told, and the pods left
    out because another of the set has their name."""

    pods: dict[PodUID, Pod]
    changes: list[PodChange]
    duplicates: list[Pod]


def diff_source(
    old: Mapping[PodUID, Pod], new: Sequence[Pod], source: Source, seen: str = "",
    given: Mapping[PodUID, Pod] = MappingProxyType({}),
) -> Difference:
    """What happened between the two sets; `seen` is the first-seen annotation of new pods. `given` are the pods that
    `old` was made of: one that is the same object as then has not changed. Pure."""
    kept: dict[PodUID, Pod] = {}
    found: dict[PodOp, list[Pod]] = {op: [] for op in _TOLD_IN_ORDER}
    names: set[str] = set()
    duplicates: list[Pod] = []
    for pod in new:
        if full_name(pod) in names:
            duplicates.append(pod)
            continue
        names.add(full_name(pod))
        existing = old.get(pod_uid(pod))
        if existing is not None and given.get(pod_uid(pod)) is pod:
            kept[pod_uid(pod)] = existing
            continue
        if existing is None:
            annotated = _annotated(pod, source, {CONFIG_SEEN: seen})
            found[PodOp.ADD].append(annotated)
        else:
            annotated = _annotated(pod, source, existing.metadata.annotations)
            op = _change(existing, annotated)
            if op is not None:
                found[op].append(annotated)
        kept[pod_uid(pod)] = annotated
    found[PodOp.REMOVE] = [pod for uid, pod in old.items() if uid not in kept]
    changes = [PodChange(op, tuple(pods), source) for op, pods in found.items() if pods]
    return Difference(kept, changes, duplicates)


def _annotated(pod: Pod, source: Source, existing: Mapping[str, str]) -> Pod:
    """`pod` with the annotations that are this node's own: its source, and since when it is known."""
    annotations = {**pod.metadata.annotations, CONFIG_SOURCE: source.value}
    if existing.get(CONFIG_SEEN):
        annotations[CONFIG_SEEN] = existing[CONFIG_SEEN]
    if existing.get(CONFIG_MIRROR) and CONFIG_MIRROR in pod.metadata.annotations:
        annotations[CONFIG_MIRROR] = existing[CONFIG_MIRROR]
    return replace(pod, metadata=replace(pod.metadata, annotations=annotations))


def _change(old: Pod, new: Pod) -> PodOp | None:
    if _means_the_same(old, new):
        return PodOp.RECONCILE if old.status is not new.status and old.status != new.status else None
    return PodOp.DELETE if new.metadata.deletion_timestamp else PodOp.UPDATE


def _means_the_same(old: Pod, new: Pod) -> bool:
    before, after = old.metadata, new.metadata
    return (
        (old.spec is new.spec or old.spec == new.spec) and before.labels == after.labels
        and before.deletion_timestamp == after.deletion_timestamp
        and before.deletion_grace_period_seconds == after.deletion_grace_period_seconds
        and _public(before.annotations) == _public(after.annotations)
    )


def _public(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if key not in _LOCAL_ANNOTATIONS}


class PodConfig:
    """All sources of this node as one queue of changes."""

    def __init__(self, sources: Sequence[PodSource], recorder: EventRecorder, *,
                 now: Callable[[], float] = time.time) -> None:
        self._sources = tuple(sources)
        self._recorder = recorder
        self._now = now
        self._pods: dict[Source, dict[PodUID, Pod]] = {}
        self._given: dict[Source, dict[PodUID, Pod]] = {}
        self._refused: set[PodUID] = set()
        self.changes: asyncio.Queue[PodChange] = asyncio.Queue()

    async def run(self) -> None:
        """Runs every source until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.run(self._publisher(source.source)), name=f"pod source {source.source}")

    def all_sources_seen(self) -> bool:
        """Whether every source has told its pods once: only then is a pod that is in none of them an orphan."""
        return all(source.source in self._pods for source in self._sources)

    def problems(self) -> list[ManifestProblem]:
        """Manifests that make no pod, of all sources."""
        return [problem for source in self._sources for problem in source.problems()]

    def _publisher(self, source: Source) -> Publish:
        def publish(pods: Sequence[Pod]) -> None:
            first = source not in self._pods
            seen = datetime.fromtimestamp(self._now(), UTC).isoformat().replace("+00:00", "Z")
            difference = diff_source(self._pods.get(source, {}), pods, source, seen, self._given.get(source, {}))
            self._pods[source] = difference.pods
            self._given[source] = {pod_uid(pod): pod for pod in pods}
            self._refuse(source, difference.duplicates)
            for change in difference.changes:
                self.changes.put_nowait(change)
            if first and not any(change.op in (PodOp.ADD, PodOp.UPDATE, PodOp.DELETE) for change in difference.changes):
                self.changes.put_nowait(PodChange(PodOp.ADD, (), source))

        return publish

    def _refuse(self, source: Source, duplicates: Sequence[Pod]) -> None:
        for pod in duplicates:
            if pod_uid(pod) not in self._refused:
                message = (f"Error validating pod {formatted(pod)} from {source} due to duplicate pod name "
                           f'"{pod.metadata.name}", ignoring')
                logger.warning("%s", message)
                self._recorder.event(pod_reference(pod), "Warning", "FailedValidation", message)
        self._refused |= {pod_uid(pod) for pod in duplicates}
