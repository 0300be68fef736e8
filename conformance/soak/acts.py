"""Carries the steps of a plan out on a cluster. What an act says of itself goes to the log; a pod or container that is
not there (it may have ended by itself) is no error, anything else is."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable, Callable

import aiohttp

from conformance import builds
from conformance.apiclient import ApiClient, ApiError
from conformance.cluster import Cluster
from conformance.control_plane import API_PORT
from conformance.soak.engine import Engine, EngineContainer
from conformance.soak.inventory import daemon_of, processes
from conformance.soak.plan import Part, Step, Verb
from conformance.soak.pods import BUSYBOX, BUSYBOX_TOO, CONFIG, ENDED, EXPECT_LABEL, SECRET, Json, make_pod
from conformance.throwaway import NodeProcess

NAMESPACE = "soak"
MANIFESTS = "/etc/kubernetes/manifests"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
EDITED_DEADLINE_SECONDS = 5
STREAM_SECONDS = 20.0
STOP_SECONDS = 60.0
SHORT_GRACE_SECONDS = 1


class Acts:
    """`on_force` hears the UID of a pod that is deleted without waiting for the node, `on_removed` the node's UID of a
    pod one of whose containers is removed; `on_cut_off` that the kubelet was killed while it could not reach the API
    server."""

    def __init__(self, cluster: Cluster, client: ApiClient, group: asyncio.TaskGroup,
                 on_force: Callable[[str], None], on_removed: Callable[[str], None],
                 on_cut_off: Callable[[], None]) -> None:
        self._cluster, self._client, self._group = cluster, client, group
        self._on_force, self._on_removed, self._on_cut_off = on_force, on_removed, on_cut_off
        self._cuts: set[Part] = set()
        self.engine = Engine(cluster.node.docker_socket)
        self._streams: set[asyncio.Task[None]] = set()

    async def set_up(self) -> None:
        """The namespace, and what pods mount."""
        await self._client.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        await self._client.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps",
                                  {"metadata": {"name": CONFIG}, "data": {"key": "value"}})
        await self._client.create(f"/api/v1/namespaces/{NAMESPACE}/secrets",
                                  {"metadata": {"name": SECRET}, "stringData": {"key": "value"}})
        await self._cluster.kubectl("-n", NAMESPACE, "wait", "--for=create", "serviceaccount/default", "--timeout=60s")

    async def warm_up(self) -> None:
        """A first pod of the kinds that make a node keep something for good: the pods' bridge, chains for host ports,
        the engine's hold on the node's own network."""
        kinds = ("host-port", "host-network", "probes")
        names = [f"warm-{number}" for number, _ in enumerate(kinds)]
        for name, kind in zip(names, kinds, strict=True):
            await self._client.create(PODS, make_pod(name, kind, NAMESPACE))
        pods = [f"pod/{name}" for name in names]
        await self._cluster.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", *pods, "--timeout=60s")
        await self._cluster.kubectl("-n", NAMESPACE, "delete", *pods)

    async def carry_out(self, step: Step) -> str:
        """Do it; returns what was done, for the log."""
        doing: dict[Verb, Callable[[Step], Awaitable[str]]] = {
            Verb.CREATE: self._create, Verb.EDIT: self._edit, Verb.DELETE: self._delete, Verb.STREAM: self._stream,
            Verb.KILL_CONTAINER: self._kill_container, Verb.KILL_PROCESS: self._kill_process,
            Verb.KILL_SANDBOX: self._kill_sandbox, Verb.REMOVE_CONTAINER: self._remove_container,
            Verb.WRITE_MANIFEST: self._write_manifest, Verb.BREAK_MANIFEST: self._break_manifest,
            Verb.REMOVE_MANIFEST: self._remove_manifest, Verb.DELETE_MIRROR: self._delete_mirror,
            Verb.TAKE_DOWN: self._take_down, Verb.BRING_BACK: self._bring_back,
            Verb.KILL_LOG_PROCESS: self._kill_log_process,
        }  # fmt: skip
        try:
            return await doing[step.verb](step)
        except ApiError as error:
            if error.code in (404, 409, 422):
                return f"refused: {error}"
            raise

    async def delete_everything(self) -> None:
        """All manifests and all pods."""
        for manifest in self._cluster.node.path(MANIFESTS).iterdir():
            manifest.unlink()
        for pod in (await self._client.get(PODS))["items"]:
            with contextlib.suppress(ApiError):
                await self._client.delete(f"{PODS}/{pod['metadata']['name']}")

    async def end_streams(self) -> None:
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    # Pods.

    async def _create(self, step: Step) -> str:
        made = await self._client.create(PODS, make_pod(step.pod, step.kind, NAMESPACE))
        return str(made["metadata"]["uid"])

    async def _edit(self, step: Step) -> str:
        path, content = f"{PODS}/{step.pod}", "application/strategic-merge-patch+json"
        pod = await self._client.get(path)
        first = pod["spec"]["containers"][0]
        patch: Json
        match step.how:
            case "image" if first["image"] in (BUSYBOX, BUSYBOX_TOO):
                other = BUSYBOX_TOO if first["image"] == BUSYBOX else BUSYBOX
                patch = {"spec": {"containers": [{"name": first["name"], "image": other}]}}
            case "deadline":
                patch = {"metadata": {"labels": {EXPECT_LABEL: ENDED}},
                         "spec": {"activeDeadlineSeconds": EDITED_DEADLINE_SECONDS}}
            case "size" if first.get("resources", {}).get("limits"):
                path, limits = f"{path}/resize", {"cpu": f"{100 + 10 * step.pick}m", "memory": f"{32 + step.pick}Mi"}
                patch = {"spec": {"containers": [{"name": first["name"], "resources": {"limits": limits}}]}}
            case "debug":
                path = f"{path}/ephemeralcontainers"
                debug = {"name": f"debug-{step.pick}", "image": BUSYBOX, "command": ["sh", "-c", "usleep 500000"]}
                patch = {"spec": {"ephemeralContainers": [debug]}}
            case _:
                patch = {"metadata": {"labels": {"soak.podwright/edited": str(step.pick)}}}
        changed = await self._client.patch(path, patch, content)
        return f"generation {changed['metadata'].get('generation')}"

    async def _delete(self, step: Step) -> str:
        grace = {"usual": None, "evict": None, "short": SHORT_GRACE_SECONDS, "force": 0}[step.how]
        pod = await self._client.get(f"{PODS}/{step.pod}")
        if step.how == "evict":
            metadata = {"name": step.pod, "namespace": NAMESPACE}
            await self._client.create(f"{PODS}/{step.pod}/eviction", {
                "apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata,
            })
            return f"{pod['metadata']['uid']} evicted"
        if grace == 0:
            self._on_force(pod["metadata"]["uid"])
        await self._client.delete(f"{PODS}/{step.pod}", None if grace is None else {"gracePeriodSeconds": grace})
        return str(pod["metadata"]["uid"])

    async def _stream(self, step: Step) -> str:
        """Runs beside the other steps, until it ends by itself, is cut off by one of them, or its time is over."""
        words = {
            "logs": ["logs", "-f", step.pod, "--all-containers"],
            "exec": ["exec", step.pod, "--", "sh", "-c", "while :; do echo here; sleep 1; done"],
            "forward": ["port-forward", step.pod, ":80"],
        }[step.how]
        task = self._group.create_task(self._run_stream(words))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        return "begun"

    async def _run_stream(self, words: list[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            str(builds.path("kubectl")), "--kubeconfig", str(self._cluster.kubeconfig), "-n", NAMESPACE, *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(STREAM_SECONDS):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    # Containers, behind the agent's back.

    async def _containers(self, step: Step, sandboxes: bool) -> list[EngineContainer]:
        found = [each for each in await self.engine.containers() if each.pod == step.pod and each.running
                 and each.is_sandbox is sandboxes]
        return sorted(found, key=lambda each: each.name)

    async def _kill_container(self, step: Step) -> str:
        found = await self._containers(step, sandboxes=False)
        return await self._kill(found[step.pick % len(found)]) if found else "nothing runs"

    async def _kill_sandbox(self, step: Step) -> str:
        found = await self._containers(step, sandboxes=True)
        return await self._kill(found[0]) if found else "nothing runs"

    async def _kill(self, container: EngineContainer) -> str:
        await self.engine.kill(container.id)
        return f"{container.name or 'sandbox'} {container.id[:12]}"

    async def _kill_process(self, step: Step) -> str:
        found = await self._containers(step, sandboxes=False)
        if not found:
            return "nothing runs"
        container = found[step.pick % len(found)]
        pid = await self.engine.pid(container.id)
        if pid:
            await self._cluster.node.run(["kill", "-KILL", str(pid)], check=False)
        return f"{container.name} {container.id[:12]} process {pid}"

    async def _remove_container(self, step: Step) -> str:
        found = await self._containers(step, sandboxes=False)
        if not found:
            return "nothing runs"
        container = found[step.pick % len(found)]
        self._on_removed(container.pod_uid)
        await self.engine.remove(container.id)
        return f"{container.name} {container.id[:12]}"

    # Static pods.

    async def _write_manifest(self, step: Step) -> str:
        text = json.dumps(make_pod(step.pod, step.kind, NAMESPACE), indent=1)
        directory = self._cluster.node.path(MANIFESTS)
        target = directory / f"{step.pod}.yaml"
        if step.how == "rename":
            beside = directory / f".{step.pod}.swp"
            await asyncio.to_thread(beside.write_text, text)
            beside.rename(target)
        else:
            await asyncio.to_thread(target.write_text, text)
        return str(len(text))

    async def _break_manifest(self, step: Step) -> str:
        target = self._cluster.node.path(f"{MANIFESTS}/{step.pod}.yaml")
        await asyncio.to_thread(target.write_text, "kind: Pod\nmetadata: {name: [}\n")
        return "unreadable"

    async def _remove_manifest(self, step: Step) -> str:
        self._cluster.node.path(f"{MANIFESTS}/{step.pod}.yaml").unlink()
        return "removed"

    async def _delete_mirror(self, step: Step) -> str:
        name = f"{step.pod}-{self._cluster.node.name}"
        await self._client.delete(f"{PODS}/{name}", {"gracePeriodSeconds": 0})
        return name

    # Daemons.

    async def _take_down(self, step: Step) -> str:
        number = signal.SIGTERM if step.how == "term" else signal.SIGKILL
        cluster = self._cluster
        match Part(step.kind):
            case Part.KUBELET | Part.DOCKERSHIM as part:
                if part is Part.KUBELET and self._cuts:
                    self._on_cut_off()
                await self._end(cluster.agent.processes[step.kind], number)
            case Part.ENGINE if cluster.node.engine_process is not None:
                await self._end(cluster.node.engine_process, number)
            case Part.API_SERVER as part:
                self._cuts.add(part)
                cluster.control_plane.processes["kube-apiserver"].signal(signal.SIGSTOP)
            case Part.API_WAY as part:
                self._cuts.add(part)
                await cluster.node.run(["iptables", "-w", "-I", "OUTPUT", *self._rule(step.how)])
        return step.how

    @staticmethod
    async def _end(process: NodeProcess, number: signal.Signals) -> None:
        process.signal(number)
        await process.wait(STOP_SECONDS)

    def _rule(self, how: str) -> list[str]:
        """The agents reach the API server by the node's address, this program by the link from the host."""
        target = ["DROP"] if how == "drop" else ["REJECT", "--reject-with", "tcp-reset"]
        return ["-d", self._cluster.node.ip, "-p", "tcp", "--dport", str(API_PORT), "-j", *target]

    async def _bring_back(self, step: Step) -> str:
        cluster = self._cluster
        match Part(step.kind):
            case Part.KUBELET | Part.DOCKERSHIM:
                await cluster.agent.start_process(step.kind)
            case Part.ENGINE:
                await cluster.node.start_engine()
            case Part.API_SERVER as part:
                self._cuts.discard(part)
                cluster.control_plane.processes["kube-apiserver"].signal(signal.SIGCONT)
                await self._until_api_answers()
            case Part.API_WAY as part:
                self._cuts.discard(part)
                for how in ("drop", "reject"):
                    await cluster.node.run(["iptables", "-w", "-D", "OUTPUT", *self._rule(how)], check=False)
        return "back"

    async def _until_api_answers(self) -> None:
        async with asyncio.timeout(STOP_SECONDS):
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    if await self._client.is_ready():
                        return
                await asyncio.sleep(0.1)

    async def _kill_log_process(self, step: Step) -> str:  # noqa: ARG002 - as every act
        for pid, line in processes(self._cluster.node.path("/proc")):
            if daemon_of(line) == "dockershim.logs":
                await self._cluster.node.run(["kill", "-KILL", str(pid)], check=False)
                return f"process {pid}"
        return "none runs"


def keeps_up(processes: dict[str, int | None]) -> list[str]:
    """Daemons that ended by themselves: `processes` by name with their exit status, None while they run."""
    return [f"{name} ended by itself with {status}" for name, status in processes.items() if status is not None]


