"""Policies, back-off, sharing, limits, events, credentials. Time is virtual."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cri.errors import CriError, NotFoundError, UnavailableError, UnknownError
from cri.v1 import api_pb2 as cri
from kubelet.api.codec import convert
from kubelet.api.meta import ContainerKind
from kubelet.api.types import ObjectMeta, ObjectReference, Pod, Secret
from kubelet.images import Credential, ImageError, ImageManager, ImageRequest, PulledImage
from kubelet.images.manager import go_duration

pytestmark = pytest.mark.looptime


class Runtime:
    """An image store: `pull_seconds` is how long a pull takes, `refuse` decides what fails."""

    def __init__(self) -> None:
        self.images: dict[str, cri.Image] = {}
        self.pulls: list[tuple[str, str]] = []
        self.pull_seconds = 1.0
        self.refuse: Callable[[str, str], CriError | None] = lambda image, user: None
        self.status_error: CriError | None = None
        self.running = self.most_running = 0

    async def ImageStatus(self, request: cri.ImageStatusRequest) -> cri.ImageStatusResponse:
        await asyncio.sleep(0)
        if self.status_error is not None:
            raise self.status_error
        return cri.ImageStatusResponse(image=self.images.get(request.image.image))

    async def PullImage(self, request: cri.PullImageRequest) -> cri.PullImageResponse:
        image, user = request.image.image, request.auth.username
        self.pulls.append((image, user))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(self.pull_seconds)
        finally:
            self.running -= 1
        if (error := self.refuse(image, user)) is not None:
            raise error
        self.images[image] = cri.Image(id=f"sha256:{image}", size=42, uid=cri.Int64Value(value=7))
        return cri.PullImageResponse(image_ref=f"sha256:{image}")


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, ref: ObjectReference, kind: str, reason: str, message: str) -> None:
        assert ref.field_path == "spec.containers{c}"
        self.events.append((kind, reason, message))


class Node:
    def __init__(self, **options: Any) -> None:
        self.runtime, self.recorder = Runtime(), Recorder()
        options.setdefault("node_credentials", lambda root: {})
        self.manager = ImageManager(
            self.runtime, self.recorder, root_dir=Path("/r"), clock=asyncio.get_running_loop().time, **options
        )

    async def ensure(
        self, image: str = "web:1", policy: str = "IfNotPresent", uid: str = "u", **rest: Any
    ) -> PulledImage:
        pod = convert({"metadata": {"name": "p", "namespace": "n", "uid": uid}}, Pod)
        return await self.manager.ensure(ImageRequest(pod, ContainerKind.REGULAR, "c", image, policy, **rest))


async def test_pull_then_present() -> None:
    pulled: list[str] = []
    node = Node(on_pulled=pulled.append)
    assert await node.ensure() == PulledImage("sha256:web:1", "sha256:web:1", 7, "", 42)
    assert await node.ensure() == PulledImage("sha256:web:1", "sha256:web:1", 7, "", 42)
    assert node.recorder.events == [
        ("Normal", "Pulling", 'Pulling image "web:1"'),
        ("Normal", "Pulled", 'Successfully pulled image "web:1" in 1s (1s including waiting). Image size: 42 bytes.'),
        ("Normal", "Pulled", 'Container image "web:1" already present on machine and can be accessed by the pod'),
    ]
    assert node.runtime.pulls == [("web:1", "")]
    assert pulled == ["sha256:web:1"]


@pytest.mark.parametrize(
    ("image", "policy", "pulls"),
    [
        ("web", "", 2),
        ("web:latest", "", 2),
        ("web:1", "", 1),
        ("web:1", "Always", 2),
        ("web@sha256:" + "0" * 64, "", 1),
        ("web:latest@sha256:" + "0" * 64, "", 1),
    ],
)
async def test_policy_and_default_tag(image: str, policy: str, pulls: int) -> None:
    node = Node()
    for _ in range(2):
        await node.ensure(image, policy)
    assert len(node.runtime.pulls) == pulls
    assert node.runtime.pulls[0][0] == ("web:latest" if image == "web" else image)


async def test_never() -> None:
    node = Node()
    with pytest.raises(ImageError) as caught:
        await node.ensure(policy="Never")
    text = 'Container image "web:1" is not present with pull policy of Never'
    assert (caught.value.reason, str(caught.value)) == ("ErrImageNeverPull", text)
    assert node.recorder.events == [("Warning", "ErrImageNeverPull", text)]


async def test_bad_name_and_failed_inspection() -> None:
    node = Node()
    with pytest.raises(ImageError) as caught:
        await node.ensure("Web:1")
    assert caught.value.reason == "InvalidImageName"
    assert str(caught.value) == (
        'Failed to apply default image tag "Web:1": couldn\'t parse image name "Web:1": invalid reference format: '
        "repository name (library/Web) must be lowercase"
    )
    node.runtime.status_error = UnavailableError("no runtime")
    with pytest.raises(ImageError) as caught:
        await node.ensure()
    assert (caught.value.reason, str(caught.value)) == (
        "ImageInspectError",
        'Failed to inspect image "web:1": rpc error: code = Unavailable desc = no runtime',
    )
    assert [reason for _, reason, _ in node.recorder.events] == ["InspectFailed", "InspectFailed"]


async def test_back_off_grows_and_tells_the_cause() -> None:
    node = Node()
    node.runtime.refuse = lambda image, user: NotFoundError("no such image")
    loop, delays = asyncio.get_running_loop(), []
    for _ in range(7):
        with pytest.raises(ImageError) as failed:
            await node.ensure()
        assert (failed.value.reason, str(failed.value)) == (
            "ErrImagePull",
            "rpc error: code = NotFound desc = no such image",
        )
        assert failed.value.retry_at is not None
        delays.append(round(failed.value.retry_at - loop.time()))
        with pytest.raises(ImageError) as waiting:
            await node.ensure()
        assert (waiting.value.reason, str(waiting.value)) == (
            "ImagePullBackOff",
            'Back-off pulling image "web:1": ErrImagePull: rpc error: code = NotFound desc = no such image',
        )
        assert waiting.value.retry_at == pytest.approx(failed.value.retry_at)
        await asyncio.sleep(failed.value.retry_at - loop.time())
    assert delays == [10, 20, 40, 80, 160, 300, 300]
    assert node.recorder.events[:3] == [
        ("Normal", "Pulling", 'Pulling image "web:1"'),
        ("Warning", "Failed", 'Failed to pull image "web:1": rpc error: code = NotFound desc = no such image'),
        ("Normal", "BackOff", 'Back-off pulling image "web:1"'),
    ]
    node.runtime.refuse = lambda image, user: None
    await node.ensure()
    node.manager.forget("u")


async def test_back_off_is_per_pod_and_image() -> None:
    node = Node()
    node.runtime.refuse = lambda image, user: NotFoundError("no")
    for arguments in ({"uid": "u"}, {"uid": "v"}, {"image": "other:1"}):
        with pytest.raises(ImageError) as caught:
            await node.ensure(**arguments)
        assert caught.value.reason == "ErrImagePull"


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (
            "RegistryUnavailable: timed out",
            "RegistryUnavailable",
            "image pull failed for web:1 because the registry is unavailable: timed out",
        ),
        (
            "SignatureValidationFailed: bad key",
            "SignatureValidationFailed",
            "image pull failed for web:1 because the signature validation failed: bad key",
        ),
        ("anything else", "ErrImagePull", "anything else"),
    ],
)
async def test_reasons_that_cri_defines(text: str, reason: str, message: str) -> None:
    node = Node()
    node.runtime.refuse = lambda image, user: UnknownError(text)
    with pytest.raises(ImageError) as caught:
        await node.ensure()
    assert (caught.value.reason, str(caught.value)) == (reason, message)


async def test_pods_that_want_the_same_image_share_a_pull() -> None:
    node = Node(parallel=None)
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(node.ensure(policy="Always", uid=f"u{number}"))
    assert len(node.runtime.pulls) == 1
    await node.ensure(policy="Always")
    assert len(node.runtime.pulls) == 2


async def test_a_cancelled_pull_is_taken_over() -> None:
    node = Node(parallel=None)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(node.ensure(uid="a"))
        second = group.create_task(node.ensure(uid="b"))
        await asyncio.sleep(0.5)
        first.cancel()
    assert second.result().size_bytes == 42 and len(node.runtime.pulls) == 2


@pytest.mark.parametrize(("parallel", "most", "seconds"), [(1, 1, 6), (2, 2, 3), (None, 6, 1)])
async def test_how_many_pulls_run_at_once(parallel: int | None, most: int, seconds: int) -> None:
    node = Node(parallel=parallel)
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(node.ensure(f"web:{number}"))
    assert (node.runtime.most_running, asyncio.get_running_loop().time()) == (most, pytest.approx(seconds, abs=0.01))


async def test_qps() -> None:
    node = Node(parallel=None, qps=2.0, burst=3)
    node.runtime.pull_seconds = 0
    async with asyncio.TaskGroup() as group:
        for number in range(7):
            group.create_task(node.ensure(f"web:{number}"))
    assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.05)


def docker_config(**logins: str) -> str:
    auths = {
        host.replace("_", "."): {"auth": base64.b64encode(login.encode()).decode()} for host, login in logins.items()
    }
    return base64.b64encode(json.dumps({"auths": auths}).encode()).decode()


async def test_credentials_are_tried_in_order() -> None:
    node = Node(node_credentials=lambda root: {"reg.example": Credential("node", "pw")})
    node.runtime.refuse = lambda image, user: None if user == "node" else UnknownError(f"denied {user}")
    secret = Secret(
        metadata=ObjectMeta(name="s", namespace="n"),
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": docker_config(reg_example="pod:pw", other_example="no:no")},
    )
    await node.ensure("reg.example/a/b:1", pull_secrets=[secret])
    assert [user for _, user in node.runtime.pulls] == ["pod", "node"]
    node.runtime.refuse = lambda image, user: UnknownError(f"denied {user}")
    with pytest.raises(ImageError) as caught:
        await node.ensure("reg.example/a/b:2", pull_secrets=[secret])
    assert str(caught.value) == "[denied pod, denied node]"


class Plugins:
    async def lookup(self, pod: Pod, repository: str) -> list[Credential]:
        return [Credential("plugin", f"of {pod.metadata.name} for {repository}")]


async def test_plugins_are_asked_after_secrets_and_files() -> None:
    node = Node(node_credentials=lambda root: {"reg.example": Credential("node", "pw")}, providers=Plugins())
    node.runtime.refuse = lambda image, user: None if user == "plugin" else UnknownError(f"denied {user}")
    await node.ensure("reg.example/a/b:1")
    assert [user for _, user in node.runtime.pulls] == ["node", "plugin"]


async def test_a_bad_pull_secret_is_named_and_not_shown() -> None:
    node = Node()
    secret = Secret(
        metadata=ObjectMeta(name="s", namespace="n"),
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": base64.b64encode(b"hunter2").decode()},
    )
    with pytest.raises(ImageError, match=r"^secret n/s is not valid JSON$"):
        await node.ensure(pull_secrets=[secret])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.523, "523ms"),
        (1.5, "1.5s"),
        (1.234, "1.234s"),
        (61, "1m1s"),
        (3600, "1h0m0s"),
        (123.004, "2m3.004s"),
    ],
)
def test_go_duration(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
