"""`python -m conformance.soak`: make a cluster, soak it, say what was wrong. Exit codes: 0 nothing, 1 something."""

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path

from conformance import builds
from conformance.cluster import Cluster
from conformance.soak.plan import Part, Step, make_plan
from conformance.soak.run import Soak, Verdict, log_to
from conformance.throwaway import NodeError, state_dir

QUICK_BACKOFF = {
    "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"}, "featureGates": {"KubeletCrashLoopBackOffMax": True},
}
"""So that a container that was killed again and again is back soon, and quiet points need not wait for it."""


async def soak(
    name: str, plan: tuple[Step, ...], log: Path, *, engine: str = "20.10", live_restore: bool = False,
    show: bool = False,
) -> Verdict:
    """A soak on a cluster of its own. The daemons' logs are left beside `log`, in a directory of its name."""
    args = ["--live-restore"] if live_restore else []
    async with Cluster(name, "podwright", engine=engine, engine_args=args, cluster_dns=False,
                       kubelet_config=QUICK_BACKOFF) as cluster:
        try:
            return await Soak(cluster, plan, log_to(log, show)).run()
        finally:
            await asyncio.to_thread(shutil.copytree, cluster.node.logs, log.with_suffix(""), dirs_exist_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.soak", description="Random churn, and then no trace.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time; it is printed")
    parser.add_argument("--engine", choices=("20.10", "29"), default="20.10")
    parser.add_argument("--live-restore", action="store_true", help="containers outlive the engine")
    parser.add_argument("--without", choices=[part.replace(" ", "-") for part in Part], action="append", default=[],
                        help="a part that is never taken down; may be given several times")
    parser.add_argument("--plan-only", action="store_true", help="print the steps and end")
    parser.add_argument("--log", type=Path, default=None, help="what was done, as JSON lines")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    parts = tuple(part for part in Part if part.replace(" ", "-") not in options.without)
    plan = make_plan(seed, options.minutes * 60, parts)
    if options.plan_only:
        print("\n".join(map(str, plan)))
        return 0
    log = options.log or state_dir() / f"soak-{seed}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    print(f"seed {seed}, {options.minutes:g} minutes, {len(plan)} steps; what is done is written to {log}", flush=True)
    try:
        verdict = asyncio.run(
            soak("soak", plan, log, engine=options.engine, live_restore=options.live_restore, show=True)
        )
    except (NodeError, builds.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{verdict.acts} acts in {verdict.seconds:.0f} s, {verdict.versions} versions of pods seen, "
          f"{len(verdict.violations)} violations (seed {seed})")
    print("\n".join(f"- {violation}" for violation in verdict.violations))
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
