"""Facts of the engine and its host that translation depends on, from `docker info`; refreshed on every connect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAP_SYS_RESOURCE = 24
_RRO_API, _RRO_KERNEL = (1, 44), (5, 12)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """`oom_score_adj_floor` is the lowest value that the kernel would accept here, None where any is."""

    api: tuple[int, int] = (1, 41)
    cgroup_driver: str = "cgroupfs"
    root_dir: str = "/var/lib/docker"
    storage_driver: str = ""
    default_runtime: str = "runc"
    runtimes: tuple[str, ...] = ("runc",)
    security_options: frozenset[str] = frozenset()
    kernel: tuple[int, int] = (0, 0)
    swap_limit: bool = False
    experimental: bool = False
    """Checkpoints are there (`docker checkpoint`), if the host has CRIU."""
    oom_score_adj_floor: int | None = None

    @property
    def recursive_read_only(self) -> bool:
        return self.api >= _RRO_API and self.kernel >= _RRO_KERNEL

    @property
    def userns_remap(self) -> bool:
        return "userns" in self.security_options

    def has(self, security: str) -> bool:
        """`apparmor`, `selinux`, `seccomp`: whether the engine uses it."""
        return security in self.security_options


def facts_from(info: Mapping[str, Any], api: tuple[int, int], oom_score_adj_floor: int | None) -> EngineFacts:
    options = {str(option).split(",")[0].removeprefix("name=") for option in info.get("SecurityOptions") or ()}
    version = re.match(r"(\d+)\.(\d+)", str(info.get("KernelVersion") or ""))
    return EngineFacts(
        api=api,
        cgroup_driver=info.get("CgroupDriver") or "cgroupfs",
        root_dir=info.get("DockerRootDir") or "/var/lib/docker",
        storage_driver=info.get("Driver") or "",
        default_runtime=info.get("DefaultRuntime") or "runc",
        runtimes=tuple(sorted(info.get("Runtimes") or ("runc",))),
        security_options=frozenset(options),
        kernel=(int(version[1]), int(version[2])) if version else (0, 0),
        swap_limit=bool(info.get("SwapLimit")),
        experimental=bool(info.get("ExperimentalBuild")),
        oom_score_adj_floor=oom_score_adj_floor,
    )


def read_oom_score_adj_floor(proc: Path = Path("/proc")) -> int | None:
    """The floor for a process without CAP_SYS_RESOURCE: its own value; the engine is taken to have our capabilities."""
    status = (proc / "self/status").read_text()
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    if int(effective, 16) >> CAP_SYS_RESOURCE & 1:
        return None
    return int((proc / "self/oom_score_adj").read_text())
