import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg.diff import EventKind, Liveness, PodLifecycleEvent, diff, keep_addresses, liveness_by_id, transition
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus

S, D, R, C = EventKind.STARTED, EventKind.DIED, EventKind.REMOVED, EventKind.CHANGED
ABSENT, UNKNOWN, RUNNING, EXITED = Liveness.ABSENT, Liveness.UNKNOWN, Liveness.RUNNING, Liveness.EXITED

TABLE = {
    (ABSENT, ABSENT): (), (ABSENT, UNKNOWN): (C,), (ABSENT, RUNNING): (S,), (ABSENT, EXITED): (D,),
    (UNKNOWN, ABSENT): (D, R), (UNKNOWN, UNKNOWN): (), (UNKNOWN, RUNNING): (S,), (UNKNOWN, EXITED): (D,),
    (RUNNING, ABSENT): (D, R), (RUNNING, UNKNOWN): (C,), (RUNNING, RUNNING): (), (RUNNING, EXITED): (D,),
    (EXITED, ABSENT): (R,), (EXITED, UNKNOWN): (C,), (EXITED, RUNNING): (S,), (EXITED, EXITED): (),
}


@pytest.mark.parametrize(("was", "now"), [(was, now) for was in Liveness for now in Liveness])
def test_every_transition(was: Liveness, now: Liveness) -> None:
    assert transition(was, now) == TABLE[was, now]


def sandbox(sandbox_id: str, ready: bool = True, ips: tuple[str, ...] = (), created_at: int = 1) -> SandboxStatus:
    return SandboxStatus(SandboxID(sandbox_id), 0, ready, created_at, ips)


def container(container_id: str, state: RunState, sandbox_id: str = "s1") -> ContainerStatus:
    return ContainerStatus(ContainerID(container_id), "c", SandboxID(sandbox_id), state, 1)


containers = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(RunState)).map(
    lambda states: tuple(container(key, state) for key, state in states.items())
)
sandboxes = st.dictionaries(st.sampled_from("xyz"), st.booleans()).map(
    lambda states: tuple(sandbox(key, ready) for key, ready in states.items())
)
statuses = st.none() | st.builds(
    PodRuntimeStatus, st.just("uid"), st.just("pod"), st.just("ns"), sandboxes, containers
)


@settings(deadline=None)
@given(statuses, statuses)
def test_events_lead_from_the_old_state_to_the_new(old: PodRuntimeStatus | None, new: PodRuntimeStatus | None) -> None:
    replayed = liveness_by_id(old)
    for event in diff("uid", old, new):
        assert event.uid == "uid"
        match event.kind:
            case EventKind.STARTED:
                replayed[event.container_id] = RUNNING
            case EventKind.DIED:
                replayed[event.container_id] = EXITED
            case EventKind.CHANGED:
                replayed[event.container_id] = UNKNOWN
            case EventKind.REMOVED:
                assert replayed.pop(event.container_id) is EXITED
    assert replayed == liveness_by_id(new)


@settings(deadline=None)
@given(statuses)
def test_nothing_happens_between_equal_states(status: PodRuntimeStatus | None) -> None:
    assert diff("uid", status, status) == []


def test_a_pod_that_vanishes_dies_from_the_inside_out() -> None:
    old = PodRuntimeStatus("u", "p", "n", (sandbox("s1"),), (container("c1", RunState.RUNNING),))
    assert diff("u", old, None) == [
        PodLifecycleEvent("u", D, "c1"), PodLifecycleEvent("u", R, "c1"),
        PodLifecycleEvent("u", D, "s1"), PodLifecycleEvent("u", R, "s1"),
    ]


def test_a_stopped_pod_keeps_its_address() -> None:
    old = PodRuntimeStatus("u", "p", "n", (sandbox("s1", ips=("10.0.0.1", "fd00::1")),))
    stopped = keep_addresses(old, PodRuntimeStatus("u", "p", "n", (sandbox("s1", ready=False),)))
    assert stopped.ips == ("10.0.0.1", "fd00::1")


def test_an_address_of_a_dead_sandbox_is_not_taken_from_the_runtime_nor_over_a_new_sandbox() -> None:
    dead = PodRuntimeStatus("u", "p", "n", (sandbox("s1", ready=False, ips=("10.0.0.1",)),))
    assert keep_addresses(None, dead).ips == ()
    old = PodRuntimeStatus("u", "p", "n", (sandbox("s1", ips=("10.0.0.1",)),))
    both = (sandbox("s2", ips=(), created_at=2), sandbox("s1", ready=False))
    assert keep_addresses(old, PodRuntimeStatus("u", "p", "n", both)).ips == ()
