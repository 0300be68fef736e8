"""conformance.soak.plan: the same seed gives the same acts, and no act asks for what cannot be had."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.soak.plan import HOW, NEEDS_API, NEEDS_ENGINE, Part, Step, Verb, make_plan
from conformance.soak.pods import KINDS, STATIC_KINDS, make_pod


def test_the_seed_decides() -> None:
    assert make_plan(7, 300) == make_plan(7, 300)
    assert make_plan(7, 300) != make_plan(8, 300)


def test_half_an_hour_does_everything_to_everything() -> None:
    plan = make_plan(1, 1800)
    assert {step.verb for step in plan} == set(Verb)
    assert {(step.kind, step.how) for step in plan if step.verb is Verb.TAKE_DOWN} == {
        (part, how) for part in Part for how in HOW[part]}
    assert {step.kind for step in plan if step.verb is Verb.CREATE} == set(KINDS)


@given(st.integers(0, 10**6), st.floats(1, 400))
@settings(max_examples=40, deadline=None)
def test_a_plan_asks_for_nothing_that_cannot_be(seed: int, seconds: float) -> None:
    pods: set[str] = set()
    manifests: set[str] = set()
    down: set[str] = set()
    plan = make_plan(seed, seconds)
    assert [step.at for step in plan] == sorted(step.at for step in plan)
    for step in plan:
        assert not (Part.API_SERVER in down and step.verb in NEEDS_API), step
        assert not (Part.ENGINE in down and step.verb in NEEDS_ENGINE), step
        if step.verb is Verb.TAKE_DOWN:
            assert step.kind not in down, step
            down.add(step.kind)
        elif step.verb is Verb.BRING_BACK:
            down.remove(step.kind)
        elif step.verb is Verb.QUIET:
            assert not down
        elif step.verb is Verb.WRITE_MANIFEST:
            manifests.add(step.pod)
        elif step.verb in (Verb.BREAK_MANIFEST, Verb.DELETE_MIRROR, Verb.REMOVE_MANIFEST):
            assert step.pod in manifests, step
            manifests -= {step.pod} if step.verb is Verb.REMOVE_MANIFEST else set()
        elif step.verb is Verb.CREATE:
            assert step.pod not in pods, step
            pods.add(step.pod)
        elif step.pod:
            assert step.pod in pods, step
            pods -= {step.pod} if step.verb is Verb.DELETE else set()
    assert plan[-1].verb is Verb.QUIET
    assert not down


def test_parts_that_are_left_alone() -> None:
    plan = make_plan(3, 600, (Part.KUBELET,))
    assert {step.kind for step in plan if step.verb is Verb.TAKE_DOWN} == {Part.KUBELET}


def test_a_step_can_be_written_down() -> None:
    step = Step(1.5, Verb.DELETE, "pod-1", how="short")
    assert json.loads(json.dumps(step.plain())) == {"at": 1.5, "verb": "delete", "pod": "pod-1", "how": "short"}
    assert str(step).split() == ["1.5", "delete", "pod-1", "short"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pod_of_each_kind_is_one(kind: str) -> None:
    made = make_pod("pod-12", kind, "soak")
    assert made["spec"]["containers"]
    assert made["metadata"]["labels"]["soak.podwright/expect"] in ("ready", "ended", "runs")
    if kind in STATIC_KINDS:
        assert "configMap" not in json.dumps(made), "a static pod cannot name an object of the API"
