"""What a killed run left is found by names that only it uses."""

import os
import shutil
import subprocess
from pathlib import Path

from kubelet.operator import leftovers

SAVED = r"""
*nat
:PREROUTING ACCEPT [0:0]
:CNI-5913e0b92295cf00e75c546f - [0:0]
-A POSTROUTING -s 10.85.0.2/32 -m comment --comment "name: \"podwright-run\" id: \"3823\"" -j CNI-5913e0b92295cf00e75c546f
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \"podman\" id: \"podwright-run\"" -j CNI-aa
-A POSTROUTING -s 10.89.0.2/32 -m comment --comment "name: \"podwright-run2\" id: \"1\"" -j CNI-bb
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"podwright-run\" id: \"3823\"" -m multiport --dports 80 -j CNI-DN-c
-A CNI-5913e0b92295cf00e75c546f -d 10.85.0.0/16 -m comment --comment "name: \"podwright-run\" id: \"3823\"" -j ACCEPT
COMMIT
""".splitlines()


def test_only_rules_of_our_network_are_ours() -> None:
    found = leftovers.cni_rules(SAVED, "podwright-run")
    assert [chain for _, chain in found] == ["CNI-5913e0b92295cf00e75c546f", "CNI-DN-c"]
    assert found[0][0] == [
        "POSTROUTING", "-s", "10.85.0.2/32", "-m", "comment", "--comment", 'name: "podwright-run" id: "3823"',
        "-j", "CNI-5913e0b92295cf00e75c546f",
    ]  # fmt: skip


def test_marked_processes_and_their_children_are_ended_and_no_others(tmp_path: Path) -> None:
    sleep = shutil.which("sleep") or "/bin/sleep"
    environment = os.environ | {leftovers.MARK: str(tmp_path)}
    # The child of the marked shell has lost its environment, as a container's first process has.
    marked = subprocess.Popen(["sh", "-c", f"env -i {sleep} 60 & wait"], env=environment)
    other = subprocess.Popen([sleep, "60"], env=os.environ | {leftovers.MARK: f"{tmp_path}-other"})
    try:
        leftovers._end_processes(tmp_path)
        assert marked.wait(5) < 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        marked.wait()


def test_a_second_call_finds_nothing_and_logs_can_stay(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "engine" / "deep").mkdir(parents=True)
    (state / "kubelet.log").write_text("why")
    (state / "engine.pid").write_text("1")
    leftovers._remove_files(state, frozenset({".log"}))
    assert [path.name for path in state.iterdir()] == ["kubelet.log"]
    leftovers._remove_files(state, frozenset())
    leftovers._remove_files(state, frozenset())
    assert list(state.iterdir()) == []
