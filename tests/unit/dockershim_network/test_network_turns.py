"""The order of operations on pod networks, and plugins of an earlier life."""

import asyncio
import contextlib
import os
import subprocess

from dockershim.network import orphans
from dockershim.network.turns import Turns


async def test_one_operation_per_sandbox_others_side_by_side():
    turns, seen = Turns(), []

    async def work(sandbox_id, label, gate):
        async with turns.of_sandbox(sandbox_id):
            seen.append(f"{label} begins")
            await gate.wait()
            seen.append(f"{label} ends")

    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for sandbox_id, label in (("a", "a1"), ("a", "a2"), ("b", "b1")):
            group.create_task(work(sandbox_id, label, gate))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen == ["a1 begins", "b1 begins"]
        assert turns.sandboxes == {"a", "b"}
        gate.set()
    assert seen.index("a1 ends") < seen.index("a2 begins")
    assert turns.sandboxes == frozenset()


async def test_collection_is_alone():
    turns, seen, gates = Turns(), [], {name: asyncio.Event() for name in ("before", "gc")}

    async def operate(sandbox_id, name):
        async with turns.of_sandbox(sandbox_id):
            seen.append(name)
            if name in gates:
                await gates[name].wait()

    async def collect():
        async with turns.alone():
            seen.append("gc")
            await gates["gc"].wait()

    async def settle():
        for _ in range(5):
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(operate("a", "before"))
        await settle()
        group.create_task(collect())
        await settle()
        group.create_task(operate("b", "not kept waiting"))
        await settle()
        assert seen == ["before", "not kept waiting"]
        gates["before"].set()
        await settle()
        group.create_task(operate("c", "after"))
        cancelled = group.create_task(operate("d", "never"))
        await settle()
        cancelled.cancel()
        assert seen == ["before", "not kept waiting", "gc"]
        gates["gc"].set()
    assert seen == ["before", "not kept waiting", "gc", "after"]
    async with turns.alone():
        pass


def plugin(sandbox_id, seconds):
    return subprocess.Popen(["sleep", str(seconds)], env={**os.environ, "CNI_CONTAINERID": sandbox_id})


async def test_the_first_of_a_kind_goes_ahead(monkeypatch):
    turns, seen, gates = Turns(), [], [asyncio.Event(), asyncio.Event()]

    async def add(kind, label, gate=None, fail=False):
        with contextlib.suppress(ZeroDivisionError):
            async with turns.behind_first(kind):
                seen.append(label)
                if gate:
                    await gate.wait()
                assert not fail or 1 / 0

    async def settle():
        for _ in range(8):
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(add("a", "fails", gates[0], fail=True))
        group.create_task(add("b", "other kind"))
        await settle()
        group.create_task(add("a", "second", gates[1]))
        group.create_task(add("a", "third"))
        await settle()
        assert seen == ["fails", "other kind"]
        gates[0].set()
        await settle()
        assert seen == ["fails", "other kind", "second"]
        gates[1].set()
    assert seen == ["fails", "other kind", "second", "third"]
    monkeypatch.setattr("dockershim.network.turns.PIONEER_SECONDS", 0.01)
    stuck = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(add("c", "stuck", stuck))
        await settle()
        await add("c", "not kept for ever")
        assert seen[-2:] == ["stuck", "not kept for ever"]
        stuck.set()


async def test_plugins_of_an_earlier_life_end_or_are_killed():
    quick, slow, other = plugin("s1", 0.1), plugin("s1", 600), plugin("s2", 600)
    try:
        assert await orphans.end("s1", grace_seconds=0.5) == 1
        assert (quick.wait(), slow.wait(), other.poll()) == (0, -9, None)
        assert await orphans.end("s3", grace_seconds=0.5) == 0
    finally:
        other.kill()
        other.wait()
