"""The CRI v1 client: one channel per service over a Unix socket, every call with a deadline and typed errors.

    runtime = RuntimeClient("unix:///run/containerd/containerd.sock", request_timeout=120)
    sandbox_id = (await runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))).pod_sandbox_id

Method names are the RPCs'. Deadlines are those of the upstream client (pkg/kubelet/..cri-client/remote_runtime.go):
`request_timeout` for most, twice that for RunPodSandbox, the call's own grace or timeout on top for StopContainer and
ExecSync, none for PullImage and for event streams. Failures are raised as cri.errors.CriError.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc.aio

from cri.errors import BY_CODE, CriError, UnknownError
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
SANDBOX_ID_METADATA = "podwright-sandbox-id"
"""RunPodSandbox, sent ahead of its answer: the id, as soon as containers may be created in it."""
SANDBOX_IPS_METADATA = "podwright-sandbox-ips"
"""RunPodSandbox, sent with its answer: the addresses, comma-separated; saves a PodSandboxStatus. Other runtimes send
neither, other clients ignore both."""
Request = TypeVar("Request")
Response = TypeVar("Response")
Observer = Callable[[str, float, CriError | None], None]
"""Told of each finished call: RPC name, seconds, error or None; feeds kubelet_runtime_operations_*."""

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Reconnect as upstream's client does: soon at first, never later than three seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Not a delay, despite its name: how long an attempt to connect may last. A busy machine needs more than the 100 ms
    # between attempts, and calls would fail with "timed out before receiving SETTINGS frame".
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 3000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.default_authority", "localhost"),
    # Two clients in one process may not share a broken subchannel of a server that was replaced.
    ("grpc.use_local_subchannel_pool", 1),
]


def normalize_endpoint(endpoint: str) -> str:
    """`unix:///path`, from that or a bare absolute path. Raises ValueError for anything else."""
    if endpoint.startswith("/"):
        return f"unix://{endpoint}"
    if endpoint.startswith("unix:///"):
        return endpoint
    raise ValueError(f"{endpoint!r} is not a CRI endpoint: use unix:///path/to/the.sock")


@dataclass(frozen=True, slots=True)
class NewSandbox:
    """What RunPodSandbox brought; `ips` is None when the runtime has to be asked for them."""

    id: str
    ips: tuple[str, ...] | None = None


class _Client:
    def __init__(self, endpoint: str, request_timeout: float = 120.0, observe: Observer | None = None) -> None:
        self.endpoint = normalize_endpoint(endpoint)
        self.request_timeout = request_timeout
        self._observe = observe
        self._channel = grpc.aio.insecure_channel(self.endpoint, options=_OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    def _unary(
        self,
        name: str,
        rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        timeout_of: Callable[[Request], float | None] | None = None,
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """`rpc` with a deadline, typed errors and the observer around it."""

        async def call(request: Request) -> Response:
            begin = time.monotonic()
            failure: CriError | None = None
            try:
                return await rpc(request, timeout=timeout_of(request) if timeout_of else self.request_timeout)
            except grpc.aio.AioRpcError as error:
                failure = from_rpc_error(error, name)
                raise failure from None
            finally:
                if self._observe:
                    self._observe(name, time.monotonic() - begin, failure)

        return call


def from_rpc_error(error: grpc.aio.AioRpcError, method: str) -> CriError:
    return BY_CODE.get(error.code(), UnknownError)(error.details() or error.code().name, method)


class RuntimeClient(_Client):
    """RuntimeService. One method per unary RPC, named as in the protocol, and `events` for GetContainerEvents."""

    def __init__(self, endpoint: str, request_timeout: float = 120.0, observe: Observer | None = None) -> None:
        super().__init__(endpoint, request_timeout, observe)
        self._stub = stub = cri_grpc.RuntimeServiceStub(self._channel)
        unary = self._unary
        self.Version = unary("Version", stub.Version)
        self.RunPodSandbox = unary("RunPodSandbox", stub.RunPodSandbox, lambda _: 2 * self.request_timeout)
        # As a stream of one answer: of a unary call, grpc.aio gives metadata that was sent ahead only at its end.
        self._run_pod_sandbox = self._channel.unary_stream(
            "/runtime.v1.RuntimeService/RunPodSandbox",
            request_serializer=cri.RunPodSandboxRequest.SerializeToString,
            response_deserializer=cri.RunPodSandboxResponse.FromString,
        )
        self.StopPodSandbox = unary("StopPodSandbox", stub.StopPodSandbox)
        self.RemovePodSandbox = unary("RemovePodSandbox", stub.RemovePodSandbox)
        self.PodSandboxStatus = unary("PodSandboxStatus", stub.PodSandboxStatus)
        self.ListPodSandbox = unary("ListPodSandbox", stub.ListPodSandbox)
        self.CreateContainer = unary("CreateContainer", stub.CreateContainer)
        self.StartContainer = unary("StartContainer", stub.StartContainer)
        self.StopContainer = unary("StopContainer", stub.StopContainer, self._plus_grace)
        self.RemoveContainer = unary("RemoveContainer", stub.RemoveContainer)
        self.ListContainers = unary("ListContainers", stub.ListContainers)
        self.ContainerStatus = unary("ContainerStatus", stub.ContainerStatus)
        self.UpdateContainerResources = unary("UpdateContainerResources", stub.UpdateContainerResources)
        self.ReopenContainerLog = unary("ReopenContainerLog", stub.ReopenContainerLog)
        self.ExecSync = unary("ExecSync", stub.ExecSync, self._exec_deadline)
        self.Exec = unary("Exec", stub.Exec)
        self.Attach = unary("Attach", stub.Attach)
        self.PortForward = unary("PortForward", stub.PortForward)
        self.ContainerStats = unary("ContainerStats", stub.ContainerStats)
        self.ListContainerStats = unary("ListContainerStats", stub.ListContainerStats)
        self.PodSandboxStats = unary("PodSandboxStats", stub.PodSandboxStats)
        self.ListPodSandboxStats = unary("ListPodSandboxStats", stub.ListPodSandboxStats)
        self.UpdateRuntimeConfig = unary("UpdateRuntimeConfig", stub.UpdateRuntimeConfig)
        self.Status = unary("Status", stub.Status)
        self.CheckpointContainer = unary("CheckpointContainer", stub.CheckpointContainer, self._plus_grace)
        self.ListMetricDescriptors = unary("ListMetricDescriptors", stub.ListMetricDescriptors)
        self.ListPodSandboxMetrics = unary("ListPodSandboxMetrics", stub.ListPodSandboxMetrics)
        self.RuntimeConfig = unary("RuntimeConfig", stub.RuntimeConfig)
        self.UpdatePodSandboxResources = unary("UpdatePodSandboxResources", stub.UpdatePodSandboxResources)

    async def run_pod_sandbox(
        self, request: cri.RunPodSandboxRequest, on_created: Callable[[str], None] = lambda _: None
    ) -> NewSandbox:
        """RunPodSandbox; `on_created` hears the id as soon as containers may be created in it, if the runtime tells."""
        begin, failure = time.monotonic(), None
        call = self._run_pod_sandbox(request, timeout=2 * self.request_timeout)
        try:
            for key, value in await call.initial_metadata() or ():
                if key == SANDBOX_ID_METADATA:
                    on_created(str(value))
            ids = [response.pod_sandbox_id async for response in call]
            trailing = dict(await call.trailing_metadata() or ())
        except asyncio.CancelledError:
            call.cancel()
            raise
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error, "RunPodSandbox")
            raise failure from None
        finally:
            if self._observe:
                self._observe("RunPodSandbox", time.monotonic() - begin, failure)
        if len(ids) != 1:
            raise UnknownError(f"the runtime gave {len(ids)} answers instead of one", "RunPodSandbox")
        ips = trailing.get(SANDBOX_IPS_METADATA)
        return NewSandbox(ids[0], None if ips is None else tuple(ip for ip in str(ips).split(",") if ip))

    async def events(self) -> AsyncIterator[cri.ContainerEventResponse]:
        """GetContainerEvents until the peer ends it; raises CriError when it breaks (UnimplementedError: no stream)."""
        try:
            async for event in self._stub.GetContainerEvents(cri.GetEventsRequest()):
                yield event
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, "GetContainerEvents") from None

    def _plus_grace(self, request: cri.StopContainerRequest | cri.CheckpointContainerRequest) -> float:
        return request.timeout + self.request_timeout

    def _exec_deadline(self, request: cri.ExecSyncRequest) -> float | None:
        return request.timeout + self.request_timeout if request.timeout else None


class ImageClient(_Client):
    """ImageService. One method per unary RPC, named as in the protocol."""

    def __init__(self, endpoint: str, request_timeout: float = 120.0, observe: Observer | None = None) -> None:
        super().__init__(endpoint, request_timeout, observe)
        stub = cri_grpc.ImageServiceStub(self._channel)
        unary = self._unary
        self.ListImages = unary("ListImages", stub.ListImages)
        self.ImageStatus = unary("ImageStatus", stub.ImageStatus)
        self.PullImage = unary("PullImage", stub.PullImage, lambda _: None)
        self.RemoveImage = unary("RemoveImage", stub.RemoveImage)
        self.ImageFsInfo = unary("ImageFsInfo", stub.ImageFsInfo)
