"""The kubelet's HTTP servers: 10250 (TLS, authenticated), 10255 (read-only, off by default), 10248 (healthz).

    connection ─▶ route (routes.py) ─▶ who (authentication) ─▶ may they (authorization) ─▶ handler (handlers.py)

A request that no step answers is refused. Handlers never see a request that was not let through.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from kubelet.metrics import KubeletMetrics
from kubelet.server import routes
from kubelet.server.authentication import Authenticator, UnauthenticatedError
from kubelet.server.authorization import AuthorizationFailedError, Authorizer, ForbiddenError, authorize
from kubelet.server.handlers import MAX_BODY_BYTES, Answer, Handlers, HttpError, plain
from kubelet.server.settings import ServerSettings
from kubelet.server.streaming import StreamingRefusedError
from kubelet.server.tls import RELOAD_SECONDS, ReloadingContext

logger = logging.getLogger(__name__)

IDLE_SECONDS = 90.0
MAX_HEADER_BYTES = 1 << 20
_STOP_SECONDS = 0.5
"""What is under way at the end gets this long, and as long again to take its cancellation: followed logs and sessions
take all of it, and a restart of the agent waits for them."""


class KubeletServer:
    """All servers of one agent. `tls` None serves port 10250 in plain text: for tests only.

    `bound_ports` maps "main", "readonly" and "healthz" to the ports in use once `started` is set.
    """

    def __init__(
        self, settings: ServerSettings, handlers: Handlers, authenticator: Authenticator, authorizer: Authorizer,
        metrics: KubeletMetrics, tls: ReloadingContext | None,
    ) -> None:
        self._settings, self._handlers, self._metrics, self._tls = settings, handlers, metrics, tls
        self._authenticator, self._authorizer = authenticator, authorizer
        self.started = asyncio.Event()
        self.bound_ports: dict[str, int] = {}
        self._files_changed = asyncio.Event()

    def serving_certificate_changed(self) -> None:
        """The agent has written a new serving certificate: the next connection is to see it."""
        self._files_changed.set()

    async def run(self) -> None:
        """Serves until cancelled. Raises OSError, naming address and port, when one cannot be bound."""
        settings = self._settings
        context = self._tls.context if self._tls else None
        async with (
            self._serving("healthz", self._healthz, settings.healthz_address, settings.healthz_port, None),
            self._serving("readonly", self._read_only, settings.address, settings.read_only_port, None),
            self._serving("main", self._main, settings.address, settings.port, context),
        ):
            self.started.set()
            try:
                await self._reload_certificates()
            finally:
                self._handlers.close()

    @asynccontextmanager
    async def _serving(
        self, name: str, handle: Callable[[web.Request], Awaitable[web.StreamResponse]], address: str, port: int,
        context: ssl.SSLContext | None,
    ) -> AsyncIterator[None]:
        if (name != "healthz" and not self._settings.enable_server) or (port == 0 and name != "main"):
            yield
            return
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", handle)
        application.on_response_prepare.append(_keep_to_ourselves)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, keepalive_timeout=IDLE_SECONDS,
            max_line_size=MAX_HEADER_BYTES, max_field_size=MAX_HEADER_BYTES, shutdown_timeout=_STOP_SECONDS,
        )
        try:
            await runner.setup()
            site = web.TCPSite(runner, address or None, max(port, 0), ssl_context=context)
            try:
                await site.start()
            except OSError as error:
                raise OSError(error.errno, f"the {name} server cannot listen on {address}:{port}: {error.strerror}; "
                              "is another kubelet running?") from error
            self.bound_ports[name] = runner.addresses[0][1]
            logger.info("Listening server=%s address=%s port=%d", name, address, self.bound_ports[name])
            yield
        finally:
            await runner.cleanup()

    async def _reload_certificates(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._files_changed.wait(), RELOAD_SECONDS)
            self._files_changed.clear()
            if self._tls is not None:
                await asyncio.to_thread(self._tls.reload)

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        """10248: the agent answers at all; what is wrong in detail is for those who may ask 10250."""
        if request.path.rstrip("/") in ("/healthz", "/healthz/ping"):
            return await self._handlers.ping(request)
        return plain(404, "404 page not found\n")

    async def _read_only(self, request: web.Request) -> web.StreamResponse:
        async with self._measured(request, "readonly"):
            match = routes.find(request.path)
            if match.route is None or not match.route.everywhere:
                return _disabled(request.path)
            return await self._answer(request, match.route, match.values)

    async def _main(self, request: web.Request) -> web.StreamResponse:
        async with self._measured(request, "readwrite"):
            match = routes.find(request.path)
            refusal = await self._refusal(request, match.subresources)
            if refusal is not None:
                return refusal
            if not self._settings.enable_debugging_handlers and not (match.route and match.route.everywhere):
                return _disabled(request.path)
            if match.route is None:
                return plain(404, "404: Page Not Found")
            return await self._answer(request, match.route, match.values)

    async def _refusal(self, request: web.Request, subresources: tuple[str, ...]) -> web.Response | None:
        """What the caller is told when it is not let through, None when it is."""
        credentials = request.headers.get("Authorization", "")
        try:
            user = await self._authenticator.authenticate(_certificate(request), credentials)
        except UnauthenticatedError as error:
            logger.info("Refused a caller path=%s peer=%s reason=%s", request.path, request.remote, error)
            return plain(401, "Unauthorized")
        verb = routes.VERBS.get(request.method, "")
        try:
            await authorize(self._authorizer, user, verb, subresources, self._settings.node_name)
        except ForbiddenError as error:
            logger.info("Refused a caller path=%s peer=%s user=%s verb=%s",
                        request.path, request.remote, user.name, verb)
            return plain(403, str(error))
        except AuthorizationFailedError as error:
            return plain(500, str(error))
        return None

    async def _answer(
        self, request: web.Request, route: routes.Route, values: Mapping[str, str]
    ) -> web.StreamResponse:
        if request.method not in route.methods and not (request.method == "HEAD" and "GET" in route.methods):
            return plain(405, "405: Method Not Allowed", {"Allow": ", ".join(sorted(route.methods))})
        handler: Answer = self._handlers.by_name[route.handler]
        try:
            return await handler(request, values)
        except HttpError as error:
            return plain(error.status, error.text)
        except StreamingRefusedError as refusal:
            return plain(refusal.status, refusal.text, refusal.headers)
        except (asyncio.CancelledError, ConnectionError):
            raise  # the caller has gone, or we are ending
        except Exception:
            # A defect in one handler must not take the agent with it, and its words are not for strangers.
            logger.exception("A request could not be answered path=%s method=%s", request.path, request.method)
            return plain(500, "Internal Server Error")

    @asynccontextmanager
    async def _measured(self, request: web.Request, server_type: str) -> AsyncIterator[None]:
        labels = routes.metric_labels(request.method, request.path, server_type)
        self._metrics.http_requests_total.labels(*labels).inc()
        inflight = self._metrics.http_inflight_requests.labels(*labels)
        inflight.inc()
        begin = time.monotonic()
        try:
            yield
        finally:
            inflight.dec()
            self._metrics.http_requests_duration_seconds.labels(*labels).observe(time.monotonic() - begin)


async def _keep_to_ourselves(_: web.Request, response: web.StreamResponse) -> None:
    """Which library of which version answers is nobody's business."""
    response.headers.pop("Server", None)


def _disabled(path: str) -> web.Response:
    if routes.is_closed_path(path):
        return plain(405, "Debug endpoints are disabled.\n")
    return plain(404, "404: Page Not Found")


def _certificate(request: web.Request) -> Mapping[str, Any] | None:
    """The client's certificate, if it showed one; TLS has verified it by then."""
    transport = request.transport
    connection = transport.get_extra_info("ssl_object") if transport is not None else None
    return connection.getpeercert() if connection is not None else None
