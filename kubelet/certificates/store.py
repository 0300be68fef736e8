"""Certificate and key in one file per issue, and a symlink to the one in use:

    <cert-dir>/kubelet-client-2026-11-28-19-37-45.pem       0600, chain and key
    <cert-dir>/kubelet-client-current.pem  ->  the former

kubeadm rewrites kubeconfigs to name the symlink, and operators look for it. The link is turned by renaming
`-updated.pem` over it; a crash between the two steps is mended at the next start. Blocking; nothing here is for the
event loop. Source: client-go/util/certificate/certificate_store.go.
"""

import os
import re
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from kubelet.certificates.x509 import BadCertificateError, Certificate, first_certificate

_PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----\n?", re.DOTALL)
_CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


class StoreError(Exception):
    """A pair that cannot be read or kept; the text names the file."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain with its key as PEM, and what the leaf says."""

    certificate: Certificate
    pem: bytes = field(repr=False)
    """The chain, leaf first, and the key."""


class PairStore:
    """The pairs of one purpose; `prefix` is kubelet-client or kubelet-server. `configured` are a certificate's and a
    key's file that serve until a pair of our own was issued."""

    def __init__(self, prefix: str, directory: Path, configured: tuple[Path, Path] | None = None) -> None:
        self._prefix, self._directory, self._configured = prefix, directory, configured

    @property
    def current_path(self) -> Path:
        return self._directory / f"{self._prefix}-current.pem"

    @property
    def _updated_path(self) -> Path:
        return self._directory / f"{self._prefix}-updated.pem"

    def current(self) -> Pair | None:
        """The pair in use; None when there is none. Raises StoreError for files that are there and no pair."""
        self._recover()
        own = (self._directory / f"{self._prefix}.crt", self._directory / f"{self._prefix}.key")
        candidates = ((self.current_path, self.current_path), *([self._configured] if self._configured else []), own)
        for certificate, key in candidates:
            if certificate.exists() and key.exists():
                return load_pair(certificate, key)
        return None

    def update(self, certificate: bytes, key: bytes, now: datetime) -> Pair:
        """Keeps a pair and makes it the current one; `now` in local time names its file. Raises StoreError."""
        pair = make_pair(certificate, key, f"the certificate issued for {self._prefix}")
        file = self._directory / f"{self._prefix}-{now:%Y-%m-%d-%H-%M-%S}.pem"
        try:
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_private(file, pair.pem)
            self._turn_link(file.absolute())
        except OSError as error:
            raise StoreError(f"{file} cannot be written: {error.strerror or error}") from None
        return pair

    def _recover(self) -> None:
        """Finishes an update that a crash interrupted."""
        if self.current_path.exists():
            return
        try:
            if self._updated_path.is_symlink():
                self._updated_path.rename(self.current_path)
        except OSError as error:
            raise StoreError(f"{self._updated_path} cannot be renamed to {self.current_path}: "
                             f"{error.strerror or error}") from None

    def _turn_link(self, target: Path) -> None:
        for link in (self.current_path, self._updated_path):
            if link.exists() and not link.is_symlink():
                raise StoreError(f"{link} is a file where a symlink is expected; move it away")
        self._updated_path.unlink(missing_ok=True)
        self._updated_path.symlink_to(target)
        self._updated_path.rename(self.current_path)


def load_pair(certificate: Path, key: Path) -> Pair:
    """Raises StoreError."""
    try:
        chain = certificate.read_bytes()
        private = chain if key == certificate else key.read_bytes()
    except OSError as error:
        raise StoreError(f"{error.filename or certificate} cannot be read: {error.strerror or error}") from None
    return make_pair(chain, private, str(certificate))


def make_pair(chain: bytes, private: bytes, where: str) -> Pair:
    """A pair whose halves fit together. Raises StoreError."""
    certificates, key = _CERTIFICATES.findall(chain), _PRIVATE_KEY.search(private)
    if not certificates or key is None:
        raise StoreError(f"{where}: holds no {'PEM certificate' if not certificates else 'PEM private key'}")
    pem = b"".join(block.rstrip(b"\n") + b"\n" for block in (*certificates, key.group()))
    try:
        leaf = first_certificate(pem)
        _check_fit(pem)
    except (BadCertificateError, ssl.SSLError) as error:
        raise StoreError(f"{where}: {error}") from None
    return Pair(leaf, pem)


def private_key(pem: bytes) -> bytes:
    """The first private key in `pem`, empty when there is none."""
    found = _PRIVATE_KEY.search(pem)
    return found.group() if found else b""


def _check_fit(pem: bytes) -> None:
    """Raises ssl.SSLError when certificate and key are no pair. OpenSSL reads from files only: from memory here."""
    descriptor = os.memfd_create("podwright-pair", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def write_private(file: Path, data: bytes) -> None:
    """Whole or not at all, readable for its owner alone, on the disk when this returns. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(data)
            output.flush()
            os.fsync(output.fileno())
        Path(temporary).rename(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
