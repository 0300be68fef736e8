"""Reading objects in which `null` stands for absent, as Go's clients write and read them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api import codec
from kubelet.api.types import Pod

STRINGS = st.one_of(st.text(), st.sampled_from(['"a":null,', ',"a":null', '\\"a":null', 'x","a":null,"b":"']))
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), STRINGS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(["a", "b", "lastProbeTime"]), STRINGS), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(TREES)
def test_taking_nulls_out_of_the_text_takes_out_nothing_else(tree: Any) -> None:
    text = codec._NULL_MEMBER.sub(b"", msgspec.json.encode(tree))
    assert codec.without_nulls(msgspec.json.decode(text)) == codec.without_nulls(tree)


@pytest.mark.parametrize("text", [
    b'{"metadata":{"name":"p","creationTimestamp":null},'
    b'"status":{"conditions":[{"lastProbeTime":null,"type":"Ready","status":"True"}]}}',
    b'{"metadata": {"creationTimestamp": null, "name": "p"},'
    b' "status": {"conditions": [{"type": "Ready", "status": "True"}]}}',
])
def test_null_is_absent(text: bytes) -> None:
    pod = codec.decode(text, Pod)
    assert (pod.metadata.name, pod.metadata.creation_timestamp) == ("p", "")
    assert [(one.type, one.last_probe_time) for one in pod.status.conditions] == [("Ready", "")]


def test_what_is_wrong_is_told_with_its_path() -> None:
    with pytest.raises(codec.InvalidObjectError) as wrong:
        codec.decode(b'{"metadata":{"name":7,"creationTimestamp":null}}', Pod, "here")
    assert (wrong.value.where, wrong.value.path) == ("here", "$.metadata.name")
