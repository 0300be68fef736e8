import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.machine import QUICK_ATTEMPTS, TRANSITIONS, Input, Phase, ProbeMachine
from probes.spec import ExecHandler, HttpHandler, ProbeKind, ProbeSpec, Verdict

A, D, G, R, H, X, S = (
    Phase.ABSENT, Phase.DELAYED, Phase.GATED, Phase.ACTIVE, Phase.HELD, Phase.DOWN, Phase.STOPPED
)
#            RUNS EXITS DELAY_OVER OPENS HOLDS STOPS
TABLE = {
    A: (D, X, A, A, A, S),
    D: (D, X, G, D, D, S),
    G: (D, X, G, R, G, S),
    R: (D, X, R, R, H, S),
    H: (D, H, H, H, H, S),
    X: (D, X, X, X, X, S),
    S: (S, S, S, S, S, S),
}


@pytest.mark.parametrize(("phase", "event"), [(phase, event) for phase in Phase for event in Input])
def test_every_phase_and_input(phase: Phase, event: Input) -> None:
    assert TRANSITIONS.get((phase, event), phase) is TABLE[phase][list(Input).index(event)]


def machine(kind: ProbeKind = ProbeKind.READINESS, *, network: bool = False, **values: float) -> ProbeMachine:
    handler = HttpHandler(80) if network else ExecHandler(("true",))
    return ProbeMachine(ProbeSpec(kind, handler, **values))  # type: ignore[arg-type]


def active(kind: ProbeKind, known: Verdict | None = None, **values: float) -> ProbeMachine:
    probe = machine(kind, **values)
    probe.runs("c1", 100.0, known)
    probe.advance(100.0, gate_open=True)
    return probe


@pytest.mark.parametrize(("kind", "verdict"), [
    (ProbeKind.READINESS, Verdict.FAILURE), (ProbeKind.LIVENESS, Verdict.SUCCESS), (ProbeKind.STARTUP, Verdict.UNKNOWN),
])
def test_initial_verdicts(kind: ProbeKind, verdict: Verdict) -> None:
    assert active(kind).verdict is verdict


def test_the_first_attempt_is_at_once_and_the_delay_is_kept_to() -> None:
    assert active(ProbeKind.LIVENESS).due == 100.0
    late = machine(ProbeKind.LIVENESS, initial_delay=15)
    late.runs("c1", 115.0, None)
    late.advance(100.0, gate_open=True)
    assert (late.phase, late.due) == (Phase.DELAYED, 115.0)
    late.advance(115.0, gate_open=True)
    assert (late.phase, late.due) == (Phase.ACTIVE, 115.0)
    assert late.begin_attempt(115.0)


def test_probes_other_than_startup_wait_for_the_gate() -> None:
    for kind in (ProbeKind.LIVENESS, ProbeKind.READINESS):
        probe = machine(kind)
        probe.runs("c1", 100.0, None)
        probe.advance(100.0, gate_open=False)
        assert (probe.phase, probe.due) == (Phase.GATED, None)
        probe.advance(160.0, gate_open=True)
        assert probe.due == 160.0
        assert probe.begin_attempt(160.0), "the container runs for long, so its failure counts"
    startup = machine(ProbeKind.STARTUP)
    startup.runs("c1", 100.0, None)
    startup.advance(100.0, gate_open=False)
    assert startup.phase is Phase.ACTIVE


def test_a_failure_in_the_first_moment_is_forgotten() -> None:
    probe = active(ProbeKind.LIVENESS, failure_threshold=1)
    counts = probe.begin_attempt(100.0)
    assert not counts
    assert not probe.concluded(False, counts)
    assert probe.due == 110.0
    counts = probe.begin_attempt(110.0)
    assert probe.concluded(False, counts)
    assert (probe.verdict, probe.phase, probe.due) == (Verdict.FAILURE, Phase.HELD, None)


def test_a_held_probe_waits_for_a_new_container() -> None:
    probe = active(ProbeKind.LIVENESS, failure_threshold=1)
    probe.concluded(False)
    probe.exits()
    assert probe.phase is Phase.HELD
    probe.runs("c2", 200.0, None)
    probe.advance(200.0, gate_open=True)
    assert (probe.phase, probe.verdict, probe.run) == (Phase.ACTIVE, Verdict.SUCCESS, 0)


@pytest.mark.parametrize("success", [True, False])
def test_a_startup_probe_ends_either_way(success: bool) -> None:
    probe = active(ProbeKind.STARTUP, failure_threshold=1)
    assert probe.concluded(success)
    assert probe.phase is Phase.HELD


@pytest.mark.parametrize(("kind", "known", "phase"), [
    (ProbeKind.STARTUP, Verdict.SUCCESS, Phase.HELD), (ProbeKind.STARTUP, Verdict.FAILURE, Phase.HELD),
    (ProbeKind.STARTUP, Verdict.UNKNOWN, Phase.ACTIVE), (ProbeKind.READINESS, Verdict.SUCCESS, Phase.ACTIVE),
    (ProbeKind.LIVENESS, Verdict.FAILURE, Phase.HELD), (ProbeKind.LIVENESS, Verdict.SUCCESS, Phase.ACTIVE),
])
def test_what_an_earlier_agent_found_is_kept(kind: ProbeKind, known: Verdict, phase: Phase) -> None:
    probe = active(kind, known)
    assert (probe.phase, probe.verdict) == (phase, known)


def test_a_slow_attempt_does_not_shift_the_others() -> None:
    probe = active(ProbeKind.READINESS, period=10)
    probe.begin_attempt(100.0)
    probe.catch_up(104.0)
    assert probe.due == 110.0
    probe.begin_attempt(110.3)
    probe.catch_up(137.0)
    assert probe.due == 130.0, "one missed tick is made up for, at once"
    probe.begin_attempt(137.0)
    probe.catch_up(137.1)
    assert probe.due == 140.0


def test_quick_attempts_until_the_first_success() -> None:
    probe = active(ProbeKind.READINESS, network=True, period=3)
    due = []
    while len(due) < 8:
        assert probe.due is not None
        due.append(round(probe.due - 100, 3))
        counts = probe.begin_attempt(probe.due)
        assert counts is (due[-1] % 3 == 0 and due[-1] > 0)
        probe.concluded(False, counts)
    assert due == [0, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0]
    assert probe.run == 2
    again = active(ProbeKind.READINESS, network=True)
    again.begin_attempt(100.0)
    again.concluded(True, False)
    assert again.due == 110.0


def test_no_quick_attempts_by_exec_nor_for_liveness() -> None:
    for probe in (active(ProbeKind.READINESS), active(ProbeKind.LIVENESS, network=True)):
        probe.begin_attempt(100.0)
        assert probe.due == 110.0


def test_a_stopped_probe_leaves_a_good_verdict_and_never_begins_again() -> None:
    probe = active(ProbeKind.STARTUP)
    probe.stops()
    assert (probe.verdict, probe.due) == (Verdict.SUCCESS, None)
    probe.runs("c2", 300.0, None)
    assert probe.phase is Phase.STOPPED


@given(
    st.lists(st.booleans(), max_size=40), st.integers(1, 5), st.integers(1, 5), st.sampled_from(ProbeKind)
)
def test_thresholds_against_a_model(outcomes: list[bool], successes: int, failures: int, kind: ProbeKind) -> None:
    """The model: the verdict is the newest run of equal outcomes that was long enough; a hold ends everything."""
    probe = active(kind, success_threshold=successes, failure_threshold=failures)
    verdict = probe.verdict
    held = False
    for count in range(1, len(outcomes) + 1):
        probe.concluded(outcomes[count - 1])
        run = 1
        while run < count and outcomes[count - run - 1] is outcomes[count - 1]:
            run += 1
        if not held and run >= (successes if outcomes[count - 1] else failures):
            verdict = Verdict.SUCCESS if outcomes[count - 1] else Verdict.FAILURE
            held = kind is ProbeKind.STARTUP or (kind is ProbeKind.LIVENESS and verdict is Verdict.FAILURE)
        assert probe.verdict is verdict
        assert (probe.phase is Phase.HELD) is held


@settings(max_examples=200)
@given(
    st.floats(1, 60), st.floats(0, 1e6), st.booleans(),
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 100)), min_size=1, max_size=30),
)
def test_attempts_keep_to_the_grid(
    period: float, start: float, network: bool, delays: list[tuple[float, float]]
) -> None:
    """Whatever lateness and durations: counted attempts are never more than the grid allows."""
    probe = machine(ProbeKind.READINESS, network=network, period=period)
    probe.runs("c1", start, None)
    probe.advance(start, gate_open=True)
    now, counted = start, 0
    for late, duration in delays:
        assert probe.due is not None
        begin = max(now, probe.due) + late
        counted += probe.begin_attempt(begin)
        now = begin + duration
        probe.catch_up(now)
        probe.concluded(False, False)
        assert probe.due is not None
        assert probe.due <= max(now, start) + period + 1e-6
        offset = (probe.due - start) / period
        quick = any(math.isclose(probe.due - start, extra, abs_tol=1e-6) for extra in QUICK_ATTEMPTS)
        assert quick or math.isclose(offset, round(offset), abs_tol=1e-6)
    assert counted <= (now - start) / period + 1
