"""kubelet.timeline: stages in, record out, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import ObjectMeta, Pod, PodCondition, PodStatus
from kubelet.timeline import (
    MAX_SPANS_PER_POD,
    PodTimeline,
    Span,
    Stage,
    StartDurations,
    Timeline,
    adopted,
    start_durations,
)
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(clock: Clock) -> Timeline:
    """A pod whose volumes, two pulls and sandbox went side by side."""
    timeline = Timeline(clock)
    timeline.mark("u", Stage.SEEN)
    timeline.mark("u", Stage.ADMITTED, at=100.1)
    timeline.begin("u", Stage.PULL, "a", at=100.2)
    timeline.begin("u", Stage.PULL, "b", at=100.3)
    timeline.end("u", Stage.PULL, "a", at=100.5)
    timeline.end("u", Stage.PULL, "b", at=100.6)
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED, at=100.7)
    timeline.mark("u", Stage.READY, at=101.0)
    return timeline


def test_record_is_sorted_and_closes_when_readiness_was_acknowledged():
    timeline = started(Clock())
    open_record = timeline.snapshot("u")
    assert open_record is not None and not open_record.complete
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED, at=101.2)
    record = timeline.snapshot("u")
    assert record is not None and record.complete
    assert [span.stage for span in record.spans] == [
        Stage.SEEN, Stage.ADMITTED, Stage.PULL, Stage.PULL, Stage.READY, Stage.STATUS_ACKNOWLEDGED,
    ]
    assert (record.begin, record.end) == (100.0, 101.2)
    timeline.begin("u", Stage.PULL, "restart")
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED, at=500.0)
    assert timeline.snapshot("u") == record


def test_parallel_spans_count_once():
    record = started(Clock()).snapshot("u")
    assert record is not None
    assert record.seconds_in(Stage.PULL) == pytest.approx(0.4)
    assert record.seconds_in(Stage.VOLUMES) == 0


def test_durations_of_the_start_leave_out_pulls_for_the_sli():
    timeline = started(Clock())
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED, at=102.0)
    record = timeline.snapshot("u")
    assert record is not None
    durations = start_durations(record, created_at=99.0)
    assert durations.kubelet == pytest.approx(2.0)
    assert durations.total == pytest.approx(3.0)
    assert durations.sli == pytest.approx(2.6)
    assert start_durations(PodTimeline("u"), 0.0) == StartDurations(None, None, None)


def test_span_notes_the_error_and_lets_it_through():
    timeline = Timeline(Clock())
    with pytest.raises(ValueError, match="bad"), timeline.span("u", Stage.VOLUMES, "data"):
        raise ValueError("bad")
    record = timeline.snapshot("u")
    assert record is not None
    assert record.spans == (Span(Stage.VOLUMES, 100.0, 100.0, "data", "ValueError: bad"),)


def test_first_ready_counts_and_an_end_without_begin_is_nothing():
    timeline = Timeline(Clock())
    timeline.mark("u", Stage.READY, at=1.0)
    timeline.mark("u", Stage.READY, at=2.0)
    timeline.end("u", Stage.CREATE, "c")
    timeline.end("unknown", Stage.CREATE, "c")
    record = timeline.snapshot("u")
    assert record is not None and [span.begin for span in record.spans] == [1.0]
    assert timeline.snapshot("unknown") is None


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(list(Stage)), st.sampled_from(["mark", "begin", "end"]),
                          st.sampled_from(["", "a", "b"])), max_size=400))
def test_memory_is_bounded_whatever_comes(calls: list[tuple[int, Stage, str, str]]):
    timeline = Timeline(Clock(), max_pods=4)
    for uid, stage, verb, detail in calls:
        if verb == "mark":
            timeline.mark(str(uid), stage, detail=detail)
        elif verb == "begin":
            timeline.begin(str(uid), stage, detail)
        else:
            timeline.end(str(uid), stage, detail)
        assert len(timeline) <= 4
        record = timeline.snapshot(str(uid))
        assert record is None or len(record.spans) <= MAX_SPANS_PER_POD + 2


def test_readiness_has_a_place_when_failed_attempts_filled_the_record():
    timeline = Timeline(Clock())
    for attempt in range(2 * MAX_SPANS_PER_POD):
        timeline.begin("u", Stage.PULL, f"attempt {attempt}")
        timeline.end("u", Stage.PULL, f"attempt {attempt}", error="no such image")
    timeline.mark("u", Stage.READY)
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED)
    record = timeline.snapshot("u")
    assert record is not None and record.complete and record.first(Stage.READY) is not None


def test_adopted_pod_is_rebuilt_from_stamps_and_does_not_replace_a_live_record():
    pod = Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="u"),
        status=PodStatus(start_time="1970-01-01T00:00:50Z", conditions=(
            PodCondition(type="Ready", status="True", last_transition_time="1970-01-01T00:01:00Z"),)),
    )
    second = 10**9
    runtime = PodRuntimeStatus(
        "u", "web", "default",
        sandboxes=(SandboxStatus(SandboxID("s"), 0, True, 52 * second),),
        containers=(
            ContainerStatus(ContainerID("new"), "c", SandboxID("s"), RunState.RUNNING, 90 * second, 91 * second),
            ContainerStatus(ContainerID("old"), "c", SandboxID("s"), RunState.EXITED, 53 * second, 54 * second),
        ),
    )
    record = adopted(pod, runtime)
    assert [(span.stage, span.begin) for span in record.spans] == [
        (Stage.SEEN, 50.0), (Stage.SANDBOX, 52.0), (Stage.CREATE, 53.0), (Stage.START, 53.0), (Stage.READY, 60.0),
    ]
    assert record.adopted and record.complete
    assert start_durations(record, 1.0).total is None
    timeline = Timeline(Clock())
    timeline.adopt(record)
    assert timeline.snapshot("u") == record
    timeline.forget("u")
    timeline.mark("u", Stage.SEEN)
    timeline.adopt(record)
    kept = timeline.snapshot("u")
    assert kept is not None and not kept.adopted


def test_volumes_are_a_start_stage_until_they_are_up():
    clock = Clock()
    timeline = Timeline(clock)
    for error in ("no such secret", "", ""):
        timeline.begin("u", Stage.VOLUMES)
        clock.now += 1
        timeline.end("u", Stage.VOLUMES, error=error)
    known = timeline.snapshot("u")
    assert known is not None
    assert [span.error for span in known.spans if span.stage is Stage.VOLUMES] == ["no such secret", ""]


def test_what_is_under_way_is_known_after_the_start_and_at_the_end():
    clock = Clock()
    timeline = Timeline(clock)
    timeline.mark("u", Stage.READY)
    timeline.mark("u", Stage.STATUS_ACKNOWLEDGED)
    with timeline.span("u", Stage.POST_START, "c"):
        clock.now += 5
        timeline.begin("u", Stage.STOP, "d")
        assert [(span.stage, span.detail, span.begin) for span in timeline.under_way("u")] == [
            (Stage.POST_START, "c", clock.now - 5), (Stage.STOP, "d", clock.now)]
    timeline.end("u", Stage.STOP, "d")
    assert timeline.under_way("u") == ()
    known = timeline.snapshot("u")
    assert known is not None
    assert {span.stage for span in known.spans} == {Stage.READY, Stage.STATUS_ACKNOWLEDGED}


def test_stopping_is_no_part_of_a_start():
    timeline = Timeline(Clock())
    with timeline.span("u", Stage.PRE_STOP, "c"):
        assert [span.stage for span in timeline.under_way("u")] == [Stage.PRE_STOP]
    assert timeline.snapshot("u") is None
