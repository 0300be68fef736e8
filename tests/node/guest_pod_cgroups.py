"""Runs in the guest, as a program: the life of three pods' cgroups with the driver given, told as JSON step by step.

It judges nothing; `test_guest_node.py` does.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import Pod
from kubelet.cgroups import CgroupDriver, CgroupError, CgroupSettings, CgroupValues, PodCgroups

MOUNT = Path("/sys/fs/cgroup")
FILES = ("cpu.weight", "cpu.max", "memory.max", "pids.max", "hugetlb.2MB.max", "cgroup.controllers",
         "cgroup.subtree_control")
PROPERTIES = ("ActiveState", "CPUWeight", "CPUQuotaPerSecUSec", "MemoryMax", "TasksMax", "MemoryAccounting",
              "DefaultDependencies", "ControlGroup")
RESOURCES: dict[str, dict[str, Any]] = {
    "guaranteed": {"limits": {"cpu": "123m", "memory": "64Mi"}, "requests": {"cpu": "123m", "memory": "64Mi"}},
    "burstable": {"limits": {"cpu": "2", "memory": "96Mi", "hugepages-2Mi": "2Mi"},
                  "requests": {"cpu": "500m", "hugepages-2Mi": "2Mi"}},
    "besteffort": {},
}


def make_pod(kind: str) -> Pod:
    container = {"name": "c", "resources": RESOURCES[kind]}
    return convert({"metadata": {"uid": f"{kind}-1"}, "spec": {"containers": [container]}}, Pod)


def look(path: str, driver: CgroupDriver) -> dict[str, Any]:
    """What the kernel and, with its driver, systemd say of a cgroup; empty when neither knows it."""
    directory = MOUNT / path.lstrip("/")
    seen = {file: (directory / file).read_text().strip() for file in FILES if (directory / file).exists()}
    if driver is CgroupDriver.SYSTEMD:
        words = ["systemctl", "show", directory.name, f"--property={','.join(PROPERTIES)}"]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        unit = dict(line.split("=", 1) for line in shown.splitlines())
        seen |= unit if unit["ActiveState"] == "active" else {}
    return seen


async def start_container(pod: Path, driver: CgroupDriver) -> tuple[asyncio.subprocess.Process, Path]:
    """A process in a cgroup of its own below the pod's, made as runtimes do with the driver."""
    quiet = asyncio.subprocess.DEVNULL
    if driver is CgroupDriver.SYSTEMD:
        words = ["systemd-run", "--scope", "--unit=container", f"--slice={pod.name}", "--property=Delegate=yes",
                 "--property=MemoryAccounting=yes", "sleep", "600"]
        process = await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)
        inner = pod / "container.scope"
    else:
        process, inner = await asyncio.create_subprocess_exec("sleep", "600", stdout=quiet), pod / "container"
        inner.mkdir()
        (inner / "cgroup.procs").write_text(str(process.pid))
    for _ in range(600):
        if inner.exists() and (inner / "cgroup.procs").read_text():
            break
        await asyncio.sleep(0.1)
    return process, inner


async def main(driver: CgroupDriver) -> dict[str, Any]:
    settings = CgroupSettings(driver=driver, pids_limit=50, hugepage_sizes=(2**21,))
    cgroups = PodCgroups(settings)
    await cgroups.start(CgroupValues(shares=2048, memory=2**30))
    pods = {kind: make_pod(kind) for kind in RESOURCES}
    for pod in pods.values():
        await cgroups.ensure(pod)
    paths = {kind: cgroups.parent(pod) for kind, pod in pods.items()}
    tiers = {str(Path(paths["burstable"]).parent), str(Path(paths["besteffort"]).parent)}
    root = str(Path(paths["guaranteed"]).parent)
    every = (root, *tiers, *paths.values())
    told: dict[str, Any] = {"paths": paths, "made": {path: look(path, driver) for path in every}}
    # The agent is restarted while a process runs in a pod; then systemd reads its units anew.
    after = PodCgroups(settings)
    await after.start(CgroupValues(shares=2048, memory=2**29))
    if driver is CgroupDriver.SYSTEMD:
        await asyncio.to_thread(subprocess.run, ["systemctl", "daemon-reload"], check=True)
    for pod in pods.values():
        await after.ensure(pod)
    told["restarted"] = {path: look(path, driver) for path in every}
    member, inner = await start_container(MOUNT / paths["burstable"].lstrip("/"), driver)
    told["inner"] = {file: (inner / file).read_text().strip() for file in ("memory.max", "hugetlb.2MB.max")}
    await after.remove(PodUID("burstable-1"))
    told["killed_by"] = -await member.wait()
    told["swept"] = sorted(await after.sweep(lambda: {PodUID("besteffort-1")}))
    told["left"] = {path: look(path, driver) for path in every}
    await after.remove(PodUID("besteffort-1"))
    told["daemons"] = await limit_daemons(after, driver)
    return told


async def limit_daemons(cgroups: PodCgroups, driver: CgroupDriver) -> dict[str, Any]:
    """A cgroup that somebody else made, as kubeReservedCgroup names one; and what is said of one that is not there."""
    path = "/daemons.slice" if driver is CgroupDriver.SYSTEMD else "/daemons"
    if driver is CgroupDriver.SYSTEMD:
        await asyncio.to_thread(
            subprocess.run, ["systemd-run", "-q", "--slice=daemons.slice", "--unit=daemon", "sleep", "600"], check=True)
    else:
        (MOUNT / "daemons").mkdir()
    await cgroups.limit_existing(path, CgroupValues(shares=512, memory=2**28, pids=77))
    told = look(path, driver)
    if driver is CgroupDriver.SYSTEMD:
        await asyncio.to_thread(subprocess.run, ["systemctl", "stop", "daemon.service", "daemons.slice"], check=True)
    else:
        (MOUNT / "daemons").rmdir()
    try:
        await cgroups.limit_existing("/nobody", CgroupValues(shares=2))
    except CgroupError as error:
        told["error"] = str(error)
    return told


if __name__ == "__main__":
    json.dump(asyncio.run(main(CgroupDriver(sys.argv[1]))), sys.stdout)
