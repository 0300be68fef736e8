"""kubelet.images.progress: what a runtime says of its pulls."""

import asyncio
import json

import pytest

from cri.errors import UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.explain import PullView
from kubelet.images.progress import PullProgress


class Runtime:
    def __init__(self, pulls: str | None = None, error: Exception | None = None, hangs: bool = False) -> None:
        self.pulls, self.error, self.hangs, self.asked = pulls, error, hangs, 0

    async def Status(self, request: cri.StatusRequest) -> cri.StatusResponse:
        assert request.verbose
        self.asked += 1
        if self.error:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        return cri.StatusResponse(info={} if self.pulls is None else {"pulls": self.pulls})


async def test_nothing_is_asked_while_nothing_is_pulled():
    runtime = Runtime()
    progress = PullProgress(runtime, dict)
    await progress.look()
    assert runtime.asked == 0 and progress.pulls() == {}


TOLD = {"app:1": {"currentBytes": 3, "totalBytes": 9, "bytesPerSecond": 2.5, "startedAt": 4.0}, "other:1": {}}


@pytest.mark.parametrize(
    ("runtime", "view"),
    [
        (Runtime(json.dumps(TOLD)), PullView(7.0, 3, 9, 2.5)),
        (Runtime(), PullView(7.0)),
        (Runtime("nonsense"), PullView(7.0)),
        (Runtime(error=UnavailableError("away")), PullView(7.0)),
    ],
)
async def test_what_the_runtime_tells_is_added(runtime, view):
    progress = PullProgress(runtime, lambda: {"app:1": 7.0})
    await progress.look()
    assert progress.pulls() == {"app:1": view}


@pytest.mark.looptime
async def test_a_runtime_that_hangs_delays_the_answer_by_a_second():
    progress = PullProgress(Runtime(hangs=True), lambda: {"app:1": 7.0})
    begun = asyncio.get_running_loop().time()
    await progress.look()
    assert asyncio.get_running_loop().time() - begun <= 1.1
    assert progress.pulls() == {"app:1": PullView(7.0)}
