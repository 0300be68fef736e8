"""Static pods get what the API server would have given them."""

import pytest

from kubelet.api.codec import convert
from kubelet.api.defaults import image_tag, pull_policy, with_defaults
from kubelet.api.types import Pod


def defaulted(spec: dict[str, object]) -> Pod:
    return with_defaults(convert({"metadata": {"name": "p"}, "spec": spec}, Pod))


def test_a_bare_pod() -> None:
    pod = defaulted({"containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}],
                     "volumes": [{"name": "v"}]})
    spec = pod.spec
    assert (spec.restart_policy, spec.dns_policy, spec.scheduler_name, spec.termination_grace_period_seconds,
            spec.enable_service_links) == ("Always", "ClusterFirst", "default-scheduler", 30, True)
    assert spec.security_context is not None
    container = spec.containers[0]
    assert (container.image_pull_policy, container.termination_message_path, container.termination_message_policy) == (
        "Always", "/dev/termination-log", "File")
    assert container.ports[0].protocol == "TCP"
    assert container.ports[0].host_port is None
    assert spec.volumes[0].empty_dir is not None


def test_what_is_set_stays() -> None:
    spec = {"containers": [{"name": "c", "image": "a:latest", "imagePullPolicy": "Never"}], "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0, "enableServiceLinks": False, "dnsPolicy": "Default"}
    pod = defaulted(spec)
    assert (pod.spec.restart_policy, pod.spec.termination_grace_period_seconds, pod.spec.enable_service_links,
            pod.spec.dns_policy, pod.spec.containers[0].image_pull_policy) == ("Never", 0, False, "Default", "Never")
    assert with_defaults(pod) == pod


@pytest.mark.parametrize(("image", "tag", "policy"), [
    ("nginx", "latest", "Always"), ("nginx:latest", "latest", "Always"), ("nginx:1", "1", "IfNotPresent"),
    ("host:5000/nginx", "latest", "Always"), ("host:5000/a/nginx:2", "2", "IfNotPresent"),
    ("nginx@sha256:abc", "", "IfNotPresent"), ("nginx:latest@sha256:abc", "latest", "Always"),
])
def test_the_pull_policy_follows_the_tag(image: str, tag: str, policy: str) -> None:
    assert (image_tag(image), pull_policy(image)) == (tag, policy)


def test_probes_and_hooks() -> None:
    pod = defaulted({"containers": [{
        "name": "c", "image": "i", "livenessProbe": {"httpGet": {"port": 80}, "periodSeconds": 3},
        "startupProbe": {"grpc": {"port": 5}}, "lifecycle": {"preStop": {"httpGet": {"port": 1}}}}]})
    container = pod.spec.containers[0]
    probe = container.liveness_probe
    assert probe is not None
    assert (probe.timeout_seconds, probe.period_seconds, probe.success_threshold, probe.failure_threshold,
            probe.initial_delay_seconds) == (1, 3, 1, 3, None)
    assert probe.http_get is not None
    assert (probe.http_get.path, probe.http_get.scheme) == ("/", "HTTP")
    assert container.lifecycle is not None
    assert container.lifecycle.pre_stop is not None
    assert container.lifecycle.pre_stop.http_get is not None
    assert container.lifecycle.pre_stop.http_get.scheme == "HTTP"


def test_host_network_ports_are_host_ports() -> None:
    pod = defaulted({"hostNetwork": True, "containers": [{
        "name": "c", "image": "i", "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 82}]}]})
    assert [port.host_port for port in pod.spec.containers[0].ports] == [80, 82]


def test_volume_modes() -> None:
    pod = defaulted({"containers": [{"name": "c", "image": "i"}], "volumes": [
        {"name": "a", "configMap": {"name": "x"}}, {"name": "b", "secret": {"secretName": "x", "defaultMode": 0}},
        {"name": "c", "downwardAPI": {}},
        {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "e", "image": {"reference": "x:1"}}]})
    config_map, secret, downward, projected, image = pod.spec.volumes
    assert config_map.config_map is not None and config_map.config_map.default_mode == 0o644
    assert secret.secret is not None and secret.secret.default_mode == 0
    assert downward.downward_api is not None and downward.downward_api.default_mode == 0o644
    assert projected.projected is not None and projected.projected.sources[0].service_account_token is not None
    assert projected.projected.sources[0].service_account_token.expiration_seconds == 3600
    assert image.image is not None and image.image.pull_policy == "IfNotPresent"
    assert image.empty_dir is None


def test_requests_follow_limits() -> None:
    pod = defaulted({"containers": [{"name": "c", "image": "i", "resources": {
        "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}}]})
    resources = pod.spec.containers[0].resources
    assert resources is not None
    assert resources.requests == {"cpu": "500m", "memory": "1Gi"}


def test_pod_level_requests_are_the_containers_sum_or_the_limit() -> None:
    container = lambda name, cpu, **more: {  # noqa: E731
        "name": name, "image": "i", "resources": {"requests": {"cpu": cpu}}, **more}
    pod = defaulted({"resources": {"limits": {"cpu": "8", "memory": "1Gi"}},
                     "initContainers": [container("s", "1", restartPolicy="Always"), container("i", "2500m")],
                     "containers": [container("a", "1"), container("b", "1")]})
    assert pod.spec.resources is not None
    assert pod.spec.resources.requests == {"cpu": "3500m", "memory": "1Gi"}


def test_the_old_name_of_the_service_account() -> None:
    assert defaulted({"containers": [], "serviceAccount": "sa"}).spec.service_account_name == "sa"
