"""Debian's CNI plugins on real network namespaces that each test makes: a "host" and its "pods". Needs root."""

import asyncio
import functools
import ipaddress
import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from network_host import PORTMAP, end, in_pod

from dockershim.network import NetworkError, PluginDeadlineError, PluginError, PodNetwork, PortMapping, netns


async def test_bridge_host_local_portmap(host, pods):
    host.configure(host.bridge("10.88.0.0/24", "fd00:88::/64"), PORTMAP)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080), PortMapping("udp", 53, 15353)))
    result = await network.set_up(pod)
    assert result.ips == ("10.88.0.2", "fd00:88::2")
    assert await network.addresses(pod) == result.ips
    assert "UP" in in_pod(pod, "ip", "link", "show", "lo")
    assert "10.88.0.2" in in_pod(pod, "ip", "addr", "show", "eth0")
    with socket.create_server(("10.88.0.1", 0)) as server:
        await netns.visit(pod.netns, lambda: socket.create_connection(server.getsockname(), timeout=2).close())
    assert any("18080" in rule for rule in host.rules)
    assert host.records == {f"pods-{pod.sandbox_id}-eth0"}
    fresh = await host.network()  # a new process of ours knows it from the cache
    assert await fresh.addresses(pod) == result.ips
    (host.path / "cache" / "results" / f"pods-{pod.sandbox_id}-eth0").rename(host.path / "aside")
    fresh = await host.network()  # and without a cache from the namespace
    assert await fresh.addresses(pod) == result.ips
    (host.path / "aside").rename(host.path / "cache" / "results" / f"pods-{pod.sandbox_id}-eth0")

    await network.tear_down(pod)
    await network.tear_down(pod)
    await (await host.network()).tear_down(pod)
    assert (host.links, host.rules, host.leases, host.records) == ({"pwbr0"}, [], set(), set())


async def test_set_up_twice_is_once(host, pods):
    host.configure(host.bridge(), PORTMAP)
    network = await host.network()
    pod = pods()
    first = await network.set_up(pod)
    assert (await network.set_up(pod)).ips == first.ips
    assert (await (await host.network()).set_up(pod)).ips == first.ips
    assert host.leases == {"10.88.0.2"}


async def test_sandbox_that_was_restarted_gets_a_new_network(host, pods):
    host.configure(host.bridge(), PORTMAP)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),))
    await network.set_up(pod)
    again = replace(pod, netns=pods().netns)
    result = await network.set_up(again)
    assert host.leases == set(result.ips)
    await network.tear_down(again)
    assert (host.rules, host.leases, host.records) == ([], set(), set())


async def test_tear_down_when_the_pause_process_is_gone(host, pods):
    """bridge's DEL leaves its masquerading rules behind without the namespace: ours is still there, held open."""
    host.configure(host.bridge(), PORTMAP)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),))
    await network.set_up(pod)
    end(pods.processes[0])
    await network.tear_down(replace(pod, netns=""))
    assert (host.links, host.rules, host.leases, host.records) == ({"pwbr0"}, [], set(), set())


async def test_tear_down_when_both_the_pause_process_and_the_process_before_us_are_gone(host, pods):
    """As when a machine's engine and dockershim are killed: whoever comes next still has the namespace for DEL."""
    host.configure(host.bridge(), PORTMAP)
    pins = host.path / "netns"
    before = await host.network(pins_dir=pins)
    pod, kept, forgotten = pods(port_mappings=(PortMapping("tcp", 80, 18080),)), pods(), pods()
    for each in (pod, kept, forgotten):
        await before.set_up(each)
    for sandbox_id in (pod.sandbox_id, kept.sandbox_id, forgotten.sandbox_id):
        os.close(before._pins._held.pop(sandbox_id))  # as its end does
    end(pods.processes[0])
    end(pods.processes[2])
    after = await host.network(pins_dir=pins)
    await after.tear_down(replace(pod, netns=""))
    await after.collect_garbage({kept.sandbox_id})
    assert {entry.name for entry in pins.iterdir()} == {kept.sandbox_id}
    await after.tear_down(kept)
    assert (host.rules, host.leases, host.records, list(pins.iterdir())) == ([], set(), set(), [])
    assert str(pins) not in Path("/proc/self/mounts").read_text()


async def test_an_empty_file_in_place_of_a_namespace_is_none(host, pods):
    """What a reboot leaves."""
    pins = host.path / "netns"
    pins.mkdir()
    (pins / "gone").touch()
    held = netns.NamespacePins(pins)
    assert held.path("gone", "") == ""
    held.keep_only(())
    assert list(pins.iterdir()) == []


async def test_tear_down_by_a_new_process_without_namespace_after_the_configuration_changed(host, pods):
    host.configure(host.bridge(ipMasq=False), PORTMAP)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),))
    await network.set_up(pod)
    end(pods.processes[0])
    del network
    host.configure({"type": "ptp", "ipam": {"type": "static"}}, name="other")
    fresh = await host.network()
    await fresh.tear_down(replace(pod, netns="", port_mappings=()))
    assert (host.rules, host.leases, host.records) == ([], set(), set())


FAILURES = {
    "refuses": ("""[ $CNI_COMMAND = DEL ] && exit; echo '{"code":9,"msg":"no room"}'; exit 1""", "no room"),
    "crashes": ("[ $CNI_COMMAND = DEL ] && exit; kill -SEGV $$", "ended by SIGSEGV"),
    "garbage": ("[ $CNI_COMMAND = DEL ] && exit; echo this is not JSON", "not JSON"),
    "no address": ("""[ $CNI_COMMAND = DEL ] && exit; echo '{"cniVersion":"1.0.0"}'""", "no address"),
    "hangs": ("[ $CNI_COMMAND = DEL ] && exit; sleep 600", "did not end within 1 s"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_failed_add_leaves_nothing(host, pods, failure):
    body, expected = FAILURES[failure]
    host.script("broken", body)
    host.configure(host.bridge(), PORTMAP, {"type": "broken"})
    network = await host.network(deadline_seconds=1.0)
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),))
    with pytest.raises(PluginDeadlineError if failure == "hangs" else PluginError) as caught:
        await network.set_up(pod)
    assert str(caught.value).startswith(f"plugin type=\"broken\" failed (add) for sandbox '{pod.sandbox_id}': ")
    assert expected in str(caught.value)
    assert (host.links, host.rules, host.leases, host.records) == ({"pwbr0"}, [], set(), set())
    host.configure(host.bridge(), PORTMAP)
    await network._network.reload()
    assert (await network.set_up(pod)).ips  # nothing is in the way of another try


async def test_cancelled_add_leaves_nothing(host, pods):
    host.script("slow", "[ $CNI_COMMAND = DEL ] && exit; sleep 600")
    host.configure(host.bridge(), PORTMAP, {"type": "slow"})
    network = await host.network()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await network.set_up(pods())
    assert (host.links, host.rules, host.leases, host.records) == ({"pwbr0"}, [], set(), set())


async def test_roll_back_that_fails_is_recorded_and_collected_later(host, pods):
    host.script("broken", f"test -e {host.path}/repaired || exit 3")
    host.configure(host.bridge(), {"type": "broken"})
    network = await host.network()
    pod = pods()
    with pytest.raises(PluginError) as caught:
        await network.set_up(pod)
    assert "taking it down again failed too" in caught.value.__notes__[0]
    assert host.records
    (host.path / "repaired").touch()
    await network.collect_garbage([])
    assert (host.leases, host.records) == (set(), set())


async def test_garbage_of_dead_sandboxes_is_collected_and_the_living_kept(host, pods):
    host.configure(host.bridge(), PORTMAP)
    network = await host.network()
    dead, alive = pods(), pods()
    await network.set_up(dead)
    kept = await network.set_up(alive)
    await network.collect_garbage([alive.sandbox_id])
    assert (host.leases, host.records) == (set(kept.ips), {f"pods-{alive.sandbox_id}-eth0"})


async def test_namespace_that_is_gone_is_named(host, pods):
    host.configure(host.bridge())
    network = await host.network()
    with pytest.raises(NetworkError, match="/proc/0/ns/net: No such file"):
        await network.set_up(PodNetwork("s", "web", "default", "uid", "/proc/0/ns/net"))
    assert host.records == set()


async def test_changed_conflist_is_used_by_the_next_pod(host, pods):
    host.configure(host.bridge())
    network = await host.network()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(network.run())
        await asyncio.sleep(0.2)
        host.configure(host.bridge("10.99.0.0/24", bridge="pwbr1"), name="later", file="05-later.conflist")
        await asyncio.sleep(0.5)
        assert (await network.set_up(pods())).ips == ("10.99.0.2",)
        following.cancel()


def dual_stack(host):
    """The bridge with both families, and a host that forwards both; addresses are usable at once."""
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    host.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    bridge = host.bridge("fd00:88::/64", "10.88.0.0/24", hairpinMode=True)
    bridge["ipam"]["routes"] = routes
    host.configure(bridge, PORTMAP)


GATEWAYS = ["10.88.0.1", "fd00:88::1"]


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_host_ports_and_hairpin(host, pods, gateway):
    """From another pod, from the pod itself, and from the node, each by the node's address."""
    dual_stack(host)
    network = await host.network()
    pod, other = pods(port_mappings=(PortMapping("tcp", 80, 18080),)), pods()
    # The primary address is IPv4's, whatever the order in which plugins name them.
    assert (await network.set_up(pod)).ips == ("10.88.0.2", "fd00:88::2")
    await network.set_up(other)
    family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    wildcard = ("::" if ":" in gateway else "0.0.0.0", 80)
    server = await netns.visit(pod.netns, lambda: socket.create_server(wildcard, family=family))
    with server:
        server.settimeout(10)
        sources = []
        clients = [await netns.visit(one.netns, lambda: socket.socket(family)) for one in (other, pod)]
        for client in (*clients, socket.socket(family)):
            with client:
                client.settimeout(10)
                await asyncio.to_thread(client.connect, (gateway, 18080))
                accepted, source = server.accept()
                accepted.close()
                sources.append(source[0])
    # Who is a neighbour of the pod, or the pod itself, is masqueraded: answers would go past the translation.
    assert sources == [gateway] * 3
    ports = [link for link in json.loads(host.run("ip", "-d", "-j", "link")) if link["ifname"].startswith("veth")]
    assert [port["linkinfo"]["info_slave_data"]["hairpin"] for port in ports] == [True, True]
    await network.tear_down(pod)
    await network.tear_down(other)
    assert host.left == (set(), [], set(), set())


async def test_loopback_has_both_families(host, pods):
    host.configure(host.bridge())
    network = await host.network()
    pod = pods()
    assert "UP" not in in_pod(pod, "ip", "link", "show", "lo")
    await network.set_up(pod)
    shown = in_pod(pod, "ip", "-br", "address", "show", "lo")
    assert "127.0.0.1/8" in shown and "::1/128" in shown
    for address in ("127.0.0.1", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = functools.partial(socket.create_server, (address, 0), family=family)
        with await netns.visit(pod.netns, listening) as server:
            connecting = functools.partial(socket.create_connection, server.getsockname()[:2], timeout=5)
            (await netns.visit(pod.netns, connecting)).close()


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_stale_udp_connections_of_a_host_port_are_flushed(host, pods, gateway):
    dual_stack(host)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("udp", 53, 15353),))
    ips = (await network.set_up(pod)).ips
    address = ips[1] if ":" in gateway else ips[0]
    family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    table = ("conntrack", "-L", "-p", "udp", "-f", "ipv6" if ":" in gateway else "ipv4")
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.bind((gateway, 0))
        client.sendto(b"x", (gateway, 15353))
        client.sendto(b"x", (address, 9))
        listed = host.run(*table)
        assert "dport=15353" in listed and f"src={address}" in listed
        await network.tear_down(pod)
        listed = host.run(*table)
        assert "dport=15353" not in listed
        assert "dport=9 " in listed


TOPOLOGIES = {
    "ptp": lambda ipam: [{"type": "ptp", "ipMasq": True, "ipam": ipam}, PORTMAP],
    "macvlan": lambda ipam: [{"type": "macvlan", "master": "uplink0", "ipam": ipam}],
    "tuning": lambda ipam: [
        {"type": "bridge", "bridge": "pwbr0", "ipam": ipam},
        {"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.log_martians": "1"}, "mtu": 1400},
    ],
    "firewall": lambda ipam: [{"type": "bridge", "bridge": "pwbr0", "ipam": ipam}, {"type": "firewall"}],
    "bandwidth": lambda ipam: [
        {"type": "bridge", "bridge": "pwbr0", "ipam": ipam},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
    ],
    "sbr": lambda ipam: [{"type": "bridge", "bridge": "pwbr0", "isGateway": True, "ipam": ipam}, {"type": "sbr"}],
    "static": lambda _ipam: [
        {
            "type": "bridge",
            "bridge": "pwbr0",
            "capabilities": {"ips": True},
            "ipam": {"type": "static"},
        }
    ],
}


@pytest.mark.parametrize("topology", TOPOLOGIES)
async def test_each_plugin_gives_and_takes(host, pods, topology):
    ipam = {"type": "host-local", "dataDir": str(host.path / "ipam"), "ranges": [[{"subnet": "10.88.0.0/24"}]]}
    host.run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1")
    host.run("ip", "link", "set", "uplink0", "up")
    host.configure(*TOPOLOGIES[topology](ipam))
    network = await host.network()
    annotations = {"kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "10M"}
    pod = pods(annotations=annotations | {"podwright.dev/pod-ips": "10.88.0.2/24"})
    before = host.links
    assert (await network.set_up(pod)).ips == ("10.88.0.2",)
    assert "10.88.0.2" in in_pod(pod, "ip", "addr", "show", "eth0")
    if topology == "tuning":
        assert "mtu 1400" in in_pod(pod, "ip", "link", "show", "eth0")
    if topology == "bandwidth":
        assert "tbf" in host.run("tc", "qdisc")
    if topology == "sbr":
        assert "from 10.88.0.2 lookup 100" in in_pod(pod, "ip", "rule")
        assert "10.88.0.0/24" in in_pod(pod, "ip", "route", "show", "table", "100")
    else:  # sbr moves away a route that bridge then looks for
        await network.check(pod)
    await network.tear_down(pod)
    assert (host.links - {"pwbr0"}, host.leases, host.records) == (before, set(), set())


async def test_host_device_is_given_back(host, pods):
    host.run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")
    ipam = {"type": "static", "addresses": [{"address": "10.88.0.9/24"}]}
    host.configure({"type": "host-device", "device": "nic0", "ipam": ipam})
    network = await host.network()
    pod = pods()
    assert (await network.set_up(pod)).ips == ("10.88.0.9",)
    assert host.links == {"nic1"}
    await network.tear_down(pod)
    assert host.links == {"nic0", "nic1"}


async def test_dhcp_leases_are_taken_and_given_back(host, pods):
    """Of a server on the bridge, by the plugin's daemon."""
    host.run("ip", "link", "add", "pwbr0", "type", "bridge")
    host.run("ip", "address", "add", "10.88.0.1/24", "dev", "pwbr0")
    host.run("ip", "link", "set", "pwbr0", "up")
    leases, daemon_socket = host.path / "leases", host.path / "dhcp.sock"
    leases.touch()
    (host.path / "udhcpd.conf").write_text(
        f"start 10.88.0.100\nend 10.88.0.120\ninterface pwbr0\nlease_file {leases}\npidfile {host.path}/pid\n"
        "option subnet 255.255.255.0\noption router 10.88.0.1\n"
    )
    daemons = [
        host.spawn("busybox", "udhcpd", "-f", "-a", "50", str(host.path / "udhcpd.conf")),
        host.spawn("/usr/lib/cni/dhcp", "daemon", "-socketpath", str(daemon_socket)),
    ]
    try:
        async with asyncio.timeout(20):
            while not daemon_socket.exists():  # noqa: ASYNC110 (made by another process)
                await asyncio.sleep(0.02)
        ipam = {"type": "dhcp", "daemonSocketPath": str(daemon_socket)}
        host.configure({"type": "bridge", "bridge": "pwbr0", "ipam": ipam})
        network = await host.network()
        pod = pods()
        (address,) = (await network.set_up(pod)).ips
        assert ipaddress.ip_address("10.88.0.100") <= ipaddress.ip_address(address)
        assert f"{address}/24" in in_pod(pod, "ip", "address", "show", "eth0")
        assert "default via 10.88.0.1" in in_pod(pod, "ip", "route")
        await network.check(pod)
        await network.tear_down(pod)
        assert host.left == (set(), [], set(), set())
    finally:
        for daemon in daemons:
            end(daemon)


async def test_loopback_as_a_plugin_of_the_chain(host, pods):
    """Needless, since `lo` is always up, and found in configurations all the same."""
    host.configure(host.bridge(), {"type": "loopback"})
    network = await host.network()
    pod = pods()
    assert (await network.set_up(pod)).ips[-1] == "10.88.0.2"
    await network.tear_down(pod)
    assert host.left == (set(), [], set(), set())
