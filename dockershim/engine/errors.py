"""How the engine fails: one class per kind of HTTP status, never a match on the message's text."""


class EngineError(Exception):
    """An engine call failed. `status` is the HTTP status (0: there was none), `call` the method and path."""

    def __init__(self, message: str, call: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message, self.call, self.status = message, call, status


class EngineUnavailableError(EngineError):
    """The engine is not there: its socket is absent or refuses, or it closed the connection in mid-call."""


class EngineDeadlineError(EngineError):
    """The engine did not answer in time."""


class EngineBadRequestError(EngineError):
    """400: what was asked for makes no sense to the engine (a bad mount, an unknown runtime, …)."""


class EngineForbiddenError(EngineError):
    """401 and 403: the engine or a registry refuses."""


class EngineNotFoundError(EngineError):
    """404: no such container, image or exec."""


class EngineConflictError(EngineError):
    """409: a name is taken, or the container is in a state that does not allow it."""


class EngineFailedError(EngineError):
    """5xx, or anything else that has no class of its own."""


_BY_STATUS: dict[int, type[EngineError]] = {
    400: EngineBadRequestError,
    401: EngineForbiddenError,
    403: EngineForbiddenError,
    404: EngineNotFoundError,
    409: EngineConflictError,
}


def from_status(status: int, message: str, call: str) -> EngineError:
    return _BY_STATUS.get(status, EngineFailedError)(message, call, status)
