"""What /proc and the cgroup files tell of a container, and the stats that are made of them."""

from pathlib import Path

import pytest

from cri.cgroup_stats import CgroupStats, Pressure, from_v1, from_v2
from cri.v1 import api_pb2 as cri
from dockershim import process_facts, records
from dockershim.engine import EngineClient
from dockershim.image_cache import ImageCache
from dockershim.image_fs import DiskUsage, walk
from dockershim.inventory import Inventory
from dockershim.ports import EngineState
from dockershim.stats import Stats

ID = "a" * 64
MOUNTINFO = (
    "700 600 0:50 / / ro,relatime - overlay overlay rw,lowerdir=l1:l2,upperdir=/var/lib/x/snapshots/9/fs,workdir=/w\n"
    "701 700 0:51 / /proc rw - proc proc rw\n"
)


def inspect(pid: int, graph: object = None) -> dict[str, object]:
    return {
        "Id": ID, "Name": "/k8s_c_p_ns_uid_0", "Image": "sha256:1", "Config": {"Labels": {}}, "HostConfig": {},
        "State": {"Running": pid > 0, "Pid": pid}, "GraphDriver": graph,
    }


def test_the_writable_layer_is_found_in_the_process_own_mounts(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/mountinfo").write_text(MOUNTINFO)
    found = process_facts.upper_dir(inspect(7), None, tmp_path)
    assert found == "/var/lib/x/snapshots/9/fs"
    known = records.to_container(inspect(7), None, None, "", found)
    assert process_facts.upper_dir(inspect(0), known, tmp_path) == found  # kept when the process has ended
    assert process_facts.upper_dir(inspect(0), None, tmp_path) == ""
    assert process_facts.upper_dir(inspect(7, {"Data": {"UpperDir": "/told"}}), None, tmp_path) == "/told"


def test_the_writable_layer_of_a_sandboxed_runtime_is_found_in_ours(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "self").mkdir()
    (tmp_path / "7/mountinfo").write_text("1 0 0:3 / / rw - tmpfs none rw\n")
    (tmp_path / "self/mountinfo").write_text(
        f"9 1 0:9 / /docker/rootfs/{'b' * 64} rw - overlay overlay rw,upperdir=/other\n"
        f"9 1 0:9 / /docker/rootfs/{ID} rw shared:3 - overlay overlay rw,upperdir=/with\\040space,workdir=/w\n"
    )
    assert process_facts.upper_dir(inspect(7), None, tmp_path) == "/with space"


@pytest.mark.parametrize("text", ["", "garbage\n", "1 2 3 - overlay\n", "1 2 3 4 / rw - ext4 /dev/sda rw,upperdir=/x"])
def test_other_mounts_are_no_layer(text: str) -> None:
    assert process_facts.overlay_upper(text, "/") == ""


def test_users(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/status").write_text("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n")
    found = process_facts.user(inspect(7), None, tmp_path)
    assert found == records.ProcessUser(2, 6, (9, 10))
    known = records.to_container(inspect(7), None, found)
    assert process_facts.user(inspect(0), known, tmp_path) == found
    gone = inspect(8)
    assert process_facts.user(gone, None, tmp_path) == records.ProcessUser(0, 0, (0,))
    gone["Config"], gone["HostConfig"] = {"User": "5:6"}, {"GroupAdd": ["9"]}
    assert process_facts.user(gone, None, tmp_path) == records.ProcessUser(5, 6, (6, 9))
    gone["Config"] = {"User": "www"}
    assert process_facts.user(gone, None, tmp_path) is None
    never = inspect(0)
    never["State"] = {"Status": "created", "Running": False}
    assert process_facts.user(never, None, tmp_path) is None


def test_a_tree_is_measured_with_its_inodes(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/")
    usage = walk(str(tmp_path))
    assert usage.inodes == 3 and 100_000 <= usage.used_bytes < 200_000


def test_swap_of_both_kernel_interfaces() -> None:
    one = from_v1(
        {"memory.stat": "total_swap 10\n", "memory.limit_in_bytes": "100", "memory.memsw.limit_in_bytes": "150"}
    )
    assert (one.swap, one.swap_limit) == (10, 50)
    assert from_v1({"memory.memsw.limit_in_bytes": "9223372036854771712"}).swap_limit is None
    two = from_v2({"memory.swap.current": "10", "memory.swap.max": "50"})
    assert (two.swap, two.swap_limit) == (10, 50)


def test_every_field_of_the_stats_is_filled() -> None:
    async def nobody(_: str) -> None: ...

    engine = EngineClient("unix:///nowhere")
    images = ImageCache(engine)
    state = EngineState("nothing yet")
    inventory = Inventory(engine, images, nobody, nobody, "")
    times = iter([5_000_000_000, 7_000_000_000])
    stats = Stats(state, inventory, DiskUsage(engine, state, images, inventory), lambda: next(times))
    lines = {"some": Pressure(1000, 1.5, 2.5, 3.5), "full": Pressure(500, 0.5, 0.25, 0.125)}
    read = CgroupStats(
        cpu_ns=1_000, usage=100, working_set=60, rss=50, page_faults=7, major_page_faults=2, limit=200, swap=3,
        swap_limit=10, pressure={"cpu": lines, "memory": lines, "io": lines},
    )
    first, second = cri.ContainerStats(), cri.ContainerStats()
    stats._fill(first, "x", read)
    stats._fill(second, "x", CgroupStats(cpu_ns=1_000_001_000))
    memory = first.memory
    assert (memory.usage_bytes.value, memory.working_set_bytes.value, memory.available_bytes.value) == (100, 60, 140)
    assert (memory.rss_bytes.value, memory.page_faults.value, memory.major_page_faults.value) == (50, 7, 2)
    assert (first.swap.swap_usage_bytes.value, first.swap.swap_available_bytes.value) == (3, 7)
    for psi in (first.cpu.psi, memory.psi, first.io.psi):
        assert (psi.Some.Total, psi.Some.Avg10, psi.Full.Total, psi.Full.Avg300) == (1000, 1.5, 500, 0.125)
    assert not first.cpu.HasField("usage_nano_cores")
    assert second.cpu.usage_nano_cores.value == 500_000_000
    assert not second.HasField("io") and not second.memory.HasField("psi")
