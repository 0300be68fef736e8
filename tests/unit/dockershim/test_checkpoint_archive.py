"""dockershim.checkpoint_archive: what goes into a checkpoint, whatever the layer looks like."""

import json
import os
import socket
import tarfile
import threading
from pathlib import Path

import pytest

from cri.v1 import api_pb2 as cri
from dockershim import checkpoint_archive as archive
from dockershim.engine import EngineError
from dockershim.facts import EngineFacts, facts_from
from dockershim.records import ContainerRecord

INSPECT = {"Id": "c" * 64, "Name": "/k8s_main_p_n_u_0", "Created": "2026-01-02T03:04:05.5Z"}


def record(directory: Path) -> ContainerRecord:
    status = cri.ContainerStatus(id="c" * 64, log_path=str(directory / "0.log"), image_ref="repo@sha256:1")
    status.image.image = "app:1"
    return ContainerRecord("c" * 64, "s", os.getpid(), status, "", False, str(directory / "upper"), "")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A container with its layer, and the work of a checkpoint as far as the engine has come."""
    upper, images = tmp_path / "upper", tmp_path / "work/checkpoint"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc/new").write_text("new")
    (upper / "link").symlink_to("etc/new")
    images.mkdir(parents=True)
    (images / "inventory.img").write_bytes(b"i" * 100_000)
    (tmp_path / "0.log").write_text("a line\n")
    return tmp_path


def write(place: Path, abandoned: threading.Event | None = None) -> Path:
    """With this process's own parent as the shim, where `read_spec` is not asked."""
    location = place / "out.tar"
    archive.write(record(place), INSPECT, "runc", place / "work", location, abandoned or threading.Event())
    return location


@pytest.fixture(autouse=True)
def _a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "read_spec", lambda _: {"ociVersion": "1.0.2"})


def test_the_archive_has_checkpointctl_s_names(place: Path) -> None:
    with tarfile.open(write(place)) as tar:
        assert sorted(tar.getnames()) == [
            "bind.mounts", "checkpoint", "checkpoint/inventory.img", "config.dump", "container.log", "rootfs-diff.tar",
            "spec.dump", "status.dump",
        ]
        config = json.load(tar.extractfile("config.dump"))  # type: ignore[arg-type]
    assert {key: config[key] for key in ("name", "rootfsImageName", "rootfsImageRef", "runtime", "createdTime")} == {
        "name": "k8s_main_p_n_u_0", "rootfsImageName": "app:1", "rootfsImageRef": "repo@sha256:1", "runtime": "runc",
        "createdTime": "2026-01-02T03:04:05.5Z",
    }


def test_sockets_are_left_out_and_whiteouts_are_deletions(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "upper/a.sock"))
    os.mknod(place / "upper/etc/gone", 0o020000, 0)  # the one device that Linux 5.8 lets everybody make
    with tarfile.open(write(place)) as tar:
        assert json.load(tar.extractfile("deleted.files")) == ["/etc/gone"]  # type: ignore[arg-type]
        with tarfile.open(fileobj=tar.extractfile("rootfs-diff.tar")) as files:
            assert files.getnames() == ["etc", "link", "etc/new"]


def test_no_images_is_a_failure_and_leaves_nothing(place: Path) -> None:
    (place / "work/checkpoint/inventory.img").unlink()
    with pytest.raises(EngineError, match="made no images"):
        write(place)
    assert not list(place.glob("*out.tar*"))


def test_an_abandoned_archive_leaves_what_was_there(place: Path) -> None:
    (place / "out.tar").write_text("older")
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(archive.AbandonedError):
        write(place, abandoned)
    assert (place / "out.tar").read_text() == "older" and not list(place.glob(".*"))


def test_leftovers_of_a_killed_process_are_removed_with_what_it_was_writing(place: Path) -> None:
    unfinished = place / ".out.tar.tmp"
    unfinished.write_text("half")
    (place / "work/.unfinished").write_text(str(unfinished))
    archive.remove_leftovers(place / "work")
    assert not unfinished.exists() and not (place / "work").exists()
    archive.remove_leftovers(place / "work")


def test_mounts_from_outside(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    mounts = [
        {"Source": str(tmp_path / "file"), "Destination": "/b"}, {"Source": str(tmp_path), "Destination": "/a"},
        {"Source": str(tmp_path / "gone"), "Destination": "/c"},
    ]
    found = archive.bind_mounts({"Mounts": mounts})
    assert [(one["destination"], one["file_type"]) for one in found] == [("/a", "directory"), ("/b", "file")]
    assert found[1]["permissions"] == 0o600


def test_experimental_is_a_fact_of_the_engine() -> None:
    assert facts_from({"ExperimentalBuild": True}, (1, 41), None).experimental
    assert not EngineFacts().experimental
