"""Aggregation, repetition and the spam limit, on a made-up clock."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import Event, EventSource, ObjectMeta, ObjectReference
from kubelet.events import Correlator

POD = ObjectReference(kind="Pod", namespace="ns", name="p", uid="u1", api_version="v1")


def event(message="m", reason="BackOff", ref=POD, name="p.1", kind="Warning"):
    return Event(
        metadata=ObjectMeta(name=name, namespace="ns"), involved_object=ref, reason=reason, message=message, type=kind,
        count=1, first_timestamp="2020-01-01T00:00:00Z", last_timestamp="2020-01-01T00:00:00Z",
        source=EventSource(component="kubelet", host="n1"),
    )


def test_a_new_event_is_created_and_its_repetition_patched():
    correlator = Correlator()
    first = correlator.correlate(event(), 0)
    assert (first.patch, first.event.count) == (False, 1)
    correlator.acknowledge(first.event)
    again = correlator.correlate(event(name="p.2"), 1)
    assert (again.patch, again.event.count, again.event.metadata.name) == (True, 2, "p.1")
    assert again.event.first_timestamp == first.event.first_timestamp


def test_the_servers_count_is_what_a_patch_builds_on():
    correlator = Correlator()
    first = correlator.correlate(event(), 0)
    correlator.acknowledge(msgspec.structs.replace(first.event, count=41))
    assert correlator.correlate(event(), 1).event.count == 42


def test_the_tenth_similar_event_is_combined():
    correlator = Correlator()
    for number in range(9):
        assert not correlator.correlate(event(f"m{number}"), number).patch
    tenth = correlator.correlate(event("m9", name="p.9"), 9)
    assert (tenth.patch, tenth.event.message) == (False, "(combined from similar events): m9")
    eleventh = correlator.correlate(event("m10", name="p.10"), 10)
    assert (eleventh.patch, eleventh.event.count) == (True, 2)
    assert eleventh.event.metadata.name == "p.9"
    assert eleventh.event.message == "(combined from similar events): m10"


def test_similarity_is_forgotten_after_ten_quiet_minutes():
    correlator = Correlator()
    for number in range(9):
        correlator.correlate(event(f"m{number}"), 0)
    assert correlator.correlate(event("m9"), 601).event.message == "m9"


def test_an_object_gets_25_events_and_one_more_every_five_minutes():
    correlator = Correlator()
    sent = [correlator.correlate(event("same"), 0) for _ in range(30)]
    assert sum(found is not None for found in sent) == 25
    assert correlator.correlate(event("same"), 299) is None
    refilled = correlator.correlate(event("same"), 301)
    assert refilled.event.count == 32, "what was held back is counted"
    assert correlator.correlate(event("same"), 302) is None


def test_objects_and_kinds_have_budgets_of_their_own():
    correlator = Correlator()
    for _ in range(25):
        correlator.correlate(event(), 0)
    assert correlator.correlate(event(), 0) is None
    assert correlator.correlate(event(kind="Normal"), 0) is not None
    other = msgspec.structs.replace(POD, uid="u2", name="q")
    assert correlator.correlate(event(ref=other), 0) is not None


def test_containers_of_one_pod_share_the_budget_but_not_the_event():
    correlator = Correlator()
    one = msgspec.structs.replace(POD, field_path="spec.containers{a}")
    other = msgspec.structs.replace(POD, field_path="spec.containers{b}")
    assert not correlator.correlate(event(ref=one), 0).patch
    assert not correlator.correlate(event(ref=other), 0).patch


def test_memory_is_bounded():
    correlator = Correlator(entries=4)
    for number in range(100):
        correlator.correlate(event(ref=msgspec.structs.replace(POD, uid=str(number))), 0)
    assert all(len(cache._items) <= 4 for cache in (correlator._known, correlator._similar, correlator._allowances))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=120))
def test_never_more_than_the_budget(steps):
    correlator, now, sent = Correlator(), 0, 0
    for message, pause in steps:
        now += pause
        sent += correlator.correlate(event(f"m{message}"), now) is not None
    assert sent <= 25 + now / 300
