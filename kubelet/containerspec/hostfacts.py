"""Facts of the machine that every container's config needs and that do not change while it runs: read once at start."""

from dataclasses import dataclass
from pathlib import Path

from kubelet.cgroups.values import hugepage_name
from kubelet.containerspec.security import thermal_masks

SYS = Path("/sys")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """`hugepage_sizes` in bytes; `hugepage_names` the same as the kernel names them (`2MB`)."""

    cgroup_v2: bool
    swap_controller: bool
    hugepage_sizes: tuple[int, ...]
    masked_paths: tuple[str, ...]
    selinux_enabled: bool
    apparmor: bool = False
    """The kernel enforces AppArmor profiles."""

    @property
    def hugepage_names(self) -> tuple[str, ...]:
        return tuple(hugepage_name(size) for size in self.hugepage_sizes)


def learn_host_facts(sys: Path = SYS) -> HostFacts:
    """Blocking: a few small reads. What cannot be read counts as absent."""
    cgroups = sys / "fs/cgroup"
    cgroup_v2 = (cgroups / "cgroup.controllers").exists()
    # On v2 the root has no swap file; the first cgroup below it tells.
    swap = (any(cgroups.glob("*/memory.swap.max")) if cgroup_v2
            else (cgroups / "memory/memory.memsw.limit_in_bytes").exists())
    sizes = sorted(int(entry.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
                   for entry in (sys / "kernel/mm/hugepages").glob("hugepages-*kB"))
    return HostFacts(cgroup_v2, swap, tuple(sizes), thermal_masks(sys / "devices/system/cpu"),
                     (sys / "fs/selinux/enforce").exists(), _says_yes(sys / "module/apparmor/parameters/enabled"))


def _says_yes(switch: Path) -> bool:
    try:
        return switch.read_text().startswith("Y")
    except OSError:
        return False
