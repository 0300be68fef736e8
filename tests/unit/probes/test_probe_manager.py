"""The manager on looptime's clock: hours pass in milliseconds, to the exact tenth of a second."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from probes import (
    Answer,
    ContainerFacts,
    ExecHandler,
    HttpHandler,
    Outcome,
    ProbeKind,
    ProbeManager,
    ProbeResult,
    ProbeSpec,
    Target,
    Verdict,
    checkpoint,
)

pytestmark = pytest.mark.looptime

EPOCH = 1_700_000_000.0
SUCCESS, FAILURE = Answer(Outcome.SUCCESS), Answer(Outcome.FAILURE, "connection refused")
LIVENESS, READINESS, STARTUP = ProbeKind.LIVENESS, ProbeKind.READINESS, ProbeKind.STARTUP


class World:
    """Containers that answer as a test says, and a record of what was asked and told."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.answers: dict[ProbeKind, Callable[[float], Answer]] = {}
        self.attempts: list[tuple[ProbeKind, float, str]] = []
        self.events: list[tuple[str, str]] = []
        self.metrics: list[tuple[ProbeKind, str]] = []
        self.takes = 0.0

    def wall(self) -> float:
        return EPOCH + self.loop.time()

    async def attempt(self, spec: ProbeSpec, target: Target) -> Answer:
        self.attempts.append((spec.kind, round(self.loop.time(), 3), target.container_id))
        await asyncio.sleep(self.takes)
        return self.answers.get(spec.kind, lambda _: SUCCESS)(self.loop.time())

    def event(self, uid: str, container: str, reason: str, message: str) -> None:
        self.events.append((reason, message))

    def attempted(self, uid: str, container: str, kind: ProbeKind, result: str, seconds: float) -> None:
        self.metrics.append((kind, result))

    def times(self, kind: ProbeKind) -> list[float]:
        return [at for asked, at, _ in self.attempts if asked is kind]


def spec(kind: ProbeKind, **values: float) -> ProbeSpec:
    return ProbeSpec(kind, ExecHandler(("check",)), **values)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def running(
    world: World, path: Path | None = None, started: float = EPOCH, chance: float = 0.5
) -> AsyncIterator[ProbeManager]:
    manager = ProbeManager(
        world.attempt, world, checkpoint_path=path, agent_started=started, wall_clock=world.wall,
        chance=lambda: chance,
    )
    task = asyncio.get_running_loop().create_task(manager.run())
    await asyncio.sleep(0)
    try:
        yield manager
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def drain(manager: ProbeManager) -> list[tuple[ProbeKind, Verdict]]:
    found: list[ProbeResult] = []
    while not manager.results.empty():
        found.append(manager.results.get_nowait())
    return [(result.kind, result.verdict) for result in found]


async def test_ready_at_once_and_then_by_the_period() -> None:
    world = World()
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS, period=10)])
        assert (manager.started("u", "c"), manager.ready("u", "c")) == (False, False)
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall(), "10.0.0.1"))
        assert (manager.started("u", "c"), manager.ready("u", "c")) == (True, False)
        await asyncio.sleep(35)
        assert world.times(READINESS) == [0, 10, 20, 30]
        assert drain(manager) == [(READINESS, Verdict.SUCCESS)]
        assert manager.ready("u", "c")


async def test_a_container_without_probes_is_nobodys_business_here() -> None:
    async with running(World()) as manager:
        manager.add_container("u", "c", [])
        manager.observe("u", "c", ContainerFacts("id1", True, EPOCH))
        assert (manager.started("u", "c"), manager.worker_count()) == (None, 0)


async def test_startup_gates_the_others_and_readiness_follows_at_once() -> None:
    world = World()
    world.answers[STARTUP] = lambda now: SUCCESS if now >= 25 else FAILURE
    async with running(world) as manager:
        manager.add_container("u", "c", [
            spec(STARTUP, period=10, failure_threshold=30), spec(READINESS), spec(LIVENESS)
        ])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(29)
        assert (world.times(STARTUP), world.times(READINESS), world.times(LIVENESS)) == ([0, 10, 20], [], [])
        assert not manager.started("u", "c")
        await asyncio.sleep(16)
        assert world.times(STARTUP) == [0, 10, 20, 30]
        assert world.times(READINESS) == world.times(LIVENESS) == [30, 40]
        assert drain(manager) == [(STARTUP, Verdict.SUCCESS), (READINESS, Verdict.SUCCESS)]
        assert manager.verdict("id1", STARTUP) is Verdict.SUCCESS


async def test_a_failed_liveness_probe_is_told_once_and_rests_until_there_is_a_new_container() -> None:
    world = World()
    world.answers[LIVENESS] = lambda _: FAILURE
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(LIVENESS, period=10, failure_threshold=3)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(120)
        assert world.times(LIVENESS) == [0, 10, 20, 30], "the one at 0 is free, three of the grid make the threshold"
        assert drain(manager) == [(LIVENESS, Verdict.FAILURE)]
        assert world.events == [("Unhealthy", "Liveness probe failed: connection refused")] * 3
        manager.observe("u", "c", ContainerFacts("id1", False, world.wall()))
        manager.observe("u", "c", ContainerFacts("id2", True, world.wall()))
        assert manager.verdict("id2", LIVENESS) is Verdict.SUCCESS
        assert manager.verdict("id1", LIVENESS) is None
        await asyncio.sleep(1)
        assert world.attempts[-1] == (LIVENESS, 120.0, "id2")


async def test_slow_answers_do_not_make_the_schedule_drift() -> None:
    world = World()
    world.takes = 0.7
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS, period=2)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(601)
        assert world.times(READINESS) == [2.0 * tick for tick in range(301)]


async def test_the_initial_delay_counts_from_the_containers_start() -> None:
    world = World()
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS, initial_delay=15)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall() - 4.5))
        await asyncio.sleep(12)
        assert world.times(READINESS) == [10.5]


async def test_a_container_that_does_not_run_is_not_probed() -> None:
    world = World()
    world.takes = 5
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS), spec(LIVENESS)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(1)
        manager.observe("u", "c", ContainerFacts("id1", False, world.wall()))
        await asyncio.sleep(60)
        assert len(world.attempts) == 2
        assert drain(manager) == [], "the attempt under way is given up"
        assert (manager.ready("u", "c"), manager.verdict("id1", LIVENESS)) == (False, Verdict.FAILURE)


async def test_termination_ends_liveness_and_startup_but_not_readiness() -> None:
    world = World()
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(STARTUP), spec(READINESS), spec(LIVENESS)])
        world.answers[STARTUP] = lambda _: FAILURE
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(5)
        manager.stop_liveness_and_startup("u")
        await asyncio.sleep(20)
        assert world.times(STARTUP) == [0]
        assert world.times(LIVENESS) == []
        assert world.times(READINESS) == [5, 15]
        manager.remove("u")
        await asyncio.sleep(60)
        assert len(world.times(READINESS)) == 2
        assert manager.ready("u", "c") is None


async def test_errors_are_thrown_away_and_told() -> None:
    world = World()
    world.answers[LIVENESS] = lambda _: Answer(Outcome.UNKNOWN, error="rpc error: code = Unknown desc = boom")
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(LIVENESS, initial_delay=1, failure_threshold=1)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(25)
        assert drain(manager) == []
        assert world.events == [(
            "Unhealthy",
            "Liveness probe errored and resulted in unknown state: rpc error: code = Unknown desc = boom",
        )] * 3
        assert world.metrics == [(LIVENESS, "unknown")] * 3


async def test_warnings_are_successes_that_are_told() -> None:
    world = World()
    world.answers[READINESS] = lambda _: Answer(Outcome.WARNING, "Probe terminated redirects, Response body: x")
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(1)
        assert manager.ready("u", "c")
        assert world.events == [
            ("ProbeWarning", "Readiness probe warning: Probe terminated redirects, Response body: x")
        ]


async def test_a_prober_that_breaks_ends_nothing() -> None:
    world = World()

    def breaks(_: float) -> Answer:
        raise LookupError("unforeseen")

    world.answers[READINESS] = breaks
    async with running(world) as manager:
        manager.add_container("u", "c", [spec(READINESS)])
        manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
        await asyncio.sleep(1)
        world.answers[READINESS] = lambda _: SUCCESS
        await asyncio.sleep(10)
        assert manager.ready("u", "c")


async def test_verdicts_survive_a_restart_of_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "probes.json"
    world = World()
    facts = ContainerFacts("id1", True, EPOCH, "10.0.0.1")
    specs = [spec(STARTUP), spec(READINESS, period=10)]
    async with running(world, path) as manager:
        manager.add_container("u", "c", specs)
        manager.observe("u", "c", facts)
        await asyncio.sleep(5)
        assert json.loads(path.read_bytes()) == {
            "version": 1,
            "containers": {"id1": {"uid": "u", "verdicts": {"Startup": "Success", "Readiness": "Success"}}},
        }
        written = path.stat().st_ino
        await asyncio.sleep(600)
        assert path.stat().st_ino == written, "nothing changed, nothing is written"
    world.attempts.clear()
    begin = world.loop.time()
    async with running(world, path, started=world.wall()) as manager:
        manager.add_container("u", "c", specs)
        manager.observe("u", "c", facts)
        assert (manager.started("u", "c"), manager.ready("u", "c")) == (True, True)
        world.answers[READINESS] = lambda _: FAILURE
        await asyncio.sleep(12)
        assert drain(manager) == []
        assert world.times(STARTUP) == []
        assert world.times(READINESS) == [round(begin + 5, 3)], "spread over the period"
        manager.retain(set())
    assert json.loads(path.read_bytes())["containers"] == {}


async def test_without_a_checkpoint_the_api_servers_status_is_believed() -> None:
    world = World()
    await asyncio.sleep(60)
    async with running(world, started=world.wall()) as manager:
        for name, ready in (("old", True), ("unready", False)):
            manager.add_container("u", name, [spec(STARTUP), spec(READINESS)])
            manager.observe("u", name, ContainerFacts(
                name, True, EPOCH, was_started=True, was_ready=ready
            ))
            assert (manager.started("u", name), manager.ready("u", name)) == (True, ready)
        manager.add_container("u", "new", [spec(STARTUP), spec(READINESS)])
        manager.observe("u", "new", ContainerFacts("new", True, world.wall() - 9, was_started=True, was_ready=True))
        assert (manager.started("u", "new"), manager.ready("u", "new")) == (False, False)


async def test_an_unusable_checkpoint_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "probes.json"
    for content in ("{", '{"version": 9, "containers": {}}', '{"version": 1, "containers": {"x": {}}}'):
        path.write_text(content)
        world = World()
        async with running(world, path) as manager:
            manager.add_container("u", "c", [spec(READINESS)])
            manager.observe("u", "c", ContainerFacts("id1", True, world.wall()))
            await asyncio.sleep(1)
            assert manager.ready("u", "c")


async def test_110_idle_pods_have_a_timer_each_and_no_task() -> None:
    world = World()
    async with running(world) as manager:
        for number in range(110):
            probe = ProbeSpec(READINESS, HttpHandler(80), period=10)
            manager.add_container(f"u{number}", "c", [probe])
            manager.observe(f"u{number}", "c", ContainerFacts(f"id{number}", True, world.wall()))
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks()) <= 3
        assert len(world.attempts) == 110


async def test_330_busy_probes_keep_time_to_the_tenth_of_a_second() -> None:
    """Answers take anything up to the whole period: what is late by that is made up for at once, nothing drifts."""
    world, chance = World(), random.Random(7)
    periods = {f"id{number}": float(chance.choice([1, 2, 5, 10])) for number in range(110)}
    begun: dict[tuple[str, ProbeKind], list[tuple[float, float]]] = {}
    ordinary = world.attempt

    async def attempt(asked: ProbeSpec, target: Target) -> Answer:
        at, takes = world.loop.time(), chance.choice([0.0, 0.01, 0.4, 0.9]) * asked.period
        begun.setdefault((target.container_id, asked.kind), []).append((at, at + takes))
        await asyncio.sleep(takes)
        return await ordinary(asked, target)

    world.attempt = attempt  # type: ignore[method-assign]
    async with running(world, started=EPOCH - 3600) as manager:
        for number, (container_id, period) in enumerate(periods.items()):
            probes = [spec(kind, period=period) for kind in (LIVENESS, READINESS, STARTUP)]
            manager.add_container(f"u{number}", "c", probes)
            manager.observe(f"u{number}", "c", ContainerFacts(container_id, True, world.wall(), "10.0.0.1"))
        await asyncio.sleep(120)
    for (container_id, kind), attempts in begun.items():
        first, period, before = attempts[0][0], periods[container_id], 0.0
        for at, end in attempts:
            due = first + round((at - first) / period) * period
            assert abs(at - due) < 0.1 or abs(at - before) < 0.1, (container_id, kind, at)
            before = end
        if kind is not STARTUP:
            assert len(attempts) == int((120 - first) / period) + 1


def test_what_an_agent_that_was_killed_in_the_middle_of_a_write_left_goes_with_the_next(tmp_path: Path) -> None:
    path, left = tmp_path / "probe_results.json", tmp_path / ".probe_results.json.tmp"
    left.write_text('{"version": 1, "contai')
    assert checkpoint.load(path) == {}
    assert list(tmp_path.iterdir()) == []
    left.write_text('{"version": 1, "contai')
    kept = {"c1": checkpoint.ContainerVerdicts("u1", {})}
    checkpoint.save(path, kept)
    assert list(tmp_path.iterdir()) == [path]
    assert checkpoint.load(path) == kept
