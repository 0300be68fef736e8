"""The pod lifecycle event generator: notices every start and exit on the node, at no cost while nothing happens.

               ┌── stream settled ──▶ STREAMING (relist 300 s) ──┐
    CONNECTING ┤                            │ broken, ended      │ unimplemented
    (relist 1 s)◀── back-off 0.1…30 s ──────┘                    ▼
               └── unimplemented ──────────────────────▶ RELISTING (relist 1 s)
                                                          │ the runtime went away and came back
                                                          └──▶ CONNECTING

The runtime's event stream (GetContainerEvents) is the first source. Its events carry the state of their pod, so that no
call is made; where they do not, or where order is in doubt, one round of calls for that pod settles it. The relist
is the safety net under the stream, and the source for runtimes without one. Every change of mode relists at once.

A worker that has acted asks `cache.get_newer_than(uid, then)` (or `refresh`), which looks at its pod only: two filtered
lists, and status calls only for what those lists show as changed. So nobody waits for a tick, and nobody hangs. A pod
whose inspection hangs or fails costs itself its deadline and no other pod anything; health depends on the lists alone.

Sources: pkg/kubelet/pleg (names, thresholds, texts), KEP-3386. Metrics read `Pleg.stats`.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from cri.errors import CriError, DeadlineExceededError, NotFoundError, UnavailableError, UnimplementedError
from cri.v1 import api_pb2 as cri
from pleg.cache import PodCache
from pleg.diff import EventKind, PodLifecycleEvent, diff, keep_addresses
from pleg.inspection import (
    PodRecord,
    Runtime,
    contradicts,
    inspect,
    list_pods,
    merge_event,
    tells_all,
    without,
)
from pleg.state import POD_UID_LABEL, PodRuntimeStatus, RunState

logger = logging.getLogger(__name__)


class Mode(Enum):
    CONNECTING = "connecting"
    STREAMING = "streaming"
    RELISTING = "relisting"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. Periods and thresholds are upstream's for the generic and the evented PLEG (pkg/kubelet/kubelet.go)."""

    relist_period: float = 1.0
    relist_threshold: float = 180.0
    stream_relist_period: float = 300.0
    stream_relist_threshold: float = 600.0
    settle: float = 1.0
    """A stream that lives this long without an event or an error is taken to be subscribed."""
    reconnect_min: float = 0.1
    reconnect_max: float = 30.0
    patience: float = 1.0
    """So long a relist waits for the inspections that it has caused; those that take longer end in their own time."""
    retry_period: float = 10.0
    """Longest time to the next relist while some pod could not be inspected."""
    inspect_deadline: float = 30.0
    """For all status calls of one pod together: a hung container may not hold up its pod's worker for longer."""


@dataclass(slots=True)
class PlegStats:
    """Counters for kubelet_pleg_*, kubelet_evented_pleg_*, kubelet_running_pods and kubelet_running_containers."""

    last_seen_seconds: float = 0.0
    """Unix time of the last successful relist."""
    relists: int = 0
    discarded_events: int = 0
    stream_connections: int = 0
    stream_errors: int = 0
    on_relist: Callable[[float, float | None], None] = field(default=lambda _duration, _interval: None)
    """Told of each relist: its duration and the time since the one before."""
    on_pod_relist: Callable[[float], None] = field(default=lambda _duration: None)
    on_event_latency: Callable[[float], None] = field(default=lambda _latency: None)


class Pleg:
    """`run` it in a task group; read `events`; ask `cache`."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock_ns: Callable[[], int] = time.time_ns,
        jitter: Callable[[], float] = random.random,
        capacity: int = 1000,
        concurrency: int = 16,
    ) -> None:
        """`capacity`: of the event queue; `concurrency`: single-pod rounds at a time."""
        self.mode = Mode.CONNECTING
        self.stats = PlegStats()
        self.events: asyncio.Queue[PodLifecycleEvent] = asyncio.Queue(capacity)
        self.cache = PodCache(self._request, clock)
        self._runtime = runtime
        self._timing = timing or Timing()
        self._clock, self._wall_clock_ns, self._jitter = clock, wall_clock_ns, jitter
        self._group: asyncio.TaskGroup | None = None
        self._slots = asyncio.Semaphore(concurrency)
        self._wanted: set[str] = set()
        self._rounds: set[str] = set()
        self._reinspect: set[str] = set()
        self._resolving: set[str] = set()
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._relist_now = asyncio.Event()
        self._try_stream = asyncio.Event()
        self._last_relist: float | None = None
        self._relist_failed = False
        self._reported: dict[str, str] = {}

    # --- what others ask -------------------------------------------------------------------------------------------

    def pods(self) -> frozenset[str]:
        """UIDs of all pods of which the runtime has anything, dead or alive."""
        return self.cache.uids()

    def peek(self, uid: str) -> PodRuntimeStatus:
        """The last known state of a pod."""
        return self.cache.get(uid)

    async def refresh(self, uid: str) -> PodRuntimeStatus:
        """The pod's state by a look that begins now; events follow from it as from any other. Raises CriError."""
        return await self.cache.get_newer_than(uid, self._clock())

    def request_reinspect(self, uid: str) -> None:
        """Read all details of the pod again, also when the lists show no change (after a resize), and send SYNC."""
        self._reinspect.add(uid)
        self._request(uid)

    def healthy(self) -> str | None:
        """None, or why the node is not ready, in upstream's words."""
        if self._last_relist is None:
            return "PLEG is not healthy: pleg has yet to be successful"
        threshold = (
            self._timing.stream_relist_threshold if self.mode is Mode.STREAMING else self._timing.relist_threshold
        )
        elapsed = self._clock() - self._last_relist
        if elapsed <= threshold:
            return None
        return (
            f"PLEG is not healthy: pleg was last seen active {go_duration(elapsed)} ago; "
            f"threshold is {go_duration(threshold)}"
        )

    def running_pods(self) -> int:
        return sum(any(sandbox.ready for sandbox in status.sandboxes) for status in self.cache)

    def containers_by_state(self) -> Counter[str]:
        """For kubelet_running_containers{container_state}."""
        return Counter(container.state.name.lower() for status in self.cache for container in status.containers)

    # --- running ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            for uid in tuple(self._wanted):
                self._start_round(uid)
            group.create_task(self._relist_forever(), name="pleg-relist")
            group.create_task(self._follow_forever(), name="pleg-stream")

    def _set_mode(self, mode: Mode) -> None:
        if mode is not self.mode:
            logger.info("PLEG changes its source from=%s to=%s", self.mode.value, mode.value)
            self.mode = mode
        self._relist_now.set()

    # --- relist ----------------------------------------------------------------------------------------------------

    async def _relist_forever(self) -> None:
        while True:
            self._relist_now.clear()
            await self._relist()
            try:
                async with asyncio.timeout(self._relist_period()):
                    await self._relist_now.wait()
            except TimeoutError:
                pass

    def _relist_period(self) -> float:
        if self.mode is not Mode.STREAMING or self._relist_failed:
            return self._timing.relist_period
        return self._timing.retry_period if self._reinspect else self._timing.stream_relist_period

    async def _relist(self) -> None:
        begin = self._clock()
        try:
            listed = await list_pods(self._runtime)
        except CriError as error:
            self._report("relist", error, "PLEG cannot list pods and containers")
            self._relist_failed = True
            return
        self._reported.pop("relist", None)
        if self._relist_failed:
            self._relist_failed = False
            self._try_stream.set()
        self.stats.relists += 1
        interval = None if self._last_relist is None else begin - self._last_relist
        self._last_relist, self.stats.last_seen_seconds = begin, self._wall_clock_ns() / 1e9
        uids = listed.keys() | self.cache.uids()
        self._reinspect &= uids
        changed = [uid for uid in uids if not self._confirm(uid, listed.get(uid), begin)]
        for uid in changed:
            self._start_look(uid, listed.get(uid), begin)
        if looks := [self._looking[uid] for uid in changed]:
            await asyncio.wait(looks, timeout=self._timing.patience)
        self.cache.complete(begin)
        self.stats.on_relist(self._clock() - begin, interval)

    def _start_look(self, uid: str, record: PodRecord | None, begin: float) -> None:
        """Inspect a listed pod in a task of its own, unless one is still at it."""
        if uid not in self._looking and self._group is not None:
            if record is not None:
                self.cache.unsettle(uid)
            task = self._group.create_task(self._look_listed(uid, record, begin), name=f"pleg-look-{uid}")
            self._looking[uid] = task
            task.add_done_callback(lambda _: self._looking.pop(uid, None))

    async def _look_listed(self, uid: str, record: PodRecord | None, begin: float) -> None:
        async with self._slots:
            await self._look(uid, record, begin)

    def _confirm(self, uid: str, record: PodRecord | None, begin: float) -> bool:
        """Whether a list that began at `begin` agrees with what is known, so that nothing needs to be asked."""
        entry = self.cache.entry(uid)
        if entry and entry.observed_at >= begin:
            return True  # a newer look has been worked in meanwhile
        if uid in self._reinspect or entry is None or record is None or entry.error is not None:
            return False
        if not record.matches(entry.status):
            return False
        self.cache.confirm(uid, begin, self._clock())
        return True

    # --- one pod ---------------------------------------------------------------------------------------------------

    def _request(self, uid: str) -> None:
        """A round for `uid` that begins later than now; requests made before it begins share it."""
        if uid not in self._wanted:
            self._wanted.add(uid)
            self._start_round(uid)

    def _start_round(self, uid: str) -> None:
        if self._group is not None and uid not in self._rounds:
            self._rounds.add(uid)
            self._group.create_task(self._rounds_of(uid), name=f"pleg-pod-{uid}")

    async def _rounds_of(self, uid: str) -> None:
        try:
            while uid in self._wanted:
                async with self._slots:
                    self._wanted.discard(uid)
                    await self._round(uid)
        finally:
            self._rounds.discard(uid)

    async def _round(self, uid: str) -> None:
        begin = self._clock()
        try:
            record = (await list_pods(self._runtime, uid)).get(uid)
        except CriError as error:
            self._report(f"pod {uid}", error, f"PLEG cannot list the containers of a pod pod_uid={uid}")
            self.cache.fail(uid, error, begin)
            return
        if not self._confirm(uid, record, begin):
            await self._look(uid, record, begin)
        self.stats.on_pod_relist(self._clock() - begin)

    async def _look(self, uid: str, record: PodRecord | None, begin: float) -> None:
        """Inspect a listed pod and publish what has changed. A failure is this pod's alone."""
        if record is None:
            self._publish(uid, None, begin)
            return
        forced = uid in self._reinspect
        self._reinspect.discard(uid)
        entry = self.cache.entry(uid)
        known = entry.status if entry and not forced else None
        try:
            async with asyncio.timeout(self._timing.inspect_deadline):
                status = await inspect(self._runtime, record, known, begin)
        except TimeoutError:
            seconds = self._timing.inspect_deadline
            error: CriError = DeadlineExceededError(
                f"inspecting the containers of pod {record.namespace}/{record.name} took longer than {seconds:g} s",
                "ContainerStatus",
            )
        except CriError as failure:
            error = failure
        else:
            self._reported.pop(f"pod {uid}", None)
            self._publish(uid, status, begin, sync=forced)
            return
        self._reinspect.add(uid)
        self._report(
            f"pod {uid}", error,
            f"PLEG cannot inspect a pod pod={record.namespace}/{record.name} pod_uid={uid}",
        )
        self.cache.fail(uid, error, begin)

    def _publish(self, uid: str, status: PodRuntimeStatus | None, begin: float, sync: bool = False) -> None:
        """Work one look in and tell of the difference; a look that began before the newest one is dropped."""
        last = self.cache.last_look(uid)
        if last and last[0] > begin:
            return
        entry = self.cache.entry(uid)
        old = entry.status if entry else None
        if status is not None and not status.sandboxes and not status.containers:
            status = None
        if status is None:
            self.cache.drop(uid, begin, self._clock())
            self._reinspect.discard(uid)
        else:
            status = keep_addresses(old, status)
            self.cache.store(status, self._clock())
        events = [event for event in diff(uid, old, status) if event.kind is not EventKind.CHANGED]
        if sync and not events:
            events.append(PodLifecycleEvent(uid, EventKind.SYNC))
        for event in events:
            self._log_exit(event, status)
            self._emit(event)

    def _emit(self, event: PodLifecycleEvent) -> None:
        try:
            self.events.put_nowait(event)
        except asyncio.QueueFull:
            self.stats.discarded_events += 1
            self._reinspect.add(event.uid)  # the next relist makes up for it by a SYNC
            logger.error("PLEG event queue is full, discarding pod_uid=%s kind=%s", event.uid, event.kind.value)

    def _log_exit(self, event: PodLifecycleEvent, status: PodRuntimeStatus | None) -> None:
        if event.kind is not EventKind.DIED or status is None:
            return
        container = status.container_by_id(event.container_id)
        if container and container.state is RunState.EXITED:
            logger.info(
                "container finished pod=%s/%s container=%s exit_code=%d reason=%s container_id=%s",
                status.namespace, status.name, container.name, container.exit_code, container.reason, container.id,
            )

    # --- stream ----------------------------------------------------------------------------------------------------

    async def _follow_forever(self) -> None:
        delay = self._timing.reconnect_min
        while True:
            begin = self._clock()
            try:
                await self._follow()
                error: CriError = UnavailableError("the runtime ended the stream", "GetContainerEvents")
            except UnimplementedError as failure:
                logger.info("the runtime has no event stream, PLEG relists instead message=%s", failure.message)
                self._try_stream.clear()
                self._set_mode(Mode.RELISTING)
                await self._try_stream.wait()
                self._set_mode(Mode.CONNECTING)
                continue
            except CriError as failure:
                error = failure
            self.stats.stream_errors += 1
            self._report("stream", error, "PLEG has lost the runtime's event stream and relists until it is back")
            self._set_mode(Mode.CONNECTING)
            if self._clock() - begin > self._timing.settle:
                delay = self._timing.reconnect_min
            await asyncio.sleep(delay * (0.5 + 0.5 * self._jitter()))
            delay = min(delay * 2, self._timing.reconnect_max)

    async def _follow(self) -> None:
        """Read one stream to its end. Raises CriError."""
        settled = asyncio.get_running_loop().call_later(self._timing.settle, self._stream_settled)
        try:
            async for event in self._runtime.events():
                if not settled.cancelled():
                    settled.cancel()
                    self._stream_settled()
                self._on_stream_event(event)
        finally:
            settled.cancel()

    def _stream_settled(self) -> None:
        """What happened before the runtime subscribed us is in no event: the mode's change relists once more."""
        if self.mode is not Mode.STREAMING:
            self._reported.pop("stream", None)
            self.stats.stream_connections += 1
            self._set_mode(Mode.STREAMING)

    def _on_stream_event(self, event: cri.ContainerEventResponse) -> None:
        observed_at = self._monotonic(event.created_at)
        uid = event.pod_sandbox_status.metadata.uid or self._owner(event.container_id)
        if not uid:
            self._resolve(event.container_id)
            return
        last, entry = self.cache.last_look(uid), self.cache.entry(uid)
        if last and observed_at <= last[0]:
            return  # told of something that the newest look has seen already
        known = entry.status if entry else None
        if event.container_event_type == cri.CONTAINER_DELETED_EVENT:
            if known is None:
                return
            status = without(known, event.container_id, observed_at)
        elif not event.pod_sandbox_status.id or contradicts(event) or not tells_all(known, event):
            self._request(uid)
            return
        else:
            status = merge_event(known, event, observed_at)
        if last and observed_at < last[1] and diff(uid, known, status):
            self._request(uid)  # it happened while somebody looked, and only another look tells which came first
            return
        self._reported.pop(f"pod {uid}", None)
        self._publish(uid, status, observed_at)

    def _monotonic(self, created_at: int) -> float:
        """When an event was made, on our clock; now, when it does not say or the clocks disagree."""
        now, age = self._clock(), (self._wall_clock_ns() - created_at) / 1e9
        latency = age if created_at and 0 <= age < 60 else 0.0
        self.stats.on_event_latency(latency)
        return now - latency

    def _owner(self, container_id: str) -> str:
        for status in self.cache:
            if any(sandbox.id == container_id for sandbox in status.sandboxes) or status.container_by_id(container_id):
                return status.uid
        return ""

    def _resolve(self, container_id: str) -> None:
        """Find the pod of a container that an event names without saying more, then look at that pod."""
        if self._group is not None and container_id not in self._resolving:
            self._resolving.add(container_id)
            self._group.create_task(self._resolve_owner(container_id), name=f"pleg-owner-{container_id}")

    async def _resolve_owner(self, container_id: str) -> None:
        try:
            async with self._slots, asyncio.timeout(self._timing.inspect_deadline):
                uid = await self._ask_owner(container_id)
            if uid:
                self._request(uid)
        except (CriError, TimeoutError) as error:
            self._report("owner", error, f"PLEG cannot find the pod of a container container_id={container_id}")
            self._relist_now.set()
        finally:
            self._resolving.discard(container_id)

    async def _ask_owner(self, container_id: str) -> str:
        try:
            answer = await self._runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
            return answer.status.labels.get(POD_UID_LABEL, "")
        except NotFoundError:
            pass
        try:
            sandbox = await self._runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=container_id))
            return sandbox.status.metadata.uid
        except NotFoundError:
            return ""  # it has gone already, and nothing of it was known

    def _report(self, subject: str, error: Exception, what: str) -> None:
        """Log a failure once until it changes or goes away."""
        text = f"{type(error).__name__}: {error}"
        if self._reported.get(subject) != text:
            self._reported[subject] = text
            logger.error("%s error=%s", what, text)


def go_duration(seconds: float) -> str:
    """A duration as Go prints it, to the millisecond: 3m0s, 1h2m3.5s, 250ms."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
