"""Lives of pods, told on a runtime in memory: what is started, stopped and said, through crashes, edits and reboots."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pod_in_memory import PodInMemory

from cri.errors import UnavailableError
from cri.v1 import api_pb2 as cri
from kubelet.api.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from kubelet.executor.kill import KillError
from kubelet.podstatus.context import ProbeFlags
from kubelet.podworkers import Interrupt

pytestmark = pytest.mark.looptime


def container(name: str, **fields: Any) -> Container:
    return Container(name=name, image=f"{name}:1", **fields)


def sidecar(name: str, **fields: Any) -> Container:
    return container(name, restart_policy="Always", **fields)


def rule(action: str, operator: str, *codes: int) -> tuple[ContainerRestartRule, ...]:
    codes_of = ContainerRestartRuleOnExitCodes(operator=operator, values=codes)
    return (ContainerRestartRule(action=action, exit_codes=codes_of),)


def pod(*containers: Container, init: tuple[Container, ...] = (), policy: str = "Always", **spec: Any) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="p", namespace="n", uid="u", generation=1),
        spec=PodSpec(
            containers=containers, init_containers=init, restart_policy=policy, termination_grace_period_seconds=30,
            **spec,
        ),
        status=PodStatus(phase="Pending"),
    )


async def started(of: Pod, directory: Path) -> PodInMemory:
    """The pod with its init containers done and everything else running."""
    made = PodInMemory(of, directory)
    for one in of.spec.init_containers:
        if one.restart_policy == "Always":
            made.flags[one.name] = ProbeFlags(started=True, ready=True)
    await made.settle()
    for one in of.spec.init_containers:
        if one.restart_policy != "Always":
            made.runtime.exit(one.name, 0)
            await made.settle()
    return made


# -- restart of all containers in place ------------------------------------------------------------------------------


RESTARTING = pod(
    container("app"),
    container("worker", restart_policy="Never", restart_policy_rules=rule("RestartAllContainers", "In", 42)),
    init=(container("setup"), sidecar("proxy")), policy="Never",
)


async def test_one_exit_restarts_all_containers_in_the_same_sandbox(tmp_path: Path) -> None:
    life = await started(RESTARTING, tmp_path)
    assert life.states() == {"setup": "terminated 0", "proxy": "running", "app": "running", "worker": "running"}
    sandboxes, before = dict(life.runtime.sandboxes), set(life.runtime.containers)
    life.runtime.calls.clear()
    life.runtime.exit("worker", 42)
    await life.sync()
    assert [call for call in life.runtime.calls if call.startswith(("Stop", "Remove"))] == [
        "StopContainer app", "RemoveContainer app", "RemoveContainer setup", "StopContainer proxy",
        "RemoveContainer proxy", "RemoveContainer worker",
    ], "the container that asked for it goes last"
    assert any(
        condition.type == "AllContainersRestarting" and condition.status == "True"
        and (condition.reason, condition.message) == (
            "RestartAllContainersStarted", "container exited with restart policy rule")
        for said in life.history for condition in said.conditions
    )
    assert life.condition("AllContainersRestarting") == "False"
    assert not life.runtime.containers
    await life.settle()
    life.runtime.exit("setup", 0)
    await life.settle()
    assert life.states() == {"setup": "terminated 0", "proxy": "running", "app": "running", "worker": "running"}
    assert life.restarts() == {"setup": 1, "proxy": 1, "app": 1, "worker": 1}
    assert life.runtime.sandboxes == sandboxes
    assert before.isdisjoint(life.runtime.containers)
    assert life.status.phase == "Running" and life.condition("Initialized") == "True"
    assert "Killing: killing" in life.events()


async def test_a_kill_that_fails_leaves_the_restart_to_the_next_step(tmp_path: Path) -> None:
    life = await started(RESTARTING, tmp_path)
    life.runtime.exit("worker", 42)
    life.runtime.broken["StopContainer app"] = UnavailableError("the engine is gone", "StopContainer")
    _, outcome = await life.sync()
    assert outcome.errors
    assert life.condition("AllContainersRestarting") == "True"
    life.runtime.broken.clear()
    await life.sync()
    assert life.condition("AllContainersRestarting") == "False"
    await life.settle()
    assert life.states()["setup"] == "running"


async def test_an_exit_that_no_rule_names_follows_the_policy(tmp_path: Path) -> None:
    life = await started(RESTARTING, tmp_path)
    life.runtime.exit("worker", 1)
    await life.settle()
    assert life.states()["worker"] == "terminated 1"
    assert life.condition("AllContainersRestarting") == "False"


async def test_an_init_container_may_restart_the_whole_pod(tmp_path: Path) -> None:
    setup = container(
        "setup", restart_policy="Never", restart_policy_rules=rule("RestartAllContainers", "NotIn", 0, 1)
    )
    life = PodInMemory(pod(container("app"), init=(container("first"), setup), policy="Never"), tmp_path)
    await life.settle()
    life.runtime.exit("first", 0)
    await life.settle()
    life.runtime.exit("setup", 7)
    await life.settle()
    assert life.states() == {
        "first": "running", "setup": "waiting PodInitializing", "app": "waiting PodInitializing"
    }
    ended = life.status.init_container_statuses[1].last_state
    assert ended and ended.terminated and ended.terminated.reason == "RestartingAllContainers"
    assert life.restarts() == {"first": 1, "setup": 1, "app": 0}


# -- restart rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "own", "rules", "code", "restarts"),
    [
        ("Never", "Never", rule("Restart", "In", 42), 42, True),
        ("Never", "Never", rule("Restart", "In", 42), 1, False),
        ("Never", "Never", rule("Restart", "NotIn", 42), 1, True),
        ("Never", "Never", rule("Restart", "NotIn", 42), 42, False),
        ("Always", "Never", (), 0, False),
        ("Always", "OnFailure", (), 0, False),
        ("Always", "OnFailure", (), 3, True),
        ("Never", "Always", (), 0, True),
        ("OnFailure", "Never", rule("Restart", "In", 0), 0, True),
        ("Never", "Never", rule("Restart", "Unheard", 1), 1, False),
        ("Never", "Never", rule("Unheard", "In", 1), 1, False),
        ("Never", "Always", (*rule("Unheard", "In", 1), *rule("Restart", "In", 1)), 1, True),
    ],
)
async def test_rules_and_policies_of_one_container(
    policy: str, own: str, rules: tuple[ContainerRestartRule, ...], code: int, restarts: bool, tmp_path: Path
) -> None:
    one = container("one", restart_policy=own, restart_policy_rules=rules)
    life = await started(pod(one, container("other"), policy=policy), tmp_path)
    life.runtime.exit("one", code)
    await life.settle()
    assert life.states()["one"] == ("running" if restarts else f"terminated {code}")
    assert life.restarts()["one"] == (1 if restarts else 0)


# -- crash loops -----------------------------------------------------------------------------------------------------


async def test_a_crash_loop_waits_says_why_and_starts_over_with_another_image(tmp_path: Path) -> None:
    life = await started(pod(container("app")), tmp_path)
    life.runtime.exit("app", 1)
    await life.settle()
    assert life.restarts() == {"app": 1}, "the first restart comes at once"
    life.runtime.exit("app", 2)
    _, outcome = await life.sync()
    status = life.status.container_statuses[0]
    assert status.state and status.state.waiting and status.last_state and status.last_state.terminated
    assert (status.state.waiting.reason, status.state.waiting.message) == (
        "CrashLoopBackOff", "back-off 10s restarting failed container=app pod=p_n(u)"
    )
    assert status.last_state.terminated.exit_code == 2
    assert life.status.phase == "Running" and outcome.retry_at is not None
    assert life.events().count("BackOff: Back-off restarting failed container app in pod p_n(u)") == 1
    life.replace_spec(containers=(msgspec.structs.replace(container("app"), image="app:2"),))
    await life.settle()
    assert life.states() == {"app": "running"}
    assert life.status.container_statuses[0].image == "app:2"


async def test_a_changed_image_of_a_running_container_restarts_it_alone(tmp_path: Path) -> None:
    life = await started(pod(container("app"), container("other"), init=(sidecar("proxy"),), policy="Never"), tmp_path)
    life.runtime.calls.clear()
    life.replace_spec(
        containers=(msgspec.structs.replace(container("app"), image="app:2"), container("other")),
        init_containers=(msgspec.structs.replace(sidecar("proxy"), image="proxy:2"),),
    )
    await life.settle()
    assert sorted(life.runtime.calls) == sorted([
        "StopContainer app", "StopContainer proxy", "CreateContainer app", "CreateContainer proxy",
        "StartContainer app", "StartContainer proxy",
    ])
    assert life.restarts() == {"app": 1, "other": 0, "proxy": 1}
    assert {"Killing: Container app definition changed, will be restarted",
            "Killing: Init container proxy definition changed"} <= set(life.events())


# -- sandboxes and reboots -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgets", [False, True], ids=["the runtime remembers", "the runtime lost its state"])
async def test_after_a_reboot_init_containers_run_again_and_counts_go_on(forgets: bool, tmp_path: Path) -> None:
    life = await started(
        pod(container("app"), init=(container("one"), container("two"), sidecar("proxy"))), tmp_path
    )
    if forgets:
        for name in ("one", "two", "proxy", "app"):
            directory = life.logs / "n_p_u" / name
            directory.mkdir(parents=True)
            (directory / "0.log").touch()
    life.runtime.reboot(forgets=forgets)
    await life.settle()
    assert life.states()["one"] == "running", "the first init container runs, nothing after it"
    assert life.states()["app"].startswith(("waiting", "terminated"))
    assert [name for name, state in life.states().items() if state == "running"] == ["one"]
    life.runtime.exit("one", 0)
    await life.settle()
    life.runtime.exit("two", 0)
    await life.settle()
    assert life.states() == {
        "one": "terminated 0", "two": "terminated 0", "proxy": "running", "app": "running"
    }
    assert life.restarts() == {"one": 1, "two": 1, "proxy": 1, "app": 1}
    assert life.status.phase == "Running"
    assert ("SandboxChanged: Pod sandbox changed, it will be killed and re-created." in life.events()) is not forgets


async def test_a_lost_sandbox_is_replaced_with_all_that_ran_in_it(tmp_path: Path) -> None:
    life = await started(pod(container("app"), container("other")), tmp_path)
    (old,) = life.runtime.sandboxes
    await life.runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=old))
    life.runtime.calls.clear()
    await life.sync()
    assert life.runtime.calls.index("StopPodSandbox") < life.runtime.calls.index("RunPodSandbox")
    assert life.states() == {"app": "running", "other": "running"}
    assert life.restarts() == {"app": 1, "other": 1}
    assert life.condition("PodReadyToStartContainers") == "True"


async def test_a_finished_pod_gets_no_new_sandbox(tmp_path: Path) -> None:
    life = await started(pod(container("app"), policy="OnFailure"), tmp_path)
    life.runtime.exit("app", 0)
    life.runtime.reboot()
    life.runtime.calls.clear()
    await life.sync()
    assert "RunPodSandbox" not in life.runtime.calls
    assert life.status.phase == "Succeeded"


# -- sidecars and ephemeral containers -------------------------------------------------------------------------------


async def test_sidecars_start_in_order_and_stop_last_to_first(tmp_path: Path) -> None:
    of = pod(container("app"), container("beside"), init=(sidecar("first"), container("setup"), sidecar("second")))
    life = await started(of, tmp_path)
    creations = [call.removeprefix("StartContainer ") for call in life.runtime.calls if call.startswith("StartC")]
    assert creations[:3] == ["first", "setup", "second"] and set(creations[3:]) == {"app", "beside"}
    life.runtime.calls.clear()
    seen = life.runtime.status(of)
    await life.killer.kill_containers(of, seen.running_containers, 30, Interrupt(), "10.0.0.1")
    stops = [call.removeprefix("StopContainer ") for call in life.runtime.calls]
    assert set(stops[:2]) == {"app", "beside"} and stops[2:] == ["second", "first"]


async def test_a_sidecar_that_ends_is_restarted_and_its_end_does_not_count(tmp_path: Path) -> None:
    life = await started(pod(container("app"), init=(sidecar("proxy"),), policy="Never"), tmp_path)
    life.runtime.exit("proxy", 9)
    await life.settle()
    assert life.states() == {"proxy": "running", "app": "running"} and life.restarts()["proxy"] == 1
    life.runtime.exit("proxy", 9)
    life.runtime.exit("app", 0)
    await life.sync()
    assert life.status.phase == "Succeeded"
    assert not any(found.running for found in life.runtime.containers.values())


async def test_an_ephemeral_container_starts_beside_the_others_and_only_once(tmp_path: Path) -> None:
    life = await started(pod(container("app")), tmp_path)
    life.replace_spec(ephemeral_containers=(EphemeralContainer(name="debug", image="debug:1"),))
    await life.settle()
    (debug,) = life.status.ephemeral_container_statuses
    assert debug.state and debug.state.running
    life.runtime.exit("debug", 3)
    await life.settle()
    (debug,) = life.status.ephemeral_container_statuses
    assert debug.state and debug.state.terminated and debug.state.terminated.exit_code == 3
    assert debug.restart_count == 0
    assert life.condition("Ready") == "True", "it does not count for readiness"


# -- what people are told --------------------------------------------------------------------------------------------


async def test_failures_are_told_in_the_words_that_people_know(tmp_path: Path) -> None:
    life = PodInMemory(pod(container("app"), container("other")), tmp_path)
    life.runtime.broken["RunPodSandbox"] = UnavailableError("no network", "RunPodSandbox")
    _, outcome = await life.sync()
    text = "rpc error: code = Unavailable desc = no network"
    assert life.events() == [f"FailedCreatePodSandBox: Failed to create pod sandbox: {text}"]
    assert outcome.errors == [
        f'failed to "CreatePodSandbox" for "p_n(u)" with CreatePodSandboxError: "{text}"'
    ]
    await asyncio.sleep(60)
    life.runtime.broken = {
        "StartContainer app": UnavailableError("cannot start app-2: no such file", "StartContainer"),
        "CreateContainer other": UnavailableError("no space", "CreateContainer"),
    }
    await life.sync()
    assert {"Failed: Error: cannot start app: no such file", "Failed: Error: no space"} <= set(life.events())
    waiting = {status.name: status.state.waiting for status in life.status.container_statuses if status.state}
    assert {name: (state.reason, state.message) for name, state in waiting.items() if state} == {
        "app": ("RunContainerError", "cannot start app-2: no such file"),
        "other": ("CreateContainerError", "no space"),
    }


async def test_the_events_of_a_plain_life(tmp_path: Path) -> None:
    hook = Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=("leave",))))
    life = await started(pod(container("app", lifecycle=hook)), tmp_path)
    assert life.events() == ["Created: Container created", "Started: Container started"]
    life.runtime.broken["ExecSync app"] = UnavailableError("no such command", "ExecSync")
    await life.killer.kill_containers(
        life.pod, life.runtime.status(life.pod).running_containers, 30, Interrupt(), "10.0.0.1")
    assert life.events()[2:] == ["Killing: Stopping container app", "FailedPreStopHook: PreStopHook failed"]
    assert life.runtime.calls[-1] == "StopContainer app"


async def test_a_sandbox_whose_addresses_are_not_told_is_asked_for_them(tmp_path: Path) -> None:
    life = PodInMemory(pod(container("app")), tmp_path)
    life.runtime.tells_addresses = False
    life.runtime.broken["PodSandboxStatus"] = UnavailableError("busy", "PodSandboxStatus")
    _, outcome = await life.sync()
    text = "Unable to get pod sandbox status: rpc error: code = Unavailable desc = busy"
    assert life.events() == [f"FailedPodSandBoxStatus: {text}"]
    assert outcome.errors and outcome.retry_at == asyncio.get_running_loop().time() + 1
    await asyncio.sleep(1)
    del life.runtime.broken["PodSandboxStatus"]
    await life.settle()
    assert life.states() == {"app": "running"}


async def test_a_container_whose_hook_fails_is_stopped_and_started_again_later(tmp_path: Path) -> None:
    hook = Lifecycle(post_start=LifecycleHandler(exec=ExecAction(command=("prepare",))))
    life = PodInMemory(pod(container("app", lifecycle=hook), container("after")), tmp_path)
    life.runtime.broken["ExecSync app"] = UnavailableError("no such command", "ExecSync")
    await life.sync()
    assert life.runtime.calls[-3:] == ["StopContainer app", "CreateContainer after", "StartContainer after"]
    assert "FailedPostStartHook: PostStartHook failed" in life.events()
    waiting = {status.name: status.state.waiting for status in life.status.container_statuses if status.state}
    assert waiting["app"] is not None and waiting["app"].reason == "PostStartHookError"
    del life.runtime.broken["ExecSync app"]
    await asyncio.sleep(10)
    await life.settle()
    assert life.states() == {"app": "running", "after": "running"}


async def test_a_sandbox_that_cannot_be_made_is_tried_again_later_each_time(tmp_path: Path) -> None:
    """Each failed try is news that wakes the worker: it must not try before its time."""
    life = PodInMemory(pod(container("app"), host_users=False), tmp_path)
    life.runtime.broken["RunPodSandbox"] = UnavailableError("no network", "RunPodSandbox")
    clock, tries = asyncio.get_running_loop().time, list[float]()
    began = clock()
    for _ in range(7):
        asked = len(life.runtime.calls)
        _, outcome = await life.sync()
        assert life.runtime.calls[asked:] == ["RunPodSandbox"]
        tries.append(clock() - began)
        for _ in range(3):
            _, again = await life.sync()
            assert (again.errors, again.retry_at) == (outcome.errors, outcome.retry_at)
        assert life.runtime.calls[asked:] == ["RunPodSandbox"] and outcome.retry_at is not None
        await asyncio.sleep(outcome.retry_at - clock())
    assert tries == [0, 1, 3, 7, 15, 25, 35]
    assert life.user_namespaces == ["failed"] * 7, "for the metrics, tries and not news count"
    del life.runtime.broken["RunPodSandbox"]
    await life.settle()
    assert (life.states(), life.user_namespaces[7:]) == ({"app": "running"}, ["started"])
    life.runtime.reboot()
    life.runtime.broken["RunPodSandbox"] = UnavailableError("no network", "RunPodSandbox")
    _, outcome = await life.sync()
    assert outcome.retry_at is not None and outcome.retry_at - clock() == 1, "success forgives"


async def test_a_pod_without_a_user_namespace_of_its_own_is_not_counted_as_one(tmp_path: Path) -> None:
    assert (await started(pod(container("app")), tmp_path)).user_namespaces == []


async def test_what_cannot_be_stopped_is_named(tmp_path: Path) -> None:
    life = await started(pod(container("app"), container("other")), tmp_path)
    for name in ("app", "other"):
        life.runtime.broken[f"StopContainer {name}"] = UnavailableError("busy", "StopContainer")
    seen = life.runtime.status(life.pod)
    with pytest.raises(KillError) as failed:
        await life.killer.kill_containers(life.pod, seen.running_containers, 30, Interrupt(), "")
    text = 'failed to "KillContainer" for "{}" with KillContainerError: "rpc error: code = Unavailable desc = busy"'
    assert str(failed.value) in {
        f"[{text.format(one)}, {text.format(two)}]" for one, two in (("app", "other"), ("other", "app"))
    }


async def test_events_of_containers_name_their_place_in_the_spec(tmp_path: Path) -> None:
    life = await started(pod(container("app"), init=(container("setup"),)), tmp_path)
    life.replace_spec(ephemeral_containers=(EphemeralContainer(name="debug", image="debug:1"),))
    await life.settle()
    places = {event.ref.field_path for event in life.recorder.recent("u") if event.reason == "Started"}
    assert places == {"spec.initContainers{setup}", "spec.containers{app}", "spec.ephemeralContainers{debug}"}
