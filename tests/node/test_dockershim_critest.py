"""Upstream's suite for CRI against our dockershim: what passes has to go on passing (docs/critest.md has all of it).

Selected is what says most in little time; `make critest` runs everything.
"""

from pathlib import Path

import pytest

from conformance import builds
from conformance.critest import suite
from conformance.critest.__main__ import summary, unexpected
from conformance.critest.node import SIDES, CritestNode

SELECTION = [
    r"\[k8s\.io\] Container runtime should support basic operations",
    r"\[k8s\.io\] Idempotence",
    r"\[k8s\.io\] Image",
    r"\[k8s\.io\] PodSandbox",
    r"\[k8s\.io\] Runtime info",
    r"\[k8s\.io\] Security Context .*(RunAs|SupplementalGroups|MaskedPaths|Privileged)",
    r"\[k8s\.io\] Streaming",
]
PROCS = 8


@pytest.mark.parametrize("engine", ["20.10", "29"])
async def test_upstreams_suite_for_cri_passes(engine: str, tmp_path: Path) -> None:
    side = SIDES[engine]
    builds.ensure(side.programs)
    selected = set(suite.all_specs(SELECTION))
    async with CritestNode(side) as node:
        results = await suite.run_suite(node, SELECTION, PROCS, tmp_path)
    assert {result.name for result in results} == selected
    assert unexpected(results, side.name) == [], summary(results, side.name)
