"""What the agent refuses to start on, and what it calls itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kubelet.app import AgentError, check_host, embedded_dockershim, node_name, swap_areas
from kubelet.config import load
from kubelet.containerspec import HostFacts

V2 = HostFacts(True, True, (), (), False)
V1 = replace(V2, cgroup_v2=False)


def test_cgroup_v1_and_swap_are_refused_unless_allowed() -> None:
    check_host(load([]), V2, [])
    with pytest.raises(AgentError, match="failCgroupV1"):
        check_host(load([]), V1, [])
    check_host(load(["--fail-cgroupv1=false"]), V1, [])
    with pytest.raises(AgentError, match=r"swap.*/dev/sda2"):
        check_host(load([]), V2, ["/dev/sda2"])
    check_host(load(["--fail-swap-on=false"]), V2, ["/dev/sda2"])


def test_nothing_that_only_the_servers_need_is_imported_before_the_first_pods() -> None:
    """A third of all imports: see HEAD_START_SECONDS."""
    code = (
        "import sys, kubelet.__main__, kubelet.app\n"
        "late = ('aiohttp', 'kubernetes', 'cryptography', 'kubelet.serving', 'kubelet.server', 'kubelet.explain')\n"
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_swap_areas(tmp_path: Path) -> None:
    table = tmp_path / "swaps"
    table.write_text("Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2\n")
    assert swap_areas(table) == ["/dev/sda2"]
    assert swap_areas(tmp_path / "absent") == []


def test_node_name_is_lower_case() -> None:
    assert node_name(load(["--hostname-override=Node-A"])) == "node-a"


def test_a_named_runtime_means_no_dockershim_of_our_own() -> None:
    assert embedded_dockershim(load(["--container-runtime-endpoint=unix:///run/x.sock"])) is None
    embedded = embedded_dockershim(load(["--root-dir=/x", "--dockershim-flag=--docker-endpoint=unix:///d.sock"]))
    assert embedded is not None
    assert embedded.endpoint == "unix:///x/dockershim.sock"
    assert embedded.command()[-1] == "--docker-endpoint=unix:///d.sock"
