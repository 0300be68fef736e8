"""`python -m conformance.node_e2e run|list|report`: see the package's text."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace

from conformance import builds
from conformance.agents import AGENTS
from conformance.node_e2e import report, suite
from conformance.node_e2e.node import Side, SuiteNode
from conformance.node_e2e.results import Result, Store
from conformance.throwaway import NodeError

NODE_CONFORMANCE = "NodeConformance && !Serial && !Slow"


async def run(options: argparse.Namespace) -> int:
    """Run what is selected and has not passed yet; 1 if anything failed."""
    side = Side(options.agent, options.engine)
    store = Store(side.name)
    for name, seconds in (await asyncio.to_thread(builds.ensure, side.programs)).items():
        print(f"built {name} in {seconds:.0f} s", flush=True)
    selected = await asyncio.to_thread(suite.list_specs, options.label, options.focus)
    known = store.load()
    names = [n for n in selected if options.again or n not in known or not known[n].passed]
    print(f"{side.name}: {len(selected)} specs selected, {len(selected) - len(names)} passed before", flush=True)
    if not names:
        return 0
    logs = store.new_run()
    ended = 0

    def heard(result: Result) -> None:
        nonlocal ended
        ended += 1
        print(f"{ended}/{len(names)} {result.state}: {result.name}", flush=True)
        store.add([replace(result, file=selected.get(result.name, result.file))])

    async with SuiteNode(side) as node:
        with _cancelled_by(signal.SIGINT, signal.SIGTERM):
            results = await suite.run_specs(node, names, min(options.procs, len(names)), logs, heard)
    store.add(results)
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"\n{result.state}: {result.name}\n  {result.message}")
    print(f"\n{len(results) - len(failed)} passed, {len(failed)} did not; logs: {logs}")
    return 1 if failed else 0


@contextlib.contextmanager
def _cancelled_by(*numbers: signal.Signals) -> Iterator[None]:
    """Signals end the current task instead of the process, so that the suite may tidy up and the node is removed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.node_e2e", description="Upstream's node suite.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    usual = _selection(NODE_CONFORMANCE)
    run_parser = verbs.add_parser("run", parents=[usual], help="run specs that have not passed yet")
    run_parser.add_argument("--agent", choices=[a for a, k in AGENTS.items() if not k.embedded], default="podwright")
    run_parser.add_argument("--engine", choices=("20.10", "29"), default="29")
    run_parser.add_argument("--procs", type=int, default=6, help="specs at a time")
    run_parser.add_argument("--again", action="store_true", help="run specs that passed before, too")
    verbs.add_parser("list", parents=[usual], help="print the selected specs")
    verbs.add_parser(
        "report", parents=[_selection("NodeConformance")], help=f"write {report.TARGET} from all sides' results"
    )
    return parser


def _selection(label: str) -> argparse.ArgumentParser:
    """Verbs that share one share its defaults, too."""
    select = argparse.ArgumentParser(add_help=False)
    select.add_argument("--label", default=label, help=f"ginkgo label filter; default: {label}")
    select.add_argument("--focus", action="append", default=[], metavar="REGEX", help="of the spec's name; repeatable")
    return select


def main() -> int:
    options = arguments().parse_args()
    try:
        if options.verb == "run":
            return asyncio.run(run(options))
        builds.ensure(["node-e2e"])
        specs = suite.list_specs(options.label, options.focus)
        if options.verb == "list":
            print("\n".join(specs))
        else:
            report.write(specs, options.label)
    except (NodeError, builds.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("interrupted; what has ended is kept, the next run goes on from there", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
