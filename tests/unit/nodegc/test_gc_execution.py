"""Collectors over a runtime in memory and real directories; collection.py over both."""

import asyncio
import contextlib
import gc
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec
import pytest
from nodegc import ContainerCollector, ContainerPolicy, ImageCollector, ImagePolicy, PodFates, removals
from nodegc.disk import LeftoverError, remove_container_logs, remove_pod_directory

from cri.errors import FailedPreconditionError, NotFoundError, UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import ObjectReference, Pod
from kubelet.collection import GarbageCollection, Places, image_policy, images_of, normalized_image
from kubelet.config import KubeletConfiguration

MIB = 1 << 20
UID = "io.kubernetes.pod.uid"


class Node:
    """A runtime with containers, sandboxes and images; removing what may not be removed fails as runtimes do."""

    def __init__(self) -> None:
        self.containers: dict[str, cri.ContainerStatus] = {}
        self.homes: dict[str, str] = {}
        self.sandboxes: dict[str, cri.PodSandbox] = {}
        self.images: dict[str, cri.Image] = {}
        self.stopped: list[str] = []
        self.held_images: set[str] = set()
        self.down = False
        self._count = 0

    def add_sandbox(self, uid: str, ready: bool = False) -> str:
        self._count += 1
        sandbox = cri.PodSandbox(id=f"s{self._count}", created_at=self._count * 10**9)
        sandbox.metadata.CopyFrom(cri.PodSandboxMetadata(uid=uid, name="pod", namespace="ns"))
        sandbox.state = cri.SANDBOX_READY if ready else cri.SANDBOX_NOTREADY
        self.sandboxes[sandbox.id] = sandbox
        return sandbox.id

    def add_container(
        self, sandbox: str, name: str, state: int = cri.CONTAINER_EXITED, image: str = "", log: Path | None = None
    ) -> str:
        self._count += 1
        container = cri.ContainerStatus(id=f"c{self._count}abcdef", state=state, created_at=self._count * 10**9)
        container.metadata.name = name
        container.labels[UID] = self.sandboxes[sandbox].metadata.uid
        container.image_id, container.log_path = image, str(log or "")
        self.containers[container.id], self.homes[container.id] = container, sandbox
        return container.id

    def add_image(self, name: str, size: int = MIB, pinned: bool = False) -> str:
        image = cri.Image(id=f"sha256:{name}", repo_tags=[f"{name}:1"], size=size, pinned=pinned)
        self.images[image.id] = image
        return image.id

    def _check(self) -> None:
        if self.down:
            raise UnavailableError("the runtime is away")

    async def ListContainers(self, request: cri.ListContainersRequest, /) -> cri.ListContainersResponse:
        self._check()
        wanted = request.filter.label_selector.get(UID)
        return cri.ListContainersResponse(containers=[
            cri.Container(
                id=one.id, metadata=one.metadata, state=one.state, created_at=one.created_at, labels=one.labels,
                pod_sandbox_id=self.homes[one.id], image_id=one.image_id,
            )
            for one in self.containers.values() if wanted in (None, one.labels[UID])
        ])

    async def ListPodSandbox(self, request: cri.ListPodSandboxRequest, /) -> cri.ListPodSandboxResponse:
        self._check()
        return cri.ListPodSandboxResponse(items=self.sandboxes.values())

    async def ContainerStatus(self, request: cri.ContainerStatusRequest, /) -> cri.ContainerStatusResponse:
        self._check()
        if request.container_id not in self.containers:
            raise NotFoundError("no such container")
        return cri.ContainerStatusResponse(status=self.containers[request.container_id])

    async def StopContainer(self, request: cri.StopContainerRequest, /) -> cri.StopContainerResponse:
        self.stopped.append(request.container_id)
        self.containers[request.container_id].state = cri.CONTAINER_EXITED
        return cri.StopContainerResponse()

    async def RemoveContainer(self, request: cri.RemoveContainerRequest, /) -> cri.RemoveContainerResponse:
        assert self.containers[request.container_id].state != cri.CONTAINER_RUNNING
        del self.containers[request.container_id]
        return cri.RemoveContainerResponse()

    async def StopPodSandbox(self, request: cri.StopPodSandboxRequest, /) -> cri.StopPodSandboxResponse:
        return cri.StopPodSandboxResponse()

    async def RemovePodSandbox(self, request: cri.RemovePodSandboxRequest, /) -> cri.RemovePodSandboxResponse:
        assert self.sandboxes[request.pod_sandbox_id].state != cri.SANDBOX_READY
        del self.sandboxes[request.pod_sandbox_id]
        return cri.RemovePodSandboxResponse()

    async def ListImages(self, request: cri.ListImagesRequest, /) -> cri.ListImagesResponse:
        self._check()
        return cri.ListImagesResponse(images=self.images.values())

    async def RemoveImage(self, request: cri.RemoveImageRequest, /) -> cri.RemoveImageResponse:
        if request.image.image in self.held_images:
            raise FailedPreconditionError("image is held")
        del self.images[request.image.image]
        return cri.RemoveImageResponse()

    async def ImageFsInfo(self, request: cri.ImageFsInfoRequest, /) -> cri.ImageFsInfoResponse:
        usage = cri.FilesystemUsage(fs_id=cri.FilesystemIdentifier(mountpoint="/images"))
        return cri.ImageFsInfoResponse(image_filesystems=[usage])

    def disk(self, mount_point: str) -> tuple[int, int]:
        """100 MiB, of which images take their size and others 60 MiB."""
        assert mount_point == "/images"
        return 100 * MIB, 40 * MIB - sum(image.size for image in self.images.values())


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def image_collector(node: Node) -> tuple[ImageCollector, Clock, list[str]]:
    clock, causes = Clock(), list[str]()
    return ImageCollector(node, node, node.disk, clock=clock, on_removed=causes.append), clock, causes


async def test_images_are_removed_down_to_the_low_threshold() -> None:
    node = Node()
    sandbox = node.add_sandbox("p", ready=True)
    used = node.add_image("used", 10 * MIB)
    node.add_container(sandbox, "c", cri.CONTAINER_RUNNING, used)
    node.add_image("pause", MIB, pinned=True)
    unused = [node.add_image(f"u{number}", 5 * MIB) for number in range(3)]
    collector, clock, causes = image_collector(node)
    await collector.watch()
    clock.now += 200
    result = await collector.collect(ImagePolicy())
    assert (result.wanted, result.freed, result.short) == (6 * MIB, 10 * MIB, False)
    assert causes == ["space", "space"]
    assert set(node.images) == {used, "sha256:pause", unused[2]}
    assert (await collector.collect(ImagePolicy())).removed == []


async def test_an_image_that_cannot_be_removed_is_replaced_by_the_next() -> None:
    node = Node()
    ids = [node.add_image(f"u{number}", 9 * MIB) for number in range(3)]
    node.held_images.add(ids[0])
    collector, clock, _ = image_collector(node)
    await collector.watch()
    clock.now += 200
    result = await collector.collect(ImagePolicy())
    assert result.errors == ["u0:1: image is held"]
    assert set(node.images) == {ids[0], ids[2]}


async def test_an_image_volume_counts_as_use() -> None:
    node = Node()
    volume = node.add_image("volume", 30 * MIB)
    container = node.add_container(node.add_sandbox("p", ready=True), "c", cri.CONTAINER_RUNNING)
    node.containers[container].mounts.add().image.image = volume
    collector, clock, _ = image_collector(node)
    await collector.watch()
    clock.now += 200
    result = await collector.collect(ImagePolicy())
    assert (result.removed, result.short) == ([], True)
    assert [decision.reason for decision in result.plan] == ["in use by an image volume"]


async def test_everything_unused_goes_when_eviction_asks() -> None:
    node = Node()
    node.add_image("a")
    kept = node.add_image("b")
    collector, clock, _ = image_collector(node)
    await collector.watch()
    clock.now += 200
    result = await collector.collect(ImagePolicy(), frozenset({"b:1"}), everything=True)
    assert set(node.images) == {kept}
    assert (result.freed, result.short) == (MIB, False)


def fates(*gone: str, seen: bool = True) -> PodFates:
    return PodFates(lambda uid: uid in gone, lambda uid: uid in gone, seen)


class Disk:
    """The directories of a node below tmp_path."""

    def __init__(self, root: Path) -> None:
        self.root, self.logs, self.links = root / "kubelet", root / "pods", root / "containers"
        self.pods = self.root / "pods"
        for directory in (self.pods, self.logs, self.links):
            directory.mkdir(parents=True)
        self.mounts: set[str] = set()

    def log(self, uid: str, container: str = "c", number: int = 0) -> Path:
        log = self.logs / f"ns_pod_{uid}" / container / f"{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("line\n")
        return log

    def collector(self, node: Node) -> ContainerCollector:
        return ContainerCollector(
            node, pod_logs=self.logs, container_logs=self.links, pods=self.pods, mount_points=lambda: self.mounts
        )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


async def test_a_pass_over_containers_sandboxes_and_logs(disk: Disk) -> None:
    node = Node()
    old, new = node.add_sandbox("here"), node.add_sandbox("here", ready=True)
    first = node.add_container(old, "c", log=disk.log("here", number=0))
    (disk.logs / "ns_pod_here/c/0.log.20260101-000000.gz").write_text("rotated")
    (disk.links / f"pod_ns_c-{first}.log").symlink_to(disk.logs / "ns_pod_here/c/0.log")
    second = node.add_container(new, "c", log=disk.log("here", number=1))
    running = node.add_container(new, "c", cri.CONTAINER_RUNNING, log=disk.log("here", number=2))
    lost = node.add_container(new, "lost", cri.CONTAINER_UNKNOWN)
    lost_older = "c0abcdef"
    node.containers[lost_older], node.homes[lost_older] = cri.ContainerStatus(
        id=lost_older, state=cri.CONTAINER_UNKNOWN, created_at=1, labels={UID: "here"},
        metadata=cri.ContainerMetadata(name="lost"),
    ), new
    gone_sandbox = node.add_sandbox("gone")
    node.add_container(gone_sandbox, "c", log=disk.log("gone"))
    (disk.links / "pod_ns_c-0123456789.log").symlink_to(disk.logs / "nowhere")
    (disk.links / f"pod_ns_c-{running}.log").symlink_to(disk.logs / "being rotated")

    collector = disk.collector(node)
    planned = {decision.subject for decision in removals(await collector.plan(ContainerPolicy(), fates("gone")))}
    removed = await collector.collect(ContainerPolicy(), fates("gone"))
    assert set(node.containers) == {second, running, lost}
    assert node.stopped == [lost_older]
    assert set(node.sandboxes) == {new}
    assert sorted(path.name for path in (disk.logs / "ns_pod_here/c").iterdir()) == ["1.log", "2.log"]
    assert [path.name for path in disk.logs.iterdir()] == ["ns_pod_here"]
    assert [path.name for path in disk.links.iterdir()] == [f"pod_ns_c-{running}.log"]
    assert planned == {decision.subject for decision in removed}
    assert await collector.collect(ContainerPolicy(), fates("gone")) == []


async def test_a_pass_can_be_cancelled_in_its_first_step(disk: Disk, recwarn: pytest.WarningsRecorder) -> None:
    class Slow(Node):
        async def ListContainers(self, request: cri.ListContainersRequest, /) -> cri.ListContainersResponse:
            await asyncio.Event().wait()
            return await super().ListContainers(request)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(disk.collector(Slow()).collect(ContainerPolicy(), fates()))
        await asyncio.sleep(0)
        task.cancel()
    del task
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []  # of steps that were never awaited


async def test_after_a_death_only_the_older_ones_go(disk: Disk) -> None:
    node = Node()
    sandbox = node.add_sandbox("p", ready=True)
    ids = [node.add_container(sandbox, "c") for _ in range(3)]
    other = node.add_container(sandbox, "other")
    await disk.collector(node).collect_after_death("p", ids[2], 1)
    assert set(node.containers) == {ids[2], other}


# --- pod directories ---


def make_pod(disk: Disk, uid: str) -> Path:
    pod = disk.pods / uid
    (pod / "volumes/kubernetes.io~configmap/config").mkdir(parents=True)
    (pod / "volume-subpaths/config/c/0").mkdir(parents=True)
    (pod / "volume-subpaths/config/c/1").touch()
    (pod / "containers/c").mkdir(parents=True)
    (pod / "containers/c/0a1b2c3d").write_text("bye")
    (pod / "etc-hosts").write_text("127.0.0.1 localhost")
    (pod / "plugins").symlink_to("/etc")
    return pod


async def test_orphaned_pod_directories(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    pods = {uid: make_pod(disk, uid) for uid in ("here", "gone", "mounted", "data", "busy")}
    disk.mounts = {"/", str(pods["mounted"] / "volumes/kubernetes.io~nfs/x"), str(disk.pods) + "/gone-but-longer"}
    (pods["data"] / "volumes/kubernetes.io~empty-dir").mkdir()
    (pods["data"] / "volumes/kubernetes.io~empty-dir/file").write_text("precious")
    collector = disk.collector(Node())
    for _ in range(3):
        await collector.collect_pod_directories({"here"}, {"busy"}, True)
    assert sorted(path.name for path in disk.pods.iterdir()) == ["busy", "data", "here", "mounted"]
    assert (pods["data"] / "volumes/kubernetes.io~empty-dir/file").read_text() == "precious"
    assert (pods["data"] / "etc-hosts").exists()
    assert Path("/etc/hosts").exists()
    told = [record.getMessage() for record in caplog.records if "stays" in record.getMessage()]
    assert len(told) == 2, "each is told once, not on every pass"
    removed, stuck = await collector.collect_pod_directories({"here"}, {"busy"}, False)
    assert (removed, stuck) == ([], 0)


def test_what_turns_out_to_be_kept_stops_the_removal(disk: Disk) -> None:
    pod = make_pod(disk, "p")
    with pytest.raises(LeftoverError, match="something is mounted in it"):
        remove_pod_directory(pod, lambda: {str(pod / "volumes/x")})
    (pod / "volume-subpaths/config/c/1").write_text("written through a subPath")
    with pytest.raises(LeftoverError, match="a subPath is not empty"):
        remove_pod_directory(pod, set)
    assert (pod / "volume-subpaths/config/c/1").read_text() == "written through a subPath"
    (pod / "volume-subpaths/config/c/1").write_text("")
    target = disk.root / "elsewhere"
    target.mkdir()
    (target / "file").write_text("kept")
    (pod / "volumes").mkdir(exist_ok=True)
    (pod / "volumes/link").symlink_to(target)
    with pytest.raises(LeftoverError, match="a volume holds files"):
        remove_pod_directory(pod, set)
    (pod / "volumes/link").unlink()
    remove_pod_directory(pod, set)
    assert not pod.exists()
    assert (target / "file").read_text() == "kept"


def test_logs_of_one_instance_only(disk: Disk) -> None:
    log = disk.log("p", number=1)
    for name in ("1.log.20260101-000000", "1.log.tmp", "11.log", "10.log"):
        (log.parent / name).touch()
    remove_container_logs(str(log))
    assert sorted(path.name for path in log.parent.iterdir()) == ["10.log", "11.log"]
    remove_container_logs("")


# --- the kubelet's glue ---


class Facts:
    def __init__(self, *pods: Pod) -> None:
        self._pods, self.seen = pods, True

    def all_sources_seen(self) -> bool:
        return self.seen

    def content_removable(self, uid: str) -> bool:
        return uid not in self.known_uids()

    def runtime_removable(self, uid: str) -> bool:
        return uid not in self.known_uids()

    def known_uids(self) -> Collection[str]:
        return {pod.metadata.uid for pod in self._pods}

    def pods_with_volumes(self) -> Collection[str]:
        return ()

    def pods(self) -> Iterable[Pod]:
        return self._pods


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []

    def event(
        self, ref: ObjectReference, kind: str, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self.events.append((ref.name, kind, reason, message))


def pod(uid: str, image: str) -> Pod:
    return msgspec.convert({
        "metadata": {"name": "web", "namespace": "ns", "uid": uid},
        "spec": {
            "containers": [{"name": "c", "image": image}],
            "volumes": [{"name": "v", "image": {"reference": "data:2"}}, {"name": "e", "emptyDir": {}}],
        },
    }, Pod)


def collection(node: Node, disk: Disk, facts: Facts, recorder: Recorder, **policy: int) -> GarbageCollection:
    return GarbageCollection(
        node, node, facts, recorder, node=lambda: ObjectReference(kind="Node", name="n1"),
        places=Places(disk.root, disk.logs, disk.links), mount_points=lambda: disk.mounts,
        image_policy=ImagePolicy(**policy),
    )


async def test_failures_become_events(disk: Disk) -> None:
    node, recorder = Node(), Recorder()
    node.down = True
    gc = collection(node, disk, Facts(), recorder)
    await gc.collect_containers()
    assert recorder.events == [(
        "n1", "Warning", "ContainerGCFailed", "the runtime is away; the runtime is away",
    )]
    recorder.events.clear()
    await gc.collect_images()
    assert recorder.events == [], "the first failure is only logged"
    await gc.collect_images()
    assert recorder.events == [("n1", "Warning", "ImageGCFailed", "the runtime is away")]


async def test_a_full_disk_is_told(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, recorder = Node(), Recorder()
    gc = collection(node, disk, Facts(), recorder)
    gc._images = ImageCollector(node, node, lambda _: (100 * MIB, MIB))
    for _ in range(2):
        await gc.collect_images()
    assert [event[2] for event in recorder.events] == ["FreeDiskSpaceFailed", "FreeDiskSpaceFailed", "ImageGCFailed"]
    assert "(99% of 100.0 MiB used)" in recorder.events[0][3]
    recorder.events.clear()
    gc._images = ImageCollector(node, node, lambda _: (0, 0))
    await gc.collect_images()
    assert recorder.events[0][2:] == ("InvalidDiskCapacity", "invalid capacity 0 on image filesystem")


@pytest.mark.looptime
async def test_the_timers_and_deaths(disk: Disk) -> None:
    node, recorder = Node(), Recorder()
    sandbox = node.add_sandbox("p", ready=True)
    gc = collection(node, disk, Facts(pod("p", "x")), recorder, high_percent=100)
    task = asyncio.get_running_loop().create_task(gc.run())
    await asyncio.sleep(1)
    ids = [node.add_container(sandbox, "c") for _ in range(2)]
    await asyncio.sleep(50)
    assert set(node.containers) == set(ids)
    gc.container_died("p", ids[1])
    await asyncio.sleep(1)
    assert set(node.containers) == {ids[1]}
    orphan = make_pod(disk, "orphan")
    await asyncio.sleep(10)
    assert not orphan.exists()
    assert (gc.orphans.found, gc.orphans.stuck) == (1, 0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_whole_plan(disk: Disk) -> None:
    node = Node()
    sandbox = node.add_sandbox("p", ready=True)
    node.add_container(sandbox, "c", cri.CONTAINER_RUNNING)
    node.add_image("app")
    make_pod(disk, "orphan")
    disk.log("p")
    gc = collection(node, disk, Facts(pod("p", "app:1")), Recorder())
    gc._images = ImageCollector(node, node, node.disk)
    prospect = await gc.prospect()
    assert prospect.problems == ()
    assert prospect.disk is not None
    assert {(decision.kind.value, decision.remove, decision.reason) for decision in prospect.plan} == {
        ("container", False, "it is running"), ("sandbox", False, "it is ready"),
        ("log directory", False, "its pod exists"),
        ("pod directory", True, "its pod is gone and nothing is mounted or kept in it"),
        ("image", False, "wanted by a pod of this node"),
    }
    assert (disk.pods / "orphan").exists()


def test_images_of_a_pod_and_their_names() -> None:
    assert images_of(pod("p", "busybox")) == {"busybox", "data:2"}
    names = {
        "busybox": "docker.io/library/busybox:latest", "a/b:1": "docker.io/a/b:1", "r.io/x": "r.io/x:latest",
        "localhost:5000/x:2": "localhost:5000/x:2", "x@sha256:0": "docker.io/library/x@sha256:0",
    }
    assert {name: normalized_image(name) for name in names} == names


def test_the_policy_of_the_configuration() -> None:
    assert image_policy(KubeletConfiguration(), ["air/*"]) == ImagePolicy(85, 80, 120.0, 0.0, ("air/*",))
