"""A container's log on disk: the file being written and those rotated away from it.

    0.log   0.log.20260102-030405   0.log.20260101-020304.gz   (pkg/kubelet/logs/container_log_manager.go)

Suffixes are times, so names sort by age. Blocking: called in threads.
"""

import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from cri.logformat import LogRecord
from kubelet.logs.records import MAX_LINE_BYTES, parse_record

COMPRESSED_SUFFIX = ".gz"
TEMPORARY_SUFFIX = ".tmp"
BLOCK_BYTES = 64 * 1024
_SPOOL_BYTES = 16 * 1024 * 1024
_PARTIAL_LOOKBACK_BYTES = 1024 * 1024
_SINCE_SLACK_NS = 10**9
_ROTATED = re.compile(r"\.\d{8}-\d{6}(\.gz)?$")


def rotated_files(path: Path) -> list[Path]:
    """The files rotated away from `path`, oldest first; each once, temporary ones not at all."""
    try:
        names = {entry.name for entry in os.scandir(path.parent) if entry.name.startswith(f"{path.name}.")}
    except FileNotFoundError:
        return []
    kept = [name for name in names
            if _ROTATED.fullmatch(name[len(path.name):]) and f"{name}{COMPRESSED_SUFFIX}" not in names]
    return [path.parent / name for name in sorted(kept)]


def open_log(path: Path) -> IO[bytes]:
    """`path` for reading with seek; a compressed file is unpacked to memory, or to a nameless file when it is big."""
    if path.suffix != COMPRESSED_SUFFIX:
        return path.open("rb", buffering=0)
    spool = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115 - the caller closes it
    try:
        with gzip.open(path, "rb") as packed:
            shutil.copyfileobj(packed, spool, BLOCK_BYTES)
    except (OSError, EOFError):
        spool.close()
        raise
    spool.seek(0)
    return spool


def size_of(file: IO[bytes]) -> int:
    """Its size; leaves the position at the end."""
    return file.seek(0, os.SEEK_END)


def first_time(file: IO[bytes]) -> int | None:
    """The time (ns) of the first record of `file`, None when it has none yet; leaves the position at the start."""
    file.seek(0)
    lines = file.read(BLOCK_BYTES).split(b"\n")
    file.seek(0)
    for line in lines[:-1]:
        record = parse_record(line)
        if record is not None:
            return record.time_ns
    return None


def lines_backwards(file: IO[bytes], end: int) -> Iterator[tuple[int, bytes]]:
    """The lines before `end` (from `end_of_lines`), last first, each with its offset; ends early at a monstrous one."""
    position = end
    carry = b""  # ends with a newline; what is missing at its front stands before `position`
    while position > 0:
        length = min(BLOCK_BYTES, position)
        file.seek(position - length)
        data = _read_exactly(file, length) + carry
        position -= length
        head, *lines = data[:-1].split(b"\n")
        at = position + len(data)
        for line in reversed(lines):
            at -= len(line) + 1
            yield at, line
        carry = head + b"\n"
        if len(carry) > MAX_LINE_BYTES:
            return
    if carry:
        yield 0, carry[:-1]


def end_of_lines(file: IO[bytes], size: int) -> int:
    """The offset behind the last newline in the first `size` bytes, or 0."""
    position = size
    while position > 0:
        length = min(BLOCK_BYTES, position)
        position -= length
        file.seek(position)
        newline = _read_exactly(file, length).rfind(b"\n")
        if newline >= 0:
            return position + newline + 1
    return 0


def _read_exactly(file: IO[bytes], length: int) -> bytes:
    parts = []
    while length and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class TailFinder:
    """Where the last `lines` lines begin, per stream, over several files from the newest to the oldest.

    A line counts by its ending record; the earlier parts of a line that counts belong to it, wherever they stand
    between records of the other stream. Looking for them goes no further back than 1 MiB.
    """

    def __init__(self, lines: int) -> None:
        self._wanted = lines
        self._open: dict[str, bool] = {}
        self._looked_back = 0

    @property
    def satisfied(self) -> bool:
        return self._wanted == 0 and (not any(self._open.values()) or self._looked_back > _PARTIAL_LOOKBACK_BYTES)

    def scan(self, file: IO[bytes], size: int) -> tuple[int, dict[str, int]]:
        """The end of the complete lines in the first `size` bytes of `file`, and the offset from which the records of
        each stream count; a stream that has no entry has none that count."""
        starts: dict[str, int] = {}
        end = end_of_lines(file, size)
        if self.satisfied:
            return end, starts
        for offset, line in lines_backwards(file, end):
            record = parse_record(line)
            if record is not None and self._belongs(record):
                starts[record.stream] = offset
            if self._wanted == 0:
                self._looked_back += len(line)
            if self.satisfied:
                break
        return end, starts

    def _belongs(self, record: LogRecord) -> bool:
        """Whether `record`, the next one towards the beginning, is part of the wanted lines."""
        if record.partial and record.stream in self._open:
            return self._open[record.stream]
        counts = self._wanted > 0
        self._wanted -= counts
        self._open[record.stream] = counts
        return counts


def offset_since(file: IO[bytes], size: int, since_ns: int) -> int:
    """An offset at the beginning of a line before which all records are older than `since_ns` (found by halving).

    Times in a log grow, but for a little disorder between the two streams, which a second of slack covers.
    """
    low, high, wanted = 0, size, since_ns - _SINCE_SLACK_NS
    while high - low > BLOCK_BYTES:
        middle = (low + high) // 2
        found = _record_after(file, middle, high)
        if found is None or found[1].time_ns >= wanted:
            high = middle
        else:
            low = found[0]
    return low


def _record_after(file: IO[bytes], offset: int, end: int) -> tuple[int, LogRecord] | None:
    """The first record that begins behind `offset`, with its own offset."""
    file.seek(offset)
    block = _read_exactly(file, min(BLOCK_BYTES, end - offset))
    at = offset
    for number, line in enumerate(block.split(b"\n")[:-1]):
        record = parse_record(line) if number else None
        if record is not None:
            return at, record
        at += len(line) + 1
    return None
