"""The gRPC probe: grpc.health.v1 Check in plain text; SERVING is a success (pkg/probe/grpc, KEP-2727)."""

import asyncio
from typing import TYPE_CHECKING

from probes.dial import join_host_port
from probes.spec import USER_AGENT, Answer, Outcome, go_seconds

if TYPE_CHECKING:
    import grpc


async def probe_grpc(host: str, port: int, service: str, timeout: float) -> Answer:
    # The stubs cost start-up time and memory that a node without gRPC probes need not pay.
    import grpc.aio
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    address = join_host_port(host, port)
    options = [
        ("grpc.primary_user_agent", USER_AGENT), ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.default_authority", address),
    ]
    ends = asyncio.get_running_loop().time() + timeout
    async with grpc.aio.insecure_channel(f"ipv6:{address}" if ":" in host else address, options=options) as channel:
        try:
            async with asyncio.timeout_at(ends):
                await channel.channel_ready()
        except TimeoutError:
            text = f'timeout: failed to connect service "{address}" within {go_seconds(timeout)}'
            return Answer(Outcome.FAILURE, f"{text}: context deadline exceeded", timed_out=True)
        remaining = max(0.001, ends - asyncio.get_running_loop().time())
        try:
            response = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=remaining
            )
        except grpc.aio.AioRpcError as error:
            return _failure(error.code(), error.details() or "", timeout)
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
        return Answer(Outcome.FAILURE, f'service unhealthy (responded with "{name}")')
    return Answer(Outcome.SUCCESS, "service healthy")


def _failure(code: "grpc.StatusCode", details: str, timeout: float) -> Answer:
    match code.name:
        case "UNIMPLEMENTED":
            text = f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {details}"
            return Answer(Outcome.FAILURE, text)
        case "DEADLINE_EXCEEDED":
            text = f"timeout: health rpc did not complete within {go_seconds(timeout)}"
            return Answer(Outcome.FAILURE, text, timed_out=True)
    name = "".join(part.capitalize() for part in code.name.split("_"))
    return Answer(Outcome.FAILURE, f"error: health rpc probe failed: rpc error: code = {name} desc = {details}")
