"""The Stream* list RPCs (KEP-5825): a list in messages that stay far below gRPC's limit, each item once. Pure."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

MESSAGE_BYTES = 1 << 20
"""Clients accept 16 MiB; a sixteenth keeps either side's memory small. An item that is larger goes alone."""


class Sized(Protocol):
    def ByteSize(self) -> int: ...


T = TypeVar("T", bound=Sized)


def batches(items: Iterable[T], limit_bytes: int = MESSAGE_BYTES) -> Iterator[list[T]]:
    """Lists that are never empty; none at all for no items."""
    batch: list[T] = []
    size = 0
    for item in items:
        item_size = item.ByteSize()
        if batch and size + item_size > limit_bytes:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item_size
    if batch:
        yield batch
