"""The guest's disk, kernel and initramfs, made once from Debian's packages.

    $PODWRIGHT_CACHE (or ~/.cache/podwright)/guest/<key>/{rootfs.ext4,vmlinuz,initrd}

The key covers what is below and the locked Python packages, so that a change of either makes a new image. The image is
built beside its place and renamed under a lock: an interrupted build leaves nothing that looks finished. The
checkout is not in it; `Guest` gives it on a disk of its own.

The kernel is Debian's for clouds, in which the disk's driver is a module: a small initramfs loads it.
"""

import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.builds import cache_dir
from conformance.guest import cpio
from conformance.mirror import debian_mirror

RECIPE = 1
"""To be raised when the steps change; what they put in is in the key anyway."""
CHECKOUT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = CHECKOUT / "requirements.lock"
SUITE = "bookworm"
PYTHON_VERSION = "3.11"
"""That of SUITE."""
KERNEL = "linux-image-cloud-amd64"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "python3", "docker.io", "containernetworking-plugins",
    "iproute2", "iptables", "procps", "util-linux", "mount", "busybox-static", "ca-certificates",
)  # fmt: skip
INITRAMFS_MODULES = ("virtio_pci", "virtio_blk", "virtio_console")
DISK_SIZE = "4G"
"""Sparse; the engine's images and the tests' files have to fit beside the system."""
TREE, SITE = "/opt/podwright", "/opt/site"
NEEDED = {"debootstrap": "debootstrap", "mkfs.ext4": "e2fsprogs", "qemu-system-x86_64": "qemu-system-x86"}
"""Program to Debian package."""
WHEEL_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in (36, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)),
    "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64",
)  # fmt: skip

INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
while read -r module; do /bin/busybox insmod "/modules/$module"; done </modules/order
for try in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vdb ] && break; /bin/busybox sleep 0.2; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mkdir -p /root{TREE}
/bin/busybox mount -t ext4 /dev/vdb /root{TREE}
/bin/busybox umount /dev
exec /bin/busybox switch_root /root /sbin/init
"""
AGENT_UNIT = f"""[Unit]
Description=Commands from the host
DefaultDependencies=no
After=dbus.socket systemd-tmpfiles-setup-dev.service
Requires=dbus.socket

[Service]
ExecStart=/usr/bin/python3 -I {TREE}/conformance/guest/agent.py
Environment=PYTHONPATH={TREE}:{TREE}/gc:{SITE} PYTHONDONTWRITEBYTECODE=1 HOME=/root
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
"""
ENGINE_CONFIG = """{
  "exec-opts": ["native.cgroupdriver=systemd"], "storage-driver": "overlay2", "bridge": "none", "iptables": false
}
"""
ETC = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 guest\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    "etc/docker/daemon.json": ENGINE_CONFIG,
    "etc/systemd/system/podwright-guest.service": AGENT_UNIT,
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 0\n",
}
NOT_STARTED = (
    "docker.service", "docker.socket", "containerd.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service", "getty@tty1.service",
    "systemd-timesyncd.service",
)  # fmt: skip
MASKED = ("getty.target", "systemd-random-seed.service", "systemd-machine-id-commit.service")
STRIPPED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "boot")


class GuestError(RuntimeError):
    """The guest cannot be built or did not do what was asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class GuestImage:
    directory: Path

    @property
    def disk(self) -> Path:
        return self.directory / "rootfs.ext4"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initrd"


def image_key() -> str:
    recipe = (RECIPE, SUITE, KERNEL, PACKAGES, INITRAMFS_MODULES, DISK_SIZE, INIT, ETC, NOT_STARTED, MASKED, STRIPPED)
    digest = hashlib.sha256(repr(recipe).encode())
    digest.update(hashlib.sha256(REQUIREMENTS.read_bytes()).digest())
    return digest.hexdigest()[:16]


def cached_image() -> GuestImage | None:
    """The image of this checkout, if it has been built on this machine."""
    image = GuestImage(cache_dir() / "guest" / image_key())
    return image if image.initramfs.exists() else None


def ensure_image() -> GuestImage:
    """Build the image unless it is there. Needs root, and Debian's archive; takes minutes. Raises GuestError."""
    if (found := cached_image()) is not None:
        return found
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        raise GuestError(f"the guest needs programs that are not here: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise GuestError("the guest's disk is built with debootstrap, which needs root")
    home = cache_dir() / "guest"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := cached_image()) is not None:  # another process was faster
            return found
        with tempfile.TemporaryDirectory(prefix="build-", dir=home) as scratch:
            built = Path(scratch) / "image"
            built.mkdir()
            _build(Path(scratch), built)
            built.rename(home / image_key())
    return GuestImage(home / image_key())


def _build(scratch: Path, built: Path) -> None:
    root = scratch / "root"
    _tell("installing Debian")
    _run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root), debian_mirror()])
    _tell("adding a kernel")
    release = _add_kernel(root, built)
    (built / "initrd").write_bytes(gzip.compress(_initramfs(root, release), compresslevel=6, mtime=0))
    _tell("adding the Python packages")
    _add_site(root / SITE.lstrip("/"))
    _configure(root)
    _tell("writing the disk")
    options = "lazy_itable_init=1,lazy_journal_init=1"
    disk = built / "rootfs.ext4"
    _run(["mkfs.ext4", "-q", "-O", "^has_journal", "-E", options, "-d", str(root), str(disk), DISK_SIZE])


def _add_kernel(root: Path, built: Path) -> str:
    """The kernel without its package's scripts, which would build another initramfs. Returns its release."""
    inside = ["chroot", str(root)]
    _run([*inside, "apt-get", "-qq", "update"])
    depends = _run([*inside, "apt-cache", "depends", KERNEL])
    package = next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line)
    download = f"apt-get -qq -o APT::Sandbox::User=root download {package}"
    _run([*inside, "sh", "-c", f"cd /tmp && {download} && dpkg-deb -x {package}_*.deb kernel"])
    unpacked, release = root / "tmp/kernel", package.removeprefix("linux-image-")
    shutil.copy(unpacked / f"boot/vmlinuz-{release}", built / "vmlinuz")
    shutil.copytree(unpacked / "lib/modules", root / "usr/lib/modules", dirs_exist_ok=True)
    for left in (root / "tmp").iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    _run([*inside, "depmod", release])
    return release


def _initramfs(root: Path, release: str) -> bytes:
    modules = root / "usr/lib/modules" / release
    order = _load_order((modules / "modules.dep").read_text(), INITRAMFS_MODULES)
    entries = {name: cpio.directory() for name in ("bin", "dev", "modules", "root")}
    entries["dev/console"] = cpio.character_device(5, 1)
    entries["init"] = cpio.file(INIT.encode(), 0o755)
    entries["bin/busybox"] = cpio.file((root / "usr/bin/busybox").read_bytes(), 0o755)
    entries["modules/order"] = cpio.file("".join(f"{Path(path).name}\n" for path in order).encode())
    for path in order:
        entries[f"modules/{Path(path).name}"] = cpio.file((modules / path).read_bytes())
    return cpio.archive(entries)


def _load_order(modules_dep: str, wanted: Sequence[str]) -> list[str]:
    """Paths of the modules and of what they need, in the order in which they can be loaded. A module that is built in
    is in no line."""
    needs = dict(line.split(":", 1) for line in modules_dep.splitlines())
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    order: list[str] = []
    for name in wanted:
        if name in by_name:
            order += [path for path in (*reversed(needs[by_name[name]].split()), by_name[name]) if path not in order]
    return order


def _add_site(target: Path) -> None:
    platforms = [word for platform in WHEEL_PLATFORMS for word in ("--platform", platform)]
    abi = f"cp{PYTHON_VERSION.replace('.', '')}"
    _run([
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore",
        "--target", str(target), "--require-hashes", "--only-binary=:all:", "--implementation", "cp",
        "--python-version", PYTHON_VERSION, "--abi", abi, "--abi", "abi3", "--abi", "none", *platforms,
        "-r", str(REQUIREMENTS),
    ])  # fmt: skip
    # Compiled once here, and not by every boot.
    skipped = "/(mypy|grpc_tools|lib2to3)/"
    _run(["chroot", str(target.parent.parent), "python3", "-m", "compileall", "-q", "-x", skipped, SITE], check=False)


def _configure(root: Path) -> None:
    for name, text in ETC.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).write_text(text)
    inside = ["chroot", str(root), "systemctl", "--quiet"]
    _run([*inside, "disable", *NOT_STARTED], check=False)  # those that are not installed are no matter
    _run([*inside, "mask", *MASKED])
    _run([*inside, "enable", "podwright-guest.service"])
    _run([*inside, "set-default", "multi-user.target"])
    for name in STRIPPED:
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)


def _tell(step: str) -> None:
    print(f"guest: {step}", flush=True)


def _run(command: Sequence[str], *, check: bool = True) -> str:
    done = subprocess.run(["nice", "-n", "15", *command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise GuestError(f"{' '.join(command)[:200]} failed with {done.returncode}:\n{told}")
    return done.stdout
