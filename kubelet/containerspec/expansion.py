"""`$(VAR)` references in env values, commands, arguments and subPathExpr (third_party/forked/golang/expansion).

`$(NAME)` is replaced where NAME is known and kept as written where it is not; `$$` stands for one `$`, so `$$(NAME)`
is the text `$(NAME)`. There is no nesting and no recursion.
"""

from collections.abc import Callable, Mapping


def expand(text: str, lookup: Callable[[str], str]) -> str:
    """`text` with every reference replaced by `lookup(name)`."""
    if "$" not in text:
        return text
    pieces: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) != -1 and dollar + 1 < len(text):
        pieces.append(text[position:dollar])
        following = text[dollar + 1]
        closing = text.find(")", dollar + 2) if following == "(" else -1
        if closing != -1:
            pieces.append(lookup(text[dollar + 2 : closing]))
            position = closing + 1
        else:
            pieces.append("$" if following == "$" else "$" + following)
            position = dollar + 2
    pieces.append(text[position:])
    return "".join(pieces)


def keep_unknown(*sources: Mapping[str, str]) -> Callable[[str], str]:
    """Looks a name up in each source in turn; an unknown reference stays as it was written."""

    def lookup(name: str) -> str:
        return next((source[name] for source in sources if name in source), f"$({name})")

    return lookup


class MissingValuesError(ValueError):
    """A subPathExpr refers to variables that are unset or empty."""


def expand_strictly(text: str, values: Mapping[str, str]) -> str:
    """As `expand`, but every name must have a non-empty value. Raises MissingValuesError."""
    missing = set()

    def lookup(name: str) -> str:
        value = values.get(name, "")
        if not value:
            missing.add(name)
        return value

    expanded = expand(text, lookup)
    if missing:
        raise MissingValuesError(f"missing value for {', '.join(sorted(missing))}")
    return expanded
