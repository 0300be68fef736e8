"""The engine's json-file records as CRI log lines. Pure, and a function of each record alone: whatever the chunks,
the same records give the same lines, which is what recovery after a crash relies on.

A record is a line `{"log":"text\\n","stream":"stdout","time":"2006-01-02T15:04:05.999999999Z"}`. The engine splits
what has no newline for 16 KiB into records without one at the end: those are CRI's partial lines (P).
The times are RFC 3339 with nanoseconds in both formats and are copied as they are.
"""

from dataclasses import dataclass

import msgspec


class _Record(msgspec.Struct, gc=False):
    log: str
    time: str
    stream: str = "stdout"


_decoder = msgspec.json.Decoder(_Record)
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Converted:
    """`lines` are whole CRI lines, `consumed` the bytes of input they came from, `unreadable` the records dropped."""

    lines: bytes
    consumed: int
    unreadable: int = 0


def convert(data: bytes) -> Converted:
    """Convert the whole records at the start of `data`; what follows the last newline is left for the next call."""
    end = data.rfind(b"\n") + 1
    if not end:
        return Converted(b"", 0)
    whole = data[:end]
    try:
        return Converted(_lines(whole), end)
    except _ERRORS:
        return _convert_one_by_one(whole)


def records_after(data: bytes, time: str) -> int:
    """How many bytes at the start of `data` are whole records not later than `time` (or unreadable)."""
    limit = _sortable(time)
    passed = 0
    for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
        try:
            if _sortable(_decoder.decode(line).time) > limit:
                break
        except _ERRORS:
            pass
        passed += len(line)
    return passed


def _lines(whole: bytes) -> bytes:
    lines = []
    for record in _decoder.decode_lines(whole):
        text = record.log
        if text[-1:] == "\n":
            lines.append(f"{record.time} {record.stream} F {text}")
        else:
            lines.append(f"{record.time} {record.stream} P {text}\n")
    return "".join(lines).encode()


def _convert_one_by_one(whole: bytes) -> Converted:
    """Something in it is no record (a torn write of an engine that was killed): the others are."""
    lines = []
    unreadable = 0
    for line in whole.split(b"\n")[:-1]:
        try:
            lines.append(_lines(line + b"\n"))
        except _ERRORS:
            unreadable += 1
    return Converted(b"".join(lines), len(whole), unreadable)


def _sortable(time: str) -> tuple[str, str]:
    """RFC 3339 in UTC with as many digits of the second as it has, so that the order of texts is that of times."""
    seconds, _, fraction = time.rstrip("Z").partition(".")
    return seconds, fraction.ljust(9, "0")
