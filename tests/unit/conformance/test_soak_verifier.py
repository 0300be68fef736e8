"""The soak's verifiers on made-up leaks and lies: each kind of what they are for is found, and a clean run is clean."""

import copy
from dataclasses import fields
from typing import Any

import pytest

from conformance.soak.agreement import disagreements, unfinished
from conformance.soak.engine import EngineContainer, EngineModel
from conformance.soak.inventory import daemon_of, is_of_engine, namespaces_of_engine
from conformance.soak.leaks import Inventory, leaks
from conformance.soak.statuses import StatusRules, runtime_uid

Json = dict[str, Any]


def container(name: str = "main", state: str = "running", *, restarts: int = 0, ready: bool | None = None,
              container_id: str = "aaa", exit_code: int = 0, last: bool | None = None) -> Json:
    """`last`: whether its lastState tells of an end; by default it does once it was restarted."""
    details: Json = {"exitCode": exit_code} if state == "terminated" else {}
    ended: Json = {"terminated": {"exitCode": 1}} if (restarts > 0 if last is None else last) else {}
    return {"name": name, "restartCount": restarts, "ready": state == "running" if ready is None else ready,
            "containerID": f"docker://{container_id}" if container_id else "", "state": {state: details},
            "lastState": ended}


def pod(phase: str = "Running", *containers: Json, ready: bool | None = None, uid: str = "u1", expect: str = "ready",
        **metadata: Any) -> Json:
    conditions = [] if ready is None else [
        {"type": kind, "status": "True" if ready else "False"} for kind in ("ContainersReady", "Ready")]
    return {"metadata": {"name": "pod-1", "uid": uid, "labels": {"soak.podwright/expect": expect}, **metadata},
            "status": {"phase": phase, "containerStatuses": list(containers), "conditions": conditions,
                       "startTime": "2026-01-01T00:00:00Z"}}


# Leaks.


@pytest.mark.parametrize("field", [each.name for each in fields(Inventory)])
def test_a_leak_of_each_kind_is_found(field: str) -> None:
    empty = Inventory()
    made = Inventory(**{field: ("thing",) if field == "processes" else frozenset({"thing"})})
    assert leaks(empty, made) == [f"{field.replace('_', ' ')}: thing"]
    assert leaks(made, empty) == []
    assert leaks(made, made) == []


def test_a_second_process_of_a_kind_is_a_leak() -> None:
    one, two = Inventory(processes=("python -m dockershim.logs",)), Inventory(
        processes=("python -m dockershim.logs", "python -m dockershim.logs"))
    assert leaks(one, two) == ["processes: python -m dockershim.logs"]


@pytest.mark.parametrize(("line", "daemon"), [
    ("/v/bin/python -m dockershim --root=/x", "dockershim"), ("/v/bin/python -m dockershim.logs /x", "dockershim.logs"),
    ("/v/bin/python -m kubelet --config=/x", "kubelet"), ("/v/bin/python -m pytest", ""), ("sh -c true", ""),
])
def test_daemons_are_known_by_their_command_lines(line: str, daemon: str) -> None:
    assert daemon_of(line) == daemon


@pytest.mark.parametrize(("line", "of_engine"), [
    ("/usr/bin/containerd-shim-runc-v2 -namespace moby -id x", True), ("/pause", False),
    ("sh -c echo containerd-shim", False),
])
def test_the_engines_own_processes_are_not_looked_at(line: str, of_engine: bool) -> None:
    assert is_of_engine(line) is of_engine


def test_a_file_of_the_engines_is_a_namespace_only_while_something_is_mounted_on_it() -> None:
    names, mounts = ["run/docker/netns/one", "run/docker/netns/two"], {"/run", "/run/docker/netns/two"}
    assert namespaces_of_engine(names, mounts) == {"run/docker/netns/two"}


# Statuses.


def seen(*versions: Json) -> list[str]:
    rules = StatusRules()
    return [problem for version in versions for problem in rules.observe(version)]


def test_a_usual_life_is_in_order() -> None:
    waiting = container(state="waiting", container_id="")
    assert not seen(
        pod("Pending"), pod("Pending", waiting, ready=False), pod("Running", container(), ready=True),
        pod("Running", container(state="terminated", exit_code=1), ready=False),
        pod("Running", container(restarts=1, container_id="bbb"), ready=True),
        pod("Running", container(restarts=1, container_id="bbb"), ready=True, deletionTimestamp="x"),
        pod("Failed", container(state="terminated", restarts=1, container_id="bbb", exit_code=137, ready=False),
            ready=False, deletionTimestamp="x"),
    )


ENDED = container(state="terminated", exit_code=1, ready=False)


@pytest.mark.parametrize(("problem", "versions"), [
    ("back to Running", [pod("Failed", ENDED), pod("Running", ENDED)]),
    ("from Succeeded back to Failed", [pod("Succeeded"), pod("Failed")]),
    ("from Running back to Pending", [pod("Running"), pod("Pending")]),
    ("said to run: main", [pod("Failed", container())]),
    ("restartCount of main fell from 2 to 1", [pod("Running", container(restarts=2)),
                                               pod("Running", container(restarts=1, container_id="bbb"))]),
    ("rose to 1, and how it ended is not told", [
        pod("Running", container()), pod("Running", container(restarts=1, container_id="bbb", last=False))]),
    ("rose to 1, and how it ended is not told", [
        pod("Running", ENDED), pod("Running", container(state="waiting", restarts=1, container_id="", last=False))]),
    ("lastState of main has gone", [pod("Running", container(restarts=1)),
                                    pod("Running", container(restarts=1, last=False))]),
    ("runs again", [pod("Running", ENDED), pod("Running", container())]),
    ("has another id", [pod("Running", container()), pod("Running", container(container_id="bbb"))]),
    ("ready without running", [pod("Running", container(state="waiting", ready=True))]),
    ("these are not ready: main", [pod("Running", container(ready=False), ready=True)]),
    ("Ready is True in phase Failed", [pod("Failed", ENDED, ready=True)]),
    ("startTime changed", [pod("Running"), {**pod("Running"), "status": {"phase": "Running", "startTime": "later"}}]),
    ("deletionTimestamp has gone", [pod("Running", deletionTimestamp="x"), pod("Running")]),
    ("ahead of the generation", [{**pod("Running", generation=1), "status": {"observedGeneration": 2}}]),
])
def test_each_lie_is_found(problem: str, versions: list[Json]) -> None:
    found = seen(*versions)
    assert any(problem in line for line in found), found


def test_attempts_that_never_started_have_no_end_to_tell_of() -> None:
    failed = container(state="waiting", container_id="")
    assert not seen(pod("Pending", failed), pod("Running", container(restarts=1, last=False)))


def test_a_container_that_was_lost_shows_its_old_id_until_the_next_one_runs() -> None:
    lost = container(state="waiting", restarts=1, ready=False)
    assert not seen(pod("Running", container()), pod("Running", lost),
                    pod("Running", container(restarts=1, container_id="bbb")))


def test_a_pod_whose_container_was_removed_is_excused_of_its_count() -> None:
    rules = StatusRules()
    rules.excuse("u1")
    assert not rules.observe(pod("Running", container()))
    assert not rules.observe(pod("Running", container(container_id="bbb")))
    assert rules.observe(pod("Running", container(container_id="bbb"), uid="u2")) == []
    assert "has another id" in rules.observe(pod("Running", container(), uid="u2"))[0]


def test_one_version_of_a_dead_agent_may_come_late_and_no_more() -> None:
    rules = StatusRules()
    newest = pod("Running", container(restarts=3, container_id="ccc"))
    late = pod("Running", container(restarts=2, container_id="bbb"))
    assert not rules.observe(newest)
    rules.expect_late_writes()
    assert not rules.observe(late)
    assert not rules.observe(newest)
    assert "fell from 3 to 2" in rules.observe(late)[0]


def test_what_a_dead_agent_said_does_not_stay() -> None:
    rules = StatusRules()
    late = pod("Running", container(restarts=2, container_id="bbb"))
    assert not rules.observe(pod("Running", container(restarts=3, container_id="ccc")))
    rules.expect_late_writes()
    assert not rules.observe(late)
    assert "fell from 3 to 2" in rules.observe(late)[0]


def test_init_containers_that_run_again_make_a_pod_pending() -> None:
    again = pod("Pending", container(state="terminated", ready=False))
    again["status"]["initContainerStatuses"] = [container("init", restarts=1, container_id="new", ready=False)]
    assert not seen(pod("Running", container()), again)
    again["status"]["initContainerStatuses"] = [container("init", "terminated", container_id="new")]
    assert "back to Pending" in seen(pod("Running", container()), again)[0]


def test_another_pod_of_the_same_name_starts_anew() -> None:
    assert not seen(pod("Failed", ENDED), pod("Pending", uid="u2"))


def test_ready_without_its_containers() -> None:
    lie = pod("Running", container(), ready=True)
    lie["status"]["conditions"][0]["status"] = "False"
    assert "Ready is True without ContainersReady" in seen(lie)[0]


# The engine.


def event(action: str, container_id: str, role: str = "main") -> Json:
    labels = {"io.kubernetes.pod.uid": "u1", "io.kubernetes.pod.name": "pod-1", "io.kubernetes.container.name": role,
              "io.kubernetes.docker.type": "podsandbox" if role == "POD" else "container"}
    return {"Type": "container", "Action": action, "Actor": {"ID": container_id, "Attributes": labels}}


def test_two_sandboxes_at_once_and_one_after_the_other() -> None:
    model = EngineModel()
    assert model.feed(event("start", "one", "POD")) == []
    assert "runs its sandbox twice" in model.feed(event("start", "two", "POD"))[0]
    model.feed(event("die", "one", "POD"))
    model.feed(event("die", "two", "POD"))
    assert model.feed(event("start", "three", "POD")) == []


def test_a_container_twice_and_beside_its_sandbox() -> None:
    model = EngineModel()
    assert model.feed(event("start", "sandbox", "POD")) == []
    assert model.feed(event("start", "one")) == []
    assert model.feed(event("start", "one")) == []
    assert "runs its container main twice: one and two" in model.feed(event("start", "two"))[0]


def test_a_reading_after_a_break_replaces_what_was_known() -> None:
    model = EngineModel()
    model.feed(event("start", "one"))
    assert model.refill([EngineContainer("two", "u1", "pod-1", "main", running=True)]) == []
    assert model.feed(event("start", "two")) == []
    assert model.feed({"Type": "network", "Action": "start"}) == []


# Agreement.


def running(container_id: str = "aaa", name: str = "main", uid: str = "u1") -> EngineContainer:
    return EngineContainer(container_id, uid, "pod-1", name, running=True)


SANDBOX = running("sandbox", "")


def test_agreement() -> None:
    assert disagreements([pod("Running", container())], [SANDBOX, running()]) == []
    mirror = pod("Running", container(), uid="of-mirror", annotations={"kubernetes.io/config.hash": "u1"})
    assert runtime_uid(mirror) == "u1"
    assert disagreements([mirror], [SANDBOX, running()]) == []


@pytest.mark.parametrize(("problem", "pods", "containers"), [
    ("said to run as aaa, and the engine runs no such", [pod("Running", container())], [SANDBOX]),
    ("runs as aaa, and is said to be", [pod("Running", ENDED)], [SANDBOX, running()]),
    ("which is no more", [], [running()]),
    ("the sandbox sandbox runs for pod pod-1", [], [SANDBOX]),
    ("its status does not know it", [pod("Running")], [SANDBOX, running()]),
    ("runs its sandbox more than once", [pod("Running")], [SANDBOX, running("other", "")]),
])
def test_each_disagreement_is_found(problem: str, pods: list[Json], containers: list[EngineContainer]) -> None:
    found = disagreements(pods, containers)
    assert any(problem in line for line in found), found


@pytest.mark.parametrize(("expect", "phase", "ready", "fine"), [
    ("ready", "Running", True, True), ("ready", "Running", False, False), ("ready", "Pending", False, False),
    ("ended", "Succeeded", False, True), ("ended", "Failed", False, True), ("ended", "Running", True, False),
    ("runs", "Running", False, True), ("runs", "Pending", False, False), ("runs", "Failed", False, False),
])
def test_what_pods_are_to_become(expect: str, phase: str, ready: bool, fine: bool) -> None:
    one = pod(phase, ready=ready, expect=expect)
    assert (unfinished([one]) == []) is fine
    deleted = copy.deepcopy(one)
    deleted["metadata"]["deletionTimestamp"] = "x"
    assert unfinished([deleted]) == ["pod-1: is still being deleted"]



@pytest.mark.parametrize(("has", "fine"), [({"cpu": "120m"}, True), ({"cpu": "100m"}, False), (None, False)])
def test_a_pod_that_was_resized_has_the_size_that_it_is_said_to_have(has: Json | None, fine: bool) -> None:
    one = pod("Running", {**container(), "resources": {"limits": has}}, ready=True)
    one["spec"] = {"containers": [{"name": "main", "resources": {"limits": {"cpu": "120m"}}}]}
    assert (unfinished([one]) == []) is fine
