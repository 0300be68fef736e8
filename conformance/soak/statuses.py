"""What must hold of every status that the API server is told, seen by a watch over the whole run. Pure.

`StatusRules.observe` takes each version of each pod in order and returns what is wrong with it in the light of the
versions before: a phase that goes back, a restart count that falls, a container that lives again, a condition that
contradicts the containers. A watch that was interrupted may miss versions; no rule needs them all.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_TERMINAL = ("Succeeded", "Failed")
_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


@dataclass(slots=True)
class _Container:
    restarts: int = 0
    id: str = ""
    ran: bool = False
    tells_last: bool = False
    ended: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Seen:
    phase: str = ""
    start_time: str = ""
    deleting: bool = False
    excused: bool = False
    late_writes: int = 0
    """How many versions may still come from agents that are dead."""
    containers: dict[str, _Container] = field(default_factory=dict)


class StatusRules:
    """Keeps what was seen of each pod UID."""

    def __init__(self) -> None:
        self._pods: dict[str, _Seen] = {}
        self._excused: set[str] = set()

    def observe(self, pod: Json) -> list[str]:
        """What is wrong with this version of a pod, as sentences that begin with its name and UID."""
        metadata = pod["metadata"]
        seen = self._pods.setdefault(metadata["uid"], _Seen())
        if seen.late_writes and list(self._problems(copy.deepcopy(seen), pod)):
            seen.late_writes -= 1  # what is known stays, and the next version is held to it
            return []
        who = f"{metadata['name']} ({metadata['uid']}, version {metadata.get('resourceVersion', '?')})"
        return [f"{who}: {problem}" for problem in self._problems(seen, pod)]

    def _problems(self, seen: _Seen, pod: Json) -> Iterator[str]:
        metadata, status = pod["metadata"], pod.get("status", {})
        seen.excused = runtime_uid(pod) in self._excused
        yield from _of_phase(seen, metadata, status)
        yield from _of_containers(seen, status)
        yield from _of_conditions(pod, status)

    def expect_late_writes(self) -> None:
        """The agent was killed while the API server could not be reached. Of each pod one write may be under way, and
        what the dead one's kernel still sends can arrive after its successor's: patches of statuses name a UID and no
        version, as upstream's do, and the successor writes again."""
        for seen in self._pods.values():
            seen.late_writes += 1

    def excuse(self, uid: str) -> None:
        """A container of this pod (the node's UID) was removed behind everybody's back. The next one counts from the
        last that the runtime still knows, as upstream's does, and so perhaps to the same number."""
        self._excused.add(uid)

    def forget(self, uid: str) -> None:
        self._pods.pop(uid, None)


def _of_phase(seen: _Seen, metadata: Json, status: Json) -> Iterator[str]:
    phase = status.get("phase", "")
    if seen.phase in _TERMINAL and phase != seen.phase:
        yield f"phase went from {seen.phase} back to {phase or 'nothing'}"
    if seen.phase == "Running" and phase == "Pending" and not _initializes(status):
        yield "phase went from Running back to Pending"
    if phase in _TERMINAL:
        alive = [each["name"] for each in all_statuses(status) if "running" in each.get("state", {})]
        if alive:
            yield f"phase is {phase}, and these containers are said to run: {', '.join(alive)}"
    start = status.get("startTime") or ""
    if seen.start_time and start != seen.start_time:
        yield f"startTime changed from {seen.start_time} to {start or 'nothing'}"
    if seen.deleting and not metadata.get("deletionTimestamp"):
        yield "the deletionTimestamp has gone"
    seen.phase, seen.start_time = phase or seen.phase, start or seen.start_time
    seen.deleting = bool(metadata.get("deletionTimestamp"))


def _initializes(status: Json) -> bool:
    """Init containers run again in a new sandbox, and until then the pod is Pending again, as upstream has it."""
    return any("terminated" not in each.get("state", {}) for each in status.get("initContainerStatuses") or [])


def _of_containers(seen: _Seen, status: Json) -> Iterator[str]:
    for each in all_statuses(status):
        name, restarts, container_id = each["name"], each.get("restartCount", 0), each.get("containerID", "")
        before = seen.containers.setdefault(name, _Container())
        if restarts < before.restarts:
            yield f"restartCount of {name} fell from {before.restarts} to {restarts}"
        state = each.get("state", {})
        if "running" in state and container_id in before.ended:
            yield f"container {name} runs again under the id of one that ended ({container_id})"
        runs = {container_id} - {""} if "waiting" not in state else set()  # one that waits shows what was before
        is_same_count = restarts == before.restarts and not seen.excused
        if runs and before.id and container_id != before.id and is_same_count:
            yield f"container {name} has another id ({before.id}, now {container_id}) and still restartCount {restarts}"
        if len(state) > 1:
            yield f"container {name} is in several states at once: {', '.join(sorted(state))}"
        if each.get("ready") and "running" not in state and not _ended_well(state):
            yield f"container {name} is ready without running: {state}"
        tells_last = "terminated" in (each.get("lastState") or {})
        if before.tells_last and not tells_last:
            yield f"lastState of {name} has gone, with restartCount {restarts}"
        elif before.ran and restarts > before.restarts and not tells_last:
            yield f"restartCount of {name} rose to {restarts}, and how it ended is not told: its lastState is empty"
        before.tells_last = tells_last or before.tells_last
        before.ran = before.ran or "running" in state or "terminated" in state
        if "terminated" in state and container_id:
            before.ended.add(container_id)
        before.id = container_id if runs else "" if restarts > before.restarts else before.id
        before.restarts = max(restarts, before.restarts)


def _ended_well(state: Json) -> bool:
    """An init container counts as ready once it has ended with 0."""
    return "terminated" in state and state["terminated"].get("exitCode") == 0


def _of_conditions(pod: Json, status: Json) -> Iterator[str]:
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or []}
    unready = [each["name"] for each in status.get("containerStatuses") or [] if not each.get("ready")]
    if conditions.get("ContainersReady") == "True" and unready and status.get("phase") == "Running":
        yield f"ContainersReady is True, and these are not ready: {', '.join(unready)}"
    if conditions.get("Ready") == "True" and conditions.get("ContainersReady") != "True":
        yield "Ready is True without ContainersReady"
    if status.get("phase") in _TERMINAL and conditions.get("Ready") == "True":
        yield f"Ready is True in phase {status['phase']}"
    observed, generation = status.get("observedGeneration", 0), pod["metadata"].get("generation", 0)
    if generation and observed > generation:
        yield f"observedGeneration {observed} is ahead of the generation, {generation}"


def all_statuses(status: Json) -> Iterator[Json]:
    """The statuses of containers of every kind."""
    for name in _LISTS:
        yield from status.get(name) or []


def runtime_uid(pod: Json) -> str:
    """The UID by which the node knows the pod: a mirror's is that of the static pod behind it."""
    annotations = pod["metadata"].get("annotations") or {}
    return str(annotations.get("kubernetes.io/config.hash") or pod["metadata"]["uid"])
