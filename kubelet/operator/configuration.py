"""`podwright config`: a kubelet's configuration looked at without a kubelet.

    podwright config validate [FLAGS]            every mistake with file, line and what to do
    podwright config show [--sources] [FLAGS]    what would be effective, and who set it
    podwright config diff [--running] [FLAGS]    what differs from the defaults, or from what the agent runs with

FLAGS are the kubelet's own. Without --config and --config-dir, a node's usual file is looked at.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec

from kubelet.config import ConfigError, KubeletConfiguration, load, to_plain
from kubelet.config.check import check
from kubelet.config.leaves import leaves, text
from kubelet.config.sources import Setting, settings
from kubelet.config.types import API_VERSION, KIND

USUAL_FILE = "/var/lib/kubelet/config.yaml"


def with_usual_file(flags: Sequence[str]) -> list[str]:
    """The kubelet's flags to look at; a file by itself is one for --config."""
    words = [f"--config={word}" if index == 0 and not word.startswith("-") else word
             for index, word in enumerate(flags)]
    if any(word.partition("=")[0] in ("--config", "--config-dir") for word in words):
        return words
    return [*words, f"--config={USUAL_FILE}"] if not words or Path(USUAL_FILE).exists() else words


def validate(flags: Sequence[str], out: TextIO) -> int:
    """0 when a kubelet would start with it."""
    findings = check(flags)
    for finding in findings:
        out.write(f"{finding}\n")
    errors = sum(finding.error for finding in findings)
    warnings = len(findings) - errors
    out.write(f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}\n")
    return 1 if errors else 0


def show(flags: Sequence[str], out: TextIO, *, sources: bool, output: str) -> int:
    """The effective configuration as a file, or each value with its source. Raises ConfigError."""
    options = load(flags)
    if not sources:
        out.write(_document({"apiVersion": API_VERSION, "kind": KIND, **to_plain(options.config)}, output))
        return 0
    found = settings(options, flags)
    if output != "table":
        out.write(_document({item.path: {"value": item.value, "source": item.source} for item in found}, output))
        return 0
    out.writelines(f"{line}\n" for line in _table(found))
    return 0


def diff(flags: Sequence[str], out: TextIO, running: dict[str, Any] | None = None) -> int:
    """What differs from the defaults; with `running`, from that configuration. 1 when something does, as diff(1)."""
    options = load(flags)
    before = leaves(running if running is not None else to_plain(KubeletConfiguration()))
    found = {item.path: item for item in settings(options, flags)}
    lines = [*_differences({text(leaf): value for leaf, value in before.items()}, found)]
    out.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


def _differences(before: dict[str, Any], now: dict[str, Setting]) -> Iterator[str]:
    for path in sorted({*before, *now}):
        old, new = before.get(path), now.get(path)
        value = new.value if new is not None else None
        if old == value or (old in (None, {}, []) and value in (None, {}, [])):
            continue
        yield f"{path}: {_word(old)} -> {_word(value)}" + (f"    ({new.source})" if new is not None else "")


def _table(found: Sequence[Setting]) -> Iterator[str]:
    rows = [("FIELD", "VALUE", "SOURCE"), *((item.path, _word(item.value), item.source) for item in found)]
    first = max(len(row[0]) for row in rows)
    second = min(48, max(len(row[1]) for row in rows))
    for path, value, source in rows:
        yield f"{path:<{first}}  {value:<{second}}  {source}"


def _word(value: Any) -> str:
    return "unset" if value is None else msgspec.json.encode(value).decode()


def _document(value: dict[str, Any], output: str) -> str:
    if output == "json":
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
    import yaml

    return str(yaml.safe_dump(value, sort_keys=True, allow_unicode=True))


def answer(command: str, flags: Sequence[str], *, sources: bool, output: str, running: dict[str, Any] | None) -> int:
    """One of the three. Exit code; what is wrong goes to standard error."""
    words = with_usual_file(flags)
    try:
        if command == "validate":
            return validate(words, sys.stdout)
        if command == "show":
            return show(words, sys.stdout, sources=sources, output=output)
        return diff(words, sys.stdout, running)
    except ConfigError as error:
        sys.stderr.write(f"podwright: {error}\n")
        return 2
