"""Proves who this node is: TLS contexts, bearer tokens, exec plugins; follows files that others rotate.

A kubelet's client certificate is replaced on disk every few months, a projected token every hour, both without a
restart. So nothing read from a file is kept without looking at the file again: its identity (inode, size, mtime) is
compared at most once per `RECHECK_SECONDS`, and a new TLS context is used for new connections from then on.
Private keys from the kubeconfig itself go to OpenSSL through a memory file, never to disk.

A certificate that this process renews itself (kubelet.certificates) is no file here but a RotatedCertificate.
"""

import asyncio
import base64
import logging
import os
import shutil
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from kubelet.api.meta import parse_time
from kubelet.apiclient.errors import UnauthorizedError
from kubelet.apiclient.kubeconfig import ClusterAccess, ExecPlugin, KubeconfigError, Material

logger = logging.getLogger(__name__)

RECHECK_SECONDS = 10.0
EXEC_TIMEOUT_SECONDS = 60.0
EXEC_RETRY_SECONDS = 5.0
"""A plugin that failed is not asked again before this time."""
CERTIFICATE_SECONDS = 8.0
"""How long a request waits for the node's first certificate."""
TOKEN_RECHECK_SECONDS = 60.0
"""client-go's period for tokenFile (transport/token_source.go)."""

_Identity = tuple[tuple[int, int, int] | None, ...]


def _identity(files: tuple[Path, ...]) -> _Identity:
    def one(file: Path) -> tuple[int, int, int] | None:
        try:
            found = file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    return tuple(one(file) for file in files)


@dataclass(frozen=True, slots=True)
class _Issued:
    """What an exec plugin gave."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    expires: float | None = None


class RotatedCertificate:
    """The client certificate that this process has issued to itself: chain and key as PEM, in place of what the
    kubeconfig says. Until the first one is there, requests wait."""

    def __init__(self) -> None:
        self.pem = b""
        self.issue = 0
        self.there = asyncio.Event()

    def put(self, pem: bytes) -> None:
        """From the next connection on, `pem` counts."""
        self.pem = pem
        self.issue += 1
        self.there.set()


class Credentials:
    """The current TLS context and Authorization header of one ClusterAccess. Not for several event loops."""

    def __init__(self, access: ClusterAccess, *, rotated: RotatedCertificate | None = None,
                 monotonic: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._access, self._monotonic, self._now = access, monotonic, now
        self._rotated, self._issue_used = rotated, 0
        materials = (access.certificate_authority, access.client_certificate, access.client_key)
        self._files = tuple(item.file for item in materials if item is not None and item.file is not None)
        self._context: ssl.SSLContext | None = None
        self._seen: _Identity = ()
        self._checked = self._token_read = -RECHECK_SECONDS
        self._token = ""
        self._issued: _Issued | None = None
        self._exec_lock = asyncio.Lock()
        self._exec_failed: tuple[float, UnauthorizedError] | None = None

    async def available(self) -> None:
        """Returns when there is something to prove this node with, however long that takes."""
        if self._rotated is not None:
            await self._rotated.there.wait()

    async def tls(self) -> ssl.SSLContext | None:
        """The context for the next connection; None for plain HTTP. Raises KubeconfigError while none can be built."""
        if self._access.server.startswith("http://"):
            return None
        await self._issue()
        if self._rotated is not None:
            await self._follow(self._rotated)
        now = self._monotonic()
        if self._context is None or now - self._checked >= RECHECK_SECONDS:
            seen = _identity(self._files)
            if self._context is None or seen != self._seen:
                await self._renew(seen)
            self._checked = now
        assert self._context is not None  # noqa: S101  # _renew sets it or raises
        return self._context

    async def _follow(self, rotated: RotatedCertificate) -> None:
        try:
            async with asyncio.timeout(CERTIFICATE_SECONDS):
                await rotated.there.wait()
        except TimeoutError:
            raise UnauthorizedError(0, "NoClientCertificate", "this node has no client certificate yet: its signing "
                                    "request waits for approval (kubectl get csr)") from None
        if rotated.issue != self._issue_used:
            self._issue_used, self._checked, self._seen = rotated.issue, -RECHECK_SECONDS, ((0, 0, 0),)

    async def _renew(self, seen: _Identity) -> None:
        try:
            context = await asyncio.to_thread(build_tls_context, self._effective())
        except KubeconfigError as error:
            if self._context is None:
                raise
            # A rotation that is half done: the old certificate still serves.
            logger.warning("cannot load the rotated client credentials, keeping the old ones: %s", error)
            self._seen = seen
            return
        if self._context is not None:
            logger.info("client credentials changed, new connections use them source=%s", self._access.source)
        self._context, self._seen = context, seen

    def _effective(self) -> ClusterAccess:
        if self._rotated is not None:
            own = Material(inline=self._rotated.pem, where="the certificate that the cluster issued")
            return replace(self._access, client_certificate=own, client_key=own)
        if self._issued is None or not self._issued.certificate:
            return self._access
        return replace(self._access, client_certificate=Material(inline=self._issued.certificate, where="exec"),
                       client_key=Material(inline=self._issued.key, where="exec"))

    async def headers(self) -> dict[str, str]:
        """Authorization and impersonation headers of the next request."""
        await self._issue()
        headers = {"Impersonate-User": self._access.impersonate} if self._access.impersonate else {}
        if self._issued is not None and self._issued.token:
            headers["Authorization"] = f"Bearer {self._issued.token}"
        elif self._access.token is not None:
            headers["Authorization"] = f"Bearer {await self._bearer(self._access.token)}"
        elif self._access.basic is not None:
            user, password = self._access.basic
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return headers

    async def _bearer(self, token: Material) -> str:
        if token.file is None:
            return token.inline.decode()
        now = self._monotonic()
        if not self._token or now - self._token_read >= TOKEN_RECHECK_SECONDS:
            try:
                text = (await asyncio.to_thread(token.file.read_text)).strip()
            except (OSError, UnicodeDecodeError) as error:
                text = ""
                problem = f"{token.file} cannot be read: {error}"
            else:
                problem = f"{token.file} is empty"
            if not text and not self._token:
                raise KubeconfigError(self._access.source, token.where, f"{problem}; check the file that it names")
            if not text:
                logger.warning("keeping the last token: %s", problem)
            self._token = text or self._token
            self._token_read = now
        return self._token

    def refused(self) -> bool:
        """The server answered 401: forget what can be had anew; True if it is worth asking again."""
        renewable = self._issued is not None or (self._access.token is not None and self._access.token.file is not None)
        self._issued = None
        self._token_read = -TOKEN_RECHECK_SECONDS
        self._checked = -RECHECK_SECONDS
        return renewable

    async def _issue(self) -> None:
        """Runs the exec plugin when there is one and its last answer has expired."""
        plugin = self._access.exec_plugin
        if plugin is None or self._valid():
            return
        async with self._exec_lock:
            if self._valid():
                return
            if self._exec_failed is not None and self._monotonic() - self._exec_failed[0] < EXEC_RETRY_SECONDS:
                raise self._exec_failed[1]
            try:
                issued = await _run_plugin(plugin, self._access)
            except UnauthorizedError as error:
                self._exec_failed = (self._monotonic(), error)
                raise
            if issued.certificate and (self._issued is None or issued.certificate != self._issued.certificate):
                self._context = None
            self._issued, self._exec_failed = issued, None

    def _valid(self) -> bool:
        return self._issued is not None and (self._issued.expires is None or self._issued.expires > self._now())


def build_tls_context(access: ClusterAccess) -> ssl.SSLContext:
    """A client context that trusts the cluster's CA and shows the node's certificate. Reads files; blocks.

    Raises KubeconfigError with the field whose content is unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif access.certificate_authority is not None:
        authority = access.certificate_authority
        # Only the cluster's own authority counts, none of the system's.
        try:
            context.load_verify_locations(cadata=read_material(access, authority).decode())
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise _unusable(access, authority, f"holds no usable CA certificate: {error}") from None
    else:
        context.load_default_certs()  # 1.7 MB of memory
    if access.client_certificate is not None and access.client_key is not None:
        _load_pair(context, access, access.client_certificate, access.client_key)
    return context


def _load_pair(context: ssl.SSLContext, access: ClusterAccess, certificate: Material, key: Material) -> None:
    descriptors = []
    try:
        for material in (certificate, key):
            descriptor = os.memfd_create("podwright-tls", os.MFD_CLOEXEC)
            descriptors.append(descriptor)
            os.write(descriptor, read_material(access, material))
        context.load_cert_chain(*(f"/proc/self/fd/{descriptor}" for descriptor in descriptors))
    except ssl.SSLError as error:
        problem = f"certificate and key cannot be loaded together: {error.reason or error}"
        raise _unusable(access, certificate, problem) from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def read_material(access: ClusterAccess, material: Material) -> bytes:
    """Its bytes, wherever they are. Raises KubeconfigError."""
    if material.file is None:
        return material.inline
    try:
        return material.file.read_bytes()
    except OSError as error:
        raise _unusable(access, material, f"cannot be read: {error.strerror or error}") from None


def _unusable(access: ClusterAccess, material: Material, problem: str) -> KubeconfigError:
    file = f"{material.file} " if material.file else ""
    return KubeconfigError(access.source, material.where, f"{file}{problem}; put a valid PEM file there")


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    status: _ExecStatus
    kind: str = ""


async def _run_plugin(plugin: ExecPlugin, access: ClusterAccess) -> _Issued:
    """Asks the plugin once. Raises UnauthorizedError with what it said on stderr.

    Protocol: client-go/plugin/pkg/client/auth/exec/exec.go."""
    if shutil.which(plugin.command) is None:
        hint = f"; {plugin.install_hint}" if plugin.install_hint else "; install it or correct exec.command"
        raise _refused(access, f"credential program {plugin.command} is not found{hint}")
    environment = {**os.environ, **dict(plugin.environment), "KUBERNETES_EXEC_INFO": _exec_info(plugin, access)}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command, *plugin.arguments, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    except OSError as error:
        raise _refused(access, f"credential program {plugin.command} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(EXEC_TIMEOUT_SECONDS):
            output, complaints = await process.communicate()
    except TimeoutError:
        problem = f"credential program {plugin.command} gave no answer in {EXEC_TIMEOUT_SECONDS:.0f} s"
        raise _refused(access, problem) from None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    if process.returncode != 0:
        text = " ".join(complaints.decode(errors="replace").split())[-500:]
        raise _refused(access, f"credential program {plugin.command} ended with {process.returncode}: {text}")
    return _issued(output, plugin, access)


def _issued(output: bytes, plugin: ExecPlugin, access: ClusterAccess) -> _Issued:
    try:
        answer = msgspec.json.decode(output, type=_ExecCredential)
        expires = parse_time(answer.status.expiration_timestamp) if answer.status.expiration_timestamp else None
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise _refused(access, f"credential program {plugin.command} printed no ExecCredential: {error}") from None
    if answer.api_version != plugin.api_version:
        raise _refused(access, f"credential program {plugin.command} answered in {answer.api_version}, "
                               f"exec.apiVersion asks for {plugin.api_version}")
    status = answer.status
    if not status.token and not (status.client_certificate_data and status.client_key_data):
        raise _refused(access, f"credential program {plugin.command} gave neither a token nor a certificate and key")
    return _Issued(token=status.token, certificate=status.client_certificate_data.encode(),
                   key=status.client_key_data.encode(), expires=expires)


def _refused(access: ClusterAccess, problem: str) -> UnauthorizedError:
    return UnauthorizedError(0, "ExecPlugin", f"kubeconfig {access.source}: {problem}")


def _exec_info(plugin: ExecPlugin, access: ClusterAccess) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        cluster: dict[str, Any] = {"server": access.server}
        if access.tls_server_name:
            cluster["tls-server-name"] = access.tls_server_name
        if access.insecure_skip_tls_verify:
            cluster["insecure-skip-tls-verify"] = True
        if access.certificate_authority is not None:
            authority = read_material(access, access.certificate_authority)
            cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
        if access.proxy_url:
            cluster["proxy-url"] = access.proxy_url
        spec["cluster"] = cluster
    return msgspec.json.encode({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}).decode()
