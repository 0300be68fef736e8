"""PodSandboxStatus and ContainerStatus: asked of the engine anew, since a caller acts on what they say."""

import time
from collections.abc import Callable

import msgspec

from cri.errors import NotFoundError
from cri.v1 import api_pb2 as cri
from dockershim import sandbox_view
from dockershim.checkpoints import CheckpointStore
from dockershim.inventory import Inventory
from dockershim.network import NetworkError, NetworkPlugin
from dockershim.ports import EngineState
from dockershim.records import ContainerRecord, SandboxRecord
from dockershim.sandbox_run import network_of


class StatusReader:
    def __init__(
        self,
        state: EngineState,
        inventory: Inventory,
        checkpoints: CheckpointStore,
        network: NetworkPlugin,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._state, self._inventory, self._checkpoints, self._clock_ns = state, inventory, checkpoints, clock_ns
        self._network = network

    async def sandbox(self, sandbox_id: str, verbose: bool) -> cri.PodSandboxStatusResponse:
        self._state.require()
        known = self._inventory.sandboxes.get(sandbox_id)
        if known is None:
            known = self._inventory.sandbox(sandbox_id)
        record = await self._inventory.refresh(known.id)
        if not isinstance(record, SandboxRecord):
            raise NotFoundError(f"no such pod sandbox: {sandbox_id}")
        response = cri.PodSandboxStatusResponse(
            status=sandbox_view.to_status(record, self._checkpoints.get(record.id)),
            containers_statuses=[container.status for container in self._inventory.containers_of(record.id)],
            timestamp=self._clock_ns(),
        )
        if verbose:
            response.info["info"] = _json({"pid": record.pid, "netns": record.netns, **await self._check(record)})
        return response

    async def _check(self, record: SandboxRecord) -> dict[str, object]:
        """What the network's plugins say of the sandbox now: asked when a person looks, since it runs each of them."""
        if not record.is_running or not record.has_own_network:
            return {}
        try:
            await self._network.check(network_of(record))
        except NetworkError as error:
            return {"networkCheck": str(error)}
        return {"networkCheck": "ok"}

    async def container(self, container_id: str, verbose: bool) -> cri.ContainerStatusResponse:
        self._state.require()
        known = self._inventory.containers.get(container_id)
        if known is None:
            known = self._inventory.container(container_id)
        record = await self._inventory.refresh(known.id)
        if not isinstance(record, ContainerRecord):
            raise NotFoundError(f"no such container: {container_id}")
        response = cri.ContainerStatusResponse(status=record.status)
        if verbose:
            response.info["info"] = _json({"pid": record.pid, "sandboxID": record.sandbox_id})
        return response


def _json(value: dict[str, object]) -> str:
    return msgspec.json.encode(value).decode()
