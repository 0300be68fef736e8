"""Lifecycle hooks: postStart and preStop by exec, httpGet or sleep (pkg/kubelet/lifecycle/handlers.go).

An HTTPS hook that is answered in plain HTTP is tried again with HTTP and told about in an event, because clusters
carry such hooks from the time when the scheme was ignored.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import AnyContainer, ContainerKind, container_field_path, pod_reference
from kubelet.api.types import HTTPGetAction, IntOrString, LifecycleHandler, Pod
from kubelet.events import EventRecorder
from kubelet.version import KUBERNETES_VERSION

if TYPE_CHECKING:
    from aiohttp import ClientSession

logger = logging.getLogger(__name__)

USER_AGENT = "kube-lifecycle/" + ".".join(KUBERNETES_VERSION.lstrip("v").split(".")[:2])
HTTP_TIMEOUT_SECONDS = 30.0
OUTPUT_CAP = 10 * 1024


class HookError(Exception):
    """A hook did not succeed; the text says which way it failed."""


class HookRuntime(Protocol):
    def ExecSync(self, request: cri.ExecSyncRequest, /) -> Awaitable[cri.ExecSyncResponse]: ...


async def run_hook(
    runtime: HookRuntime, recorder: EventRecorder, pod: Pod, container: AnyContainer, container_id: str,
    handler: LifecycleHandler, pod_ip: str,
) -> None:
    """Run one handler to its end. No time limit of its own: the caller's deadline counts. Raises HookError."""
    if handler.exec is not None:
        await _run_exec(runtime, container_id, container.name, handler.exec.command)
    elif handler.http_get is not None:
        await _run_http(recorder, pod, container, handler.http_get, pod_ip)
    elif handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
    else:
        raise HookError("invalid handler: it names neither exec, httpGet nor sleep")


async def _run_exec(runtime: HookRuntime, container_id: str, name: str, command: tuple[str, ...]) -> None:
    try:
        done = await runtime.ExecSync(cri.ExecSyncRequest(container_id=container_id, cmd=command))
    except CriError as error:
        raise HookError(f"exec hook {list(command)} of container {name} could not be run: {error}") from None
    if done.exit_code:
        output = (done.stdout + done.stderr)[:OUTPUT_CAP].decode(errors="replace").strip()
        raise HookError(f"exec hook {list(command)} of container {name} exited with {done.exit_code}: {output}")


async def _run_http(
    recorder: EventRecorder, pod: Pod, container: AnyContainer, action: HTTPGetAction, pod_ip: str
) -> None:
    # aiohttp costs start-up time and memory that a node without HTTP hooks need not pay.
    import aiohttp

    host = action.host or pod_ip
    if not host:
        raise HookError("the pod has no IP address to send the HTTP hook to")
    port = resolve_port(action.port, container)
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*"} | {item.name: item.value for item in action.http_headers}
    scheme = (action.scheme or "HTTP").lower()
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connector = aiohttp.TCPConnector(ssl=False, force_close=True)
    timeout = aiohttp.ClientTimeout(total=HTTP_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            await _get(session, f"{scheme}://{netloc}{path}", headers)
        except aiohttp.ClientSSLError as error:
            if scheme != "https":
                raise HookError(f"HTTP hook to {netloc} failed: {error}") from None
            plain = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            try:
                await _get(session, f"http://{netloc}{path}", plain)
            except aiohttp.ClientError as fallback:
                raise HookError(f"HTTP hook to {netloc} failed: {fallback}") from None
            recorder.event(
                pod_reference(pod, container_field_path(ContainerKind.REGULAR, container.name)), "Warning",
                "LifecycleHTTPFallback",
                f"request to HTTPS lifecycle hook got HTTP response, retry with HTTP succeeded: {error}",
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HookError(f"HTTP hook to {netloc} failed: {error or type(error).__name__}") from None


async def _get(session: "ClientSession", url: str, headers: dict[str, str]) -> None:
    async with session.get(url, headers=headers) as response:
        await response.content.read(OUTPUT_CAP)


def resolve_port(port: IntOrString, container: AnyContainer) -> int:
    """A port's number; a name is looked up among the container's ports. Raises HookError."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for candidate in getattr(container, "ports", ()):
        if candidate.name == port:
            return int(candidate.container_port)
    raise HookError(f"container {container.name} has no port named {port!r}")
