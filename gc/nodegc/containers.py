"""Which dead containers and sandboxes may go: pure.

Of each (pod, container name) the newest dead ones stay, one by default, for `kubectl logs --previous`, restart counts
and the status' lastState. One that is created and not started yet has not died: it takes no dead one's place, and goes
only when a newer one of its name has taken its own. A sandbox goes when it is not ready, holds no container any more,
and is not the newest of a pod that still exists.

Source: pkg/kubelet/kuberuntime/kuberuntime_gc.go, pkg/kubelet/pod_container_deletor.go. Different from the first: there
the successor of a container that has just ended counts as the newest dead one until it is started.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nodegc.plan import Decision, Kind, Plan


@dataclass(frozen=True, slots=True)
class Container:
    """`created_at`: Unix seconds. `unknown`: the runtime does not know its state, so it may run. `unstarted`: created,
    and perhaps about to be started."""

    id: str
    name: str
    pod_uid: str
    sandbox_id: str
    created_at: float
    running: bool
    unknown: bool = False
    unstarted: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    id: str
    pod_uid: str
    created_at: float
    ready: bool
    pod_name: str = ""


@dataclass(frozen=True, slots=True)
class ContainerPolicy:
    """`min_age` in seconds; -1 means no limit."""

    min_age: float = 0.0
    keep_per_container: int = 1
    keep_in_all: int = -1


@dataclass(frozen=True, slots=True)
class PodFates:
    """What the pod workers know. `content_removable`: the pod is gone; `runtime_removable`: it has ended or is gone."""

    content_removable: Callable[[str], bool]
    runtime_removable: Callable[[str], bool]
    all_sources_seen: bool
    """Only then is an unknown pod a pod that is gone."""


def plan_containers(
    containers: Iterable[Container], policy: ContainerPolicy, fates: PodFates, now: float, *,
    also_ended_pods: bool = False,
) -> Plan:
    """`also_ended_pods`: nothing of pods that have ended is kept either (eviction wants space)."""
    decisions: dict[str, Decision] = {}
    units: dict[tuple[str, str], list[Container]] = defaultdict(list)
    containers = tuple(containers)
    newest = {(one.pod_uid, one.name): one.id for one in reversed(_newest_first(containers))}
    for container in containers:
        if container.running:
            decisions[container.id] = _keep(container, "it is running")
        elif now - container.created_at < policy.min_age:
            decisions[container.id] = _keep(container, "younger than the minimum age of dead containers")
        else:
            units[container.pod_uid, container.name].append(container)
    for (uid, _), unit in units.items():
        gone = fates.all_sources_seen and (
            fates.content_removable(uid) or (also_ended_pods and fates.runtime_removable(uid))
        )
        allowed = 0 if gone else policy.keep_per_container
        unstarted = [container for container in unit if container.unstarted and not gone]
        for container in unstarted:
            is_next = newest[container.pod_uid, container.name] == container.id
            decisions[container.id] = _keep(container, "created, and not started yet") if is_next \
                else _remove(container, "never started, and there is a newer one of its name")
        for rank, container in enumerate(_newest_first(one for one in unit if one not in unstarted)):
            if gone:
                decisions[container.id] = _remove(container, "its pod is gone")
            elif 0 <= allowed <= rank:
                decisions[container.id] = _remove(container, f"dead, and not among the newest {allowed} of its name")
            else:
                decisions[container.id] = _keep(container, "newest dead container of its name")
    kept = [one for unit in units.values() for one in unit if not one.unstarted and not decisions[one.id].remove]
    for container in _beyond_total(kept, policy.keep_in_all):
        decisions[container.id] = _remove(container, f"more than {policy.keep_in_all} dead containers on the node")
    return tuple(decisions.values())


def _beyond_total(kept: Sequence[Container], limit: int) -> list[Container]:
    """What is too much when the whole node may keep `limit`: first all but an equal share per unit, then the oldest."""
    if limit < 0 or len(kept) <= limit:
        return []
    units: dict[tuple[str, str], list[Container]] = defaultdict(list)
    for container in kept:
        units[container.pod_uid, container.name].append(container)
    share = max(1, limit // len(units))
    surplus = [one for unit in units.values() for one in _newest_first(unit)[share:]]
    surplus_ids = {one.id for one in surplus}
    rest = _newest_first([one for one in kept if one.id not in surplus_ids])
    return [*surplus, *rest[limit:]]


def plan_sandboxes(
    sandboxes: Iterable[Sandbox], containers: Iterable[Container], fates: PodFates, *, also_ended_pods: bool = False,
) -> Plan:
    """`containers`: those that are there when this plan is carried out."""
    occupied = {container.sandbox_id for container in containers}
    pods: dict[str, list[Sandbox]] = defaultdict(list)
    for sandbox in sandboxes:
        pods[sandbox.pod_uid].append(sandbox)
    decisions: list[Decision] = []
    for uid, group in pods.items():
        gone = fates.all_sources_seen and (
            fates.content_removable(uid) or (also_ended_pods and fates.runtime_removable(uid))
        )
        newest = max(group, key=lambda sandbox: (sandbox.created_at, sandbox.id))
        for sandbox in group:
            if sandbox.ready:
                remove, reason = False, "it is ready"
            elif sandbox.id in occupied:
                remove, reason = False, "it still has containers"
            elif gone:
                remove, reason = True, "its pod is gone"
            elif sandbox is newest:
                remove, reason = False, "newest sandbox of its pod"
            else:
                remove, reason = True, "not ready, empty, and not the newest of its pod"
            decisions.append(Decision(Kind.SANDBOX, sandbox.id, remove, reason, sandbox.pod_name or uid))
    return tuple(decisions)


def plan_after_death(containers: Sequence[Container], died: str, keep: int, *, keep_none: bool = False) -> Plan:
    """Of one pod, right after the container with id `died` has ended: the older dead ones of that name.

    With `keep_none` (the pod has ended and is to be deleted) all dead containers of all names.
    """
    name = next((container.name for container in containers if container.id == died), None)
    units: dict[str, list[Container]] = defaultdict(list)
    for container in containers:
        is_dead = not (container.running or container.unknown or (container.unstarted and not keep_none))
        if is_dead and (keep_none or container.name == name):
            units[container.name].append(container)
    allowed = 0 if keep_none else keep
    return tuple(
        _remove(container, "dead, and newer ones of its name are kept" if allowed else "its pod has ended")
        for unit in units.values() for container in _newest_first(unit)[allowed:]
    )


def _newest_first(containers: Iterable[Container]) -> list[Container]:
    return sorted(containers, key=lambda container: (container.created_at, container.id), reverse=True)


def _keep(container: Container, reason: str) -> Decision:
    return Decision(Kind.CONTAINER, container.id, False, reason, container.name)


def _remove(container: Container, reason: str) -> Decision:
    return Decision(Kind.CONTAINER, container.id, True, reason, container.name)
