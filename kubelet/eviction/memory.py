"""How much memory is left, of the machine and of what all pods together may use, and the kernel's word when it falls.

Working set: memory in use that the kernel could not simply drop (pages of files that nobody has used lately).

    memory.available             the machine's memory less the working set of its root cgroup
    allocatableMemory.available  the limit of kubepods less its working set, where node allocatable is enforced

Between two looks the kernel itself can watch (kernelMemcgNotification): cgroup v1 counts an eventfd up whenever a
group's usage crosses a mark. v2 has no such marks (kubernetes#106331): there, a look each second takes their place.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cri.cgroup_stats import parse_number
from kubelet.eviction.signals import Observation, Observations, Signal
from kubelet.eviction.thresholds import Threshold, met

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup's memory: bytes in use, and of these those that can be dropped at once."""

    used: int
    droppable: int

    @property
    def working_set(self) -> int:
        return max(0, self.used - self.droppable)


@dataclass(frozen=True, slots=True)
class MemoryFiles:
    """Where the kernel tells of memory. `pods`: the path of the cgroup of all pods, "" where they have none."""

    host: Path = Path("/")
    pods: str = ""

    @property
    def _v1(self) -> Path:
        return self.host / "sys/fs/cgroup/memory"

    @property
    def notifies(self) -> bool:
        return (self._v1 / "cgroup.event_control").exists()

    def directory(self, signal: Signal) -> Path:
        root = self._v1 if self._v1.is_dir() else self.host / "sys/fs/cgroup"
        return root / self.pods.lstrip("/") if signal is Signal.ALLOCATABLE_MEMORY else root

    def observe(self) -> Observations:
        """Blocking. Raises OSError."""
        seen = {Signal.MEMORY: self._machine()}
        if self.pods and (found := self._pods()) is not None:
            seen[Signal.ALLOCATABLE_MEMORY] = found
        return seen

    def _machine(self) -> Observation:
        """On v2 the machine's root has no figures of its own, /proc/meminfo tells them."""
        info = read_table(self.host / "proc/meminfo")
        capacity = info["MemTotal"] * 1024
        group = read_group(self.directory(Signal.MEMORY)) or Group(
            (info["MemTotal"] - info["MemFree"]) * 1024, info.get("Inactive(file)", 0) * 1024)
        return Observation(capacity, capacity - group.working_set)

    def _pods(self) -> Observation | None:
        """None while kubepods is not there or has no limit."""
        directory = self.directory(Signal.ALLOCATABLE_MEMORY)
        group, limit = read_group(directory), _limit(directory)
        return Observation(limit, limit - group.working_set) if group is not None and limit is not None else None


def read_group(directory: Path) -> Group | None:
    """None where there is no such cgroup, or none with figures."""
    for usage, inactive in (("memory.usage_in_bytes", "total_inactive_file"), ("memory.current", "inactive_file")):
        try:
            used = int((directory / usage).read_text())
            return Group(used, read_table(directory / "memory.stat").get(inactive, 0))
        except OSError:
            continue
    return None


def _limit(directory: Path) -> int | None:
    for name in ("memory.limit_in_bytes", "memory.max"):
        try:
            return parse_number((directory / name).read_text())
        except OSError:
            continue
    return None


def read_table(file: Path) -> dict[str, int]:
    """`name value` or `name: value kB` lines. Raises OSError."""
    table = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.replace(":", " ").partition(" ")
        table[name] = int(rest.split()[0])
    return table


class UsageAlarm:
    """An eventfd that the kernel counts up when a group's usage crosses a mark, whichever way."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def mark(self, directory: Path, usage: int) -> None:
        """Raises OSError."""
        with _opened(directory / "memory.usage_in_bytes", os.O_RDONLY) as figure, \
                _opened(directory / "cgroup.event_control", os.O_WRONLY) as control:
            os.write(control, f"{self._descriptor} {figure} {usage}".encode())

    async def rings(self, seconds: float) -> bool:
        """False when it has not for so long."""
        loop, rang = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, rang.set)
        try:
            async with asyncio.timeout(seconds):
                await rang.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._descriptor)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._descriptor)
        return True


@contextmanager
def _opened(file: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(file, flags | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def marks(
    thresholds: Iterable[Threshold], seen: Observations, groups: Mapping[Signal, Group]
) -> dict[Signal, set[int]]:
    """By signal, the usages from which on less than a threshold is available. As long as nothing changes that the
    kernel can drop: the marks are set anew after each look."""
    found: dict[Signal, set[int]] = {}
    for one in thresholds:
        if one.signal in seen and one.signal in groups:
            capacity = seen[one.signal].capacity
            usage = capacity - one.least.of(capacity) + groups[one.signal].droppable
            found.setdefault(one.signal, set()).add(usage)
    return found


def set_marks(alarm: UsageAlarm, files: MemoryFiles, thresholds: Sequence[Threshold]) -> None:
    """Blocking. Raises OSError."""
    found = {one.signal: read_group(files.directory(one.signal)) for one in thresholds}
    groups = {signal: group for signal, group in found.items() if group is not None}
    for signal, usages in marks(thresholds, files.observe(), groups).items():
        for usage in usages:
            alarm.mark(files.directory(signal), usage)


async def until_short(
    files: MemoryFiles, thresholds: Sequence[Threshold], seconds: float,
    look: Callable[[], Observations] | None = None,
) -> bool:
    """Until one of these thresholds, none of which was met at the last look, is met; False after so many seconds."""
    look, loop = look or files.observe, asyncio.get_running_loop()
    until = loop.time() + seconds
    with UsageAlarm() as alarm:
        notified = files.notifies
        try:
            if notified:
                await asyncio.to_thread(set_marks, alarm, files, thresholds)
        except OSError:
            notified = False  # the group has gone, or this kernel does not do that
        while (left := until - loop.time()) > 0:
            if not await alarm.rings(left if notified else min(left, POLL_SECONDS)) and notified:
                return False
            with contextlib.suppress(OSError):  # the next look at everything says it
                if met(thresholds, await asyncio.to_thread(look)):
                    return True
    return False
