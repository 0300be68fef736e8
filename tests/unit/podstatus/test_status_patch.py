"""The patch: what it says, and that applying it gives what was wanted."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from podstatus_builders import generate, pod, running, runtime
from podstatus_fakes import strategic_merge

from kubelet.api import codec
from kubelet.api.types import HostIP, PodCondition, PodIP, PodStatus, ResourceRequirements
from kubelet.podstatus.conditions import OWNED
from kubelet.podstatus.merge import merged
from kubelet.podstatus.patch import status_patch


def applied(old, new):
    body = status_patch("u1", old, new)
    if body is None:
        return old
    assert body["metadata"] == {"uid": "u1"}
    return codec.convert(strategic_merge(codec.to_plain(old), body["status"]), PodStatus)


def test_nothing_new_is_no_patch():
    status = generate(pod(), runtime(running()))
    assert status_patch("u1", status, status) is None


def test_only_what_changed_is_sent():
    old = generate(pod(), runtime())
    new = msgspec.structs.replace(old, message="new")
    assert status_patch("u1", old, new) == {"metadata": {"uid": "u1"}, "status": {"message": "new"}}
    assert status_patch("u1", new, old)["status"] == {"message": None}


def test_a_condition_that_loses_its_reason_loses_it_on_the_server_too():
    old = PodStatus(conditions=(PodCondition(type="Ready", status="False", reason="r", message="m"),))
    new = PodStatus(conditions=(PodCondition(type="Ready", status="True"),))
    assert applied(old, new) == new


def test_others_conditions_are_not_named():
    old = PodStatus(conditions=(PodCondition(type="x", status="True"), PodCondition(type="Ready", status="True")))
    body = status_patch("u1", old, PodStatus(conditions=(PodCondition(type="Ready", status="False"),)))
    assert [found["type"] for found in body["status"]["conditions"]] == ["Ready"]


def test_a_condition_of_ours_that_is_over_is_deleted():
    old = PodStatus(conditions=(PodCondition(type="PodResizePending", status="True"),))
    assert applied(old, PodStatus()).conditions == ()


def test_addresses_keep_their_order():
    old = PodStatus(pod_ip="a", pod_ips=(PodIP(ip="a"),))
    new = PodStatus(pod_ip="b", pod_ips=(PodIP(ip="b"), PodIP(ip="a")))
    body = status_patch("u1", old, new)
    assert body["status"]["$setElementOrder/podIPs"] == [{"ip": "b"}, {"ip": "a"}]
    assert applied(old, new) == new
    assert applied(new, old) == old


ips = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]), max_size=2, unique=True)
statuses = st.builds(
    lambda phase, reason, pod_ips, host_ips, conditions, limits: PodStatus(
        phase=phase, reason=reason, pod_ips=tuple(PodIP(ip=ip) for ip in pod_ips),
        host_ips=tuple(HostIP(ip=ip) for ip in host_ips),
        conditions=tuple(PodCondition(type=type_, status=value, reason=why) for type_, (value, why) in
                         conditions.items()),
        resources=ResourceRequirements(limits=limits),
    ),
    st.sampled_from(["Pending", "Running", "Failed"]), st.sampled_from(["", "why"]), ips, ips,
    st.dictionaries(st.sampled_from(sorted(OWNED)), st.tuples(st.sampled_from(["True", "False"]),
                                                              st.sampled_from(["", "why"]))),
    st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2"])),
)


@given(statuses, statuses)
def test_applying_the_patch_gives_the_wanted_status(old, new):
    result = applied(old, new)
    assert {found.type: found for found in result.conditions} == {found.type: found for found in new.conditions}
    assert msgspec.structs.replace(result, conditions=()) == msgspec.structs.replace(new, conditions=())


@given(statuses, statuses, st.booleans())
def test_merging_never_leaves_a_terminal_phase_nor_ends_a_pod_that_may_run(api, new, could_run):
    result = merged(pod(), api, new, could_run=could_run, now=0)
    if api.phase == "Failed":
        assert result.phase == "Failed"
    elif could_run:
        assert result.phase != "Failed"
    if result.phase == "Failed":
        assert not any(found.status == "True" for found in result.conditions
                       if found.type in ("Ready", "ContainersReady"))
