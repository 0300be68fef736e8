"""What a look at the node means: thresholds, their grace, minimum reclaim, and conditions that outlive their cause."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.config import KubeletConfiguration
from kubelet.eviction.signals import Layout, Observation, Signal, written
from kubelet.eviction.thresholds import (
    DEFAULT_HARD,
    Amount,
    PressureState,
    Threshold,
    effective_hard,
    judge,
    met,
    on_layout,
    parse_thresholds,
)

MI, GI = 2**20, 2**30


@pytest.mark.parametrize(("text", "capacity", "amount", "as_written"), [
    ("100Mi", 8 * GI, 100 * MI, "100Mi"), ("0.5Gi", 8 * GI, 512 * MI, "512Mi"), ("1000", 5000, 1000, "1k"),
    ("5%", 1000, 50, "50"), ("50%", 4 * GI, 2 * GI, "2Gi"),
    # Single precision, as upstream: a tenth is a little more than a tenth, and is cut to whole bytes.
    ("10%", 100 * GI, 10 * GI + 160, "10737418400"),
])
def test_amounts(text, capacity, amount, as_written):
    found = Amount(text)
    assert (found.of(capacity), found.written(capacity)) == (amount, as_written)


@pytest.mark.parametrize(("signal", "resource", "condition"), [
    (Signal.MEMORY, "memory", "MemoryPressure"), (Signal.ALLOCATABLE_MEMORY, "memory", "MemoryPressure"),
    (Signal.NODE_FS, "ephemeral-storage", "DiskPressure"), (Signal.NODE_FS_INODES, "inodes", "DiskPressure"),
    (Signal.IMAGE_FS, "ephemeral-storage", "DiskPressure"), (Signal.CONTAINER_FS_INODES, "inodes", "DiskPressure"),
    (Signal.PID, "pids", "PIDPressure"),
])
def test_what_signals_stand_for(signal, resource, condition):
    assert (signal.resource, signal.condition) == (resource, condition)


def test_amounts_are_written_as_upstream_writes_them():
    assert written("memory", 3 * MI) == "3Mi"
    assert written("ephemeral-storage", 1025) == "1025"
    assert written("inodes", 150_000) == "150k"
    assert written("pids", 32_768) == "32768"


# --- configuration ---


def test_defaults_hold_unless_something_is_given():
    config = KubeletConfiguration()
    assert effective_hard(config, given=False) == DEFAULT_HARD
    given = replace_config(config, eviction_hard={"memory.available": "1Gi"})
    assert effective_hard(given, given=True) == {"memory.available": "1Gi"}
    merged = replace_config(given, merge_default_eviction_settings=True)
    assert effective_hard(merged, given=True) == {**DEFAULT_HARD, "memory.available": "1Gi"}


def replace_config(config, **changes):
    return msgspec.structs.replace(config, **changes)


def test_everything_of_the_configuration_ends_up_in_thresholds_in_order_of_urgency():
    config = replace_config(
        KubeletConfiguration(), eviction_soft={"memory.available": "10%"},
        eviction_soft_grace_period={"memory.available": "1m30s"},
        eviction_minimum_reclaim={"memory.available": "0Mi", "nodefs.available": "5%"},
    )
    hard = {"nodefs.available": "10%", "imagefs.available": "0%", "pid.available": "100%", "memory.available": "100Mi"}
    assert parse_thresholds(config, hard) == (
        Threshold(Signal.MEMORY, Amount("100Mi"), 0, Amount("0Mi")),
        Threshold(Signal.MEMORY, Amount("10%"), 90.0, Amount("0Mi"), soft=True),
        Threshold(Signal.ALLOCATABLE_MEMORY, Amount("100Mi"), 0, Amount("0Mi")),
        Threshold(Signal.NODE_FS, Amount("10%"), 0, Amount("5%")),
    )
    lax = replace_config(config, enforce_node_allocatable=("none",))
    assert Signal.ALLOCATABLE_MEMORY not in {found.signal for found in parse_thresholds(lax, hard)}


NODE = Threshold(Signal.NODE_FS, Amount("10%"))
IMAGE = Threshold(Signal.IMAGE_FS, Amount("15%"))
OWN = Threshold(Signal.CONTAINER_FS, Amount("99%"))


@pytest.mark.parametrize(("layout", "copied"), [
    (Layout.SHARED, "10%"), (Layout.IMAGES, "15%"), (Layout.SPLIT, "10%"),
])
def test_containerfs_follows_the_file_system_that_it_is(layout, copied):
    assert on_layout((NODE, IMAGE, OWN), layout) == (NODE, IMAGE, Threshold(Signal.CONTAINER_FS, Amount(copied)))


# --- judging ---

HARD = Threshold(Signal.MEMORY, Amount("100"))
SOFT = Threshold(Signal.MEMORY, Amount("200"), grace_seconds=60, soft=True)
RECLAIM = Threshold(Signal.NODE_FS, Amount("100"), minimum_reclaim=Amount("50"))
TRANSITION = 300.0


def memory(available):
    return {Signal.MEMORY: Observation(1000, available)}


def disk(available):
    return {Signal.NODE_FS: Observation(1000, available)}


def follow(thresholds, *looks):
    """(seconds, observations) in their order; the last judgement."""
    state, judgement = PressureState(), None
    for now, seen in looks:
        judgement = judge(state, thresholds, seen, now, TRANSITION)
        state = judgement.state
    return judgement


@pytest.mark.parametrize(("thresholds", "looks", "conditions", "act"), [
    ((HARD, SOFT), [(0, memory(500))], set(), ()),
    # Exactly the threshold is enough.
    ((HARD,), [(0, memory(100))], set(), ()),
    ((HARD,), [(0, memory(99))], {"MemoryPressure"}, (HARD,)),
    # A soft one tells at once and acts when its grace is over.
    ((HARD, SOFT), [(0, memory(150))], {"MemoryPressure"}, ()),
    ((HARD, SOFT), [(0, memory(150)), (59, memory(150))], {"MemoryPressure"}, ()),
    ((HARD, SOFT), [(0, memory(150)), (60, memory(150))], {"MemoryPressure"}, (SOFT,)),
    # The grace begins anew when it was not met in between.
    ((HARD, SOFT), [(0, memory(150)), (30, memory(250)), (70, memory(150))], {"MemoryPressure"}, ()),
    ((HARD, SOFT), [(0, memory(150)), (60, memory(50))], {"MemoryPressure"}, (HARD, SOFT)),
    # A condition is kept for the transition period after it was last seen, and no longer.
    ((HARD,), [(0, memory(50)), (299, memory(500))], {"MemoryPressure"}, ()),
    ((HARD,), [(0, memory(50)), (300, memory(500))], set(), ()),
    ((HARD,), [(0, memory(50)), (200, memory(50)), (499, memory(500))], {"MemoryPressure"}, ()),
    # What was acted upon is acted upon until its minimum reclaim is there, too.
    ((RECLAIM,), [(0, disk(120))], set(), ()),
    ((RECLAIM,), [(0, disk(90)), (10, disk(120))], {"DiskPressure"}, (RECLAIM,)),
    ((RECLAIM,), [(0, disk(90)), (10, disk(150))], {"DiskPressure"}, ()),
    ((RECLAIM,), [(0, disk(90)), (10, disk(150)), (20, disk(120))], {"DiskPressure"}, ()),
    # What cannot be measured is not judged.
    ((HARD, RECLAIM), [(0, disk(500))], set(), ()),
    # Memory before disk.
    ((RECLAIM, HARD), [(0, memory(1) | disk(1))], {"MemoryPressure", "DiskPressure"}, (HARD, RECLAIM)),
])
def test_judgements(thresholds, looks, conditions, act):
    judgement = follow(thresholds, *looks)
    assert set(judgement.conditions) == conditions
    assert judgement.act == act


looks = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 300)), min_size=1, max_size=12)


@given(looks)
def test_acting_implies_the_condition_and_the_grace(drawn):
    state, now = PressureState(), 0.0
    since = None
    for step, available in drawn:
        now += step
        judgement = judge(state, (HARD, SOFT), memory(available), now, TRANSITION)
        state = judgement.state
        since = (now if since is None else since) if available < 200 else None
        assert (HARD in judgement.act) == (available < 100)
        assert (SOFT in judgement.act) == (since is not None and now - since >= 60)
        assert not judgement.act or "MemoryPressure" in judgement.conditions


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_minimum_reclaim_only_asks_for_more(available, minimum):
    threshold = replace(HARD, minimum_reclaim=Amount(str(minimum)))
    seen = {Signal.MEMORY: Observation(10**6, available)}
    assert set(met([threshold], seen)) <= set(met([threshold], seen, reclaimed=True))
