"""The recorders: memory, the way to the API server and its failures."""

import asyncio
import logging

import pytest

from kubelet.api.types import Event, ObjectReference
from kubelet.apiclient import AlreadyExistsError, ForbiddenError, NotFoundError, UnreachableError
from kubelet.events import ApiEventRecorder, EventRecorders, LogEventRecorder

POD = ObjectReference(kind="Pod", namespace="ns", name="p", uid="u1", api_version="v1")
NODE = ObjectReference(kind="Node", name="n1", uid="n1")


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class FakeEventStore:
    """An API server's events: creates, patches, and fails as told."""

    def __init__(self):
        self.events = {}
        self.calls = []
        self.failures = []

    async def create(self, path, body, cls):
        self._call("create", path)
        name = f"{path}/{body.metadata.name}"
        if name in self.events:
            raise AlreadyExistsError(409, "AlreadyExists", "exists")
        self.events[name] = body
        return body

    async def patch(self, path, body, cls):
        self._call("patch", path)
        if path not in self.events:
            raise NotFoundError(404, "NotFound", "no such event")
        import msgspec

        self.events[path] = msgspec.structs.replace(
            self.events[path], count=body["count"], last_timestamp=body["lastTimestamp"], message=body["message"]
        )
        return self.events[path]

    def _call(self, verb, path):
        self.calls.append((verb, path))
        if self.failures:
            failure = self.failures.pop(0)
            if failure is not None:
                raise failure


@pytest.fixture
def clock():
    return Clock()


async def deliver(recorder):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        await recorder.drain()
        task.cancel()


def recorder_for(store, clock, **kwargs):
    return ApiEventRecorder(store, "n1", clock=clock, sleep=clock.sleep, jitter=lambda: 0.5, **kwargs)


async def test_an_event_is_created_as_kubectl_expects_it(clock):
    store = FakeEventStore()
    recorder = recorder_for(store, clock)
    recorder.event(POD, "Normal", "Started", "Container started", {"a": "b"})
    await deliver(recorder)
    (made,) = store.events.values()
    assert isinstance(made, Event)
    assert (made.source.component, made.source.host, made.reporting_component) == ("kubelet", "n1", "kubelet")
    assert made.metadata.namespace == "ns"
    assert made.metadata.annotations == {"a": "b"}
    assert made.first_timestamp == made.last_timestamp == "2023-11-14T22:13:20Z"
    assert store.calls == [("create", "/api/v1/namespaces/ns/events")]


async def test_node_events_go_to_the_default_namespace(clock):
    store = FakeEventStore()
    recorder = recorder_for(store, clock)
    recorder.event(NODE, "Normal", "NodeReady", "Node n1 status is now: NodeReady")
    await deliver(recorder)
    assert store.calls == [("create", "/api/v1/namespaces/default/events")]


async def test_a_repetition_is_a_patch_and_an_expired_event_begins_anew(clock):
    store = FakeEventStore()
    recorder = recorder_for(store, clock)
    for _ in range(2):
        recorder.event(POD, "Warning", "BackOff", "again")
    await deliver(recorder)
    (path,) = store.events
    assert store.events[path].count == 2
    store.events.clear()
    recorder.event(POD, "Warning", "BackOff", "again")
    await deliver(recorder)
    assert [verb for verb, _ in store.calls] == ["create", "patch", "patch", "create"]


async def test_an_unreachable_server_is_tried_twelve_times_and_then_the_next_event_goes_out(clock):
    store = FakeEventStore()
    store.failures = [UnreachableError("refused")] * 12
    recorder = recorder_for(store, clock)
    recorder.event(POD, "Warning", "One", "lost")
    recorder.event(POD, "Warning", "Two", "kept")
    await deliver(recorder)
    assert clock.slept == [5.0] + [10.0] * 10
    assert [event.reason for event in store.events.values()] == ["Two"]


async def test_a_refused_event_is_dropped(clock, caplog):
    store = FakeEventStore()
    store.failures = [ForbiddenError(403, "Forbidden", "no")]
    recorder = recorder_for(store, clock)
    recorder.event(POD, "Warning", "One", "x")
    await deliver(recorder)
    assert not store.events
    assert not clock.slept
    assert "refused by the API server" in caplog.text


async def test_a_full_queue_drops_and_says_so(clock, caplog):
    recorder = recorder_for(FakeEventStore(), clock, queue_length=2)
    for number in range(5):
        recorder.event(POD, "Warning", "Reason", str(number))
    assert recorder.dropped == 3
    assert "dropped=1" in caplog.text
    assert "dropped=3" not in caplog.text


def test_the_log_recorder_keeps_and_counts(clock, caplog):
    caplog.set_level(logging.INFO)
    recorder = LogEventRecorder(kept=3, clock=clock)
    recorder.event(POD, "Warning", "BackOff", "again")
    clock.now += 5
    recorder.event(POD, "Warning", "BackOff", "again")
    recorder.event(NODE, "Normal", "Starting", "Starting kubelet.")
    (found,) = recorder.recent("u1")
    assert (found.count, found.last_time - found.first_time) == (2, 5)
    assert caplog.text.count("again") == 1
    for number in range(5):
        recorder.event(POD, "Normal", "Reason", str(number))
    assert [event.message for event in recorder.recent()] == ["2", "3", "4"]


def test_several_recorders_get_the_same(clock):
    one, other = LogEventRecorder(clock=clock), LogEventRecorder(clock=clock)
    EventRecorders([one, other]).event(POD, "Normal", "Started", "Container started")
    assert one.recent("u1") == other.recent("u1") != []
