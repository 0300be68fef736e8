"""Stopping one container: hook and stop share one deadline, and a late hook ends with its container."""

import asyncio
from typing import cast

import pytest

from cri.client import RuntimeClient
from cri.errors import CriError, UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import Container, ExecAction, Lifecycle, LifecycleHandler, ObjectMeta, Pod, PodSpec
from kubelet.events import LogEventRecorder
from kubelet.executor.kill import MINIMUM_STOP_SECONDS, Killer
from pleg.state import ContainerID, ContainerStatus, RunState, SandboxID

pytestmark = pytest.mark.looptime

STATUS = ContainerStatus(ContainerID("c1"), "c", SandboxID("s1"), RunState.RUNNING, 1)


class Runtime:
    """A runtime whose exec ends by itself after a while, or with the container; which ignores SIGTERM."""

    def __init__(self, hook_seconds: float, problem: CriError | None = None) -> None:
        self.hook_seconds, self.problem = hook_seconds, problem
        self.hook_ended_at: float | None = None
        self.stop_asked_at: float | None = None
        self.stop_timeout: int | None = None

    async def ExecSync(self, _request: cri.ExecSyncRequest, /) -> cri.ExecSyncResponse:
        try:
            await asyncio.sleep(self.hook_seconds)
        finally:
            self.hook_ended_at = asyncio.get_running_loop().time()
        return cri.ExecSyncResponse()

    async def StopContainer(self, request: cri.StopContainerRequest, /) -> cri.StopContainerResponse:
        self.stop_asked_at, self.stop_timeout = asyncio.get_running_loop().time(), request.timeout
        await asyncio.sleep(request.timeout)
        if self.problem is not None:
            raise self.problem
        return cri.StopContainerResponse()


async def kill(runtime: Runtime, grace: int = 30) -> float:
    """Kills the container; returns how long that took."""
    hook = Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=("wait",))))
    pod = Pod(
        metadata=ObjectMeta(name="p", namespace="n", uid="u"),
        spec=PodSpec(containers=(Container(name="c", lifecycle=hook),), termination_grace_period_seconds=grace),
    )
    loop = asyncio.get_running_loop()
    killer = Killer(cast(RuntimeClient, runtime), LogEventRecorder(), loop.time)
    started = loop.time()
    await killer.kill_container(pod, STATUS, pod_ip="")
    return loop.time() - started


async def test_a_hook_uses_up_the_grace_period() -> None:
    runtime = Runtime(hook_seconds=10)
    assert await kill(runtime) == pytest.approx(30)
    assert runtime.stop_asked_at == pytest.approx(10) and runtime.stop_timeout == 20


async def test_a_hook_that_does_not_end_runs_on_until_its_container_has_gone() -> None:
    runtime = Runtime(hook_seconds=1000)
    assert await kill(runtime) == pytest.approx(30 + MINIMUM_STOP_SECONDS)
    assert runtime.stop_asked_at == pytest.approx(30) and runtime.stop_timeout == MINIMUM_STOP_SECONDS
    assert runtime.hook_ended_at == pytest.approx(30 + MINIMUM_STOP_SECONDS)


async def test_a_stop_that_fails_says_so_and_leaves_no_hook_behind() -> None:
    runtime = Runtime(hook_seconds=1000, problem=UnavailableError("the engine is gone"))
    with pytest.raises(CriError, match="the engine is gone"):
        await kill(runtime, grace=5)
    assert runtime.hook_ended_at == pytest.approx(5 + MINIMUM_STOP_SECONDS)
