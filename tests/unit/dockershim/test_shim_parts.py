"""Flags, checkpoints, cgroup files, process trees, pulls, the pause image, disk usage."""

import asyncio
import base64
import itertools
import json
import tarfile
import threading
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from fakes import MemoryLogs

from cri import cgroup_stats, errors
from cri.v1 import api_pb2 as cri
from dockershim import cgroup_files, image_pull
from dockershim.checkpoints import CheckpointStore, SandboxCheckpoint
from dockershim.engine import EngineClient
from dockershim.event_hub import EventHub
from dockershim.exec_processes import process_tree
from dockershim.facts import read_oom_score_adj_floor
from dockershim.finished_writes import finish_in_thread
from dockershim.flags import FlagError, Flags, parse, usage
from dockershim.image_cache import ImageCache, ImageConfig
from dockershim.image_fs import walk
from dockershim.images import to_image
from dockershim.inventory import Change, Inventory
from dockershim.pause.load import image_archive
from dockershim.records import SandboxRecord
from dockershim.sandbox_files import SandboxFiles
from dockershim.stats import parse_net_dev

# flags


@pytest.mark.parametrize(
    ("argv", "field", "value"),
    [
        ([], "docker_endpoint", "unix:///var/run/docker.sock"),
        (["--docker-endpoint=unix:///x"], "docker_endpoint", "unix:///x"),
        (["--docker-endpoint", "unix:///x"], "docker_endpoint", "unix:///x"),
        (["-v", "4"], "v", 4),
        (["-v=4"], "v", 4),
        (["--version"], "version", True),
        (["--version=false"], "version", False),
        (["-h"], "help", True),
        (["--cni_conf_dir=/c"], "cni_conf_dir", "/c"),
        (["--network-plugin=cni", "--"], "network_plugin", "cni"),
        (["--network-plugin="], "network_plugin", "cni"),
        (["--buildinfo"], "buildinfo", True),
        (["--cri-dockerd-root-directory=/d"], "root_directory", "/d"),
        (["--image-pull-progress-deadline=1m30s"], "image_pull_progress_deadline", 90.0),
        (["--image-pull-progress-deadline", "1.5h"], "image_pull_progress_deadline", 5400.0),
        (["--pinned-images=a:1, b", "--pinned-images=c*"], "pinned_images", ("a:1", "b", "c*")),
        (["--pinned-image-labels=k,l=v"], "pinned_image_labels", ("k", "l=v")),
    ],
)
def test_flags(argv: list[str], field: str, value: object) -> None:
    assert getattr(parse(argv)[0], field) == value


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["word"], "'word' is not a flag"),
        (["--", "word"], "'word' is not a flag"),
        (["--docker-endpoint"], "flag needs an argument: --docker-endpoint"),
        (["--version=perhaps"], "not a boolean"),
        (["-v=x"], "not a number"),
        (["--network-plugin=kubenet"], "only cni"),
        (["--image-pull-progress-deadline=60"], "not a duration"),
        (["--image-pull-progress-deadline=0"], "needs some time"),
    ],
)
def test_bad_flags(argv: list[str], text: str) -> None:
    with pytest.raises(FlagError, match=text):
        parse(argv)


def test_the_engine_is_where_docker_clients_look_for_it() -> None:
    environ = {"DOCKER_HOST": "unix:///run/user/docker.sock"}
    assert parse([], environ)[0].docker_endpoint == "unix:///run/user/docker.sock"
    assert parse(["--docker-endpoint="], environ)[0].docker_endpoint == "unix:///run/user/docker.sock"
    assert parse(["--docker-endpoint=/x"], environ)[0].docker_endpoint == "/x"
    assert parse(["--docker-endpoint="])[0].docker_endpoint == "unix:///var/run/docker.sock"


CRI_DOCKERD_FLAGS = """\
    buildinfo cni-bin-dir cni-cache-dir cni-conf-dir container-runtime-endpoint cri-dockerd-root-directory
    docker-endpoint hairpin-mode help image-pull-progress-deadline ipv6-dual-stack log-level network-plugin
    network-plugin-mtu pinned-image-labels pinned-images pod-cidr pod-infra-container-image runtime-cgroups
    runtime-request-timeout streaming-bind-addr version
"""


@pytest.mark.parametrize("name", CRI_DOCKERD_FLAGS.split())
def test_every_flag_of_cri_dockerd_is_known(name: str) -> None:
    """Its config/options.go and cmd/server.go: an existing unit file starts the dockershim."""
    values = {"network-plugin": "cni", "image-pull-progress-deadline": "1m", "log-level": "info"}
    switches = ("buildinfo", "help", "ipv6-dual-stack", "version")
    parse([f"--{name}" if name in switches else f"--{name}={values.get(name, '1')}"])


def test_flags_of_cri_dockerd_that_mean_nothing_here_are_remarked() -> None:
    flags, remarks = parse(["--runtime-request-timeout", "1m", "--hairpin-mode=none", "-v=2"])
    assert flags == Flags(v=2) and len(remarks) == 2
    assert "--pod-infra-container-image" in usage() and "registry.k8s.io/pause" in usage()


# checkpoints and files


async def test_checkpoints_survive_and_garbage_does_not(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "sandboxes")
    await store.load()
    kept = SandboxCheckpoint("a", True, ("10.0.0.1", "fd00::1"), "/logs")
    await store.save(kept)
    await store.save(SandboxCheckpoint("b", False))
    (tmp_path / "sandboxes/c.json").write_text("{")
    (tmp_path / "sandboxes/d.json").write_text('{"sandbox_id":"d","network_ready":true,"version":99}')
    (tmp_path / "sandboxes/e.tmp").write_text("torn")
    again = CheckpointStore(tmp_path / "sandboxes")
    await again.load()
    assert again.get("a") == kept and again.get("b") is not None
    assert again.get("c") is None and again.get("d") is None
    await again.keep_only(["a"])
    assert sorted(path.name for path in (tmp_path / "sandboxes").iterdir()) == ["a.json", "c.json", "d.json"]


@pytest.mark.parametrize("turns", range(4))
async def test_what_is_cancelled_while_it_is_written_is_gone_once_it_is_removed(tmp_path: Path, turns: int) -> None:
    """As when the client of a RunPodSandbox goes away at its very end: what is undone stays undone."""
    store, files = CheckpointStore(tmp_path / "sandboxes"), SandboxFiles(tmp_path / "files")
    for number in range(50):
        sandbox_id = str(number)
        async with asyncio.TaskGroup() as group:
            writes = [group.create_task(store.save(SandboxCheckpoint(sandbox_id, True))),
                      group.create_task(files.write(sandbox_id, ""))]
            for _ in range(turns):
                await asyncio.sleep(0)
            for write in writes:
                write.cancel()
        await store.remove(sandbox_id)
        await files.remove(sandbox_id)
    assert [path.name for path in (*tmp_path.glob("sandboxes/*"), *tmp_path.glob("files/*"))] == []


async def test_a_write_in_a_thread_is_waited_for_however_often_its_caller_is_cancelled() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        may_end.wait()
        ended.set()
        raise OSError("no space left on device")  # nobody hears of it: the caller has given up

    loop = asyncio.get_running_loop()
    task = loop.create_task(finish_in_thread(write))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    with pytest.raises(OSError, match="no space"):
        await finish_in_thread(write)


async def test_files_of_sandboxes(tmp_path: Path) -> None:
    host = tmp_path / "resolv.conf"
    host.write_text("nameserver 9.9.9.9\n")
    files = SandboxFiles(tmp_path / "files", host)
    await files.write("a", "nameserver 1.1.1.1\n")
    await files.write("b", "")
    assert (tmp_path / "files/b/resolv.conf").read_text() == "nameserver 9.9.9.9\n"
    assert [mount.container_path for mount in files.mounts("a", ())] == ["/etc/resolv.conf", "/etc/hosts"]
    assert [mount.container_path for mount in files.mounts("a", ("/etc/hosts",))] == ["/etc/resolv.conf"]
    assert files.mounts("adopted", ()) == []
    await files.keep_only(["b"])
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["b"]
    await files.remove("b")


# cgroups


def test_cgroup_v1() -> None:
    stats = cgroup_stats.from_v1(
        {
            "cpuacct.usage": "5000\n", "memory.usage_in_bytes": "1000", "memory.limit_in_bytes": "9223372036854771712",
            "memory.stat": "rss 1\ntotal_rss 300\ntotal_inactive_file 400\ntotal_pgfault 7\ntotal_pgmajfault 2\n",
        }
    )
    assert (stats.cpu_ns, stats.usage, stats.working_set, stats.rss) == (5000, 1000, 600, 300)
    assert (stats.page_faults, stats.major_page_faults, stats.limit) == (7, 2, None)


def test_cgroup_v2() -> None:
    stats = cgroup_stats.from_v2(
        {
            "cpu.stat": "usage_usec 5\nuser_usec 3\n", "memory.current": "1000", "memory.max": "max",
            "memory.stat": "anon 300\ninactive_file 1400\npgfault 7\n", "memory.swap.current": "4", "pids.current": "3",
            "cpu.pressure": "some avg10=1.50 avg60=0.20 avg300=0.10 total=12\n"
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        }
    )
    assert (stats.cpu_ns, stats.working_set, stats.rss, stats.limit, stats.swap) == (5000, 0, 300, None, 4)
    assert stats.pressure["cpu"]["some"] == cgroup_stats.Pressure(12_000, 1.5, 0.2, 0.1)
    assert stats.processes == 3 and "memory" not in stats.pressure
    assert cgroup_stats.from_v2({}) == cgroup_stats.CgroupStats()


def test_controllers_of_a_machine(tmp_path: Path) -> None:
    assert not cgroup_files.has_controller("hugetlb", tmp_path)
    (tmp_path / "hugetlb").mkdir()
    assert cgroup_files.has_controller("hugetlb", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory\n")
    assert not cgroup_files.has_controller("hugetlb", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu hugetlb\n")
    assert cgroup_files.has_controller("hugetlb", tmp_path)


def test_paths_of_a_process(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "7").mkdir(parents=True)
    (proc / "7/cgroup").write_text("5:memory:/pod/c\n3:cpu,cpuacct:/pod/c\n0::/u\n")
    (root / "memory").mkdir(parents=True)
    found = cgroup_files.paths(7, root, proc)
    assert found["memory"] == root / "memory/pod/c"
    assert found["cpuacct"] == root / "cpu,cpuacct/pod/c"
    assert found[""] == root / "unified/u"
    (root / "cgroup.controllers").touch()
    assert cgroup_files.paths(7, root, proc)[""] == root / "u"
    assert cgroup_files.paths(8, root, proc) == {}


def test_limits_are_written_where_there_is_a_file(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "7").mkdir(parents=True)
    (proc / "7/cgroup").write_text("0::/c\n")
    (root / "c").mkdir(parents=True)
    (root / "cgroup.controllers").touch()
    (root / "c/memory.high").touch()
    (root / "c/hugetlb.2MB.max").touch()
    cgroup_files._apply(7, {"memory.high": "5", "hugetlb.2MB": "0", "no.such": "1"}, root, proc)
    assert ((root / "c/memory.high").read_text(), (root / "c/hugetlb.2MB.max").read_text()) == ("5", "0")


@pytest.mark.parametrize(("capabilities", "floor"), [("000001ffffffffff", None), ("000001fffeffffff", -17)])
def test_the_floor_of_oom_score_adj(tmp_path: Path, capabilities: str, floor: int | None) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text(f"Name:\tx\nCapEff:\t{capabilities}\n")
    (tmp_path / "self/oom_score_adj").write_text("-17\n")
    assert read_oom_score_adj_floor(tmp_path) == floor


# exec, stats


def test_process_trees() -> None:
    #           pid: (parent, session)
    processes = {
        1: (0, 1), 10: (1, 10), 11: (10, 10), 12: (11, 12), 13: (12, 12), 14: (1, 10), 15: (1, 12), 20: (1, 20),
    }
    assert process_tree(10, processes) == {10, 11, 12, 13, 14, 15}
    assert process_tree(20, processes) == {20}


def test_interfaces() -> None:
    text = (
        "Inter-|   Receive                              |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier\n"
        "    lo:  100       1    0    0    0     0          0         0   100       1    0    0    0     0       0\n"
        "  eth0:  770       9    1    0    0     0          0         0    42       1    2    0    0     0       0\n"
    )
    (eth0,) = parse_net_dev(text)
    assert (eth0.name, eth0.rx_bytes.value, eth0.rx_errors.value) == ("eth0", 770, 1)
    assert (eth0.tx_bytes.value, eth0.tx_errors.value) == (42, 2)


def test_disk_usage(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"x" * 10_000)
    (tmp_path / "loop").symlink_to(tmp_path)
    usage = walk(str(tmp_path))
    assert usage.inodes == 3 and usage.used_bytes >= 10_000
    assert walk(str(tmp_path / "none")).inodes == 0


# images


@pytest.mark.parametrize(
    ("image", "split"),
    [
        ("busybox", ("busybox", "latest")),
        ("busybox:1", ("busybox", "1")),
        ("host:5000/a/b", ("host:5000/a/b", "latest")),
        ("host:5000/a/b:2", ("host:5000/a/b", "2")),
        ("a@sha256:00", ("a", "sha256:00")),
        ("host:5000/a:3@sha256:00", ("host:5000/a", "sha256:00")),
    ],
)
def test_references(image: str, split: tuple[str, str]) -> None:
    assert image_pull.split_reference(image) == split


@pytest.mark.parametrize("image", ["", "a b", "a\n"])
def test_bad_references(image: str) -> None:
    with pytest.raises(errors.InvalidArgumentError):
        image_pull.split_reference(image)


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        (cri.AuthConfig(), None),
        (cri.AuthConfig(username="u", password="p", server_address="r"),
         {"username": "u", "password": "p", "serveraddress": "r"}),
        (cri.AuthConfig(auth=base64.b64encode(b"u:p:q").decode()), {"username": "u", "password": "p:q"}),
        (cri.AuthConfig(identity_token="t"), {"identitytoken": "t"}),
        (cri.AuthConfig(registry_token="t"), {"registrytoken": "t"}),
    ],
)
def test_every_form_of_auth(auth: cri.AuthConfig, sent: dict[str, str] | None) -> None:
    header = image_pull.auth_header(auth)
    assert (json.loads(base64.urlsafe_b64decode(header["X-Registry-Auth"])) if header else None) == sent


def test_auth_that_is_none() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="not base64"):
        image_pull.auth_header(cri.AuthConfig(auth="!"))


def test_pull_progress() -> None:
    progress = image_pull.PullProgress("i", 0.0)
    for second, message in enumerate((
        {"status": "Pulling from x", "id": "latest"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 5, "total": 10}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 1, "total": 4}},
        {"status": "Download complete", "id": "b", "progressDetail": {}},
    )):
        progress.take(message, second)
    assert (progress.current_bytes, progress.total_bytes) == (9, 14)


def test_a_pull_moves_when_bytes_come_and_its_rate_is_the_recent_one() -> None:
    progress = image_pull.PullProgress("i", 0.0)

    def take(current: int, now: float, status: str = "Downloading") -> None:
        progress.take({"status": status, "id": "a", "progressDetail": {"current": current, "total": 5000}}, now)

    for second in range(1, 11):
        take(second * 100, second)
    assert (progress.moved, progress.bytes_per_second) == (10, 100)
    for second in range(11, 16):
        take(1000, second)  # the engine says the same again and again
    assert progress.moved == 10 and progress.bytes_per_second == 0
    take(2000, 20)
    assert progress.moved == 20 and progress.bytes_per_second == 200
    take(0, 21, "Extracting")
    assert progress.moved == 21
    progress.take({"status": "Digest: sha256:1"}, 22)
    assert progress.moved == 22


@pytest.mark.parametrize(
    ("user", "uid", "name"), [("", 0, ""), ("5", 5, ""), ("5:6", 5, ""), ("www", None, "www"), ("www:x", None, "www")]
)
def test_users_of_images(user: str, uid: int | None, name: str) -> None:
    image = to_image("id", ["<none>:<none>", "a:1"], ["<none>@<none>"], 7, ImageConfig(user, ""), False)
    assert (image.uid.value if image.HasField("uid") else None, image.username) == (uid, name)
    assert list(image.repo_tags) == ["a:1"] and not image.repo_digests


def test_names_of_images() -> None:
    by_digest = "h/i@sha256:" + "a" * 64
    image = to_image("sha256:i", ["h/i:1", by_digest, "<none>:<none>"], [by_digest, "<none>@<none>"], 1, None, False)
    assert (list(image.repo_tags), list(image.repo_digests)) == (["h/i:1"], [by_digest])


def test_the_pause_archive() -> None:
    archive = image_archive("registry/pause:1", b"program", "x86_64")
    assert archive == image_archive("registry/pause:1", b"program", "x86_64")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert manifest["RepoTags"] == ["registry/pause:1"]
        config = json.load(tar.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        assert config["config"]["Entrypoint"] == ["/pause"] and config["architecture"] == "amd64"
        with tarfile.open(fileobj=tar.extractfile("layer.tar")) as layer:
            assert layer.extractfile("pause").read() == b"program"  # type: ignore[union-attr]
            assert layer.getmember("pause").mode == 0o755


# events


async def test_a_subscriber_that_does_not_read_is_ended(tmp_path: Path) -> None:
    engine = EngineClient("unix:///nowhere")
    logs = MemoryLogs()
    inventory = Inventory(
        engine, ImageCache(engine), logs.drain, logs.detach, "", clock_ns=itertools.count(1).__next__
    )
    hub = EventHub(inventory, CheckpointStore(tmp_path))
    sandbox = SandboxRecord(
        id="s", metadata=cri.PodSandboxMetadata(), pid=1, created_ns=1, labels={}, annotations={}, runtime_handler="",
        namespaces=cri.NamespaceOption(), config_hash="", resolv_conf_path="", cgroup_parent="",
    )
    quick: list[int] = []
    slow = hub.subscribe()

    async def read_all() -> None:
        async for event in hub.subscribe():
            quick.append(event.created_at)  # noqa: PERF401 - each as it comes

    async with asyncio.TaskGroup() as group:
        group.create_task(read_all())
        first = group.create_task(_first(slow))
        await asyncio.sleep(0)  # both have subscribed now
        for _ in range(3000):
            inventory.tell(Change.STARTED, sandbox)
            await asyncio.sleep(0)
        assert (await first).created_at == 1
        with pytest.raises(errors.ResourceExhaustedError):
            async for _ in slow:
                pass
        hub.close()
    assert quick == list(range(1, 3001))


async def _first(stream: AsyncIterator[cri.ContainerEventResponse]) -> cri.ContainerEventResponse:
    return await anext(stream)
