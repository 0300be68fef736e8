"""Whether the caller may: each of a path's attributes is asked for in turn, and the first Yes lets the request through.

Everything else is No, also an authorizer that nobody configured and a path that nobody knows.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kubelet.api.types import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from kubelet.server.authentication import ReviewClient, User

logger = logging.getLogger(__name__)

ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_CACHE_SIZE = 8192


@dataclass(frozen=True, slots=True)
class Attributes:
    """What `user` wants to do to this node: `verb` on `nodes/<subresource>` named `node_name`."""

    user: User
    verb: str
    subresource: str
    node_name: str


class ForbiddenError(Exception):
    """HTTP 403; the message is the body."""


class AuthorizationFailedError(Exception):
    """The question could not be answered: HTTP 500; the message is the body."""


class Authorizer(Protocol):
    async def allows(self, attributes: Attributes) -> bool:
        """Raises what its source raises when it cannot tell."""
        ...


class AlwaysAllow:
    async def allows(self, attributes: Attributes) -> bool:  # noqa: ARG002 - the mode's meaning
        return True


class AlwaysDeny:
    """Webhook mode without an API server to ask."""

    async def allows(self, attributes: Attributes) -> bool:  # noqa: ARG002 - nobody can vouch for anybody
        return False


class SubjectAccessReviews:
    """Asks the API server, and remembers Yes for `authorized_ttl` and No for `unauthorized_ttl` seconds."""

    def __init__(
        self, client: ReviewClient, *, authorized_ttl: float = 300.0, unauthorized_ttl: float = 30.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._ttls, self._now = client, (unauthorized_ttl, authorized_ttl), now
        self._known: OrderedDict[object, tuple[float, bool]] = OrderedDict()

    async def allows(self, attributes: Attributes) -> bool:
        key = _key(attributes)
        found = self._known.get(key)
        if found is not None and found[0] > self._now():
            return found[1]
        review = await self._client.create(ACCESS_REVIEWS, _review_of(attributes), SubjectAccessReview)
        status = review.status
        allowed = status is not None and status.allowed and not status.denied
        self._known[key] = (self._now() + self._ttls[allowed], allowed)
        self._known.move_to_end(key)
        while len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
        return allowed


def _key(attributes: Attributes) -> object:
    user = attributes.user
    return (user.name, user.groups, user.uid, tuple(sorted(user.extra.items())), attributes.verb,
            attributes.subresource, attributes.node_name)


def _review_of(attributes: Attributes) -> SubjectAccessReview:
    user = attributes.user
    return SubjectAccessReview(
        api_version="authorization.k8s.io/v1", kind="SubjectAccessReview",
        spec=SubjectAccessReviewSpec(
            user=user.name, groups=user.groups, uid=user.uid, extra=dict(user.extra),
            resource_attributes=ResourceAttributes(
                verb=attributes.verb, version="v1", resource="nodes", subresource=attributes.subresource,
                name=attributes.node_name,
            ),
        ),
    )


async def authorize(
    authorizer: Authorizer, user: User, verb: str, subresources: Sequence[str], node_name: str
) -> None:
    """Returns when one of `subresources` may be used. Raises ForbiddenError and AuthorizationFailedError."""
    for subresource in subresources:
        try:
            if await authorizer.allows(Attributes(user, verb, subresource, node_name)):
                return
        except Exception as error:
            # Whatever went wrong on the way to the answer, there is none: the request must not go through.
            logger.error("Cannot tell whether a caller is allowed user=%s verb=%s subresource=%s error=%s",
                         user.name, verb, subresource, error)
            raise AuthorizationFailedError(
                f"Authorization error (user={user.name}, verb={verb}, resource=nodes, subresource={subresource})"
            ) from error
    raise ForbiddenError(
        f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{' '.join(subresources)}])\n")
