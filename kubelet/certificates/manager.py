"""Keeps one certificate of this node good: asks for it, keeps it, replaces it before it ends.

    load ─▶ wait until due ─▶ make key and request ─▶ submit ─▶ wait for the signature ─▶ keep ─▶ wait until due …
                 ▲  │ the names to certify changed: at once       │ 15 min, refused, changed names
                 │  ▼                                             ▼
                 └──┴──────────── try again after 2, 4, 8, 16, 32, 32, … s

A rotation never takes the old certificate away: it serves until the new one is on the disk.
Source: client-go/util/certificate/certificate_manager.go.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Protocol

from kubelet.api.types import CertificateSigningRequest
from kubelet.apiclient import ApiError, ForbiddenError, KubeconfigError, NotFoundError, UnauthorizedError
from kubelet.certificates.request import RequestError, SigningRequest, Template, make_request
from kubelet.certificates.rotation import rotation_due
from kubelet.certificates.signing import RefusedError, SigningClient, submit, wait_issued
from kubelet.certificates.store import Pair, PairStore, StoreError, private_key
from kubelet.certificates.x509 import Certificate

logger = logging.getLogger(__name__)

SIGNING_SECONDS = 900.0
"""How long one request may wait for its signature before a new one is made."""
RETRY_SECONDS = (2.0, 4.0, 8.0, 16.0, 32.0)
LOOK_SECONDS, FIRST_LOOK_SECONDS = 10.0, 1.0
"""How often the names to certify are looked at; the second while there are none."""

MakeRequest = Callable[[Template], Awaitable[SigningRequest]]
Connect = Callable[[Certificate | None], AbstractAsyncContextManager[SigningClient]]


class RotationMetrics(Protocol):
    """What is counted."""

    def failed(self) -> None:
        """A renewal did not succeed."""

    def rotated(self, age_seconds: float) -> None:
        """A certificate was replaced at this age."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What is certified by whom. `template` answers None while nothing can be asked for yet."""

    signer: str
    template: Callable[[], Template | None]


class CertificateManager:
    """One certificate. `initial` is a pair that serves, and is kept, until the first one is issued."""

    def __init__(
        self, purpose: Purpose, store: PairStore, connect: Connect, metrics: RotationMetrics, *,
        initial: Pair | None = None, on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time, rng: random.Random | None = None, make: MakeRequest = make_request,
    ) -> None:
        self._purpose, self._store, self._connect, self._metrics = purpose, store, connect, metrics
        self._initial, self._on_change, self._now, self._make = initial, on_change, now, make
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self.pair: Pair | None = None
        self._force = False
        self.server_healthy = False
        """Whether the API server answered the last request as API servers do."""

    @property
    def current(self) -> Certificate | None:
        """The certificate in use; None when there is none, or it has expired."""
        if self.pair is None or self._now() > self.pair.certificate.not_after:
            return None
        return self.pair.certificate

    def ttl_seconds(self) -> float:
        """Life left to the certificate; infinite when there is none."""
        return float(int(self.current.not_after - self._now())) if self.current is not None else float("inf")

    async def load(self, *, discard_broken: bool = False) -> None:
        """What earlier runs left, or else `initial`. Files that are no pair count as none with `discard_broken`.

        Raises StoreError."""
        try:
            self.pair = await asyncio.to_thread(self._store.current)
        except StoreError as error:
            if not discard_broken:
                raise
            logger.error("The certificate cannot be used, asking for another signer=%s error=%s",
                         self._purpose.signer, error)
        if self.current is not None:
            return
        self._force = True
        if self._initial is not None:
            chain, key = self._initial.pem, private_key(self._initial.pem)
            self.pair = await asyncio.to_thread(self._store.update, chain, key, self._local_time())
            logger.info("Keeping the configured certificate until the cluster issues one file=%s",
                        self._store.current_path)

    async def run(self) -> None:
        """Rotates until cancelled."""
        while True:
            template = await self._until_due()
            for attempt in count():
                if await self._rotate(template):
                    break
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)] * self._rng.uniform(1, 1.1))
                template = self._purpose.template() or template
            await asyncio.sleep(1)  # a signer whose certificates are due at once is not asked in a tight loop

    async def _until_due(self) -> Template:
        share, told = self._rng.random(), 0.0
        while True:
            template = self._purpose.template()
            if template is None:
                await asyncio.sleep(FIRST_LOOK_SECONDS)
                continue
            if self._force:
                self._force = False
                return template
            due = rotation_due(self.current, template, self._now(), share)
            left = due.at - self._now()
            if left <= 0:
                logger.info("A new certificate is needed signer=%s reason=%s", self._purpose.signer, due.reason)
                return template
            if told != due.at:
                logger.info("The certificate will be renewed signer=%s at=%s", self._purpose.signer,
                            datetime.fromtimestamp(due.at).astimezone().isoformat(timespec="seconds"))
                told = due.at
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def _rotate(self, template: Template) -> bool:
        """One attempt; whether there is a new certificate."""
        try:
            made = await self._make(template)
            async with self._connect(self.current) as client:
                request = await self._submit(client, made)
                certificate = await self._wait(client, request, template)
            pair = await asyncio.to_thread(self._store.update, certificate, made.key, self._local_time())
        except (ApiError, KubeconfigError, RefusedError, RequestError, StoreError, OSError) as error:
            logger.error("No certificate was issued, trying again signer=%s error=%s", self._purpose.signer, error)
            self._metrics.failed()
            return False
        old, self.pair = self.pair, pair
        if old is not None:
            self._metrics.rotated(self._now() - old.certificate.not_before)
        logger.info("A certificate was issued signer=%s file=%s until=%s", self._purpose.signer,
                    self._store.current_path,
                    datetime.fromtimestamp(pair.certificate.not_after).astimezone().isoformat(timespec="seconds"))
        self._on_change()
        return True

    async def _submit(self, client: SigningClient, made: SigningRequest) -> CertificateSigningRequest:
        """Creates the request and learns from the answer how the server does. Raises as `submit`."""
        self.server_healthy = False
        try:
            request = await submit(client, made, self._purpose.signer)
        except ApiError as error:
            # Refusals that a server in order gives, unlike those of a proxy in front of it.
            refused = isinstance(error, UnauthorizedError | ForbiddenError | NotFoundError)
            self.server_healthy = refused and error.status != 0
            raise
        self.server_healthy = True
        return request

    async def _wait(
        self, client: SigningClient, request: CertificateSigningRequest, template: Template
    ) -> bytes:
        """The certificate, unless it takes too long or other names are to be certified by now. Raises RefusedError."""
        async def outcome() -> bytes | RefusedError:
            try:
                return await wait_issued(client, request)
            except RefusedError as error:
                return error

        async def other_names() -> RefusedError:
            while self._purpose.template() in (template, None):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(LOOK_SECONDS)
            return RefusedError("other names are to be certified meanwhile")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(outcome()), group.create_task(other_names())]
            done, _ = await asyncio.wait(tasks, timeout=SIGNING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        ended: bytes | RefusedError = next(iter(done)).result() if done else RefusedError(
            f"certificate signing request {request.metadata.name} was not signed within {SIGNING_SECONDS:g} s; "
            "approve it with kubectl certificate approve")
        if isinstance(ended, RefusedError):
            raise ended
        return ended

    def _local_time(self) -> datetime:
        return datetime.fromtimestamp(self._now()).astimezone()


async def watch_validity(manager: CertificateManager, *, limit: float = 300.0, period: float = 10.0) -> None:
    """Returns once there has been no valid certificate for `limit` seconds although the API server answers: only a
    start with fresh bootstrap credentials can help then."""
    loop = asyncio.get_running_loop()
    last_valid, told = loop.time(), False
    while True:
        if manager.current is not None:
            last_valid, told = loop.time(), False
        elif loop.time() - last_valid > limit:
            if manager.server_healthy:
                return
            if not told:
                logger.error("No valid client certificate is found but the server is not responsive. A restart may be "
                             "necessary to retrieve new initial credentials.")
                told = True
        await asyncio.sleep(period)
