"""A node in distress: pods over their storage limits, a full disk, no API server, and at last a shutdown.

The kubelet's directory is on a small file system of the node's own, so that only this node's pods can fill it.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from kube import WAIT, Kube, agent_under_test, condition, eventually, is_ready, phase, pod, shell

from conformance.apiclient import Json
from conformance.cluster import Cluster
from tests.node.standin_logind import BUS_CONFIG

ROOT = "/run/kubelet-root"
MI = 2**20
COMMANDS, OVERRIDE = "/run/logind-commands", "/etc/systemd/logind.conf.d/99-kubelet.conf"
STANDIN = Path(__file__).parents[1] / "node" / "standin_logind.py"
ROOM_BYTES = 200 * MI
"""What may be used of the node's disk before it counts as full."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def distressed() -> AsyncIterator[Cluster]:
    # /run of a throw-away node is a tmpfs: half of the memory, and nobody else writes to it.
    capacity = os.sysconf("SC_PHYS_PAGES") // 2 * os.sysconf("SC_PAGE_SIZE")
    config = {
        "evictionHard": {"nodefs.available": str(capacity - ROOM_BYTES)},
        "evictionPressureTransitionPeriod": "10s",
        "shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "10s",
        "kubeReserved": {"memory": "96Mi", "pid": "1000"}, "systemReserved": {"memory": "32Mi", "cpu": "100m"},
    }
    async with Cluster(
        "distress", agent_under_test(), cluster_dns=False, kubelet_config=config, kubelet_args=(f"--root-dir={ROOT}",)
    ) as cluster:
        yield cluster


@pytest_asyncio.fixture
async def kube(distressed: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Kube]:
    async with distressed.client() as client:
        made = Kube(distressed, client, str(request.node.name).replace("_", "-")[:63].strip("-"))
        await made.create()
        yield made
        await client.delete(f"/api/v1/namespaces/{made.namespace}")


def writes(mebibytes: int, path: str) -> str:
    return f"dd if=/dev/zero of={path} bs=1M count={mebibytes} 2>/dev/null; {WAIT}"


def scratch(name: str, limit: str | None = None) -> Json:
    return {"name": name, "emptyDir": {"sizeLimit": limit} if limit else {}}


def on_scratch(name: str, script: str) -> Json:
    return shell("main", script, volumeMounts=[{"name": name, "mountPath": "/scratch"}])


async def test_what_is_reserved_is_kept_from_all_pods_together(kube: Kube) -> None:
    cluster = kube.cluster
    capacity = (await kube.get(f"nodes/{cluster.name}"))["status"]["capacity"]
    memory = int(capacity["memory"].removesuffix("Ki")) * 1024 - 128 * MI
    shares = (int(capacity["cpu"]) * 1000 - 100) * 1024 // 1000
    for file, expected in (("memory/kubepods/memory.limit_in_bytes", memory), ("cpu/kubepods/cpu.shares", shares)):
        assert int((await cluster.node.run(["cat", f"/sys/fs/cgroup/{file}"])).stdout) == expected
    assert (await cluster.node.run(["cat", "/proc/sys/vm/overcommit_memory"])).stdout == "1\n"
    event = await Kube(cluster, kube.client, "default").until_event(cluster.name, "NodeAllocatableEnforced")
    assert (event.kind, event.message) == ("Normal", "Updated Node Allocatable limit across pods")


async def test_pods_over_their_storage_limits_are_evicted(kube: Kube) -> None:
    limited = {"resources": {"limits": {"ephemeral-storage": "2Mi"}}}
    await kube.apply(
        pod("volume", on_scratch("v", writes(5, "/scratch/file")), volumes=[scratch("v", "3Mi")]),
        pod("layer", shell("main", writes(5, "/file"), **limited)),
        pod("within", on_scratch("v", writes(2, "/scratch/file")), volumes=[scratch("v", "3Mi")]),
    )
    expected = {
        "volume": 'Usage of EmptyDir volume "v" exceeds the limit "3Mi". ',
        "layer": "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
    }
    for name, message in expected.items():
        ended = await kube.until_pod(name, lambda p: phase(p) == "Failed")
        assert (ended["status"]["reason"], ended["status"]["message"]) == ("Evicted", message)
        assert condition(ended, "DisruptionTarget") is None
        event = await kube.until_event(name, "Evicted")
        assert (event.kind, event.message) == ("Warning", message)
    assert is_ready(await kube.get("pods/within"))


async def test_a_full_disk_costs_the_pod_that_filled_it(kube: Kube) -> None:
    node = f"nodes/{kube.cluster.name}"
    await kube.apply(pod("modest", on_scratch("v", writes(1, "/scratch/file")), volumes=[scratch("v")]))
    await kube.until_pod("modest", is_ready)
    late = pod("late", shell("main", WAIT))
    late["spec"]["nodeName"] = kube.cluster.name
    async with asyncio.TaskGroup() as group:
        pressed = group.create_task(kube.until(node, lambda n: condition(n, "DiskPressure") == "True"))
        hog = pod("hog", on_scratch("v", writes(ROOM_BYTES // MI + 50, "/scratch/file")), volumes=[scratch("v")])
        await kube.apply(hog)
        await pressed
        await kube.apply(late)
    refused = await kube.until_pod("late", lambda p: phase(p) == "Failed")
    assert (refused["status"]["reason"], refused["status"]["message"]) == (
        "Evicted", "Pod was rejected: The node had condition: [DiskPressure]. "
    )
    ended = await kube.until_pod("hog", lambda p: phase(p) == "Failed")
    assert ended["status"]["reason"] == "Evicted"
    assert re.match(
        r"The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. ",
        ended["status"]["message"],
    )
    disruption = next(c for c in ended["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    assert disruption["message"] == ended["status"]["message"]
    event = await kube.until_event("hog", "Evicted")
    assert event.object["metadata"]["annotations"]["starved_resource"] == "ephemeral-storage"
    # With its files gone the node recovers by itself, and the other pod never noticed.
    await kube.until(node, lambda n: condition(n, "DiskPressure") == "False")
    assert is_ready(await kube.get("pods/modest"))


def edit_as_vim_does(path: Path, text: str) -> None:
    """The file is moved away as a backup, written anew, and the backup deleted, among leavings of all kinds."""
    probe, swap, backup = path.with_name("4913"), path.with_name(f".{path.name}.swp"), path.with_name(f"{path.name}~")
    swap.write_text("b0VIM 9.0")
    probe.touch()
    probe.unlink()
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


async def test_static_pods_need_no_api_server(kube: Kube) -> None:
    """The kubelet starts while the API server is silent: the pod runs; its mirror comes when there is a server."""
    cluster, node = kube.cluster, kube.cluster.node
    manifest = pod("alone", on_scratch("v", f"echo one > /scratch/file; cat /scratch/file; {WAIT}"),
                   volumes=[scratch("v")])
    manifest["metadata"]["namespace"] = kube.namespace
    path, name = node.path("/etc/kubernetes/manifests/alone.yaml"), f"alone-{node.name}"
    server = cluster.control_plane.processes["kube-apiserver"]
    server.signal(signal.SIGSTOP)
    try:
        kubelet = cluster.agent.processes["kubelet"]
        kubelet.signal(signal.SIGKILL)
        await kubelet.wait(30)
        path.write_text(json.dumps(manifest))
        await cluster.agent.start_process("kubelet")

        async def runs() -> None:
            assert await running_containers(kube, name) == ["main"]

        await eventually(runs)
    finally:
        server.signal(signal.SIGCONT)
    first = await kube.until_pod(name, is_ready)
    assert await kube.logs(name) == "one\n"
    old = first["metadata"]["annotations"]["kubernetes.io/config.hash"]
    edit_as_vim_does(path, json.dumps(manifest).replace("echo one", "echo two"))
    await kube.until_pod(
        name, lambda p: bool(p) and p["metadata"]["annotations"]["kubernetes.io/config.hash"] != old and is_ready(p)
    )
    assert await kube.logs(name) == "two\n"
    path.unlink()
    await kube.until_gone(name)
    assert await running_containers(kube, name) == []


async def running_containers(kube: Kube, name: str) -> list[str]:
    """Names of the containers of a pod that the engine runs."""
    words = ["docker", "ps", "--filter", f"label=io.kubernetes.pod.name={name}", "--format",
             '{{.Label "io.kubernetes.docker.type"}} {{.Label "io.kubernetes.container.name"}}']
    lines = (await kube.cluster.node.run(words)).stdout.splitlines()
    return [line.split()[1] for line in lines if line.startswith("container ")]


class LoginService:
    """The stand-in for logind, on the node's system bus."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._node = cluster, cluster.node

    async def start(self) -> None:
        node = self._node
        node.path("/run/dbus").mkdir(exist_ok=True)
        node.path("/run/bus.conf").write_text(BUS_CONFIG.format(socket="/run/dbus/system_bus_socket"))
        await node.spawn(["dbus-daemon", "--config-file=/run/bus.conf", "--nofork"], name="bus")
        os.mkfifo(node.path(COMMANDS))
        command = [sys.executable, str(STANDIN), "unix:path=/run/dbus/system_bus_socket", OVERRIDE]
        await eventually(self._bus_is_there)
        await node.spawn(["sh", "-c", f'exec "$@" <>{COMMANDS}', "sh", *command], name="logind")

    async def _bus_is_there(self) -> None:
        assert self._node.path("/run/dbus/system_bus_socket").is_socket()

    def announce(self, what: str) -> None:
        self._node.path(COMMANDS).write_text(f"{what}\n")

    async def has_said(self, *lines: str) -> None:
        async def check() -> None:
            said = (self._node.logs / "logind.log").read_text().splitlines()
            assert [line for line in said if line in lines] == list(lines), said

        await eventually(check)


async def test_a_shutdown_ends_pods_in_their_order_and_waits_for_them(kube: Kube) -> None:
    """The last test of this node: what it ends stays ended."""
    node = f"nodes/{kube.cluster.name}"
    login = LoginService(kube.cluster)
    await login.start()
    await login.has_said("reloaded 30", "inhibited shutdown kubelet delay")
    slow = "trap 'sleep 1; exit 0' TERM; sleep 100000 & wait"
    fixed, manifest = f"fixed-{kube.cluster.name}", pod("fixed", shell("main", WAIT))
    manifest["metadata"]["namespace"] = kube.namespace
    kube.cluster.node.path("/etc/kubernetes/manifests/fixed.yaml").write_text(json.dumps(manifest))
    late = pod("late", shell("main", WAIT))
    late["spec"]["nodeName"] = kube.cluster.name
    await kube.apply(
        pod("plain", shell("main", slow), terminationGracePeriodSeconds=20),
        pod("critical", shell("main", WAIT), priorityClassName="system-node-critical"),
    )
    await kube.until_all(is_ready, "plain", "critical", fixed)
    async with kube.recording("pods/plain") as plain, kube.recording("pods/critical") as critical:
        login.announce("shutdown")
        down = await kube.until(node, lambda n: condition(n, "Ready") == "False")
        await kube.apply(late)
        await login.has_said("inhibited shutdown kubelet delay", "released")
    ready = next(c for c in down["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == ("KubeletNotReady", "node is shutting down")
    refused = await kube.until_pod("late", lambda p: phase(p) == "Failed")
    assert (refused["status"]["reason"], refused["status"]["message"]) == (
        "NodeShutdown", "Pod was rejected: Pod was rejected as the node is shutting down."
    )
    # Everything that was to be said of them was there when the machine was let go.
    for recording in (plain, critical):
        ended = recording.objects()[-1]
        assert (phase(ended), ended["status"]["reason"], ended["status"]["message"]) == (
            "Failed", "Terminated", "Pod was terminated in response to imminent node shutdown."
        )
        assert condition(ended, "DisruptionTarget") == "True"
    firsts = [next(e.at for e in r.events if phase(e.object) == "Failed") for r in (plain, critical)]
    assert firsts[0] < firsts[1]
    state = json.loads(kube.cluster.node.path(f"{ROOT}/graceful_node_shutdown_state").read_text())
    assert state["endTime"] > state["startTime"] > "2020"
    await kube.until_pod(fixed, lambda p: phase(p) == "Failed")
    login.announce("cancel")
    await kube.until(node, lambda n: condition(n, "Ready") == "True")
    await login.has_said("inhibited shutdown kubelet delay", "released", "inhibited shutdown kubelet delay")
    # As after the reboot: the agent starts, static pods live again, and those of the API server stay ended.
    await kube.cluster.restart_agent("kubelet", signal.SIGKILL)
    await kube.until_pod(fixed, is_ready)
    assert phase(await kube.get("pods/plain")) == "Failed"
