"""The certificates of a kubeadm cluster, made in milliseconds: same files, same subjects, elliptic-curve keys.

`ClusterPki.create` writes <directory>/pki as kubeadm lays it out; `kubeconfig` gives any identity of the cluster a
kubeconfig with its credentials inside. Everything is valid for a week: these clusters live for minutes.
"""

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = datetime.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, both as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """A self-signed CA that issues identities."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, common_name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name, ())
        usage = x509.KeyUsage(
            digital_signature=True, key_encipherment=True, key_cert_sign=True, crl_sign=False,
            content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def issue(self, common_name: str, organizations: Sequence[str] = (), names: Sequence[str] = ()) -> Identity:
        """A client certificate; with `names` (DNS names and IP addresses) a server certificate as well."""
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
        builder = (
            _builder(_name(common_name, organizations), self.certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        return Identity(_pem(builder.sign(self.key, hashes.SHA256())), key_pem(key))

    @property
    def identity(self) -> Identity:
        return Identity(_pem(self.certificate), key_pem(self.key))


class ClusterPki:
    """The authorities of one cluster and the files that its servers read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = Authority.create("kubernetes")
        self._front_proxy_ca = Authority.create("front-proxy-ca")

    def create(self, apiserver_names: Sequence[str]) -> None:
        """Write all that the API server and the controller manager need; `apiserver_names` are its SANs."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._write("ca", self.ca.identity)
        self._write("front-proxy-ca", self._front_proxy_ca.identity)
        self._write("apiserver", self.ca.issue("kube-apiserver", names=apiserver_names))
        self._write("apiserver-kubelet-client", self.ca.issue("kube-apiserver-kubelet-client"))
        self._write("front-proxy-client", self._front_proxy_ca.issue("front-proxy-client"))
        service_accounts = ec.generate_private_key(ec.SECP256R1())
        public = service_accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._write_file("sa.key", key_pem(service_accounts))
        self._write_file("sa.pub", public)

    def kubeconfig(self, server: str, user: str, organizations: Sequence[str] = ()) -> str:
        """A kubeconfig (JSON, which is YAML) for `user`, with a fresh certificate inside."""
        identity = self.ca.issue(user, organizations)
        cluster = {"server": server, "certificate-authority-data": _base64(_pem(self.ca.certificate))}
        credentials = {
            "client-certificate-data": _base64(identity.certificate),
            "client-key-data": _base64(identity.key),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "default", "context": {"cluster": "cluster", "user": user}}],
            "current-context": "default",
        }
        return json.dumps(config, indent=2)

    def _write(self, name: str, identity: Identity) -> None:
        self._write_file(f"{name}.crt", identity.certificate)
        self._write_file(f"{name}.key", identity.key)

    def _write_file(self, name: str, content: bytes) -> None:
        target = self.directory / name
        target.touch(mode=0o600 if name.endswith(".key") else 0o644)
        target.write_bytes(content)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))  # clocks of nodes differ
        .not_valid_after(now + VALIDITY)
    )


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    return x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
