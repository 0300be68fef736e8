"""The dockershim's verbs beside the bare engine calls that do the same work.

    for each round:  RunPodSandbox │ create + start of a pause with the same body      (host network: no plugin's time)
                     CreateContainer │ create with the same body
                     StartContainer  │ start
    then:            ListContainers with 100 containers │ the engine's own list of them

A round does both sides of a pair one after the other, first one side and in the next round the other, so that what
else the machine does falls on both. The bare body is what the engine says of the dockershim's container: equal in all,
only another name. Medians of the ratios per round are told beside the medians: a busy machine spoils them least.
"""

import statistics
from dataclasses import dataclass, field

from conformance.shimbench.rig import Rig, timed
from conformance.throwaway import NodeError
from cri.v1 import api_pb2 as cri

AIMS = {"RunPodSandbox": 1.15, "CreateContainer": 1.15, "StartContainer": 1.15, "ListContainers": None}


@dataclass
class Pairs:
    """Seconds of both sides of one verb, round by round."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(a / b for a, b in zip(self.ours, self.bare, strict=True))


def table(results: dict[str, Pairs], containers: int) -> str:
    lines = ["| verb | dockershim | bare engine calls | ratio, median of pairs | aim |"]
    lines.append("|---|---|---|---|---|")
    for verb, pairs in results.items():
        ours, bare = (statistics.median(side) * 1000 for side in (pairs.ours, pairs.bare))
        aim = AIMS.get(verb)
        name = f"{verb}, {containers} containers" if verb == "ListContainers" else verb
        lines.append(f"| {name} | {ours:.1f} ms | {bare:.1f} ms | {pairs.ratio:.2f}x | {f'≤ {aim}x' if aim else '–'} |")
    return "\n".join(lines)


class VerbBench:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.results = {verb: Pairs() for verb in AIMS}

    async def rounds(self, count: int) -> None:
        await self._round(True)
        for pairs in self.results.values():  # the first is a warm-up
            pairs.ours.clear()
            pairs.bare.clear()
        for number in range(count):
            await self._round(ours_first=number % 2 == 0)

    async def _round(self, ours_first: bool) -> None:
        """The bare bodies come from a pod that was made before; what is timed is made of them, then removed."""
        rig = self.rig
        pod, sandbox_id = await rig.pod()
        template = await rig.create(sandbox_id, pod, "template")
        bodies = [await self._body(one) for one in (sandbox_id, template)]
        made: list[str] = []
        ours_sandbox = ""
        containers: dict[bool, str] = {}
        for ours in (ours_first, not ours_first):
            if ours:
                seconds, (other, ours_sandbox) = await timed(rig.pod())
                self.results["RunPodSandbox"].ours.append(seconds)
            else:
                seconds, bare_id = await timed(self._bare_run(bodies[0]))
                self.results["RunPodSandbox"].bare.append(seconds)
                made.append(bare_id)
        for ours in (ours_first, not ours_first):
            if ours:
                seconds, containers[True] = await timed(rig.create(ours_sandbox, other, "main"))
                self.results["CreateContainer"].ours.append(seconds)
            else:
                name = f"bare-{rig.next()}"
                seconds, containers[False] = await timed(rig.engine.create_container(name, bodies[1]))
                self.results["CreateContainer"].bare.append(seconds)
        made.append(containers[False])
        for ours in (ours_first, not ours_first):
            if ours:
                seconds, _ = await timed(rig.start(containers[True]))
                self.results["StartContainer"].ours.append(seconds)
            else:
                seconds, _ = await timed(rig.engine.start_container(containers[False]))
                self.results["StartContainer"].bare.append(seconds)
        for one in reversed(made):
            await rig.engine.remove_container(one, force=True)
        for one in (sandbox_id, ours_sandbox):
            await rig.remove_pod(one)

    async def lists(self, containers: int, count: int) -> None:
        """`containers` of them are there."""
        pairs = self.results["ListContainers"]
        for _ in range(count):
            seconds, listed = await timed(self.rig.runtime.ListContainers(cri.ListContainersRequest()))
            if len(listed.containers) != containers:
                raise NodeError(f"{len(listed.containers)} of {containers} containers are listed")
            pairs.ours.append(seconds)
            seconds, _ = await timed(self.rig.engine.list_containers(label=["io.kubernetes.docker.type=container"]))
            pairs.bare.append(seconds)

    async def _body(self, container_id: str) -> dict[str, object]:
        """A create body that makes the same container, unknown to the dockershim: without its labels."""
        inspect = await self.rig.engine.inspect_container(container_id)
        labels = {f"bare.{key}": value for key, value in (inspect["Config"].get("Labels") or {}).items()}
        config = {key: value for key, value in inspect["Config"].items() if key not in ("Hostname", "Domainname")}
        return {**config, "Labels": labels, "HostConfig": inspect["HostConfig"]}

    async def _bare_run(self, body: dict[str, object]) -> str:
        container_id = await self.rig.engine.create_container(f"bare-{self.rig.next()}", body)
        await self.rig.engine.start_container(container_id)
        return container_id
