"""What the cluster tests share: a namespace to work in, waiting on watches, pods in a line, traces on the node.

Commands inside pods are not run by `kubectl exec`: a pod's own script says what it sees, and its log is read.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import builds
from conformance.apiclient import ApiClient, ApiError, Json, WatchEvent
from conformance.cluster import Cluster

BUSYBOX = "localhost/podwright/busybox:1"
WEB = "localhost/podwright/web:1"
# A shell that waits in the background handles SIGTERM at once, as a well-made service does.
WAIT = "trap 'exit 0' TERM; sleep 100000 & wait"
TIMEOUT_SECONDS = 60.0
WORKLOADS = {"deployments": "apps/v1", "daemonsets": "apps/v1", "statefulsets": "apps/v1", "jobs": "batch/v1"}


def agent_under_test() -> str:
    """The node agent under test; a suite that is run against the peer is checked by it."""
    return os.environ.get("PODWRIGHT_TEST_AGENT") or "podwright"


def of_peer(cluster: Cluster) -> bool:
    """Whether the kubelet is the upstream one: promises about speed are ours alone."""
    return not cluster.agent.kind.ours


# -- pods ------------------------------------------------------------------------------------------------------------


def pod(name: str, *containers: Json, **spec: Any) -> Json:
    """A Pod; `spec` adds to or overrides its spec, and `labels` and `annotations` go to its metadata."""
    metadata = {"name": name, **{k: spec.pop(k) for k in ("labels", "annotations") if k in spec}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"terminationGracePeriodSeconds": 2, "containers": list(containers), **spec},
    }


def shell(name: str, script: str, **fields: Any) -> Json:
    """A container that runs a script of busybox' shell."""
    return {"name": name, "image": BUSYBOX, "command": ["sh", "-c", script], **fields}


def web(name: str = "web", **fields: Any) -> Json:
    """A container that serves its host name at /hostname on port 80."""
    return {"name": name, "image": WEB, **fields}


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def condition(obj: Json, kind: str) -> str | None:
    """The status of a condition of a pod, node or workload."""
    found = [c["status"] for c in obj.get("status", {}).get("conditions") or [] if c["type"] == kind]
    return found[0] if found else None


def is_ready(obj: Json) -> bool:
    return condition(obj, "Ready") == "True"


def phase(obj: Json) -> str:
    return str(obj.get("status", {}).get("phase", ""))


def succeeded(obj: Json) -> bool:
    return phase(obj) == "Succeeded"


def container_status(obj: Json, name: str | None = None) -> Json:
    """The status of a container of any kind, by default of the first; empty while there is none."""
    status = obj.get("status", {})
    fields = ("containerStatuses",) if name is None else ("containerStatuses", "initContainerStatuses")
    found = [c for f in fields for c in status.get(f) or [] if name in (None, c["name"])]
    return found[0] if found else {}


def restarts(obj: Json, name: str | None = None) -> int:
    return int(container_status(obj, name).get("restartCount", 0))


def waiting_reason(obj: Json, name: str | None = None) -> str:
    return str(container_status(obj, name).get("state", {}).get("waiting", {}).get("reason", ""))


# -- a namespace -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Recording:
    """What a watch of one object brought while it was recorded."""

    events: list[WatchEvent] = field(default_factory=list)

    def objects(self) -> list[Json]:
        return [event.object for event in self.events]


class Kube:
    """One namespace of a cluster."""

    def __init__(self, cluster: Cluster, client: ApiClient, namespace: str) -> None:
        self.cluster = cluster
        self.client = client
        self.namespace = namespace

    async def create(self) -> None:
        """Make the namespace and wait for what its pods mount: the service account and the cluster's certificate."""
        await self.client.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        await self.until("serviceaccounts/default", _exists)
        await self.until("configmaps/kube-root-ca.crt", _exists)

    async def kubectl(self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 120.0) -> str:
        done = await self.cluster.kubectl("-n", self.namespace, *words, stdin=stdin, check=check, timeout=timeout)
        return done.stdout

    async def apply(self, *objects: Json | str) -> None:
        """Apply objects, or YAML documents, all by one command."""
        made = [o for o in objects if not isinstance(o, str)]
        texts = [o for o in objects if isinstance(o, str)]
        documents = [json.dumps({"apiVersion": "v1", "kind": "List", "items": made})] if made else []
        await self.kubectl("apply", "-f", "-", stdin="\n---\n".join([*documents, *texts]))

    async def get(self, what: str) -> Json:
        """`what` is KIND/NAME with the kind's plural, as "pods/web"."""
        return await self.client.get(f"{self._collection(what)}/{what.partition('/')[2]}")

    async def delete(self, what: str, grace_seconds: int | None = None) -> None:
        body = None if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        await self.client.delete(f"{self._collection(what)}/{what.partition('/')[2]}", body)

    async def until(
        self, what: str, wanted: Callable[[Json], bool], timeout: float = TIMEOUT_SECONDS, *, why: str = ""
    ) -> Json:
        """The first state of an object that is wanted. An absent object is `{}`. Fails with what was seen last."""
        last: Json = {}
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                async for event in self._changes(what):
                    last = {} if event.kind == "DELETED" else event.object
                    if wanted(last):
                        return last
        except TimeoutError:
            pass
        events = [] if not what.startswith("pods/") else [e.text for e in await self.events(what.partition("/")[2])]
        raise AssertionError(
            f"{what}: waited {time.monotonic() - began:.0f} s for {why or _name_of(wanted)}; last seen:\n"
            f"{json.dumps(last.get('status', last), indent=1)}\nevents:\n" + "\n".join(events)
        )

    async def until_pod(
        self, name: str, wanted: Callable[[Json], bool], timeout: float = TIMEOUT_SECONDS, *, why: str = ""
    ) -> Json:
        return await self.until(f"pods/{name}", wanted, timeout, why=why)

    async def until_all(self, wanted: Callable[[Json], bool], *names: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Until each of these pods is as wanted."""
        await asyncio.gather(*(self.until_pod(name, wanted, timeout) for name in names))

    async def until_gone(self, name: str, timeout: float = TIMEOUT_SECONDS) -> None:
        await self.until_pod(name, lambda seen: not seen, timeout, why="its end")

    @asynccontextmanager
    async def recording(self, what: str) -> AsyncIterator[Recording]:
        """Record all changes of an object, with the state at the start as the first."""
        recording = Recording()
        started = asyncio.Event()

        async def record() -> None:
            async for event in self._changes(what):
                recording.events.append(event)
                started.set()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(record())
            await started.wait()
            try:
                yield recording
            finally:
                task.cancel()

    async def events(self, name: str) -> list["Event"]:
        """The events about a pod, in the order in which their recorders made them."""
        items = (await self.client.get(
            f"/api/v1/namespaces/{self.namespace}/events", fieldSelector=f"involvedObject.name={name}"
        ))["items"]  # fmt: skip
        return [Event(i) for i in sorted(items, key=lambda i: i["metadata"]["name"].rpartition(".")[2])]

    async def until_event(self, name: str, reason: str, timeout: float = TIMEOUT_SECONDS) -> "Event":
        """The first event of this reason about a pod."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        selector = f"involvedObject.name={name},reason={reason}"
        try:
            async with asyncio.timeout(timeout):
                listed = await self.client.get(path, fieldSelector=selector)
                if listed["items"]:
                    return Event(listed["items"][0])
                version = listed["metadata"]["resourceVersion"]
                async for event in self.client.watch(path, version, fieldSelector=selector):
                    return Event(event.object)
        except TimeoutError:
            pass
        seen = "\n".join(e.text for e in await self.events(name))
        raise AssertionError(f"no event {reason} about pod {name} within {timeout:.0f} s; there were:\n{seen}")

    async def until_events(
        self, name: str, complete: Callable[[list["Event"]], bool], timeout: float = 15.0
    ) -> list["Event"]:
        """The events about a pod once they are complete, or those that there are by then: recorders send in their own
        time, after the status that they belong to."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        selector = f"involvedObject.name={name}"
        try:
            async with asyncio.timeout(timeout):
                version = (await self.client.get(path, fieldSelector=selector))["metadata"]["resourceVersion"]
                if not complete(await self.events(name)):
                    async for _ in self.client.watch(path, version, fieldSelector=selector):
                        if complete(await self.events(name)):
                            break
        except TimeoutError:
            pass
        return await self.events(name)

    async def logs(self, name: str, *words: str) -> str:
        return await self.kubectl("logs", name, *words)

    async def run(self, name: str, script: str, timeout: float = TIMEOUT_SECONDS, **spec: Any) -> str:
        """What a script says in a pod of its own; fails if the script does."""
        await self.apply(pod(name, shell("main", script), restartPolicy="Never", **spec))
        done = await self.until_pod(name, lambda p: phase(p) in ("Succeeded", "Failed"), timeout)
        said = await self.logs(name)
        assert succeeded(done), f"pod {name} failed: {said}\n{json.dumps(done['status'], indent=1)}"
        return said

    @asynccontextmanager
    async def following(self, name: str, *words: str) -> AsyncIterator["Lines"]:
        """`kubectl logs -f` of a pod, line by line."""
        process = await asyncio.create_subprocess_exec(
            str(builds.path("kubectl")), "--kubeconfig", str(self.cluster.kubeconfig), "-n", self.namespace,
            "logs", "-f", name, *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield Lines(process)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.communicate()

    def _collection(self, what: str) -> str:
        kind = what.partition("/")[0]
        group = WORKLOADS.get(kind)
        return f"/apis/{group}/namespaces/{self.namespace}/{kind}" if group else (
            f"/api/v1/{kind}" if kind in ("nodes", "namespaces") else f"/api/v1/namespaces/{self.namespace}/{kind}"
        )  # fmt: skip

    async def _changes(self, what: str) -> AsyncIterator[WatchEvent]:
        """The state now (DELETED with `{}` if there is none), then every change."""
        collection, selector = self._collection(what), f"metadata.name={what.partition('/')[2]}"
        listed = await self.client.get(collection, fieldSelector=selector)
        version = listed["metadata"]["resourceVersion"]
        now = time.monotonic()
        yield WatchEvent("ADDED", listed["items"][0], now) if listed["items"] else WatchEvent("DELETED", {}, now)
        while True:
            async for event in self.client.watch(collection, version, fieldSelector=selector):
                if event.kind == "ERROR":
                    raise ApiError(int(event.object.get("code", 0)), str(event.object.get("message")))
                version = event.object["metadata"]["resourceVersion"]
                yield event


class Event:
    """An event of the API, as far as the tests ask."""

    def __init__(self, obj: Json) -> None:
        self.object = obj
        self.kind: str = obj["type"]
        self.reason: str = obj["reason"]
        self.message: str = obj.get("message", "")
        self.field: str = obj["involvedObject"].get("fieldPath", "")
        self.source: str = obj.get("source", {}).get("component") or obj.get("reportingComponent", "")
        self.count: int = obj.get("count") or 1

    @property
    def text(self) -> str:
        return f"{self.kind} {self.reason} [{self.source} {self.field}] {self.message}"


class Lines:
    """The lines that a running command prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def next(self, timeout: float = 10.0) -> str:
        """The next line without its end; "" at the end of the output."""
        assert self._process.stdout is not None
        async with asyncio.timeout(timeout):
            return (await self._process.stdout.readline()).decode().rstrip("\n")

    async def until(self, wanted: Callable[[str], bool], timeout: float = 10.0) -> str:
        """The first line that is wanted; fails at the end of the output."""
        async with asyncio.timeout(timeout):
            while not wanted(line := await self.next(timeout)):
                assert line, "the output ended before the line that was awaited"
        return line

    async def ends(self, timeout: float = 10.0) -> int:
        """The exit status, once the command has ended by itself."""
        async with asyncio.timeout(timeout):
            return await self._process.wait()


async def eventually(check: Callable[[], Awaitable[None]], timeout: float = TIMEOUT_SECONDS) -> None:
    """For what no watch tells, such as files of the node: until `check` raises no AssertionError."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            await check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return


def _exists(obj: Json) -> bool:
    return bool(obj)


def _name_of(wanted: Callable[[Json], bool]) -> str:
    return getattr(wanted, "__name__", str(wanted))


# -- the node --------------------------------------------------------------------------------------------------------


async def kill_container(cluster: Cluster, status: Json) -> None:
    """End a container behind the agent's back, by its engine. `status` is its containerStatus."""
    container_id = status["containerID"].partition("://")[2]
    if cluster.agent.kind.runtime == "docker":
        await cluster.node.run(["docker", "kill", container_id])
    else:
        ctr = [builds.path("ctr"), "-n", "k8s.io"]
        await cluster.node.run([*ctr, "task", "kill", "-s", "SIGKILL", container_id])


def network_namespaces(cluster: Cluster) -> set[str]:
    """The named network namespaces of the node, whichever runtime made them."""
    directories = [cluster.node.path(d) for d in ("/run/netns", "/run/docker/netns", "/var/run/netns")]
    names = {f"{d.name}/{entry.name}" for d in directories if d.is_dir() for entry in d.iterdir()}
    return names - {"netns/default"}  # Docker's hold on the node's own, made by the first pod on the node's network


async def traces(cluster: Cluster, pods: Iterable[Json]) -> list[str]:
    """What the node still has of pods: containers, addresses, mounts, directories, control groups."""
    found: list[str] = []
    node = cluster.node
    listed = await _all_containers(cluster)
    mounts = await asyncio.to_thread(Path(f"/proc/{node.pid}/mountinfo").read_text)
    for gone in pods:
        uid, name = gone["metadata"]["uid"], gone["metadata"]["name"]
        found += [f"container {line}" for line in listed if uid in line]
        ids = [c["containerID"].partition("://")[2] for c in _statuses(gone) if c.get("containerID")]
        found += [f"mount {line}" for line in mounts.splitlines() if uid in line or any(i in line for i in ids)]
        found += await asyncio.to_thread(_paths_of, node.root, gone)
        for ip in gone["status"].get("podIPs") or []:
            lease = node.path(f"/var/lib/cni/networks/podwright/{ip['ip']}")
            if lease.exists():
                found.append(f"lease {lease.name} of pod {name}")
    return found


def _statuses(obj: Json) -> list[Json]:
    status = obj["status"]
    return [c for f in ("initContainerStatuses", "containerStatuses") for c in status.get(f) or []]


async def _all_containers(cluster: Cluster) -> list[str]:
    """A line for each container that the runtime has, in which its pod's UID stands."""
    node = cluster.node
    if cluster.agent.kind.runtime == "docker":
        columns = '{{.Names}} {{.Status}} {{.Label "io.kubernetes.pod.uid"}}'
        return (await node.run(["docker", "ps", "-a", "--no-trunc", "--format", columns])).stdout.splitlines()
    containers = [str(builds.path("ctr")), "-n", "k8s.io", "containers"]
    ids = (await node.run([*containers, "list", "-q"])).stdout.split()
    infos = await asyncio.gather(*(node.run([*containers, "info", i], check=False) for i in ids))
    return [f"{i.command[-1]} {json.loads(i.stdout).get('Labels')}" for i in infos if i.returncode == 0]


def _paths_of(root: Path, gone: Json) -> list[str]:
    """Directories, links and control groups named after a pod."""
    uid, name, namespace = (gone["metadata"][k] for k in ("uid", "name", "namespace"))
    candidates = [
        root / "var/lib/kubelet/pods" / uid,
        root / "var/log/pods" / f"{namespace}_{name}_{uid}",
        *(root / "var/log/containers").glob(f"{name}_{namespace}_*"),
        *(Path(top) for top, _, _ in os.walk(root / "sys/fs/cgroup") if top.endswith(f"/pod{uid}")),
    ]
    found = [f"path {p}" for p in candidates if p.is_symlink() or p.exists()]
    for top, directories, names in os.walk(root / "var/lib/dockershim"):
        if "netns" in directories:
            directories.remove("netns")  # namespaces that are held by mounts: no files to read
        for path in (Path(top, name) for name in names):
            with contextlib.suppress(FileNotFoundError):  # others' checkpoints come and go
                if path.is_file() and uid.encode() in path.read_bytes():
                    found.append(f"checkpoint {path}")
    return found
