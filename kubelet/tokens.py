"""Service-account tokens for pods: asked for with TokenRequest, bound to the pod, kept until they grow old.

A token is renewed after 80 % of its life or 24 hours, with some jitter so that the tokens of one burst of pods do not
all come due together. While the API server is away, a token is used until it has expired.
Source: pkg/kubelet/token/token_manager.go.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from kubelet.api.meta import PodUID, parse_time, pod_uid
from kubelet.api.types import BoundObjectReference, Pod, TokenRequest, TokenRequestSpec
from kubelet.apiclient import paths as api_paths
from kubelet.apiclient.errors import ApiError, ForbiddenError
from kubelet.objects.errors import ObjectError

logger = logging.getLogger(__name__)

LONGEST_LIFE_SECONDS = 24 * 3600.0
MAX_JITTER_SECONDS = 10.0
AUTHORIZER_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Between the tries of a new pod's first token while the API server forbids it."""
T = TypeVar("T")


class Creator(Protocol):
    """What is needed of the API client."""

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...


class _Key(NamedTuple):
    namespace: str
    account: str
    audience: str
    seconds: int
    uid: PodUID


@dataclass(slots=True)
class _Token:
    token: str = field(repr=False)
    seconds: int
    expires_at: float


class TokenManager:
    """`now` is the wall clock in Unix seconds: expiry is the API server's wall clock time."""

    def __init__(self, client: Creator, *, now: Callable[[], float] = time.time,
                 jitter: Callable[[], float] = lambda: random.uniform(0, MAX_JITTER_SECONDS),  # noqa: S311
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._client, self._now, self._jitter = client, now, jitter
        self._tokens: dict[_Key, _Token] = {}
        self._locks: dict[_Key, asyncio.Lock] = {}

    async def token_for(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        """A token of the pod's service account; `audience` "" is the API server's own. Raises ObjectError."""
        key = _Key(pod.metadata.namespace, pod.spec.service_account_name or "default", audience, expiration_seconds,
                   pod_uid(pod))
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._tokens.get(key)
            if known is not None and not self._is_old(known):
                return known.token
            try:
                fresh = await self._first(pod, key) if known is None else await self._request(pod, key)
            except ApiError as error:
                if known is None:
                    raise ObjectError(f"failed to fetch token: {error.message}") from None
                if known.expires_at < self._now():
                    raise ObjectError(
                        f"token {key.namespace}/{key.account} expired and refresh failed: {error.message}") from None
                logger.warning("cannot renew a token, the old one still serves: %s account=%s/%s pod_uid=%s", error,
                               key.namespace, key.account, key.uid)
                return known.token
            self._tokens[key] = fresh
            return fresh.token

    async def _first(self, pod: Pod, key: _Key) -> _Token:
        """The API server's node authorizer hears of a new binding a moment after this node does: until then it
        forbids what it will allow."""
        for delay in AUTHORIZER_DELAYS:
            try:
                return await self._request(pod, key)
            except ForbiddenError:
                await self._sleep(delay)
        return await self._request(pod, key)

    def forget(self, uid: PodUID) -> None:
        """The pod is gone, and its tokens with it."""
        for key in [key for key in self._locks if key.uid == uid]:
            self._tokens.pop(key, None)
            if not self._locks[key].locked():
                del self._locks[key]

    async def _request(self, pod: Pod, key: _Key) -> _Token:
        bound = BoundObjectReference(api_version="v1", kind="Pod", name=pod.metadata.name, uid=pod.metadata.uid)
        body = TokenRequest(
            api_version="authentication.k8s.io/v1", kind="TokenRequest",
            spec=TokenRequestSpec(audiences=(key.audience,) if key.audience else (), bound_object_ref=bound,
                                  expiration_seconds=key.seconds))
        path = api_paths.service_account_token(key.namespace, key.account)
        answer = await self._client.create(path, body, TokenRequest)
        # The server may grant another life than was asked for; what it says counts.
        seconds = answer.spec.expiration_seconds or key.seconds
        return _Token(answer.status.token, seconds, parse_time(answer.status.expiration_timestamp))

    def _is_old(self, token: _Token) -> bool:
        return refresh_due(token.expires_at, token.seconds, self._now(), self._jitter())


def refresh_due(expires_at: float, life_seconds: int, now: float, jitter: float) -> bool:
    """Whether a token is to be renewed: 80 % of its life or 24 h are over, less the jitter. Pure."""
    issued_at = expires_at - life_seconds
    return now > issued_at + LONGEST_LIFE_SECONDS - jitter or now > expires_at - life_seconds * 0.2 - jitter
