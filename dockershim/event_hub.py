"""GetContainerEvents: changes of the inventory, each with the whole pod's statuses, to any number of subscribers.

A subscriber that does not keep up is ended with an error once its queue is full; it lists and subscribes again.
"""

import asyncio
from collections.abc import AsyncIterator

from cri.errors import ResourceExhaustedError
from cri.v1 import api_pb2 as cri
from dockershim import sandbox_view
from dockershim.checkpoints import CheckpointStore
from dockershim.inventory import Change, Inventory, RecordChange
from dockershim.records import ContainerRecord, SandboxRecord

_QUEUE_LENGTH = 1024
_TYPES = {
    Change.CREATED: cri.CONTAINER_CREATED_EVENT,
    Change.STARTED: cri.CONTAINER_STARTED_EVENT,
    Change.STOPPED: cri.CONTAINER_STOPPED_EVENT,
    Change.DELETED: cri.CONTAINER_DELETED_EVENT,
}


class EventHub:
    def __init__(self, inventory: Inventory, checkpoints: CheckpointStore) -> None:
        self._inventory, self._checkpoints = inventory, checkpoints
        self._subscribers: set[asyncio.Queue[cri.ContainerEventResponse | None]] = set()
        inventory.listen(self._on_change)

    async def subscribe(self) -> AsyncIterator[cri.ContainerEventResponse]:
        """Events from now on, until `close`. Raises ResourceExhaustedError when the reader falls too far behind."""
        queue: asyncio.Queue[cri.ContainerEventResponse | None] = asyncio.Queue(_QUEUE_LENGTH)
        self._subscribers.add(queue)
        try:
            while queue in self._subscribers or not queue.empty():
                event = await queue.get()
                if event is None:
                    return
                yield event
            raise ResourceExhaustedError(f"more than {_QUEUE_LENGTH} events were not read; list and subscribe again")
        finally:
            self._subscribers.discard(queue)

    def close(self) -> None:
        """End all streams, as the server stops."""
        for queue in self._subscribers:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    def _on_change(self, news: RecordChange) -> None:
        if not self._subscribers:
            return
        event = self._to_event(news)
        for queue in list(self._subscribers):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._subscribers.discard(queue)

    def _to_event(self, news: RecordChange) -> cri.ContainerEventResponse:
        record = news.record
        sandbox_id = record.id if isinstance(record, SandboxRecord) else record.sandbox_id
        sandbox = record if isinstance(record, SandboxRecord) else self._inventory.sandboxes.get(sandbox_id)
        containers = self._inventory.containers_of(sandbox_id)
        if isinstance(record, ContainerRecord) and news.change is Change.DELETED:
            containers = [container for container in containers if container.id != record.id]
        event = cri.ContainerEventResponse(
            container_id=record.id,
            container_event_type=_TYPES[news.change],
            created_at=news.time_ns,
            containers_statuses=[container.status for container in containers],
        )
        if sandbox is not None:
            event.pod_sandbox_status.CopyFrom(
                sandbox_view.to_status(sandbox, self._checkpoints.get(sandbox_id))
            )
            if sandbox is record and news.change is Change.DELETED:
                event.pod_sandbox_status.state = cri.SANDBOX_NOTREADY
        return event
