"""Memory of each kind of machine, of all pods together, and where the kernel's marks go."""

from pathlib import Path

import pytest

from kubelet.eviction.memory import Group, MemoryFiles, marks, read_group, until_short
from kubelet.eviction.signals import Observation, Signal
from kubelet.eviction.thresholds import Amount, Threshold

MEMORY = Threshold(Signal.MEMORY, Amount("100"))
PODS = Threshold(Signal.ALLOCATABLE_MEMORY, Amount("100"))
MEMINFO = "MemTotal:       1000 kB\nMemFree:         300 kB\nInactive(file):  200 kB\nHugePages_Total:       0\n"
CAPACITY = 1_024_000


def group(directory: Path, *, v1: bool, used: int, droppable: int, limit: str) -> None:
    directory.mkdir(parents=True)
    names = ("memory.usage_in_bytes", "memory.limit_in_bytes") if v1 else ("memory.current", "memory.max")
    for name, value in zip(names, (str(used), limit), strict=True):
        (directory / name).write_text(f"{value}\n")
    prefix = "total_" if v1 else ""
    (directory / "memory.stat").write_text(f"anon 5\ninactive_file {1 if v1 else droppable}\n" + (
        f"{prefix}inactive_file {droppable}\n" if v1 else ""))


def host(directory: Path, version: str) -> Path:
    (directory / "proc").mkdir()
    (directory / "proc/meminfo").write_text(MEMINFO)
    root = directory / ("sys/fs/cgroup/memory" if version == "v1" else "sys/fs/cgroup")
    if version in ("v1", "v2"):
        group(root, v1=version == "v1", used=600_000, droppable=100_000, limit="max")
    else:
        root.mkdir(parents=True)
    return directory


@pytest.mark.parametrize(("version", "working_set"), [("v1", 500_000), ("v2", 500_000), ("v2 root", 500 * 1024)])
def test_of_each_kind_of_machine(tmp_path: Path, version: str, working_set: int) -> None:
    assert MemoryFiles(host(tmp_path, version)).observe() == {
        Signal.MEMORY: Observation(CAPACITY, CAPACITY - working_set)
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("limit", "expected"),
    [("900000", Observation(900_000, 640_000)), ("9223372036854771712", None), ("max", None)],
)
def test_of_all_pods_together(tmp_path: Path, version: str, limit: str, expected: Observation | None) -> None:
    files = MemoryFiles(host(tmp_path, version), "/kubepods.slice")
    assert Signal.ALLOCATABLE_MEMORY not in files.observe(), "no pod cgroup yet"
    directory = files.directory(Signal.ALLOCATABLE_MEMORY)
    if limit == "max" and version == "v1":
        limit = str(2**63 - 4096)
    group(directory, v1=version == "v1", used=300_000, droppable=40_000, limit=limit)
    assert files.observe().get(Signal.ALLOCATABLE_MEMORY) == expected


def test_a_group_that_can_drop_more_than_it_uses_uses_nothing(tmp_path: Path) -> None:
    group(tmp_path / "g", v1=False, used=10, droppable=20, limit="max")
    found = read_group(tmp_path / "g")
    assert found == Group(10, 20) and found.working_set == 0
    assert read_group(tmp_path / "none") is None


def test_marks_are_usages_from_which_on_a_threshold_is_met() -> None:
    seen = {Signal.MEMORY: Observation(1000, 500), Signal.ALLOCATABLE_MEMORY: Observation(800, 500)}
    groups = {Signal.MEMORY: Group(600, 100), Signal.ALLOCATABLE_MEMORY: Group(310, 10)}
    tenth = Threshold(Signal.MEMORY, Amount("50%"), soft=True)
    assert marks([MEMORY, tenth, PODS], seen, groups) == {
        Signal.MEMORY: {1000 - 100 + 100, 1000 - 500 + 100}, Signal.ALLOCATABLE_MEMORY: {800 - 100 + 10}
    }  # fmt: skip
    assert marks([MEMORY, PODS], seen, {Signal.MEMORY: Group(600, 100)}) == {Signal.MEMORY: {1000}}


@pytest.mark.looptime
async def test_where_the_kernel_has_no_marks_a_look_each_second_takes_their_place(tmp_path: Path) -> None:
    files = MemoryFiles(host(tmp_path, "v2"))
    looks = [Observation(1000, 900)] * 3 + [Observation(1000, 50)]
    assert await until_short(files, [MEMORY], 10, lambda: {Signal.MEMORY: looks.pop(0)})
    assert looks == []
    assert not await until_short(files, [MEMORY], 3.5, lambda: {Signal.MEMORY: Observation(1000, 900)})


@pytest.mark.looptime
async def test_a_look_that_fails_is_no_answer(tmp_path: Path) -> None:
    def fails() -> dict[Signal, Observation]:
        raise FileNotFoundError("meminfo")

    assert not await until_short(MemoryFiles(host(tmp_path, "v2")), [MEMORY], 3.5, fails)
