"""The kernel's reports of kills, the event that some of them cause, and the agent's own place among the victims."""

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubelet.api.types import ObjectReference
from kubelet.events import LogEventRecorder
from kubelet.oom import OomWatcher, apply_own_score
from kubelet.oom.kmsg import OomKill, OomReader

BEGIN = "6,100,1,-;stress invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0"
OF_MEMCG = (
    "6,103,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,"
    "oom_memcg=/kubepods/pod1,task_memcg={},task=stress,pid=77,uid=0"
)  # fmt: skip
GLOBAL = (
    "6,103,1,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
    "global_oom,task_memcg=/kubepods/pod1/c,task=stress,pid=77,uid=0"
)  # fmt: skip
OLD = "6,103,1,-;Task in /kubepods/pod1/c killed as a result of limit of /kubepods/pod1"
KILLED = "3,104,1,-;Memory cgroup out of memory: Killed process 77 (stress) total-vm:1kB, anon-rss:1kB UID:0"
KILLED_GLOBALLY = "3,104,1,-;Out of memory: Killed process 77 (my (odd) name) total-vm:1kB\n SUBSYSTEM=x"
NOISE = "6,101,1,-;cni0: port 1(veth0) entered blocking state"


@pytest.mark.parametrize(
    ("records", "kill"),
    [
        ([BEGIN, NOISE, OF_MEMCG.format("/kubepods/pod1/c"), KILLED], OomKill("/kubepods/pod1/c", "stress", 77)),
        ([BEGIN, OF_MEMCG.format("/"), KILLED], OomKill("/", "stress", 77)),
        ([BEGIN, OLD, NOISE, KILLED], OomKill("/kubepods/pod1/c", "stress", 77)),
        ([BEGIN, GLOBAL, KILLED_GLOBALLY], OomKill("/", "my (odd) name", 77)),
        ([BEGIN, BEGIN, KILLED], OomKill("/", "stress", 77)),
        ([KILLED], None),  # the beginning was logged before anybody listened
        ([OF_MEMCG.format("/a"), KILLED], None),
        ([BEGIN, NOISE, "", "no semicolon"], None),
    ],
)
def test_reports(records: list[str], kill: OomKill | None) -> None:
    reader = OomReader()
    found = [one for record in records if (one := reader.feed(record)) is not None]
    assert found == ([kill] if kill else [])
    if found:
        assert reader.feed(KILLED) is None, "a report is told of once"


async def test_a_process_of_the_machine_is_an_event_a_container_is_none(tmp_path: Path) -> None:
    """A pipe in place of the kernel's log; both hand out what was written at once as one record."""
    recorder, pipe = LogEventRecorder(), tmp_path / "kmsg"
    os.mkfifo(pipe)
    watcher = OomWatcher(recorder, lambda: ObjectReference(kind="Node", name="n", uid="n"), pipe)
    task = asyncio.get_running_loop().create_task(watcher.run())
    log = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)  # waits for the watcher
    fcntl.fcntl(log, fcntl.F_SETFL, os.O_DIRECT)
    for record in (BEGIN, OF_MEMCG.format("/kubepods/pod1/c"), KILLED, BEGIN, NOISE, GLOBAL, KILLED_GLOBALLY):
        os.write(log, record.encode())
    os.close(log)
    await asyncio.wait_for(task, 10)
    assert [(event.kind, event.reason, event.message) for event in recorder.recent("n")] == [
        ("Warning", "SystemOOM", "System OOM encountered, victim process: my (odd) name, pid: 77"),
    ]  # fmt: skip


async def test_without_a_kernel_log_the_agent_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await OomWatcher(LogEventRecorder(), ObjectReference, tmp_path / "none").run()
    assert "The kernel's log cannot be read" in caplog.text and "No such file or directory" in caplog.text


def test_the_agents_own_score(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "self").mkdir()
    assert apply_own_score(-999, tmp_path)
    assert (tmp_path / "self/oom_score_adj").read_text() == "-999"
    assert not apply_own_score(-999, tmp_path / "none")
    assert "oom_score_adj cannot be set wanted=-999" in caplog.text


def test_the_kernel_takes_a_score() -> None:
    """In a process of its own, since raising it cannot be undone everywhere."""
    program = "from kubelet.oom import apply_own_score as do; print(do(500), open('/proc/self/oom_score_adj').read())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "500"]
