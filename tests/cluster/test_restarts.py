"""Agents come and go; the pods of the node do not notice. Without the engine the node says so, and recovers with it."""

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from kube import (
    WAIT,
    Kube,
    agent_under_test,
    condition,
    container_status,
    is_ready,
    of_peer,
    phase,
    pod,
    restarts,
    shell,
    web,
)

from conformance.apiclient import Json
from conformance.cluster import Cluster
from conformance.throwaway import NodeProcess

# A hundred lines in a second or so, each with its number.
WRITER = "i=0; while :; do i=$((i+1)); echo $i; usleep 10000; done"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def restarted() -> AsyncIterator[Cluster]:
    """A cluster for the tests that break its agents."""
    async with Cluster("restart-test", agent_under_test(), cluster_dns=False) as cluster:
        yield cluster


@pytest_asyncio.fixture
async def broken(restarted: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Kube]:
    """A namespace of that cluster; what a test stopped runs again afterwards."""
    async with restarted.client() as client:
        kube = Kube(restarted, client, str(request.node.name).replace("_", "-")[:63].strip("-"))
        await kube.create()
        yield kube
        await client.delete(f"/api/v1/namespaces/{kube.namespace}")


def runtime_process(cluster: Cluster) -> str:
    return "containerd" if cluster.agent.kind.runtime == "containerd" else "dockershim"


async def test_pods_do_not_notice_restarts_of_the_agents(broken: Kube) -> None:
    """Each of the two by SIGTERM and by SIGKILL, one after the other and both at once, in both orders of return."""
    cluster, runtime = broken.cluster, runtime_process(broken.cluster)
    ready = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    page = {"httpGet": {"path": "/hostname", "port": 80}, "periodSeconds": 1}
    init = [shell("init", "echo once"), shell("side", WAIT, restartPolicy="Always")]
    await broken.apply(
        pod("writer", shell("main", WRITER, readinessProbe=ready, livenessProbe=ready), initContainers=init),
        pod("page", web(readinessProbe=page, livenessProbe=page), shell("second", WAIT)),
    )
    await broken.until_all(is_ready, "writer", "page")
    before = {name: await broken.get(f"pods/{name}") for name in ("writer", "page")}
    async with broken.recording("pods/writer") as writer, broken.recording("pods/page") as served:
        for name, number in itertools.product(("kubelet", runtime), (signal.SIGTERM, signal.SIGKILL)):
            await cluster.restart_agent(name, number)
            await _agent_works(broken)
        for number, order in itertools.product(
            (signal.SIGTERM, signal.SIGKILL), (("kubelet", runtime), (runtime, "kubelet"))
        ):
            await _stop(*(cluster.agent.processes[name] for name in order), number=number)
            for name in reversed(order):
                await cluster.agent.start_process(name)
            await _as_systemd_would(cluster)
            await _agent_works(broken)
        after = {name: await broken.get(f"pods/{name}") for name in before}
    for name, recording in (("writer", writer), ("page", served)):
        for seen in recording.objects():
            # The peer's readiness flips: an exec probe whose runtime is away counts as failed there.
            assert is_ready(seen) or of_peer(cluster), f"pod {name} was not ready at some time: {seen['status']}"
        assert _facts(after[name], of_peer(cluster)) == _facts(before[name], of_peer(cluster))
    await _no_line_lost_or_doubled(broken, before["writer"])


async def test_logs_are_whole_after_the_runtime_was_away(broken: Kube) -> None:
    """What a container says and even how it ends, while nobody is there to take its log."""
    cluster, runtime = broken.cluster, runtime_process(broken.cluster)
    if cluster.agent.kind.runtime == "containerd":
        pytest.skip("containerd's own promise: a container blocks until its log is taken")
    script = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; usleep 10000; done; echo -n end; exit 3"
    await broken.apply(pod("ends", shell("main", script), restartPolicy="Never"))
    began = await broken.until_pod("ends", is_ready)
    await _stop(cluster.agent.processes[runtime], number=signal.SIGKILL)
    container_id = container_status(began)["containerID"].partition("://")[2]
    await cluster.node.run(["docker", "wait", container_id])
    await cluster.agent.start_process(runtime)
    ended = await broken.until_pod("ends", lambda p: p["status"]["phase"] == "Failed")
    assert container_status(ended)["state"]["terminated"]["exitCode"] == 3
    lines = (await broken.logs("ends")).splitlines()
    assert lines == [*map(str, range(1, 201)), "end"]


async def test_without_its_engine_the_node_says_so_and_with_it_all_pods_come_back(broken: Kube) -> None:
    cluster = broken.cluster
    docker = cluster.agent.kind.runtime == "docker"
    probe = {"httpGet": {"path": "/hostname", "port": 80}, "periodSeconds": 1}
    names = ["back-1", "back-2", "back-3"]
    await broken.apply(*(pod(name, web(readinessProbe=probe)) for name in names))
    await broken.until_all(is_ready, *names)
    node = f"nodes/{cluster.name}"
    if docker:
        assert cluster.node.engine_process is not None
        await _stop(cluster.node.engine_process)
    else:
        await _stop(cluster.agent.processes["containerd"])
    down = await broken.until(node, lambda n: condition(n, "Ready") == "False", timeout=120)
    said = next(c for c in down["status"]["conditions"] if c["type"] == "Ready")
    assert said["reason"] == "KubeletNotReady"
    assert "container runtime" in said["message"] or "PLEG is not healthy" in said["message"], said["message"]
    if docker:
        assert "docker" in said["message"].lower(), f"the message does not name what is missing: {said['message']}"
        await cluster.node.start_engine()
    else:
        await cluster.agent.start_process("containerd")
    began = time.monotonic()
    up = await broken.until(node, is_ready, timeout=60)
    assert next(c for c in up["status"]["conditions"] if c["type"] == "Ready")["reason"] == "KubeletReady"
    await broken.until_all(is_ready, *names, timeout=60)
    print(f"all pods were back {time.monotonic() - began:.1f} s after the engine")
    for name in names:
        seen = await broken.get(f"pods/{name}")
        page = await cluster.node.run(["busybox", "wget", "-qO-", f"http://{seen['status']['podIP']}/hostname"])
        assert page.stdout == f"{name}\n"


async def test_a_deletion_during_the_absence_of_the_kubelet_is_carried_out(broken: Kube) -> None:
    cluster = broken.cluster
    await broken.apply(pod("doomed", shell("main", WAIT)), pod("kept", shell("main", WAIT)))
    await broken.until_all(is_ready, "doomed", "kept")
    await _stop(cluster.agent.processes["kubelet"], number=signal.SIGKILL)
    await broken.delete("pods/doomed")
    await broken.apply(pod("new", shell("main", WAIT)))
    await cluster.agent.start_process("kubelet")
    await broken.until_gone("doomed")
    await broken.until_all(is_ready, "kept", "new")
    assert restarts(await broken.get("pods/kept")) == 0


BOOT_ID = "/proc/sys/kernel/random/boot_id"
REBOOTED_AS = "5ca1ab1e-0000-4000-8000-00000000b007"


async def test_after_a_reboot_pods_start_from_their_init_containers(broken: Kube) -> None:
    """The power goes: processes, namespaces and what was below /run are lost, disks keep what the engine knew."""
    cluster = broken.cluster
    if cluster.agent.kind.runtime == "containerd":
        pytest.skip("what containerd keeps over a reboot is its own affair")
    diary = {"volumeMounts": [{"name": "diary", "mountPath": "/diary"}]}
    disk = [{"name": "diary", "hostPath": {"path": f"/var/tmp/{broken.namespace}", "type": "DirectoryOrCreate"}}]
    init = [
        shell("first", "echo first >> /diary/app", **diary),
        shell("side", "echo side >> /diary/app; " + WAIT, restartPolicy="Always", **diary),
        shell("second", "echo second >> /diary/app", **diary),
    ]
    main = shell("main", "echo main >> /diary/app; " + WAIT, **diary)
    await broken.apply(
        pod("app", main, initContainers=init, volumes=disk),
        pod("retried", shell("main", WAIT), restartPolicy="OnFailure"),
        pod("once", shell("main", WAIT), restartPolicy="Never"),
        pod("done", shell("main", "exit 0"), restartPolicy="OnFailure"),
    )
    await broken.until_all(is_ready, "app", "retried", "once")
    done = await broken.until_pod("done", lambda p: phase(p) == "Succeeded")
    before = {name: await broken.get(f"pods/{name}") for name in ("app", "retried")}
    await _reboot(cluster)
    try:
        node = await broken.until(
            f"nodes/{cluster.name}", lambda n: n["status"]["nodeInfo"]["bootID"] == REBOOTED_AS and is_ready(n)
        )
        event = await Kube(cluster, broken.client, "default").until_event(cluster.name, "Rebooted")
        assert (event.kind, event.message) == (
            "Warning", f"Node {node['metadata']['name']} has been rebooted, boot id: {REBOOTED_AS}"
        )
        after = {
            name: await broken.until_pod(name, lambda p: is_ready(p) and restarts(p) == 1) for name in before
        }
        for name, seen in after.items():
            assert seen["metadata"]["uid"] == before[name]["metadata"]["uid"]
            main = container_status(seen)
            assert main["containerID"] != container_status(before[name])["containerID"]
            assert main["lastState"]["terminated"]["exitCode"] == 137
            assert main["lastState"]["terminated"]["containerID"] == container_status(before[name])["containerID"]
        written = cluster.node.path(f"/var/tmp/{broken.namespace}/app").read_text().split()
        assert written == ["first", "side", "second", "main"] * 2
        assert {name: restarts(after["app"], name) for name in ("first", "side", "second")} == {
            "first": 1, "side": 1, "second": 1
        }
        ended = await broken.until_pod("once", lambda p: phase(p) == "Failed")
        state = container_status(ended)["state"]["terminated"]
        assert (state["exitCode"], restarts(ended)) == (137, 0)
        assert (await broken.get("pods/done"))["status"] == done["status"]
    finally:
        await cluster.node.run(["umount", BOOT_ID])


async def _reboot(cluster: Cluster) -> None:
    """Of the first node, whose kernel goes on: it only seems to be another one's."""
    node, engine = cluster.node, cluster.node.engine_process
    assert engine is not None
    await _stop(*(cluster.agent.processes[name] for name in ("kubelet", "dockershim")), number=signal.SIGKILL)
    script = (
        "docker kill $(docker ps -q) >/dev/null; "
        "for n in $(grep -o ' /run/[^ ]*netns/[^ ]*' /proc/mounts); do umount -l $n; rm -f $n; done; "
        "echo $0 > /run/boot_id; mount --bind /run/boot_id " + BOOT_ID
    )
    await node.run(["sh", "-c", script, REBOOTED_AS])
    await _stop(engine)
    await node.start_engine()
    for name in ("dockershim", "kubelet"):
        await cluster.agent.start_process(name)


async def _stop(*processes: NodeProcess, number: signal.Signals = signal.SIGTERM) -> None:
    """End the processes at once and wait until they have ended."""
    for process in processes:
        process.signal(number)
    for process in processes:
        await process.wait(30)


async def _as_systemd_would(cluster: Cluster) -> None:
    """Start the peer's kubelet again: it gives up when its runtime does not answer. Ours has to wait for it."""
    kubelet = cluster.agent.processes["kubelet"]
    if of_peer(cluster):
        with contextlib.suppress(TimeoutError):
            await kubelet.wait(2)
            await cluster.agent.start_process("kubelet")


_probes = itertools.count(1)


async def _agent_works(kube: Kube) -> None:
    """A pod that is made now runs to its end: kubelet and runtime are both back at work."""
    name = f"probe-{next(_probes)}"
    await kube.run(name, "true")


def _facts(seen: Json, without_conditions: bool) -> Json:
    """What may not change while nothing happens to a pod."""
    status = seen["status"]
    names = ["phase", "podIP", "startTime", "containerStatuses", "initContainerStatuses", "qosClass"]
    names += [] if without_conditions else ["conditions"]
    return {name: status.get(name) for name in names}


async def _no_line_lost_or_doubled(kube: Kube, writer: Json) -> None:
    """Numbers in the log files on the node follow each other, over rotations, and `kubectl logs` shows the same."""
    uid = writer["metadata"]["uid"]
    directory = kube.cluster.node.path(f"/var/log/pods/{kube.namespace}_writer_{uid}/main")
    text = await asyncio.to_thread((directory / "0.log").read_text)
    complete = text.split("\n")[:-1]
    numbers = [int(line.split(" ", 3)[3]) for line in complete]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 500
    shown = [int(line) for line in (await kube.logs("writer", "-c", "main")).splitlines()]
    assert shown[: len(numbers)] == numbers


async def test_a_control_plane_that_was_set_back_hears_of_everything_again(broken: Kube) -> None:
    """Restored from a backup: a pod that got ready after it is not ready there, and versions go back to a time before
    what this node has seen. Last, since what other tests made is gone or back again."""
    await broken.apply(
        pod("waits", shell("main", "until [ -e /go/on ]; do usleep 100000; done; " + WAIT,
                           readinessProbe={"exec": {"command": ["ls", "/go/on"]}, "periodSeconds": 1},
                           volumeMounts=[{"name": "go", "mountPath": "/go"}]),
            volumes=[{"name": "go", "hostPath": {"path": f"/var/tmp/{broken.namespace}", "type": "DirectoryOrCreate"}}],
            nodeName=broken.cluster.name),
    )  # fmt: skip
    before = await broken.until_pod("waits", lambda of: phase(of) == "Running")
    plane = broken.cluster.control_plane
    copy = await plane.back_up()
    broken.cluster.node.path(f"/var/tmp/{broken.namespace}/on").touch()
    await broken.until_pod("waits", is_ready)
    await plane.set_back(copy)

    after = await broken.until_pod("waits", is_ready)
    assert after["metadata"]["uid"] == before["metadata"]["uid"] and restarts(after) == 0
    assert container_status(after)["containerID"] == container_status(before)["containerID"]
    await broken.delete("pods/waits")
    await broken.until_gone("waits")
