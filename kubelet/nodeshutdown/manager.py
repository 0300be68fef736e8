"""Keeps a delay lock on shutdown, and when one begins ends the node's pods, group by group.

    connect ─▶ delay long enough? ─▶ lock ─▶ wait ─┬─ true ─▶ not ready, no new pods ─▶ pods ─▶ statuses ─▶ release
        ▲                                          ├─ false ─▶ ready again, lock anew
        └──────────── a second later ◀─────────────┴─ connection lost

The lock is let go only after the last statuses have reached the API server, or had their time: what the node says of
its pods must not be lost with it (kubernetes#110755).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from kubelet.api.meta import formatted
from kubelet.api.types import ObjectReference, Pod
from kubelet.events import EventRecorder
from kubelet.nodeshutdown import record
from kubelet.nodeshutdown.logind import LogindError
from kubelet.nodeshutdown.plan import ShutdownGroup, assign, grace_seconds, seconds_needed
from kubelet.nodeshutdown.record import ShutdownRecord
from kubelet.podworkers import Verdict

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
REASON = "Terminated"
MESSAGE = "Pod was terminated in response to imminent node shutdown."
NODE_ERROR = "node is shutting down"
VERDICT = Verdict(reason=REASON, message=MESSAGE, disruption_reason="TerminationByKubelet", keeps_success=True)


class Machine(Protocol):
    """logind, as far as it is needed; each call raises LogindError."""

    shutdowns: "asyncio.Queue[bool | None]"

    async def run(self) -> None: ...

    async def ensure_delay(self, seconds: float) -> None: ...

    async def inhibit(self) -> None: ...

    def release(self) -> None: ...

    def close(self) -> None: ...


class Pods(Protocol):
    def active(self) -> list[Pod]: ...

    async def until_cleaned_up(self, pods: Sequence[Pod]) -> None:
        """Their volumes are unmounted, too."""


class Ender(Protocol):
    async def end(self, pod: Pod, verdict: Verdict, grace_seconds: int | None = None, *, evict: bool = False) -> bool:
        """End a pod for the node's sake."""


class ShutdownManager:
    def __init__(
        self, groups: Sequence[ShutdownGroup], connect: Callable[[], Awaitable[Machine]], pods: Pods, ender: Ender,
        recorder: EventRecorder, node: Callable[[], ObjectReference], *, state_file: Path,
        flush: Callable[[], Awaitable[object]], on_change: Callable[[], None] = lambda: None,
        on_record: Callable[[float, float], None] = lambda _start, _end: None, clock: Callable[[], float] = time.time,
    ) -> None:
        """`flush` returns once statuses are sent, or after its own time. `on_change`: the node's readiness changes.
        `on_record(start, end)`: for the metrics graceful_shutdown_{start,end}_time_seconds."""
        self._groups, self._connect, self._pods, self._ender = tuple(groups), connect, pods, ender
        self._recorder, self._node, self._state_file, self._flush = recorder, node, state_file, flush
        self._on_change, self._on_record, self._clock = on_change, on_record, clock
        self._problem = ""
        self.shutting_down = False

    def errors(self) -> tuple[str, ...]:
        """What keeps the node from being ready."""
        return (NODE_ERROR,) if self.shutting_down else ()

    async def run(self) -> None:
        """Without groups there is nothing to do, and no bus is needed."""
        if not self._groups:
            return
        last = await asyncio.to_thread(record.load, self._state_file)
        self._on_record(last.start, last.end)
        while True:
            try:
                await self._attend()
            except LogindError as error:
                if str(error) != self._problem:
                    logger.error("Unable to watch the node for shutdown events, will be tried again error=%s", error)
                self._problem = str(error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _attend(self) -> None:
        """One connection's life. Raises LogindError."""
        machine = await self._connect()
        try:
            await machine.ensure_delay(seconds_needed(self._groups))
            await machine.inhibit()
            logger.info("Shutdowns of this machine wait for its pods seconds=%d", seconds_needed(self._groups))
            self._problem = ""
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(machine.run(), name="system bus")
                while (begins := await machine.shutdowns.get()) is not None:
                    await self._changed(machine, begins)
                listening.cancel()
        except* LogindError as errors:
            raise LogindError("; ".join(str(error) for error in errors.exceptions)) from None
        finally:
            machine.close()

    async def _changed(self, machine: Machine, begins: bool) -> None:
        what = "event" if begins else "cancellation"
        message = f"Shutdown manager detected shutdown {what}"
        logger.warning("%s", message)
        self._recorder.event(self._node(), "Normal", "Shutdown", message)
        self.shutting_down = begins
        self._on_change()
        if not begins:
            await machine.inhibit()
            return
        try:
            await self._shut_down()
        finally:
            machine.release()
            logger.info("All is done for the shutdown, the machine may go down")

    async def _shut_down(self) -> None:
        start = self._clock()
        await self._store(ShutdownRecord(start))
        async with asyncio.TaskGroup() as ending:
            told: list[asyncio.Task[bool]] = []
            for group, pods in assign(self._groups, self._pods.active()):
                logger.info("Pods end for the shutdown priority=%d seconds=%d pods=%s", group.priority, group.seconds,
                            " ".join(map(formatted, pods)))
                tasks = [
                    ending.create_task(
                        self._ender.end(pod, VERDICT, grace_seconds(pod, group)), name=f"end of {formatted(pod)}"
                    ) for pod in pods
                ]
                told += tasks
                await self._until_ended(group, pods, tasks)
            await self._flush()
            for task in told:
                task.cancel()  # their pods had their time, and end with the machine
        await self._store(ShutdownRecord(start, self._clock()))

    async def _until_ended(
        self, group: ShutdownGroup, pods: Sequence[Pod], ending: Sequence[asyncio.Task[bool]]
    ) -> None:
        """The next group begins when this one's volumes are unmounted, too, which may need the next one's pods."""
        try:
            async with asyncio.timeout(group.seconds):
                await asyncio.wait(ending)
                await self._pods.until_cleaned_up(pods)
        except TimeoutError:
            logger.warning("Not all pods ended in their time priority=%d seconds=%d", group.priority, group.seconds)

    async def _store(self, made: ShutdownRecord) -> None:
        self._on_record(made.start, made.end)
        await asyncio.to_thread(made.store, self._state_file)
