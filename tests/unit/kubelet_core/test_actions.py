"""The plan for a pod: tables over sandboxes, init containers, sidecars, policies and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.actions import KillReason, compute_pod_actions, restarts_after
from kubelet.api.types import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ObjectMeta,
    Pod,
    PodSpec,
    Probe,
)
from kubelet.containerspec import container_hash
from pleg.state import ContainerID, ContainerStatus, PodRuntimeStatus, RunState, SandboxID, SandboxStatus


@dataclass
class Verdicts:
    live: Mapping[str, bool] = field(default_factory=dict)
    started: Mapping[str, bool] = field(default_factory=dict)

    def liveness(self, container_id: str) -> bool | None:
        return self.live.get(container_id)

    def startup(self, container_id: str) -> bool | None:
        return self.started.get(container_id)


def make_container(name: str, *, sidecar: bool = False, policy: str = "", probe: Probe | None = None) -> Container:
    return Container(
        name=name, image="busybox", restart_policy="Always" if sidecar else policy, startup_probe=probe,
        liveness_probe=probe,
    )


def make_pod(
    *names: str, init: tuple[Container, ...] = (), policy: str = "Always", ephemeral: tuple[str, ...] = (),
    host_network: bool = False,
) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="p", namespace="n", uid="u"),
        spec=PodSpec(
            containers=tuple(make_container(name) for name in names), init_containers=init, restart_policy=policy,
            ephemeral_containers=tuple(EphemeralContainer(name=name, image="busybox") for name in ephemeral),
            host_network=host_network,
        ),
    )


def ran(name: str, state: RunState, exit_code: int = 0, *, image: str = "busybox", at: int = 1) -> ContainerStatus:
    return ContainerStatus(
        ContainerID(f"id-{name}"), name, SandboxID("s"), state, created_at=at, exit_code=exit_code,
        hash=container_hash(Container(name=name, image=image)),
    )


READY = SandboxStatus(SandboxID("s"), 0, True, 1, ips=("10.0.0.1",))
RUNNING, EXITED, CREATED, UNKNOWN = RunState.RUNNING, RunState.EXITED, RunState.CREATED, RunState.UNKNOWN


def runtime(*containers: ContainerStatus, sandboxes: tuple[SandboxStatus, ...] = (READY,)) -> PodRuntimeStatus:
    return PodRuntimeStatus("u", "p", "n", sandboxes, containers)


def test_a_new_pod_gets_a_sandbox_and_all_containers() -> None:
    plan = compute_pod_actions(make_pod("a", "b"), runtime(sandboxes=()), Verdicts())
    assert plan.create_sandbox and plan.kill_pod
    assert (plan.attempt, plan.sandbox_id, plan.regular_to_start) == (0, None, (0, 1))


def test_a_new_pod_with_init_containers_starts_the_first_only() -> None:
    pod = make_pod("a", init=(make_container("i1"), make_container("i2")))
    plan = compute_pod_actions(pod, runtime(sandboxes=()), Verdicts())
    assert (plan.init_to_start, plan.regular_to_start) == ((0,), ())


def test_a_running_pod_needs_nothing() -> None:
    assert compute_pod_actions(make_pod("a"), runtime(ran("a", RUNNING)), Verdicts()).empty


@pytest.mark.parametrize(
    ("sandboxes", "attempt", "sandbox_id", "host_network"),
    [
        ((SandboxStatus(SandboxID("s"), 2, False, 1, ips=("1",)),), 3, "s", False),
        ((SandboxStatus(SandboxID("t"), 1, True, 2, ips=("1",)), READY), 2, "t", False),
        ((SandboxStatus(SandboxID("s"), 0, True, 1),), 1, "s", False),
        ((SandboxStatus(SandboxID("s"), 0, True, 1, ips=("1",)),), 1, None, True),
        ((SandboxStatus(SandboxID("s"), 0, True, 1, host_network=True),), 1, None, False),
    ],
    ids=["dead", "two ready", "no address", "wants the host's network", "is on the host's network"],
)
def test_a_sandbox_that_will_not_do_is_replaced(
    sandboxes: tuple[SandboxStatus, ...], attempt: int, sandbox_id: str | None, host_network: bool
) -> None:
    pod = make_pod("a", host_network=host_network)
    plan = compute_pod_actions(pod, runtime(ran("a", RUNNING), sandboxes=sandboxes), Verdicts())
    assert plan.create_sandbox and plan.kill_pod
    assert (plan.attempt, plan.sandbox_id, plan.regular_to_start) == (attempt, sandbox_id, (0,))


def test_host_network_needs_no_address() -> None:
    sandbox = SandboxStatus(SandboxID("s"), 0, True, 1, host_network=True)
    pod = make_pod("a", host_network=True)
    assert compute_pod_actions(pod, runtime(ran("a", RUNNING), sandboxes=(sandbox,)), Verdicts()).empty


DEAD = (SandboxStatus(SandboxID("s"), 0, False, 1),)


@pytest.mark.parametrize(
    ("policy", "containers", "creates", "starts"),
    [
        ("Never", (ran("a", EXITED), ran("b", EXITED, 1)), False, ()),
        ("Never", (), True, (0, 1)),
        ("Never", (ran("a", CREATED),), True, (0, 1)),
        ("Never", (ran("a", CREATED), ran("a", CREATED), ran("b", CREATED)), True, (0, 1)),
        ("Never", (ran("a", EXITED), ran("b", CREATED)), True, (1,)),
        ("Never", (ran("a", CREATED), ran("a", EXITED, 1), ran("b", EXITED)), False, ()),
        ("Never", (ran("a", EXITED),), False, ()),
        ("OnFailure", (ran("a", EXITED), ran("b", EXITED, 1)), True, (1,)),
        ("OnFailure", (ran("a", EXITED), ran("b", EXITED)), False, ()),
        ("Always", (ran("a", EXITED), ran("b", EXITED)), True, (0, 1)),
    ],
)
def test_who_starts_again_in_a_new_sandbox(
    policy: str, containers: tuple[ContainerStatus, ...], creates: bool, starts: tuple[int, ...]
) -> None:
    plan = compute_pod_actions(make_pod("a", "b", policy=policy), runtime(*containers, sandboxes=DEAD), Verdicts())
    assert (plan.create_sandbox, plan.regular_to_start) == (creates, starts)
    assert plan.kill_pod


@pytest.mark.parametrize(("exit_code", "creates"), [(0, True), (137, False)])
def test_a_pod_that_never_restarts_begins_anew_if_its_sandbox_was_lost_before_it_ran(
    exit_code: int, creates: bool
) -> None:
    pod = make_pod("a", init=(make_container("i"),), policy="Never")
    plan = compute_pod_actions(pod, runtime(ran("i", EXITED, exit_code), sandboxes=DEAD), Verdicts())
    assert (plan.create_sandbox, plan.init_to_start) == (creates, (0,) if creates else ())


@pytest.mark.parametrize(
    ("policy", "status", "starts"),
    [
        ("Always", ran("a", EXITED, 0), True), ("Always", ran("a", EXITED, 1), True),
        ("OnFailure", ran("a", EXITED, 0), False), ("OnFailure", ran("a", EXITED, 1), True),
        ("Never", ran("a", EXITED, 1), False), ("Never", ran("a", CREATED), True),
        ("Never", ran("a", UNKNOWN), True),
    ],
)
def test_restart_policy(policy: str, status: ContainerStatus, starts: bool) -> None:
    pod = make_pod("a", "keeps", policy=policy)
    plan = compute_pod_actions(pod, runtime(status, ran("keeps", RUNNING)), Verdicts())
    assert plan.regular_to_start == ((0,) if starts else ())
    assert not plan.kill_pod
    killed = [kill.reason for kill in plan.to_kill]
    assert killed == ([KillReason.UNKNOWN] if status.state is UNKNOWN else [])


def test_a_pod_whose_containers_are_all_done_is_killed() -> None:
    plan = compute_pod_actions(make_pod("a", policy="Never"), runtime(ran("a", EXITED)), Verdicts())
    assert plan.kill_pod and not plan.create_sandbox


@pytest.mark.parametrize(
    ("verdicts", "reason", "message"),
    [
        (Verdicts(live={"id-a": False}), KillReason.LIVENESS, "Container a failed liveness probe, will be restarted"),
        (Verdicts(started={"id-a": False}), KillReason.STARTUP, "Container a failed startup probe, will be restarted"),
    ],
)
def test_probe_failures_restart(verdicts: Verdicts, reason: KillReason, message: str) -> None:
    plan = compute_pod_actions(make_pod("a"), runtime(ran("a", RUNNING)), verdicts)
    assert [(kill.message, kill.reason) for kill in plan.to_kill] == [(message, reason)]
    assert plan.regular_to_start == (0,)


def test_a_failed_probe_with_policy_never_ends_the_container() -> None:
    plan = compute_pod_actions(
        make_pod("a", "b", policy="Never"), runtime(ran("a", RUNNING), ran("b", RUNNING)),
        Verdicts(live={"id-a": False}),
    )
    assert [kill.message for kill in plan.to_kill] == ["Container a failed liveness probe"]
    assert plan.regular_to_start == ()


def test_a_changed_image_restarts_whatever_the_policy() -> None:
    plan = compute_pod_actions(make_pod("a", policy="Never"), runtime(ran("a", RUNNING, image="old")), Verdicts())
    assert [kill.message for kill in plan.to_kill] == ["Container a definition changed, will be restarted"]
    assert plan.regular_to_start == (0,)


INIT = (make_container("i1"), make_container("i2"))


@pytest.mark.parametrize(
    ("policy", "containers", "init", "regular", "kill_pod"),
    [
        ("Always", (), (0,), (), False),
        ("Always", (ran("i1", RUNNING),), (), (), False),
        ("Always", (ran("i1", CREATED),), (0,), (), False),
        ("Always", (ran("i1", EXITED),), (1,), (), False),
        ("Always", (ran("i1", EXITED, 1),), (0,), (), False),
        ("Never", (ran("i1", EXITED, 1),), (), (), True),
        ("Always", (ran("i2", EXITED),), (), (0,), False),
        ("Always", (ran("i1", EXITED), ran("i2", EXITED)), (), (0,), False),
        ("Always", (ran("i1", EXITED), ran("i2", RUNNING)), (), (), False),
        ("Always", (ran("a", RUNNING),), (), (), False),
        ("Never", (ran("i1", UNKNOWN),), (), (), True),
    ],
)
def test_init_containers(
    policy: str, containers: tuple[ContainerStatus, ...], init: tuple[int, ...], regular: tuple[int, ...],
    kill_pod: bool,
) -> None:
    plan = compute_pod_actions(make_pod("a", init=INIT, policy=policy), runtime(*containers), Verdicts())
    assert (plan.init_to_start, plan.regular_to_start, plan.kill_pod) == (init, regular, kill_pod)


def test_what_ran_before_a_reboot_tells_nothing_of_how_far_the_pod_came() -> None:
    stale = [replace(ran(name, EXITED), sandbox_id=SandboxID("old")) for name in ("i1", "i2", "a")]
    pod = make_pod("a", init=INIT)
    assert compute_pod_actions(pod, runtime(*stale), Verdicts()).init_to_start == (0,)
    plan = compute_pod_actions(pod, runtime(ran("i1", EXITED, at=9), *stale), Verdicts())
    assert (plan.init_to_start, plan.regular_to_start) == ((1,), ())


SIDECARS = (make_container("s1", sidecar=True), make_container("i"), make_container("s2", sidecar=True))


@pytest.mark.parametrize(
    ("containers", "init", "regular"),
    [
        ((ran("s1", RUNNING),), (1,), ()),
        ((ran("s1", RUNNING), ran("i", RUNNING)), (), ()),
        ((ran("s1", EXITED), ran("i", RUNNING)), (0,), ()),
        ((ran("s1", RUNNING), ran("i", EXITED)), (2,), ()),
        ((ran("s1", RUNNING), ran("i", EXITED), ran("s2", RUNNING)), (), (0,)),
        ((ran("s1", EXITED), ran("s2", EXITED), ran("a", RUNNING)), (0, 2), ()),
        ((ran("a", RUNNING),), (0, 2), ()),
    ],
)
def test_sidecars(
    containers: tuple[ContainerStatus, ...], init: tuple[int, ...], regular: tuple[int, ...]
) -> None:
    plan = compute_pod_actions(make_pod("a", init=SIDECARS), runtime(*containers), Verdicts())
    assert (plan.init_to_start, plan.regular_to_start) == (init, regular)


def test_a_sidecar_blocks_until_its_startup_probe_succeeds() -> None:
    pod = make_pod("a", init=(make_container("s1", sidecar=True, probe=Probe()),))
    status = runtime(ran("s1", RUNNING))
    assert compute_pod_actions(pod, status, Verdicts()).empty
    assert compute_pod_actions(pod, status, Verdicts(started={"id-s1": True})).regular_to_start == (0,)
    failed = compute_pod_actions(pod, status, Verdicts(started={"id-s1": False}))
    assert [kill.message for kill in failed.to_kill] == ["Init container s1 failed startup probe"]
    assert failed.init_to_start == (0,)


def test_sidecars_do_not_keep_a_finished_pod_alive() -> None:
    pod = make_pod("a", init=(make_container("s1", sidecar=True),), policy="Never")
    plan = compute_pod_actions(pod, runtime(ran("s1", RUNNING), ran("a", EXITED)), Verdicts())
    assert plan.kill_pod
    assert plan.init_to_start == ()


def test_ephemeral_containers_start_once_and_during_init() -> None:
    pod = make_pod("a", init=INIT, ephemeral=("debug", "again"))
    plan = compute_pod_actions(pod, runtime(ran("i1", RUNNING), ran("debug", EXITED, 1)), Verdicts())
    assert plan.ephemeral_to_start == (1,)


def test_restart_rules_come_before_policies() -> None:
    rule = ContainerRestartRule(
        action="Restart", exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(42,))
    )
    container = Container(name="a", restart_policy="Never", restart_policy_rules=(rule,))
    pod = make_pod("a")
    assert restarts_after(pod, container, 42)
    assert not restarts_after(pod, container, 1)


states = st.sampled_from(list(RunState))


@given(
    st.lists(st.tuples(states, st.integers(0, 2)), min_size=2, max_size=2),
    st.sampled_from(["Always", "OnFailure", "Never"]),
)
def test_nothing_that_runs_well_is_touched(facts: list[tuple[RunState, int]], policy: str) -> None:
    containers = tuple(
        ran(name, state, code) for name, (state, code) in zip(("a", "b"), facts, strict=True)
    )
    plan = compute_pod_actions(make_pod("a", "b", policy=policy), runtime(*containers), Verdicts())
    running = {status.id for status in containers if status.running}
    assert running.isdisjoint(kill.id for kill in plan.to_kill)
    assert not (plan.kill_pod and running)
    started = {("a", "b")[index] for index in plan.regular_to_start}
    assert started.isdisjoint(status.name for status in containers if status.running)
