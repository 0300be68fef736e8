"""A configuration as a flat mapping: path to value, one entry per field that a line of a file can set.

Nested structs and maps are entered; lists, and maps that are empty, are values. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelet.api.fields import bare_type
from kubelet.config.types import KubeletConfiguration

Leaf = tuple[str, ...]
"""A path as keys; `text` joins them."""


def text(leaf: Leaf) -> str:
    return ".".join(leaf)


def leaves(plain: Mapping[str, Any]) -> dict[Leaf, Any]:
    """Of a configuration in JSON's types, apiVersion and kind left out."""
    return {leaf: value for leaf, value in _walk(plain, ()) if leaf not in (("apiVersion",), ("kind",))}


def _walk(value: Any, at: Leaf) -> Iterator[tuple[Leaf, Any]]:
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _walk(member, (*at, key))
    elif at:
        yield at, value


def field_paths(cls: type[msgspec.Struct] = KubeletConfiguration, at: Leaf = ()) -> Iterator[tuple[Leaf, Leaf]]:
    """(path, attributes) of every field that is no struct itself."""
    for field in msgspec.structs.fields(cls):
        kind, path, attribute = bare_type(field.type), field.encode_name, field.name
        inner = [(sub, attributes) for sub, attributes in field_paths(kind)] if _is_ours(kind) else []
        if inner:
            yield from (((*at, path, *sub), (attribute, *attributes)) for sub, attributes in inner)
        else:
            yield (*at, path), (attribute,)


def _is_ours(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == "kubelet.config.types"
