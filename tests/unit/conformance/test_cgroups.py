"""Which hierarchies a node gets its groups in, on v1, hybrid and v2 hosts."""

from pathlib import Path

from conformance.cgroups import Hierarchy, NodeCgroups, parse_hierarchies


def mounted(root: Path, *groups: str) -> None:
    for group in groups:
        (root / group).mkdir(parents=True)
        (root / group / "cgroup.procs").touch()


def test_hybrid_host_uses_the_v1_hierarchies(tmp_path: Path) -> None:
    mounted(tmp_path, "memory", "cpu,cpuacct", "systemd", "unified")
    text = "4:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"
    assert parse_hierarchies(text, tmp_path) == [
        Hierarchy("memory", tmp_path / "memory"),
        Hierarchy("cpu,cpuacct", tmp_path / "cpu,cpuacct"),
        Hierarchy("systemd", tmp_path / "systemd"),
    ]


def test_own_group_is_kept_and_an_invisible_one_falls_back_to_the_mount(tmp_path: Path) -> None:
    mounted(tmp_path, "memory", "memory/ci/job", "pids")
    found = parse_hierarchies("4:memory:/ci/job\n3:pids:/not/visible\n", tmp_path)
    assert [h.own_group for h in found] == [tmp_path / "memory/ci/job", tmp_path / "pids"]


def test_unmounted_hierarchies_are_left_out(tmp_path: Path) -> None:
    mounted(tmp_path, "memory")
    assert [h.controllers for h in parse_hierarchies("5:devices:/\n4:memory:/\n", tmp_path)] == ["memory"]


def test_pure_v2_host_keeps_processes_out_of_the_root(tmp_path: Path) -> None:
    mounted(tmp_path, "user.slice")
    (tmp_path / "cgroup.procs").touch()
    groups = NodeCgroups(tuple(parse_hierarchies("0::/user.slice\n", tmp_path)), "podwright-x")
    assert groups.is_v2
    assert groups.v1_names == []
    assert groups.roots == [tmp_path / "user.slice/podwright-x"]
    assert groups.process_groups == [tmp_path / "user.slice/podwright-x/init"]


def test_cpuset_group_is_made_usable(tmp_path: Path) -> None:
    mounted(tmp_path, "cpuset")
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset/cpuset.mems").write_text("0\n")
    NodeCgroups((Hierarchy("cpuset", tmp_path / "cpuset"),), "podwright-x").create()
    assert (tmp_path / "cpuset/podwright-x/cpuset.cpus").read_text() == "0-1\n"
    assert (tmp_path / "cpuset/podwright-x/cpuset.mems").read_text() == "0\n"
