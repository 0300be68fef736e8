"""Static pods from a directory of manifests (or one manifest file).

inotify says when to look, a rescan every `period` (20 s) looks anyway. What is read is always the whole directory, so
that nothing depends on the order of events, but for one: a manifest that was deleted or moved away and at once written
anew means that its pod shall be replaced (kubeadm restarts etcd so once its certificates are renewed), while one that
another was renamed onto is only changed. Editors' leavings are skipped, and a manifest that cannot be read in the
second in which it was written is given that second: its writer may not be done.
Source: pkg/kubelet/config/file.go, file_linux.go.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from kubelet.api.meta import Source
from kubelet.sources.ledger import Ledger
from kubelet.sources.manifest import MAX_BYTES, Manifest, Origin, read_pod
from kubelet.sources.mux import ManifestProblem, Publish

if TYPE_CHECKING:
    from asyncinotify import Inotify

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 20.0
QUIET_SECONDS = 0.02
"""No further event for so long ends a burst of them (an editor's rename, write, delete)."""
BURST_SECONDS = 0.5
YOUNG_SECONDS = 1.0

_LEAVINGS = re.compile(r"^\.|~$|^#.*#$|\.(?:swp|swx|swo|tmp|bak|dpkg-\w+|rpmsave|rpmnew)$|^4913$")


def is_skipped(name: str) -> bool:
    """Hidden files, and what editors and package managers leave beside the file that is meant."""
    return _LEAVINGS.search(name) is not None


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    modified: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What stands in the manifest path; `problem` when it cannot be listed at all."""

    files: dict[str, _File]
    remarks: dict[str, str]
    """Entries that are no manifests, by location."""
    problem: str = ""


def read_directory(path: Path) -> Listing:
    """Reads every manifest below `path`, not recursively. Blocks."""
    try:
        status = path.stat()
        entries = sorted(path.iterdir()) if S_ISDIR(status.st_mode) else [path]
    except FileNotFoundError:
        return Listing({}, {}, "does not exist; make it, or correct staticPodPath")
    except OSError as error:
        return Listing({}, {}, f"cannot be read: {error.strerror or error}")
    files: dict[str, _File] = {}
    remarks: dict[str, str] = {}
    for entry in entries:
        if is_skipped(entry.name) and entry != path:
            continue
        try:
            status = entry.stat()
            if S_ISREG(status.st_mode):
                with entry.open("rb") as file:
                    files[str(entry)] = _File(file.read(MAX_BYTES + 1), status.st_mtime)
            else:
                remarks[str(entry)] = ("is a directory, directories below it are not read" if S_ISDIR(status.st_mode)
                                       else "is neither a file nor a directory")
        except FileNotFoundError:
            continue  # gone between listing and reading: the next event tells
        except OSError as error:
            remarks[str(entry)] = f"cannot be read: {error.strerror or error}; check its owner and mode"
    return Listing(files, remarks)


class DirectorySource:
    """The pods of a manifest directory."""

    source = Source.FILE

    def __init__(self, path: str | Path, node_name: str, *, period: float = PERIOD_SECONDS,
                 now: Callable[[], float] = time.time) -> None:
        self._path = Path(path)
        self._node_name = node_name
        self._period = period
        self._now = now
        self._ledger = Ledger(self._read, now)
        self._remarks: dict[str, ManifestProblem] = {}
        self._polling = ""

    def problems(self) -> list[ManifestProblem]:
        return [*self._remarks.values(), *self._ledger.problems()]

    async def run(self, publish: Publish) -> None:
        """Reads, publishes, waits for a change; until cancelled."""
        watch: Inotify | None = None
        news = _News(watching=False)
        try:
            while True:
                # The watch stands before the directory is read, so that no change falls between the two.
                watch = watch or self._watch()
                young = await self._scan(publish, news.gone)
                news = await _next_news(watch, YOUNG_SECONDS if young else self._period)
                if not news.watching and watch is not None:
                    watch.close()
                    watch = None
        finally:
            if watch is not None:
                watch.close()

    def _read(self, location: str, content: bytes) -> Manifest:
        return read_pod(content, Origin(location, is_file=True, node_name=self._node_name))

    async def _scan(self, publish: Publish, gone: frozenset[str]) -> bool:
        """Reads and publishes all; True when something may still be in the middle of being written.

        Names in `gone` were away for a moment: what stands there now is published after a set without them."""
        listing = await asyncio.to_thread(read_directory, self._path)
        self._note({str(self._path): listing.problem} if listing.problem else listing.remarks)
        if listing.problem and self._path.exists():
            return False  # unreadable just now: what is known stays
        contents: dict[str, bytes] = {}
        young = False
        for location, file in listing.files.items():
            fresh = -YOUNG_SECONDS < self._now() - file.modified < YOUNG_SECONDS
            if fresh and self._ledger.fails(location, file.content):
                young = True
                before = self._ledger.content(location)
                if before is not None:
                    contents[location] = before
            else:
                contents[location] = file.content
        self._forget(gone, contents, publish)
        publish(self._ledger.update(contents))
        return young

    def _forget(self, gone: frozenset[str], contents: dict[str, bytes], publish: Publish) -> None:
        """Publish the manifests known so far without those that went away; one that comes back broken has not gone."""
        known = self._ledger.contents()
        kept = {
            location: content for location, content in known.items() if Path(location).name not in gone
            or (location in contents and self._ledger.fails(location, contents[location]))
        }
        if len(kept) < len(known):
            publish(self._ledger.update(kept))

    def _note(self, remarks: dict[str, str]) -> None:
        before = self._remarks
        self._remarks = {}
        for location, text in remarks.items():
            known = before.get(location)
            if known is None or known.problem != text:
                known = ManifestProblem(location, "", text, self._now())
                logger.warning("manifest path %s", known)
            self._remarks[location] = known

    def _watch(self) -> "Inotify | None":
        """A watch on the directory; None where there is none to watch or the kernel has no watch left."""
        from asyncinotify import Inotify, Mask

        directory = self._path if self._path.is_dir() else self._path.parent
        if not directory.is_dir():
            return None
        mask = (Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE | Mask.CREATE | Mask.DELETE_SELF
                | Mask.MOVE_SELF | Mask.ATTRIB)
        try:
            watch = Inotify()
        except OSError as error:
            self._poll(str(error))
            return None
        try:
            watch.add_watch(directory, mask)
        except OSError as error:
            watch.close()
            self._poll(str(error))
            return None
        self._polling = ""
        return watch

    def _poll(self, problem: str) -> None:
        if problem != self._polling:
            logger.warning("cannot watch the manifest directory, reading it every %g s path=%s error=%s",
                           self._period, self._path, problem)
            self._polling = problem


@dataclass(frozen=True, slots=True)
class _News:
    """`watching` is False when the watch is to be made anew; `gone` are names of files that were removed or moved."""

    watching: bool
    gone: frozenset[str] = frozenset()


async def _next_news(watch: "Inotify | None", period: float) -> _News:
    """Waits for a burst of events and its end, or for `period`."""
    from asyncinotify import Mask

    if watch is None:
        await asyncio.sleep(period)
        return _News(watching=False)
    loop = asyncio.get_running_loop()
    alive, gone = True, set[str]()
    try:
        async with asyncio.timeout(period):
            event = await watch.get()
        end = loop.time() + BURST_SECONDS
        while loop.time() < end:
            alive = alive and not event.mask & (Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.IGNORED)
            if event.mask & (Mask.DELETE | Mask.MOVED_FROM) and event.name is not None:
                gone.add(str(event.name))
            async with asyncio.timeout(QUIET_SECONDS):
                event = await watch.get()
    except TimeoutError:
        pass
    return _News(alive, frozenset(gone))
