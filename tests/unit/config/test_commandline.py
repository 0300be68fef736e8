"""The command line, read as pflag reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.config import ConfigError, PrintAndExit, load
from kubelet.config.commandline import parse
from kubelet.config.flags import FLAGS, Kind

NAMES = st.sampled_from(sorted(name for name, flag in FLAGS.items() if flag.kind is Kind.STRING))


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--max-pods=5"], {"max-pods": 5}), (["--max-pods", "5"], {"max-pods": 5}), (["--max_pods=5"], {"max-pods": 5}),
    (["--max-pods=0x10"], {"max-pods": 16}), (["--oom-score-adj", "-5"], {"oom-score-adj": -5}),
    (["--fail-swap-on"], {"fail-swap-on": True}), (["--fail-swap-on=false"], {"fail-swap-on": False}),
    (["--fail-swap-on=F"], {"fail-swap-on": False}), (["-v", "4"], {"v": 4}), (["-v=4"], {"v": 4}), (["-v4"], {"v": 4}),
    (["--v=4", "-v5"], {"v": 5}), (["-h"], {"help": True}), (["--sync-frequency=1m30s"], {"sync-frequency": 90}),
    (["--cluster-dns=1.1.1.1,2.2.2.2", "--cluster-dns", "3.3.3.3"], {"cluster-dns": ["1.1.1.1", "2.2.2.2", "3.3.3.3"]}),
    (["--eviction-hard=memory.available<1Gi,nodefs.available<10%"],
     {"eviction-hard": {"memory.available": "1Gi", "nodefs.available": "10%"}}),
    (["--kube-reserved=cpu=1, memory=2Gi"], {"kube-reserved": {"cpu": "1", "memory": "2Gi"}}),
    (["--feature-gates=A=true,B=false", "--feature-gates=B=true"], {"feature-gates": {"A": True, "B": True}}),
    (["--node-labels=a=b,c=,d"], {"node-labels": {"a": "b", "c": "", "d": ""}}),
    (["--register-with-taints=a=b:NoSchedule,c:NoExecute"],
     {"register-with-taints": [{"key": "a", "value": "b", "effect": "NoSchedule"},
                               {"key": "c", "value": "", "effect": "NoExecute"}]}),
    (["--reserved-memory=0:memory=1Gi,hugepages-2Mi=2Gi;1:memory=3Gi"],
     {"reserved-memory": [{"numaNode": 0, "limits": {"memory": "1Gi", "hugepages-2Mi": "2Gi"}},
                          {"numaNode": 1, "limits": {"memory": "3Gi"}}]}),
    (["--manifest-url-header=a:b,a:c,d:e"], {"manifest-url-header": {"a": ["b", "c"], "d": ["e"]}}),
    (["--cpu-manager-policy-options=a=b,c"], {"cpu-manager-policy-options": {"a": "b,c"}}),
    (["--vmodule=a*=5,b=2"],
     {"vmodule": [{"filePattern": "a*", "verbosity": 5}, {"filePattern": "b", "verbosity": 2}]}),
    (["--address=::"], {"address": "::"}), (["--storage-driver-db=x"], {"storage-driver-db": None}),
    (["--config=a=b"], {"config": "a=b"}), (["--config="], {"config": ""}), (["--version=raw"], {"version": "raw"}),
    (["--kubeconfig", "--config"], {"kubeconfig": "--config"}), ([], {}), (["--"], {}),
])
def test_values(arguments: list[str], expected: dict[str, object]) -> None:
    assert parse(arguments) == expected


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--max-podz=5"], "flag --max-podz: is unknown; did you mean --max-pods?"),
    (["--qqq"], "flag --qqq: is unknown; kubelet --help lists all flags"),
    (["-x"], "flag -x: is unknown; kubelet --help lists all flags"),
    (["-config=x"], "flag -config=x: is unknown; did you mean --config=x?"),
    (["-vmodule=a=5"], "flag -vmodule=a=5: is unknown; did you mean --vmodule=a=5?"),
    (["--network-plugin=cni"], "flag --network-plugin: is gone since Kubernetes 1.24; remove it"),
    (["run"], "argument 'run': the kubelet takes flags only; remove it"),
    (["--fail-swap-on", "false"], "argument 'false': the kubelet takes flags only; a boolean's value goes behind"),
    (["--", "x"], "argument 'x': "), (["-"], "argument '-': "), (["--=x"], "flag --: is unknown"),
    (["--max-pods"], "flag --max-pods: needs a value; write --max-pods=VALUE"),
    (["--max-pods=many"], "flag --max-pods: 'many' is not a whole number"),
    (["--max-pods=2147483648"], "flag --max-pods: 2147483648 is out of range"),
    (["--fail-swap-on=perhaps"], "flag --fail-swap-on: 'perhaps', not a boolean; write true or false"),
    (["--sync-frequency=5"], "flag --sync-frequency: '5' is not a duration"),
    (["--eviction-hard=memory.available=1Gi"], "flag --eviction-hard: 'memory.available=1Gi' has no '<'"),
    (["--feature-gates=A"], "flag --feature-gates: 'A' has no '='"),
    (["--feature-gates=A=on"], "flag --feature-gates: A is 'on', not a boolean"),
    (["--register-with-taints=a=b:Sometimes"], "flag --register-with-taints: 'a=b:Sometimes' is not a taint"),
    (["--address=localhost"], "flag --address: 'localhost' does not appear to be an IPv4 or IPv6 address"),
    (["--reserved-memory=0"], "flag --reserved-memory: '0' is not a reservation"),
    (["--node-ip=localhost"], "flag --node-ip: 'localhost' is not an IP address"),
    (["--node-labels=kubernetes.io/role=x"], "the command line: --node-labels: 'kubernetes.io/role' is not for a node"),
    (["--node-labels=a b=x"], "the command line: --node-labels: 'a b' is not a label's name"),
    (["--max-pods=-1"], "the command line: maxPods: is -1; write 0 or more"),
    (["--port=0"], "the command line: port: is 0; write a value from 1 to 65535"),
    (["--cloud-provider=aws"], "the command line: --cloud-provider: is 'aws'; write external or nothing"),
])
def test_a_bad_command_line_gets_one_line(arguments: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(arguments)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_flags_of_the_process() -> None:
    flags = load(["--kubeconfig=/k", "--node-ip=10.0.0.1, fd00::1", "--root-dir=/r/", "--hostname-override=n",
                  "--node-labels=node.kubernetes.io/a=b", "--maximum-dead-containers=-1"]).flags
    assert flags.node_ips == ("10.0.0.1", "fd00::1")
    assert (flags.root_dir, flags.cert_dir, flags.node_labels) == (
        "/r", "/var/lib/kubelet/pki", {"node.kubernetes.io/a": "b"})


def test_the_old_seccomp_flag_sets_the_field() -> None:
    assert load(["--seccomp-default"]).config.seccomp_default


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--version"], "Kubernetes v1.36.3"), (["--version=true", "--max-pods=1"], "Kubernetes v1.36.3")])
def test_version(arguments: list[str], expected: str) -> None:
    with pytest.raises(PrintAndExit) as caught:
        load(arguments)
    assert caught.value.text == expected


def test_help_lists_every_flag() -> None:
    with pytest.raises(PrintAndExit) as caught:
        load(["--help"])
    for name in FLAGS:
        assert f"--{name}" in caught.value.text


@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=20), max_size=5), st.data())
def test_however_a_value_is_attached_it_arrives(values: dict[str, str], data: st.DataObject) -> None:
    arguments: list[str] = []
    for name, value in values.items():
        spelled = data.draw(st.sampled_from([name, name.replace("-", "_")]))
        arguments += data.draw(st.sampled_from([[f"--{spelled}={value}"], [f"--{spelled}", value]]))
    assert parse(arguments) == values


@given(st.lists(st.text(max_size=12), max_size=4))
def test_no_command_line_ends_in_a_traceback(arguments: list[str]) -> None:
    try:
        parse(arguments)
    except ConfigError as error:
        assert str(error)


@given(st.sampled_from(sorted(FLAGS)), st.text(max_size=20))
def test_no_value_ends_in_a_traceback(name: str, text: str) -> None:
    try:
        load([f"--{name}={text}"])
    except (ConfigError, PrintAndExit) as error:
        assert str(error)
