"""A device plugin's end of the line: dialled at the socket that it registered, asked for devices and allocations.

Errors are told as gRPC for Go prints them, since they end up in the statuses of pods.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from pathlib import Path
from typing import TypeVar

import grpc
import grpc.aio

from kubelet.devices.inventory import Device, PluginOptions
from kubelet.devices.v1beta1 import api_pb2 as api
from kubelet.devices.v1beta1 import api_pb2_grpc as api_grpc

T = TypeVar("T")

DIAL_SECONDS = 10.0
PRE_START_SECONDS = 30.0
"""KubeletPreStartContainerRPCTimeoutInSecs."""
ALLOCATE_SECONDS = 300.0
"""Upstream waits for ever, and with it every other pod. Here only the pod waits, and not for a plugin that hangs."""
_CHANNEL = (
    ("grpc.default_authority", "localhost"), ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
)


class PluginError(Exception):
    """A call of a device plugin failed."""


class Plugin:
    def __init__(self, resource: str, socket: Path) -> None:
        self.resource = resource
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=_CHANNEL)
        self._stub = api_grpc.DevicePluginStub(self._channel)

    async def connect(self) -> PluginOptions:
        """Raises PluginError."""
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await self._channel.channel_ready()
        except TimeoutError:
            raise PluginError("failed to dial device plugin: context deadline exceeded") from None
        try:
            options = await _answer(self._stub.GetDevicePluginOptions(api.Empty(), timeout=DIAL_SECONDS))
        except PluginError as error:
            raise PluginError(f"failed to get device plugin options: {error}") from None
        return PluginOptions(options.pre_start_required, options.get_preferred_allocation_available)

    async def devices(self) -> AsyncIterator[list[Device]]:
        """Each list of its devices, until the plugin goes, which raises PluginError."""
        try:
            async for response in self._stub.ListAndWatch(api.Empty()):
                yield [
                    Device(device.ID, device.health, tuple(node.ID for node in device.topology.nodes))
                    for device in response.devices
                ]
        except grpc.aio.AioRpcError as error:
            raise PluginError(as_go_prints(error)) from None

    async def preferred(self, available: Iterable[str], must_include: Iterable[str], size: int) -> frozenset[str]:
        """Raises PluginError."""
        response = await _answer(self._stub.GetPreferredAllocation(api.PreferredAllocationRequest(
            container_requests=[api.ContainerPreferredAllocationRequest(
                available_deviceIDs=sorted(available), must_include_deviceIDs=sorted(must_include),
                allocation_size=size,
            )],
        ), timeout=ALLOCATE_SECONDS))
        return frozenset(response.container_responses[0].deviceIDs if response.container_responses else ())

    async def allocate(self, devices: Iterable[str]) -> bytes:
        """What the container is to be given, a ContainerAllocateResponse. Raises PluginError."""
        response = await _answer(self._stub.Allocate(api.AllocateRequest(
            container_requests=[api.ContainerAllocateRequest(devices_ids=sorted(devices))],
        ), timeout=ALLOCATE_SECONDS))
        if not response.container_responses:
            raise PluginError(f"no containers return in allocation response {response}")
        return response.container_responses[0].SerializeToString(deterministic=True)

    async def pre_start(self, devices: Iterable[str]) -> None:
        """Raises PluginError."""
        await _answer(self._stub.PreStartContainer(
            api.PreStartContainerRequest(devices_ids=sorted(devices)), timeout=PRE_START_SECONDS,
        ))

    async def close(self) -> None:
        await self._channel.close()


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise PluginError(as_go_prints(error)) from None


def as_go_prints(error: grpc.aio.AioRpcError) -> str:
    name = error.code().name
    code = "Canceled" if name == "CANCELLED" else "".join(part.capitalize() for part in name.split("_"))
    return f"rpc error: code = {code} desc = {error.details()}"
