"""Which credentials the node starts with, and where its own come from.

    --kubeconfig is good ────────────▶ it counts, the bootstrap kubeconfig is ignored
    it is missing, expired or broken ─▶ the bootstrap kubeconfig's credentials ask for a certificate, and --kubeconfig
                                        is written anew, naming <cert-dir>/kubelet-client-current.pem

With rotateCertificates the certificate is asked for and renewed in the background, and one that a kubeconfig carries
(kubeadm's first control plane) is only the first. Without, the start waits for it.

Source: pkg/kubelet/certificate/bootstrap/bootstrap.go, cmd/kubelet/app/server.go (buildKubeletClientConfig).
"""

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from kubelet.apiclient import ApiClient, ApiError, ClusterAccess, KubeconfigError, RotatedCertificate
from kubelet.apiclient.credentials import build_tls_context, read_material
from kubelet.apiclient.kubeconfig import read
from kubelet.certificates.manager import CertificateManager, Purpose, RotationMetrics
from kubelet.certificates.request import RequestError, SigningRequest, Template, make_request, node_template
from kubelet.certificates.signing import CLIENT_SIGNER, PURPOSES, RefusedError, submit, wait_issued
from kubelet.certificates.store import Pair, PairStore, make_pair, private_key, write_private
from kubelet.certificates.x509 import BadCertificateError, Certificate, all_certificates

logger = logging.getLogger(__name__)

CLIENT_PREFIX = "kubelet-client"
PENDING_KEY = "kubelet-client.key.tmp"
"""Keeps the key of a request that is not signed yet, so that the next start takes the same request up again."""
SERVER_SECONDS, SERVER_POLL_SECONDS = 60.0, 2.0
APPROVAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Paths as the flags of their names give them; "" where they give none."""

    node_name: str
    kubeconfig: str
    bootstrap_kubeconfig: str
    cert_dir: Path
    rotate: bool


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """How this node speaks to the API server: `access`, with `rotated` in place of its credentials when the agent
    keeps its certificate itself by `manager`."""

    access: ClusterAccess
    rotated: RotatedCertificate | None = None
    manager: CertificateManager | None = None

    def client(self, *, qps: float = 50, burst: int = 100) -> ApiClient:
        return ApiClient(self.access, qps=qps, burst=burst, rotated=self.rotated)


async def client_identity(settings: IdentitySettings, metrics: RotationMetrics) -> ClientIdentity:
    """The node's identity. Raises KubeconfigError, StoreError; without rotation also what `first_certificate` does."""
    kubeconfig = Path(settings.kubeconfig)
    bootstrap = await asyncio.to_thread(bootstrap_access, settings)
    store = PairStore(CLIENT_PREFIX, settings.cert_dir)
    if not settings.rotate:
        if bootstrap is not None:
            await first_certificate(bootstrap, store, settings)
            await asyncio.to_thread(write_kubeconfig, kubeconfig, bootstrap, store.current_path)
        return ClientIdentity(await asyncio.to_thread(read, kubeconfig))
    if bootstrap is not None:
        logger.info("The bootstrap credentials ask for a client certificate kubeconfig=%s", kubeconfig)
        await asyncio.to_thread(write_kubeconfig, kubeconfig, bootstrap, store.current_path)
    return await _rotating(settings, await asyncio.to_thread(read, kubeconfig), bootstrap, metrics)


async def _rotating(
    settings: IdentitySettings, access: ClusterAccess, bootstrap: ClusterAccess | None, metrics: RotationMetrics
) -> ClientIdentity:
    """While there is no certificate, `bootstrap` asks for one, or else the kubeconfig's own credentials."""
    rotated, anonymous = RotatedCertificate(), without_credentials(access)

    @asynccontextmanager
    async def connect(current: Certificate | None) -> AsyncIterator[ApiClient]:
        client = ApiClient(anonymous, rotated=rotated) if current is not None else ApiClient(bootstrap or access)
        async with client:
            yield client

    def changed() -> None:
        if manager.pair is not None:
            rotated.put(manager.pair.pem)

    template = node_template(settings.node_name)
    initial, configured = await asyncio.to_thread(_carried, access)
    store = PairStore(CLIENT_PREFIX, settings.cert_dir, configured)
    manager = CertificateManager(
        Purpose(CLIENT_SIGNER, lambda: template), store, connect, metrics, initial=initial, on_change=changed)
    await manager.load(discard_broken=bootstrap is not None)
    if manager.current is not None:
        changed()
    return ClientIdentity(anonymous, rotated, manager)


def _carried(access: ClusterAccess) -> tuple[Pair | None, tuple[Path, Path] | None]:
    """The certificate that a kubeconfig brings: inside it, or in files. Raises StoreError."""
    certificate, key = access.client_certificate, access.client_key
    if certificate is None or key is None:
        return None, None
    if certificate.file is not None and key.file is not None:
        return None, (certificate.file, key.file)
    return make_pair(read_material(access, certificate), read_material(access, key), access.source), None


def without_credentials(access: ClusterAccess) -> ClusterAccess:
    return replace(access, client_certificate=None, client_key=None, token=None, basic=None, exec_plugin=None,
                   impersonate="")


def bootstrap_access(settings: IdentitySettings) -> ClusterAccess | None:
    """The bootstrap kubeconfig's access if it is needed, None if not. Blocking. Raises KubeconfigError."""
    if not settings.bootstrap_kubeconfig:
        return None
    problem = shortcoming(Path(settings.kubeconfig), time.time())
    if not problem:
        return None
    logger.info("--kubeconfig cannot be used, the bootstrap kubeconfig is: %s", problem)
    return read(Path(settings.bootstrap_kubeconfig), "--bootstrap-kubeconfig")


def shortcoming(kubeconfig: Path, now: float) -> str:
    """Why this kubeconfig has no client certificate that is good at `now`; empty if it has. Blocking."""
    try:
        access = read(kubeconfig)
        build_tls_context(access)
        if access.client_certificate is None:
            return f"kubeconfig {kubeconfig}: names no client certificate"
        certificates = all_certificates(read_material(access, access.client_certificate))
    except KubeconfigError as error:
        return str(error)
    except BadCertificateError as error:
        return f"kubeconfig {kubeconfig}: {error}"
    expired = next((certificate for certificate in certificates if certificate.not_after < now), None)
    if expired is None:
        return ""
    ended = datetime.fromtimestamp(expired.not_after).astimezone().isoformat(timespec="seconds")
    return f"kubeconfig {kubeconfig}: part of the client certificate has expired: {ended}"


def write_kubeconfig(file: Path, access: ClusterAccess, current: Path) -> None:
    """A kubeconfig for `access`'s cluster with the certificate that is, or will be, in `current`. Blocking.

    Raises KubeconfigError."""
    cluster: dict[str, Any] = {"server": access.server}
    authority = access.certificate_authority
    if authority is not None and authority.file is not None:
        cluster["certificate-authority"] = str(authority.file)
    elif authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority.inline).decode()
    optional = {"insecure-skip-tls-verify": access.insecure_skip_tls_verify,
                "tls-server-name": access.tls_server_name, "proxy-url": access.proxy_url}
    cluster |= {field: value for field, value in optional.items() if value}
    user, context = "default-auth", "default-context"
    pem = str(current.absolute())
    config = {
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "default-cluster", "cluster": cluster}],
        "contexts": [{"name": context,
                      "context": {"cluster": "default-cluster", "namespace": "default", "user": user}}],
        "current-context": context,
        "users": [{"name": user, "user": {"client-certificate": pem, "client-key": pem}}],
    }
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_private(file, yaml.safe_dump(config, width=1 << 30).encode())
    except OSError as error:
        raise KubeconfigError(str(file), "", f"cannot be written: {error.strerror or error}; check --kubeconfig and "
                                             "its directory") from None


async def first_certificate(access: ClusterAccess, store: PairStore, settings: IdentitySettings) -> None:
    """Asks with `access`, waits for up to an hour, and keeps the certificate in `store`. A later start with the same
    key takes up the same request.

    Raises ApiError, RefusedError, RequestError, StoreError, OSError."""
    pending = settings.cert_dir / PENDING_KEY
    template = node_template(settings.node_name)
    try:
        made = await make_request(template, await asyncio.to_thread(_known_key, store, pending))
    except RequestError as error:
        logger.warning("The key of an earlier start cannot be used, a new one is made: %s", error)
        made = await make_request(template)
    await asyncio.to_thread(_keep_key, pending, made.key)
    async with ApiClient(access) as client:
        await _until_answering(client)
        request = await submit(client, made, CLIENT_SIGNER, request_name(made, template))
        try:
            async with asyncio.timeout(APPROVAL_SECONDS):
                certificate = await wait_issued(client, request)
        except TimeoutError:
            raise RefusedError(f"certificate signing request {request.metadata.name} was not signed within an hour; "
                               "approve it with kubectl certificate approve") from None
    await asyncio.to_thread(store.update, certificate, made.key, datetime.now().astimezone())
    await asyncio.to_thread(pending.unlink, missing_ok=True)


def _known_key(store: PairStore, pending: Path) -> bytes:
    """The key of the certificate that is there, or of the request of an earlier start; empty for neither."""
    for file in (store.current_path, pending):
        try:
            if key := private_key(file.read_bytes()):
                return key
        except OSError:
            continue
    return b""


def _keep_key(pending: Path, key: bytes) -> None:
    pending.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_private(pending, key)


async def _until_answering(client: ApiClient) -> None:
    """Until the API server answers, or for a minute: what comes then says best what is wrong."""
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        try:
            await client.get_raw("/healthz")
        except ApiError as error:
            if error.status:
                return  # it answers
            logger.warning("The API server cannot be reached yet error=%s", error)
            await asyncio.sleep(SERVER_POLL_SECONDS)
        else:
            return


def request_name(made: SigningRequest, template: Template) -> str:
    """`node-csr-<digest>`: the same for the same key, subject and usages."""
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=") + b"|"

    usages = ["digital signature", PURPOSES[CLIENT_SIGNER], *(["key encipherment"] if made.rsa else [])]
    texts = [template.common_name, *template.organizations, *usages]
    digest = hashlib.new("sha512_256", b"".join([part(made.public_key), *(part(text.encode()) for text in texts)]))
    return "node-csr-" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
