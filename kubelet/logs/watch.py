"""Waking whoever waits for a directory to change: one inotify instance for all followers of logs.

The kernel allows few instances per user (128), so one serves every directory. Where inotify is not to be had (limits
reached), waiters simply sleep until their own deadline: followers look again every second anyway.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asyncinotify import Inotify, Mask, Watch

logger = logging.getLogger(__name__)

_CHANGES = Mask.MODIFY | Mask.CREATE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE


class DirectoryWatcher:
    """Used from one event loop; `close` it at the end."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._watches: dict[Path, Watch] = {}
        self._waiters: dict[Path, list[asyncio.Event]] = {}
        self._refused = False

    @contextmanager
    def watching(self, directory: Path) -> Iterator[asyncio.Event]:
        """An event that is set at each change in `directory`; who waits clears it before looking."""
        changed = asyncio.Event()
        self._add(directory, changed)
        try:
            yield changed
        finally:
            self._remove(directory, changed)

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
            self._inotify = None
        self._watches.clear()

    def _add(self, directory: Path, changed: asyncio.Event) -> None:
        waiters = self._waiters.setdefault(directory, [])
        waiters.append(changed)
        if directory in self._watches:
            return
        try:
            self._watches[directory] = self._instance().add_watch(directory, _CHANGES)
        except OSError as error:
            if not self._refused:
                logger.warning("Logs are followed by looking every second, inotify refuses path=%s error=%s "
                               "hint=raise fs.inotify.max_user_watches and max_user_instances", directory, error)
            self._refused = True

    def _remove(self, directory: Path, changed: asyncio.Event) -> None:
        waiters = self._waiters[directory]
        waiters.remove(changed)
        if waiters:
            return
        del self._waiters[directory]
        watch = self._watches.pop(directory, None)
        if watch is not None and self._inotify is not None:
            try:
                self._inotify.rm_watch(watch)
            except OSError as error:
                logger.debug("The watch has gone with its directory path=%s error=%s", directory, error)

    def _instance(self) -> Inotify:
        if self._inotify is None:
            self._inotify = Inotify(sync_timeout=0, cache_size=100)
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._wake)
        return self._inotify

    def _wake(self) -> None:
        while self._inotify is not None and (event := self._inotify.sync_get()) is not None:
            if event.mask & Mask.Q_OVERFLOW or event.watch is None:
                for waiters in self._waiters.values():
                    _set_all(waiters)
            else:
                _set_all(self._waiters.get(event.watch.path, []))


def _set_all(waiters: list[asyncio.Event]) -> None:
    for waiter in waiters:
        waiter.set()
