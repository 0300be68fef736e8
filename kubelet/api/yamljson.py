"""YAML and JSON text to plain values, the way the field's tools read it (sigs.k8s.io/yaml on go-yaml v2).

What differs from PyYAML's own reading, and would bite: `12:30` and dates stay text (no sexagesimal numbers, no
timestamps); `1e3`, `0o17` and `1_000` are numbers; `y` and `n` are booleans like `yes` and `no`; keys become text;
only the first document of a file counts. Text that begins with `{` is JSON.
"""

import json
import math
import re
from collections.abc import Hashable
from typing import Any, ClassVar

import msgspec
import yaml

from kubelet.api.codec import InvalidObjectError

MAX_VALUES = 1_000_000
"""Aliases let a small file describe an endless object; nothing that a node reads comes near this many values."""

_BOOLEANS = {word: truth for truth, words in ((True, "y yes on true"), (False, "n no off false"))
             for lower in words.split() for word in (lower, lower.capitalize(), lower.upper())}
_INTEGER = re.compile(r"^[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$"
                    r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one where libyaml is
    """SafeLoader with go-yaml's implicit types."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


def _construct_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _construct_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).replace("_", "").replace(".inf", "inf").replace(".Inf", "inf")
                 .replace(".INF", "inf").replace(".nan", "nan").replace(".NaN", "nan").replace(".NAN", "nan"))


def _construct_boolean(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return _BOOLEANS[str(loader.construct_scalar(node))]


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", re.compile("^(?:" + "|".join(_BOOLEANS) + ")$"), list("yYnNtTfFoO")),
    ("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789")),
    ("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789.")),
    ("tag:yaml.org,2002:null", re.compile("^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:merge", re.compile("^<<$"), ["<"]),
):
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:bool", _construct_boolean)


def _json_problem(data: bytes) -> str:
    """What is wrong and in which line; msgspec counts bytes only."""
    try:
        json.loads(data)
    except ValueError as error:
        return str(error)
    return "it cannot be read"


def load(data: bytes, where: str) -> Any:
    """The first document in `data` as dicts, lists and scalars; None for an empty one. Raises InvalidObjectError."""
    if data.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            try:  # a YAML mapping in flow style begins the same way
                return _load_yaml(data, where)
            except InvalidObjectError:
                problem = f"not valid JSON: {_json_problem(data)}; check its brackets, commas and quotes"
                raise InvalidObjectError(where, "", problem) from None
    return _load_yaml(data, where)


def _load_yaml(data: bytes, where: str) -> Any:
    try:
        text = data.decode()
        loader = _Loader(text)
        try:
            value = loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise InvalidObjectError(where, "", f"not text in UTF-8 (byte {error.start}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise InvalidObjectError(where, _position(error), f"not valid YAML: {_problem(error)}") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise InvalidObjectError(where, "", f"not valid YAML: {' '.join(str(error).split())}") from None
    return _json_values(value, where)


def documents(data: bytes) -> int:
    """How many YAML documents `data` holds, counted by their separators; 1 for JSON."""
    if data.lstrip()[:1] == b"{":
        return 1
    parts = re.split(rb"^---(?:[ \t].*)?$", data, flags=re.MULTILINE)
    return sum(1 for part in parts if re.search(rb"^[ \t]*[^\s#]", part, flags=re.MULTILINE)) or 1


def _position(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (error.problem, error.context) if part)


def _json_values(value: Any, where: str) -> Any:
    """`value` with JSON's types only: text keys, whole floats as integers, no infinities."""
    budget = [MAX_VALUES]

    def convert(item: Any) -> Any:
        budget[0] -= 1
        if budget[0] < 0:
            raise InvalidObjectError(where, "", f"describes more than {MAX_VALUES} values; aliases repeat too much")
        if isinstance(item, dict):
            return {_key(key): convert(member) for key, member in item.items()}
        if isinstance(item, list):
            return [convert(member) for member in item]
        if isinstance(item, float):
            if not math.isfinite(item):
                raise InvalidObjectError(where, "", f"{item} is not a JSON number; write a finite one")
            return int(item) if item.is_integer() and abs(item) < 2**53 else item
        if isinstance(item, bytes):
            return item.decode(errors="replace")
        if isinstance(item, set):
            return {_key(key): None for key in item}
        return item

    return convert(value)


def _key(key: Hashable) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case None:
            return "null"
        case _:
            return str(key)
