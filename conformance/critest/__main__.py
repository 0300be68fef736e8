"""`python -m conformance.critest run|list|report`: see the package's text."""

import argparse
import asyncio
import sys

from conformance import builds
from conformance.critest import report, suite
from conformance.critest.node import SIDES, CritestNode
from conformance.critest.reasons import reason
from conformance.node_e2e.results import Result, Store
from conformance.throwaway import NodeError


async def run(options: argparse.Namespace) -> int:
    """Run what is selected; 1 if a spec did not pass for no known reason."""
    side = SIDES[options.side]
    for name, seconds in (await asyncio.to_thread(builds.ensure, side.programs)).items():
        print(f"built {name} in {seconds:.0f} s", flush=True)
    store = Store(side.name, "critest")
    logs = store.new_run()
    async with CritestNode(side) as node:
        results = await suite.run_suite(node, options.focus, options.procs, logs)
    store.add(results)
    print(summary(results, side.name))
    print(f"logs: {logs}")
    return 1 if unexpected(results, side.name) else 0


def unexpected(results: list[Result], side: str) -> list[Result]:
    """Those that did not pass, though nothing is known that keeps them from it."""
    return [r for r in results if not r.passed and ((why := reason(r.name, side)) is None or why.state != r.state)]


def summary(results: list[Result], side: str) -> str:
    lines = []
    for result in sorted(results, key=lambda each: each.name):
        if not result.passed:
            known = reason(result.name, side)
            lines.append(f"{result.state}: {result.name}\n  {known.text if known else result.message}")
    passed = sum(result.passed for result in results)
    surprises = len(unexpected(results, side))
    lines.append(f"{passed} of {len(results)} passed; {surprises} did not for no known reason")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.critest", description="Upstream's suite for CRI.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    select = argparse.ArgumentParser(add_help=False)
    select.add_argument("--focus", action="append", default=[], metavar="REGEX", help="of the spec's name; repeatable")
    run_parser = verbs.add_parser("run", parents=[select], help="run specs and keep their results")
    run_parser.add_argument("--side", choices=SIDES, default="29", help="an engine below our dockershim, or the peer")
    run_parser.add_argument("--procs", type=int, default=6, help="specs at a time")
    verbs.add_parser("list", parents=[select], help="print the selected specs")
    verbs.add_parser("report", parents=[select], help=f"write {report.TARGET} from all sides' results")
    options = parser.parse_args()
    try:
        if options.verb == "run":
            return asyncio.run(run(options))
        builds.ensure(["critest"])
        specs = suite.all_specs(options.focus)
        if options.verb == "list":
            print("\n".join(specs))
        else:
            report.write(specs)
    except (NodeError, builds.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
