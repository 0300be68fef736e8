"""Container logs as CRI has them: `2026-01-02T03:04:05.000000006Z stdout F text`, one record per line.

The tag is `P` where the writer split one line of the container into several records, `F` on the last of them.
Sans-IO on both sides: a writer calls `encode_line`, a reader feeds bytes into `LineDecoder` and records into
`PartialJoiner`. Format: CRI's "container logging" design and staging/src/k8s.io/cri-client/pkg/logs.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

STREAMS = ("stdout", "stderr")
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_SEPARATOR = b":"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line of a log file; `text` has no newline, `time_ns` counts from the Unix epoch."""

    time_ns: int
    stream: str
    partial: bool
    text: bytes


class _SecondCache:
    """The last second's rendering: a busy log has thousands of lines per second, and dates are dear to format."""

    __slots__ = ("seconds", "text")

    def __init__(self) -> None:
        self.seconds = -1
        self.text = b""

    def render(self, seconds: int) -> bytes:
        if seconds != self.seconds:
            moment = _EPOCH + timedelta(seconds=seconds)
            self.text = moment.strftime("%Y-%m-%dT%H:%M:%S.").encode()
            self.seconds = seconds
        return self.text


_rendered = _SecondCache()


def encode_line(time_ns: int, stream: str, text: bytes, partial: bool) -> bytes:
    """One record, newline included. `text` must not hold a newline; times are written in UTC with nine digits."""
    seconds, nanoseconds = divmod(time_ns, _NS)
    tag = b"P" if partial else b"F"
    return b"%b%09dZ %b %b %b\n" % (_rendered.render(seconds), nanoseconds, stream.encode(), tag, text)


def parse_line(line: bytes) -> LogRecord | None:
    """The record in `line` (with or without its newline), or None when it is not one.

    Further tags behind `P` or `F` (`F:tag`) are allowed and ignored, as CRI reserves them.
    """
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 3:
        return None
    time_text, stream, tags = parts[:3]
    time_ns = parse_time(time_text)
    tag = tags.split(_TAG_SEPARATOR, 1)[0]
    if time_ns is None or stream not in (b"stdout", b"stderr") or tag not in (b"P", b"F"):
        return None
    return LogRecord(time_ns, stream.decode(), tag == b"P", parts[3] if len(parts) == 4 else b"")


_parsed: list[tuple[bytes, int]] = [(b"", 0)]


def parse_time(text: bytes) -> int | None:
    """Nanoseconds since the epoch of an RFC 3339 time with up to nine digits, any zone; None when it is not one."""
    second, rest = text[:19], text[19:]
    cached_text, seconds = _parsed[0]
    if second != cached_text:
        try:
            moment = datetime.strptime(second.decode(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        seconds = int((moment - _EPOCH).total_seconds())
        _parsed[0] = (second, seconds)
    nanoseconds = 0
    if rest.startswith(b"."):
        digits = rest[1:].rstrip(b"Z") if rest.endswith(b"Z") else rest[1:].replace(b"-", b"+").split(b"+", 1)[0]
        if not digits.isdigit() or len(digits) > 9:
            return None
        nanoseconds = int(digits.ljust(9, b"0"))
        rest = rest[1 + len(digits) :]
    offset = _zone_offset(rest)
    return None if offset is None else (seconds - offset) * _NS + nanoseconds


def _zone_offset(zone: bytes) -> int | None:
    """Seconds east of UTC of `Z` or `+hh:mm`."""
    if zone == b"Z":
        return 0
    if len(zone) != 6 or zone[:1] not in (b"+", b"-") or zone[3:4] != b":":
        return None
    if not (zone[1:3].isdigit() and zone[4:6].isdigit()):
        return None
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone.startswith(b"-") else seconds


@dataclass(slots=True)
class LineDecoder:
    """Bytes of a log file in, records out; keeps an unfinished line for the next `feed`.

    Lines that are no records (a torn write after a crash) are counted in `malformed` and passed over.
    """

    malformed: int = 0
    _rest: bytearray = field(default_factory=bytearray)

    @property
    def pending_bytes(self) -> int:
        """Bytes of an unfinished line: a reader that starts again goes back by so many."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[LogRecord]:
        self._rest += data
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        records = []
        for line in lines:
            record = parse_line(line)
            if record is None:
                self.malformed += 1
            else:
                records.append(record)
        return records


@dataclass(slots=True)
class PartialJoiner:
    """Joins `P` records with the `F` that ends them, per stream; the time is that of the first part."""

    _open: dict[str, list[LogRecord]] = field(default_factory=dict)

    def push(self, record: LogRecord) -> LogRecord | None:
        """The whole line when `record` ends one, else None."""
        parts = self._open.setdefault(record.stream, [])
        parts.append(record)
        if record.partial:
            return None
        del self._open[record.stream]
        if len(parts) == 1:
            return record
        return LogRecord(parts[0].time_ns, record.stream, False, b"".join(part.text for part in parts))
