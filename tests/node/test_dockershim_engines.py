"""Engines that stop, are killed and come back, with and without live-restore, with pods running and being made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from shim_under_test import ShimUnderTest, eventually

from conformance import builds, images
from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

COUNT = "trap 'exit 5' TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done"
STOPPED = cri.CONTAINER_STOPPED_EVENT


@contextlib.asynccontextmanager
async def node_of(engine: str, name: str, *arguments: str) -> AsyncIterator[ThrowawayNode]:
    if engine == "29":
        builds.ensure(["moby", "containerd", "runc"])
    async with ThrowawayNode(f"node-test-{name}-{engine.replace('.', '-')}", engine=engine,
                             engine_args=arguments) as node:
        await node.write_cni()
        await images.load_into_engine(node.docker_socket, images.node_images())
        yield node


@pytest_asyncio.fixture(params=["20.10", "29"])
async def live_node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    async with node_of(request.param, "live", "--live-restore") as node:
        yield node


@pytest_asyncio.fixture(params=["20.10", "29"])
async def plain_node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    async with node_of(request.param, "plain") as node:
        yield node


class Watcher:
    """What GetContainerEvents tells, followed through every outage of the engine."""

    def __init__(self, shim: ShimUnderTest) -> None:
        self._shim = shim
        self.seen: list[cri.ContainerEventResponse] = []

    async def run(self) -> None:
        async for event in self._shim.runtime.events():
            self.seen.append(event)

    async def stopped(self, container_id: str) -> cri.ContainerEventResponse:
        async def told() -> cri.ContainerEventResponse | None:
            found = [event for event in self.seen
                     if event.container_id == container_id and event.container_event_type == STOPPED]
            return found[0] if found else None

        return await eventually(told, f"the end of {container_id} among {[one.container_id for one in self.seen]}")


async def pid_of(shim: ShimUnderTest, container_id: str) -> str:
    """In the node."""
    return (await shim.node.run(["docker", "inspect", "-f", "{{.State.Pid}}", container_id])).stdout.strip()


async def end_engine(node: ThrowawayNode, how: str) -> None:
    assert node.engine_process is not None
    if how == "SIGKILL":
        node.engine_process.kill()
        await node.engine_process.wait()
    else:
        await node.engine_process.stop(30)


async def lines(shim: ShimUnderTest, container_id: str) -> list[int]:
    text = shim.log((await shim.status(container_id)).log_path)
    return [int(line.split()[-1]) for line in text.splitlines()]


async def test_pods_run_on_through_engine_restarts_with_live_restore(live_node: ThrowawayNode) -> None:
    """Their state comes back without being asked for; what ended meanwhile is told to who subscribed before."""
    async with ShimUnderTest(live_node) as shim, asyncio.TaskGroup() as group:
        watcher = Watcher(shim)
        watching = group.create_task(watcher.run())
        pod = shim.pod("live")
        sandbox_id = await shim.run_pod(pod)
        steady = await shim.run_container(sandbox_id, pod, shim.container(COUNT, name="steady"))
        before, sandbox = await shim.status(steady), await shim.sandbox_status(sandbox_id)
        for how in ("SIGTERM", "SIGKILL"):
            brief = await shim.run_container(sandbox_id, pod, shim.container(COUNT, name=f"brief-{how.lower()}"))
            pid = await pid_of(shim, brief)
            await end_engine(live_node, how)
            await shim.ready(False)
            with pytest.raises(errors.UnavailableError):
                await shim.runtime.ListContainers(cri.ListContainersRequest())
            await live_node.run(["kill", "-TERM", pid])
            await live_node.start_engine()
            await shim.ready()
            assert (await shim.status(steady)).started_at == before.started_at
            assert (await shim.status(steady)).state == cri.CONTAINER_RUNNING
            assert (await shim.sandbox_status(sandbox_id)).network == sandbox.network
            assert (await shim.exec(steady, "exit 7")).exit_code == 7
            event = await watcher.stopped(brief)
            told = {status.id: status.state for status in event.containers_statuses}
            assert told[brief] == cri.CONTAINER_EXITED and told[steady] == cri.CONTAINER_RUNNING
        count = len(await lines(shim, steady))

        async def goes_on() -> bool | None:
            return len(await lines(shim, steady)) > count or None

        await eventually(goes_on, "more lines")
        numbers = await lines(shim, steady)
        assert numbers == list(range(len(numbers)))
        watching.cancel()


async def test_an_engine_that_is_killed_under_load_leaves_nothing_behind(plain_node: ThrowawayNode) -> None:
    """Without live-restore: what ran has ended and is told, what was being made is made by the retry."""
    async with ShimUnderTest(plain_node) as shim, asyncio.TaskGroup() as group:
        watcher = Watcher(shim)
        watching = group.create_task(watcher.run())
        pod = shim.pod("before")
        running = await shim.run_container(await shim.run_pod(pod), pod, shim.container(COUNT))
        pods = [shim.pod(f"load-{number}") for number in range(6)]

        async def try_to_run(config: cri.PodSandboxConfig) -> None:
            with contextlib.suppress(errors.CriError):
                await shim.run_pod(config)

        async with asyncio.TaskGroup() as load:
            for config in pods:
                load.create_task(try_to_run(config))
            await asyncio.sleep(0.3)
            await end_engine(plain_node, "SIGKILL")
        await shim.ready(False)
        await plain_node.start_engine()
        await shim.ready()
        await watcher.stopped(running)
        assert (await shim.status(running)).state == cri.CONTAINER_EXITED
        for config in pods:
            config.metadata.attempt += 1
            sandbox = await shim.sandbox_status(await shim.run_pod(config))
            assert sandbox.state == cri.SANDBOX_READY and sandbox.network.ip
        for item in (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items:
            await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=item.id))
        left = await plain_node.run(["sh", "-c", "docker ps -aq; ls /var/lib/cni/networks/podwright | grep '^10' || :"])
        assert left.stdout == ""
        watching.cancel()


async def test_a_killed_containerd_does_not_end_pods(plain_node: ThrowawayNode) -> None:
    async with ShimUnderTest(plain_node) as shim:
        pod = shim.pod("shimmed")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container(COUNT))
        before = await shim.status(container_id)
        await plain_node.run(["sh", "-c", "kill -9 $(pidof containerd)"])

        async def answers() -> bool | None:
            try:
                return (await shim.exec(container_id, "exit 7")).exit_code == 7 or None
            except errors.CriError:
                return None

        await eventually(answers, "an exec after containerd's restart")
        assert await shim.status(container_id) == before
        other = shim.pod("afterwards")
        assert (await shim.sandbox_status(await shim.run_pod(other))).state == cri.SANDBOX_READY
        await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=10))
        ended = await shim.status(container_id)
        assert (ended.state, ended.exit_code) == (cri.CONTAINER_EXITED, 5)
        numbers = await lines(shim, container_id)
        assert numbers == list(range(len(numbers)))
