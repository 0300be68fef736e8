"""A fuzzer's bytes taken as decisions: small numbers, texts and chunks, in order; zeroes and nothing after the end."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def number(self, limit: int) -> int:
        """0 up to, but not including, `limit`."""
        size = 1 if limit <= 256 else 2 if limit <= 1 << 16 else 4
        return int.from_bytes(self.chunk(size)) % limit

    def flag(self) -> bool:
        return bool(self.number(2))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(len(options))]

    def chunk(self, size: int) -> bytes:
        taken = self._data[self._at:self._at + size]
        self._at += size
        return taken

    def some(self, limit: int) -> bytes:
        """A chunk of up to `limit` bytes."""
        return self.chunk(self.number(limit + 1))

    def text(self, limit: int = 24) -> str:
        return self.some(limit).decode("utf-8", "replace")
