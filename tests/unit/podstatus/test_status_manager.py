"""The status manager against a small API server; time is looptime's, nothing sleeps."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from podstatus_builders import NOW, condition, container, exited, generate, pod, running, runtime
from podstatus_fakes import FakePodServer

from kubelet.api.meta import format_time
from kubelet.api.types import ObjectMeta, PodCondition, PodStatus
from kubelet.apiclient import ConflictError, ServerError, UnreachableError
from kubelet.podmanager import PodManager
from kubelet.podstatus import ProbeFlags, StatusManager
from kubelet.podworkers import Verdict

pytestmark = pytest.mark.looptime


class World:
    """A manager, the pods that it knows, and the API server."""

    def __init__(self, *pods, client=True, **kwargs):
        self.server = FakePodServer()
        self.pods = PodManager()
        self.acknowledged = []
        self.could_run = set()
        self.manager = StatusManager(
            self.server if client else None, self.pods, clock=lambda: NOW,
            acknowledged=lambda uid, at: self.acknowledged.append(uid),
            could_have_running_containers=lambda uid: uid in self.could_run, **kwargs,
        )
        for each in pods:
            self.put(each)

    def put(self, each):
        """The pod comes from the API server."""
        self.pods.put(self.server.put(each))

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.manager.run())
            yield
            task.cancel()

    async def settle(self, seconds=0.1):
        await asyncio.sleep(seconds)

    def verbs(self):
        return [verb for verb, _ in self.server.calls]


def deleted(of):
    return msgspec.structs.replace(of, metadata=msgspec.structs.replace(
        of.metadata, deletion_timestamp="2023-11-14T22:13:20Z", deletion_grace_period_seconds=30
    ))


async def test_a_status_is_sent_at_once_with_one_request():
    world = World(pod())
    async with world.running():
        assert world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle(0)
        await world.settle(0)
        assert world.verbs() == ["patch"]
        assert world.server.only().status.phase == "Running"
        assert world.acknowledged == ["u1"]
        assert world.manager.pending() == 0


async def test_the_same_status_is_not_sent_again():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle()
        assert not world.manager.set(pod(), generate(pod(), runtime(running()), now=NOW + 60))
        world.pods.put(world.server.only())
        await world.settle(60)
    assert world.verbs() == ["patch"]


async def test_one_write_in_flight_per_pod_and_the_newest_wins():
    world = World(pod())
    world.server.hold = asyncio.Event()
    async with world.running():
        for number in range(5):
            world.manager.set(pod(), generate(
                pod(), runtime(), world.manager.previous(pod()), reasons={"app": ("ErrImagePull", str(number))}
            ))
            await world.settle()
        world.server.hold.set()
        await world.settle()
        assert world.verbs() == ["patch", "patch"]
        assert world.server.most_in_flight == {world.server.path_of(pod()): 1}
        (found,) = world.server.only().status.container_statuses
        assert found.state.waiting.message == "4"


def named(name, **fields):
    each = pod(**fields)
    return msgspec.structs.replace(each, metadata=msgspec.structs.replace(each.metadata, name=name, uid=f"u-{name}"))


async def test_deletions_go_first_then_readiness_then_the_rest():
    over = deleted(named("over", policy="Never", status=PodStatus(phase="Succeeded")))
    pods = [named("blocker"), named("rest"), named("ready"), over]
    world = World(*pods, writers=1)
    gate = world.server.hold = asyncio.Event()
    async with world.running():
        world.manager.set(pods[0], generate(pods[0], None))
        await world.settle()
        world.manager.set(pods[1], generate(pods[1], None))
        await world.settle()
        first = len(world.server.calls)
        gate.set()
        await world.settle()
        gate.clear()
        world.manager.set(pods[0], generate(pods[0], None, reasons={"app": ("ErrImagePull", "a")}))
        await world.settle()
        world.manager.set(pods[1], generate(pods[1], None, reasons={"app": ("ErrImagePull", "b")}))
        world.manager.set(pods[2], generate(pods[2], runtime(running())))
        world.manager.finish(over)
        gate.set()
        await world.settle()
    order = [path.split("/")[6] for _, path in world.server.calls[first:]]
    assert order[-4:] == ["over", "over", "ready", "rest"]


async def test_an_ended_pod_is_written_and_then_deleted():
    of = deleted(pod(policy="Always"))
    world = World(of)
    async with world.running():
        status = generate(of, runtime(exited(code=143)), pod_terminated=True)
        world.manager.set(of, status)
        await world.settle()
        assert world.server.only().status.phase == "Failed"
        world.manager.finish(of)
        await world.settle()
        assert not world.server.pods
        await world.settle(100)
    assert world.verbs() == ["patch", "delete"]


async def test_a_pod_that_ended_is_deleted_when_its_deletion_comes_later():
    of = pod(policy="Never")
    world = World(of)
    async with world.running():
        world.manager.set(of, generate(of, runtime(exited()), pod_terminated=True))
        world.manager.finish(of)
        await world.settle()
        assert world.verbs() == ["patch"]
        world.put(deleted(world.server.only()))
        world.manager.pod_changed(world.pods.get("u1"))
        await world.settle()
    assert world.verbs()[-1] == "delete"


async def test_a_pod_is_not_deleted_before_it_is_finished():
    of = deleted(pod(policy="Never", status=PodStatus(phase="Succeeded")))
    world = World(of)
    async with world.running():
        world.manager.set(of, generate(of, runtime(exited()), pod_terminated=True))
        await world.settle(30)
    assert "delete" not in world.verbs()


async def test_the_terminal_phase_waits_for_the_containers_to_end():
    of = pod(policy="Never")
    world = World(of)
    world.could_run.add("u1")
    async with world.running():
        evicted = generate(of, runtime(running()), verdict=Verdict("Failed", "Evicted", "low", "TerminationByKubelet"))
        world.manager.set(of, evicted)
        await world.settle()
        sent = world.server.only().status
        assert (sent.phase, sent.reason) == ("Pending", "")
        assert not [found for found in sent.conditions if found.type == "DisruptionTarget"]
        world.could_run.clear()
        world.manager.set(of, evicted)
        await world.settle()
        sent = world.server.only().status
        assert (sent.phase, sent.reason) == ("Failed", "Evicted")
        assert condition(sent, "DisruptionTarget")[0] == "True"


@pytest.mark.parametrize("failure", [
    UnreachableError("refused"), ServerError(500, "InternalError", "oops"), ConflictError(409, "Conflict", "try again"),
])
async def test_failures_are_tried_again_after_reading_the_pod(failure):
    world = World(pod())
    world.server.failures = [failure] * 3
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle(30)
        assert world.server.only().status.phase == "Running"
        assert world.manager.pending() == 0
    assert "get" in world.verbs()


async def test_an_hour_without_api_server_ends_with_the_newest_status():
    world = World(pod())
    world.server.failures = [UnreachableError("refused")] * 10_000
    async with world.running():
        for number in range(60):
            world.manager.set(pod(), generate(
                pod(), runtime(), world.manager.previous(pod()), reasons={"app": ("ErrImagePull", str(number))}
            ))
            await world.settle(60)
        tries = len(world.server.calls)
        assert tries < 60 * 8, "it slows down"
        world.server.failures = []
        await world.settle(15)
        assert world.server.only().status.container_statuses[0].state.waiting.message == "59"


async def test_a_pod_made_anew_under_the_same_name_is_left_alone():
    world = World(pod())
    async with world.running():
        world.server.put(msgspec.structs.replace(pod(), metadata=ObjectMeta(name="p", namespace="ns", uid="u2")))
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle(60)
        assert world.server.only().status.phase == "Pending"
        assert world.verbs() == ["patch", "get"]


async def test_a_pod_that_is_gone_is_not_written_to_again():
    world = World(pod())
    world.server.pods.clear()
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle(60)
    assert world.verbs() == ["patch"]


async def test_what_somebody_overwrote_is_set_right():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle()
        vandal = msgspec.structs.replace(world.server.only(), status=PodStatus(phase="Unknown"))
        world.put(vandal)
        world.manager.pod_changed(world.pods.get("u1"))
        await world.settle()
        assert world.server.only().status.phase == "Running"


async def test_others_conditions_survive():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle()
        now = world.server.only()
        theirs = PodCondition(type="x/gate", status="True")
        world.server.put(msgspec.structs.replace(now, status=msgspec.structs.replace(
            now.status, conditions=(theirs, *now.status.conditions)
        )))
        world.manager.set(pod(), generate(pod(), runtime(exited(code=1)), world.manager.previous(pod())))
        await world.settle()
        assert theirs in world.server.only().status.conditions
        assert condition(world.server.only().status, "Ready")[0] == "False"


def mirror_of(static, uid="m1", version=None, **changes):
    """`version`: the hash of the static pod's version that it was made from, the present one by default."""
    shown = version or static.metadata.annotations.get("kubernetes.io/config.hash", "")
    return msgspec.structs.replace(static, **changes, metadata=msgspec.structs.replace(
        static.metadata, uid=uid,
        annotations={"kubernetes.io/config.mirror": shown, "kubernetes.io/config.source": "file"},
    ))


async def test_a_mirror_of_an_older_version_is_not_told_of_the_new_one():
    """An edited manifest is a new pod of the old name: until its mirror is made, the old one shows what was."""
    static = pod(static=True)
    world = World()
    world.pods.put(static)
    world.put(mirror_of(static, version="older", status=generate(pod(), runtime(running()), now=NOW - 900)))
    async with world.running():
        world.manager.set(static, generate(static, runtime(), world.manager.previous(static), now=NOW))
        await world.settle(60)
        assert not world.server.calls
        assert world.manager.get("u1").start_time == format_time(NOW)
        world.server.pods.clear()
        world.put(mirror_of(static, "m2"))
        world.manager.pod_changed(world.pods.mirror_of(static))
        await world.settle()
        assert world.server.bodies[-1]["metadata"]["uid"] == "m2"


async def test_a_mirror_knows_better_than_a_new_agent_when_its_static_pod_began():
    static = pod(static=True)
    world = World()
    world.pods.put(static)
    async with world.running():
        world.manager.set(static, generate(static, runtime(), now=NOW))
        world.put(mirror_of(static, status=generate(pod(), runtime(running()), now=NOW - 900)))
        world.manager.pod_changed(world.pods.mirror_of(static))
        await world.settle()
        assert world.server.only().status.start_time == format_time(NOW - 900)


async def test_a_mirror_tells_a_new_agent_how_containers_of_its_static_pod_ended():
    """The agent met the pod first, and the runtime knows only the newest container."""
    static = pod(static=True)
    world = World()
    world.pods.put(static)
    first = generate(pod(), runtime(exited(id="c0", code=3)))
    second = generate(pod(), runtime(running(id="c1", restart_count=1)), first)
    async with world.running():
        world.manager.set(static, generate(static, runtime(running(id="c1", restart_count=0))))
        world.put(mirror_of(static, status=second))
        world.manager.pod_changed(world.pods.mirror_of(static))
        await world.settle()
        (told,) = world.server.only().status.container_statuses
        assert told.last_state.terminated.exit_code == 3 and told.restart_count == 1
        world.manager.set(static, generate(
            static, runtime(running(id="c2", restart_count=2)), world.manager.previous(static)
        ))
        await world.settle()
        (told,) = world.server.only().status.container_statuses
    assert told.last_state.terminated.exit_code == 3 and told.restart_count == 2


async def test_a_static_pods_status_goes_to_its_mirror_once_there_is_one():
    static = pod(static=True)
    world = World()
    world.pods.put(static)
    async with world.running():
        world.manager.set(static, generate(static, runtime(running())))
        await world.settle(60)
        assert not world.server.calls
        world.put(mirror_of(static))
        world.manager.pod_changed(world.pods.mirror_of(static))
        await world.settle()
        assert world.server.only().status.phase == "Running"
        assert world.server.bodies[-1]["metadata"]["uid"] == "m1"
        world.server.pods.clear()
        world.put(mirror_of(static, "m2"))
        await world.settle(15)
        assert world.server.only().status.phase == "Running"
        world.manager.finish(static)
        await world.settle(30)
    assert "delete" not in world.verbs()


@pytest.mark.parametrize(("version", "restarts"), [("v1", 3), ("v2", 0)])
async def test_a_static_pod_goes_on_from_the_mirror_of_its_own_version_only(version, restarts):
    """kubeadm upgrade replaces a manifest: the new pod has not restarted, whatever the old one's mirror says."""
    static = pod(static=True)
    static.metadata.annotations["kubernetes.io/config.hash"] = version
    ran = mirror_of(static)
    ran.metadata.annotations["kubernetes.io/config.mirror"] = "v1"
    world = World()
    world.pods.put(static)
    world.put(msgspec.structs.replace(ran, status=generate(static, runtime(running(restart_count=3)))))
    previous = world.manager.previous(static)
    assert [status.restart_count for status in previous.container_statuses] == ([restarts] if restarts else [])


async def test_a_static_pod_that_a_shutdown_has_ended_lives_again_after_the_reboot():
    static = pod(static=True)
    static.metadata.annotations["kubernetes.io/config.hash"] = "u1"
    down = Verdict(reason="Terminated", message="down", disruption_reason="TerminationByKubelet")
    ended = generate(static, runtime(running()), verdict=down)
    world = World()
    world.pods.put(static)
    world.put(msgspec.structs.replace(mirror_of(static), status=ended))
    async with world.running():
        world.manager.set(static, generate(static, runtime(running()), world.manager.previous(static)))
        await world.settle()
        now = world.server.only().status
        assert (now.phase, now.reason, condition(now, "Ready")[0]) == ("Running", "", "True")


async def test_a_restarted_agent_goes_on_from_what_the_api_server_has():
    ran = pod(status=generate(pod(), runtime(running())))
    world = World(ran)
    async with world.running():
        world.manager.set(ran, generate(ran, runtime(running()), world.manager.previous(ran), now=NOW + 500))
        await world.settle(30)
    assert not world.server.calls
    assert world.acknowledged == ["u1"]


async def test_probe_verdicts_are_published_at_once():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running()),
                                          flags={"app": ProbeFlags(started=True, ready=False)}))
        await world.settle()
        assert world.manager.set_container_flags("u1", "docker://app-0", ready=True)
        assert not world.manager.set_container_flags("u1", "docker://app-0", ready=True)
        assert not world.manager.set_container_flags("other", "docker://app-0", ready=True)
        await world.settle()
        assert condition(world.server.only().status, "Ready")[0] == "True"


def test_what_ended_for_good_does_not_live_again(caplog):
    world = World(pod(policy="Never"))
    of = pod(policy="Never")
    world.manager.set(of, generate(of, runtime(exited(code=1))))
    assert not world.manager.set(of, generate(of, runtime(running()), PodStatus(phase="Running")))
    assert "attempted illegal transition" in caplog.text
    assert world.manager.get("u1").phase == "Failed"


def test_finish_tells_of_containers_that_nobody_saw_end():
    of = pod(init=(container("i"),), policy="Always")
    world = World(of)
    world.manager.set(of, generate(of, runtime(exited("i"), running())))
    world.manager.finish(of)
    status = world.manager.get("u1")
    assert status.phase == "Failed"
    assert status.container_statuses[0].state.terminated.exit_code == 137
    assert status.init_container_statuses[0].state.terminated.exit_code == 0


def test_finish_leaves_containers_waiting_that_never_had_their_turn():
    of = pod(init=(container("i"), container("j")), policy="Always")
    world = World(of)
    world.manager.set(of, generate(of, runtime(running("i"))))
    world.manager.finish(of)
    status = world.manager.get("u1")
    assert [found.state.terminated is not None for found in status.init_container_statuses] == [True, False]
    assert status.container_statuses[0].state.waiting is not None


def test_long_termination_messages_are_cut_to_the_pods_share():
    of = pod(container("a"), container("b"), policy="Never")
    world = World(of)
    world.manager.set(of, generate(of, runtime(exited("a", message="ä" * 9000), exited("b"))))
    message = world.manager.get("u1").container_statuses[0].state.terminated.message
    assert len(message.encode()) == 6144


async def test_standalone_only_keeps():
    world = World(pod(), client=False)
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        world.manager.finish(pod())
        await world.settle(60)
        assert world.manager.get("u1").phase == "Failed"
        assert world.manager.pending() == 0
        assert await world.manager.flush(1)
    assert not world.server.calls


async def test_flush_waits_for_the_last_status():
    world = World(pod())
    world.server.hold = asyncio.Event()
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        assert not await world.manager.flush(1)
        asyncio.get_running_loop().call_later(2, world.server.hold.set)
        assert await world.manager.flush(5)


def test_pods_are_forgotten():
    world = World(pod())
    world.manager.set(pod(), generate(pod(), None))
    world.manager.retain({"u1"})
    assert world.manager.get("u1")
    world.manager.retain(set())
    assert world.manager.get("u1") is None


async def test_a_server_that_was_set_back_gets_the_status_again():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle()
        world.pods.put(world.server.only())
        assert world.server.only().status.phase == "Running"
        world.server.revision = 50
        world.put(pod())  # as it was before, and that is what the next list says
        await world.settle(15)
        assert world.server.only().status.phase == "Running"
        assert world.verbs() == ["patch", "get", "patch"]
        world.pods.put(world.server.only())
        await world.settle(100)
        assert world.verbs() == ["patch", "get", "patch"], "and that is all"


async def test_a_watch_that_lags_is_asked_about_and_changes_nothing():
    world = World(pod())
    async with world.running():
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle(600)
        assert world.verbs() == ["patch", *["get"] * 5], "less and less often"
        world.pods.put(world.server.only())
        count = len(world.verbs())
        await world.settle(100)
        assert len(world.verbs()) == count


async def test_a_pod_that_is_back_after_its_end_is_written_to_again():
    world = World(pod())
    async with world.running():
        world.server.pods.clear()
        world.manager.set(pod(), generate(pod(), runtime(running())))
        await world.settle()
        world.put(pod())
        world.manager.set(pod(), generate(pod(), runtime(exited(code=1)), world.manager.previous(pod())))
        await world.settle()
        (found,) = world.server.only().status.container_statuses
        assert found.state.terminated.exit_code == 1


async def test_a_write_that_met_a_later_one_of_the_agent_before_us_is_made_again():
    """A write of a killed agent may reach the API server after the next agent has listed: ours names only what differs
    from that list, so what the late one changed besides would stay."""
    ready = generate(pod(), runtime(running(id="one")))
    world = World(pod(status=ready))
    late = generate(pod(), runtime(exited(id="one", code=1)), ready)
    world.server.put(msgspec.structs.replace(world.server.only(), status=late))
    async with world.running():
        again = runtime(running(id="two", restart_count=1), exited(id="one", code=1))
        world.manager.set(pod(), generate(pod(), again, world.manager.previous(pod())))
        await world.settle()
        assert condition(world.server.only().status, "Ready")[0] == "True"
        assert world.verbs() == ["patch", "patch"]
        world.pods.put(world.server.only())
        await world.settle(120)
        assert world.verbs() == ["patch", "patch"]


async def test_a_probes_verdict_does_not_observe_a_new_version_of_the_pod():
    world = World(pod(generation=3))
    async with world.running():
        world.manager.set(pod(generation=3), generate(pod(generation=3), runtime(running(id="c1"))))
        await world.settle()
        newer = pod(generation=4)
        world.put(newer)
        world.manager.pod_changed(newer)
        assert world.manager.set_container_flags("u1", "docker://c1", ready=False)
        await world.settle()
        assert world.server.only().status.observed_generation == 3
        assert condition(world.server.only().status, "Ready")[0] == "False"


async def test_counters_hear_of_each_end_once_and_of_each_status_that_was_taken():
    ended, synced = [], []
    world = World(
        pod(), on_terminated=lambda *told: ended.append(told), on_synced=synced.append)
    gone = exited(code=3)
    for status in (generate(pod(), runtime(gone)), generate(pod(), runtime(gone))):
        world.manager.set(pod(), status)
    assert [(kind.value, code) for kind, code, _ in ended] == [("containers", 3)]
    async with world.running():
        await world.settle()
    assert synced == [0.0]
