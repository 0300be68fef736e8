"""Run inside the emulated machine, whose kernel has what test machines lack: CNI plugins that need ipvlan, vlan or vrf.

Prints one JSON object: per topology what a pod got, whether it reached its peer, and what its end left behind.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from network_host import Host, Pods, in_pod, playing_host


def chain(host: Host, topology: str) -> list[dict[str, Any]]:
    ipam = host.bridge()["ipam"]
    if topology == "vlan":
        return [{"type": "vlan", "master": "uplink0", "vlanId": 5, "ipam": ipam}]
    if topology == "vrf":
        return [host.bridge(), {"type": "vrf", "vrfname": "blue"}]
    return [{"type": "ipvlan", "master": "uplink0", "mode": topology.removeprefix("ipvlan-"), "ipam": ipam}]


def reaches(pod: Any, address: str, *options: str) -> bool:
    try:
        in_pod(pod, "busybox", "ping", "-c", "1", "-W", "20", *options, address)
    except subprocess.CalledProcessError as error:
        print(topology_error(error), file=sys.stderr)
        return False
    return True


def topology_error(error: subprocess.CalledProcessError) -> str:
    return f"{error.cmd}: {error.stdout} {error.stderr}"


async def try_out(host: Host, topology: str) -> dict[str, Any]:
    pods = Pods()
    host.run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1")
    for link in ("uplink0", "uplink1"):
        host.run("ip", "link", "set", link, "up")
    host.configure(*chain(host, topology))
    network = await host.network()
    try:
        peer, pod = pods(), pods()
        if topology == "vlan":  # the peer is beyond the wire, where frames of that number alone are heard
            pid = peer.netns.split("/")[2]
            host.run("ip", "link", "add", "link", "uplink1", "name", "tagged", "type", "vlan", "id", "5")
            host.run("ip", "link", "set", "tagged", "netns", pid)
            in_pod(peer, "ip", "address", "add", "10.88.0.200/24", "dev", "tagged")
            in_pod(peer, "ip", "link", "set", "tagged", "up")
            target = "10.88.0.200"
        else:
            (target,) = (await network.set_up(peer)).ips
        (address,) = (await network.set_up(pod)).ips
        if topology != "vrf":  # it moves routes away that bridge then looks for
            await network.check(pod)
        (link,) = json.loads(in_pod(pod, "ip", "-d", "-j", "link", "show", "eth0"))
        told = {
            "address": address,
            "kind": link["linkinfo"].get("info_kind"),
            "data": link["linkinfo"].get("info_data", {}),
            "master": link.get("master"),
            "reaches": reaches(pod, target, *(["-I", "blue"] if topology == "vrf" else [])),
        }
        await network.tear_down(pod)
        await network.tear_down(peer)
        links, rules, leases, records = host.left
        return told | {"left": [sorted(links - {"uplink0", "uplink1"}), rules, sorted(leases), sorted(records)]}
    finally:
        pods.end()


async def main() -> None:
    told = {}
    for topology in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory, playing_host(Path(directory)) as host:
            told[topology] = await try_out(host, topology)
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
