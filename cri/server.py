"""The serving half of CRI: a gRPC server on a Unix socket, and the one interceptor around every call.

    server = CriServer("/run/dockershim.sock", translate=to_cri_error)
    cri_grpc.add_RuntimeServiceServicer_to_server(service, server.grpc)
    await server.start()

Handlers raise; what they raise becomes a gRPC status here and nowhere else. A caller that goes away or whose deadline
passes cancels its handler, so a handler that holds something releases it in `finally`.
"""

import asyncio
import inspect
import logging
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from cri.client import MAX_MESSAGE_BYTES
from cri.errors import CriError, InternalError, UnimplementedError

logger = logging.getLogger(__name__)

Translate = Callable[[Exception], CriError | None]
Observer = Callable[[str, float, CriError | None], None]
"""Told of each finished call: RPC name, seconds, error or None."""
_SLOW_SECONDS = 5.0
_EXPECTED = frozenset((grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE))


class SocketInUseError(OSError):
    """A live server listens at the path already."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Maps errors, logs and measures: one place for all RPCs, unary and server-streaming."""

    def __init__(self, translate: Translate, observe: Observer | None = None) -> None:
        self._translate, self._observe = translate, observe

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return handler
        name = str(handler_call_details.method).rpartition("/")[2]
        codecs = {
            "request_deserializer": handler.request_deserializer, "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(name, handler.unary_stream), **codecs)
        return grpc.unary_unary_rpc_method_handler(self._unary(name, handler.unary_unary), **codecs)

    def _unary(self, name: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            begin = time.monotonic()
            try:
                response = behaviour(request, context)
                if inspect.isawaitable(response):
                    response = await response
            except Exception as error:  # the boundary: every error becomes a status
                failure = self._failed(name, begin, error)
            else:
                self._finished(name, begin, None)
                return response
            await context.abort(failure.code, failure.message)

        return call

    def _streaming(self, name: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            begin = time.monotonic()
            try:
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:  # as above
                failure = self._failed(name, begin, error)
            else:
                self._finished(name, begin, None)
                return
            await context.abort(failure.code, failure.message)

        return call

    def _failed(self, name: str, begin: float, error: Exception) -> CriError:
        failure = UnimplementedError(f"{name} is not implemented") if isinstance(error, NotImplementedError) else (
            self._translate(error)
        )
        if failure is None:
            logger.error("call failed unexpectedly rpc=%s", name, exc_info=error)
            failure = InternalError(f"{type(error).__name__}: {error}")
        self._finished(name, begin, failure)
        return failure

    def _finished(self, name: str, begin: float, failure: CriError | None) -> None:
        seconds = time.monotonic() - begin
        if self._observe:
            self._observe(name, seconds, failure)
        if failure is not None:
            level = logging.DEBUG if failure.code in _EXPECTED else logging.WARNING
            logger.log(level, "%s failed code=%s seconds=%.3f error=%s", name, failure.code.name, seconds, failure)
        elif seconds > _SLOW_SECONDS:
            logger.info("%s was slow seconds=%.3f", name, seconds)
        else:
            logger.debug("%s done seconds=%.3f", name, seconds)


class CriServer:
    """A gRPC server bound to a Unix socket; add servicers to `grpc` before `start`."""

    def __init__(self, socket_path: str, translate: Translate, observe: Observer | None = None) -> None:
        self.socket_path = Path(socket_path)
        self._inode = 0
        self.grpc = grpc.aio.server(
            interceptors=(CallInterceptor(translate, observe),),
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )

    async def start(self) -> None:
        """Bind and serve. Raises SocketInUseError, or OSError where the path cannot be a socket."""
        await asyncio.to_thread(prepare_socket_path, self.socket_path)
        if self.grpc.add_insecure_port(f"unix:{self.socket_path}") == 0:
            raise OSError(f"cannot listen at {self.socket_path}")
        await self.grpc.start()
        self.socket_path.chmod(0o660)
        self._inode = self.socket_path.stat().st_ino
        logger.info("serving CRI v1 socket=%s", self.socket_path)

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """No new calls; those under way have `grace_seconds` to end."""
        await self.grpc.stop(grace_seconds)
        try:
            if self.socket_path.stat().st_ino == self._inode:
                self.socket_path.unlink()
        except FileNotFoundError:
            pass


def prepare_socket_path(path: Path) -> None:
    """Make room for a listening socket at `path`: a stale socket is removed, a live one never.

    Raises SocketInUseError when someone answers there, OSError when it is something else than a socket.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(f"{path} exists and is not a socket: remove it, or listen elsewhere")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass
        except FileNotFoundError:
            return
    raise SocketInUseError(f"{path} is in use by a running server: stop that one, or listen elsewhere")
