"""A cluster as far as certificates go: an authority, and certificate signing requests that tests answer."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubelet.api.types import CertificateSigningRequest, CertificateSigningRequestCondition
from kubelet.apiclient import AlreadyExistsError, EventType, Listing, NotFoundError, WatchEvent


class Authority:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])

    def sign(self, request: x509.CertificateSigningRequest, begin: float, life: float) -> bytes:
        start = datetime.fromtimestamp(begin, UTC)
        builder = (
            x509.CertificateBuilder().subject_name(request.subject).issuer_name(self.name)
            .public_key(request.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(start + timedelta(seconds=life))
        )
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @cache  # noqa: B019 - one per test
    def pem(self) -> bytes:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )


@dataclass
class SigningCluster:
    """The API of certificate signing requests. `answer` is asked once for each one that is created."""

    now: Callable[[], float]
    life: float = 1000.0
    answer: Callable[["SigningCluster", str], None] = lambda cluster, name: cluster.approve(name)
    authority: Authority = field(default_factory=Authority)
    requests: dict[str, CertificateSigningRequest] = field(default_factory=dict)
    created: list[CertificateSigningRequest] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    """The certificate that each connection was made with."""
    refuse: list[Exception] = field(default_factory=list)
    """Raised by the next creations."""
    _events: list[WatchEvent[CertificateSigningRequest]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def connect(self, current: Any) -> AsyncIterator["SigningCluster"]:
        self.connections.append(current)
        yield self

    async def create(self, path: str, body: Any, cls: type) -> Any:
        assert path == "/apis/certificates.k8s.io/v1/certificatesigningrequests"
        if self.refuse:
            raise self.refuse.pop(0)
        name = body.metadata.name or f"csr-{len(self.created)}"
        if name in self.requests:
            raise AlreadyExistsError(409, "AlreadyExists", f"{name} already exists")
        metadata = msgspec.structs.replace(body.metadata, name=name, uid=f"uid-{len(self.created)}")
        made = msgspec.structs.replace(body, metadata=metadata)
        self.created.append(made)
        self._publish(made, EventType.ADDED)
        self.answer(self, name)
        return made

    async def get(self, path: str, cls: type) -> Any:
        try:
            return self.requests[path.rpartition("/")[2]]
        except KeyError:
            raise NotFoundError(404, "NotFound", path) from None

    async def list(self, path: str, cls: type, **params: str) -> Any:
        name = params["fieldSelector"].removeprefix("metadata.name=")
        items = (self.requests[name],) if name in self.requests else ()
        return Listing(items, str(len(self._events)))

    async def watch(self, path: str, cls: type, *, resource_version: str, **params: str) -> AsyncIterator[Any]:
        at = int(resource_version)
        while True:
            while at < len(self._events):
                yield self._events[at]
                at += 1
            self._changed.clear()
            await self._changed.wait()

    def _publish(self, request: CertificateSigningRequest, kind: EventType) -> None:
        if kind is EventType.DELETED:
            self.requests.pop(request.metadata.name, None)
        else:
            self.requests[request.metadata.name] = request
        self._events.append(WatchEvent(kind, request, str(len(self._events) + 1)))
        self._changed.set()

    def condition(self, name: str, kind: str, certificate: bytes = b"") -> None:
        request = self.requests[name]
        status = msgspec.structs.replace(
            request.status, certificate=base64.b64encode(certificate).decode(),
            conditions=(*request.status.conditions, CertificateSigningRequestCondition(
                type=kind, status="True", reason="Tested", message="by a test")))
        self._publish(msgspec.structs.replace(request, status=status), EventType.MODIFIED)

    def approve(self, name: str) -> None:
        request = x509.load_pem_x509_csr(base64.b64decode(self.requests[name].spec.request))
        self.condition(name, "Approved", self.authority.sign(request, self.now(), self.life))

    def deny(self, name: str) -> None:
        self.condition(name, "Denied")

    def delete(self, name: str) -> None:
        self._publish(self.requests[name], EventType.DELETED)


@dataclass
class CountedRotations:
    failures: int = 0
    ages: list[float] = field(default_factory=list)

    def failed(self) -> None:
        self.failures += 1

    def rotated(self, age_seconds: float) -> None:
        self.ages.append(age_seconds)
