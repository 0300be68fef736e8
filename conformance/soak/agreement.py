"""Whether the API's word about the pods is what the engine runs, when all is quiet. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from conformance.soak.engine import EngineContainer
from conformance.soak.pods import ENDED, EXPECT_LABEL, READY, RUNS
from conformance.soak.statuses import all_statuses, runtime_uid

Json = dict[str, Any]


def disagreements(pods: Iterable[Json], containers: Sequence[EngineContainer]) -> list[str]:
    """Containers that are said to run and do not, that run and are not said to, and that run for nobody."""
    found: list[str] = []
    running = {each.id: each for each in containers if each.running}
    told: set[str] = set()
    uids = set()
    for pod in pods:
        uids.add(runtime_uid(pod))
        for status in all_statuses(pod.get("status", {})):
            container_id = status.get("containerID", "").partition("://")[2]
            who = f"{pod['metadata']['name']}: {status['name']}"
            says_running = "running" in status.get("state", {})
            if says_running:
                told.add(container_id)
            if says_running and container_id not in running:
                found.append(f"{who} is said to run as {container_id[:12]}, and the engine runs no such")
            if not says_running and container_id in running:
                found.append(f"{who} runs as {container_id[:12]}, and is said to be {status.get('state')}")
    for each in running.values():
        if each.pod_uid not in uids:
            who = f"{each.name or 'the sandbox'} {each.id[:12]}"
            found.append(f"{who} runs for pod {each.pod} ({each.pod_uid}), which is no more")
        elif not each.is_sandbox and each.id not in told:
            found.append(f"{each.pod}: {each.name} runs as {each.id[:12]}, and its status does not know it")
    roles = Counter(each.role for each in running.values())
    twice = [role for role, count in roles.items() if count > 1]
    return [*found, *(f"pod {uid} runs {name or 'its sandbox'} more than once" for uid, name in twice)]


def unfinished(pods: Iterable[Json]) -> list[str]:
    """The pods that have not become what their label says."""
    return [f"{pod['metadata']['name']}: {problem}" for pod in pods if (problem := _unfinished(pod))]


def _unfinished(pod: Json) -> str:
    expected = pod["metadata"].get("labels", {}).get(EXPECT_LABEL, "")
    status = pod.get("status", {})
    phase = status.get("phase", "Pending")
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or [])
    if pod["metadata"].get("deletionTimestamp"):
        return "is still being deleted"
    if expected == READY and not (phase == "Running" and ready):
        return f"should be ready and is {phase}, not ready"
    if expected == ENDED and phase not in ("Succeeded", "Failed"):
        return f"should have ended and is {phase}"
    if expected == RUNS and phase != "Running":
        return f"should run and is {phase}"
    return _wrong_size(pod) if expected == READY else ""


def _wrong_size(pod: Json) -> str:
    told = {status["name"]: status for status in all_statuses(pod.get("status", {}))}
    for container in pod.get("spec", {}).get("containers", ()):
        wanted = container.get("resources", {}).get("limits")
        has = told.get(container["name"], {}).get("resources", {}).get("limits")
        if wanted and has != wanted:
            return f"{container['name']} should have the limits {wanted} and has {has}"
    return ""
