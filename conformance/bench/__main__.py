"""`python -m conformance.bench`: start both sides, measure in turns, print the table, write it into SPEC.md."""

import argparse
import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from conformance import builds
from conformance.agents import NodeAgent
from conformance.apiclient import ApiClient, ApiError
from conformance.bench import pods, report, usage
from conformance.cluster import Cluster
from conformance.throwaway import CHECKOUT, NodeError

SIDES = {"ours": "podwright", "peer": "upstream-containerd"}
BURST = 20
IDLE_PODS = 50
IDLE_BATCH = 10
MEBIBYTE = 1024 * 1024


@dataclass
class Side:
    """One worker and what has been measured on it, by measure name."""

    name: str
    runner: pods.PodRunner
    agent: NodeAgent
    samples: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        self.samples.setdefault(name, []).append(value)
        print(f"  {self.name:5} {name}: {value:.3f} s", flush=True)


class Bench:
    """The run's measurements, each of which takes the sides in turn."""

    def __init__(self, sides: list[Side], options: argparse.Namespace) -> None:
        self._sides = sides
        self._options = options
        self._serial = itertools.count()

    async def run(self) -> None:
        await self._warm_up()
        await self._single_pods()
        await self._bursts()
        if not self._options.no_idle:
            await self._idle()

    def _names(self, side: Side, count: int = 1) -> list[str]:
        return [f"{side.name}-{next(self._serial)}" for _ in range(count)]

    def _in_turn(self, rounds: int) -> list[Side]:
        """Each side once per round, the first of a round being the last of the one before."""
        return [side for i in range(rounds) for side in (self._sides if i % 2 == 0 else reversed(self._sides))]

    async def _warm_up(self) -> None:
        """The first pods of a node pay for caches that no later pod pays for."""
        for side in self._in_turn(2):
            for make in (pods.bare_pod, pods.rich_pod):
                names = self._names(side)
                await side.runner.start(names, make)
                await side.runner.stop(names)

    async def _single_pods(self) -> None:
        for side in self._in_turn(self._options.rounds):
            for kind, make in (("bare pod", pods.bare_pod), ("rich pod", pods.rich_pod)):
                names = self._names(side)
                side.note(f"{kind}, create to Ready", await side.runner.start(names, make))
                await asyncio.sleep(self._options.pause)
                side.note(f"{kind}, delete to gone", await side.runner.stop(names))
                await asyncio.sleep(self._options.pause)
        for side in self._sides:
            for name, values in side.samples.items():
                side.results.update(report.summarise(name, values))

    async def _bursts(self) -> None:
        started = f"burst of {BURST} bare pods, create to last Ready"
        stopped = f"burst of {BURST} bare pods, delete to last gone"
        for side in self._in_turn(self._options.bursts):
            names = self._names(side, BURST)
            side.note(started, await side.runner.start(names, pods.bare_pod))
            await asyncio.sleep(2)
            side.note(stopped, await side.runner.stop(names))
            await asyncio.sleep(2)
        for side in self._sides:
            for name in (started, stopped):
                side.results[name] = report.percentile(side.samples[name], 0.5)

    async def _idle(self) -> None:
        """All sides hold their pods at the same time and are measured over the same minute."""
        for side in self._sides:
            for _ in range(IDLE_PODS // IDLE_BATCH):
                await side.runner.start(self._names(side, IDLE_BATCH), pods.bare_pod)
        print(f"  {IDLE_PODS} idle pods on each side; settling, then measuring", flush=True)
        await asyncio.sleep(self._options.idle_seconds / 2)
        groups: dict[str, set[int]] = {}
        processes = await asyncio.to_thread(usage.snapshot)
        for side in self._sides:
            roots = [p.pid for name, p in side.agent.processes.items() if name in ("kubelet", "dockershim")]
            groups[f"{side.name} agents"] = usage.tree(roots, processes)
            groups[f"{side.name} engine"] = usage.engine_processes(side.agent.node.pid, processes)
        measured = await usage.measure(groups, self._options.idle_seconds)
        for side in self._sides:
            for who, whose in (("agents", "agents'"), ("engine", "engine's")):
                used = measured[f"{side.name} {who}"]
                side.results[f"{IDLE_PODS} idle pods, {whose} CPU"] = used.cpu * 1000
                side.results[f"{IDLE_PODS} idle pods, {whose} memory"] = used.memory_bytes / MEBIBYTE
                print(f"  {side.name:5} {who}: {used.cpu * 1000:.1f} ms/s, {used.memory_bytes / MEBIBYTE:.0f} MiB")


@contextlib.asynccontextmanager
async def running(names: list[str]) -> AsyncIterator[list[Side]]:
    """The cluster with a worker per side, the namespace with its objects, and the watch."""
    async with Cluster("bench", None, multi_node=True, cluster_dns=False) as cluster, cluster.client() as client:
        watcher = pods.PodWatcher(client)
        await _set_up(client)
        sides: list[Side] = []
        for name in names:
            node = await cluster.add_node(f"bench-{name}", SIDES[name])
            sides.append(Side(name, pods.PodRunner(client, watcher, node.name), cluster.agents[node.name]))
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(watcher.run())
            try:
                yield sides
            finally:
                watch.cancel()


async def _set_up(client: ApiClient) -> None:
    for path, body in pods.SETUP:
        await client.create(path, body)
    account = f"/api/v1/namespaces/{pods.NAMESPACE}/serviceaccounts/default"
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get(account)
            except ApiError as error:
                if error.code != 404:
                    raise
                await asyncio.sleep(0.1)
            else:
                return


async def bench(options: argparse.Namespace) -> None:
    names = options.sides.split(",")
    async with running(names) as sides:
        await Bench(sides, options).run()
    results = {side.name: side.results for side in sides}
    text = report.table(results.get("ours", {}), results.get("peer", {}))
    print(f"\n{text}")
    if len(names) == len(SIDES) and not options.no_write:
        report.write(options.spec, report.block(text, options.rounds))
        print(f"\nwritten to {options.spec}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.bench", description="Ours against upstream, in turns.")
    parser.add_argument("--sides", default="ours,peer", help="ours, peer or both (default)")
    parser.add_argument("--rounds", type=int, default=15, help="single pods of each kind per side")
    parser.add_argument("--bursts", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds of rest between two measurements")
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    parser.add_argument("--no-idle", action="store_true", help="leave out the 50 idle pods")
    parser.add_argument("--no-write", action="store_true", help="print only")
    parser.add_argument("--spec", type=Path, default=CHECKOUT / "SPEC.md")
    options = parser.parse_args()
    if not set(options.sides.split(",")) <= set(SIDES):
        parser.error(f"--sides takes {' and '.join(SIDES)}, not {options.sides!r}")
    try:
        asyncio.run(bench(options))
    except (NodeError, builds.BuildError, ApiError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
