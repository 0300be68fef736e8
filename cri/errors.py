"""The closed tree of errors that cross the CRI, on both sides of the socket.

A client raises them from a gRPC status code, a server turns them into one; nobody matches on an error's text, except
for the few prefixes that CRI itself defines (`RegistryUnavailable`, `SignatureValidationFailed`, `RROUnsupported`).
"""

import grpc


class CriError(Exception):
    """A CRI call failed. `code` is the gRPC code, `message` the peer's words, `method` the RPC's name."""

    code = grpc.StatusCode.UNKNOWN
    retryable = False

    def __init__(self, message: str, method: str = "") -> None:
        super().__init__(message)
        self.message, self.method = message, method

    @property
    def as_status(self) -> str:
        """The error as Go's gRPC prints it, which is how people know it from events and statuses."""
        code = "".join(part.capitalize() for part in self.code.name.split("_"))
        return f"rpc error: code = {code} desc = {self.message}"


class NotFoundError(CriError):
    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(CriError):
    code = grpc.StatusCode.ALREADY_EXISTS


class InvalidArgumentError(CriError):
    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPreconditionError(CriError):
    code = grpc.StatusCode.FAILED_PRECONDITION


class UnimplementedError(CriError):
    code = grpc.StatusCode.UNIMPLEMENTED


class PermissionDeniedError(CriError):
    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhaustedError(CriError):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class InternalError(CriError):
    code = grpc.StatusCode.INTERNAL


class UnknownError(CriError):
    """What a runtime reports when it gives no better code (containerd does so often)."""


class DeadlineExceededError(CriError):
    code = grpc.StatusCode.DEADLINE_EXCEEDED
    retryable = True


class UnavailableError(CriError):
    """The runtime is not there: the socket is absent, refuses, or closed during the call."""

    code = grpc.StatusCode.UNAVAILABLE
    retryable = True


class CancelledCallError(CriError):
    code = grpc.StatusCode.CANCELLED


BY_CODE: dict[grpc.StatusCode, type[CriError]] = {
    error.code: error
    for error in (
        NotFoundError, AlreadyExistsError, InvalidArgumentError, FailedPreconditionError, UnimplementedError,
        PermissionDeniedError, ResourceExhaustedError, InternalError, UnknownError, DeadlineExceededError,
        UnavailableError, CancelledCallError,
    )
}
