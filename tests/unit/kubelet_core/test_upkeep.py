"""Tidying: one room that fails does not keep the others from it."""

import pytest

from cri.errors import UnavailableError
from kubelet.api.meta import PodUID
from kubelet.cgroups import CgroupError
from kubelet.events import LogEventRecorder
from kubelet.podender import PodEnder
from kubelet.podmanager import PodManager
from kubelet.podstatus import StatusManager
from kubelet.podworkers import PodUpdate
from kubelet.preemption import Preemptor
from kubelet.upkeep import Matter, Tidier, Upkeep
from kubelet.volumes.types import MountError, VolumeError


class NoWorkers:
    async def kill_and_wait(self, update: PodUpdate, timeout: float) -> bool:
        return True


def preemptor() -> Preemptor:
    return Preemptor(PodEnder(NoWorkers(), LogEventRecorder()), LogEventRecorder())


@pytest.mark.parametrize(
    "failure",
    [
        OSError("disk"), UnavailableError("no runtime"), CgroupError("busy"), MountError(["v"], {}),
        VolumeError("in use"),
    ],
)
async def test_a_room_that_fails_is_told_about_and_spares_the_others(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[set[PodUID]] = []

    async def fails(_: Matter) -> None:
        raise failure

    async def works(matter: Matter) -> None:
        told.append(matter())

    upkeep = Upkeep(
        lambda _pod, _later: None, preemptor(), StatusManager(None, PodManager()), LogEventRecorder(), None,
        [Tidier("broken", fails), Tidier("fine", works)], lambda: 0.0,
    )
    await upkeep.tidy(lambda: {PodUID("a"), PodUID("b")})
    assert told == [{"a", "b"}]
    assert "room=broken" in caplog.text


async def test_each_room_is_told_what_matters_when_it_acts() -> None:
    matter = {PodUID("a")}
    told: list[set[PodUID]] = []

    async def slow(_: Matter) -> None:
        matter.add(PodUID("came-meanwhile"))

    async def late(now: Matter) -> None:
        told.append(now())

    upkeep = Upkeep(
        lambda _pod, _later: None, preemptor(), StatusManager(None, PodManager()), LogEventRecorder(), None,
        [Tidier("slow", slow), Tidier("late", late)], lambda: 0.0,
    )
    await upkeep.tidy(lambda: set(matter))
    assert told == [{"a", "came-meanwhile"}]
