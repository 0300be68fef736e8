"""`podwright config`: every mistake with its line, every value with its source."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.__main__ import main as kubelet_main
from kubelet.config import load
from kubelet.config.check import check
from kubelet.config.layout import Layout
from kubelet.config.sources import settings
from kubelet.operator.__main__ import main

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str, name: str = "c.yaml") -> str:
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        return str(target)

    return write


LAYOUT = b"""a: 1
b:
  c: [x, y,
      z]
  memory.available: 5
  memory: {available: 6}
d:
  - {e: 1}
  - f: 2
    e: 3
"""


@pytest.mark.parametrize(("path", "line"), [
    ("a", 1), ("b", 2), ("b.c", 3), ("b.c[1]", 3), ("b.c[2]", 4), ("b.memory.available", 5), ("b[memory.available]", 5),
    ("d[0].e", 8), ("d[1].e", 10), ("d[1].zzz", 9), ("b.zzz", 2), ("b.c[9]", 3), ("zzz", None), ("", None),
])
def test_lines(path: str, line: int | None) -> None:
    assert Layout(LAYOUT).line(path) == line


def test_lines_of_json_and_of_rubbish() -> None:
    assert Layout(b'{"a": 1,\n "b": {"c": [1,\n2]}}').line("b.c[1]") == 3
    assert Layout(b"a: [").line("a") is None
    assert Layout(b"\xff").line("a") is None
    assert [*Layout(b"a: 1\nb: {c: 1, c: 2}\na: 3\n").duplicates()] == [("b.c", 2), ("a", 3)]


@given(st.binary(max_size=60), st.text(max_size=20))
def test_any_bytes_and_any_path_have_a_line_or_none(data: bytes, path: str) -> None:
    line = Layout(data).line(path)
    assert line is None or line >= 1


def test_every_mistake_is_told_at_once(file) -> None:
    name = file(HEAD + "maxPods: many\nmaxpods: 5\nauthentication:\n  webhook: {cacheTTL: 5}\nevictionHard:\n"
                       "  memory.avail: 1Mi\nport: 99999\nport: 99998\nhairpinMode: none\n"
                       "imageGCHighThresholdPercent: 70\nfeatureGates: {EnvFile: true}\n")
    found = [str(finding) for finding in check(["--config", name, "--node-labels=k8s.io/x=y", "--max-pods=3"])]
    assert found[:4] == [
        f"{name}:3: error: maxPods: Expected `int`, got `str`",
        f"{name}:6: error: authentication.webhook.cacheTTL: 5 is not a duration; write text like 30s or 5m",
        "the command line: error: --node-labels: 'k8s.io/x' is not for a node to set on itself; use a prefix of "
        "kubelet.kubernetes.io or node.kubernetes.io, or one outside kubernetes.io",
        f"{name}:10: error: port: is 99998; write a value from 1 to 65535",
    ]
    assert any("error: imageGCLowThresholdPercent: is 80" in line for line in found)
    assert any(line.startswith(f"{name}:8: error: evictionHard.memory.avail: is no eviction signal") for line in found)
    assert f"{name}:4: warning: maxpods: unknown field, ignored; did you mean maxPods?" in found
    assert f"{name}:10: warning: port: is written twice; the last one counts" in found
    assert f"{name}:11: warning: hairpinMode: has no effect: the CNI configuration decides" in found
    assert any("featureGates.EnvFile: unknown to Kubernetes" in line and "did you mean EnvFiles?" in line
               for line in found)
    assert any("--max-pods is deprecated" in line for line in found)


def test_a_dropins_mistakes_carry_its_name(file, tmp_path: Path) -> None:
    base = file(HEAD + "shutdownGracePeriod: 10s\n")
    dropin = file(HEAD + "\nshutdownGracePeriodCriticalPods: 20s\n", "d/10.conf")
    broken = file("a: [", "d/20.conf")
    found = [str(finding) for finding in check([f"--config={base}", f"--config-dir={tmp_path / 'd'}"])]
    assert found[0].startswith(f"{broken}: error: line 2, column")
    assert found[1].startswith(f"{dropin}:4: error: shutdownGracePeriodCriticalPods: is 20s")


@pytest.mark.parametrize(("argv", "told"), [
    (["--no-such-flag"], "flag --no-such-flag: error: is unknown"),
    (["--config=/no/such"], "/no/such: error: no such file; check --config"),
    (["--config-dir=/no/such"], "/no/such: error: cannot be listed"),
    (["--max-pods=x"], "flag --max-pods: error: 'x' is not a whole number"),
    (["--max-pods=-1"], "flag --max-pods: error: maxPods: is -1"),
])
def test_mistakes_of_the_command_line(argv: list[str], told: str) -> None:
    assert str(check(argv)[0]).startswith(told)


def test_a_good_configuration_has_no_findings_and_a_start_agrees(file) -> None:
    name = file(HEAD + "maxPods: 50\nclusterDNS: [10.0.0.1]\n")
    assert check(["--config", name]) == []
    assert load(["--config", name]).warnings == ()


def test_every_value_has_its_source(file, tmp_path: Path) -> None:
    base = file(HEAD + "maxPods: 1\nport: 1111\nclusterDomain: a\nnodeStatusUpdateFrequency: 7s\n"
                       "evictionHard:\n  memory.available: 1Mi\nfeatureGates:\n  EnvFiles: true\n"
                       "  PodLevelResources: true\n"
                       "healthzPort: 0\nsyncFrequency: 0s\n")
    dropin = file(HEAD + "port: 2222\nclusterDomain: null\nevictionHard: {nodefs.available: 5%}\n", "d/10.conf")
    argv = [f"--config={base}", f"--config-dir={tmp_path / 'd'}", "--max-pods=4", "--feature-gates=EnvFiles=false",
            "--seccomp-default"]
    found = {item.path: item for item in settings(load(argv), argv)}
    assert {path: item.source for path, item in found.items() if item.source != "default"} == {
        "maxPods": "flag --max-pods", "port": f"{dropin}:3", "nodeStatusUpdateFrequency": f"{base}:6",
        "nodeStatusReportFrequency": "default, follows nodeStatusUpdateFrequency",
        "evictionHard.memory.available": f"{base}:8", "evictionHard.nodefs.available": f"{dropin}:5",
        "featureGates.EnvFiles": "flag --feature-gates", "featureGates.PodLevelResources": f"{base}:11",
        "healthzPort": f"{base}:12", "seccompDefault": "flag --seccomp-default",
    }
    assert (found["maxPods"].value, found["clusterDomain"].value, found["nodeStatusReportFrequency"].value) == (
        4, "", "7s")
    assert found["syncFrequency"].is_default and found["nodeStatusReportFrequency"].is_default


def test_without_a_file_the_old_defaults_are_named() -> None:
    found = {item.path: item for item in settings(load([]), [])}
    assert found["readOnlyPort"].source == "default without --config"
    assert found["authorization.mode"].source == "default without --config"
    assert found["port"].source == "default"


def test_the_command(file, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = file(HEAD + "maxPods: 50\n"), file(HEAD + "maxPods: -5\n", "bad.yaml")
    assert main(["config", "validate", good]) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"
    assert main(["config", "validate", "--config", bad]) == 1
    assert capsys.readouterr().out.startswith(f"{bad}:3: error: maxPods: is -5")
    assert main(["config", "show", "--config", good, "--v", "3"]) == 0
    shown = capsys.readouterr().out
    assert "maxPods: 50\n" in shown and "kind: KubeletConfiguration\n" in shown and "verbosity: 3" in shown
    assert main(["config", "show", "--sources", good]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("maxPods ")] == [
        ["maxPods", "50", f"{good}:3"]]
    assert main(["config", "show", "-o", "json", good]) == 0
    assert '"maxPods": 50' in capsys.readouterr().out
    assert main(["config", "diff", good, "--port", "1234"]) == 1
    assert capsys.readouterr().out == (f"maxPods: 110 -> 50    ({good}:3)\nport: 10250 -> 1234    (flag --port)\n")
    assert main(["config", "diff", file(HEAD)]) == 0
    assert main(["config", "show", bad]) == 2
    assert capsys.readouterr().err.startswith(f"podwright: {bad}: maxPods: is -5")
    with pytest.raises(SystemExit):
        main(["status", "surplus"])


def test_a_start_says_what_validate_says(file, capsys: pytest.CaptureFixture[str]) -> None:
    name = file(HEAD + "maxPods: many\nport: 99999\n")
    assert kubelet_main(["--config", name]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"kubelet: {name}:3: error: maxPods: Expected `int`, got `str`",
        f"kubelet: {name}:4: error: port: is 99999; write a value from 1 to 65535"]
    assert kubelet_main(["--maxpods=3"]) == 1
    assert "did you mean --max-pods?" in capsys.readouterr().err
