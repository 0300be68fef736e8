"""Minutes of random churn on a real node end without a trace and without a wrong word: see conformance/soak.

$PODWRIGHT_SOAK_MINUTES is its length (five in .ci/run); without it there is none. $PODWRIGHT_SOAK_SEED repeats a run.
What was done and the daemons' logs are kept in $PODWRIGHT_SOAK_LOGS when something is wrong; the message says where.
"""

import os
import shutil
import time
from pathlib import Path

import pytest

from conformance.soak.__main__ import soak
from conformance.soak.plan import Verb, make_plan
from conformance.throwaway import state_dir

MINUTES = float(os.environ.get("PODWRIGHT_SOAK_MINUTES") or 0)
MOST_SETTLING_SECONDS = 900


@pytest.mark.skipif(not MINUTES, reason="a soak takes minutes: set PODWRIGHT_SOAK_MINUTES to have one")
@pytest.mark.timeout(MINUTES * 60 + MOST_SETTLING_SECONDS)
async def test_a_soak_leaves_nothing_and_tells_nothing_wrong() -> None:
    seed = int(os.environ.get("PODWRIGHT_SOAK_SEED") or time.time())
    plan = make_plan(seed, MINUTES * 60)
    log = Path(os.environ.get("PODWRIGHT_SOAK_LOGS") or state_dir()) / f"soak-{seed}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    _remove(log)
    verdict = await soak("soak-test", plan, log)
    print(f"seed {seed}: {verdict.acts} acts in {verdict.seconds:.0f} s, {verdict.versions} versions of pods seen")
    assert not verdict.violations, "\n".join([f"seed {seed}, {log}:", *verdict.violations])
    assert verdict.acts == sum(step.verb is not Verb.QUIET for step in plan)
    _remove(log)


def _remove(log: Path) -> None:
    log.unlink(missing_ok=True)
    shutil.rmtree(log.with_suffix(""), ignore_errors=True)
