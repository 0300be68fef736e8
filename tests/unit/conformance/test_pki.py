"""Subjects, names and trust of the cluster's certificates are those that the API server and its clients rely on."""

import base64
import json
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from conformance.pki import ClusterPki


def client_certificate(kubeconfig: str) -> x509.Certificate:
    user = json.loads(kubeconfig)["users"][0]["user"]
    return x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))


def test_node_identity_has_the_name_and_group_that_the_node_authorizer_wants(tmp_path: Path) -> None:
    pki = ClusterPki(tmp_path)
    certificate = client_certificate(pki.kubeconfig("https://1.2.3.4:6443", "system:node:a", ("system:nodes",)))
    subject = certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:a"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"
    certificate.verify_directly_issued_by(pki.ca.certificate)


def test_api_server_certificate_covers_names_and_addresses(tmp_path: Path) -> None:
    pki = ClusterPki(tmp_path / "pki")
    pki.create(["kubernetes.default.svc", "10.96.0.1"])
    certificate = x509.load_pem_x509_certificate((tmp_path / "pki/apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes.default.svc"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.96.0.1"]
    certificate.verify_directly_issued_by(pki.ca.certificate)


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    ClusterPki(tmp_path).create(["x"])
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 6
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
