"""Where a followed container stands, on disk: `<id>.json` says what is followed, `<id>.position` how far.

The position is rewritten often and in place: one `pwrite` of a fixed 84 bytes, which a kill leaves either old or new.
It says: all of the source up to `source_offset` has become the first `target_size` bytes of the file with inode
`target_inode`. What a killed process wrote beyond that shows in the file's size. A negative size means that the first
so many bytes made from there on are in the file before this one, which a rotation has renamed.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

_POSITION_BYTES = 84


class Followed(msgspec.Struct, frozen=True):
    """`source` is the engine's json-file, `target` the CRI log. `release` is whether read parts may be given back."""

    container_id: str
    source: str
    target: str
    release: bool = True


@dataclass(frozen=True, slots=True)
class Position:
    source_inode: int = 0
    source_offset: int = 0
    target_inode: int = 0
    target_size: int = 0

    def encode(self) -> bytes:
        return b"%020d %020d %020d %020d\n" % (
            self.source_inode,
            self.source_offset,
            self.target_inode,
            self.target_size,
        )

    @classmethod
    def decode(cls, data: bytes) -> "Position | None":
        """None when it is not one."""
        parts = data.split()
        if len(data) != _POSITION_BYTES or len(parts) != 4 or not all(part.lstrip(b"-").isdigit() for part in parts):
            return None
        return cls(*map(int, parts))


class Checkpoints:
    """The directory of both kinds of files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self) -> list[tuple[Followed, Position | None]]:
        found = []
        for path in sorted(self._directory.glob("*.json")):
            with contextlib.suppress(msgspec.DecodeError, FileNotFoundError):
                followed = msgspec.json.decode(path.read_bytes(), type=Followed)
                found.append((followed, self.position(followed.container_id)))
        return found

    def position(self, container_id: str) -> Position | None:
        try:
            return Position.decode((self._directory / f"{container_id}.position").read_bytes())
        except FileNotFoundError:
            return None

    def add(self, followed: Followed) -> int:
        """Record it and return the descriptor that `save` takes."""
        temporary = self._directory / f".{followed.container_id}.tmp"
        temporary.write_bytes(msgspec.json.encode(followed))
        temporary.rename(self._directory / f"{followed.container_id}.json")
        path = self._directory / f"{followed.container_id}.position"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def remove(self, container_id: str) -> None:
        for suffix in ("json", "position"):
            (self._directory / f"{container_id}.{suffix}").unlink(missing_ok=True)


def save(fd: int, position: Position) -> None:
    os.pwrite(fd, position.encode(), 0)
