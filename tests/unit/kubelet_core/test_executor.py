"""Order of starts and stops, grace periods and crash back-off."""

import asyncio

import pytest

from kubelet.actions import KillReason
from kubelet.api.meta import ContainerKind
from kubelet.api.types import (
    Container,
    ContainerPort,
    Lifecycle,
    LifecycleHandler,
    ObjectMeta,
    Pod,
    PodSpec,
    Probe,
    SleepAction,
)
from kubelet.backoff import Backoff
from kubelet.events import LogEventRecorder
from kubelet.executor.hooks import HookError, resolve_port
from kubelet.executor.kill import StopOrder, grace_of
from kubelet.executor.start import ContainerToStart, CrashBackoff, StartError, go_duration, restart_count_from_logs
from kubelet.executor.sync import batches
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID

HOOKED = Lifecycle(post_start=LifecycleHandler(sleep=SleepAction(seconds=1)))


def item(
    name: str, kind: ContainerKind = ContainerKind.REGULAR, lifecycle: Lifecycle | None = None
) -> ContainerToStart:
    return ContainerToStart(kind, Container(name=name, lifecycle=lifecycle))


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        ([item("a"), item("b")], [["a", "b"]]),
        ([item("a", lifecycle=HOOKED), item("b"), item("c")], [["a"], ["b", "c"]]),
        ([item("i", ContainerKind.INIT), item("j", ContainerKind.INIT), item("a")], [["i"], ["j"], ["a"]]),
        ([item("e", ContainerKind.EPHEMERAL), item("f", ContainerKind.EPHEMERAL), item("i", ContainerKind.INIT)],
         [["e", "f"], ["i"]]),
    ],
)
def test_what_starts_side_by_side(items: list[ContainerToStart], expected: list[list[str]]) -> None:
    assert [[entry.container.name for entry in batch] for batch in batches(items)] == expected


POD = Pod(
    metadata=ObjectMeta(name="p", namespace="n", uid="u"),
    spec=PodSpec(
        containers=(Container(name="a"), Container(name="b")),
        init_containers=(
            Container(name="s1", restart_policy="Always"), Container(name="i"),
            Container(name="s2", restart_policy="Always"),
        ),
        termination_grace_period_seconds=30,
    ),
)


def test_sidecars_stop_last_to_first_after_the_regular_containers() -> None:
    order = StopOrder.of(POD, ["a", "b", "s1", "s2"])
    assert order.before == {"s2": ("a", "b"), "s1": ("a", "b", "s2")}


def test_sidecars_that_do_not_run_are_not_waited_for() -> None:
    order = StopOrder.of(POD, ["a", "s1"])
    assert order.before["s1"] == ("a",)


@pytest.mark.looptime
async def test_a_turn_comes_when_all_before_have_ended() -> None:
    order = StopOrder.of(POD, ["a", "s1"])
    async with asyncio.TaskGroup() as group:
        turn = group.create_task(order.wait_turn("s1"))
        await asyncio.sleep(1)
        assert not turn.done()
        order.ended["a"].set()


@pytest.mark.parametrize(
    ("pod_grace", "deletion_grace", "probe_grace", "reason", "expected"),
    [
        (30, None, None, KillReason.NONE, 30),
        (None, None, None, KillReason.NONE, 2),
        (30, 7, 5, KillReason.LIVENESS, 7),
        (30, None, 5, KillReason.LIVENESS, 5),
        (30, None, 5, KillReason.STARTUP, 5),
        (30, None, 5, KillReason.NONE, 30),
        (30, None, None, KillReason.LIVENESS, 30),
    ],
)
def test_grace_of_one_container(
    pod_grace: int | None, deletion_grace: int | None, probe_grace: int | None, reason: KillReason, expected: int
) -> None:
    probe = Probe(termination_grace_period_seconds=probe_grace)
    pod = Pod(
        metadata=ObjectMeta(deletion_grace_period_seconds=deletion_grace),
        spec=PodSpec(termination_grace_period_seconds=pod_grace),
    )
    container = Container(name="a", liveness_probe=probe, startup_probe=probe)
    assert grace_of(pod, container, reason) == expected


def test_crash_backoff_doubles_and_names_the_delay() -> None:
    now = 1000.0
    recorder = LogEventRecorder()
    backoff = CrashBackoff(Backoff(10, 300), recorder, clock=lambda: now, wall=lambda: now)

    def crashed(at: float) -> PodRuntimeStatus:
        status = ContainerStatus(
            ContainerID("id"), "a", SandboxID("s"), RunState.EXITED, created_at=1, exit_code=1,
            finished_at=int(at * 1e9),
        )
        return PodRuntimeStatus("u", "p", "n", containers=(status,))

    entry = ContainerToStart(ContainerKind.REGULAR, Container(name="a", image="i"))
    backoff.admit(POD, entry, PodRuntimeStatus("u", "p", "n"))
    backoff.admit(POD, entry, crashed(now - 1))
    with pytest.raises(StartError) as refused:
        backoff.admit(POD, entry, crashed(now - 1))
    assert refused.value.reason == "CrashLoopBackOff"
    assert refused.value.message == "back-off 10s restarting failed container=a pod=p_n(u)"
    assert refused.value.retry_at == pytest.approx(now + 9)
    assert [event.message for event in recorder.recent("u")] == [
        "Back-off restarting failed container a in pod p_n(u)"
    ]
    now += 11
    backoff.admit(POD, entry, crashed(now - 10.5))
    with pytest.raises(StartError, match="back-off 20s restarting"):
        backoff.admit(POD, entry, crashed(now))


@pytest.mark.parametrize(("seconds", "text"), [(10, "10s"), (60, "1m0s"), (80, "1m20s"), (300, "5m0s")])
def test_durations_are_written_as_go_writes_them(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text


def test_restart_count_survives_in_the_log_directory(tmp_path: object) -> None:
    from pathlib import Path

    directory = Path(str(tmp_path))
    assert restart_count_from_logs(directory / "absent") == 0
    assert restart_count_from_logs(directory) == 0
    for name in ("0.log", "3.log", "2.log.20260101-000000.gz", "notes"):
        (directory / name).touch()
    assert restart_count_from_logs(directory) == 4


def test_named_ports_are_resolved() -> None:
    container = Container(name="a", ports=(ContainerPort(name="http", container_port=8080),))
    assert [resolve_port(port, container) for port in ("http", "81", 82)] == [8080, 81, 82]
    with pytest.raises(HookError, match="no port named"):
        resolve_port("https", container)
