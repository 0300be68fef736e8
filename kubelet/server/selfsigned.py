"""The serving certificate that the kubelet makes for itself: `<cert-dir>/kubelet.crt` and `kubelet.key`.

Used when neither certificate files nor serverTLSBootstrap are configured. Names the host and all its addresses, so that
clients that trust it (metrics-server with it as its CA) can verify it; made again when it is about to expire or when
the node's names changed. Files that somebody else put there are never replaced.

`cryptography` is needed at the start alone and would stay with 8 MB of memory: the agent has this done in a process of
its own (`python -m kubelet.server.selfsigned CERT_DIR HOSTNAME [ADDRESS…]`).
"""

import ipaddress
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

logger = logging.getLogger(__name__)

CERT_NAME, KEY_NAME = "kubelet.crt", "kubelet.key"
LIFE = timedelta(days=365)
MAKE_SECONDS = 30.0
_RENEW_BEFORE = timedelta(days=30)
_ISSUER_MARK = "-ca@"


def ensure_self_signed_apart(cert_dir: Path, hostname: str, addresses: Sequence[str]) -> tuple[Path, Path]:
    """`ensure_self_signed` in a process of its own. Blocking. Raises OSError."""
    command = [sys.executable, "-m", "kubelet.server.selfsigned", str(cert_dir), hostname, *addresses]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        made = subprocess.run(command, env=env, capture_output=True, text=True, timeout=MAKE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"{cert_dir}: the serving certificate was not made within {MAKE_SECONDS:g} s") from None
    if made.returncode:
        raise OSError(made.stderr.strip().rpartition("\n")[2] or f"{cert_dir}: no serving certificate was made")
    if made.stdout:
        logger.info("%s", made.stdout.strip())
    return cert_dir / CERT_NAME, cert_dir / KEY_NAME


def ensure_self_signed(
    cert_dir: Path, hostname: str, addresses: Sequence[str], now: datetime | None = None
) -> tuple[Path, Path]:
    """The certificate's and the key's file, made if need be. Blocking. Raises OSError when they cannot be written."""
    cert_file, key_file = cert_dir / CERT_NAME, cert_dir / KEY_NAME
    moment = now or datetime.now(UTC)
    if not (_readable(cert_file) and _readable(key_file)) or _is_ours_and_stale(cert_file, hostname, addresses, moment):
        cert_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        certificate, key = make_self_signed(hostname, addresses, moment)
        _write(key_file, key, 0o600)
        _write(cert_file, certificate, 0o644)
        logger.info("Made a serving certificate file=%s names=%s addresses=%s", cert_file, hostname,
                    ",".join(addresses) or "none")
    return cert_file, key_file


def make_self_signed(hostname: str, addresses: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """(certificate and its one-time CA, private key) as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    mark = int(now.timestamp())
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name(f"{hostname}{_ISSUER_MARK}{mark}")
    ca = (
        _builder(ca_name, ca_name, ca_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name(f"{hostname}@{mark}"), ca_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
                       if hasattr(x509, "ExtendedKeyUsageOID")
                       else x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hostname, addresses)), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return leaf.public_bytes(pem) + ca.public_bytes(pem), key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _builder(
    subject: "x509.Name", issuer: "x509.Name", key: "ec.EllipticCurvePrivateKey", now: datetime
) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of a cluster are not one
        .not_valid_after(now + LIFE)
    )


def _name(common_name: str) -> "x509.Name":
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])


def _usage(*, signs_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not signs_certificates,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )


def _alternative_names(hostname: str, addresses: Sequence[str]) -> "list[x509.GeneralName]":
    from cryptography import x509

    names: list[x509.GeneralName] = []
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(hostname)))
    except ValueError:
        names.append(x509.DNSName(hostname))
    known = {hostname}
    for address in [*addresses, "127.0.0.1", "::1"]:
        if address not in known:
            known.add(address)
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
    return [*names, x509.DNSName("localhost")]


def _is_ours_and_stale(cert_file: Path, hostname: str, addresses: Sequence[str], now: datetime) -> bool:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificates(cert_file.read_bytes())[0]
    except ValueError:
        return False  # not ours to judge: building the TLS context says what is wrong with it
    issuer = certificate.issuer.rfc4514_string()
    if _ISSUER_MARK not in issuer:
        return False
    if certificate.not_valid_after_utc - now < _RENEW_BEFORE:
        return True
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return True
    held = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return not {hostname, *addresses} <= held


def _readable(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def main(arguments: Sequence[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    cert_dir, hostname, *addresses = arguments
    try:
        ensure_self_signed(Path(cert_dir), hostname, addresses)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the answer to the agent
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
