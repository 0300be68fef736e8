"""What a pod's worker tells people of a runtime that does not answer."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

import pytest

from cri.errors import UnavailableError
from kubelet.api.types import ObjectMeta, Pod
from kubelet.events import LogEventRecorder
from kubelet.executor.kill import KillError
from kubelet.podsync import PodServices, PodSync, PodSyncError, _Memory
from kubelet.podworkers import Interrupt
from pleg.state import PodRuntimeStatus

POD = Pod(metadata=ObjectMeta(name="p", namespace="n", uid="u"))


class DeafRuntime:
    """As much of cache and killer as is asked before anything else."""

    async def get_newer_than(self, uid: str, at: float) -> PodRuntimeStatus:
        raise UnavailableError("deaf", "ListContainers")

    async def kill_containers(self, pod: Pod, containers: Collection[Any], *_: object) -> None:
        raise KillError(['failed to "KillContainer" for "c" with KillContainerError: "deaf"'])


def sync() -> tuple[PodSync, LogEventRecorder]:
    recorder, deaf = LogEventRecorder(), DeafRuntime()
    rooms: dict[str, Any] = {field.name: None for field in fields(PodServices)}
    return PodSync(PodServices(**rooms | {"recorder": recorder, "cache": deaf, "killer": deaf})), recorder


def told(recorder: LogEventRecorder) -> list[tuple[str, str, str]]:
    return [(event.kind, event.reason, event.message) for event in recorder.recent("u")]


async def test_a_state_that_cannot_be_read() -> None:
    worker, recorder = sync()
    with pytest.raises(PodSyncError, match="cannot read the pod's state from the runtime: deaf"):
        await worker._runtime_status(POD, _Memory(), Interrupt())
    assert told(recorder) == [("Warning", "FailedSync", "error determining status: deaf")]


async def test_containers_that_cannot_be_stopped() -> None:
    worker, recorder = sync()
    text = 'error killing pod: failed to "KillContainer" for "c" with KillContainerError: "deaf"'
    with pytest.raises(PodSyncError) as failed:
        await worker._kill(POD, PodRuntimeStatus("u", "p", "n"), 3, Interrupt())
    assert str(failed.value) == text and told(recorder) == [("Warning", "FailedKillPod", text)]
