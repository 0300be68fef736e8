"""What plugins are told, by version of CNI: verbs, capabilities, chains, and plugins that hand over to others. Root."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from network_host import PORTMAP, Host, Pods, end, in_pod

from dockershim.network import NetworkError, PluginError, PodNetwork, PortMapping
from dockershim.network.model import DNSConfig

CLEAN = (set(), [], set(), set())
STAND_INS = Path(__file__).with_name("cni_stand_ins.py")
ADDRESS = {"cniVersion": "1.1.0", "ips": [{"address": "10.66.0.2/24"}]}
ANNOTATIONS = {"kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "20M"}


class Recorded:
    """Calls of the stand-ins, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def calls(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    @property
    def verbs(self) -> list[str]:
        return [call["verb"] for call in self.calls]


@pytest.fixture
def recorded(host: Host, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Puts the stand-ins beside Debian's plugins."""
    (host.path / "bin").mkdir()
    for name in ("flannel", "calico", "calico-ipam", "record"):
        shutil.copy(STAND_INS, host.path / "bin" / name)
        (host.path / "bin" / name).write_text("#!/usr/bin/python3 -IS\n" + STAND_INS.read_text())
        (host.path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("STAND_IN_RECORD", str(host.path / "record"))
    monkeypatch.setenv("STAND_IN_IPAM", str(host.path / "ipam"))
    return Recorded(host.path / "record")


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0"])
async def test_each_version_with_real_plugins(host: Host, pods: Pods, version: str) -> None:
    """Those before 0.3 have no chains and results of another form."""
    is_chain = version >= "0.3"
    bandwidth = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
    subnets = ("10.88.0.0/24", "fd00:88::/64") if is_chain else ("10.88.0.0/24",)
    ips = ("10.88.0.2", "fd00:88::2")[: len(subnets)]
    host.configure(host.bridge(*subnets), *([PORTMAP, bandwidth] if is_chain else []), version=version)
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),), annotations=ANNOTATIONS)
    assert (await network.set_up(pod)).ips == ips
    record = json.loads((host.path / "cache" / "results" / f"pods-{pod.sandbox_id}-eth0").read_bytes())
    assert record["result"]["cniVersion"] == version
    assert ("ip4" in record["result"]) is not is_chain
    assert any("18080" in rule for rule in host.rules) is is_chain
    if version >= "0.4":  # not with host ports: Debian's portmap looks for rules that it has never made
        plain = pods(annotations=ANNOTATIONS)
        await network.set_up(plain)
        await network.check(plain)
        await network.tear_down(plain)
    again = await host.network()
    assert await again.addresses(pod) == ips
    await again.tear_down(pod)
    await network.tear_down(pod)
    assert host.left == CLEAN


async def test_the_newest_version_that_all_real_plugins_speak(host: Host, pods: Pods, recorded: Recorded) -> None:
    """Debian's stop at 1.0; the stand-in speaks 1.1."""
    host.configure(host.bridge(), {"type": "record"}, version="0.4.0", cniVersions=["1.1.0", "1.0.0"])
    network = await host.network()
    pod = pods()
    await network.set_up(pod)
    host.configure(host.bridge(), version="0.4.0")
    await (await host.network()).tear_down(pod)
    assert [(call["verb"], call["conf"]["cniVersion"]) for call in recorded.calls] == [
        ("ADD", "1.0.0"), ("DEL", "1.0.0")]  # fmt: skip
    assert host.left == CLEAN


async def test_verbs_of_1_1(host: Host, pods: Pods, recorded: Recorded) -> None:
    main = {"type": "record", "result": ADDRESS, "keyword": [1]}
    host.configure(main, {"type": "record"}, version="1.1.0")
    network = await host.network()  # which asks for the status
    pod, unrecorded = pods(), pods()
    await network.set_up(pod)
    await network.check(pod)
    (host.path / "cache" / "results" / "pods-leaked-eth0").write_text("")
    assert await network.collect_garbage([pod.sandbox_id, unrecorded.sandbox_id])
    await network.tear_down(pod)
    assert recorded.verbs == [
        "STATUS", "STATUS", "ADD", "ADD", "CHECK", "CHECK", "DEL", "DEL", "GC", "GC", "DEL", "DEL"]  # fmt: skip
    status, _, add, second_add, check, second_check, leak, _, gc, _, delete, _ = recorded.calls
    assert status["env"] == {"CNI_COMMAND": "STATUS", "CNI_PATH": f"{host.path}/bin:/usr/lib/cni"}
    assert status["conf"] == main | {"name": "pods", "cniVersion": "1.1.0"}
    assert add["conf"] == status["conf"]
    assert add["env"] == {
        "CNI_COMMAND": "ADD", "CNI_PATH": f"{host.path}/bin:/usr/lib/cni", "CNI_CONTAINERID": pod.sandbox_id,
        "CNI_NETNS": pod.netns, "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;"
        f"K8S_POD_INFRA_CONTAINER_ID={pod.sandbox_id};K8S_POD_UID=uid-1",
    }  # fmt: skip
    for call in (second_add, check, second_check, delete):
        assert call["conf"]["prevResult"] == ADDRESS
    assert leak["env"]["CNI_CONTAINERID"] == "leaked"
    assert gc["env"] == {"CNI_COMMAND": "GC", "CNI_PATH": f"{host.path}/bin:/usr/lib/cni"}
    valid = gc["conf"]["cni.dev/valid-attachments"]
    # Also that of a sandbox whose record was lost: it is alive, and a plugin would drop its address.
    wanted = [{"containerID": one.sandbox_id, "ifname": "eth0"} for one in (pod, unrecorded)]
    assert sorted(valid, key=str) == sorted(wanted, key=str)
    assert gc["conf"]["cni.dev/attachments"] == valid


async def test_status_and_gc_that_fail_are_told(host: Host, recorded: Recorded, caplog) -> None:
    host.configure({"type": "record", "fail": {"STATUS": "agent is down"}}, version="1.1.0")
    network = await host.network(ready=False)
    message = (await network.status()).message
    assert message.endswith('network plugin is not ready: plugin type="record" failed (status): agent is down')
    host.configure({"type": "record", "fail": {"GC": "too busy"}}, version="1.1.0")
    network = await host.network()
    assert not await network.collect_garbage([])
    assert 'plugin type="record" failed (gc): too busy' in caplog.text


async def test_what_a_list_turns_off_is_not_asked(host: Host, pods: Pods, recorded: Recorded) -> None:
    plugin = {"type": "record", "result": ADDRESS, "fail": {"CHECK": "never"}}
    host.configure(plugin, version="1.1.0", disableCheck=True, disableGC=True)
    network = await host.network()
    pod = pods()
    await network.set_up(pod)
    await network.check(pod)
    assert await network.collect_garbage([])
    assert recorded.verbs == ["STATUS", "ADD", "DEL"]


async def test_a_network_that_fails_its_check_is_made_anew(host: Host, pods: Pods) -> None:
    """When a set-up is repeated, as after the dockershim was killed between ADD and its answer."""
    host.configure(host.bridge(ipMasq=False))
    pod = pods()
    first = await (await host.network()).set_up(pod)
    assert (await (await host.network()).set_up(pod)).ips == first.ips
    in_pod(pod, "ip", "route", "flush", "dev", "eth0")
    in_pod(pod, "ip", "address", "add", "10.88.0.77/24", "dev", "eth0")
    in_pod(pod, "ip", "address", "del", f"{first.ips[0]}/24", "dev", "eth0")
    network = await host.network()
    with pytest.raises(PluginError, match=r'type="bridge" failed \(check\)'):
        await network.check(pod)
    again = await network.set_up(pod)
    assert again.ips != first.ips
    await network.check(pod)
    await network.tear_down(pod)
    assert host.left == CLEAN


async def test_capabilities_reach_those_that_opt_in(host: Host, pods: Pods, recorded: Recorded) -> None:
    names = ("portMappings", "bandwidth", "dns", "ips", "ipRanges", "mac", "infinibandGUID", "cgroupPath",
             "io.kubernetes.cri.pod-annotations")  # fmt: skip
    main = {"type": "record", "result": ADDRESS, "capabilities": dict.fromkeys(names, True)}
    host.configure(main, {"type": "record"}, {"type": "record", "capabilities": {"mac": True, "dns": False}})
    network = await host.network(ready=False)
    assert (await network.status()).message.endswith("no PodCIDR set")
    await network.set_pod_cidr("10.66.0.0/24,fd00:66::/64")
    annotations = ANNOTATIONS | {
        "podwright.dev/pod-ips": "10.66.0.2/24", "podwright.dev/pod-mac": "0a:58:0a:42:00:02",
        "podwright.dev/pod-infiniband-guid": "24:8a:07:03:00:8d:ae:2e",
    }  # fmt: skip
    pod = pods(
        port_mappings=(PortMapping("TCP", 80, 18080, "127.0.0.1"),), annotations=annotations,
        cgroup_parent="/kubepods/pod1", dns=DNSConfig(("10.96.0.10",), ("svc.local",), ("ndots:5",)),
    )  # fmt: skip
    await network.set_up(pod)
    # DEL gets the same from the cache, also by a process that does not know them.
    await (await host.network()).tear_down(PodNetwork(pod.sandbox_id, "", "", "", pod.netns))
    wanted = {
        "portMappings": [{"hostPort": 18080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"}],
        "bandwidth": {"ingressRate": 10**7, "ingressBurst": 2**31 - 1, "egressRate": 2 * 10**7,
                      "egressBurst": 2**31 - 1},
        "dns": {"servers": ["10.96.0.10"], "searches": ["svc.local"], "options": ["ndots:5"]},
        "ips": ["10.66.0.2/24"], "ipRanges": [[{"subnet": "10.66.0.0/24"}], [{"subnet": "fd00:66::/64"}]],
        "mac": "0a:58:0a:42:00:02", "infinibandGUID": "24:8a:07:03:00:8d:ae:2e", "cgroupPath": "/kubepods/pod1",
        "io.kubernetes.cri.pod-annotations": annotations,
    }  # fmt: skip
    told = [call["conf"].get("runtimeConfig") for call in recorded.calls]
    mac = {"mac": wanted["mac"]}
    assert told == [wanted, None, mac, mac, None, wanted]


async def test_an_annotation_that_is_nonsense_is_refused_and_can_be_torn_down(host: Host, pods: Pods) -> None:
    host.configure(host.bridge())
    network = await host.network()
    pod = pods(annotations={"kubernetes.io/ingress-bandwidth": "fast"})
    with pytest.raises(NetworkError, match=r"annotation kubernetes\.io/ingress-bandwidth: 'fast' is not a rate"):
        await network.set_up(pod)
    await network.tear_down(pod)
    assert host.left == CLEAN


def write_subnet_env(host: Host) -> None:
    (host.path / "subnet.env").write_text(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_IPV6_NETWORK=fd00:244::/48\n"
        "FLANNEL_IPV6_SUBNET=fd00:244:0:3::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
    )


async def test_as_flannel_hands_over(host: Host, pods: Pods, recorded: Recorded) -> None:
    """kube-flannel's conflist: bridge and host-local by way of flannel, whose daemon may come up late."""
    flannel = {
        "type": "flannel", "subnetFile": str(host.path / "subnet.env"), "dataDir": str(host.path / "flannel"),
        "delegate": {"bridge": "pwbr0", "hairpinMode": True, "isDefaultGateway": True},
    }  # fmt: skip
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    host.configure(flannel, portmap, name="cbr0", version="0.3.1")
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),))
    with pytest.raises(PluginError, match=r'"flannel" failed \(add\) .*subnet\.env: no such file'):
        await network.set_up(pod)
    write_subnet_env(host)
    assert (await network.set_up(pod)).ips == ("10.244.3.2", "fd00:244:0:3::2")
    assert "mtu 1450" in in_pod(pod, "ip", "link", "show", "eth0")
    assert "default via 10.244.3.1" in in_pod(pod, "ip", "route")
    assert "10.244.0.0/16 via 10.244.3.1" in in_pod(pod, "ip", "route")
    assert len([rule for rule in host.rules if "18080" in rule]) >= 2  # of both families
    end(pods.processes[0])
    network._pins.release(pod.sandbox_id)
    await (await host.network()).tear_down(replace(pod, netns="", port_mappings=()))
    assert list((host.path / "flannel").iterdir()) == []
    leases = {file.name for file in (host.path / "flannel-ipam").glob("*/*") if file.name[0] in "1f"}
    assert (leases, host.rules, host.records) == (set(), [], set())


async def test_as_calicos_configuration_is(host: Host, pods: Pods, recorded: Recorded) -> None:
    """Its keys reach it untouched, its IPAM plugin is found, and the plugins behind it see its result."""
    calico = {
        "type": "calico", "log_level": "info", "log_file_path": "/var/log/calico/cni/cni.log",
        "datastore_type": "kubernetes", "nodename": "node-1", "nodename_file_optional": True, "mtu": 1440,
        "ipam": {"type": "calico-ipam", "assign_ipv4": "true"}, "policy": {"type": "k8s"},
        "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"},
        "container_settings": {"allow_ip_forwarding": False}, "feature_control": {"floating_ips": True},
    }  # fmt: skip
    host.configure(
        calico, {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
        {"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.log_martians": "1"}}, {"type": "record"},
        name="k8s-pod-network", version="0.3.1",
    )  # fmt: skip
    network = await host.network()
    pod = pods(port_mappings=(PortMapping("tcp", 80, 18080),), annotations=ANNOTATIONS)
    (address,) = (await network.set_up(pod)).ips
    assert address.startswith("192.168.7.")
    assert "mtu 1440" in in_pod(pod, "ip", "link", "show", "eth0")
    assert in_pod(pod, "cat", "/proc/sys/net/ipv4/conf/eth0/log_martians").strip() == "1"
    assert "tbf" in host.run("tc", "qdisc")
    first, ipam, last = recorded.calls
    assert first["conf"] == calico | {"name": "k8s-pod-network", "cniVersion": "0.3.1"}
    assert (ipam["plugin"], ipam["conf"]["ipam"]) == ("calico-ipam", calico["ipam"])
    for call in (first, ipam):
        arguments = dict(pair.split("=") for pair in call["env"]["CNI_ARGS"].split(";"))
        assert arguments == {
            "IgnoreUnknown": "1", "K8S_POD_NAMESPACE": "default", "K8S_POD_NAME": "web", "K8S_POD_UID": "uid-1",
            "K8S_POD_INFRA_CONTAINER_ID": pod.sandbox_id,
        }  # fmt: skip
    assert address in json.dumps(last["conf"]["prevResult"]["ips"])
    await network.tear_down(pod)
    assert [call["plugin"] for call in recorded.calls[3:]] == ["record", "calico", "calico-ipam"]
    assert host.left == CLEAN


def test_the_stand_ins_import_nothing_of_ours() -> None:
    assert "import dockershim" not in STAND_INS.read_text() and os.access("/usr/bin/python3", os.X_OK)
