"""RuntimeClass handlers are the engine's runtimes: each runs a real pod, and an unknown one is refused.

`crun` is Debian's. `runsc` is gVisor's: the container's processes talk to a kernel of their own.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from shim_under_test import ShimUnderTest, eventually

from conformance import builds, images
from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

SLEEP = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
RUNSC = '#!/bin/sh\nexec {path} --platform=systrap --ignore-cgroups "$@"\n'
HANDLERS = {"20.10": ("crun",), "29": ("runsc",)}
"""Debian's crun refuses the newer version of the runtime specification that Engine 29 speaks."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=HANDLERS)
async def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ThrowawayNode]:
    engine = request.param
    arguments = []
    if "crun" in HANDLERS[engine]:
        arguments.append("--add-runtime=crun=/usr/bin/crun")
    if "runsc" in HANDLERS[engine]:
        builds.ensure(["moby", "containerd", "runc", "runsc"])
        wrapper = tmp_path_factory.mktemp("runsc") / "runsc"
        wrapper.write_text(RUNSC.format(path=builds.path("runsc")))
        wrapper.chmod(0o755)
        arguments.append(f"--add-runtime=runsc={wrapper}")
    async with ThrowawayNode(f"node-test-handlers-{engine.replace('.', '-')}", engine=engine,
                             engine_args=arguments) as made:
        await made.write_cni()
        await images.load_into_engine(made.docker_socket, images.node_images())
        yield made


@pytest_asyncio.fixture
async def shim(node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(node) as under_test:
        yield under_test


async def test_status_names_the_handlers(shim: ShimUnderTest) -> None:
    status = await shim.runtime.Status(cri.StatusRequest())
    handlers = {handler.name: handler.features for handler in status.runtime_handlers}
    assert {"", "runc", *HANDLERS[str(shim.node.engine)]} == set(handlers)
    assert not any(features.user_namespaces for features in handlers.values())
    assert not status.features.user_namespaces_host_network


async def test_each_handler_runs_a_pod(shim: ShimUnderTest) -> None:
    host_kernel = os.uname().release
    for handler in ("", "runc", *HANDLERS[str(shim.node.engine)]):
        pod = shim.pod(f"with-{handler or 'default'}")
        request = cri.RunPodSandboxRequest(config=pod, runtime_handler=handler)
        sandbox_id = (await shim.runtime.RunPodSandbox(request)).pod_sandbox_id
        sandbox = await shim.sandbox_status(sandbox_id)
        assert (sandbox.state, sandbox.runtime_handler) == (cri.SANDBOX_READY, handler)
        assert sandbox.network.ip
        config = shim.container(f"echo hello; {SLEEP}")
        container_id = await shim.run_container(sandbox_id, pod, config)
        runtime = await shim.node.run(["docker", "inspect", "-f", "{{.HostConfig.Runtime}}", container_id])
        assert runtime.stdout.strip() == (handler or "runc")
        said = await shim.exec(container_id, "uname -r; ip -4 addr show eth0; exit 7", timeout=30)
        assert said.exit_code == 7
        kernel, *addresses = said.stdout.decode().splitlines()
        assert any(f"inet {sandbox.network.ip}/" in line for line in addresses), addresses
        assert (kernel == host_kernel) == (handler != "runsc"), kernel
        if handler != "runsc":  # whose processes are not this kernel's: what times out there is let go, not ended
            await timed_out_commands_end(shim, container_id, handler)
        await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=20))
        ended = await shim.status(container_id)
        assert (ended.state, ended.exit_code) == (cri.CONTAINER_EXITED, 3)
        assert shim.log(ended.log_path).endswith(" stdout F hello\n")
        await shim.runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))


async def timed_out_commands_end(shim: ShimUnderTest, container_id: str, handler: str) -> None:
    with pytest.raises(errors.DeadlineExceededError):
        await shim.exec(container_id, "(sleep 5521; true) & sleep 5522", timeout=1)

    async def ended() -> bool | None:
        left = await shim.exec(container_id, "ps -o args | grep 'sleep 55' | grep -v grep || true")
        return not left.stdout or None

    await eventually(ended, f"the end of what timed out with {handler or 'the default'}")


async def test_an_unknown_handler_is_refused(shim: ShimUnderTest) -> None:
    request = cri.RunPodSandboxRequest(config=shim.pod("unknown"), runtime_handler="kata")
    with pytest.raises(errors.InvalidArgumentError, match=r"no runtime for 'kata'.* runc"):
        await shim.runtime.RunPodSandbox(request)
    assert not (await shim.runtime.ListPodSandbox(cri.ListPodSandboxRequest())).items
