"""Network namespaces that play a node and its pods, for tests of CNI plugins without an engine. Needs root."""

import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockershim.network import CNINetwork, PodNetwork, netns

PLUGINS = Path("/usr/lib/cni")


def holder():
    """A process in a network namespace of its own; its path is the namespace."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE, process_group=0
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Host:
    """The namespace that plays the node: this very thread is in it while the test runs, and so are the plugins."""

    path: Path

    def run(self, *command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def spawn(self, *command):
        """A daemon in this namespace; `end` ends it."""
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)

    @property
    def links(self):
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link"))} - {"lo"}

    @property
    def rules(self):
        """Rules about a pod, of IPv4 and IPv6; the chains that plugins share among all pods are not of any."""
        shared = ("CNI-HOSTPORT", ":PREROUTING", ":INPUT", ":OUTPUT", ":POSTROUTING", ":FORWARD", ":CNI-", "-j CNI-")
        found = []
        for save in ("iptables-save", "ip6tables-save"):
            nat = self.run(save, "-t", "nat").splitlines()
            found += [line for line in nat if "CNI-" in line and not any(word in line for word in shared[:-2])]
            forward = self.run(save, "-t", "filter").splitlines()
            found += [line for line in forward if "CNI-" in line and not any(word in line for word in shared)]
        return found

    @property
    def leases(self):
        return {file.name for file in (self.path / "ipam").glob("*/*") if file.name[0].isdigit() or ":" in file.name}

    @property
    def records(self):
        return {file.name for file in (self.path / "cache").glob("results/*")}

    def configure(self, *plugins, name="pods", version="1.0.0", file="10-pods.conflist", directory="net.d", **more):
        directory = self.path / directory
        directory.mkdir(exist_ok=True)
        content = {"cniVersion": version, "name": name, "plugins": list(plugins), **more}
        (directory / file).write_text(json.dumps(content))

    def bridge(self, *subnets, **more):
        ranges = [[{"subnet": subnet}] for subnet in subnets or ("10.88.0.0/24",)]
        ipam = {"type": "host-local", "dataDir": str(self.path / "ipam"), "ranges": ranges}
        return {"type": "bridge", "bridge": "pwbr0", "isGateway": True, "ipMasq": True, "ipam": ipam} | more

    @property
    def left(self):
        """All that a pod may leave behind, save the bridge: links, rules, leases, records."""
        return self.links - {"pwbr0"}, self.rules, self.leases, self.records

    def script(self, name, body):
        """A plugin of ours. `$CONF` is what it is told, `passed` prints the result of the plugin before it."""
        directory = self.path / "bin"
        directory.mkdir(exist_ok=True)
        versions = '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'
        file = directory / name
        passed = """passed() { printf '%s' "$CONF" | sed 's/.*"prevResult"://; s/}$//'; }"""
        begin = f"if [ $CNI_COMMAND = VERSION ]; then echo '{versions}'; exit; fi\nCONF=$(cat)\n{passed}"
        file.write_text(f"#!/bin/sh\n{begin}\n{body}\n")
        file.chmod(0o755)
        return file

    async def network(self, directory="net.d", ready=True, **options):
        network = CNINetwork(self.path / directory, [self.path / "bin", PLUGINS], self.path / "cache", **options)
        await network.start()
        if ready:
            assert (await network.status()).ready, (await network.status()).message
        return network


PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}


def in_pod(pod, *command):
    pid = pod.netns.split("/")[2]
    result = subprocess.run(["nsenter", "-t", pid, "-n", *command], check=True, capture_output=True, text=True)
    return result.stdout


@contextlib.contextmanager
def playing_host(path: Path) -> Iterator[Host]:
    process = holder()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        netns._enter(f"/proc/{process.pid}/ns/net")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield Host(path)
    finally:
        netns._enter(f"/proc/self/fd/{home}")
        os.close(home)
        end(process)


class Pods:
    """Makes pods: a call is one that waits for its network."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, **more) -> PodNetwork:
        process = holder()
        self.processes.append(process)
        return PodNetwork(uuid.uuid4().hex, "web", "default", "uid-1", f"/proc/{process.pid}/ns/net", **more)

    def end(self) -> None:
        for process in self.processes:
            end(process)
