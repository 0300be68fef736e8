"""When a worker may trust what the runtime's events have told, instead of looking for itself."""

import pytest

from cri.errors import UnavailableError
from kubelet.executor.sync import SyncOutcome
from kubelet.podsync import is_told_of
from pleg.cache import Entry
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID


def entry(*states: RunState, error: bool = False) -> Entry:
    containers = tuple(
        ContainerStatus(ContainerID(f"c{number}"), f"name{number}", SandboxID("s"), state, created_at=1)
        for number, state in enumerate(states)
    )
    failure = UnavailableError("gone", "ListContainers") if error else None
    return Entry(PodRuntimeStatus("u", "p", "n", containers=containers), 1.0, 1.0, failure)


def started(*ids: str, killed: bool = False, errors: tuple[str, ...] = ()) -> SyncOutcome:
    return SyncOutcome(acted=True, killed=killed, started=[ContainerID(one) for one in ids], errors=list(errors))


@pytest.mark.parametrize(
    ("known", "outcome", "told"),
    [
        (entry(RunState.RUNNING), started("c0"), True),
        (entry(RunState.EXITED, RunState.RUNNING), started("c0", "c1"), True),
        (entry(RunState.CREATED), started("c0"), False),
        (entry(RunState.RUNNING), started("c0", "c1"), False),
        (entry(RunState.RUNNING), started(), False),
        (entry(RunState.RUNNING), started("c0", killed=True), False),
        (entry(RunState.RUNNING), started("c0", errors=("another one failed",)), False),
        (entry(RunState.RUNNING, error=True), started("c0"), False),
        (None, started("c0"), False),
    ],
)
def test_only_the_complete_news_of_a_plain_start_is_trusted(
    known: Entry | None, outcome: SyncOutcome, told: bool
) -> None:
    assert is_told_of(known, outcome) is told
