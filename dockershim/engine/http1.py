"""HTTP/1.1 as the engine speaks it, sans-IO: `encode_request(...) -> bytes`, `ResponseDecoder.feed(bytes) -> [event]`.

Only what a Go `net/http` server sends is understood: Content-Length, chunked, until-close, and the switch to a raw
stream (exec, attach). The reason for not using a general client is in docs/decisions/engine-http.md.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

_MAX_HEAD_BYTES = 64 * 1024
_NO_BODY = (204, 304)


class HTTPSyntaxError(Exception):
    """The peer does not speak HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers, names in lower case. `keep_alive`: the connection can serve another request."""

    status: int
    headers: Mapping[str, str]
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Data:
    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfMessage:
    """The response is complete; what the decoder gets now is an error."""


Event = Head | Data | EndOfMessage


class _State(enum.Enum):
    HEAD = "head"
    LENGTH = "length"  # a body of known length
    CHUNK_SIZE = "chunk size"
    CHUNK = "chunk"
    CHUNK_END = "chunk end"
    TRAILER = "trailer"
    UNTIL_CLOSE = "until close"  # also a hijacked stream
    DONE = "done"


def encode_request(
    method: str, target: str, body: bytes | None, headers: Mapping[str, str] | None = None
) -> bytes:
    """A whole request. The body, if any, is JSON unless `headers` says otherwise."""
    lines = [f"{method} {target} HTTP/1.1", "Host: docker"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        if not headers or "Content-Type" not in headers:
            lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body)}")
    elif method != "GET":
        lines.append("Content-Length: 0")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("line break in a request header")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class ResponseDecoder:
    """Decodes one response. The states are those of `_State`; a chunked body loops CHUNK_SIZE, CHUNK, CHUNK_END."""

    def __init__(self) -> None:
        self._state = _State.HEAD
        self._buffer = bytearray()
        self._remaining = 0

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        while (step := self._step(events)) is not None:
            self._state = step
        return events

    def eof(self) -> list[Event]:
        """The peer has closed. Raises HTTPSyntaxError when that cuts a response off."""
        if self._state is _State.UNTIL_CLOSE:
            self._state = _State.DONE
            return [EndOfMessage()]
        if self._state is _State.DONE:
            return []
        raise HTTPSyntaxError(f"connection closed in the {self._state.value} of a response")

    @property
    def is_done(self) -> bool:
        return self._state is _State.DONE

    def take_rest(self) -> bytes:
        """Bytes behind the head of a hijacked response."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _step(self, events: list[Event]) -> _State | None:
        """One step forward: the next state, or None when more bytes are needed."""
        match self._state:
            case _State.HEAD:
                return self._read_head(events)
            case _State.LENGTH | _State.CHUNK:
                return self._read_body(events)
            case _State.CHUNK_SIZE:
                return self._read_chunk_size()
            case _State.CHUNK_END:
                line = self._line()
                return None if line is None else _State.CHUNK_SIZE
            case _State.TRAILER:
                line = self._line()
                if line is None:
                    return None
                if line:
                    return _State.TRAILER
                events.append(EndOfMessage())
                return _State.DONE
            case _State.UNTIL_CLOSE:
                if self._buffer:
                    events.append(Data(self.take_rest()))
                return None
            case _State.DONE:
                if self._buffer:
                    raise HTTPSyntaxError("bytes behind the end of a response")
                return None

    def _line(self) -> bytes | None:
        at = self._buffer.find(b"\r\n")
        if at < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise HTTPSyntaxError("endless line")
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return line

    def _read_head(self, events: list[Event]) -> _State | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise HTTPSyntaxError("endless response head")
            return None
        status_line, *fields = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = status_line.partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise HTTPSyntaxError(f"not an HTTP response: {status_line[:80]!r}")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        status = int(code)
        if status == 100:
            return _State.HEAD
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() not in ("close", "upgrade")
        state = self._body_state(status, headers)
        events.append(Head(status, headers, keep_alive and state is not _State.UNTIL_CLOSE))
        if state is _State.DONE:
            events.append(EndOfMessage())
        return state

    def _body_state(self, status: int, headers: Mapping[str, str]) -> _State:
        if status in _NO_BODY:
            return _State.DONE
        if status == 101 or "upgrade" in headers.get("connection", "").lower():
            return _State.UNTIL_CLOSE
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return _State.CHUNK_SIZE
        length = headers.get("content-length")
        if length is None:
            return _State.UNTIL_CLOSE
        if not length.isdigit():
            raise HTTPSyntaxError(f"bad Content-Length {length!r}")
        self._remaining = int(length)
        return _State.LENGTH if self._remaining else _State.DONE

    def _read_body(self, events: list[Event]) -> _State | None:
        if not self._buffer:
            return None
        piece = bytes(self._buffer[: self._remaining])
        del self._buffer[: len(piece)]
        self._remaining -= len(piece)
        events.append(Data(piece))
        if self._remaining:
            return None
        if self._state is _State.CHUNK:
            return _State.CHUNK_END
        events.append(EndOfMessage())
        return _State.DONE

    def _read_chunk_size(self) -> _State | None:
        line = self._line()
        if line is None:
            return None
        try:
            self._remaining = int(line.split(b";", 1)[0], 16)
        except ValueError:
            raise HTTPSyntaxError(f"bad chunk size {line[:20]!r}") from None
        return _State.CHUNK if self._remaining else _State.TRAILER
