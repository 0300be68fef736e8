"""Pleg against a real CRI server over a Unix socket; each test waits for the thing that it expects."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fake_runtime import FakeRuntime, serve

from cri.client import RuntimeClient
from cri.errors import CriError, DeadlineExceededError, UnknownError
from cri.v1 import api_pb2 as cri
from pleg import EventKind, Mode, Pleg, Timing
from pleg.generator import go_duration

NEVER = 3600.0
FAST = Timing(
    relist_period=0.02, stream_relist_period=NEVER, settle=0.02, reconnect_min=0.01, reconnect_max=0.05,
    inspect_deadline=5.0, retry_period=0.02,
)


@contextlib.asynccontextmanager
async def running(runtime: FakeRuntime, socket: Path, timing: Timing = FAST) -> AsyncIterator[Pleg]:
    server = await serve(runtime, socket)
    async with RuntimeClient(str(socket)) as client:
        pleg = Pleg(client, timing=timing)
        task = asyncio.get_running_loop().create_task(pleg.run())
        try:
            async with asyncio.timeout(20):
                yield pleg
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await server.stop(None)


async def eventually(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - anything may be waited for, a server in the same loop among it
        await asyncio.sleep(0.002)


async def next_events(pleg: Pleg, count: int) -> list[tuple[str, EventKind, str]]:
    events = [await pleg.events.get() for _ in range(count)]
    return [(event.uid, event.kind, event.container_id) for event in events]


async def streaming(pleg: Pleg, runtime: FakeRuntime) -> None:
    """Wait until the stream is up and a whole relist has followed it; forget the calls and events so far."""
    await eventually(lambda: pleg.mode is Mode.STREAMING)
    seen, done = time.monotonic(), asyncio.Event()
    pleg.stats.on_relist = lambda duration, _: done.set() if time.monotonic() - duration >= seen else None
    pleg._relist_now.set()
    await done.wait()
    runtime.calls.clear()
    while not pleg.events.empty():
        pleg.events.get_nowait()


async def test_events_of_the_stream_cost_no_call(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    _, first = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        assert pleg.cache.get("u1").container("app").running
        runtime.exit(first, 3)
        runtime.emit(first, cri.CONTAINER_STOPPED_EVENT)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, first)]
        assert pleg.cache.get("u1").container("app").exit_code == 3
        assert not runtime.calls
        assert pleg.healthy() is None


async def test_a_new_pod_appears_through_the_stream(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        sandbox, app = runtime.run_pod("u2", "app")
        runtime.emit(app, cri.CONTAINER_STARTED_EVENT)
        assert await next_events(pleg, 2) == [("u2", EventKind.STARTED, app), ("u2", EventKind.STARTED, sandbox)]
        assert pleg.cache.get("u2").ips == ("10.1.0.2",)
        assert pleg.pods() == {"u2"}
        assert not runtime.calls


async def test_a_later_sandbox_of_an_unknown_pod_is_not_taken_for_all_of_it(tmp_path: Path) -> None:
    """An agent that has just started: what ran in the sandbox before is in no event of this one."""
    runtime = FakeRuntime()
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        old, first = runtime.run_pod("u2", "app")
        runtime.stop_sandbox(old)
        runtime.exit(first, 3)
        new, second = runtime.run_pod("u2", "app", attempt=1)
        runtime.emit(second, cri.CONTAINER_STARTED_EVENT)
        await eventually(lambda: pleg.cache.get("u2").containers)
        seen = pleg.cache.get("u2")
        assert [sandbox.id for sandbox in seen.sandboxes] == [new, old]
        assert [(found.id, found.exit_code) for found in seen.containers] == [(second, 0), (first, 3)]


async def test_what_ended_without_a_word_is_noticed_with_the_next_sandboxs_events(tmp_path: Path) -> None:
    """The runtime was out of touch with its engine: the new sandbox is told of, the end of the old one was not."""
    runtime = FakeRuntime()
    old, first = runtime.run_pod("u2", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.stop_sandbox(old)
        runtime.exit(first, 3)
        new, second = runtime.run_pod("u2", "app", attempt=1)
        runtime.emit(second, cri.CONTAINER_STARTED_EVENT)
        await eventually(lambda: len(pleg.cache.get("u2").containers) == 2)
        seen = pleg.cache.get("u2")
        assert [(sandbox.id, sandbox.ready) for sandbox in seen.sandboxes] == [(new, True), (old, False)]
        assert [(found.id, found.running) for found in seen.containers] == [(second, True), (first, False)]


async def test_a_relist_that_fails_is_made_again_though_the_stream_is_up(tmp_path: Path) -> None:
    """As while the runtime lives and its engine does not: what ended meanwhile is in no event."""
    runtime = FakeRuntime()
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.broken.add("ListContainers")
        runtime.break_streams()
        await eventually(lambda: pleg.mode is not Mode.STREAMING)
        await eventually(lambda: pleg.mode is Mode.STREAMING)
        runtime.calls.clear()
        await eventually(lambda: runtime.calls["ListContainers"] >= 3)
        runtime.exit(app, 3)
        runtime.broken.clear()
        await eventually(lambda: pleg.cache.get("u1").container("app").exit_code == 3)
        runtime.calls.clear()
        await asyncio.sleep(5 * FAST.relist_period)
        assert runtime.calls["ListContainers"] <= 1


async def test_an_idle_node_is_left_alone_while_the_stream_is_up(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    for number in range(110):
        runtime.run_pod(f"u{number}", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await eventually(lambda: len(pleg.pods()) == 110)
        await streaming(pleg, runtime)
        await asyncio.sleep(10 * FAST.relist_period)
        assert not runtime.calls


async def test_events_without_statuses_cost_one_round_for_that_pod(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.run_pod("other", "app")
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.exit(app)
        runtime.emit(app, cri.CONTAINER_STOPPED_EVENT, filled=False)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, app)]
        assert runtime.calls == {
            "ListPodSandbox": 1, "ListContainers": 1, "PodSandboxStatus": 1, "ContainerStatus": 1
        }


async def test_an_unknown_container_is_asked_for_its_pod(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        sandbox, app = runtime.run_pod("u1", "app")
        runtime.emit(app, cri.CONTAINER_STARTED_EVENT, filled=False)
        assert set(await next_events(pleg, 2)) == {
            ("u1", EventKind.STARTED, app), ("u1", EventKind.STARTED, sandbox)
        }


async def test_an_event_older_than_the_last_look_is_ignored(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        before = time.time_ns()
        runtime.exit(app)
        await pleg.refresh("u1")
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, app)]
        runtime.containers[app][1].state = cri.CONTAINER_RUNNING
        runtime.emit(app, cri.CONTAINER_STARTED_EVENT, created_at=before)
        runtime.containers[app][1].state = cri.CONTAINER_EXITED
        other = runtime.run_pod("u2")[0]
        runtime.emit(other, cri.CONTAINER_STARTED_EVENT)
        assert await next_events(pleg, 1) == [("u2", EventKind.STARTED, other)]


async def test_a_removed_pod_is_not_revived_by_its_late_events(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    sandbox, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.exit(app)
        before = time.time_ns()
        home, status = runtime.containers.pop(app)
        gone = runtime.sandboxes.pop(sandbox)
        assert (await pleg.refresh("u1")).sandboxes == ()
        assert len(await next_events(pleg, 4)) == 4
        runtime.containers[app], runtime.sandboxes[sandbox] = (home, status), gone
        runtime.emit(app, cri.CONTAINER_STOPPED_EVENT, created_at=before)
        other = runtime.run_pod("u2")[0]
        runtime.emit(other, cri.CONTAINER_STARTED_EVENT)
        assert await next_events(pleg, 1) == [("u2", EventKind.STARTED, other)]
        assert pleg.pods() == {"u2"}


async def test_a_removal_needs_no_call_even_when_the_event_says_nothing_else(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    sandbox, _ = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.emit(sandbox, cri.CONTAINER_DELETED_EVENT, filled=False)
        assert {kind for _, kind, _ in await next_events(pleg, 4)} == {EventKind.DIED, EventKind.REMOVED}
        assert not runtime.calls
        assert pleg.pods() == frozenset()


async def test_an_event_whose_state_is_behind_it_leads_to_a_look(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.emit(app, cri.CONTAINER_STOPPED_EVENT)  # says stopped, and carries the state "running"
        runtime.exit(app, 9)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, app)]
        assert pleg.cache.get("u1").container("app").exit_code == 9


async def test_waiting_for_a_newer_state_ends_though_nothing_happens(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        acted = time.monotonic()
        waits = [pleg.cache.get_newer_than("u1", acted) for _ in range(5)]
        assert all(status.observed_at > acted for status in await asyncio.gather(*waits))
        assert runtime.calls == {"ListPodSandbox": 1, "ListContainers": 1}
        nothing = await pleg.cache.get_newer_than("unknown", time.monotonic())
        assert (nothing.uid, nothing.sandboxes) == ("unknown", ())


async def test_a_state_from_before_the_action_is_not_used(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.exit(app)
        status = await pleg.cache.get_newer_than("u1", time.monotonic())
        assert not status.container("app").running


async def test_a_runtime_without_a_stream_is_relisted(tmp_path: Path) -> None:
    runtime = FakeRuntime(stream=False)
    sandbox, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await eventually(lambda: pleg.mode is Mode.RELISTING)
        assert len(await next_events(pleg, 2)) == 2
        runtime.exit(app)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, app)]
        runtime.stop_sandbox(sandbox)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, sandbox)]
        assert pleg.cache.get("u1").ips == ("10.1.0.2",)
        runtime.sandboxes.clear()
        runtime.containers.clear()
        assert [kind for _, kind, _ in await next_events(pleg, 2)] == [EventKind.REMOVED] * 2
        assert runtime.calls["GetContainerEvents"] == 1


async def test_a_relist_inspects_changed_pods_only(tmp_path: Path) -> None:
    runtime = FakeRuntime(stream=False)
    ids = [runtime.run_pod(f"u{number}", "app") for number in range(20)]
    async with running(runtime, tmp_path / "s") as pleg:
        await eventually(lambda: len(pleg.pods()) == 20)
        runtime.calls.clear()
        runtime.exit(ids[7][1])
        await eventually(lambda: not pleg.cache.get("u7").container("app").running)
        assert (runtime.calls["PodSandboxStatus"], runtime.calls["ContainerStatus"]) == (1, 1)


async def test_a_broken_stream_is_reconnected_and_the_gap_is_relisted(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    _, app = runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        runtime.break_streams()
        runtime.exit(app)
        assert await next_events(pleg, 1) == [("u1", EventKind.DIED, app)]
        await streaming(pleg, runtime)
        assert (pleg.stats.stream_connections, pleg.stats.stream_errors) == (2, 1)
        other = runtime.run_pod("u2")[0]
        runtime.emit(other, cri.CONTAINER_STARTED_EVENT)
        assert await next_events(pleg, 1) == [("u2", EventKind.STARTED, other)]


async def test_one_stuck_container_costs_nobody_else_anything(tmp_path: Path) -> None:
    runtime = FakeRuntime(stream=False)
    _, hung = runtime.run_pod("bad", "app")
    _, app = runtime.run_pod("good", "app")
    runtime.stuck.add(hung)
    timing = Timing(relist_period=0.02, inspect_deadline=0.1, patience=0.02, retry_period=0.02)
    async with running(runtime, tmp_path / "s", timing) as pleg:
        await eventually(lambda: pleg.cache.get("good").sandboxes)
        runtime.exit(app)
        await eventually(lambda: not pleg.cache.get("good").container("app").running)
        with pytest.raises(DeadlineExceededError, match="inspecting the containers of pod default/pod-bad took longer"):
            await pleg.refresh("bad")
        assert pleg.healthy() is None
        while not pleg.events.empty():
            pleg.events.get_nowait()
        runtime.stuck.clear()
        await eventually(lambda: pleg.cache.get("bad").sandboxes)
        assert {kind for _, kind, _ in await next_events(pleg, 2)} == {EventKind.STARTED}


async def test_a_pod_that_cannot_be_inspected_is_not_taken_for_absent(tmp_path: Path) -> None:
    runtime = FakeRuntime(stream=False)
    _, app = runtime.run_pod("bad", "app")
    runtime.broken.add(app)
    async with running(runtime, tmp_path / "s") as pleg:
        await eventually(lambda: pleg.stats.relists > 2)
        with pytest.raises(UnknownError):
            await pleg.cache.get_newer_than("bad", 0.0)


async def test_a_runtime_that_cannot_list_fails_those_who_wait(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.broken.add("ListContainers")
    async with running(runtime, tmp_path / "s") as pleg:
        with pytest.raises(CriError, match="ListContainers is broken"):
            await pleg.refresh("u1")
        assert pleg.healthy() == "PLEG is not healthy: pleg has yet to be successful"


async def test_reinspection_is_told_by_a_sync(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.run_pod("u1", "app")
    async with running(runtime, tmp_path / "s") as pleg:
        await streaming(pleg, runtime)
        pleg.request_reinspect("u1")
        assert await next_events(pleg, 1) == [("u1", EventKind.SYNC, "")]
        assert runtime.calls["ContainerStatus"] == 1


async def test_health_speaks_in_upstreams_words(tmp_path: Path) -> None:
    now = 1000.0
    async with RuntimeClient(str(tmp_path / "s")) as client:
        pleg = Pleg(client, clock=lambda: now)
        pleg._last_relist = 1000.0
        now = 1180.0
        assert pleg.healthy() is None
        now = 1192.5
        assert pleg.healthy() == (
            "PLEG is not healthy: pleg was last seen active 3m12.5s ago; threshold is 3m0s"
        )
        pleg.mode = Mode.STREAMING
        assert pleg.healthy() is None


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0s"), (0.25, "250ms"), (1, "1s"), (59.9996, "1m0s"), (180, "3m0s"), (3723.5, "1h2m3.5s"), (3600, "1h0m0s"),
])
def test_go_duration(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


async def test_events_that_find_no_room_are_made_up_for_by_a_sync(tmp_path: Path) -> None:
    runtime = FakeRuntime(stream=False)
    runtime.run_pod("u1", "app")
    server = await serve(runtime, tmp_path / "s")
    async with RuntimeClient(str(tmp_path / "s")) as client:
        pleg = Pleg(client, timing=FAST, capacity=1)
        task = asyncio.get_running_loop().create_task(pleg.run())
        async with asyncio.timeout(20):
            await eventually(lambda: pleg.stats.discarded_events)
            first = await pleg.events.get()
            assert first.kind is EventKind.STARTED
            assert (await pleg.events.get()).kind is EventKind.SYNC
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await server.stop(None)
