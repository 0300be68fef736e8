"""The watch protocol without its transport: chunks of bytes in, events out.

A watch answers with one JSON object per line, `{"type": …, "object": …}`; chunks end anywhere. BOOKMARK carries only
a resource version; ERROR carries a metav1.Status and ends the watch, which is how an expired resource version shows
up once the HTTP status has been 200. Source: apimachinery/pkg/watch/watch.go, apiserver's endpoints/handlers/watch.go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from kubelet.api.codec import decode
from kubelet.api.types import ListMeta, Status
from kubelet.apiclient.errors import ServerError, error_of

T = TypeVar("T")

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A server that never ends its line must not eat the node's memory; etcd's objects are at most 1.5 MB."""


class EventType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One change. `object` is None for a bookmark only; `resource_version` is where to go on from."""

    type: EventType
    object: T | None
    resource_version: str


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Versioned(msgspec.Struct):
    metadata: ListMeta = ListMeta()


class LineSplitter:
    """Chunks to complete lines; the rest waits for the next chunk."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes, without their ends; empty ones are skipped. Raises ServerError."""
        head, newline, rest = chunk.partition(b"\n")
        self._parts.append(head)
        self._size += len(head)
        if self._size > MAX_LINE_BYTES:
            raise ServerError(200, "BadAnswer", f"a watch event is longer than {MAX_LINE_BYTES} bytes")
        while newline:
            line = b"".join(self._parts)
            if line.strip():
                yield line
            head, newline, rest = rest.partition(b"\n")
            self._parts, self._size = [head], len(head)


def decode_event(line: bytes, cls: type[T], where: str) -> WatchEvent[T] | None:
    """The event in `line`; None for a type that this version does not know.

    Raises the ApiError that an ERROR event carries, ServerError for a line that is no event, InvalidObjectError for
    an object that is no `cls`."""
    try:
        event = msgspec.json.decode(line, type=_Line)
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=Status)
            raise error_of(status.code or 500, status.reason, status.message or "the watch ended with an error")
        version = msgspec.json.decode(event.object, type=_Versioned).metadata.resource_version
    except msgspec.DecodeError as error:
        raise ServerError(200, "BadAnswer", f"{where}: not a watch event: {error}") from None
    if event.type not in EventType.__members__:
        return None
    kind = EventType(event.type)
    item = None if kind is EventType.BOOKMARK else decode(bytes(event.object), cls, where)
    return WatchEvent(kind, item, version)
