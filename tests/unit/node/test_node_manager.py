"""Registration and status against a small API server and a small runtime."""

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from node_fakes import NOW, FakeCluster, FakeRuntime

from cri.v1 import api_pb2 as cri
from kubelet.api.types import Node, NodeCondition, NodeStatus, ObjectMeta
from kubelet.apiclient import ConflictError, ForbiddenError, UnreachableError
from kubelet.events import LogEventRecorder
from kubelet.node import MachineFacts, NodeManager, NodeSettings, NodeSurroundings, Pressure, RuntimeHealth
from kubelet.node.addresses import NetworkFacts

FACTS = MachineFacts(cpus=2, memory=2**30, ephemeral_storage=2**34, boot_id="b1", architecture="amd64")
NETWORK = NetworkFacts({"eth0": (ip_address("192.0.2.2"),)}, {4: ("eth0",)})
NODE_PATH = "/api/v1/nodes/n1"


class World:
    def __init__(self, cluster=None, surroundings=None, **settings):
        self.cluster, self.runtime = cluster, FakeRuntime()
        self.recorder = LogEventRecorder()
        loop_time = lambda: asyncio.get_running_loop().time()  # noqa: E731
        self.health = RuntimeHealth(self.runtime, monotonic=loop_time)
        self.manager = NodeManager(
            NodeSettings(**({"node_name": "n1", "hostname": "n1", "root_dir": Path("/r")} | settings)),
            self.health, self.recorder, client=cluster, images=self.runtime, surroundings=surroundings,
            clock=lambda: NOW + loop_time(), jitter=lambda: 0.5, read_facts=lambda _: FACTS,
            read_network_facts=lambda _: NETWORK,
        )

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.health.run()), group.create_task(self.manager.run())]
            # Facts are read in threads, which looptime's clock does not wait for.
            await self.manager.known.wait()
            await self.manager._addresses_known.wait()
            yield
            for task in tasks:
                task.cancel()

    def reasons(self):
        return [event.reason for event in self.recorder.recent()]

    def ready(self):
        return self.cluster.node.status.conditions[-1]


pytestmark = pytest.mark.looptime


async def test_a_new_node_is_registered_ready():
    world = World(FakeCluster(), labels={"zone": "a"})
    async with world.running():
        await asyncio.sleep(1)
        node = world.cluster.node
        assert node.metadata.labels["zone"] == "a"
        assert node.status.addresses[0].address == "192.0.2.2"
        assert world.ready().status == "True"
        assert world.manager.registered.is_set()
        assert world.manager.host_ips() == ("192.0.2.2",)
        assert world.manager.node_uid() == node.metadata.uid
    assert world.reasons() == [
        "Starting", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady",
    ]


async def test_an_unchanged_node_is_reported_every_five_minutes():
    world = World(FakeCluster())
    async with world.running():
        await asyncio.sleep(20)
        before = world.cluster.verbs().count("patch")
        await asyncio.sleep(280)
        assert world.cluster.verbs().count("patch") == before
        await asyncio.sleep(330)
        assert world.cluster.verbs().count("patch") == before + 2


async def test_a_change_of_health_is_posted_at_once():
    world = World(FakeCluster())
    async with world.running():
        await asyncio.sleep(3)
        world.runtime.network_ready = False
        world.runtime.message = "no CNI config"
        await asyncio.sleep(5.2)
        assert (world.ready().status, world.ready().reason) == ("False", "KubeletNotReady")
        assert "no CNI config" in world.ready().message
        world.runtime.network_ready = True
        await asyncio.sleep(5.2)
        assert world.ready().status == "True"
    assert world.reasons()[-2:] == ["NodeNotReady", "NodeReady"]


async def test_a_node_without_network_is_registered_and_becomes_ready_within_a_poll():
    world = World(FakeCluster())
    world.runtime.network_ready = False
    async with world.running():
        await asyncio.sleep(1)
        assert world.ready().status == "False"
        world.runtime.network_ready = True
        await asyncio.sleep(0.2)
        assert world.ready().status == "True"


def ready_node(boot_id="b1"):
    node = Node(
        metadata=ObjectMeta(name="n1", uid="old", labels={"mine": "1"}),
        status=NodeStatus(conditions=(NodeCondition(
            type="Ready", status="True", reason="KubeletReady", last_transition_time="2020-01-01T00:00:00Z"
        ),)),
    )
    world = World()
    status = msgspec.structs.replace(world.manager._initial()[0].status, conditions=node.status.conditions)
    return msgspec.structs.replace(node, status=status)


async def test_a_restart_does_not_flip_a_ready_node():
    cluster = FakeCluster()
    cluster.put(NODE_PATH, ready_node())
    world = World(cluster)
    world.runtime.gone = True
    async with world.running():
        for _ in range(20):
            await asyncio.sleep(1)
            assert world.ready().status == "True"
        world.runtime.gone = False
        await asyncio.sleep(10)
        assert world.ready().status == "True"
        assert world.ready().last_transition_time == "2020-01-01T00:00:00Z"
        assert cluster.node.metadata.labels["kubernetes.io/hostname"] == "n1"
        assert cluster.node.metadata.labels["mine"] == "1"
    assert "NodeNotReady" not in world.reasons()


async def test_pods_are_admitted_by_what_the_node_has_before_it_is_registered():
    """After a restart of the agent, pods that run may be listed sooner than the API server has answered the node."""
    listed = ready_node()
    world = World(FakeCluster(), NodeSurroundings(listed=lambda: listed))
    world.cluster.failures = [UnreachableError("refused")] * 100
    async with world.running():
        assert not world.manager.registered.is_set()
        assert world.manager.node().status.allocatable["pods"] == "110"
        assert world.manager.node().metadata.labels["mine"] == "1"


async def test_a_runtime_that_stays_away_is_told_after_the_grace():
    cluster = FakeCluster()
    cluster.put(NODE_PATH, ready_node())
    world = World(cluster)
    world.runtime.gone = True
    async with world.running():
        await asyncio.sleep(60)
        assert world.ready().status == "False"
        assert "container runtime status check may not have completed yet" in world.ready().message


async def test_registration_is_tried_until_it_works():
    cluster = FakeCluster()
    cluster.failures = [UnreachableError("refused")] * 6
    world = World(cluster)
    async with world.running():
        await asyncio.sleep(30)
        assert world.ready().status == "True"
    assert cluster.verbs()[:7] == ["create"] * 7


async def test_credentials_that_may_not_create_nodes_use_the_one_that_is_there():
    cluster = FakeCluster()
    cluster.put(NODE_PATH, ready_node())
    cluster.failures = [ForbiddenError(403, "Forbidden", "may not create nodes")]
    world = World(cluster)
    async with world.running():
        await asyncio.sleep(3)
        assert world.manager.registered.is_set()


async def test_a_failed_patch_is_tried_again_on_what_the_server_has():
    cluster = FakeCluster()
    world = World(cluster)
    async with world.running():
        await asyncio.sleep(3)
        cluster.failures = [ConflictError(409, "Conflict", "modified")] * 2
        world.runtime.network_ready = False
        await asyncio.sleep(60)
        assert world.ready().status == "False"
    assert "get" in cluster.verbs()


async def test_what_the_neighbours_say_is_in_the_status():
    pressure = [Pressure()]
    cidrs = []

    async def take(cidr):
        cidrs.append(cidr)

    cluster = FakeCluster()
    listed = [None]
    world = World(cluster, NodeSurroundings(
        pressure=lambda: pressure[-1], volumes_in_use=lambda: ("kubernetes.io/csi/x",), errors=lambda: (),
        listed=lambda: listed[-1], pod_cidr_changed=take,
    ))
    world.runtime.images = [cri.Image(id="i", size=7, repo_tags=["a:1"])]
    async with world.running():
        await asyncio.sleep(40)
        assert cluster.node.status.volumes_in_use == ("kubernetes.io/csi/x",)
        assert cluster.node.status.images[0].names == ("a:1",)
        pressure.append(Pressure(memory=True))
        world.manager.wake()
        await asyncio.sleep(0.1)
        by_type = {found.type: found.status for found in cluster.node.status.conditions}
        assert by_type["MemoryPressure"] == "True"
        node = cluster.node
        listed.append(cluster.put(NODE_PATH, msgspec.structs.replace(
            node, spec=msgspec.structs.replace(node.spec, unschedulable=True, pod_cidrs=("10.1.0.0/24",))
        )))
        world.manager.wake()
        await asyncio.sleep(0.1)
    assert cidrs == ["10.1.0.0/24"]
    assert "NodeNotSchedulable" in world.reasons()
    assert "NodeHasInsufficientMemory" in world.reasons()


async def test_labels_that_somebody_took_away_come_back():
    cluster = FakeCluster()
    listed = [None]
    world = World(cluster, NodeSurroundings(listed=lambda: listed[-1]))
    async with world.running():
        await asyncio.sleep(3)
        listed.append(cluster.put(NODE_PATH, msgspec.structs.replace(
            cluster.node, metadata=msgspec.structs.replace(cluster.node.metadata, labels={})
        )))
        world.manager.wake()
        await asyncio.sleep(0.1)
        assert cluster.node.metadata.labels["kubernetes.io/os"] == "linux"


async def test_standalone_the_node_is_only_kept():
    world = World()
    async with world.running():
        await asyncio.sleep(15)
        assert world.manager.ready
        assert world.manager.node().status.capacity["cpu"] == "2"
        assert world.manager.node_uid() == ""
        assert world.manager.host_ips() == ("192.0.2.2",)
    assert "NodeReady" in world.reasons()
