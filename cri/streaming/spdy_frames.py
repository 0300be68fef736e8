"""SPDY/3.1 frames, sans-IO: `FrameDecoder.feed(bytes)` gives frames, `FrameEncoder.encode(frame) -> bytes`.

    control  |1| version 3 (15 bits) | type (16) | flags (8) | length (24) | payload
    data     |0| stream (31)                     | flags (8) | length (24) | payload

Header blocks of one direction share one zlib stream, primed with the draft's dictionary; therefore frames must be
decoded and encoded in order, also those that nobody wants. Data comes in pieces as it arrives, so a long frame is
never held. Limits: see the constants; beyond them a frame is refused with FrameError.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

VERSION = 3
MAX_CONTROL_BYTES = 128 * 1024
"""Payload of one control frame. Kubernetes' header blocks are some hundred bytes."""
MAX_HEADER_BYTES = 64 * 1024
"""One header block, unpacked."""
MAX_HEADERS = 256
MAX_SETTINGS = 64

FLAG_FIN = 0x01
FLAG_UNIDIRECTIONAL = 0x02

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
_WORD = struct.Struct(">L")
_TWO_WORDS = struct.Struct(">LL")
_MAX_STREAM_ID = 0x7FFFFFFF

_DICTIONARY_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_DICTIONARY_TAIL = (
    b"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    b"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    b"403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    b"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    b"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    b"text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _lengthed(text: bytes) -> bytes:
    return _WORD.pack(len(text)) + text


DICTIONARY = (
    b"".join(_lengthed(name.replace("_", " ").encode()) for name in _DICTIONARY_NAMES.split()) + _DICTIONARY_TAIL
)
"""Section 2.6.10.1 of the draft; its Adler-32 is 0xe3c6a7c2."""


class FrameError(Exception):
    """The peer does not speak SPDY/3.1, or more of it than we take."""


@dataclass(frozen=True, slots=True)
class SynStream:
    stream_id: int
    headers: Mapping[str, str]
    flags: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class SynReply:
    stream_id: int
    headers: Mapping[str, str] = field(default_factory=dict)
    flags: int = 0


@dataclass(frozen=True, slots=True)
class RstStream:
    stream_id: int
    status: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by number; 7 is INITIAL_WINDOW_SIZE."""

    values: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Ping:
    ping_id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    last_stream_id: int
    status: int = 0


@dataclass(frozen=True, slots=True)
class Headers:
    stream_id: int
    headers: Mapping[str, str]
    flags: int = 0


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """Stream 0 is the whole session."""

    stream_id: int
    delta: int


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of a data frame; FLAG_FIN is on the last one only."""

    stream_id: int
    data: bytes
    flags: int = 0


Frame = SynStream | SynReply | RstStream | Settings | Ping | GoAway | Headers | WindowUpdate | Data


class FrameEncoder:
    """Encodes the frames of one direction."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Data(stream_id, data, flags):
                return _TWO_WORDS.pack(stream_id, flags << 24 | len(data)) + data
            case SynStream(stream_id, headers, flags, priority):
                fixed = _TWO_WORDS.pack(stream_id, 0) + bytes((priority << 5, 0))
                return _control(_SYN_STREAM, flags, fixed + self._block(headers))
            case SynReply(stream_id, headers, flags):
                return _control(_SYN_REPLY, flags, _WORD.pack(stream_id) + self._block(headers))
            case Headers(stream_id, headers, flags):
                return _control(_HEADERS, flags, _WORD.pack(stream_id) + self._block(headers))
            case RstStream(stream_id, status):
                return _control(_RST_STREAM, 0, _TWO_WORDS.pack(stream_id, status))
            case Settings(values):
                entries = b"".join(_TWO_WORDS.pack(number, value) for number, value in values.items())
                return _control(_SETTINGS, 0, _WORD.pack(len(values)) + entries)
            case Ping(ping_id):
                return _control(_PING, 0, _WORD.pack(ping_id))
            case GoAway(last_stream_id, status):
                return _control(_GOAWAY, 0, _TWO_WORDS.pack(last_stream_id, status))
            case WindowUpdate(stream_id, delta):
                return _control(_WINDOW_UPDATE, 0, _TWO_WORDS.pack(stream_id, delta))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        pairs = b"".join(
            _lengthed(name.lower().encode()) + _lengthed(value.encode()) for name, value in headers.items()
        )
        plain = _WORD.pack(len(headers)) + pairs
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _control(kind: int, flags: int, payload: bytes) -> bytes:
    return struct.pack(">HHL", 0x8000 | VERSION, kind, flags << 24 | len(payload)) + payload


class FrameDecoder:
    """Decodes the frames of one direction. After a FrameError it must not be fed again."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._data: tuple[int, int] | None = None
        """Stream and flags of the data frame whose payload is coming."""
        self._remaining = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames one by one; raises FrameError in place of a broken one."""
        self._buffer += data
        frames: list[Frame] = []
        while self._step(frames):
            yield from frames
            frames.clear()

    def _step(self, frames: list[Frame]) -> bool:
        """One step forward; False when more bytes are needed."""
        if self._data is not None:
            return self._take_data(*self._data, frames)
        if len(self._buffer) < _TWO_WORDS.size:
            return False
        first, second = _TWO_WORDS.unpack_from(self._buffer)
        flags, length = second >> 24, second & 0xFFFFFF
        if not first & 0x80000000:
            del self._buffer[: _TWO_WORDS.size]
            if not first:
                raise FrameError("data on stream 0")
            self._data, self._remaining = (first, flags), length
            return True
        if length > MAX_CONTROL_BYTES:
            raise FrameError(f"control frame of {length} bytes")
        version = first >> 16 & 0x7FFF
        if version != VERSION:
            raise FrameError(f"SPDY version {version}")
        end = _TWO_WORDS.size + length
        if len(self._buffer) < end:
            return False
        payload = bytes(self._buffer[_TWO_WORDS.size : end])
        del self._buffer[:end]
        frame = self._control_frame(first & 0xFFFF, flags, payload)
        if frame is not None:
            frames.append(frame)
        return True

    def _take_data(self, stream_id: int, flags: int, frames: list[Frame]) -> bool:
        if self._remaining and not self._buffer:
            return False
        piece = bytes(self._buffer[: self._remaining])
        del self._buffer[: len(piece)]
        self._remaining -= len(piece)
        frames.append(Data(stream_id, piece, 0 if self._remaining else flags))
        if not self._remaining:
            self._data = None
        return True

    def _control_frame(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        """None for a kind that nobody defined: the draft lets a receiver pass over it."""
        match kind:
            case 1:
                if len(payload) < 10:
                    raise FrameError("short SYN_STREAM")
                headers = self._unblock(payload[10:])
                return SynStream(_stream_id(payload), headers, flags, payload[8] >> 5)
            case 2 | 8:
                if len(payload) < 4:
                    raise FrameError("short header frame")
                headers = self._unblock(payload[4:])
                return (SynReply if kind == _SYN_REPLY else Headers)(_stream_id(payload), headers, flags)
            case 3:
                _, status = _words(payload, "RST_STREAM")
                return RstStream(_stream_id(payload), status)
            case 4:
                return _settings(payload)
            case 6:
                if len(payload) != _WORD.size:
                    raise FrameError("PING of wrong length")
                return Ping(_WORD.unpack(payload)[0])
            case 7:
                last, status = _words(payload, "GOAWAY")
                return GoAway(last & _MAX_STREAM_ID, status)
            case 9:
                stream_id, delta = _words(payload, "WINDOW_UPDATE")
                return WindowUpdate(stream_id & _MAX_STREAM_ID, delta & _MAX_STREAM_ID)
        return None

    def _unblock(self, packed: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(packed, MAX_HEADER_BYTES)
        except zlib.error as error:
            raise FrameError(f"header block: {error}") from None
        if self._inflate.unconsumed_tail:
            raise FrameError("header block too large")
        return _headers(plain)


def _stream_id(payload: bytes) -> int:
    stream_id = int(_WORD.unpack_from(payload)[0]) & _MAX_STREAM_ID
    if not stream_id:
        raise FrameError("stream frame for stream 0")
    return stream_id


def _words(payload: bytes, kind: str) -> tuple[int, int]:
    if len(payload) != _TWO_WORDS.size:
        raise FrameError(f"{kind} of wrong length")
    first, second = _TWO_WORDS.unpack(payload)
    return first, second


def _settings(payload: bytes) -> Settings:
    if len(payload) < _WORD.size:
        raise FrameError("short SETTINGS")
    count = _WORD.unpack_from(payload)[0]
    if count > MAX_SETTINGS or len(payload) != _WORD.size + count * _TWO_WORDS.size:
        raise FrameError("SETTINGS of wrong length")
    values = {}
    for number, value in _TWO_WORDS.iter_unpack(payload[_WORD.size :]):
        values[number & 0xFFFFFF] = value
    return Settings(values)


def _headers(plain: bytes) -> dict[str, str]:
    """Names in lower case; several values of a name are joined by zero bytes, as the draft has them."""
    at = 0

    def word() -> int:
        nonlocal at
        if len(plain) - at < _WORD.size:
            raise FrameError("header block cut off")
        at += _WORD.size
        return int(_WORD.unpack_from(plain, at - _WORD.size)[0])

    def text() -> str:
        nonlocal at
        length = word()
        if length > len(plain) - at:
            raise FrameError("header block cut off")
        at += length
        return plain[at - length : at].decode("utf-8", "replace")

    count = word()
    if count > MAX_HEADERS:
        raise FrameError(f"{count} headers")
    headers: dict[str, str] = {}
    for _ in range(count):
        name = text().lower()
        if not name or name in headers:
            raise FrameError("header without a name, or twice")
        headers[name] = text()
    return headers
