"""Limits that the engine's API does not know: hugepages and cgroup v2's `unified`. Written to the cgroup files.

They are kept in a label from create to start, since a cgroup exists only while the container runs.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cri.errors import InvalidArgumentError
from cri.v1 import api_pb2 as cri
from dockershim.naming import CGROUP_FILES_LABEL

logger = logging.getLogger(__name__)

CGROUP_ROOT = Path("/sys/fs/cgroup")
_HUGETLB = "hugetlb."


def extra_limits(resources: cri.LinuxContainerResources) -> dict[str, str]:
    """File name to content. Unlimited hugepages (the kubelet says 0 for pods without) are limits too: none allowed."""
    unified = dict(resources.unified)
    for name in unified:
        if "/" in name or not name:
            raise InvalidArgumentError(f"resources.unified: {name!r} is not the name of a cgroup file")
    return {
        **{f"{_HUGETLB}{limit.page_size}": str(limit.limit) for limit in resources.hugepage_limits},
        **unified,
    }


def label(resources: cri.LinuxContainerResources) -> dict[str, str]:
    """The label to add at create; none where there is nothing to keep."""
    limits = extra_limits(resources)
    return {CGROUP_FILES_LABEL: msgspec.json.encode(limits).decode()} if limits else {}


def parse(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


async def apply(pid: int, limits: Mapping[str, str]) -> None:
    await asyncio.to_thread(_apply, pid, limits, CGROUP_ROOT, Path("/proc"))


def _apply(pid: int, limits: Mapping[str, str], root: Path, proc: Path) -> None:
    """A host without the file cannot enforce the limit: hugepages are then not there at all, the rest is reported."""
    groups = paths(pid, root, proc)
    for name, value in limits.items():
        if name.startswith(_HUGETLB) and name.count(".") == 1:
            files = [
                (groups.get("hugetlb"), f"{name}.limit_in_bytes"),
                (groups.get(""), f"{name}.max"),
            ]
        else:
            files = [(groups.get(""), name)]
        target = next((group / file for group, file in files if group and (group / file).exists()), None)
        if target is None:
            level = logging.DEBUG if name.startswith(_HUGETLB) else logging.WARNING
            logger.log(level, "cgroup limit has no file on this host pid=%d limit=%s", pid, name)
            continue
        try:
            target.write_text(value)
        except OSError as error:
            logger.warning("cgroup limit not set file=%s value=%s error=%s", target, value, error.strerror)


def paths(pid: int, root: Path = CGROUP_ROOT, proc: Path = Path("/proc")) -> dict[str, Path]:
    """Controller name to directory of the process's cgroup; cgroup v2's is under "". Empty when it is gone."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, Path] = {}
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            unified = root if (root / "cgroup.controllers").exists() else root / "unified"
            found[""] = unified / path.lstrip("/")
            continue
        for controller in controllers.split(","):
            directory = root / controller
            found[controller] = (directory if directory.exists() else root / controllers) / path.lstrip("/")
    return found


def has_controller(controller: str, root: Path = CGROUP_ROOT) -> bool:
    """Whether this machine's control groups have it."""
    try:
        return controller in (root / "cgroup.controllers").read_text().split()
    except OSError:
        return (root / controller).exists()


def name(pid: int, proc: Path = Path("/proc")) -> str:
    """The path of the process's cgroup below the hierarchy's root, of the memory controller in v1; empty if gone."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return ""
    by_controller = {
        controller: line.split(":", 2)[2] for line in lines for controller in line.split(":", 2)[1].split(",")
    }
    return by_controller.get("memory") or by_controller.get("", "")
