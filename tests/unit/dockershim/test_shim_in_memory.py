"""The whole dockershim against an engine in memory: rollback, adoption, cancellation, events, outages."""

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from shim_in_memory import PAUSE, ShimInMemory

from cri import errors
from cri.client import ImageClient
from cri.v1 import api_pb2 as cri
from dockershim import direct_signal, exec_processes, sandbox_stop
from dockershim.network import NetworkError, NetworkNotReadyError


async def wait_for(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not probe():  # noqa: ASYNC110 - what happens on the other side of a socket sets no event
            await asyncio.sleep(0.005)


async def test_run_and_remove(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    status = (await world.runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))).status
    assert (status.state, status.network.ip, dict(status.labels)) == (cri.SANDBOX_READY, "10.0.0.1", {"app": "p"})
    container_id = await world.create(sandbox_id)
    assert world.logs.followed == {container_id: "/nowhere/logs/c/0.log"}
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    await world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    ended = (await world.runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))).status
    assert (ended.state, ended.exit_code) == (cri.CONTAINER_EXITED, 137)
    assert world.logs.drained == [container_id]
    await world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    assert world.network.torn_down == [sandbox_id]  # once
    await world.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))
    assert world.engine.containers == {} and world.logs.followed == {}


async def test_who_looks_closely_is_told_of_the_network(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=True)
    assert '"networkCheck":"ok"' in (await world.runtime.PodSandboxStatus(request)).info["info"]
    del world.network.attached[sandbox_id]
    assert '"networkCheck":"no address"' in (await world.runtime.PodSandboxStatus(request)).info["info"]
    request.verbose = False
    assert not (await world.runtime.PodSandboxStatus(request)).info


async def test_a_network_that_fails_leaves_nothing(world: ShimInMemory) -> None:
    world.network.broken = NetworkNotReadyError("cni config uninitialized")
    with pytest.raises(errors.FailedPreconditionError, match="cni config uninitialized"):
        await world.run_pod(world.pod())
    assert world.engine.containers == {}
    assert (await world.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items == []
    world.network.broken = None
    await world.run_pod(world.pod())


@pytest.mark.parametrize("step", ["/start", "/create"])
async def test_an_engine_that_fails_leaves_nothing(world: ShimInMemory, step: str) -> None:
    world.engine.fail[step] = 500
    with pytest.raises(errors.InternalError, match="told to fail"):
        await world.run_pod(world.pod())
    assert world.engine.containers == {}


async def test_a_caller_that_goes_away_leaves_nothing(world: ShimInMemory) -> None:
    gate = world.engine.hold["/start"] = asyncio.Event()
    call = asyncio.ensure_future(world.run_pod(world.pod()))  # noqa: TID251 - it is cancelled right here
    await wait_for(lambda: any(line.endswith("/start") for line in world.engine.calls))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await wait_for(lambda: not world.engine.containers)
    gate.set()
    del world.engine.hold["/start"]
    assert world.network.attached == {}
    await world.run_pod(world.pod())


async def test_the_retry_of_a_create_adopts(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    assert await world.run_pod(world.pod()) == sandbox_id
    first = await world.create(sandbox_id)
    assert await world.create(sandbox_id) == first
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=first))
    with pytest.raises(errors.AlreadyExistsError):
        await world.create(sandbox_id)
    world.engine.end(world.engine.containers[first], 1)
    second = await world.create(sandbox_id)
    assert second != first and first not in world.engine.containers


async def test_a_container_needs_a_running_sandbox(world: ShimInMemory) -> None:
    with pytest.raises(errors.NotFoundError):
        await world.create("nope")
    sandbox_id = await world.run_pod(world.pod())
    await world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
    with pytest.raises(errors.FailedPreconditionError, match="not running"):
        await world.create(sandbox_id)


async def test_an_outage_is_said_and_what_happened_meanwhile_is_told(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    seen: list[tuple[str, int]] = []

    async def follow() -> None:
        async for event in world.runtime.events():
            seen.append((event.container_id, event.container_event_type))  # noqa: PERF401

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await asyncio.sleep(0.05)
        gate = world.engine.hold["/version"] = asyncio.Event()
        world.engine.drop_clients()
        await wait_for(lambda: world.shim.state.reason)
        with pytest.raises(errors.UnavailableError):
            await world.runtime.ListContainers(cri.ListContainersRequest())
        status = (await world.runtime.Status(cri.StatusRequest())).status
        assert not status.conditions[0].status and status.conditions[0].reason == "DockerDaemonNotReady"
        container = world.engine.containers[container_id]
        container.state, container.exit_code = "exited", 9  # no event: nobody listens
        gate.set()
        await world.until_ready()
        await wait_for(lambda: (container_id, cri.CONTAINER_STOPPED_EVENT) in seen)
        following.cancel()
    listed = (await world.runtime.ListContainers(cri.ListContainersRequest())).containers
    assert [item.state for item in listed] == [cri.CONTAINER_EXITED]
    assert container_id in world.logs.drained


async def test_an_engine_that_tells_and_does_not_answer_is_gone(world: ShimInMemory) -> None:
    """Else its containers are said to run until it is back, and nobody hears of ends that a verb has seen meanwhile."""
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    stops: list[str] = []

    async def follow() -> None:
        async for event in world.runtime.events():
            if event.container_event_type == cri.CONTAINER_STOPPED_EVENT:
                stops.append(event.container_id)  # noqa: PERF401

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await asyncio.sleep(0.05)
        gate = world.engine.hold["/containers/json"] = asyncio.Event()
        with world.engine.shutting_down():
            world.engine.end(world.engine.containers[container_id], 9)
            await wait_for(lambda: world.shim.state.reason)
            with pytest.raises(errors.UnavailableError):
                await world.runtime.ListContainers(cri.ListContainersRequest())
        found = await world.shim.inventory.refresh(container_id)
        assert found is not None and not found.is_running and stops == []
        gate.set()
        await world.until_ready()
        await wait_for(lambda: stops == [container_id])
        following.cancel()


async def test_an_end_that_the_engine_cannot_show_at_once_is_noticed_later(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    asked = f"GET /containers/{container_id}/json"
    world.engine.fail[f"/containers/{container_id}/json"] = 500
    world.engine.calls.clear()
    world.engine.end(world.engine.containers[container_id], 9)
    await wait_for(lambda: world.engine.calls.count(asked) >= 2)
    assert not world.shim.state.reason
    world.engine.fail.clear()
    await wait_for(lambda: not world.shim.inventory.container(container_id).is_running)


@pytest.mark.parametrize(("limit", "hears", "reason"), [
    (1 << 20, True, "OOMKilled"), (1 << 20, False, "Error"), (0, False, "Error"),
])
async def test_a_lack_of_memory_that_the_engine_hears_of_late_is_told(
    world: ShimInMemory, limit: int, hears: bool, reason: str
) -> None:
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    container, asked = world.engine.containers[container_id], f"GET /containers/{container_id}/json"
    container.body["HostConfig"] = {**container.body.get("HostConfig", {}), "Memory": limit}
    world.engine.calls.clear()
    world.engine.end(container, 137)
    await wait_for(lambda: asked in world.engine.calls)
    container.oom_killed = hears
    await wait_for(lambda: not world.shim.inventory.container(container_id).is_running)
    status = await world.runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container_id))
    assert (status.status.exit_code, status.status.reason) == (137, reason)


async def test_an_engine_that_misses_the_end_of_a_sandbox_is_told_to_kill_it(
    world: ShimInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its containerd was killed meanwhile: it waits for ever for an end that was told to nobody."""
    monkeypatch.setattr(direct_signal, "is_possible", lambda *_: True)
    monkeypatch.setattr(direct_signal, "send", lambda *_: True)
    monkeypatch.setattr(sandbox_stop, "_NOTICE_SECONDS", 0.05)
    sandbox_id = await world.run_pod(world.pod())
    gate = world.engine.hold["/wait"] = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)))
        await wait_for(lambda: f"POST /containers/{sandbox_id}/kill" in world.engine.calls)
        gate.set()
    assert not world.shim.inventory.sandbox(sandbox_id).is_running


async def test_the_log_of_what_somebody_else_removed_is_let_go(world: ShimInMemory) -> None:
    """Also when the verb that removed it was cancelled before it came to that."""
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    assert container_id in world.logs.followed
    world.engine.emit("destroy", world.engine.containers.pop(container_id))
    await wait_for(lambda: container_id not in world.logs.followed)


async def test_an_engine_that_goes_away_while_it_is_read_is_read_again(world: ShimInMemory) -> None:
    """A part of its containers is not taken for all of them: the others' pods would be made a second time."""
    sandbox_id = await world.run_pod(world.pod())
    container_id = await world.create(sandbox_id)
    gate = world.engine.hold[f"/containers/{container_id}/json"] = asyncio.Event()
    world.engine.drop_clients()
    asked = f"GET /containers/{container_id}/json"
    world.engine.calls.clear()
    await wait_for(lambda: asked in world.engine.calls)
    with world.engine.shutting_down():
        await wait_for(lambda: "connect" in world.shim.state.reason)
    assert container_id in world.logs.followed
    gate.set()
    await world.until_ready()
    listed = (await world.runtime.ListContainers(cri.ListContainersRequest())).containers
    assert [item.id for item in listed] == [container_id]


async def test_lists_ask_the_engine_nothing(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    await world.create(sandbox_id)
    await asyncio.sleep(0.05)
    before = list(world.engine.calls)
    for _ in range(10):
        wanted = cri.ContainerFilter(pod_sandbox_id=sandbox_id[:12], state=cri.ContainerStateValue(state=0))
        assert len((await world.runtime.ListContainers(cri.ListContainersRequest(filter=wanted))).containers) == 1
        other = cri.PodSandboxFilter(label_selector={"app": "other"})
        assert (await world.runtime.ListPodSandbox(cri.ListPodSandboxRequest(filter=other))).items == []
    assert world.engine.calls == before


async def test_a_sandbox_without_checkpoint_is_not_ready(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    await world.shim.checkpoints.remove(sandbox_id)
    items = (await world.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
    assert [item.state for item in items] == [cri.SANDBOX_NOTREADY]


async def reconnect(world: ShimInMemory) -> None:
    """The engine goes and comes back; returns when what follows a connect has been done."""
    await wait_for(lambda: world.network.collected)
    before = world.network.collected
    gate = world.engine.hold["/version"] = asyncio.Event()
    world.engine.drop_clients()
    await wait_for(lambda: world.shim.state.reason)
    gate.set()
    await wait_for(lambda: world.network.collected > before)


async def test_namespaces_of_running_sandboxes_are_held_again(world: ShimInMemory) -> None:
    running, ended = await world.run_pod(world.pod("a")), await world.run_pod(world.pod("b"))
    await world.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=ended))
    world.network.held.clear()
    world.network.attached[ended] = ("10.0.0.2",)  # a tear-down that half failed
    world.network.attached["leaked"] = ("10.0.0.9",)
    await reconnect(world)
    assert world.network.held == {running}
    assert set(world.network.attached) == {running, ended}  # what is not removed yet is not garbage


async def test_a_sandbox_that_cannot_be_read_keeps_its_network(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    world.shim.inventory.drop(sandbox_id)  # as after a start of ours
    world.engine.fail[f"{sandbox_id}/json"] = 500
    await reconnect(world)
    assert sandbox_id not in world.shim.inventory.sandboxes
    assert set(world.network.attached) == {sandbox_id}
    assert world.shim.checkpoints.get(sandbox_id) is not None
    await reconnect(world)
    assert sandbox_id in world.shim.inventory.sandboxes


async def test_nothing_is_collected_while_the_engine_is_away(world: ShimInMemory) -> None:
    await reconnect(world)
    world.network.attached["whose"] = ("10.0.0.9",)
    before = world.network.collected
    gate = world.engine.hold["/version"] = asyncio.Event()
    world.engine.drop_clients()
    await wait_for(lambda: world.shim.state.reason)
    world.shim._needs_tidying.set()
    await asyncio.sleep(0.05)
    assert world.network.collected == before and "whose" in world.network.attached
    gate.set()


async def test_what_has_leaked_is_collected_again_until_nothing_stays(
    world: ShimInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockershim.shim._TIDY_AGAIN_SECONDS", 0.01)
    await reconnect(world)
    world.network.is_clean = False
    before = world.network.collected
    world.network.broken, world.network.tear_down_broken = NetworkError("no room"), NetworkError("nor a way back")
    with pytest.raises(errors.CriError, match="no room"):
        await world.run_pod(world.pod("leaky"))
    await wait_for(lambda: world.network.collected > before + 3)
    world.network.is_clean = True
    now = world.network.collected
    await wait_for(lambda: world.network.collected > now)
    await asyncio.sleep(0.05)
    assert world.network.collected == now + 1


async def test_containers_are_created_while_their_sandbox_comes_up(world: ShimInMemory) -> None:
    """The id is told ahead of the answer; nobody hears of either before the network stands."""
    gate = world.network.gate = asyncio.Event()
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    seen: list[cri.ContainerEventResponse] = []

    async def follow() -> None:
        async for event in world.runtime.events():
            seen.append(event)  # noqa: PERF401

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await asyncio.sleep(0.05)
        running = group.create_task(
            world.runtime.run_pod_sandbox(cri.RunPodSandboxRequest(config=world.pod()), announced.set_result)
        )
        container_id = await world.create(await announced)
        await asyncio.sleep(0.05)
        assert not running.done() and not seen
        gate.set()
        made = await running
        await wait_for(lambda: len(seen) == 2)
        following.cancel()
    assert made.id == announced.result() and made.ips == ("10.0.0.1",)
    assert [event.container_event_type for event in seen] == [cri.CONTAINER_CREATED_EVENT, cri.CONTAINER_STARTED_EVENT]
    assert [status.id for status in seen[-1].containers_statuses] == [container_id]
    assert world.shim.inventory.coming_up == set()


async def test_a_sandbox_that_does_not_come_up_takes_no_containers_any_more(world: ShimInMemory) -> None:
    world.network.broken = NetworkNotReadyError("no network")
    announced: list[str] = []
    with pytest.raises(errors.CriError, match="no network"):
        await world.runtime.run_pod_sandbox(cri.RunPodSandboxRequest(config=world.pod()), announced.append)
    with pytest.raises(errors.NotFoundError):
        await world.create(announced[0])


@pytest.mark.parametrize("gone", [True, False])
async def test_a_removal_that_fails_is_good_if_the_image_is_gone(world: ShimInMemory, gone: bool) -> None:
    """Two at once make the engine answer 500 to the later one."""
    world.engine.images["i:1"] = {"Id": "sha256:" + "2" * 64, "RepoTags": ["i:1"]}
    world.engine.fail["/images/i:1"] = 500
    gate = world.engine.hold["/images/i:1"] = asyncio.Event()
    async with ImageClient(f"unix://{world.directory}/cri.sock", 10) as images, asyncio.TaskGroup() as group:

        async def remove() -> bool:
            try:
                await images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image="i:1")))
            except errors.InternalError:
                return False
            return True

        removal = group.create_task(remove())
        await wait_for(lambda: "DELETE /images/i:1" in world.engine.calls)
        if gone:
            del world.engine.images["i:1"]
        gate.set()
    assert removal.result() is gone


async def test_removals_of_one_image_go_one_after_the_other(world: ShimInMemory) -> None:
    """Who returns must not find the image that somebody else's call has not removed yet."""
    world.engine.images["i:1"] = {"Id": "sha256:" + "2" * 64, "RepoTags": ["i:1"]}
    gate = world.engine.hold["/images/i:1"] = asyncio.Event()
    removed: list[str] = []
    async with ImageClient(f"unix://{world.directory}/cri.sock", 10) as images, asyncio.TaskGroup() as group:

        async def remove(name: str) -> None:
            await images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image=name)))
            removed.append(name)

        for name in ("i:1", "sha256:" + "2" * 64):
            group.create_task(remove(name))
        await wait_for(lambda: sum(call.endswith("/json") for call in world.engine.calls if "images" in call) >= 3)
        assert removed == []
        gate.set()
    assert len(removed) == 2 and world.engine.calls.count("DELETE /images/i:1") == 1


@pytest.mark.parametrize("world", ["1.48"], indirect=True)
async def test_a_sub_path_that_an_image_lacks_is_refused_at_create(world: ShimInMemory) -> None:
    sandbox_id = await world.run_pod(world.pod())
    image = cri.ImageSpec(image="sha256:" + "2" * 64)
    mount = cri.Mount(container_path="/data", readonly=True, image=image, image_sub_path="not/there")
    world.engine.fail["/archive"] = 404
    with pytest.raises(errors.InvalidArgumentError, match=r"^ImageVolumeMountFailed: mount at /data: sub-path 'not/th"):
        await world.create(sandbox_id, mounts=[mount])
    assert len(world.engine.containers) == 1, "only the pause is left"
    world.engine.files["/data"] = b""
    await world.create(sandbox_id, mounts=[mount])


async def test_status_names_the_pause_image_as_kubeadm_reads_it(world: ShimInMemory) -> None:
    status = await world.runtime.Status(cri.StatusRequest(verbose=True))
    assert json.loads(status.info["config"]) == {"sandboxImage": PAUSE}
    assert not (await world.runtime.Status(cri.StatusRequest())).info


@pytest.mark.parametrize("reachable", [True, False])
async def test_ready_is_said_once_it_is_known_how_the_engine_is(short_path: Path, reachable: bool) -> None:
    """What a service manager starts next asks at once: kubeadm's preflight does, and takes no second try."""
    world, ready, stop = ShimInMemory(short_path), asyncio.Event(), asyncio.Event()
    gate = world.engine.hold["/info"] = asyncio.Event()
    async with AsyncExitStack() as stack:
        if reachable:
            await stack.enter_async_context(world.engine.serve())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        shim = world.make()
        running = group.create_task(shim.run(ready.set, stop))
        if reachable:
            await wait_for(lambda: any(call.endswith("/info") for call in world.engine.calls))
            assert not ready.is_set()
            gate.set()
        await ready.wait()
        assert (shim.state.reason == "") is reachable
        stop.set()
        await running


async def test_a_pod_of_ours_whose_state_was_lost_is_taken_over_if_it_was_complete(world: ShimInMemory) -> None:
    """As after another state layout, or an emptied state directory."""
    complete = await world.run_pod(world.pod("complete"))
    container_id = await world.create(complete, "complete")
    await world.runtime.StartContainer(cri.StartContainerRequest(container_id=container_id))
    unused = await world.run_pod(world.pod("unused"))
    for sandbox_id in (complete, unused):
        await world.shim.checkpoints.remove(sandbox_id)
        shutil.rmtree(world.directory / "root/files" / sandbox_id)
    gate = world.engine.hold["/version"] = asyncio.Event()
    world.engine.drop_clients()
    await wait_for(lambda: world.shim.state.reason)
    gate.set()
    await world.until_ready()
    listed = (await world.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
    assert {item.id: item.state for item in listed} == {complete: cri.SANDBOX_READY, unused: cri.SANDBOX_NOTREADY}
    status = (await world.runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=complete))).status
    assert status.network.ip == "10.0.0.1"
    assert (world.directory / "root/files" / complete / "resolv.conf").exists()
    await world.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=complete))
    assert complete in world.network.torn_down


@pytest.mark.parametrize(
    ("said", "killed"),
    [
        ([{"Running": True, "Pid": 0, "ExitCode": None}, {"Running": True, "Pid": 77, "ExitCode": None}], [77]),
        ([{"Running": False, "Pid": 0, "ExitCode": None}, {"Running": True, "Pid": 77, "ExitCode": None}], [77]),
        ([{"Running": False, "Pid": 77, "ExitCode": 0}], []),
        ([{"Running": False, "Pid": 0, "ExitCode": 127}], []),
    ],
)
async def test_a_command_that_begins_after_it_was_given_up_is_killed(
    world: ShimInMemory, monkeypatch: pytest.MonkeyPatch, said: list[dict[str, object]], killed: list[int]
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(exec_processes, "kill_all", lambda pid, _: seen.append(pid))
    world.engine.execs["e1"] = list(said)
    await world.shim.execs.kill("e1")
    assert seen == killed
