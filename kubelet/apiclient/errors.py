"""What can go wrong between this node and the API server: a closed tree, built from metav1.Status.

    ApiError
      UnauthorizedError 401    ForbiddenError 403    NotFoundError 404     ConflictError 409 (AlreadyExistsError)
      GoneError 410            InvalidError 422      TooManyRequestsError 429
      ServerError 5xx, and answers that are no answer        UnreachableError: no answer at all (status 0)

Source: apimachinery/pkg/apis/meta/v1/types.go (StatusReason), client-go/rest/request.go.
"""

from email.utils import parsedate_to_datetime

import msgspec

from kubelet.api.types import Status


class ApiError(Exception):
    """An answer that is not success. `retry_after` is in seconds, where the server named it."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{message} ({reason}, HTTP {status})" if status else message)
        self.status, self.reason, self.message, self.retry_after = status, reason, message, retry_after

    @property
    def may_pass(self) -> bool:
        """Whether the same request can succeed later without anybody changing anything."""
        return isinstance(self, ServerError | TooManyRequestsError | UnreachableError)


class UnauthorizedError(ApiError):
    """The API server does not know these credentials."""


class ForbiddenError(ApiError):
    """Known, but not allowed."""


class NotFoundError(ApiError):
    """No such object (or no such kind)."""


class ConflictError(ApiError):
    """The object changed meanwhile, or a UID precondition failed."""


class AlreadyExistsError(ConflictError):
    """A create of a name that is taken."""


class GoneError(ApiError):
    """The resource version is too old to continue from: list again."""


class InvalidError(ApiError):
    """The object breaks the API's rules."""


class TooManyRequestsError(ApiError):
    """Throttled by the server (also: eviction refused by a disruption budget)."""


class ServerError(ApiError):
    """The server failed, or something in between answered in its place."""


class UnreachableError(ApiError):
    """No answer: refused, unresolved, reset, timed out, TLS not agreed."""

    def __init__(self, message: str, reason: str = "Unreachable") -> None:
        super().__init__(0, reason, message)


_BY_STATUS: dict[int, type[ApiError]] = {
    401: UnauthorizedError, 403: ForbiddenError, 404: NotFoundError, 409: ConflictError, 410: GoneError,
    422: InvalidError, 429: TooManyRequestsError,
}
_BY_REASON: dict[str, type[ApiError]] = {"AlreadyExists": AlreadyExistsError, "Expired": GoneError, "Gone": GoneError}


def error_of(status: int, reason: str, message: str, retry_after: float | None = None) -> ApiError:
    """The member of the tree for an HTTP status and a StatusReason."""
    fallback = ServerError if status >= 500 else ApiError
    cls = _BY_REASON.get(reason) or _BY_STATUS.get(status, fallback)
    return cls(status, reason, message, retry_after)


def error_from_answer(status: int, body: bytes, *, what: str, retry_after: str = "", now: float = 0.0) -> ApiError:
    """The error in an HTTP answer: its metav1.Status, or the bare status where a proxy answered.

    `what` names the request (`PATCH /api/v1/…`), `retry_after` is the header's text, `now` Unix seconds for its
    date form."""
    seconds = _seconds(retry_after, now)
    try:
        answer = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, msgspec.ValidationError):
        answer = Status()
    if answer.kind != "Status":
        text = " ".join(body[:200].decode(errors="replace").split())
        return error_of(status, "", f"{what}: HTTP {status}" + (f": {text}" if text else ""), seconds)
    if seconds is None and answer.details is not None and answer.details.retry_after_seconds:
        seconds = float(answer.details.retry_after_seconds)
    return error_of(answer.code or status, answer.reason, answer.message or f"{what}: HTTP {status}", seconds)


def _seconds(header: str, now: float) -> float | None:
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - now)
        except ValueError:
            return None
