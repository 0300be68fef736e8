"""The dockershim and its engine come and go in any order; pods do not notice."""

import asyncio
import subprocess
import sys

import pytest
from shim_under_test import ShimUnderTest, eventually

from conformance import images
from conformance.throwaway import CHECKOUT, ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

COUNT = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done"


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
async def test_pods_do_not_notice_a_restart(engine_node: ThrowawayNode, how: str) -> None:
    async with ShimUnderTest(engine_node) as shim:
        pod = shim.pod("steady")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container(COUNT))
        before, sandbox = await shim.status(container_id), await shim.sandbox_status(sandbox_id)
        if how == "SIGKILL":
            await shim.kill()
        else:
            assert await shim.stop() == 0
            assert not shim.node.path(shim.socket).exists()
        await asyncio.sleep(0.5)
        await shim.start()
        await shim.ready()
        after = await shim.status(container_id)
        assert after == before
        assert await shim.sandbox_status(sandbox_id) == sandbox
        listed = (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
        assert [item.state for item in listed if item.id == sandbox_id] == [cri.SANDBOX_READY]
        await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=0))
        numbers = [int(line.split()[-1]) for line in shim.log(after.log_path).splitlines()]
        assert numbers == list(range(len(numbers))) and len(numbers) > 20
        await shim.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))


async def test_what_was_removed_meanwhile_is_forgotten(fresh_node: ThrowawayNode) -> None:
    async with ShimUnderTest(fresh_node) as shim:
        sandbox_id = await shim.run_pod(shim.pod("gone"))
        await shim.kill()
        await fresh_node.run(["docker", "rm", "-f", sandbox_id])
        await shim.start()
        await shim.ready()
        with pytest.raises(errors.NotFoundError):
            await shim.sandbox_status(sandbox_id)

        async def network_is_gone() -> bool | None:
            listed = await fresh_node.run(["sh", "-c", "ls /var/lib/cni/networks/podwright | grep -c '^10' || true"])
            return True if listed.stdout.strip() == "0" else None

        await eventually(network_is_gone, "the release of the removed sandbox's address")


async def test_the_engine_restarts(fresh_node: ThrowawayNode) -> None:
    async with ShimUnderTest(fresh_node) as shim:
        pod = shim.pod("outage")
        sandbox_id = await shim.run_pod(pod)
        container_id = await shim.run_container(sandbox_id, pod, shim.container(COUNT))
        assert fresh_node.engine_process is not None
        await fresh_node.engine_process.stop(30)
        away = await shim.ready(False)
        assert away.reason == "DockerDaemonNotReady" and "/run/docker.sock" in away.message
        with pytest.raises(errors.UnavailableError):
            await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())
        await fresh_node.start_engine()
        await shim.ready()
        assert (await shim.sandbox_status(sandbox_id)).state == cri.SANDBOX_NOTREADY
        assert (await shim.status(container_id)).state == cri.CONTAINER_EXITED
        again = shim.pod("outage", attempt=1)
        sandbox = await shim.sandbox_status(await shim.run_pod(again))
        assert sandbox.state == cri.SANDBOX_READY and sandbox.network.ip


async def test_the_engine_comes_later(bare_node: ThrowawayNode) -> None:
    await bare_node.write_cni()
    bare_node.engine = "20.10"
    async with LateShim(bare_node) as shim:
        away = await shim.ready(False)
        assert "/run/docker.sock" in away.message
        with pytest.raises(errors.UnavailableError):
            await shim.runtime.Version(cri.VersionRequest())
        await bare_node.start_engine()
        await images.load_into_engine(bare_node.docker_socket, [images.busybox("localhost/podwright/busybox:1")])
        await shim.ready()
        sandbox_id = await shim.run_pod(shim.pod("late"))  # with the built-in pause: no registry answers here
        assert (await shim.sandbox_status(sandbox_id)).state == cri.SANDBOX_READY


class LateShim(ShimUnderTest):
    """Does not wait for the engine at its start."""

    async def __aenter__(self) -> "LateShim":
        ready, self.ready = self.ready, _at_once  # type: ignore[method-assign]
        await super().__aenter__()
        self.ready = ready  # type: ignore[method-assign]
        return self


async def _at_once(wanted: bool = True) -> cri.RuntimeCondition:
    return cri.RuntimeCondition(status=wanted)


async def test_a_second_server_does_not_take_the_socket(fresh_node: ThrowawayNode) -> None:
    async with ShimUnderTest(fresh_node) as shim:
        second = ShimUnderTest(fresh_node)
        second.socket = shim.socket
        await second.start()
        assert second.process is not None
        assert await second.process.wait(20) == 1
        assert f"{shim.socket} is in use by a running server" in second.process.tail()
        await shim.ready()


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--no-such-flag", "dockershim: unknown flag: --no-such-flag"),
        ("--v=loud", "dockershim: --v=loud: not a number"),
        ("--container-runtime-endpoint=tcp://x", "use unix:///path/to/the.sock"),
        ("--docker-endpoint=nowhere", "use unix:///path/to/the.sock or tcp://host:port"),
    ],
)
def test_a_bad_command_line_is_one_line(argument: str, said: str, tmp_path: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockershim", f"--root-directory={tmp_path}", argument],
        capture_output=True, text=True, cwd=CHECKOUT, check=False, timeout=30,
    )
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_an_idle_dockershim_leaves_no_process(fresh_node: ThrowawayNode) -> None:
    async with ShimUnderTest(fresh_node) as shim:
        pod = shim.pod("last")
        sandbox_id = await shim.run_pod(pod)
        await shim.run_container(sandbox_id, pod, shim.container(COUNT))
        assert await shim.stop() == 0
        assert len(await shim.log_processes()) == 1  # the container goes on, and so does its log
        await shim.start()
        await shim.ready()
        await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))
        assert await shim.stop() == 0
        assert await shim.log_processes() == []
