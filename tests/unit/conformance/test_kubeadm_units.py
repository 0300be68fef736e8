"""systemd's units as the stand-in of the kubeadm recipe reads them."""

from pathlib import Path

import pytest

from conformance.kubeadm import units

PACKAGED = Path(__file__).resolve().parents[3] / "packaging" / "systemd"
DROPIN = (PACKAGED / "kubelet.service.d" / "10-kubeadm.conf").read_text()


def kubeadm_unit(fragment: str = "kubelet.service") -> units.Unit:
    return units.parse([(PACKAGED / fragment).read_text(), DROPIN])


def test_kubeadm_drop_in_replaces_the_command_of_the_unit() -> None:
    unit = kubeadm_unit()
    flags = units.environment_file('KUBELET_KUBEADM_ARGS="--hostname-override=w1 --node-ip=10.0.0.2"\n')
    assert units.command(unit, {**unit.environment, **flags}) == [
        "/usr/bin/kubelet",
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        "--config=/var/lib/kubelet/config.yaml",
        "--hostname-override=w1",
        "--node-ip=10.0.0.2",
    ]  # KUBELET_EXTRA_ARGS is not set: no word, not an empty one


def test_kubeadm_drop_in_names_the_files_of_kubeadm_and_of_the_user() -> None:
    assert kubeadm_unit().environment_files == (
        units.EnvironmentFile("/var/lib/kubelet/kubeadm-flags.env", optional=True),
        units.EnvironmentFile("/etc/default/kubelet", optional=True),
    )


def test_packaged_kubelet_unit() -> None:
    unit = units.parse([(PACKAGED / "kubelet.service").read_text()])
    assert unit.notifies
    assert unit.restarts
    assert not unit.kills_whole_group
    assert (unit.restart_seconds, unit.watchdog_seconds, unit.wanted_by) == (1.0, 60.0, ("multi-user.target",))


def test_packaged_dockershim_unit_serves_where_kubeadm_looks() -> None:
    unit = units.parse([(PACKAGED / "dockershim.service").read_text()])
    assert "--container-runtime-endpoint=unix:///run/cri-dockerd.sock" in units.command(unit, {})
    assert unit.notifies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b", {"A": "b"}),
        ("# remark\n; another\n\n  A = b  \n", {"A": "b"}),
        ('A="b c"', {"A": "b c"}),
        ("A='b \"c\"'", {"A": 'b "c"'}),
        ("A=b c", {"A": "b c"}),
        ("A=", {"A": ""}),
        ('A=""', {"A": ""}),
        (r'A="b \"c\" \\d"', {"A": r'b "c" \d'}),
        ("A=b\\\nc", {"A": "b c"}),
        ("A=1\nA=2", {"A": "2"}),
    ],
)
def test_environment_files(text: str, expected: dict[str, str]) -> None:
    assert units.environment_file(text) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("/bin/x $A", ["/bin/x", "1", "2 3"]),
        ("/bin/x ${A}", ["/bin/x", "1 '2 3'"]),
        ("/bin/x --a=${B}", ["/bin/x", "--a=b"]),
        ("/bin/x --a=$B", ["/bin/x", "--a=$B"]),
        ("/bin/x $NONE ${NONE}", ["/bin/x", ""]),
        ("/bin/x 'a b' 100%%", ["/bin/x", "a b", "100%"]),
    ],
)
def test_variables_of_a_command(start: str, expected: list[str]) -> None:
    unit = units.parse([f"[Service]\nExecStart={start}\n"])
    assert units.command(unit, {"A": "1 '2 3'", "B": "b"}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nType=simple\n",
        "[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n",
        "[Service]\nExecStart\n",
        "ExecStart=/bin/a\n",
        "[Service]\nExecStart=/bin/a\nRestartSec=soon\n",
        "[Service]\nExecStart=/bin/a\nEnvironment=nonsense\n",
    ],
)
def test_units_that_cannot_be_read(text: str) -> None:
    with pytest.raises(units.UnitError):
        units.parse([text])


def test_a_specifier_is_refused() -> None:
    with pytest.raises(units.UnitError, match="specifiers"):
        units.command(units.parse(["[Service]\nExecStart=/bin/a %n\n"]), {})


@pytest.mark.parametrize(
    ("text", "expected"), [("10", 10.0), ("10s", 10.0), ("200ms", 0.2), ("1min 30s", 90.0), ("infinity", float("inf"))]
)
def test_spans_of_time(text: str, expected: float) -> None:
    assert units.seconds(text) == expected
