"""Which members of a plain mapping a struct does not know: misspelt fields in files that people write."""

import types
import typing
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import msgspec


def unknown_fields(value: Any, cls: type, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, nearest known name or "") of each member that `cls` does not have."""
    if not isinstance(value, dict):
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(cls)}
    for name, member in value.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            if path or name not in ("apiVersion", "kind"):
                close = get_close_matches(name, fields, n=1, cutoff=0.6)
                yield where, close[0] if close else ""
            continue
        kind = bare_type(fields[name])
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from unknown_fields(member, kind, where)
        elif typing.get_origin(kind) is tuple and isinstance(member, list):
            item = typing.get_args(kind)[0]
            if isinstance(item, type) and issubclass(item, msgspec.Struct):
                for index, element in enumerate(member):
                    yield from unknown_fields(element, item, f"{where}[{index}]")


def bare_type(annotation: Any) -> Any:
    """`X` of `X | None`."""
    if isinstance(annotation, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
        return members[0] if len(members) == 1 else annotation
    return annotation
