"""What is asked for, and how a cluster answers."""

import asyncio
import base64

import msgspec
import pytest
from cryptography import x509
from signing_cluster import SigningCluster

from kubelet.api.types import NodeAddress
from kubelet.certificates.request import RequestError, Template, make_request, node_template, sign
from kubelet.certificates.rotation import rotation_due
from kubelet.certificates.serving import serving_template
from kubelet.certificates.signing import CLIENT_SIGNER, SERVING_SIGNER, RefusedError, submit, wait_issued
from kubelet.certificates.x509 import Certificate

NODE = node_template("worker-1")


def cluster(**options) -> SigningCluster:
    return SigningCluster(lambda: 1_700_000_000.0, **options)


async def test_a_request_is_made_in_a_process_of_its_own():
    template = Template("system:node:a", ("system:nodes",), ("a.example",), ("10.0.0.7", "fd00::7"))
    made = await make_request(template)
    request = x509.load_pem_x509_csr(made.request)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=system:node:a,O=system:nodes"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert [*map(str, names.get_values_for_type(x509.IPAddress))] == ["10.0.0.7", "fd00::7"]
    assert made.key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    again = await make_request(NODE, made.key)
    assert (again.key, again.public_key) == (made.key, made.public_key)
    with pytest.raises(RequestError, match="could not be made"):
        await make_request(NODE, b"no key")


def test_names_as_long_as_a_node_may_have_are_certified():
    with pytest.warns(UserWarning, match="length"):
        made = sign(node_template("n" * 253))
    assert b"system:node:" + b"n" * 253 in base64.b64decode(b"".join(made.request.split(b"\n")[1:-2]))


@pytest.mark.parametrize(("signer", "purpose"), [(CLIENT_SIGNER, "client auth"), (SERVING_SIGNER, "server auth")])
async def test_the_object_that_the_cluster_sees(signer, purpose):
    signing = cluster()
    made = sign(NODE)
    created = await submit(signing, made, signer)
    assert created.metadata.generate_name == "csr-"
    spec = signing.created[0].spec
    assert (spec.signer_name, spec.usages) == (signer, ("digital signature", purpose))
    assert base64.b64decode(spec.request) == made.request
    assert await wait_issued(signing, created) == base64.b64decode(signing.requests["csr-0"].status.certificate)


def test_rsa_keys_ask_for_key_encipherment():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert sign(NODE, key).usages("client auth") == ("digital signature", "key encipherment", "client auth")


async def test_a_named_request_of_an_earlier_start_is_taken_up_again():
    signing = cluster(answer=lambda *_: None)
    first = await submit(signing, sign(NODE), CLIENT_SIGNER, "node-csr-x")
    again = await submit(signing, sign(NODE), CLIENT_SIGNER, "node-csr-x")
    assert again.metadata.uid == first.metadata.uid
    with pytest.raises(RefusedError, match="exists already, for another signer"):
        await submit(signing, sign(NODE), SERVING_SIGNER, "node-csr-x")


@pytest.mark.parametrize(("answer", "told"), [
    (lambda signing, name: signing.deny(name), "was denied: reason=Tested message=by a test"),
    (lambda signing, name: signing.condition(name, "Failed"), "failed: reason=Tested message=by a test"),
    (lambda signing, name: signing.delete(name), "was deleted"),
])
@pytest.mark.parametrize("later", [False, True])
async def test_a_refusal_ends_the_wait(answer, told, later):
    signing = cluster(answer=(lambda *_: None) if later else answer)
    request = await submit(signing, sign(NODE), CLIENT_SIGNER)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(refusal(signing, request))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if later:
            answer(signing, request.metadata.name)
        assert told in await waiting


async def refusal(signing: SigningCluster, request) -> str:
    with pytest.raises(RefusedError) as caught:
        await wait_issued(signing, request)
    return str(caught.value)


async def test_approval_alone_is_not_enough_and_another_object_of_the_name_is_none():
    signing = cluster(answer=lambda found, name: found.condition(name, "Approved"))
    request = await submit(signing, sign(NODE), CLIENT_SIGNER)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_issued(signing, request))
        await asyncio.sleep(0)
        assert not waiting.done()
        signing.approve(request.metadata.name)
        assert await waiting
    other = msgspec.structs.replace(request, metadata=msgspec.structs.replace(request.metadata, uid="before"))
    assert "was replaced by another" in await refusal(signing, other)


def address(kind: str, text: str) -> NodeAddress:
    return NodeAddress(type=kind, address=text)


@pytest.mark.parametrize(("addresses", "dns_only", "names", "ips"), [
    ([], False, None, None),
    ([address("Hostname", "w1")], False, None, None),
    ([address("Hostname", "w1")], True, ("w1",), ()),
    ([address("InternalIP", "10.0.0.2"), address("Hostname", "w1")], False, ("w1",), ("10.0.0.2",)),
    ([address("InternalIP", "fd00::2"), address("InternalIP", "10.0.0.2"), address("ExternalIP", "203.0.113.1"),
      address("ExternalDNS", "w1.example"), address("InternalDNS", "w1.local"), address("Hostname", "10.0.0.2")],
     False, ("w1.example", "w1.local"), ("10.0.0.2", "203.0.113.1", "fd00::2")),
    ([address("InternalIP", "not an address"), address("ExternalIP", "")], True, None, None),
])
def test_a_serving_certificate_names_the_nodes_addresses(addresses, dns_only, names, ips):
    template = serving_template("w1", addresses, dns_only=dns_only)
    found = (None, None) if template is None else (template.dns_names, template.ip_addresses)
    assert found == (names, ips)
    if template is not None:
        assert (template.common_name, template.organizations) == ("system:node:w1", ("system:nodes",))


HELD = Certificate("system:node:worker-1", ("system:nodes", "more"), 1000.0, 2000.0, ("a", "b"), ("10.0.0.1",))


@pytest.mark.parametrize(("template", "share", "at", "reason"), [
    (NODE, 0.0, 1700.0, "nears its end"),
    (NODE, 1.0, 1900.0, "nears its end"),
    (NODE, 0.5, 1800.0, "nears its end"),
    (node_template("other"), 0.5, 1234.0, "instead of 'system:node:other'"),
    (msgspec.structs.replace(NODE, dns_names=("b", "c", "d")), 0.5, 1234.0, "it lacks the DNS name c, d"),
    (msgspec.structs.replace(NODE, dns_names=("b",), ip_addresses=("10.0.0.1",)), 0.5, 1800.0, "nears its end"),
    (msgspec.structs.replace(NODE, ip_addresses=("10.0.0.2",)), 0.5, 1234.0, "it lacks the address 10.0.0.2"),
    (msgspec.structs.replace(NODE, organizations=("others",)), 0.5, 1234.0, "it lacks the group others"),
])
def test_when_a_certificate_is_due(template, share, at, reason):
    due = rotation_due(HELD, template, 1234.0, share)
    assert due.at == pytest.approx(at)
    assert reason in due.reason
    assert rotation_due(None, template, 1234.0, share).at == 1234.0
