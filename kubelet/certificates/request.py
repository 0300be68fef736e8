"""Keys and certificate signing requests, made by `cryptography` in a process of its own.

The library is needed for some milliseconds every few months and would stay with 8 MB of memory. The process
(`python -m kubelet.certificates.request`) reads a JSON order from standard input and answers in JSON, so that no key
stands in an argument or on a disk.
"""

import asyncio
import ipaddress
import os
import sys
from dataclasses import dataclass, field

import msgspec

MAKE_SECONDS = 30.0
NODES_GROUP = "system:nodes"
NODE_USER_PREFIX = "system:node:"


class RequestError(Exception):
    """No request could be made; one line that says why."""


class Template(msgspec.Struct, frozen=True):
    """What a certificate is asked for."""

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()


class _Order(msgspec.Struct):
    template: Template
    key: bytes = b""


class _Answer(msgspec.Struct):
    key: bytes
    request: bytes
    public_key: bytes
    rsa: bool


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A key and a request signed by it, both as PEM; `public_key` is a DER SubjectPublicKeyInfo."""

    key: bytes = field(repr=False)
    request: bytes
    public_key: bytes
    rsa: bool = False

    def usages(self, purpose: str) -> tuple[str, ...]:
        """The key usages to ask for; `purpose` is `client auth` or `server auth`."""
        return ("digital signature", *(("key encipherment",) if self.rsa else ()), purpose)


def node_template(node_name: str) -> Template:
    """How the API server knows this node."""
    return Template(f"{NODE_USER_PREFIX}{node_name}", (NODES_GROUP,))


async def make_request(template: Template, key: bytes = b"") -> SigningRequest:
    """A request for `template`, with the PEM `key` or, without one, a new P-256 key. Raises RequestError."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kubelet.certificates.request", env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(MAKE_SECONDS):
            answer, complaints = await process.communicate(msgspec.json.encode(_Order(template, key)))
    except TimeoutError:
        raise RequestError(f"a certificate request was not made within {MAKE_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    if process.returncode:
        said = complaints.decode(errors="replace").strip().rpartition("\n")[2]
        raise RequestError(f"a certificate request could not be made: {said or process.returncode}")
    made = msgspec.json.decode(answer, type=_Answer)
    return SigningRequest(made.key, made.request, made.public_key, made.rsa)


def sign(template: Template, key_pem: bytes = b"") -> SigningRequest:
    """As `make_request`, in this process."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = serialization.load_pem_private_key(key_pem, None) if key_pem else ec.generate_private_key(ec.SECP256R1())
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("the private key is neither ECDSA nor RSA nor Ed25519")
    oid = x509.NameOID
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
        *(x509.NameAttribute(oid.ORGANIZATION_NAME, name) for name in template.organizations),
        x509.NameAttribute(oid.COMMON_NAME, template.common_name, _validate=False),
    ]))
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in template.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in template.ip_addresses]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    return SigningRequest(
        key=key_pem or key.private_bytes(
            pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()),
        request=signed.public_bytes(pem),
        public_key=key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo),
        rsa=isinstance(key, rsa.RSAPrivateKey),
    )


def main() -> int:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    try:
        made = sign(order.template, order.key)
    except (ValueError, TypeError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the answer to the agent
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(_Answer(made.key, made.request, made.public_key, made.rsa)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
