"""Pod cgroups in the kernel's own file system. Needs root; works on whichever version this machine has."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import ObjectReference, Pod
from kubelet.cgroups import CgroupSettings, CgroupV1, CgroupV2, CgroupValues, PodCgroups, cpu_weight, detect_tree
from kubelet.cgroups.allocatable import AllocatableEnforcer, Enforcement
from kubelet.cgroups.trees import writes_v1
from kubelet.events import LogEventRecorder

MOUNT = Path("/sys/fs/cgroup")


@pytest.fixture
def tree() -> CgroupV1 | CgroupV2:
    return detect_tree()


@pytest.fixture
def root(tree: CgroupV1 | CgroupV2) -> Iterator[str]:
    name = f"/podwright-test-{secrets.token_hex(4)}"
    yield name
    tree.remove(name)


def make_pod(uid: str) -> Pod:
    resources = {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "64Mi"}}
    return convert({"metadata": {"uid": uid}, "spec": {"containers": [{"name": "c", "resources": resources}]}}, Pod)


async def test_a_pods_cgroup_limits_holds_and_goes(tree: CgroupV1 | CgroupV2, root: str) -> None:
    cgroups = PodCgroups(CgroupSettings(root=root, pids_limit=100), tree)
    await cgroups.start()
    pod = make_pod("a-b")
    await cgroups.ensure(pod)
    path = cgroups.parent(pod)
    assert path == f"{root}/kubepods/burstable/poda-b"
    if isinstance(tree, CgroupV1):
        expected = {
            "cpu/{}/cpu.shares": "256",
            "cpu/{}/cpu.cfs_quota_us": "50000",
            "pids/{}/pids.max": "100",
            "memory/{}/memory.limit_in_bytes": str(64 * 2**20),
        }
    else:
        expected = {"{}/cpu.max": "50000 100000", "{}/memory.max": str(64 * 2**20), "{}/pids.max": "100"}
    for file, text in expected.items():
        assert (MOUNT / file.format(path.lstrip("/"))).read_text().strip() == text
    member = await asyncio.to_thread(subprocess.Popen, ["sleep", "600"])
    try:
        procs = list(MOUNT.glob(f"*{path}/cgroup.procs")) or [MOUNT / path.lstrip("/") / "cgroup.procs"]
        for file in procs:
            file.write_text(str(member.pid))
        assert tree.processes(path) == {member.pid}
        # The process is ours to reap: until then it keeps its cgroup busy.
        reaper = asyncio.to_thread(member.wait, 10)
        await asyncio.gather(cgroups.remove(PodUID("a-b")), reaper)
    finally:
        member.kill()
        member.wait()
    assert not tree.exists(path) and not list(MOUNT.glob(f"*{path}"))
    await cgroups.ensure(make_pod("left-over"))
    assert await PodCgroups(CgroupSettings(root=root), tree).sweep(set) == {PodUID("left-over")}
    assert os.getpid() not in tree.processes(root)


async def test_all_pods_and_the_daemons_are_limited_by_the_kernel(tree: CgroupV1 | CgroupV2, root: str) -> None:
    """As the agent does it at its start."""
    cgroups = PodCgroups(CgroupSettings(root=root), tree)
    await cgroups.start()
    tree.create(f"{root}/daemons", CgroupValues())
    recorder, node = LogEventRecorder(), ObjectReference(kind="Node", name="n", uid="n")
    settings = Enforcement(
        ("pods", "kube-reserved"), kube_reserved={"cpu": "500m", "memory": "64Mi", "pid": "50"},
        kube_cgroup=f"{root}/daemons",
    )
    enforcer = AllocatableEnforcer(settings, cgroups, recorder, lambda: node)
    await enforcer.limit_reserved()
    await enforcer.limit_pods({"cpu": Fraction(3), "memory": Fraction(2**30), "pid": Fraction(1000)})
    for path, shares, memory, pids in (("daemons", 512, 2**26, 50), ("kubepods", 2560, 2**30 - 2**26, 950)):
        expected = [text for _, _, text in writes_v1(CgroupValues(shares=shares, memory=memory, pids=pids))]
        files = ("cpu/{}/cpu.shares", "memory/{}/memory.limit_in_bytes", "pids/{}/pids.max")
        if isinstance(tree, CgroupV2):
            expected[0], files = str(cpu_weight(shares)), ("{}/cpu.weight", "{}/memory.max", "{}/pids.max")
        inner = f"{root}/{path}".lstrip("/")
        assert [(MOUNT / file.format(inner)).read_text().strip() for file in files] == expected
    assert [event.message for event in recorder.recent("n")] == [
        f"Updated limits on kube reserved cgroup {root}/daemons", "Updated Node Allocatable limit across pods",
    ]  # fmt: skip
