"""Client certificates: from files, inline, rotated under a running client; and those of another CA."""

import asyncio
import base64
import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fake_api_server import FakeApiServer, serving

from kubelet.apiclient import ApiClient, KubeconfigError, RotatedCertificate, UnauthorizedError, UnreachableError
from kubelet.apiclient.credentials import Credentials
from kubelet.apiclient.kubeconfig import read


class Authority:
    def __init__(self, name: str = "test-ca") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
                .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
                .not_valid_after(now + timedelta(hours=1))
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")),
                                                            x509.DNSName("apiserver.test")]), critical=False)
                .sign(self.key, hashes.SHA256()))

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key())
        return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture
def authority() -> Authority:
    return Authority()


def server_context(authority: Authority, directory: Path) -> ssl.SSLContext:
    certificate, key = authority.issue("apiserver")
    (directory / "server.pem").write_bytes(certificate + key)
    (directory / "ca.pem").write_bytes(authority.pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    context.load_verify_locations(directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def kubeconfig(directory: Path, server: str, cluster: str, user: str) -> Path:
    file = directory / "kubelet.conf"
    file.write_text(f"""
apiVersion: v1
kind: Config
current-context: default-context
clusters: [{{name: default-cluster, cluster: {{server: "{server}", {cluster}}}}}]
contexts: [{{name: default-context, context: {{cluster: default-cluster, user: default-auth}}}}]
users: [{{name: default-auth, user: {{{user}}}}}]
""")
    return file


def common_name(request: web.BaseRequest) -> str:
    assert request.transport is not None
    certificate = request.transport.get_extra_info("peercert")
    return dict(part[0] for part in certificate["subject"])["commonName"]


class NamesItsCaller(FakeApiServer):
    async def handle(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"name": common_name(request)}})


async def caller_name(client: ApiClient) -> str:
    from kubelet.api.types import Node

    return (await client.get("/api/v1/nodes/me", Node)).metadata.name


async def test_a_certificate_in_files_beside_the_kubeconfig(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("system:node:one")
    (tmp_path / "kubelet-client-current.pem").write_bytes(certificate + key)
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        file = kubeconfig(tmp_path, server.url, "certificate-authority: ca.pem",
                          "client-certificate: kubelet-client-current.pem, client-key: kubelet-client-current.pem")
        async with await ApiClient.from_kubeconfig(file) as client:
            assert await caller_name(client) == "system:node:one"


async def test_a_certificate_inside_the_kubeconfig_touches_no_disk(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("system:node:inline")
    encode = lambda data: base64.b64encode(data).decode()  # noqa: E731
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        file = kubeconfig(tmp_path, server.url, f"certificate-authority-data: {encode(authority.pem())}",
                          f"client-certificate-data: {encode(certificate)}, client-key-data: {encode(key)}")
        before = os.listdir(tmp_path)  # noqa: PTH208
        async with await ApiClient.from_kubeconfig(file) as client:
            assert await caller_name(client) == "system:node:inline"
        assert os.listdir(tmp_path) == before  # noqa: PTH208
    assert "PRIVATE KEY" not in repr(read(file))


async def test_a_rotated_certificate_is_used_for_new_connections(authority: Authority, tmp_path: Path) -> None:
    current = tmp_path / "current.pem"
    current.write_bytes(b"".join(authority.issue("old")))
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        file = kubeconfig(tmp_path, server.url, "certificate-authority: ca.pem",
                          "client-certificate: current.pem, client-key: current.pem")
        clock = [0.0]
        async with ApiClient(read(file), monotonic=lambda: clock[0]) as client:
            assert await caller_name(client) == "old"
            current.write_bytes(b"".join(authority.issue("new")))
            assert await caller_name(client) == "old"
            clock[0] += 10
            assert await caller_name(client) == "new"


async def test_a_half_written_rotation_keeps_the_old_certificate(
        authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    current = tmp_path / "current.pem"
    current.write_bytes(b"".join(authority.issue("old")))
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    file = kubeconfig(tmp_path, "https://127.0.0.1:6443", "certificate-authority: ca.pem",
                      "client-certificate: current.pem, client-key: current.pem")
    clock = [0.0]
    credentials = Credentials(read(file), monotonic=lambda: clock[0])
    context = await credentials.tls()
    current.write_bytes(b"-----BEGIN CERTIFICATE-----\nhalf")
    clock[0] += 10
    assert await credentials.tls() is context
    assert "keeping the old ones" in caplog.text


async def test_the_server_name_for_tls_may_differ_from_the_address(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_bytes(b"".join(authority.issue("one")))
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        user = "client-certificate: c.pem, client-key: c.pem"
        good = kubeconfig(tmp_path, server.url, "certificate-authority: ca.pem, tls-server-name: apiserver.test", user)
        async with await ApiClient.from_kubeconfig(good) as client:
            assert await caller_name(client) == "one"
        bad = kubeconfig(tmp_path, server.url, "certificate-authority: ca.pem, tls-server-name: other.test", user)
        async with await ApiClient.from_kubeconfig(bad) as client:
            with pytest.raises(UnreachableError, match=r"other\.test"):
                await caller_name(client)
        unchecked = kubeconfig(tmp_path, server.url, "insecure-skip-tls-verify: true", user)
        async with await ApiClient.from_kubeconfig(unchecked) as client:
            assert await caller_name(client) == "one"


async def test_a_server_of_another_authority_is_not_spoken_to(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_bytes(b"".join(authority.issue("one")))
    (tmp_path / "other.pem").write_bytes(Authority("other").pem())
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        file = kubeconfig(tmp_path, server.url, "certificate-authority: other.pem",
                          "client-certificate: c.pem, client-key: c.pem")
        async with await ApiClient.from_kubeconfig(file) as client:
            with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
                await caller_name(client)


@pytest.mark.parametrize(("user", "expected"), [
    ("client-certificate: gone.pem, client-key: gone.pem", "client-certificate: .*gone.pem cannot be read: No such"),
    ("client-certificate: bad.pem, client-key: bad.pem", "client-certificate: .*bad.pem certificate and key cannot be"),
    ("tokenFile: gone.token", "tokenFile: .*gone.token cannot be read"),
])
async def test_an_unusable_file_is_one_line_at_once(tmp_path: Path, authority: Authority, user: str,
                                                    expected: str) -> None:
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    (tmp_path / "bad.pem").write_text("no pem")
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", "certificate-authority: ca.pem", user)
    with pytest.raises(KubeconfigError, match=expected) as caught:
        await ApiClient.from_kubeconfig(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"kubeconfig {file}: users[name=default-auth].user.")


async def test_requests_wait_for_the_first_certificate_and_follow_each_next_one(
        authority: Authority, tmp_path: Path) -> None:
    rotated = RotatedCertificate()
    async with serving(NamesItsCaller(), server_context(authority, tmp_path)) as server:
        file = kubeconfig(tmp_path, server.url, "certificate-authority: ca.pem", "")
        async with ApiClient(read(file), rotated=rotated) as client, client.limited(qps=0, burst=0) as limited:
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(caller_name(client))
                await asyncio.sleep(0.05)
                assert not asking.done()
                rotated.put(b"".join(authority.issue("first")))
            assert asking.result() == "first" == await caller_name(limited)
            rotated.put(b"".join(authority.issue("second")))
            assert await caller_name(client) == "second" == await caller_name(limited)


async def test_a_request_without_any_certificate_says_that_it_waits_for_approval(
        authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubelet.apiclient.credentials.CERTIFICATE_SECONDS", 0.01)
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", "insecure-skip-tls-verify: true", "")
    async with ApiClient(read(file), rotated=RotatedCertificate()) as client:
        with pytest.raises(UnauthorizedError, match="waits for approval"):
            await caller_name(client)
