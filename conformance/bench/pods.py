"""The pods that are measured, and the watch that says when they were Ready and when they were gone."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.apiclient import ApiClient, Json

NAMESPACE = "bench"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2"
BUSYBOX_IMAGE = "localhost/podwright/busybox:1"
# A shell that waits in the background handles SIGTERM at once, as a well-made service does.
WAIT = "trap 'exit 0' TERM; sleep 100000 & wait"

SETUP: list[tuple[str, Json]] = [
    ("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}),
    (
        f"/api/v1/namespaces/{NAMESPACE}/configmaps",
        {"metadata": {"name": "settings"}, "data": {f"key-{i}": "value " * 20 for i in range(8)}},
    ),
    (
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
        {"metadata": {"name": "passwords"}, "stringData": {f"key-{i}": "secret " * 20 for i in range(4)}},
    ),
]


def bare_pod(name: str, node: str) -> Json:
    """One container, nothing to mount: what a pod costs at least."""
    return _pod(
        name,
        node,
        {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": PAUSE_IMAGE, "imagePullPolicy": "IfNotPresent"}],
        },
    )


def rich_pod(name: str, node: str) -> Json:
    """Config, secret, token, emptyDir, an init container and two containers: what services look like."""
    mounts = [
        {"name": "config", "mountPath": "/config"},
        {"name": "secret", "mountPath": "/secret"},
        {"name": "shared", "mountPath": "/shared"},
    ]
    container = {"image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent", "volumeMounts": mounts}
    return _pod(
        name,
        node,
        {
            "initContainers": [{**container, "name": "init", "command": ["sh", "-c", "cp /config/* /shared/"]}],
            "containers": [
                {**container, "name": "main", "command": ["sh", "-c", WAIT]},
                {**container, "name": "side", "command": ["sh", "-c", WAIT]},
            ],
            "volumes": [
                {"name": "config", "configMap": {"name": "settings"}},
                {"name": "secret", "secret": {"secretName": "passwords"}},
                {"name": "shared", "emptyDir": {}},
            ],
        },
    )


def _pod(name: str, node: str, spec: Json) -> Json:
    tolerations = [{"operator": "Exists"}]
    return {"metadata": {"name": name}, "spec": {"nodeName": node, "tolerations": tolerations, **spec}}


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@dataclass(slots=True)
class PodTimes:
    """When the watch first brought a pod's readiness and its end, by time.monotonic()."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    ready_at: float = 0.0
    gone_at: float = 0.0


class PodWatcher:
    """Follows all pods of the namespace; `run` in a task of the caller's."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._times: dict[str, PodTimes] = {}

    def times(self, name: str) -> PodTimes:
        return self._times.setdefault(name, PodTimes())

    async def run(self) -> None:
        version = (await self._client.get(PODS))["metadata"]["resourceVersion"]
        while True:  # a server ends a watch now and then; the next goes on where it stopped
            async for event in self._client.watch(PODS, version, timeoutSeconds="3600"):
                if event.kind == "ERROR":
                    raise RuntimeError(f"the watch of the pods broke: {event.object}")
                version = event.object["metadata"]["resourceVersion"]
                times = self.times(event.object["metadata"]["name"])
                if event.kind == "DELETED":
                    times.gone_at = event.at
                    times.gone.set()
                elif is_ready(event.object) and not times.ready.is_set():
                    times.ready_at = event.at
                    times.ready.set()


class PodRunner:
    """Creates and deletes pods on one node, and measures both. Names are unique over the run."""

    def __init__(self, client: ApiClient, watcher: PodWatcher, node: str, timeout_seconds: float = 180.0) -> None:
        self.node = node
        self._client = client
        self._watcher = watcher
        self._timeout = timeout_seconds

    async def start(self, names: Iterable[str], make: Callable[[str, str], Json]) -> float:
        """Create all the pods at once; seconds until the last is Ready."""
        pods = [make(name, self.node) for name in names]
        began = time.monotonic()
        async with asyncio.timeout(self._timeout), asyncio.TaskGroup() as group:
            for pod in pods:
                group.create_task(self._client.create(PODS, pod))
            for pod in pods:
                group.create_task(self._watcher.times(pod["metadata"]["name"]).ready.wait())
        return max(self._watcher.times(pod["metadata"]["name"]).ready_at for pod in pods) - began

    async def stop(self, names: Iterable[str]) -> float:
        """Delete all the pods at once, with their own grace period; seconds until the last is gone."""
        wanted = list(names)
        began = time.monotonic()
        async with asyncio.timeout(self._timeout), asyncio.TaskGroup() as group:
            for name in wanted:
                group.create_task(self._client.delete(f"{PODS}/{name}"))
            for name in wanted:
                group.create_task(self._watcher.times(name).gone.wait())
        return max(self._watcher.times(name).gone_at for name in wanted) - began
