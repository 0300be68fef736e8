"""The system calls of the log process that Python has no function for."""

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_IGNORED = 0x8000

_IN_NONBLOCK = 0x800
_IN_CLOEXEC = 0x80000
_FALLOC_FL_KEEP_SIZE = 0x1
_FALLOC_FL_PUNCH_HOLE = 0x2
_EVENT = struct.Struct("=iIII")  # watch, mask, cookie, length of name
_EVENT_BUFFER = 65536

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def give_back(fd: int, start: int, length: int) -> None:
    """Free the blocks of a part of a file that nobody will read again; its size stays. OSError where that cannot be."""
    _checked(_libc.fallocate(fd, _FALLOC_FL_PUNCH_HOLE | _FALLOC_FL_KEEP_SIZE, start, length))


class Inotify:
    def __init__(self) -> None:
        self._fd = _checked(_libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC))

    def fileno(self) -> int:
        return self._fd

    def watch(self, path: Path, mask: int) -> int:
        """The number of the watch; FileNotFoundError and its like as usual."""
        return _checked(_libc.inotify_add_watch(self._fd, os.fsencode(path), mask))

    def unwatch(self, watch: int) -> None:
        _libc.inotify_rm_watch(self._fd, watch)  # it may have ended by itself with its file

    def read(self) -> Iterator[tuple[int, int]]:
        """(watch, mask) of what has happened; nothing when nothing has."""
        try:
            data = os.read(self._fd, _EVENT_BUFFER)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _cookie, length = _EVENT.unpack_from(data, offset)
            yield watch, mask
            offset += _EVENT.size + length

    def close(self) -> None:
        os.close(self._fd)
