"""Which pods give way to a critical pod that the node has no room for. Pure.

As few Guaranteed pods as possible, then as few Burstable, then as few BestEffort ones: what each class has to give is
what the classes below it, all of them together, could not. Within a class the pod whose requests come closest to what
is still missing goes first, of equally close ones the smaller.

Source: pkg/kubelet/preemption/preemption.go, types.Preemptable.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kubelet.admission import Shortage
from kubelet.api.meta import is_critical
from kubelet.api.types import Pod
from kubelet.resources import BEST_EFFORT, BURSTABLE, CPU, GUARANTEED, MEMORY, PODS, pod_requests, qos_class

NOTHING = Fraction(0)


class CannotMakeRoomError(Exception):
    """All that may be preempted together is not enough; `str(error)` is the rejection's message."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """The pods that have to end before `pod` is admitted, and what it lacks."""

    pod: Pod
    victims: tuple[Pod, ...]
    shortages: tuple[Shortage, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    pod: Pod
    requests: dict[str, Fraction]

    def gives(self, resource: str) -> Fraction:
        return Fraction(1) if resource == PODS else self.requests.get(resource, NOTHING)

    @property
    def size(self) -> tuple[Fraction, Fraction]:
        return self.gives(MEMORY), self.gives(CPU)


Missing = dict[str, Fraction]
"""By resource name, what is still to be freed; nothing that is 0 or less."""


def is_preemptable(preemptor: Pod, other: Pod) -> bool:
    """A critical pod may take the place of any that is not; otherwise the higher priority decides."""
    if is_critical(preemptor) and not is_critical(other):
        return True
    mine, theirs = preemptor.spec.priority, other.spec.priority
    return mine is not None and theirs is not None and mine > theirs


def plan_preemption(pod: Pod, others: Iterable[Pod], shortages: Sequence[Shortage]) -> Preemption:
    """`others`: the node's active pods. Raises CannotMakeRoomError."""
    missing = {shortage.resource: shortage.missing for shortage in shortages}
    classes: dict[str, list[_Candidate]] = {BEST_EFFORT: [], BURSTABLE: [], GUARANTEED: []}
    for other in others:
        if other.metadata.uid != pod.metadata.uid and is_preemptable(pod, other):
            classes[qos_class(other)].append(_Candidate(other, pod_requests(other)))
    best_effort, burstable, guaranteed = classes.values()
    if left := _less(missing, [*best_effort, *burstable, *guaranteed]):
        raise _cannot(left)
    third = _closest(guaranteed, _less(missing, [*best_effort, *burstable]))
    second = _closest(burstable, _less(missing, [*best_effort, *third]))
    first = _closest(best_effort, _less(missing, [*second, *third]))
    victims = tuple(candidate.pod for candidate in (*first, *second, *third))
    return Preemption(pod, victims, tuple(shortages))


def _cannot(left: Missing) -> CannotMakeRoomError:
    amounts = "".join(f"(res: {name}, q: {_whole(name, amount)}), " for name, amount in left.items())
    return CannotMakeRoomError(
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        f"to preempt: no set of running pods found to reclaim resources: [{amounts}]"
    )


def _whole(resource: str, amount: Fraction) -> int:
    """As upstream counts: thousandths of cpu, whole units of everything else."""
    return -(-(amount * 1000 if resource == CPU else amount) // 1)


def _less(missing: Missing, given: Iterable[_Candidate]) -> Missing:
    left = dict(missing)
    for candidate in given:
        for resource in left:
            left[resource] -= candidate.gives(resource)
    return {resource: amount for resource, amount in left.items() if amount > 0}


def _closest(candidates: Sequence[_Candidate], missing: Missing) -> list[_Candidate]:
    """Candidates, the closest to what is missing first, until nothing is."""
    left, chosen = list(candidates), list[_Candidate]()
    while missing:
        if not left:
            raise _cannot(missing)
        best = min(left, key=lambda candidate: (_distance(candidate, missing), candidate.size))
        left.remove(best)
        chosen.append(best)
        missing = _less(missing, [best])
    return chosen


def _distance(candidate: _Candidate, missing: Missing) -> Fraction:
    """0: gives all that is missing. Each resource weighs the same, however large its numbers are."""
    shares = ((amount - candidate.gives(resource)) / amount for resource, amount in missing.items())
    return sum((max(share, NOTHING) ** 2 for share in shares), NOTHING)
