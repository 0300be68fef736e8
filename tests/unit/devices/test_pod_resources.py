"""The podresources API over its socket, as monitoring agents and device plugins use it."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest

from kubelet.api.types import Container, ObjectMeta, Pod, PodSpec
from kubelet.devices.inventory import Device
from kubelet.podresources.server import BURST, QPS, Limiter, PodResourcesServer, Sources
from kubelet.podresources.v1 import api_pb2 as v1
from kubelet.podresources.v1 import api_pb2_grpc as v1_grpc
from kubelet.podresources.v1alpha1 import api_pb2 as v1alpha1
from kubelet.podresources.v1alpha1 import api_pb2_grpc as v1alpha1_grpc

GPU = "example.com/gpu"
POD = Pod(metadata=ObjectMeta(name="one", namespace="ns", uid="uid"), spec=PodSpec(
    init_containers=(Container(name="init"), Container(name="sidecar", restart_policy="Always")),
    containers=(Container(name="app"),),
))
OVER = Pod(metadata=ObjectMeta(name="over", namespace="ns", uid="over"), spec=PodSpec(containers=(Container(name="x"),))
)


class Devices:
    freed = 0

    def devices_of(self, uid, container):
        given = {("uid", "app"): [Device("a"), Device("b", numa_nodes=(0, 1))], ("uid", "sidecar"): [Device("c")]}
        return {GPU: given[uid, container]} if (uid, container) in given else {}

    def allocatable_devices(self):
        return {GPU: [Device("z")]}

    def retain_active(self):
        self.freed += 1


@asynccontextmanager
async def serving(root, **settings):
    """Yields a channel, and what was observed."""
    seen, devices = [], Devices()
    server = PodResourcesServer(root, Sources(
        lambda: [POD], lambda: [POD, OVER], lambda ns, name: POD if (ns, name) == ("ns", "one") else None, devices,
        observe=lambda *observed: seen.append(observed), **settings,
    ))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.settled.wait()
        async with grpc.aio.insecure_channel(f"unix:{root / 'pod-resources/kubelet.sock'}") as channel:
            yield channel, seen, devices
        task.cancel()


@pytest.fixture
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("p")


def device(device_id, node=None):
    return v1.ContainerDevices(
        resource_name=GPU, device_ids=[device_id],
        topology=None if node is None else v1.TopologyInfo(nodes=[v1.NUMANode(ID=node)]),
    )


ONE = v1.PodResources(name="one", namespace="ns", containers=[
    v1.ContainerResources(name="sidecar", devices=[device("c")]),
    v1.ContainerResources(name="app", devices=[device("a"), device("b", 0), device("b", 1)]),
])


async def test_pods_are_listed_with_their_devices(root):
    async with serving(root) as (channel, seen, devices):
        stub = v1_grpc.PodResourcesListerStub(channel)
        assert await stub.List(v1.ListPodResourcesRequest()) == v1.ListPodResourcesResponse(pod_resources=[ONE])
        assert devices.freed == 1
        got = await stub.Get(v1.GetPodResourcesRequest(pod_name="one", pod_namespace="ns"))
        assert got == v1.GetPodResourcesResponse(pod_resources=ONE)
        free = await stub.GetAllocatableResources(v1.AllocatableResourcesRequest())
        assert free == v1.AllocatableResourcesResponse(devices=[device("z")])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Get(v1.GetPodResourcesRequest(pod_name="none", pod_namespace="ns"))
        assert (refused.value.code(), refused.value.details()) == (
            grpc.StatusCode.UNKNOWN, "pod none in namespace ns not found")
        assert seen == [("v1", "List", False), ("v1", "Get", False), ("v1", "GetAllocatableResources", False),
                        ("v1", "Get", True)]


async def test_all_pods_are_listed_where_the_gate_is_off(root):
    async with serving(root, use_active=False) as (channel, _, _):
        answer = await v1_grpc.PodResourcesListerStub(channel).List(v1.ListPodResourcesRequest())
        assert [found.name for found in answer.pod_resources] == ["one", "over"]


async def test_the_first_clients_still_have_their_list(root):
    async with serving(root) as (channel, seen, _):
        answer = await v1alpha1_grpc.PodResourcesListerStub(channel).List(v1alpha1.ListPodResourcesRequest())
        assert [found.name for found in answer.pod_resources] == ["one", "over"]
        (app,) = answer.pod_resources[0].containers
        assert app.name == "app" and [list(found.device_ids) for found in app.devices] == [["a"], ["b"], ["b"]]
        assert seen == [("v1alpha1", "List", False)]


async def test_a_flood_is_refused(root):
    async with serving(root) as (channel, _, _):
        stub = v1_grpc.PodResourcesListerStub(channel)
        calls = [stub.List(v1.ListPodResourcesRequest()) for _ in range(300)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        refused = {(error.code(), error.details()) for error in ended if isinstance(error, grpc.aio.AioRpcError)}
        assert refused <= {(grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by rate limit")}
        assert sum(isinstance(answer, v1.ListPodResourcesResponse) for answer in ended) >= BURST


def test_the_bucket_fills_again():
    now = [0.0]
    limiter = Limiter(lambda: now[0])
    assert [limiter.take() for _ in range(12)] == [True] * 10 + [False] * 2
    now[0] = 3 / QPS + 1e-9
    assert [limiter.take() for _ in range(4)] == [True] * 3 + [False]
    now[0] = 1000.0
    assert [limiter.take() for _ in range(11)] == [True] * 10 + [False]


async def test_a_socket_that_cannot_be_had_ends_nothing(root, caplog):
    (root / "pod-resources").write_text("no directory")
    server = PodResourcesServer(root, Sources(list, list, lambda *_: None, Devices()))
    await server.run()
    assert "Failed to create listener for podResources endpoint" in caplog.text and server.settled.is_set()
