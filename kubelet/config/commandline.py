"""Reads a command line as Go's pflag does: `--x=y`, `--x y`, `--bool`, `--bool=false`, `-v 2`, `-v=2`, `-v2`, `--`.

Underscores in names count as dashes. Of a flag given twice the last value wins, lists and maps add up. Pure: argument
texts in, `(flag, JSON value)` pairs out, or one line that says what is wrong and what was perhaps meant.
"""

import csv
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any

from kubelet.config.duration import Duration
from kubelet.config.errors import ConfigError
from kubelet.config.flags import FLAGS, REMOVED, SHORTHANDS, Flag, Kind

_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}
_LIMITS = {Kind.INT32: 2**31, Kind.INT64: 2**63}
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def parse(argv: Sequence[str]) -> dict[str, Any]:
    """Flag name to value, in JSON's types (durations as Duration). Raises ConfigError."""
    values: dict[str, Any] = {}
    for flag, text in _pairs(argv):
        try:
            values[flag.name] = _read(flag, text, values.get(flag.name))
        except ValueError as error:
            raise ConfigError(f"flag --{flag.name}", "", str(error)) from None
    return values


def _pairs(argv: Sequence[str]) -> Iterator[tuple[Flag, str]]:
    arguments = list(argv)
    while arguments:
        argument = arguments.pop(0)
        if argument == "--" and arguments:
            raise ConfigError(f"argument {arguments[0]!r}", "", "the kubelet takes flags only; remove it")
        if argument == "--":
            return
        if argument.startswith("--"):
            name, equals, text = argument[2:].partition("=")
            flag = _find(name)
        elif argument.startswith("-") and len(argument) > 1:
            flag = _shorthand(argument)
            rest = argument[2:]
            equals, text = ("=", rest.removeprefix("=")) if rest else ("", "")
        else:
            raise ConfigError(f"argument {argument!r}", "", _stray(argument))
        if not equals:
            text = _next_value(flag, arguments)
        yield flag, text


def _next_value(flag: Flag, arguments: list[str]) -> str:
    if flag.kind in (Kind.BOOL, Kind.VERSION):
        return "true"
    if not arguments:
        raise ConfigError(f"flag --{flag.name}", "", f"needs a value; write --{flag.name}=VALUE")
    return arguments.pop(0)


def _find(name: str) -> Flag:
    name = name.replace("_", "-")
    if name in FLAGS:
        return FLAGS[name]
    if name in REMOVED:
        raise ConfigError(f"flag --{name}", "", f"is gone since Kubernetes {REMOVED[name]}; remove it")
    close = get_close_matches(name, FLAGS, n=1, cutoff=0.6)
    hint = f"did you mean --{close[0]}?" if close else "kubelet --help lists all flags"
    raise ConfigError(f"flag --{name}", "", f"is unknown; {hint}")


def _shorthand(argument: str) -> Flag:
    flag = SHORTHANDS.get(argument[1])
    long_name = argument[1:].partition("=")[0].replace("_", "-")
    if flag is None or (long_name in FLAGS and len(long_name) > 1):
        hint = f"did you mean --{argument[1:]}?" if long_name in FLAGS else "kubelet --help lists all flags"
        raise ConfigError(f"flag {argument}", "", f"is unknown; {hint}")
    return flag


def _stray(argument: str) -> str:
    if argument in _TRUE | _FALSE:
        return "the kubelet takes flags only; a boolean's value goes behind an equals sign, like --flag=false"
    return "the kubelet takes flags only; remove it"


def _read(flag: Flag, text: str, previous: Any) -> Any:
    """The value in `text`, added to what an earlier use of the flag gave where the kind adds up. Raises ValueError."""
    match flag.kind:
        case Kind.STRING:
            return text
        case Kind.BOOL:
            return _boolean(text)
        case Kind.VERSION:
            return text if text == "raw" else _boolean(text)
        case Kind.INT32 | Kind.INT64:
            return _integer(text, _LIMITS[flag.kind])
        case Kind.DURATION:
            return Duration.parse(text)
        case Kind.REPEATED:
            return [*(previous or []), text]
        case Kind.STRINGS:
            return [*(previous or []), *_list(text)]
        case Kind.MAP | Kind.MAP_LESS:
            return {**(previous or {}), **_map(text, "<" if flag.kind is Kind.MAP_LESS else "=")}
        case Kind.MAP_ONE:
            return {**(previous or {}), **_pair(text, "=")}
        case Kind.MAP_BOOL:
            return {**(previous or {}), **{key: _boolean(value, key) for key, value in _map(text, "=").items()}}
        case Kind.LABELS:
            return {**(previous or {}), **_labels(text)}
        case Kind.HEADERS:
            return _headers(text, previous or {})
        case Kind.IP:
            return str(ip_address(text)) if text else ""
        case Kind.TAINTS:
            return [_taint(part) for part in text.split(",") if part]
        case Kind.RESERVED_MEMORY:
            return [*(previous or []), *_reserved_memory(text)]
        case Kind.VMODULE:
            return _vmodule(text)
        case Kind.IGNORED:
            return None


def _boolean(text: str, key: str = "") -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{f'{key} is ' if key else ''}{text!r}, not a boolean; write true or false")


def _integer(text: str, limit: int) -> int:
    digits = text.lstrip("+-")
    base = 8 if len(digits) > 1 and digits[0] == "0" and digits.isdigit() else 0
    try:
        value = int(text, base)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number; write one like 10") from None
    if not -limit <= value < limit:
        raise ValueError(f"{text} is out of range; write a number between {-limit} and {limit - 1}")
    return value


def _list(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), []) if text else []
    except csv.Error:
        raise ValueError(f"{text!r} is not a list; write values with commas between them") from None


def _pair(text: str, separator: str) -> dict[str, str]:
    key, found, value = text.partition(separator)
    if not found:
        raise ValueError(f"{text!r} has no {separator!r}; write KEY{separator}VALUE")
    return {key.strip(): value.strip()}


def _map(text: str, separator: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for part in text.split(","):
        if part.strip():
            result.update(_pair(part, separator))
    return result


def _labels(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(",") if part)
    return {key.strip(): value.strip() for key, _, value in parts}


def _headers(text: str, previous: dict[str, list[str]]) -> dict[str, list[str]]:
    result = {name: list(values) for name, values in previous.items()}
    for part in text.split(","):
        if part:
            for name, value in _pair(part, ":").items():
                result.setdefault(name, []).append(value)
    return result


def _taint(text: str) -> dict[str, str]:
    """`key=value:effect` or `key:effect`."""
    front, _, effect = text.rpartition(":")
    key, _, value = front.partition("=")
    if not key or effect not in _TAINT_EFFECTS:
        raise ValueError(f"{text!r} is not a taint; write KEY=VALUE:EFFECT with {', '.join(_TAINT_EFFECTS)}")
    return {"key": key, "value": value, "effect": effect}


def _reserved_memory(text: str) -> list[dict[str, Any]]:
    """`0:memory=1Gi,hugepages-1Gi=2Gi;1:memory=…`."""
    result: list[dict[str, Any]] = []
    for part in text.split(";"):
        node, colon, limits = part.partition(":")
        if not colon or not node.isdigit() or not limits:
            raise ValueError(f"{part!r} is not a reservation; write NODE:TYPE=QUANTITY,...")
        result.append({"numaNode": int(node), "limits": _map(limits, "=")})
    return result


def _vmodule(text: str) -> list[dict[str, Any]]:
    return [{"filePattern": pattern, "verbosity": _integer(level, 2**31)}
            for pattern, level in _map(text, "=").items()]
