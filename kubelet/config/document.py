"""Configuration files as plain mappings: read, checked for stray fields, defaulted, merged (RFC 7386), decoded.

A field that nobody knows is a warning with the nearest known name, never a reason to stop: the file may be written
for another version. A value of the wrong type is an error with file and path.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError, without_nulls
from kubelet.api.fields import bare_type, pinpoint
from kubelet.config.duration import Duration
from kubelet.config.errors import ConfigError
from kubelet.config.types import (
    API_VERSION,
    KIND,
    ZERO_DURATION_IS_LITERAL,
    ZERO_MEANS_DEFAULT,
    KubeletConfiguration,
    decode_hook,
)

_TYPE_META = ("apiVersion", "kind")
# Strings of nested objects whose empty value means the default.
_NESTED_ZEROES = frozenset({"mode", "format"})


def read(file: Path, what: str) -> dict[str, Any]:
    """The mapping in `file`, its kind checked; `what` is the flag that named it. Raises ConfigError."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(str(file), "", f"no such file; check {what}") from None
    except OSError as error:
        raise ConfigError(str(file), "", f"cannot be read: {error.strerror or error}; check {what}") from None
    try:
        value = yamljson.load(data, str(file))
    except InvalidObjectError as error:
        raise ConfigError(str(file), error.path, error.problem) from None
    if not isinstance(value, dict):
        raise ConfigError(str(file), "", f"holds no mapping; write a {KIND}")
    for name, wanted in zip(_TYPE_META, (API_VERSION, KIND), strict=True):
        if value.get(name) != wanted:
            found = f"is {value[name]!r}" if value.get(name) else "is missing"
            raise ConfigError(str(file), name, f"{found}; write {name}: {wanted}")
    return value


def decode(value: Mapping[str, Any], where: str) -> KubeletConfiguration:
    """`value` as it stands, without defaulting of zeroes. Raises ConfigError with the field's path."""
    try:
        return msgspec.convert(without_nulls(dict(value)), KubeletConfiguration, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        path = pinpoint(value, path.removesuffix("`").removeprefix("$."), problem)
        raise ConfigError(where, path, problem) from None


def defaulted(value: Mapping[str, Any], where: str) -> KubeletConfiguration:
    """`value` with upstream's defaults: zeroes that mean "unset", and the fields that follow another."""
    pruned = without_zeroes(without_nulls(dict(value)), KubeletConfiguration)
    if "nodeStatusReportFrequency" not in pruned and "nodeStatusUpdateFrequency" in pruned:
        pruned["nodeStatusReportFrequency"] = pruned["nodeStatusUpdateFrequency"]
    parallel = pruned.get("maxParallelImagePulls")
    if "serializeImagePulls" not in pruned and isinstance(parallel, int) and parallel > 1:
        pruned["serializeImagePulls"] = False
    pids = pruned.get("podPidsLimit")
    if isinstance(pids, int) and pids < 0:
        pruned["podPidsLimit"] = -1
    return decode(pruned, where)


def without_zeroes(value: Any, cls: type) -> Any:
    """`value`, a mapping in the shape of the struct `cls`, without the members whose zero means "unset"."""
    if not isinstance(value, dict):
        return value
    fields = {field.encode_name: bare_type(field.type) for field in msgspec.structs.fields(cls)}
    kept: dict[str, Any] = {}
    for name, member in value.items():
        kind = fields.get(name)
        if kind is Duration and name not in ZERO_DURATION_IS_LITERAL:
            duration = _nanoseconds(member) if name == "flushFrequency" else member
            if not _is_zero_duration(duration):
                kept[name] = duration
        elif member in ("", 0) and not isinstance(member, bool) and name in ZERO_MEANS_DEFAULT | _NESTED_ZEROES:
            continue
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kept[name] = without_zeroes(member, kind)
        else:
            kept[name] = member
    return kept


def _nanoseconds(member: Any) -> Any:
    """logging.flushFrequency may be a bare number of nanoseconds (logsapi.TimeOrMetaDuration)."""
    return Duration(member * 1e-9) if isinstance(member, int) and not isinstance(member, bool) else member


def _is_zero_duration(member: Any) -> bool:
    if isinstance(member, str):
        try:
            return member == "" or not Duration.parse(member)
        except ValueError:
            return False
    return isinstance(member, Duration) and not member


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` changed by the JSON merge patch (RFC 7386): mappings merge, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, member in patch.items():
        if member is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), member)
    return result


def put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Sets a nested member, making mappings on the way."""
    *parents, last = path
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value


def dropins(directory: Path) -> list[Path]:
    """The directory's `*.conf` files and those below it, in lexical order of each level (filepath.WalkDir).

    Raises ConfigError."""
    try:
        entries = sorted(directory.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        problem = f"cannot be listed: {error.strerror or error}; check --config-dir"
        raise ConfigError(str(directory), "", problem) from None
    files: list[Path] = []
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            files += dropins(entry)
        elif entry.suffix == ".conf":
            files.append(entry)
    return files
