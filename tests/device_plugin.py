"""A device plugin as others write them: registers with a kubelet, lists devices, says what containers are given.

In a test's own process, or as one of its own:

    python tests/device_plugin.py DIRECTORY RESOURCE ID...

SIGUSR1 makes the last device of such a process unhealthy, or healthy again.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from kubelet.devices.v1beta1 import api_pb2 as api
from kubelet.devices.v1beta1 import api_pb2_grpc as api_grpc


class DevicePlugin(api_grpc.DevicePluginServicer):
    """`calls` tells what it was asked; `fails`, by RPC name, lets a call fail with that text; `gate` holds up Allocate.
    """

    def __init__(
        self, directory: Path, resource: str, *devices: str, pre_start: bool = False, prefers: str = ""
    ) -> None:
        self.directory, self.resource, self.prefers = directory, resource, prefers
        self.health = dict.fromkeys(devices, "Healthy")
        self.nodes: dict[str, int] = {}
        self.options = api.DevicePluginOptions(
            pre_start_required=pre_start, get_preferred_allocation_available=bool(prefers))
        self.calls: list[Any] = []
        self.fails: dict[str, str] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Condition()
        self._server: grpc.aio.Server | None = None
        self.endpoint = f"{resource.replace('/', '-')}.sock"

    async def start(self, version: str = "v1beta1") -> None:
        """Serve and register. Raises AioRpcError when the kubelet refuses."""
        self._server = grpc.aio.server()
        api_grpc.add_DevicePluginServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix:{self.directory / self.endpoint}")
        await self._server.start()
        await self.register(version)

    async def register(self, version: str = "v1beta1") -> None:
        async with grpc.aio.insecure_channel(f"unix:{self.directory / 'kubelet.sock'}") as channel:
            await api_grpc.RegistrationStub(channel).Register(api.RegisterRequest(
                version=version, endpoint=self.endpoint, resource_name=self.resource, options=self.options,
            ), timeout=20, wait_for_ready=True)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def set_health(self, device: str, health: str) -> None:
        async with self._news:
            self.health[device] = health
            self._news.notify_all()

    async def _called(self, name: str, context: Any, detail: Any = None) -> None:
        self.calls.append(name if detail is None else (name, detail))
        if name in self.fails:
            await context.abort(grpc.StatusCode.UNKNOWN, self.fails[name])

    async def GetDevicePluginOptions(self, request: Any, context: Any) -> api.DevicePluginOptions:
        await self._called("GetDevicePluginOptions", context)
        return self.options

    async def ListAndWatch(self, request: Any, context: Any) -> AsyncIterator[api.ListAndWatchResponse]:
        await self._called("ListAndWatch", context)
        while True:
            async with self._news:
                yield api.ListAndWatchResponse(devices=[
                    api.Device(ID=device, health=health, topology=api.TopologyInfo(
                        nodes=[api.NUMANode(ID=self.nodes[device])] if device in self.nodes else []))
                    for device, health in self.health.items()
                ])
                await self._news.wait()
            if "ListAndWatch" in self.fails:
                await context.abort(grpc.StatusCode.UNKNOWN, self.fails["ListAndWatch"])

    async def GetPreferredAllocation(self, request: Any, context: Any) -> api.PreferredAllocationResponse:
        asked = request.container_requests[0]
        await self._called("GetPreferredAllocation", context, (
            sorted(asked.available_deviceIDs), sorted(asked.must_include_deviceIDs), asked.allocation_size))
        return api.PreferredAllocationResponse(
            container_responses=[api.ContainerPreferredAllocationResponse(deviceIDs=self.prefers.split(","))])

    async def Allocate(self, request: Any, context: Any) -> api.AllocateResponse:
        devices = sorted(request.container_requests[0].devices_ids)
        await self._called("Allocate", context, devices)
        await self.gate.wait()
        name = self.resource.rpartition("/")[2].upper()
        given = api.ContainerAllocateResponse(
            envs={f"{name}_DEVICES": ",".join(devices)}, annotations={f"{self.resource}": ",".join(devices)},
            mounts=[api.Mount(container_path=f"/opt/{name.lower()}", host_path="/etc", read_only=True)],
            devices=[api.DeviceSpec(container_path=f"/dev/{name.lower()}", host_path="/dev/null", permissions="rw")],
        )
        return api.AllocateResponse(container_responses=[given])

    async def PreStartContainer(self, request: Any, context: Any) -> api.PreStartContainerResponse:
        await self._called("PreStartContainer", context, sorted(request.devices_ids))
        return api.PreStartContainerResponse()


async def _main(directory: str, resource: str, *devices: str) -> None:
    plugin, toggle = DevicePlugin(Path(directory), resource, *devices, pre_start=True), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, toggle.set)
    await plugin.start()
    socket = Path(directory, "kubelet.sock")
    born = socket.stat().st_ctime_ns  # its inode may be given to the next one
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await toggle.wait()
                toggle.clear()
                last = devices[-1]
                await plugin.set_health(last, "Unhealthy" if plugin.health[last] == "Healthy" else "Healthy")
        with contextlib.suppress(FileNotFoundError):
            if (changed := socket.stat().st_ctime_ns) != born:  # the kubelet has been restarted
                await plugin.stop()
                await plugin.start()
                born = changed


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
