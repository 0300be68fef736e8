"""The blocks of SPEC.md that are measured: each has markers that name the command which writes it."""

from pathlib import Path

from conformance.throwaway import CHECKOUT

SPEC = CHECKOUT / "SPEC.md"


def markers(name: str, command: str) -> tuple[str, str]:
    return f"<!-- {name}:begin (written by `{command}`) -->", f"<!-- {name}:end -->"


def replace_block(document: str, begin: str, end: str, text: str) -> str:
    """`document` with `text` between the markers. Raises ValueError when they are not there."""
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"SPEC.md has no place for these figures: {begin!r} … {end!r}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def read(begin: str, end: str, path: Path = SPEC) -> str:
    """What stands between the markers; nothing where they are not there."""
    return path.read_text().partition(begin)[2].partition(end)[0].strip()


def write(begin: str, end: str, text: str, path: Path = SPEC) -> None:
    path.write_text(replace_block(path.read_text(), begin, end, text))
