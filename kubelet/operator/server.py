"""The operator's socket: a small HTTP/JSON server on a Unix socket that only root (or the agent's own user) may use.

    GET /v1/status   /v1/pods   /v1/explain?pod=NAME   /v1/timeline?pod=NAME   /v1/gc   /v1/config

The file has mode 0600 before it listens, and every connection's peer is checked by SO_PEERCRED besides, so that a
socket passed on by a careless mount or file descriptor still answers nobody else. Errors are `{"error": "…"}`.
"""

import asyncio
import json
import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from kubelet.lastwords import last_words
from kubelet.operator.answers import (
    AmbiguousPodError,
    UnknownPodError,
    absence_answer,
    collection_answer,
    explain_answer,
    find_pod,
    pods_answer,
    status_answer,
    timeline_answer,
)
from kubelet.operator.view import OperatorView
from kubelet.timeline import Timeline

logger = logging.getLogger(__name__)

SOCKET_NAME = "podwright.sock"
_MAX_PATH_BYTES = 107
"""sun_path holds 108 bytes with its closing zero (unix(7))."""


class SocketInUseError(OSError):
    """Another agent answers on the socket."""


class OperatorServer:
    """Serves `view` and `timeline` on `path` while `run` runs."""

    def __init__(
        self, path: Path, view: OperatorView, timeline: Timeline, now: Callable[[], float] = time.time, *,
        configuration: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`configuration` answers /v1/config: the effective KubeletConfiguration in JSON's types."""
        self._configuration = configuration
        self._path, self._view, self._timeline, self._now = path, view, timeline, now
        self.started = asyncio.Event()
        """Set once the socket answers (never, when it could not be made)."""

    async def run(self) -> None:
        """Serves until cancelled. A socket that cannot be made is logged, not raised: it is a convenience."""
        try:
            listener = await asyncio.to_thread(listen_privately, self._path)
        except OSError as error:
            logger.error("The operator's socket cannot be made, `podwright` will not work socket=%s error=%s",
                         self._path, error)
            return
        runner = web.AppRunner(self._application(), access_log=None)
        try:
            await runner.setup()
            await web.SockSite(runner, listener).start()
            logger.info("Answering the operator socket=%s", self._path)
            self.started.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            listener.close()
            self._path.unlink(missing_ok=True)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[_only_permitted_peers])
        app.router.add_get("/v1/status", self._answer(lambda _: status_answer(self._view, self._now())))
        app.router.add_get("/v1/config", self._answer(lambda _: self._configuration()))
        app.router.add_get("/v1/pods", self._answer(lambda _: pods_answer(self._view, self._now())))
        app.router.add_get("/v1/explain", self._explain)
        app.router.add_get("/v1/timeline", self._answer(
            lambda request: timeline_answer(
                self._view, self._timeline, request.query.get("pod", ""), self._now())))
        app.router.add_get("/v1/gc", self._collection)
        return app

    async def _collection(self, _: web.Request) -> web.Response:
        return web.json_response(collection_answer(await self._view.collection(), self._now()))

    async def _explain(self, request: web.Request) -> web.Response:
        query = request.query.get("pod", "")
        await self._view.look()
        try:
            pod = find_pod(self._view.pods(), query)
        except AmbiguousPodError as error:
            return _problem(409, str(error))
        except UnknownPodError as error:
            absence = absence_answer(self._view, query, self._now())
            return web.json_response(absence) if absence else _problem(404, str(error))
        words = await asyncio.to_thread(last_words, self._view.log_paths(pod.metadata.uid))
        return web.json_response(explain_answer(self._view, pod, self._now(), words))

    def _answer(self, make: Callable[[web.Request], dict[str, Any]]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            await self._view.look()
            try:
                return web.json_response(make(request))
            except UnknownPodError as error:
                return _problem(404, str(error))
            except AmbiguousPodError as error:
                return _problem(409, str(error))

        return handle


def _problem(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": text}), content_type="application/json")


@web.middleware
async def _only_permitted_peers(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    uid = peer_uid(connection) if connection is not None else None
    if uid not in (0, os.geteuid()):
        logger.warning("Refused a peer on the operator's socket uid=%s", uid)
        return _problem(403, "only root may ask")
    response: web.StreamResponse = await handler(request)
    return response


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket, by SO_PEERCRED (struct ucred: pid, uid, gid)."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


def listen_privately(path: Path) -> socket.socket:
    """A listening Unix socket at `path`, mode 0600. A dead agent's file is replaced; a living one's raises."""
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise OSError(f"{path} is longer than a Unix socket's name can be ({_MAX_PATH_BYTES} bytes)")
    if path.is_socket():
        _remove_if_dead(path)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o600)  # before listen(): nobody can connect in between
        listener.listen(16)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_if_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SocketInUseError(f"another agent answers on {path}: stop it, or use another --root-dir")
