"""Container statuses: states, last states, counts, reasons, probes."""

import msgspec
import pytest
from podstatus_builders import (
    NOW_TEXT,
    container,
    created,
    exited,
    generate,
    lost,
    pod,
    restart_all_on,
    running,
    runtime,
    sandbox,
    sidecar,
)

from kubelet.allocation import PodResources
from kubelet.api.types import (
    ContainerState,
    ContainerStateRunning,
    EphemeralContainer,
    ResourceHealth,
    ResourceRequirements,
    ResourceStatus,
    VolumeMount,
    VolumeMountStatus,
)
from kubelet.podstatus import ProbeFlags
from kubelet.podstatus.containers import with_past
from pleg.state import ContainerResources, ContainerUser

CRASH = ("CrashLoopBackOff", "back-off 10s restarting failed container=app pod=p_ns(u1)")


def only(status):
    (found,) = status.container_statuses
    return found


@pytest.mark.parametrize(("init", "reason"), [((), "ContainerCreating"), ((container("i"),), "PodInitializing")])
def test_before_anything_runs_containers_wait(init, reason):
    found = only(generate(pod(init=init), runtime()))
    assert found.state.waiting.reason == reason
    assert (found.image, found.image_id, found.ready, found.started, found.restart_count) == \
        ("app:1", "", False, False, 0)


def test_running_container_has_every_field():
    seen = running(user=ContainerUser(1000, 1000, (5,)))
    found = only(generate(pod(), runtime(seen)))
    assert found.container_id == "docker://app-0"
    assert found.image_id == "sha256:app"
    assert found.state == ContainerState(running=ContainerStateRunning(started_at=NOW_TEXT))
    assert (found.ready, found.started) == (True, True)
    assert (found.user.linux.uid, found.user.linux.supplemental_groups) == (1000, (5,))
    assert msgspec.to_builtins(found)["resources"] == {}


def test_a_runtime_names_the_scheme_of_container_ids():
    assert only(generate(pod(), runtime(running()), runtime_name="containerd")).container_id == "containerd://app-0"


def test_a_terminated_container_has_its_last_words():
    seen = exited(code=1, message="died", reason="Error")
    found = only(generate(pod(policy="Never"), runtime(seen), termination_messages={seen.id: "died: bye"}))
    ended = found.state.terminated
    assert (ended.exit_code, ended.reason, ended.message) == (1, "Error", "died: bye")
    assert (ended.started_at, ended.finished_at) == (NOW_TEXT, "2023-11-14T22:13:25Z")
    assert ended.container_id == found.container_id
    assert (found.ready, found.started) == (False, False)


def test_crash_back_off_moves_the_end_to_the_last_state():
    found = only(generate(pod(), runtime(exited(code=2)), reasons={"app": CRASH}))
    assert (found.state.waiting.reason, found.state.waiting.message) == CRASH
    assert found.last_state.terminated.exit_code == 2


@pytest.mark.parametrize("of", [pod(policy="Never"), pod(deleted=True)])
def test_a_waiting_reason_is_ignored_for_what_will_not_restart(of):
    assert only(generate(of, runtime(exited(code=2)), reasons={"app": CRASH})).state.terminated.exit_code == 2


def test_a_restarted_container_shows_both_lives():
    seen = runtime(running(at=1_700_000_100, restart_count=1), exited(code=3))
    found = only(generate(pod(), seen))
    assert found.restart_count == 1
    assert found.state.running is not None
    assert found.last_state.terminated.exit_code == 3


def test_only_the_two_newest_lives_count():
    seen = runtime(
        exited(code=7, at=3, restart_count=2), exited(code=6, at=2, restart_count=1), exited(code=5, at=1)
    )
    found = only(generate(pod(), seen))
    assert (found.state.terminated.exit_code, found.last_state.terminated.exit_code, found.restart_count) == (7, 6, 2)


def test_a_pull_error_is_told_before_the_first_start():
    reasons = {"app": ("ErrImagePull", "no such image")}
    found = only(generate(pod(), runtime(), reasons=reasons))
    assert (found.state.waiting.reason, found.state.waiting.message) == reasons["app"]


def test_a_created_container_waits():
    found = only(generate(pod(), runtime(created()), reasons={"app": ("RunContainerError", "no such file")}))
    assert found.state.waiting.reason == "RunContainerError"


def test_a_container_that_vanished_while_running_is_unknown_with_137():
    before = generate(pod(), runtime(running()))
    found = only(generate(pod(), runtime(), before))
    assert found.state.waiting.reason == "ContainerCreating"
    ended = found.last_state.terminated
    assert (ended.exit_code, ended.reason) == (137, "ContainerStatusUnknown")
    assert found.restart_count == 1


def test_a_vanished_container_of_a_deleted_pod_is_not_counted_as_restart():
    before = generate(pod(), runtime(running()))
    assert only(generate(pod(deleted=True), runtime(), before)).restart_count == 0


def test_a_container_in_unknown_state_that_ran_has_ended():
    before = generate(pod(), runtime(running()))
    found = only(generate(pod(), runtime(lost()), before))
    assert (found.state.terminated.exit_code, found.state.terminated.reason) == (137, "ContainerStatusUnknown")
    assert only(generate(pod(), runtime(lost()))).state.waiting is not None


def test_what_was_said_of_a_dead_container_survives_its_removal():
    before = generate(pod(policy="Never"), runtime(exited(code=4)))
    assert only(generate(pod(policy="Never"), runtime(), before)) == only(before)


def test_a_removed_init_container_of_a_pod_that_runs_has_completed():
    of = pod(init=(container("i"), sidecar("s")))
    status = generate(of, runtime(running()))
    first, second = status.init_container_statuses
    assert (first.state.terminated.exit_code, first.state.terminated.reason, first.ready) == (0, "Completed", True)
    assert second.state.waiting is not None


def test_init_statuses_keep_the_specs_order_and_others_are_sorted():
    of = pod(container("z"), container("a"), init=(container("y"), container("b")))
    status = generate(of, runtime())
    assert [found.name for found in status.init_container_statuses] == ["y", "b"]
    assert [found.name for found in status.container_statuses] == ["a", "z"]


@pytest.mark.parametrize(("flags", "expected"), [
    (None, (True, True)),
    (ProbeFlags(started=True, ready=True), (True, True)),
    (ProbeFlags(started=True, ready=False), (True, False)),
    (ProbeFlags(started=False, ready=True), (False, False)),
])
def test_probe_flags_of_a_running_container(flags, expected):
    found = only(generate(pod(), runtime(running()), flags={"app": flags} if flags else {}))
    assert (found.started, found.ready) == expected


def test_probe_flags_of_a_dead_container_mean_nothing():
    found = only(generate(pod(), runtime(exited()), flags={"app": ProbeFlags(started=True, ready=True)}))
    assert (found.started, found.ready) == (False, False)


def test_an_init_container_is_ready_once_it_succeeded():
    of = pod(init=(container("i"),))
    assert generate(of, runtime(exited("i", 0))).init_container_statuses[0].ready
    assert not generate(of, runtime(exited("i", 1))).init_container_statuses[0].ready
    assert not generate(of, runtime(running("i"))).init_container_statuses[0].ready


def test_ephemeral_containers_are_reported_without_probe_flags():
    of = pod(ephemeral_containers=(EphemeralContainer(name="debug", image="busybox"),))
    status = generate(of, runtime(running(), running("debug")))
    (found,) = status.ephemeral_container_statuses
    assert (found.ready, found.started) == (False, None)
    assert found.state.running is not None
    waiting = generate(of, runtime(running()), reasons={"debug": ("ErrImagePull", "x")})
    assert waiting.ephemeral_container_statuses[0].state.waiting.reason == "ErrImagePull"


@pytest.mark.parametrize(("mount", "supported", "expected"), [
    (VolumeMount(name="v", mount_path="/v"), True, VolumeMountStatus(name="v", mount_path="/v")),
    (
        VolumeMount(name="v", mount_path="/v", read_only=True), True,
        VolumeMountStatus(name="v", mount_path="/v", read_only=True, recursive_read_only="Disabled"),
    ),
    (
        VolumeMount(name="v", mount_path="/v", read_only=True, recursive_read_only="IfPossible"), True,
        VolumeMountStatus(name="v", mount_path="/v", read_only=True, recursive_read_only="Enabled"),
    ),
    (
        VolumeMount(name="v", mount_path="/v", read_only=True, recursive_read_only="IfPossible"), False,
        VolumeMountStatus(name="v", mount_path="/v", read_only=True, recursive_read_only="Disabled"),
    ),
])
def test_volume_mounts(mount, supported, expected):
    of = pod(container(volume_mounts=(mount,)))
    found = only(generate(of, runtime(running()), recursive_read_only=supported))
    assert found.volume_mounts == (expected,)


def test_resources_are_the_runtimes_where_it_differs_and_the_specs_words_where_not():
    of = pod(container(resources=ResourceRequirements(
        requests={"cpu": "0.5", "memory": "64Mi"}, limits={"cpu": "1", "memory": "64Mi"}
    )))
    seen = running(resources=ContainerResources(
        cpu_period=100_000, cpu_quota=200_000, cpu_shares=512, memory_limit=64 * 2**20
    ))
    found = only(generate(of, runtime(seen)))
    assert found.resources.limits == {"cpu": "2", "memory": "64Mi"}
    assert found.resources.requests == {"cpu": "500m", "memory": "64Mi"}
    assert found.allocated_resources == {"cpu": "500m", "memory": "64Mi"}


def test_tiny_cpu_figures_keep_the_specs_value():
    of = pod(container(resources=ResourceRequirements(requests={"cpu": "1m"}, limits={"cpu": "5m"})))
    seen = running(resources=ContainerResources(cpu_period=100_000, cpu_quota=1000, cpu_shares=2))
    found = only(generate(of, runtime(seen)))
    assert (found.resources.limits, found.resources.requests) == ({"cpu": "5m"}, {"cpu": "1m"})


def test_restart_all_containers_tells_the_end_of_what_it_removed():
    rules = restart_all_on(42)
    of = pod(container("a", restart_policy="Never", restart_policy_rules=rules), container("b"))
    ran = generate(of, runtime(running("a"), running("b")))
    exit42 = generate(of, runtime(exited("a", 42), running("b")), ran)
    (restarting,) = [found for found in exit42.conditions if found.type == "AllContainersRestarting"]
    assert (restarting.status, restarting.reason) == ("True", "RestartAllContainersStarted")
    removed = generate(of, runtime(), exit42)
    assert [found.restart_count for found in removed.container_statuses] == [1, 1]
    assert {found.state.waiting.reason for found in removed.container_statuses} == {"RestartingAllContainers"}
    assert {found.last_state.terminated.exit_code for found in removed.container_statuses} == {137}
    assert removed.phase == "Running"
    again = generate(of, runtime(running("a", id="a2"), running("b", id="b2")), removed)
    assert [found.restart_count for found in again.container_statuses] == [1, 1]
    (done,) = [found for found in again.conditions if found.type == "AllContainersRestarting"]
    assert done.status == "False"


def test_a_sandbox_recreated_after_reboot_keeps_counts():
    of = pod()
    before = generate(of, runtime(running(restart_count=4)))
    after = generate(of, runtime(exited(code=255, restart_count=4), sandboxes=(sandbox(ready=False),)), before)
    assert only(after).restart_count == 4
    again = generate(of, runtime(running(restart_count=5, at=1_700_000_500), exited(code=255, restart_count=4)), after)
    assert (only(again).restart_count, only(again).last_state.terminated.exit_code) == (5, 255)


def test_a_memory_request_is_what_was_given_last_since_no_runtime_knows_it():
    def asks(memory):
        return ResourceRequirements(requests={"memory": memory})

    def given(memory):
        return PodResources(containers={"app": asks(memory)})

    of = pod(container(resources=asks("64Mi")))
    first = generate(of, runtime(running()), actuated=given("33554432"))
    assert first.container_statuses[0].resources.requests == {"memory": "32Mi"}
    second = generate(of, runtime(running()), first, actuated=given("67108864"))
    assert second.container_statuses[0].resources.requests == {"memory": "64Mi"}
    assert generate(of, runtime(running()), first).container_statuses[0].resources.requests == {"memory": "32Mi"}


def test_attempts_that_never_started_do_not_hide_how_the_container_ended():
    """As while the engine goes down: the pod ran, so it is not Pending again."""
    ran = generate(pod(), runtime(running(id="one")))
    tries = runtime(created(id="three"), created(id="two"), exited(id="one", code=3))
    found = generate(pod(), tries, ran)
    assert only(found).last_state.terminated.exit_code == 3
    assert found.phase == "Running"


LOST, ENDED = "ContainerStatusUnknown", "Error"


@pytest.mark.parametrize(("before", "now", "last", "count"), [
    # Its end was never seen: the successor is all that the runtime has.
    ([running()], [created(at=1_700_000_009, restart_count=1)], LOST, 1),
    ([running()], [running(at=1_700_000_009, restart_count=1)], LOST, 1),
    ([running()], [exited(code=1, at=1_700_000_009, restart_count=1)], LOST, 1),
    ([running()], [], LOST, 1),
    # The engine was killed before it had written down that the container runs.
    ([running()], [created()], LOST, 0),
    ([exited(code=1)], [created()], ENDED, 0),
    # What was said before is better than nothing, and what the runtime says better than both.
    ([exited(code=1)], [created(at=1_700_000_009, restart_count=1)], ENDED, 1),
    ([exited(code=1)], [running(at=1_700_000_009, restart_count=1)], ENDED, 1),
    ([exited(code=1)], [], None, 0),
    ([running(at=1_700_000_009, restart_count=1), exited(code=1)],
     [created(at=1_700_000_019, restart_count=2)], ENDED, 2),
    ([running()], [created(at=1_700_000_009, restart_count=1), exited(code=1)], ENDED, 1),
    # It runs on beside its successor: it has not ended.
    ([running()], [running(at=1_700_000_009, restart_count=1), running()], None, 1),
])
def test_how_a_container_ended_is_told_though_the_runtime_has_forgotten_it(before, now, last, count):
    first = generate(pod(), runtime(*before))
    found = generate(pod(), runtime(*now), first)
    ended = only(found).last_state.terminated
    assert (ended.reason if ended else None, only(found).restart_count) == (last, count)
    assert found.phase == "Running"


def test_a_container_in_unknown_state_goes_on_having_ended():
    of = pod(policy="Never")
    first = generate(of, runtime(lost()), generate(of, runtime(running())))
    second = generate(of, runtime(lost()), first)
    assert only(second) == only(first)
    assert (second.phase, only(second).restart_count) == ("Failed", 1)


@pytest.mark.parametrize(("enabled", "shown"), [(True, "SIGUSR1"), (False, "")])
def test_the_stop_signal_is_shown_where_containers_may_choose_one(enabled, shown):
    status = generate(pod(), runtime(running(stop_signal="SIGUSR1")), stop_signals=enabled)
    assert status.container_statuses[0].stop_signal == shown


def test_a_running_pods_own_resources_are_what_it_was_given_last():
    def asks(memory):
        return ResourceRequirements(limits={"memory": memory}, requests={"memory": memory})

    of = pod(resources=asks("10Ki"))
    given = PodResources(pod_level=asks("31457280"))
    seen = generate(of, runtime(running()), actuated=given)
    assert (seen.resources.limits, seen.allocated_resources) == ({"memory": "30Mi"}, {"memory": "10Ki"})
    assert generate(of, runtime(), actuated=given).resources.limits == {"memory": "10Ki"}


def test_the_health_of_devices_is_told_of_running_containers():
    health = (ResourceStatus(name="a.b/gpu", resources=(ResourceHealth(resource_id="x", health="Unhealthy"),)),)
    assert only(generate(pod(), runtime(running()), devices={"app": health})).allocated_resources_status == health
    assert only(generate(pod(), runtime(running()), devices={"other": health})).allocated_resources_status == ()


CRASHED_ONCE = generate(pod(), runtime(running(restart_count=1), exited(code=3)))


@pytest.mark.parametrize(("before", "now", "exit_code", "restarts"), [
    (CRASHED_ONCE, runtime(running(restart_count=1)), 3, 1),  # the same instance
    (CRASHED_ONCE, runtime(running(restart_count=2)), 3, 2),  # another one, whose end is still told
    (generate(pod(), runtime(exited(code=4))), runtime(running(restart_count=1)), 4, 1),
    (generate(pod(), runtime(running())), runtime(running(restart_count=1)), 137, 1),  # nobody saw its end
    (generate(pod(), runtime(running())), runtime(running()), None, 0),
    (generate(pod(), runtime()), runtime(running()), None, 0),
    (CRASHED_ONCE, runtime(running(restart_count=3), exited(code=7, restart_count=2)), 7, 3),  # the runtime knows
    (CRASHED_ONCE, runtime(), 3, 1),  # nothing is made yet
])
def test_what_was_said_before_tells_how_containers_ended(before, now, exit_code, restarts):
    found = only(with_past(generate(pod(), now), before))
    ended = found.last_state.terminated if found.last_state else None
    assert (ended.exit_code if ended else None, found.restart_count) == (exit_code, restarts)
