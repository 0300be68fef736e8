"""The node's heartbeat: a Lease in kube-node-lease, renewed every quarter of its duration.

It waits for nothing else of the agent: a status that is slow to compute or refused must not make the node look dead.
Give it a client of its own, with a short timeout and no rate limit. Source: component-helpers/apimachinery/lease.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from kubelet.api.meta import format_micro_time
from kubelet.api.types import Lease, LeaseSpec, ObjectMeta, OwnerReference
from kubelet.apiclient import AlreadyExistsError, ApiError, ConflictError, NotFoundError, paths

logger = logging.getLogger(__name__)
T = TypeVar("T")

RENEW_FRACTION = 0.25
JITTER = 0.04
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.2, 7.0


class LeaseClient(Protocol):
    """The part of ApiClient that the lease needs."""

    async def get(self, path: str, cls: type[T]) -> T: ...

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...

    async def replace(self, path: str, body: Any, cls: type[T]) -> T: ...


class LeaseKeeper:
    def __init__(
        self, client: LeaseClient | None, node_name: str, lease_seconds: int, node_uid: Callable[[], str], *,
        clock: Callable[[], float] = time.time, jitter: Callable[[], float] = random.random,
    ) -> None:
        """`node_uid` gives the Node's UID, empty while it is not known: the lease is then made without an owner."""
        self._client, self._name, self._duration, self._node_uid = client, node_name, lease_seconds, node_uid
        self._clock, self._jitter = clock, jitter
        self._lease: Lease | None = None
        self.last_renewed = 0.0
        """Unix seconds of the last renewal that the API server took; 0 for never."""
        self.problem = ""
        self.problem_since: float | None = None
        """Why the last try failed, and the Unix time of the first failure in a row; "" and None when it did not."""

    async def run(self) -> None:
        """Renew for ever; without a client, wait for ever."""
        if self._client is None:
            await asyncio.Event().wait()
        interval = self._duration * RENEW_FRACTION
        while True:
            await self._renew_until_done()
            await asyncio.sleep(interval * (1 + JITTER * self._jitter()))

    async def _renew_until_done(self) -> None:
        delay, failures = FIRST_RETRY_SECONDS, 0
        while True:
            try:
                self._lease = await self._renewed()
            except ApiError as error:
                self._lease = None
                failures += 1
                self.problem, self.problem_since = str(error), self.problem_since or self._clock()
                if failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … time
                    logger.warning("Node lease is not renewed yet failures=%d: %s", failures, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY_SECONDS)
            else:
                self.last_renewed = self._clock()
                self.problem, self.problem_since = "", None
                if failures:
                    logger.info("Node lease is renewed again failures=%d", failures)
                return

    async def _renewed(self) -> Lease:
        """The lease renewed: from the last answer without reading it anew, else read or made."""
        assert self._client is not None  # noqa: S101  # run() sees to it
        path = paths.lease(self._name)
        if self._lease is not None:
            try:
                return await self._client.replace(path, self._next(self._lease), Lease)
            except (ConflictError, NotFoundError):
                pass  # somebody else wrote or deleted it
        try:
            known = await self._client.get(path, Lease)
        except NotFoundError:
            try:
                return await self._client.create(paths.lease(), self._next(None), Lease)
            except AlreadyExistsError:
                known = await self._client.get(path, Lease)
        return await self._client.replace(path, self._next(known), Lease)

    def _next(self, known: Lease | None) -> Lease:
        lease = known or Lease(
            api_version="coordination.k8s.io/v1", kind="Lease",
            metadata=ObjectMeta(name=self._name, namespace=paths.LEASE_NAMESPACE), spec=LeaseSpec(),
        )
        metadata, uid = lease.metadata, self._node_uid()
        if uid and not metadata.owner_references:
            owner = OwnerReference(api_version="v1", kind="Node", name=self._name, uid=uid)
            metadata = msgspec.structs.replace(metadata, owner_references=(owner,))
        return msgspec.structs.replace(lease, metadata=metadata, spec=msgspec.structs.replace(
            lease.spec, holder_identity=self._name, lease_duration_seconds=self._duration,
            renew_time=format_micro_time(self._clock()),
        ))
