"""Full sets in, changes out."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.meta import Source
from kubelet.api.types import Container, ObjectMeta, ObjectReference, Pod, PodSpec, PodStatus
from kubelet.sources import ManifestProblem, PodChange, PodConfig, PodOp, Publish, diff_source


def pod(name: str = "a", uid: str = "1", *, image: str = "i", phase: str = "", deleted: str = "", version: str = "",
        **annotations: str) -> Pod:
    meta = ObjectMeta(name=name, namespace="ns", uid=uid, annotations=annotations, resource_version=version,
                      deletion_timestamp=deleted)
    return Pod(metadata=meta,
               spec=PodSpec(containers=(Container(name="c", image=image),)), status=PodStatus(phase=phase))


def ops(changes: Sequence[PodChange]) -> list[tuple[str, list[str]]]:
    return [(change.op.value, [item.metadata.uid for item in change.pods]) for change in changes]


def after(*pods: Pod) -> dict[str, Pod]:
    return diff_source({}, pods, Source.API, "t0").pods


@pytest.mark.parametrize(("new", "expected"), [
    ([], [("REMOVE", ["1"])]),
    ([pod()], []),
    ([pod(version="2")], []),
    ([pod(phase="Running")], [("RECONCILE", ["1"])]),
    ([pod(image="j")], [("UPDATE", ["1"])]),
    ([pod(image="j", phase="Running")], [("UPDATE", ["1"])]),
    ([pod(deleted="2020-01-01T00:00:00Z")], [("DELETE", ["1"])]),
    ([pod(a="b")], [("UPDATE", ["1"])]),
    ([pod(uid="2")], [("REMOVE", ["1"]), ("ADD", ["2"])]),
    ([pod(), pod("b", "2")], [("ADD", ["2"])]),
])
def test_each_difference_has_its_name(new: list[Pod], expected: list[tuple[str, list[str]]]) -> None:
    assert ops(diff_source(after(pod()), new, Source.API).changes) == expected


def test_annotations_of_our_own_are_kept_and_are_no_change() -> None:
    before = after(pod())
    assert before["1"].metadata.annotations == {"kubernetes.io/config.source": "api", "kubernetes.io/config.seen": "t0"}
    again = diff_source(before, [pod(phase="Running")], Source.API, "t1")
    assert again.changes[0].pods[0].metadata.annotations["kubernetes.io/config.seen"] == "t0"
    spoofed = pod(**{"kubernetes.io/config.source": "file", "kubernetes.io/config.seen": "x"})
    assert diff_source(before, [spoofed], Source.API).changes == []


def test_of_pods_with_one_name_the_first_counts() -> None:
    difference = diff_source({}, [pod(uid="1"), pod(uid="2"), pod("b", "3")], Source.FILE)
    assert list(difference.pods) == ["1", "3"]
    assert [item.metadata.uid for item in difference.duplicates] == ["2"]


# A UID never changes its name; two UIDs may share one.
NAMES = {"1": "a", "2": "a", "3": "b", "4": "c"}
PODS = st.builds(lambda uid, **more: pod(NAMES[uid], uid, **more), uid=st.sampled_from("1234"),
                 image=st.sampled_from("ij"),
                 phase=st.sampled_from(["", "Running"]), deleted=st.sampled_from(["", "2020-01-01T00:00:00Z"]))
SETS = st.lists(PODS, max_size=5, unique_by=lambda item: item.metadata.uid)


@given(st.lists(SETS, min_size=1, max_size=6))
def test_whoever_follows_the_changes_knows_the_last_set(sets: list[list[Pod]]) -> None:
    known: dict[str, Pod] = {}
    state: Mapping[str, Pod] = {}
    for pods in sets:
        difference = diff_source(state, pods, Source.API, "t")
        state = difference.pods
        told: list[str] = []
        for change in difference.changes:
            for item in change.pods:
                uid = item.metadata.uid
                told.append(uid)
                assert (uid in known) is (change.op is not PodOp.ADD)
                if change.op is PodOp.REMOVE:
                    del known[uid]
                else:
                    known[uid] = item
        assert len(told) == len(set(told))
        assert known == state
        assert diff_source(state, pods, Source.API, "later").changes == []
        names = [item.metadata.name for item in state.values()]
        assert len(names) == len(set(names))


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, ref: ObjectReference, kind: str, reason: str, message: str,
              annotations: Mapping[str, str] | None = None) -> None:
        self.events.append((kind, reason, message))


class Script:
    """A source whose sets the test publishes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.publish: Publish | None = None

    async def run(self, publish: Publish) -> None:
        self.publish = publish
        await asyncio.Event().wait()

    def problems(self) -> list[ManifestProblem]:
        return [ManifestProblem("/f", "spec", "is bad", 1.0)]


async def test_the_mux_tells_when_every_source_has_spoken() -> None:
    api, file, recorder = Script(Source.API), Script(Source.FILE), Recorder()
    config = PodConfig([api, file], recorder, now=lambda: 1600000000.5)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(config.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert api.publish is not None and file.publish is not None
        api.publish([])
        assert not config.all_sources_seen()
        assert config.changes.get_nowait() == PodChange(PodOp.ADD, (), Source.API)
        file.publish([pod(uid="1"), pod(uid="2")])
        file.publish([pod(uid="1"), pod(uid="2")])
        assert config.all_sources_seen()
        change = config.changes.get_nowait()
        assert change.pods[0].metadata.annotations == {
            "kubernetes.io/config.source": "file", "kubernetes.io/config.seen": "2020-09-13T12:26:40.500000Z"}
        assert config.changes.empty()
        task.cancel()
    assert recorder.events == [("Warning", "FailedValidation",
                                'Error validating pod a_ns(2) from file due to duplicate pod name "a", ignoring')]
    assert [str(problem) for problem in config.problems()] == ["/f: spec: is bad"] * 2


def test_a_pod_that_is_the_same_object_is_taken_as_it_was() -> None:
    one, two = pod(), pod("b", "2")
    before = diff_source({}, [one, two], Source.API, "t0").pods
    given = {one.metadata.uid: one, two.metadata.uid: two}
    changed = pod("b", "2", phase="Running")
    difference = diff_source(before, [one, changed], Source.API, "t1", given)
    assert difference.pods[one.metadata.uid] is before[one.metadata.uid]
    assert ops(difference.changes) == ops(diff_source(before, [one, changed], Source.API, "t1").changes)
