"""A node in distress: pods over their storage limits, a disk that runs full.

The kubelet's directory is on a small file system of the node's own, so that only this node's pods can fill it.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from kube import WAIT, Kube, agent_under_test, condition, is_ready, phase, pod, shell

from conformance.apiclient import Json
from conformance.cluster import Cluster

ROOT = "/run/kubelet-root"
MI = 2**20
ROOM_BYTES = 200 * MI
"""What may be used of the node's disk before it counts as full."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def distressed() -> AsyncIterator[Cluster]:
    # /run of a throw-away node is a tmpfs: half of the memory, and nobody else writes to it.
    capacity = os.sysconf("SC_PHYS_PAGES") // 2 * os.sysconf("SC_PAGE_SIZE")
    config = {
        "evictionHard": {"nodefs.available": str(capacity - ROOM_BYTES)},
        "evictionPressureTransitionPeriod": "10s",
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
