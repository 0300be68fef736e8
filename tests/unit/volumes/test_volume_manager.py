"""The manager: volumes side by side, back-off, wake-ups, updates, recovery. Time is virtual, the disk is real."""

import asyncio
import base64
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from kubelet import paths
from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import ConfigMap, ObjectReference, Pod, Secret
from kubelet.objects import ObjectManager
from kubelet.objects.errors import MissingObjectError, ObjectError
from kubelet.syscalls import RecordingSyscalls
from kubelet.volumes.content import ContentSource
from kubelet.volumes.manager import FileWork, VolumeManager
from kubelet.volumes.types import MountedVolume, MountError, UnmountError

pytestmark = pytest.mark.looptime
P = ParamSpec("P")
T = TypeVar("T")
UID = PodUID("u-1")


class Inline:
    """Runs disk work in place: virtual time and threads do not mix."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await asyncio.sleep(0)
        return work(*args, **kwargs)


class Objects:
    def __init__(self) -> None:
        self.config_maps: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.attempts: list[tuple[str, float]] = []
        self.token: str | None = None

    async def get_config_map(self, namespace: str, name: str) -> ConfigMap:
        self.attempts.append((name, round(asyncio.get_running_loop().time(), 3)))
        if name not in self.config_maps:
            raise MissingObjectError("configmap", name)
        return ConfigMap(data=self.config_maps[name])

    async def get_secret(self, namespace: str, name: str) -> Secret:
        if name not in self.secrets:
            raise MissingObjectError("secret", name)
        return Secret(data={k: base64.b64encode(v.encode()).decode() for k, v in self.secrets[name].items()})

    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        if self.token is None:
            raise ObjectError("failed to fetch token: no")
        return f"{self.token}:{audience}:{expiration_seconds}"


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, ref: ObjectReference, kind: str, reason: str, message: str) -> None:
        self.events.append((kind, reason, message))


class Observer:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bool]] = []
        self.finished: list[tuple[str, str, float]] = []

    def __call__(self, plugin: str, operation: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.seen.append((plugin, operation, failed))

    def done(self, plugin: str, operation: str, seconds: float) -> None:
        self.finished.append((plugin, operation, round(seconds, 1)))


class Node:
    def __init__(self, root: Path, *, standalone: bool = False) -> None:
        self.root, self.objects, self.recorder, self.syscalls = root, Objects(), Recorder(), RecordingSyscalls()
        self.observer = Observer()
        source = None if standalone else self.objects
        self.manager = VolumeManager(
            root,
            content=ContentSource(source, source, lambda: {"memory": "1Gi"}),
            syscalls=self.syscalls,
            recorder=self.recorder,
            files=Inline(),
            observer=self.observer,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def make_pod(*volumes: dict[str, Any], **spec: Any) -> Pod:
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    return convert(
        {
            "metadata": {"name": "web", "namespace": "shop", "uid": UID},
            "spec": {"containers": [{"name": "c", "volumeMounts": mounts}], "volumes": volumes, **spec},
        },
        Pod,
    )


CONFIG = {"name": "cfg", "configMap": {"name": "one"}}


async def test_every_kind_of_volume(node: Node, tmp_path: Path) -> None:
    node.objects.config_maps["one"] = {"key": "value"}
    node.objects.secrets["two"] = {"pass": "word"}
    node.objects.token = "t"
    pod = make_pod(
        CONFIG,
        {"name": "sec", "secret": {"secretName": "two"}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": "/"}},
        {"name": "down", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {
            "name": "proj",
            "projected": {
                "sources": [
                    {"configMap": {"name": "one"}},
                    {"secret": {"name": "no", "optional": True}},
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607, "audience": "api"}},
                ]
            },
        },
    )
    await node.manager.mount_pod(pod)
    mounted = node.manager.mounted(UID)
    volumes = tmp_path / "pods/u-1/volumes"
    assert {name: str(volume.host_path) for name, volume in mounted.items()} == {
        "cfg": f"{volumes}/kubernetes.io~configmap/cfg",
        "sec": f"{volumes}/kubernetes.io~secret/sec",
        "tmp": f"{volumes}/kubernetes.io~empty-dir/tmp",
        "mem": f"{volumes}/kubernetes.io~empty-dir/mem",
        "host": "/",
        "down": f"{volumes}/kubernetes.io~downward-api/down",
        "proj": f"{volumes}/kubernetes.io~projected/proj",
    }
    assert [name for name, volume in mounted.items() if volume.read_only] == ["cfg", "sec", "down", "proj"] or (
        {name for name, volume in mounted.items() if volume.read_only} == {"cfg", "sec", "down", "proj"}
    )
    assert (mounted["cfg"].host_path / "key").read_text() == "value"
    assert (mounted["sec"].host_path / "pass").read_text() == "word"
    assert (mounted["down"].host_path / "name").read_text() == "web"
    assert (mounted["proj"].host_path / "token").read_text() == "t:api:3607"
    in_memory = {Path(call[2]).name: call[-1] for call in node.syscalls.calls}
    assert in_memory == {
        "sec": f"size={2**30},noswap",
        "down": f"size={2**30},noswap",
        "proj": f"size={2**30},noswap",
        "mem": f"size={2**20},noswap",
    }
    assert node.recorder.events == [] and node.manager.pods_with_volumes() == {UID}
    await node.manager.unmount_pod(UID)
    await node.manager.unmount_pod(UID)
    assert node.syscalls.table == [] and not volumes.exists() and node.manager.mounted(UID) == {}
    await node.manager.remove_pod_dir(UID)
    assert not paths.pod_dir(tmp_path, UID).exists()


async def test_volumes_that_nobody_mounts_are_not_set_up(node: Node, tmp_path: Path) -> None:
    pod = make_pod({"name": "tmp", "emptyDir": {}})
    pod = convert({"metadata": {"uid": UID}, "spec": {"containers": [{"name": "c"}], "volumes": [CONFIG]}}, Pod)
    await node.manager.mount_pod(pod)
    assert node.manager.mounted(UID) == {} and not (tmp_path / "pods").exists()


async def test_a_missing_object_is_waited_for_with_back_off(node: Node) -> None:
    with pytest.raises(MountError) as caught:
        await node.manager.mount_pod(make_pod(CONFIG, {"name": "tmp", "emptyDir": {}}))
    assert [time for _, time in node.objects.attempts] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 123]
    assert str(caught.value) == (
        'unmounted volumes=[cfg], unattached volumes=[], failed to process volumes=[]: configmap "one" not found'
    )
    assert node.recorder.events[0] == (
        "Warning",
        "FailedMount",
        'MountVolume.SetUp failed for volume "cfg" : configmap "one" not found',
    )
    assert set(node.manager.mounted(UID)) == {"tmp"}  # what could be set up is there


async def test_a_change_of_an_object_ends_the_wait(node: Node) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(node.manager.mount_pod(make_pod(CONFIG)))
        await asyncio.sleep(10)
        node.objects.config_maps["one"] = {"key": "value"}
        node.manager.wake({UID, PodUID("another")})
    assert loop.time() == pytest.approx(10, abs=0.01)
    assert (node.manager.mounted(UID)["cfg"].host_path / "key").read_text() == "value"


async def test_contents_follow_their_objects(node: Node) -> None:
    node.objects.config_maps["one"] = {"key": "old"}
    await node.manager.mount_pod(make_pod(CONFIG))
    path = node.manager.mounted(UID)["cfg"].host_path
    node.objects.config_maps["one"] = {"other": "new"}
    await node.manager.mount_pod(make_pod(CONFIG))
    assert sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("..")) == ["other"]
    del node.objects.config_maps["one"]  # a running pod keeps what it has, and is told
    await node.manager.mount_pod(make_pod(CONFIG))
    assert (path / "other").read_text() == "new"
    assert [reason for _, reason, _ in node.recorder.events] == ["FailedMount"]


async def test_an_image_is_left_to_the_runtime(node: Node) -> None:
    await node.manager.mount_pod(make_pod({"name": "v", "image": {"reference": "tools:1"}}))
    assert node.manager.mounted(UID) == {"v": MountedVolume("v", "kubernetes.io/image", Path(), read_only=True)}
    await node.manager.unmount_pod(UID)
    assert node.manager.mounted(UID) == {}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"name": "v", "nfs": {"server": "s", "path": "/"}}, "is of type nfs, which this agent does not mount yet"),
        ({"name": "v", "csi": {"driver": "d"}}, "is of type csi"),
        ({"name": "v"}, "is of type (none)"),
        ({"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"path": "p"}}]}}, "clusterTrustBundle"),
    ],
)
async def test_what_cannot_be_mounted_fails_at_once(node: Node, volume: dict[str, Any], message: str) -> None:
    with pytest.raises(MountError) as caught:
        await node.manager.mount_pod(make_pod(volume))
    assert asyncio.get_running_loop().time() < 0.1
    assert message in caught.value.causes["v"] and caught.value.unprocessed == ("v",)


async def test_a_manager_without_api_server_counts_as_standalone(tmp_path: Path) -> None:
    manager = VolumeManager(
        tmp_path, content=ContentSource(ObjectManager(None), None, dict), syscalls=RecordingSyscalls(), files=Inline()
    )
    projected = {"name": "p", "projected": {"sources": [{"secret": {"name": "s"}}]}}
    for volume, kind in ((CONFIG, "configMap"), (projected, "projected")):
        with pytest.raises(MountError, match=f"cannot setup {kind} volume"):
            await manager.mount_pod(make_pod(volume))
    assert asyncio.get_running_loop().time() < 0.1


async def test_standalone_says_what_is_missing(tmp_path: Path) -> None:
    node = Node(tmp_path, standalone=True)
    with pytest.raises(MountError, match="cannot setup configMap volume cfg because kube client is not configured"):
        await node.manager.mount_pod(make_pod(CONFIG))
    down = {"name": "d", "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}
    await node.manager.mount_pod(make_pod(down, {"name": "e", "emptyDir": {}}))
    assert set(node.manager.mounted(UID)) == {"d", "e"}


async def test_all_missing_sources_of_a_projected_volume_are_named(node: Node) -> None:
    volume = {"name": "p", "projected": {"sources": [{"configMap": {"name": "one"}}, {"secret": {"name": "two"}}]}}
    with pytest.raises(MountError) as caught:
        await node.manager.mount_pod(make_pod(volume), wait=0)
    assert caught.value.causes == {"p": '[configmap "one" not found, secret "two" not found]'}


async def test_a_busy_mount_is_tried_again(node: Node) -> None:
    pod = make_pod({"name": "mem", "emptyDir": {"medium": "Memory"}})
    await node.manager.mount_pod(pod)
    path = str(node.manager.mounted(UID)["mem"].host_path)
    node.syscalls.failures[path] = errno.EBUSY
    with pytest.raises(UnmountError, match="busy"):
        await node.manager.unmount_pod(UID)
    assert set(node.manager.mounted(UID)) == {"mem"}
    async with asyncio.TaskGroup() as group:
        group.create_task(node.manager.unmount_pod(UID))
        await asyncio.sleep(2)
        node.syscalls.failures.clear()
    assert node.manager.mounted(UID) == {}


async def test_recovery(node: Node, tmp_path: Path) -> None:
    node.objects.config_maps["one"] = {"key": "value"}
    pod = make_pod(CONFIG, {"name": "mem", "emptyDir": {"medium": "Memory"}})
    await node.manager.mount_pod(pod)
    again = Node(tmp_path)
    again.syscalls.table = node.syscalls.table
    await again.manager.recover()
    assert again.manager.mounted(UID) == node.manager.mounted(UID)
    again.objects.config_maps["one"] = {"key": "value"}
    await again.manager.mount_pod(pod)
    assert again.syscalls.calls == []  # nothing is mounted twice
    assert await again.manager.orphans(set) == {UID} and await again.manager.orphans(lambda: {UID}) == set()


@pytest.mark.looptime(False)
async def test_whoever_is_cancelled_waits_for_the_thread() -> None:
    import threading

    release, steps = threading.Event(), []

    def work() -> None:
        release.wait(5)
        steps.append("worked")

    files = FileWork(1)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(files(work))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        release.set()
    assert steps == ["worked"] and task.cancelled()


async def test_operations_are_observed_but_updates_are_none(node: Node) -> None:
    pod = make_pod(CONFIG)
    with pytest.raises(MountError):
        await node.manager.mount_pod(pod, wait=0.4)
    node.objects.config_maps["one"] = {"key": "value"}
    for _ in range(3):
        await node.manager.mount_pod(pod)
    assert node.manager.plugins() == ["kubernetes.io/configmap"]
    await node.manager.unmount_pod(UID)
    plugin = "kubernetes.io/configmap"
    assert node.observer.seen == [
        (plugin, "volume_mount", True), (plugin, "volume_mount", True), (plugin, "volume_mount", False),
        (plugin, "volume_unmount", False)]
    assert node.observer.finished == [(plugin, "volume_mount", 0.0)]
    assert node.manager.plugins() == []
