"""What is written into the cgroups of all pods and of the machine's daemons, and what people are told of it."""

from fractions import Fraction

import pytest

from kubelet.agentparts import enforcement
from kubelet.api.types import ObjectReference
from kubelet.cgroups import CgroupDriver, CgroupError, CgroupSettings, CgroupValues, PodCgroups
from kubelet.cgroups.allocatable import AllocatableEnforcer, Enforcement, ReservedLimit, pods_limit, reserved_limits
from kubelet.config import KubeletConfiguration
from kubelet.events import LogEventRecorder

GIB = 2**30
CAPACITY = {
    "cpu": Fraction(4), "memory": Fraction(8 * GIB), "pods": Fraction(110), "ephemeral-storage": Fraction(100 * GIB),
    "pid": Fraction(32768), "hugepages-2Mi": Fraction(GIB),
}  # fmt: skip
KUBE = {"cpu": "500m", "memory": "1Gi", "pid": "1000", "ephemeral-storage": "1Gi"}
SYSTEM = {"cpu": "250m", "memory": "512Mi"}
HUGE = {2**21: GIB}
WHOLE = CgroupValues(shares=4096, memory=8 * GIB, pids=32768, hugepages=HUGE)
NODE = ObjectReference(kind="Node", name="n", uid="n")


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (Enforcement(), WHOLE),
        (Enforcement(keys=()), WHOLE),
        (Enforcement(keys=("none",), kube_reserved=KUBE), WHOLE),
        (
            Enforcement(kube_reserved=KUBE, system_reserved=SYSTEM),
            CgroupValues(shares=3328, memory=13 * GIB // 2, pids=31768, hugepages=HUGE),
        ),
        (
            Enforcement(kube_reserved={"cpu": "5", "memory": "9Gi"}),
            CgroupValues(shares=2, memory=0, pids=32768, hugepages=HUGE),
        ),
    ],
)
def test_all_pods_together_get_what_is_not_reserved(settings: Enforcement, values: CgroupValues) -> None:
    assert pods_limit(CAPACITY, settings) == values


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        (("pods",), []),
        (
            ("pods", "kube-reserved", "system-reserved"),
            [
                ReservedLimit("System Reserved", "/system", CgroupValues(shares=256, memory=GIB // 2)),
                ReservedLimit("Kube Reserved", "/kube", CgroupValues(shares=512, memory=GIB, pids=1000)),
            ],
        ),
        (
            ("kube-reserved-compressible", "system-reserved-compressible"),
            [
                ReservedLimit("System Reserved Compressible", "/system", CgroupValues(shares=256)),
                ReservedLimit("Kube Reserved Compressible", "/kube", CgroupValues(shares=512)),
            ],
        ),
    ],
)
def test_daemons_get_what_is_reserved_for_them(keys: tuple[str, ...], limits: list[ReservedLimit]) -> None:
    config = KubeletConfiguration(
        enforce_node_allocatable=keys, kube_reserved=KUBE, system_reserved=SYSTEM, kube_reserved_cgroup="/kube",
        system_reserved_cgroup="/system",
    )
    assert reserved_limits(enforcement(config)) == limits


class Tree:
    """Cgroups in memory; `refusals`: how often an update of kubepods fails."""

    unified = False

    def __init__(self, *existing: str) -> None:
        self.values = {path: CgroupValues() for path in existing}
        self.refusals = 0

    def exists(self, path: str) -> bool:
        return path in self.values

    def create(self, path: str, values: CgroupValues) -> None:
        self.values[path] = values

    def update(self, path: str, values: CgroupValues) -> None:
        if path == "/kubepods" and self.refusals:
            self.refusals -= 1
            raise CgroupError("cannot write '1' to memory.limit_in_bytes: Device or resource busy")
        self.values[path] = values

    def children(self, path: str) -> list[str]:
        return []

    def processes(self, path: str) -> set[int]:
        return set()

    def remove(self, path: str) -> None:
        del self.values[path]


class Slices:
    def __init__(self) -> None:
        self.updated: list[str] = []

    async def ensure(self, path: str, values: CgroupValues) -> None:
        return None

    async def update(self, path: str, values: CgroupValues) -> None:
        self.updated.append(path)

    async def stop(self, path: str) -> None:
        return None


def told(recorder: LogEventRecorder) -> list[tuple[str, str, str]]:
    return [(event.kind, event.reason, event.message) for event in recorder.recent("n")]


def enforcer(
    settings: Enforcement, cgroups: PodCgroups, waits: list[float] | None = None
) -> tuple[AllocatableEnforcer, LogEventRecorder]:
    recorder = LogEventRecorder()

    async def sleep(seconds: float) -> None:
        assert waits is not None
        waits.append(seconds)

    return AllocatableEnforcer(settings, cgroups, recorder, lambda: NODE, sleep=sleep), recorder


async def test_kubepods_is_limited_and_people_are_told() -> None:
    tree = Tree()
    cgroups = PodCgroups(CgroupSettings(), tree)
    await cgroups.start()
    one, recorder = enforcer(Enforcement(kube_reserved=KUBE), cgroups)
    await one.limit_pods(CAPACITY)
    assert tree.values["/kubepods"] == pods_limit(CAPACITY, Enforcement(kube_reserved=KUBE))
    assert told(recorder) == [("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")]


async def test_pods_that_use_too_much_already_delay_the_limit() -> None:
    tree, waits = Tree(), list[float]()
    cgroups = PodCgroups(CgroupSettings(), tree)
    await cgroups.start()
    tree.refusals = 2
    one, recorder = enforcer(Enforcement(), cgroups, waits)
    await one.limit_pods(CAPACITY)
    assert waits == [60.0, 60.0] and tree.values["/kubepods"] == WHOLE
    failed = (
        "Warning", "FailedNodeAllocatableEnforcement", 'Failed to update Node Allocatable Limits ["kubepods"]: '
        "cannot write '1' to memory.limit_in_bytes: Device or resource busy",
    )  # fmt: skip
    assert told(recorder)[0] == failed and recorder.recent("n")[0].count == 2
    assert told(recorder)[-1][1] == "NodeAllocatableEnforced"


async def test_without_qos_cgroups_there_is_nothing_to_limit() -> None:
    tree = Tree()
    cgroups = PodCgroups(CgroupSettings(per_qos=False), tree)
    await cgroups.start()
    one, recorder = enforcer(Enforcement(keys=("none",)), cgroups)
    await one.limit_pods(CAPACITY)
    assert (tree.values, told(recorder)) == ({}, [])


async def test_a_daemons_cgroup_that_is_there_is_limited() -> None:
    settings = Enforcement(("system-reserved", "kube-reserved-compressible"), KUBE, SYSTEM, "/kube.slice", "/system")
    for driver, kube in ((CgroupDriver.CGROUPFS, "/kube.slice"), (CgroupDriver.SYSTEMD, "/kube.slice")):
        system = "/system" if driver is CgroupDriver.CGROUPFS else "/system.slice"
        tree, slices = Tree(kube, system), Slices()
        cgroups = PodCgroups(CgroupSettings(driver=driver), tree, slices=slices)
        await cgroups.start()
        one, recorder = enforcer(settings, cgroups)
        await one.limit_reserved()
        assert tree.values[system] == CgroupValues(shares=256, memory=GIB // 2)
        assert tree.values[kube] == CgroupValues(shares=512)
        assert slices.updated == ([system, kube] if driver is CgroupDriver.SYSTEMD else [])
        assert told(recorder) == [
            ("Normal", "NodeAllocatableEnforced", "Updated limits on system reserved cgroup /system"),
            ("Normal", "NodeAllocatableEnforced", "Updated limits on kube reserved cgroup /kube.slice"),
        ]


async def test_a_daemons_cgroup_that_is_not_there_ends_the_start() -> None:
    cgroups = PodCgroups(CgroupSettings(), Tree())
    await cgroups.start()
    one, recorder = enforcer(Enforcement(("kube-reserved",), KUBE, kube_cgroup="/kube"), cgroups)
    text = (
        'Failed to enforce Kube Reserved Cgroup Limits on "/kube": there is no cgroup /kube (in every hierarchy); '
        "make it, or name another"
    )
    with pytest.raises(CgroupError) as caught:
        await one.limit_reserved()
    assert str(caught.value) == text
    assert told(recorder) == [("Warning", "FailedNodeAllocatableEnforcement", text)]
