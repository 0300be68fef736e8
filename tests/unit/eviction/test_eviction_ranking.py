"""Who is evicted first and what is said about it: upstream's order and texts as tables."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import (
    ConfigMapVolumeSource,
    Container,
    EmptyDirVolumeSource,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Volume,
)
from kubelet.eviction.limits import Violation, has_limits, violation
from kubelet.eviction.messages import explain
from kubelet.eviction.ranking import Reclaim, rank, remedy
from kubelet.eviction.signals import Layout, Observation, Signal
from kubelet.eviction.thresholds import Amount, Threshold
from kubelet.eviction.usage import ContainerUsage, Disk, PodUsage

MI, GI = 2**20, 2**30


def make(name, requests=None, priority=None, limits=None, containers=None, volumes=(), resources=None):
    if containers is None:
        containers = (
            Container(name="c", resources=ResourceRequirements(requests=requests or {}, limits=limits or {})),
        )
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=name),
        spec=PodSpec(containers=containers, priority=priority, volumes=volumes, resources=resources),
        status=PodStatus(phase="Running"),
    )


def ranked(signal, entries, layout=Layout.SHARED):
    pods = [pod for pod, _ in entries]
    usages = {pod.metadata.uid: usage for pod, usage in entries if usage is not None}
    return [pod.metadata.name for pod in rank(pods, usages, signal, layout)]


def uses(memory=0, **more):
    return PodUsage(memory=memory, **more)


@pytest.mark.parametrize(("entries", "order"), [
    # Over the request first, then the lower priority, then the most above the request.
    ([(make("within", {"memory": "2Gi"}), uses(GI)), (make("over", {"memory": "1Mi"}), uses(2 * MI))],
     ["over", "within"]),
    ([(make("high", priority=10), uses(GI)), (make("low", priority=1), uses(MI))], ["low", "high"]),
    ([(make("little", {"memory": "1Gi"}), uses(GI + MI)), (make("much", {"memory": "1Mi"}), uses(20 * MI))],
     ["much", "little"]),
    ([(make("within-low", {"memory": "2Gi"}, priority=-5), uses(GI)), (make("over-high", priority=10), uses(MI))],
     ["over-high", "within-low"]),
    # Exactly the request is not above it.
    ([(make("exact", {"memory": "1Mi"}), uses(MI)), (make("over", {"memory": "1Mi"}, priority=5), uses(MI + 1))],
     ["over", "exact"]),
    # Of which nothing is known: before all others.
    ([(make("over"), uses(GI)), (make("unknown", priority=99), None)], ["unknown", "over"]),
    ([], []),
])
def test_memory(entries, order):
    assert ranked(Signal.MEMORY, entries) == order
    assert ranked(Signal.ALLOCATABLE_MEMORY, list(reversed(entries))) == order


@pytest.mark.parametrize(("entries", "order"), [
    ([(make("few"), uses(processes=3)), (make("many"), uses(processes=30))], ["many", "few"]),
    ([(make("few", priority=1), uses(processes=3)), (make("many", priority=2), uses(processes=30))], ["few", "many"]),
    ([(make("known"), uses(processes=30)), (make("unknown"), None)], ["unknown", "known"]),
    ([(make("known", priority=1), uses(processes=30)), (make("unknown", priority=2), None)], ["known", "unknown"]),
])
def test_process_ids(entries, order):
    assert ranked(Signal.PID, entries) == order


def on_disk(rootfs=0, logs=0, empty_dir=0, inodes=0):
    return PodUsage(
        containers={"c": ContainerUsage(rootfs=Disk(rootfs, inodes), logs=Disk(logs))},
        volumes={"v": Disk(empty_dir)},
    )


SCRATCH = (Volume(name="v", empty_dir=EmptyDirVolumeSource()),)


@pytest.mark.parametrize(("signal", "layout", "first"), [
    (Signal.NODE_FS, Layout.SHARED, "layers"), (Signal.IMAGE_FS, Layout.SHARED, "layers"),
    (Signal.NODE_FS, Layout.IMAGES, "volumes"), (Signal.IMAGE_FS, Layout.IMAGES, "layers"),
    (Signal.CONTAINER_FS, Layout.IMAGES, "layers"), (Signal.NODE_FS, Layout.SPLIT, "layers"),
    (Signal.CONTAINER_FS, Layout.SPLIT, "layers"),
])
def test_disk_counts_what_is_on_the_file_system_that_is_full(signal, layout, first):
    entries = [
        (make("volumes", volumes=SCRATCH), on_disk(empty_dir=5 * GI)),
        (make("layers", volumes=SCRATCH), on_disk(rootfs=6 * GI)),
    ]
    assert ranked(signal, entries, layout)[0] == first


def test_disk_prefers_those_above_their_request():
    entries = [
        (make("asked", {"ephemeral-storage": "10Gi"}), on_disk(rootfs=6 * GI)),
        (make("did-not", volumes=SCRATCH), on_disk(logs=MI)),
    ]
    assert ranked(Signal.NODE_FS, entries) == ["did-not", "asked"]


def test_inodes():
    entries = [(make("few"), on_disk(inodes=5)), (make("many"), on_disk(inodes=500))]
    assert ranked(Signal.NODE_FS_INODES, entries) == ["many", "few"]


@pytest.mark.parametrize(("signal", "layout", "reclaim"), [
    (Signal.NODE_FS, Layout.SHARED, (Reclaim.CONTAINERS, Reclaim.IMAGES)),
    (Signal.NODE_FS, Layout.IMAGES, ()),
    (Signal.IMAGE_FS_INODES, Layout.IMAGES, (Reclaim.CONTAINERS, Reclaim.IMAGES)),
    (Signal.CONTAINER_FS, Layout.IMAGES, (Reclaim.CONTAINERS, Reclaim.IMAGES)),
    (Signal.NODE_FS, Layout.SPLIT, (Reclaim.CONTAINERS,)),
    (Signal.CONTAINER_FS, Layout.SPLIT, (Reclaim.CONTAINERS,)),
    (Signal.IMAGE_FS, Layout.SPLIT, (Reclaim.IMAGES,)),
    (Signal.MEMORY, Layout.SHARED, ()), (Signal.PID, Layout.SHARED, ()),
])
def test_what_is_reclaimed_before_pods(signal, layout, reclaim):
    assert remedy(signal, layout).reclaim == reclaim


@given(st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 4))), max_size=10, unique=True,
))
def test_the_memory_order_is_upstreams_for_any_pods(drawn):
    entries = [
        (make(f"p{index}", {"memory": str(request)}, priority), None if used is None else uses(used))
        for index, (request, priority, used) in enumerate(drawn)
    ]
    by_name = {pod.metadata.name: (pod, usage) for pod, usage in entries}
    order = ranked(Signal.MEMORY, entries)
    assert sorted(order) == sorted(by_name)

    def above(name):
        pod, usage = by_name[name]
        return usage.memory - int(pod.spec.containers[0].resources.requests["memory"])

    for earlier, later in itertools.pairwise(order):
        one, other = by_name[earlier][1], by_name[later][1]
        if one is None or other is None:
            assert one is None
            continue
        exceeds = above(earlier) > 0, above(later) > 0
        if exceeds[0] != exceeds[1]:
            assert exceeds[0]
            continue
        priorities = by_name[earlier][0].spec.priority, by_name[later][0].spec.priority
        assert priorities[0] <= priorities[1]
        assert priorities[0] < priorities[1] or above(earlier) >= above(later)


# --- texts ---


def test_what_is_said_of_memory():
    pod = make("p", containers=(
        Container(name="greedy", resources=ResourceRequirements(requests={"memory": "64Mi"})),
        Container(name="free"),
        Container(name="modest", resources=ResourceRequirements(requests={"memory": "1Gi"})),
    ))
    usage = PodUsage(memory=0, containers={
        "greedy": ContainerUsage(memory=100 * MI), "free": ContainerUsage(memory=1000),
        "modest": ContainerUsage(memory=MI),
    })
    told = explain(
        "memory", pod, usage, (Threshold(Signal.MEMORY, Amount("100Mi")),), {Signal.MEMORY: Observation(GI, 50 * MI)}
    )
    assert told.message == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container greedy was using 100Mi, request is 64Mi, has larger consumption of memory. "
        "Container free was using 1000, request is 0, has larger consumption of memory. "
    )
    assert told.annotations == {
        "offending_containers": "greedy,free", "offending_containers_usage": "100Mi,1000", "starved_resource": "memory"
    }


def test_what_is_said_of_a_pod_with_memory_of_its_own():
    pod = make("p", containers=(Container(name="c"),), resources=ResourceRequirements(requests={"memory": "512Mi"}))
    told = explain("memory", pod, PodUsage(memory=GI), (), {})
    assert told.message == (
        "The node was low on resource: memory. "
        "Pod p was using 1Gi, request is 512Mi, has larger consumption of memory. "
    )
    assert (told.annotations["offending_pod"], told.annotations["offending_pod_usage"]) == ("p", "1Gi")


def test_what_is_said_of_storage_and_inodes():
    pod = make("p", {"ephemeral-storage": "1Mi"})
    usage = PodUsage(containers={"c": ContainerUsage(rootfs=Disk(MI, 7), logs=Disk(1024, 1))})
    seen = {Signal.NODE_FS: Observation(GI, 5 * MI), Signal.NODE_FS_INODES: Observation(10_000, 90)}
    told = explain("ephemeral-storage", pod, usage, (Threshold(Signal.NODE_FS, Amount("10Mi")),), seen)
    assert told.message == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 10Mi, available: 5Mi. "
        "Container c was using 1025Ki, request is 1Mi, has larger consumption of ephemeral-storage. "
    )
    told = explain("inodes", pod, usage, (Threshold(Signal.NODE_FS_INODES, Amount("5%")),), seen)
    assert told.message == "The node was low on resource: inodes. Threshold quantity: 500, available: 90. "
    told = explain("pids", pod, None, (), {})
    assert (told.message, told.annotations) == ("The node was low on resource: pids. ", {})


# --- pods' own limits ---


def scratch(limit=None, medium=""):
    return Volume(name="v", empty_dir=EmptyDirVolumeSource(size_limit=limit, medium=medium))


def over_pod_limit(limit):
    text = f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
    return Violation("ephemeralpodfs.limit", text)


TWO = (
    Container(name="a", resources=ResourceRequirements(limits={"ephemeral-storage": "1Mi"})),
    Container(name="b", resources=ResourceRequirements(limits={"ephemeral-storage": "2Mi"})),
)
OVER_EMPTY_DIR = Violation("emptydirfs.limit", 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ')


@pytest.mark.parametrize(("pod", "usage", "dedicated", "expected"), [
    (make("p", volumes=(scratch("1Mi"),)), on_disk(empty_dir=MI + 1), False, OVER_EMPTY_DIR),
    (make("p", volumes=(scratch("1024Ki"),)), on_disk(empty_dir=MI + 1), True, OVER_EMPTY_DIR),
    (make("p", volumes=(scratch("1Mi"),)), on_disk(empty_dir=MI), False, None),
    (make("p", volumes=(scratch("0"),)), on_disk(empty_dir=MI), False, None),
    (make("p", volumes=(scratch(),)), on_disk(empty_dir=MI), False, None),
    (make("p", limits={"ephemeral-storage": "1Mi"}, volumes=(scratch(),)), on_disk(empty_dir=MI, logs=1), False,
     over_pod_limit("1Mi")),
    (make("p", containers=TWO), PodUsage(containers={
        "a": ContainerUsage(rootfs=Disk(2 * MI)), "b": ContainerUsage(rootfs=Disk(2 * MI))}), False,
     over_pod_limit("3Mi")),
    (make("p", containers=TWO), PodUsage(containers={"a": ContainerUsage(rootfs=Disk(2 * MI))}), False,
     Violation("ephemeralcontainerfs.limit", 'Container a exceeded its local ephemeral storage limit "1Mi". ')),
    # Layers on a disk of their own are not the node's storage.
    (make("p", containers=TWO), PodUsage(containers={"a": ContainerUsage(rootfs=Disk(2 * MI))}), True, None),
    (make("p", containers=TWO), PodUsage(containers={"a": ContainerUsage(logs=Disk(2 * MI))}), True,
     Violation("ephemeralcontainerfs.limit", 'Container a exceeded its local ephemeral storage limit "1Mi". ')),
    (make("p", containers=TWO), PodUsage(), False, None),
])
def test_limits_of_pods(pod, usage, dedicated, expected):
    assert violation(pod, usage, dedicated_image_fs=dedicated) == expected


@pytest.mark.parametrize(("pod", "expected"), [
    (make("p"), False), (make("p", volumes=(scratch(),)), False), (make("p", volumes=(scratch("1Mi"),)), True),
    (make("p", volumes=(Volume(name="c", config_map=ConfigMapVolumeSource(name="m")),)), False),
    (make("p", limits={"memory": "1Mi"}), False), (make("p", limits={"ephemeral-storage": "1Mi"}), True),
])
def test_only_limited_pods_are_looked_at(pod, expected):
    assert has_limits(pod) is expected
