"""Facts about the machine, from /proc, /sys and /etc (what cAdvisor's machine info gives the upstream kubelet)."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_ARCHITECTURES = {
    "x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm", "armv6l": "arm",
    "i686": "386", "i386": "386", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64",
    "loongarch64": "loong64",
}
"""uname's word to Go's, which the labels and nodeInfo use."""

_MACHINE_IDS = ("etc/machine-id", "var/lib/dbus/machine-id")
_SYSTEM_UUIDS = (
    "sys/class/dmi/id/product_uuid", "proc/device-tree/system-id", "proc/device-tree/vm,uuid", "etc/machine-id",
)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """Bytes, and logical CPUs. `hugepages`: page size in bytes to number of pages."""

    cpus: int
    memory: int
    ephemeral_storage: int
    swap: int = 0
    hugepages: Mapping[int, int] = field(default_factory=dict)
    max_pids: int = 0
    """How many processes and threads the kernel lets there be."""
    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    architecture: str = "amd64"

    @property
    def kernel(self) -> tuple[int, int]:
        """(major, minor) of the kernel's version; (0, 0) if it is not written as one."""
        parts = self.kernel_version.split("-")[0].split(".")
        if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
            return (0, 0)
        return (int(parts[0]), int(parts[1]))


def read_machine(root_dir: Path, host: Path = Path("/")) -> MachineFacts:
    """The facts; `root_dir` is the kubelet's directory. Blocking: reads a dozen files. Raises OSError."""
    filesystem = os.statvfs(_existing(root_dir))
    return MachineFacts(
        cpus=psutil.cpu_count(logical=True) or 1,
        memory=psutil.virtual_memory().total,
        ephemeral_storage=filesystem.f_blocks * filesystem.f_frsize,
        swap=psutil.swap_memory().total,
        hugepages=read_hugepages(host),
        max_pids=read_max_pids(host),
        machine_id=_first_line(host, _MACHINE_IDS),
        system_uuid=_first_line(host, _SYSTEM_UUIDS),
        boot_id=_first_line(host, ("proc/sys/kernel/random/boot_id",)),
        kernel_version=platform.release(),
        os_image=read_os_image(host),
        architecture=go_architecture(platform.machine()),
    )


def _existing(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def go_architecture(machine: str) -> str:
    return _ARCHITECTURES.get(machine, machine)


def read_hugepages(host: Path = Path("/")) -> dict[int, int]:
    """Reserved huge pages by page size; sizes without reserved pages count as zero."""
    pages: dict[int, int] = {}
    for directory in sorted((host / "sys/kernel/mm/hugepages").glob("hugepages-*kB")):
        size = directory.name.removeprefix("hugepages-").removesuffix("kB")
        number = _read(directory / "nr_hugepages")
        if size.isdigit() and number.isdigit():
            pages[int(size) * 1024] = int(number)
    return pages


def read_max_pids(host: Path = Path("/")) -> int:
    """The lower of the kernel's two limits holds. Raises OSError."""
    return min(int((host / "proc/sys/kernel" / name).read_text()) for name in ("pid_max", "threads-max"))


def read_os_image(host: Path = Path("/")) -> str:
    """PRETTY_NAME of os-release."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        for line in _read(host / name).splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "PRETTY_NAME":
                return value.strip().strip("\"'")
    return "Linux"


def _first_line(host: Path, names: tuple[str, ...]) -> str:
    """The content of the first of the files that has any."""
    return next((text for name in names if (text := _read(host / name))), "")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip().strip("\0")
    except OSError:
        return ""
