"""Every field and flag either is read by the agent or is named in the table of those without effect, and not both."""

import re
from dataclasses import fields
from pathlib import Path

import kubelet
from kubelet.config import load
from kubelet.config.effects import FLAGS_WITHOUT_EFFECT, WITHOUT_EFFECT, ineffective
from kubelet.config.flags import FLAGS, KubeletFlags
from kubelet.config.leaves import field_paths, leaves, text

ROOT = Path(kubelet.__file__).parent
SOURCE = "\n".join(
    file.read_text() for file in sorted(ROOT.rglob("*.py"))
    if file.relative_to(ROOT).parts[0] not in ("config", "api"))
# Read by the configuration itself, on the way to what the agent gets.
READ_WHILE_LOADING = {"config_dir", "node_ip", "seccomp_default"}
HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def is_read(attribute: str) -> bool:
    return re.search(rf"\.{attribute}\b", SOURCE) is not None


def test_each_field_works_or_says_that_it_does_not() -> None:
    wrong = []
    for path, attributes in field_paths():
        name = text(path)
        known = any(".".join(path[:end]) in WITHOUT_EFFECT for end in range(1, len(path) + 1))
        if known and all(map(is_read, attributes)):
            wrong.append(f"{name} is read: remove it from WITHOUT_EFFECT in kubelet/config/effects.py")
        if not known and not is_read(attributes[-1]):
            wrong.append(f"{name} is read nowhere: add it to WITHOUT_EFFECT in kubelet/config/effects.py")
    assert wrong == []


def test_each_flag_of_the_process_works_or_says_that_it_does_not() -> None:
    names = {field.name for field in fields(KubeletFlags)}
    assert set(FLAGS_WITHOUT_EFFECT) <= names
    read = {name for name in names if is_read(name)}
    assert names - read - READ_WHILE_LOADING == set(FLAGS_WITHOUT_EFFECT)


def test_what_the_table_names_exists() -> None:
    known = {text(path[:end]) for path, _ in field_paths() for end in range(1, len(path) + 1)}
    assert set(WITHOUT_EFFECT) <= known
    assert {flag.path for flag in FLAGS.values() if flag.path} <= {
        path[:end] for path, _ in field_paths() for end in range(1, len(path) + 1)}


def test_whoever_sets_one_is_told_and_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + "hairpinMode: none\nstreamingConnectionIdleTimeout: 0s\nlogging: {flushFrequency: 9s}\n")
    options = load(["--config", str(file), "--housekeeping-interval=20s"])
    assert options.warnings == (
        "hairpinMode: has no effect: the CNI configuration decides",
        "logging.flushFrequency: has no effect: log lines are written at once, to standard error",
        "--housekeeping-interval: has no effect: usage is read on demand",
    )
    assert [*ineffective(load([]).config, load([]).flags)] == []


def test_leaves_are_what_a_line_can_set() -> None:
    plain = {"kind": "K", "a": {"b": 1, "c": {}}, "d": [{"e": 1}], "f": {"memory.available": "1"}}
    assert leaves(plain) == {("a", "b"): 1, ("a", "c"): {}, ("d",): [{"e": 1}], ("f", "memory.available"): "1"}
