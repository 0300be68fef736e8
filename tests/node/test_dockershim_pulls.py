"""PullImage against a real registry on the node's loopback: with and without credentials, slow, silent, interrupted."""

import asyncio
import base64
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, STORES, ShimUnderTest, eventually, node_with_store
from standalone_node import WAIT, Standalone, manifest

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

OPEN, CLOSED = "127.0.0.1:5000", "127.0.0.1:5001"
TOKENS, SLOW, SILENT = "127.0.0.1:5002", "127.0.0.1:5003", "127.0.0.1:5004"
"""Behind `registry_proxy`, which says what each does."""
PROXIES = {
    TOKENS: ("--registry-token=registry-secret", "--identity-token=identity-secret"),
    SLOW: ("--rate=1000000",),
    SILENT: ("--stall",),
}
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


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    """With two registries that hold the busybox image under `test/app:1`; the open one also images of incompressible
    bytes that the engine does not have, `test/slow:1` and `test/silent:1`: one layer it would only fetch once. And the
    proxies. A layer is some MB, of which containerd tells in steps of one."""
    async with node_with_store(request.param, "node-test-pull") as made:
        made.path("/etc/registry-htpasswd").write_text(HTPASSWD)
        for address, auth in ((OPEN, ""), (CLOSED, AUTH)):
            port = address.rpartition(":")[2]
            path = f"/etc/registry-{port}.yml"
            made.path(path).write_text(CONFIG.format(port=port, auth=auth))
            await made.spawn(["docker-registry", "serve", path], name=f"registry-{port}")
            await eventually(lambda address=address: answers(made, address), f"registry at {address}")
            if auth:
                await made.run([*DOCKER, "login", "-u", USER, "--password-stdin", address], stdin=PASSWORD)
            await made.run(["docker", "tag", BUSYBOX, f"{address}/test/app:1"])
            await made.run([*DOCKER, "push", f"{address}/test/app:1"])
            await made.run(["docker", "rmi", f"{address}/test/app:1"])
        for name in ("slow", "silent"):
            big = f"{OPEN}/test/{name}:1"
            await made.run(["sh", "-c", "mkdir -p /run/big && head -c 6000000 /dev/urandom > /run/big/bytes && "
                                        f"tar -C /run/big -c . | docker import - {big} && docker push {big} && "
                                        f"docker rmi {big}"])
        for address, words in PROXIES.items():
            port = address.rpartition(":")[2]
            program = [sys.executable, Path(__file__).with_name("registry_proxy.py"), port, OPEN.rpartition(":")[2]]
            await made.spawn([*program, *words], name=f"proxy-{port}")
            await eventually(lambda address=address: answers(made, address), f"proxy at {address}")
        yield made


async def answers(node: ThrowawayNode, address: str) -> bool | None:
    done = await node.run(["busybox", "wget", "-qO-", f"http://{address}/v2/"], check=False)
    return done.returncode == 0 or "401" in done.stderr or None


@pytest_asyncio.fixture
async def shim(node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(node) as under_test:
        yield under_test
    pulled = [f"{address}/test/{name}:1" for address in (OPEN, CLOSED, *PROXIES) for name in ("app", "slow", "silent")]
    await node.run(["docker", "rmi", *pulled], check=False)


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


async def test_tokens_are_passed_on(shim: ShimUnderTest) -> None:
    """A registry token is the bearer itself, an identity token is what one is asked for with."""
    image_id = await pull(shim, f"{OPEN}/test/app:1")
    for auth in ({"registry_token": "registry-secret"}, {"identity_token": "identity-secret"}):
        assert await pull(shim, f"{TOKENS}/test/app:1", **auth, server_address=TOKENS) == image_id
        await shim.node.run(["docker", "rmi", f"{TOKENS}/test/app:1"])
    for wrong in ({}, {"registry_token": "other"}, {"identity_token": "other"}):
        with pytest.raises(errors.CriError) as refused:
            await pull(shim, f"{TOKENS}/test/app:1", **wrong, server_address=TOKENS)
        assert not isinstance(refused.value, errors.UnknownError)


async def test_slow_pulls_end_and_silent_ones_are_given_up(node: ThrowawayNode) -> None:
    """The deadline is shorter than the slow pull takes; its progress is told meanwhile."""
    async with ShimUnderTest(node, "--image-pull-progress-deadline=4s") as shim, asyncio.TaskGroup() as group:
        slow = group.create_task(pull(shim, f"{SLOW}/test/slow:1"))
        silent = group.create_task(expect_deadline(shim, f"{SILENT}/test/silent:1"))

        async def told(image: str) -> dict[str, float] | None:
            status = await shim.runtime.Status(cri.StatusRequest(verbose=True))
            pull_told = json.loads(status.info["pulls"]).get(image) or {}
            return pull_told if pull_told.get("currentBytes") and pull_told.get("bytesPerSecond") else None

        progress = await eventually(lambda: told(f"{SLOW}/test/slow:1"), "bytes and rate of the slow pull")
        assert 0 < progress["currentBytes"] <= progress["totalBytes"] < 7_000_000
        assert await silent
        image_id = await slow
        assert json.loads((await shim.runtime.Status(cri.StatusRequest(verbose=True))).info["pulls"]) == {}
        status = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=image_id)))
        assert f"{SLOW}/test/slow:1" in status.image.repo_tags
    await node.run(["docker", "rmi", f"{SLOW}/test/slow:1"])


async def expect_deadline(shim: ShimUnderTest, image: str) -> bool:
    with pytest.raises(errors.DeadlineExceededError, match=r"nothing came for 4 s"):
        await pull(shim, image)
    return True


async def test_a_pull_ends_with_its_caller(shim: ShimUnderTest) -> None:
    async def told() -> set[str]:
        return set(json.loads((await shim.runtime.Status(cri.StatusRequest(verbose=True))).info["pulls"]))

    async def begun() -> bool | None:
        return f"{SILENT}/test/silent:1" in await told() or None

    async def ended() -> bool | None:
        return not await told() or None

    async with asyncio.TaskGroup() as group:
        pulling = group.create_task(pull(shim, f"{SILENT}/test/silent:1"))
        await eventually(begun, "the pull")
        pulling.cancel()
        await eventually(ended, "the end of the pull")


async def test_explain_shows_how_far_a_pull_is(shim: ShimUnderTest) -> None:
    """The kubelet asks a dockershim that is another process."""
    kubelet = Standalone(shim.node)
    container = {"name": "main", "image": f"{SLOW}/test/slow:1", "imagePullPolicy": "Always"}
    kubelet.write("slow.json", manifest("slow", containers=[container]))
    await kubelet.start(containerRuntimeEndpoint=f"unix://{shim.socket}")

    async def told() -> bool | None:
        said = await shim.node.run([sys.executable, "-m", "kubelet.operator", "explain", "slow"], check=False)
        found = re.search(r"is being pulled: ([\d.]+) MiB of 5\.\d MiB, [\d.]+ MiB/s", said.stdout)
        return (found is not None and float(found[1]) > 0) or None

    await eventually(told, "the bytes of the pull in explain", seconds=60)
    kubelet.remove("slow.json")
    await kubelet.process.stop()


PLUGIN = """#!/bin/sh
exec cat <<END
{"kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "cacheKeyType": "Image",
 "auth": {"127.0.0.1:5001": {"username": "%s", "password": "%s"}}}
END
"""


async def test_a_credential_provider_plugin_logs_in_for_the_kubelet(shim: ShimUnderTest) -> None:
    kubelet, directory = Standalone(shim.node), shim.node.path("/run/plugins")
    directory.mkdir()
    (directory / "login").write_text(PLUGIN % (USER, PASSWORD))
    (directory / "login").chmod(0o755)
    plugin = {"name": "login", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "matchImages": [CLOSED],
              "defaultCacheDuration": "1m"}  # fmt: skip
    shim.node.path("/run/plugins.json").write_text(json.dumps(
        {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [plugin]}))
    container = {"name": "main", "image": f"{CLOSED}/test/app:1", "imagePullPolicy": "Always",
                 "command": ["sh", "-c", WAIT]}  # fmt: skip
    kubelet.write("private.json", manifest("private", containers=[container]))
    await kubelet.start(
        "--image-credential-provider-config=/run/plugins.json", "--image-credential-provider-bin-dir=/run/plugins",
        containerRuntimeEndpoint=f"unix://{shim.socket}",
    )
    await kubelet.until_ready("private")
    kubelet.remove("private.json")
    await kubelet.until(lambda pods: "private" not in pods)
    await kubelet.process.stop()


async def test_pinned_images(node: ThrowawayNode) -> None:
    flags = (f"--pinned-images={OPEN}/test/app", "--pinned-image-labels=keep=yes")
    async with ShimUnderTest(node, *flags) as shim:
        await node.run(["docker", "import", "--change=LABEL keep=yes", "-", "localhost/labelled:1"], stdin="")
        await node.run(["docker", "import", "--change=LABEL keep=no", "-", "localhost/other:1"], stdin="")
        await pull(shim, f"{OPEN}/test/app:1")
        listed = (await shim.images.ListImages(cri.ListImagesRequest())).images
        pinned = {name: image.pinned for image in listed for name in image.repo_tags}
        assert pinned[f"{OPEN}/test/app:1"] and pinned["localhost/labelled:1"]
        assert pinned["registry.k8s.io/pause:3.10.2"] and not pinned["localhost/other:1"]
        for name, wanted in pinned.items():
            one = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=name)))
            assert one.image.pinned == wanted, name
        await node.run(["docker", "rmi", "localhost/labelled:1", "localhost/other:1", f"{OPEN}/test/app:1"])
