"""Allocations: what is kept over restarts, what waits for room and in which order, and what people are told."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from kubelet.admission import Rejection
from kubelet.allocation import PodResources, ResourceStore, resources_of_pod, with_resources
from kubelet.allocation.conditions import ResizeConditions
from kubelet.allocation.manager import Allocations
from kubelet.allocation.store import checksum
from kubelet.api.meta import PodUID, pod_uid
from kubelet.api.types import Container, ObjectMeta, Pod, PodSpec, PodStatus, ResourceRequirements
from kubelet.events import LogEventRecorder

UID = PodUID("u")


def sized(cpu: str = "", memory: str = "", cpu_limit: str = "", memory_limit: str = "") -> ResourceRequirements:
    def present(**amounts: str) -> dict[str, str | int | float]:
        return {name: amount for name, amount in amounts.items() if amount}

    return ResourceRequirements(
        requests=present(cpu=cpu, memory=memory), limits=present(cpu=cpu_limit, memory=memory_limit)
    )


def pod(name: str = "p", cpu: str = "100m", *, generation: int = 1, priority: int = 0, qos: str = "Burstable") -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="n", uid="u" if name == "p" else name, generation=generation),
        spec=PodSpec(containers=(Container(name="app", resources=sized(cpu=cpu)),), priority=priority),
        status=PodStatus(qos_class=qos),
    )


def cpu_of(of: Pod) -> object:
    resources = of.spec.containers[0].resources
    return resources.requests["cpu"] if resources else None


# -- values and files ------------------------------------------------------------------------------------------------


def test_a_pod_with_its_own_resources_is_the_same_object() -> None:
    of = pod(cpu="500m")
    assert with_resources(of, resources_of_pod(of)) is of
    same = PodResources(containers={"app": sized(cpu="0.5")})
    assert with_resources(of, same) is of, "however the amount is written"
    assert cpu_of(with_resources(of, PodResources(containers={"app": sized(cpu="1")}))) == "1"


async def test_resources_come_back_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "allocated_pods_state"
    store = ResourceStore(path)
    assert store.get(UID) is None
    store.set(UID, PodResources(containers={"app": sized(cpu="1", memory_limit="1Gi")}, pod_level=sized(cpu="2")))
    store.set_container(UID, "side", sized(memory="1Mi"))
    await store.save()
    again = ResourceStore(path)
    assert again.get(UID) == store.get(UID)
    again.retain(set())
    assert again.get(UID) is None


async def test_pods_that_are_gone_are_forgotten_on_disk_too(tmp_path: Path) -> None:
    """A static pod has the same UID when it comes back, and would be taken for one that is being resized."""
    path, resources = tmp_path / "state", PodResources(containers={"app": sized(cpu="1")})
    store = ResourceStore(path)
    for uid in ("gone", "ended", "stays"):
        store.set(PodUID(uid), resources)
    await store.save()
    store.remove(PodUID("gone"))
    store.retain({PodUID("stays")})
    await store.save()
    again = ResourceStore(path)
    assert [again.get(PodUID(uid)) for uid in ("gone", "ended", "stays")] == [None, None, resources]
    written = path.stat().st_mtime_ns
    store.retain({PodUID("stays")})
    await store.save()
    assert path.stat().st_mtime_ns == written


async def test_the_file_is_upstreams(tmp_path: Path) -> None:
    """The first one is what upstream's own kubelet writes, checksum included."""
    path = tmp_path / "state"
    data = '{"entries":{"pod1":{"ContainerResources":{"container1":{"requests":{"cpu":"1Ki","memory":"1Ki"}}}}}}'
    path.write_text(json.dumps({"data": data, "checksum": 1178570812}))
    read = ResourceStore(path).get(PodUID("pod1"))
    assert read is not None and read.containers["container1"].requests == {"cpu": "1Ki", "memory": "1Ki"}
    store = ResourceStore(tmp_path / "ours")
    store.set(UID, PodResources(containers={"app": sized(cpu="1")}))
    await store.save()
    ours = json.loads((tmp_path / "ours").read_text())
    assert ours["checksum"] == checksum(ours["data"])
    assert json.loads(ours["data"])["entries"]["u"]["ContainerResources"]["app"]["requests"] == {"cpu": "1"}


@pytest.mark.parametrize("content", ["", "{}", '{"data": "{}", "checksum": 1}', '{"data": "x", "checksum": 3099331}'])
def test_a_file_that_makes_no_sense_is_as_good_as_none(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state"
    path.write_text(content)
    assert ResourceStore(path).get(UID) is None
    assert "not usable" in caplog.text


async def test_a_disk_that_is_full_is_told_of_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ResourceStore(tmp_path / "absent" / "state")
    store.set(UID, PodResources())
    await store.save()
    assert "not kept for the next start" in caplog.text


# -- who gets what ---------------------------------------------------------------------------------------------------


class Node:
    """A node with a number of cpus to give, in millicores."""

    def __init__(self, cpu: int = 1000, pods: Sequence[Pod] = ()) -> None:
        self.cpu, self.pods = cpu, {pod_uid(each): each for each in pods}
        self.recorder, self.woken = LogEventRecorder(), list[str]()
        self.store, self.now = ResourceStore(None), 1_700_000_000.0
        self.refusal: Rejection | None = None
        self.made = Allocations(
            self.store, ResizeConditions(lambda: self.now), self.recorder, self.pods.get, self.fits,
            lambda of: self.woken.append(of.metadata.name),
        )
        for each in pods:
            self.made.admitted(each)

    def fits(self, of: Pod) -> Rejection | None:
        if self.refusal is not None:
            return self.refusal
        others = [self.made.allocated(each) for uid, each in self.pods.items() if uid != pod_uid(of)]
        used = sum(int(str(cpu_of(each)).removesuffix("m")) for each in (*others, of))
        return None if used <= self.cpu else Rejection("OutOfcpu", f"Node didn't have enough resource: cpu {used}")

    def wants(self, of: Pod) -> None:
        self.pods[pod_uid(of)] = of
        self.now += 1
        self.made.changed(of)

    def condition(self, uid: str = "u") -> list[tuple[str, str, str, int | None]]:
        return [(one.type, one.reason, one.message, one.observed_generation)
                for one in self.made.conditions.of(PodUID(uid))]

    def allocated(self, uid: str = "u") -> object:
        return cpu_of(self.made.allocated(self.pods[PodUID(uid)]))

    def events(self) -> list[str]:
        return [f"{event.kind} {event.reason}" for event in self.recorder.recent()]


def test_a_resize_that_fits_is_allocated_at_once_and_over_when_all_have_it() -> None:
    node = Node(pods=[pod()])
    node.wants(pod(cpu="300m", generation=2))
    assert node.allocated() == "300m" and node.woken == ["p"]
    assert node.condition() == [("PodResizeInProgress", "", "", 2)]
    node.made.in_progress(pod(cpu="300m", generation=2), actuated=False)
    node.made.in_progress(pod(cpu="300m", generation=2), actuated=True)
    assert node.condition() == []
    assert node.events() == ["Normal ResizeStarted", "Normal ResizeCompleted"]
    assert [event.message for event in node.recorder.recent()] == [
        f'Pod resize {what}: {{"containers":[{{"name":"app","resources":{{"requests":{{"cpu":"300m"}}}}}}],'
        '"generation":2}' for what in ("started", "completed")
    ]


def test_a_resize_that_does_not_fit_waits_and_is_tried_when_there_is_room() -> None:
    node = Node(pods=[pod(), pod("big", "800m")])
    node.wants(pod(cpu="500m", generation=2))
    assert node.allocated() == "100m"
    text = "Node didn't have enough resource: cpu 1300"
    assert node.condition() == [("PodResizePending", "Deferred", text, 2)]
    node.made.retry()
    assert node.events() == ["Warning ResizeDeferred"], "told once"
    assert node.recorder.recent()[0].message.startswith("Pod resize OutOfcpu: {") and text in \
        node.recorder.recent()[0].message
    del node.pods[PodUID("big")]
    node.made.retry()
    assert node.allocated() == "500m" and node.condition() == [("PodResizeInProgress", "", "", 2)]


def test_a_resize_that_can_never_be_is_not_tried_again() -> None:
    node = Node(pods=[pod()])
    node.refusal = Rejection("Infeasible", "In-place resize of containers with swap is not supported.")
    node.wants(pod(cpu="200m", generation=2))
    assert node.condition()[0][:2] == ("PodResizePending", "Infeasible")
    node.refusal = None
    node.made.retry()
    assert node.allocated() == "100m"
    node.wants(pod(cpu="250m", generation=3))
    assert node.allocated() == "250m", "another size is another question"


def test_a_resize_that_is_taken_back_leaves_no_trace() -> None:
    node = Node(cpu=100, pods=[pod()])
    node.wants(pod(cpu="200m", generation=2))
    node.wants(pod(cpu="100m", generation=3))
    assert node.condition() == []
    node.cpu = 1000
    node.made.retry()
    assert node.events() == ["Warning ResizeDeferred"]


def test_room_goes_to_those_who_ask_for_no_more_then_by_priority_class_and_age() -> None:
    names = ["old", "young", "guaranteed", "important", "shrinking"]
    node = Node(cpu=500, pods=[pod(name) for name in names])
    tried: list[str] = []
    ordinary = node.made._fits

    def fits(of: Pod) -> Rejection | None:
        tried.append(of.metadata.name)
        return ordinary(of)

    node.made._fits = fits
    node.refusal = Rejection("OutOfcpu", "no room yet")
    node.wants(pod("old", "200m"))
    node.wants(pod("young", "200m"))
    node.wants(pod("guaranteed", "200m", qos="Guaranteed"))
    node.wants(pod("important", "200m", priority=5))
    node.wants(pod("shrinking", "50m"))
    tried.clear()
    node.refusal = None
    node.made.retry()
    assert tried == ["shrinking", "important", "guaranteed", "old", "young"]


def test_after_a_restart_the_allocation_stands_and_the_spec_is_a_resize() -> None:
    node = Node(cpu=100, pods=[pod()])
    node.wants(pod(cpu="200m", generation=2))
    again = Node(cpu=100)
    again.store.set(UID, PodResources(containers={"app": sized(cpu="100m")}))
    told = msgspec.structs.replace(
        pod(cpu="200m", generation=2), status=PodStatus(conditions=node.made.conditions.of(UID))
    )
    again.pods[UID] = told
    again.made.admitted(told)
    assert again.allocated() == "100m"
    assert again.condition()[0][:2] == ("PodResizePending", "Deferred")
    assert again.events() == [], "people know already"


def test_an_error_is_told_once_stays_and_ends_with_the_resize() -> None:
    node = Node(pods=[pod()])
    wanted = pod(cpu="300m", generation=2)
    node.wants(wanted)
    node.made.failed(wanted, "the kernel refused")
    node.made.failed(wanted, "the kernel refused")
    node.made.in_progress(wanted, actuated=False)
    assert node.condition() == [("PodResizeInProgress", "Error", "the kernel refused", 2)]
    assert node.events() == ["Normal ResizeStarted", "Warning ResizeError"]
    node.made.in_progress(wanted, actuated=True)
    assert node.condition() == [] and node.events()[-1] == "Normal ResizeCompleted"


def test_transition_times_follow_the_reason() -> None:
    node = Node(cpu=100, pods=[pod()])
    node.wants(pod(cpu="200m", generation=2))
    (first,) = node.made.conditions.of(UID)
    node.wants(pod(cpu="300m", generation=3))
    (second,) = node.made.conditions.of(UID)
    assert second.last_transition_time == first.last_transition_time
    assert second.last_probe_time != first.last_probe_time
