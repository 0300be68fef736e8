"""Env files that an init container leaves for `fileKeyRef` (KEP-3721): a strict subset of POSIX shell assignments.

    NAME='value'      # one or more lines, kept literally; only single quotes; a comment may follow
    NAME= 'value'     # as in a shell: NAME is empty

Sans I/O: the caller brings the text. Source of the rules: pkg/kubelet/util/env.
"""

from collections.abc import Iterator

MAX_LINE = 64 * 1024
"""Longest line that upstream's scanner reads, in characters."""


class EnvFileError(ValueError):
    """A line that breaks the format; the message names it."""


def value_of(text: str, key: str) -> str:
    """The first value of `key`; "" when the file does not set it. Raises EnvFileError, for errors before `key`."""
    return next((value for name, value in assignments(text) if name == key), "")


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Every (name, value) in the file's order. Raises EnvFileError at the first line that is wrong."""
    lines = enumerate(_lines(text), start=1)
    for number, raw in lines:
        line = raw.lstrip(" \t")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise EnvFileError(f"invalid environment variable format at line {number}: missing '='")
        if not name.strip(" \t"):
            raise EnvFileError(f"invalid environment variable format at line {number}: empty variable name")
        if name != name.rstrip(" \t"):
            raise EnvFileError(
                f"invalid environment variable format at line {number}: whitespace before '=' is not allowed")
        if value.startswith((" ", "\t")):
            yield name, ""
        elif value.startswith("'"):
            yield name, _quoted(value[1:], number, lines)
        else:
            raise EnvFileError(
                f"invalid environment variable format at line {number}: value must be enclosed in single quotes")


def _quoted(rest: str, start: int, lines: Iterator[tuple[int, str]]) -> str:
    """The value from after the opening quote to the closing one, over as many lines as it takes."""
    collected, number = "", start
    while "'" not in rest:
        collected += rest + "\n"
        following = next(lines, None)
        if following is None:
            raise EnvFileError(
                f"invalid environment variable format starting at line {start}: unclosed single quote")
        number, rest = following
    last, _, after = rest.partition("'")
    after = after.lstrip(" \t")
    if after and not after.startswith("#"):
        raise EnvFileError(
            f"invalid environment variable format at line {number}: unexpected content after closing quote")
    return collected + last


def _lines(text: str) -> list[str]:
    """Lines without their end; a final newline opens no further line."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if len(line) >= MAX_LINE:
            raise EnvFileError(f"invalid environment variable format at line {number}: over {MAX_LINE} characters")
    return lines
