"""JSON and YAML to API objects and back.

Decoding takes the fast way first: msgspec straight from the bytes. Where that fails because a writer put `null` for
"not set" (Go's clients read that as absent; the API server does so in every condition of a pod), the nulls are taken
out and the object is read again: first out of the text, then, which costs 20 times as much, out of the whole tree. What
fails then is an error with the path to the field.
"""

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


class InvalidObjectError(ValueError):
    """An object that cannot be read: `where` is a file or URL, `path` a JSON path such as `$.spec.containers[0]`."""

    def __init__(self, where: str, path: str, problem: str) -> None:
        super().__init__(f"{where}: {path}: {problem}" if path else f"{where}: {problem}")
        self.where, self.path, self.problem = where, path, problem


@cache
def _decoder(cls: Hashable) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(cast(type[Any], cls)).decode


_encoder = msgspec.json.Encoder()
_NULL_MEMBER = re.compile(rb'"\w+":null,|,?"\w+":null')
"""In compact JSON. It cannot match within a string: the quote behind the name would have ended that."""


def decode(data: bytes, cls: type[T], where: str = "object") -> T:
    """The JSON object in `data` as `cls`; unknown fields are skipped. Raises InvalidObjectError."""
    try:
        return cast(T, _decoder(cast(Hashable, cls))(data))
    except msgspec.ValidationError:
        try:
            return cast(T, _decoder(cast(Hashable, cls))(_NULL_MEMBER.sub(b"", data)))
        except msgspec.DecodeError:
            pass  # it says best what is wrong when it is read as it was written
        try:
            return convert(msgspec.json.decode(data), cls, where)
        except msgspec.DecodeError as error:
            raise InvalidObjectError(where, "", f"not valid JSON: {error}") from None
    except msgspec.DecodeError as error:
        raise InvalidObjectError(where, "", f"not valid JSON: {error}") from None


def convert(value: Any, cls: type[T], where: str = "object") -> T:
    """Plain dicts and lists (from YAML or JSON) as `cls`. Raises InvalidObjectError."""
    try:
        return msgspec.convert(without_nulls(value), cls)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise InvalidObjectError(where, path.removesuffix("`"), problem) from None


def encode(value: Any) -> bytes:
    """`value` as compact JSON; fields at their default are left out."""
    return _encoder.encode(value)


def to_plain(value: Any) -> Any:
    """`value` as dicts, lists and scalars, with the wire's field names."""
    return msgspec.to_builtins(value)


def without_nulls(value: Any) -> Any:
    """`value` without the members that are null, at every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
