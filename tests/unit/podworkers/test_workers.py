"""The workers: one step at a time per pod, newest news wins, interruption, retries and housekeeping."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kubelet.api.meta import PodUID
from kubelet.api.types import ObjectMeta, Pod, PodSpec
from kubelet.podworkers import (
    Interrupt,
    KillOptions,
    PodSyncError,
    PodUpdate,
    PodWork,
    PodWorkers,
    Synced,
    SyncInterruptedError,
    UpdateKind,
    WorkPhase,
)

pytestmark = pytest.mark.looptime


def make_pod(uid: str = "u1", *, static: bool = False, deleted: bool = False) -> Pod:
    annotations = {"kubernetes.io/config.source": "file"} if static else {}
    return Pod(
        metadata=ObjectMeta(
            name="p", namespace="n", uid=uid, annotations=annotations,
            deletion_timestamp="2026-01-01T00:00:00Z" if deleted else "",
        ),
        spec=PodSpec(termination_grace_period_seconds=30),
    )


class Recorder:
    """A syncer that writes down what it was asked; steps can be held, failed or made terminal."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.hold: asyncio.Event | None = None
        self.failures: list[Exception] = []
        self.terminal = False
        self.again_in: float | None = None
        self.active: dict[str, int] = {}

    async def _step(self, name: str, work: PodWork, interrupt: Interrupt | None) -> None:
        uid = work.pod.metadata.uid
        self.calls.append((name, uid))
        self.active[uid] = self.active.get(uid, 0) + 1
        assert self.active[uid] == 1, "two steps of one pod at a time"
        try:
            if self.failures:
                raise self.failures.pop(0)
            if self.hold is not None and interrupt is not None:
                async with interrupt.scope():
                    await self.hold.wait()
        finally:
            self.active[uid] -= 1

    async def sync_pod(self, work: PodWork, kind: UpdateKind, interrupt: Interrupt) -> Synced:
        await self._step("sync", work, interrupt)
        return Synced(self.terminal, self.again_in)

    async def sync_terminating(self, work: PodWork, interrupt: Interrupt) -> None:
        await self._step(f"terminating {work.grace_seconds}", work, interrupt)

    async def sync_terminated(self, work: PodWork) -> None:
        await self._step("terminated", work, None)


@asynccontextmanager
async def running(syncer: Recorder) -> AsyncIterator[PodWorkers]:
    loop = asyncio.get_running_loop()
    workers = PodWorkers(syncer, clock=loop.time, jitter=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(workers.run())
        await asyncio.sleep(0)
        yield workers
        task.cancel()


async def test_a_pod_lives_and_dies_in_order() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        workers.update(PodUpdate(UpdateKind.UPDATE, make_pod(deleted=True)))
        await asyncio.sleep(1)
        assert syncer.calls == [("sync", "u1"), ("terminating 30", "u1"), ("terminated", "u1")]
        assert workers.is_terminated(PodUID("u1"))
        assert workers.forget_gone(set()) == []
        assert not workers.knows(PodUID("u1"))


async def test_success_is_repeated_after_the_sync_frequency_and_failure_after_its_backoff() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(59)
        assert len(syncer.calls) == 1
        syncer.failures = [PodSyncError("no"), PodSyncError("not yet", retry_at=asyncio.get_running_loop().time() + 14)]
        await asyncio.sleep(2)
        assert len(syncer.calls) == 2
        await asyncio.sleep(9)
        assert len(syncer.calls) == 3, "an error without a time of its own is retried after ten seconds"
        view = workers.view(PodUID("u1"))
        assert view is not None
        assert (view.last_error, view.retry_is_backoff) == ("not yet", True)
        await asyncio.sleep(4)
        assert len(syncer.calls) == 4
        assert view.last_error == ""


async def test_a_pod_with_a_deadline_is_looked_at_again_in_time() -> None:
    syncer = Recorder()
    syncer.again_in = 5
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(6)
        assert len(syncer.calls) == 2


async def test_a_deletion_interrupts_what_waits() -> None:
    syncer = Recorder()
    syncer.hold = asyncio.Event()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        workers.update(PodUpdate(UpdateKind.UPDATE, make_pod(deleted=True)))
        await asyncio.sleep(1)
        assert syncer.calls == [("sync", "u1"), ("terminating 30", "u1")]
        workers.update(PodUpdate(UpdateKind.KILL, make_pod(deleted=True), KillOptions(grace_seconds=1)))
        await asyncio.sleep(1)
        assert syncer.calls[-1] == ("terminating 1", "u1"), "a shorter grace restarts the kill"
        syncer.hold.set()


async def test_many_updates_while_busy_become_one_more_sync() -> None:
    syncer = Recorder()
    syncer.hold = asyncio.Event()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        for _ in range(10):
            workers.update(PodUpdate(UpdateKind.UPDATE, make_pod()))
        syncer.hold.set()
        await asyncio.sleep(1)
        assert syncer.calls == [("sync", "u1")] * 2


async def test_a_terminal_pod_is_torn_down_without_being_asked() -> None:
    syncer = Recorder()
    syncer.terminal = True
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        assert [name for name, _ in syncer.calls] == ["sync", "terminating 30", "terminated"]


async def test_a_defect_in_one_pods_step_is_retried_and_spares_the_others(caplog: pytest.LogCaptureFixture) -> None:
    syncer = Recorder()
    syncer.failures = [ZeroDivisionError("a bug")]
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("u1")))
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("u2")))
        await asyncio.sleep(11)
        assert sorted(syncer.calls) == [("sync", "u1"), ("sync", "u1"), ("sync", "u2")]
    assert "failed unexpectedly" in caplog.text


async def test_static_pods_of_one_name_run_one_after_the_other() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("old", static=True)))
        await asyncio.sleep(1)
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("new", static=True)))
        await asyncio.sleep(5)
        assert ("sync", "new") not in syncer.calls
        workers.update(PodUpdate(UpdateKind.KILL, make_pod("old", static=True)))
        await asyncio.sleep(0.5)
        assert syncer.calls[-1] == ("sync", "new")


async def test_a_static_pod_that_never_had_its_turn_ends_unseen() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        for uid in ("old", "never", "new"):
            workers.update(PodUpdate(UpdateKind.CREATE, make_pod(uid, static=True)))
        await asyncio.sleep(1)
        workers.update(PodUpdate(UpdateKind.KILL, make_pod("never", static=True)))
        await asyncio.sleep(1)
        view = workers.view(PodUID("never"))
        # What runs of it, as far as this test's workers know, is stopped as an orphan's is.
        assert view is not None and view.work.runtime_only
        workers.update(PodUpdate(UpdateKind.KILL, make_pod("old", static=True)))
        await asyncio.sleep(1)
        assert [uid for name, uid in syncer.calls if name == "sync"] == ["old", "new"]


async def test_the_same_uid_asked_for_again_is_given_back_by_housekeeping() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.KILL, make_pod()))
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        assert [pod.metadata.uid for pod in workers.forget_gone({PodUID("u1")})] == ["u1"]
        assert not workers.knows(PodUID("u1"))


async def test_kill_and_wait_tells_when_nothing_runs_any_more() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(1)
        assert await workers.kill_and_wait(PodUpdate(UpdateKind.KILL, make_pod(), KillOptions(evict=True)), 10)
        syncer.hold = asyncio.Event()
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("u2")))
        await asyncio.sleep(1)
        assert not await workers.kill_and_wait(PodUpdate(UpdateKind.KILL, make_pod("u2")), 10)


async def test_interrupt_ends_waiting_and_forbids_more_steps() -> None:
    interrupt = Interrupt()
    async with asyncio.TaskGroup() as group:
        async def wait() -> str:
            try:
                async with interrupt.scope():
                    await asyncio.sleep(100)
            except SyncInterruptedError:
                return "interrupted"
            return "slept"

        task = group.create_task(wait())
        await asyncio.sleep(1)
        interrupt.interrupt()
    assert task.result() == "interrupted"
    with pytest.raises(SyncInterruptedError):
        interrupt.check()


async def test_phase_enum_answers_for_itself() -> None:
    assert [phase for phase in WorkPhase if phase.termination_requested] == [
        WorkPhase.TERMINATING, WorkPhase.TERMINATED, WorkPhase.FINISHED
    ]


async def test_a_static_pod_is_terminating_until_nothing_of_it_runs() -> None:
    recorder = Recorder()
    async with running(recorder) as workers:
        pod = make_pod(static=True)
        workers.update(PodUpdate(UpdateKind.CREATE, pod))
        await asyncio.sleep(1)
        assert not workers.static_is_terminating("p_n")
        recorder.hold = asyncio.Event()
        workers.update(PodUpdate(UpdateKind.KILL, pod))
        await asyncio.sleep(1)
        assert workers.static_is_terminating("p_n") and not workers.static_is_terminating("other_n")
        recorder.hold.set()
        await asyncio.sleep(1)
        assert not workers.static_is_terminating("p_n")


async def test_workers_are_counted_by_what_they_do_and_for_whom() -> None:
    syncer = Recorder()
    async with running(syncer) as workers:
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("wanted")))
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("static", static=True)))
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod("gone", deleted=True)))
        workers.update(PodUpdate(UpdateKind.KILL, make_pod("orphan"), runtime_only=True))
        await asyncio.sleep(1)
        assert workers.states(lambda uid: uid != "gone") == {
            ("sync", "desired", ""): 1, ("sync", "desired", "true"): 1, ("terminated", "orphan", ""): 1,
            ("terminated", "runtime_only", ""): 1}


class Counted:
    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def created(self, pod: Pod) -> None:
        self.told.append(("created", pod.metadata.uid))

    def started(self, seconds: float) -> None:
        self.told.append(("started", round(seconds, 3)))

    def synced(self, kind: str, seconds: float) -> None:
        self.told.append(("synced", (kind, round(seconds, 3))))

    def restarted(self, *, static: bool) -> None:
        self.told.append(("restarted", static))

    def orphan(self) -> None:
        self.told.append(("orphan", None))


async def test_an_observer_hears_of_workers_and_their_steps() -> None:
    syncer, counted = Recorder(), Counted()
    workers = PodWorkers(
        syncer, clock=asyncio.get_running_loop().time, jitter=lambda: 0.0, observer=counted)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(workers.run())
        await asyncio.sleep(0)
        syncer.hold = asyncio.Event()
        workers.update(PodUpdate(UpdateKind.CREATE, make_pod()))
        await asyncio.sleep(2)
        syncer.hold.set()
        await asyncio.sleep(0.5)
        workers.update(PodUpdate(UpdateKind.KILL, make_pod("lost"), runtime_only=True))
        await asyncio.sleep(0.5)
        task.cancel()
    assert counted.told[:3] == [("created", "u1"), ("started", 0), ("synced", ("create", 2))]
    assert ("orphan", None) in counted.told and ("synced", ("kill", 0)) in counted.told
