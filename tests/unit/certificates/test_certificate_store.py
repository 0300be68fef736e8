"""Files of certificates: names, symlink, modes, and what a crash or an operator left behind."""

import stat
from datetime import datetime

import pytest
from signing_cluster import Authority

from kubelet.certificates.request import node_template, sign
from kubelet.certificates.store import PairStore, StoreError

NOW = datetime(2026, 11, 28, 19, 37, 45).astimezone()


@pytest.fixture
def issued(authority: Authority) -> tuple[bytes, bytes]:
    return issue(authority, "one")


@pytest.fixture
def authority() -> Authority:
    return Authority()


def issue(authority: Authority, name: str) -> tuple[bytes, bytes]:
    from cryptography import x509

    made = sign(node_template(name))
    return authority.sign(x509.load_pem_x509_csr(made.request), NOW.timestamp(), 3600), made.key


def test_a_pair_is_one_dated_file_and_a_symlink(tmp_path, issued):
    directory = tmp_path / "pki"
    store = PairStore("kubelet-client", directory)
    assert store.current() is None
    kept = store.update(*issued, NOW)
    names = sorted(file.name for file in directory.iterdir())
    assert names == ["kubelet-client-2026-11-28-19-37-45.pem", "kubelet-client-current.pem"]
    assert store.current_path.readlink() == directory / "kubelet-client-2026-11-28-19-37-45.pem"
    assert stat.S_IMODE(store.current_path.stat().st_mode) == 0o600
    assert store.current_path.read_bytes() == issued[0] + issued[1] == kept.pem
    assert store.current() == kept
    assert kept.certificate.common_name == "system:node:one"
    assert kept.certificate.organizations == ("system:nodes",)


def test_the_next_pair_turns_the_link_and_keeps_the_old_file(tmp_path, authority):
    store = PairStore("kubelet-server", tmp_path)
    store.update(*issue(authority, "one"), NOW)
    store.update(*issue(authority, "two"), NOW.replace(second=46))
    assert store.current().certificate.common_name == "system:node:two"
    assert len([*tmp_path.glob("kubelet-server-2026-*.pem")]) == 2
    assert not (tmp_path / "kubelet-server-updated.pem").exists()


def test_a_link_that_a_crash_left_is_turned_at_the_next_start(tmp_path, issued):
    store = PairStore("kubelet-client", tmp_path)
    store.update(*issued, NOW)
    store.current_path.rename(tmp_path / "kubelet-client-updated.pem")
    assert store.current().certificate.common_name == "system:node:one"
    assert store.current_path.is_symlink()


def test_configured_files_and_plain_ones_serve_until_there_is_a_pair_of_our_own(tmp_path, authority):
    configured, plain = issue(authority, "configured"), issue(authority, "plain")
    (tmp_path / "kubelet-client.crt").write_bytes(plain[0])
    (tmp_path / "kubelet-client.key").write_bytes(plain[1])
    (tmp_path / "c.crt").write_bytes(configured[0])
    store = PairStore("kubelet-client", tmp_path, (tmp_path / "c.crt", tmp_path / "c.key"))
    assert store.current().certificate.common_name == "system:node:plain"
    (tmp_path / "c.key").write_bytes(configured[1])
    assert store.current().certificate.common_name == "system:node:configured"
    store.update(*issue(authority, "own"), NOW)
    assert store.current().certificate.common_name == "system:node:own"


def test_what_is_no_pair_is_refused_with_the_file_and_changes_nothing(tmp_path, authority, issued):
    store = PairStore("kubelet-client", tmp_path)
    with pytest.raises(StoreError, match="issued for kubelet-client"):
        store.update(issued[0], issue(authority, "two")[1], NOW)
    with pytest.raises(StoreError, match="no PEM certificate"):
        store.update(b"", issued[1], NOW)
    with pytest.raises(StoreError, match="no PEM private key"):
        store.update(issued[0], b"", NOW)
    assert [*tmp_path.iterdir()] == []
    store.current_path.write_bytes(b"rubbish")
    with pytest.raises(StoreError, match=r"kubelet-client-current\.pem: holds no"):
        store.current()
    with pytest.raises(StoreError, match="is a file where a symlink is expected; move it away"):
        store.update(*issued, NOW)


def test_the_key_is_not_in_any_representation(tmp_path, issued):
    assert "PRIVATE" not in repr(PairStore("kubelet-client", tmp_path).update(*issued, NOW))
    assert "PRIVATE" not in repr(sign(node_template("one")))
