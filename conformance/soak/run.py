"""One soak from its plan to its verdict.

    observers (API watch, engine events) ──────────────────────────────────────────┐
    inventory ▸ steps … quiet point … steps … quiet point ▸ all deleted ▸ inventory ▸ verdict

A quiet point waits until each pod has become what it should be and API and engine agree; what does not come about in
`SETTLE_SECONDS` is a violation, told with what `podwright explain` says of the pod.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from conformance.apiclient import ApiClient, ApiError
from conformance.cluster import Cluster
from conformance.soak import inventory
from conformance.soak.acts import PODS, Acts, keeps_up
from conformance.soak.agreement import disagreements, unfinished
from conformance.soak.engine import EngineModel
from conformance.soak.leaks import Inventory, leaks
from conformance.soak.plan import Part, Step, Verb
from conformance.soak.statuses import StatusRules, runtime_uid

SETTLE_SECONDS = 150.0
CLEAN_SECONDS = 150.0
LOOK_AGAIN_SECONDS = 0.5
Log = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Verdict:
    """`violations`: each thing that was wrong, once. `acts`: how many steps were carried out."""

    violations: list[str] = field(default_factory=list)
    acts: int = 0
    seconds: float = 0.0
    versions: int = 0
    """Pod versions that the watch brought."""


class Soak:
    def __init__(self, cluster: Cluster, plan: Sequence[Step], log: Log) -> None:
        self._cluster, self._plan, self._log = cluster, plan, log
        self.verdict = Verdict()
        self._rules, self._model = StatusRules(), EngineModel()
        self._forced: set[str] = set()
        self._began = time.monotonic()
        self._down: set[str] = set()

    async def run(self) -> Verdict:
        async with self._cluster.client() as client, asyncio.TaskGroup() as group:
            acts = Acts(self._cluster, client, group, self._forced.add, self._rules.excuse,
                        self._rules.expect_late_writes)
            await acts.set_up()
            await acts.warm_up()
            before = await inventory.take(self._cluster.node, acts.engine)
            watchers = [group.create_task(self._watch_api(client, acts)), group.create_task(self._watch_engine(acts))]
            self._began = time.monotonic()
            await self._steps(client, acts)
            await acts.end_streams()
            await self._clean_up(client, acts, before)
            for watcher in watchers:
                watcher.cancel()
        self.verdict.seconds = time.monotonic() - self._began
        return self.verdict

    def _violation(self, text: str) -> None:
        if text not in self.verdict.violations:
            self.verdict.violations.append(text)
            self._say(violation=text)

    def _say(self, **what: Any) -> None:
        self._log({"now": round(time.monotonic() - self._began, 2), "time": time.strftime("%H:%M:%S"), **what})

    # Steps.

    async def _steps(self, client: ApiClient, acts: Acts) -> None:
        for step in self._plan:
            await asyncio.sleep(max(0.0, self._began + step.at - time.monotonic()))
            if step.verb is Verb.QUIET:
                await self._settle(client, acts)
                continue
            began = time.monotonic()
            if step.verb is Verb.TAKE_DOWN:
                self._down.add(step.kind)
            did = await acts.carry_out(step)
            if step.verb is Verb.BRING_BACK:
                self._down.discard(step.kind)
            self.verdict.acts += 1
            self._say(step=step.plain(), did=did, took=round(time.monotonic() - began, 2))
            self._check_daemons()

    def _check_daemons(self) -> None:
        """A daemon of ours that ends without being taken down has crashed."""
        processes = {name: process.returncode for name, process in self._cluster.agent.processes.items()}
        engine = self._cluster.node.engine_process
        processes["engine"] = engine.returncode if engine else None
        for problem in keeps_up({name: status for name, status in processes.items() if name not in self._down}):
            self._violation(problem)

    # Quiet points.

    async def _settle(self, client: ApiClient, acts: Acts) -> None:
        began = time.monotonic()

        async def problems() -> list[str]:
            pods = (await client.get(PODS))["items"]
            containers = await acts.engine.containers()
            return [*unfinished(pods), *disagreements(pods, containers)]

        left = await self._until_none(problems, SETTLE_SECONDS)
        for problem in left:
            self._violation(f"not settled after {SETTLE_SECONDS:.0f} s: {problem}")
        for pod in sorted({problem.partition(":")[0] for problem in left}):
            self._say(explained=pod, answer=await self._explanation(pod))
            with contextlib.suppress(ApiError):
                self._say(pod=pod, status=(await client.get(f"{PODS}/{pod}"))["status"])
        self._say(settled=not left, took=round(time.monotonic() - began, 2), unsettled=left)

    async def _explanation(self, pod: str) -> str:
        words = ["python", "-m", "kubelet.operator", "explain", "--socket", "/var/lib/kubelet/podwright.sock", pod]
        done = await self._cluster.node.run(words, check=False)
        return done.stdout + done.stderr

    @staticmethod
    async def _until_none(problems: Callable[[], Awaitable[list[str]]], seconds: float) -> list[str]:
        """Until two looks in a row find nothing; else what the last look found."""
        deadline, calm, found = time.monotonic() + seconds, 0, ["never looked"]
        while calm < 2:
            try:
                found = await problems()
            except (aiohttp.ClientError, ApiError, TimeoutError, OSError) as error:
                found = [f"cannot look: {type(error).__name__}: {error}"]
            calm = 0 if found else calm + 1
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return found

    async def _clean_up(self, client: ApiClient, acts: Acts, before: Inventory) -> None:
        began = time.monotonic()
        await acts.delete_everything()

        async def left() -> list[str]:
            pods = [f"pod {pod['metadata']['name']}" for pod in (await client.get(PODS))["items"]]
            return pods or leaks(before, await inventory.take(self._cluster.node, acts.engine))

        for leak in await self._until_none(left, CLEAN_SECONDS):
            self._violation(f"left behind: {leak}")
        self._say(cleaned=True, took=round(time.monotonic() - began, 2))

    # Observers.

    async def _watch_api(self, client: ApiClient, acts: Acts) -> None:
        version, known = "", dict[str, dict[str, Any]]()
        while True:
            try:
                if not version:
                    listed = await client.get(PODS)
                    version = listed["metadata"]["resourceVersion"]
                    for pod in listed["items"]:
                        await self._see(pod, acts)
                        known[pod["metadata"]["uid"]] = pod
                async for event in client.watch(PODS, version):
                    if event.kind == "ERROR":
                        version = ""
                        break
                    version = event.object["metadata"]["resourceVersion"]
                    await self._see(event.object, acts, gone=event.kind == "DELETED")
            except (aiohttp.ClientError, ApiError, TimeoutError):
                version = ""
                await asyncio.sleep(0.2)

    async def _see(self, pod: dict[str, Any], acts: Acts, gone: bool = False) -> None:
        self.verdict.versions += 1
        for problem in self._rules.observe(pod):
            self._violation(problem)
            self._say(pod=pod["metadata"]["name"], status=pod.get("status"))
        over = gone or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        uid, forced = runtime_uid(pod), pod["metadata"]["uid"] in self._forced
        is_mirror = uid != pod["metadata"]["uid"]
        if over and not forced and not (gone and is_mirror):
            await self._nothing_runs(uid, pod, acts, "its object is gone" if gone else "its phase is terminal")
        if gone:
            self._rules.forget(pod["metadata"]["uid"])

    async def _nothing_runs(self, uid: str, pod: dict[str, Any], acts: Acts, why: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            who = f"{pod['metadata']['name']} ({uid})"
            for each in await acts.engine.containers():
                if each.pod_uid == uid and each.running and not each.is_sandbox:
                    self._violation(f"{who}: {each.name} runs as {each.id[:12]} though {why}")

    async def _watch_engine(self, acts: Acts) -> None:
        """Events while the engine is there. The list is read once none can be missed."""
        while True:
            connected = asyncio.Event()
            try:
                async with asyncio.TaskGroup() as group:
                    reading = group.create_task(self._refill(connected, acts))
                    async for event in acts.engine.events(connected):
                        for problem in self._model.feed(event):
                            self._violation(problem)
                    reading.cancel()
            except* (aiohttp.ClientError, OSError, json.JSONDecodeError):
                pass
            await asyncio.sleep(0.1)

    async def _refill(self, connected: asyncio.Event, acts: Acts) -> None:
        await connected.wait()
        for problem in self._model.refill(await acts.engine.containers()):
            self._violation(problem)


def log_to(path: Path, show: bool) -> Log:
    """Writes each entry as a line of JSON; `show` prints the noteworthy ones as well."""

    def write(entry: dict[str, Any]) -> None:
        with path.open("a") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        if show and ("step" not in entry or Part.ENGINE in entry["step"].values()):
            print(json.dumps(entry, ensure_ascii=False)[:2000], flush=True)

    return write


