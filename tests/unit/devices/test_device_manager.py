"""The device manager with plugins that speak the real protocol over real sockets."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import grpc
import msgspec
import pytest
from device_plugin import DevicePlugin

from kubelet.api.types import (
    Container,
    ContainerExtendedResourceRequest,
    ObjectMeta,
    Pod,
    PodExtendedResourceClaimStatus,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from kubelet.devices import checkpoint as disk
from kubelet.devices.endpoint import GRACE_SECONDS
from kubelet.devices.manager import DeviceError, DeviceManager, Surroundings
from kubelet.devices.runoptions import NO_DEVICES, DeviceMount

GPU = "example.com/gpu"


@pytest.fixture
def root(tmp_path_factory):
    """A short path: that of a Unix socket may have 107 characters."""
    return tmp_path_factory.mktemp("d")


def container(name="app", count=1, resource=GPU, **fields):
    return Container(name=name, resources=ResourceRequirements(limits={resource: str(count)}), **fields)


def pod(name="one", *containers, init=()):
    return Pod(metadata=ObjectMeta(name=name, namespace="ns", uid=name),
               spec=PodSpec(init_containers=init, containers=containers or (container(),)))


class Bench:
    """A manager, the pods that it takes for active, and what it told others."""

    def __init__(self, root, return_seconds=0.0):
        self.active, self.running, self.sources_seen = set(), {}, True
        self.now, self.health_changed, self.registered, self.allocated = 0.0, [], [], []
        self.changed, self.asked = asyncio.Event(), asyncio.Event()
        self.manager = DeviceManager(root, Surroundings(
            active=lambda: self.active, all_sources_seen=lambda: self.sources_seen, running=self._running,
            changed=self.changed.set, health_changed=self.health_changed.append, registered=self.registered.append,
            allocated=lambda resource, _: self.allocated.append(resource),
        ), clock=lambda: self.now, return_seconds=return_seconds)

    async def _running(self, uid):
        self.asked.set()
        return self.running.get(uid, ())

    async def admit(self, pod):
        self.active.add(pod.metadata.uid)
        return await self.manager.admit(pod)

    async def until(self, wanted):
        """Until the node says `wanted` of the resource: (capacity, allocatable)."""
        async with asyncio.timeout(10):
            while (seen := self.capacity()) != wanted:
                self.changed.clear()
                if self.capacity() == seen:
                    await self.changed.wait()

    def capacity(self, resource=GPU):
        found = self.manager.capacity()
        return found.capacity.get(resource, -1), found.allocatable.get(resource, -1)

    def ids(self, uid, name="app", resource=GPU):
        return sorted(self.manager.health(uid, name).get(resource, {}))


@asynccontextmanager
async def managing(root, **settings):
    bench = Bench(root, **settings)
    await bench.manager.load()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.manager.run())
        async with asyncio.timeout(10):
            await bench.manager.settled.wait()
        yield bench
        task.cancel()


@asynccontextmanager
async def plugged(bench, *devices, resource=GPU, **options):
    plugin = DevicePlugin(bench.manager.directory, resource, *devices, **options)
    try:
        await plugin.start()
        yield plugin
    finally:
        await plugin.stop()


async def test_a_container_is_given_devices_and_keeps_them(root):
    async with managing(root) as bench, plugged(bench, "a", "b", pre_start=True) as plugin:
        await bench.until((2, 2))
        assert bench.registered == [GPU]
        one = pod()
        assert bench.manager.concerns(one)
        assert not bench.manager.concerns(pod("plain", container(resource="cpu")))
        assert await bench.admit(one) == ""
        options = await bench.manager.options(one, one.spec.containers[0])
        assert options.envs == {"GPU_DEVICES": "a"} and options.mounts == (DeviceMount("/opt/gpu", "/etc", True),)
        assert await bench.admit(one) == ""  # admitted anew: nothing is asked again
        assert plugin.calls == ["GetDevicePluginOptions", "ListAndWatch", ("Allocate", ["a"]),
                                ("PreStartContainer", ["a"])]
        assert await bench.admit(pod("two")) == ""
        assert bench.ids("two") == ["b"] and bench.allocated == [GPU, GPU]
        assert await bench.manager.options(one, container(resource="example.com/other")) is NO_DEVICES
        kept = disk.read(bench.manager.directory / disk.FILE_NAME)
        assert [(entry.pod, *entry.allocation.ids) for entry in kept.entries] == [("one", "a"), ("two", "b")]


async def test_what_pods_had_that_are_over_is_given_to_others(root):
    async with managing(root) as bench, plugged(bench, "a") as _:
        await bench.until((1, 1))
        assert await bench.admit(pod()) == ""
        assert await bench.admit(pod("two")) == (
            f"Allocate failed due to requested number of devices unavailable for {GPU}. Requested: 1, Available: 0, "
            "which is unexpected")
        bench.active.discard("one")
        bench.sources_seen = False
        assert "Available: 0" in await bench.admit(pod("two"))
        bench.sources_seen = True
        assert await bench.admit(pod("two")) == ""
        assert bench.ids("two") == ["a"] and bench.ids("one") == []


async def test_pods_that_are_admitted_side_by_side_share_nothing(root):
    async with managing(root) as bench, plugged(bench, "a", "b", "c") as plugin:
        await bench.until((3, 3))
        plugin.gate.clear()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bench.admit(pod(name))) for name in ("one", "two", "three", "four")]
            await tasks[3]
            assert {bench.manager.wait(uid).what for uid in ("one", "two", "three")} == {
                f"the device plugin of {GPU} to allocate 1 of its devices"}
            assert bench.manager.wait("four") is None
            plugin.gate.set()
        assert sorted(task.result() != "" for task in tasks) == [False, False, False, True]
        assert sorted(bench.ids("one") + bench.ids("two") + bench.ids("three")) == ["a", "b", "c"]
        assert bench.manager.wait("one") is None


async def test_the_plugins_preference_counts(root):
    async with managing(root) as bench, plugged(bench, "a", "b", "c", prefers="c,a") as plugin:
        await bench.until((3, 3))
        assert await bench.admit(pod("one", container(count=2))) == ""
        assert bench.ids("one") == ["a", "c"]
        assert ("GetPreferredAllocation", (["a", "b", "c"], [], 2)) in plugin.calls
        plugin.fails["GetPreferredAllocation"] = "no idea"
        assert await bench.admit(pod("two")) == (
            "Allocate failed due to device plugin GetPreferredAllocation rpc failed with err: rpc error: code = "
            "Unknown desc = no idea, which is unexpected")


async def test_devices_of_numa_nodes_are_told_apart_on_disk(root):
    async with managing(root) as bench:
        plugin = DevicePlugin(bench.manager.directory, GPU, "a", "b")
        plugin.nodes["b"] = 1
        await plugin.start()
        await bench.until((2, 2))
        assert await bench.admit(pod("one", container(count=2))) == ""
        kept = disk.read(bench.manager.directory / disk.FILE_NAME)
        assert kept.entries[0].allocation.by_node == {-1: ("a",), 1: ("b",)}
        await plugin.stop()


async def test_init_containers_hand_their_devices_on(root):
    init = (container("init", 2), container("sidecar", restart_policy="Always"))
    async with managing(root) as bench, plugged(bench, "a", "b", "c") as _:
        await bench.until((3, 3))
        assert await bench.admit(pod("one", container(count=2), init=init)) == ""
        assert bench.ids("one", "init") == ["a", "b"]
        assert bench.ids("one", "sidecar") == ["a"]
        assert bench.ids("one") == ["b", "c"]


async def test_a_failed_allocation_leaves_the_devices_free(root):
    async with managing(root) as bench, plugged(bench, "a") as plugin:
        await bench.until((1, 1))
        plugin.fails["Allocate"] = "broken"
        assert await bench.admit(pod()) == (
            "Allocate failed due to rpc error: code = Unknown desc = broken, which is unexpected")
        del plugin.fails["Allocate"]
        assert await bench.admit(pod("two")) == ""


async def test_a_start_waits_for_the_plugins_consent(root):
    async with managing(root) as bench, plugged(bench, "a", pre_start=True) as plugin:
        await bench.until((1, 1))
        one = pod()
        assert await bench.admit(one) == ""
        plugin.fails["PreStartContainer"] = "reset failed"
        with pytest.raises(DeviceError) as failed:
            await bench.manager.options(one, one.spec.containers[0])
        assert str(failed.value) == (
            "device plugin PreStartContainer rpc failed with err: rpc error: code = Unknown desc = reset failed")


async def test_what_a_resource_claim_gives_is_not_asked_of_a_plugin(root):
    async with managing(root) as bench, plugged(bench, "a") as plugin:
        await bench.until((1, 1))
        claim = PodExtendedResourceClaimStatus(resource_claim_name="claim", request_mappings=(
            ContainerExtendedResourceRequest(container_name="app", request_name="r", resource_name=GPU),))
        claimed = msgspec.structs.replace(
            pod("one", container(), container("other")), status=PodStatus(extended_resource_claim_status=claim))
        assert await bench.admit(claimed) == ""
        assert (bench.ids("one"), bench.ids("one", "other")) == ([], ["a"])
        assert [call for call in plugin.calls if "Allocate" in call] == [("Allocate", ["a"])]


async def test_health_is_followed(root):
    async with managing(root) as bench, plugged(bench, "a", "b") as plugin:
        await bench.until((2, 2))
        assert await bench.admit(pod()) == ""
        await plugin.set_health("a", "Unhealthy")
        await bench.until((2, 1))
        assert bench.health_changed == [{"one"}] and bench.manager.health("one", "app") == {GPU: {"a": False}}
        assert bench.manager.given("one") == {GPU: 1} and bench.manager.given("two") == {}
        await plugin.set_health("a", "Healthy")
        await bench.until((2, 2))
        assert bench.manager.health("one", "app") == {GPU: {"a": True}}


async def test_a_plugin_that_goes_takes_its_devices_with_it(root):
    async with managing(root) as bench, plugged(bench, "a", "b") as plugin:
        await bench.until((2, 2))
        one = pod()
        assert await bench.admit(one) == ""
        await plugin.stop()
        await bench.until((2, 0))
        assert "no healthy devices present" in await bench.admit(pod("two"))
        bench.now = GRACE_SECONDS + 1
        found = bench.manager.capacity()
        assert (dict(found.capacity), found.removed) == ({}, {GPU})
        with pytest.raises(DeviceError, match=f"endpoint not found in cache for a registered resource: {GPU}"):
            await bench.manager.options(one, one.spec.containers[0])
        await plugin.start()  # it comes back
        await bench.until((2, 2))
        assert bench.ids("one") == ["a"]


async def test_a_stream_that_fails_is_not_asked_for_again(root):
    async with managing(root) as bench:
        plugin = DevicePlugin(bench.manager.directory, GPU, "a")
        plugin.fails["ListAndWatch"] = "ListAndWatch failed"
        await plugin.start()
        await bench.until((0, 0))
        assert plugin.calls == ["GetDevicePluginOptions", "ListAndWatch"]
        assert not bench.manager.concerns(pod())
        await plugin.stop()


async def test_one_that_registers_again_takes_the_place_of_the_first(root):
    async with managing(root) as bench, plugged(bench, "a") as old:
        await bench.until((1, 1))
        new = DevicePlugin(bench.manager.directory, GPU, "a", "b")
        new.endpoint = "new.sock"
        await new.start()
        await bench.until((2, 2))
        await old.stop()  # which is nothing to the new one
        assert await bench.admit(pod("one", container(count=2))) == ""
        await new.stop()
        await bench.until((2, 0))


@pytest.mark.parametrize(("fails", "version", "text"), [
    ("GetDevicePluginOptions", "v1beta1",
     "failed to get device plugin options: rpc error: code = Unknown desc = broken"),
    ("", "v1", 'requested API version "v1" is not supported by kubelet. Supported version is ["v1beta1"]'),
])
async def test_one_that_cannot_be_taken_is_told_so(root, fails, version, text):
    async with managing(root) as bench:
        plugin = DevicePlugin(bench.manager.directory, GPU, "a")
        plugin.fails[fails] = "broken"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await plugin.start(version)
        assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.UNKNOWN, text)
        assert bench.capacity() == (-1, -1) and bench.registered == [GPU]
        await plugin.stop()


# -- restarts --------------------------------------------------------------------------------------------------------


async def test_a_restart_forgets_nothing(root):
    one = pod()
    async with managing(root) as bench, plugged(bench, "a", "b") as _:
        assert bench.manager.fresh
        await bench.until((2, 2))
        assert await bench.admit(one) == ""
    async with managing(root) as bench:
        assert not bench.manager.fresh and [p.name for p in bench.manager.directory.iterdir() if p.is_socket()] == [
            "kubelet.sock"]
        assert bench.capacity() == (0, 0) and bench.manager.given("one") == {GPU: 1}
        # One that runs has its devices; one that does not could not be given any before the plugin is back.
        bench.running["one"] = ["app"]
        assert await bench.admit(one) == ""
        assert await bench.admit(pod("one", init=(container("init"),))) == ""
        bench.running.clear()
        assert await bench.admit(one) == (
            f"Allocate failed due to no healthy devices present; cannot allocate unhealthy devices {GPU}, which is "
            "unexpected")
        async with plugged(bench, "a", "b") as plugin:
            await bench.until((2, 2))
            assert await bench.admit(one) == "" and await bench.admit(pod("two")) == ""
            assert bench.ids("two") == ["b"] and [call for call in plugin.calls if "Allocate" in call] == [
                ("Allocate", ["b"])]
            assert (await bench.manager.options(one, one.spec.containers[0])).envs == {"GPU_DEVICES": "a"}


async def test_after_a_start_pods_wait_for_plugins_that_were_there_before(root):
    async with managing(root) as bench, plugged(bench, "a") as _:
        await bench.until((1, 1))
    async with managing(root, return_seconds=60.0) as bench, asyncio.TaskGroup() as group:
        admission = group.create_task(bench.admit(pod()))
        await bench.asked.wait()
        assert bench.manager.wait("one").what == f"the device plugin of {GPU} to register again"
        async with plugged(bench, "a") as _:
            assert await admission == "" and bench.ids("one") == ["a"]
    async with managing(root, return_seconds=60.0) as bench:
        bench.running["one"] = ["app"]
        assert await bench.admit(pod()) == ""  # it has its device


async def test_a_corrupt_checkpoint_costs_no_start(root, caplog):
    directory = root / "device-plugins"
    directory.mkdir()
    (directory / disk.FILE_NAME).write_text('{"Data":{},"Checksum":1}')
    async with managing(root) as bench:
        assert "Continue after failing to read checkpoint file" in caplog.text
        one = pod()
        async with plugged(bench, "a") as _:
            await bench.until((1, 1))
            # A container whose pod was admitted without: it is given its devices when it starts.
            bench.active.add("one")
            assert (await bench.manager.options(one, one.spec.containers[0])).envs == {"GPU_DEVICES": "a"}
        assert disk.read(directory / disk.FILE_NAME).entries[0].pod == "one"


async def test_a_node_without_a_socket_says_so(root):
    (root / "device-plugins").write_text("no directory")
    made = Bench(root).manager
    await made.load()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        async with asyncio.timeout(10):
            await made.settled.wait()
        task.cancel()
    assert made.problem.startswith("device registration error: device plugin registration gRPC server failed")


def test_the_stubs_wait_for_the_first_plugin():
    script = "import sys, kubelet.app; print([name for name in sys.modules if '.api_pb2' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['cri.v1.api_pb2', 'cri.v1.api_pb2_grpc']"
