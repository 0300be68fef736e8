"""Fixtures for tests that need a machine: root, an engine, network namespaces. Each gets a throw-away one.

The nodes are not bound to an event loop, so that tests on their own loops may share one.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from network_host import Host, Pods, playing_host

from conformance import builds, images
from conformance.throwaway import ThrowawayNode

ENGINES = ("20.10", "29")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if items and os.geteuid() != 0:
        pytest.exit("tests/node makes namespaces, mounts and control groups: run it as root", returncode=1)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=ENGINES)
async def engine_node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    """A node with an engine, a pod network and the test images; a test that uses it runs on each engine.

    Shared by all tests of the session: a test removes what it makes.
    """
    if request.param == "29":
        builds.ensure(["moby", "containerd", "runc"])
    async with ThrowawayNode(f"node-test-{request.param.replace('.', '-')}", engine=request.param) as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, images.node_images())
        yield node


@pytest_asyncio.fixture
async def fresh_node() -> AsyncIterator[ThrowawayNode]:
    """A node of the test's own, with Engine 20.10, a pod network and the test images; takes about two seconds."""
    async with ThrowawayNode("node-test-fresh") as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, images.node_images())
        yield node


@pytest_asyncio.fixture
async def bare_node() -> AsyncIterator[ThrowawayNode]:
    """A node of the test's own without an engine; takes a tenth of a second."""
    async with ThrowawayNode("node-test-bare", engine=None) as node:
        yield node


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A network namespace that plays the node: this very thread is in it during the test, and so are CNI plugins."""
    with playing_host(tmp_path) as host:
        yield host


@pytest.fixture
def pods(host: Host) -> Iterator[Pods]:
    """Makes pods without a network: `pods()` is one."""
    made = Pods()
    yield made
    made.end()
