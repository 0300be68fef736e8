"""Volumes with the kernel's own mounts: tmpfs, subPath binds, recovery, teardown. Needs root."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubelet import paths
from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import ConfigMap, Pod, Secret
from kubelet.containerspec import ContainerConfigError, ContainerInputs, NodeContext, container_config
from kubelet.objects.errors import MissingObjectError
from kubelet.syscalls import LinuxSyscalls, Mount, MountFlag, open_step_by_step
from kubelet.volumes import ContentSource, UnmountError, VolumeError, VolumeManager
from kubelet.volumes.teardown import remove_tree, unmount_beneath

UID = PodUID("u-1")


class Objects:
    async def get_config_map(self, namespace: str, name: str) -> ConfigMap:
        return ConfigMap(data={"key": "value"})

    async def get_secret(self, namespace: str, name: str) -> Secret:
        raise MissingObjectError("secret", name)

    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        return "token"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    unmount_beneath(LinuxSyscalls(), tmp_path)


def manager(root: Path) -> VolumeManager:
    return VolumeManager(
        root, content=ContentSource(Objects(), Objects(), lambda: {"memory": "64Mi"}), syscalls=LinuxSyscalls()
    )


def make_pod(**container: Any) -> Pod:
    volumes = [
        {"name": "mem", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "disk", "emptyDir": {}},
        {
            "name": "token",
            "projected": {
                "defaultMode": 0o644,
                "sources": [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "ca"}}],
            },
        },
    ]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    mounts += container.pop("volumeMounts", [])
    return convert(
        {
            "metadata": {"name": "web", "namespace": "shop", "uid": UID},
            "spec": {
                "securityContext": {"fsGroup": 1234, "runAsUser": 1000},
                "containers": [{"name": "c", "volumeMounts": mounts, **container}],
                "volumes": volumes,
            },
        },
        Pod,
    )


async def test_tmpfs_ownership_recovery_and_teardown(root: Path) -> None:
    volumes = manager(root)
    await volumes.mount_pod(make_pod())
    mounted = volumes.mounted(UID)
    table = {mount.mount_point: mount for mount in LinuxSyscalls().mounts()}
    for name, size in (("mem", 2**20), ("token", 64 * 2**20)):
        path = mounted[name].host_path
        assert table[str(path)].fs_type == "tmpfs"
        limits = os.statvfs(path)
        assert limits.f_blocks * limits.f_frsize == size
    assert stat.S_IMODE(mounted["mem"].host_path.stat().st_mode) == 0o3777
    assert mounted["mem"].host_path.stat().st_gid == 1234
    directory = mounted["token"].host_path
    assert (directory / "token").lstat().st_uid == 1000
    # Not through that link: it is another user's in a sticky directory, where fs.protected_symlinks keeps root off.
    token = (directory / (directory / "token").readlink()).stat()
    assert (stat.S_IMODE(token.st_mode), token.st_uid, token.st_gid) == (0o640, 1000, 1234)

    again = manager(root)
    await again.recover()
    await again.mount_pod(make_pod())
    assert len([mount for mount in LinuxSyscalls().mounts() if mount.mount_point.startswith(str(root))]) == 2
    await again.unmount_pod(UID)
    await again.remove_pod_dir(UID)
    assert not paths.pod_dir(root, UID).exists()
    assert not [mount for mount in LinuxSyscalls().mounts() if mount.mount_point.startswith(str(root))]


async def test_huge_pages_are_mounted_and_taken_down(root: Path) -> None:
    """The mount needs no page to be there."""
    resources = {"limits": {"hugepages-2Mi": "2Mi"}}
    mounts = [{"name": "huge", "mountPath": "/huge"}]
    pod = convert({
        "metadata": {"name": "web", "namespace": "shop", "uid": UID},
        "spec": {
            "containers": [{"name": "c", "resources": resources, "volumeMounts": mounts}],
            "volumes": [{"name": "huge", "emptyDir": {"medium": "HugePages"}}],
        },
    }, Pod)
    for _ in range(2):
        volumes = manager(root)
        await volumes.recover()
        await volumes.mount_pod(pod)
    path = volumes.mounted(UID)["huge"].host_path
    (mount,) = [mount for mount in LinuxSyscalls().mounts() if mount.mount_point == str(path)]
    assert mount.fs_type == "hugetlbfs"
    assert os.statvfs(path).f_bsize == 2 * 2**20
    await volumes.unmount_pod(UID)
    assert not path.exists()


async def test_sub_paths_are_bound_and_taken_down(root: Path) -> None:
    volumes = manager(root)
    pod = make_pod(
        volumeMounts=[
            {"name": "disk", "mountPath": "/logs", "subPath": "a/b"},
            {"name": "token", "mountPath": "/ca", "subPath": "key"},
        ]
    )
    await volumes.mount_pod(pod)
    context = NodeContext(node_name="n", root_dir=root, pod_logs_dir=root / "logs")
    for restart in range(2):  # a restart finds the binds of the first start
        config = await container_config(
            pod,
            pod.spec.containers[0],
            ContainerInputs(restart_count=restart, image_ref="i", volumes=volumes.mounted(UID)),
            context,
        )
    by_path = {mount.container_path: Path(mount.host_path) for mount in config.mounts}
    (by_path["/logs"] / "line").write_text("x")
    assert (volumes.mounted(UID)["disk"].host_path / "a/b/line").read_text() == "x"
    assert by_path["/ca"].read_text() == "value"
    assert (
        len(
            [
                mount
                for mount in LinuxSyscalls().mounts()
                if "volume-subpaths" in mount.mount_point and mount.mount_point.startswith(str(root))
            ]
        )
        == 2
    )
    await volumes.unmount_pod(UID)
    assert not paths.subpaths_dir(root, UID).exists()


async def test_a_sub_path_cannot_leave_its_volume(root: Path) -> None:
    volumes = manager(root)
    pod = make_pod(volumeMounts=[{"name": "disk", "mountPath": "/x", "subPath": "link/deeper"}])
    await volumes.mount_pod(pod)
    outside = root / "outside"
    (outside / "deeper").mkdir(parents=True)
    (volumes.mounted(UID)["disk"].host_path / "link").symlink_to(outside)
    context = NodeContext(node_name="n", root_dir=root, pod_logs_dir=root / "logs")
    with pytest.raises(ContainerConfigError, match="failed to prepare subPath"):
        await container_config(
            pod,
            pod.spec.containers[0],
            ContainerInputs(restart_count=0, image_ref="i", volumes=volumes.mounted(UID)),
            context,
        )
    await volumes.unmount_pod(UID)


async def test_host_data_behind_a_foreign_mount_survives(root: Path) -> None:
    """What a container bind-mounted into its emptyDir (Bidirectional) is unmounted, never emptied."""
    host = root / "host"
    host.mkdir()
    (host / "precious").write_text("x")
    volumes = manager(root)
    await volumes.mount_pod(make_pod())
    inner = volumes.mounted(UID)["disk"].host_path / "inner"
    inner.mkdir()
    LinuxSyscalls().mount(str(host), inner, flags=MountFlag.BIND)
    with pytest.raises(UnmountError):
        await volumes.remove_pod_dir(UID)
    busy = await asyncio.to_thread(os.open, inner, os.O_RDONLY)
    try:
        with pytest.raises(UnmountError, match="busy"):
            await volumes.unmount_pod(UID, wait=0)
        assert (host / "precious").read_text() == "x"
    finally:
        os.close(busy)
    await volumes.unmount_pod(UID)
    assert (host / "precious").read_text() == "x"


def test_removal_enters_no_mount_that_the_table_did_not_show(root: Path) -> None:
    """The last line of defence: a bind mount of the same file system that appears after the table was read."""
    host, volume = root / "host", root / "volume"
    (volume / "inner").mkdir(parents=True)
    host.mkdir()
    (host / "precious").write_text("x")
    system = LinuxSyscalls()
    system.mount(str(host), volume / "inner", flags=MountFlag.BIND)

    class Blind(LinuxSyscalls):
        def mounts(self) -> list[Mount]:
            return []

    with pytest.raises(VolumeError, match="something is mounted at inner"):
        remove_tree(Blind(), volume)
    assert (host / "precious").read_text() == "x"


def test_old_kernels_open_step_by_step(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("x")
    (tmp_path / "link").symlink_to("a")
    base = os.open(tmp_path, os.O_RDONLY)
    try:
        with os.fdopen(open_step_by_step(base, "a/./file", os.O_RDONLY)) as file:
            assert file.read() == "x"
        for path in ("link/file", "../x", "/etc", "a/none"):
            with pytest.raises(OSError):
                open_step_by_step(base, path, os.O_RDONLY)
    finally:
        os.close(base)
