"""What most nodes have and test machines often lack: systemd as init, cgroup v2, Docker with the systemd driver.

In an emulated machine (conformance/guest), which computes at a tenth of the speed and whose image takes minutes to
build: run when PODWRIGHT_GUEST=1 asks for it.
"""

import asyncio
import gzip
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from conformance import images
from conformance.guest import Guest
from conformance.guest.image import SITE, TREE
from conformance.throwaway import bridge_conflist
from conformance.wire import lonely_commands
from tests.node.standalone_node import CONFIG, MANIFESTS, WAIT, configuration

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1800)]

POD_SECONDS = 240.0
"""Of an emulated machine on a loaded one."""
LIMITED = {"cpu", "hugetlb", "memory", "pids"}
"""Controllers."""
ROOT, BURSTABLE = "/kubepods.slice", "/kubepods.slice/kubepods-burstable.slice"
MIB = 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guest() -> AsyncIterator[Guest]:
    if os.environ.get("PODWRIGHT_GUEST") != "1":
        pytest.skip("the emulated machine takes minutes: set PODWRIGHT_GUEST=1 to test in it")
    async with Guest() as guest:
        yield guest


async def pod_cgroups(guest: Guest, driver: str) -> dict[str, Any]:
    words = ["python3", f"{TREE}/tests/node/guest_pod_cgroups.py", driver]
    told: dict[str, Any] = json.loads((await guest.run(words, timeout=240)).stdout)
    return told


async def test_the_machine_is_what_it_should_be(guest: Guest) -> None:
    assert (await guest.read("/proc/1/comm")).decode().strip() == "systemd"
    kind = await guest.run(["stat", "-f", "-c", "%T", "/sys/fs/cgroup"])
    assert kind.stdout.strip() == "cgroup2fs"
    failing = await guest.run(["sh", "-c", "echo out; echo told >&2; exit 3"], check=False)
    assert (failing.returncode, failing.stdout, failing.stderr) == (3, "out\n", "told\n")


FILES = {
    "guaranteed": {"cpu.weight": "5", "memory.max": str(64 * MIB), "pids.max": "50", "hugetlb.2MB.max": "0"},
    "burstable": {
        "cpu.weight": "20", "cpu.max": "200000 100000", "memory.max": str(96 * MIB), "pids.max": "50",
        "hugetlb.2MB.max": str(2 * MIB),
    },
    "besteffort": {
        "cpu.weight": "1", "cpu.max": "max 100000", "memory.max": "max", "pids.max": "50", "hugetlb.2MB.max": "0",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "root", "paths", "quota"),
    [
        (
            "cgroupfs",
            "/kubepods",
            {
                "guaranteed": "/kubepods/podguaranteed-1",
                "burstable": "/kubepods/burstable/podburstable-1",
                "besteffort": "/kubepods/besteffort/podbesteffort-1",
            },
            "12300 100000",
        ),
        (
            "systemd",
            ROOT,
            {
                "guaranteed": f"{ROOT}/kubepods-podguaranteed_1.slice",
                "burstable": f"{BURSTABLE}/kubepods-burstable-podburstable_1.slice",
                "besteffort": f"{ROOT}/kubepods-besteffort.slice/kubepods-besteffort-podbesteffort_1.slice",
            },
            "13000 100000",  # whole percent
        ),
    ],
)
async def test_the_life_of_pods_cgroups(
    guest: Guest, driver: str, root: str, paths: dict[str, str], quota: str
) -> None:
    told = await pod_cgroups(guest, driver)
    assert told["paths"] == paths
    expected = {kind: dict(files) for kind, files in FILES.items()}
    expected["guaranteed"]["cpu.max"] = quota
    for step in ("made", "restarted"):
        for kind, path in paths.items():
            seen = told[step][path]
            assert {file: seen[file] for file in expected[kind]} == expected[kind], (step, kind)
        for path, seen in told[step].items():
            assert set(seen["cgroup.controllers"].split()) >= LIMITED, (step, path)
            # systemd takes its controllers from below a slice until there is a scope in it that wants them.
            if driver == "cgroupfs" or path not in paths.values():
                assert set(seen["cgroup.subtree_control"].split()) >= LIMITED, (step, path)
        assert told[step][str(Path(paths["burstable"]).parent)]["cpu.weight"] == "20"
        assert told[step][root]["cpu.weight"] == "79"
    assert told["made"][root]["memory.max"] == str(2**30)
    assert told["restarted"][root]["memory.max"] == str(2**29)
    assert told["inner"] == {"memory.max": "max", "hugetlb.2MB.max": "max"}  # the controllers reach containers
    assert (told["killed_by"], told["swept"]) == (9, ["guaranteed-1"])
    assert told["left"][paths["burstable"]] == told["left"][paths["guaranteed"]] == {}
    assert told["left"][paths["besteffort"]]["cpu.weight"] == "1"
    limits = {"cpu.weight": "20", "memory.max": str(2**28), "pids.max": "77"}
    assert limits.items() <= told["daemons"].items()
    absent = "/nobody.slice" if driver == "systemd" else "/nobody"
    assert told["daemons"]["error"].startswith(f"there is no cgroup {absent} ")
    if driver == "systemd":
        properties = {"CPUWeight": "20", "MemoryMax": str(2**28), "TasksMax": "77"}
        assert properties.items() <= told["daemons"].items()
        unit = told["made"][paths["guaranteed"]]
        wanted = {
            "ActiveState": "active", "CPUWeight": "5", "CPUQuotaPerSecUSec": "130ms", "MemoryMax": str(64 * MIB),
            "TasksMax": "50", "MemoryAccounting": "yes", "DefaultDependencies": "no",
            "ControlGroup": paths["guaranteed"],
        }  # fmt: skip
        assert {name: unit[name] for name in wanted} == wanted


async def test_what_is_missing_is_said(guest: Guest) -> None:
    """The driver without its package."""
    code = (
        "import asyncio, sys\n"
        "sys.modules['dbus_fast'] = None\n"
        "from kubelet.cgroups import CgroupDriver, CgroupError, CgroupSettings, PodCgroups\n"
        "try: asyncio.run(PodCgroups(CgroupSettings(driver=CgroupDriver.SYSTEMD)).start())\n"
        "except CgroupError as error: print(error)"
    )
    done = await guest.run(["python3", "-c", code], timeout=120)
    assert "pip install podwright[systemd]" in done.stdout


async def test_plugins_that_need_ipvlan_vlan_or_vrf(guest: Guest) -> None:
    topologies = ("ipvlan-l2", "ipvlan-l3", "vlan", "vrf")
    words = ["python3", f"{TREE}/tests/node/guest_network_plugins.py", *topologies]
    told: dict[str, Any] = json.loads((await guest.run(words, timeout=240)).stdout)
    assert {name: (seen["kind"], seen["reaches"], seen["left"]) for name, seen in told.items()} == {
        "ipvlan-l2": ("ipvlan", True, [[], [], [], []]),
        "ipvlan-l3": ("ipvlan", True, [[], [], [], []]),
        "vlan": ("vlan", True, [[], [], [], []]),
        "vrf": ("veth", True, [[], [], [], []]),
    }
    assert [told[name]["data"]["mode"] for name in topologies[:2]] == ["l2", "l3"]
    assert told["vlan"]["data"]["id"] == 5
    assert told["vrf"]["master"] == "blue"


# -- a pod -------------------------------------------------------------------------------------------------------------


KUBELET_UNIT = f"""[Service]
ExecStart=/usr/bin/python3 -m kubelet --config={CONFIG} --dockershim-flag=--cni-bin-dir=/usr/lib/cni
Environment=PYTHONPATH={TREE}:{TREE}/gc:{SITE} PYTHONDONTWRITEBYTECODE=1
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
Restart=always
RestartSec=1
"""
"""With what matters of kubeadm's: it comes back, and its death takes the dockershim along."""


async def start_node(guest: Guest) -> None:
    """The engine, a link that leads nowhere, a pod network, images, and the kubelet as a service."""
    await guest.run(["systemctl", "start", "docker"], timeout=POD_SECONDS)
    pictures = images.archive([images.busybox("localhost/podwright/busybox:1"), images.pause()])
    await guest.write("/root/images.tar.gz", gzip.compress(pictures, compresslevel=1, mtime=0))
    await guest.run(["docker", "load", "-q", "-i", "/root/images.tar.gz"], timeout=POD_SECONDS)
    for command in lonely_commands():
        await guest.run(command)
    await guest.run(["sh", "-c", "ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up; "
                     "ip route add default via 192.0.2.2"])
    network = json.dumps(bridge_conflist("10.244.0.0/24", "podwright", "cni0"))
    await guest.write("/etc/cni/net.d/10-podwright.conflist", network)
    await guest.write(CONFIG, json.dumps(configuration(failCgroupV1=True, runtimeRequestTimeout="10m")))
    await guest.run(["mkdir", "-p", MANIFESTS])
    await guest.write("/etc/systemd/system/kubelet.service", KUBELET_UNIT)
    await guest.run(["systemctl", "daemon-reload"])
    await guest.run(["systemctl", "start", "kubelet"], timeout=POD_SECONDS)


async def journal(guest: Guest) -> str:
    return (await guest.run(["journalctl", "-u", "kubelet", "-n", "80", "--no-pager", "-o", "cat"])).stdout


async def running(guest: Guest, name: str) -> str:
    """The id of the pod's container, once it runs."""
    deadline = time.monotonic() + POD_SECONDS
    labels = (f"io.kubernetes.pod.name={name}-guest", "io.kubernetes.container.name=main")
    words = ["docker", "ps", "-q", "--no-trunc", *(f"--filter=label={label}" for label in labels)]
    while not (found := (await guest.run(words, timeout=POD_SECONDS)).stdout.split()):
        if time.monotonic() > deadline:
            raise AssertionError(f"pod {name} does not run:\n{await journal(guest)}")
        await asyncio.sleep(1)
    return found[0]


async def text(guest: Guest, path: str) -> str:
    return (await guest.read(path)).decode().strip()


async def test_a_static_pod_with_the_systemd_driver(guest: Guest) -> None:
    await start_node(guest)
    said = (await guest.run(["docker", "info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}"], timeout=120)).stdout
    assert said.split() == ["systemd", "2"]
    resources = {"requests": {"cpu": "500m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "48Mi"}}
    container = {"name": "main", "image": "localhost/podwright/busybox:1", "command": ["sh", "-c", WAIT],
                 "resources": resources}
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sliced", "namespace": "default"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }  # fmt: skip
    await guest.write(f"{MANIFESTS}/sliced.json", json.dumps(pod))
    identity = await running(guest, "sliced")
    form = '{{.State.Pid}} {{.HostConfig.CgroupParent}} {{index .Config.Labels "io.kubernetes.pod.uid"}}'
    pid, parent, uid = (await guest.run(["docker", "inspect", "-f", form, identity])).stdout.split()
    assert parent == f"kubepods-burstable-pod{uid.replace('-', '_')}.slice"
    pod_group = f"/sys/fs/cgroup{BURSTABLE}/{parent}"
    own = f"/sys/fs/cgroup{(await text(guest, f'/proc/{pid}/cgroup')).removeprefix('0::')}"
    assert own == f"{pod_group}/docker-{identity}.scope"
    assert [await text(guest, f"{pod_group}/{file}") for file in ("cpu.weight", "cpu.max", "memory.max")] == [
        "20", "100000 100000", str(48 * MIB)]
    assert [await text(guest, f"{own}/{file}") for file in ("cpu.weight", "cpu.max", "memory.max")] == [
        "20", "100000 100000", str(48 * MIB)]
    # A restarted agent finds its pod, and the slice goes with the pod.
    await guest.run(["rm", f"{MANIFESTS}/sliced.json"])
    await guest.run(["systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", "kubelet"])
    deadline = time.monotonic() + POD_SECONDS
    while (await guest.run(["test", "-e", pod_group], check=False)).returncode == 0:
        assert time.monotonic() < deadline, await journal(guest)
        await asyncio.sleep(1)
    units = (await guest.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "kubepods*"])).stdout
    assert sorted(line.split()[0] for line in units.splitlines()) == [
        "kubepods-besteffort.slice", "kubepods-burstable.slice", "kubepods.slice"]
