"""A critical pod waits for the pods that give way to it, and nobody starts it before, nor after it has gone."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from kubelet.admission import Rejection
from kubelet.api.types import ObjectMeta, Pod, PodSpec, PodStatus
from kubelet.podmanager import PodManager
from kubelet.podworkers import PodWorkers, Synced
from kubelet.preemption import Preemption
from kubelet.sources import PodChange, PodOp
from kubelet.sources.mux import Source
from kubelet.syncloop import SyncLoop
from kubelet.timeline import Timeline
from pleg.cache import PodCache


class Config:
    def __init__(self):
        self.changes = asyncio.Queue()

    def all_sources_seen(self):
        return True


class Runtime:
    def __init__(self):
        self.events, self.cache = asyncio.Queue(), PodCache(lambda _: None, lambda: 0.0)


class House:
    """Answers admission as told, and makes room when the test lets it."""

    def __init__(self):
        self.answers, self.rejected = {}, []
        self.devices, self.refused, self.later = {}, {}, {}
        self.asked_for_room, self.room = asyncio.Event(), asyncio.Event()
        self.fails = False

    def reject(self, pod, rejection):
        self.rejected.append((pod.metadata.name, rejection.reason))

    def admit(self, pod, later):
        self.later[pod.metadata.name] = sorted(later)
        return self.answers.get(pod.metadata.name)

    def needs_devices(self, pod):
        return pod.metadata.name in self.devices

    async def give_devices(self, pod):
        answer = self.devices[pod.metadata.name]
        await answer.wait()
        return self.refused.get(pod.metadata.name)

    async def make_room(self, preemption):
        self.asked_for_room.set()
        await self.room.wait()
        if self.fails:
            raise RuntimeError("a defect")

    async def tidy(self, matter):
        matter()

    async def delete_mirrors(self, mirrors):
        assert mirrors == []


class Syncer:
    def __init__(self):
        self.synced = asyncio.Queue()

    async def sync_pod(self, work, kind, interrupt):
        self.synced.put_nowait((work.pod.metadata.name, work.pod.metadata.labels))
        return Synced()

    async def sync_terminating(self, work, interrupt):
        self.synced.put_nowait((work.pod.metadata.name, "ends"))

    async def sync_terminated(self, work):
        return None


def make(name, **meta):
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=name, **meta), spec=PodSpec(),
        status=PodStatus(phase="Pending"),
    )


class Sizes:
    def admitted(self, pod):
        pass

    def changed(self, pod):
        pass


class Bench:
    def __init__(self):
        self.config, self.house, self.syncer = Config(), House(), Syncer()
        self.workers = PodWorkers(self.syncer)
        self.loop = SyncLoop(
            self.config, PodManager(), self.workers, Runtime(), asyncio.Queue(), self.house, Timeline(),
            lambda _: None, lambda _: None, lambda *_: None, Sizes(),
        )

    def tell(self, op, pod):
        self.config.changes.put_nowait(PodChange(op, (pod,), Source.API))

    async def next(self):
        async with asyncio.timeout(5):
            return await self.syncer.synced.get()


@asynccontextmanager
async def running():
    bench = Bench()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.workers.run()), group.create_task(bench.loop.run())]
        await asyncio.sleep(0)
        yield bench
        for task in tasks:
            task.cancel()


CRITICAL = make("critical")


async def test_it_starts_in_its_newest_version_once_there_is_room():
    async with running() as bench:
        bench.house.answers["critical"] = Preemption(CRITICAL, (make("victim"),), ())
        bench.tell(PodOp.ADD, CRITICAL)
        await bench.house.asked_for_room.wait()
        bench.tell(PodOp.UPDATE, make("critical", labels={"new": "yes"}))
        bench.tell(PodOp.ADD, make("other"))
        assert await bench.next() == ("other", {})  # the loop goes on meanwhile
        assert not bench.workers.knows("critical")
        wait = bench.loop.room_wait("critical")
        assert wait is not None and [pod.metadata.name for pod in wait.preemption.victims] == ["victim"]
        assert bench.loop.room_wait("other") is None
        bench.house.room.set()
        assert await bench.next() == ("critical", {"new": "yes"})
        assert bench.loop.room_wait("critical") is None


@pytest.mark.parametrize("op", [PodOp.REMOVE, PodOp.DELETE])
async def test_one_that_has_gone_meanwhile_does_not_start(op):
    async with running() as bench:
        bench.house.answers["critical"] = Preemption(CRITICAL, (make("victim"),), ())
        bench.tell(PodOp.ADD, CRITICAL)
        await bench.house.asked_for_room.wait()
        gone = msgspec.structs.replace(CRITICAL, metadata=msgspec.structs.replace(
            CRITICAL.metadata, deletion_timestamp="2026-01-01T00:00:00Z"
        )) if op is PodOp.DELETE else CRITICAL
        bench.tell(op, gone)
        bench.tell(PodOp.ADD, make("other"))
        seen = [await bench.next() for _ in range(2 if op is PodOp.DELETE else 1)]
        bench.house.room.set()
        bench.tell(PodOp.ADD, make("last"))
        seen.append(await bench.next())
        assert sorted(seen, key=str) == sorted(
            [("other", {}), ("last", {})] + ([("critical", "ends")] if op is PodOp.DELETE else []), key=str
        )


async def test_a_rejection_starts_nothing():
    async with running() as bench:
        bench.house.answers["critical"] = Rejection("NodeAffinity", "no")
        bench.tell(PodOp.ADD, CRITICAL)
        bench.tell(PodOp.ADD, make("other"))
        assert await bench.next() == ("other", {})
        assert bench.house.rejected == [("critical", "NodeAffinity")]


async def test_one_that_waits_for_its_devices_holds_up_nobody():
    async with running() as bench:
        asked = bench.house.devices["critical"] = asyncio.Event()
        bench.tell(PodOp.ADD, CRITICAL)
        bench.tell(PodOp.ADD, make("other"))
        assert await bench.next() == ("other", {})
        assert not bench.workers.knows("critical")
        bench.tell(PodOp.UPDATE, make("critical", labels={"new": "yes"}))
        bench.tell(PodOp.ADD, make("third"))
        assert await bench.next() == ("third", {})
        asked.set()
        assert await bench.next() == ("critical", {"new": "yes"})


async def test_those_that_came_before_stand_in_front():
    async with running() as bench:
        names = ("first", "second", "third")
        bench.house.devices |= {name: asyncio.Event() for name in names}
        for name in names:
            bench.tell(PodOp.ADD, make(name))
        bench.tell(PodOp.ADD, make("plain"))
        assert await bench.next() == ("plain", {})
        for name in ("second", "first", "third"):
            bench.house.devices[name].set()
            assert await bench.next() == (name, {})
        assert bench.house.later == {"plain": [], "second": ["third"], "first": ["third"], "third": []}


async def test_one_that_gets_no_devices_is_rejected():
    async with running() as bench:
        bench.house.devices |= {"critical": asyncio.Event(), "gone": asyncio.Event()}
        bench.house.refused["critical"] = Rejection("UnexpectedAdmissionError", "no")
        bench.tell(PodOp.ADD, CRITICAL)
        bench.tell(PodOp.ADD, make("gone"))
        bench.tell(PodOp.REMOVE, make("gone"))
        bench.tell(PodOp.ADD, make("other"))
        assert await bench.next() == ("other", {})
        for answer in bench.house.devices.values():
            answer.set()
        bench.tell(PodOp.ADD, make("last"))
        assert await bench.next() == ("last", {})
        assert bench.house.rejected == [("critical", "UnexpectedAdmissionError")]


async def test_one_that_is_over_is_not_admitted_again():
    async with running() as bench:
        over = msgspec.structs.replace(make("over"), status=PodStatus(phase="Succeeded"))
        bench.house.answers["over"] = Rejection("OutOfcpu", "no")
        bench.tell(PodOp.ADD, over)
        assert await bench.next() == ("over", "ends")
        assert bench.house.rejected == []


async def test_a_defect_in_making_room_stops_nobody(caplog):
    async with running() as bench:
        bench.house.answers["critical"] = Preemption(CRITICAL, (make("victim"),), ())
        bench.house.fails = True
        bench.house.room.set()
        bench.tell(PodOp.ADD, CRITICAL)
        assert await bench.next() == ("critical", {})
        bench.tell(PodOp.ADD, make("other"))
        assert await bench.next() == ("other", {})
    assert "a defect" in caplog.text
