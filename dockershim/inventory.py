"""What the engine runs, in memory: lists are answered from here, events keep it right, a reconnect makes it anew.

    engine event ──▶ per-container queue ──▶ refresh (one inspect) ──▶ record ──▶ listeners
    verb ──────────────────────────────────▶ refresh ─────┘
    connect ──▶ list, refresh what may have changed, drop what is gone ──▶ listeners hear of the differences
                  └ what the engine hangs on is read later: it delays nobody else

Only this module writes records. A container is never said to have ended before all that it wrote is in its log.
"""

import asyncio
import enum
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakValueDictionary

from cri.errors import NotFoundError
from cri.v1 import api_pb2 as cri
from dockershim import naming, process_facts, records
from dockershim.engine import (
    EngineClient,
    EngineError,
    EngineEvent,
    EngineNotFoundError,
    EngineUnavailableError,
)
from dockershim.image_cache import ImageCache
from dockershim.records import ContainerRecord, SandboxRecord

logger = logging.getLogger(__name__)

Record = SandboxRecord | ContainerRecord
T = TypeVar("T")
_RESYNC_PARALLEL = 16
_RESYNC_SECONDS = 5.0
"""How long a connect waits for a container that the engine does not show, counted from the last one that it did."""
_LACK_OF_MEMORY_SECONDS = (0.05, 0.25)
_ASK_AGAIN_SECONDS, _ASK_AGAIN_MAX_SECONDS = 0.2, 60.0


class Change(enum.Enum):
    CREATED = "created"
    STARTED = "started"
    STOPPED = "stopped"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class RecordChange:
    """`record` is the newest known; for DELETED the last one. `time_ns` is when it was told: what else is known of the
    pod is at least as new, so that of two changes of one pod the later told is never the older one."""

    change: Change
    record: Record
    time_ns: int


Listener = Callable[[RecordChange], None]
_CHANGES = {"create": Change.CREATED, "start": Change.STARTED, "die": Change.STOPPED, "destroy": Change.DELETED}
_REFRESHING = frozenset((*_CHANGES, "oom", "rename", "update", "pause", "unpause"))


class Inventory:
    """`before_exit_is_seen(container_id)` runs before a record turns from running to ended (it drains the log),
    `after_removal_is_seen(container_id)` once the engine says that one is removed, by whomever (it lets the log go);
    `own_files` is the directory of what we mount into containers beyond their configuration; `out_of_touch` is called
    when the engine tells of something and cannot be asked about it: what is here is old then, until the next `resync`.
    """

    def __init__(
        self,
        engine: EngineClient,
        images: ImageCache,
        before_exit_is_seen: Callable[[str], Awaitable[None]],
        after_removal_is_seen: Callable[[str], Awaitable[None]],
        own_files: str,
        clock_ns: Callable[[], int] = time.time_ns,
        out_of_touch: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine, self._images, self._out_of_touch = engine, images, out_of_touch
        self._before_exit_is_seen, self._after_removal_is_seen = before_exit_is_seen, after_removal_is_seen
        self._own_files = own_files
        self._clock_ns = clock_ns
        self.sandboxes: dict[str, SandboxRecord] = {}
        self.containers: dict[str, ContainerRecord] = {}
        self.unread: frozenset[str] = frozenset()
        """Containers that the engine lists and could not show at the last resync: there, but of unknown kind."""
        self.coming_up: set[str] = set()
        """Sandboxes that are announced and whose network does not stand yet: containers may be created in them, of
        which clients hear together with the sandbox."""
        self._listeners: list[Listener] = []
        self._exec_ends: dict[str, asyncio.Future[int]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._queues: dict[str, deque[EngineEvent]] = {}
        self._looked_at: dict[str, int] = {}
        """When the inspect began from which a record was made: events from before it are in the record."""
        self._missed: set[str] = set()
        """What an event has told of that could not be looked at."""
        self._told: dict[tuple[str, Change], int] = {}
        """The newest start and end that were told of each container, by their times."""
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the tasks that handle events, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    # reading

    def sandbox(self, sandbox_id: str) -> SandboxRecord:
        """By id or unique prefix. Raises NotFoundError."""
        found = _lookup(self.sandboxes, sandbox_id)
        if found is None:
            raise NotFoundError(f"no such pod sandbox: {sandbox_id}")
        return found

    def container(self, container_id: str) -> ContainerRecord:
        """By id or unique prefix. Raises NotFoundError."""
        found = _lookup(self.containers, container_id)
        if found is None:
            raise NotFoundError(f"no such container: {container_id}")
        return found

    def may_be_sandboxes(self) -> list[str]:
        """Ids that what is kept per sandbox must not be removed for: running, ended, and those not read."""
        return [*self.sandboxes, *self.unread]

    def containers_of(self, sandbox_id: str) -> list[ContainerRecord]:
        return [record for record in self.containers.values() if record.sandbox_id == sandbox_id]

    # keeping it right

    async def refresh(self, container_id: str) -> Record | None:
        """Inspect and remember; None when the engine does not have it, or it is not Kubernetes'."""
        async with self._lock(container_id):
            return await self._refresh(container_id)

    async def refresh_unless(self, container_id: str, suffices: Callable[[Record], bool]) -> Record | None:
        """After a verb of ours: the engine's event for it is often quicker, then there is nothing left to ask."""
        async with self._lock(container_id):
            known = self._known(container_id)
            return known if known is not None and suffices(known) else await self._refresh(container_id)

    async def _refresh(self, container_id: str) -> Record | None:
        began = self._clock_ns()
        try:
            inspect: records.JSON = await self._engine.inspect_container(container_id)
        except EngineNotFoundError:
            self._forget(container_id)
            return None
        labels = inspect["Config"].get("Labels") or {}
        if naming.TYPE_LABEL not in labels:
            return None
        known = self.containers.get(inspect["Id"])
        if known is not None and known.is_running and records.may_have_lacked_memory(inspect):
            inspect = await self._with_its_cause(inspect)
        self._looked_at[inspect["Id"]] = began
        if records.is_sandbox(labels):
            sandbox = records.to_sandbox(inspect)
            if sandbox is not None:
                self.sandboxes[sandbox.id] = sandbox
            return sandbox
        return await self._remember_container(inspect)

    async def _with_its_cause(self, inspect: records.JSON) -> records.JSON:
        """The engine hears of a lack of memory apart from the end that it led to, and on a busy machine after it; what
        clients were told of an end they do not ask for again."""
        for pause in _LACK_OF_MEMORY_SECONDS:
            await asyncio.sleep(pause)
            try:
                inspect = await self._engine.inspect_container(inspect["Id"])
            except EngineError:
                break  # it goes or is gone: what is known has to do
            if not records.may_have_lacked_memory(inspect):
                break
        return inspect

    async def _remember_container(self, inspect: records.JSON) -> ContainerRecord | None:
        known = self.containers.get(inspect["Id"])
        image = await self._images.facts(inspect.get("Image") or "")
        record = records.to_container(
            inspect, image, process_facts.user(inspect, known), self._own_files, process_facts.upper_dir(inspect, known)
        )
        if record is None:
            return None
        if known is not None and known.is_running and not record.is_running:
            await self._before_exit_is_seen(record.id)
        self.containers[record.id] = record
        return record

    def forget(self, container_id: str) -> None:
        """A verb has removed it; the event will find it gone."""
        record = self._forget(container_id)
        if record is not None:
            self.tell(Change.DELETED, record)

    def drop(self, container_id: str) -> None:
        """Forget what clients have never been told of."""
        self._forget(container_id)

    def tell(self, change: Change, record: Record) -> None:
        news = RecordChange(change, record, self._clock_ns())
        for listener in self._listeners:
            listener(news)

    def tell_once(self, change: Change, record: Record) -> None:
        """`tell`, unless that start or end of a container was told already, by a verb or by an event."""
        if isinstance(record, ContainerRecord) and change in (Change.STARTED, Change.STOPPED):
            at = record.status.started_at if change is Change.STARTED else record.status.finished_at
            if at and self._told.get((record.id, change)) == at:
                return
            self._told[record.id, change] = at
        self.tell(change, record)

    async def resync(self) -> None:
        """After a connect: the engine's list against ours; listeners hear what was missed meanwhile."""
        listed = {
            item["Id"]: item for item in await self._engine.list_containers(label=[naming.TYPE_LABEL])
        }
        before: dict[str, Record] = {**self.sandboxes, **self.containers}
        self.unread = frozenset(listed)
        for container_id in before.keys() - listed.keys():
            self.forget(container_id)
        await self._look_at(listed, before)
        logger.info(
            "state read from the engine sandboxes=%d containers=%d", len(self.sandboxes), len(self.containers)
        )

    async def _look_at(self, container_ids: Collection[str], before: Mapping[str, Record]) -> None:
        """Until each was read, or only such are left that the engine hangs on. Raises EngineUnavailableError when it
        goes away meanwhile: a part of the containers is not to be taken for all of them."""
        limit = asyncio.Semaphore(_RESYNC_PARALLEL)
        gone: list[EngineUnavailableError] = []

        async def look(container_id: str) -> None:
            async with limit:
                try:
                    await self.refresh(container_id)
                except EngineUnavailableError as error:
                    gone.append(error)
                    return
                except EngineError as error:
                    logger.warning("container not read container=%s error=%s", container_id, error)
                    return
            self.unread -= {container_id}
            self._tell_difference(before.get(container_id), self._known(container_id))

        group = self._group
        if group is None:
            await asyncio.gather(*(look(container_id) for container_id in container_ids))
            looking = set[asyncio.Task[None]]()
        else:
            looking = {group.create_task(look(container_id)) for container_id in container_ids}
        while looking:
            done, looking = await asyncio.wait(
                looking, timeout=_RESYNC_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                logger.warning("engine does not show all of its containers, they are read later count=%d", len(looking))
                break
        if gone:
            raise gone[0]

    def _tell_difference(self, before: Record | None, now: Record | None) -> None:
        if now is None:
            return
        has_missed = now.id in self._missed  # then a verb's own look may have brought the record up to date in silence
        self._missed.discard(now.id)
        if before is None or not self._listeners:
            return
        if now.is_running and (has_missed or not before.is_running):
            self.tell_once(Change.STARTED, now)
        elif not now.is_running and (before.is_running or (has_missed and now.has_ended)):
            self.tell_once(Change.STOPPED, now)

    # events

    async def on_event(self, event: EngineEvent) -> None:
        """Queue an event; those of one container are handled in order, those of others side by side."""
        if event.kind == "image":
            self._images.changed()
            return
        if event.action == "exec_die":
            self._exec_ended(event)
            return
        if event.action not in _REFRESHING or naming.TYPE_LABEL not in event.attributes or self._group is None:
            return
        queue = self._queues.get(event.actor_id)
        if queue is not None:
            queue.append(event)
            return
        self._queues[event.actor_id] = deque([event])
        self._group.create_task(self._handle_queue(event.actor_id))

    async def _handle_queue(self, container_id: str) -> None:
        queue = self._queues[container_id]
        try:
            while queue:
                await self._handle(queue.popleft())
        finally:
            del self._queues[container_id]

    async def _handle(self, event: EngineEvent) -> None:
        if event.action == "destroy":
            self.forget(event.actor_id)
            await self._after_removal_is_seen(event.actor_id)
            return
        try:
            record = await self._record_after(event)
        except EngineUnavailableError as error:
            logger.warning("event not followed up container=%s action=%s error=%s", event.actor_id, event.action, error)
            self._missed.add(event.actor_id)
            self._out_of_touch()
            return
        change = _CHANGES.get(event.action)
        # A sandbox exists for clients once its network stands: RunPodSandbox itself tells of its creation and start.
        if record is None or change is None:
            return
        if isinstance(record, SandboxRecord) and change is not Change.STOPPED:
            return
        if isinstance(record, ContainerRecord) and record.sandbox_id in self.coming_up:
            return
        self.tell_once(change, record)

    async def _record_after(self, event: EngineEvent) -> Record | None:
        """What the container was at the event or later. An engine that is there and does not say is asked until it
        does: its next event of this container may never come. Raises EngineUnavailableError."""
        delay = _ASK_AGAIN_SECONDS
        while True:
            try:
                return self._newer_than(event) or await self.refresh(event.actor_id)
            except EngineUnavailableError:
                raise
            except EngineError as error:
                logger.warning(
                    "event not followed up yet container=%s action=%s error=%s", event.actor_id, event.action, error
                )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _ASK_AGAIN_MAX_SECONDS)

    def _newer_than(self, event: EngineEvent) -> Record | None:
        """The record, if it was made after the event and shows it: then nothing needs to be asked."""
        record = self._known(event.actor_id)
        if record is None or self._looked_at.get(event.actor_id, 0) <= event.time_ns:
            return None
        shown = {
            "create": True,
            "start": not isinstance(record, ContainerRecord) or record.status.state != cri.CONTAINER_CREATED,
            "die": not record.is_running,
        }
        return record if shown.get(event.action) else None

    # exec

    def expect_exec_end(self, exec_id: str) -> asyncio.Future[int]:
        """Resolves to the exit code when the engine says that the exec has ended."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._exec_ends[exec_id] = future
        future.add_done_callback(lambda _: self._exec_ends.pop(exec_id, None))
        return future

    def _exec_ended(self, event: EngineEvent) -> None:
        future = self._exec_ends.get(event.attributes.get("execID", ""))
        if future is not None and not future.done():
            code = event.attributes.get("exitCode", "")
            future.set_result(int(code) if code.lstrip("-").isdigit() else -1)

    # records

    def _known(self, container_id: str) -> Record | None:
        return self.sandboxes.get(container_id) or self.containers.get(container_id)

    def _forget(self, container_id: str) -> Record | None:
        self._looked_at.pop(container_id, None)
        self._missed.discard(container_id)
        for change in (Change.STARTED, Change.STOPPED):
            self._told.pop((container_id, change), None)
        return self.sandboxes.pop(container_id, None) or self.containers.pop(container_id, None)

    def _lock(self, container_id: str) -> asyncio.Lock:
        lock = self._locks.get(container_id)
        if lock is None:
            lock = self._locks[container_id] = asyncio.Lock()
        return lock


def _lookup(known: dict[str, T], identifier: str) -> T | None:
    exact = known.get(identifier)
    if exact is not None or not identifier:
        return exact
    matches = [key for key in known if key.startswith(identifier)]
    return known[matches[0]] if len(matches) == 1 else None
