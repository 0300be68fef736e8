"""A certificate from the cluster: a CertificateSigningRequest is created, and followed until it is issued or refused.

    created ─▶ (Approved) ─▶ status.certificate          Denied, Failed, deleted, another UID ─▶ RefusedError

Source: client-go/util/certificate/csr/csr.go.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from kubelet.api.types import CertificateSigningRequest, CertificateSigningRequestSpec, ObjectMeta
from kubelet.apiclient import AlreadyExistsError, ApiError, EventType, Listing, RetryDelay, WatchEvent, paths
from kubelet.certificates.request import SigningRequest

logger = logging.getLogger(__name__)

T = TypeVar("T")
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
PURPOSES = {CLIENT_SIGNER: "client auth", SERVING_SIGNER: "server auth"}


class SigningClient(Protocol):
    """What is needed of the API client. Its methods raise ApiError."""

    async def get(self, path: str, cls: type[T]) -> T: ...

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...

    async def list(self, path: str, cls: type[T], **params: str) -> Listing[T]: ...

    def watch(self, path: str, cls: type[T], *, resource_version: str,
              **params: str) -> AsyncIterator[WatchEvent[T]]: ...


class RefusedError(Exception):
    """The request will not be signed; a new one may be."""


async def submit(
    client: SigningClient, made: SigningRequest, signer: str, name: str = ""
) -> CertificateSigningRequest:
    """Creates the request. With a `name`, one of that name that an earlier run left is taken up again.

    Raises ApiError, RefusedError."""
    wanted = CertificateSigningRequest(
        api_version="certificates.k8s.io/v1", kind="CertificateSigningRequest",
        metadata=ObjectMeta(name=name) if name else ObjectMeta(generate_name="csr-"),
        spec=CertificateSigningRequestSpec(
            request=base64.b64encode(made.request).decode(), signer_name=signer, usages=made.usages(PURPOSES[signer]),
        ),
    )
    try:
        created = await client.create(paths.CERTIFICATE_SIGNING_REQUESTS, wanted, CertificateSigningRequest)
    except AlreadyExistsError:
        if not name:
            raise
        # Its name is a digest of key, subject and usages: whoever made it had our key.
        created = await client.get(f"{paths.CERTIFICATE_SIGNING_REQUESTS}/{name}", CertificateSigningRequest)
        if created.spec.signer_name != signer:
            raise RefusedError(f"certificate signing request {name} exists already, for another signer: "
                               f"{created.spec.signer_name}; delete it") from None
    logger.info("Certificate signing request waits for its approval csr=%s signer=%s", created.metadata.name, signer)
    return created


def issued(request: CertificateSigningRequest, uid: str) -> bytes:
    """The certificate as PEM; empty while there is none. Raises RefusedError."""
    name = request.metadata.name
    if request.metadata.uid != uid:
        raise RefusedError(f"certificate signing request {name} was replaced by another of its name")
    conditions = {condition.type: condition for condition in request.status.conditions}
    for kind, verb in (("Denied", "was denied"), ("Failed", "failed")):
        if kind in conditions:
            found = conditions[kind]
            raise RefusedError(f"certificate signing request {name} {verb}: reason={found.reason} "
                               f"message={found.message}")
    if "Approved" not in conditions or not request.status.certificate:
        return b""
    try:
        return base64.b64decode(request.status.certificate, validate=True)
    except binascii.Error as error:
        raise RefusedError(f"certificate signing request {name} carries a certificate that is not base64: "
                           f"{error}") from None


async def wait_issued(client: SigningClient, request: CertificateSigningRequest) -> bytes:
    """Until `request` has a certificate: its PEM. Survives what the server does meanwhile. Raises RefusedError; no
    deadline of its own."""
    selector = f"metadata.name={request.metadata.name}"
    delay = RetryDelay(first=0.2, limit=5.0)
    while True:
        try:
            certificate = await _follow(client, selector, request)
        except ApiError as error:
            logger.warning("cannot follow the certificate signing request csr=%s error=%s",
                           request.metadata.name, error)
        else:
            if certificate:
                return certificate
        await asyncio.sleep(delay.next())


async def _follow(client: SigningClient, selector: str, request: CertificateSigningRequest) -> bytes:
    """One list and one watch; empty when the watch ended before the certificate came."""
    path, name, uid = paths.CERTIFICATE_SIGNING_REQUESTS, request.metadata.name, request.metadata.uid
    listing = await client.list(path, CertificateSigningRequest, fieldSelector=selector)
    if not listing.items:
        raise RefusedError(f"certificate signing request {name} was deleted")
    if certificate := issued(listing.items[0], uid):
        return certificate
    watch: Any = client.watch(
        path, CertificateSigningRequest, resource_version=listing.resource_version, fieldSelector=selector)
    async with aclosing(watch):
        async for event in watch:
            if event.type is EventType.DELETED:
                raise RefusedError(f"certificate signing request {name} was deleted")
            if event.object is not None and (certificate := issued(event.object, uid)):
                return certificate
    return b""
