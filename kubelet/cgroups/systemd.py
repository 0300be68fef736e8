"""Slices of systemd over D-Bus: start, change, stop.

    PodCgroups ─▶ SystemdSlices ─▶ Bus ─▶ org.freedesktop.systemd1.Manager
                  waits for jobs          StartTransientUnit · SetUnitProperties · StopUnit · ResetFailedUnit

systemd answers a start or a stop with the path of a job, and ends the job with the signal JobRemoved, which may come
before anyone has looked at the answer: so the signals are collected from before the call (`_Jobs`). Everything may be
done twice: a unit that exists is started and set anew, one that is gone is fine. A connection that broke is made again
at the next call. Source: opencontainers/cgroups systemd/common.go; org.freedesktop.systemd1(5).
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from kubelet.cgroups.bus import Bus, BusError, BusLost, JobRemoved
from kubelet.cgroups.errors import CgroupError
from kubelet.cgroups.slices import Property, creation_properties, resource_properties, unit_of
from kubelet.cgroups.values import CgroupValues

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 25.0
JOB_SECONDS: Final = 30.0
"""How long a job may take; the runtimes give it as much."""
_EXISTS: Final = "org.freedesktop.systemd1.UnitExists"
_GONE: Final = ("org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.LoadFailed")


Connect = Callable[[JobRemoved], Awaitable[Bus]]


class _Jobs:
    """The ends of jobs, kept while somebody waits for any."""

    def __init__(self) -> None:
        self._ended: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._watchers = 0

    def removed(self, job: str, result: str) -> None:
        if self._watchers:
            self._ended[job] = result
            self._changed.set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._ended.clear()

    async def result(self, job: str) -> str:
        while job not in self._ended:
            self._changed = self._changed if not self._changed.is_set() else asyncio.Event()
            await self._changed.wait()
        return self._ended[job]


class SystemdSlices:
    """`unified` is cgroup v2; `connect` makes a connection, by default to the system bus."""

    def __init__(self, *, unified: bool, connect: Connect | None = None) -> None:
        self._unified = unified
        self._connect = connect or _system_bus
        self._bus: Bus | None = None
        self._version = 0
        self._lock = asyncio.Lock()
        self._jobs = _Jobs()

    async def ensure(self, path: str, values: CgroupValues) -> None:
        """Start the slice at `path` unless it runs, and give it the values. Raises CgroupError."""
        await self._connected()  # tells the version, which the properties depend on
        unit, resources = unit_of(path), self._resources(values)
        properties = [*creation_properties(path, unified=self._unified), *resources]
        try:
            await self._job(unit, "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "replace", properties, [])
        except BusError as error:
            if error.name != _EXISTS:
                raise CgroupError(f"systemd cannot start {unit}: {error}") from error
        else:
            return
        try:  # made by an earlier run, or left over from one that failed
            await self._job(unit, "StartUnit", "ss", unit, "replace")
        except BusError as error:
            raise CgroupError(f"systemd cannot start {unit}: {error}") from error
        await self._set(unit, resources)

    async def update(self, path: str, values: CgroupValues) -> None:
        """Raises CgroupError."""
        await self._connected()
        await self._set(unit_of(path), self._resources(values))

    async def stop(self, path: str) -> None:
        """End the slice and every unit in it. Idempotent. Raises CgroupError."""
        unit = unit_of(path)
        try:
            await self._job(unit, "StopUnit", "ss", unit, "replace")
            await self._call("ResetFailedUnit", "s", unit)
        except BusError as error:
            if error.name not in _GONE:
                raise CgroupError(f"systemd cannot stop {unit}: {error}") from error

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def _resources(self, values: CgroupValues) -> list[Property]:
        return resource_properties(values, unified=self._unified, version=self._version)

    async def _set(self, unit: str, properties: list[Property]) -> None:
        if not properties:
            return
        try:
            await self._call("SetUnitProperties", "sba(sv)", unit, True, properties)
        except BusError as error:
            raise CgroupError(f"systemd cannot set {_names(properties)} of {unit}: {error}") from error

    async def _job(self, unit: str, member: str, signature: str, *arguments: object) -> None:
        """Call, and wait until systemd has done it. Raises BusError, CgroupError."""
        with self._jobs.watched():
            (job,) = await self._call(member, signature, *arguments)
            try:
                async with asyncio.timeout(JOB_SECONDS):
                    result = await self._jobs.result(str(job))
            except TimeoutError:
                raise CgroupError(f"systemd did not end {member} of {unit} within {JOB_SECONDS:.0f} s") from None
        if result not in ("done", "skipped"):
            raise CgroupError(f"systemd ended {member} of {unit} with {result!r}: see `systemctl status {unit}`")

    async def _call(self, member: str, signature: str, *arguments: object) -> Sequence[object]:
        """Once more on a new connection when the old one turns out to be broken."""
        for last in (False, True):
            bus = await self._connected()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await bus.call(member, signature, *arguments)
            except TimeoutError:
                self.close()
                raise CgroupError(f"systemd did not answer {member} within {CALL_SECONDS:.0f} s") from None
            except BusLost as error:
                self.close()
                if last:
                    raise CgroupError(f"the connection to systemd broke during {member}: {error}") from error
        raise AssertionError("the loop returns or raises")

    async def _connected(self) -> Bus:
        async with self._lock:
            if self._bus is not None and self._bus.connected:
                return self._bus
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    bus = await self._connect(self._jobs.removed)
                    await bus.call("Subscribe", "")
                    self._version = version_number(await bus.version())
            except (BusError, BusLost, TimeoutError) as error:
                raise CgroupError(
                    f"cannot talk to systemd over D-Bus: {str(error) or 'no answer'}. cgroupDriver systemd needs "
                    "systemd as init; set cgroupDriver: cgroupfs here and in the runtime where there is none",
                ) from error
            self._bus = bus
            logger.info("Talking to systemd version=%d", self._version)
            return bus


def version_number(text: str) -> int:
    """Of `252.38-1~deb12u1`, `v245.4-1.fc32` or `245`; 0 when it says nothing."""
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 0


def _names(properties: list[Property]) -> str:
    return ", ".join(each.name for each in properties)


async def _system_bus(removed: JobRemoved) -> Bus:
    from kubelet.cgroups.systembus import connect

    return await connect(removed)
