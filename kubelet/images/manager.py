"""Makes a container's image available on the node: policy, credentials, limits, back-off, events.

    name ─▶ policy ─▶ there already? ─▶ back-off over? ─▶ one pull per image ▸ N at once ▸ QPS ─▶ PullImage

Messages, reasons and events are upstream's (pkg/kubelet/images/image_manager.go). Two differences help and cannot be
told from outside otherwise: pods that want the same image at the same time share one pull, and a pull beyond the QPS
limit waits instead of failing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cri.errors import CriError, UnknownError
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import ContainerKind, container_field_path, pod_reference
from kubelet.api.types import ObjectReference, Pod, Secret
from kubelet.apiclient.throttle import TokenBucket
from kubelet.backoff import Backoff
from kubelet.events import EventKind, EventRecorder
from kubelet.images.keyring import Credential, InvalidDockerConfigError, keyring_of, read_node_config
from kubelet.images.names import InvalidImageNameError, default_pull_policy, parse_image_name, with_default_tag

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 10.0, 300.0


class ImageService(Protocol):
    """The two calls of CRI's ImageService that are needed."""

    def ImageStatus(self, request: cri.ImageStatusRequest, /) -> Awaitable[cri.ImageStatusResponse]: ...

    def PullImage(self, request: cri.PullImageRequest, /) -> Awaitable[cri.PullImageResponse]: ...


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image on this node. `image_ref` is what containers are created from; `uid` and `username` who it runs as.
    `volumes`: by volume name, the images that the container mounts."""

    image_ref: str
    image_id: str
    uid: int | None = None
    username: str = ""
    size_bytes: int = 0
    volumes: Mapping[str, cri.ImageSpec] = field(default_factory=dict)


class CredentialLookup(Protocol):
    """Logins that neither the pod nor a file brings: kubelet.images.providers."""

    async def lookup(self, pod: Pod, repository: str) -> list[Credential]: ...


class ImageError(Exception):
    """The image cannot be had now. `reason` is the waiting reason, `str(error)` its message; `retry_at` (monotonic
    seconds) tells when another try makes sense, where that is known."""

    def __init__(self, reason: str, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.retry_at = reason, message, retry_at


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One container's wish, or with `container` "" that of a volume. `policy` "" is decided by the tag; `pull_secrets`
    are the pod's, those that exist."""

    pod: Pod
    kind: ContainerKind
    container: str
    image: str
    policy: str = ""
    pull_secrets: Sequence[Secret] = ()
    sandbox_config: cri.PodSandboxConfig | None = None
    runtime_handler: str = ""

    @property
    def reference(self) -> ObjectReference:
        return pod_reference(self.pod, container_field_path(self.kind, self.container) if self.container else "")

    @property
    def backoff_key(self) -> str:
        return f"{self.pod.metadata.uid}_{self.image}"


@dataclass
class _Flight:
    """Pulls of one image with one set of credentials: at most one at a time, `waiting` counts who is interested."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    ended_at: float = -1.0
    result: "_Pulled | CriError | None" = None


@dataclass(frozen=True, slots=True)
class _Pulled:
    image_ref: str
    seconds: float


class ImageManager:
    """`qps` 0 lifts the limit on pulls per second; `parallel` is how many pulls run at once, None for any number."""

    def __init__(self, images: ImageService, recorder: EventRecorder, *, root_dir: Path, qps: float = 5.0,
                 burst: int = 10, parallel: int | None = 1, clock: Callable[[], float] = time.monotonic,
                 node_credentials: Callable[[Path], dict[str, Credential]] = read_node_config,
                 on_pulled: Callable[[str], None] = lambda _image_id: None,
                 on_pull: Callable[[int, float], None] = lambda _size, _seconds: None,
                 providers: CredentialLookup | None = None) -> None:
        """`on_pulled(image id)` may block: it is called in a thread. `on_pull(bytes, seconds)` counts."""
        self._on_pull = on_pull
        self._providers = providers
        self._on_pulled = on_pulled
        self._images, self._recorder, self._clock = images, recorder, clock
        self._root_dir, self._node_credentials = root_dir, node_credentials
        self._bucket = TokenBucket(qps, burst, clock) if qps > 0 else None
        self._slots = asyncio.Semaphore(parallel) if parallel else None
        self._backoff = Backoff(FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS)
        self._last_errors: dict[str, str] = {}
        self._flights: dict[tuple[str, ...], _Flight] = {}
        self.under_way: dict[str, float] = {}
        """Images that the runtime is pulling, as it was asked for them, and since when (Unix seconds)."""

    async def ensure(self, request: ImageRequest) -> PulledImage:
        """The image, pulled if policy and presence ask for it. Raises ImageError."""
        spec, policy = self._spec(request), request.policy
        policy = policy or default_pull_policy(request.image)
        if policy != "Always":
            present = await self._present(request, spec)
            if present is not None:
                self._event(
                    request, "Normal", "Pulled",
                    f'Container image "{request.image}" already present on machine and can be accessed by the pod')
                return present
            if policy == "Never":
                message = f'Container image "{request.image}" is not present with pull policy of Never'
                self._event(request, "Warning", "ErrImageNeverPull", message)
                raise ImageError("ErrImageNeverPull", message)
        return await self._pull(request, spec)

    def forget(self, uid: str) -> None:
        """The pod is gone: so are its back-offs."""
        for key in [key for key in self._last_errors if key.startswith(f"{uid}_")]:
            del self._last_errors[key]
            self._backoff.reset(key)

    def _spec(self, request: ImageRequest) -> cri.ImageSpec:
        try:
            image = with_default_tag(request.image)
        except InvalidImageNameError as error:
            message = f'Failed to apply default image tag "{request.image}": {error}'
            self._event(request, "Warning", "InspectFailed", message)
            raise ImageError("InvalidImageName", message) from None
        return cri.ImageSpec(image=image, annotations=request.pod.metadata.annotations,
                             runtime_handler=request.runtime_handler)

    async def _present(self, request: ImageRequest, spec: cri.ImageSpec) -> PulledImage | None:
        try:
            return await self._status(spec)
        except CriError as error:
            message = f'Failed to inspect image "{request.image}": {error_text(error)}'
            self._event(request, "Warning", "InspectFailed", message)
            raise ImageError("ImageInspectError", message) from None

    async def _status(self, spec: cri.ImageSpec, image_ref: str = "") -> PulledImage | None:
        """None when the runtime does not have it. Raises CriError."""
        image = (await self._images.ImageStatus(cri.ImageStatusRequest(image=spec))).image
        if not image.id:
            return None
        uid = image.uid.value if image.HasField("uid") else (None if image.username else 0)
        return PulledImage(image_ref or image.id, image.id, uid, image.username if uid is None else "", image.size)

    async def _pull(self, request: ImageRequest, spec: cri.ImageSpec) -> PulledImage:
        key, asked_at = request.backoff_key, self._clock()
        self._check_backoff(request)
        self._last_errors.pop(key, None)
        credentials = await self._credentials(request, spec)
        self._event(request, "Normal", "Pulling", f'Pulling image "{request.image}"')
        try:
            pulled = await self._shared_pull(request, spec, credentials, asked_at)
            image = await self._status(spec, pulled.image_ref)
        except CriError as error:
            raise self._failed(request, error_text(error)) from None
        if image is None:
            raise self._failed(request, "the runtime reported success, but does not have the image")
        self._backoff.reset(key)
        self._on_pull(image.size_bytes, pulled.seconds)
        await asyncio.to_thread(self._on_pulled, image.image_id)
        self._event(
            request, "Normal", "Pulled",
            f'Successfully pulled image "{request.image}" in {go_duration(pulled.seconds)} '
            f"({go_duration(self._clock() - asked_at)} including waiting). Image size: {image.size_bytes} bytes.")
        return image

    def _check_backoff(self, request: ImageRequest) -> None:
        now = self._clock()
        remaining = self._backoff.remaining_since_update(request.backoff_key, now)
        if remaining <= 0:
            return
        message = f'Back-off pulling image "{request.image}"'
        self._event(request, "Normal", "BackOff", message)
        last = self._last_errors.get(request.backoff_key)
        raise ImageError("ImagePullBackOff", f"{message}: {last}" if last else message, now + remaining)

    def _failed(self, request: ImageRequest, text: str) -> ImageError:
        """Count the failure and say it; returns the error to raise."""
        self._event(request, "Warning", "Failed", f'Failed to pull image "{request.image}": {text}')
        now = self._clock()
        delay = self._backoff.next(request.backoff_key, now, now)
        reason, message = pull_failure(request.image, text)
        self._last_errors[request.backoff_key] = f"{reason}: {message}"
        return ImageError(reason, message, now + delay)

    async def _credentials(self, request: ImageRequest, spec: cri.ImageSpec) -> list[Credential]:
        node = await asyncio.to_thread(self._node_credentials, self._root_dir)
        try:
            keyrings = keyring_of(request.pull_secrets, node)
        except InvalidDockerConfigError as error:
            raise self._failed(request, str(error)) from None
        repository = parse_image_name(spec.image).repository
        provided = await self._providers.lookup(request.pod, repository) if self._providers is not None else []
        return [credential for keyring in keyrings for credential in keyring.lookup(repository)] + provided

    async def _shared_pull(self, request: ImageRequest, spec: cri.ImageSpec, credentials: list[Credential],
                           asked_at: float) -> _Pulled:
        """Pull, or take the outcome of a pull of the same image that ended while this one waited. Raises CriError."""
        key = (spec.image, spec.runtime_handler, *(f"{login.username}:{login.password}" for login in credentials))
        with self._flight(key) as flight:
            async with flight.lock:
                if flight.result is None or flight.ended_at < asked_at:
                    try:
                        flight.result = await self._limited_pull(spec, credentials, request.sandbox_config)
                    except CriError as error:
                        flight.result = error
                    flight.ended_at = self._clock()
                if isinstance(flight.result, CriError):
                    raise flight.result
                return flight.result

    @contextmanager
    def _flight(self, key: tuple[str, ...]) -> Iterator[_Flight]:
        flight = self._flights.setdefault(key, _Flight())
        flight.waiting += 1
        try:
            yield flight
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._flights.pop(key, None)

    async def _limited_pull(self, spec: cri.ImageSpec, credentials: list[Credential],
                            sandbox: cri.PodSandboxConfig | None) -> _Pulled:
        async with self._slots or _no_limit:
            if self._bucket is not None:
                await self._bucket.acquire()
            return await self._pull_with_any_login(spec, credentials, sandbox)

    async def _pull_with_any_login(self, spec: cri.ImageSpec, credentials: list[Credential],
                                   sandbox: cri.PodSandboxConfig | None) -> _Pulled:
        self.under_way[spec.image] = time.time()
        try:
            begun = self._clock()
            errors: list[CriError] = []
            logins: Sequence[Credential | None] = credentials or [None]
            for login in logins:
                auth = cri.AuthConfig(username=login.username, password=login.password) if login is not None else None
                try:
                    answer = await self._images.PullImage(
                        cri.PullImageRequest(image=spec, auth=auth, sandbox_config=sandbox))
                    return _Pulled(answer.image_ref, self._clock() - begun)
                except CriError as error:
                    errors.append(error)
            if len(errors) == 1:
                raise errors[0]
            raise UnknownError(f"[{', '.join(error_text(error) for error in errors)}]", "PullImage")
        finally:
            self.under_way.pop(spec.image, None)

    def _event(self, request: ImageRequest, kind: EventKind, reason: str, message: str) -> None:
        self._recorder.event(request.reference, kind, reason, message)


class _NoLimit:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


_no_limit = _NoLimit()

_PREFIXES = {"RegistryUnavailable": "because the registry is unavailable",
             "SignatureValidationFailed": "because the signature validation failed"}


def pull_failure(image: str, text: str) -> tuple[str, str]:
    """Waiting reason and message for a failed pull; CRI defines the two prefixes."""
    for prefix, words in _PREFIXES.items():
        if text.startswith(prefix):
            return prefix, f"image pull failed for {image} {words}{text.removeprefix(prefix)}"
    return "ErrImagePull", text


def error_text(error: CriError) -> str:
    """As upstream prints it: the code only where it says something."""
    if isinstance(error, UnknownError):
        return error.message
    name = "".join(part.capitalize() for part in error.code.name.split("_"))
    return f"rpc error: code = {name.replace('Cancelled', 'Canceled')} desc = {error.message}"


def go_duration(seconds: float) -> str:
    """Milliseconds as Go prints a Duration: 0s, 523ms, 1.5s, 2m3.004s, 1h0m0s."""
    millis = max(int(seconds * 1000 + 1e-6), 0)
    if millis < 1000:
        return f"{millis}ms" if millis else "0s"
    minutes, millis = divmod(millis, 60_000)
    text = f"{millis / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else (f"{minutes}m{text}" if minutes else text)
