"""Settings of the kernel that a node's pods rely on: set at the start, or, with protectKernelDefaults, only looked at.

Memory may be promised beyond what there is (pods' requests are no reservations), a lack of it kills processes and not
the machine, and a kernel that has gone wrong restarts soon. A standalone agent, which somebody tries out, changes
nothing for the machine. Source: pkg/kubelet/cm/container_manager_linux.go setupKernelTunables.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

logger = logging.getLogger(__name__)

WANTED: Mapping[str, int] = MappingProxyType({
    "vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000, "kernel/keys/root_maxbytes": 25_000_000,
})
"""Below /proc/sys."""

TMPFS_NOSWAP_SINCE = (6, 4)
"""The kernel whose tmpfs can be kept out of swap."""


def warnings(swap: Sequence[str], kernel: tuple[int, int], *, cgroup_v2: bool) -> Iterator[tuple[str, str]]:
    """Reason and message of what to tell about a node that works, but not as it should."""
    if not cgroup_v2:
        yield "CgroupV1", (
            "cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. Please "
            "migrate to cgroup v2. More information at "
            "https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1"
        )
    if swap and kernel < TMPFS_NOSWAP_SINCE:
        yield "PossibleMemoryBackedVolumesOnDisk", (
            "The tmpfs noswap option is not supported. Memory-backed volumes (e.g. secrets, emptyDirs, etc.) might be "
            "swapped to disk and should no longer be considered secure."
        )


def wrong_flags(root: Path = Path("/proc/sys")) -> list[str]:
    """What differs from what is wanted, in upstream's words."""
    problems = []
    for flag, wanted in WANTED.items():
        try:
            found = int((root / flag).read_text())
        except (OSError, ValueError) as error:
            problems.append(f"kernel flag {flag} cannot be read: {error}")
            continue
        if found != wanted:
            problems.append(f"invalid kernel flag: {flag}, expected value: {wanted}, actual value: {found}")
    return problems


def set_flags(root: Path = Path("/proc/sys")) -> None:
    """Set what differs. Where the kernel or a container around the node refuses, it stays as it is."""
    for flag, wanted in WANTED.items():
        file = root / flag
        try:
            if int(file.read_text()) != wanted:
                file.write_text(str(wanted))
                logger.info("Kernel flag is set flag=%s value=%d", flag, wanted)
        except (OSError, ValueError) as error:
            logger.warning("Kernel flag cannot be set flag=%s wanted=%d error=%s", flag, wanted, error)
