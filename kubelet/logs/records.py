"""Lines of a log file to what the reader of the log sees. Sans-IO: bytes in, bytes out.

    file bytes ─▶ split_lines ─▶ parse_record (CRI or Docker JSON) ─▶ LineAssembler ─▶ LogFormatter ─▶ output bytes

A container's long line is several records (`P` … `F`). Its parts are handed on as they come, so that nothing has to be
held in memory; while a line of one stream is open, records of the other stream are held back, so that the two are
not mixed within a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from cri.logformat import LogRecord, parse_line, parse_time
from kubelet.logs.options import LogOptions, LogStream

MAX_LINE_BYTES = 4 * 1024 * 1024
"""A longer stretch without a newline is no log line: it is passed over."""
_MAX_HELD_BYTES = 256 * 1024


class _DockerLine(msgspec.Struct):
    """A line of Docker's json-file driver."""

    time: str
    log: str = ""
    stream: str = ""


_decode_docker_line = msgspec.json.Decoder(_DockerLine).decode


def parse_record(line: bytes) -> LogRecord | None:
    """The record in one line (without its newline), or None when it is of neither format."""
    if not line.startswith(b"{"):
        return parse_line(line)
    try:
        found = _decode_docker_line(line)
    except msgspec.DecodeError:
        return None
    moment = parse_time(found.time.encode())
    if moment is None or found.stream not in ("stdout", "stderr"):
        return None
    text = found.log.encode("utf-8", "surrogatepass")
    ends = text.endswith(b"\n")
    return LogRecord(moment, found.stream, not ends, text[:-1] if ends else text)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a container's line, in the order of output; `first` and `last` say where it stands in its line."""

    record: LogRecord
    first: bool

    @property
    def last(self) -> bool:
        return not self.record.partial


class LineAssembler:
    """Puts records into an order in which lines of stdout and stderr are not mixed."""

    def __init__(self) -> None:
        self._open: str | None = None
        self._inside: set[str] = set()
        self._held: list[LogRecord] = []
        self._held_bytes = 0

    def push(self, record: LogRecord) -> Iterator[Piece]:
        """The pieces that may be shown now that `record` has come."""
        if self._open is not None and record.stream != self._open:
            self._held.append(record)
            self._held_bytes += len(record.text)
            if self._held_bytes > _MAX_HELD_BYTES:
                yield from self.flush()
            return
        yield self._piece(record)
        self._open = record.stream if record.partial else None
        if self._open is None and self._held:
            yield from self._release()

    @property
    def is_idle(self) -> bool:
        """No line is open, and nothing held back."""
        return not self._inside and not self._held

    def flush(self) -> Iterator[Piece]:
        """What was held back, although a line is still open: nothing more may come for a long time."""
        while self._held:
            self._open = None
            yield from self._release()

    def _release(self) -> Iterator[Piece]:
        held, self._held, self._held_bytes = self._held, [], 0
        for record in held:
            yield from self.push(record)

    def _piece(self, record: LogRecord) -> Piece:
        first = record.stream not in self._inside
        (self._inside.add if record.partial else self._inside.discard)(record.stream)
        return Piece(record, first)


_WHOLE_LINE = re.compile(
    rb"\n\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z"
    rb" std(?:out|err) F "
)
"""What stands before the text of a record in CRI's format that is a whole line, as runtimes write nearly all; what it
leaves out (other zones, tags, texts without their space) is read record by record. The newline before it, and not `^`,
lets the search jump from line to line."""


class LogFormatter:
    """Records to output under the reader's options; `done` once `limit_bytes` have been given out."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._remaining = options.limit_bytes
        self._assembler = LineAssembler()
        self._second, self._second_text = -1, b""

    @property
    def done(self) -> bool:
        return self._remaining == 0

    def feed(self, record: LogRecord) -> bytes:
        options = self._options
        if options.since_ns is not None and record.time_ns < options.since_ns:
            return b""
        if not options.stream.wants(record.stream):
            return b""
        return b"".join([self._cut(self._text(piece)) for piece in self._assembler.push(record)])

    def flush(self) -> bytes:
        return b"".join([self._cut(self._text(piece)) for piece in self._assembler.flush()])

    def strip(self, lines: bytes) -> bytes | None:
        """What `feed` would make of all these lines, in one go; None when each has to be looked at, with none taken."""
        options = self._options
        if options.timestamps or options.since_ns is not None or options.stream is not LogStream.ALL:
            return None
        if self._remaining is not None or not self._assembler.is_idle:
            return None
        text, count = _WHOLE_LINE.subn(b"\n", b"\n" + lines)
        return text[1:] if count == lines.count(b"\n") else None

    def _text(self, piece: Piece) -> bytes:
        record = piece.record
        prefix = self._stamp(record.time_ns) if piece.first and self._options.timestamps else b""
        return b"%b%b%b" % (prefix, record.text, b"\n" if piece.last else b"")

    def _cut(self, text: bytes) -> bytes:
        if self._remaining is None:
            return text
        text = text[: self._remaining]
        self._remaining -= len(text)
        return text

    def _stamp(self, time_ns: int) -> bytes:
        """RFC 3339 with nine digits, and the space that follows it."""
        seconds, nanoseconds = divmod(time_ns, 10**9)
        if seconds != self._second:
            self._second = seconds
            self._second_text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%09dZ " % (self._second_text, nanoseconds)


@dataclass(slots=True)
class LineSplitter:
    """Bytes to lines (without their newline), each with the offset at which it begins."""

    offset: int = 0
    _rest: bytes = b""
    _skipping: bool = False

    @property
    def rest(self) -> bytes:
        """The unfinished line."""
        return self._rest

    def take_block(self, data: bytes) -> tuple[int, bytes] | None:
        """As `feed`, all lines as one piece with their newlines; None when `feed` has to look, with nothing taken."""
        end = data.rfind(b"\n") + 1
        if self._skipping or not end:
            return None
        block, begin = self._rest + data[:end], self.offset
        self._rest, self.offset = data[end:], begin + len(block)
        return begin, block

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        whole = self._rest + data
        *lines, self._rest = whole.split(b"\n")
        found = []
        for line in lines:
            if not self._skipping:
                found.append((self.offset, line))
            self._skipping = False
            self.offset += len(line) + 1
        if len(self._rest) > MAX_LINE_BYTES:
            self.offset += len(self._rest)
            self._rest, self._skipping = b"", True
        return found

    def take_rest(self) -> tuple[int, bytes] | None:
        """The unfinished line at the end of a file that nobody writes any more."""
        if not self._rest:
            return None
        found, self.offset, self._rest = (self.offset, self._rest), self.offset + len(self._rest), b""
        return found
