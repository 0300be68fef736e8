"""Everything that is wrong with a configuration at once, where a start stops at the first: for `podwright config`.

    files ─▶ syntax, kind ─▶ types (each wrong value is told and left out) ─▶ rules of the whole ─▶ findings
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelet.config import commandline, document
from kubelet.config.effects import ineffective
from kubelet.config.errors import ConfigError
from kubelet.config.layout import Layout
from kubelet.config.load import (
    COMMAND_LINE,
    WRITTEN_TWICE,
    Options,
    deprecations,
    effective,
    file_warnings,
    gate_warnings,
    of_process,
)
from kubelet.config.sources import settings
from kubelet.config.validation import flag_problems, problems

_STEP = re.compile(r"\[?([^.\[\]]+)\]?")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: an error keeps the agent from starting, a warning does not."""

    error: bool
    where: str
    path: str
    text: str

    def __str__(self) -> str:
        kind = "error" if self.error else "warning"
        return f"{self.where}: {kind}: {f'{self.path}: ' if self.path else ''}{self.text}"


def check(argv: Sequence[str]) -> list[Finding]:
    """All findings of the configuration that these kubelet flags name, errors first."""
    try:
        values = commandline.parse(argv)
        flags = of_process(values)
        files = [Path(flags.config)] if flags.config else []
        dropins = document.dropins(Path(flags.config_dir)) if flags.config_dir else []
    except ConfigError as error:
        return [_of_error(error)]
    findings = [Finding(False, COMMAND_LINE, "", text) for text in deprecations(values, flags)]
    documents: list[tuple[Path, dict[str, Any]]] = []
    for file in [*files, *dropins]:
        found, value = _check_file(file, "--config" if file in files else "--config-dir")
        findings += found
        if value is not None:
            documents.append((file, value))
    try:
        config, given = effective(flags, documents, values)
    except ConfigError as error:
        return _sorted([*findings, _of_error(error)])
    options = Options(config, flags, given=given, files=tuple(file for file, _ in documents))
    origin = {setting.path: setting.source for setting in settings(options, argv)}
    for path, problem in (*flag_problems(flags), *problems(config)):
        findings.append(Finding(True, _origin(path, origin, documents), path, problem))
    findings += [Finding(False, _origin(path, origin, documents), path, text) for path, text in gate_warnings(config)]
    findings += [
        Finding(False, origin.get(path, COMMAND_LINE), path, text) for path, text in ineffective(config, flags)
        if not origin.get(path, "").startswith("default")
    ]
    return _sorted(findings)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(dict.fromkeys(findings), key=lambda finding: not finding.error)


def _of_error(error: ConfigError) -> Finding:
    return Finding(True, error.where, error.path, error.problem)


def _check_file(file: Path, flag: str) -> tuple[list[Finding], dict[str, Any] | None]:
    """What is wrong with one file by itself, and what is left when wrong values are left out."""
    try:
        value = document.read(file, flag)
    except ConfigError as error:
        return [_of_error(error)], None
    layout = Layout(file.read_bytes())
    findings = [Finding(False, layout.where(file, path), path, text) for path, text in file_warnings(value)]
    findings += [
        Finding(False, f"{file}:{line}", path, WRITTEN_TWICE)
        for path, line in layout.duplicates()
    ]
    while True:
        try:
            document.defaulted(document.merge_patch({}, value), str(file))
        except ConfigError as error:
            findings.append(Finding(True, layout.where(file, error.path), error.path, error.problem))
            if not _leave_out(value, error.path):
                return findings, None
        else:
            return findings, value


def _leave_out(value: dict[str, Any], path: str) -> bool:
    """Removes the outermost field of `path`; False when there is none."""
    first = _STEP.match(path)
    return first is not None and value.pop(first.group(1), None) is not None


def _origin(path: str, origin: dict[str, str], documents: list[tuple[Path, dict[str, Any]]]) -> str:
    """Where a broken rule can be mended: what set the field, or something in or around it."""
    if path.startswith("--"):
        return COMMAND_LINE
    plain = path.partition("[")[0]
    near = [origin[plain]] if plain in origin else []
    near += [source for known, source in origin.items() if plain.startswith(f"{known}.")]
    near += [source for known, source in origin.items() if known.startswith(f"{plain}.")]
    chosen = next((source for source in near if not source.startswith("default")), "")
    return chosen or (str(documents[-1][0]) if documents else COMMAND_LINE)
