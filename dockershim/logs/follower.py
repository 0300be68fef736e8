"""One container's log: from the engine's json-file into the CRI file, exactly once.

    step():  read ≤ 256 KiB of the source at `offset` ─▶ convert ─▶ append to the target ─▶ (now and then) checkpoint

After a kill, the checkpoint is behind by some of what was written. The target's size says by how much: the same lines
are made again and that many bytes of them dropped, be it in the middle of a line.
"""

import contextlib
import os
from pathlib import Path

from dockershim.logs import checkpoint
from dockershim.logs.checkpoint import Followed, Position
from dockershim.logs.jsonfile import convert, records_after
from dockershim.logs.kernel import give_back

CHUNK_BYTES = 256 << 10
CHECKPOINT_BYTES = 4 << 20
KEPT_BYTES = 1 << 20
"""Read parts of the json-file are given back to the file system but for the last of them, so that `docker logs --tail`
has something to show."""
_BLOCK_BYTES = 4096
_TAIL_BYTES = 64 << 10


class TargetFullError(Exception):
    """The CRI file cannot be written now (disk full, read-only): nothing is lost, `step` tries again."""


class Follower:
    """`position_fd` is written by checkpoints and closed by `close`. All methods are quick and blocking."""

    def __init__(self, followed: Followed, position: Position | None, position_fd: int) -> None:
        self.followed = followed
        self.unreadable = 0
        self._source_path = Path(followed.source)
        self._target_path = Path(followed.target)
        self._position_fd = position_fd
        self._source = -1
        self._source_inode = 0
        self._offset = 0
        self._released = 0
        self._saved = Position()
        self._unwritten = b""
        self._chunk_start = self._chunk_lines_bytes = 0
        self._resume_after = ""
        self._open_target(position)
        if position is not None:
            self._offset = position.source_offset
            self._source_inode = position.source_inode
        self._checkpoint()

    @property
    def has_source(self) -> bool:
        return self._source >= 0

    def open_source(self) -> bool:
        """False while the engine has not made the file yet. After a rotation, goes on at the start of the new one."""
        try:
            fd = os.open(self._source_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        status = os.fstat(fd)
        if status.st_ino == self._source_inode and status.st_size >= self._offset:
            if self._source >= 0:
                os.close(fd)
                return True
        elif self._source_inode:
            self._offset = self._released = 0
        if self._source >= 0:
            os.close(self._source)
        self._source, self._source_inode = fd, status.st_ino
        self._released = 0
        if self._resume_after:
            self._seek_behind_what_is_there()
        return True

    def step(self) -> bool:
        """Move one chunk; False when there is nothing more for now. TargetFullError when it could not be written."""
        if self._unwritten:
            self._write(b"")
        if self._source < 0:
            return False
        data = os.pread(self._source, CHUNK_BYTES, self._offset)
        converted = convert(data)
        if not converted.consumed:
            if len(data) == CHUNK_BYTES:  # no record is that long: holes or garbage of a crash
                self._offset += len(data)
                self.unreadable += 1
                return True
            if self._offset != self._saved.source_offset:
                self._checkpoint()
            return False
        self.unreadable += converted.unreadable
        self._chunk_start, self._chunk_lines_bytes = self._offset, len(converted.lines)
        self._offset += converted.consumed
        self._position_in_target += len(converted.lines)
        self._write(converted.lines)
        if self._offset - self._saved.source_offset >= CHECKPOINT_BYTES:
            self._checkpoint()
        return True

    def drain(self) -> None:
        """Move all that the source has now."""
        if not self.has_source:
            self.open_source()
        while self.step():
            pass

    def reopen(self) -> None:
        """The target has been renamed: whole lines are in it, the next go into a new file of the old name."""
        if self._unwritten:
            self._write(b"")
        while self._skip and self.step():
            pass
        self._checkpoint()
        self._switch_target()
        self._checkpoint()

    def close(self) -> None:
        """Checkpoint and let go; what is left over is for the next process."""
        if not self._unwritten:
            self._checkpoint()
        for fd in (self._source, self._target, self._position_fd):
            if fd >= 0:
                os.close(fd)

    # the target

    def _open_target(self, position: Position | None) -> None:
        """At first use, after a restart (what is there beyond `position` has been written), or without a memory."""
        self._skip = 0
        self._renamed = False
        self._target_path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = self._target_path
        if position is not None and (found := self._find_inode(position.target_inode)) is not None:
            path, self._renamed = found, found != self._target_path
        self._target = self._open(path)
        status = os.fstat(self._target)
        self._target_inode = status.st_ino
        if position is None:
            self._position_in_target = status.st_size
            self._resume_after = _time_of_last_line(path, status.st_size)
        elif status.st_ino == position.target_inode:
            self._position_in_target = position.target_size
            self._skip = max(0, status.st_size - position.target_size)
            if self._renamed and not self._skip:  # else when the lines that are there have been passed
                self._switch_target()
        else:
            self._position_in_target = status.st_size

    def _switch_target(self) -> None:
        fd = self._open(self._target_path)
        os.close(self._target)
        status = os.fstat(fd)
        self._target, self._target_inode = fd, status.st_ino
        self._position_in_target = status.st_size
        self._renamed = False

    @staticmethod
    def _open(path: Path) -> int:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _find_inode(self, inode: int) -> Path | None:
        """The file that was being written: at its path, or beside it if it was renamed while we were away."""
        for path in (self._target_path, *self._target_path.parent.glob(f"{self._target_path.name}.*")):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == inode:
                    return path
        return None

    def _write(self, lines: bytes) -> None:
        """Append what is left over and `lines`; what does not fit stays left over."""
        pending = self._unwritten + lines if self._unwritten else lines
        if self._skip:
            pending = self._leave_out_what_is_there(pending)
        view = memoryview(pending)
        try:
            while view:
                view = view[os.write(self._target, view) :]
        except OSError as error:
            raise TargetFullError(f"{self._target_path}: {error.strerror}") from error
        finally:
            self._unwritten = bytes(view)

    def _leave_out_what_is_there(self, pending: bytes) -> bytes:
        there, rest = pending[: self._skip], pending[self._skip :]
        self._skip -= len(there)
        if self._skip or not self._renamed:
            return rest
        end = 0 if there.endswith(b"\n") else rest.index(b"\n") + 1  # a line goes on in the file that it began in
        os.write(self._target, rest[:end])
        rest = rest[end:]
        self._switch_target()
        # The new file begins in the middle of a chunk: seen from the chunk's start, before its own first byte.
        before = len(rest) - self._chunk_lines_bytes
        self._save(Position(self._source_inode, self._chunk_start, self._target_inode, before))
        self._position_in_target += len(rest)
        return rest

    # the source

    def _checkpoint(self) -> None:
        position = Position(self._source_inode, self._offset, self._target_inode, self._position_in_target)
        if position != self._saved and not self._unwritten:
            self._save(position)
        self._release()

    def _save(self, position: Position) -> None:
        checkpoint.save(self._position_fd, position)
        self._saved = position

    def _release(self) -> None:
        """Give the blocks of what has been read (and checkpointed) back; most never reach the disk at all."""
        end = (self._saved.source_offset - KEPT_BYTES) // _BLOCK_BYTES * _BLOCK_BYTES
        start = self._released // _BLOCK_BYTES * _BLOCK_BYTES
        if not self.followed.release or self._source < 0 or end - start < KEPT_BYTES:
            return
        with contextlib.suppress(OSError):  # a file system without holes keeps them: no harm but the space
            give_back(self._source, start, end - start)
        self._released = end

    def _seek_behind_what_is_there(self) -> None:
        """Our memory is lost but the log is not: go on behind the time of its last line."""
        with contextlib.suppress(OSError):
            self._offset = os.lseek(self._source, self._offset, os.SEEK_DATA)
        while data := os.pread(self._source, CHUNK_BYTES, self._offset):
            passed = records_after(data, self._resume_after)
            self._offset += passed
            if not passed or passed < data.rfind(b"\n") + 1:
                break
        self._resume_after = ""


def _time_of_last_line(path: Path, size: int) -> str:
    """Of a CRI log; empty when there is none."""
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().splitlines()
    return lines[-1].split(b" ", 1)[0].decode(errors="replace") if lines else ""
