"""What a pod's worker tells people of what it cannot do: the runtime, the network, cgroups, directories, volumes."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cri.errors import UnavailableError
from kubelet.api.types import ObjectMeta, Pod, PodSpec
from kubelet.cgroups import CgroupError
from kubelet.events import LogEventRecorder
from kubelet.executor.kill import KillError
from kubelet.podsync import PodServices, PodSync, PodSyncError, _Memory
from kubelet.podworkers import Interrupt
from kubelet.timeline import Timeline
from kubelet.volumes.types import MountError
from pleg.state import PodRuntimeStatus

POD = Pod(metadata=ObjectMeta(name="p", namespace="n", uid="u"), spec=PodSpec())


class Broken:
    """Everything that a worker asks, none of which works, but what is named in `works`."""

    def __init__(self, *works: str) -> None:
        self.works = works

    def register_pod(self, pod: Pod) -> None:
        return None

    async def get_newer_than(self, uid: str, at: float) -> PodRuntimeStatus:
        raise UnavailableError("deaf", "ListContainers")

    async def kill_containers(self, pod: Pod, containers: Collection[Any], *_: object) -> None:
        raise KillError(['failed to "KillContainer" for "c" with KillContainerError: "deaf"'])

    async def ensure(self, pod: Pod) -> None:
        if "cgroups" not in self.works:
            raise CgroupError("cannot make cgroup /kubepods/podu: Read-only file system")

    async def mount_pod(self, pod: Pod) -> None:
        raise MountError(["v", "w"], {"v": 'configmap "c" not found'})


def sync(root: Path, *works: str, network_error: str = "") -> tuple[PodSync, LogEventRecorder]:
    recorder, broken = LogEventRecorder(), Broken(*works)
    rooms: dict[str, Any] = dict.fromkeys(field.name for field in fields(PodServices))
    rooms |= dict.fromkeys(("cache", "killer", "references", "cgroups", "volumes"), broken)
    return PodSync(PodServices(**rooms | {
        "recorder": recorder, "root_dir": root, "timeline": Timeline(), "network_error": lambda: network_error,
    }), lambda: 100.0), recorder


def told(recorder: LogEventRecorder) -> list[tuple[str, str, str]]:
    return [(event.kind, event.reason, event.message) for event in recorder.recent("u")]


async def test_a_state_that_cannot_be_read(tmp_path: Path) -> None:
    worker, recorder = sync(tmp_path)
    with pytest.raises(PodSyncError, match="cannot read the pod's state from the runtime: deaf"):
        await worker._runtime_status(POD, _Memory(), Interrupt())
    assert told(recorder) == [("Warning", "FailedSync", "error determining status: deaf")]


async def test_containers_that_cannot_be_stopped(tmp_path: Path) -> None:
    worker, recorder = sync(tmp_path)
    text = 'error killing pod: failed to "KillContainer" for "c" with KillContainerError: "deaf"'
    with pytest.raises(PodSyncError) as failed:
        await worker._kill(POD, PodRuntimeStatus("u", "p", "n"), 3, Interrupt())
    assert str(failed.value) == text and told(recorder) == [("Warning", "FailedKillPod", text)]


def test_a_network_that_is_not_ready_holds_up_pods_that_need_it(tmp_path: Path) -> None:
    worker, recorder = sync(tmp_path, network_error="no CNI configuration")
    with pytest.raises(PodSyncError) as failed:
        worker._require_network(POD)
    assert failed.value.retry_at == 101.0
    assert told(recorder) == [("Warning", "NetworkNotReady", "network is not ready: no CNI configuration")]
    worker._require_network(Pod(metadata=POD.metadata, spec=PodSpec(host_network=True)))
    sync(tmp_path)[0]._require_network(POD)
    assert len(told(recorder)) == 1


@pytest.mark.parametrize(("works", "root", "reason", "message"), [
    ((), "", "FailedCreatePodContainer",
     "unable to ensure pod container exists: cannot make cgroup /kubepods/podu: Read-only file system"),
    (("cgroups",), "file", "Failed", "error making pod data directories: "),
    (("cgroups",), "", "FailedMount",
     "Unable to attach or mount volumes: unmounted volumes=[v w], unattached volumes=[], failed to process volumes=[]: "
     'configmap "c" not found'),
])
async def test_what_has_to_be_there_before_the_sandbox(
    tmp_path: Path, works: tuple[str, ...], root: str, reason: str, message: str
) -> None:
    (tmp_path / "file").touch()
    worker, recorder = sync(tmp_path / root, *works)
    with pytest.raises(PodSyncError):
        await worker._prepare(POD, "u", Interrupt())  # type: ignore[arg-type]
    ((kind, seen, text),) = told(recorder)
    assert (kind, seen) == ("Warning", reason) and text.startswith(message)
