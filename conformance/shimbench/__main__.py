"""`python -m conformance.shimbench [--engine 20.10|29] [--rounds 20] [--no-spec]`; root, some minutes an engine."""

import argparse
import asyncio
import os
import platform
import sys

from conformance import specfile
from conformance.shimbench import BEGIN, END, throughput, upkeep, verbs
from conformance.shimbench.rig import rig_on

ENGINES = ("20.10", "29")


async def measure(engine: str, rounds: int, containers: int) -> str:
    """One engine's tables."""
    async with rig_on(engine) as rig:
        bench = verbs.VerbBench(rig)
        await bench.rounds(rounds)
        speed = await throughput.measure(rig, max(3, rounds // 5))
        sandboxes = await upkeep.fill(rig, containers)
        await bench.lists(containers, rounds)
        cost = await upkeep.measure(rig)
        for sandbox_id in sandboxes:
            await rig.remove_pod(sandbox_id)
    rows = [
        f"| memory with {containers} containers: dockershim | {cost.shim_bytes / 1e6:.0f} MB | ≤ 60 MB |",
        f"| memory with {containers} containers: log process | {cost.log_process_bytes / 1e6:.0f} MB | – |",
        f"| processor time while idle with {containers} containers, both | {cost.cpu * 1000:.1f} ms/s | ≤ 5 ms/s |",
        f"| log of one container ({throughput.LINE_BYTES}-byte lines), to the last line in its CRI file "
        f"| {speed.megabytes_per_second:.0f} MB/s | ≥ 50 MB/s |",
        "| the same container with the engine's json-file alone "
        f"| {speed.bare_megabytes_per_second:.0f} MB/s | – |",
    ]
    facts = "\n".join(["| what | measured | promised |", "|---|---|---|", *rows])
    return f"Engine {engine}:\n\n{verbs.table(bench.results, containers)}\n\n{facts}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.shimbench")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--no-spec", action="store_true", help="print only")
    options = parser.parse_args()
    engines = options.engine or ENGINES
    load = f"{os.getloadavg()[0]:.1f}"
    parts = [asyncio.run(measure(engine, options.rounds, options.containers)) for engine in engines]
    about = (
        f"Measured by `make shimbench` ({options.rounds} rounds, both sides in turn) on {os.cpu_count()} cores, "
        f"load {load} at its start, Linux {platform.release().split('-')[0]}, Python {platform.python_version()}."
    )
    text = "\n\n".join([about, *parts])
    sys.stdout.write(text + "\n")
    if not options.no_spec and tuple(engines) == ENGINES:
        specfile.write(BEGIN, END, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
