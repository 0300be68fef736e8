"""Names, arithmetic, what is written, and the life of a pod's cgroup."""

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import Pod
from kubelet.cgroups import (
    CgroupDriver,
    CgroupError,
    CgroupSettings,
    CgroupV1,
    CgroupV2,
    CgroupValues,
    PodCgroups,
    cpu_quota,
    cpu_shares,
    cpu_weight,
    detect_tree,
)
from kubelet.cgroups.names import from_path, pod_name, root_name, to_path, uid_of
from kubelet.cgroups.trees import limits_in_force, writes_v1, writes_v2
from kubelet.cgroups.values import grown, hugepage_name, hugepage_size, overlaid, pod_values


def make_pod(*resources: dict[str, Any], uid: str = "1-2", **spec: Any) -> Pod:
    containers = [{"name": f"c{number}", "resources": each} for number, each in enumerate(resources)] or [{"name": "c"}]
    return convert({"metadata": {"uid": uid}, "spec": {"containers": containers, **spec}}, Pod)


def limited(cpu: str, memory: str) -> dict[str, Any]:
    return {"limits": {"cpu": cpu, "memory": memory}, "requests": {"cpu": cpu, "memory": memory}}


@pytest.mark.parametrize(
    ("pod", "cgroupfs", "systemd"),
    [
        (
            make_pod(),
            "/kubepods/besteffort/pod1-2",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice",
        ),
        (
            make_pod({"requests": {"cpu": "1"}}),
            "/kubepods/burstable/pod1-2",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice",
        ),
        (make_pod(limited("1", "1Gi")), "/kubepods/pod1-2", "/kubepods.slice/kubepods-pod1_2.slice"),
    ],
)
def test_names(pod: Pod, cgroupfs: str, systemd: str) -> None:
    name = pod_name(root_name(""), pod)
    assert to_path(name, CgroupDriver.CGROUPFS) == cgroupfs and to_path(name, CgroupDriver.SYSTEMD) == systemd
    assert from_path(cgroupfs, CgroupDriver.CGROUPFS) == name == from_path(systemd, CgroupDriver.SYSTEMD)
    assert uid_of(name) == "1-2" and uid_of(name[:-1]) is None
    assert root_name("/a/b/") == ("a", "b", "kubepods")


@pytest.mark.parametrize(
    ("millicores", "shares"), [(0, 2), (1, 2), (2, 2), (3, 3), (250, 256), (1000, 1024), (10**6, 262_144)]
)
def test_cpu_shares(millicores: int, shares: int) -> None:
    assert cpu_shares(millicores) == shares


@pytest.mark.parametrize(
    ("millicores", "period", "quota"),
    [(0, 100_000, 0), (1, 100_000, 1000), (10, 100_000, 1000), (500, 100_000, 50_000), (1500, 10_000, 15_000)],
)
def test_cpu_quota(millicores: int, period: int, quota: int) -> None:
    assert cpu_quota(millicores, period) == quota


@pytest.mark.parametrize(("shares", "weight"), [(0, 1), (2, 1), (1024, 39), (262_144, 10_000), (512, 20), (2048, 79)])
def test_cpu_weight(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


@settings(deadline=None)
@given(st.integers(2, 262_144), st.integers(2, 262_144))
def test_more_shares_never_weigh_less(first: int, second: int) -> None:
    assert (cpu_weight(min(first, second)) <= cpu_weight(max(first, second))) and 1 <= cpu_weight(first) <= 10_000


@pytest.mark.parametrize(
    ("resource", "size", "name"),
    [("hugepages-2Mi", 2**21, "2MB"), ("hugepages-1Gi", 2**30, "1GB"), ("hugepages-64Ki", 2**16, "64KB")],
)
def test_huge_page_names(resource: str, size: int, name: str) -> None:
    assert (hugepage_size(resource), hugepage_name(size)) == (size, name)


@pytest.mark.parametrize(
    ("pod", "values"),
    [
        (make_pod(), CgroupValues(shares=2)),
        (make_pod(limited("500m", "1Gi")), CgroupValues(shares=512, quota=50_000, period=100_000, memory=2**30)),
        (make_pod({"requests": {"cpu": "250m"}}), CgroupValues(shares=256)),
        (
            make_pod({"requests": {"cpu": "250m"}, "limits": {"cpu": "1"}}),
            CgroupValues(shares=256, quota=100_000, period=100_000),
        ),
        (make_pod({"limits": {"cpu": "1"}}, {"requests": {"cpu": "1"}}), CgroupValues(shares=1024)),
        (make_pod({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1Gi"}}), CgroupValues(shares=2, memory=2**31)),
        (
            make_pod({"requests": {"cpu": "1"}}, resources={"limits": {"cpu": "2"}}),
            CgroupValues(shares=1024, quota=200_000, period=100_000),
        ),
        (
            make_pod(limited("1", "1Gi"), overhead={"cpu": "1", "memory": "1Gi"}),
            CgroupValues(shares=2048, quota=200_000, period=100_000, memory=2**31),
        ),
        (
            make_pod({"requests": {"cpu": "1", "hugepages-2Mi": "4Mi"}}),
            CgroupValues(shares=1024, hugepages={2**21: 2**22}),
        ),
        (make_pod({"limits": {"cpu": "1"}}, initContainers=[{"name": "i"}]), CgroupValues(shares=2)),
        (
            make_pod(
                {"limits": {"cpu": "1"}},
                initContainers=[{"name": "s", "restartPolicy": "Always", "resources": {"limits": {"cpu": "1"}}}],
            ),
            CgroupValues(shares=2, quota=200_000, period=100_000),
        ),
    ],
)
def test_pod_values(pod: Pod, values: CgroupValues) -> None:
    assert pod_values(pod) == values


def test_settings_change_the_values() -> None:
    pod = make_pod(limited("1", "1Gi"))
    assert pod_values(pod, cfs_quota=False, pids=99) == CgroupValues(
        shares=1024, quota=-1, period=100_000, memory=2**30, pids=99
    )


def test_what_is_written() -> None:
    values = CgroupValues(shares=1024, quota=50_000, period=100_000, memory=2**20, pids=5, hugepages={2**21: 0})
    assert writes_v1(values) == [
        ("cpu", "cpu.shares", "1024"),
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("cpu", "cpu.cfs_quota_us", "50000"),
        ("memory", "memory.limit_in_bytes", "1048576"),
        ("pids", "pids.max", "5"),
        ("hugetlb", "hugetlb.2MB.limit_in_bytes", "0"),
    ]
    assert writes_v2(values) == [
        ("cpu.weight", "39"),
        ("cpu.max", "50000 100000"),
        ("memory.max", "1048576"),
        ("pids.max", "5"),
        ("hugetlb.2MB.max", "0"),
    ]
    assert writes_v2(CgroupValues(quota=-1)) == [("cpu.max", "max 100000")]
    assert writes_v1(CgroupValues()) == writes_v2(CgroupValues()) == []


class Tree:
    """A cgroup file system in a dict; `stubborn` cgroups can be removed only at the given attempt."""

    unified = True

    def __init__(self) -> None:
        self.cgroups: dict[str, CgroupValues] = {}
        self.pids: dict[str, set[int]] = {}
        self.stubborn: dict[str, int] = {}
        self.at = Path("/nowhere")
        """Where the files of all cgroups are."""

    def directories(self, _: str) -> dict[str, Path]:
        return {"": self.at}

    def exists(self, path: str) -> bool:
        return path in self.cgroups

    def create(self, path: str, values: CgroupValues) -> None:
        assert path.rpartition("/")[0] in ("", *self.cgroups)
        self.cgroups[path] = values

    def update(self, path: str, values: CgroupValues) -> None:
        if path not in self.cgroups:
            raise CgroupError(f"no {path}")
        self.cgroups[path] = values

    def children(self, path: str) -> list[str]:
        return [each.rpartition("/")[2] for each in self.cgroups if each.rpartition("/")[0] == path]

    def processes(self, path: str) -> set[int]:
        return self.pids.get(path, set())

    def remove(self, path: str) -> None:
        if self.stubborn.get(path, 0) > 0:
            self.stubborn[path] -= 1
            raise CgroupError(f"cannot remove cgroup {path}: busy")
        self.cgroups.pop(path, None)


async def test_the_tree_and_a_pods_life() -> None:
    tree = Tree()
    cgroups = PodCgroups(CgroupSettings(hugepage_sizes=(2**21,), pids_limit=7), tree)
    await cgroups.start(CgroupValues(shares=4096))
    tier = CgroupValues(shares=2, hugepages={2**21: 2**62})
    assert tree.cgroups == {
        "/kubepods": CgroupValues(shares=4096),
        "/kubepods/burstable": tier,
        "/kubepods/besteffort": tier,
    }
    pod = make_pod({"requests": {"cpu": "500m"}}, uid="a")
    other = make_pod({"requests": {"cpu": "1"}}, uid="b")
    for each in (pod, other, pod):
        await cgroups.ensure(each)
    assert cgroups.parent(pod) == "/kubepods/burstable/poda"
    assert tree.cgroups["/kubepods/burstable/poda"] == CgroupValues(
        shares=512, pids=7, hugepages={2**21: 0})
    assert tree.cgroups["/kubepods/burstable"] == CgroupValues(shares=1536)
    del tree.cgroups["/kubepods/burstable/poda"]  # somebody removed it: it is made again
    await cgroups.ensure(pod)
    assert "/kubepods/burstable/poda" in tree.cgroups
    for _ in range(2):
        await cgroups.remove(PodUID("a"))
    assert "/kubepods/burstable/poda" not in tree.cgroups
    assert tree.cgroups["/kubepods/burstable"] == CgroupValues(shares=1024)


@pytest.mark.parametrize(("old", "new", "more"), [
    (CgroupValues(quota=1000, memory=5), CgroupValues(quota=2000, period=9, memory=6),
     CgroupValues(quota=2000, period=9, memory=6)),
    (CgroupValues(quota=2000, memory=6), CgroupValues(quota=1000, period=9, memory=5), CgroupValues()),
    (CgroupValues(quota=2000, memory=6), CgroupValues(quota=-1, period=9), CgroupValues(quota=-1, period=9)),
    (CgroupValues(quota=-1), CgroupValues(quota=1000, period=9, memory=5), CgroupValues()),
    (CgroupValues(), CgroupValues(quota=1000, period=9, memory=5), CgroupValues()),
    (CgroupValues(shares=2), CgroupValues(shares=3), CgroupValues(shares=3)),
    (CgroupValues(shares=3), CgroupValues(shares=2), CgroupValues()),
])
def test_what_has_grown(old: CgroupValues, new: CgroupValues, more: CgroupValues) -> None:
    assert grown(old, new) == more
    assert grown(overlaid(old, more), new) == CgroupValues()


@pytest.mark.parametrize(("files", "limits"), [
    ({"cpu.max": "50000 100000", "memory.max": "4096"}, CgroupValues(quota=50000, memory=4096)),
    ({"cpu.max": "max 100000", "memory.max": "max"}, CgroupValues(quota=-1)),
    ({}, CgroupValues()),
])
def test_the_limits_in_force(tmp_path: Path, files: dict[str, str], limits: CgroupValues) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(f"{text}\n")
    assert limits_in_force({"": tmp_path}) == limits


def test_the_limits_in_force_on_v1(tmp_path: Path) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "memory.limit_in_bytes").write_text("4096\n")
    assert limits_in_force({"cpu": tmp_path, "memory": tmp_path}) == CgroupValues(quota=-1, memory=4096)
    assert limits_in_force({"pids": tmp_path}) == CgroupValues()


@pytest.mark.parametrize("is_new_agent", [False, True])
async def test_a_pod_that_was_resized_before_its_containers_ran_has_room_for_them(
    tmp_path: Path, is_new_agent: bool
) -> None:
    tree = Tree()
    tree.at = tmp_path
    cgroups = PodCgroups(CgroupSettings(), tree)
    await cgroups.start()
    await cgroups.ensure(make_pod({"limits": {"cpu": "100m", "memory": "1Mi"}}, uid="a"))
    path = cgroups.parent(make_pod({"limits": {"cpu": "100m", "memory": "1Mi"}}, uid="a"))
    (tmp_path / "cpu.max").write_text("10000 100000")
    (tmp_path / "memory.max").write_text(str(1 << 20))
    if is_new_agent:
        cgroups = PodCgroups(CgroupSettings(), tree)
        await cgroups.start()
    await cgroups.ensure(make_pod({"limits": {"cpu": "50m", "memory": "2Mi"}}, uid="a"))
    assert (tree.cgroups[path].quota, tree.cgroups[path].memory) == (None, 2 << 20)  # cpu waits for who runs
    await cgroups.ensure(make_pod({"limits": {"cpu": "200m", "memory": "1Mi"}}, uid="a"))
    assert (tree.cgroups[path].quota, tree.cgroups[path].period, tree.cgroups[path].memory) == (20000, 100000, None)
    tree.cgroups[path] = CgroupValues()
    await cgroups.ensure(make_pod({"limits": {"cpu": "200m", "memory": "1Mi"}}, uid="a"))
    assert tree.cgroups[path] == CgroupValues()  # nothing new, nothing written


@pytest.mark.looptime
async def test_what_still_runs_is_killed() -> None:
    tree, killed = Tree(), []
    cgroups = PodCgroups(CgroupSettings(), tree, kill=lambda pid, number: killed.append((pid, number)))
    await cgroups.start()
    await cgroups.ensure(make_pod(uid="a"))
    tree.pids["/kubepods/besteffort/poda"] = {17}
    tree.stubborn["/kubepods/besteffort/poda"] = 3
    await cgroups.remove(PodUID("a"))
    assert killed == [(17, signal.SIGKILL)] * 4
    tree.stubborn["/kubepods/besteffort/podb"] = 99
    await cgroups.ensure(make_pod(uid="b"))
    with pytest.raises(CgroupError, match="busy"):
        await cgroups.remove(PodUID("b"))


async def test_a_restart_adopts_and_sweeps() -> None:
    tree = Tree()
    before = PodCgroups(CgroupSettings(), tree)
    await before.start()
    for uid in ("a", "b"):
        await before.ensure(make_pod(uid=uid))
    after = PodCgroups(CgroupSettings(), tree)
    await after.start()
    assert await after.sweep(lambda: {PodUID("a")}) == {PodUID("b")}
    assert tree.children("/kubepods/besteffort") == ["poda"]


async def test_a_pod_that_comes_during_a_sweep_keeps_its_processes() -> None:
    tree = Tree()
    cgroups = PodCgroups(CgroupSettings(), tree)
    await cgroups.start()
    for uid in ("a", "b"):
        await cgroups.ensure(make_pod(uid=uid))
    live: set[PodUID] = set()

    def asked() -> set[PodUID]:
        before = set(live)
        live.update({PodUID("a"), PodUID("b")})  # both are back once the first was found to be gone
        return before

    assert len(await cgroups.sweep(asked)) == 1
    assert len(tree.children("/kubepods/besteffort")) == 1


async def test_without_qos_cgroups_nothing_is_made() -> None:
    tree = Tree()
    cgroups = PodCgroups(CgroupSettings(per_qos=False), tree)
    await cgroups.start()
    await cgroups.ensure(make_pod())
    await cgroups.remove(PodUID("1-2"))
    assert (tree.cgroups, cgroups.parent(make_pod()), await cgroups.sweep(set)) == ({}, "", set())


def fake_v2(root: Path, *, files: tuple[str, ...] = ()) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "cgroup.controllers").write_text("cpu memory pids")
    for name in ("cgroup.subtree_control", *files):
        (root / name).write_text("")


def test_v2_switches_controllers_on_for_children(tmp_path: Path) -> None:
    fake_v2(tmp_path)
    fake_v2(tmp_path / "kubepods", files=("cpu.weight", "memory.max"))
    tree = detect_tree(tmp_path)
    assert isinstance(tree, CgroupV2)
    tree.create("/kubepods", CgroupValues(shares=1024, memory=4096, hugepages={2**21: 0}))
    # A plain file keeps what was written last; the kernel would add each controller up.
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+pids")
    assert (tmp_path / "kubepods/memory.max").read_text() == "4096"
    with pytest.raises(CgroupError, match=r"cannot write '7' to .*/kubepods/pids\.max: No such file or directory"):
        tree.update("/kubepods", CgroupValues(pids=7))
    assert tree.exists("/kubepods") and not tree.exists("/none")


def test_v2_without_the_controller_of_processes_limits_what_it_can(tmp_path: Path) -> None:
    fake_v2(tmp_path)
    fake_v2(tmp_path / "kubepods", files=("memory.max",))
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    detect_tree(tmp_path).update("/kubepods", CgroupValues(memory=4096, pids=7))
    assert (tmp_path / "kubepods/memory.max").read_text() == "4096"
    assert not (tmp_path / "kubepods/pids.max").exists()


def test_v1_uses_every_hierarchy(tmp_path: Path) -> None:
    for name in ("cpu,cpuacct", "memory", "unified"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text("")
    tree = detect_tree(tmp_path)
    assert isinstance(tree, CgroupV1)
    tree.create("/kubepods/poda", CgroupValues())
    assert [(tmp_path / name / "kubepods/poda").is_dir() for name in ("cpu,cpuacct", "memory", "unified")] == [
        True,
        True,
        False,
    ]
    assert tree.exists("/kubepods/poda") and tree.children("/kubepods") == ["poda"]
    (tmp_path / "memory/kubepods/poda/cgroup.procs").write_text("0\n12\n")
    assert tree.processes("/kubepods") == {12}
    (tmp_path / "memory/kubepods/poda/cgroup.procs").unlink()
    tree.remove("/kubepods")
    tree.remove("/kubepods")
    assert not (tmp_path / "cpu,cpuacct/kubepods").exists()


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    for mount in (tmp_path, tmp_path / "none"):
        with pytest.raises(CgroupError, match="no cgroup file system is mounted at"):
            detect_tree(mount)


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "cgroup.procs").write_text("")
    tree = detect_tree(tmp_path)
    (tmp_path / "memory" / "pod").write_text("")  # a file where a cgroup should be
    with pytest.raises(CgroupError, match=f"cannot make cgroup {tmp_path}/memory/pod: {os.strerror(errno.EEXIST)}"):
        tree.create("/pod", CgroupValues())
