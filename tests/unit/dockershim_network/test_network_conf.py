"""Configurations: what is taken, and how what is not is reported."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockershim.network.conf import in_version, parse_network, parse_plugin, parse_version, with_plugins
from dockershim.network.conf_dir import read_directory
from dockershim.network.errors import NetworkConfigError


def conflist(**changes):
    content = {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge"}]} | changes
    return json.dumps(content).encode()


def test_list_is_read():
    network = parse_network(
        conflist(plugins=[{"type": "bridge"}, {"type": "portmap", "capabilities": {"portMappings": True, "x": False}}]),
        "a.conflist",
    )
    assert (network.name, network.cni_version) == ("pods", "1.0.0")
    assert [plugin.type for plugin in network.plugins] == ["bridge", "portmap"]
    assert network.capabilities == {"portMappings"}
    assert network.at_least((0, 4, 0))
    assert not network.at_least((1, 1, 0))


def test_single_plugin_becomes_a_list_that_the_cache_can_give_back():
    network = parse_network(b'{"cniVersion":"0.4.0","name":"old","type":"bridge","mtu":1400}', "a.conf")
    again = parse_network(network.raw, "cache")
    assert [plugin.conf["mtu"] for plugin in again.plugins] == [1400]
    assert (again.name, again.cni_version) == ("old", "0.4.0")


def test_newest_known_of_several_versions():
    assert parse_network(conflist(cniVersions=["0.4.0", "1.1.0", "9.0.0"]), "a").cni_version == "1.1.0"


def test_offered_versions_are_the_known_ones_newest_first():
    network = parse_network(conflist(cniVersion="1.0.0", cniVersions=["0.4.0", "1.1.0", "9.0.0", "1.0.0"]), "a")
    assert network.offered == ("1.1.0", "1.0.0", "0.4.0")
    older = in_version(network, "1.0.0")
    assert (older.cni_version, older.offered, older.plugins) == ("1.0.0", ("1.0.0",), network.plugins)
    assert parse_network(older.raw, "cache").cni_version == "1.0.0"
    assert in_version(older, "1.0.0") is older


def test_version_is_the_first_one_when_absent():
    assert parse_network(b'{"name":"a","plugins":[{"type":"x"}]}', "a").cni_version == "0.1.0"


@pytest.mark.parametrize(
    ("data", "where", "problem"),
    [
        (b'{\n  "name": "a",\n  oops\n}', "line 3 column 3", "property name"),
        (b"", "line 1 column 1", "Expecting value"),
        (b"\xff\xfe", "byte 0", "UTF-8"),
        (b"[]", "", "expected a JSON object, found a list"),
        (conflist(name=7), "name", "expected a string, found a number"),
        (conflist(name=""), "name", "missing"),
        (conflist(name="../../etc"), "name", "characters"),
        (conflist(cniVersion="banana"), "cniVersion", "invalid CNI version 'banana'"),
        (conflist(cniVersion="2.0.0"), "cniVersion", "newer than 1.1.0"),
        (conflist(cniVersions="1.0.0"), "cniVersions", "list of strings"),
        (conflist(plugins={}), "plugins", "expected a list, found an object"),
        (conflist(plugins=["bridge"]), "plugins[0]", "expected an object, found a string"),
        (conflist(plugins=[{"type": "a"}, {}]), "plugins[1].type", "missing"),
        (conflist(plugins=[{"type": "../sh"}]), "plugins[0].type", "not a path"),
        (conflist(plugins=[{"type": "a", "capabilities": []}]), "", ""),
        (conflist(plugins=[{"type": "a", "capabilities": [1]}]), "plugins[0].capabilities", "found a list"),
        (conflist(disableCheck="maybe"), "disableCheck", "expected true or false"),
        (conflist(plugins=[], loadOnlyInlinedPlugins=True), "plugins", "no plugins"),
    ],
)
def test_broken_file_names_the_place(data, where, problem):
    if not problem:
        assert parse_network(data, "a").plugins[0].capabilities == frozenset()  # an empty list is no capability
        return
    with pytest.raises(NetworkConfigError) as caught:
        parse_network(data, "/etc/cni/net.d/a.conflist")
    assert caught.value.where == where
    assert problem in caught.value.problem
    assert str(caught.value).startswith("/etc/cni/net.d/a.conflist: ")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        parse_network(data, "f")
    except NetworkConfigError as error:
        assert error.path == "f"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_of_any_field_is_read_or_refused(value):
    for field in ("name", "cniVersion", "cniVersions", "plugins", "disableCheck", "disableGC"):
        try:
            parse_network(conflist(**{field: value}), "f")
        except NetworkConfigError as error:
            assert error.where.startswith((field, "cniVersion"))


def test_versions_compare_as_numbers():
    assert parse_version("0.10.0") > parse_version("0.4.0")
    assert parse_version("1.0") == (1, 0, 0)


def test_plugins_beside_the_list_are_part_of_it():
    network = parse_network(b'{"cniVersion":"1.1.0","name":"a"}', "a.conflist")
    whole = with_plugins(network, (parse_plugin(b'{"type":"bridge"}', "a/10.conf"),))
    assert [plugin.type for plugin in parse_network(whole.raw, "cache").plugins] == ["bridge"]


def test_directory_in_lexical_order_with_the_broken_reported(tmp_path):
    (tmp_path / "10-broken.conflist").write_text("{")
    (tmp_path / "20-b.conf").write_text('{"cniVersion":"0.4.0","name":"b","type":"bridge"}')
    (tmp_path / "15-a.conflist").write_bytes(conflist(name="a"))
    (tmp_path / "30-empty.conflist").write_text('{"cniVersion":"1.0.0","name":"empty"}')
    (tmp_path / "README").write_text("not a configuration")
    (tmp_path / "40-dir.conf").mkdir()
    (tmp_path / "empty").mkdir()
    directory = read_directory(tmp_path)
    assert [network.name for network in directory.networks] == ["a", "b"]
    assert [(error.path.rsplit("/", 1)[1], error.where) for error in directory.broken] == [
        ("10-broken.conflist", "line 1 column 2"),
        ("30-empty.conflist", "plugins"),
    ]


def test_directory_gives_plugins_of_a_list_without_its_own(tmp_path):
    (tmp_path / "10-a.conflist").write_text('{"cniVersion":"1.1.0","name":"a"}')
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "2.conf").write_text('{"type":"portmap"}')
    (tmp_path / "a" / "1.conf").write_text('{"type":"bridge"}')
    assert [plugin.type for plugin in read_directory(tmp_path).networks[0].plugins] == ["bridge", "portmap"]


def test_absent_directory_is_empty(tmp_path):
    assert read_directory(tmp_path / "none").networks == ()
    assert read_directory(tmp_path / "none").broken == ()
