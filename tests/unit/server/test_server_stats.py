"""The figures of /stats/summary: from files of both kinds of cgroups, from /proc, from CRI and from disk."""

import os
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from cri.cgroup_stats import CgroupStats, Pressure
from cri.v1 import api_pb2 as cri
from kubelet.api.types import EmptyDirVolumeSource, HostPathVolumeSource, PersistentVolumeClaimVolumeSource, Volume
from kubelet.cgroups import CgroupV1, CgroupV2
from kubelet.eviction.usage import Disk
from kubelet.server.nodestats import NodeUsage, processes
from kubelet.server.podstorage import PodStorage
from kubelet.server.stats import StatsProvider
from kubelet.server.statsjson import cri_cpu, cri_network, of_cgroup, swap_sum

PSI = "some avg10=1.50 avg60=0.50 avg300=0.10 total=7000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3000\n"


def write(root: Path, **files: str) -> Path:
    """Names with `__` for `/` and `_S_` for `.`."""
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_S_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def machine(tmp_path: Path) -> Path:
    return write(
        tmp_path, proc__meminfo="MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 50 kB\n"
                                "SwapTotal: 30 kB\nSwapFree: 20 kB\n",
        proc__vmstat="pgfault 77\npgmajfault 7\n", proc__pressure__cpu=PSI, proc__stat="cpu 1\nbtime 1000\n")


def test_the_machines_own_root_on_v2_is_filled_from_proc(tmp_path):
    host = machine(tmp_path)
    write(host / "sys/fs/cgroup", cgroup_S_controllers="cpu", cpu_S_stat="usage_usec 5000\n")
    found = NodeUsage(host=host).machine()
    assert found == CgroupStats(
        cpu_ns=5_000_000, usage=600 << 10, working_set=500 << 10, rss=50 << 10, page_faults=77, major_page_faults=7,
        limit=1000 << 10, swap=10 << 10, swap_limit=30 << 10, pressure={
            "cpu": {"some": Pressure(7_000_000, 1.5, 0.5, 0.1), "full": Pressure(3_000_000, 0.0, 0.0, 0.0)}})


def test_the_root_of_v1_tells_by_itself(tmp_path):
    host = machine(tmp_path)
    root = write(
        host / "sys/fs/cgroup", memory__memory_S_stat="total_inactive_file 1024\ntotal_rss 2048\ntotal_pgfault 9\n"
                                                      "total_pgmajfault 1\n",
        memory__memory_S_usage_in_bytes="102400", cpuacct__cpuacct_S_usage="42")
    found = NodeUsage(host=host, tree=CgroupV1({"memory": root / "memory", "cpuacct": root / "cpuacct"})).machine()
    assert (found.cpu_ns, found.usage, found.rss) == (42, 102400, 2048)
    assert (found.page_faults, found.major_page_faults) == (9, 1)
    assert (found.limit, found.working_set) == (1000 << 10, 102400 - 1024)


def test_daemons_of_systemd_are_their_services_and_others_the_sum_of_their_processes(tmp_path):
    host = machine(tmp_path)
    cgroups = write(
        host / "sys/fs/cgroup", cgroup_S_controllers="cpu", cpu_S_stat="usage_usec 5000\n",
        kubepods_S_slice__cpu_S_stat="usage_usec 3000\n", kubepods_S_slice__memory_S_current="4096",
        kubepods_S_slice__memory_S_max="10000", system_S_slice__k_S_service__cpu_S_stat="usage_usec 2000\n",
        system_S_slice__k_S_service__memory_S_current="8192", system_S_slice__k_S_service__memory_S_max="9999")
    usage = NodeUsage(lambda: "/kubepods.slice", host=host, tree=CgroupV2(cgroups))
    stat = "(a) b) S 1 " + " ".join(str(number) for number in range(5, 60))
    own = str(os.getpid())
    write(host / "proc" / own, stat=f"{own} {stat}", cgroup="0::/user.slice\n")
    found = usage.system_containers()
    assert found["pods"].stats.working_set == 4096 and found["pods"].stats.limit == 10000
    assert found["kubelet"].stats.cpu_ns == (14 + 15) * 10**9 // os.sysconf("SC_CLK_TCK")
    write(host / "proc" / own, cgroup="0::/system.slice/k.service\n")
    kubelet = usage.system_containers()["kubelet"].stats
    assert (kubelet.cpu_ns, kubelet.usage, kubelet.limit) == (2_000_000, 8192, None)


def test_runtimes_are_looked_for_anew_when_one_has_gone(tmp_path, monkeypatch):
    host, now = machine(tmp_path), 1000.0
    monkeypatch.setattr("kubelet.server.nodestats.time.monotonic", lambda: now)
    stat = "(x) S " + " ".join("1" for _ in range(40))
    usage = NodeUsage(host=host, tree=CgroupV2(tmp_path))

    def runtime_cpu() -> int | None:
        found = usage.system_containers().get("runtime")
        return found.stats.cpu_ns if found else None

    assert runtime_cpu() is None
    write(host / "proc/7", comm="dockerd\n", stat=f"7 {stat}")
    assert runtime_cpu() is None  # looked a moment ago
    now += 60
    one = runtime_cpu()
    assert one is not None
    write(host / "proc/8", comm="containerd\n", stat=f"8 {stat}")
    now += 60
    assert runtime_cpu() == one  # nothing has gone
    write(host / "proc/7", comm="something-else\n")
    write(host / "proc/9", comm="dockerd\n", stat=f"9 {stat}")
    assert runtime_cpu() == 2 * one


def test_processes_are_summed_up_and_those_that_have_gone_left_out(tmp_path):
    host = machine(tmp_path)
    fields = ["S", *["0"] * 40]
    fields[7], fields[9], fields[11], fields[12], fields[19], fields[21] = "100", "5", "30", "20", "500", "3"
    for pid in ("1", "2"):
        write(host / "proc" / pid, stat=f"{pid} (dockerd) {' '.join(fields)}\n")
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = processes([1, 2, 3], host)
    assert found is not None
    assert found.stats == CgroupStats(
        cpu_ns=100 * 10**9 // tick, usage=6 * page, working_set=6 * page, rss=6 * page, page_faults=210,
        major_page_faults=10)
    assert found.started == 1000 + 500 / tick
    assert processes([3], host) is None


def test_of_a_cgroup_only_what_is_known_is_told():
    assert of_cgroup(CgroupStats(), "now", None) == {"cpu": {"time": "now"}, "memory": {"time": "now"}}
    some = {"some": Pressure(5, 1.0, 2.0, 3.0)}
    whole = of_cgroup(CgroupStats(
        cpu_ns=1, usage=9, working_set=4, rss=3, page_faults=2, major_page_faults=0, limit=10, swap=1, swap_limit=5,
        pressure={"cpu": some, "memory": some, "io": some}), "now", 7)
    psi = {"full": {"total": 0, "avg10": 0.0, "avg60": 0.0, "avg300": 0.0},
           "some": {"total": 5, "avg10": 1.0, "avg60": 2.0, "avg300": 3.0}}
    assert whole == {
        "cpu": {"time": "now", "usageNanoCores": 7, "usageCoreNanoSeconds": 1, "psi": psi},
        "memory": {"time": "now", "availableBytes": 6, "usageBytes": 9, "workingSetBytes": 4, "rssBytes": 3,
                   "pageFaults": 2, "majorPageFaults": 0, "psi": psi},
        "io": {"time": "now", "psi": psi}, "swap": {"time": "now", "swapAvailableBytes": 4, "swapUsageBytes": 1}}


def test_pressure_interfaces_and_swap_as_cri_tells_them():
    psi = cri.PsiStats(Some=cri.PsiData(Total=5, Avg10=1.0))
    assert cri_cpu(cri.CpuUsage(timestamp=10**9, psi=psi), None)["psi"]["some"]["total"] == 5
    assert "psi" not in cri_cpu(cri.CpuUsage(timestamp=10**9), None)
    network = cri.NetworkUsage(timestamp=10**9, default_interface=cri.NetworkInterfaceUsage(name="eth0"),
                               interfaces=[cri.NetworkInterfaceUsage(name="net1")])
    assert [one["name"] for one in cri_network(network)["interfaces"]] == ["eth0", "net1"]
    assert swap_sum([{}, {}]) is None
    swap = {"swap": {"time": "t", "swapAvailableBytes": 3, "swapUsageBytes": 1}}
    assert swap_sum([swap, {}, swap]) == {"time": "t", "swapAvailableBytes": 6, "swapUsageBytes": 2}


@pytest.fixture
def disks(tmp_path, node):
    """(pod, root directory, log directory) of a pod with volumes and logs."""
    (pod,) = node.pods()
    claim = PersistentVolumeClaimVolumeSource(claim_name="c1")
    pod = replace(pod, spec=replace(pod.spec, volumes=(
        Volume(name="scratch", empty_dir=EmptyDirVolumeSource()), Volume(name="data", persistent_volume_claim=claim),
        Volume(name="host", host_path=HostPathVolumeSource(path="/x")),
    )))
    root, logs = tmp_path / "kubelet", tmp_path / "logs"
    write(root / "pods/u1", etc_hosts="x" * 5000,
          volumes__kubernetes_S_io_T_empty_dir__scratch__a="y" * 9000, volumes__csi__data__b="z")
    (root / "pods/u1/etc_hosts").rename(root / "pods/u1/etc-hosts")
    write(logs / "default_web_u1/c", **{"0_S_log": "l" * 5000})
    return pod, root, logs


async def test_volumes_and_logs_of_pods(disks, runtime):
    pod, root, logs = disks
    provider = StatsProvider("n", runtime, runtime, root, lambda: [pod], storage=PodStorage(root, logs))
    summary = await provider.summary()
    (found,) = summary["pods"]
    volumes = {volume["name"]: volume for volume in found["volume"]}
    assert volumes.keys() == {"scratch", "data"}
    assert volumes["data"]["pvcRef"] == {"name": "c1", "namespace": "default"} and "pvcRef" not in volumes["scratch"]
    scratch, (container,) = volumes["scratch"], found["containers"]
    assert scratch["usedBytes"] >= 9000 and scratch["inodesUsed"] == 1 and scratch["capacityBytes"] > 0
    assert container["logs"]["usedBytes"] >= 5000 and container["logs"]["capacityBytes"] > 0
    assert container["rootfs"]["usedBytes"] == 4096 and container["rootfs"]["availableBytes"] > 0
    hosts = (root / "pods/u1/etc-hosts").stat().st_blocks * 512
    whole = found["ephemeral-storage"]
    assert whole["usedBytes"] == (
        scratch["usedBytes"] + container["logs"]["usedBytes"] + container["rootfs"]["usedBytes"] + hosts)
    assert whole["capacityBytes"] == summary["node"]["fs"]["capacityBytes"]


async def test_trees_are_walked_once_in_a_period(disks):
    pod, root, logs = disks
    now = 1000.0
    storage = PodStorage(root, logs, 60, now=lambda: now)
    first = (await storage.of([pod]))["u1"]
    write(logs / "default_web_u1/c", **{"1_S_log": "l" * 50_000})
    now += 59
    assert (await storage.of([pod]))["u1"] == first
    now += 1
    assert (await storage.of([pod]))["u1"].logs["c"].inodes == 2
    assert await storage.of([]) == {} == storage.known()
    assert await PodStorage(root, logs, -1).of([pod]) == {}


async def test_nobody_waits_long_for_a_big_volume_and_nobody_counts_it_twice(disks, monkeypatch):
    pod, root, logs = disks
    go, walks = threading.Event(), []

    def slow(directory):
        walks.append(directory)
        go.wait(10)
        return Disk(1, 1)

    monkeypatch.setattr("kubelet.server.podstorage.measure", slow)
    monkeypatch.setattr("kubelet.server.podstorage.WAIT_SECONDS", 0.01)
    storage = PodStorage(root, logs)
    try:
        assert await storage.of([pod]) == {} == await storage.of([pod])
        assert len(walks) == 1
    finally:
        go.set()
    monkeypatch.setattr("kubelet.server.podstorage.WAIT_SECONDS", 10)
    assert (await storage.of([pod]))["u1"].logs["c"] == Disk(1, 1)


async def test_the_first_who_asks_finds_the_nodes_rate(tmp_path, runtime):
    now = 1000.0
    provider = StatsProvider("n", runtime, runtime, tmp_path, list, now=lambda: now)
    provider.begin()
    now += 30
    assert (await provider.summary(only_cpu_and_memory=True))["node"]["cpu"]["usageNanoCores"] >= 0
