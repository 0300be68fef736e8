"""Fixtures for tests against a real control plane.

One cluster serves the whole session; a test works in a namespace of its own. What restarts or breaks things makes a
`Cluster` for itself.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from conformance.cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if items and os.geteuid() != 0:
        pytest.exit("tests/cluster makes namespaces, mounts and control groups: run it as root", returncode=1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster of one node with our kubelet and our dockershim, cluster DNS being up."""
    async with Cluster("cluster-test") as running:
        await running.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
        yield running


@pytest_asyncio.fixture
async def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A namespace named after the test; gone, with all that was in it, before the next test starts."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "").lower()[:63].strip("-")
    await cluster.kubectl("create", "namespace", name)
    yield name
    await cluster.kubectl("delete", "namespace", name, "--wait=true", "--timeout=120s")
