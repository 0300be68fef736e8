"""Every flag with the value in force, written as it would be given on a command line: for /flagz. Pure."""

from collections.abc import Mapping
from typing import Any

from kubelet.config.flags import FLAGS, Flag, Kind, KubeletFlags
from kubelet.config.types import KubeletConfiguration, to_plain

_SEPARATORS = {Kind.MAP_LESS: "<", Kind.HEADERS: ":"}


def effective_flags(config: KubeletConfiguration, flags: KubeletFlags) -> Mapping[str, str]:
    """Flags that mean something only while the command line is read (--help, --version) are false."""
    plain = to_plain(config)
    return {name: _text(flag, _value(flag, plain, flags)) for name, flag in FLAGS.items()}


def _value(flag: Flag, plain: Mapping[str, Any], flags: KubeletFlags) -> Any:
    if not flag.path:
        return getattr(flags, flag.attribute, None)
    value: Any = plain
    for key in flag.path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(flag: Flag, value: Any) -> str:
    match value:
        case None:
            return "false" if flag.kind in (Kind.BOOL, Kind.VERSION) else ""
        case bool():
            return str(value).lower()
        case Mapping():
            pairs = ((key, member) for key, member in sorted(value.items()))
            return ",".join(f"{key}{_SEPARATORS.get(flag.kind, '=')}{_member(member)}" for key, member in pairs)
        case list() | tuple():
            return f"[{','.join(_member(member) for member in value)}]"
        case _:
            return str(value)


def _member(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, Mapping):
        return " ".join(f"{key}:{member}" for key, member in value.items())
    return str(value)
