"""The pod workers: one serial task per pod UID, which alone acts on its pod.

    sync loop ── update(PodUpdate) ──▶ PodWorkers ──▶ worker(uid): syncer.sync_pod
                                                              ▶ syncer.sync_terminating
                                                              ▶ syncer.sync_terminated ──▶ forgotten by housekeeping

The newest update wins; a sync that is overtaken by the end of its pod is interrupted. After a success the pod is
synced again within 1 to 1.5 sync frequencies, after an error when its back-off says so (pod_workers.go completeWork).
"A terminated UID never starts again" lives here alone; everybody else asks.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from kubelet.api.meta import PodUID, formatted, full_name, is_static, pod_key, pod_uid
from kubelet.api.types import Pod
from kubelet.podworkers.interrupt import Interrupt, SyncInterruptedError
from kubelet.podworkers.machine import (
    PodUpdate,
    PodWork,
    UpdateKind,
    WorkPhase,
    abandoned,
    observe,
    sync_succeeded,
)

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
NAMESAKE_RETRY_SECONDS = 1.0
JITTER = 0.5


class PodSyncError(Exception):
    """A step failed. `retry_at` (monotonic seconds): when it is worth trying again; None for the usual back-off."""

    def __init__(self, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True)
class Synced:
    """How a step ended. `terminal`: the pod has ended for good; `again_in`: seconds until it must be looked at again,
    None for the usual time."""

    terminal: bool = False
    again_in: float | None = None


class PodSyncer(Protocol):
    """The steps that a worker drives; each may run any number of times and raises PodSyncError to be run again."""

    async def sync_pod(self, work: PodWork, kind: UpdateKind, interrupt: Interrupt) -> Synced:
        """Bring the pod to what its spec says."""

    async def sync_terminating(self, work: PodWork, interrupt: Interrupt) -> None:
        """Stop everything of the pod; returns when nothing runs."""

    async def sync_terminated(self, work: PodWork) -> None:
        """Give back volumes, cgroups and the API object."""


class WorkerObserver(Protocol):
    """Who counts (kubelet.metrics.observers.WorkerMetrics)."""

    def created(self, pod: Pod) -> None: ...

    def started(self, seconds: float) -> None:
        """A worker has begun, so long after its pod was first seen."""

    def synced(self, kind: str, seconds: float) -> None: ...

    def restarted(self, *, static: bool) -> None: ...

    def orphan(self) -> None: ...


@dataclass(slots=True)
class Worker:
    """The mutable side of one pod's work; read by explain, written by PodWorkers alone."""

    work: PodWork
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pending: UpdateKind | None = None
    interrupt: Interrupt | None = None
    due_at: float | None = None
    """Monotonic time of the next sync without news."""
    syncing_since: float | None = None
    phase_since: float = 0.0
    last_error: str = ""
    last_error_at: float = 0.0
    failing_since: float | None = None
    """When the first of the failures in a row came; None after a success."""
    retry_is_backoff: bool = False
    waiters: list[asyncio.Event] = field(default_factory=list)


class PodWorkers:
    def __init__(
        self,
        syncer: PodSyncer,
        sync_frequency: float = 60.0,
        nothing_runs: Callable[[PodUID], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        on_finished: Callable[[PodUID], None] = lambda _: None,
        observer: WorkerObserver | None = None,
    ) -> None:
        self._syncer, self._sync_frequency, self._nothing_runs = syncer, sync_frequency, nothing_runs
        self._clock, self._jitter, self._on_finished = clock, jitter, on_finished
        self._observer = observer
        self._workers: dict[PodUID, Worker] = {}
        self._starting_static: dict[str, list[PodUID]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the workers' tasks until cancelled; updates are taken only while this runs."""
        async with asyncio.TaskGroup() as self._group:
            await asyncio.Event().wait()

    def update(self, update: PodUpdate) -> None:
        """Tell the pod's worker; starts one for a pod that has none."""
        uid = pod_uid(update.pod)
        worker = self._workers.get(uid)
        transition = observe(worker.work if worker else None, update, self._nothing_runs(uid) if not worker else False)
        if worker is None:
            worker = self._workers[uid] = Worker(transition.work, phase_since=self._clock())
            self._observe_new(update)
            if is_static(update.pod):
                self._starting_static.setdefault(full_name(update.pod), []).append(uid)
            if self._group is None:
                raise RuntimeError("pod workers take updates only while they run")
            self._group.create_task(self._run_worker(uid, worker), name=f"pod worker {pod_key(update.pod)}")
        else:
            self._adopt(worker, transition.work)
        if transition.interrupt and worker.interrupt:
            worker.interrupt.interrupt()
        if transition.wake:
            worker.pending = update.kind
            worker.news.set()

    def _observe_new(self, update: PodUpdate) -> None:
        if self._observer is None:
            return
        if update.runtime_only:
            self._observer.orphan()
        else:
            self._observer.created(update.pod)

    async def kill_and_wait(self, update: PodUpdate, timeout: float) -> bool:
        """Kill a pod (eviction, preemption) and wait until nothing of it runs; False when that took too long."""
        done = asyncio.Event()
        self.update(update)
        worker = self._workers[pod_uid(update.pod)]
        if worker.work.phase.is_terminated:
            return True
        worker.waiters.append(done)
        try:
            async with asyncio.timeout(timeout):
                await done.wait()
        except TimeoutError:
            return False
        return True

    # What others may ask.

    def view(self, uid: PodUID) -> Worker | None:
        return self._workers.get(uid)

    def knows(self, uid: PodUID) -> bool:
        return uid in self._workers

    def termination_requested(self, uid: PodUID) -> bool:
        worker = self._workers.get(uid)
        return worker is not None and worker.work.phase.termination_requested

    def is_terminated(self, uid: PodUID) -> bool:
        """Nothing of the pod runs and nothing ever will."""
        worker = self._workers.get(uid)
        return worker is not None and worker.work.phase.is_terminated

    def static_is_terminating(self, name: str) -> bool:
        """Whether a static pod of this full name is on its way out: its mirror stays until it has gone."""
        return any(
            worker.work.phase is WorkPhase.TERMINATING for worker in self._workers.values()
            if is_static(worker.work.pod) and full_name(worker.work.pod) == name
        )

    def could_have_running_containers(self, uid: PodUID) -> bool:
        worker = self._workers.get(uid)
        return worker is not None and not worker.work.phase.is_terminated

    def busy(self) -> bool:
        """Whether some worker is in the middle of a step."""
        return any(worker.syncing_since is not None for worker in self._workers.values())

    def states(self, desired: Callable[[PodUID], bool]) -> Mapping[tuple[str, str, str], int]:
        """Numbers of workers by lifecycle, by whether a source names their pod, and by whether it is static."""
        return Counter(
            (worker.work.phase.lifecycle,
             "runtime_only" if worker.work.runtime_only else "desired" if desired(uid) else "orphan",
             "true" if is_static(worker.work.pod) else "")
            for uid, worker in self._workers.items()
        )

    def uids(self) -> Iterable[PodUID]:
        return tuple(self._workers)

    def forget_gone(self, wanted: set[PodUID]) -> list[Pod]:
        """Housekeeping: drop finished workers of pods that are no longer wanted.

        Returns pods that were asked for again under the same UID while they terminated: they start anew.
        """
        restart: list[Pod] = []
        for uid, worker in list(self._workers.items()):
            if worker.work.phase is not WorkPhase.FINISHED:
                continue
            if worker.work.restart_requested:
                restart.append(worker.work.pod)
                if self._observer is not None:
                    self._observer.restarted(static=is_static(worker.work.pod))
            if worker.work.restart_requested or uid not in wanted:
                del self._workers[uid]
        return restart

    # The worker.

    async def _run_worker(self, uid: PodUID, worker: Worker) -> None:
        while worker.work.phase is not WorkPhase.FINISHED:
            await self._wait_for_work(worker)
            if not self._has_its_turn(uid, worker):
                continue
            kind, worker.pending = worker.pending or UpdateKind.SYNC, None
            worker.due_at = None
            if not worker.work.started and self._observer is not None:
                self._observer.started(self._clock() - worker.phase_since)
            worker.work = replace(worker.work, started=True)
            await self._sync(worker, kind)
        self._leave_static_queue(uid, worker.work)
        self._on_finished(uid)

    async def _wait_for_work(self, worker: Worker) -> None:
        """Until there is news or the next sync is due."""
        delay = None if worker.due_at is None else max(0.0, worker.due_at - self._clock())
        try:
            async with asyncio.timeout(delay):
                await worker.news.wait()
        except TimeoutError:
            pass
        worker.news.clear()

    async def _sync(self, worker: Worker, kind: UpdateKind) -> None:
        """One step of the current phase, and what follows from how it ended."""
        work = worker.work
        worker.interrupt = interrupt = Interrupt()
        worker.syncing_since = begin = self._clock()
        try:
            synced = await self._step(work, kind, interrupt)
        except SyncInterruptedError:
            worker.due_at = self._clock()
        except PodSyncError as error:
            self._note_failure(worker, error)
        except Exception:
            # A defect of ours in one pod's step must not take the other pods' workers down with it.
            logger.exception("Sync of pod failed unexpectedly pod=%s", formatted(work.pod))
            self._note_failure(worker, PodSyncError("internal error, see the log"))
        else:
            worker.last_error, worker.failing_since, worker.retry_is_backoff = "", None, False
            self._advance(worker, synced)
        finally:
            worker.interrupt = None
            worker.syncing_since = None
            if self._observer is not None:
                self._observer.synced(kind.value, self._clock() - begin)

    async def _step(self, work: PodWork, kind: UpdateKind, interrupt: Interrupt) -> Synced:
        match work.phase:
            case WorkPhase.SYNC:
                return await self._syncer.sync_pod(work, kind, interrupt)
            case WorkPhase.TERMINATING:
                await self._syncer.sync_terminating(work, interrupt)
            case WorkPhase.TERMINATED:
                await self._syncer.sync_terminated(work)
        return Synced()

    def _advance(self, worker: Worker, synced: Synced) -> None:
        before = worker.work.phase
        self._adopt(worker, sync_succeeded(worker.work, synced.terminal))
        if worker.work.phase is not before:
            worker.due_at = self._clock()
        else:
            usual = self._sync_frequency * (1 + JITTER * self._jitter())
            worker.due_at = self._clock() + (usual if synced.again_in is None else min(usual, synced.again_in))

    def _adopt(self, worker: Worker, work: PodWork) -> None:
        if work.phase is not worker.work.phase:
            worker.phase_since = self._clock()
        worker.work = work
        if work.phase.is_terminated:
            for waiter in worker.waiters:
                waiter.set()
            worker.waiters.clear()

    def _note_failure(self, worker: Worker, error: PodSyncError) -> None:
        now = self._clock()
        message = str(error)
        if message != worker.last_error:
            logger.warning("Sync of pod failed, will be retried pod=%s err=%s", formatted(worker.work.pod), message)
        worker.last_error, worker.last_error_at = message, now
        worker.failing_since = now if worker.failing_since is None else worker.failing_since
        worker.retry_is_backoff = error.retry_at is not None
        if error.retry_at is not None:
            worker.due_at = min(max(error.retry_at, now), now + self._sync_frequency)
        else:
            worker.due_at = now + RETRY_SECONDS * (1 + JITTER * self._jitter())

    # Static pods of one full name run one at a time, in the order in which they came.

    def _has_its_turn(self, uid: PodUID, worker: Worker) -> bool:
        """False for a static pod that waits for a namesake; it waits on, or ends without having begun."""
        work = worker.work
        if work.started or work.phase is WorkPhase.TERMINATED or self._may_start(uid, work):
            return True
        if work.phase is WorkPhase.TERMINATING:
            self._adopt(worker, abandoned(work, self._nothing_runs(uid)))
            worker.news.set()
        else:
            worker.due_at = self._clock() + NAMESAKE_RETRY_SECONDS
        return False

    def _may_start(self, uid: PodUID, work: PodWork) -> bool:
        if not is_static(work.pod):
            return True
        queue = self._starting_static.get(full_name(work.pod), [])
        while queue and queue[0] != uid and self._gone(queue[0]):
            queue.pop(0)
        return not queue or queue[0] == uid

    def _gone(self, uid: PodUID) -> bool:
        worker = self._workers.get(uid)
        return worker is None or worker.work.phase is WorkPhase.FINISHED

    def _leave_static_queue(self, uid: PodUID, work: PodWork) -> None:
        if not is_static(work.pod):
            return
        queue = self._starting_static.get(full_name(work.pod), [])
        was_first = queue[:1] == [uid]
        if uid in queue:
            queue.remove(uid)
        if not queue:
            self._starting_static.pop(full_name(work.pod), None)
        for waiting in queue[:1] if was_first else ():
            if worker := self._workers.get(waiting):
                worker.news.set()
