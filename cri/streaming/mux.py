"""What SPDY sessions and WebSocket channel sessions have in common: numbered byte streams over one connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer opens a stream; header names are in lower case. It waits for `accept` or `reset`."""

    stream_id: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamAccepted:
    """The peer accepts a stream that we opened; data may be sent from now on."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamData:
    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The peer sends no more on this stream; our half may still be open."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The peer has dropped both halves of the stream."""

    stream_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class WindowOpened:
    """`sendable` may have grown: of one stream, or of all (stream_id 0)."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The peer ends the conversation in order: no new streams, and nothing comes behind this."""


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The peer broke the protocol. The last event; whatever it sends now is dropped. Close after `output()`."""

    reason: str


Event = (
    StreamOpened | StreamAccepted | StreamData | StreamEnded | StreamReset | WindowOpened | GoingAway | SessionFailed
)


class Machine(Protocol):
    """One end of a multiplexed connection, sans-IO. Verbs on streams that are gone do nothing: peers race with us."""

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes mean. Never raises: a broken peer is a SessionFailed."""
        ...

    def output(self) -> bytes:
        """Bytes to send now, each once."""
        ...

    def accept(self, stream_id: int) -> None: ...

    def open(self, headers: Mapping[str, str]) -> int:
        """A new stream of ours. Raises RuntimeError where only the peer may open streams."""
        ...

    def sendable(self, stream_id: int) -> int:
        """How many bytes the peer's flow control takes now; large where it has none."""
        ...

    def send(self, stream_id: int, data: bytes) -> None:
        """`data` must not be longer than `sendable`."""
        ...

    def end(self, stream_id: int) -> None:
        """We send no more on this stream."""
        ...

    def reset(self, stream_id: int) -> None: ...

    def consumed(self, stream_id: int, count: int) -> None:
        """So many received bytes have been taken by their reader: the peer may send as many again."""
        ...

    def ping(self) -> None:
        """Something that makes a middleman see that the connection is alive."""
        ...

    def close(self) -> None:
        """Say goodbye; nothing is sent behind it."""
        ...
