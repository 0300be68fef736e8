"""A pod's phase, from the states of its containers.

    init containers pending, or sidecars not yet started before the pod ever ran    Pending
    an init container failed and may not restart                                    Failed
    a regular container has not started yet                                         Pending
    anything runs                                                                   Running
    all stopped: some will restart -> Running; all exited 0 -> Succeeded; else Failed

A terminated pod's containers will not restart whatever their policy. Static pods are not given a terminal phase so,
since their next incarnation has the same name. Meaning: pkg/kubelet/kubelet_pods.go getPhase.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kubelet.actions import restarts_after
from kubelet.api.meta import is_sidecar, is_static
from kubelet.api.types import Container, ContainerStateTerminated, ContainerStatus, Pod
from kubelet.podstatus.containers import last_termination, state_of
from kubelet.podstatus.restartall import RESTARTING_ALL_CONTAINERS


@dataclass(slots=True)
class _Count:
    pending_init: int = 0
    pending_sidecars: int = 0
    init_failed_for_good: int = 0
    unknown: int = 0
    running: int = 0
    waiting: int = 0
    stopped: int = 0
    stopped_for_good: int = 0
    succeeded: int = 0


def pod_phase(pod: Pod, statuses: Mapping[str, ContainerStatus], *, terminated: bool, ran_before: bool) -> str:
    """`statuses` by container name; `ran_before`: a regular container has started in the present sandbox."""
    count = _Count()
    for container in pod.spec.init_containers:
        if is_sidecar(container):
            _count_sidecar(statuses.get(container.name), count)
        else:
            _count_init(pod, container, statuses.get(container.name), count)
    for container in pod.spec.containers:
        _count_regular(pod, container, statuses.get(container.name), count)
    return _verdict(pod, count, terminated, ran_before)


def _verdict(pod: Pod, count: _Count, terminated: bool, ran_before: bool) -> str:
    if count.init_failed_for_good:
        return "Failed"
    if count.pending_init or (count.pending_sidecars and not ran_before) or count.waiting or count.unknown:
        return "Pending"
    if count.running:
        return "Running"
    if not count.stopped:
        return "Pending"
    over = terminated and not is_static(pod)
    if not over and count.stopped != count.stopped_for_good:
        return "Running"
    return "Succeeded" if count.stopped == count.succeeded else "Failed"


def _restarts(pod: Pod, container: Container, ended: ContainerStateTerminated) -> bool:
    return restarts_after(pod, container, ended.exit_code) or ended.reason == RESTARTING_ALL_CONTAINERS


def _count_init(pod: Pod, container: Container, status: ContainerStatus | None, count: _Count) -> None:
    ended = _ended(status)
    if ended is None:
        count.pending_init += 1
    elif ended.exit_code != 0 and not _restarts(pod, container, ended):
        count.init_failed_for_good += 1


def _ended(status: ContainerStatus | None) -> ContainerStateTerminated | None:
    """How a container that does not run last ended; None when it runs or never ran."""
    if status is None:
        return None
    state = state_of(status)
    if state.terminated is not None:
        return state.terminated
    return last_termination(status) if state.waiting is not None else None


def _count_sidecar(status: ContainerStatus | None, count: _Count) -> None:
    """Sidecars that have ended do not count: they restart with the pod, or are over with it."""
    state = state_of(status) if status else None
    if status is None or state is None:
        count.unknown += 1
    elif state.running is not None:
        count.pending_sidecars += not status.started
        count.running += 1
    elif state.waiting is not None and last_termination(status) is None:
        count.pending_sidecars += 1
        count.waiting += 1
    elif state.waiting is None and state.terminated is None:
        count.pending_sidecars += 1
        count.unknown += 1


def _count_regular(pod: Pod, container: Container, status: ContainerStatus | None, count: _Count) -> None:
    state = state_of(status) if status else None
    ended = _ended(status)
    if ended is not None:
        count.stopped += 1
        count.stopped_for_good += not _restarts(pod, container, ended)
        count.succeeded += bool(state and state.terminated and state.terminated.exit_code == 0)
    elif state is None or (state.running is None and state.waiting is None):
        count.unknown += 1
    elif state.running is not None:
        count.running += 1
    else:
        count.waiting += 1
