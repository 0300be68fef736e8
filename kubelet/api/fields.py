"""Helps people find their mistake in a file: misspelt fields, and the key of a member of the wrong type."""

import re
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


_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_GOT = re.compile(r"got `(\w+)`")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int, "str": str, "bool": bool, "float": float, "object": dict, "array": list,
}


def pinpoint(value: Any, path: str, problem: str) -> str:
    """`path` with the mapping key that a decoder left open (`[...]`), found by the type that `problem` says it got."""
    got = _GOT.search(problem)
    kind = _TYPES.get(got.group(1)) if got else None
    if "[...]" not in path or kind is None:
        return path
    steps = [(match.group(0), match.group(1) or match.group(2)) for match in _STEP.finditer(path.removeprefix("$"))]
    found = _search(value, steps, kind)
    return path if found is None else found.removeprefix(".")


def _search(value: Any, steps: list[tuple[str, str | None]], kind: type | tuple[type, ...]) -> str | None:
    if not steps:
        return "" if type(value) is kind else None
    (written, name), *rest = steps
    if name is not None:
        index: Any = int(name) if written.startswith("[") else name
        try:
            below = _search(value[index], rest, kind)
        except (KeyError, IndexError, TypeError):
            return None
        return None if below is None else written + below
    members = value.items() if isinstance(value, dict) else ()
    for key, member in members:
        below = _search(member, rest, kind)
        if below is not None:
            return f"[{key}]{below}"
    return None
