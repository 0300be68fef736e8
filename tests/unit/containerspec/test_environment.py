"""Env of every kind, expansion, env files, downward API fields."""

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelet.api.codec import convert
from kubelet.api.types import ConfigMap, Pod, ResourceFieldSelector, Secret
from kubelet.containerspec import envfile, fields
from kubelet.containerspec.context import NodeContext
from kubelet.containerspec.environment import container_environment
from kubelet.containerspec.errors import ContainerConfigError
from kubelet.containerspec.expansion import MissingValuesError, expand, expand_strictly, keep_unknown
from kubelet.objects.errors import MissingObjectError


class Objects:
    """Config maps and secrets by name, counting how often each is read."""

    def __init__(self, config_maps: dict[str, dict[str, str]], secrets: dict[str, dict[str, bytes]]) -> None:
        self.config_maps, self.secrets, self.reads = config_maps, secrets, 0

    async def get_config_map(self, namespace: str, name: str) -> ConfigMap:
        self.reads += 1
        if name not in self.config_maps:
            raise MissingObjectError("configmap", name)
        return ConfigMap(data=self.config_maps[name])

    async def get_secret(self, namespace: str, name: str) -> Secret:
        self.reads += 1
        if name not in self.secrets:
            raise MissingObjectError("secret", name)
        return Secret(data={key: base64.b64encode(value).decode() for key, value in self.secrets[name].items()})


async def env_of(
    container: dict[str, Any],
    *,
    objects: Objects | None = None,
    service_env: dict[str, str] | None = None,
    volumes: dict[str, Path] | None = None,
    **spec: Any,
) -> dict[str, str]:
    pod = convert(
        {
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u-1",
                "labels": {"app": "x"},
                "annotations": {"a/b": "note"},
            },
            "spec": {"nodeName": "n1", "serviceAccountName": "sa", "containers": [{"name": "c", **container}], **spec},
        },
        Pod,
    )
    context = NodeContext(
        node_name="n1", root_dir=Path("/r"), node_ips=("10.0.0.1", "fd00::1"), allocatable={"cpu": "4", "memory": "8Gi"}
    )
    return await container_environment(
        pod,
        pod.spec.containers[0],
        pod_ips=["fd00::9", "10.2.0.9"],
        volumes=volumes or {},
        objects=objects,
        service_env=service_env or {},
        context=context,
    )


async def test_order_and_precedence() -> None:
    objects = Objects({"one": {"A": "1", "B": "2"}}, {"two": {"B": b"secret", "RAW": b"\xff\x00x"}})
    env = await env_of(
        {
            "envFrom": [{"configMapRef": {"name": "one"}}, {"prefix": "P_", "secretRef": {"name": "two"}}],
            "env": [
                {"name": "C", "value": "$(A)-$(P_B)-$(SVC)-$(NOPE)-$$(A)"},
                {"name": "A", "value": "late"},
                {"name": "D", "value": "$(A)"},
            ],
        },
        objects=objects,
        service_env={"SVC": "10.0.0.7", "A": "service"},
    )
    assert list(env.items()) == [
        ("A", "late"),
        ("B", "2"),
        ("P_B", "secret"),
        ("P_RAW", "\udcff\x00x"),
        ("C", "1-secret-10.0.0.7-$(NOPE)-$(A)"),
        ("D", "late"),
        ("SVC", "10.0.0.7"),
    ]
    assert env["P_RAW"].encode("utf-8", "surrogateescape") == b"\xff\x00x"


@pytest.mark.parametrize(
    ("field_path", "expected"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "x"),
        ("metadata.annotations['a/b']", "note"),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "sa"),
        ("status.hostIP", "10.0.0.1"),
        ("status.hostIPs", "10.0.0.1,fd00::1"),
        ("status.podIP", "10.2.0.9"),
        ("status.podIPs", "10.2.0.9,fd00::9"),
    ],
)
async def test_field_refs(field_path: str, expected: str) -> None:
    env = await env_of({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": field_path}}}]})
    assert env == {"X": expected}


@pytest.mark.parametrize(
    ("resource", "divisor", "limits", "expected"),
    [
        ("limits.cpu", None, {"cpu": "1500m"}, "2"),
        ("limits.cpu", "1m", {"cpu": "1500m"}, "1500"),
        ("limits.memory", "1Mi", {"memory": "100M"}, "96"),
        ("limits.memory", None, {}, str(8 * 2**30)),
        ("limits.cpu", None, {}, "4"),
        ("requests.cpu", None, {"cpu": "1"}, "0"),
        ("limits.ephemeral-storage", None, {}, "0"),
        ("limits.hugepages-2Mi", "1Mi", {"hugepages-2Mi": "4Mi"}, "4"),
    ],
)
async def test_resource_field_refs(resource: str, divisor: str | None, limits: dict[str, str], expected: str) -> None:
    reference = {"resource": resource, **({"divisor": divisor} if divisor else {})}
    env = await env_of(
        {"resources": {"limits": limits}, "env": [{"name": "X", "valueFrom": {"resourceFieldRef": reference}}]}
    )
    assert env == {"X": expected}


CONFIG_KEY = {"configMapKeyRef": {"name": "one", "key": "k"}}
SECRET_KEY = {"secretKeyRef": {"name": "two", "key": "k"}}


@pytest.mark.parametrize(
    ("container", "objects", "message"),
    [
        ({"env": [{"name": "X", "valueFrom": CONFIG_KEY}]}, Objects({}, {}), 'configmap "one" not found'),
        ({"env": [{"name": "X", "valueFrom": SECRET_KEY}]}, Objects({}, {}), 'secret "two" not found'),
        (
            {"env": [{"name": "X", "valueFrom": CONFIG_KEY}]},
            Objects({"one": {}}, {}),
            "couldn't find key k in ConfigMap shop/one",
        ),
        (
            {"env": [{"name": "X", "valueFrom": SECRET_KEY}]},
            Objects({}, {"two": {}}),
            "couldn't find key k in Secret shop/two",
        ),
        ({"envFrom": [{"configMapRef": {"name": "one"}}]}, Objects({}, {}), 'configmap "one" not found'),
        ({"envFrom": [{"secretRef": {"name": "two"}}]}, None, "couldn't get secret shop/two, no kubeClient defined"),
        (
            {"envFrom": [{"configMapRef": {"name": "one"}}]},
            None,
            "couldn't get configMap shop/one, no kubeClient defined",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.other"}}}]},
            None,
            "unsupported fieldPath: spec.other",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.x['y']"}}}]},
            None,
            "fieldPath \"spec.x['y']\" does not support subscript",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]},
            None,
            "unsupported container resource : limits.gpu",
        ),
        (
            {
                "env": [
                    {"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "z"}}}
                ]
            },
            None,
            "container z not found",
        ),
    ],
)
async def test_what_is_missing_is_said_as_upstream_says_it(
    container: dict[str, Any], objects: Objects | None, message: str
) -> None:
    with pytest.raises(ContainerConfigError) as caught:
        await env_of(container, objects=objects)
    assert (caught.value.message, caught.value.reason) == (message, "CreateContainerConfigError")


async def test_optional_sources_may_be_absent() -> None:
    optional = {"optional": True}
    env = await env_of(
        {
            "envFrom": [{"configMapRef": {"name": "no", **optional}}, {"secretRef": {"name": "no", **optional}}],
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k", **optional}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "two", "key": "no", **optional}}},
                {"name": "C", "value": "here"},
            ],
        },
        objects=Objects({}, {"two": {"x": b"y"}}),
    )
    assert env == {"C": "here"}


async def test_an_object_is_read_once_per_container() -> None:
    objects = Objects({"one": {"k": "1", "l": "2"}}, {})
    await env_of(
        {"env": [{"name": name, "valueFrom": {"configMapKeyRef": {"name": "one", "key": "k"}}} for name in "ABC"]},
        objects=objects,
    )
    assert objects.reads == 1


async def test_env_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "env").write_text("# set by init\nKEY='va\nlue' # why\nOTHER='x'\n")
    reference = {"volumeName": "config", "path": "sub/env", "key": "KEY"}
    env = await env_of({"env": [{"name": "X", "valueFrom": {"fileKeyRef": reference}}]}, volumes={"config": tmp_path})
    assert env == {"X": "va\nlue"}
    missing = {**reference, "key": "NONE"}
    with pytest.raises(ContainerConfigError, match='environment variable key "NONE" not found in file'):
        await env_of({"env": [{"name": "X", "valueFrom": {"fileKeyRef": missing}}]}, volumes={"config": tmp_path})
    assert (
        await env_of(
            {"env": [{"name": "X", "valueFrom": {"fileKeyRef": {**missing, "optional": True}}}]},
            volumes={"config": tmp_path},
        )
        == {}
    )
    with pytest.raises(ContainerConfigError, match='cannot find the volume "config" referenced by FileKeyRef'):
        await env_of({"env": [{"name": "X", "valueFrom": {"fileKeyRef": reference}}]})


async def test_an_env_file_cannot_lead_out_of_its_volume(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "host-secret").write_text("KEY='stolen'\n")
    (volume / "env").symlink_to(tmp_path / "host-secret")
    (volume / "up").symlink_to("../host-secret")
    for path in ("env", "up"):
        with pytest.raises(ContainerConfigError, match="couldn't parse env file"):
            await env_of(
                {
                    "env": [
                        {"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "config", "path": path, "key": "KEY"}}}
                    ]
                },
                volumes={"config": volume},
            )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(A", "$(A"),
        ("$(NO)", "$(NO)"),
        ("a$", "a$"),
        ("$A", "$A"),
        ("$(A)$(B)", "12"),
        ("$()", "$()"),
        ("--x=$(A)y", "--x=1y"),
        ("$$", "$"),
        ("$($(A))", "$($(A))"),
        ("$\u00e9(A)", "$\u00e9(A)"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, keep_unknown({"A": "1"}, {"B": "2"})) == expected


@settings(deadline=None)
@given(st.text())
def test_text_without_references_is_kept(text: str) -> None:
    plain = text.replace("$", "")
    assert expand(plain, keep_unknown({})) == plain


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(alphabet="ABC", min_size=1), st.text(alphabet="xyz")))
def test_escaping_every_dollar_gives_the_text_back(text: str, values: dict[str, str]) -> None:
    assert expand(text.replace("$", "$$"), keep_unknown(values)) == text


def test_strict_expansion_names_what_is_missing() -> None:
    assert expand_strictly("$(A)/x", {"A": "1"}) == "1/x"
    with pytest.raises(MissingValuesError, match=r"^missing value for A, B$"):
        expand_strictly("$(B)/$(A)", {"A": ""})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("KEY\n", "line 1: missing '='"),
        ("='x'\n", "line 1: empty variable name"),
        ("K ='x'\n", "line 1: whitespace before '='"),
        ("\nK=x\n", "line 2: value must be enclosed in single quotes"),
        ("K='x\ny", "starting at line 1: unclosed single quote"),
        ("K='x' y\n", "line 1: unexpected content after closing quote"),
    ],
)
def test_bad_env_files(text: str, problem: str) -> None:
    with pytest.raises(envfile.EnvFileError, match=problem):
        envfile.value_of(text, "Z")


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{1,8}", fullmatch=True),
        st.text(alphabet=st.characters(exclude_characters="'\r", exclude_categories=["Cs"])),
    )
)
def test_written_env_files_are_read_back(values: dict[str, str]) -> None:
    text = "".join(f"  {name}='{value}'  # note\n\n" for name, value in values.items())
    assert dict(envfile.assignments(text)) == values


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('q"b\\', '"q\\"b\\\\"'),
        ("a\nb\t", '"a\\nb\\t"'),
        ("\x01", '"\\x01"'),
        ("é", '"é"'),
        ("\u200b", '"\\u200b"'),
    ],
)
def test_labels_are_quoted_as_go_quotes(text: str, quoted: str) -> None:
    assert fields.quote(text) == quoted
    assert fields.format_map({"b": "2", "a": text}) == f'a={quoted}\nb="2"'


@settings(deadline=None)
@given(st.fractions(min_value=0, max_value=10**6), st.sampled_from(["1m", "1", "100m", "2"]))
def test_cpu_is_rounded_up_to_the_divisor(cores: Fraction, divisor: str) -> None:
    milli = -(-cores.numerator * 1000 // cores.denominator)
    pod = convert(
        {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": f"{milli}m"}}}]},
        },
        Pod,
    )
    value = int(
        fields.resource_value(
            pod, ResourceFieldSelector(resource="limits.cpu", divisor=divisor), pod.spec.containers[0], {}
        )
    )
    unit = {"1m": 1, "1": 1000, "100m": 100, "2": 2000}[divisor]
    assert (value - 1) * unit < milli <= value * unit or value == milli == 0
