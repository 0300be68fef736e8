"""`python -m conformance.streambench [--rounds 5] [--sides ours] [--only exec] [--no-write]`; root, some minutes."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from conformance import builds, specfile
from conformance.apiclient import ApiError
from conformance.streambench import BEGIN, END, report
from conformance.streambench.measures import MEASURES, Measure
from conformance.streambench.rig import SIDES, Side, running
from conformance.throwaway import NodeError

REPEATS = 8
"""How often a latency is taken in a round: it costs little, and one round trip says little."""


async def measure(names: Sequence[str], measures: Sequence[Measure], rounds: int) -> dict[str, Side]:
    """What comes first of a measure is a warm-up and not kept."""
    async with running(names) as sides:
        for one in measures:
            for side in sides:
                await one.take(side, one.name)
                side.samples.pop(one.name)
            for number in range(rounds * (REPEATS if one.is_latency else 1)):
                for side in sides if number % 2 == 0 else reversed(sides):
                    await one.take(side, one.name)
            row = report.Row(one.name, one.is_latency)
            mine, theirs = ({} if s is None else s.samples for s in _ours_and_peer(sides))
            print(report.table([row], mine, theirs).split("\n", 2)[2], flush=True)
        return {side.name: side for side in sides}


def _ours_and_peer(sides: Sequence[Side]) -> list[Side | None]:
    return [next((side for side in sides if side.name == name), None) for name in SIDES]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.streambench", description="Streams, side by side.")
    parser.add_argument("--sides", default=",".join(SIDES), help="ours, peer or both (default)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measures whose name has this in it")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    names = options.sides.split(",")
    if not set(names) <= set(SIDES):
        parser.error(f"--sides takes {' and '.join(SIDES)}, not {options.sides!r}")
    measures = [one for one in MEASURES if options.only in one.name]
    load = os.getloadavg()[0]
    try:
        sides = asyncio.run(measure(names, measures, options.rounds))
    except (NodeError, builds.BuildError, ApiError) as error:
        print(error, file=sys.stderr)
        return 1
    rows = [report.Row(one.name, one.is_latency) for one in measures]
    samples = [sides[name].samples if name in sides else {} for name in SIDES]
    text = f"{report.about(options.rounds, load)}\n\n{report.table(rows, *samples)}"
    print(f"\n{text}")
    if len(names) == len(SIDES) and not options.only and not options.no_write:
        specfile.write(BEGIN, END, text)
        print(f"\nwritten to {specfile.SPEC}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
