"""systemd's service units, as far as kubelets and runtimes use them: texts in, a command line with its environment out.

    fragment + drop-ins in lexical order ─▶ parse ─▶ Unit ─▶ environment (of the manager, the unit, its files)
                                                         └─▶ command (`$WORDS` split, `${TEXT}` does not)
Source: systemd.unit(5), systemd.service(5), systemd.exec(5). A setting that nothing here reads is no error; a
specifier or an escape that would be read wrongly is one.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WORDS = re.compile(r"\$(\w+)")
_UNITS_OF_TIME = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "min": 60.0}


class UnitError(ValueError):
    """A unit that cannot be read; the text names the line."""


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """`optional`: written with a dash, a file that is not there is empty."""

    path: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """What of a service counts here. Times in seconds."""

    exec_start: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[EnvironmentFile, ...] = ()
    notifies: bool = False
    restarts: bool = False
    restart_seconds: float = 0.1
    start_seconds: float = 90.0
    stop_seconds: float = 90.0
    watchdog_seconds: float = 0.0
    kills_whole_group: bool = True
    wanted_by: tuple[str, ...] = ()


def parse(texts: Iterable[str]) -> Unit:
    """A unit from its fragment and its drop-ins, in this order. Raises UnitError."""
    settings: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        for section, key, value in _lines(text):
            values = settings.setdefault((section, key), [])
            if value:
                values.append(value)
            else:
                values.clear()  # an empty assignment takes back what was there
    commands = settings.get(("Service", "ExecStart"), [])
    if len(commands) != 1:
        raise UnitError(f"a service has one ExecStart=, this one has {len(commands)}: {commands}")

    def last(key: str, default: str) -> str:
        return (settings.get(("Service", key)) or [default])[-1]

    environment = [shlex.split(value) for value in settings.get(("Service", "Environment"), [])]
    files = settings.get(("Service", "EnvironmentFile"), [])
    return Unit(
        exec_start=tuple(shlex.split(commands[0])),
        environment=dict(_assignment(word) for words in environment for word in words),
        environment_files=tuple(EnvironmentFile(name.removeprefix("-"), name.startswith("-")) for name in files),
        notifies=last("Type", "simple") == "notify",
        restarts=last("Restart", "no") in ("always", "on-failure"),
        restart_seconds=seconds(last("RestartSec", "100ms")),
        start_seconds=seconds(last("TimeoutStartSec", "90")),
        stop_seconds=seconds(last("TimeoutStopSec", "90")),
        watchdog_seconds=seconds(last("WatchdogSec", "0")),
        kills_whole_group=last("KillMode", "control-group") == "control-group",
        wanted_by=tuple(word for value in settings.get(("Install", "WantedBy"), []) for word in value.split()),
    )


def command(unit: Unit, environment: Mapping[str, str]) -> list[str]:
    """ExecStart with its variables: a word `$NAME` becomes as many words as its value has, `${NAME}` stays one."""
    words: list[str] = []
    for word in unit.exec_start:
        if "%" in word.replace("%%", ""):
            raise UnitError(f"ExecStart={word!r}: specifiers are not read here")
        whole = _WORDS.fullmatch(word)
        if whole:
            words += shlex.split(environment.get(whole[1], ""))
        else:
            words.append(_VARIABLE.sub(lambda match: environment.get(match[1], ""), word).replace("%%", "%"))
    return words


def environment_file(text: str) -> dict[str, str]:
    """The assignments of an EnvironmentFile=; lines with a `#` or `;` in front are remarks."""
    lines = (line.strip() for line in _joined(text))
    return dict(_assignment(line) for line in lines if line and line[0] not in "#;")


def seconds(text: str) -> float:
    """`10`, `10s`, `1min 30s`, `200ms`; `infinity` is as long as can be."""
    if text.strip() == "infinity":
        return float("inf")
    total = 0.0
    for word in text.split():
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", word)
        if match is None or match[2] not in _UNITS_OF_TIME:
            raise UnitError(f"{text!r} is no span of time")
        total += float(match[1]) * _UNITS_OF_TIME[match[2]]
    return total


def _lines(text: str) -> Iterable[tuple[str, str, str]]:
    """(section, key, value) of each setting."""
    section = ""
    for line in _joined(text):
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip().strip("[]")
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            raise UnitError(f"{line!r} is neither a section nor a setting in one")
        yield section, key.strip(), value.strip()


def _joined(text: str) -> list[str]:
    """Lines, those that end with a backslash joined with their next."""
    return text.replace("\\\n", " ").splitlines()


def _assignment(text: str) -> tuple[str, str]:
    """`NAME=value`; a value in quotes loses them, and the backslashes before quotes and backslashes in it."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise UnitError(f"{text!r} is no assignment; write NAME=value")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value[1:-1]
    return name.strip(), value
