"""Fixtures for tests against a real control plane.

One cluster serves the whole session; a test works in a namespace of its own. What restarts or breaks things makes a
`Cluster` for itself.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from kube import Kube, agent_under_test

from conformance.cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if items and os.geteuid() != 0:
        pytest.exit("tests/cluster makes namespaces, mounts and control groups: run it as root", returncode=1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster of one node with our kubelet and our dockershim, or $PODWRIGHT_TEST_AGENT; cluster DNS is up."""
    async with Cluster("cluster-test", agent_under_test()) as running:
        await running.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
        yield running


@pytest_asyncio.fixture
async def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A namespace named after the test; gone, with all that was in it, before the next test starts."""
    name = namespace_name(request)
    await cluster.kubectl("create", "namespace", name)
    yield name
    await cluster.kubectl("delete", "namespace", name, "--wait=true", "--timeout=120s")


@pytest_asyncio.fixture
async def kube(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Kube]:
    """A namespace named after the test, with the means of `kube.py`; it ends while the next test runs."""
    async with cluster.client() as client:
        made = Kube(cluster, client, namespace_name(request))
        await made.create()
        yield made
        await client.delete(f"/api/v1/namespaces/{made.namespace}")


def namespace_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("_", "-").replace("[", "-").replace("]", "").lower()[:63].strip("-")
