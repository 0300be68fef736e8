"""All probe workers of the node: one state machine and at most one timer per container and kind, no task while idle.

    add_container(specs)  ─┐                                        ┌─▶ results (queue: a verdict changed)
    observe(facts)        ─┼─▶ ProbeMachine ─▶ timer ─▶ attempt ────┼─▶ listener (events, metrics)
    stop, remove          ─┘        ▲                      │        └─▶ started(), ready(), verdict()
                                    └───── outcome ────────┘        └─▶ checkpoint

The pod's worker tells what is (observe), this room only ever says what it found: it restarts nothing. All methods are
called on the event loop; attempts run in the task group of `run`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from probes import checkpoint
from probes.attempt import Target
from probes.checkpoint import ContainerVerdicts
from probes.machine import Phase, ProbeMachine
from probes.spec import Answer, Outcome, ProbeKind, ProbeSpec, Verdict

logger = logging.getLogger(__name__)

RESTART_GRACE_SECONDS = 10.0
"""A container that started this long before the agent was running before it (kubeletRestartGracePeriod)."""
CHECKPOINT_DELAY_SECONDS = 0.2
"""Verdicts that change within this time are written together."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A verdict changed; whoever acts on it reads the current one. `message` is the last attempt's output."""

    uid: str
    container: str
    container_id: str
    kind: ProbeKind
    verdict: Verdict
    message: str = ""


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What the runtime says of a container now. `container_id` empty: there is none (or it is not started yet)."""

    container_id: str
    running: bool
    started_at: float = 0.0
    """Unix seconds."""
    pod_ip: str = ""
    was_started: bool | None = None
    """What the API server's status says of this very container, from before this agent; None: nothing."""
    was_ready: bool | None = None


class ProbeListener(Protocol):
    """Whom attempts are reported to."""

    def event(self, uid: str, container: str, reason: str, message: str) -> None:
        """A Warning event about the container."""

    def attempted(self, uid: str, container: str, kind: ProbeKind, result: str, seconds: float) -> None:
        """For prober_probe_total and prober_probe_duration_seconds; result: successful, failed or unknown."""


Attempt = Callable[[ProbeSpec, Target], Awaitable[Answer]]


@dataclass(slots=True, eq=False)
class _Worker:
    machine: ProbeMachine
    timer: asyncio.TimerHandle | None = None
    task: "asyncio.Task[None] | None" = None

    def rest(self) -> None:
        """No timer and no attempt any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.task is not None:
            self.task.cancel()
            self.task = None


@dataclass(slots=True, eq=False)
class _Container:
    uid: str
    name: str
    workers: dict[ProbeKind, _Worker]
    facts: ContainerFacts = ContainerFacts("", False)

    def verdict(self, kind: ProbeKind) -> Verdict | None:
        worker = self.workers.get(kind)
        return worker.machine.verdict if worker else None

    @property
    def started(self) -> bool:
        worker = self.workers.get(ProbeKind.STARTUP)
        return self.facts.running and (worker is None or worker.machine.verdict is Verdict.SUCCESS)

    @property
    def ready(self) -> bool:
        worker = self.workers.get(ProbeKind.READINESS)
        return self.started and (worker is None or worker.machine.verdict is Verdict.SUCCESS)


@dataclass(slots=True)
class _Memory:
    """Verdicts of the last run, by container id, until their pod is seen to be gone."""

    path: Path | None
    known: dict[str, ContainerVerdicts] = field(default_factory=dict)
    written: dict[str, ContainerVerdicts] = field(default_factory=dict)
    """What the file says."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class ProbeManager:
    def __init__(
        self, attempt: Attempt, listener: ProbeListener, *, checkpoint_path: Path | None = None,
        agent_started: float | None = None, wall_clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`agent_started`: Unix seconds. The checkpoint is read here: construct before the event loop is busy."""
        self.results: asyncio.Queue[ProbeResult] = asyncio.Queue()
        self._attempt, self._listener = attempt, listener
        self._wall_clock, self._chance = wall_clock, chance
        self._agent_started = wall_clock() if agent_started is None else agent_started
        self._containers: dict[tuple[str, str], _Container] = {}
        self._by_id: dict[str, _Container] = {}
        known = checkpoint.load(checkpoint_path) if checkpoint_path else {}
        self._memory = _Memory(checkpoint_path, known, known)
        self._group: asyncio.TaskGroup | None = None

    # --- what is ---

    def add_container(self, uid: str, name: str, specs: Iterable[ProbeSpec]) -> None:
        """Take a container's probes on; probes of a container that is there already do not change (as upstream)."""
        if (uid, name) not in self._containers:
            workers = {spec.kind: _Worker(ProbeMachine(spec)) for spec in specs}
            if workers:
                self._containers[uid, name] = _Container(uid, name, workers)

    def observe(self, uid: str, name: str, facts: ContainerFacts) -> None:
        container = self._containers.get((uid, name))
        if container is None:
            return
        old, container.facts = container.facts, facts
        if facts.container_id and facts.container_id != old.container_id:
            self._by_id.pop(old.container_id, None)
            self._by_id[facts.container_id] = container
            for worker in container.workers.values():
                self._begin(container, worker)
        if not facts.running:
            for worker in container.workers.values():
                worker.rest()
                if facts.container_id:
                    worker.machine.exits()
        self._drive(container)
        if facts.container_id != old.container_id or facts.running is not old.running:
            self._memory.changed.set()

    def stop_liveness_and_startup(self, uid: str) -> None:
        """The pod ends: nothing may restart its containers, but they stay ready as long as they answer so."""
        for container in self._of(uid):
            for kind in (ProbeKind.LIVENESS, ProbeKind.STARTUP):
                if worker := container.workers.get(kind):
                    worker.rest()
                    worker.machine.stops()
            self._drive(container)

    def remove(self, uid: str) -> None:
        for container in self._of(uid):
            for worker in container.workers.values():
                worker.rest()
            del self._containers[uid, container.name]
            self._by_id.pop(container.facts.container_id, None)
        self._memory.known = {key: kept for key, kept in self._memory.known.items() if kept.uid != uid}
        self._memory.changed.set()

    def retain(self, uids: Collection[str]) -> None:
        """Forget all pods but these."""
        remembered = {kept.uid for kept in self._memory.known.values()}
        for uid in ({uid for uid, _ in self._containers} | remembered) - set(uids):
            self.remove(uid)

    def _of(self, uid: str) -> list[_Container]:
        return [container for container in self._containers.values() if container.uid == uid]

    # --- what is found ---

    def started(self, uid: str, name: str) -> bool | None:
        """Whether the container's startup probe, if any, has succeeded; None: it has no probes here."""
        container = self._containers.get((uid, name))
        return container.started if container else None

    def ready(self, uid: str, name: str) -> bool | None:
        container = self._containers.get((uid, name))
        return container.ready if container else None

    def verdict(self, container_id: str, kind: ProbeKind) -> Verdict | None:
        """None: no such container, or no such probe."""
        container = self._by_id.get(container_id)
        return container.verdict(kind) if container else None

    def worker_count(self) -> int:
        return sum(len(container.workers) for container in self._containers.values())

    # --- the work ---

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._keep_checkpoint(), name="probe-checkpoint")
                for container in tuple(self._containers.values()):
                    self._drive(container)
        finally:
            self._group = None
            if self._memory.changed.is_set():
                self._save()

    def _begin(self, container: _Container, worker: _Worker) -> None:
        facts, spec = container.facts, worker.machine.spec
        worker.rest()
        loop_now, wall_now = asyncio.get_running_loop().time(), self._wall_clock()
        probe_from = loop_now + (facts.started_at + spec.initial_delay - wall_now)
        worker.machine.runs(facts.container_id, probe_from, self._known(facts, spec.kind))

    def _is_older(self, facts: ContainerFacts) -> bool:
        return 0 < facts.started_at < self._agent_started - RESTART_GRACE_SECONDS

    def _known(self, facts: ContainerFacts, kind: ProbeKind) -> Verdict | None:
        """What an earlier agent found of this container: our own notes first, then the API server's status of it."""
        kept = self._memory.known.get(facts.container_id)
        if kept is not None and kind in kept.verdicts:
            return kept.verdicts[kind]
        if not self._is_older(facts):
            return None
        was = {ProbeKind.STARTUP: facts.was_started, ProbeKind.READINESS: facts.was_ready}.get(kind)
        return Verdict.SUCCESS if was else None

    def _drive(self, container: _Container) -> None:
        """Bring every worker of the container to where time and gate allow, and set its timer."""
        for worker in container.workers.values():
            if worker.timer is not None:
                worker.timer.cancel()
                worker.timer = None
            if worker.task is not None or self._group is None:
                continue
            loop, machine = asyncio.get_running_loop(), worker.machine
            machine.advance(loop.time(), container.started, self._spread(container, machine))
            if machine.due is not None:
                worker.timer = loop.call_at(machine.due, self._fire, container, worker)

    def _spread(self, container: _Container, machine: ProbeMachine) -> float:
        """After a restart of the agent, attempts of containers that ran before shall not all fall into one moment."""
        if container.facts.started_at >= self._agent_started:
            return 0.0
        if self._wall_clock() - self._agent_started >= machine.spec.period:
            return 0.0
        patient = machine.verdict is Verdict.SUCCESS
        return self._chance() * (machine.spec.period if patient else min(machine.spec.period, 1.0))

    def _fire(self, container: _Container, worker: _Worker) -> None:
        worker.timer = None
        due = worker.machine.due
        if worker.machine.phase is Phase.ACTIVE and due is not None and self._group is not None:
            # A timer may fire a clock tick early.
            counts = worker.machine.begin_attempt(max(due, asyncio.get_running_loop().time()))
            name = f"probe-{worker.machine.spec.kind.value}-{container.name}-{container.uid}"
            worker.task = self._group.create_task(self._probe(container, worker, counts), name=name)
        else:
            self._drive(container)

    async def _probe(self, container: _Container, worker: _Worker, counts: bool) -> None:
        loop, machine = asyncio.get_running_loop(), worker.machine
        begin, target = loop.time(), Target(container.facts.container_id, container.facts.pod_ip)
        try:
            answer = await self._attempt(machine.spec, target)
        except Exception as error:  # whatever one container answers may not end the probing of all others
            logger.exception("a probe failed unforeseen container=%s uid=%s", container.name, container.uid)
            answer = Answer(Outcome.UNKNOWN, error=f"{type(error).__name__}: {error}")
        worker.task = None
        machine.catch_up(loop.time())
        self._report(container, machine, answer, counts, loop.time() - begin)
        if not answer.error:
            success = answer.outcome in (Outcome.SUCCESS, Outcome.WARNING)
            if machine.concluded(success, counts) and machine.verdict is not None:
                self._memory.changed.set()
                self.results.put_nowait(ProbeResult(
                    container.uid, container.name, target.container_id, machine.spec.kind, machine.verdict,
                    answer.output,
                ))
        self._drive(container)

    def _report(
        self, container: _Container, machine: ProbeMachine, answer: Answer, counts: bool, seconds: float
    ) -> None:
        kind, uid, name = machine.spec.kind, container.uid, container.name
        if answer.error:
            self._listener.attempted(uid, name, kind, "unknown", seconds)
            state = answer.outcome.value
            text = f"{kind.value} probe errored and resulted in {state} state: {answer.error}"
            if counts:
                self._listener.event(uid, name, "Unhealthy", text)
                logger.info("probe errored kind=%s container=%s uid=%s error=%s", kind.value, name, uid, answer.error)
        elif answer.outcome in (Outcome.SUCCESS, Outcome.WARNING):
            self._listener.attempted(uid, name, kind, "successful", seconds)
            if answer.outcome is Outcome.WARNING:
                self._listener.event(uid, name, "ProbeWarning", f"{kind.value} probe warning: {answer.output}")
        elif counts:
            self._listener.attempted(uid, name, kind, "failed", seconds)
            logger.info("probe failed kind=%s container=%s uid=%s output=%s", kind.value, name, uid, answer.output)
            self._listener.event(uid, name, "Unhealthy", f"{kind.value} probe failed: {answer.output}")

    # --- the checkpoint ---

    async def _keep_checkpoint(self) -> None:
        while True:
            await self._memory.changed.wait()
            await asyncio.sleep(CHECKPOINT_DELAY_SECONDS)
            self._memory.changed.clear()
            self._memory.known = content = self._content()
            if self._memory.path is not None and content != self._memory.written:
                await asyncio.to_thread(self._write, self._memory.path, content)

    def _save(self) -> None:
        content = self._content()
        if self._memory.path is not None and content != self._memory.written:
            self._write(self._memory.path, content)

    def _content(self) -> dict[str, ContainerVerdicts]:
        """Verdicts of running containers, and what is remembered of those that have not been seen again yet."""
        seen = {(container.uid, container.name) for container in self._by_id.values()}
        pods_seen = {uid for uid, _ in seen}
        content = {key: kept for key, kept in self._memory.known.items() if kept.uid not in pods_seen}
        for container_id, container in self._by_id.items():
            verdicts = {
                kind: worker.machine.verdict for kind, worker in container.workers.items()
                if worker.machine.verdict is not None and worker.machine.phase is not Phase.STOPPED
            }
            if container.facts.running and verdicts:
                content[container_id] = ContainerVerdicts(container.uid, verdicts)
        return content

    def _write(self, path: Path, content: dict[str, ContainerVerdicts]) -> None:
        try:
            checkpoint.save(path, content)
            self._memory.written = content
        except OSError as error:
            logger.warning("probe results cannot be kept for the next start path=%s error=%s", path, error)
