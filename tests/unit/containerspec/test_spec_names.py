"""Host names, hosts files, resolver settings, labels: everything of a pod that is text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelet.api.codec import convert
from kubelet.api.types import Container, HostAlias, Pod
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.dns import (
    MAX_SEARCH_CHARS,
    ResolvConf,
    ResolvConfError,
    check_host_limits,
    parse_resolv_conf,
    pod_dns,
)
from kubelet.containerspec.errors import SandboxConfigError
from kubelet.containerspec.hostname import hostname_and_domain, kernel_hostname
from kubelet.containerspec.hosts import host_network_hosts, managed_hosts
from kubelet.containerspec.labels import container_annotations, container_hash, container_labels, sandbox_labels


def make_pod(name: str = "web", **spec: Any) -> Pod:
    return convert({"metadata": {"name": name, "namespace": "shop", "uid": "u-1"}, "spec": spec}, Pod)


def context(**facts: Any) -> NodeContext:
    from pathlib import Path

    return NodeContext(node_name="n1", root_dir=Path("/var/lib/kubelet"), **facts)


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("web", {}, ("web", "")),
        ("web", {"hostname": "db"}, ("db", "")),
        ("web", {"hostname": "db", "subdomain": "peers"}, ("db", "peers.shop.svc.cluster.local")),
        ("web", {"subdomain": "peers"}, ("web", "peers.shop.svc.cluster.local")),
        ("web", {"hostnameOverride": "a.b.example.org", "hostname": "db", "subdomain": "s"}, ("a.b.example.org", "")),
        ("a" * 70, {}, ("a" * 63, "")),
        ("a" * 61 + "-.bcdef", {}, ("a" * 61, "")),
    ],
)
def test_hostname_and_domain(name: str, spec: dict[str, Any], expected: tuple[str, str]) -> None:
    assert hostname_and_domain(make_pod(name, **spec), "cluster.local") == expected


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hostname": "Bad_Name"}, 'pod Hostname "Bad_Name" is not a valid DNS label'),
        ({"subdomain": "x" * 64}, "is not a valid DNS label"),
        ({"hostnameOverride": "-a"}, 'pod HostnameOverride "-a" is not a valid DNS subdomain'),
    ],
)
def test_names_that_are_no_dns_names(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(SandboxConfigError, match=words.replace("(", r"\(")):
        hostname_and_domain(make_pod(**spec), "cluster.local")


def test_fqdn_as_hostname() -> None:
    pod = make_pod(hostname="db", subdomain="peers", setHostnameAsFQDN=True)
    assert kernel_hostname(pod, "cluster.local") == "db.peers.shop.svc.cluster.local"
    assert kernel_hostname(make_pod(setHostnameAsFQDN=True), "cluster.local") == "web"
    with pytest.raises(SandboxConfigError, match=r"is too long \(64 characters is the max, 85 characters requested\)"):
        kernel_hostname(make_pod(hostname="d" * 56, subdomain="peers", setHostnameAsFQDN=True), "cluster.local")


def test_managed_hosts_file() -> None:
    aliases = (HostAlias(ip="10.1.1.1", hostnames=("a", "b")), HostAlias(ip="10.1.1.2", hostnames=("c",)))
    assert managed_hosts(["10.0.0.5", "fd00::5"], "db", "peers.shop.svc.cluster.local", aliases) == (
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
        "10.0.0.5\tdb.peers.shop.svc.cluster.local\tdb\nfd00::5\tdb.peers.shop.svc.cluster.local\tdb\n"
        "\n# Entries added by HostAliases.\n10.1.1.1\ta\tb\n10.1.1.2\tc\n"
    )
    assert managed_hosts(["10.0.0.5"], "web", "", ()).endswith("ip6-allrouters\n10.0.0.5\tweb\n")
    assert host_network_hosts("127.0.0.1 me\n", aliases[1:]) == (
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n\n# Entries added by HostAliases.\n"
        "10.1.1.2\tc\n"
    )


def test_parse_resolv_conf() -> None:
    text = (
        "# comment\nnameserver 1.1.1.1\n nameserver 2.2.2.2\nsearch old.example\nsearch a.example. b.example .\n"
        "options ndots:3 rotate\noptions ndots:7\n"
    )
    assert parse_resolv_conf(text) == ResolvConf(
        ("1.1.1.1", "2.2.2.2"), ("a.example", "b.example"), ("ndots:7", "rotate")
    )
    with pytest.raises(ResolvConfError, match="nameserver list is empty"):
        parse_resolv_conf("nameserver\n")


HOST = ResolvConf(("9.9.9.9",), ("host.example",), ("timeout:1",))
CLUSTER_SEARCH = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "host.example"]


@pytest.mark.parametrize(
    ("spec", "servers", "searches", "options"),
    [
        ({"dnsPolicy": "ClusterFirst"}, ["10.96.0.10"], CLUSTER_SEARCH, ["ndots:5"]),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, ["9.9.9.9"], ["host.example"], ["timeout:1"]),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, ["10.96.0.10"], CLUSTER_SEARCH, ["ndots:5"]),
        ({"dnsPolicy": "Default"}, ["9.9.9.9"], ["host.example"], ["timeout:1"]),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["1.2.3.4"],
                    "searches": ["x.y"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                },
            },
            ["1.2.3.4"],
            ["x.y"],
            ["ndots:2", "edns0"],
        ),
        (
            {
                "dnsPolicy": "ClusterFirst",
                "dnsConfig": {
                    "nameservers": ["10.96.0.10", "8.8.8.8"],
                    "searches": ["host.example"],
                    "options": [{"name": "ndots", "value": "1"}],
                },
            },
            ["10.96.0.10", "8.8.8.8"],
            CLUSTER_SEARCH,
            ["ndots:1"],
        ),
    ],
)
def test_dns_policies(spec: dict[str, Any], servers: list[str], searches: list[str], options: list[str]) -> None:
    config, warnings = pod_dns(
        make_pod(**spec), HOST, context(cluster_dns=("10.96.0.10",), cluster_domain="cluster.local")
    )
    assert (list(config.servers), list(config.searches), list(config.options)) == (servers, searches, options)
    assert warnings == ()


def test_missing_cluster_dns_falls_back_and_says_so() -> None:
    config, warnings = pod_dns(make_pod(dnsPolicy="ClusterFirst"), HOST, context())
    text = (
        'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
        'Falling back to "Default" policy.'
    )
    assert list(config.servers) == ["9.9.9.9"]
    assert [(warning.reason, warning.message, warning.about_node) for warning in warnings] == [
        ("MissingClusterDNS", text, True),
        ("MissingClusterDNS", f'pod: "web_shop(u-1)". {text}', False),
    ]


def test_no_resolver_at_all() -> None:
    config, _ = pod_dns(
        make_pod(dnsPolicy="Default"), ResolvConf(), context(resolv_conf=None, node_ips=("10.0.0.1", "fd00::1"))
    )
    assert (list(config.servers), list(config.searches)) == (["127.0.0.1", "::1"], ["."])


def test_limits_are_cut_and_reported() -> None:
    host = ResolvConf(("1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"), tuple(f"d{i}" for i in range(40)))
    config, warnings = pod_dns(make_pod(dnsPolicy="Default"), host, context())
    assert list(config.servers) == ["1.1.1.1", "2.2.2.2", "3.3.3.3"]
    assert len(config.searches) == 32
    assert [warning.message for warning in warnings] == [
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
        "1.1.1.1 2.2.2.2 3.3.3.3",
        "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
        + " ".join(f"d{i}" for i in range(32)),
    ]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc.", min_size=1, max_size=260), max_size=45, unique=True))
def test_searches_always_fit(searches: list[str]) -> None:
    config, warnings = pod_dns(make_pod(dnsPolicy="Default"), ResolvConf((), tuple(searches)), context())
    assert len(config.searches) <= 32 and len(" ".join(config.searches)) <= MAX_SEARCH_CHARS
    assert all(len(path) <= 253 for path in config.searches)
    assert bool(warnings) == (list(config.searches) != searches)


def test_host_limits_are_checked() -> None:
    assert check_host_limits(context(), "search a b c\n") is None
    warning = check_host_limits(context(cluster_domain="c.l"), "search " + " ".join(f"d{i}" for i in range(30)))
    assert warning is not None and warning.message == (
        "Resolv.conf file '/etc/resolv.conf' contains search line consisting of more than 29 domains!"
    )


def test_container_hash_is_upstreams() -> None:
    """The value of TestConsistentHashContainer in pkg/kubelet/container/container_hash_test.go."""
    assert container_hash(Container(name="test_container", image="foo/image:v1")) == "8e45cbd0"


def test_labels_and_annotations() -> None:
    pod = convert(
        {
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u-1",
                "labels": {"app": "x", "io.kubernetes.pod.name": "forged"},
                "deletionGracePeriodSeconds": 5,
            },
            "spec": {
                "terminationGracePeriodSeconds": 30,
                "containers": [
                    {
                        "name": "c",
                        "image": "i",
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "ports": [{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}],
                        "lifecycle": {"preStop": {"exec": {"command": ["/bin/true"]}}},
                    }
                ],
            },
        },
        Pod,
    )
    container = pod.spec.containers[0]
    assert sandbox_labels(pod) == {
        "app": "x",
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "u-1",
    }
    assert container_labels(pod, container)["io.kubernetes.container.name"] == "c"
    assert container_annotations(pod, container, 3) == {
        "io.kubernetes.container.hash": container_hash(container),
        "io.kubernetes.container.restartCount": "3",
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.pod.deletionGracePeriod": "5",
        "io.kubernetes.pod.terminationGracePeriod": "30",
        "io.kubernetes.container.preStopHandler": '{"exec":{"command":["/bin/true"]}}',
        "io.kubernetes.container.ports": '[{"containerPort":80,"hostPort":8080,"protocol":"TCP"}]',
    }
