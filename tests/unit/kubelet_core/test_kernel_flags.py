"""The kernel's settings: set, left alone, or a reason not to start."""

from pathlib import Path

import pytest

from kubelet.app import AgentError, settle_kernel
from kubelet.config import load
from kubelet.kernelflags import WANTED, warnings, wrong_flags

OF_CLUSTER = "--kubeconfig=/etc/kubernetes/kubelet.conf"


@pytest.fixture
def sysctls(tmp_path: Path) -> Path:
    """All as wanted but two."""
    for flag, value in WANTED.items():
        (tmp_path / flag).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / flag).write_text(f"{value}\n")
    (tmp_path / "vm/overcommit_memory").write_text("0\n")
    (tmp_path / "kernel/panic").write_text("0\n")
    return tmp_path


def test_a_node_of_a_cluster_sets_them(sysctls: Path) -> None:
    settle_kernel(load([OF_CLUSTER]), sysctls)
    assert (sysctls / "vm/overcommit_memory").read_text() == "1"
    assert (sysctls / "kernel/panic").read_text() == "10"
    assert wrong_flags(sysctls) == []


def test_a_standalone_agent_leaves_the_machine_as_it_is(sysctls: Path) -> None:
    settle_kernel(load([]), sysctls)
    assert (sysctls / "vm/overcommit_memory").read_text() == "0\n"


def test_protected_ones_have_to_be_right(sysctls: Path) -> None:
    options = load([OF_CLUSTER, "--protect-kernel-defaults=true"])
    (sysctls / "kernel/keys/root_maxkeys").unlink()
    with pytest.raises(AgentError) as refused:
        settle_kernel(options, sysctls)
    text = str(refused.value)
    for part in (
        "invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0",
        "invalid kernel flag: kernel/panic, expected value: 10, actual value: 0",
        "kernel flag kernel/keys/root_maxkeys cannot be read", "protectKernelDefaults: false",
    ):  # fmt: skip
        assert part in text
    assert (sysctls / "vm/overcommit_memory").read_text() == "0\n"
    for flag, value in WANTED.items():
        (sysctls / flag).write_text(str(value))
    settle_kernel(options, sysctls)


def test_what_cannot_be_set_is_said_and_stays(sysctls: Path, caplog: pytest.LogCaptureFixture) -> None:
    (sysctls / "kernel/panic").write_text("no number")
    (sysctls / "vm/panic_on_oom").unlink()
    settle_kernel(load([OF_CLUSTER]), sysctls)
    assert (sysctls / "vm/overcommit_memory").read_text() == "1"
    assert "flag=kernel/panic" in caplog.text and "flag=vm/panic_on_oom" in caplog.text


@pytest.mark.parametrize(("swap", "kernel", "v2", "reasons"), [
    ([], (5, 10), True, []), ([], (5, 10), False, ["CgroupV1"]),
    (["/dev/sda2"], (5, 10), True, ["PossibleMemoryBackedVolumesOnDisk"]), (["/dev/sda2"], (6, 4), True, []),
    (["/dev/sda2"], (6, 3), False, ["CgroupV1", "PossibleMemoryBackedVolumesOnDisk"]),
])
def test_warnings_about_the_machine(swap: list[str], kernel: tuple[int, int], v2: bool, reasons: list[str]) -> None:
    told = dict(warnings(swap, kernel, cgroup_v2=v2))
    assert list(told) == reasons
    assert told.get("CgroupV1", "cgroup v1 detected.").startswith("cgroup v1 detected.")
    assert "should no longer be considered secure." in told.get(
        "PossibleMemoryBackedVolumesOnDisk", "should no longer be considered secure.")
