"""Status, events, `get -o wide` and `describe` of pods in every state are those of the upstream kubelet.

What is expected stands in `expected/NAME.json` and comes from the upstream kubelet on containerd, in a cluster like the
one of the tests. To take it again, after a change of the release that we follow or of a pod below:

    PODWRIGHT_TEST_AGENT=upstream-containerd PODWRIGHT_TEST_RECORD=1 pytest tests/cluster/test_kubectl_views.py
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import views
from kube import (
    WAIT,
    Kube,
    agent_under_test,
    condition,
    container_status,
    is_ready,
    phase,
    pod,
    restarts,
    shell,
    waiting_reason,
    web,
)

from conformance.apiclient import Json
from conformance.cluster import Cluster

EXPECTED = Path(__file__).with_name("expected")
QUICK = {"periodSeconds": 1, "failureThreshold": 1}
HTTP = {"httpGet": {"path": "/hostname", "port": 80}, **QUICK}
NEVER_PULLED = "localhost:1/none:1"


@dataclass(frozen=True, slots=True)
class Case:
    """A pod, the state in which it is looked at, and the event that it must have had by then."""

    pod: Json
    wanted: Callable[[Json], bool]
    event: str
    stable: bool = True  # whether it stays in that state, so that kubectl shows the same a second later


def _waits(reason: str, name: str | None = None) -> Callable[[Json], bool]:
    return lambda seen: waiting_reason(seen, name) == reason


def _failed(seen: Json) -> bool:
    return phase(seen) == "Failed"


def _succeeded(seen: Json) -> bool:
    return phase(seen) == "Succeeded"


def _running_unready(seen: Json) -> bool:
    return phase(seen) == "Running" and not is_ready(seen)


def _case_table() -> dict[str, Case]:
    limits = {"limits": {"cpu": "200m", "memory": "32Mi"}, "requests": {"cpu": "10m"}}
    passing = {"exec": {"command": ["true"]}, **QUICK}
    failing = {"exec": {"command": ["sh", "-c", "echo no; exit 1"]}, **QUICK}
    fails = {"httpGet": {"path": "/absent", "port": 80}, **QUICK}
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo hook problem; exit 5"]}}}
    absent = {"configMapRef": {"name": "absent"}}
    reclaim = "x=a; while :; do x=$x$x; done"
    cases = [
        Case(pod("serving", web(readinessProbe=HTTP, livenessProbe=HTTP, resources=limits)), is_ready, "Started"),
        Case(pod("completed", shell("main", "echo -n bye >/dev/termination-log"), restartPolicy="Never"),
             _succeeded, "Started"),
        Case(pod("failed", shell("main", "exit 3"), restartPolicy="Never"), _failed, "Started"),
        Case(pod("half", shell("one", "exit 3"), shell("two", WAIT), restartPolicy="Never"),
             lambda p: phase(p) == "Running" and bool(_terminated(p, "one")), "Started"),
        Case(pod("sidecar", shell("main", WAIT), initContainers=[
            shell("init", "true"), shell("side", WAIT, restartPolicy="Always", startupProbe=passing)]),
            is_ready, "Started"),
        Case(pod("init-failed", shell("main", WAIT), initContainers=[shell("init", "exit 4")], restartPolicy="Never"),
             _failed, "Started"),
        Case(pod("init-waits", shell("main", WAIT), initContainers=[shell("init", WAIT), shell("next", "true")]),
             lambda p: "running" in container_status(p, "init").get("state", {}), "Started"),
        Case(pod("init-crashing", shell("main", WAIT), initContainers=[shell("init", "exit 4")]),
             _waits("CrashLoopBackOff", "init"), "BackOff", stable=False),
        Case(pod("crashing", shell("main", "exit 1")), _waits("CrashLoopBackOff"), "BackOff", stable=False),
        Case(pod("never-pulled", shell("main", WAIT, image=NEVER_PULLED, imagePullPolicy="Never")),
             _waits("ErrImageNeverPull"), "ErrImageNeverPull"),
        Case(pod("unpullable", shell("main", WAIT, image=NEVER_PULLED)), _waits("ImagePullBackOff"), "BackOff",
             stable=False),
        Case(pod("misnamed", shell("main", WAIT, image="UPPERCASE")), _waits("InvalidImageName"), "Failed"),
        Case(pod("unconfigured", shell("main", WAIT, envFrom=[absent])),
             _waits("CreateContainerConfigError"), "Failed"),
        Case(pod("unmounted", shell("main", WAIT, volumeMounts=[{"name": "v", "mountPath": "/v"}]),
                 volumes=[{"name": "v", "configMap": {"name": "absent"}}]),
             _waits("ContainerCreating"), "FailedMount"),
        Case(pod("not-executable", {**shell("main", ""), "command": ["/no/such/program"]}, restartPolicy="Never"),
             _failed, "Failed"),
        Case(pod("unready", web(readinessProbe=fails)), _running_unready, "Unhealthy"),
        Case(pod("ill", shell("main", WAIT, livenessProbe={**failing, "initialDelaySeconds": 1})),
             lambda p: restarts(p) == 1 and phase(p) == "Running", "Killing", stable=False),
        Case(pod("slow", shell("main", WAIT, startupProbe={**failing, "failureThreshold": 100})), _running_unready,
             "Unhealthy"),
        Case(pod("hook", shell("main", WAIT, lifecycle=hook), restartPolicy="Never"), _succeeded,
             "FailedPostStartHook"),
        Case(pod("overdue", shell("main", WAIT), activeDeadlineSeconds=2), _failed, "DeadlineExceeded"),
        Case(pod("on-host", shell("main", WAIT), hostNetwork=True), is_ready, "Started"),
        Case(pod("greedy", shell("main", reclaim, resources={"limits": {"memory": "16Mi"}}), restartPolicy="Never"),
             _failed, "Started"),
        Case(pod("gated", shell("main", WAIT), readinessGates=[{"conditionType": "example.test/open"}]),
             lambda p: condition(p, "ContainersReady") == "True", "Started"),
        Case(pod("insisting", shell("main", "exit 1"), shell("other", WAIT), restartPolicy="OnFailure"),
             _waits("CrashLoopBackOff", "main"), "BackOff", stable=False),
        Case(pod("no-root", shell("main", WAIT), securityContext={"runAsNonRoot": True}),
             _waits("CreateContainerConfigError"), "Failed"),
    ]  # fmt: skip
    return {case.pod["metadata"]["name"]: case for case in cases}


def _terminated(seen: Json, name: str) -> Json:
    found: Json = container_status(seen, name).get("state", {}).get("terminated", {})
    return found


CASES = _case_table()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(cluster: Cluster) -> dict[str, Json | BaseException]:
    """All the pods at once: what each looked like in the state that its case names, or the error that came instead."""
    async with cluster.client() as client:
        kube = Kube(cluster, client, "views")
        await kube.create()
        await kube.apply(*(case.pod for case in CASES.values()))
        found = await asyncio.gather(*(_look(kube, case) for case in CASES.values()), return_exceptions=True)
        await client.delete("/api/v1/namespaces/views")
    return dict(zip(CASES, found, strict=True))


async def _look(kube: Kube, case: Case) -> Json:
    name = case.pod["metadata"]["name"]
    got, _ = await asyncio.gather(kube.until_pod(name, case.wanted), kube.until_event(name, case.event))
    expected = set(await asyncio.to_thread(_expected_events, name))
    found = await kube.until_events(name, lambda events: expected <= set(views.events(events)))
    view = {"status": views.status(got), "events": views.events(found)}
    if case.stable:
        view["wide"] = views.row(await kube.kubectl("get", "pods", "-o", "wide"), name)
        view["described"] = views.described(await kube.kubectl("describe", "pod", name))
    return views.cannot_start(view) if name == "not-executable" else view


def _expected_events(name: str) -> list[str]:
    """As recorded; none while they are being recorded."""
    if os.environ.get("PODWRIGHT_TEST_RECORD"):
        return []
    found: list[str] = json.loads((EXPECTED / f"{name}.json").read_text())["events"]
    return found


@pytest.mark.parametrize("name", CASES)
async def test_pod_looks_as_with_upstream(seen: dict[str, Json | BaseException], name: str) -> None:
    got = seen[name]
    if isinstance(got, BaseException):
        raise got
    path = EXPECTED / f"{name}.json"
    if os.environ.get("PODWRIGHT_TEST_RECORD"):
        assert agent_under_test() == "upstream-containerd", "only the upstream kubelet says what is expected"
        EXPECTED.mkdir(exist_ok=True)
        await asyncio.to_thread(path.write_text, json.dumps(got, indent=1) + "\n")
    expected = json.loads(await asyncio.to_thread(path.read_text))
    differences = views.differences(got, expected)
    assert not differences, "\n".join(["", *differences])
