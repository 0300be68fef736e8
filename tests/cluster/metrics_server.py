"""A small metrics-server: scrapes /metrics/resource of a cluster's nodes through the API server and serves the rates as
metrics.k8s.io, so that the real `kubectl top` has somebody to ask.

It reads what metrics-server reads (kubernetes-sigs/metrics-server, pkg/scraper/client/resource/decode.go): counters of
CPU seconds and gauges of working sets with their timestamps, and the start times of containers.
"""

import asyncio
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from conformance.apiclient import ApiClient, Json
from conformance.cluster import Cluster
from conformance.pki import Authority

GROUP = "metrics.k8s.io/v1beta1"
_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+) (?P<stamp>\d+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a node (`pod` is empty) or a container; `at` in milliseconds."""

    namespace: str
    pod: str
    container: str
    cpu_seconds: float
    memory: float
    at: int


def usages(text: str) -> Iterator[Usage]:
    cpu: dict[tuple[str, str, str], tuple[float, int]] = {}
    memory: dict[tuple[str, str, str], float] = {}
    for found in _SAMPLE.finditer(text):
        labels = dict(_LABEL.findall(found["labels"] or ""))
        key = (labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", ""))
        if found["name"] in ("node_cpu_usage_seconds_total", "container_cpu_usage_seconds_total"):
            cpu[key] = (float(found["value"]), int(found["stamp"]))
        if found["name"] in ("node_memory_working_set_bytes", "container_memory_working_set_bytes"):
            memory[key] = float(found["value"])
    for key, (seconds, at) in cpu.items():
        if key in memory:
            yield Usage(*key, seconds, memory[key], at)


class MetricsServer:
    """The rates between the last two scrapes."""

    def __init__(self, cluster: Cluster, client: ApiClient) -> None:
        self._cluster, self._client = cluster, client
        self._scrapes: list[dict[tuple[str, str, str], Usage]] = []

    async def scrape(self) -> None:
        path = f"/api/v1/nodes/{self._cluster.name}/proxy/metrics/resource"
        text = (await self._cluster.kubectl("get", "--raw", path)).stdout
        found = {(usage.namespace, usage.pod, usage.container): usage for usage in usages(text)}
        self._scrapes = [*self._scrapes[-1:], found]

    def _items(self) -> dict[tuple[str, str], list[Json]]:
        """(namespace, pod) to its containers' usage; the node itself has neither."""
        items: dict[tuple[str, str], list[Json]] = {}
        before, now = self._scrapes
        for key, usage in now.items():
            old = before.get(key)
            if old is None or usage.at <= old.at:
                continue
            cores = (usage.cpu_seconds - old.cpu_seconds) / (usage.at - old.at) * 1000
            items.setdefault(key[:2], []).append({
                "name": usage.container, "usage": {"cpu": f"{int(cores * 1e9)}n", "memory": f"{int(usage.memory)}"}})
        return items

    async def answer(self, request: web.Request) -> web.Response:
        name = self._cluster.name
        stamp = {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "window": "10s"}
        items = self._items() if len(self._scrapes) == 2 else {}
        node = {"kind": "NodeMetrics", "apiVersion": GROUP, "metadata": {"name": name}, **stamp,
                "usage": items.pop(("", ""), [{"usage": {}}])[0]["usage"]}
        wanted = request.match_info.get("namespace", "")
        pods = [{"metadata": {"namespace": namespace, "name": pod}, **stamp, "containers": containers}
                for (namespace, pod), containers in items.items() if wanted in ("", namespace)]
        match request.path.removeprefix(f"/apis/{GROUP}").strip("/").split("/"):
            case ["nodes"]:
                return web.json_response({"kind": "NodeMetricsList", "apiVersion": GROUP, "items": [node]})
            case ["nodes", _]:
                return web.json_response(node)
            case [*_, "pods"]:
                return web.json_response({"kind": "PodMetricsList", "apiVersion": GROUP, "items": pods})
            case _:
                return web.json_response({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP,
                                          "resources": [_resource("nodes", "NodeMetrics", False),
                                                        _resource("pods", "PodMetrics", True)]})


def _resource(name: str, kind: str, namespaced: bool) -> Json:
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}


@asynccontextmanager
async def metrics_server(cluster: Cluster, client: ApiClient) -> AsyncIterator[MetricsServer]:
    """Registered at the cluster's API server while it runs, and available when this yields."""
    address, _ = cluster.node.host_link_addresses
    server = MetricsServer(cluster, client)
    application = web.Application()
    application.router.add_get("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", server.answer)
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, address, 0, ssl_context=_context(address))
    await site.start()
    port = runner.addresses[0][1]
    service = {"metadata": {"name": "metrics", "namespace": "kube-system"},
               "spec": {"type": "ExternalName", "externalName": address, "ports": [{"port": port}]}}
    registration = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
                    "metadata": {"name": "v1beta1.metrics.k8s.io"},
                    "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": True,
                             "groupPriorityMinimum": 100, "versionPriority": 100,
                             "service": {"name": "metrics", "namespace": "kube-system", "port": port}}}
    try:
        await client.create("/api/v1/namespaces/kube-system/services", service)
        await client.create("/apis/apiregistration.k8s.io/v1/apiservices", registration)
        await cluster.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=30s")
        yield server
    finally:
        await cluster.kubectl("delete", "apiservice/v1beta1.metrics.k8s.io", "--ignore-not-found")
        await cluster.kubectl("-n", "kube-system", "delete", "service/metrics", "--ignore-not-found")
        # The API server keeps its connections; a closing handshake with it would outlive the test's event loop.
        for connection in runner.server.connections if runner.server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
        await asyncio.sleep(0)


def _context(address: str) -> ssl.SSLContext:
    identity = Authority.create("metrics").issue("metrics", names=[address])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(identity.certificate + identity.key)
        chain.flush()
        context.load_cert_chain(chain.name)
    return context
