"""PullImage against a real registry on the node's loopback, with and without credentials."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, STORES, ShimUnderTest, eventually, node_with_store

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

OPEN, CLOSED = "127.0.0.1:5000", "127.0.0.1:5001"
USER, PASSWORD = "puller", "pull-secret"
HTPASSWD = "puller:$2b$04$abcdefghijklmnopqrstuuH5wTQzvC3Zall/mZjSDa23DrVdMWhT6\n"
CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/registry-{port}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""
DOCKER = ("docker", "--config=/run/docker-config")  # not in the home directory, which is the machine's
AUTH = "auth: {htpasswd: {realm: test, path: /etc/registry-htpasswd}}"


@pytest_asyncio.fixture(params=STORES)
async def fresh_node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    async with node_with_store(request.param, "node-test-pull") as node:
        yield node


@pytest_asyncio.fixture
async def shim(fresh_node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    """With two registries that hold the busybox image under `test/app:1`."""
    fresh_node.path("/etc/registry-htpasswd").write_text(HTPASSWD)
    for address, auth in ((OPEN, ""), (CLOSED, AUTH)):
        port = address.rpartition(":")[2]
        path = f"/etc/registry-{port}.yml"
        fresh_node.path(path).write_text(CONFIG.format(port=port, auth=auth))
        await fresh_node.spawn(["docker-registry", "serve", path], name=f"registry-{port}")

        async def answers(address: str = address) -> bool | None:
            done = await fresh_node.run(["busybox", "wget", "-qO-", f"http://{address}/v2/"], check=False)
            return done.returncode == 0 or "401" in done.stderr or None

        await eventually(answers, f"registry at {address}")
        if auth:
            await fresh_node.run([*DOCKER, "login", "-u", USER, "--password-stdin", address], stdin=PASSWORD)
        await fresh_node.run(["docker", "tag", BUSYBOX, f"{address}/test/app:1"])
        await fresh_node.run([*DOCKER, "push", f"{address}/test/app:1"])
        await fresh_node.run(["docker", "rmi", f"{address}/test/app:1"])
    async with ShimUnderTest(fresh_node) as under_test:
        yield under_test


async def pull(shim: ShimUnderTest, image: str, **auth: str) -> str:
    request = cri.PullImageRequest(image=cri.ImageSpec(image=image), auth=cri.AuthConfig(**auth))
    return (await shim.images.PullImage(request)).image_ref


async def test_pulls(shim: ShimUnderTest) -> None:
    image_id = await pull(shim, f"{OPEN}/test/app:1")
    status = (await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=image_id)))).image
    assert status.id == image_id and f"{OPEN}/test/app:1" in status.repo_tags
    digest = next(name for name in status.repo_digests if name.startswith(OPEN))

    for auth in (
        {"username": USER, "password": PASSWORD},
        {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()},
    ):
        assert await pull(shim, f"{CLOSED}/test/app:1", **auth) == image_id
        await shim.node.run(["docker", "rmi", f"{CLOSED}/test/app:1"])
    with pytest.raises(errors.CriError) as refused:
        await pull(shim, f"{CLOSED}/test/app:1", username=USER, password="wrong")
    assert not isinstance(refused.value, errors.UnknownError) and "wrong" not in refused.value.message

    await shim.node.run(["docker", "rmi", f"{OPEN}/test/app:1"])
    assert await pull(shim, digest) == image_id

    pod = shim.pod("pulled")
    sandbox_id = await shim.run_pod(pod)
    config = shim.container("exit 0")
    config.image.image, config.image.user_specified_image = image_id, f"{OPEN}/test/app:1"
    ended = await shim.exited(await shim.run_container(sandbox_id, pod, config))
    assert ended.image_id == image_id and ended.image.image == f"{OPEN}/test/app:1"
    assert "@sha256:" in ended.image_ref


async def test_pulls_that_fail(shim: ShimUnderTest) -> None:
    with pytest.raises(errors.NotFoundError):
        await pull(shim, f"{OPEN}/test/app:none")
    with pytest.raises(errors.CriError, match=r"127\.0\.0\.1:5999") as unreachable:
        await pull(shim, "127.0.0.1:5999/x:1")
    assert not isinstance(unreachable.value, errors.UnknownError)
    with pytest.raises(errors.InvalidArgumentError):
        await pull(shim, "Not A Name")


async def test_many_at_once(shim: ShimUnderTest) -> None:
    pulled = await asyncio.gather(*(pull(shim, f"{OPEN}/test/app:1") for _ in range(5)))
    assert len(set(pulled)) == 1
