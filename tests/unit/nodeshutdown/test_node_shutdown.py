"""Shutdown: who ends when (a table and a property), the manager against a machine of its own, the state file."""

import asyncio
import json
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import ObjectMeta, ObjectReference, Pod, PodSpec, PodStatus
from kubelet.config import Duration, KubeletConfiguration
from kubelet.config.types import ShutdownGracePeriodByPodPriority
from kubelet.events import LogEventRecorder
from kubelet.nodeshutdown import LogindError, ShutdownManager, record
from kubelet.nodeshutdown.manager import MESSAGE
from kubelet.nodeshutdown.plan import ShutdownGroup, assign, grace_seconds, shutdown_groups
from kubelet.nodeshutdown.record import ShutdownRecord

CRITICAL = 2_000_000_000


def make(name, priority=None, grace=None):
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=name),
        spec=PodSpec(priority=priority, termination_grace_period_seconds=grace), status=PodStatus(phase="Running"),
    )


def configured(whole=0, critical=0, by_priority=(), **gates):
    return msgspec.structs.replace(
        KubeletConfiguration(), shutdown_grace_period=Duration(whole),
        shutdown_grace_period_critical_pods=Duration(critical), feature_gates=gates,
        shutdown_grace_period_by_pod_priority=tuple(
            ShutdownGracePeriodByPodPriority(priority=priority, shutdown_grace_period_seconds=seconds)
            for priority, seconds in by_priority
        ),
    )


BY_PRIORITY = ((1000, 20), (0, 30), (CRITICAL, 10))


@pytest.mark.parametrize(("config", "groups"), [
    (configured(), []),
    (configured(30, 10), [(0, 20), (CRITICAL, 10)]),
    (configured(30), [(0, 30), (CRITICAL, 0)]),
    (configured(by_priority=BY_PRIORITY), [(0, 30), (1000, 20), (CRITICAL, 10)]),
    (configured(by_priority=BY_PRIORITY, GracefulNodeShutdownBasedOnPodPriority=False), []),
    (configured(30, 10, GracefulNodeShutdown=False), []),
])
def test_groups_of_a_configuration(config, groups):
    assert [(group.priority, group.seconds) for group in shutdown_groups(config)] == groups


GROUPS = (ShutdownGroup(0, 30), ShutdownGroup(1000, 20), ShutdownGroup(CRITICAL, 10))


@pytest.mark.parametrize(("priority", "group"), [
    (None, 0), (-5, 0), (0, 0), (999, 0), (1000, 1), (CRITICAL - 1, 1), (CRITICAL, 2), (CRITICAL + 1000, 2),
])
def test_the_group_of_a_priority(priority, group):
    assert assign(GROUPS, [make("p", priority)]) == [(GROUPS[group], [make("p", priority)])]


@given(st.lists(st.integers(-10, 30), min_size=1, max_size=5, unique=True), st.lists(st.integers(-20, 40), max_size=10))
def test_every_pod_is_in_the_highest_group_that_it_reaches(bounds, priorities):
    groups = [ShutdownGroup(bound, 1) for bound in sorted(bounds)]
    assigned = assign(groups, [make(f"p{index}", priority) for index, priority in enumerate(priorities)])
    assert sum(len(pods) for _, pods in assigned) == len(priorities)
    for group, pods in assigned:
        for pod in pods:
            reached = [other for other in groups if other.priority <= pod.spec.priority] or groups[:1]
            assert group == reached[-1]


@pytest.mark.parametrize(("own", "seconds", "grace"), [(None, 20, 20), (5, 20, 5), (60, 20, 20), (0, 20, 0)])
def test_no_pod_gets_more_than_its_own_grace(own, seconds, grace):
    assert grace_seconds(make("p", grace=own), ShutdownGroup(0, seconds)) == grace


# --- the manager ---


class Log(list):
    """What happened, and a means to wait for it."""

    def __init__(self):
        super().__init__()
        self._news = asyncio.Event()

    def append(self, what):
        super().append(what)
        self._news.set()

    async def until(self, what):
        async with asyncio.timeout(60):
            while what not in self:
                self._news.clear()
                await self._news.wait()


class Machine:
    """A machine that does as the test says; a connection to it is the machine itself."""

    def __init__(self):
        self.shutdowns = asyncio.Queue()
        self.did, self.lost, self.failures = Log(), asyncio.Event(), []

    async def connect(self):
        if self.failures:
            raise LogindError(self.failures.pop())
        return self

    async def run(self):
        await self.lost.wait()
        self.lost.clear()
        self.shutdowns.put_nowait(None)

    async def ensure_delay(self, seconds):
        self.did.append(f"delay {seconds}")

    async def inhibit(self):
        self.did.append("locked")

    def release(self):
        self.did.append("released")

    def close(self):
        self.did.append("closed")


class Pods:
    """Pods that end at once, but for those that `linger`; it is also who ends them."""

    def __init__(self, machine, *pods, linger=()):
        self.machine, self.pods, self.linger, self.verdicts = machine, list(pods), linger, []

    def active(self):
        return list(self.pods)

    async def until_cleaned_up(self, pods):
        self.machine.did.append(f"cleaned up {' '.join(sorted(pod.metadata.name for pod in pods))}")

    async def end(self, pod, verdict, grace_seconds=None, *, evict=False):
        assert not evict
        self.machine.did.append(f"end {pod.metadata.name} in {grace_seconds}")
        self.verdicts.append(verdict)
        if pod.metadata.name in self.linger:
            await asyncio.Event().wait()
        return True


class Bench:
    def __init__(self, tmp_path, *pods, linger=(), groups=GROUPS):
        self.machine = Machine()
        self.pods = Pods(self.machine, *pods, linger=linger)
        self.recorder, self.changes, self.records = LogEventRecorder(), Log(), []
        self.state_file = tmp_path / "graceful_node_shutdown_state"
        self.released = asyncio.Event()

        async def flush():
            self.machine.did.append("flushed")

        self.manager = ShutdownManager(
            groups, self.machine.connect, self.pods, self.pods, self.recorder,
            lambda: ObjectReference(kind="Node", name="n1", uid="n1"), state_file=self.state_file, flush=flush,
            on_change=lambda: self.changes.append(self.manager.errors()),
            on_record=lambda start, end: self.records.append((start, end)), clock=lambda: 1_700_000_000.5,
        )

    async def until(self, what):
        await self.machine.did.until(what)

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.manager.run())
            yield self
            task.cancel()


@pytest.mark.looptime
async def test_groups_end_one_after_the_other_and_the_lock_goes_last(tmp_path):
    bench = Bench(tmp_path, make("low", grace=60), make("mid", 1000, 5), make("top", CRITICAL))
    async with bench.running():
        await bench.until("locked")
        bench.machine.shutdowns.put_nowait(True)
        await bench.until("released")
        assert bench.machine.did == [
            "delay 60", "locked", "end low in 30", "cleaned up low", "end mid in 5", "cleaned up mid", "end top in 10",
            "cleaned up top", "flushed", "released",
        ]
        assert (bench.manager.shutting_down, bench.manager.errors()) == (True, ("node is shutting down",))
        bench.machine.shutdowns.put_nowait(False)
        await bench.changes.until(())
        await asyncio.sleep(0)
    assert bench.machine.did[10:] == ["locked", "closed"]
    assert bench.changes == [("node is shutting down",), ()]
    verdict = bench.pods.verdicts[0]
    assert (verdict.phase, verdict.reason, verdict.message) == ("Failed", "Terminated", MESSAGE)
    assert (verdict.disruption_reason, verdict.disruption_message) == ("TerminationByKubelet", "")
    assert verdict.keeps_success
    assert [(event.kind, event.reason, event.message) for event in bench.recorder.recent("n1")] == [
        ("Normal", "Shutdown", "Shutdown manager detected shutdown event"),
        ("Normal", "Shutdown", "Shutdown manager detected shutdown cancellation"),
    ]
    at = 1_700_000_000.5
    assert bench.records == [(0.0, 0.0), (at, 0.0), (at, at)]
    assert record.load(bench.state_file) == ShutdownRecord(at, at)


@pytest.mark.looptime
async def test_a_group_gets_its_time_and_no_more(tmp_path):
    bench = Bench(tmp_path, make("stuck"), make("top", CRITICAL), linger=("stuck",))
    loop = asyncio.get_running_loop()
    async with bench.running():
        await bench.until("locked")
        began = loop.time()
        bench.machine.shutdowns.put_nowait(True)
        await bench.until("released")
        assert 30 <= loop.time() - began < 31
    assert "end top in 10" in bench.machine.did


@pytest.mark.looptime
async def test_pods_are_told_even_where_their_group_has_no_time(tmp_path):
    bench = Bench(tmp_path, make("p"), groups=(ShutdownGroup(0, 0),))
    async with bench.running():
        await bench.until("locked")
        bench.machine.shutdowns.put_nowait(True)
        await bench.until("released")
    assert "end p in 0" in bench.machine.did


@pytest.mark.looptime
async def test_a_lost_bus_is_found_again(tmp_path, caplog):
    bench = Bench(tmp_path)
    bench.machine.failures = ["no system bus: refused"] * 3
    async with bench.running():
        await bench.until("locked")
        bench.machine.lost.set()
        await bench.until("closed")
        bench.machine.did.clear()
        await bench.until("locked")
    assert caplog.text.count("no system bus: refused") == 1


async def test_without_groups_no_bus_is_needed(tmp_path):
    bench = Bench(tmp_path, groups=())
    await bench.manager.run()
    assert bench.machine.did == []


# --- the state file ---


def test_upstreams_state_file_is_read(tmp_path):
    path = tmp_path / "state"
    path.write_text('{"startTime":"2023-11-14T23:13:20.123456789+01:00","endTime":"0001-01-01T00:00:00Z"}')
    assert record.load(path) == ShutdownRecord(pytest.approx(1_700_000_000.123456), 0.0)


def test_ours_is_written_as_upstream_writes_it(tmp_path):
    path = tmp_path / "state"
    ShutdownRecord(1_700_000_000.0).store(path)
    assert json.loads(path.read_text()) == {"startTime": "2023-11-14T22:13:20Z", "endTime": "0001-01-01T00:00:00Z"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"startTime": 5, "endTime": 6}'])
def test_a_broken_state_file_is_no_shutdown(tmp_path, content, caplog):
    path = tmp_path / "state"
    path.write_text(content)
    assert record.load(path) == ShutdownRecord()
    assert "Failed to load" in caplog.text
    ShutdownRecord(1.0).store(tmp_path / "absent" / "state")
    assert "Failed to store" in caplog.text
