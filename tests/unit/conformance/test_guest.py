"""The emulated machine's pure parts, and both ends of its port."""

import asyncio
import base64
import socket
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.guest import GuestError, cpio, image, machine
from conformance.guest.agent import Link, find_port, serve


def unpack(data: bytes) -> dict[str, cpio.Entry]:
    """A reader of the format, written from its description."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701" and at % 4 == 0
        numbers = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, major, minor, name_size = numbers[1], numbers[6], numbers[9], numbers[10], numbers[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        at = -(-(at + 110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = cpio.Entry(mode, data[at : at + size], (major, minor))
        at = -(-(at + size) // 4) * 4


@given(st.dictionaries(st.text("abc/.", min_size=1, max_size=9), st.binary(max_size=9)))
def test_an_archive_is_what_was_put_in(files: dict[str, bytes]) -> None:
    entries = {"dev": cpio.directory(), "dev/console": cpio.character_device(5, 1),
               **{name: cpio.file(content) for name, content in files.items()}}
    assert unpack(cpio.archive(entries)) == entries
    assert stat.S_ISCHR(entries["dev/console"].mode) and stat.S_ISDIR(cpio.directory().mode)


def test_modules_are_loaded_after_what_they_need() -> None:
    dep = "kernel/a/virtio_blk.ko: kernel/virtio.ko kernel/ring.ko\nkernel/ring.ko:\nkernel/virtio.ko: kernel/ring.ko\n"
    dep += "kernel/virtio-rng.ko:\n"
    assert image._load_order(dep, ["virtio_blk", "virtio_rng", "ext4", "ring"]) == [
        "kernel/ring.ko", "kernel/virtio.ko", "kernel/a/virtio_blk.ko", "kernel/virtio-rng.ko"]


def test_the_image_follows_its_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PODWRIGHT_CACHE", str(tmp_path))
    assert image.cached_image() is None
    key = image.image_key()
    (tmp_path / "guest" / key).mkdir(parents=True)
    (tmp_path / "guest" / key / "initrd").touch()
    assert (found := image.cached_image()) is not None and found.disk == tmp_path / "guest" / key / "rootfs.ext4"
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "vim"))
    assert image.image_key() != key and image.cached_image() is None


def test_what_the_build_needs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PODWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(image, "NEEDED", {"no-such-program": "the-package"})
    with pytest.raises(GuestError, match="apt-get install the-package"):
        image.ensure_image()


def test_kvm_is_never_asked_for(tmp_path: Path) -> None:
    words = machine.qemu_command(image.GuestImage(tmp_path), tmp_path, memory_mib=512, cpus=1)
    assert words[words.index("-accel") + 1].startswith("tcg") and words.count("-accel") == 1
    assert "-enable-kvm" not in words


def test_requests_in_the_guest(tmp_path: Path) -> None:
    target = tmp_path / "a/b"
    content = base64.b64encode(b"\0x").decode()
    assert serve({"write": str(target), "content": content}) == {}
    assert target.read_bytes() == b"\0x" and serve({"read": str(target)}) == {"content": content}
    command: dict[str, Any] = {"env": {"A": "b"}, "stdin": base64.b64encode(b"in").decode(), "timeout": 20}
    done = serve({"argv": ["sh", "-c", "cat; echo $A >&2; exit 3"], **command})
    assert done["returncode"] == 3
    assert (base64.b64decode(done["stdout"]), base64.b64decode(done["stderr"])) == (b"in", b"b\n")


def test_the_port_is_found_by_its_name(tmp_path: Path) -> None:
    for device, name in {"vport1p1": "other", "vport1p2": "podwright.guest"}.items():
        (tmp_path / device).mkdir()
        (tmp_path / device / "name").write_text(f"{name}\n")
    assert find_port(devices=tmp_path) == Path("/dev/vport1p2")
    with pytest.raises(SystemExit, match="no virtio port missing"):
        find_port("missing", tmp_path)


class Guest(machine.Guest):
    """The host's side on a socket, without a machine."""

    async def attach(self, path: Path) -> None:
        loop = asyncio.get_running_loop()
        _, self._link = await loop.create_unix_connection(lambda: machine._Link(lambda: "console's end"), str(path))
        self.kernel_release = (await self._link.hello)["hello"]


async def test_host_and_guest_understand_each_other(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "agent.sock"))
    listener.listen(1)

    def agent() -> None:
        """The agent reads and writes its port as a file."""
        with listener.accept()[0] as connection:
            link = Link.__new__(Link)
            link._file, link._lock = connection.makefile("rwb", buffering=0), threading.Lock()  # type: ignore[assignment]
            with link._file:
                link.run()

    thread = threading.Thread(target=agent)
    thread.start()
    guest = Guest()
    await guest.attach(tmp_path / "agent.sock")
    try:
        assert guest.kernel_release
        done = await asyncio.gather(*(guest.run(["echo", str(number)]) for number in range(5)))
        assert [each.stdout for each in done] == [f"{number}\n" for number in range(5)]
        await guest.write(str(tmp_path / "file"), b"x" * 300_000)
        assert await guest.read(str(tmp_path / "file")) == b"x" * 300_000
        with pytest.raises(GuestError, match="false failed in the guest with 1"):
            await guest.run(["false"])
        with pytest.raises(GuestError, match="No such file"):
            await guest.read(str(tmp_path / "none"))
        with pytest.raises(GuestError, match=r"took more than 0\.1 s"):
            await guest.run(["sleep", "5"], timeout=0.1)
    finally:
        assert guest._link is not None and guest._link._transport is not None
        guest._link._transport.close()
        await asyncio.to_thread(thread.join)
        listener.close()
    with pytest.raises(GuestError, match="the guest has ended"):
        await guest.run(["true"])


async def test_a_tree_disk_has_the_checkout_in_it(tmp_path: Path) -> None:
    await machine.write_tree_disk(tmp_path / "tree.ext4")
    words = ["debugfs", "-R", "stat /kubelet/cgroups/systemd.py", str(tmp_path / "tree.ext4")]
    shown = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=True)
    assert "Type: regular" in shown.stdout
