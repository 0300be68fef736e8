"""Keeps every pod's current status and writes it to the API server.

    set(), finish() ─▶ version n ─▶ queue (deletions ▸ readiness and phase ▸ the rest) ─▶ PATCH status ─▶ acknowledged
                                                                                       └▶ DELETE, once the pod is over
A status is sent the moment it changes. One pod has at most one write in flight and older versions never follow newer
ones; several pods are written side by side. What fails is tried again, slower each time, after reading the pod anew;
every 10 s a pass looks for what is not acknowledged or was changed by somebody else. Without a client (standalone) the
statuses are only kept.

Meaning: pkg/kubelet/status/status_manager.go. Different from it: no batches, and no GET before each PATCH: the pod as
last seen or as last answered is what the patch is made against, and the server checks its UID. What was answered is
newer than what is seen for the moment that the watch takes to tell of it; where it stays so, the server is asked: it
may have been set back to a time before our write.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TypeVar

import msgspec

from kubelet.api.meta import ContainerKind, PodUID, format_time, formatted, is_of_version, is_static, pod_uid
from kubelet.api.types import Pod, PodStatus
from kubelet.apiclient import ApiError, ConflictError, InvalidError, NotFoundError, paths
from kubelet.podstatus import conditions
from kubelet.podstatus.containers import with_past
from kubelet.podstatus.generate import with_container_flag
from kubelet.podstatus.merge import finished_status, illegal_transition, merged, normalized, same_for_us
from kubelet.podstatus.patch import status_patch

logger = logging.getLogger(__name__)
T = TypeVar("T")

PASS_SECONDS = 10.0
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 10.0
WRITERS = 8
"""Pods written side by side; the client's own rate limit is what bounds the load."""


class StatusClient(Protocol):
    """The part of ApiClient that statuses need."""

    async def get(self, path: str, cls: type[T]) -> T: ...

    async def patch(self, path: str, body: Any, cls: type[T]) -> T: ...

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None: ...


class KnownPods(Protocol):
    """The pods of this node as their sources last gave them (PodManager)."""

    def get(self, uid: PodUID) -> Pod | None: ...

    def mirror_of(self, pod: Pod) -> Pod | None: ...

    def static_of(self, mirror: Pod) -> Pod | None: ...


class Priority(IntEnum):
    """Which write goes first: deletions free names and places, readiness moves traffic."""

    DELETION = 0
    READINESS = 1
    OTHER = 2


@dataclass(slots=True)
class _Entry:
    """One pod. `sent` is the version that the API server has; `api` is its pod after our last write."""

    pod: Pod
    status: PodStatus
    version: int = 1
    sent: int = 0
    set_at: float = 0.0
    """When `version` was set, Unix time."""
    finished: bool = False
    api: Pod | None = None
    api_at: float = 0.0
    """When `api` was last answered; seconds of the event loop's clock."""
    watch_patience: float = field(default_factory=lambda: PASS_SECONDS)
    """How long the watch may take to tell of `api`; longer each time that it was only late."""
    reread: bool = False
    """The API server's pod is not surely known: read it before the next write."""
    contested: bool = False
    """What the API server had after our last write is not what we wrote: somebody else did meanwhile, such as the agent
    before us, whose last write was still under way. Tried again at once, then with each pass."""
    knows_its_past: bool = True
    """False for a static pod met before its mirror, which tells what an agent before us said of its containers."""
    withheld: bool = False
    """The terminal phase was not sent, since containers could still run."""
    gone: bool = False
    """The API server has no such pod any more."""
    in_flight: bool = False
    queued: Priority | None = None
    failures: int = 0
    retry: asyncio.TimerHandle | None = None

    @property
    def settled(self) -> bool:
        return self.gone or (self.sent >= self.version and not self.withheld)


class StatusManager:
    def __init__(
        self, client: StatusClient | None, pods: KnownPods, *,
        could_have_running_containers: Callable[[PodUID], bool] = lambda _: False,
        acknowledged: Callable[[PodUID, float], None] = lambda _uid, _at: None,
        changed: Callable[[Pod, PodStatus], None] = lambda _pod, _status: None,
        clock: Callable[[], float] = time.time, writers: int = WRITERS,
        on_synced: Callable[[float], None] = lambda _seconds: None,
        on_terminated: Callable[[ContainerKind, int, str], None] = lambda _kind, _exit_code, _reason: None,
    ) -> None:
        """`acknowledged` hears of each version that the API server has taken, `changed` of each new one, `on_synced` of
        how long after it was set the newest one was taken, `on_terminated` of each container that has ended."""
        self._on_synced, self._on_terminated = on_synced, on_terminated
        self._client, self._pods = client, pods
        self._could_run, self._acknowledged, self._changed = could_have_running_containers, acknowledged, changed
        self._clock, self._writers = clock, writers
        self._entries: dict[PodUID, _Entry] = {}
        self._queue: asyncio.PriorityQueue[tuple[int, int, PodUID]] = asyncio.PriorityQueue()
        self._progress = asyncio.Event()
        self._turn = 0

    # The store.

    def get(self, uid: PodUID) -> PodStatus | None:
        """The pod's current status; None if none was set since the agent started."""
        entry = self._entries.get(uid)
        return entry.status if entry else None

    def previous(self, pod: Pod) -> PodStatus:
        """What the next status builds on: ours, or after a start of the agent what the API server has.

        The mirror of an older version is another pod's: its restarts are not this one's. One that has ended tells of
        a life before this agent's (a shutdown of the machine): a static pod begins a new one.
        """
        entry = self._entries.get(pod_uid(pod))
        if entry is not None:
            return entry.status
        mirror = self._mirror_of(pod)
        goes_on = mirror is not None and not conditions.is_terminal(mirror.status.phase)
        return normalized(pod, mirror.status if mirror and goes_on else pod.status)

    def _mirror_of(self, static: Pod) -> Pod | None:
        """Its mirror, once there is one of this very version: an older one shows a pod that is no more."""
        mirror = self._pods.mirror_of(static)
        return mirror if mirror is not None and is_of_version(mirror, static) else None

    def set(self, pod: Pod, status: PodStatus) -> bool:
        """Take a new status; True if it says anything new. Refused if it would revive what has ended for good."""
        return self._update(pod, status, force=bool(pod.metadata.deletion_timestamp), finished=False)

    def finish(self, pod: Pod) -> None:
        """The pod is over and its resources are free: its final status, then its deletion if it is being deleted."""
        self._update(pod, finished_status(pod, self.previous(pod)), force=True, finished=True)

    def set_container_flags(
        self, uid: PodUID, container_id: str, *, ready: bool | None = None, started: bool | None = None
    ) -> bool:
        """A probe's verdict, published before the pod's worker comes round to it. False if it changes nothing.

        It says nothing of a new version of the pod: that one is observed when its worker has seen it."""
        entry = self._entries.get(uid)
        if entry is None:
            return False
        status = with_container_flag(
            entry.pod, entry.status, container_id, self._clock(), ready=ready, started=started
        )
        return self._update(entry.pod, status, force=False, finished=False, observes=False)

    def forget(self, uid: PodUID) -> None:
        """The pod is gone from every source."""
        self._entries.pop(uid, None)

    def retain(self, uids: Iterable[PodUID]) -> None:
        """Forget all pods but these."""
        wanted = set(uids)
        for uid in [uid for uid in self._entries if uid not in wanted]:
            del self._entries[uid]

    def pod_changed(self, pod: Pod) -> None:
        """The API server's pod (or mirror) is new: perhaps it can be deleted now, or somebody changed its status."""
        static = self._pods.static_of(pod)
        uid = pod_uid(static or pod)
        entry = self._entries.get(uid)
        if entry is None or self._client is None:
            return
        if static is None and not is_static(pod):
            entry.pod = pod
        self._look_at(uid, entry)

    def pending(self) -> int:
        """How many pods have a status that the API server has not taken yet."""
        return 0 if self._client is None else sum(not entry.settled for entry in self._entries.values())

    def _update(self, pod: Pod, status: PodStatus, *, force: bool, finished: bool, observes: bool = True) -> bool:
        uid, now = pod_uid(pod), self._clock()
        old = self.previous(pod)
        entry = self._entries.get(uid)
        problem = illegal_transition(old, status, pod)
        if problem:
            logger.error("Status is refused: %s pod=%s", problem, formatted(pod))
            return False
        generation = max(old.observed_generation or 0, pod.metadata.generation or 0 if observes else 0)
        status = normalized(pod, conditions.with_transition_times(msgspec.structs.replace(
            status, start_time=old.start_time or status.start_time or format_time(now),
            observed_generation=generation or None,
        ), old, now))
        if entry is None:
            knows_its_past = not is_static(pod) or self._mirror_of(pod) is not None
            entry = self._entries[uid] = _Entry(pod, status, finished=finished, knows_its_past=knows_its_past)
        else:
            new = not same_for_us(entry.status, status)
            entry.pod, entry.finished = pod, entry.finished or finished
            if entry.gone and not pod.metadata.deletion_timestamp and self._pods.get(uid) is not None:
                # It is back: the server was set back to a time before its end.
                entry.gone, entry.api, entry.sent, entry.reread = False, None, 0, True
            if not new and not force:
                if entry.withheld:
                    self._enqueue(uid, entry)
                return False
            entry.status = status
            entry.version += 1
        entry.set_at = now
        for kind, exit_code, reason in newly_terminated(old, status):
            self._on_terminated(kind, exit_code, reason)
        self._enqueue(uid, entry, _priority(entry, old))
        self._changed(pod, status)
        return True

    # The way to the API server.

    async def run(self) -> None:
        """Write for ever."""
        if self._client is None:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for number in range(self._writers):
                group.create_task(self._write_queued(), name=f"status writer {number}")
            group.create_task(self._pass_regularly(), name="status pass")

    async def flush(self, timeout: float) -> bool:
        """Wait until everything is acknowledged, at most `timeout` seconds; for the end of the node or the agent."""
        try:
            async with asyncio.timeout(timeout):
                while self.pending():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def _enqueue(self, uid: PodUID, entry: _Entry, priority: Priority = Priority.OTHER) -> None:
        if self._client is None or entry.gone:
            return
        if self._deletable(entry):
            priority = Priority.DELETION
        if entry.queued is not None and entry.queued <= priority:
            return
        entry.queued = priority
        if not entry.in_flight:
            self._turn += 1
            self._queue.put_nowait((priority, self._turn, uid))

    async def _write_queued(self) -> None:
        while True:
            priority, _, uid = await self._queue.get()
            entry = self._entries.get(uid)
            if entry is None or entry.in_flight or entry.queued != priority:
                continue  # forgotten, or queued again with another priority
            entry.queued, entry.in_flight = None, True
            try:
                await self._write(uid, entry)
            finally:
                entry.in_flight = False
                self._progress.set()
            if entry.queued is not None:
                again, entry.queued = entry.queued, None
                self._enqueue(uid, entry, again)

    async def _write(self, uid: PodUID, entry: _Entry) -> None:
        try:
            await self._send(uid, entry)
        except NotFoundError:
            # A deleted pod; a mirror is made again, and then its status is sent.
            entry.gone = not is_static(entry.pod)
            entry.api, entry.sent = None, 0
            logger.info("Pod is gone from the API server, its status is not sent pod=%s", formatted(entry.pod))
        except ApiError as error:
            self._retry_later(uid, entry, error)
        else:
            entry.failures = 0

    def _retry_later(self, uid: PodUID, entry: _Entry, error: ApiError) -> None:
        entry.reread = True
        delay = min(FIRST_RETRY_SECONDS * 2**min(entry.failures, 10), LAST_RETRY_SECONDS)
        delay = max(delay, error.retry_after or 0.0)
        entry.failures += 1
        if entry.failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … time
            logger.warning("Status is not written yet, will be tried again pod=%s failures=%d delay=%.1fs: %s",
                           formatted(entry.pod), entry.failures, delay, error)
        if entry.retry is not None:
            entry.retry.cancel()
        entry.retry = asyncio.get_running_loop().call_later(delay, self._retry, uid, entry)

    def _retry(self, uid: PodUID, entry: _Entry) -> None:
        entry.retry = None
        if self._entries.get(uid) is entry:
            self._enqueue(uid, entry, Priority.READINESS)

    async def _send(self, uid: PodUID, entry: _Entry) -> None:
        assert self._client is not None  # noqa: S101  # nothing is queued without a client
        api = await self._api_pod(uid, entry)
        if api is None:
            return
        if not entry.knows_its_past:
            entry.knows_its_past = True
            if not conditions.is_terminal(api.status.phase):
                entry.status = with_past(entry.status, api.status)
        version, path = entry.version, paths.pod(api.metadata.namespace, api.metadata.name)
        wanted = merged(entry.pod, api.status, entry.status, could_run=self._could_run(uid), now=self._clock())
        entry.withheld = conditions.is_terminal(entry.status.phase) and not conditions.is_terminal(wanted.phase)
        body = status_patch(api.metadata.uid, api.status, wanted)
        if body is not None:
            try:
                api = await self._client.patch(f"{path}/status", body, Pod)
            except (ConflictError, InvalidError):
                # Either the pod is another one by now (its UID is then "immutable"), or it has to be read anew.
                entry.reread = True
                if await self._api_pod(uid, entry) is not None:
                    raise
                return
        entry.api, entry.api_at, entry.reread = api, _now(), False
        if body is not None:
            entry.watch_patience = PASS_SECONDS
        contested, entry.contested = entry.contested, not same_for_us(
            normalized(entry.pod, api.status), normalized(entry.pod, wanted)
        )
        if entry.contested and not contested:
            self._enqueue(uid, entry, Priority.READINESS)
        if version > entry.sent:
            entry.sent = version
            self._acknowledged(uid, self._clock())
            if version == entry.version:
                self._on_synced(max(0.0, self._clock() - entry.set_at))
        if entry.version > version:
            self._enqueue(uid, entry, Priority.READINESS)
        elif self._deletable(entry):
            await self._client.delete(path, uid=api.metadata.uid, grace_seconds=0)
            entry.gone = True
            logger.info("Pod has ended and is deleted from the API server pod=%s", formatted(entry.pod))

    async def _api_pod(self, uid: PodUID, entry: _Entry) -> Pod | None:
        """The API server's pod to write to; None if there is none (yet), or another one in its place."""
        assert self._client is not None  # noqa: S101
        known = self._known_api_pod(uid, entry)
        if known is None:
            return None
        if not entry.reread:
            return known
        path = paths.pod(known.metadata.namespace, known.metadata.name)
        found = await self._client.get(path, Pod)
        if found.metadata.uid == known.metadata.uid:
            entry.api, entry.api_at, entry.reread = found, _now(), False
            return found
        entry.api = None
        entry.gone = not is_static(entry.pod)
        logger.info("Pod was deleted and made anew, its old status is dropped pod=%s uid=%s new_uid=%s",
                    formatted(entry.pod), known.metadata.uid, found.metadata.uid)
        return None

    def _known_api_pod(self, uid: PodUID, entry: _Entry) -> Pod | None:
        """The newest pod seen: our last write's answer, or what its source gave."""
        listed = self._listed(uid, entry)
        if listed is None or entry.api is None or entry.api.metadata.uid != listed.metadata.uid:
            return listed
        return listed if _is_newer(listed, entry.api) else entry.api

    def _listed(self, uid: PodUID, entry: _Entry) -> Pod | None:
        """The pod, or a static pod's mirror, as the API server's watch last told it; None for no mirror."""
        pod = self._pods.get(uid) or entry.pod
        return self._mirror_of(pod) if is_static(pod) else pod

    def _deletable(self, entry: _Entry) -> bool:
        """Being deleted, over, and the API server knows that it is over."""
        if not entry.finished or entry.gone or is_static(entry.pod):
            return False
        seen = [pod for pod in (entry.pod, entry.api, self._pods.get(pod_uid(entry.pod))) if pod is not None]
        if not any(pod.metadata.deletion_timestamp for pod in seen):
            return False
        return any(conditions.is_terminal(pod.status.phase) for pod in seen)

    async def _pass_regularly(self) -> None:
        while True:
            await asyncio.sleep(PASS_SECONDS)
            for uid, entry in list(self._entries.items()):
                self._look_at(uid, entry)

    def _look_at(self, uid: PodUID, entry: _Entry) -> None:
        """Queue what is not acknowledged, can be deleted, or was overwritten by somebody."""
        if entry.gone or entry.in_flight or entry.retry is not None:
            return
        listed = self._known_api_pod(uid, entry)
        if listed is None:
            return
        if entry.api is not None and listed.metadata.uid != entry.api.metadata.uid:
            entry.api, entry.sent = None, 0  # a new mirror knows nothing yet
        overwritten = entry.api is not None and listed is not entry.api \
            and not same_for_us(normalized(entry.pod, listed.status), normalized(entry.pod, entry.api.status))
        if self._is_behind(uid, entry):
            entry.watch_patience *= 2
            overwritten = True
        if overwritten:
            entry.reread = True
        if overwritten or entry.contested or not entry.settled or self._deletable(entry):
            self._enqueue(uid, entry)


    def _is_behind(self, uid: PodUID, entry: _Entry) -> bool:
        """Whether the source still shows a time before our last write, though it should have heard of that by now."""
        listed, api = self._listed(uid, entry), entry.api
        if api is None or listed is None or listed.metadata.uid != api.metadata.uid or not _is_newer(api, listed):
            return False
        return _now() - entry.api_at >= entry.watch_patience and not same_for_us(listed.status, api.status)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _priority(entry: _Entry, old: PodStatus) -> Priority:
    """Readiness and phase decide what others do with the pod; waiting reasons and the like are only read."""
    def outline(status: PodStatus) -> tuple[str, str, str]:
        ready = conditions.find(status.conditions, conditions.READY)
        return status.phase, ready.status if ready else "", status.pod_ip
    if entry.finished and entry.pod.metadata.deletion_timestamp:
        return Priority.DELETION
    return Priority.READINESS if outline(entry.status) != outline(old) else Priority.OTHER


def _is_newer(pod: Pod, than: Pod) -> bool:
    """By resource version, which is a number that grows (KEP-5504); if one is not, what was answered to us stands."""
    one, other = pod.metadata.resource_version, than.metadata.resource_version
    return one.isdigit() and other.isdigit() and int(one) > int(other)


def newly_terminated(old: PodStatus, new: PodStatus) -> Iterator[tuple[ContainerKind, int, str]]:
    """Containers that have ended since the status before: kind, exit code and reason of each."""
    for kind, before, after in (
        (ContainerKind.INIT, old.init_container_statuses, new.init_container_statuses),
        (ContainerKind.REGULAR, old.container_statuses, new.container_statuses),
        (ContainerKind.EPHEMERAL, old.ephemeral_container_statuses, new.ephemeral_container_statuses),
    ):
        ended = {status.name for status in before if status.state and status.state.terminated}
        for status in after:
            if status.name not in ended and status.state and (end := status.state.terminated):
                yield kind, end.exit_code, end.reason
