"""A gRPC server of the kubelet's own on a Unix socket, for plugins and monitors of this machine."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
import grpc.aio


async def serve(
    socket: Path, handlers: Sequence[grpc.GenericRpcHandler], prepare: Callable[[], None], settled: asyncio.Event
) -> None:
    """Serve until cancelled; `settled` is set once it serves, or cannot. `prepare` makes room for the socket, in a
    thread. Raises OSError, RuntimeError when the socket cannot be had."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers(tuple(handlers))
    try:
        await asyncio.to_thread(prepare)
        server.add_insecure_port(f"unix:{socket}")
        await server.start()
    finally:
        settled.set()
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(None)
