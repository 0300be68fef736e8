"""A manifest becomes a static pod, or one line with the path to the field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.api.types import Toleration
from kubelet.sources.manifest import ManifestError, Origin, read_pod

ORIGIN = Origin("/etc/kubernetes/manifests/web.yaml", is_file=True, node_name="Node-1")
HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
GOOD = HEAD + "spec:\n  containers:\n  - name: c\n    image: i\n"


def test_a_static_pod_knows_its_node() -> None:
    pod = read_pod(GOOD.encode(), ORIGIN).pod
    meta = pod.metadata
    assert (meta.name, meta.namespace) == ("web-node-1", "default")
    assert (pod.spec.node_name, pod.status.phase) == ("Node-1", "Pending")
    assert len(meta.uid) == 32
    assert meta.annotations == {"kubernetes.io/config.hash": meta.uid}
    assert pod.spec.tolerations == (Toleration(operator="Exists", effect="NoExecute"),)
    assert pod.spec.restart_policy == "Always"


def test_the_uid_follows_content_and_place_only() -> None:
    def uid(text: str, location: str = ORIGIN.location, *, is_file: bool = True, node: str = "n") -> str:
        return read_pod(text.encode(), Origin(location, is_file, node)).pod.metadata.uid

    json = ('{"kind": "Pod", "spec": {"containers": [{"image": "i", "name": "c"}]}, "metadata": {"name": "web"}, '
            '"apiVersion": "v1"}')
    assert uid(GOOD) == uid("# a comment\n" + GOOD) == uid(json)
    others = {uid(GOOD), uid(GOOD, "/elsewhere"), uid(GOOD, node="m"), uid(GOOD, is_file=False),
              uid(GOOD.replace("image: i", "image: j")), uid(GOOD.replace("name: web", "name: web, labels: {a: b}"))}
    assert len(others) == 6
    # Fixed: a change of this value would restart every static pod when the agent is upgraded.
    assert uid(GOOD) == "3180ef4bbfe546edca74a48629d67ede"


def test_a_given_uid_and_namespace_stay() -> None:
    meta = read_pod(GOOD.replace("name: web", "name: web, namespace: ns, uid: u").encode(), ORIGIN).pod.metadata
    assert (meta.uid, meta.namespace, meta.annotations["kubernetes.io/config.hash"]) == ("u", "ns", "u")


def test_a_pod_from_a_url_gets_no_toleration() -> None:
    assert read_pod(GOOD.encode(), Origin("http://x", is_file=False, node_name="n")).pod.spec.tolerations == ()


def test_remarks_stop_nothing() -> None:
    text = GOOD.replace("image: i", "image: i\n    imagepullpolicy: Never") + "---\nkind: Service\n"
    assert read_pod(text.encode(), ORIGIN).remarks == (
        "spec.containers[0].imagepullpolicy: unknown field, ignored; did you mean imagePullPolicy?",
        "holds 2 documents, only the first is used; write one file for each pod")


def spec(text: str) -> str:
    return HEAD + "spec:\n" + "".join(f"  {line}\n" for line in text.splitlines())


def container(fields: str, pod: str = "") -> str:
    return spec(f"{pod}\ncontainers: [{{name: c, image: i, {fields}}}]")


@pytest.mark.parametrize(("text", "expected"), [
    ("", "is empty; write a Pod, or move the file away"),
    ("just text", "holds a str, not a Pod"),
    ("- a", "holds a list, not a Pod"),
    ("a: b: c", "line 1, column 5: not valid YAML: mapping values are not allowed in this context"),
    ("\tkind: Pod", "line 1, column 1: not valid YAML"),
    ('{"kind": "Pod"', "not valid JSON: Expecting ',' delimiter: line 1 column 15"),
    ("\x00", "not valid YAML"),
    ("kind: Pod", "apiVersion: is missing; write apiVersion: v1"),
    ("apiVersion: v1", "kind: is missing; write kind: Pod"),
    ("apiVersion: apps/v1\nkind: Deployment", "apiVersion: is 'apps/v1', but this node runs pods only"),
    ("apiVersion: v1\nkind: Service", "kind: is 'Service', but this node runs pods only; write kind: Pod"),
    ("apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}]}", "metadata.name: is missing; name the pod"),
    (GOOD.replace("name: web", "name: Web_1"), "metadata.name: is 'Web_1', no valid name; use lower-case"),
    (GOOD.replace("name: web", f"name: {'x' * 250}"), f"metadata.name: is '{'x' * 250}-node-1', no valid name"),
    (GOOD.replace("name: web", "name: web, labels: {a: c, b: 1}"),
     "metadata.labels[b]: Expected `str`, got `int`; put the value in quotes"),
    (GOOD.replace("name: web", "name: web, labels: {a: 'b c'}"), "metadata.labels[a]: is 'b c', no valid label value"),
    (HEAD, "spec.containers: is empty; a pod needs at least one container"),
    (spec("contianers: [{name: c, image: i}]"),
     "spec.containers: is empty; a pod needs at least one container (is spec.contianers misspelt?)"),
    (spec("containers: {name: c}"), "spec.containers: Expected `array`, got `object`"),
    (spec("containers: [{image: i}]"), "spec.containers[0]: lacks the field name; add it"),
    (spec("containers: [{name: c}]"), "spec.containers[0].image: is missing; name an image"),
    (spec("containers: [{name: c, image: i}, {name: c, image: i}]"),
     "spec.containers[1].name: is 'c' again; give each container its own name"),
    (spec("initContainers: [{name: c, image: i}]\ncontainers: [{name: c, image: i}]"),
     "spec.containers[0].name: is 'c' again"),
    (spec("containers: [{name: C_1, image: i}]"), "spec.containers[0].name: is 'C_1', no valid name"),
    (spec("containers: [{name: c, image: ' i'}]"), "spec.containers[0].image: is ' i'; remove the blanks"),
    (container("imagePullPolicy: Sometimes"),
     "spec.containers[0].imagePullPolicy: is 'Sometimes'; write one of: Always"),
    (container("ports: [{containerPort: 99999}]"), "spec.containers[0].ports[0].containerPort: is 99999; write a port"),
    (container("ports: [{containerPort: http}]"),
     "spec.containers[0].ports[0].containerPort: Expected `int`, got `str`"),
    (container("ports: [{containerPort: 1, name: UPPER}]"),
     "spec.containers[0].ports[0].name: is 'UPPER'; use at most"),
    (container("ports: [{containerPort: 1, protocol: tcp}]"),
     "spec.containers[0].ports[0].protocol: is 'tcp'; write one"),
    (container("ports: [{containerPort: 1, hostPort: 5}, {containerPort: 2, hostPort: 5}]"),
     "spec.containers[0].ports[1].hostPort: is 5/TCP, which spec.containers[0].ports[0].hostPort has; use another"),
    (container("volumeMounts: [{name: v, mountPath: /a}]", "volumes: [{name: w}]"),
     "spec.containers[0].volumeMounts[0].name: is 'v', which is not in spec.volumes; known: w"),
    (container("volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /a/}]", "volumes: [{name: v}]"),
     "spec.containers[0].volumeMounts[1].mountPath: is '/a/' again"),
    (container("volumeMounts: [{name: v, mountPath: /a, subPath: ../b}]", "volumes: [{name: v}]"),
     "spec.containers[0].volumeMounts[0].subPath: is '../b'; write a relative path without '..'"),
    (container("volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}]", "volumes: [{name: v}]"),
     "spec.containers[0].volumeMounts[0].mountPropagation: is Bidirectional, which only privileged"),
    (container("env: [{name: 'a=b'}]"), "spec.containers[0].env[0].name: is 'a=b'; name the variable, without '='"),
    (container("env: [{name: a, value: b, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]"),
     "spec.containers[0].env[0].valueFrom: excludes value"),
    (container("env: [{name: a, value: 5}]"),
     "spec.containers[0].env[0].value: Expected `str`, got `int`; put the value"),
    (container("resources: {limits: {memory: 5X}}"),
     "spec.containers[0].resources.limits.memory: '5X' is not a quantity"),
    (container("resources: {limits: {cpu: 1}, requests: {cpu: 2}}"),
     "spec.containers[0].resources.requests.cpu: is 2, more than its limit, 1; raise the limit"),
    (container("resources: {limits: {mem: 1}}"),
     "spec.containers[0].resources.limits.mem: is no resource; use one of: cpu"),
    (container("livenessProbe: {periodSeconds: 5}"),
     "spec.containers[0].livenessProbe: has 0 handlers; write one of: exec"),
    (container("livenessProbe: {httpGet: {port: web}}"),
     "spec.containers[0].livenessProbe.httpGet.port: is 'web', which no"),
    (container("livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}"),
     "spec.containers[0].livenessProbe.successThreshold: is 2; only 1 is possible here"),
    (container("lifecycle: {preStop: {}}"), "spec.containers[0].lifecycle.preStop: has 0 handlers"),

        (container("", "initContainers: [{name: a, image: i, readinessProbe: {exec: {command: [x]}}}]"),
     "spec.initContainers[0].readinessProbe: has no place in an init container that ends; set restartPolicy: Always"),
    (container("securityContext: {runAsUser: -1}"),
     "spec.containers[0].securityContext.runAsUser: is -1; write a number"),
    (container("", "restartPolicy: always"), "spec.restartPolicy: is 'always'; write one of: Always, OnFailure, Never"),
    (container("", "volumes: [{name: v}, {name: v}]"),
     "spec.volumes[1].name: is 'v' again; give each volume its own name"),
    (container("", "volumes: [{name: v, emptyDir: {}, hostPath: {path: /a}}]"), "spec.volumes[0]: has 2 sources"),
    (container("", "volumes: [{name: v, hostPath: {path: /a/../b}}]"), "spec.volumes[0].hostPath.path: is '/a/../b'"),
    (container("", "volumes: [{name: v, hostPath: {path: /a, type: Dir}}]"), "spec.volumes[0].hostPath.type: is 'Dir'"),
    (container("", "volumes: [{name: v, emptyDir: {medium: Disk}}]"), "spec.volumes[0].emptyDir.medium: is 'Disk'"),
    (container("ports: [{containerPort: 1, hostPort: 2}]", "hostNetwork: true"),
     "spec.containers[0].ports[0].hostPort: is 2, but hostNetwork makes it the containerPort, 1; remove it"),
    (container("", "hostAliases: [{ip: x}]"), "spec.hostAliases[0].ip: is 'x'; write an IP address"),
    (container("", "activeDeadlineSeconds: 0"), "spec.activeDeadlineSeconds: is 0; write 1 or more"),
    (container("", "dnsPolicy: None"), "spec.dnsConfig.nameservers: is empty; dnsPolicy None needs at least one"),
    (container("", "tolerations: [{value: x}]"), "spec.tolerations[0].operator: must be Exists when there is no key"),
    (container("", "serviceAccountName: x"), "spec.serviceAccountName: static pods may not reference serviceaccounts"),
    (container("", "imagePullSecrets: [{name: x}]"), "spec.imagePullSecrets: static pods may not reference secrets"),
    (container("", "volumes: [{name: v, configMap: {name: x}}]"),
     "spec.volumes[0].configMap: static pods may not reference configmaps: a pod from a file or URL runs without"),
    (container("", "volumes: [{name: v, secret: {secretName: x}}]"),
     "spec.volumes[0].secret: static pods may not reference"),
    (container("", "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]"),
     "spec.volumes[0].projected.sources[0].serviceAccountToken: static pods may not reference serviceaccounts"),
    (container("", "volumes: [{name: v, persistentVolumeClaim: {claimName: x}}]"),
     "spec.volumes[0].persistentVolumeClaim: static pods may not reference persistentvolumeclaims"),
    (container("env: [{name: a, valueFrom: {secretKeyRef: {name: x, key: k}}}]"),
     "spec.containers[c].env[0].valueFrom.secretKeyRef: static pods may not reference secrets"),
    (container("envFrom: [{configMapRef: {name: x}}]"),
     "spec.containers[c].envFrom[0].configMapRef: static pods may not"),
])
def test_a_bad_manifest_gets_one_line(text: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_pod(text.encode(), ORIGIN)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_what_static_pods_may_have() -> None:
    read_pod(container("volumeMounts: [{name: d, mountPath: /d}, {name: e, mountPath: /e}]", "volumes:\n"
                       "- {name: d, projected: {sources: [{downwardAPI: {items: [{path: a, fieldRef: "
                       "{fieldPath: metadata.name}}]}}]}}\n"
                       "- {name: e, emptyDir: {medium: Memory, sizeLimit: 1Mi}}\n"
                       "- {name: h, hostPath: {path: /etc, type: Directory}}").encode(), ORIGIN)


def test_a_manifest_too_large() -> None:
    with pytest.raises(ManifestError, match="is larger than 10 MiB"):
        read_pod(b" " * (10 * 1024 * 1024 + 1), ORIGIN)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=12)
FIELDS = st.sampled_from(["containers", "volumes", "initContainers", "securityContext", "tolerations", "hostNetwork",
                          "resources", "dnsConfig", "terminationGracePeriodSeconds", "hostAliases"])


@given(st.dictionaries(FIELDS, JSON, max_size=4), JSON)
def test_no_manifest_ends_in_a_traceback(fields: dict[str, object], metadata: object) -> None:
    import msgspec

    for value in ({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": fields},
                  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": fields}):
        try:
            read_pod(msgspec.json.encode(value), ORIGIN)
        except ManifestError as error:
            assert "\n" not in str(error).replace(repr(metadata), "")


@given(st.binary(max_size=60))
def test_no_bytes_end_in_a_traceback(data: bytes) -> None:
    try:
        read_pod(data, ORIGIN)
    except ManifestError as error:
        assert str(error)
