"""What a killed run left is found by names that only it uses."""

import os
import shutil
import subprocess
from pathlib import Path

from kubelet.operator import leftovers

SAVED = r"""
*nat
:PREROUTING ACCEPT [0:0]
:CNI-5913 - [0:0]
-A POSTROUTING -s 10.85.0.2/32 -m comment --comment "name: \"podwright-run\" id: \"38\"" -j CNI-5913
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \"podman\" id: \"podwright-run\"" -j CNI-aa
-A POSTROUTING -s 10.89.0.2/32 -m comment --comment "name: \"podwright-run2\" id: \"1\"" -j CNI-bb
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"podwright-run\" id: \"38\"" -j CNI-DN-c
-A CNI-5913 -d 10.85.0.0/16 -m comment --comment "name: \"podwright-run\" id: \"38\"" -j ACCEPT
COMMIT
""".splitlines()


def test_only_rules_of_our_network_are_ours() -> None:
    found = leftovers.cni_rules(SAVED, "podwright-run")
    assert [chain for _, chain in found] == ["CNI-5913", "CNI-DN-c"]
    assert found[0][0] == [
        "POSTROUTING", "-s", "10.85.0.2/32", "-m", "comment", "--comment", 'name: "podwright-run" id: "38"',
        "-j", "CNI-5913",
    ]  # fmt: skip


def test_marked_processes_and_their_children_are_ended_and_no_others(tmp_path: Path) -> None:
    name = str(tmp_path)
    sleep = shutil.which("sleep") or "/bin/sleep"
    environment = os.environ | {leftovers.MARK: name}
    # The child of the marked shell has lost its environment, as a container's first process has.
    marked = subprocess.Popen(["sh", "-c", f"env -i {sleep} 60 & exec {sleep} 60"], env=environment)
    other = subprocess.Popen([sleep, "60"], env=os.environ | {leftovers.MARK: f"{name}-other"})
    try:
        leftovers._end_processes(name)
        assert marked.wait(5) < 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        marked.wait()


def test_a_second_call_finds_nothing_and_logs_can_stay(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "engine" / "deep").mkdir(parents=True)
    (state / "engine" / "link").symlink_to(tmp_path)
    (state / "engine" / "json.log").write_text("the engine's own")
    (state / "logs" / "web").mkdir(parents=True)
    (state / "logs" / "web" / "0.log").write_text("its words")
    (state / "kubelet.log").write_text("why")
    (state / "engine.pid").write_text("1")
    leftovers._remove_files(state, keep_logs=True)
    assert sorted(path.name for path in state.rglob("*")) == ["0.log", "kubelet.log", "logs", "web"]
    leftovers._remove_files(state, keep_logs=False)
    leftovers._remove_files(state, keep_logs=False)
    assert list(state.iterdir()) == []
