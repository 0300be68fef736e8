"""The Docker Engine API, as the dockershim needs it. Nothing outside this package speaks to the engine."""

from dockershim.engine.client import EngineClient
from dockershim.engine.errors import (
    EngineBadRequestError,
    EngineConflictError,
    EngineDeadlineError,
    EngineError,
    EngineFailedError,
    EngineForbiddenError,
    EngineNotFoundError,
    EngineUnavailableError,
)
from dockershim.engine.events import EngineEvent, EventStream

__all__ = [
    "EngineBadRequestError",
    "EngineClient",
    "EngineConflictError",
    "EngineDeadlineError",
    "EngineError",
    "EngineEvent",
    "EngineFailedError",
    "EngineForbiddenError",
    "EngineNotFoundError",
    "EngineUnavailableError",
    "EventStream",
]
