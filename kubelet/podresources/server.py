"""The socket of the podresources API. Its messages are loaded with the first request.

Clients that ask more often than 100 times a second are refused after a burst of 10, as upstream has it: the answers are
made on the loop that runs the pods.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from kubelet.api.types import Pod
from kubelet.grpcsocket import serve

if TYPE_CHECKING:
    from kubelet.podresources.answers import Devices

logger = logging.getLogger(__name__)

DIRECTORY, SOCKET_NAME = "pod-resources", "kubelet.sock"
QPS, BURST = 100.0, 10.0


class NotFoundError(Exception):
    """The pod that is asked for is not here; told as it stands."""


@dataclass(frozen=True, slots=True)
class Sources:
    """`active`: pods that use the node; `pods`: all that are wanted; `by_name`: namespace and name."""

    active: Callable[[], Sequence[Pod]]
    pods: Callable[[], Sequence[Pod]]
    by_name: Callable[[str, str], Pod | None]
    devices: "Devices"
    use_active: bool = True
    """The gate KubeletPodResourcesListUseActivePods."""
    observe: Callable[[str, str, bool], None] = lambda _version, _method, _failed: None


class Limiter:
    """A bucket of BURST tokens that fills at QPS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._tokens, self._at = clock, BURST, clock()

    def take(self) -> bool:
        now = self._clock()
        self._tokens, self._at = min(BURST, self._tokens + (now - self._at) * QPS), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class PodResourcesServer:
    def __init__(self, root_dir: Path, sources: Sources, limiter: Limiter | None = None) -> None:
        self.directory, self._sources, self._limiter = root_dir / DIRECTORY, sources, limiter or Limiter()
        self.settled = asyncio.Event()
        """Set once it serves, or cannot."""

    async def run(self) -> None:
        """Serve until cancelled. A socket that cannot be had costs the node this API, and nothing else."""
        services = [
            grpc.method_handlers_generic_handler(
                f"{version}.PodResourcesLister",
                {name: grpc.unary_unary_rpc_method_handler(self._method(version, name)) for name in methods},
            )
            for version, methods in (("v1", ("List", "Get", "GetAllocatableResources")), ("v1alpha1", ("List",)))
        ]
        socket = self.directory / SOCKET_NAME
        try:
            await serve(socket, services, partial(_prepare, socket), self.settled)
        except (OSError, RuntimeError) as error:
            logger.error("Failed to create listener for podResources endpoint path=%s error=%s", socket, error)

    def _method(self, version: str, name: str) -> Callable[[bytes, Any], Any]:
        async def answer(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            if not self._limiter.take():
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by rate limit")
            try:
                response = self._answer(version, name, request)
            except NotFoundError as error:
                self._sources.observe(version, name, True)
                await context.abort(grpc.StatusCode.UNKNOWN, str(error))
            self._sources.observe(version, name, False)
            return response

        return answer

    def _answer(self, version: str, name: str, request: bytes) -> bytes:
        from kubelet.podresources import answers

        sources, devices = self._sources, self._sources.devices
        match version, name:
            case "v1", "List":
                devices.retain_active()
                pods = sources.active() if sources.use_active else sources.pods()
                return answers.listed(pods, devices).SerializeToString()
            case "v1", "Get":
                return self._get(request)
            case "v1", _:
                return answers.allocatable(devices).SerializeToString()
        devices.retain_active()
        return answers.listed_v1alpha1(sources.pods(), devices).SerializeToString()

    def _get(self, request: bytes) -> bytes:
        from kubelet.podresources import answers
        from kubelet.podresources.v1 import api_pb2 as v1

        wanted = v1.GetPodResourcesRequest.FromString(request)
        pod = self._sources.by_name(wanted.pod_namespace, wanted.pod_name)
        if pod is None:
            raise NotFoundError(f"pod {wanted.pod_name} in namespace {wanted.pod_namespace} not found")
        found = answers.pod_resources(pod, self._sources.devices)
        return v1.GetPodResourcesResponse(pod_resources=found).SerializeToString()


def _prepare(socket: Path) -> None:
    """Make the directory, and room for the socket. Raises OSError; blocking."""
    socket.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
