"""The workers against a model: whatever is said to them, in whatever order, while steps take their time.

Three pods (two static ones share a full name) hear random updates while their steps end well, fail, or find the pod
terminal. What must come of it is modelled in a few lines; what must never happen is checked in every step.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import looptime
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubelet.api.meta import PodUID
from kubelet.api.types import ObjectMeta, Pod, PodSpec, PodStatus
from kubelet.podworkers import (
    Interrupt,
    KillOptions,
    PodSyncError,
    PodUpdate,
    PodWork,
    PodWorkers,
    Synced,
    UpdateKind,
    Verdict,
    WorkPhase,
)

UIDS = ("api", "static-one", "static-two")
NAMESAKES = UIDS[1:]
uids = st.sampled_from(UIDS)


def make_pod(uid: str, *, deleted: bool = False, grace: int | None = None, phase: str = "") -> Pod:
    static = uid in NAMESAKES
    return Pod(
        metadata=ObjectMeta(
            name="static" if static else uid, namespace="n", uid=uid,
            annotations={"kubernetes.io/config.source": "file"} if static else {},
            deletion_timestamp="2026-01-01T00:00:00Z" if deleted else "", deletion_grace_period_seconds=grace,
        ),
        spec=PodSpec(termination_grace_period_seconds=30), status=PodStatus(phase=phase),
    )


@dataclass
class Step:
    """One step that a worker is in; a test ends it."""

    name: str
    work: PodWork
    end: "asyncio.Future[Synced]"


@dataclass
class Syncer:
    active: dict[str, Step] = field(default_factory=dict)
    log: dict[str, list[Step]] = field(default_factory=dict)

    async def _step(self, name: str, work: PodWork, interrupt: Interrupt | None) -> Synced:
        uid = work.pod.metadata.uid
        assert uid not in self.active, "two steps of one pod at a time"
        step = Step(name, work, asyncio.get_running_loop().create_future())
        self.active[uid] = step
        self.log.setdefault(uid, []).append(step)
        try:
            if interrupt is None:
                return await step.end
            async with interrupt.scope():
                return await step.end
        finally:
            del self.active[uid]

    async def sync_pod(self, work: PodWork, kind: UpdateKind, interrupt: Interrupt) -> Synced:
        return await self._step("sync", work, interrupt)

    async def sync_terminating(self, work: PodWork, interrupt: Interrupt) -> None:
        await self._step("terminating", work, interrupt)

    async def sync_terminated(self, work: PodWork) -> None:
        await self._step("terminated", work, None)


@dataclass
class Expected:
    """What one pod has come to, as the contract tells it."""

    phase: int = 0
    grace: int | None = None
    verdict: str = ""
    started: bool = False
    restart: bool = False
    orphan: bool = False
    waits: "list[asyncio.Task[bool]]" = field(default_factory=list)


SYNC, TERMINATING, TERMINATED, FINISHED = 0, 1, 2, 3
PHASES = (WorkPhase.SYNC, WorkPhase.TERMINATING, WorkPhase.TERMINATED, WorkPhase.FINISHED)
STEPS = ("sync", "terminating", "terminated")


class WorkersMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = looptime.new_event_loop()
        self.syncer, self.model = Syncer(), dict[str, Expected]()
        self.arrived: list[str] = []
        self.workers = PodWorkers(self.syncer, clock=self.loop.time, jitter=lambda: 0.0, nothing_runs=lambda _: True)
        self.task = self.loop.create_task(self.workers.run())
        self.settle()

    def run_on_loop(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    def settle(self, seconds: float = 2.0) -> None:
        """Long enough for a waiting namesake to be looked at, too short for a retry."""
        self.run_on_loop(asyncio.sleep(seconds))

    def teardown(self) -> None:
        self.task.cancel()
        for expected in self.model.values():
            for wait in expected.waits:
                wait.cancel()
        self.run_on_loop(asyncio.sleep(0.1))
        self.loop.close()

    # -- what is told --

    def told(self, uid: str, kind: UpdateKind, pod: Pod, kill: KillOptions | None = None, *, orphan: bool = False,
             wait: bool = False) -> None:
        update = PodUpdate(kind, pod, kill, runtime_only=orphan)
        expected = self.model.get(uid)
        if expected is None:
            expected = self.model[uid] = Expected(orphan=orphan)
            if uid in NAMESAKES and not orphan:
                self.arrived.append(uid)
        elif expected.phase >= TERMINATING and kind is UpdateKind.CREATE:
            expected.restart = True
            self.tell(update)
            return
        ends = orphan or pod.metadata.deletion_timestamp or pod.status.phase or kind is UpdateKind.KILL
        if pod.status.phase and not self.workers.knows(PodUID(uid)):
            expected.phase = TERMINATED  # seen first when all was over already
        elif ends:
            expected.phase = max(expected.phase, TERMINATING)
        if expected.phase == TERMINATING:
            asked = [pod.metadata.deletion_grace_period_seconds, kill.grace_seconds if kill else None]
            given = [grace for grace in (*asked, expected.grace) if grace is not None]
            expected.grace = max(1, min(given, default=30))
            if kill and kill.verdict:
                expected.verdict = kill.verdict.reason
        self.tell(update, expected if wait else None)
        if expected.phase == TERMINATING and uid in NAMESAKES and not expected.started and not orphan \
                and not self.is_next(uid):
            expected.phase = FINISHED

    def tell(self, update: PodUpdate, waiting: Expected | None = None) -> None:
        if waiting is not None:
            waiting.waits.append(self.loop.create_task(self.workers.kill_and_wait(update, 10**6)))
            self.run_on_loop(asyncio.sleep(0))
        else:
            self.run_on_loop(self._tell(update))
        self.settle()

    async def _tell(self, update: PodUpdate) -> None:
        self.workers.update(update)

    def is_next(self, uid: str) -> bool:
        """Whether no namesake that came earlier is still there."""
        earlier = self.arrived[:self.arrived.index(uid)] if uid in self.arrived else []
        return not any(one in self.model and self.model[one].phase < FINISHED for one in earlier)

    @rule(uid=uids, kind=st.sampled_from([UpdateKind.CREATE, UpdateKind.UPDATE, UpdateKind.SYNC]))
    def a_plain_update(self, uid: str, kind: UpdateKind) -> None:
        self.told(uid, kind, make_pod(uid))

    @rule(uid=uids, grace=st.sampled_from([None, 0, 1, 5, 30, 60]))
    def a_deletion(self, uid: str, grace: int | None) -> None:
        self.told(uid, UpdateKind.UPDATE, make_pod(uid, deleted=True, grace=grace))

    @rule(uid=uids)
    def a_terminal_phase(self, uid: str) -> None:
        self.told(uid, UpdateKind.UPDATE, make_pod(uid, phase="Failed"))

    @rule(
        uid=uids, grace=st.sampled_from([None, 1, 7, 40]), reason=st.sampled_from(["", "Evicted", "Preempting"]),
        wait=st.booleans(),
    )
    def a_kill(self, uid: str, grace: int | None, reason: str, wait: bool) -> None:
        verdict = Verdict(reason=reason) if reason else None
        self.told(uid, UpdateKind.KILL, make_pod(uid), KillOptions(reason == "Evicted", grace, verdict), wait=wait)

    @rule(uid=st.just("api"))
    def an_orphan(self, uid: str) -> None:
        known = self.model.get(uid)
        if known is not None and known.phase >= TERMINATED:
            self.tell(PodUpdate(UpdateKind.KILL, make_pod(uid), runtime_only=True))  # changes nothing
            return
        self.told(uid, UpdateKind.KILL, make_pod(uid), orphan=True)

    # -- how steps end --

    @precondition(lambda self: self.syncer.active)
    @rule(data=st.data(), terminal=st.booleans())
    def a_step_ends_well(self, data: st.DataObject, terminal: bool) -> None:
        uid = data.draw(st.sampled_from(sorted(self.syncer.active)))
        expected = self.model[uid]
        self.syncer.active[uid].end.set_result(Synced(terminal=terminal))
        if expected.phase == SYNC and terminal:
            expected.phase, expected.grace = TERMINATING, 30
        elif expected.phase == TERMINATING:
            expected.phase = FINISHED if expected.orphan else TERMINATED
        elif expected.phase == TERMINATED:
            expected.phase = FINISHED
        self.settle()

    @precondition(lambda self: self.syncer.active)
    @rule(data=st.data())
    def a_step_fails_and_is_repeated(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.syncer.active)))
        step = self.syncer.active[uid]
        step.end.set_exception(PodSyncError("no"))
        self.settle(12.0)
        again = self.syncer.active[uid]
        assert again is not step and again.name == step.name

    @rule()
    def housekeeping(self) -> None:
        wanted = {PodUID(uid) for uid, expected in self.model.items() if expected.phase != FINISHED}
        again = {pod.metadata.uid for pod in self.workers.forget_gone(wanted)}
        assert again == {uid for uid, one in self.model.items() if one.phase == FINISHED and one.restart}
        for uid in [uid for uid, one in self.model.items() if one.phase == FINISHED]:
            del self.model[uid]
            self.arrived = [one for one in self.arrived if one != uid]
            self.syncer.log.pop(uid, None)
            assert not self.workers.knows(PodUID(uid))

    # -- what must hold --

    @invariant()
    def every_pod_is_where_it_should_be(self) -> None:
        for uid, expected in self.model.items():
            view = self.workers.view(PodUID(uid))
            assert view is not None
            assert view.work.phase is PHASES[expected.phase], (uid, view.work)
            if expected.phase == TERMINATING:
                assert view.work.grace_seconds == expected.grace
                assert (view.work.verdict.reason if view.work.verdict else "") == expected.verdict

    @invariant()
    def whoever_may_act_does(self) -> None:
        for uid, expected in self.model.items():
            step = self.syncer.active.get(uid)
            if expected.phase == FINISHED:
                assert step is None
            elif step is not None:
                expected.started = True
                assert step.name == STEPS[expected.phase]
                if step.name == "terminating":
                    assert step.work.grace_seconds == expected.grace, "a shorter grace reaches the kill"

    @invariant()
    def steps_never_go_back_and_grace_never_grows(self) -> None:
        for steps in self.syncer.log.values():
            order = [STEPS.index(step.name) for step in steps]
            assert order == sorted(order)
            graces = [step.work.grace_seconds or 0 for step in steps if step.name == "terminating"]
            assert graces == sorted(graces, reverse=True) and all(grace >= 1 for grace in graces)

    @invariant()
    def one_of_the_namesakes_at_a_time_in_the_order_of_arrival(self) -> None:
        alive = [
            uid for uid in NAMESAKES if uid in self.model and self.model[uid].phase < FINISHED
            and any(step.name != "terminated" for step in self.syncer.log.get(uid, []))
        ]
        assert len(alive) <= 1
        waiting = [uid for uid in self.arrived if uid in self.model and self.model[uid].phase < FINISHED]
        if waiting:
            assert self.syncer.log.get(waiting[0]), "the first in the line has its turn"

    @invariant()
    def whoever_waits_for_an_end_hears_of_it(self) -> None:
        for expected in self.model.values():
            for wait in expected.waits:
                assert wait.done() is (expected.phase >= TERMINATED)


TestWorkers = WorkersMachine.TestCase
TestWorkers.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
