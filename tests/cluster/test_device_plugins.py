"""A device plugin, a process of its own as others write them, and the pods that want its devices."""

import signal
import sys
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio
import pytest_asyncio
from kube import WAIT, Kube, container_status, is_ready, phase, pod, shell

from conformance.apiclient import Json
from conformance.throwaway import CHECKOUT, NodeProcess
from kubelet.podresources.v1 import api_pb2 as v1
from kubelet.podresources.v1 import api_pb2_grpc as v1_grpc

DIRECTORY = "/var/lib/kubelet/device-plugins"
GPU = "example.com/gpu"


async def start_plugin(kube: Kube, resource: str, *devices: str) -> NodeProcess:
    return await kube.cluster.node.spawn(
        [sys.executable, CHECKOUT / "tests/device_plugin.py", DIRECTORY, resource, *devices], name="device-plugin",
        env={"PYTHONPATH": str(CHECKOUT)},
    )


@pytest_asyncio.fixture
async def plugin(kube: Kube) -> AsyncIterator[NodeProcess]:
    running = await start_plugin(kube, GPU, "gpu-0", "gpu-1")
    yield running
    await running.stop()


def offers(capacity: int, allocatable: int) -> Callable[[Json], bool]:
    def wanted(node: Json) -> bool:
        status = node.get("status", {})
        return (status["capacity"].get(GPU), status["allocatable"].get(GPU)) == (str(capacity), str(allocatable))

    return wanted


def wants(count: int, resource: str = GPU) -> Json:
    return {"limits": {resource: str(count)}}


async def devices_of(kube: Kube, name: str) -> list[str]:
    """As the podresources API tells."""
    socket = kube.cluster.node.path("/var/lib/kubelet/pod-resources/kubelet.sock")
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        stub = v1_grpc.PodResourcesListerStub(channel)
        answer = await stub.Get(v1.GetPodResourcesRequest(pod_name=name, pod_namespace=kube.namespace))
    return [found for container in answer.pod_resources.containers for device in container.devices
            for found in device.device_ids]


async def test_pods_get_devices_and_keep_them(kube: Kube, plugin: NodeProcess) -> None:
    node = f"nodes/{kube.cluster.name}"
    await kube.until(node, offers(2, 2), why="two devices")
    script = """
        echo "$GPU_DEVICES"; ls /opt/gpu/hostname
        echo x >/dev/gpu && echo device; touch /opt/gpu/x 2>/dev/null || echo ro
    """
    await kube.apply(pod("one", shell("main", script + WAIT, resources=wants(1))))
    await kube.until_pod("one", is_ready)
    said = (await kube.logs("one")).split()
    assert said[1:] == ["/opt/gpu/hostname", "device", "ro"]
    (mine,) = {"gpu-0", "gpu-1"} & {said[0]}
    (other,) = {"gpu-0", "gpu-1"} - {mine}
    assert container_status(await kube.get("pods/one"))["allocatedResourcesStatus"] == [
        {"name": GPU, "resources": [{"resourceID": mine, "health": "Healthy"}]}]

    # One pod too many for the plugin, past the scheduler: the node has the last word.
    greedy = pod("greedy", shell("main", WAIT, resources=wants(2)), nodeName=kube.cluster.name)
    await kube.apply(greedy)
    refused = await kube.until_pod("greedy", lambda p: phase(p) == "Failed")
    assert (refused["status"]["reason"], refused["status"]["message"]) == (
        "UnexpectedAdmissionError", "Pod was rejected: Allocate failed due to requested number of devices unavailable "
        f"for {GPU}. Requested: 2, Available: 1, which is unexpected")

    # A restart of the agent: the plugin registers again, the pod runs on with what it has.
    before = container_status(await kube.get("pods/one"))
    await kube.cluster.restart_agent("kubelet", signal.SIGKILL)
    await kube.apply(pod("two", shell("main", f'echo "$GPU_DEVICES"; {WAIT}', resources=wants(1))))
    await kube.until_pod("two", is_ready)
    assert (await kube.logs("two")).strip() == other
    after = container_status(await kube.get("pods/one"))
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert (await devices_of(kube, "one"), await devices_of(kube, "two")) == ([mine], [other])

    # The health of a device.
    plugin.signal(signal.SIGUSR1)
    await kube.until(node, offers(2, 1), why="an unhealthy device")
    owner = "one" if mine == "gpu-1" else "two"
    await kube.until_pod(owner, lambda p: container_status(p)["allocatedResourcesStatus"] == [
        {"name": GPU, "resources": [{"resourceID": "gpu-1", "health": "Unhealthy"}]}])
    assert is_ready(await kube.get(f"pods/{owner}"))
    plugin.signal(signal.SIGUSR1)
    await kube.until(node, offers(2, 2), why="its recovery")

    # What an ended pod had is free.
    await kube.delete("pods/one", grace_seconds=0)
    await kube.until_gone("one")
    await kube.apply(pod("three", shell("main", 'echo "$GPU_DEVICES"', resources=wants(1)), restartPolicy="Never"))
    await kube.until_pod("three", lambda p: phase(p) == "Succeeded")
    assert (await kube.logs("three")).strip() == mine

    # The plugin goes: nothing is to be had, nothing that runs is touched.
    await plugin.stop()
    await kube.until(node, offers(2, 0), why="no device to be had")
    assert is_ready(await kube.get("pods/two"))
