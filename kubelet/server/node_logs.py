"""The node's own log files under /var/log: a listing for a directory, the content for a file.

Nothing outside of that directory is ever opened: symlinks are resolved first, and the result is walked one segment at a
time from the directory without following any, so that exchanging a part for a symlink meanwhile leads nowhere.
(RESOLVE_BENEATH would do, but kernels before 5.6 lack it.)
"""

import os
import stat
from html import escape
from pathlib import Path
from urllib.parse import quote


class NoSuchLogError(Exception):
    """Nothing to show there: HTTP 404."""


def open_beneath(root: Path, path: str) -> int:
    """A read-only descriptor of the file or directory `path` under `root`. Blocking. Raises NoSuchLogError."""
    if "\0" in path or ".." in path.split("/"):
        raise NoSuchLogError(path)
    current = -1
    try:
        base = root.resolve(strict=True)
        target = (base / path.lstrip("/")).resolve(strict=True)
        if not target.is_relative_to(base):
            raise NoSuchLogError(path)
        segments = target.relative_to(base).parts
        current = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        for segment in segments:
            following = os.open(segment, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=current)
            os.close(current)
            current = following
        mode = os.fstat(current).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise NoSuchLogError(path)
    except (OSError, RuntimeError, NoSuchLogError):  # RuntimeError: symlinks in a circle
        if current >= 0:
            os.close(current)
        raise NoSuchLogError(path) from None
    return current


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def listing(descriptor: int) -> str:
    """The directory as Go's file server lists it: one link per entry in a `<pre>`. Blocking; closes `descriptor`."""
    try:
        entries = sorted(os.scandir(descriptor), key=lambda entry: entry.name)
        names = [entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in entries]
    finally:
        os.close(descriptor)
    rows = [f'<a href="{quote(name)}">{escape(name)}</a>' for name in names]
    return "\n".join(["<!doctype html>", '<meta name="viewport" content="width=device-width">', "<pre>", *rows,
                      "</pre>", ""])
