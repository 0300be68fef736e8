"""Who asks: a verified client certificate, a bearer token that the API server knows, or nobody in particular.

    certificate? ──yes─▶ user CN, groups O
        │no
    bearer token? ──yes─▶ TokenReview (cached) ──refused or failed─▶ 401
        │no
    anonymous allowed? ──yes─▶ system:anonymous      ──no─▶ 401

A token that is refused is never taken for anonymous (apiserver's union.NewFailOnError); where the webhook is off,
nobody refuses tokens.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from kubelet.api.types import TokenReview, TokenReviewSpec

logger = logging.getLogger(__name__)

T = TypeVar("T")
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
ALL_AUTHENTICATED = "system:authenticated"
_CACHE_SIZE = 4096
_MAX_TOKEN_BYTES = 16 * 1024


class ReviewClient(Protocol):
    """The part of the API client that reviews need. Its errors carry `message`."""

    async def create(self, path: str, body: Any, cls: type[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


class UnauthenticatedError(Exception):
    """Nobody that we know: HTTP 401. The message is for the log only."""


def user_of_certificate(subject: Sequence[Sequence[tuple[str, str]]]) -> User | None:
    """The user in a certificate's subject, as `getpeercert()["subject"]` gives it; None without a common name."""
    pairs = [pair for relative_name in subject for pair in relative_name]
    names = [value for key, value in pairs if key == "commonName"]
    if not names or not names[-1]:
        return None
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return User(names[-1], (*groups, ALL_AUTHENTICATED) if ALL_AUTHENTICATED not in groups else groups)


class Authenticator:
    """`client` is None without an API server: then no token is good. Without `tokens` (the webhook is off) nobody looks
    at tokens, and who brings one is as anonymous as others."""

    def __init__(
        self, client: ReviewClient | None, *, anonymous: bool, token_ttl: float = 120.0,
        now: Callable[[], float] = time.monotonic, tokens: bool = True,
    ) -> None:
        self._tokens = tokens
        self._client, self._anonymous, self._ttl, self._now = client, anonymous, token_ttl, now
        self._known: OrderedDict[bytes, tuple[float, User | None]] = OrderedDict()

    async def authenticate(self, peer_certificate: Mapping[str, Any] | None, authorization: str) -> User:
        """`peer_certificate`: what the TLS layer verified, as `getpeercert()`; `authorization`: the header's value.

        Raises UnauthenticatedError.
        """
        if peer_certificate:
            user = user_of_certificate(peer_certificate.get("subject", ()))
            if user is not None:
                return user
        scheme, _, rest = authorization.strip().partition(" ")
        token = rest.strip()
        if self._tokens and scheme.lower() == "bearer" and token:
            user = await self._review(token)
            if user is None:
                raise UnauthenticatedError("the bearer token is not known")
            return user
        if self._anonymous:
            return ANONYMOUS
        raise UnauthenticatedError("no credentials were given")

    async def _review(self, token: str) -> User | None:
        if self._client is None or len(token) > _MAX_TOKEN_BYTES:
            return None
        key = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(key)
        if found is not None and found[0] > self._now():
            return found[1]
        try:
            review = await self._client.create(TOKEN_REVIEWS, _review_of(token), TokenReview)
        except Exception as error:
            # Whatever keeps the API server from answering, the caller is not known: deny, remember nothing.
            raise UnauthenticatedError(f"the token could not be reviewed: {error}") from error
        user = _user_of_review(review)
        self._known[key] = (self._now() + self._ttl, user)
        self._known.move_to_end(key)
        while len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
        return user


def _review_of(token: str) -> TokenReview:
    return TokenReview(
        api_version="authentication.k8s.io/v1", kind="TokenReview", spec=TokenReviewSpec(token=token)
    )


def _user_of_review(review: TokenReview) -> User | None:
    status = review.status
    if status is None or not status.authenticated or status.user is None:
        return None
    user = status.user
    groups = tuple(user.groups)
    return User(
        user.username, groups if ALL_AUTHENTICATED in groups else (*groups, ALL_AUTHENTICATED), user.uid,
        {key: tuple(values) for key, values in user.extra.items()},
    )
