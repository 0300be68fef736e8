"""Reading one container's log from its beginning, its tail or a moment on, and on across rotations.

`LogReader` is blocking and runs in threads; `stream_log` drives it from the event loop.

    [rotated …] ─▶ live file ──(the path names another file, which has content)──▶ what came after it ─▶ live file

A rotated-away file is left only when its successor has content: a runtime writes to the old file until it has
reopened the log, so by then nothing more comes to the old one, and reading it to its end first loses no line.
"""

import os
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cri.logformat import STREAMS
from kubelet.logs.files import (
    COMPRESSED_SUFFIX,
    TailFinder,
    first_time,
    offset_since,
    open_log,
    rotated_files,
    size_of,
)
from kubelet.logs.options import LogOptions
from kubelet.logs.records import LineSplitter, LogFormatter, parse_record

CHUNK_BYTES = 512 * 1024
_ATTEMPTS = 5


class LogUnavailableError(Exception):
    """There is no log to read; the message says where it was looked for and why it cannot be read."""


@dataclass(slots=True)
class _Open:
    """One open file of the log: records of a stream count from `starts[stream]`; no entry means none of them."""

    path: Path
    file: IO[bytes]
    inode: tuple[int, int] | None
    splitter: LineSplitter
    starts: dict[str, int] | None = None
    first_time: int | None = None


class LogReader:
    """Single-use. `path` is the file that the runtime writes. Methods block; they may be called from any thread."""

    def __init__(self, path: Path, options: LogOptions) -> None:
        self._path, self._options = path, options
        self._formatter = LogFormatter(options)
        self._files: deque[_Open] = deque()
        self._known: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self.malformed_lines = 0

    def open(self) -> None:
        """Opens what the options ask for. Raises LogUnavailableError."""
        for attempt in range(_ATTEMPTS):
            try:
                # A symlink (Docker's own log) is resolved once: rotation happens beside its target.
                self._path = self._path.resolve(strict=True)
                self._open_all()
                return
            except FileNotFoundError as error:
                self.close()
                # Between a rename and the reopening, or while an old file is compressed: look again.
                if attempt == _ATTEMPTS - 1:
                    text = f"failed to open log file {str(self._path)!r}: {error.strerror}"
                    raise LogUnavailableError(text) from None
            except (OSError, RuntimeError, EOFError) as error:
                self.close()
                raise LogUnavailableError(f"failed to read log file {str(self._path)!r}: {error}") from None

    def close(self) -> None:
        with self._lock:
            while self._files:
                self._files.pop().file.close()

    @property
    def directory(self) -> Path:
        return self._path.parent

    @property
    def done(self) -> bool:
        """The limit of bytes is reached, or no line was wanted."""
        return self._formatter.done or (self._options.tail_lines == 0 and not self._options.follow)

    def read(self) -> bytes:
        """Output of the next stretch; empty at the end of what there is now."""
        with self._lock:
            while self._files and not self.done:
                current = self._files[0]
                data = current.file.read(CHUNK_BYTES)
                if data:
                    output = self._consume(current, data)
                    if output:
                        return output
                elif len(self._files) > 1:
                    output = self._finish_file(current)
                    self._files.popleft().file.close()
                    if output:
                        return output
                else:
                    return self._formatter.flush()
            return b""

    def finish(self) -> bytes:
        """Output of an unfinished last line: nobody writes the log any more."""
        with self._lock:
            output = self._finish_file(self._files[-1]) if self._files and not self.done else b""
            return output + self._formatter.flush()

    def advance(self) -> bool:
        """After an empty `read` of a log that is still written: whether there is more to read now."""
        with self._lock:
            live = self._files[-1]
            try:
                status = self._path.stat()
                if (status.st_dev, status.st_ino) == live.inode:
                    return self._restart_truncated(live, status.st_size)
                newer = self._newer_than(live, current_has_begun=status.st_size > 0)
            except FileNotFoundError:
                return False
            self._files.extend(newer)
            return bool(newer)

    def _open_all(self) -> None:
        options = self._options
        live = self._open_file(self._path)
        self._files.append(live)
        size = size_of(live.file)
        if options.tail_lines is not None:
            self._seek_to_tail(live, size, options.tail_lines)
        elif options.since_ns is not None:
            self._seek_to_moment(live, size, options.since_ns)
        else:
            self._seek(live, 0)
        if self._inode(self._path) != live.inode:
            raise FileNotFoundError(0, "rotated while it was opened", str(self._path))
        self._known = _names(rotated_files(self._path))

    def _seek_to_tail(self, live: _Open, size: int, lines: int) -> None:
        finder = TailFinder(lines)
        end, live.starts = finder.scan(live.file, size)
        for path in reversed(rotated_files(self._path)):
            if finder.satisfied:
                break
            older = self._open_file(path)
            self._files.appendleft(older)
            _, older.starts = finder.scan(older.file, size_of(older.file))
        for file in self._files:
            if file is live:  # what is written from now on counts whatever its stream is
                live.starts = {stream: live.starts.get(stream, end) for stream in STREAMS}
            self._seek(file, min(file.starts.values(), default=0) if file.starts is not None else 0)

    def _seek_to_moment(self, live: _Open, size: int, since_ns: int) -> None:
        for path in reversed(rotated_files(self._path)):
            if path.stat().st_mtime_ns < since_ns:  # its last line was written then, or even before
                break
            self._files.appendleft(self._open_file(path))
        oldest = self._files[0]
        for file in self._files:
            self._seek(file, 0)
        size = size if oldest is live else size_of(oldest.file)
        self._seek(oldest, offset_since(oldest.file, size, since_ns))

    @staticmethod
    def _seek(file: _Open, offset: int) -> None:
        file.file.seek(offset)
        file.splitter = LineSplitter(offset)

    def _open_file(self, path: Path) -> _Open:
        file = open_log(path)
        status = None if path.suffix == COMPRESSED_SUFFIX else os.fstat(file.fileno())
        inode = (status.st_dev, status.st_ino) if status else None
        return _Open(path, file, inode, LineSplitter(), first_time=first_time(file))

    @staticmethod
    def _inode(path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_dev, status.st_ino

    def _consume(self, current: _Open, data: bytes) -> bytes:
        block = current.splitter.take_block(data) if self._shows_all(current) else None
        if block is None:
            return b"".join([self._show(current, offset, line) for offset, line in current.splitter.feed(data)])
        offset, lines = block
        whole = self._formatter.strip(lines)
        if whole is not None:
            return whole
        again = LineSplitter(offset)
        return b"".join([self._show(current, offset, line) for offset, line in again.feed(lines)])

    @staticmethod
    def _shows_all(current: _Open) -> bool:
        """Whether every record from here on counts."""
        starts = current.starts
        if starts is not None and all(current.splitter.offset >= starts.get(one, 1 << 62) for one in STREAMS):
            current.starts = starts = None
        return starts is None and current.first_time is not None

    def _finish_file(self, current: _Open) -> bytes:
        rest = current.splitter.take_rest()
        if rest is None:
            return b""
        shown = self._show(current, *rest)
        return shown.removesuffix(b"\n") if current is self._files[-1] else shown

    def _show(self, current: _Open, offset: int, line: bytes) -> bytes:
        record = parse_record(line)
        if record is None:
            self.malformed_lines += bool(line)
            return b""
        if current.first_time is None:
            current.first_time = record.time_ns
        if current.starts is not None and offset < current.starts.get(record.stream, 1 << 62):
            return b""
        return self._formatter.feed(record)

    def _restart_truncated(self, live: _Open, size: int) -> bool:
        """A file that was cut off in place (copytruncate) is read again from its start."""
        if size >= live.splitter.offset + len(live.splitter.rest):
            return False
        live.starts, live.first_time = None, None
        self._seek(live, 0)
        return True

    def _newer_than(self, live: _Open, current_has_begun: bool) -> list[_Open]:
        """Everything written after `live`, oldest first, opened; the last one is what the path names now.

        While that one is empty (not `current_has_begun`) the runtime may still write to the file rotated last, which
        is then the last one returned.

        `live` itself is among the files rotated since it was opened, unless it was removed: it is known by its inode
        or, once compressed, by the time of its first record. Raises FileNotFoundError when a rotation interferes.
        """
        listed = rotated_files(self._path)
        since = [path for path in listed if _name(path) not in self._known]
        opened: list[_Open] = []
        try:
            current = self._inode(self._path)
            for path in [*since, *([self._path] if current_has_begun else [])]:
                file = self._open_file(path)
                if path is not self._path and self._is_same(file, live):
                    opened = _closed(opened)
                    file.file.close()
                else:
                    opened.append(file)
            mistaken = current_has_begun and opened[-1].inode != current
            if mistaken or rotated_files(self._path) != listed or self._inode(self._path) != current:
                raise FileNotFoundError(0, "rotated while it was opened", str(self._path))
        except OSError:
            _closed(opened)
            raise
        self._known = _names(listed)
        return opened

    @staticmethod
    def _is_same(file: _Open, live: _Open) -> bool:
        if file.inode is not None:
            return file.inode == live.inode
        return file.first_time is not None and file.first_time == live.first_time


def _name(path: Path) -> str:
    """The name of a rotated file before it was compressed."""
    return path.name.removesuffix(COMPRESSED_SUFFIX)


def _names(paths: Iterable[Path]) -> frozenset[str]:
    return frozenset(_name(path) for path in paths)


def _closed(files: list[_Open]) -> list[_Open]:
    for file in files:
        file.file.close()
    return []
