"""Archives of the kernel's initramfs format ("newc"), from names and bytes. Pure.

Each entry is a header of 13 eight-digit hexadecimal numbers after the magic, the name with a NUL, and the content, both
padded to four bytes; the entry TRAILER!!! ends it (Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass

_MAGIC = "070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """`mode` with its file type; `device` is (major, minor) of a device node."""

    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(content: bytes, mode: int = 0o644) -> Entry:
    return Entry(stat.S_IFREG | mode, content)


def directory() -> Entry:
    return Entry(stat.S_IFDIR | 0o755)


def character_device(major: int, minor: int) -> Entry:
    return Entry(stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Mapping[str, Entry]) -> bytes:
    """Entries by path without a leading slash; a directory before what is in it."""
    parts = [_entry(number, name, entry) for number, (name, entry) in enumerate(entries.items(), start=1)]
    return b"".join([*parts, _entry(0, _TRAILER, Entry(0))])


def _entry(inode: int, name: str, entry: Entry) -> bytes:
    encoded = name.encode() + b"\0"
    numbers = (inode, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(encoded), 0)
    header = (_MAGIC + "".join(f"{number:08X}" for number in numbers)).encode()
    return _padded(header + encoded) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
