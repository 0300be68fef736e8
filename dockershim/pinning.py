"""Images that the kubelet's garbage collection must leave alone: the pause image, and those that flags name. Pure.

The forms are cri-dockerd's (--pinned-images, --pinned-image-labels): `repo:tag`, `repo@digest`, `repo` for all of its
tags, a beginning and `*`; labels as `key` or `key=value`. The names of Docker Hub may be written in full: the engine
shows `docker.io/library/busybox` as `busybox`.
"""

from collections.abc import Iterable, Mapping

_HUB = ("docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/")


class PinnedImages:
    def __init__(self, names: Iterable[str], labels: Iterable[str] = ()) -> None:
        patterns = {_familiar(name) for name in names if name}
        self._beginnings = tuple(pattern.removesuffix("*") for pattern in patterns if pattern.endswith("*"))
        self._names = frozenset(patterns)
        self._labels = tuple(label.partition("=") for label in labels if label)

    def has(self, names: Iterable[str], labels: Mapping[str, str]) -> bool:
        """`names` are an image's tags and digests as the engine shows them."""
        for key, equals, value in self._labels:
            if key in labels and (not equals or labels[key] == value):
                return True
        return any(
            name in self._names or _repository(name) in self._names or name.startswith(self._beginnings)
            for name in names
        )


def _familiar(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _HUB if name.startswith(prefix)), name)


def _repository(name: str) -> str:
    """Without tag and digest; the colon of a registry's port is neither."""
    name = name.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name
