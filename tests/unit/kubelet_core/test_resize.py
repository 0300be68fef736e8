"""In-place resize: which containers it means, in which order it is done, and what is refused."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from cri.client import RuntimeClient
from cri.errors import CriError, InvalidArgumentError, UnavailableError, UnimplementedError
from cri.v1 import api_pb2 as cri
from kubelet.actions import PodActions, compute_pod_actions
from kubelet.allocation import PodResources, ResourceStore, resources_of_pod
from kubelet.api.meta import AnyContainer, PodUID
from kubelet.api.types import (
    Container,
    ContainerResizePolicy,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from kubelet.cgroups.values import CgroupValues, pod_values
from kubelet.containerspec import container_hash
from kubelet.executor.resize import ResizeError, Resizer, split_by_direction
from kubelet.resize import is_actuated, sizes_of
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus

UID = PodUID("u")


def sized(cpu: str = "", memory: str = "", cpu_limit: str = "", memory_limit: str = "") -> ResourceRequirements:
    def present(**amounts: str) -> dict[str, str | int | float]:
        return {name: amount for name, amount in amounts.items() if amount}

    return ResourceRequirements(
        requests=present(cpu=cpu, memory=memory), limits=present(cpu=cpu_limit, memory=memory_limit)
    )


def container(name: str, resources: ResourceRequirements, *restarts: str, **fields: Any) -> Container:
    policy = tuple(
        ContainerResizePolicy(resource_name=name, restart_policy="RestartContainer") for name in restarts
    )
    return Container(name=name, image="i", resources=resources, resize_policy=policy, **fields)


def pod(*containers: Container, init: tuple[Container, ...] = (), pod_level: ResourceRequirements | None = None) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="p", namespace="n", uid=UID),
        spec=PodSpec(containers=containers, init_containers=init, resources=pod_level, restart_policy="Always"),
        status=PodStatus(phase="Running", qos_class="Burstable"),
    )


def running(*names: str) -> PodRuntimeStatus:
    return PodRuntimeStatus("u", "p", "n", (SandboxStatus(SandboxID("s"), 0, True, 1, ("10.0.0.1",)),), tuple(
        ContainerStatus(
            ContainerID(f"id-{name}"), name, SandboxID("s"), RunState.RUNNING, created_at=1,
            hash=container_hash(Container(name=name, image="i")),
        ) for name in names
    ))


class NoProbes:
    def liveness(self, _: str) -> bool | None:
        return None

    def startup(self, _: str) -> bool | None:
        return None


def plan(of: Pod, given: PodResources, *names: str) -> PodActions:
    return compute_pod_actions(of, running(*names), NoProbes(), actuated=given)


SMALL, BIG = sized("100m", "100Mi", "200m", "200Mi"), sized("300m", "100Mi", "400m", "400Mi")


def test_who_is_resized_and_who_restarted_for_it() -> None:
    before = pod(container("a", SMALL), container("b", SMALL, "memory"), container("c", SMALL, "memory"))
    after = pod(
        container("a", BIG), container("b", BIG, "memory"),
        container("c", sized("150m", "100Mi", "200m", "200Mi"), "memory"),
    )
    actions = plan(after, resources_of_pod(before), "a", "b", "c")
    assert [resize.name for resize in actions.to_resize] == ["a", "c"]
    assert [(kill.name, kill.message) for kill in actions.to_kill] == [("b", "Container b resize requires restart")]
    assert actions.regular_to_start == (1,) and actions.resize_pod
    assert not is_actuated(after, running("a", "b", "c"), resources_of_pod(before))
    assert is_actuated(after, running(), resources_of_pod(before)), "what does not run is sized when it starts"
    assert plan(after, resources_of_pod(after), "a", "b", "c").empty


def test_amounts_written_otherwise_are_no_resize_and_unknown_ones_neither() -> None:
    given = PodResources(containers={"a": sized("0.1", "104857600", "0.2", "200Mi")})
    assert plan(pod(container("a", SMALL)), given, "a").empty
    assert plan(pod(container("a", SMALL)), PodResources(), "a").empty


def test_sidecars_and_running_init_containers_are_resized_too() -> None:
    side = container("side", BIG, "cpu", restart_policy="Always")
    of = pod(container("a", SMALL), init=(container("setup", BIG), side))
    given = PodResources(containers={"a": SMALL, "setup": SMALL, "side": SMALL})
    assert [resize.name for resize in plan(of, given, "setup").to_resize] == ["setup"]
    restarted = plan(of, given, "side", "a")
    assert restarted.init_to_start == (1,) and [kill.name for kill in restarted.to_kill] == ["side"]


def test_a_limit_of_the_pod_bounds_containers_without_one() -> None:
    assert sizes_of(sized("1"), sized(cpu_limit="2", memory_limit="1Gi")).cpu_limit == 2000
    of = pod(container("a", sized("100m")), pod_level=sized(cpu_limit="2"))
    given = PodResources(containers={"a": sized("100m", cpu_limit="1")}, pod_level=sized(cpu_limit="1"))
    actions = plan(of, given, "a")
    assert actions.resize_pod and [resize.wanted.cpu_limit for resize in actions.to_resize] == [2000]


def test_a_pod_that_had_no_resources_of_its_own_may_be_given_some() -> None:
    before, after = pod(container("a", SMALL)), pod(container("a", SMALL), pod_level=sized("200m", cpu_limit="1"))
    actions = plan(after, resources_of_pod(before), "a")
    assert actions.resize_pod and not actions.to_resize
    assert not is_actuated(after, running("a"), resources_of_pod(before))


@pytest.mark.parametrize(
    ("resource", "old", "new", "before", "after"),
    [
        ("memory", CgroupValues(memory=1), CgroupValues(memory=2), CgroupValues(memory=2), CgroupValues()),
        ("memory", CgroupValues(memory=2), CgroupValues(memory=1), CgroupValues(), CgroupValues(memory=1)),
        ("memory", CgroupValues(), CgroupValues(memory=1), CgroupValues(), CgroupValues(memory=1)),
        ("memory", CgroupValues(memory=1), CgroupValues(), CgroupValues(), CgroupValues()),
        ("cpu", CgroupValues(shares=2, quota=1, period=9), CgroupValues(shares=3, quota=2, period=9),
         CgroupValues(shares=3, quota=2, period=9), CgroupValues()),
        ("cpu", CgroupValues(shares=3, quota=2, period=9), CgroupValues(shares=2, quota=1, period=9),
         CgroupValues(), CgroupValues(shares=2, quota=1, period=9)),
        ("cpu", CgroupValues(shares=2, quota=2, period=9), CgroupValues(shares=3, quota=1, period=9),
         CgroupValues(shares=3), CgroupValues(quota=1, period=9)),
    ],
)
def test_the_pod_grows_before_its_containers_and_shrinks_after_them(
    resource: str, old: CgroupValues, new: CgroupValues, before: CgroupValues, after: CgroupValues
) -> None:
    assert split_by_direction(resource, old, new) == (before, after)


@dataclass
class Machine:
    """Runtime, cgroups and translation in one, which write down what is done."""

    done: list[str] = field(default_factory=list)
    used: int = 0
    errors: dict[str, CriError] = field(default_factory=dict)
    per_pod: dict[str, Any] = field(default_factory=dict)

    def values(self, of: Pod) -> CgroupValues:
        return pod_values(of)

    async def apply(self, _: Pod, values: CgroupValues) -> None:
        self.done.append(f"pod memory={values.memory} shares={values.shares} quota={values.quota}")

    def resources(self, _: Pod, one: AnyContainer) -> cri.LinuxContainerResources:
        sizes = sizes_of(getattr(one, "resources", None), None)
        return cri.LinuxContainerResources(
            cpu_shares=sizes.cpu_request, cpu_quota=sizes.cpu_limit, memory_limit_in_bytes=sizes.memory_limit >> 20
        )

    def pod_resources(self, _: Pod) -> tuple[cri.LinuxContainerResources, cri.LinuxContainerResources]:
        return cri.LinuxContainerResources(), cri.LinuxContainerResources()

    async def UpdateContainerResources(self, request: cri.UpdateContainerResourcesRequest, /) -> None:
        if request.container_id in self.errors:
            raise self.errors[request.container_id]
        linux = request.linux
        self.done.append(f"{request.container_id} cpu={linux.cpu_shares}/{linux.cpu_quota} "
                         f"memory={linux.memory_limit_in_bytes}")

    async def UpdatePodSandboxResources(self, _: cri.UpdatePodSandboxResourcesRequest, /) -> None:
        if "sandbox" in self.errors:
            raise self.errors["sandbox"]

    async def ContainerStats(self, _: cri.ContainerStatsRequest, /) -> cri.ContainerStatsResponse:
        stats = cri.ContainerStats(memory=cri.MemoryUsage(usage_bytes=cri.UInt64Value(value=self.used)))
        return cri.ContainerStatsResponse(stats=stats)


async def resize(machine: Machine, before: Pod, after: Pod, *names: str) -> ResourceStore:
    store = ResourceStore(None)
    store.set(UID, resources_of_pod(before))
    saved = []

    async def save() -> None:
        saved.append(True)
        assert not machine.done, "what is allocated is on disk before anything is changed"

    resizer = Resizer(cast(RuntimeClient, machine), machine, machine, store, save)
    actions = compute_pod_actions(after, running(*names), NoProbes(), actuated=store.get(UID))
    try:
        await resizer.resize(after, running(*names), actions)
    finally:
        assert saved
        machine.per_pod["left"] = store
    return store


async def test_growing_goes_from_the_pod_to_its_containers() -> None:
    machine = Machine()
    before, after = pod(container("a", SMALL)), pod(container("a", BIG))
    store = await resize(machine, before, after, "a")
    assert machine.done == [
        f"pod memory={400 << 20} shares=None quota=None", "id-a cpu=100/200 memory=400",
        "pod memory=None shares=307 quota=40000", "id-a cpu=300/400 memory=400",
    ]
    given = store.get(UID)
    assert given is not None and is_actuated(after, running("a"), given)


async def test_shrinking_goes_from_the_containers_to_the_pod_and_before_what_grows() -> None:
    machine = Machine(used=1 << 20)
    before = pod(container("a", SMALL), container("b", BIG))
    after = pod(container("a", BIG), container("b", SMALL))
    await resize(machine, before, after, "a", "b")
    assert [entry for entry in machine.done if not entry.startswith("pod")] == [
        "id-b cpu=300/400 memory=200", "id-a cpu=100/200 memory=400",
        "id-b cpu=100/200 memory=200", "id-a cpu=300/400 memory=400",
    ]


async def test_memory_is_not_taken_away_from_those_who_use_it() -> None:
    machine = Machine(used=300 << 20)
    with pytest.raises(ResizeError) as refused:
        await resize(machine, pod(container("a", BIG)), pod(container("a", SMALL)), "a")
    assert str(refused.value) == (
        "cannot decrease memory limits: [attempting to set pod memory limit (209715200) below current usage "
        '(314572800), attempting to set container "a" memory limit (209715200) below current usage (314572800)]'
    )
    assert machine.done == []


async def test_what_fails_half_way_goes_on_from_there() -> None:
    machine = Machine(errors={"id-b": InvalidArgumentError("too small", "UpdateContainerResources")})
    before = pod(container("a", SMALL), container("b", SMALL))
    after = pod(container("a", BIG), container("b", BIG))
    with pytest.raises(ResizeError, match="too small"):
        await resize(machine, before, after, "a", "b")
    given = machine.per_pod["left"].get(UID)
    assert sizes_of(given.containers["a"], None).memory_limit == 400 << 20
    assert sizes_of(given.containers["b"], None).memory_limit == 200 << 20
    assert [resize.name for resize in plan(after, given, "a", "b").to_resize] == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "fails"),
    [
        (UnimplementedError("no such verb", "UpdatePodSandboxResources"), False),
        (CriError("not implemented yet", "UpdatePodSandboxResources"), False),
        (UnavailableError("gone", "UpdatePodSandboxResources"), True),
    ],
)
async def test_a_runtime_whose_sandboxes_have_no_size_need_not_know(error: CriError, fails: bool) -> None:
    machine = Machine(errors={"sandbox": error})
    before, after = pod(container("a", SMALL)), pod(container("a", BIG))
    if fails:
        with pytest.raises(ResizeError):
            await resize(machine, before, after, "a")
    else:
        await resize(machine, before, after, "a")
        assert machine.done
