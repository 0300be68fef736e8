"""The pod worker's transitions: the whole table, and properties that hold for any sequence of updates."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import ObjectMeta, Pod, PodSpec, PodStatus
from kubelet.podworkers.machine import (
    KillOptions,
    PodUpdate,
    PodWork,
    UpdateKind,
    Verdict,
    WorkPhase,
    effective_grace,
    observe,
    sync_succeeded,
)

UID = "5d8e0e7c"


def make_pod(*, deleted: bool = False, phase: str = "", grace: int | None = None, spec_grace: int | None = 30) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name="p", namespace="n", uid=UID, deletion_timestamp="2026-01-01T00:00:00Z" if deleted else "",
            deletion_grace_period_seconds=grace,
        ),
        spec=PodSpec(termination_grace_period_seconds=spec_grace),
        status=PodStatus(phase=phase),
    )


@pytest.mark.parametrize(
    ("update", "nothing_runs", "phase", "deleted"),
    [
        (PodUpdate(UpdateKind.CREATE, make_pod()), True, WorkPhase.SYNC, False),
        (PodUpdate(UpdateKind.UPDATE, make_pod()), False, WorkPhase.SYNC, False),
        (PodUpdate(UpdateKind.CREATE, make_pod(deleted=True)), True, WorkPhase.TERMINATING, True),
        (PodUpdate(UpdateKind.CREATE, make_pod(phase="Failed")), False, WorkPhase.TERMINATING, False),
        (PodUpdate(UpdateKind.CREATE, make_pod(phase="Failed")), True, WorkPhase.TERMINATED, False),
        (PodUpdate(UpdateKind.CREATE, make_pod(phase="Succeeded", deleted=True)), True, WorkPhase.TERMINATED, True),
        (PodUpdate(UpdateKind.KILL, make_pod()), False, WorkPhase.TERMINATING, False),
        (PodUpdate(UpdateKind.KILL, make_pod(), runtime_only=True), False, WorkPhase.TERMINATING, True),
    ],
)
def test_first_sight(update: PodUpdate, nothing_runs: bool, phase: WorkPhase, deleted: bool) -> None:
    transition = observe(None, update, nothing_runs)
    assert transition.wake
    assert (transition.work.phase, transition.work.deleted) == (phase, deleted)


UPDATES = {
    "create": PodUpdate(UpdateKind.CREATE, make_pod()),
    "update": PodUpdate(UpdateKind.UPDATE, make_pod()),
    "sync": PodUpdate(UpdateKind.SYNC, make_pod()),
    "kill": PodUpdate(UpdateKind.KILL, make_pod()),
    "evict": PodUpdate(UpdateKind.KILL, make_pod(), KillOptions(evict=True, grace_seconds=1)),
    "delete": PodUpdate(UpdateKind.UPDATE, make_pod(deleted=True, grace=30)),
    "delete faster": PodUpdate(UpdateKind.UPDATE, make_pod(deleted=True, grace=5)),
    "terminal": PodUpdate(UpdateKind.UPDATE, make_pod(phase="Succeeded")),
    "orphan": PodUpdate(UpdateKind.KILL, make_pod(), runtime_only=True),
}
S, T, D, F = WorkPhase.SYNC, WorkPhase.TERMINATING, WorkPhase.TERMINATED, WorkPhase.FINISHED
# (phase before, update) -> (phase after, interrupt, wake)
TABLE = {
    (S, "create"): (S, False, True), (S, "update"): (S, False, True), (S, "sync"): (S, False, True),
    (S, "kill"): (T, True, True), (S, "evict"): (T, True, True), (S, "delete"): (T, True, True),
    (S, "delete faster"): (T, True, True), (S, "terminal"): (T, True, True), (S, "orphan"): (T, True, True),
    (T, "create"): (T, False, False), (T, "update"): (T, False, True), (T, "sync"): (T, False, True),
    (T, "kill"): (T, False, True), (T, "evict"): (T, True, True), (T, "delete"): (T, False, True),
    (T, "delete faster"): (T, True, True), (T, "terminal"): (T, False, True), (T, "orphan"): (T, False, True),
    (D, "create"): (D, False, False), (D, "update"): (D, False, True), (D, "sync"): (D, False, True),
    (D, "kill"): (D, False, True), (D, "evict"): (D, False, True), (D, "delete"): (D, False, True),
    (D, "delete faster"): (D, False, True), (D, "terminal"): (D, False, True), (D, "orphan"): (D, False, False),
    (F, "create"): (F, False, False), (F, "update"): (F, False, False), (F, "sync"): (F, False, False),
    (F, "kill"): (F, False, False), (F, "evict"): (F, False, False), (F, "delete"): (F, False, False),
    (F, "delete faster"): (F, False, False), (F, "terminal"): (F, False, False), (F, "orphan"): (F, False, False),
}


def test_table_is_whole() -> None:
    assert set(TABLE) == {(phase, name) for phase in WorkPhase for name in UPDATES}


@pytest.mark.parametrize(("key", "expected"), TABLE.items(), ids=str)
def test_every_transition(key: tuple[WorkPhase, str], expected: tuple[WorkPhase, bool, bool]) -> None:
    phase, name = key
    work = PodWork(make_pod(), phase=phase, grace_seconds=None if phase is S else 30)
    transition = observe(work, UPDATES[name])
    assert (transition.work.phase, transition.interrupt, transition.wake) == expected


def test_same_uid_asked_for_again_while_terminating_is_remembered() -> None:
    work = PodWork(make_pod(), phase=T, grace_seconds=30)
    assert observe(work, UPDATES["create"]).work.restart_requested


def test_the_last_kill_has_the_word_and_the_shortest_its_grace() -> None:
    first, second = Verdict(reason="Preempting"), Verdict(reason="Evicted")
    work = observe(None, PodUpdate(UpdateKind.KILL, make_pod(), KillOptions(verdict=first, grace_seconds=5))).work
    work = observe(work, PodUpdate(UpdateKind.KILL, make_pod(), KillOptions(verdict=second, grace_seconds=9))).work
    assert (work.verdict, work.grace_seconds) == (second, 5)
    assert observe(work, PodUpdate(UpdateKind.KILL, make_pod())).work.verdict == second, "a plain kill says nothing"


@pytest.mark.parametrize(
    ("pod", "current", "kill", "expected"),
    [
        (make_pod(), None, None, 30),
        (make_pod(spec_grace=None), None, None, 30),
        (make_pod(spec_grace=0), None, None, 1),
        (make_pod(grace=10), None, None, 10),
        (make_pod(grace=60), 30, None, 30),
        (make_pod(grace=0), 30, None, 1),
        (make_pod(), None, KillOptions(grace_seconds=7), 7),
        (make_pod(grace=3), None, KillOptions(grace_seconds=7), 3),
    ],
)
def test_effective_grace(pod: Pod, current: int | None, kill: KillOptions | None, expected: int) -> None:
    assert effective_grace(pod, current, kill) == expected


@pytest.mark.parametrize(
    ("work", "terminal", "after"),
    [
        (PodWork(make_pod()), False, S),
        (PodWork(make_pod()), True, T),
        (PodWork(make_pod(), phase=T), False, D),
        (PodWork(make_pod(), phase=T, runtime_only=True), False, F),
        (PodWork(make_pod(), phase=D), False, F),
        (PodWork(make_pod(), phase=F), False, F),
    ],
)
def test_success_moves_on(work: PodWork, terminal: bool, after: WorkPhase) -> None:
    assert sync_succeeded(work, terminal).phase is after


steps = st.one_of(
    st.sampled_from(sorted(UPDATES)),
    st.booleans(),
    st.integers(min_value=0, max_value=60).map(lambda grace: ("grace", grace)),
)


@given(st.lists(steps, max_size=30))
def test_never_backwards_and_grace_never_grows(sequence: list[object]) -> None:
    work: PodWork | None = None
    for step in sequence:
        before = work
        if isinstance(step, bool):
            if work is None:
                continue
            work = sync_succeeded(work, step)
        else:
            update = UPDATES[step] if isinstance(step, str) else replace(
                UPDATES["kill"], kill=KillOptions(grace_seconds=step[1])  # type: ignore[index]
            )
            work = observe(work, update).work
        if before is None or work is None:
            continue
        assert work.phase.value >= before.phase.value
        if before.grace_seconds is not None:
            assert work.grace_seconds is not None
            assert 1 <= work.grace_seconds <= before.grace_seconds
        assert not (before.deleted and not work.deleted)
