"""dockershim.pinning: which images garbage collection leaves alone."""

import pytest

from dockershim.pinning import PinnedImages

DIGEST = "registry:5000/app@sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("patterns", "names", "pinned"),
    [
        (["app:1"], ["app:1"], True),
        (["app:1"], ["app:2", "other:1"], False),
        (["app"], ["app:2"], True),
        (["app"], ["application:2"], False),
        (["app*"], ["application:2"], True),
        (["registry:5000/app"], ["registry:5000/app:7"], True),
        (["registry:5000"], ["registry:5000/app:7"], False),
        (["registry:5000/*"], ["registry:5000/app:7"], True),
        ([DIGEST], ["x:1", DIGEST], True),
        (["registry:5000/app"], [DIGEST], True),
        (["docker.io/library/busybox:stable"], ["busybox:stable"], True),
        (["docker.io/grafana/loki"], ["grafana/loki:3"], True),
        ([""], ["app:1"], False),
        ([], ["app:1"], False),
        (["app:1"], [], False),
    ],
)
def test_names(patterns: list[str], names: list[str], pinned: bool) -> None:
    assert PinnedImages(patterns).has(names, {}) is pinned


@pytest.mark.parametrize(
    ("selectors", "labels", "pinned"),
    [
        (["keep"], {"keep": ""}, True),
        (["keep"], {"keep": "no"}, True),
        (["keep=yes"], {"keep": "yes"}, True),
        (["keep=yes"], {"keep": "no"}, False),
        (["keep="], {"keep": ""}, True),
        (["keep="], {"keep": "x"}, False),
        (["keep", "hold"], {"hold": "1"}, True),
        (["keep"], {}, False),
        ([], {"keep": "yes"}, False),
    ],
)
def test_labels(selectors: list[str], labels: dict[str, str], pinned: bool) -> None:
    assert PinnedImages((), selectors).has(["a:1"], labels) is pinned
