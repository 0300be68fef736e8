"""Which credentials a node starts with: good, missing, expired and broken kubeconfigs, with a bootstrap one or not."""

import asyncio
import base64
import stat
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from signing_cluster import CountedRotations, SigningCluster

from kubelet.apiclient import KubeconfigError
from kubelet.apiclient.kubeconfig import read
from kubelet.certificates import bootstrap
from kubelet.certificates.bootstrap import IdentitySettings, client_identity, request_name, shortcoming
from kubelet.certificates.request import node_template, sign
from kubelet.certificates.store import PairStore, StoreError

CURRENT = "kubelet-client-current.pem"


@pytest.fixture
def cluster() -> SigningCluster:
    return SigningCluster(time.time, life=3600)


def issue(cluster: SigningCluster, name: str, begin: float = -60.0, life: float = 3600.0) -> bytes:
    made = sign(node_template(name))
    return cluster.authority.sign(x509.load_pem_x509_csr(made.request), time.time() + begin, life) + made.key


def kubeconfig(file: Path, cluster: SigningCluster, user: dict[str, str]) -> Path:
    authority = base64.b64encode(cluster.authority.pem()).decode()
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.1:6443",
                                               "certificate-authority-data": authority}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }))
    return file


def settings(directory: Path, *, rotate: bool = True, with_bootstrap: bool = True) -> IdentitySettings:
    return IdentitySettings(
        "worker-1", str(directory / "kubelet.conf"), str(directory / "bootstrap.conf") if with_bootstrap else "",
        directory / "pki", rotate)


@pytest.fixture
def connected(cluster: SigningCluster, monkeypatch: pytest.MonkeyPatch) -> list:
    """Clients speak to `cluster`; the list holds the access of each that was made."""
    made = []

    class Client:
        def __init__(self, access, rotated=None, **_):
            made.append((access, rotated.pem if rotated else None))

        @asynccontextmanager
        async def _opened(self):
            yield cluster

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

        async def get_raw(self, path):
            return b"ok"

        def __getattr__(self, name):
            return getattr(cluster, name)

    monkeypatch.setattr(bootstrap, "ApiClient", Client)
    return made


async def rotate_once(identity) -> None:
    """Runs the manager until there is a certificate of the cluster."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(identity.manager.run())
        await identity.rotated.there.wait()
        task.cancel()


async def test_a_bootstrap_token_becomes_a_kubeconfig_and_a_certificate(tmp_path, cluster, connected):
    kubeconfig(tmp_path / "bootstrap.conf", cluster, {"token": "abcdef.0123456789abcdef"})
    identity = await client_identity(settings(tmp_path), CountedRotations())
    written = yaml.safe_load((tmp_path / "kubelet.conf").read_text())
    current = str(tmp_path / "pki" / CURRENT)
    assert written == {
        "apiVersion": "v1", "kind": "Config", "current-context": "default-context",
        "clusters": [{"name": "default-cluster", "cluster": {
            "server": "https://10.0.0.1:6443",
            "certificate-authority-data": base64.b64encode(cluster.authority.pem()).decode()}}],
        "contexts": [{"name": "default-context", "context": {
            "cluster": "default-cluster", "namespace": "default", "user": "default-auth"}}],
        "users": [{"name": "default-auth", "user": {"client-certificate": current, "client-key": current}}],
    }
    assert stat.S_IMODE((tmp_path / "kubelet.conf").stat().st_mode) == 0o600
    assert not identity.rotated.there.is_set()
    await rotate_once(identity)
    assert identity.rotated.pem == (tmp_path / "pki" / CURRENT).read_bytes()
    access, _ = connected[0]
    assert access.token is not None and access.source.endswith("bootstrap.conf")
    assert identity.access.token is None and identity.access.client_certificate is None
    assert shortcoming(tmp_path / "kubelet.conf", time.time()) == ""


async def test_a_good_kubeconfig_makes_the_bootstrap_one_unneeded(tmp_path, cluster, connected):
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / CURRENT).write_bytes(issue(cluster, "worker-1"))
    kubeconfig(tmp_path / "kubelet.conf", cluster, {"client-certificate": f"pki/{CURRENT}", "client-key":
                                                    f"pki/{CURRENT}"})
    before = (tmp_path / "kubelet.conf").read_bytes()
    identity = await client_identity(settings(tmp_path), CountedRotations())
    assert identity.rotated.there.is_set()
    assert (tmp_path / "kubelet.conf").read_bytes() == before
    assert connected == []


@pytest.mark.parametrize("ill", ["expired", "deleted", "rubbish", "half", "no kubeconfig", "a kubeconfig of rubbish"])
async def test_what_cannot_be_used_is_replaced_by_bootstrapping(tmp_path, cluster, connected, ill):
    (tmp_path / "pki").mkdir()
    old = tmp_path / "pki" / "kubelet-client-2020-01-01-00-00-00.pem"
    current = tmp_path / "pki" / CURRENT
    user = {"client-certificate": str(current), "client-key": str(current)}
    kubeconfig(tmp_path / "kubelet.conf", cluster, user)
    kubeconfig(tmp_path / "bootstrap.conf", cluster, {"token": "abcdef.0123456789abcdef"})
    if ill != "deleted":
        pem = issue(cluster, "worker-1", *((-7200.0, 3600.0) if ill == "expired" else ()))
        old.write_bytes(b"rubbish" if ill == "rubbish" else pem[:400] if ill == "half" else pem)
        current.symlink_to(old)
    if ill == "no kubeconfig":
        (tmp_path / "kubelet.conf").unlink()
    if ill == "a kubeconfig of rubbish":
        (tmp_path / "kubelet.conf").write_text("a: [")
    identity = await client_identity(settings(tmp_path), CountedRotations())
    assert read(tmp_path / "kubelet.conf").client_certificate.file == current
    good_before = ill in ("no kubeconfig", "a kubeconfig of rubbish")
    assert identity.rotated.there.is_set() is good_before
    if not good_before:
        await rotate_once(identity)
        assert current.readlink() != old
        assert shortcoming(tmp_path / "kubelet.conf", time.time()) == ""
        assert connected[0][0].token is not None


async def test_the_certificate_inside_a_kubeconfig_moves_to_the_store_and_is_replaced(tmp_path, cluster, connected):
    pem = issue(cluster, "worker-1")
    at = pem.index(b"-----BEGIN EC")
    kubeconfig(tmp_path / "kubelet.conf", cluster, {
        "client-certificate-data": base64.b64encode(pem[:at]).decode(),
        "client-key-data": base64.b64encode(pem[at:]).decode()})
    identity = await client_identity(settings(tmp_path, with_bootstrap=False), CountedRotations())
    assert identity.rotated.pem == pem == (tmp_path / "pki" / CURRENT).read_bytes()
    issues = identity.rotated.issue
    async with asyncio.TaskGroup() as group:
        task = group.create_task(identity.manager.run())
        while identity.rotated.issue == issues:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
    assert identity.rotated.pem != pem
    assert identity.rotated.pem == (tmp_path / "pki" / CURRENT).read_bytes()


async def test_a_broken_store_without_a_bootstrap_kubeconfig_is_an_error_at_once(tmp_path, cluster, connected):
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / CURRENT).write_bytes(b"rubbish")
    kubeconfig(tmp_path / "kubelet.conf", cluster, {"client-certificate": f"pki/{CURRENT}",
                                                    "client-key": f"pki/{CURRENT}"})
    with pytest.raises(StoreError, match="holds no PEM certificate"):
        await client_identity(settings(tmp_path, with_bootstrap=False), CountedRotations())


@pytest.mark.parametrize(("flag", "with_bootstrap"), [("--kubeconfig", False), ("--bootstrap-kubeconfig", True)])
async def test_a_missing_file_is_named_with_its_flag(tmp_path, flag, with_bootstrap):
    with pytest.raises(KubeconfigError, match=f"no such file; check {flag}"):
        await client_identity(settings(tmp_path, with_bootstrap=with_bootstrap), CountedRotations())


async def test_without_rotation_the_start_waits_for_the_certificate(tmp_path, cluster, connected):
    cluster.answer = lambda *_: None
    kubeconfig(tmp_path / "bootstrap.conf", cluster, {"token": "abcdef.0123456789abcdef"})
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(client_identity(settings(tmp_path, rotate=False), CountedRotations()))
        while not cluster.created:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not (tmp_path / "kubelet.conf").exists()
        pending = (tmp_path / "pki" / "kubelet-client.key.tmp").read_bytes()
        starting.cancel()
    cluster.answer = lambda found, name: found.approve(name)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(client_identity(settings(tmp_path, rotate=False), CountedRotations()))
        await asyncio.sleep(0)
        cluster.approve(cluster.created[0].metadata.name)
    identity = starting.result()
    assert len(cluster.created) == 1, "the second start takes the first one's request up again"
    assert identity.manager is None and identity.rotated is None
    assert pending in (tmp_path / "pki" / CURRENT).read_bytes()
    assert not (tmp_path / "pki" / "kubelet-client.key.tmp").exists()
    assert identity.access.client_certificate.file == tmp_path / "pki" / CURRENT


def test_the_name_of_a_request_depends_on_all_that_it_asks_for():
    made = sign(node_template("a"))
    name = request_name(made, node_template("a"))
    assert name.startswith("node-csr-") and len(name) == len("node-csr-") + 43
    assert name == request_name(made, node_template("a"))
    assert name != request_name(made, node_template("b"))
    assert name != request_name(sign(node_template("a")), node_template("a"))


def test_a_token_is_no_client_certificate(tmp_path, cluster):
    file = kubeconfig(tmp_path / "kubelet.conf", cluster, {"token": "t"})
    assert shortcoming(file, time.time()).endswith("names no client certificate")


def test_written_kubeconfigs_keep_how_to_reach_the_cluster(tmp_path, cluster):
    (tmp_path / "ca.pem").write_bytes(cluster.authority.pem())
    file = tmp_path / "b.conf"
    file.write_text(yaml.safe_dump({
        "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k"}}],
        "clusters": [{"name": "k", "cluster": {
            "server": "https://[fd00::1]:6443", "certificate-authority": "ca.pem", "tls-server-name": "kubernetes",
            "proxy-url": "http://proxy:3128"}}]}))
    bootstrap.write_kubeconfig(tmp_path / "deep" / "kubelet.conf", read(file), PairStore("p", tmp_path).current_path)
    again = read(tmp_path / "deep" / "kubelet.conf")
    assert (again.server, again.tls_server_name, again.proxy_url) == (
        "https://[fd00::1]:6443", "kubernetes", "http://proxy:3128")
    assert again.certificate_authority.file == tmp_path / "ca.pem"
