"""Which source set each effective value: a line of a file, a flag, or a default.

Reads the files again, so that the agent keeps nothing for this; what it tells is what a start would find now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelet.config import commandline, document
from kubelet.config.flags import FLAGS, Kind
from kubelet.config.layout import Layout
from kubelet.config.leaves import Leaf, leaves, text
from kubelet.config.load import LEGACY, Options
from kubelet.config.types import KubeletConfiguration, to_plain

DEFAULT = "default"
_FOLLOWS = {
    ("nodeStatusReportFrequency",): ("nodeStatusUpdateFrequency",),
    ("serializeImagePulls",): ("maxParallelImagePulls",),
}
"""Fields whose default is taken from another field."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and who set it: `FILE:LINE`, `flag --name`, `default`."""

    path: str
    value: Any
    source: str

    @property
    def is_default(self) -> bool:
        return self.source.startswith(DEFAULT)


def settings(options: Options, argv: Sequence[str]) -> list[Setting]:
    """Every effective value of `options`, which `argv` was loaded to. Raises ConfigError when a file has gone."""
    effective = leaves(to_plain(options.config))
    sources: dict[Leaf, str] = {}
    if not options.flags.config:
        sources |= dict.fromkeys(leaves(LEGACY), f"{DEFAULT} without --config")
    for file in options.files:
        _mark_file(sources, file, effective)
    _mark_flags(sources, argv, effective)
    defaults = leaves(to_plain(KubeletConfiguration()))
    for leaf, other in _FOLLOWS.items():
        if leaf not in sources and effective[leaf] != defaults[leaf]:
            sources[leaf] = f"{DEFAULT}, follows {text(other)}"
    return [Setting(text(leaf), value, sources.get(leaf, DEFAULT)) for leaf, value in effective.items()]


def _mark_file(sources: dict[Leaf, str], file: Path, effective: dict[Leaf, Any]) -> None:
    value = document.read(file, "--config and --config-dir")
    layout = Layout(file.read_bytes())
    kept = document.without_zeroes(value, KubeletConfiguration)
    for leaf, member in leaves(kept).items():
        where = layout.where(file, text(leaf))
        if member is None:  # a drop-in's null takes back what came before it
            for inner in [known for known in sources if known[:len(leaf)] == leaf]:
                del sources[inner]
        elif leaf in effective:
            sources[leaf] = where


def _mark_flags(sources: dict[Leaf, str], argv: Sequence[str], effective: dict[Leaf, Any]) -> None:
    for name, value in commandline.parse(argv).items():
        flag = FLAGS[name]
        path = ("seccompDefault",) if name == "seccomp-default" and value else flag.path
        if not path:
            continue
        for leaf in effective:
            own = leaf[:len(path)] == path
            if own and (flag.kind is not Kind.MAP_BOOL or leaf[len(path):] in {(key,) for key in value}):
                sources[leaf] = f"flag --{name}"
