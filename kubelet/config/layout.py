"""Where in a file each field stands: paths as in errors (`authentication.webhook.cacheTTL`, `clusterDNS[1]`) to lines.

JSON is read as the YAML that it is. A file that is neither has an empty layout.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INDEX = re.compile(r"\[(\d+)\]")


class Layout:
    """Of the first document in `data`."""

    def __init__(self, data: bytes) -> None:
        try:
            loader = _LOADER(data.decode())
            try:
                self._root: Any = loader.get_node() if loader.check_node() else None
            finally:
                loader.dispose()
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
            self._root = None

    def line(self, path: str) -> int | None:
        """The line, from 1, of the field at `path`; of the nearest field around it that is there. None for none."""
        found = _descend(self._root, path, None)
        return None if found is None else found + 1

    def where(self, file: Path, path: str) -> str:
        """`FILE:LINE` of the field at `path`, or the file alone."""
        line = self.line(path)
        return f"{file}:{line}" if line else str(file)

    def duplicates(self) -> Iterator[tuple[str, int]]:
        """(path, line) of each key that its mapping has already."""
        yield from _duplicates(self._root, "")


def _descend(node: Any, path: str, line: int | None) -> int | None:
    path = path.removeprefix(".")
    if not path:
        return line
    if isinstance(node, yaml.SequenceNode) and (index := _INDEX.match(path)):
        if int(index.group(1)) >= len(node.value):
            return line
        member = node.value[int(index.group(1))]
        return _descend(member, path[index.end():], member.start_mark.line)
    if not isinstance(node, yaml.MappingNode):
        return line
    # Keys may have dots themselves (evictionHard's signals): the longest that fits is meant. Of two, the last counts.
    members = {str(key.value): (key, member) for key, member in node.value}
    for name, (key, member) in sorted(members.items(), key=lambda pair: -len(pair[0])):
        for written in (name, f"[{name}]"):
            rest = path.removeprefix(written)
            if rest != path and (not rest or rest[0] in ".["):
                return _descend(member, rest, key.start_mark.line)
    return line


def _duplicates(node: Any, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, member in enumerate(node.value):
            yield from _duplicates(member, f"{path}[{index}]")
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set[str]()
    for key, member in node.value:
        where = f"{path}.{key.value}" if path else str(key.value)
        if where in seen:
            yield where, key.start_mark.line + 1
        seen.add(where)
        yield from _duplicates(member, where)
