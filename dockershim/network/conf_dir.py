"""The directory of network configurations: read it, and hear of changes in it.

The directory may be absent for as long as the cluster has no network add-on, and appears while we run; then it is
the nearest existing ancestor that is watched.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from asyncinotify import Inotify, Mask

from dockershim.network.conf import NetworkConf, is_network_file, parse_network, parse_plugin, with_plugins
from dockershim.network.errors import NetworkConfigError

_CHANGES = Mask.CREATE | Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
_ITSELF = Mask.DELETE_SELF | Mask.MOVE_SELF


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
    """Yield once at the start and after every change of the directory, or of whether it exists."""
    while True:
        with Inotify() as inotify:
            watched = _watch(inotify, conf_dir)
            yield
            async for event in inotify:
                if watched != conf_dir:
                    break  # something appeared above: look again from the top
                yield
                if event.mask & (_ITSELF | Mask.IGNORED):
                    break


def _watch(inotify: Inotify, conf_dir: Path) -> Path:
    """Watch the directory or its nearest ancestor that exists; returns which."""
    for path in (conf_dir, *conf_dir.parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            inotify.add_watch(path, _CHANGES | _ITSELF | Mask.ONLYDIR)
            return path
    raise FileNotFoundError(conf_dir)
