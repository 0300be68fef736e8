"""Facts of the machine, from a small /sys."""

from pathlib import Path

import pytest

from kubelet.containerspec.hostfacts import learn_host_facts


def make(sys: Path, *files: str) -> Path:
    for file in files:
        (sys / file).parent.mkdir(parents=True, exist_ok=True)
        (sys / file).touch()
    return sys


def test_nothing_there(tmp_path: Path) -> None:
    facts = learn_host_facts(tmp_path)
    assert (
        facts.cgroup_v2,
        facts.swap_controller,
        facts.hugepage_sizes,
        facts.masked_paths,
        facts.selinux_enabled,
    ) == (False, False, (), (), False)


@pytest.mark.parametrize(
    ("files", "v2", "swap"),
    [
        (("fs/cgroup/memory/memory.memsw.limit_in_bytes",), False, True),
        (("fs/cgroup/cgroup.controllers",), True, False),
        (("fs/cgroup/cgroup.controllers", "fs/cgroup/system.slice/memory.swap.max"), True, True),
    ],
)
def test_cgroups(tmp_path: Path, files: tuple[str, ...], v2: bool, swap: bool) -> None:
    facts = learn_host_facts(make(tmp_path, *files))
    assert (facts.cgroup_v2, facts.swap_controller) == (v2, swap)


def test_pages_and_masks(tmp_path: Path) -> None:
    facts = learn_host_facts(
        make(
            tmp_path,
            "kernel/mm/hugepages/hugepages-1048576kB/free",
            "kernel/mm/hugepages/hugepages-2048kB/free",
            "devices/system/cpu/cpu1/thermal_throttle/x",
            "devices/system/cpu/cpufreq/thermal_throttle/x",
            "fs/selinux/enforce",
        )
    )
    assert (facts.hugepage_sizes, facts.hugepage_names) == ((2**21, 2**30), ("2MB", "1GB"))
    assert facts.masked_paths == (str(tmp_path / "devices/system/cpu/cpu1/thermal_throttle"),)
    assert facts.selinux_enabled
