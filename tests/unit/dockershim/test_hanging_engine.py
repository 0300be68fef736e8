"""An engine that hangs on one container: only who asks about that one waits, and no longer than it likes to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from shim_in_memory import ShimInMemory

from cri import errors
from cri.client import RuntimeClient
from cri.v1 import api_pb2 as cri

Verb = Callable[[RuntimeClient, str, str], Awaitable[object]]
"""Given a client, a sandbox and a container of it."""
ABOUT_ONE: dict[str, Verb] = {
    "StartContainer": lambda r, _, c: r.StartContainer(cri.StartContainerRequest(container_id=c)),
    "StopContainer": lambda r, _, c: r.StopContainer(cri.StopContainerRequest(container_id=c, timeout=0)),
    "RemoveContainer": lambda r, _, c: r.RemoveContainer(cri.RemoveContainerRequest(container_id=c)),
    "ContainerStatus": lambda r, _, c: r.ContainerStatus(cri.ContainerStatusRequest(container_id=c)),
    "UpdateContainerResources": lambda r, _, c: r.UpdateContainerResources(
        cri.UpdateContainerResourcesRequest(container_id=c, linux=cri.LinuxContainerResources(cpu_shares=5))
    ),
    "ExecSync": lambda r, _, c: r.ExecSync(cri.ExecSyncRequest(container_id=c, cmd=["x"], timeout=60)),
    "StopPodSandbox": lambda r, s, _: r.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=s)),
    "RemovePodSandbox": lambda r, s, _: r.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=s)),
}
"""Verbs that have to ask the engine about this container."""
ABOUT_ALL: dict[str, Verb] = {
    "Version": lambda r, *_: r.Version(cri.VersionRequest()),
    "Status": lambda r, *_: r.Status(cri.StatusRequest(verbose=True)),
    "RuntimeConfig": lambda r, *_: r.RuntimeConfig(cri.RuntimeConfigRequest()),
    "ListPodSandbox": lambda r, *_: r.ListPodSandbox(cri.ListPodSandboxRequest()),
    "ListContainers": lambda r, *_: r.ListContainers(cri.ListContainersRequest()),
    "ListContainerStats": lambda r, *_: r.ListContainerStats(cri.ListContainerStatsRequest()),
    "ListPodSandboxStats": lambda r, *_: r.ListPodSandboxStats(cri.ListPodSandboxStatsRequest()),
    "ListPodSandboxMetrics": lambda r, *_: r.ListPodSandboxMetrics(cri.ListPodSandboxMetricsRequest()),
}


async def running_pod(world: ShimInMemory, name: str) -> tuple[str, str]:
    sandbox_id = await world.run_pod(world.pod(name))
    container_id = await world.create(sandbox_id, name)
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    while world.shim.inventory._queues:  # noqa: ASYNC110 - events may still have to be followed up
        await asyncio.sleep(0.005)
    return sandbox_id, container_id


@pytest.mark.parametrize("name", ABOUT_ONE)
async def test_a_call_about_it_ends_with_its_caller_s_deadline(world: ShimInMemory, name: str) -> None:
    sandbox_id, container_id = await running_pod(world, "stuck")
    world.engine.hang.add(container_id)
    if name.endswith("PodSandbox"):
        world.engine.hang.add(sandbox_id)
    async with RuntimeClient(f"unix://{world.directory}/cri.sock", 0.3) as impatient:
        with pytest.raises((errors.DeadlineExceededError, TimeoutError)):
            async with asyncio.timeout(0.5):  # for ExecSync, whose deadline is its own timeout and more
                await ABOUT_ONE[name](impatient, sandbox_id, container_id)
    async with asyncio.timeout(5):
        while not world.engine.aborted:  # noqa: ASYNC110 - the engine is on the other side of a socket
            await asyncio.sleep(0.005)
    assert all(container_id in path or sandbox_id in path for path in world.engine.aborted)


async def test_all_other_calls_are_answered_meanwhile(world: ShimInMemory) -> None:
    """Every verb about another container, every list, and the making and ending of other pods."""
    stuck_sandbox, stuck = await running_pod(world, "stuck")
    world.engine.hang.add(stuck)
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(hangs(verb(world.runtime, stuck_sandbox, stuck)))
            for name, verb in ABOUT_ONE.items() if not name.endswith("PodSandbox")
        ]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(10):
            for verb in ABOUT_ALL.values():
                await verb(world.runtime, "", "")
            sandbox_id, container_id = await running_pod(world, "other")
            for name in ("ContainerStatus", "UpdateContainerResources", "StopContainer", "RemoveContainer",
                         "StopPodSandbox", "RemovePodSandbox"):
                await ABOUT_ONE[name](world.runtime, sandbox_id, container_id)
        listed = (await world.runtime.ListContainers(cri.ListContainersRequest())).containers
        assert [item.id for item in listed] == [stuck]
        for task in waiting:
            assert not task.done()
            task.cancel()


async def hangs(call: Awaitable[object]) -> None:
    await call
    raise AssertionError("a call about a container that the engine hangs on was answered")


async def test_a_reconnect_does_not_wait_for_it(world: ShimInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of it stays, it counts as there, and what has become of it is told when the engine shows it."""
    monkeypatch.setattr("dockershim.inventory._RESYNC_SECONDS", 0.1)
    sandbox_id, container_id = await running_pod(world, "stuck")
    other_sandbox, _ = await running_pod(world, "other")
    seen: list[tuple[str, int]] = []

    async def follow() -> None:
        async for event in world.runtime.events():
            seen.append((event.container_id, event.container_event_type))  # noqa: PERF401

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await asyncio.sleep(0.05)
        world.engine.hang.add(container_id)
        world.engine.drop_clients()
        async with asyncio.timeout(5):
            while not world.shim.state.reason:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.002)
            await world.until_ready()
        listed = (await world.runtime.ListContainers(cri.ListContainersRequest())).containers
        assert {item.id: item.state for item in listed}[container_id] == cri.CONTAINER_RUNNING
        assert container_id in world.shim.inventory.may_be_sandboxes()
        await world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=other_sandbox))
        world.engine.containers[container_id].state = "exited"
        world.engine.hang.clear()
        world.engine.drop_clients()
        async with asyncio.timeout(5):
            while (container_id, cri.CONTAINER_STOPPED_EVENT) not in seen:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
        following.cancel()
    assert container_id not in world.shim.inventory.unread and sandbox_id in world.shim.inventory.sandboxes
