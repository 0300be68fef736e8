"""Single-use tokens for requests on their way from the CRI call to the streaming server."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from cri.errors import ResourceExhaustedError

SECONDS = 60.0
MAX_IN_FLIGHT = 1000
_RANDOM_BYTES = 6
"""Eight characters of URL-safe base64."""

T = TypeVar("T")


class Tokens(Generic[T]):
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: OrderedDict[str, tuple[float, T]] = OrderedDict()
        """Oldest first: token to its end and its request."""

    def insert(self, request: T) -> str:
        """Raises ResourceExhaustedError, which the kubelet turns into 429 with Retry-After."""
        self._expire()
        if len(self._waiting) >= MAX_IN_FLIGHT:
            raise ResourceExhaustedError("maximum number of in-flight requests exceeded")
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        while token in self._waiting:
            token = secrets.token_urlsafe(_RANDOM_BYTES)
        self._waiting[token] = (self._now() + SECONDS, request)
        return token

    def consume(self, token: str) -> T | None:
        """The request, once; None for a token that is unknown, used or too old."""
        self._expire()
        found = self._waiting.pop(token, None)
        return None if found is None else found[1]

    def _expire(self) -> None:
        now = self._now()
        while self._waiting:
            token, (end, _) = next(iter(self._waiting.items()))
            if end > now:
                return
            del self._waiting[token]
