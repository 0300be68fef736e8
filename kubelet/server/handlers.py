"""What each path answers. One method per row of the contract's endpoint table (section 3.1)."""

import asyncio
import json
import logging
import os
import shlex
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec.structs import replace
from prometheus_client.registry import Collector

from cri.errors import CriError, InvalidArgumentError
from cri.v1 import api_pb2 as cri
from kubelet.api.codec import encode
from kubelet.api.meta import find_container
from kubelet.api.types import Pod
from kubelet.logs.options import InvalidOptionsError, LogStream, UndecodableOptionsError, parse_options
from kubelet.logs.reader import LogUnavailableError
from kubelet.logs.stream import stream_log
from kubelet.logs.watch import DirectoryWatcher
from kubelet.logsetup import set_verbosity
from kubelet.metrics import CONTENT_TYPE, KubeletMetrics, expose
from kubelet.node.machine import MachineFacts, read_machine
from kubelet.server import node_logs, profiles, zpages
from kubelet.server.cadvisor import CadvisorMetrics, MachineMetrics
from kubelet.server.container_logs import NoLogError, container_to_read
from kubelet.server.crimetrics import runtime_metrics
from kubelet.server.health import HealthcheckMetrics, check_answer, healthz_answer
from kubelet.server.node_log_query import InvalidQueryError, NodeLogQuery, check_query, parse_query, service_logs
from kubelet.server.resourcemetrics import ResourceMetrics
from kubelet.server.routes import ROUTES, Handler
from kubelet.server.settings import ServerSettings
from kubelet.server.stats import StatsProvider, newest_sandboxes
from kubelet.server.streaming import StreamingProxy, forwarded_ports, remote_options
from kubelet.server.view import ConfigView, HealthView, NodeView, StatsRuntime

logger = logging.getLogger(__name__)

Answer = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]
_TEXT = "text/plain; charset=utf-8"
MAX_BODY_BYTES = 1 << 20


class HttpError(Exception):
    """An answer that is not success: `text` is the whole body."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=text.encode(), headers={
        "Content-Type": _TEXT, "X-Content-Type-Options": "nosniff", **(headers or {})})


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _scrape(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


class Handlers:
    """Answers requests that were let through.

    `stats`, `runtime` and `streaming` None: no runtime is configured (tests).
    """

    def __init__(
        self, settings: ServerSettings, node: NodeView, health: HealthView, config: ConfigView,
        metrics: KubeletMetrics, stats: StatsProvider | None = None, runtime: StatsRuntime | None = None, *,
        streaming: StreamingProxy | None = None, watcher: DirectoryWatcher | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._node, self._health, self._config = settings, node, health, config
        self._metrics, self._stats, self._runtime, self._now = metrics, stats, runtime, now
        self._streaming = streaming
        self._watcher = watcher or DirectoryWatcher()
        self._started = now()
        self._machine: MachineFacts | None = None
        self._slis = HealthcheckMetrics(health.checks)
        self.by_name: dict[Handler, Answer] = {
            Handler.HEALTHZ: self.healthz, Handler.HEALTHZ_CHECK: self.healthz_check, Handler.PODS: self.pods,
            Handler.RUNNING_PODS: self.running_pods, Handler.STATS_SUMMARY: self.stats_summary,
            Handler.METRICS: self.metrics, Handler.METRICS_CADVISOR: self.metrics_cadvisor,
            Handler.METRICS_RESOURCE: self.metrics_resource, Handler.METRICS_PROBES: self.metrics_probes,
            Handler.METRICS_SLIS: self.metrics_slis, Handler.CONTAINER_LOGS: self.container_logs,
            Handler.EXEC: self.exec, Handler.ATTACH: self.attach, Handler.PORT_FORWARD: self.port_forward,
            Handler.RUN: self.run, Handler.CHECKPOINT: self.checkpoint, Handler.NODE_LOGS: self.node_logs,
            Handler.CONFIGZ: self.configz, Handler.PPROF: self.pprof, Handler.FLAG_V: self.flag_v,
            Handler.FLAGZ: self.flagz, Handler.STATUSZ: self.statusz,
        }

    def close(self) -> None:
        """At the end, from the event loop."""
        self._watcher.close()

    async def ping(self, _request: web.Request) -> web.StreamResponse:
        return plain(200, "ok")

    async def healthz(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        status, text = healthz_answer(
            self._slis.observed(self._health.checks()), excluded=request.query.getall("exclude", []),
            verbose="verbose" in request.query)
        return plain(status, text)

    async def healthz_check(self, _: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        checks, name = self._health.checks(), values["check"]
        answer = check_answer(checks, name)
        if answer is None:
            raise HttpError(404, "404 page not found\n")
        self._slis.observed({name: checks[name]})
        return plain(*answer)

    async def pods(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        return _json(pod_list(self._node.pods()))

    async def running_pods(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        try:
            return _json(pod_list(await self._node.running_pods()))
        except CriError as error:
            raise HttpError(500, str(error)) from error

    async def stats_summary(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        values = request.query.getall("only_cpu_and_memory", [])
        if request.method == "POST" and request.content_type == "application/x-www-form-urlencoded":
            values = parse_qs(await _body(request)).get("only_cpu_and_memory", []) + values
        summary = await self._summary(only_cpu_and_memory=values == ["true"])
        return _json(json.dumps(summary).encode())

    async def _summary(self, *, only_cpu_and_memory: bool) -> dict[str, Any]:
        if self._stats is None:
            raise HttpError(500, "Internal Error: no container runtime is connected")
        try:
            return await self._stats.summary(only_cpu_and_memory=only_cpu_and_memory)
        except CriError as error:
            raise HttpError(500, f"Internal Error: failed to list pod stats: {error}") from error

    async def metrics(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        if self._stats is not None and self._stats.storage is not None:
            await self._stats.storage.of(self._node.pods())
        return _scrape(self._metrics.expose())

    async def metrics_probes(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        return _scrape(self._metrics.expose_probes())

    async def metrics_resource(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        try:
            summary = await self._summary(only_cpu_and_memory=True)
        except HttpError as error:
            logger.warning("The usage of containers cannot be had error=%s", error)
            summary = None
        return _scrape(expose(ResourceMetrics(summary)))

    async def metrics_cadvisor(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        containers: Collector | None = None
        if self._runtime is not None:
            try:
                containers = await runtime_metrics(self._runtime) or await self._from_statistics(self._runtime)
            except CriError as error:
                logger.warning("The usage of containers cannot be had error=%s", error)
        if self._machine is None:
            self._machine = await asyncio.to_thread(read_machine, self._settings.checkpoints.parent)
        machine = MachineMetrics(self._machine, failed=containers is None)
        # A hundred pods are a megabyte of text: not for the event loop.
        return _scrape(await asyncio.to_thread(expose, *([] if containers is None else [containers]), machine))

    async def _from_statistics(self, runtime: StatsRuntime) -> Collector:
        answer = await runtime.ListPodSandboxStats(cri.ListPodSandboxStatsRequest())
        return CadvisorMetrics(newest_sandboxes(answer.stats), self._node.pods(), self._now())

    async def metrics_slis(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        return _scrape(expose(self._slis))

    async def container_logs(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        query = {key: request.query.getall(key) for key in request.query}
        try:
            options = parse_options(query, int(self._now() * 1e9))
        except UndecodableOptionsError as error:
            raise HttpError(400, '{"message": "Unable to decode query."}') from error
        except InvalidOptionsError as error:
            raise HttpError(422, '{"message": "Invalid request."}') from error
        pod, container = self._pod_and_container(values)
        if options.stream is not LogStream.ALL and not self._settings.split_log_streams:
            raise HttpError(400, f'unable to return the given log stream: "{options.stream}". Please enable '
                                 "PodLogsQuerySplitStreams feature gate in kubelet")
        try:
            container_id = container_to_read(pod, container, previous=options.previous)
        except NoLogError as error:
            raise HttpError(400, str(error)) from error
        path = await self._node.log_path(pod, container_id)
        if path is None:
            raise HttpError(400, f"unable to retrieve container logs for {container_id}: the runtime does not know it")

        async def still_running() -> bool:
            return await self._node.is_running(container_id)

        chunks = stream_log(path, options, still_running=still_running, watcher=self._watcher)
        try:
            await anext(chunks)
        except LogUnavailableError as error:
            raise HttpError(400, str(error)) from error
        response = web.StreamResponse(headers={"Content-Type": _TEXT})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
            await response.write_eof()
        finally:
            await chunks.aclose()
        return response

    def _pod_and_container(self, values: Mapping[str, str]) -> tuple[Pod, str]:
        pod, container = self._node.pod_by_name(values["namespace"], values["pod"]), values["container"]
        if pod is None:
            raise HttpError(404, f'pod "{values["pod"]}" does not exist')
        if find_container(pod, container) is None:
            raise HttpError(404, f'container "{container}" not found in pod "{values["pod"]}"')
        return pod, container

    def _pod_of(self, values: Mapping[str, str]) -> Pod:
        pod = self._node.pod_by_name(values["namespace"], values["pod"])
        if pod is None or ("uid" in values and values["uid"] != pod.metadata.uid):
            raise HttpError(404, "pod does not exist")
        return pod

    async def exec(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        options = remote_options({name: request.query.getall(name) for name in request.query})
        return await self._streams().exec(request, self._pod_of(values), values["container"], options)

    async def attach(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        options = remote_options({name: request.query.getall(name) for name in request.query})
        return await self._streams().attach(request, self._pod_of(values), values["container"], options)

    async def port_forward(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        ports = forwarded_ports(request)
        return await self._streams().port_forward(request, self._pod_of(values), ports)

    def _streams(self) -> StreamingProxy:
        if self._streaming is None:
            raise HttpError(500, "no container runtime is connected")
        return self._streaming

    async def run(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        """The command's combined output; split at spaces, as ever."""
        pod = self._pod_of(values)
        try:
            container_id = container_to_read(pod, values["container"], previous=False)
        except NoLogError as error:
            raise HttpError(500, f'container not found ("{values["container"]}")') from error
        if self._runtime is None:
            raise HttpError(500, "no container runtime is connected")
        command = request.query.get("cmd", "").split(" ")
        logger.info("Running a command in a container pod=%s container=%s command=%s", values["pod"],
                    values["container"], shlex.join(command))
        try:
            done = await self._runtime.ExecSync(cri.ExecSyncRequest(container_id=container_id, cmd=command))
        except CriError as error:
            raise HttpError(500, str(error)) from error
        if done.exit_code:
            raise HttpError(500, f"command {shlex.join(command)!r} exited with {done.exit_code}: "
                                 f"{(done.stdout + done.stderr).decode(errors='replace')}")
        return web.Response(body=done.stdout + done.stderr, headers={"Content-Type": _TEXT})

    async def checkpoint(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        """A checkpoint of a running container, as a tar whose path is the answer."""
        pod, container = self._pod_of(values), values["container"]
        if find_container(pod, container) is None:
            raise HttpError(404, f"container {container} does not exist")
        asked = request.query.getall("timeout", ["0"])[-1]
        if not asked.removeprefix("-").isdecimal():
            raise HttpError(404, "cannot parse value of timeout parameter")
        try:
            location = await self._checkpoint(pod, container, int(asked))
        except (CriError, NoLogError, OSError) as error:
            raise HttpError(500, f"checkpointing of {values['namespace']}/{values['pod']}/{container} failed ({error})"
                            ) from error
        return _json(json.dumps({"items": [location]}, separators=(",", ":")).encode())

    async def _checkpoint(self, pod: Pod, container: str, seconds: int) -> str:
        """A timeout shorter than the runtime's usual one is made that, as upstream's client does."""
        if self._runtime is None:
            raise HttpError(500, "no container runtime is connected")
        if seconds < 0:
            raise InvalidArgumentError("CheckpointContainer requires the timeout value to be > 0")
        directory = self._settings.checkpoints
        await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(self._now()).astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
        name = f"checkpoint-{pod.metadata.name}_{pod.metadata.namespace}-{container}-{stamp}.tar"
        location = str(directory / name)
        await self._runtime.CheckpointContainer(cri.CheckpointContainerRequest(
            container_id=container_to_read(pod, container, previous=False), location=location,
            timeout=max(seconds, self._settings.runtime_request_timeout)))
        return location

    async def node_logs(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        if not self._settings.enable_system_log_handler:
            raise HttpError(405, "logs endpoint is disabled.\n")
        path = values["*"]
        query = self._node_log_query(request)
        if query is not None and path:
            raise HttpError(406, "path not allowed in query mode\n")
        if query is not None and query.services:
            pieces = service_logs(query, self._settings.log_root)
            return await _send_pieces(request, pieces, gzip=request.headers.get("Accept-Encoding") == "gzip")
        if query is not None:
            path = query.files[0].replace("\\", "/")
        try:
            descriptor = await asyncio.to_thread(node_logs.open_beneath, self._settings.log_root, path)
        except node_logs.NoSuchLogError as error:
            raise HttpError(404, "404 page not found\n") from error
        if node_logs.is_directory(descriptor):
            text = await asyncio.to_thread(node_logs.listing, descriptor)
            return web.Response(text=text, content_type="text/html", charset="utf-8")
        return await _send_file(request, descriptor)

    def _node_log_query(self, request: web.Request) -> NodeLogQuery | None:
        if not self._settings.enable_system_log_query:
            return None
        try:
            query = parse_query({name: request.query.getall(name) for name in request.query})
            if query is not None:
                check_query(query)
        except InvalidQueryError as error:
            raise HttpError(error.status, f"{error}\n") from error
        return query

    async def configz(self, _: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        return _json(json.dumps({"kubeletconfig": self._config.configz()}).encode())

    async def pprof(self, request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
        if not self._settings.enable_profiling_handler:
            raise HttpError(405, "profiling endpoint is disabled.\n")
        text = await profiles.profile_page(values["*"], request.query)
        if text is None:
            raise HttpError(404, "Unknown profile\n")
        return plain(200, text)

    async def flag_v(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        if not self._settings.enable_debug_flags_handler:
            raise HttpError(405, "flags endpoint is disabled.\n")
        if request.method != "PUT":
            raise HttpError(406, "unsupported http method")
        try:
            return plain(200, set_verbosity(await _body(request)))
        except ValueError as error:
            raise HttpError(400, str(error)) from error

    async def flagz(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        return _zpage(zpages.flagz(request.headers.get("Accept", ""), self._config.flags()))

    async def statusz(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        paths = ("/".join(route.segments) for route in ROUTES)
        return _zpage(zpages.statusz(request.headers.get("Accept", ""), self._started, self._now(), paths))


async def _body(request: web.Request) -> str:
    """Of a bounded size, whatever it claims to be. Raises HttpError."""
    try:
        return (await request.read()).decode(errors="replace")
    except web.HTTPRequestEntityTooLarge as error:
        raise HttpError(413, f"the body is larger than {MAX_BODY_BYTES} bytes\n") from error
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise HttpError(400, "the body cannot be read\n") from error


def pod_list(pods: Sequence[Pod]) -> bytes:
    """A v1 PodList as JSON; the items carry no kind of their own, as in every list of the API."""
    items = b",".join(encode(replace(pod, kind="", api_version="")) for pod in pods)
    return b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[' + items + b"]}\n"


def _zpage(page: zpages.Page) -> web.Response:
    return web.Response(status=page.status, body=page.body.encode(), headers={
        "Content-Type": page.content_type, "X-Content-Type-Options": "nosniff", **page.headers})


async def _send_pieces(request: web.Request, pieces: AsyncGenerator[bytes, None], *, gzip: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain;charset=UTF-8"})
    response.enable_chunked_encoding()
    if gzip:
        response.enable_compression(web.ContentCoding.gzip)
    async with aclosing(pieces):
        await response.prepare(request)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    return response


async def _send_file(request: web.Request, descriptor: int) -> web.StreamResponse:
    """What the file holds now, in pieces read in a thread; closes `descriptor`."""
    try:
        left = os.fstat(descriptor).st_size
        response = web.StreamResponse(headers={"Content-Type": _TEXT})
        response.content_length = left
        await response.prepare(request)
        while left and (piece := await asyncio.to_thread(os.read, descriptor, min(left, 256 * 1024))):
            await response.write(piece)
            left -= len(piece)
        await response.write_eof()
        return response
    finally:
        os.close(descriptor)
