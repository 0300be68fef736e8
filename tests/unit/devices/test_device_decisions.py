"""The pure parts of the device manager: who gets which device, what the node says, what is on disk."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.meta import PodUID
from kubelet.api.types import Container, ObjectMeta, Pod, PodSpec
from kubelet.devices import checkpoint as disk
from kubelet.devices.allocation import AllocationError, AskPlugin, Request, Settled, View, choose
from kubelet.devices.endpoint import GRACE_SECONDS, TABLE, EndpointEvent, EndpointState
from kubelet.devices.inventory import Device, Inventory, PluginOptions
from kubelet.devices.ledger import Allocation, Entry, Ledger, reusable
from kubelet.devices.registration import Registration, RegistrationError, check
from kubelet.devices.runoptions import DeviceMount, DeviceNode, DeviceOptions, device_options
from kubelet.devices.v1beta1 import api_pb2 as api

GPU = "example.com/gpu"
IDS = st.frozensets(st.sampled_from("abcdefgh"))


def request(count=1):
    return Request("uid", "app", GPU, count)


# -- choosing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "view", "chosen"), [
    (2, View(frozenset("abc")), "ab"),
    (1, View(frozenset("abc"), in_use=frozenset("a")), "b"),
    (2, View(frozenset("abc"), in_use=frozenset("c"), reusable=frozenset("c")), "ac"),
    (1, View(frozenset("abc"), in_use=frozenset("bc"), reusable=frozenset("bc")), "b"),
    (2, View(frozenset("ab"), in_use=frozenset("ab"), has=frozenset("ab")), ""),
    (1, View(None, running=True), ""),
    (1, View(frozenset(), running=True, has=frozenset("z")), ""),
    (0, View(frozenset("a")), ""),
])
def test_devices_are_chosen(count, view, chosen):
    assert choose(request(count), view) == Settled(frozenset(chosen))


@pytest.mark.parametrize(("count", "view", "text"), [
    (1, View(None), f"cannot allocate unregistered device {GPU}"),
    (1, View(frozenset()), f"no healthy devices present; cannot allocate unhealthy devices {GPU}"),
    (1, View(frozenset("a"), has=frozenset("b")),
     f"previously allocated devices are no longer healthy; cannot allocate unhealthy devices {GPU}"),
    (3, View(frozenset("abc"), in_use=frozenset("a")),
     f"requested number of devices unavailable for {GPU}. Requested: 3, Available: 2"),
    (3, View(frozenset("abc"), in_use=frozenset("abc"), reusable=frozenset("a")),
     f"requested number of devices unavailable for {GPU}. Requested: 2, Available: 0"),
    (2, View(frozenset("abc"), has=frozenset("a")),
     f'pod "uid" container "app" changed request for resource "{GPU}" from 1 to 2'),
])
def test_what_cannot_be_had_is_refused_in_upstreams_words(count, view, text):
    with pytest.raises(AllocationError) as refused:
        choose(request(count), view)
    assert str(refused.value) == text


def test_a_plugin_with_preferences_is_asked():
    view = View(frozenset("abcd"), in_use=frozenset("ad"), reusable=frozenset("d"), prefers=True)
    assert choose(request(2), view) == AskPlugin(frozenset("bcd"), frozenset("d"), 2)
    assert choose(request(2), view, frozenset("cd")) == Settled(frozenset("cd"))
    assert choose(request(2), view, frozenset("ax")) == Settled(frozenset("bd"))  # what it may not choose
    assert choose(request(2), view, frozenset()) == Settled(frozenset("bd"))


@given(healthy=IDS, in_use=IDS, count=st.integers(0, 8), preferred=IDS, reuse=IDS)
def test_what_is_chosen_is_enough_and_free(healthy, in_use, count, preferred, reuse):
    view = View(healthy, in_use, reusable=reuse & in_use, prefers=True)
    try:
        answer = choose(request(count), view)
        if isinstance(answer, AskPlugin):
            assert answer.must_include <= answer.available and answer.size == count
            answer = choose(request(count), view, preferred)
    except AllocationError:
        assert len(healthy - in_use) + len(view.reusable) < count or not healthy
        return
    assert isinstance(answer, Settled)
    assert len(answer.devices) == count
    assert answer.devices <= (healthy - in_use) | view.reusable
    if not view.reusable:
        assert len(answer.devices & preferred) == min(count, len(preferred & healthy - in_use))


# -- what the node says ----------------------------------------------------------------------------------------------


def test_the_table_of_endpoints_is_whole():
    assert set(TABLE) == set(itertools.product(EndpointState, EndpointEvent))


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def capacity(inventory):
    found = inventory.capacity()
    return {name: (number, found.allocatable[name]) for name, number in found.capacity.items()}, set(found.removed)


def test_capacity_follows_a_plugin_through_its_life():
    clock = Clock()
    inventory = Inventory(clock)
    assert capacity(inventory) == ({}, set())
    inventory.connected(GPU, PluginOptions())
    assert capacity(inventory) == ({}, set())
    assert inventory.listed(GPU, [Device("a"), Device("b", "Unhealthy")]) == {"a", "b"}
    assert capacity(inventory) == ({GPU: (2, 1)}, set())
    assert inventory.listed(GPU, [Device("a"), Device("b")]) == {"b"}
    assert capacity(inventory) == ({GPU: (2, 2)}, set())
    inventory.disconnected(GPU)
    assert capacity(inventory) == ({GPU: (2, 0)}, set())
    clock.now = GRACE_SECONDS
    assert capacity(inventory) == ({GPU: (2, 0)}, set())
    clock.now += 1
    assert capacity(inventory) == ({}, {GPU})
    assert capacity(inventory) == ({}, set())
    assert inventory.healthy(GPU) is None


def test_one_that_never_listed_a_device_counts_none():
    inventory = Inventory(Clock())
    inventory.connected(GPU, PluginOptions())
    inventory.disconnected(GPU)
    assert capacity(inventory) == ({GPU: (0, 0)}, set())
    assert inventory.healthy(GPU) is None


def test_one_of_an_earlier_life_is_none_until_it_comes_again():
    clock = Clock()
    inventory = Inventory(clock)
    inventory.restored(GPU)
    assert capacity(inventory) == ({GPU: (0, 0)}, set())
    assert inventory.healthy(GPU) == frozenset()
    inventory.connected(GPU, PluginOptions(pre_start_required=True))
    inventory.listed(GPU, [Device("a")])
    clock.now = 2 * GRACE_SECONDS
    assert capacity(inventory) == ({GPU: (1, 1)}, set())
    assert inventory.options(GPU).pre_start_required


@pytest.mark.parametrize(("resource", "version", "text"), [
    ("example.com/gpu", "v1beta1", ""),
    ("example.com/gpu", "v1alpha1",
     'requested API version "v1alpha1" is not supported by kubelet. Supported version is ["v1beta1"]'),
    ("gpu", "v1beta1", 'the ResourceName "gpu" is invalid'),
    ("x.kubernetes.io/gpu", "v1beta1", 'the ResourceName "x.kubernetes.io/gpu" is invalid'),
    ("requests.example.com/gpu", "v1beta1", 'the ResourceName "requests.example.com/gpu" is invalid'),
    ("Example.com/gpu", "v1beta1", 'the ResourceName "Example.com/gpu" is invalid'),
    ("example.com/g pu", "v1beta1", 'the ResourceName "example.com/g pu" is invalid'),
    ("example.com/" + 64 * "g", "v1beta1", f'the ResourceName "example.com/{64 * "g"}" is invalid'),
    ("", "v1beta1", 'the ResourceName "" is invalid'),
])
def test_who_may_register(resource, version, text):
    if not text:
        check(Registration(resource, "x.sock", version))
        return
    with pytest.raises(RegistrationError) as refused:
        check(Registration(resource, "x.sock", version))
    assert str(refused.value) == text


# -- who has what ----------------------------------------------------------------------------------------------------


def allocation(*ids, response=b""):
    return Allocation({-1: ids}, response)


def test_init_containers_leave_their_devices_to_those_after_them():
    pod = Pod(metadata=ObjectMeta(name="p", uid="uid"), spec=PodSpec(
        init_containers=(Container(name="one"), Container(name="sidecar", restart_policy="Always"),
                         Container(name="two")),
        containers=(Container(name="app"), Container(name="other")),
    ))
    ledger = Ledger()
    steps = [("one", "ab", "ab"), ("sidecar", "b", "a"), ("two", "ac", "ac"), ("app", "a", "c"), ("other", "c", "")]
    for container, has, left in steps:
        ledger.put(Entry(PodUID("uid"), container, GPU, allocation(*has)))
        assert reusable(pod, ledger, GPU) == frozenset(left), container
    assert reusable(pod, ledger, "example.com/other") == frozenset()


def test_the_ledger_frees_what_pods_have_that_are_gone():
    ledger = Ledger()
    for pod, device in (("one", "a"), ("two", "b")):
        ledger.put(Entry(PodUID(pod), "app", GPU, allocation(device)))
    assert ledger.in_use() == {GPU: frozenset("ab")}
    assert ledger.owners(GPU, {"b", "z"}) == {"two"} and ledger.owners("example.com/other", {"b"}) == frozenset()
    assert not ledger.retain({"one", "two", "three"})
    assert ledger.retain({"two"})
    assert ledger.in_use() == {GPU: frozenset("b")} and not ledger.has(PodUID("one"))


# -- what a container is given ---------------------------------------------------------------------------------------


def test_answers_of_several_plugins_are_put_together(caplog):
    first = api.ContainerAllocateResponse(
        envs={"A": "1", "B": "2"}, annotations={"note": "first"}, cdi_devices=[api.CDIDevice(name="v/c=1")],
        mounts=[api.Mount(container_path="/opt", host_path="/host", read_only=True)],
        devices=[api.DeviceSpec(container_path="/dev/x", host_path="/dev/null", permissions="rw")],
    )
    second = api.ContainerAllocateResponse(
        envs={"B": "other", "C": "3"}, annotations={"note": "first"},
        cdi_devices=[api.CDIDevice(name="v/c=1"), api.CDIDevice(name="v/c=2")],
        devices=[api.DeviceSpec(container_path="/dev/y", host_path="/dev/zero", permissions="r")],
    )
    answers = {"b/x": allocation("a", response=second.SerializeToString()),
               "a/x": allocation("a", response=first.SerializeToString()),
               "c/x": allocation("a", response=b"\xff no message")}
    assert device_options(answers) == DeviceOptions(
        {"A": "1", "B": "2", "C": "3"}, (DeviceMount("/opt", "/host", True),),
        (DeviceNode("/dev/x", "/dev/null", "rw"), DeviceNode("/dev/y", "/dev/zero", "r")), {"note": "first"},
        ("v/c=1", "v/c=2"),
    )
    assert "environment variable B: expected=2 got=other" in caplog.text and "c/x" in caplog.text


# -- on disk ---------------------------------------------------------------------------------------------------------

OF_UPSTREAM = (
    b'{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":3467439661}',
    b'{"Data":{"PodDeviceEntries":[],"RegisteredDevices":{"a.com/x":["dev2","dev1"],"b/c":[]}},"Checksum":3637180548}',
    b'{"Data":{"PodDeviceEntries":[{"PodUID":"uid-1","ContainerName":"c1","ResourceName":"a.com/x","DeviceIDs":{"-1":'
    b'["dev1","d \xc3\xa9\\"2\\n"],"10":["q"],"2":["z"]},"AllocResp":"CgD/"},{"PodUID":"uid-2","ContainerName":"c2",'
    b'"ResourceName":"b/c","DeviceIDs":{},"AllocResp":""},{"PodUID":"uid-3","ContainerName":"c\\u003c2\\u003e\\u0026",'
    b'"ResourceName":"b/c","DeviceIDs":null,"AllocResp":null}],"RegisteredDevices":{"a.com/x":null,"b/c":[]}},'
    b'"Checksum":3567875967}',
)
"""Written by upstream's checkpoint package, v1.36.3."""


def test_upstreams_checkpoints_are_understood():
    empty, no_pods, full = map(disk.decode, OF_UPSTREAM)
    assert empty == disk.Checkpoint() and disk.encode(empty) == OF_UPSTREAM[0]
    assert no_pods.registered == {"a.com/x": frozenset({"dev1", "dev2"}), "b/c": frozenset()}
    assert [(entry.pod, entry.container, entry.resource) for entry in full.entries] == [
        ("uid-1", "c1", "a.com/x"), ("uid-2", "c2", "b/c"), ("uid-3", "c<2>&", "b/c")]
    assert full.entries[0].allocation == Allocation(
        {-1: ("dev1", 'd é"2\n'), 10: ("q",), 2: ("z",)}, b"\n\x00\xff")


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[]", b"\x00\xff", OF_UPSTREAM[1].replace(b"dev1", b"dev3"), OF_UPSTREAM[2][:-40],
    OF_UPSTREAM[0].replace(b"3467439661", b"1"),
])
def test_a_corrupt_checkpoint_is_none(content):
    with pytest.raises(disk.CheckpointError):
        disk.decode(content)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ALLOCATIONS = st.builds(
    Allocation, st.dictionaries(st.integers(-1, 12), st.lists(NAMES, max_size=3).map(tuple), max_size=3),
    st.binary(max_size=9),
)


@given(st.lists(st.builds(Entry, NAMES, NAMES, NAMES, ALLOCATIONS), max_size=4).map(tuple),
       st.dictionaries(NAMES, st.frozensets(NAMES, max_size=3), max_size=3))
def test_a_checkpoint_comes_back_as_it_was(entries, registered):
    checkpoint = disk.Checkpoint(entries, registered)
    assert disk.decode(disk.encode(checkpoint)) == checkpoint


def test_a_checkpoint_is_written_whole(tmp_path):
    path = tmp_path / disk.FILE_NAME
    assert disk.read(path) is None
    for registered in ({GPU: frozenset("a")}, {}):
        disk.write(path, disk.Checkpoint(registered=registered))
        assert disk.read(path) == disk.Checkpoint(registered=registered)
    assert [entry.name for entry in tmp_path.iterdir()] == [disk.FILE_NAME]
