"""The recorder that writes events to the API server (client-go/tools/record/event.go).

Events wait in a bounded queue and are written one after the other. While the API server does not answer, everything
waits and the event in hand is tried again, up to 12 times; what the server refuses is dropped, since it would refuse it
again.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from kubelet.api.meta import format_time
from kubelet.api.types import Event, EventSource, ObjectMeta, ObjectReference
from kubelet.apiclient import AlreadyExistsError, ApiError, NotFoundError, paths
from kubelet.events.correlator import Correlated, Correlator
from kubelet.events.recorder import EventKind

logger = logging.getLogger(__name__)
T = TypeVar("T")

QUEUE_LENGTH = 1000
TRIES = 12
RETRY_SECONDS = 10.0
COMPONENT = "kubelet"


class EventClient(Protocol):
    """The part of ApiClient that events need; give it a client of its own with eventRecordQPS and eventBurst."""

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...

    async def patch(self, path: str, body: Any, cls: type[T]) -> T: ...


class ApiEventRecorder:
    def __init__(
        self, client: EventClient, node_name: str, *, clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, jitter: Callable[[], float] = random.random,
        queue_length: int = QUEUE_LENGTH,
    ) -> None:
        self._client, self._node_name = client, node_name
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._queue: asyncio.Queue[Event] = asyncio.Queue(queue_length)
        self._correlator = Correlator()
        self._last_name_time = 0
        self.dropped = 0
        """Events that found the queue full; the server was away for long."""

    def event(
        self, ref: ObjectReference, kind: EventKind, reason: str, message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        try:
            self._queue.put_nowait(self._make(ref, kind, reason, message, annotations or {}))
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …
                logger.warning("Events are dropped, too many wait for the API server dropped=%d", self.dropped)

    def _make(
        self, ref: ObjectReference, kind: str, reason: str, message: str, annotations: Mapping[str, str]
    ) -> Event:
        now = self._clock()
        # Two events of one object within one tick of the clock still need two names.
        self._last_name_time = max(int(now * 10**9), self._last_name_time + 1)
        stamp = format_time(now)
        return Event(
            metadata=ObjectMeta(
                name=f"{ref.name}.{self._last_name_time:x}", namespace=ref.namespace or "default",
                annotations=dict(annotations),
            ),
            involved_object=ref, reason=reason, message=message, type=kind, count=1, first_timestamp=stamp,
            last_timestamp=stamp, source=EventSource(component=COMPONENT, host=self._node_name),
            reporting_component=COMPONENT, reporting_instance=self._node_name,
        )

    async def run(self) -> None:
        """Write events for ever."""
        while True:
            event = await self._queue.get()
            correlated = self._correlator.correlate(event, self._clock())
            if correlated is not None:
                await self._deliver(correlated)
            self._queue.task_done()

    async def drain(self) -> None:
        """Return once everything recorded so far is written or given up; for the end of the process."""
        await self._queue.join()

    async def _deliver(self, correlated: Correlated) -> None:
        for attempt in range(TRIES):
            try:
                self._correlator.acknowledge(await self._write(correlated))
            except ApiError as error:
                if not error.may_pass:
                    self._log_refused(correlated.event, error)
                    return
                if attempt == TRIES - 1:
                    break
                # The first pause is random, so that nodes do not all come back at once.
                await self._sleep(RETRY_SECONDS * (self._jitter() if attempt == 0 else 1.0))
            else:
                return
        logger.error("Event given up, the API server does not take it tries=%d event=%s", TRIES,
                     correlated.event.metadata.name)

    async def _write(self, correlated: Correlated) -> Event:
        event = correlated.event
        if correlated.patch:
            change = {"count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message}
            try:
                return await self._client.patch(
                    paths.event(event.metadata.namespace, event.metadata.name), change, Event
                )
            except NotFoundError:
                pass  # events are kept for an hour: begin a new one
        return await self._client.create(paths.event(event.metadata.namespace), event, Event)

    def _log_refused(self, event: Event, error: ApiError) -> None:
        expected = isinstance(error, AlreadyExistsError) or "being terminated" in error.message
        logger.log(
            logging.DEBUG if expected else logging.ERROR, "Event refused by the API server event=%s reason=%s: %s",
            event.metadata.name, event.reason, error,
        )
