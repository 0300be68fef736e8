"""The socket at which device plugins register: `<root-dir>/device-plugins/kubelet.sock` (plugin/v1beta1/server.go).

Sockets in that directory are removed at the start, as upstream does: plugins watch for the kubelet's to come anew and
register again then. The protocol's messages are loaded with the first request; until then this is one open socket.
"""

import asyncio
import logging
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from kubelet.grpcsocket import serve
from kubelet.resources import is_extended_resource

logger = logging.getLogger(__name__)

SOCKET_NAME = "kubelet.sock"
VERSION = "v1beta1"


class RegistrationError(Exception):
    """The plugin is not taken; told to it as it stands."""


@dataclass(frozen=True, slots=True)
class Registration:
    resource: str
    endpoint: str
    """The name of the plugin's socket in the same directory."""
    version: str = VERSION


Register = Callable[[Registration], Awaitable[None]]


def check(registration: Registration) -> None:
    """Raises RegistrationError for what this kubelet cannot take."""
    if registration.version != VERSION:
        raise RegistrationError(
            f'requested API version "{registration.version}" is not supported by kubelet. '
            f'Supported version is ["{VERSION}"]'
        )
    if not is_extended_resource(registration.resource):
        raise RegistrationError(f'the ResourceName "{registration.resource}" is invalid')


class RegistrationServer:
    def __init__(self, directory: Path, register: Register) -> None:
        """`register` raises RegistrationError."""
        self.directory, self._register = directory, register
        self.problem = ""
        """Why no plugin can register; the healthz check `device-plugin`."""
        self.settled = asyncio.Event()
        """Set once it serves, or has a problem."""

    async def run(self) -> None:
        """Serve until cancelled. A socket that cannot be had costs the node its devices, and nothing else."""
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer, request_deserializer=_request, response_serializer=_response)
        service = grpc.method_handlers_generic_handler(f"{VERSION}.Registration", {"Register": handler})
        try:
            await serve(self.directory / SOCKET_NAME, [service], partial(prepare, self.directory), self.settled)
        except (OSError, RuntimeError) as error:
            self.problem = ("device registration error: device plugin registration gRPC server failed and no device "
                            f"plugins can register: {error}")
            logger.error("%s", self.problem)

    async def _answer(self, request: Registration, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        try:
            await self._register(request)
        except RegistrationError as error:
            logger.error("Device plugin is not taken resource=%s endpoint=%s error=%s",
                         request.resource, request.endpoint, error)
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _request(data: bytes) -> Registration:
    from kubelet.devices.v1beta1 import api_pb2 as api

    request = api.RegisterRequest.FromString(data)
    return Registration(request.resource_name, request.endpoint, request.version)


def _response(_: None) -> bytes:
    return b""  # Empty


def prepare(directory: Path) -> None:
    """Make the directory and remove the sockets of earlier lives. Raises OSError; blocking."""
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    for entry in directory.iterdir():
        try:
            if stat.S_ISSOCK(entry.stat().st_mode):
                entry.unlink()
        except FileNotFoundError:
            continue
