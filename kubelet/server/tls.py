"""TLS of the main server: certificates from files, replaced while it runs when the files change.

Client certificates are asked for, not demanded; who shows one that the CA did not sign gets no connection. A changed
serving certificate or CA makes a new context, which new connections are wrapped with: removing a CA from its file ends
its trust. (Loading into the old context would only add to it.)
"""

import logging
import os
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubelet.server.settings import TLSSettings

logger = logging.getLogger(__name__)

RELOAD_SECONDS = 10.0
_VERSIONS = {
    "": ssl.TLSVersion.TLSv1_2, "VersionTLS10": ssl.TLSVersion.TLSv1, "VersionTLS11": ssl.TLSVersion.TLSv1_1,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}
# Go's names of TLS 1.2 suites to OpenSSL's. Those of TLS 1.3 are always on (as with Go).
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
_ALWAYS_ON = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


class TLSError(Exception):
    """The server cannot speak TLS with these settings; the message names the field or file and what to do."""


def build_context(settings: TLSSettings) -> ssl.SSLContext:
    """A server context. Reads files: not for the event loop. Raises TLSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.min_version not in _VERSIONS:
        known = ", ".join(name for name in _VERSIONS if name)
        raise TLSError(f"tlsMinVersion: {settings.min_version!r} is not known; use one of {known}")
    context.minimum_version = _VERSIONS[settings.min_version]
    suites = [name for name in settings.cipher_suites if name not in _ALWAYS_ON]
    if suites:
        context.set_ciphers(_openssl_ciphers(suites))
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    except FileNotFoundError:
        missing = settings.key_file if settings.cert_file.exists() else settings.cert_file
        raise TLSError(f"tlsCertFile, tlsPrivateKeyFile: {missing} does not exist") from None
    except OSError as error:  # ssl.SSLError is one
        raise TLSError(f"tlsCertFile, tlsPrivateKeyFile: {settings.cert_file} and {settings.key_file} are no pair of "
                       f"PEM certificate and key: {error}") from None
    if settings.client_ca_file:
        _ask_for_certificates(context, settings.client_ca_file)
    return context


def _openssl_ciphers(suites: list[str]) -> str:
    unknown = [name for name in suites if name not in _CIPHERS]
    if unknown:
        raise TLSError(f"tlsCipherSuites: {', '.join(unknown)} not known here; known are {', '.join(sorted(_CIPHERS))}")
    return ":".join(_CIPHERS[name] for name in suites)


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
                    self._settings.cert_file, self._settings.client_ca_file or "none")
        return True

    def _read_stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        settings = self._settings
        files = (settings.cert_file, settings.key_file, settings.client_ca_file, settings.issued_file or "")
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
