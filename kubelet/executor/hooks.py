"""Lifecycle hooks: postStart and preStop by exec, httpGet or sleep (pkg/kubelet/lifecycle/handlers.go).

An HTTPS hook that is answered in plain HTTP is tried again with HTTP and told about in an event, because clusters
carry such hooks from the time when the scheme was ignored. Any answer to an HTTP hook is a success, and one that takes
minutes (a server that drains) is waited for. The API knows tcpSocket hooks as well, and says that they fail.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from cri.errors import CriError
from cri.v1 import api_pb2 as cri
from kubelet.api.meta import AnyContainer, formatted, pod_reference
from kubelet.api.types import HTTPGetAction, IntOrString, LifecycleHandler, Pod
from kubelet.events import EventRecorder
from kubelet.version import KUBERNETES_VERSION
from probes import HttpHandler
from probes.dial import join_host_port
from probes.httpget import HttpGetError, PlainAnswerError, canonical, send_get

logger = logging.getLogger(__name__)

USER_AGENT = "kube-lifecycle/" + ".".join(KUBERNETES_VERSION.lstrip("v").split(".")[:2])
OUTPUT_CAP = 10 * 1024


class HookError(Exception):
    """A hook did not succeed; the text says which way it failed."""


class HookRuntime(Protocol):
    def ExecSync(self, request: cri.ExecSyncRequest, /) -> Awaitable[cri.ExecSyncResponse]: ...


async def run_hook(
    runtime: HookRuntime, recorder: EventRecorder, pod: Pod, container: AnyContainer, container_id: str,
    handler: LifecycleHandler, pod_ip: str, on_fallback: Callable[[], None] = lambda: None,
) -> None:
    """Run one handler to its end. No time limit of its own: the caller's deadline counts. Raises HookError.

    `on_fallback` hears of an HTTPS hook that was answered in plain HTTP and run so."""
    if handler.exec is not None:
        await _run_exec(runtime, pod, container, container_id, handler.exec.command)
    elif handler.http_get is not None:
        if await _run_http(recorder, pod, container, handler.http_get, pod_ip):
            on_fallback()
    elif handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
    else:
        known = "it names neither exec, httpGet nor sleep"
        what = "tcpSocket is not supported in hooks" if handler.tcp_socket else known
        raise HookError(f"Cannot run handler: invalid handler: {what}")


async def _run_exec(
    runtime: HookRuntime, pod: Pod, container: AnyContainer, container_id: str, command: tuple[str, ...]
) -> None:
    output = problem = ""
    try:
        done = await runtime.ExecSync(cri.ExecSyncRequest(container_id=container_id, cmd=command))
    except CriError as error:
        problem = error.as_status
    else:
        if done.exit_code:
            stderr = done.stderr[:OUTPUT_CAP].decode(errors="replace")
            problem = f"command '{' '.join(command)}' exited with {done.exit_code}: {stderr}"
        output = (done.stdout + done.stderr)[:OUTPUT_CAP].decode(errors="replace")
    if problem:
        raise HookError(
            f'Exec lifecycle hook ([{" ".join(command)}]) for Container "{container.name}" in Pod "{formatted(pod)}" '
            f"failed - error: {problem}, message: {json.dumps(output, ensure_ascii=False)}"
        )


async def _run_http(
    recorder: EventRecorder, pod: Pod, container: AnyContainer, action: HTTPGetAction, pod_ip: str
) -> bool:
    """Whether it was run over plain HTTP instead of HTTPS."""
    if not (action.host or pod_ip):
        raise HookError("the pod has no IP address to send the HTTP hook to")
    handler = HttpHandler(
        resolve_port(action.port, container), action.path or "/", (action.scheme or "HTTP").lower(), action.host,
        tuple((item.name, item.value) for item in action.http_headers),
    )
    try:
        try:
            await send_get(handler, pod_ip, USER_AGENT)
        except PlainAnswerError:
            await _run_plain(recorder, pod, handler, pod_ip)
            return True
    except HttpGetError as error:
        raise _http_failed(pod, container, action, error) from None
    return False


def _http_failed(pod: Pod, container: AnyContainer, action: HTTPGetAction, error: HttpGetError) -> HookError:
    return HookError(f'HTTP lifecycle hook ({action.path}) for Container "{container.name}" in Pod "{formatted(pod)}" '
                     f"failed - error: {error}")


async def _run_plain(recorder: EventRecorder, pod: Pod, handler: HttpHandler, pod_ip: str) -> None:
    """The hook again, over plain HTTP, where a credential must not go. Raises HttpGetError."""
    headers = tuple((name, value) for name, value in handler.headers if canonical(name) != "Authorization")
    await send_get(replace(handler, scheme="http", headers=headers), pod_ip, USER_AGENT)
    address = join_host_port(handler.host or pod_ip, handler.port)
    recorder.event(
        pod_reference(pod), "Warning", "LifecycleHTTPFallback",
        f"request to HTTPS lifecycle hook {address} got HTTP response, retry with HTTP succeeded",
    )


def resolve_port(port: IntOrString, container: AnyContainer) -> int:
    """A port's number; a name is looked up among the container's ports. Raises HookError."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for candidate in getattr(container, "ports", ()):
        if candidate.name == port:
            return int(candidate.container_port)
    raise HookError(f"container {container.name} has no port named {port!r}")
