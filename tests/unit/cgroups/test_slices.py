"""Units and properties of slices, the talk with systemd, and pods whose cgroups are slices."""

import asyncio
import importlib
import signal
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import Pod
from kubelet.cgroups import CgroupDriver, CgroupError, CgroupSettings, CgroupValues, PodCgroups, SystemdSlices
from kubelet.cgroups.bus import BusError, BusLost, JobRemoved
from kubelet.cgroups.slices import (
    INFINITY,
    Property,
    creation_properties,
    resource_properties,
    unit_of,
    whole_percent,
)
from kubelet.cgroups.systembus import SystemBus
from kubelet.cgroups.systembus import connect as connect_bus
from kubelet.cgroups.systemd import version_number

POD_SLICE = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice"
EXISTS = "org.freedesktop.systemd1.UnitExists"
NO_UNIT = "org.freedesktop.systemd1.NoSuchUnit"


def make_pod(uid: str = "1-2") -> Pod:
    resources = {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "64Mi"}}
    return convert({"metadata": {"uid": uid}, "spec": {"containers": [{"name": "c", "resources": resources}]}}, Pod)


@pytest.mark.parametrize(
    ("path", "unit", "parent"),
    [
        ("/kubepods.slice", "kubepods.slice", "-.slice"),
        ("/kubepods.slice/kubepods-burstable.slice", "kubepods-burstable.slice", "kubepods.slice"),
        (POD_SLICE, "kubepods-burstable-pod1_2.slice", "kubepods-burstable.slice"),
    ],
)
def test_units_and_what_they_are_made_with(path: str, unit: str, parent: str) -> None:
    assert unit_of(path) == unit
    properties = {each.name: (each.signature, each.value) for each in creation_properties(path, unified=True)}
    assert properties == {
        "Description": ("s", f"Kubernetes pods: {unit}"),
        "Wants": ("as", (parent,)),
        "MemoryAccounting": ("b", True),
        "CPUAccounting": ("b", True),
        "IOAccounting": ("b", True),
        "TasksAccounting": ("b", True),
        "DefaultDependencies": ("b", False),
    }
    assert "BlockIOAccounting" in {each.name for each in creation_properties(path, unified=False)}


@pytest.mark.parametrize(
    ("values", "version", "v2", "v1"),
    [
        (CgroupValues(), 252, {}, {}),
        (CgroupValues(shares=2), 252, {"CPUWeight": 1}, {"CPUShares": 2}),
        (CgroupValues(shares=1024), 252, {"CPUWeight": 39}, {"CPUShares": 1024}),
        (CgroupValues(memory=4096), 252, {"MemoryMax": 4096}, {"MemoryLimit": 4096}),
        (CgroupValues(memory=0, pids=-1), 252, {"TasksMax": INFINITY}, {"TasksMax": INFINITY}),
        (CgroupValues(pids=0), 252, {"TasksMax": 1}, {"TasksMax": 1}),
        (
            CgroupValues(quota=50_000, period=100_000),
            252,
            {"CPUQuotaPeriodUSec": 100_000, "CPUQuotaPerSecUSec": 500_000},
            {"CPUQuotaPeriodUSec": 100_000, "CPUQuotaPerSecUSec": 500_000},
        ),
        (CgroupValues(quota=50_000, period=100_000), 241, {"CPUQuotaPerSecUSec": 500_000}, None),
        (CgroupValues(quota=12_345), 252, {"CPUQuotaPerSecUSec": 130_000}, None),
        (CgroupValues(quota=-1), 252, {"CPUQuotaPerSecUSec": INFINITY}, None),
        (CgroupValues(hugepages={2**21: 7}), 252, {}, {}),
    ],
)
def test_values_as_properties(
    values: CgroupValues, version: int, v2: dict[str, int], v1: dict[str, int] | None
) -> None:
    assert {each.name: each.value for each in resource_properties(values, unified=True, version=version)} == v2
    if v1 is not None:
        properties = resource_properties(values, unified=False, version=version)
        assert {each.name: each.value for each in properties} == v1
        assert {each.signature for each in properties} <= {"t"}


@given(st.integers(1000, 10**8), st.sampled_from([10_000, 50_000, 100_000, 1_000_000]))
def test_a_quota_is_rounded_up_to_whole_percents(quota: int, period: int) -> None:
    rounded = whole_percent(CgroupValues(quota=quota, period=period)).quota
    assert rounded is not None and quota <= rounded < quota + period / 100 + 1
    assert whole_percent(CgroupValues(quota=rounded, period=period)).quota == rounded
    assert whole_percent(CgroupValues(quota=-1)) == CgroupValues(quota=-1)


@pytest.mark.parametrize(
    ("text", "number"), [("252.38-1~deb12u1", 252), ("v245.4-1.fc32", 245), ('"v239"', 239), ("245", 245), ("", 0)]
)
def test_versions(text: str, number: int) -> None:
    assert version_number(text) == number


class Systemd:
    """systemd's manager in a dict of units; a job ends before its call is answered when `hasty`, else after.

    `refuse` makes the next call of a member fail, `broken` breaks as many calls, `result` is that of every job."""

    def __init__(self, *, hasty: bool = True) -> None:
        self.units: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.refuse: dict[str, BusError] = {}
        self.broken = self.connections = 0
        self.result: str | None = "done"
        self.hasty = hasty

    async def connect(self, removed: JobRemoved) -> "Connection":
        self.connections += 1
        return Connection(self, removed)


class Connection:
    def __init__(self, systemd: Systemd, removed: JobRemoved) -> None:
        self._systemd, self._removed = systemd, removed
        self.connected = True

    async def version(self) -> str:
        return "252.38-1~deb12u1"

    def close(self) -> None:
        self.connected = False

    async def call(self, member: str, signature: str, *arguments: Any) -> Sequence[object]:
        systemd = self._systemd
        if member == "Subscribe":
            return ()
        if systemd.broken:
            systemd.broken -= 1
            raise BusLost("broken pipe")
        unit = str(arguments[0])
        systemd.calls.append(f"{member} {unit}")
        if (error := systemd.refuse.pop(member, None)) is not None:
            raise error
        match member:
            case "StartTransientUnit":
                if unit in systemd.units:
                    raise BusError(EXISTS, f"Unit {unit} already exists.")
                systemd.units[unit] = {each.name: each.value for each in arguments[2]}
            case "SetUnitProperties":
                systemd.units[unit] |= {each.name: each.value for each in arguments[2]}
                return ()
            case "StopUnit":
                if systemd.units.pop(unit, None) is None:
                    raise BusError(NO_UNIT, f"Unit {unit} not loaded.")
            case "ResetFailedUnit":
                raise BusError(NO_UNIT, f"Unit {unit} not loaded.")
        return (self._job(f"/job/{len(systemd.calls)}"),)

    def _job(self, job: str) -> str:
        self._removed("/job/of-another", "failed")
        if self._systemd.result is not None:
            if self._systemd.hasty:
                self._removed(job, self._systemd.result)
            else:
                asyncio.get_running_loop().call_soon(self._removed, job, self._systemd.result)
        return job


@pytest.mark.parametrize("hasty", [True, False])
async def test_a_slice_is_started_set_and_stopped(hasty: bool) -> None:
    systemd = Systemd(hasty=hasty)
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    await slices.ensure(POD_SLICE, CgroupValues(shares=1024, memory=4096))
    unit = unit_of(POD_SLICE)
    assert systemd.units[unit]["CPUWeight"] == 39 and systemd.units[unit]["Wants"] == ("kubepods-burstable.slice",)
    await slices.ensure(POD_SLICE, CgroupValues(shares=2))  # of an earlier run
    assert systemd.units[unit]["CPUWeight"] == 1 and systemd.units[unit]["MemoryMax"] == 4096
    await slices.update(POD_SLICE, CgroupValues(memory=8192))
    assert systemd.units[unit]["MemoryMax"] == 8192
    await slices.update(POD_SLICE, CgroupValues(hugepages={2**21: 0}))
    for _ in range(2):
        await slices.stop(POD_SLICE)
    assert not systemd.units and systemd.connections == 1
    assert [call.split()[0] for call in systemd.calls] == [
        "StartTransientUnit", "StartTransientUnit", "StartUnit", "SetUnitProperties", "SetUnitProperties",
        "StopUnit", "ResetFailedUnit", "StopUnit",
    ]


async def test_many_at_once_each_get_their_own_answer() -> None:
    systemd = Systemd(hasty=False)
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    await asyncio.gather(*(slices.ensure(f"/kubepods.slice/kubepods-pod{n}.slice", CgroupValues()) for n in range(20)))
    assert len(systemd.units) == 20 and systemd.connections == 1


async def test_a_broken_connection_is_made_again_once() -> None:
    systemd = Systemd()
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    await slices.ensure(POD_SLICE, CgroupValues())
    systemd.broken = 1
    await slices.update(POD_SLICE, CgroupValues(shares=5))
    assert systemd.connections == 2
    systemd.broken = 2
    with pytest.raises(CgroupError, match="connection to systemd broke during SetUnitProperties: broken pipe"):
        await slices.update(POD_SLICE, CgroupValues(shares=5))


@pytest.mark.looptime
async def test_what_systemd_refuses_is_told() -> None:
    systemd = Systemd()
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    for member, act in {
        "StartTransientUnit": slices.ensure, "SetUnitProperties": slices.update,
    }.items():
        systemd.refuse[member] = BusError("org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
        with pytest.raises(CgroupError, match=r"systemd cannot (start|set CPUWeight of) kubepods.*: Permission denied"):
            await act(POD_SLICE, CgroupValues(shares=5))
    systemd.refuse["StopUnit"] = BusError("org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
    with pytest.raises(CgroupError, match=r"systemd cannot stop .*: Permission denied"):
        await slices.stop(POD_SLICE)
    systemd.result = "failed"
    with pytest.raises(CgroupError, match=r"ended StartTransientUnit of .* with 'failed': see `systemctl status"):
        await slices.ensure(POD_SLICE, CgroupValues())
    systemd.result = None
    with pytest.raises(CgroupError, match=r"did not end StopUnit of .* within 30 s"):
        await slices.stop(POD_SLICE)


async def test_without_systemd_the_way_out_is_told() -> None:
    async def nobody(_removed: JobRemoved) -> Connection:
        raise BusLost("no system bus: No such file or directory")

    with pytest.raises(CgroupError, match="set cgroupDriver: cgroupfs here and in the runtime"):
        await SystemdSlices(unified=True, connect=nobody).ensure("/kubepods.slice", CgroupValues())


async def test_without_the_package_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(CgroupError, match=r"pip install podwright\[systemd\]"):
        await connect_bus(lambda _job, _result: None)


class MessageBus:
    """As much of dbus-fast's connection as we use; `answer` is that to every call."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.connected = answer, True
        self.sent: list[Any] = []
        self.handlers: list[Any] = []

    async def call(self, message: Any) -> Any:
        self.sent.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def add_message_handler(self, handler: Any) -> None:
        self.handlers.append(handler)


LIBRARY = SimpleNamespace(
    Message=SimpleNamespace,
    MessageType=SimpleNamespace(ERROR="error", SIGNAL="signal"),
    Variant=lambda signature, value: (signature, value),
)


async def test_what_goes_over_the_bus() -> None:
    connection = MessageBus(SimpleNamespace(message_type="return", body=["/job/1"]))
    bus = SystemBus(LIBRARY, connection)
    properties = [Property("Wants", "as", ("a.slice",)), Property("CPUWeight", "t", 7)]
    assert await bus.call("StartTransientUnit", "ssa(sv)a(sa(sv))", "u", "replace", properties, []) == ("/job/1",)
    sent = connection.sent[0]
    assert (sent.destination, sent.interface) == ("org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager")
    assert sent.body == ["u", "replace", [["Wants", ("as", ["a.slice"])], ["CPUWeight", ("t", 7)]], []]
    heard: list[tuple[str, str]] = []
    await bus.hear_jobs(lambda job, result: heard.append((job, result)))
    for kind, member in (("signal", "JobRemoved"), ("signal", "UnitNew"), ("return", "JobRemoved")):
        connection.handlers[0](SimpleNamespace(message_type=kind, member=member, body=[1, "/job/1", "u", "done"]))
    assert heard == [("/job/1", "done")] and connection.sent[1].member == "AddMatch"
    connection.answer = SimpleNamespace(message_type="error", error_name=EXISTS, body=["it exists"])
    with pytest.raises(BusError, match="it exists") as caught:
        await bus.call("StopUnit", "ss", "u", "replace")
    assert caught.value.name == EXISTS
    for gone in (EOFError(), BrokenPipeError("broken"), None):
        connection.answer = gone
        with pytest.raises(BusLost):
            await bus.call("StopUnit", "ss", "u", "replace")


class Files:
    """The kernel's side: a cgroup is there once made, and goes when nothing runs in it."""

    unified = True

    def __init__(self) -> None:
        self.cgroups: dict[str, CgroupValues] = {}
        self.pids: dict[str, set[int]] = {}

    def exists(self, path: str) -> bool:
        return path in self.cgroups

    def create(self, path: str, values: CgroupValues) -> None:
        self.cgroups[path] = values

    update = create

    def children(self, path: str) -> list[str]:
        return [each.rpartition("/")[2] for each in self.cgroups if each.rpartition("/")[0] == path]

    def processes(self, path: str) -> set[int]:
        return self.pids.get(path, set())

    def remove(self, path: str) -> None:
        self.cgroups.pop(path, None)


async def test_a_pods_life_as_a_slice() -> None:
    systemd, files, killed = Systemd(), Files(), []
    settings = CgroupSettings(driver=CgroupDriver.SYSTEMD, hugepage_sizes=(2**21,), pids_limit=9)
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    cgroups = PodCgroups(settings, files, lambda pid, number: killed.append((pid, number)), slices)
    await cgroups.start(CgroupValues(memory=2**30))
    assert set(systemd.units) == {"kubepods.slice", "kubepods-burstable.slice", "kubepods-besteffort.slice"}
    await cgroups.ensure(make_pod())
    assert cgroups.parent(make_pod()) == POD_SLICE
    properties = systemd.units["kubepods-burstable-pod1_2.slice"]
    assert (properties["CPUWeight"], properties["MemoryMax"], properties["TasksMax"]) == (20, 64 * 2**20, 9)
    assert files.cgroups[POD_SLICE].hugepages == {2**21: 0}
    assert systemd.units["kubepods-burstable.slice"]["CPUWeight"] == 20  # follows its pods
    after = PodCgroups(settings, files, lambda pid, number: killed.append((pid, number)), slices)
    await after.start()  # the agent was restarted
    files.pids[POD_SLICE] = {17}
    assert await after.sweep(set) == {PodUID("1-2")}
    assert killed == [(17, signal.SIGKILL)] and POD_SLICE not in files.cgroups
    assert set(systemd.units) == {"kubepods.slice", "kubepods-burstable.slice", "kubepods-besteffort.slice"}
    await after.remove(PodUID("1-2"))


async def test_the_runtime_decides_on_the_driver() -> None:
    systemd, files = Systemd(), Files()
    slices = SystemdSlices(unified=True, connect=systemd.connect)
    await PodCgroups(CgroupSettings(driver=CgroupDriver.SYSTEMD), files, slices=slices).start(
        driver=CgroupDriver.CGROUPFS)
    assert not systemd.units and "/kubepods" in files.cgroups
