"""What a plugin is told, and what its answer means; capabilities and results."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockershim.network.conf import parse_network
from dockershim.network.errors import PluginError
from dockershim.network.invocation import Attachment, Outcome, Verb, build, build_version, parse_outcome
from dockershim.network.model import DNSConfig, PodNetwork, PortMapping
from dockershim.network.result import addresses_with_prefix, to_network_result, to_raw_result
from dockershim.network.runtime_config import (
    EGRESS_ANNOTATION,
    GUID_ANNOTATION,
    INGRESS_ANNOTATION,
    IPS_ANNOTATION,
    MAC_ANNOTATION,
    PodNetworkRequestError,
    capability_args,
    cni_args,
)

NETWORK = parse_network(
    json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [{"type": "bridge", "mtu": 1400}, {"type": "portmap", "capabilities": {"portMappings": True}}],
        }
    ).encode(),
    "a.conflist",
)
POD = PodNetwork("abc", "web", "default", "uid-1", "/proc/7/ns/net")


def test_environment_and_configuration():
    attachment = Attachment("abc", "/proc/7/ns/net", "eth0", cni_args(POD), {"portMappings": [1], "bandwidth": {}})
    invocation = build(Verb.ADD, NETWORK, NETWORK.plugins[0], attachment, "/a:/b")
    assert invocation.env == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "abc",
        "CNI_NETNS": "/proc/7/ns/net",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/a:/b",
        "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;"
        "K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=uid-1",
    }
    assert json.loads(invocation.stdin) == {"type": "bridge", "mtu": 1400, "name": "pods", "cniVersion": "1.0.0"}
    second = build(Verb.ADD, NETWORK, NETWORK.plugins[1], attachment, "/a", prev_result={"ips": []})
    conf = json.loads(second.stdin)
    assert conf["runtimeConfig"] == {"portMappings": [1]}  # only the capability that it has
    assert conf["prevResult"] == {"ips": []}


def test_version_and_status_have_no_container():
    assert build_version("bridge", "1.0.0", "/a").env["CNI_COMMAND"] == "VERSION"
    assert "CNI_CONTAINERID" not in build(Verb.STATUS, NETWORK, NETWORK.plugins[0], None, "/a").env


ADD = build(Verb.ADD, NETWORK, NETWORK.plugins[0], Attachment("abc"), "/a")


def test_result_is_the_object_printed():
    assert parse_outcome(ADD, Outcome(0, b'{"cniVersion":"1.0.0"}')) == {"cniVersion": "1.0.0"}


def test_verbs_without_result_may_print_anything():
    delete = build(Verb.DEL, NETWORK, NETWORK.plugins[0], Attachment("abc"), "/a")
    assert parse_outcome(delete, Outcome(0, b"bye")) == {}


@pytest.mark.parametrize(
    ("outcome", "expected", "code"),
    [
        (Outcome(1, b'{"code":11,"msg":"try again","details":"lease busy"}'), "try again; lease busy", 11),
        (Outcome(1, b'{"code":7}'), "error code 7", 7),
        (Outcome(-11, b""), "ended by SIGSEGV and printed nothing", None),
        (Outcome(2, b"", b"panic: nil\n"), "exit status 2: 'panic: nil'", None),
        (Outcome(3, b"<html>"), "exit status 3: '<html>'", None),
        (Outcome(0, b"hello"), "not JSON", None),
        (Outcome(0, b""), "printed nothing instead of a result", None),
        (Outcome(0, b"[1]"), "not an object: '[1]'", None),
        (Outcome(-9, b"x" * 9, truncated=True), "printed more than 1048576 bytes", None),
    ],
)
def test_failure_names_plugin_operation_and_sandbox(outcome, expected, code):
    with pytest.raises(PluginError) as caught:
        parse_outcome(ADD, outcome)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("plugin type=\"bridge\" failed (add) for sandbox 'abc': ")
    assert caught.value.cni_code == code


@given(st.integers(-70, 255), st.binary(max_size=40), st.binary(max_size=40))
def test_any_outcome_is_a_result_or_a_plugin_error(status, stdout, stderr):
    try:
        assert isinstance(parse_outcome(ADD, Outcome(status, stdout, stderr)), dict)
    except PluginError as error:
        assert error.plugin == "bridge"


def test_capabilities_of_a_pod():
    annotations = {
        INGRESS_ANNOTATION: "10M",
        EGRESS_ANNOTATION: "1Gi",
        IPS_ANNOTATION: "10.0.0.9/24, fd00::9",
        MAC_ANNOTATION: "0a:58:0A:00:00:02",
        GUID_ANNOTATION: "24:8a:07:03:00:8d:ae:2e",
        "example.org/any": "thing",
    }
    pod = PodNetwork(
        "abc",
        "web",
        "default",
        "uid-1",
        port_mappings=(PortMapping("TCP", 80, 8080, "127.0.0.1"), PortMapping("udp", 53, 0)),
        annotations=annotations,
        cgroup_parent="/kubepods/x",
        dns=DNSConfig(("10.0.0.10",), ("svc.cluster.local",)),
    )
    assert capability_args(pod, "10.1.0.0/24,fd01::/64") == {
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"}],
        "bandwidth": {
            "ingressRate": 10_000_000,
            "ingressBurst": 2**31 - 1,
            "egressRate": 2**30,
            "egressBurst": 2**31 - 1,
        },
        "ipRanges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd01::/64"}]],
        "ips": ["10.0.0.9/24", "fd00::9"],
        "dns": {"servers": ["10.0.0.10"], "searches": ["svc.cluster.local"]},
        "cgroupPath": "/kubepods/x",
        "mac": "0a:58:0A:00:00:02",
        "infinibandGUID": "24:8a:07:03:00:8d:ae:2e",
        "io.kubernetes.cri.pod-annotations": annotations,
    }
    assert capability_args(POD, "") == {}


@pytest.mark.parametrize("rate", ["", "fast", "1", "2P", "-5M", "1e99", "999"])
def test_bandwidth_that_is_none_is_refused(rate):
    with pytest.raises(PodNetworkRequestError, match="ingress-bandwidth"):
        capability_args(PodNetwork("a", "b", "c", "d", annotations={INGRESS_ANNOTATION: rate}), "")


@pytest.mark.parametrize(
    ("annotation", "text"),
    [(MAC_ANNOTATION, "0a:58"), (MAC_ANNOTATION, "0a-58-00-00-00-02"), (GUID_ANNOTATION, "0a:58:00:00:00:02"),
     (GUID_ANNOTATION, "x")],
)  # fmt: skip
def test_hardware_address_that_is_none_is_refused(annotation, text):
    with pytest.raises(PodNetworkRequestError, match=annotation):
        capability_args(PodNetwork("a", "b", "c", "d", annotations={annotation: text}), "")


def test_address_that_is_none_is_refused():
    with pytest.raises(PodNetworkRequestError, match=r"'10\.0\.0'"):
        capability_args(PodNetwork("a", "b", "c", "d", annotations={IPS_ANNOTATION: "10.0.0"}), "")


def test_addresses_of_a_result():
    raw = {
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "cni0", "mac": "m"}, {"name": "eth0", "sandbox": "/proc/7/ns/net"}],
        "ips": [
            {"address": "fd00::5/64", "interface": 1},
            {"address": "192.168.1.1/24", "interface": 0},
            {"address": "10.0.0.5/24", "interface": 1},
            {"address": "10.0.0.6/24"},
        ],
    }
    result = to_network_result(raw)
    assert result.ips == ("10.0.0.5", "10.0.0.6", "fd00::5")
    assert [interface.name for interface in result.interfaces] == ["cni0", "eth0"]
    assert to_network_result({"ip4": {"ip": "10.0.0.7/16"}, "ip6": {"ip": "fd00::7/64"}}).ips == ("10.0.0.7", "fd00::7")
    assert to_network_result({}).ips == ()


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_addresses_that_are_seen_make_a_result(version):
    raw = to_raw_result(version, "eth0", "/proc/7/ns/net", ("10.0.0.7/24", "fd00::7/64"))
    assert to_network_result(raw).ips == ("10.0.0.7", "fd00::7")
    assert raw["cniVersion"] == version
    assert addresses_with_prefix(raw) == ("10.0.0.7/24", "fd00::7/64")
    assert [item.get("version") for item in raw["ips"]] == ([None, None] if version >= "1" else ["4", "6"])
    assert to_raw_result(version, "eth0", "/proc/7/ns/net", ()) == {}


def test_addresses_with_prefix_are_the_sandboxs():
    assert addresses_with_prefix({"ip4": {"ip": "10.0.0.7/16"}}) == ("10.0.0.7/16",)
    host = {"interfaces": [{"name": "cni0"}], "ips": [{"address": "10.0.0.1/24", "interface": 0}]}
    assert addresses_with_prefix(host) == addresses_with_prefix({}) == addresses_with_prefix({"ips": [{}]}) == ()
