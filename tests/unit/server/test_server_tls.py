"""Real TLS: who gets in with which certificate, replacing certificates while serving, and our own certificate."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from kubelet.config.tlsnames import curve_problem
from kubelet.server.authentication import Authenticator
from kubelet.server.authorization import Attributes
from kubelet.server.selfsigned import ensure_self_signed, ensure_self_signed_apart
from kubelet.server.settings import TLSSettings
from kubelet.server.tls import ReloadingContext, TLSError, build_context


class Recorder:
    def __init__(self) -> None:
        self.users: list[tuple[str, tuple[str, ...]]] = []

    async def allows(self, attributes: Attributes) -> bool:
        self.users.append((attributes.user.name, attributes.user.groups))
        return True


def settings(pair, ca_file="", **others) -> TLSSettings:
    return TLSSettings(pair[0], pair[1], str(ca_file), **others)


async def test_a_client_certificate_is_asked_for_and_not_demanded(serving, authority):
    ca, other = authority("ca"), authority("other")
    tls = ReloadingContext(settings(ca.issue("localhost", client=False), ca.file))
    recorder = Recorder()
    async with serving(tls=tls, authorizer=recorder, authenticator=Authenticator(None, anonymous=False)) as up:
        up.ssl = ca.client_context(ca.issue("kube-apiserver-kubelet-client", "system:masters", "dev"))
        assert await up.ask("/healthz") == (200, "ok")
        assert recorder.users == [("kube-apiserver-kubelet-client", ("system:masters", "dev", "system:authenticated"))]
        up.ssl = ca.client_context()
        assert await up.ask("/healthz") == (401, "Unauthorized")
        up.ssl = ca.client_context(ca.issue("", "system:masters"))
        assert await up.ask("/healthz") == (401, "Unauthorized")
        for bad, alert in ((other.issue("admin", "system:masters"), "UNKNOWN_CA"),
                           (ca.issue("expired", "system:masters", expired=True), "CERTIFICATE_EXPIRED"),
                           (ca.issue("server", "system:masters", client=False), "UNSUPPORTED_CERTIFICATE")):
            up.ssl = ca.client_context(bad)
            with pytest.raises((aiohttp.ClientError, ssl.SSLError), match=alert):
                await up.ask("/healthz")
        assert len(recorder.users) == 1


async def test_without_a_client_ca_certificates_mean_nothing(serving, authority):
    ca = authority("ca")
    tls = ReloadingContext(settings(ca.issue("localhost", client=False)))
    async with serving(tls=tls, authenticator=Authenticator(None, anonymous=False)) as up:
        up.ssl = ca.client_context(ca.issue("admin", "system:masters"))
        assert await up.ask("/healthz") == (401, "Unauthorized")


async def test_changed_files_serve_new_connections_and_end_the_old_cas_trust(serving, authority):
    ca, new = authority("ca"), authority("new")
    pair = ca.issue("localhost", client=False, file_name="serving")
    clients = ca.directory / "clients.crt"
    clients.write_bytes(ca.file.read_bytes())
    tls = ReloadingContext(settings(pair, clients))
    async with serving(tls=tls, authenticator=Authenticator(None, anonymous=False)) as up:
        async def ask(context: ssl.SSLContext):
            async with aiohttp.ClientSession() as session, session.get(up.url("/healthz"), ssl=context) as response:
                return response.status

        assert await ask(ca.client_context(ca.issue("old"))) == 200
        assert not await asyncio.to_thread(tls.reload)
        new.issue("localhost", client=False, file_name="serving")
        clients.write_bytes(new.file.read_bytes())
        assert await asyncio.to_thread(tls.reload)
        assert await ask(new.client_context(new.issue("client"))) == 200
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await ask(new.client_context(ca.issue("old")))
        with pytest.raises(aiohttp.ClientError):
            await ask(ca.client_context(ca.issue("old")))


async def test_half_written_files_change_nothing(serving, authority, caplog):
    ca = authority("ca")
    pair = ca.issue("localhost", client=False, file_name="serving")
    tls = ReloadingContext(settings(pair))
    async with serving(tls=tls) as up:
        up.ssl = ca.client_context()
        pair[0].write_bytes(b"-----BEGIN CERT")
        for _ in range(3):
            assert not await asyncio.to_thread(tls.reload)
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
        async with aiohttp.ClientSession() as session, session.get(up.url("/healthz"), ssl=up.ssl) as response:
            assert response.status == 200
        ca.issue("localhost", client=False, file_name="serving")
        assert await asyncio.to_thread(tls.reload)


async def test_minimum_version_is_kept(serving, authority):
    ca = authority("ca")
    tls = ReloadingContext(settings(ca.issue("localhost", client=False), min_version="VersionTLS13"))
    async with serving(tls=tls) as up:
        up.ssl = ca.client_context()
        assert (await up.ask("/healthz"))[0] == 200
        up.ssl = ca.client_context()
        up.ssl.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            async with aiohttp.ClientSession() as session:
                await session.get(up.url("/healthz"), ssl=up.ssl)


def test_cipher_suites_by_their_go_names(authority):
    pair = authority("ca").issue("localhost", client=False)
    suites = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256")
    context = build_context(settings(pair, cipher_suites=suites))
    assert {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"} == {
        "ECDHE-RSA-AES128-GCM-SHA256"}


@pytest.mark.parametrize(("number", "ours", "theirs"), [(23, "prime256v1", "secp384r1"), (24, "secp384r1", "X25519")])
async def test_the_curve_that_was_chosen_is_the_only_one(serving, authority, number, ours, theirs):
    ca = authority("ca")
    async with serving(tls=ReloadingContext(settings(ca.issue("localhost", client=False), curves=(number,)))) as up:
        up.ssl = ca.client_context()
        up.ssl.set_ecdh_curve(ours)
        assert (await up.ask("/healthz"))[0] == 200
        up.ssl = ca.client_context()
        up.ssl.set_ecdh_curve(theirs)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await up.ask("/healthz")


def test_several_curves_are_held_to_or_refused():
    assert curve_problem((29, 23), several=True) == ""
    assert curve_problem((29, 23), several=False).startswith("names several curves, and this Python can hold")


@pytest.mark.parametrize(("change", "said"), [
    ({"min_version": "TLS1.3"}, "tlsMinVersion"), ({"cipher_suites": ("TLS_X",)}, "TLS_X"),
])
def test_settings_that_cannot_be_served_with(authority, change, said):
    pair = authority("ca").issue("localhost", client=False)
    with pytest.raises(TLSError, match=said):
        build_context(settings(pair, **change))


def test_files_that_cannot_be_served_with(authority, tmp_path):
    ca = authority("ca")
    pair, other = ca.issue("localhost", client=False), ca.issue("other", client=False)
    bad = tmp_path / "bad.crt"
    bad.write_text("nothing")
    for cert, key, client_ca, said in (
        (tmp_path / "absent.crt", pair[1], "", r"absent\.crt does not exist"),
        (pair[0], tmp_path / "absent.key", "", r"absent\.key does not exist"),
        (pair[0], other[1], "", "no pair"), (bad, pair[1], "", "no pair"),
        (pair[0], pair[1], str(bad), "clientCAFile"), (pair[0], pair[1], str(tmp_path / "absent"), "clientCAFile"),
    ):
        with pytest.raises(TLSError, match=said):
            build_context(TLSSettings(cert, key, client_ca))


def names_of(cert_file) -> tuple[set[str], set[str], x509.Certificate]:
    certificate = x509.load_pem_x509_certificates(cert_file.read_bytes())[0]
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (set(held.get_values_for_type(x509.DNSName)), {str(ip) for ip in held.get_values_for_type(x509.IPAddress)},
            certificate)


async def test_our_own_certificate_has_all_names_and_can_be_verified(serving, tmp_path):
    cert_file, key_file = ensure_self_signed(tmp_path / "pki", "node-1", ["10.0.0.5", "fd00::5"])
    dns, addresses, certificate = names_of(cert_file)
    assert dns == {"node-1", "localhost"}
    assert addresses == {"10.0.0.5", "fd00::5", "127.0.0.1", "::1"}
    assert certificate.subject.rfc4514_string().startswith("CN=node-1@")
    assert key_file.stat().st_mode & 0o777 == 0o600
    tls = ReloadingContext(TLSSettings(cert_file, key_file))
    async with serving(tls=tls) as up:
        up.ssl = ssl.create_default_context(cafile=str(cert_file))
        assert (await up.ask("/healthz"))[0] == 200


def test_our_own_certificate_is_kept_until_it_must_change(tmp_path):
    now = datetime.now(UTC)
    cert_file, key_file = ensure_self_signed(tmp_path, "node-1", ["10.0.0.5"], now)
    first = cert_file.read_bytes()
    ensure_self_signed(tmp_path, "node-1", ["10.0.0.5"], now + timedelta(days=300))
    assert cert_file.read_bytes() == first
    for host, addresses, later in (("node-1", ["10.0.0.5"], 340), ("node-1", ["10.0.0.6"], 340), ("node-2", [], 340)):
        before = cert_file.read_bytes()
        ensure_self_signed(tmp_path, host, addresses, now + timedelta(days=later))
        assert cert_file.read_bytes() != before
        build_context(TLSSettings(cert_file, key_file))


def test_a_certificate_that_somebody_else_put_there_is_kept(tmp_path, authority):
    pair = authority("ca").issue("other", client=False, expired=True)
    (tmp_path / "kubelet.crt").write_bytes(pair[0].read_bytes())
    (tmp_path / "kubelet.key").write_bytes(pair[1].read_bytes())
    ensure_self_signed(tmp_path, "node-1", ["10.0.0.5"])
    assert (tmp_path / "kubelet.crt").read_bytes() == pair[0].read_bytes()


def test_a_certificate_is_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    pair = ensure_self_signed_apart(tmp_path / "pki", "node-1", ["10.0.0.1"])
    assert pair == ensure_self_signed(tmp_path / "pki", "node-1", ["10.0.0.1"])
    written = pair[0].read_bytes()
    assert ensure_self_signed_apart(tmp_path / "pki", "node-1", ["10.0.0.1"]) == pair
    assert pair[0].read_bytes() == written
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ensure_self_signed_apart(tmp_path / "file", "node-1", [])


async def test_the_clusters_certificate_is_served_as_soon_as_it_is_there(serving, authority, tmp_path):
    own, cluster = authority("own"), authority("cluster")
    certificate, key = own.issue("node-1", client=False)
    issued = tmp_path / "kubelet-server-current.pem"
    tls = ReloadingContext(TLSSettings(certificate, key, issued_file=issued))
    async with serving(tls=tls) as up:
        up.ssl = ssl.create_default_context(cafile=str(own.file))
        assert (await up.ask("/healthz"))[0] == 200
        issued.write_bytes(b"".join(file.read_bytes() for file in cluster.issue("node-1", client=False)))
        up.server.serving_certificate_changed()
        while not await _served_by(up, cluster):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    issued.write_bytes(b"rubbish")
    assert ReloadingContext(TLSSettings(certificate, key, issued_file=issued)).context.current is not None


@pytest.mark.parametrize("names_the_host", [True, False])
async def test_without_a_certificate_every_handshake_is_refused(serving, authority, tmp_path, names_the_host):
    cluster, issued = authority("cluster"), tmp_path / "kubelet-server-current.pem"
    tls = ReloadingContext(TLSSettings(None, None, client_ca_file=str(cluster.file), issued_file=issued))
    async with serving(tls=tls) as up:
        stranger = ssl.create_default_context()
        stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
        host = "localhost" if names_the_host else None
        for _ in range(2):
            with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_INTERNAL_ERROR"):
                await asyncio.open_connection(
                    "127.0.0.1", up.server.bound_ports["main"], ssl=stranger, server_hostname=host or "")
        issued.write_bytes(b"".join(file.read_bytes() for file in cluster.issue("node-1", client=False)))
        assert await asyncio.to_thread(tls.reload)
        assert await _served_by(up, cluster)


async def _served_by(up, authority) -> bool:
    up.ssl = ssl.create_default_context(cafile=str(authority.file))
    try:
        return (await up.ask("/healthz"))[0] == 200
    except aiohttp.ClientConnectorCertificateError:
        return False
