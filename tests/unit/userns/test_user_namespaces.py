"""Blocks of ids: each pod its own, over restarts, in upstream's file; and which ids the kubelet has to give."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri.v1 import api_pb2 as cri
from kubelet.api.types import NodeRuntimeHandler, NodeRuntimeHandlerFeatures
from kubelet.containerspec.errors import SandboxConfigError
from kubelet.podconfigs import require_user_namespaces
from kubelet.userns import IdRange, SubidsError, UserNamespaces, UserNamespacesError
from kubelet.userns.subids import checked, parse_getsubids

UNIT = 65536
IDS = IdRange(UNIT, 3 * UNIT)


def allocator(tmp_path, *pods, ids=IDS):
    for uid in pods:
        (tmp_path / "pods" / uid).mkdir(parents=True, exist_ok=True)
    return UserNamespaces(tmp_path, ids, UNIT)


def first_of(namespaces, uid):
    return namespaces.mapping(uid).uids[0].host_id


def noted(tmp_path, uid, first=UNIT, length=UNIT, inside=0, groups=None):
    one = {"hostId": first, "containerId": inside, "length": length}
    path = tmp_path / "pods" / uid
    path.mkdir(parents=True, exist_ok=True)
    (path / "userns").write_text(json.dumps({"uidMappings": [one], "gidMappings": groups or [one]}))


def test_each_pod_has_a_block_of_its_own_and_keeps_it(tmp_path):
    namespaces = allocator(tmp_path, "a", "b")
    assert namespaces.mapping("a") is None
    for uid in ("a", "b", "a"):
        namespaces.claim(uid)
    assert namespaces.mapping("a") == cri.UserNamespace(
        mode=cri.POD, uids=[cri.IDMapping(host_id=UNIT, container_id=0, length=UNIT)],
        gids=[cri.IDMapping(host_id=UNIT, container_id=0, length=UNIT)],
    )
    assert first_of(namespaces, "b") == 2 * UNIT
    one = {"hostId": UNIT, "containerId": 0, "length": UNIT}
    assert json.loads((tmp_path / "pods/a/userns").read_text()) == {"uidMappings": [one], "gidMappings": [one]}


def test_blocks_outlive_the_agent(tmp_path):
    allocator(tmp_path, "a").claim("a")
    again = allocator(tmp_path, "b")
    again.load(["a", "b", "without-directory"])
    again.claim("b")
    assert (first_of(again, "a"), first_of(again, "b")) == (UNIT, 2 * UNIT)


def test_a_block_rests_before_it_is_given_again(tmp_path):
    namespaces = allocator(tmp_path, "a", "b", "c", "d")
    namespaces.claim("a")
    namespaces.release("a")
    namespaces.release("a")
    assert not (tmp_path / "pods/a/userns").exists()
    for uid in ("b", "c", "d"):
        namespaces.claim(uid)
    assert [first_of(namespaces, uid) for uid in ("b", "c", "d")] == [2 * UNIT, 3 * UNIT, UNIT]
    with pytest.raises(UserNamespacesError, match="could not find an empty slot"):
        namespaces.claim("a")
    assert namespaces.holders() == {"b", "c", "d"}


@pytest.mark.parametrize(("note", "text"), [
    ({"length": 5}, "wrong user namespace length 5"), ({"first": UNIT + 1}, "wrong user namespace offset specified"),
    ({"first": 0}, "id 0 is out of range"), ({"first": 9 * UNIT}, "is out of range"),
    ({"inside": 1}, "UID 0 must be mapped"), ({"groups": [{"hostId": 0}]}, "GID and UID mapping should be identical"),
    ({"first": 2 * UNIT}, 'range picked for pod "bad" already taken'),
])
def test_what_a_file_claims_wrongly_is_refused_to_its_pod_alone(tmp_path, note, text, caplog):
    noted(tmp_path, "good", 2 * UNIT)
    noted(tmp_path, "bad", **note)
    namespaces = allocator(tmp_path)
    namespaces.load(["good", "bad"])
    assert first_of(namespaces, "good") == 2 * UNIT
    assert namespaces.mapping("bad") is None
    assert "cannot be read uid=bad" in caplog.text
    with pytest.raises(UserNamespacesError, match=text):
        namespaces.claim("bad")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"uidMappings": [], "gidMappings": []}', '{"uidMappings": 5}'])
def test_a_broken_file_is_refused(tmp_path, content):
    namespaces = allocator(tmp_path, "a")
    (tmp_path / "pods/a/userns").write_text(content)
    with pytest.raises(UserNamespacesError, match=r"^user namespace: invalid"):
        namespaces.claim("a")


def test_what_cannot_be_noted_is_not_given_out(tmp_path):
    namespaces = allocator(tmp_path)
    with pytest.raises(UserNamespacesError, match="create user namespace"):
        namespaces.claim("no-directory")
    assert namespaces.holders() == frozenset()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40))
def test_no_two_pods_ever_share_ids(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("userns")
    namespaces = allocator(root, *"abcdef", ids=IdRange(UNIT, 4 * UNIT))
    held = {}
    for uid, claims in steps:
        if not claims:
            namespaces.release(uid)
            held.pop(uid, None)
        elif uid in held or len(held) < 4:
            namespaces.claim(uid)
            assert held.setdefault(uid, first_of(namespaces, uid)) == first_of(namespaces, uid)
        assert len(set(held.values())) == len(held)
        assert all(UNIT <= first <= 4 * UNIT and first % UNIT == 0 for first in held.values())


# --- the kubelet's ids ---


def test_getsubids():
    assert parse_getsubids("0: kubelet 65536 2147483648\n") == IdRange(65536, 2147483648)


@pytest.mark.parametrize("text", [
    "", "0: other 65536 65536\n", "0: kubelet 65536\n", "0: kubelet a b\n",
    "0: kubelet 65536 65536\n1: kubelet 655360 65536\n",
])
def test_getsubids_that_cannot_be_understood(text):
    with pytest.raises(SubidsError, match="one range"):
        parse_getsubids(text)


@pytest.mark.parametrize(("found", "text"), [
    (IdRange(65537, 200 * UNIT), "kubelet user assigned ID 65537 is not a multiple of 65536"),
    (IdRange(0, 200 * UNIT), "kubelet user assigned ID 0 must be greater or equal to 65536"),
    (IdRange(UNIT, 200 * UNIT + 1), "kubelet user assigned IDs length 13107201 is not a multiple of 65536"),
    (IdRange(UNIT, 109 * UNIT), "kubelet user assigned IDs are not enough to support 110 pods"),
])
def test_ids_that_do_not_suit(found, text):
    with pytest.raises(SubidsError) as raised:
        checked(found, UNIT, 110)
    assert str(raised.value) == text


def test_ids_that_suit():
    assert checked(IdRange(UNIT, 110 * UNIT), UNIT, 110) == IdRange(UNIT, 110 * UNIT)


# --- the runtime's part ---


def handler(name, able):
    return NodeRuntimeHandler(name=name, features=NodeRuntimeHandlerFeatures(user_namespaces=able))


@pytest.mark.parametrize(("name", "handlers", "text"), [
    ("", (handler("", True),), ""), ("runc", (handler("", False), handler("runc", True)), ""),
    ("", (handler("", False),), "can't set `spec.hostUsers: false`, runtime does not support user namespaces"),
    ("", (), "can't set `spec.hostUsers: false`, runtime does not support user namespaces"),
    ("kata", (handler("kata", False),),
     "can't set `spec.hostUsers: false`, RuntimeClass handler \"kata\" does not support user namespaces"),
    ("kata", (handler("", True),), "can't set `spec.hostUsers: false`, RuntimeClass handler \"kata\" does not support "
     'user namespaces: the handler "kata" is not known'),
])
def test_a_runtime_that_cannot_is_named(name, handlers, text):
    if not text:
        require_user_namespaces(name, handlers)
        return
    with pytest.raises(SandboxConfigError) as raised:
        require_user_namespaces(name, handlers)
    assert raised.value.message == text
