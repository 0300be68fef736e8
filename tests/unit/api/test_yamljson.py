"""YAML as go-yaml v2 and sigs.k8s.io/yaml read it (resolve.go), where PyYAML reads otherwise."""

from typing import Any

import pytest

from kubelet.api import yamljson
from kubelet.api.codec import InvalidObjectError


@pytest.mark.parametrize(("text", "value"), [
    ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), ("1e3", 1000), ("0o17", 15), ("017", 15), ("08", 8),
    ("1_000", 1000), ("y", True), ("No", False), ("off", False), ("nO", "nO"), ("0x1F", 31), (".5", 0.5), ("1.0", 1),
    ("~", None), ("", None), ("1.2.3", "1.2.3"), ("'1'", "1"), ("-0", 0), ("1.", 1), ("0b11", 3), ("-017", -15),
    ("100m", "100m"), ("6.85e-1", 0.685), ('"y"', "y"), ("!!str 5", "5"), ("64Mi", "64Mi"), ("- 1\n- a", [1, "a"]),
])
def test_scalars(text: str, value: Any) -> None:
    assert yamljson.load(text.encode(), "f") == value


def test_mappings_have_text_keys_and_merge() -> None:
    assert yamljson.load(b"a: &x {2: b, true: c}\nd:\n  <<: *x\n  e: f\n", "f") == {
        "a": {"2": "b", "true": "c"}, "d": {"2": "b", "true": "c", "e": "f"}}


def test_only_the_first_document_counts() -> None:
    assert yamljson.load(b"---\na: 1\n---\nb: 2\n", "f") == {"a": 1}
    assert yamljson.documents(b"# head\n---\na: 1\n--- # next\nb: 2\n---\n") == 2
    assert yamljson.documents(b'{"a": 1}') == 1
    assert yamljson.load(b"", "f") is None


def test_json_and_flow_mappings_both_begin_with_a_brace() -> None:
    assert yamljson.load(b' {"a": [1, 2.5]}', "f") == {"a": [1, 2.5]}
    assert yamljson.load(b"{a: b}", "f") == {"a": "b"}


@pytest.mark.parametrize(("data", "expected"), [
    (b"a: b: c", "f: line 1, column 5: not valid YAML: mapping values are not allowed"),
    (b"a:\n\t- b", "f: line 2, column 1: not valid YAML: found character that cannot start any token"),
    (b'{"a": ]', "f: not valid JSON"),
    (b"\xff\xfe", "f: not text in UTF-8"),
    (b"a: !!python/object:os.system {}", "could not determine a constructor"),
    (b"a: .inf", "inf is not a JSON number"),
    (b"? [a]\n: b", "f: "),
    (b"[" * 5000, "not valid YAML"),
])
def test_what_is_no_yaml_gets_one_line(data: bytes, expected: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        yamljson.load(data, "f")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_cannot_describe_an_endless_object() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InvalidObjectError, match="aliases repeat too much"):
        yamljson.load("\n".join(lines).encode(), "f")
