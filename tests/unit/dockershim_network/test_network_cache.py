"""The cache in libcni's format, as others write it."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockershim.network.cache import CachedAttachment, ResultCache, decode, encode
from dockershim.network.errors import CacheError
from dockershim.network.invocation import Attachment

PORTS = {"portMappings": [{"hostPort": 1}]}
ATTACHMENT = Attachment("abc", "/proc/7/ns/net", "eth0", (("K8S_POD_NAME", "web"),), PORTS)
CACHED = CachedAttachment("pods", ATTACHMENT, b'{"name":"pods"}', {"ips": []})


def test_written_as_libcni_writes_it(tmp_path):
    ResultCache(tmp_path).save(CACHED)
    path = tmp_path / "results" / "pods-abc-eth0"
    assert json.loads(path.read_bytes()) == {
        "kind": "cniCacheV1",
        "containerId": "abc",
        "config": base64.b64encode(b'{"name":"pods"}').decode(),
        "ifName": "eth0",
        "networkName": "pods",
        "netns": "/proc/7/ns/net",
        "cniArgs": [["K8S_POD_NAME", "web"]],
        "capabilityArgs": {"portMappings": [{"hostPort": 1}]},
        "result": {"ips": []},
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_found_by_sandbox_and_forgotten(tmp_path):
    cache = ResultCache(tmp_path)
    assert cache.all() == []
    cache.save(CACHED)
    cache.save(CachedAttachment("pods", Attachment("abcd"), b"{}", {"x": 1}))
    (found,) = cache.of_sandbox("abc")
    assert (found.network, found.attachment, found.config, found.result) == (
        "pods",
        ATTACHMENT,
        b'{"name":"pods"}',
        {"ips": []},
    )
    cache.forget(found)
    cache.forget(found)
    assert cache.of_sandbox("abc") == []
    assert [item.attachment.container_id for item in cache.all()] == ["abcd"]


def test_file_of_the_old_format(tmp_path):
    data = b'{"cniVersion":"0.3.1","ips":[{"address":"10.0.0.3/24"}]}'
    cached = decode(data, tmp_path / "my-net-0123abcd-eth0")
    assert (cached.network, cached.attachment.container_id, cached.attachment.ifname) == ("my-net", "0123abcd", "eth0")
    assert cached.result["ips"] == [{"address": "10.0.0.3/24"}]


@pytest.mark.parametrize("content", ["", "{", '{"kind":"cniCacheV1","containerId":"zzz","ifNa'])
def test_broken_file_is_reported_and_its_name_tells_whose_it_is(tmp_path, caplog, content):
    cache = ResultCache(tmp_path)
    cache.save(CACHED)
    (tmp_path / "results" / "pod-net-zzz-eth0").write_text(content)
    (tmp_path / "results" / "notes").write_text(content)
    broken = next(found for found in cache.all() if found.attachment.container_id == "zzz")
    assert (broken.network, broken.attachment.ifname) == ("pod-net", "eth0")
    assert (broken.config, broken.incomplete) == (b"", True)
    assert len(cache.all()) == 2
    assert "pod-net-zzz-eth0" in caplog.text


def test_incomplete_until_there_is_a_result(tmp_path):
    cache = ResultCache(tmp_path)
    begun = CachedAttachment("pods", ATTACHMENT, b'{"name":"pods"}', {}, incomplete=True)
    cache.save(begun)
    assert cache.of_sandbox("abc")[0].incomplete
    assert "result" not in json.loads((tmp_path / "results" / "pods-abc-eth0").read_bytes())
    cache.save(replace(begun, result={"ips": []}))  # failed, and what it had made could not be undone
    assert cache.of_sandbox("abc")[0].incomplete
    cache.save(replace(begun, result={"ips": []}, incomplete=False))
    (found,) = cache.of_sandbox("abc")
    assert not found.incomplete
    cache.forget(begun)  # by its name: it has not been read from anywhere
    assert cache.all() == []


def test_unwritable_directory_is_named(tmp_path):
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(CacheError, match="results: "):
        ResultCache(tmp_path).save(CACHED)


@given(st.binary(max_size=50))
def test_any_file_is_read_or_refused(data):
    try:
        decode(data, Path("/cache/a-b-c"))
    except CacheError as error:
        assert "a-b-c" in str(error)


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1).filter(lambda name: name[0].isalnum())


@given(names, names, st.dictionaries(st.text(), st.integers() | st.lists(st.text())), st.binary())
def test_what_is_saved_is_what_is_read(network, sandbox_id, result, config):
    cached = CachedAttachment(network, Attachment(sandbox_id, args=(("a", "b"),)), config, result)
    again = decode(encode(cached), None)
    assert (again.network, again.attachment, again.config, again.result) == (
        network,
        cached.attachment,
        config,
        result,
    )
