"""CheckpointContainer on experimental engines. CRIU itself is a stand-in: Debian's does not know this kernel's vDSO.

The stand-in is at the OCI runtime's boundary, so that all of engine, containerd and shim are real: a runtime that is
runc, but writes images for `checkpoint` by itself.
"""

import asyncio
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, ShimUnderTest, eventually

from conformance import builds, images
from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri

HANDLER = "with-criu"
RUNTIME = """#!/bin/sh
previous= checkpoint= images=
for word; do
    if [ "$word" = checkpoint ]; then checkpoint=yes; fi
    if [ "$previous" = --image-path ]; then images=$word; fi
    previous=$word
done
[ -n "$checkpoint" ] || exec {runc} "$@"
if [ -e /run/criu-fails ]; then echo "criu failed: type NOTIFY errno 0" >&2; exit 1; fi
while [ -e /run/criu-hangs ]; do sleep 0.1; done
echo images of "$previous" >"$images/pages-1.img"
echo figures >"$images/stats-dump"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["20.10", "29"])
async def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ThrowawayNode]:
    runc: str | Path = "/usr/sbin/runc"
    if request.param == "29":
        builds.ensure(["moby", "containerd", "runc"])
        runc = builds.path("runc")
    runtime = tmp_path_factory.mktemp("runtime") / "runtime"
    runtime.write_text(RUNTIME.format(runc=runc))
    runtime.chmod(0o755)
    arguments = ["--experimental", f"--add-runtime={HANDLER}={runtime}"]
    name = f"node-test-checkpoint-{request.param.replace('.', '-')}"
    async with ThrowawayNode(name, engine=request.param, engine_args=arguments) as made:
        await made.write_cni()
        await images.load_into_engine(made.docker_socket, images.node_images())
        made.path("/var/lib/kubelet/checkpoints").mkdir()
        yield made


@pytest_asyncio.fixture
async def shim(node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(node) as under_test:
        try:
            yield under_test
        finally:
            for name in ("criu-hangs", "criu-fails"):
                node.path(f"/run/{name}").unlink(missing_ok=True)


async def running(shim: ShimUnderTest, name: str) -> str:
    pod = shim.pod(name)
    request = cri.RunPodSandboxRequest(config=pod, runtime_handler=HANDLER)
    sandbox_id = (await shim.runtime.RunPodSandbox(request)).pod_sandbox_id
    shim.node.path("/run/volume").mkdir(exist_ok=True)
    config = shim.container(
        "echo said; echo kept > /file; mkdir /dir; ln -s file /dir/link; rm /bin/wget; touch /ready; i=0; "
        "while :; do i=$((i+1)); echo $i > /counter; sleep 0.05; done",
        mounts=[cri.Mount(host_path="/run/volume", container_path="/data")],
    )
    container_id = await shim.run_container(sandbox_id, pod, config)
    await shim.exec(container_id, "until [ -e /ready ]; do sleep 0.05; done")
    return container_id


async def checkpoint(shim: ShimUnderTest, container_id: str, location: str, seconds: int = 0) -> None:
    await shim.runtime.CheckpointContainer(
        cri.CheckpointContainerRequest(container_id=container_id, location=location, timeout=seconds)
    )


async def runs(shim: ShimUnderTest, container_id: str) -> None:
    """Its processes go on, not only the engine's word for it."""
    status = await shim.status(container_id)
    assert status.state == cri.CONTAINER_RUNNING
    counts = "a=$(cat /counter); sleep 0.3; b=$(cat /counter); [ \"$a\" != \"$b\" ]"
    assert (await shim.exec(container_id, counts)).exit_code == 0


def left(shim: ShimUnderTest) -> list[str]:
    """What is left of checkpoints, finished ones aside."""
    work = shim.node.path(f"{shim.root}/container-checkpoints")
    found = [entry.name for entry in work.iterdir()] if work.exists() else []
    return found + [entry.name for entry in shim.node.path("/var/lib/kubelet/checkpoints").glob(".*")]


async def test_a_checkpoint_holds_processes_files_and_facts(shim: ShimUnderTest) -> None:
    container_id = await running(shim, "checked")
    location = "/var/lib/kubelet/checkpoints/checkpoint-checked_test-main.tar"
    path = shim.node.path(location)
    for _ in range(2):  # the second one replaces the first
        await checkpoint(shim, container_id, location)
        await runs(shim, container_id)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = set(archive.getnames())

        def read(name: str) -> bytes:
            return archive.extractfile(name).read()  # type: ignore[union-attr]

        assert read("checkpoint/pages-1.img") == f"images of {container_id}\n".encode()
        assert {"stats-dump", "rootfs-diff.tar", "container.log"} <= names
        assert b" stdout F said\n" in read("container.log")
        config, spec, status = (json.loads(read(f"{name}.dump")) for name in ("config", "spec", "status"))
        assert config["id"] == container_id and config["rootfsImageName"] == BUSYBOX
        assert config["runtime"] == HANDLER and config["name"].startswith("k8s_main_checked_test_")
        assert config["createdTime"] < config["checkpointedTime"]
        assert spec["process"]["args"][0] == "/bin/sh" and spec["ociVersion"]
        assert status["id"] == container_id and status["state"] == "CONTAINER_RUNNING"
        assert {"source": "/run/volume", "destination": "/data", "file_type": "directory", "permissions": 0o755} in (
            json.loads(read("bind.mounts"))
        )
        assert json.loads(read("deleted.files")) == ["/bin/wget"]
        with tarfile.open(fileobj=archive.extractfile("rootfs-diff.tar")) as files:
            assert files.extractfile("file").read() == b"kept\n"  # type: ignore[union-attr]
            assert files.getmember("dir/link").linkname == "file"
            assert "bin/wget" not in files.getnames()
    assert left(shim) == []
    made = await shim.node.run(["docker", "checkpoint", "ls", container_id])
    assert len(made.stdout.splitlines()) == 1  # the heading


async def test_a_checkpoint_that_fails_leaves_the_container_running_and_nothing_else(shim: ShimUnderTest) -> None:
    container_id = await running(shim, "failing")
    location = "/var/lib/kubelet/checkpoints/failing.tar"
    shim.node.path("/run/criu-fails").touch()
    with pytest.raises(errors.CriError, match="heckpoint") as failure:
        await checkpoint(shim, container_id, location)
    assert not isinstance(failure.value, errors.UnknownError)
    shim.node.path("/run/criu-fails").unlink()
    await runs(shim, container_id)
    with pytest.raises(errors.FailedPreconditionError, match="no directory"):
        await checkpoint(shim, container_id, "/no/such/directory/x.tar")
    with pytest.raises(errors.InvalidArgumentError, match="absolute"):
        await checkpoint(shim, container_id, "x.tar")
    with pytest.raises(errors.NotFoundError):
        await checkpoint(shim, "deadbeef", location)
    assert left(shim) == [] and not shim.node.path(location).exists()
    await shim.runtime.StopContainer(cri.StopContainerRequest(container_id=container_id, timeout=0))
    with pytest.raises(errors.FailedPreconditionError, match="does not run"):
        await checkpoint(shim, container_id, location)


async def test_a_checkpoint_that_takes_too_long_is_given_up_and_cleared_away(shim: ShimUnderTest) -> None:
    container_id = await running(shim, "slow")
    location = "/var/lib/kubelet/checkpoints/slow.tar"
    hangs = shim.node.path("/run/criu-hangs")
    hangs.touch()
    with pytest.raises(errors.DeadlineExceededError, match="within 1 s"):
        await checkpoint(shim, container_id, location, seconds=1)
    with pytest.raises(errors.FailedPreconditionError, match="still under way"):
        await checkpoint(shim, container_id, location, seconds=1)
    hangs.unlink()

    async def cleared() -> bool | None:
        return not left(shim) or None

    await eventually(cleared, "the end of the given-up checkpoint")
    await runs(shim, container_id)
    await checkpoint(shim, container_id, location, seconds=30)
    assert shim.node.path(location).exists()


async def test_what_a_killed_dockershim_had_begun_is_undone(shim: ShimUnderTest) -> None:
    container_id = await running(shim, "killed")
    location = "/var/lib/kubelet/checkpoints/killed.tar"
    hangs = shim.node.path("/run/criu-hangs")
    hangs.touch()

    async def begun() -> bool | None:
        return bool(left(shim)) or None

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(fails(checkpoint(shim, container_id, location)))
        await eventually(begun, "the beginning of the checkpoint")
        await shim.kill()
        await asking
    hangs.unlink()
    await shim.start()
    await shim.ready()

    async def lives() -> bool | None:
        answer = await shim.node.run(["docker", "inspect", "-f", "{{.State.Status}}", container_id])
        return answer.stdout.strip() == "running" or None

    await eventually(lives, "the container after the killed checkpoint")
    await runs(shim, container_id)
    assert not shim.node.path(location).exists()

    async def cleared() -> bool | None:
        return not left(shim) or None

    await eventually(cleared, "the removal of what was left")


async def fails(call: object) -> None:
    with pytest.raises(errors.CriError):
        await call  # type: ignore[misc]
