"""What a certificate says, read from its DER: names, addresses and validity, and nothing that needs cryptography.

That library would stay in memory with 8 MB for these few fields; OpenSSL (through `ssl`) checks signatures and that a
key fits, but does not show a certificate that it only holds. Hence this small reader: RFC 5280 structures, X.690 DER.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _SET, _OID, _OCTETS, _UTC_TIME, _TIME = 0x30, 0x31, 0x06, 0x04, 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME, _ORGANIZATION, _ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
_BMP_STRING = 0x1E


class BadCertificateError(ValueError):
    """These bytes hold no certificate that can be read."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The leaf of a chain. Times are Unix seconds."""

    common_name: str
    organizations: tuple[str, ...]
    not_before: float
    not_after: float
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()


def first_certificate(pem: bytes) -> Certificate:
    """The first certificate in `pem`, which is the leaf of a chain. Raises BadCertificateError."""
    return all_certificates(pem)[0]


def all_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Every certificate in `pem`, at least one; other PEM blocks are passed over. Raises BadCertificateError."""
    blocks = [match.group(1) for match in _PEM_CERTIFICATE.finditer(pem)]
    if not blocks:
        raise BadCertificateError("no PEM block CERTIFICATE")
    try:
        return tuple(parse(base64.b64decode(b"".join(block.split()), validate=True)) for block in blocks)
    except binascii.Error as error:
        raise BadCertificateError(f"PEM block CERTIFICATE is not base64: {error}") from None


def parse(der: bytes) -> Certificate:
    """One certificate from its DER bytes. Raises BadCertificateError."""
    try:
        return _certificate(der)
    except (IndexError, StopIteration, UnicodeDecodeError, OverflowError) as error:
        raise BadCertificateError(f"not a certificate: {error or 'it ends too early'}") from None
    except BadCertificateError:
        raise
    except ValueError as error:
        raise BadCertificateError(f"not a certificate: {error}") from None


def _certificate(der: bytes) -> Certificate:
    fields = [*_members(_only(_only(der, _SEQUENCE, whole=False), _SEQUENCE, whole=False))]
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    _serial, _algorithm, _issuer, validity, subject, _key, *rest = fields
    begin, end = (_moment(tag, content) for tag, content in _members(validity[1]))
    names = [*_attributes(subject[1])]
    dns_names, addresses = _alternative_names(next((content for tag, content in rest if tag == _EXTENSIONS), b""))
    return Certificate(
        common_name=next((text for kind, text in reversed(names) if kind == _COMMON_NAME), ""),
        organizations=tuple(text for kind, text in names if kind == _ORGANIZATION),
        not_before=begin, not_after=end, dns_names=dns_names, ip_addresses=addresses,
    )


def _members(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of each value in `content`."""
    at = 0
    while at < len(content):
        tag, length, begin = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise BadCertificateError("not a certificate: a length that DER does not allow")
            length, begin = int.from_bytes(content[begin:begin + size]), begin + size
        at = begin + length
        if at > len(content):
            raise BadCertificateError("not a certificate: it ends too early")
        yield tag, content[begin:at]


def _only(content: bytes, tag: int, *, whole: bool = True) -> bytes:
    """The content of the first value, whose tag must be `tag`; with `whole` nothing may follow it."""
    members = [*_members(content)]
    if not members or members[0][0] != tag or (whole and len(members) > 1):
        raise BadCertificateError("not a certificate: another structure than X.509's")
    return members[0][1]


def _attributes(name: bytes) -> Iterator[tuple[bytes, str]]:
    """(object identifier, text) of a distinguished name."""
    for tag, relative in _members(name):
        if tag != _SET:
            raise BadCertificateError("not a certificate: a name of another shape")
        for _, attribute in _members(relative):
            (_, kind), (string, text) = _members(attribute)
            yield kind, text.decode("utf-16-be" if string == _BMP_STRING else "utf-8")


def _moment(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 1950 to 2049
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif tag != _TIME:
        raise BadCertificateError("not a certificate: a time of another type")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _alternative_names(extensions: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(DNS names, IP addresses) of the extension subjectAltName."""
    if not extensions:
        return (), ()
    for _, extension in _members(_only(extensions, _SEQUENCE)):
        parts = [*_members(extension)]
        if parts[0] == (_OID, _ALTERNATIVE_NAMES) and parts[-1][0] == _OCTETS:
            names = [*_members(_only(parts[-1][1], _SEQUENCE))]
            return (tuple(content.decode("ascii") for tag, content in names if tag == _DNS_NAME),
                    tuple(str(ip_address(content)) for tag, content in names if tag == _IP_ADDRESS))
    return (), ()
