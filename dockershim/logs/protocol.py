"""What the dockershim and the log process say to each other: lines of JSON over a unix socket. Sans I/O.

Each request has an `id` that its response repeats; a response without `error` means done. A `Notice` (id 0) is
something that an operator should read. Requests are idempotent: one whose answer was lost is sent again.
"""

from typing import Generic, TypeVar

import msgspec

VERSION = 1
SOCKET_NAME = "logs.sock"
LOCK_NAME = "lock"

FOLLOW, REOPEN, DRAIN, FORGET, LIST, STOP = "follow", "reopen", "drain", "forget", "list", "stop"


class Request(msgspec.Struct, omit_defaults=True):
    id: int
    op: str
    container_id: str = ""
    source: str = ""
    target: str = ""
    release: bool = True
    from_end: bool = False


class Response(msgspec.Struct, omit_defaults=True):
    id: int
    error: str = ""
    notice: str = ""
    containers: tuple[str, ...] = ()
    version: int = 0


_Message = TypeVar("_Message", Request, Response)
_encoder = msgspec.json.Encoder()


def encode(message: Request | Response) -> bytes:
    return _encoder.encode(message) + b"\n"


def version_of(line: bytes) -> int:
    """Of any version's response. msgspec's errors when it is none."""
    return msgspec.json.decode(line, type=Response).version


class Decoder(Generic[_Message]):
    """Bytes in, whole messages out. msgspec.DecodeError (and ValidationError) for what is none: hang up then."""

    def __init__(self, kind: type[_Message]) -> None:
        self._decoder: msgspec.json.Decoder[_Message] = msgspec.json.Decoder(kind)
        self._buffer = b""

    def feed(self, data: bytes) -> list[_Message]:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [self._decoder.decode(line) for line in lines if line]
