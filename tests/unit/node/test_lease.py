"""The heartbeat: made once, renewed without reading, kept up through trouble."""

import asyncio

import msgspec
import pytest
from node_fakes import NOW, FakeCluster

from kubelet.api.types import Lease, ObjectMeta
from kubelet.apiclient import UnreachableError
from kubelet.node import LeaseKeeper

pytestmark = pytest.mark.looptime
PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"


def keeper_of(cluster, uid="uid-n1"):
    return LeaseKeeper(
        cluster, "n1", 40, lambda: uid, clock=lambda: NOW + asyncio.get_running_loop().time(), jitter=lambda: 0.0
    )


async def run_for(keeper, seconds):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keeper.run())
        await asyncio.sleep(seconds)
        task.cancel()


async def test_a_lease_is_made_and_renewed_every_ten_seconds_by_one_request():
    cluster = FakeCluster()
    await run_for(keeper_of(cluster), 35)
    assert cluster.verbs() == ["get", "create", "replace", "replace", "replace"]
    lease = cluster.lease
    assert (lease.spec.holder_identity, lease.spec.lease_duration_seconds) == ("n1", 40)
    assert lease.spec.renew_time == "2023-11-14T22:13:50.000000Z"
    (owner,) = lease.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid) == ("Node", "n1", "uid-n1")


async def test_an_existing_lease_is_taken_over():
    cluster = FakeCluster()
    cluster.put(PATH, Lease(metadata=ObjectMeta(name="n1", namespace="kube-node-lease")))
    await run_for(keeper_of(cluster), 5)
    assert cluster.verbs() == ["get", "replace"]
    assert cluster.lease.spec.holder_identity == "n1"


async def test_an_outage_is_ended_soon_after_it_ends():
    cluster = FakeCluster()
    keeper = keeper_of(cluster)
    cluster.failures = [UnreachableError("refused")] * 8
    await run_for(keeper, 40)
    assert cluster.lease
    assert keeper.last_renewed > NOW


async def test_a_conflict_is_settled_by_reading_anew():
    cluster = FakeCluster()
    keeper = keeper_of(cluster)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keeper.run())
        await asyncio.sleep(5)
        cluster.put(PATH, msgspec.structs.replace(cluster.lease))
        await asyncio.sleep(10)
        task.cancel()
    assert cluster.verbs()[-3:] == ["replace", "get", "replace"]


async def test_the_owner_is_added_once_the_node_is_known():
    cluster = FakeCluster()
    uids = [""]
    keeper = LeaseKeeper(cluster, "n1", 40, lambda: uids[-1], clock=lambda: NOW, jitter=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keeper.run())
        await asyncio.sleep(5)
        assert cluster.lease.metadata.owner_references == ()
        uids.append("uid-n1")
        await asyncio.sleep(10)
        task.cancel()
    assert cluster.lease.metadata.owner_references[0].uid == "uid-n1"


async def test_standalone_there_is_no_lease():
    keeper = LeaseKeeper(None, "n1", 40, lambda: "")
    await run_for(keeper, 100)
    assert keeper.last_renewed == 0
