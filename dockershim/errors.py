"""The one table from what can fail in the dockershim to CRI's errors, and so to gRPC codes."""

from cri.errors import (
    AlreadyExistsError,
    CriError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from dockershim.engine import (
    EngineBadRequestError,
    EngineConflictError,
    EngineDeadlineError,
    EngineError,
    EngineForbiddenError,
    EngineNotFoundError,
    EngineUnavailableError,
)
from dockershim.logs import LogError
from dockershim.network import NetworkError, NetworkNotReadyError, PluginDeadlineError

_TABLE: tuple[tuple[type[Exception], type[CriError]], ...] = (
    (EngineNotFoundError, NotFoundError),
    (EngineConflictError, FailedPreconditionError),
    (EngineDeadlineError, DeadlineExceededError),
    (EngineUnavailableError, UnavailableError),
    (EngineBadRequestError, InvalidArgumentError),
    (EngineForbiddenError, PermissionDeniedError),
    (EngineError, InternalError),
    (NetworkNotReadyError, FailedPreconditionError),
    (PluginDeadlineError, DeadlineExceededError),
    (NetworkError, InternalError),
    (LogError, InternalError),
    (OSError, InternalError),
    (TimeoutError, DeadlineExceededError),
)


class ContainerExistsError(AlreadyExistsError):
    """Another container or sandbox with these metadata is there and may not be replaced."""


def to_cri_error(error: Exception) -> CriError | None:
    """None for what nobody foresaw; it is logged with its traceback and becomes INTERNAL."""
    if isinstance(error, CriError):
        return error
    if isinstance(error, TimeoutError):
        return DeadlineExceededError(str(error) or "timed out")
    for kind, known in _TABLE:
        if isinstance(error, kind):
            notes = "; ".join(getattr(error, "__notes__", ()))
            return known(f"{error}; {notes}" if notes else str(error))
    return None
