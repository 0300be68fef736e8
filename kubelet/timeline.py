"""Where a pod's start time went: which stage began and ended when, for the newest pods of this node.

    SEEN ─▶ ADMITTED ─▶ ┬ VOLUMES ┬ ─▶ CREATE ─▶ START ─▶ READY ─▶ STATUS_ACKNOWLEDGED
                        ├ PULL    ┤    (per container)
                        └ SANDBOX ┘
                          └ NETWORK

Stages that last (VOLUMES, PULL, SANDBOX, NETWORK, CREATE, START) are spans with a begin and an end, the others are
points. A stage may occur several times, once per container or attempt; `detail` says for what. A pod's record closes
when its readiness was acknowledged by the API server: what happens later (restarts, updates) is not its start.
Steps that are no part of a start (stopping) are never recorded, but like all that last they can be asked for while they
are `under_way`. Memory is bounded by pods and by spans per pod. Nothing is persisted: after an agent restart `adopted`
rebuilds what the runtime and the API know of the pods that kept running.

Times are Unix seconds.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from kubelet.api.meta import parse_time
from kubelet.api.types import Pod
from pleg.state import PodRuntimeStatus

MAX_PODS = 512
MAX_SPANS_PER_POD = 96
NANOSECONDS = 1e9


class Stage(StrEnum):
    """The stages of a pod's start, in the order in which they usually begin."""

    SEEN = "seen"
    ADMITTED = "admitted"
    VOLUMES = "volumes"
    PULL = "pull"
    SANDBOX = "sandbox"
    NETWORK = "network"
    CREATE = "create"
    START = "start"
    POST_START = "postStart"
    READY = "ready"
    STATUS_ACKNOWLEDGED = "status acknowledged"
    PRE_STOP = "preStop"
    STOP = "stop"

    @property
    def lasts(self) -> bool:
        """Whether the stage has a duration of its own, or is a moment."""
        return self not in _POINTS


_POINTS = frozenset({Stage.SEEN, Stage.ADMITTED, Stage.READY, Stage.STATUS_ACKNOWLEDGED})
_ONCE = frozenset({Stage.SEEN, Stage.ADMITTED, Stage.READY})
_UNTIL_DONE = frozenset({Stage.VOLUMES})
"""Looked at again by every sync: what counts for a start is the time until it was done first."""
_NOT_RECORDED = frozenset({Stage.PRE_STOP, Stage.STOP})


@dataclass(frozen=True, slots=True)
class Span:
    """One occurrence of a stage; `end` is None while it lasts, `error` is set when it failed."""

    stage: Stage
    begin: float
    end: float | None = None
    detail: str = ""
    error: str = ""

    @property
    def seconds(self) -> float | None:
        return None if self.end is None else max(0.0, self.end - self.begin)


@dataclass(frozen=True, slots=True)
class PodTimeline:
    """The spans of one pod's start, sorted by begin. `adopted`: rebuilt after an agent restart, hence coarse."""

    uid: str
    spans: tuple[Span, ...] = ()
    adopted: bool = False
    complete: bool = False

    def first(self, stage: Stage) -> Span | None:
        return next((span for span in self.spans if span.stage is stage), None)

    def last(self, stage: Stage) -> Span | None:
        return next((span for span in reversed(self.spans) if span.stage is stage), None)

    @property
    def begin(self) -> float | None:
        return self.spans[0].begin if self.spans else None

    @property
    def end(self) -> float | None:
        return max((span.end if span.end is not None else span.begin for span in self.spans), default=None)

    def seconds_in(self, stage: Stage) -> float:
        """Time in which at least one span of `stage` was open: parallel pulls count once."""
        return _covered([(span.begin, span.end) for span in self.spans if span.stage is stage and span.end is not None])


def _covered(intervals: list[tuple[float, float]]) -> float:
    """Length of the union of `intervals`."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        if end > reached:
            total += end - max(begin, reached)
            reached = end
    return total


@dataclass(slots=True)
class _Record:
    spans: list[Span] = field(default_factory=list)
    open: dict[tuple[Stage, str], int] = field(default_factory=dict)
    acknowledged: Span | None = None
    adopted: bool = False
    complete: bool = False

    def ready_at(self) -> float | None:
        return next((span.begin for span in self.spans if span.stage is Stage.READY), None)


class Timeline:
    """Records of the newest `max_pods` pods. Not thread-safe: used from the event loop alone. Never raises."""

    def __init__(self, now: Callable[[], float] = time.time, max_pods: int = MAX_PODS) -> None:
        self._now, self._max_pods = now, max_pods
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._under_way: dict[str, dict[tuple[Stage, str], float]] = {}

    def mark(self, uid: str, stage: Stage, at: float | None = None, detail: str = "") -> None:
        """`stage` happened at `at` (now if None). For SEEN, ADMITTED and READY the first time counts; for
        STATUS_ACKNOWLEDGED the first one at or after READY. Marking a stage that lasts records it with no length."""
        record = self._record(uid)
        if record.complete:
            return
        moment = self._now() if at is None else at
        span = Span(stage, moment, moment, detail)
        if stage is Stage.STATUS_ACKNOWLEDGED:
            record.acknowledged = span
        elif stage not in _ONCE or all(other.stage is not stage for other in record.spans):
            self._append(record, span)
        self._complete(record)

    def begin(self, uid: str, stage: Stage, detail: str = "", at: float | None = None) -> None:
        """`stage` begins; the same stage and detail begun again before its end keeps its first begin."""
        moment = self._now() if at is None else at
        self._under_way.setdefault(uid, {}).setdefault((stage, detail), moment)
        if stage in _NOT_RECORDED:
            return
        record = self._record(uid)
        if record.complete or (stage, detail) in record.open or len(record.spans) >= MAX_SPANS_PER_POD:
            return
        if stage in _UNTIL_DONE and any(_was_done(span, stage, detail) for span in record.spans):
            return
        record.open[stage, detail] = len(record.spans)
        record.spans.append(Span(stage, moment, None, detail))

    def end(self, uid: str, stage: Stage, detail: str = "", error: str = "", at: float | None = None) -> None:
        """The open span of `stage` and `detail` ends; an end without a begin is not recorded."""
        steps = self._under_way.get(uid, {})
        steps.pop((stage, detail), None)
        if not steps:
            self._under_way.pop(uid, None)
        record = self._records.get(uid)
        index = record.open.pop((stage, detail), None) if record else None
        if record is None or index is None:
            return
        record.spans[index] = replace(record.spans[index], end=self._now() if at is None else at, error=error)

    @contextmanager
    def span(self, uid: str, stage: Stage, detail: str = "") -> Iterator[None]:
        """begin … end around a block; an exception is noted as the span's error and goes on."""
        self.begin(uid, stage, detail)
        try:
            yield
        except BaseException as error:
            self.end(uid, stage, detail, error=f"{type(error).__name__}: {error}".rstrip(": "))
            raise
        self.end(uid, stage, detail)

    def under_way(self, uid: str) -> tuple[Span, ...]:
        """What has begun and not ended, also of a pod whose start is over, in the order in which it began."""
        steps = self._under_way.get(uid, {})
        spans = [Span(stage, begin, None, detail) for (stage, detail), begin in steps.items()]
        return tuple(sorted(spans, key=lambda span: span.begin))

    def adopt(self, timeline: PodTimeline) -> None:
        """Take over a record rebuilt by `adopted`; what was recorded live is not replaced."""
        if timeline.uid in self._records or not timeline.spans:
            return
        record = self._record(timeline.uid)
        record.spans, record.adopted, record.complete = list(timeline.spans), True, timeline.complete

    def snapshot(self, uid: str) -> PodTimeline | None:
        """What is known of `uid` now, or None."""
        record = self._records.get(uid)
        if record is None:
            return None
        spans = [*record.spans, *([record.acknowledged] if record.acknowledged else [])]
        return PodTimeline(
            uid, tuple(sorted(spans, key=lambda span: span.begin)), adopted=record.adopted, complete=record.complete
        )

    def forget(self, uid: str) -> None:
        self._records.pop(uid, None)
        self._under_way.pop(uid, None)

    def __len__(self) -> int:
        return len(self._records)

    def _record(self, uid: str) -> _Record:
        record = self._records.get(uid)
        if record is None:
            record = self._records[uid] = _Record()
            if len(self._records) > self._max_pods:
                self._records.popitem(last=False)
        return record

    @staticmethod
    def _append(record: _Record, span: Span) -> None:
        # READY is what the record is for: it has a place even when failing attempts filled the rest.
        if len(record.spans) < MAX_SPANS_PER_POD or span.stage is Stage.READY:
            record.spans.append(span)

    @staticmethod
    def _complete(record: _Record) -> None:
        ready = record.ready_at()
        if ready is not None and record.acknowledged is not None and record.acknowledged.begin >= ready:
            record.complete = True


def _was_done(span: Span, stage: Stage, detail: str) -> bool:
    return span.stage is stage and span.detail == detail and span.end is not None and not span.error


def adopted(pod: Pod, runtime: PodRuntimeStatus) -> PodTimeline:
    """The coarse timeline of a pod that ran before this agent did, from the stamps of the API and the runtime.

    Ends of stages are not known to either, so all are points but CREATE … START, which the runtime stamps both.
    """
    spans = []
    if pod.status.start_time:
        spans.append(_point(Stage.SEEN, parse_time(pod.status.start_time)))
    if runtime.sandboxes:
        oldest = runtime.sandboxes[-1]
        spans.append(_point(Stage.SANDBOX, oldest.created_at / NANOSECONDS, f"attempt {oldest.attempt}"))
    first_of_name = {container.name: container for container in runtime.containers}  # newest first: the oldest wins
    for container in first_of_name.values():
        created = container.created_at / NANOSECONDS
        spans.append(_point(Stage.CREATE, created, container.name))
        if container.started_at:
            spans.append(Span(Stage.START, created, container.started_at / NANOSECONDS, container.name))
    ready = next((item for item in pod.status.conditions if item.type == "Ready" and item.status == "True"), None)
    if ready and ready.last_transition_time:
        spans.append(_point(Stage.READY, parse_time(ready.last_transition_time)))
    ordered = tuple(sorted(spans, key=lambda span: span.begin))
    return PodTimeline(pod.metadata.uid, ordered, adopted=True, complete=ready is not None)


def _point(stage: Stage, at: float, detail: str = "") -> Span:
    return Span(stage, at, at, detail)


@dataclass(frozen=True, slots=True)
class StartDurations:
    """What the three pod start histograms observe, in seconds; None where a stage is missing.

    `kubelet`: first seen until seen running; `total`: created until seen running; `sli`: total without image pulls
    (pkg/kubelet/util/pod_startup_latency_tracker.go).
    """

    kubelet: float | None
    total: float | None
    sli: float | None


def start_durations(timeline: PodTimeline, created_at: float) -> StartDurations:
    """`created_at`: the pod's creationTimestamp. All None for an adopted pod: nobody watched it start."""
    seen, done = timeline.first(Stage.SEEN), timeline.last(Stage.STATUS_ACKNOWLEDGED)
    if timeline.adopted or seen is None or done is None:
        return StartDurations(None, None, None)
    total = max(0.0, done.begin - created_at)
    return StartDurations(
        max(0.0, done.begin - seen.begin), total, max(0.0, total - timeline.seconds_in(Stage.PULL))
    )
