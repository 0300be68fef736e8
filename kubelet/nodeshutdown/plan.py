"""Which pods end when the machine shuts down, in which order and with how much time. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubelet.api.meta import SYSTEM_CRITICAL_PRIORITY
from kubelet.api.types import Pod
from kubelet.config import KubeletConfiguration, gates


@dataclass(frozen=True, slots=True)
class ShutdownGroup:
    """Pods of at least this priority, and less than the next group's, get this long all together."""

    priority: int
    seconds: int


def shutdown_groups(config: KubeletConfiguration) -> tuple[ShutdownGroup, ...]:
    """From the lowest priority to the highest; none: the kubelet does not care about shutdowns."""
    if not gates.enabled("GracefulNodeShutdown", config.feature_gates):
        return ()
    by_priority = config.shutdown_grace_period_by_pod_priority
    if by_priority and gates.enabled("GracefulNodeShutdownBasedOnPodPriority", config.feature_gates):
        groups = [ShutdownGroup(one.priority, one.shutdown_grace_period_seconds) for one in by_priority]
        return tuple(sorted(groups, key=lambda group: group.priority))
    whole, critical = float(config.shutdown_grace_period), float(config.shutdown_grace_period_critical_pods)
    if whole == 0 or critical > whole:
        return ()
    return (
        ShutdownGroup(0, int(whole - critical)), ShutdownGroup(SYSTEM_CRITICAL_PRIORITY, int(critical))
    )


def seconds_needed(groups: Iterable[ShutdownGroup]) -> int:
    return sum(group.seconds for group in groups)


def assign(groups: Sequence[ShutdownGroup], pods: Iterable[Pod]) -> list[tuple[ShutdownGroup, list[Pod]]]:
    """Each pod in its group, in the groups' order; groups without pods are left out, nobody waits for them."""
    members: list[list[Pod]] = [[] for _ in groups]
    bounds = [group.priority for group in groups]
    for pod in pods:
        members[max(0, bisect_right(bounds, pod.spec.priority or 0) - 1)].append(pod)
    return [(group, found) for group, found in zip(groups, members, strict=True) if found]


def grace_seconds(pod: Pod, group: ShutdownGroup) -> int:
    own = pod.spec.termination_grace_period_seconds
    return group.seconds if own is None else min(own, group.seconds)
