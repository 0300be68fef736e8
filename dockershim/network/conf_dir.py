"""The directory of network configurations: read it, and hear of changes in it.

The directory may be absent for as long as the cluster has no network add-on, and appears while we run; it, a directory
above it or a file in it may be a link whose target is swapped. So every name that the way to a configuration goes by is
watched in its directory: `/etc/cni/net.d` is `etc` in `/`, `cni` in `/etc`, `net.d` in `/etc/cni`, and all in it.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncinotify import Event, Inotify, Mask

from dockershim.network.conf import NetworkConf, is_network_file, parse_network, parse_plugin, with_plugins
from dockershim.network.errors import NetworkConfigError

logger = logging.getLogger(__name__)

_CHANGES = Mask.CREATE | Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
_ITSELF = Mask.DELETE_SELF | Mask.MOVE_SELF
_MAX_STEPS = 200
"""Of a path: links in a circle end it."""
_LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Directory:
    """What was found: usable configurations in lexical order of their files, and those that are broken."""

    networks: tuple[NetworkConf, ...] = ()
    broken: tuple[NetworkConfigError, ...] = ()


def read_directory(conf_dir: Path) -> Directory:
    """Read all configurations (file I/O: call it in a thread). An absent directory is an empty one."""
    networks: list[NetworkConf] = []
    broken: list[NetworkConfigError] = []
    try:
        paths = sorted(path for path in conf_dir.iterdir() if is_network_file(path.name) and path.is_file())
    except FileNotFoundError:
        return Directory()
    except OSError as error:
        return Directory(broken=(NetworkConfigError(str(conf_dir), "", error.strerror or str(error)),))
    for path in paths:
        try:
            networks.append(_read_network(path))
        except NetworkConfigError as error:
            broken.append(error)
        except FileNotFoundError:
            continue  # replaced meanwhile: the change is heard of
        except OSError as error:
            broken.append(NetworkConfigError(str(path), "", error.strerror or str(error)))
    return Directory(tuple(networks), tuple(broken))


def _read_network(path: Path) -> NetworkConf:
    network = parse_network(path.read_bytes(), str(path))
    if not network.inline_only:
        beside = path.parent / network.name
        files = sorted(beside.glob("*.conf")) if beside.is_dir() else []
        if files:
            network = with_plugins(network, tuple(parse_plugin(file.read_bytes(), str(file)) for file in files))
    if not network.plugins:
        raise NetworkConfigError(str(path), "plugins", "no plugins in the list")
    return network


async def changes(conf_dir: Path) -> AsyncIterator[None]:
    """Yield at the start and after every change of what the path leads to; read the directory after each.

    Where the kernel gives no watch (they are limited per user), the directory is looked at now and then instead.
    """
    is_told = False
    while True:
        try:
            with Inotify() as inotify:
                names = _watch(inotify, conf_dir)
                is_told = False
                yield
                async for event in inotify:
                    if _concerns(event, names):
                        break  # links and directories may have changed: watch anew, then read
        except OSError as error:
            if not is_told:
                text = "changes of the CNI configuration are noticed late, for it cannot be watched path=%s error=%s"
                logger.warning(text, conf_dir, error)
            is_told = True
            yield
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _concerns(event: Event, names: Mapping[int, frozenset[str] | None]) -> bool:
    """Events without a watch are about all of them: some were lost."""
    if event.watch is None or event.mask & (_ITSELF | Mask.IGNORED | Mask.UNMOUNT | Mask.Q_OVERFLOW):
        return True
    wanted = names.get(event.watch.wd)
    return wanted is None or str(event.name) in wanted


def places(path: Path, found: Callable[[Path, str], None]) -> Path | None:
    """Walk a path as the kernel does and tell `found` of each directory and the name that is looked up in it, before
    it is looked up. Returns where the path leads to, free of links, or None when it leads nowhere."""
    here, todo = Path("/"), list(path.parts[1:])
    for _ in range(_MAX_STEPS):
        if not todo:
            return here
        name = todo.pop(0)
        if name == "..":
            here = here.parent
            continue
        found(here, name)
        try:
            target = (here / name).readlink() if (here / name).is_symlink() else None
            if target is None and not (here / name).exists():
                return None
        except OSError:
            return None
        if target is None:
            here /= name
        elif target.is_absolute():
            here, todo = Path("/"), [*target.parts[1:], *todo]
        else:
            todo = [*target.parts, *todo]
    return None


def _watch(inotify: Inotify, conf_dir: Path) -> dict[int, frozenset[str] | None]:
    """Watch every directory on the way to the configuration and to what links in it lead to. Returns the names that
    matter per watch, None where all do. A directory is watched before it is looked into."""
    names: dict[int, frozenset[str] | None] = {}

    def add(directory: Path, name: str | None) -> None:
        try:
            watch = inotify.add_watch(directory, _CHANGES | _ITSELF | Mask.ONLYDIR)
        except (FileNotFoundError, NotADirectoryError):
            return  # gone since it was seen: its parent is watched
        known = names.get(watch.wd, frozenset())
        names[watch.wd] = None if name is None or known is None else known | {name}

    directory = places(conf_dir, add)
    if directory is None:
        return names
    add(directory, None)
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if entry.is_symlink():
                target = places(directory / entry.name, add)
                if target is not None and target.is_dir():
                    add(target, None)
            elif entry.is_dir():  # plugins of a list may lie in a directory of its name
                add(directory / entry.name, None)
    return names
