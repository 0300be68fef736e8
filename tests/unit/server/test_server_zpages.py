"""/flagz and /statusz: text for people, objects for programs, by the Accept header."""

import json

import pytest
import yaml

from kubelet.config import load
from kubelet.config.flags import FLAGS
from kubelet.server.zpages import flagz, statusz
from kubelet.views import SettingsView

STATUSZ = "application/json;v=v1beta1;g=config.k8s.io;as=Statusz"


@pytest.mark.parametrize(("accept", "status", "content_type"), [
    ("", 200, "text/plain; charset=utf-8"),
    ("*/*", 200, "text/plain; charset=utf-8"),
    ("text/plain", 200, "text/plain; charset=utf-8"),
    (STATUSZ, 200, "application/json"),
    (STATUSZ.replace("json", "yaml"), 200, "application/yaml"),
    (f"text/plain;q=0.5, {STATUSZ}", 200, "application/json"),
    (f"{STATUSZ};q=0.1,text/plain", 200, "text/plain; charset=utf-8"),
    (f"application/vnd.kubernetes.protobuf,{STATUSZ}", 200, "application/json"),
    ("application/json", 406, "application/json"),
    (STATUSZ.replace("v1beta1", "v9"), 406, "application/json"),
    (STATUSZ.replace("Statusz", "Flagz"), 406, "application/json"),
    ("application/xml", 406, "application/json"),
    ("text/plain;q=0", 406, "application/json"),
    (";;;,=,q=x", 406, "application/json"),
])
def test_negotiation(accept, status, content_type):
    page = statusz(accept, 1000.0, 5000.0, ["healthz", "metrics/cadvisor"])
    assert (page.status, page.content_type) == (status, content_type)


def test_statusz_as_an_object_and_as_text():
    page = statusz(STATUSZ, 1_700_000_000.0, 1_700_003_725.0, ["metrics/cadvisor", "metrics", "pods"])
    value = json.loads(page.body)
    assert value == {
        "kind": "Statusz", "apiVersion": "config.k8s.io/v1beta1", "metadata": {"name": "kubelet"},
        "startTime": "2023-11-14T22:13:20Z", "uptimeSeconds": 3725, "goVersion": value["goVersion"],
        "binaryVersion": "1.36.3", "emulationVersion": "1.36", "paths": ["/metrics", "/pods"]}
    text = statusz("", 1_700_000_000.0, 1_700_003_725.0, ["pods"]).body
    assert text.startswith("\nkubelet statusz\nWarning: This endpoint is not meant to be machine parseable")
    assert "Started: Tue Nov 14 22:13:20 UTC 2023\nUp: 1 hr 02 min 05 sec\n" in text
    assert "Paths: /pods\n" in text


def test_the_old_version_warns():
    page = flagz("application/yaml;v=v1alpha1;g=config.k8s.io;as=Flagz", {"port": "10250"})
    assert yaml.safe_load(page.body) == {"kind": "Flagz", "apiVersion": "config.k8s.io/v1alpha1",
                                         "metadata": {"name": "kubelet"}, "flags": {"port": "10250"}}
    assert page.headers["Warning"].startswith('299 - "This version of the flagz endpoint is deprecated.')


def test_flagz_shows_every_flag_with_the_value_in_force():
    options = load([
        "--max-pods=7", "--node-labels=b=2,a=1", "--cluster-dns=10.0.0.1,10.0.0.2",
        "--eviction-hard=memory.available<1Gi", "--feature-gates=EnvFiles=true",
        "--manifest-url-header=a:b,a:c", "--sync-frequency=90s", "--v=3",
        "--register-with-taints=k=v:NoSchedule"])
    shown = SettingsView(options.config, options.flags).flags()
    assert set(shown) == set(FLAGS)
    assert {name: shown[name] for name in (
        "max-pods", "node-labels", "cluster-dns", "eviction-hard", "feature-gates", "manifest-url-header",
        "sync-frequency", "v", "port", "fail-swap-on", "version", "kubeconfig", "register-with-taints")} == {
        "max-pods": "7", "node-labels": "a=1,b=2", "cluster-dns": "[10.0.0.1,10.0.0.2]",
        "eviction-hard": "memory.available<1Gi", "feature-gates": "EnvFiles=true", "manifest-url-header": "a:b,c",
        "sync-frequency": "1m30s", "v": "3", "port": "10250", "fail-swap-on": "true", "version": "false",
        "kubeconfig": "", "register-with-taints": "[effect:NoSchedule key:k value:v]"}
