"""Who gives way to a critical pod: plans as a table, what must hold of any plan, and its execution."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.admission import NeedsRoom, Rejection, Shortage, admit
from kubelet.api.types import Container, Node, NodeStatus, ObjectMeta, Pod, PodSpec, PodStatus, ResourceRequirements
from kubelet.events import LogEventRecorder
from kubelet.podender import EXCEEDED_MESSAGE, PodEnder
from kubelet.podworkers import PodUpdate, UpdateKind
from kubelet.preemption import CannotMakeRoomError, Preemption, Preemptor, plan_preemption
from kubelet.preemption.plan import is_preemptable
from kubelet.resources import BEST_EFFORT, BURSTABLE, CPU, GUARANTEED, MEMORY, PODS, pod_requests, qos_class

CRITICAL = 2_000_000_000


def make(name, qos=BURSTABLE, priority=0, grace=None, annotations=None, **requests):
    """A pod with one container; Guaranteed ones have limits too, BestEffort ones ask for nothing that counts."""
    limits = requests if qos == GUARANTEED else {}
    container = Container(name="c", resources=ResourceRequirements(requests=requests, limits=limits))
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=name, annotations=annotations or {}),
        spec=PodSpec(containers=(container,), priority=priority, termination_grace_period_seconds=grace),
        status=PodStatus(phase="Running", qos_class=qos),
    )


PREEMPTOR = make("critical", priority=CRITICAL, cpu="1", memory="1Gi")


def short(**amounts):
    return [
        Shortage(name, Fraction(amount), Fraction(0), Fraction(0)) for name, amount in amounts.items()
    ]


def names(preemption):
    return {pod.metadata.name for pod in preemption.victims}


FAT, THIN = {"cpu": "2", "memory": "2Gi"}, {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(("others", "shortages", "victims"), [
    # Nothing is missing: nobody goes.
    ([make("a", **FAT)], [], set()),
    # The lowest class that can give it gives it.
    ([make("g", GUARANTEED, **FAT), make("b", **FAT)], short(cpu=1), {"b"}),
    ([make("g", GUARANTEED, **FAT), make("e", BEST_EFFORT)], short(pods=1), {"e"}),
    ([make("b", **FAT), make("e", BEST_EFFORT)], short(pods=1), {"e"}),
    # What BestEffort pods cannot give comes from Burstable ones, and only what those cannot from Guaranteed ones.
    ([make("g", GUARANTEED, **FAT), make("b", **THIN), make("e", BEST_EFFORT)], short(cpu=3), {"g", "b"}),
    ([make("g", GUARANTEED, **FAT), make("b", **THIN)], short(cpu=2), {"g"}),
    # The closest to what is missing, so that few go; of equally close ones the smallest.
    ([make("small", **THIN), make("other", **THIN), make("big", **FAT)], short(cpu=2), {"big"}),
    ([make("big", **FAT), make("small", **THIN)], short(cpu=1), {"small"}),
    ([make("one", cpu="2"), make("two", memory="2Gi"), make("both", cpu="1", memory="1Gi")],
     short(cpu=1, memory=2**30), {"both"}),
    # Pods as critical as the one that comes stay, and so do static ones.
    ([make("peer", priority=CRITICAL, **FAT), make("b", **FAT)], short(cpu=1), {"b"}),
    ([make("static", priority=None, annotations={"kubernetes.io/config.source": "file"}, **FAT), make("b", **FAT)],
     short(cpu=1), {"b"}),
])
def test_victims(others, shortages, victims):
    assert names(plan_preemption(PREEMPTOR, others, shortages)) == victims


def test_what_cannot_be_had_is_refused_with_upstreams_text():
    with pytest.raises(CannotMakeRoomError) as raised:
        plan_preemption(PREEMPTOR, [make("b", cpu="500m")], short(cpu=2, memory=2**30))
    assert str(raised.value) == (
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        "to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1500), (res: memory, q: "
        "1073741824), ]"
    )


@pytest.mark.parametrize(("preemptor", "other", "expected"), [
    (make("p", priority=CRITICAL), make("o", priority=5), True),
    (make("p", priority=CRITICAL), make("o", priority=CRITICAL), False),
    (make("p", priority=CRITICAL + 1000), make("o", priority=CRITICAL), True),
    (make("p", priority=3), make("o", priority=2), True),
    (make("p", priority=None), make("o", priority=2), False),
])
def test_who_may_take_whose_place(preemptor, other, expected):
    assert is_preemptable(preemptor, other) is expected


amounts = st.integers(0, 4)
pods = st.lists(
    st.builds(
        lambda qos, cpu, memory, priority: (qos, cpu, memory, priority),
        st.sampled_from([GUARANTEED, BURSTABLE, BEST_EFFORT]), amounts, amounts, st.sampled_from([0, CRITICAL]),
    ), max_size=8,
)


@given(pods, amounts, amounts)
def test_any_plan_frees_enough_and_spares_the_better_classes(drawn, cpu, memory):
    others = [
        make(f"p{index}", qos, priority, **({} if qos == BEST_EFFORT else {"cpu": str(c), "memory": str(m)}))
        for index, (qos, c, m, priority) in enumerate(drawn)
    ]
    missing = {name: Fraction(amount) for name, amount in ((CPU, cpu), (MEMORY, memory)) if amount}
    shortages = [Shortage(name, amount, Fraction(0), Fraction(0)) for name, amount in missing.items()]

    def freed(by):
        return {name: sum((pod_requests(pod).get(name, Fraction(0)) for pod in by), Fraction(0)) for name in missing}

    lesser = [pod for pod in others if pod.spec.priority != CRITICAL]
    try:
        plan = plan_preemption(PREEMPTOR, others, shortages)
    except CannotMakeRoomError:
        assert any(freed(lesser)[name] < amount for name, amount in missing.items())
        return
    assert all(freed(plan.victims)[name] >= amount for name, amount in missing.items())
    assert all(victim in lesser for victim in plan.victims)
    assert len(names(plan)) == len(plan.victims)
    for better, worse in ((GUARANTEED, {BURSTABLE, BEST_EFFORT}), (BURSTABLE, {BEST_EFFORT})):
        spare = [pod for pod in lesser if qos_class(pod) in worse]
        if better == GUARANTEED and all(freed(spare)[name] >= amount for name, amount in missing.items()):
            assert all(qos_class(victim) != better for victim in plan.victims)


# --- admission asks for it only when nothing else is in the way ---

NODE = Node(
    metadata=ObjectMeta(name="n1"),
    status=NodeStatus(allocatable={"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi", "pods": "2"}),
)


def test_a_critical_pod_needs_room_where_another_is_rejected():
    running = [make("r", cpu="1")]
    assert isinstance(admit(make("plain", cpu="1"), running, NODE), Rejection)
    answer = admit(make("critical", priority=CRITICAL, cpu="500m"), running, NODE)
    assert isinstance(answer, NeedsRoom)
    assert [(one.resource, one.missing) for one in answer.shortages] == [(CPU, Fraction(1, 2))]
    full = [*running, make("e", BEST_EFFORT)]
    answer = admit(make("critical", priority=CRITICAL), full, NODE)
    assert isinstance(answer, NeedsRoom)
    assert [one.resource for one in answer.shortages] == [PODS]


def test_a_critical_pod_that_would_be_rejected_anyway_takes_nobodys_place():
    elsewhere = make("critical", priority=CRITICAL, cpu="1")
    elsewhere.spec.node_selector["zone"] = "b"
    answer = admit(elsewhere, [make("r", cpu="1")], NODE)
    assert isinstance(answer, Rejection)
    assert answer.reason == "NodeAffinity"


# --- execution ---


class Workers:
    """Remembers what it was told to end; `slow` pods do not end in time."""

    def __init__(self, slow=()):
        self.slow, self.told = slow, []

    async def kill_and_wait(self, update: PodUpdate, timeout: float) -> bool:
        self.told.append((update, timeout))
        return update.pod.metadata.name not in self.slow


async def test_victims_end_with_their_own_grace_and_say_why():
    workers, recorder, counted = Workers(slow=("late",)), LogEventRecorder(), []
    victims = (make("quick", grace=4), make("late", grace=30))
    preemptor = Preemptor(PodEnder(workers, recorder), recorder, counted.append)
    await preemptor.make_room(Preemption(PREEMPTOR, victims, tuple(short(memory=1, cpu=1))))
    assert [(told.pod.metadata.name, timeout) for told, timeout in workers.told] == [("quick", 10.0), ("late", 45.0)]
    for told, _ in workers.told:
        assert told.kind is UpdateKind.KILL
        assert told.kill.evict
        assert told.kill.grace_seconds is None
        verdict = told.kill.verdict
        assert (verdict.phase, verdict.reason, verdict.message) == (
            "Failed", "Preempting", "Preempted in order to admit critical pod"
        )
        assert (verdict.disruption_reason, verdict.disruption_message) == (
            "TerminationByKubelet", "Pod was preempted by Kubelet to accommodate a critical pod."
        )
    assert counted == ["memory"]
    events = [(event.ref.name, event.kind, event.reason, event.message) for event in recorder.recent()]
    assert events == [
        ("quick", "Warning", "Preempting", "Preempted in order to admit critical pod"),
        ("late", "Warning", "Preempting", "Preempted in order to admit critical pod"),
        ("late", "Warning", "ExceededGracePeriod", EXCEEDED_MESSAGE),
    ]
