"""TLS of the main server: certificates from files, replaced while it runs when the files change.

Client certificates are asked for, not demanded; who shows one that the CA did not sign gets no connection. A changed
serving certificate or CA makes a new context, which new connections are wrapped with: removing a CA from its file ends
its trust. (Loading into the old context would only add to it.) While the cluster has not signed a certificate yet and
there is no other, every handshake is refused.
"""

import logging
import os
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubelet.config import tlsnames
from kubelet.server.settings import TLSSettings

logger = logging.getLogger(__name__)

RELOAD_SECONDS = 10.0
_VERSIONS = {
    "": ssl.TLSVersion.TLSv1_2, "VersionTLS10": ssl.TLSVersion.TLSv1, "VersionTLS11": ssl.TLSVersion.TLSv1_1,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}


class TLSError(Exception):
    """The server cannot speak TLS with these settings; the message names the field or file and what to do."""


class _AlertingObject(ssl.SSLObject):
    """Lets a refused client read why: asyncio drops the alert with the connection when a handshake fails. So the
    failure is told as "go on reading", upon which asyncio sends what there is; the client that reads it hangs up."""

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failure = error
            raise ssl.SSLWantReadError from error


def build_context(settings: TLSSettings) -> ssl.SSLContext:
    """A server context. Reads files: not for the event loop. Raises TLSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _AlertingObject
    for field, problem in (
        ("tlsMinVersion", tlsnames.version_problem(settings.min_version)),
        ("tlsCipherSuites", tlsnames.cipher_problem(settings.cipher_suites)),
        ("tlsCurvePreferences", tlsnames.curve_problem(settings.curves, several=hasattr(context, "set_groups"))),
    ):
        if problem:
            raise TLSError(f"{field}: {problem}")
    context.minimum_version = _VERSIONS[settings.min_version]
    suites = [tlsnames.CIPHERS[name] for name in settings.cipher_suites if name not in tlsnames.ALWAYS_ON]
    if suites:
        context.set_ciphers(":".join(suites))
    _prefer_curves(context, [tlsnames.CURVES[number] for number in settings.curves])
    context.set_alpn_protocols(["http/1.1"])
    if settings.cert_file is None or settings.key_file is None:
        context.sni_callback = _refuse
    else:
        _load_pair(context, settings.cert_file, settings.key_file)
    if settings.client_ca_file:
        _ask_for_certificates(context, settings.client_ca_file)
    return context


def _prefer_curves(context: ssl.SSLContext, curves: list[str]) -> None:
    if len(curves) == 1:
        context.set_ecdh_curve(curves[0])
    elif curves:
        context.set_groups(":".join(curves))  # type: ignore[attr-defined]  # Python 3.15


def _refuse(*_: object) -> int:
    """No certificate yet: the handshake ends as upstream's does, with `tls: internal error` at the client."""
    logger.info("TLS handshake error: no serving certificate available for the kubelet")
    return int(ssl.ALERT_DESCRIPTION_INTERNAL_ERROR)


def _load_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    try:
        context.load_cert_chain(cert_file, key_file)
    except FileNotFoundError:
        missing = key_file if cert_file.exists() else cert_file
        raise TLSError(f"tlsCertFile, tlsPrivateKeyFile: {missing} does not exist") from None
    except OSError as error:  # ssl.SSLError is one
        raise TLSError(f"tlsCertFile, tlsPrivateKeyFile: {cert_file} and {key_file} are no pair of PEM certificate and "
                       f"key: {error}") from None


def _ask_for_certificates(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        raise TLSError(f"authentication.x509.clientCAFile: {ca_file} holds no PEM certificates that can be read: "
                       f"{error}") from None
    context.verify_mode = ssl.CERT_OPTIONAL
    # A CA in the file is trusted for itself, also when another signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


class _Delegating(ssl.SSLContext):
    """What a server listens with: each connection is wrapped by the context that is current when it comes."""

    current: ssl.SSLContext

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self.current.wrap_bio(*args, **options)


class ReloadingContext:
    """`context` is what the server listens with; `reload` replaces what new connections are served with."""

    def __init__(self, settings: TLSSettings) -> None:
        """Reads files. Raises TLSError."""
        self._settings = settings
        self._stamp = self._read_stamp()
        self.context = _Delegating(ssl.PROTOCOL_TLS_SERVER)
        self.context.current = _current_context(settings)
        self._failed: object = None

    def reload(self) -> bool:
        """Whether something changed and was taken over. Reads files: not for the event loop. Never raises: files that
        cannot be used yet (half of a pair was written) leave everything as it is until they can."""
        stamp = self._read_stamp()
        if stamp in (self._stamp, self._failed):
            return False
        try:
            self.context.current = _current_context(self._settings)
        except TLSError as error:
            logger.error("The changed TLS files cannot be used, the server goes on with the old ones error=%s", error)
            self._failed = stamp
            return False
        self._stamp, self._failed = stamp, None
        logger.info("Serving with changed TLS files cert=%s clientCA=%s",
                    self._settings.cert_file or "that of the cluster", self._settings.client_ca_file or "none")
        return True

    def _read_stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        settings = self._settings
        files = (settings.cert_file or "", settings.key_file or "", settings.client_ca_file, settings.issued_file or "")
        return tuple(_stamp(Path(file)) if os.fspath(file) else None for file in files)


def _current_context(settings: TLSSettings) -> ssl.SSLContext:
    """A context with the certificate that the cluster issued, or with the other one while that cannot be used.

    Raises TLSError."""
    issued = settings.issued_file
    if issued is not None and issued.exists():
        try:
            return build_context(replace(settings, cert_file=issued, key_file=issued))
        except TLSError as error:
            logger.error("The certificate that the cluster issued cannot be used: %s", error)
    return build_context(settings)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written, replaced or its symlink turned."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
