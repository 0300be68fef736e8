"""The reader of certificates says what `cryptography` says, and takes no rubbish."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelet.certificates.x509 import BadCertificateError, all_certificates, first_certificate, parse

KEY = ec.generate_private_key(ec.SECP256R1())
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2000, exclude_categories=("Cs", "Cc")), min_size=1,
                max_size=30)
LABELS = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
TIMES = st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0))


def certificate(common_name: str, groups: list[str], begin: datetime, names: list[x509.GeneralName]) -> bytes:
    subject = x509.Name([*(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
                         x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder().subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")]))
        .public_key(KEY.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(begin).not_valid_after(begin + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.lists(WORDS, max_size=3), TIMES, st.lists(LABELS, max_size=4), st.lists(st.ip_addresses(), max_size=4))
def test_every_field_comes_back(common_name, groups, begin, names, addresses):
    alternative = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses), x509.DNSName("last")]
    found = parse(certificate(common_name, groups, begin, alternative))
    assert found.common_name == common_name
    assert found.organizations == tuple(groups)
    assert (found.not_before, found.not_after) == (begin.timestamp(), (begin + timedelta(days=365)).timestamp())
    assert found.dns_names == (*names, "last")
    assert [*map(ipaddress.ip_address, found.ip_addresses)] == addresses


def test_a_chain_is_read_from_pem_leaf_first():
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    ders = [certificate(name, [], begin, []) for name in ("leaf", "intermediate")]
    pem = b"".join(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM) for der in ders)
    key = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                            serialization.NoEncryption())
    assert first_certificate(key + pem).common_name == "leaf"
    assert [found.common_name for found in all_certificates(pem)] == ["leaf", "intermediate"]
    assert first_certificate(pem).dns_names == ()


WHOLE = certificate("node", ["system:nodes"], datetime(2026, 1, 1, tzinfo=UTC), [x509.DNSName("a")])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutilated_certificates_are_refused_or_read_but_never_crash(data):
    der = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    try:
        parse(bytes(der[:cut] if data.draw(st.booleans()) else der))
    except BadCertificateError as error:
        assert "not a certificate" in str(error)


@pytest.mark.parametrize("pem", [
    b"", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----\nA\n",
    b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
])
def test_what_is_no_pem_is_refused(pem):
    with pytest.raises(BadCertificateError):
        first_certificate(pem)
