"""Payloads, ownership, single volumes on disk, teardown."""

import base64
import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubelet import paths
from kubelet.api.codec import convert
from kubelet.api.meta import PodUID
from kubelet.api.types import ConfigMap, DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, Pod, Secret
from kubelet.syscalls import Mount, MountFlag, RecordingSyscalls, parse_mountinfo
from kubelet.volumes import payload, plugins, teardown
from kubelet.volumes.hugepages import page_size
from kubelet.volumes.ownership import needs_change, set_group
from kubelet.volumes.types import VolumeError

UID = PodUID("u-1")
GROUP = os.getgid()


def make_pod(**spec: Any) -> Pod:
    return convert(
        {"metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "labels": {"b": "2", "a": "1"}}, "spec": spec},
        Pod,
    )


def test_config_map_payload() -> None:
    source = ConfigMap(
        data={"text": "x", "both": "data wins"}, binary_data={"raw": base64.b64encode(b"\xff").decode(), "both": "eA=="}
    )
    assert {k: (v.data, v.mode) for k, v in payload.config_map_payload(source, (), 0o644, optional=False).items()} == {
        "text": (b"x", 0o644),
        "raw": (b"\xff", 0o644),
        "both": (b"data wins", 0o644),
    }
    items = (KeyToPath(key="text", path="dir/t", mode=0o400), KeyToPath(key="nope", path="n"))
    assert payload.config_map_payload(source, items, 0o644, optional=True).keys() == {"dir/t"}
    with pytest.raises(VolumeError, match=r"^configmap references non-existent config key: nope$"):
        payload.config_map_payload(source, items, 0o644, optional=False)
    with pytest.raises(VolumeError, match=r"^references non-existent secret key: nope$"):
        payload.secret_payload(Secret(data={}), (KeyToPath(key="nope", path="n"),), 0o644, optional=False)


def test_downward_payload() -> None:
    pod = make_pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "250m"}}}])
    items = convert(
        [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {
                "path": "cpu",
                "mode": 0o400,
                "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu", "divisor": "1m"},
            },
            {"path": "mem", "resourceFieldRef": {"containerName": "c", "resource": "limits.memory"}},
        ],
        tuple[DownwardAPIVolumeFile, ...],
    )
    found = payload.downward_payload(pod, items, 0o644, {"memory": "1Ki"})
    assert {path: (entry.data, entry.mode) for path, entry in found.items()} == {
        "labels": (b'a="1"\nb="2"', 0o644),
        "cpu": (b"250", 0o400),
        "mem": (b"1024", 0o644),
    }
    bad = convert([{"path": "x", "fieldRef": {"fieldPath": "status.podIP"}}], tuple[DownwardAPIVolumeFile, ...])
    with pytest.raises(VolumeError, match=r"unsupported fieldPath: status\.podIP"):
        payload.downward_payload(pod, bad, 0o644, {})


@pytest.mark.parametrize(
    ("spec", "user", "mode"),
    [
        ({"containers": [{"name": "c"}]}, None, 0o644),
        ({"containers": [{"name": "c"}], "securityContext": {"runAsUser": 7}}, 7, 0o600),
        (
            {
                "containers": [{"name": "c", "securityContext": {"runAsUser": 8}}, {"name": "d"}],
                "securityContext": {"runAsUser": 7},
            },
            None,
            0o644,
        ),
        ({"containers": [{"name": "c"}], "securityContext": {"fsGroup": 7}}, None, 0o600),
    ],
)
def test_who_may_read_a_token(spec: dict[str, Any], user: int | None, mode: int) -> None:
    assert (payload.fs_user(make_pod(**spec)), payload.token_mode(make_pod(**spec), 0o644)) == (user, mode)


def test_used_volumes_and_nested_mount_points() -> None:
    mounts = [
        {"name": "cfg", "mountPath": "/etc/x"},
        {"name": "s", "mountPath": "/etc/x/secret"},
        {"name": "t", "mountPath": "/etc/x/secret/deeper"},
        {"name": "u", "mountPath": "/etc/x-beside"},
        {"name": "v", "mountPath": "/etc/x/b/"},
    ]
    env = [{"name": "E", "valueFrom": {"fileKeyRef": {"volumeName": "files", "path": "p", "key": "k"}}}]
    pod = make_pod(
        containers=[{"name": "c", "volumeMounts": mounts, "env": env}],
        initContainers=[{"name": "i", "volumeMounts": [{"name": "init", "mountPath": "/i"}]}],
    )
    assert payload.used_volumes(pod) == {"cfg", "s", "t", "u", "v", "init", "files"}
    assert payload.nested_mount_points(pod, "cfg") == {"secret", "b"}
    assert payload.nested_mount_points(pod, "u") == set()


def test_set_group(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "file").write_text("x")
    (root / "sub" / "file").chmod(0o600)
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (root / "out").symlink_to(outside)
    root.chmod(0o755)
    assert needs_change(root, GROUP, read_only=False)
    assert set_group(root, GROUP, read_only=False) == 4
    assert [stat.S_IMODE(path.stat().st_mode) for path in (root, root / "sub", root / "sub/file", outside)] == [
        0o2775,
        0o2775 if (root / "sub").stat().st_mode & 0o5 else 0o2770,
        0o660,
        0o700,
    ]
    assert not needs_change(root, GROUP, read_only=False)
    assert set_group(root, GROUP, read_only=False, only_on_mismatch=True) == 0
    (root / "sub/file").chmod(0o400)
    set_group(root, GROUP, read_only=True)
    assert stat.S_IMODE((root / "sub/file").stat().st_mode) == 0o440


def test_empty_dir_on_disk(tmp_path: Path) -> None:
    directory, ready = tmp_path / "v/kubernetes.io~empty-dir/data", tmp_path / "p/data"
    syscalls = RecordingSyscalls()
    for _ in range(2):
        plugins.set_up_empty_dir(syscalls, directory, ready, medium="", size=None, group=GROUP)
        (directory / "kept").touch()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o2777 and (ready / "ready").is_file() and not syscalls.calls
    with pytest.raises(VolumeError, match='unknown storage medium "Floppy"'):
        plugins.set_up_empty_dir(syscalls, directory, ready, medium="Floppy", size=None, group=None)


def test_empty_dir_on_huge_pages_is_mounted_once(tmp_path: Path) -> None:
    syscalls = RecordingSyscalls()
    for _ in range(2):
        plugins.set_up_empty_dir(
            syscalls, tmp_path / "data", tmp_path / "r", medium="HugePages-2Mi", size=None, group=None, huge_page="2Mi"
        )
    assert syscalls.calls == [("mount", "nodev", str(tmp_path / "data"), "hugetlbfs", "0", "pagesize=2Mi")]


def asks(*sizes: str, pod: str = "", init: str = "") -> Pod:
    def holder(size: str) -> dict[str, Any]:
        return {"requests": {f"hugepages-{size}": "4Mi"}} if size else {}

    return convert({"metadata": {"name": "p"}, "spec": {
        "containers": [{"name": f"c{index}", "resources": holder(size)} for index, size in enumerate(sizes)],
        "initContainers": [{"name": "i", "resources": holder(init)}], "resources": holder(pod),
    }}, Pod)


@pytest.mark.parametrize(("medium", "pod", "expected"), [
    ("HugePages", asks("2Mi"), "2Mi"), ("HugePages", asks("2Mi", "", "2048Ki"), "2Mi"),
    ("HugePages", asks("", init="1Gi"), "1Gi"), ("HugePages", asks("", pod="2Mi"), "2Mi"),
    ("HugePages-2Mi", asks("2Mi", "1Gi"), "2Mi"), ("HugePages-1Gi", asks("2Mi", "1Gi"), "1Gi"),
])
def test_the_page_size_of_a_medium(medium: str, pod: Pod, expected: str) -> None:
    assert page_size(medium, pod) == expected


@pytest.mark.parametrize(("medium", "pod", "text"), [
    ("HugePages", asks("2Mi", "1Gi"), "medium: HugePages can't be used if container requests multiple huge page sizes"),
    ("HugePages", asks(""), "medium HugePages: hugePages storage requested, but there is no resource request for huge"),
    ("HugePages-1Gi", asks("2Mi"), "medium HugePages-1Gi: hugePages storage requested, but there is no resource"),
    ("HugePages-big", asks("2Mi"), "medium HugePages-big: 'big' is not a quantity"),
])
def test_huge_pages_that_nobody_asks_for(medium: str, pod: Pod, text: str) -> None:
    with pytest.raises(VolumeError) as raised:
        page_size(medium, pod)
    assert str(raised.value).startswith(text)


def test_empty_dir_in_memory_is_mounted_once(tmp_path: Path) -> None:
    syscalls = RecordingSyscalls()
    for _ in range(2):
        plugins.set_up_empty_dir(syscalls, tmp_path / "data", tmp_path / "r", medium="Memory", size=4096, group=None)
    assert syscalls.calls == [("mount", "tmpfs", str(tmp_path / "data"), "tmpfs", "0", "size=4096,noswap")]


def test_old_kernels_get_a_plain_tmpfs(tmp_path: Path) -> None:
    class Old(RecordingSyscalls):
        def mount(
            self, source: str, target: Path, fs_type: str = "", flags: MountFlag = MountFlag.NONE, data: str = ""
        ) -> None:
            if "noswap" in data:
                raise OSError(errno.EINVAL, "Invalid argument")
            super().mount(source, target, fs_type, flags, data)

    syscalls = Old()
    plugins.mount_tmpfs(syscalls, tmp_path, 10)
    assert [call[-1] for call in syscalls.calls] == ["size=10"]


def test_content_is_written_and_nested_mount_points_are_made(tmp_path: Path) -> None:
    syscalls, directory = RecordingSyscalls(), tmp_path / "v" / "cfg"
    arguments: dict[str, Any] = {
        "in_memory": True,
        "size": None,
        "group": GROUP,
        "nested": {"sub"},
        "now": datetime(2026, 1, 1, tzinfo=UTC),
    }
    entries = {"key": payload.FileEntry(b"1", 0o400)}
    assert plugins.write_content(syscalls, directory, entries, **arguments)
    assert not plugins.write_content(syscalls, directory, entries, **arguments)
    assert (directory / "key").read_bytes() == b"1" and (directory / "sub").is_dir()
    assert stat.S_IMODE((directory / "key").stat().st_mode) == 0o440
    assert len(syscalls.calls) == 1


@pytest.mark.parametrize(
    ("kind", "make", "message"),
    [
        ("", None, ""),
        ("Directory", "dir", ""),
        ("Directory", None, "is not a directory"),
        ("Directory", "file", "is not a directory"),
        ("DirectoryOrCreate", None, ""),
        ("DirectoryOrCreate", "file", "is not a directory"),
        ("File", "file", ""),
        ("File", "dir", "is not a file"),
        ("FileOrCreate", None, ""),
        ("FileOrCreate", "dir", "is not a file"),
        ("Socket", "file", "is not a socket file"),
        ("CharDevice", "file", "is not a character device"),
        ("BlockDevice", None, "is not a block device"),
        ("Fifo", None, "Fifo is an invalid volume type"),
    ],
)
def test_host_path_types(tmp_path: Path, kind: str, make: str | None, message: str) -> None:
    path = tmp_path / "x"
    if make == "dir":
        path.mkdir()
    elif make == "file":
        path.touch()
    if message:
        with pytest.raises(VolumeError, match=message):
            plugins.check_host_path(HostPathVolumeSource(path=str(path), type=kind))
    else:
        plugins.check_host_path(HostPathVolumeSource(path=str(path), type=kind))
    if kind.endswith("OrCreate") and make is None:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if kind.startswith("Dir") else 0o644)


def test_host_path_char_device() -> None:
    plugins.check_host_path(HostPathVolumeSource(path="/dev/null", type="CharDevice"))


def prepare(root: Path) -> Path:
    volume = paths.volume_dir(root, UID, plugins.EMPTY_DIR, "data")
    volume.mkdir(parents=True)
    (volume / "file").write_text("precious")
    return volume


def test_teardown_unmounts_first_and_removes_all(tmp_path: Path) -> None:
    volume = prepare(tmp_path)
    syscalls = RecordingSyscalls()
    bound = paths.subpath_target(tmp_path, UID, "data", "c", 0)
    bound.mkdir(parents=True)
    syscalls.mount("tmpfs", volume, "tmpfs")
    syscalls.mount("x", bound)
    assert teardown.volumes_on_disk(tmp_path, UID)["data"].plugin == "kubernetes.io/empty-dir"
    with pytest.raises(VolumeError, match="volume paths are still present on disk"):
        teardown.remove_pod_directory(syscalls, tmp_path, UID)
    for _ in range(2):
        teardown.tear_down_volumes(syscalls, tmp_path, UID)
    assert [call[1] for call in syscalls.calls if call[0] == "unmount"] == [str(bound), str(volume)]
    assert teardown.pods_on_disk(tmp_path) == [UID] and not paths.volumes_dir(tmp_path, UID).exists()
    teardown.remove_pod_directory(syscalls, tmp_path, UID)
    assert teardown.pods_on_disk(tmp_path) == []


def test_teardown_never_deletes_behind_a_mount(tmp_path: Path) -> None:
    volume = prepare(tmp_path)
    syscalls = RecordingSyscalls()
    syscalls.mount("host", volume)
    syscalls.failures[str(volume)] = errno.EBUSY
    with pytest.raises(VolumeError, match="Device or resource busy"):
        teardown.tear_down_volumes(syscalls, tmp_path, UID)
    with pytest.raises(VolumeError):
        teardown.remove_pod_directory(syscalls, tmp_path, UID)
    with pytest.raises(VolumeError, match="is mounted there"):
        teardown.remove_tree(syscalls, paths.pod_dir(tmp_path, UID))
    assert (volume / "file").read_text() == "precious"


def test_removal_follows_no_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    volume = prepare(tmp_path)
    (volume / "link").symlink_to(outside)
    teardown.tear_down_volumes(RecordingSyscalls(), tmp_path, UID)
    assert (outside / "file").exists()


def test_mountinfo() -> None:
    text = (
        "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        "garbage\n37 36 0:5 / /proc rw - proc proc rw\n"
    )
    assert parse_mountinfo(text) == [
        Mount(36, 35, "98:0", "/mnt1", "/mnt 2", "rw,noatime", "ext3", "/dev/root"),
        Mount(37, 36, "0:5", "/", "/proc", "rw", "proc", "proc"),
    ]
